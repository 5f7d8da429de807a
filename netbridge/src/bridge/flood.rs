//! The lists of ports that floods go to, one for TC and one for XDP.

use netbridge_common::{PortConf, PortFlags, PortId, settings::FloodList};

use super::Bridge;
use crate::datapath::DatapathError;

impl Bridge {
    /// Rewrites both lists after ports came, went or changed.
    ///
    /// The TC list is written beside the one in use and put in its place by one store; the XDP
    /// list is a new map that replaces the old one. No frame meets half a list.
    pub(super) fn write_flood_lists(&mut self) -> Result<(), DatapathError> {
        let mut ports = Vec::new();
        for (_, id) in self.maps.port_ids()? {
            let conf = self.maps.port_conf(id)?;
            if conf.ifindex != 0 {
                ports.push((id, conf));
            }
        }
        ports.sort_by_key(|(id, _)| *id);
        let ids: Vec<PortId> = ports.iter().map(|(id, _)| *id).collect();
        let mut settings = self.maps.settings()?;
        let start = if settings.flood_list.start == 0 {
            settings.port_slots
        } else {
            0
        };
        self.maps.write_flood_list(start, &ids)?;
        // XDP makes no copies, so floods that a port's mirror is to see are left to TC.
        let by_xdp =
            |conf: &PortConf| conf.flags.contains(PortFlags::XDP_TARGET) && conf.mirror_out == 0;
        let xdp_floods = !ports.is_empty() && ports.iter().all(|(_, conf)| by_xdp(conf));
        if xdp_floods {
            let ifindexes: Vec<u32> = ports.iter().map(|(_, conf)| conf.ifindex).collect();
            self.maps
                .write_xdp_flood(&ifindexes, self.programs.egress_fd()?)?;
        }
        settings.xdp_floods = u32::from(xdp_floods);
        settings.flood_list = FloodList {
            start,
            len: u32::try_from(ids.len()).unwrap_or(0),
        };
        self.maps.set_settings(settings)
    }
}
