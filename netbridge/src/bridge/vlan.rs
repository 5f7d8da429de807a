//! VLANs of a bridge and its ports.

use std::{collections::HashSet, ops::RangeInclusive};

use netbridge_common::{
    FdbEntry, FdbFlags, FdbKey, Features, MacAddr, PortConf, PortFlags, PortId, PortVlans,
    frame::{ETHERTYPE_SVLAN, ETHERTYPE_VLAN},
    vlan::{DEFAULT_PVID, VID_NONE},
};

use super::{Bridge, BridgeError, Port};
use crate::datapath;

/// VIDs that name a VLAN.
pub const VIDS: RangeInclusive<u16> = 1..=4094;

/// The kind of tag that names a bridge's VLANs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum VlanProtocol {
    /// Customer tags, 0x8100.
    #[default]
    Customer,
    /// Service tags, 0x88a8: customer tags are payload.
    Service,
}

impl VlanProtocol {
    /// The `EtherType` of its tags.
    pub const fn tpid(self) -> u16 {
        match self {
            Self::Customer => ETHERTYPE_VLAN,
            Self::Service => ETHERTYPE_SVLAN,
        }
    }

    /// The name that `ip link` uses.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Customer => "802.1Q",
            Self::Service => "802.1ad",
        }
    }
}

impl From<u16> for VlanProtocol {
    /// The protocol of a TPID in the settings; unknown ones count as customer tags.
    fn from(tpid: u16) -> Self {
        if tpid == ETHERTYPE_SVLAN {
            Self::Service
        } else {
            Self::Customer
        }
    }
}

/// How a port is to be a member of VLANs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Membership {
    /// Frames without a VLAN belong to this one; one VLAN only.
    pub pvid: bool,
    /// Frames leave without a tag.
    pub untagged: bool,
}

impl Bridge {
    /// Lets the bridge filter VLANs, or stop to.
    ///
    /// What was learned belongs to no VLAN any more, or to none yet, and goes.
    pub fn set_vlan_filtering(
        &mut self,
        on: bool,
        protocol: VlanProtocol,
    ) -> Result<(), BridgeError> {
        let before = self.settings()?;
        let same = (before.vlan_filtering != 0) == on;
        if same && before.vlan_protocol == protocol.tpid() {
            return Ok(());
        }
        if on {
            self.require(Features::VLAN)?;
        }
        let moves = self.binding_moves(on, None)?;
        self.write_own_entries(on)?;
        self.write_moves(&moves)?;
        let mut settings = self.settings()?;
        settings.vlan_filtering = u16::from(on);
        settings.vlan_protocol = protocol.tpid();
        self.maps_mut().set_settings(settings)?;
        self.finish_moves(&moves)?;
        self.flush_fdb(&crate::fdb::Selection::default())?;
        self.flush_learned_mdb(None)
    }

    /// The VLANs of a port.
    pub fn vlans(&self, port: PortId) -> Result<PortVlans, BridgeError> {
        Ok(self.maps().port_vlans(port)?)
    }

    /// Makes a port a member of VLANs; of all of them or, where one cannot be, of none.
    pub fn add_vlans(
        &mut self,
        ifname: &str,
        ranges: &[RangeInclusive<u16>],
        membership: Membership,
    ) -> Result<(), BridgeError> {
        let vids = checked(ranges)?;
        let pvid = match vids.as_slice() {
            [vid] if membership.pvid => Some(*vid),
            _ if membership.pvid => {
                let given: Vec<String> = ranges.iter().map(text).collect();
                let given = given.join(" ");
                return Err(bad_vlan(format!("{given}: only one VLAN can be the PVID")));
            }
            _ => None,
        };
        let port = self.port_named(ifname)?;
        let mut vlans = self.vlans(port.id)?;
        for vid in &vids {
            vlans.member.set(*vid, true);
            vlans.untagged.set(*vid, membership.untagged);
        }
        let pvid = if let Some(vid) = pvid {
            vid
        } else if vids.contains(&port.conf.pvid) {
            // As with `bridge vlan add`: what is not said again is taken back.
            VID_NONE
        } else {
            port.conf.pvid
        };
        let filtering = self.settings()?.vlan_filtering != 0;
        let moves = self.binding_moves(filtering, Some((port.id, pvid)))?;
        self.write_moves(&moves)?;
        self.maps_mut().set_port_vlans(port.id, vlans)?;
        let conf = PortConf { pvid, ..port.conf };
        self.maps_mut().set_port_conf(port.id, conf)?;
        self.finish_moves(&moves)?;
        self.follow_host(&port)
    }

