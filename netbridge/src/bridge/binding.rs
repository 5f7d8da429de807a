//! Addresses bound to ports.

mod follow;

use std::{
    collections::HashSet,
    net::{IpAddr, Ipv4Addr},
};

use netbridge_common::{
    Binding, BindingKey, FdbFlags, FdbKey, Features, MacAddr, PortConf, PortFlags, PortId,
    maps::{DEFAULT_BINDINGS, name},
    vlan::VID_NONE,
};

use super::{Bridge, BridgeError, Port};
use crate::datapath::{self, DatapathError};

/// Addresses to bind to a port, or to free.
#[derive(Clone, Debug, Default)]
pub struct Addresses {
    /// Ethernet addresses; one alone goes with all of `ips`.
    pub macs: Vec<MacAddr>,
    /// IPv4 and IPv6 addresses.
    pub ips: Vec<IpAddr>,
    /// Their VLAN; that of untagged frames where none is named, whichever it is.
    pub vlan: Option<u16>,
}

impl Addresses {
    fn is_empty(&self) -> bool {
        self.macs.is_empty() && self.ips.is_empty()
    }

    fn keys(&self, vid: u16) -> Vec<BindingKey> {
        let macs = self.macs.iter().map(|mac| BindingKey::mac(*mac, vid));
        let ips = self.ips.iter().map(|ip| BindingKey::of_ip(*ip, vid));
        macs.chain(ips).collect()
    }

    /// The Ethernet address that goes with the IP addresses; zero where any does.
    fn station(&self) -> MacAddr {
        match self.macs.as_slice() {
            [mac] => *mac,
            _ => MacAddr::default(),
        }
    }
}

impl Bridge {
    /// The bindings of a port, or of all, by port, VLAN and address.
    pub fn bindings(
        &self,
        port: Option<PortId>,
    ) -> Result<Vec<(BindingKey, Binding)>, BridgeError> {
        let mut bindings = self.maps().bindings()?;
        bindings.retain(|(_, binding)| port.is_none_or(|port| binding.port == port));
        bindings
            .sort_unstable_by_key(|(key, binding)| (binding.port, key.vid, key.kind, key.address));
        Ok(bindings)
    }

    /// Binds addresses to a port, all of them or none.
    ///
    /// The port is marked last: its first frame that is looked into finds all of them.
    pub fn add_bindings(&mut self, ifname: &str, wanted: &Addresses) -> Result<(), BridgeError> {
        let port = self.port_named(ifname)?;
        let vid = self.entry_vid(wanted.vlan, Some(&port))?;
        for mac in &wanted.macs {
            self.check_mac(*mac, vid, &port)?;
        }
        wanted.ips.iter().try_for_each(check_ip)?;
        let keys = wanted.keys(vid);
        for key in &keys {
            self.check_free(key, &port)?;
        }
        let new: HashSet<&BindingKey> = keys
            .iter()
            .filter(|key| self.maps().binding(key).is_none())
            .collect();
        self.check_room(new.len())?;
        self.require(Features::GUARD)?;
        for key in keys {
            let mac = key.ip().map_or_else(MacAddr::default, |_| wanted.station());
            let binding = Binding {
                port: port.id,
                mac,
                native: u16::from(wanted.vlan.is_none()),
            };
            self.maps_mut().set_binding(key, binding)?;
        }
        let bindings = self.bindings(Some(port.id))?;
        self.mark_bound(port.id, bound_flags(&bindings))
    }

    /// Frees addresses of a port, all of them or none; where none is named, all that it has.
    pub fn del_bindings(&mut self, ifname: &str, named: &Addresses) -> Result<(), BridgeError> {
        let port = self.port_named(ifname)?;
        let bound = self.bindings(Some(port.id))?;
        let gone: Vec<BindingKey> = if named.is_empty() {
            let keys = bound.iter().map(|(key, _)| *key);
            keys.filter(|key| named.vlan.is_none_or(|vid| key.vid == vid))
                .collect()
        } else {
            let vid = match named.vlan {
                Some(vid) => vid,
                None => self.native_vid(&port.conf)?,
            };
            named.keys(vid)
        };
        if let Some(key) = gone.iter().find(|key| !has(&bound, key)) {
            return Err(bad_binding(format!(
                "{key} is not bound to interface {}; `netbridge binding show {} {ifname}` lists what is",
                port.label(),
                self.name()
            )));
        }
        let mut stay = bound;
        stay.retain(|(key, _)| !gone.contains(key));
        let orphan = stay
            .iter()
            .find(|(key, binding)| gone.contains(&BindingKey::mac(binding.mac, key.vid)));
        if let Some((ip, binding)) = orphan {
            let mac = binding.mac;
            return Err(bad_binding(format!(
                "{mac}: address {ip} is bound together with it; free that too, with --ip {ip}"
            )));
        }
        // The other way round: no frame is looked into that finds only some of them.
        self.mark_bound(port.id, bound_flags(&stay))?;
        datapath::wait_for_programs();
        for key in gone {
            self.maps_mut().remove_binding(&key)?;
        }
        Ok(())
    }

    /// The interface of another port than `port` that an address is bound to; a blackhole is none.
    pub(crate) fn bound_elsewhere(
        &self,
        key: &FdbKey,
        port: PortId,
    ) -> Result<Option<String>, BridgeError> {
        let binding = self.maps().binding(&BindingKey::mac(key.mac, key.vid));
        match binding.filter(|binding| port != PortId::NONE && binding.port != port) {
            Some(binding) => Ok(Some(self.port(binding.port)?.label())),
            None => Ok(None),
        }
    }

