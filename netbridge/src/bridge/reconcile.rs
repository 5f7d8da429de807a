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
        let ports = self.ports()?;
        let changed = self.reconcile_ports(&ports)?;
        // A command that was killed may have left ports that floods do not reach.
        let listed = self.settings()?.flood_list.len as usize;
        if changed || listed != self.maps.port_ids()?.len() {
            self.write_flood_lists()?;
        }
        self.settle_bindings()
    }

    /// Does the same for the one port on interface `ifindex`, where there is one.
    pub fn reconcile_port(&mut self, ifindex: u32) -> Result<(), BridgeError> {
        let Some(id) = self.maps.port_of(ifindex) else {
            return Ok(());
        };
        let port = self.port(id)?;
        if self.reconcile_ports(&[port])? {
            self.write_flood_lists()?;
        }
        Ok(())
    }

    /// Says whether the lists for floods must be written anew.
    fn reconcile_ports(&mut self, ports: &[Port]) -> Result<bool, BridgeError> {
        let mut changed = false;
        let mut gone = Vec::new();
        let mut peers = peer::Search::default();
        for port in ports {
            if let Ok(link) = self.links.by_index(port.conf.ifindex)
                && self.programs.is_attached(port.id)
            {
                changed |= self.refresh_port(port, &link, &mut peers)?;
                continue;
            }
            tracing::info!(
                bridge = self.name(),
                port = port.ifname,
                "removing a port that is gone"
            );
            gone.push(port.clone());
        }
        self.remove_ports(&gone)?;
        self.gone.extend(gone.into_iter().map(|port| port.ifname));
        Ok(changed)
    }

    fn refresh_port(
        &mut self,
        port: &Port,
        link: &Link,
        peers: &mut peer::Search,
    ) -> Result<bool, BridgeError> {
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
            && let Ok(Some(end)) = peers.container_end(&self.links, link)
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