    /// Takes a port out of VLANs, and forgets what was learned there.
    pub fn del_vlans(
        &mut self,
        ifname: &str,
        ranges: &[RangeInclusive<u16>],
    ) -> Result<(), BridgeError> {
        let vids = checked(ranges)?;
        let port = self.port_named(ifname)?;
        let mut vlans = self.vlans(port.id)?;
        let missing = vids.iter().find(|vid| !vlans.member.contains(**vid));
        if let Some(vid) = missing {
            return Err(bad_vlan(format!(
                "{vid}: interface {} is no member; `netbridge vlan show {}` lists its VLANs",
                port.label(),
                self.name()
            )));
        }
        for vid in &vids {
            vlans.member.set(*vid, false);
            vlans.untagged.set(*vid, false);
        }
        if vids.contains(&port.conf.pvid) {
            let filtering = self.settings()?.vlan_filtering != 0;
            let moves = self.binding_moves(filtering, Some((port.id, VID_NONE)))?;
            self.write_moves(&moves)?;
            let conf = PortConf {
                pvid: VID_NONE,
                ..port.conf
            };
            self.maps_mut().set_port_conf(port.id, conf)?;
            self.finish_moves(&moves)?;
        }
        self.maps_mut().set_port_vlans(port.id, vlans)?;
        self.flush_vlans(port.id, &vids)?;
        self.flush_mdb_vlans(port.id, &vids)?;
        self.follow_host(&port)
    }

    /// Refuses a PVID that is no VLAN of the port's; 0 for none is one.
    pub(super) fn check_pvid(&self, port: &Port, pvid: u16) -> Result<(), BridgeError> {
        if pvid == VID_NONE || self.vlans(port.id)?.member.contains(pvid) {
            return Ok(());
        }
        check_vids(&(pvid..=pvid))?;
        let (bridge, ifname, label) = (self.name(), &port.ifname, port.label());
        Err(bad_vlan(format!(
            "{pvid}: interface {label} is no member, so it cannot be its PVID; `netbridge vlan add {bridge} {ifname} {pvid} --pvid` makes it both"
        )))
    }

    /// The VLANs of a new port: the default one, untagged, as on the kernel's bridge.
    pub(super) fn default_vlans() -> PortVlans {
        let mut vlans = PortVlans::default();
        vlans.member.set(DEFAULT_PVID, true);
        vlans.untagged.set(DEFAULT_PVID, true);
        vlans
    }

    /// The bridge's own address is known in the VLANs that the host is a member of.
    fn follow_host(&mut self, port: &Port) -> Result<(), BridgeError> {
        if port.conf.flags.contains(PortFlags::HOST) && self.settings()?.vlan_filtering != 0 {
            self.write_own_entries(true)?;
        }
        Ok(())
    }

    /// Writes the entries of the bridge's own address: one, or one for each VLAN of the host's port.
    pub(super) fn write_own_entries(&mut self, filtering: bool) -> Result<(), BridgeError> {
        let id = self.host_port()?;
        if id == PortId::NONE {
            return Ok(());
        }
        let mac = self.maps().port_conf(id)?.peer_mac;
        let wanted: HashSet<u16> = if filtering {
            self.vlans(id)?.member.iter().collect()
        } else {
            HashSet::from([VID_NONE])
        };
        for vid in &wanted {
            let key = FdbKey { mac, vid: *vid };
            self.maps_mut().set_fdb_entry(key, own_entry(id))?;
        }
        let mut old = Vec::new();
        self.maps().for_each_fdb_entry(|key, entry| {
            let own = entry.flags.intersects(FdbFlags::OWN);
            if own && key.mac == mac && !wanted.contains(&key.vid) {
                old.push(*key);
            }
        })?;
        self.maps_mut().remove_fdb_entries(&old)?;
        Ok(())
    }

