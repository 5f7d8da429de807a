//! Safe access to the multicast database.
#![expect(unsafe_code, reason = "reads and writes map values through pointers")]

use aya_ebpf::bindings::{BPF_ANY, BPF_EXIST, BPF_NOEXIST};
use netbridge_common::{
    MdbEntry, MdbKey, MdbKind, PortConf, PortFlags, PortId, Ticks,
    decide::{Room, snoop::Family},
    mdb::{LAST_MEMBER, MAX_GROUPS, MEMBERSHIP, QUERIER},
    octets::Octets,
};

use crate::{
    atomic, count,
    maps::{MDB, MDB_COUNTS, MDB_SCRATCH},
    table,
};

/// `-EEXIST`: the element is there already.
const EXISTS: i32 = -17;

/// Memory of a CPU for what the stack has no room for.
#[repr(C)]
pub struct Scratch {
    key: MdbKey,
    entry: MdbEntry,
}

/// A key on its way to be looked up, and an entry on its way to be written.
pub struct Key {
    key: &'static mut MdbKey,
    new: &'static mut MdbEntry,
}

impl Key {
    /// The CPU's key, in a VLAN.
    #[inline(always)]
    pub fn new(vid: u16) -> Option<Self> {
        let scratch = MDB_SCRATCH.get_ptr_mut(0)?;
        // SAFETY: per-CPU memory of an array map, and nobody else on this CPU is in the middle of
        // a frame.
        let Scratch { key, entry } = unsafe { &mut *scratch };
        key.vid = vid;
        Some(Self { key, new: entry })
    }

    /// Makes it the key of what is not about a group.
    #[inline(always)]
    fn of(&mut self, kind: MdbKind, port: PortId) {
        *self.key = MdbKey::of(kind, self.key.vid, port);
    }

    /// Makes it that of a group whose address is in a frame; false where it is not.
    #[inline(always)]
    pub fn read(&mut self, frame: &impl Octets, at: u32, family: Family, port: PortId) -> bool {
        self.key.group = [0; 16];
        self.key.kind = family as u16;
        self.key.port = port;
        let group = &mut self.key.group;
        match family {
            Family::Ipv6 => frame.read(at, group),
            Family::Ipv4 => group
                .first_chunk_mut::<4>()
                .is_some_and(|g| frame.read(at, g)),
            Family::None => group
                .first_chunk_mut::<6>()
                .is_some_and(|g| frame.read(at, g)),
        }
    }

    /// Says whether its group is one that is kept.
    #[inline(always)]
    fn is_kept(&self, family: Family) -> bool {
        let [a, b, c, d, ..] = self.key.group;
        family.keeps(u32::from_be_bytes([a, b, c, d]))
    }

    /// Says whether what it is about counts.
    #[inline(always)]
    pub fn counts(&self, now: Ticks) -> bool {
        self.entry().is_some_and(|entry| entry.counts(now))
    }

