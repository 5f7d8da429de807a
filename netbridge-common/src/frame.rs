//! What the bridge reads of a frame.

use crate::MacAddr;

/// Octets of an untagged Ethernet header: destination, source, `EtherType`.
pub const ETH_HEADER_LEN: u32 = 14;

/// Octets of an 802.1Q tag.
pub const VLAN_TAG_LEN: u32 = 4;

/// `EtherType` of MAC control frames (PAUSE), which no bridge relays (802.3 clause 31).
pub const ETHERTYPE_MAC_CONTROL: u16 = 0x8808;

/// `EtherType` of an 802.1Q customer tag.
pub const ETHERTYPE_VLAN: u16 = 0x8100;

/// `EtherType` of an 802.1ad service tag.
pub const ETHERTYPE_SVLAN: u16 = 0x88a8;

/// The header fields that bridging decisions depend on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameHead {
    /// Destination address.
    pub dst: MacAddr,
    /// Source address.
    pub src: MacAddr,
    /// The two octets after the addresses: an `EtherType`, a tag's TPID, or an 802.3 length.
    pub ethertype: u16,
}

impl FrameHead {
    /// Reads the first 14 octets of a frame.
    #[inline(always)]
    pub const fn parse(octets: &[u8; ETH_HEADER_LEN as usize]) -> Self {
        let [d0, d1, d2, d3, d4, d5, s0, s1, s2, s3, s4, s5, t0, t1] = *octets;
        Self {
            dst: MacAddr([d0, d1, d2, d3, d4, d5]),
            src: MacAddr([s0, s1, s2, s3, s4, s5]),
            ethertype: u16::from_be_bytes([t0, t1]),
        }
    }
}

/// How much traffic one buffer stands for: a GSO buffer is many frames on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameSize {
    /// Frames that the buffer becomes when it is segmented; 1 without GSO.
    pub frames: u32,
    /// Octets of all of them, each with its own headers, without FCS.
    pub bytes: u32,
    /// Octets of the largest of them.
    pub largest: u32,
}

impl FrameSize {
    /// A buffer that is one frame of `len` octets.
    #[inline(always)]
    pub const fn single(len: u32) -> Self {
        Self {
            frames: 1,
            bytes: len,
            largest: len,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn head_is_read_in_wire_order() {
        let head = FrameHead::parse(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 0x86, 0xdd]);
        assert_eq!(head.dst, MacAddr([1, 2, 3, 4, 5, 6]));
        assert_eq!(head.src, MacAddr([7, 8, 9, 10, 11, 12]));
        assert_eq!(head.ethertype, 0x86dd);
    }
}
