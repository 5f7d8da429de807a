//! Safe access to the maps that hold configuration and the FDB.
#![expect(unsafe_code, reason = "reads and writes map values through pointers")]

use aya_ebpf::bindings::{BPF_EXIST, BPF_NOEXIST};
use netbridge_common::{
    FdbEntry, FdbKey, PortConf, PortId, PortVlans, Settings, Ticks, VlanMirror,
    decide::{Refusal, Room, is_fair},
    vlan::VID_NONE,
};

use crate::{
    atomic, features,
    maps::{
        FDB, FLOOD_PORTS, LEARNED, MOVES, PORT_CONF, PORT_IDS, PORT_VLANS, SETTINGS, UNLEARNED,
        VLAN_MIRRORS,
    },
};

/// `-EEXIST`: the element is there already.
const EXISTS: i32 = -17;

/// The bridge's settings.
#[inline(always)]
pub fn settings() -> Option<&'static Settings> {
    SETTINGS.get(0)
}

/// The port that an interface is; [`PortId::NONE`] for an interface that is none.
#[inline(always)]
pub fn port_of(ifindex: u32) -> PortId {
    // SAFETY: the value is one word, read at once; a recycled element can only hold another port.
    let id = unsafe { PORT_IDS.get(ifindex) };
    id.map_or(PortId::NONE, |id| PortId(*id))
}

/// A port's configuration.
#[inline(always)]
pub fn port(id: PortId) -> Option<&'static PortConf> {
    PORT_CONF.get(id.0)
}

/// A port's VLANs.
#[inline(always)]
pub fn vlans(id: PortId) -> Option<&'static PortVlans> {
    PORT_VLANS.get(id.0)
}

/// The mirror of a VLAN; none for VID 0, which frames have on a bridge that filters none.
#[inline(always)]
pub fn vlan_mirror(vid: u16) -> VlanMirror {
    if !features::vlan() || vid == VID_NONE {
        return VlanMirror::default();
    }
    let mirror = VLAN_MIRRORS.get(u32::from(vid));
    mirror.copied().unwrap_or_default()
}

/// Element `at` of the flood lists.
#[inline(always)]
pub fn flood_port(at: u32) -> Option<PortId> {
    FLOOD_PORTS.get(at).map(|id| PortId(*id))
}

/// An element of the FDB.
pub struct Slot(*mut FdbEntry);

impl Slot {
    /// A copy of the entry.
    #[inline(always)]
    pub fn entry(&self) -> FdbEntry {
        // SAFETY: the pointer comes from a lookup in this run of the program, and a map element's
        // memory outlives the run.
        unsafe { *self.0 }
    }

    /// Stamps the entry.
    ///
    /// Should the element have been recycled since the lookup, another station's entry lives for
    /// one ageing time longer than it should; nothing else can go wrong.
    #[inline(always)]
    pub fn refresh(&self, now: Ticks) {
        // SAFETY: as in `entry`; the write is one aligned word.
        unsafe { (*self.0).last_seen = now }
    }
}

/// The entry under `key`.
#[inline(always)]
pub fn lookup(key: FdbKey) -> Option<Slot> {
    FDB.get_ptr_mut(key).map(Slot)
}

/// Makes a new learned entry, within the limits; `false` where another CPU has just made it.
#[inline(always)]
pub fn insert(
    key: FdbKey,
    port: PortId,
    limit: u32,
    now: Ticks,
    settings: &Settings,
) -> Result<bool, Refusal> {
    if !room(PortId::NONE, settings.learn_limit).allows_one_more() {
        return Err(Refusal::BridgeLimit);
    }
    let here = count_of(port, limit);
    if !here.allows_one_more() {
        return Err(Refusal::PortLimit);
    }
    if limit == 0 && !is_fair(here, count_of(PortId::NONE, settings.fdb_entries)) {
        return Err(Refusal::UnfairShare);
    }
    let entry = FdbEntry::learned(port, now);
    match FDB.insert(key, entry, u64::from(BPF_NOEXIST)) {
        Ok(()) => {}
        Err(EXISTS) => return Ok(false),
        Err(_) => return Err(Refusal::BridgeLimit),
    }
    learned(PortId::NONE, 1);
    learned(port, 1);
    Ok(true)
}

/// Replaces an entry by one on another port, within that port's limit.
///
/// The element is exchanged as a whole: written in place, a recycled one would send another
/// station's frames to this port.
#[inline(always)]
pub fn relocate(key: FdbKey, from: PortId, entry: FdbEntry, limit: u32) -> Result<(), Refusal> {
    let port = entry.port;
    if !room(port, limit).allows_one_more() {
        return Err(Refusal::PortLimit);
    }
    FDB.insert(key, entry, u64::from(BPF_EXIST))
        .or(Err(Refusal::BridgeLimit))?;
    learned(from, 1_u64.wrapping_neg());
    learned(port, 1);
    if let Some(moves) = MOVES.get_ptr_mut(0) {
        // SAFETY: the pointer is to a `u64` element of an array map.
        unsafe { atomic::add(moves, 1) }
    }
    Ok(())
}

/// Addresses learned in `slot` against `limit`.
#[inline(always)]
fn room(slot: PortId, limit: u32) -> Room {
    if limit == 0 {
        return Room::new(0, 0, 0);
    }
    count_of(slot, limit)
}

/// The same, counted whether there is a limit or not.
#[inline(always)]
fn count_of(slot: PortId, limit: u32) -> Room {
    let learned = LEARNED.get(slot.0).copied().unwrap_or(0);
    let unlearned = UNLEARNED.get(slot.0).copied().unwrap_or(0);
    Room::new(learned, unlearned, limit)
}

#[inline(always)]
fn learned(slot: PortId, n: u64) {
    if let Some(counter) = LEARNED.get_ptr_mut(slot.0) {
        // SAFETY: the pointer is to a `u64` element of an array map.
        unsafe { atomic::add(counter, n) }
    }
}