    /// The key of an address that an operator names: in a VLAN, or in that of untagged frames.
    pub fn fdb_key(
        &self,
        mac: MacAddr,
        vid: Option<u16>,
        port: Option<&Port>,
    ) -> Result<FdbKey, BridgeError> {
        let vid = self.entry_vid(vid, port)?;
        Ok(FdbKey { mac, vid })
    }

    /// The VLAN that an operator names, or that of untagged frames.
    pub(super) fn entry_vid(
        &self,
        vid: Option<u16>,
        port: Option<&Port>,
    ) -> Result<u16, BridgeError> {
        let filtering = self.settings()?.vlan_filtering != 0;
        let vid = match (vid, filtering) {
            (None, false) => VID_NONE,
            (None, true) => match port {
                None => DEFAULT_PVID,
                Some(port) if port.conf.pvid != VID_NONE => port.conf.pvid,
                Some(port) => {
                    return Err(bad_vlan(format!(
                        "interface {} has no PVID; name a VLAN with --vlan",
                        port.label()
                    )));
                }
            },
            (Some(vid), true) => vid,
            (Some(vid), false) => return Err(no_vlans(vid, self.name())),
        };
        if filtering {
            self.check_entry_vlan(vid, port)?;
        }
        Ok(vid)
    }

    /// Refuses an entry that no frame would ever be sent by.
    fn check_entry_vlan(&self, vid: u16, port: Option<&Port>) -> Result<(), BridgeError> {
        check_vids(&(vid..=vid))?;
        let Some(port) = port else {
            return Ok(());
        };
        let (bridge, ifname, label) = (self.name(), &port.ifname, port.label());
        if self.vlans(port.id)?.member.contains(vid) {
            return Ok(());
        }
        Err(bad_vlan(format!(
            "{vid}: interface {label} is no member; `netbridge vlan add {bridge} {ifname} {vid}` makes it one"
        )))
    }
}

/// The entry of the bridge's own address.
pub(super) fn own_entry(id: PortId) -> FdbEntry {
    FdbEntry {
        flags: FdbFlags::OWN.with(FdbFlags::STATIC),
        ..FdbEntry::learned(id, datapath::now())
    }
}

/// The VIDs in ranges, each of which must be one, and no two of which may share a VID.
fn checked(ranges: &[RangeInclusive<u16>]) -> Result<Vec<u16>, BridgeError> {
    let mut vids = Vec::new();
    for (at, range) in ranges.iter().enumerate() {
        check_vids(range)?;
        let mut before = ranges.iter().take(at);
        let shares = |other: &&RangeInclusive<u16>| {
            other.start() <= range.end() && range.start() <= other.end()
        };
        if let Some(other) = before.find(shares) {
            let (one, other) = (text(other), text(range));
            return Err(bad_vlan(format!(
                "{one} and {other} overlap; name each VLAN once"
            )));
        }
        vids.extend(range.clone());
    }
    Ok(vids)
}

/// A range as it is typed.
fn text(range: &RangeInclusive<u16>) -> String {
    let (first, last) = (range.start(), range.end());
    if first == last {
        first.to_string()
    } else {
        format!("{first}-{last}")
    }
}

/// The error where a VLAN is named and the bridge has none.
pub(super) fn no_vlans(vid: u16, bridge: &str) -> BridgeError {
    bad_vlan(format!(
        "{vid}: bridge {bridge} does not filter VLANs; `netbridge bridge set {bridge} --vlan-filtering on` lets it"
    ))
}

pub(super) fn check_vids(vids: &RangeInclusive<u16>) -> Result<(), BridgeError> {
    let (first, last) = (vids.start(), vids.end());
    if !VIDS.contains(first) || !VIDS.contains(last) {
        let vid = if VIDS.contains(first) { last } else { first };
        return Err(bad_vlan(format!("{vid}: out of range; give 1 to 4094")));
    }
    if first > last {
        return Err(bad_vlan(format!(
            "{first}-{last}: the range is empty; give the lower VID first"
        )));
    }
    Ok(())
}

pub(super) fn bad_vlan(reason: String) -> BridgeError {
    BridgeError::BadSetting {
        setting: "vlan",
        reason,
    }
}
