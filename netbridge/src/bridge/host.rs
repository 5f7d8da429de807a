//! The host as a port: a veth pair whose one end is the host's own interface.

use ipnet::IpNet;
use netbridge_common::{
    FdbKey, MacAddr, PortFlags, PortId, PortState,
    vlan::{DEFAULT_PVID, VID_NONE},
};

use super::{
    Bridge, BridgeError, HookChoice, HookReason, Port, PortSpec, name::MAX_LEN, vlan::own_entry,
};
use crate::net::{VethSpec, ethtool};

/// What the host's interface is made with.
#[derive(Clone, Debug, Default)]
pub struct HostInterface {
    /// Its addresses.
    pub addresses: Vec<IpNet>,
    /// Its MTU, in octets of payload; the kernel's default where none is given.
    pub mtu: Option<u32>,
    /// Its Ethernet address; the kernel's choice where none is given.
    pub mac: Option<[u8; 6]>,
}

impl Bridge {
    /// Gives the host an interface of the bridge's name, with `addresses`, on a port `NAME-p`.
    pub fn add_host_interface(&mut self, host: &HostInterface) -> Result<Port, BridgeError> {
        let name = self.name().to_owned();
        let port_name = format!("{name}-p");
        if port_name.len() > MAX_LEN {
            let reason = "is too long for a bridge with an address; 13 characters at most";
            return Err(BridgeError::BadName { name, reason });
        }
        if self.links.by_name(&name).is_ok() {
            let reason = "exists already, so it cannot be the bridge's own".to_owned();
            return Err(BridgeError::BadPort {
                ifname: name,
                reason,
            });
        }
        let spec = VethSpec {
            name: &name,
            peer_name: &port_name,
            mac: host.mac,
            mtu: host.mtu,
            ..VethSpec::default()
        };
        let link = self.links.add_veth(&spec)?;
        let done = self.connect_host(&link, &port_name, &host.addresses);
        done.inspect_err(|_| {
            if let Err(error) = self.links.delete(link.ifindex) {
                tracing::warn!("{error}");
            }
        })
    }

    fn connect_host(
        &mut self,
        link: &crate::net::Link,
        port_name: &str,
        addresses: &[IpNet],
    ) -> Result<Port, BridgeError> {
        // GRO at the host's end lets XDP ports redirect to it; it costs TCP nothing.
        ethtool::set_gro(&link.name, true)?;
        let port_link = self.links.by_name(port_name)?;
        self.links.set_up(port_link.ifindex, true)?;
        let spec = PortSpec {
            ifname: port_name.to_owned(),
            hook: HookChoice::Tc,
            name: Some("host".to_owned()),
            ..PortSpec::default()
        };
        let mut port = self.add_port(&spec)?;
        let mac = MacAddr(link.mac.unwrap_or_default());
        // The interface comes up last: a frame from an address that is not yet the bridge's own would
        // be learned, and count against the limit for ever.
        let done = self
            .mark_host(&mut port, link.ifindex, mac)
            .and_then(|()| self.address_host(link.ifindex, addresses));
        if let Err(error) = done {
            self.remove_port(&port)?;
            return Err(error);
        }
        Ok(port)
    }

    fn address_host(&self, ifindex: u32, addresses: &[IpNet]) -> Result<(), BridgeError> {
        self.links.set_up(ifindex, true)?;
        for address in addresses {
            self.links.add_address(ifindex, *address)?;
        }
        Ok(())
    }

    fn mark_host(
        &mut self,
        port: &mut Port,
        ifindex: u32,
        mac: MacAddr,
    ) -> Result<(), BridgeError> {
        let filtering = self.settings()?.vlan_filtering != 0;
        let vid = if filtering { DEFAULT_PVID } else { VID_NONE };
        self.maps
            .set_fdb_entry(FdbKey { mac, vid }, own_entry(port.id))?;
        port.conf.flags = port.conf.flags.with(PortFlags::HOST);
        port.conf.deliver_ifindex = ifindex;
        port.conf.peer_mac = mac;
        port.conf.state = PortState::Forwarding as u8;
        self.maps.set_port_conf(port.id, port.conf)?;
        port.info.reason = HookReason::Host as u8;
        port.hook_reason = HookReason::Host;
        self.maps.set_port_info(port.id, port.info)?;
        let mut settings = self.maps.settings()?;
        settings.host_ifindex = ifindex;
        Ok(self.maps.set_settings(settings)?)
    }

    /// Removes the host's interface, and the port with it.
    pub(super) fn remove_host_interface(&self) -> Result<(), BridgeError> {
        let ifindex = self.maps.settings()?.host_ifindex;
        if ifindex == 0 {
            return Ok(());
        }
        match self.links.by_index(ifindex) {
            Ok(link) if link.name == self.name() => Ok(self.links.delete(ifindex)?),
            _ => Ok(()),
        }
    }

    /// The port that the host is behind; [`PortId::NONE`] without one.
    pub fn host_port(&self) -> Result<PortId, BridgeError> {
        let is_host = |port: &Port| port.conf.flags.contains(PortFlags::HOST);
        Ok(self
            .ports()?
            .iter()
            .find(|port| is_host(port))
            .map_or(PortId::NONE, |port| port.id))
    }
}
