//! The multicast database as operators see it: entries shown, added, removed and swept.

use std::{collections::HashSet, net::IpAddr};

use netbridge_common::{MacAddr, MdbEntry, MdbKey, MdbKind, PortId, Ticks, decide::snoop::Family};

use crate::{
    bridge::{Bridge, BridgeError, Port},
    datapath,
};

/// A group that an operator names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// By its IP address.
    Ip(IpAddr),
    /// By its Ethernet address, for what is not IP.
    Mac(MacAddr),
}

impl std::fmt::Display for Group {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Ip(address) => address.fmt(f),
            Self::Mac(address) => address.fmt(f),
        }
    }
}

impl Group {
    /// The group of a member's key.
    pub fn of(key: &MdbKey) -> Self {
        key.address().map_or(Self::Mac(key.station()), Self::Ip)
    }

    fn key(self, vid: u16, port: PortId) -> MdbKey {
        match self {
            Self::Ip(address) => MdbKey::ip(address, vid, port),
            Self::Mac(address) => MdbKey::mac(address, vid, port),
        }
    }

    /// Refuses what is no group, and groups whose frames go to all whoever has joined them.
    fn check(self) -> Result<(), BridgeError> {
        let first = |octets: [u8; 4]| u32::from_be_bytes(octets);
        let kept = match self {
            Self::Ip(IpAddr::V4(address)) => Family::Ipv4.keeps(first(address.octets())),
            Self::Ip(IpAddr::V6(address)) => {
                let [a, b, c, d, ..] = address.octets();
                Family::Ipv6.keeps(first([a, b, c, d]))
            }
            Self::Mac(address) => return self.check_mac(address),
        };
        let is_group = matches!(self, Self::Ip(address) if address.is_multicast());
        match (is_group, kept) {
            (_, true) => Ok(()),
            (false, _) => Err(self.bad("is no group; give a multicast address, such as 239.1.2.3")),
            (true, false) => {
                Err(self.bad("is a group of the link alone, whose frames go to all ports"))
            }
        }
    }

    fn check_mac(self, address: MacAddr) -> Result<(), BridgeError> {
        let MacAddr([a, b, c, ..]) = address;
        if !address.is_group() || address.is_broadcast() {
            return Err(self.bad("is no group; give a multicast address"));
        }
        if address.is_reserved_group() {
            return Err(self.bad(
                "is a reserved group; `netbridge bridge set --group-fwd-mask` is about those",
            ));
        }
        if [a, b] == [0x33, 0x33] || [a, b, c] == [0x01, 0x00, 0x5e] {
            return Err(self.bad("is that of many IP groups; give the IP address"));
        }
        Ok(())
    }

    fn bad(self, reason: &str) -> BridgeError {
        BridgeError::BadSetting {
            setting: "mdb entry",
            reason: format!("{self} {reason}"),
        }
    }
}

impl Bridge {
    /// Everything in the multicast database that has not aged, in order of the keys.
    pub fn mdb(&self) -> Result<Vec<(MdbKey, MdbEntry)>, BridgeError> {
        let now = datapath::now();
        let mut entries = self.maps().mdb_entries()?;
        entries.retain(|(_, entry)| entry.is_fresh(now));
        entries.sort_unstable_by_key(|(key, _)| *key);
        Ok(entries)
    }

    /// Makes a port a member of a group for good.
    pub fn add_mdb_entry(
        &mut self,
        port: &Port,
        group: Group,
        vid: Option<u16>,
    ) -> Result<(), BridgeError> {
        group.check()?;
        let vid = self.fdb_key(MacAddr::default(), vid, Some(port))?.vid;
        let key = group.key(vid, port.id);
        let before = self.maps().mdb_entry(&key);
        if before.is_some_and(|entry| entry.is_permanent()) {
            let reason = format!(
                "is there already; `netbridge mdb show {}` lists the entries",
                self.name()
            );
            return Err(group.bad(&reason));
        }
        self.maps_mut().set_mdb_entry(key, MdbEntry::PERMANENT)?;
        if before.is_some() {
            self.maps_mut().unlearn_groups(port.id, 1)?;
        }
        self.register(group, vid)
    }