    /// Frees every address of ports that go.
    pub(super) fn unbind_ports(&mut self, ports: &HashSet<PortId>) -> Result<(), BridgeError> {
        for (key, binding) in self.maps().bindings()? {
            if ports.contains(&binding.port) {
                self.maps_mut().remove_binding(&key)?;
            }
        }
        Ok(())
    }

    /// The VLAN of untagged frames from a port.
    fn native_vid(&self, conf: &PortConf) -> Result<u16, BridgeError> {
        let filtering = self.settings()?.vlan_filtering != 0;
        Ok(if filtering { conf.pvid } else { VID_NONE })
    }

    /// Marks a port by what is bound to it.
    ///
    /// Not the bridge's own: neighbours are answered for its addresses, but the host also passes on what
    /// comes from elsewhere, with any source.
    fn mark_bound(&mut self, id: PortId, bound: PortFlags) -> Result<(), BridgeError> {
        let conf = self.maps().port_conf(id)?;
        let bound = if conf.flags.contains(PortFlags::HOST) {
            PortFlags::default()
        } else {
            bound
        };
        let flags = conf.flags.set(BOUND, false).with(bound);
        if flags != conf.flags {
            self.maps_mut()
                .set_port_conf(id, PortConf { flags, ..conf })?;
        }
        Ok(())
    }

    fn check_room(&self, more: usize) -> Result<(), BridgeError> {
        let most = DEFAULT_BINDINGS as usize;
        if self.maps().bindings()?.len() + more <= most {
            return Ok(());
        }
        Err(DatapathError::Full {
            map: name::BINDINGS,
            entries: DEFAULT_BINDINGS,
            remedy: "free addresses with `netbridge binding del`",
        }
        .into())
    }

    /// Refuses an address that another port speaks for.
    fn check_free(&self, key: &BindingKey, port: &Port) -> Result<(), BridgeError> {
        let other = self.maps().binding(key).filter(|b| b.port != port.id);
        let Some(other) = other else {
            return Ok(());
        };
        let holder = self.port(other.port)?;
        let (bridge, ifname, label) = (self.name(), &holder.ifname, holder.label());
        let option = if key.ip().is_some() { "--ip" } else { "--mac" };
        let vlan = if other.native == 0 {
            format!(" --vlan {}", key.vid)
        } else {
            String::new()
        };
        Err(bad_binding(format!(
            "{key} is bound to interface {label} already; free it with `netbridge binding del {bridge} {ifname} {option} {key}{vlan}`"
        )))
    }

    /// Refuses an address that is no station's, or that is known to be elsewhere.
    fn check_mac(&self, mac: MacAddr, vid: u16, port: &Port) -> Result<(), BridgeError> {
        if mac.is_group() || mac.is_zero() {
            let reason = "is no station's address; give an individual one";
            return Err(bad_binding(format!("{mac} {reason}")));
        }
        let host = self.host_port()?;
        if host != PortId::NONE && host != port.id && self.maps().port_conf(host)?.peer_mac == mac {
            let label = self.port(host)?.label();
            return Err(bad_binding(format!(
                "{mac} is the bridge's own address, of interface {label}; give that of another station"
            )));
        }
        let entry = self.maps().fdb_entry(&FdbKey { mac, vid });
        let Some(entry) = entry.filter(|e| e.is_permanent() && e.port != port.id) else {
            return Ok(());
        };
        let place = if entry.flags.intersects(FdbFlags::BLACKHOLE) {
            "is a blackhole".to_owned()
        } else {
            format!(
                "has a static entry on interface {}",
                self.port(entry.port)?.label()
            )
        };
        let (bridge, vlan) = (self.name(), vlan_option(vid));
        Err(bad_binding(format!(
            "{mac} {place}; remove it with `netbridge fdb del {bridge} {mac}{vlan}`"
        )))
    }
}

/// What bindings mark a port with.
const BOUND: PortFlags = PortFlags::BOUND_MAC.with(PortFlags::BOUND_IP);

/// The marks of a port with these bindings.
fn bound_flags(bindings: &[(BindingKey, Binding)]) -> PortFlags {
    let names_mac =
        |(key, binding): &(BindingKey, Binding)| key.ip().is_none() || !binding.mac.is_zero();
    let ip = bindings.iter().any(|(key, _)| key.ip().is_some());
    PortFlags::default()
        .set(PortFlags::BOUND_MAC, bindings.iter().any(names_mac))
        .set(PortFlags::BOUND_IP, ip)
}

fn has(bindings: &[(BindingKey, Binding)], key: &BindingKey) -> bool {
    bindings.iter().any(|(bound, _)| bound == key)
}

/// Refuses an address that no station has for its own.
fn check_ip(ip: &IpAddr) -> Result<(), BridgeError> {
    let broadcast = *ip == IpAddr::V4(Ipv4Addr::BROADCAST);
    if !ip.is_multicast() && !ip.is_unspecified() && !ip.is_loopback() && !broadcast {
        return Ok(());
    }
    let reason = "is no station's address; give one that an interface may have";
    Err(bad_binding(format!("{ip} {reason}")))
}

/// How a command names a VLAN; nothing where there is none.
fn vlan_option(vid: u16) -> String {
    if vid == VID_NONE {
        String::new()
    } else {
        format!(" --vlan {vid}")
    }
}

fn bad_binding(reason: String) -> BridgeError {
    BridgeError::BadSetting {
        setting: "binding",
        reason,
    }
}
