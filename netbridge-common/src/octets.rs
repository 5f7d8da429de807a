//! Reading a frame beyond its Ethernet header, wherever its octets are.

use crate::frame::{ETH_HEADER_LEN, ETHERTYPE_SVLAN, ETHERTYPE_VLAN, VLAN_TAG_LEN};

/// A frame's octets, from the destination address on.
pub trait Octets {
    /// Fills `into` with the octets from `at` on; false, and `into` of no use, where the frame is shorter.
    fn read<const N: usize>(&self, at: u32, into: &mut [u8; N]) -> bool;
}

impl Octets for [u8] {
    fn read<const N: usize>(&self, at: u32, into: &mut [u8; N]) -> bool {
        let octets = usize::try_from(at).ok().and_then(|at| self.get(at..));
        let Some(octets) = octets.and_then(|octets| octets.first_chunk()) else {
            return false;
        };
        *into = *octets;
        true
    }
}

/// What a frame carries, behind its tags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Payload {
    /// Its `EtherType`; that of a tag where there are more than two.
    pub ethertype: u16,
    /// Where it begins.
    pub at: u32,
}

impl Payload {
    /// The payload of a frame whose first tag, where it has one, is still in it.
    ///
    /// What is cut off in its tags has the `EtherType` of a tag.
    #[inline(always)]
    pub fn of(frame: &(impl Octets + ?Sized)) -> Self {
        let mut payload = Self {
            ethertype: 0,
            at: ETH_HEADER_LEN,
        };
        let mut word = [0; 2];
        if frame.read(ETH_HEADER_LEN.wrapping_sub(2), &mut word) {
            payload.ethertype = u16::from_be_bytes(word);
        }
        let mut tags = 0;
        while tags < MAX_TAGS && payload.is_tagged() {
            if !frame.read(payload.at.wrapping_add(2), &mut word) {
                break;
            }
            payload.ethertype = u16::from_be_bytes(word);
            payload.at = payload.at.wrapping_add(VLAN_TAG_LEN);
            tags = MAX_TAGS.min(tags.wrapping_add(1));
        }
        payload
    }

    /// Says whether what it carries is another tag: one too many to look behind, or one cut off.
    #[inline(always)]
    pub const fn is_tagged(self) -> bool {
        matches!(self.ethertype, ETHERTYPE_VLAN | ETHERTYPE_SVLAN)
    }
}

/// Tags that are looked behind.
const MAX_TAGS: u32 = 2;

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(tags: usize, ethertype: u16) -> Vec<u8> {
        let mut frame = vec![0; 12];
        for _ in 0..tags {
            frame.extend([0x81, 0, 0, 10]);
        }
        frame.extend(ethertype.to_be_bytes());
        frame
    }

    #[test]
    fn the_payload_is_found_behind_up_to_two_tags() {
        for (tags, at) in [(0, 14), (1, 18), (2, 22)] {
            let ethertype = 0x0806;
            let payload = Payload::of(frame(tags, ethertype).as_slice());
            assert_eq!(payload, Payload { ethertype, at });
        }
        assert!(Payload::of(frame(3, 0x0806).as_slice()).is_tagged());
        assert!(Payload::of(&frame(1, 0x0806)[..16]).is_tagged());
        assert_eq!(Payload::of(&[0_u8; 10][..]).ethertype, 0);
    }

    #[test]
    fn octets_are_read_whole_or_not_at_all() {
        let octets = [1_u8, 2, 3, 4];
        let mut into = [0; 2];
        assert!(octets[..].read(2, &mut into) && into == [3, 4]);
        assert!(!octets[..].read(3, &mut into) && !octets[..].read(u32::MAX, &mut into));
    }
}