    /// Takes a port out of a group; says whether it was in it.
    pub fn del_mdb_entry(
        &mut self,
        port: &Port,
        group: Group,
        vid: Option<u16>,
    ) -> Result<bool, BridgeError> {
        group.check()?;
        let vid = self.fdb_key(MacAddr::default(), vid, Some(port))?.vid;
        let key = group.key(vid, port.id);
        let removed = self.remove_mdb_entries(&[key])?;
        Ok(removed == 1)
    }

    /// Removes members and routers behind ports that go.
    pub(crate) fn flush_mdb_ports(&mut self, ports: &HashSet<PortId>) -> Result<(), BridgeError> {
        self.remove_mdb(|key, _| ports.contains(&key.port))
            .map(drop)
    }

    /// Removes members and routers behind a port in VLANs that it leaves.
    pub(crate) fn flush_mdb_vlans(
        &mut self,
        port: PortId,
        vids: &[u16],
    ) -> Result<(), BridgeError> {
        self.remove_mdb(|key, _| key.port == port && vids.contains(&key.vid))
            .map(drop)
    }

    /// Removes what was learned, or what of it is behind one port.
    pub(crate) fn flush_learned_mdb(&mut self, port: Option<PortId>) -> Result<(), BridgeError> {
        let is_of = |key: &MdbKey| port.is_none_or(|port| key.port == port);
        self.remove_mdb(|key, entry| is_of(key) && !entry.is_permanent())
            .map(drop)
    }

    /// Removes what has aged, so that others find room; returns how much.
    pub fn sweep_mdb(&mut self) -> Result<usize, BridgeError> {
        // One tick of grace: the datapath's clock may be a tick behind ours.
        let now = Ticks(datapath::now().0.saturating_sub(1));
        self.remove_mdb(|_, entry| !entry.is_fresh(now))
    }

    fn remove_mdb(
        &mut self,
        take: impl Fn(&MdbKey, &MdbEntry) -> bool,
    ) -> Result<usize, BridgeError> {
        let entries = self.maps().mdb_entries()?;
        let keys: Vec<MdbKey> = entries
            .iter()
            .filter(|(key, entry)| take(key, entry) && !is_registration(key))
            .map(|(key, _)| *key)
            .collect();
        self.remove_mdb_entries(&keys)
    }

    fn remove_mdb_entries(&mut self, keys: &[MdbKey]) -> Result<usize, BridgeError> {
        let mut removed = 0;
        for key in keys {
            let learned = self
                .maps()
                .mdb_entry(key)
                .is_some_and(|e| !e.is_permanent());
            if self.maps_mut().remove_mdb_entry(key)? {
                removed += 1;
                if learned && key.is_member() {
                    self.maps_mut().unlearn_groups(key.port, 1)?;
                }
                self.register(Group::of(key), key.vid)?;
            }
        }
        Ok(removed)
    }

    /// Says in the database whether an Ethernet group has members, which is not known of others.
    fn register(&mut self, group: Group, vid: u16) -> Result<(), BridgeError> {
        let Group::Mac(_) = group else {
            return Ok(());
        };
        let key = group.key(vid, PortId::NONE);
        let entries = self.maps().mdb_entries()?;
        let is_of_group = |other: &MdbKey| {
            MdbKey {
                port: PortId::NONE,
                ..*other
            } == key
        };
        if entries
            .iter()
            .any(|(other, _)| other.is_member() && is_of_group(other))
        {
            return Ok(self.maps_mut().set_mdb_entry(key, MdbEntry::PERMANENT)?);
        }
        self.maps_mut().remove_mdb_entry(&key)?;
        Ok(())
    }
}

/// Says whether the element only tells that an Ethernet group has members.
fn is_registration(key: &MdbKey) -> bool {
    key.is(MdbKind::Mac) && key.port == PortId::NONE
}
