//! What the datapath reports as it happens, through a ring buffer.

use crate::{MacAddr, PortId};

/// What an [`Event`] is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// A new address was learned on `port`.
    Learned = 1,
    /// An address moved from `other_port` to `port`.
    Moved = 2,
    /// An address could not be learned on `port`: a limit is reached.
    Limit = 3,
    /// A port came, went or changed; sent by userspace, from the kernel's link events.
    Port = 4,
    /// An address has moved between `other_port` and `port` too often.
    Flapping = 5,
    /// A probe that was sent out of `other_port` came in on `port`.
    Loop = 6,
}

impl EventKind {
    /// The kind of a number found in an event.
    pub const fn from_raw(raw: u32) -> Option<Self> {
        match raw {
            1 => Some(Self::Learned),
            2 => Some(Self::Moved),
            3 => Some(Self::Limit),
            4 => Some(Self::Port),
            5 => Some(Self::Flapping),
            6 => Some(Self::Loop),
            _ => None,
        }
    }

    /// Says whether the event is one of few that matter more than all others.
    #[inline(always)]
    pub const fn is_urgent(self) -> bool {
        matches!(self, Self::Flapping | Self::Loop)
    }

    /// The name that output uses.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Learned => "learned",
            Self::Moved => "moved",
            Self::Limit => "limit",
            Self::Port => "port",
            Self::Flapping => "flapping",
            Self::Loop => "loop",
        }
    }
}

/// A record in ring buffer `EVENTS`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Event {
    /// An [`EventKind`] by its number.
    pub kind: u32,
    /// The port it happened on.
    pub port: PortId,
    /// The port an address moved away from.
    pub other_port: PortId,
    /// The address's VLAN; 0 on a bridge that does not filter VLANs.
    pub vid: u16,
    /// The address.
    pub mac: MacAddr,
    /// Zero.
    pub pad: u32,
    /// `CLOCK_MONOTONIC_COARSE`, in nanoseconds.
    pub nanos: u64,
}

/// A CPU's use of its event rate; the value of map `EVENT_BUDGET`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EventBudget {
    /// The tick that `used` counts in.
    pub tick: u32,
    /// Events sent in that tick.
    pub used: u32,
    /// Events lost so far: over the rate, or the ring was full.
    pub lost: u64,
    /// Events sent in that tick that are few and must not be lost among the others.
    pub urgent: u32,
    /// Zero.
    pub pad: u32,
}

/// Urgent events that a CPU may send in a tick: a loop brings a storm of moves with it, which must not
/// hide it.
pub const URGENT_RATE: u32 = 16;

impl EventBudget {
    /// Takes one event out of the budget of `rate` per tick, or of [`URGENT_RATE`] where it is urgent; false
    /// where none is left.
    #[inline(always)]
    pub fn take(&mut self, tick: u32, rate: u32, urgent: bool) -> bool {
        if self.tick != tick {
            self.tick = tick;
            self.used = 0;
            self.urgent = 0;
        }
        if urgent {
            self.urgent = self.urgent.saturating_add(1);
            return self.urgent <= URGENT_RATE;
        }
        self.used = self.used.saturating_add(1);
        self.used <= rate
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_budget_is_per_tick() {
        let mut budget = EventBudget::default();
        assert_eq!((0..5).filter(|_| budget.take(1, 3, false)).count(), 3);
        assert_eq!((0..5).filter(|_| budget.take(2, 3, false)).count(), 3);
    }

    #[test]
    fn a_storm_of_events_does_not_hide_the_urgent_ones() {
        let mut budget = EventBudget::default();
        assert!((0..1000).filter(|_| budget.take(1, 3, false)).count() == 3);
        let urgent = (0..100).filter(|_| budget.take(1, 3, true)).count();
        assert_eq!(urgent, URGENT_RATE as usize);
        assert!(budget.take(2, 3, false) && budget.take(2, 3, true));
        assert!(EventKind::Loop.is_urgent() && !EventKind::Moved.is_urgent());
    }
}
