//! Which ports get a copy of a frame.
//!
//! A copy is no frame of the bridge: it is not learned from, not counted as sent, and never mirrored
//! itself, so ports may be mirrored to each other.

use super::{DropReason, egress};
use crate::{FrameSize, PortConf, PortFlags, PortId};

/// The ports that get a copy of a frame as it comes in, or as it leaves: that of the port's mirror and
/// that of its VLAN's. No port gets two of them, nor one of what it sends or receives itself.
///
/// One number, the port's in its lower half: the datapath hands it on as one.
#[must_use]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Copies(pub u32);

impl Copies {
    /// No copy.
    pub const NONE: Self = Self(0);

    /// The copies of a frame that comes in, or leaves, by port `id`; each mirror's target, or 0.
    #[inline(always)]
    pub fn of(id: PortId, port: u16, vlan: u16) -> Self {
        let elsewhere = |target: u16| {
            let own = u32::from(target) == id.0;
            if own { 0 } else { u32::from(target) }
        };
        let port = elsewhere(port);
        let vlan = elsewhere(vlan);
        let vlan = if vlan == port { 0 } else { vlan };
        Self(port | vlan << 16)
    }

    /// Those for the VLAN alone, where the port's have been made.
    #[inline(always)]
    pub const fn of_vlan(self) -> Self {
        Self(self.0 & 0xffff_0000)
    }

    /// Says whether there is none.
    #[inline(always)]
    #[must_use]
    pub const fn is_none(self) -> bool {
        self.0 == 0
    }

    /// Both sets together, to ask whether there is one at all.
    #[inline(always)]
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The ports that get one; [`PortId::NONE`] for none.
    #[inline(always)]
    pub const fn targets(self) -> [PortId; 2] {
        [PortId(self.0 & 0xffff), PortId(self.0 >> 16)]
    }
}

/// Checks whether a port takes a copy; only an operator decides what it may see, so isolation and
/// VLANs do not count.
#[inline(always)]
pub fn takes_copy(target: &PortConf, size: FrameSize) -> Result<(), DropReason> {
    egress(PortFlags::default(), target, size)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PortState;

    #[test]
    fn each_mirror_has_its_copy_and_no_port_has_two() {
        for (port, vlan, expected) in [
            (0, 0, [0, 0]),
            (2, 0, [2, 0]),
            (0, 3, [0, 3]),
            (2, 3, [2, 3]),
            (2, 2, [2, 0]),
            // What the target sends or receives itself it has seen.
            (1, 0, [0, 0]),
            (0, 1, [0, 0]),
            (1, 1, [0, 0]),
            (1, 3, [0, 3]),
            (2, 1, [2, 0]),
            (0xffff, 0xfffe, [0xffff, 0xfffe]),
        ] {
            let copies = Copies::of(PortId(1), port, vlan);
            assert_eq!(copies.targets(), expected.map(PortId), "{port} {vlan}");
            assert_eq!(copies.is_none(), expected == [0, 0]);
            let [_, vlan] = expected.map(PortId);
            assert_eq!(copies.of_vlan().targets(), [PortId::NONE, vlan]);
            assert_eq!(copies.or(Copies::NONE), copies);
        }
    }

    #[test]
    fn a_target_is_asked_for_its_state_and_its_size_alone() {
        let target = PortConf {
            ifindex: 7,
            mtu: 1500,
            flags: PortFlags::ISOLATED,
            state: PortState::Forwarding as u8,
            ..PortConf::default()
        };
        let small = FrameSize::single(60);
        assert_eq!(takes_copy(&target, small), Ok(()));
        let big = FrameSize::single(1519);
        assert_eq!(takes_copy(&target, big), Err(DropReason::TooBig));
        let down = PortConf {
            state: PortState::Disabled as u8,
            ..target
        };
        assert_eq!(takes_copy(&down, small), Err(DropReason::EgressDown));
        let gone = PortConf::default();
        assert_eq!(takes_copy(&gone, small), Err(DropReason::EgressDown));
    }
}
