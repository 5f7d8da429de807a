//! The flow cache: verdicts on known unicast that were right a moment ago.
//!
//! A verdict may be used again while three things stand still: the tick (so that sources are
//! refreshed and entries age), the generation (so that a change by an operator counts at once) and
//! the count of moves (so that a station is followed). It never changes a decision, only its cost.

use crate::{FrameSize, PortFlags, PortId, Ticks, decide::Way};

/// Sets of the cache on each CPU, a power of two.
pub const FLOW_SETS: u32 = 4096;

/// What tells flows apart; two words, which compare faster than their parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlowKey {
    /// Destination and the first two octets of the source, as they stand in the frame.
    pub low: u64,
    /// The rest of the source; above it the interface that the frame came in on, and the hook in the
    /// highest bit: each hook has its own way of sending.
    pub high: u64,
    /// The TCI of the tag, and above it 1 where there is one; 0 on a bridge that filters no VLANs.
    pub tag: u32,
}

impl FlowKey {
    /// The bit of an origin that frames at XDP have.
    pub const XDP: u32 = 1 << 31;

    /// The key that no frame has: every origin has an interface.
    pub const NONE: Self = Self {
        low: 0,
        high: 0,
        tag: 0,
    };

    /// The key of a frame with these addresses, destination first, in memory order, from `origin`:
    /// its interface's index, with [`FlowKey::XDP`] where the hook is.
    #[inline(always)]
    pub const fn new([first, middle, last]: [u32; 3], origin: u32) -> Self {
        Self {
            low: first as u64 | (middle as u64) << 32,
            high: last as u64 | (origin as u64) << 32,
            tag: 0,
        }
    }

    /// The key of a frame with a tag of the bridge's kind.
    #[inline(always)]
    #[must_use]
    pub fn tagged(self, tci: u16) -> Self {
        Self {
            tag: 1 << 16 | u32::from(tci),
            ..self
        }
    }

    /// The one set that the flow's verdict can be in.
    #[inline(always)]
    pub const fn set(&self) -> u32 {
        // Multiplication spreads the differences, which are mostly in the addresses' last octets,
        // over the upper half (Knuth's multiplicative hashing).
        const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;
        let low = self.low ^ self.tag as u64;
        let mixed = (low.wrapping_mul(SPREAD) ^ self.high).wrapping_mul(SPREAD);
        let upper = (mixed >> 32) as u32;
        upper & (FLOW_SETS - 1)
    }
}

/// What a verdict depends on besides the frame and the time.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FlowStamp {
    /// `Settings::generation` it was made under.
    pub generation: u32,
    /// Moves that the datapath had seen on all CPUs.
    pub moves: u32,
}

impl FlowStamp {
    #[inline(always)]
    const fn word(self) -> u64 {
        self.generation as u64 | (self.moves as u64) << 32
    }
}

/// The jiffy in which the tick that `nanos` falls in is over, or an earlier one.
///
/// `jiffies` was read before `nanos`; `jiffy_nanos` is the length of a jiffy, or more than that. Where
/// it is not known, say so with 0: then nothing is kept. The kernel counts a jiffy a moment before it
/// moves the clock (`tick_do_update_jiffies64()`), so one is taken off.
#[inline(always)]
pub const fn tick_ends(jiffies: u64, nanos: u64, jiffy_nanos: u32) -> u64 {
    let left = Ticks::NANOS.wrapping_sub(nanos & (Ticks::NANOS - 1));
    match left.checked_div(jiffy_nanos as u64) {
        Some(jiffies_left) => jiffies.wrapping_add(jiffies_left.saturating_sub(1)),
        None => 0,
    }
}

/// A verdict on known unicast, as long as a cache line.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FlowEntry {
    /// `FlowKey::low`.
    pub low: u64,
    /// `FlowKey::high`.
    pub high: u64,
    /// The first jiffy in which the verdict is out of date; 0 in a slot that was never used.
    pub until: u64,
    /// What else the verdict depends on.
    pub stamp: FlowStamp,
    /// Largest frame that may leave by the egress port, in octets.
    pub max_len: u32,
    /// The port that the frames come in by.
    pub ingress: PortId,
    /// The port that they leave by.
    pub egress: PortId,
    /// The interface that they are handed to.
    pub target: u32,
    /// A [`Way`] by its number.
    pub way: u32,
    /// `FlowKey::tag`.
    pub tag: u32,
    /// What happens to the tag: [`crate::decide::TagAction::to_raw`].
    pub tag_action: u32,
    /// The VLAN, for its counters.
    pub vid: u16,
    /// What must be asked for every frame all the same.
    pub checks: FlowChecks,
}

/// What no verdict answers for more than one frame, a set of bits.
#[repr(transparent)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FlowChecks(pub u16);

impl FlowChecks {
    /// What the frame says of its sender.
    pub const GUARD: Self = Self(1);
    /// The rate of the ingress port.
    pub const RATE_IN: Self = Self(1 << 1);
    /// The rate of the egress port.
    pub const RATE_OUT: Self = Self(1 << 2);

