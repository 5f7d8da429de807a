//! Bringing the ports in line with the interfaces that there are.

use netbridge_common::{MacAddr, PortConf, PortFlags};

use super::{Bridge, BridgeError, Port, container};
use crate::net::{Link, XdpFeatures, peer, xdp_features::xdp_features};

impl Bridge {
    /// Removes ports whose interface or attachment is gone, and takes over what changed of the
    /// others: MTU, the station's address, whether XDP can reach it.
    ///
    /// Runs whenever a bridge is opened for a change and, in `serve`, at every link event, so that
    /// what a killed command or a vanished container left is put right.
    pub fn reconcile(&mut self) -> Result<(), BridgeError> {
        let mut changed = false;
        for port in self.ports()? {
            if let Ok(link) = self.links.by_index(port.conf.ifindex)
                && self.programs.is_attached(port.id)
            {
                changed |= self.refresh_port(&port, &link)?;
                continue;
            }
            tracing::info!(
                bridge = self.name(),
                port = port.ifname,
                "removing a port that is gone"
            );
            self.remove_port(&port)?;
            self.gone.push(port.ifname);
        }
        if changed {
            self.write_flood_lists()?;
        }
        Ok(())
    }

    fn refresh_port(&mut self, port: &Port, link: &Link) -> Result<bool, BridgeError> {
        let reachable = xdp_features(port.conf.ifindex)?.is_some_and(XdpFeatures::ndo_xmit);
        let mut flags = PortFlags(port.conf.flags.0 & !PortFlags::XDP_TARGET.0);
        if reachable {
            flags = flags.with(PortFlags::XDP_TARGET);
            self.maps.set_xdp_port(port.id, port.conf.ifindex)?;
        }
        let mut conf = PortConf {
            mtu: link.mtu,
            flags,
            ..port.conf
        };
        if !flags.contains(PortFlags::HOST)
            && let Ok(Some(end)) = peer::container_end(&self.links, link)
            && let Ok(station) = container::station(&end)
        {
            conf.peer_mac = MacAddr(station.mac);
        }
        if conf == port.conf {
            return Ok(false);
        }
        self.maps.set_port_conf(port.id, conf)?;
        Ok(true)
    }
}
