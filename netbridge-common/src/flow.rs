//! The flow cache: verdicts on known unicast that were right a moment ago.
//!
//! A verdict may be used again while three things stand still: the tick (so that sources are
//! refreshed and entries age), the generation (so that a change by an operator counts at once) and
//! the count of moves (so that a station is followed). It never changes a decision, only its cost.

use crate::{FrameSize, PortId, Ticks, decide::Way};

/// Slots of the cache on each CPU, a power of two.
pub const FLOW_SLOTS: u32 = 4096;

/// What tells flows apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlowKey {
    /// Destination and source, as they stand in the frame.
    pub addresses: [u32; 3],
    /// Interface that the frame came in on, and the hook in the highest bit: each hook has its
    /// own way of sending.
    pub source: u32,
}

impl FlowKey {
    /// The bit of `source` that frames at XDP have.
    pub const XDP: u32 = 1 << 31;

    /// The one slot that the flow's verdict can be in.
    #[inline(always)]
    pub const fn slot(&self) -> u32 {
        // Multiplication spreads the differences, which are mostly in the addresses' last octets,
        // over the upper half (Knuth's multiplicative hashing).
        const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;
        let [first, middle, last] = self.addresses;
        let low = first as u64 | (middle as u64) << 32;
        let high = last as u64 | (self.source as u64) << 32;
        let mixed = (low.wrapping_mul(SPREAD) ^ high).wrapping_mul(SPREAD);
        let upper = (mixed >> 32) as u32;
        upper & (FLOW_SLOTS - 1)
    }
}

/// What a verdict depends on besides the frame.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FlowStamp {
    /// The tick it was made in.
    pub tick: Ticks,
    /// `Settings::generation` it was made under.
    pub generation: u32,
    /// Moves that the datapath had seen on all CPUs.
    pub moves: u32,
}

/// A verdict on known unicast; the value of map `FLOWS`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FlowEntry {
    /// `FlowKey::addresses`.
    pub addresses: [u32; 3],
    /// `FlowKey::source`; 0 in a slot that was never used.
    pub source: u32,
    /// What the verdict depends on.
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
}

impl FlowEntry {
    /// Says whether the verdict is on this flow and still right.
    #[inline(always)]
    pub fn serves(&self, key: &FlowKey, stamp: &FlowStamp) -> bool {
        self.addresses == key.addresses && self.source == key.source && self.stamp == *stamp
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

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: FlowKey = FlowKey {
        addresses: [1, 2, 3],
        source: 7,
    };

    #[test]
    fn a_verdict_serves_only_its_flow_and_only_while_nothing_changed() {
        let stamp = FlowStamp {
            tick: Ticks(5),
            generation: 9,
            moves: 2,
        };
        let entry = FlowEntry {
            addresses: [1, 2, 3],
            source: 7,
            stamp,
            max_len: 1518,
            ..FlowEntry::default()
        };
        assert!(entry.serves(&KEY, &stamp));
        let others = [
            FlowKey {
                addresses: [0, 2, 3],
                ..KEY
            },
            FlowKey {
                addresses: [1, 0, 3],
                ..KEY
            },
            FlowKey {
                addresses: [1, 2, 0],
                ..KEY
            },
            FlowKey { source: 8, ..KEY },
            FlowKey {
                source: 7 | FlowKey::XDP,
                ..KEY
            },
        ];
        assert!(others.iter().all(|key| !entry.serves(key, &stamp)));
        let later = [
            FlowStamp {
                tick: Ticks(6),
                ..stamp
            },
            FlowStamp {
                generation: 10,
                ..stamp
            },
            FlowStamp { moves: 3, ..stamp },
        ];
        assert!(later.iter().all(|stamp| !entry.serves(&KEY, stamp)));
        assert!(entry.takes(FrameSize::single(1518)) && !entry.takes(FrameSize::single(1519)));
    }

    #[test]
    fn an_unused_slot_serves_nobody() {
        let zeros = FlowKey {
            addresses: [0; 3],
            source: 1,
        };
        assert!(!FlowEntry::default().serves(&zeros, &FlowStamp::default()));
    }

    #[test]
    fn slots_are_in_range_and_neighbours_spread() {
        let slots: std::collections::HashSet<u32> = (0..1000_u32)
            .map(|n| {
                FlowKey {
                    addresses: [0x02, n.swap_bytes(), n.swap_bytes()],
                    source: 10,
                }
                .slot()
            })
            .collect();
        assert!(slots.iter().all(|slot| *slot < FLOW_SLOTS));
        assert!(slots.len() > 800, "1000 flows share {} slots", slots.len());
    }
}