    /// The checks of a flow from a port with flags `from` to one with flags `to`.
    #[inline(always)]
    pub const fn of(from: PortFlags, to: PortFlags) -> Self {
        let mut checks = 0;
        if from.intersects(PortFlags::GUARDED) {
            checks |= Self::GUARD.0;
        }
        if from.contains(PortFlags::RATE_IN) {
            checks |= Self::RATE_IN.0;
        }
        if to.contains(PortFlags::RATE_OUT) {
            checks |= Self::RATE_OUT.0;
        }
        Self(checks)
    }

    /// Says whether all bits of `other` are set.
    #[inline(always)]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

impl FlowEntry {
    /// Says whether the verdict is still right.
    #[inline(always)]
    pub const fn is_current(&self, stamp: FlowStamp, jiffies: u64) -> bool {
        jiffies < self.until && self.stamp.word() == stamp.word()
    }

    /// Says whether the verdict is on this flow and still right.
    #[inline(always)]
    pub const fn serves(&self, key: &FlowKey, stamp: FlowStamp, jiffies: u64) -> bool {
        self.low == key.low
            && self.high == key.high
            && self.tag == key.tag
            && self.is_current(stamp, jiffies)
    }

    /// Says whether frames of this size may leave by the egress port.
    #[inline(always)]
    pub const fn takes(&self, size: FrameSize) -> bool {
        size.largest <= self.max_len
    }

    /// How the frames are handed over.
    #[inline(always)]
    pub const fn way(&self) -> Way {
        Way::from_raw(self.way)
    }
}

/// The verdicts that share a slot; the value of map `FLOWS`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FlowSet {
    /// The first stays while it is current, so that of many flows some are always found.
    pub first: FlowEntry,
    /// The second makes room for every newcomer.
    pub second: FlowEntry,
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: FlowKey = FlowKey {
        low: 1,
        high: 2,
        tag: 0,
    };

    #[test]
    fn a_verdict_serves_only_its_flow_and_only_while_nothing_changed() {
        let stamp = FlowStamp {
            generation: 9,
            moves: 2,
        };
        let entry = FlowEntry {
            low: 1,
            high: 2,
            until: 100,
            stamp,
            max_len: 1518,
            ..FlowEntry::default()
        };
        assert!(entry.serves(&KEY, stamp, 99));
        assert!(!entry.serves(&KEY, stamp, 100));
        assert!(!entry.serves(&FlowKey { low: 0, ..KEY }, stamp, 99));
        assert!(!entry.serves(&FlowKey { high: 0, ..KEY }, stamp, 99));
        assert!(!entry.serves(&KEY.tagged(0), stamp, 99));
        let generation = FlowStamp {
            generation: 10,
            ..stamp
        };
        let moves = FlowStamp { moves: 3, ..stamp };
        assert!(!entry.serves(&KEY, generation, 99) && !entry.serves(&KEY, moves, 99));
        assert!(entry.takes(FrameSize::single(1518)) && !entry.takes(FrameSize::single(1519)));
    }

    #[test]
    fn every_part_of_a_frame_s_origin_is_in_its_key() {
        let key = FlowKey::new([1, 2, 3], 7);
        let others = [
            FlowKey::new([0, 2, 3], 7),
            FlowKey::new([1, 0, 3], 7),
            FlowKey::new([1, 2, 0], 7),
            FlowKey::new([1, 2, 3], 8),
            FlowKey::new([1, 2, 3], 7 | FlowKey::XDP),
        ];
        assert!(others.iter().all(|other| *other != key));
    }

    #[test]
    fn an_unused_slot_serves_nobody() {
        let zeros = FlowKey::new([0; 3], 0);
        assert!(!FlowEntry::default().serves(&zeros, FlowStamp::default(), 0));
    }

    #[test]
    fn a_verdict_never_outlives_its_tick() {
        const JIFFY: u64 = 4_000_000;
        for nanos in [
            0,
            1,
            JIFFY,
            Ticks::NANOS - 1,
            Ticks::NANOS,
            5 * Ticks::NANOS + 7,
        ] {
            let until = tick_ends(1000, nanos, 4_000_000);
            // Valid in jiffies before `until`, each of them counted a little ahead of the clock.
            let last = nanos + (until - 1000) * JIFFY;
            assert_eq!(Ticks::from_nanos(last), Ticks::from_nanos(nanos), "{nanos}");
        }
        assert_eq!(tick_ends(1000, Ticks::NANOS - 1, 4_000_000), 1000);
        assert_eq!(tick_ends(1000, 0, 0), 0);
    }

    #[test]
    fn sets_are_in_range_and_neighbours_spread() {
        let set = |n: u32| FlowKey::new([0x02, n.swap_bytes(), n.swap_bytes()], 10).set();
        let sets: std::collections::HashSet<u32> = (0..1000_u32).map(set).collect();
        assert!(sets.iter().all(|set| *set < FLOW_SETS));
        assert!(sets.len() > 800, "1000 flows share {} sets", sets.len());
    }
}
