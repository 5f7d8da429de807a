//! Safe access to the maps that hold configuration and the FDB.
#![expect(unsafe_code, reason = "reads and writes map values through pointers")]

use aya_ebpf::bindings::BPF_NOEXIST;
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

    /// Writes when the station was seen, and how often it has moved.
    #[inline(always)]
    fn stamp(&self, entry: &FdbEntry) {
        self.refresh(entry.last_seen);
        // SAFETY: as in `entry`; the write is one aligned word.
        unsafe { (*self.0).flaps = entry.flaps }
    }

    /// Makes the entry's port and flags those of `after` where they still are those of `before`; says
    /// whether they were.
    #[inline(always)]
    fn exchange(&self, before: &FdbEntry, after: &FdbEntry) -> bool {
        let (before, after) = (port_and_flags(before), port_and_flags(after));
        // SAFETY: as in `entry`; the value of a hash map is aligned for eight octets, and port and flags
        // are its first.
        unsafe { atomic::compare_exchange(self.0.cast(), before, after) == before }
    }
}

/// An entry's first two words, as they lie in memory.
#[inline(always)]
fn port_and_flags(entry: &FdbEntry) -> u64 {
    let [p0, p1, p2, p3] = entry.port.0.to_ne_bytes();
    let [f0, f1, f2, f3] = entry.flags.0.to_ne_bytes();
    u64::from_ne_bytes([p0, p1, p2, p3, f0, f1, f2, f3])
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

/// Moves an entry that was `before` to the port that `after` is on, within that port's limit; `false`
/// where somebody else has changed it meanwhile.
///
/// Port and flags change in one step, which of several CPUs one alone takes: so both ports' counts stay
/// right while a station is on two ports at once. Should the element have been recycled since the
/// lookup, which the second one tells, the step is taken back: another station's entry said for that
/// moment that it is here.
#[inline(always)]
pub fn relocate(
    slot: &Slot,
    key: FdbKey,
    before: &FdbEntry,
    after: &FdbEntry,
    limit: u32,
) -> Result<bool, Refusal> {
    if !room(after.port, limit).allows_one_more() {
        return Err(Refusal::PortLimit);
    }
    if !slot.exchange(before, after) {
        return Ok(false);
    }
    if FDB.get_ptr_mut(key) != Some(slot.0) {
        slot.exchange(after, before);
        return Ok(false);
    }
    slot.stamp(after);
    learned(before.port, 1_u64.wrapping_neg());
    learned(after.port, 1);
    if let Some(moves) = MOVES.get_ptr_mut(0) {
        // SAFETY: the pointer is to a `u64` element of an array map.
        unsafe { atomic::add(moves, 1) }
    }
    Ok(true)
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