    #[inline(always)]
    fn entry(&self) -> Option<&'static mut MdbEntry> {
        let key: &MdbKey = self.key;
        let entry = MDB.get_ptr_mut(key)?;
        // SAFETY: the pointer comes from a lookup in this run of the program, and a map element's
        // memory outlives the run.
        Some(unsafe { &mut *entry })
    }

    /// Writes the new entry.
    #[inline(always)]
    fn write(&self, flags: u32) -> Result<(), i32> {
        let (key, new): (&MdbKey, &MdbEntry) = (self.key, self.new);
        MDB.insert(key, new, u64::from(flags))
    }

    /// Stamps an entry that is there; should its memory have come to be another one's, that one ages a
    /// little later.
    #[inline(always)]
    fn refresh(&self, now: Ticks, lasting: Ticks) -> bool {
        let Some(entry) = self.entry() else {
            return false;
        };
        let until = MdbEntry::learned(now, lasting).until;
        if entry.until != until || entry.last_seen != now {
            entry.until = until;
            entry.last_seen = now;
        }
        true
    }

    /// Takes up that somebody behind the port has joined the group.
    #[inline(always)]
    pub fn join(&mut self, family: Family, port: PortId, now: Ticks) {
        if !self.is_kept(family) || self.refresh(now, MEMBERSHIP) {
            return;
        }
        let joined = counter(port);
        let room = Room::new(joined, removed(port), MAX_GROUPS);
        if !room.allows_one_more() {
            count::refused(port);
            return;
        }
        *self.new = MdbEntry::learned(now, MEMBERSHIP);
        match self.write(BPF_NOEXIST) {
            Ok(()) => add(port, 1),
            Err(EXISTS) => {}
            Err(_) => overflow(now),
        }
    }

    /// Takes up that somebody behind the port has left the group; on a port of fast leave there was no other.
    #[inline(always)]
    pub fn leave(&mut self, port: PortId, now: Ticks) {
        let Some(entry) = self.entry().filter(|entry| !entry.is_permanent()) else {
            return;
        };
        let fast = |conf: &PortConf| conf.flags.contains(PortFlags::FAST_LEAVE);
        if table::port(port).is_some_and(fast) {
            let key: &MdbKey = self.key;
            if MDB.remove(key).is_ok() {
                add(port, 1_u64.wrapping_neg());
            }
            return;
        }
        let until = MdbEntry::learned(now, LAST_MEMBER).until;
        if entry.until > until {
            *self.new = MdbEntry { until, ..*entry };
            // As a whole: written in place, it might by now be another one's. One that is gone has left.
            if self.write(BPF_EXIST).is_err() {}
        }
    }

    /// Takes up that a router is behind the port.
    #[inline(always)]
    pub fn router(&mut self, family: Family, port: PortId, now: Ticks) {
        self.of(router_of(family), port);
        self.keep(now, now);
    }

    /// Takes up that a querier has asked; members may take `delay` to answer the first time.
    #[inline(always)]
    pub fn querier(&mut self, family: Family, now: Ticks, delay: Ticks) {
        self.of(querier_of(family), PortId::NONE);
        self.keep(now, Ticks(now.0.saturating_add(delay.0)));
    }

    /// Keeps what it is about as long as a querier counts, from a time on where it is new.
    #[inline(always)]
    fn keep(&mut self, now: Ticks, from: Ticks) {
        if self.entry().is_some_and(|entry| entry.is_fresh(now)) {
            self.refresh(now, QUERIER);
            return;
        }
        *self.new = MdbEntry {
            from,
            ..MdbEntry::learned(now, QUERIER)
        };
        if self.write(BPF_ANY).is_err() {
            overflow(now);
        }
    }

    /// Says whether a router is behind the port.
    #[inline(always)]
    pub fn is_router(&mut self, family: Family, port: PortId, now: Ticks) -> bool {
        self.of(router_of(family), port);
        self.counts(now)
    }

    /// Says whether the members of groups are known: a querier asks for them, and all have found room.
    #[inline(always)]
    pub fn is_heard(&mut self, family: Family, now: Ticks) -> bool {
        self.of(querier_of(family), PortId::NONE);
        self.counts(now) && !overflowed(now)
    }
}

/// Routers for IPv4 get what is no IP as well, as in the kernel.
#[inline(always)]
const fn router_of(family: Family) -> MdbKind {
    match family {
        Family::Ipv6 => MdbKind::Router6,
        Family::Ipv4 | Family::None => MdbKind::Router4,
    }
}

#[inline(always)]
const fn querier_of(family: Family) -> MdbKind {
    match family {
        Family::Ipv6 => MdbKind::Querier6,
        Family::Ipv4 | Family::None => MdbKind::Querier4,
    }
}

/// Remembers that an entry found no room.
#[inline(always)]
fn overflow(now: Ticks) {
    if let Some(full) = MDB_COUNTS.get_ptr_mut(PortId::NONE.0) {
        // SAFETY: the pointer is to a `u64` element of an array map.
        unsafe { *full = u64::from(now.0) }
    }
}

/// Says whether somebody's membership may be missing because there was no room for it.
#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "it was written as a tick")]
fn overflowed(now: Ticks) -> bool {
    let full = Ticks(counter(PortId::NONE) as u32);
    full != Ticks(0) && now.since(full) <= MEMBERSHIP
}

#[inline(always)]
fn counter(port: PortId) -> u64 {
    MDB_COUNTS.get(port.0).copied().unwrap_or(0)
}

/// Groups of the port that userspace removed.
#[inline(always)]
fn removed(port: PortId) -> u64 {
    let slots = table::settings().map_or(0, |settings| settings.port_slots);
    counter(PortId(port.0.wrapping_add(slots)))
}

#[inline(always)]
fn add(port: PortId, n: u64) {
    if let Some(counter) = MDB_COUNTS.get_ptr_mut(port.0) {
        // SAFETY: the pointer is to a `u64` element of an array map.
        unsafe { atomic::add(counter, n) }
    }
}
