//! Random frames through a bridge that filters VLANs, played alike on netbridge and, in a virtual machine,
//! on a kernel that can filter them.
//!
//! Left out on purpose, because the two are meant to differ: reserved groups and MAC control. Left out
//! because the kernel's bridge does not have them: acceptable frame types other than by the PVID, and ports
//! without an ingress filter.

mod play;
mod script;

use netbridge_common::frame::{ETHERTYPE_SVLAN, ETHERTYPE_VLAN};

pub use self::{
    play::{Copy, Played, hex, play},
    script::{Change, Phase, Sent, Trial},
};

/// A port's membership of a VLAN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    /// The VLAN.
    pub vid: u16,
    /// Frames without one belong to it.
    pub pvid: bool,
    /// Frames leave without a tag.
    pub untagged: bool,
}

impl Member {
    /// Frames of the VLAN have a tag on this port.
    pub const fn tagged(vid: u16) -> Self {
        Self {
            vid,
            pvid: false,
            untagged: false,
        }
    }

    /// Frames of the VLAN have no tag on this port, and those without one belong to it.
    pub const fn native(vid: u16) -> Self {
        Self {
            vid,
            pvid: true,
            untagged: true,
        }
    }
}

/// A bridge that a trial is played on.
pub trait Joined {
    /// Makes port `n`, from 1, a member of VLANs, or takes it out of them.
    fn set(&mut self, n: usize, change: &[(Member, bool)]);
}

/// The number of tags in front of what a frame carries, in octets.
pub fn tags(frame: &[u8]) -> &[u8] {
    let mut end = 12;
    while frame.get(end..end + 2).is_some_and(|tpid| {
        let tpid = u16::from_be_bytes([tpid[0], tpid[1]]);
        tpid == ETHERTYPE_VLAN || tpid == ETHERTYPE_SVLAN
    }) {
        end += 4;
    }
    &frame[12..end.min(frame.len())]
}
