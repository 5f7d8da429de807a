//! Why a frame is dropped.

/// The one reason that every dropped frame has; its number is its slot in
/// [`crate::PortCounters::drops`].
#[must_use]
#[repr(u8)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DropReason {
    /// The frame has no complete Ethernet header.
    Malformed = 0,
    /// The port is not in a state in which frames pass.
    PortDisabled = 1,
    /// The destination is a group that bridges never relay, or the frame is MAC control.
    ReservedGroup = 2,
    /// The source is a group address or zero.
    InvalidSource = 3,
    /// The source is the bridge's own address, so somebody else uses it or there is a loop.
    OwnSource = 4,
    /// The destination is behind the port that the frame came from.
    SamePort = 5,
    /// The frame is larger than the egress port's MTU allows.
    TooBig = 6,
    /// The egress port is gone or not forwarding.
    EgressDown = 7,
    /// The kernel refused to hand the frame to the egress port.
    RedirectFailed = 8,
}

impl DropReason {
    /// Every reason, in the order of their numbers.
    pub const ALL: [Self; 9] = [
        Self::Malformed,
        Self::PortDisabled,
        Self::ReservedGroup,
        Self::InvalidSource,
        Self::OwnSource,
        Self::SamePort,
        Self::TooBig,
        Self::EgressDown,
        Self::RedirectFailed,
    ];

    /// The name that the command line, the metrics and the docs share.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::PortDisabled => "port_disabled",
            Self::ReservedGroup => "reserved_group",
            Self::InvalidSource => "invalid_source",
            Self::OwnSource => "own_source",
            Self::SamePort => "same_port",
            Self::TooBig => "too_big",
            Self::EgressDown => "egress_down",
            Self::RedirectFailed => "redirect_failed",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counters::DROP_SLOTS;

    #[test]
    fn numbers_are_slots_and_names_are_unique() {
        let mut names = std::collections::HashSet::new();
        for (slot, reason) in DropReason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, slot);
            assert!(slot < DROP_SLOTS);
            assert!(names.insert(reason.name()));
        }
    }
}
