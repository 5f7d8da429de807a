//! Bounds-checked access to the linear part of a frame.
#![expect(unsafe_code, reason = "reads packet memory between checked bounds")]

use netbridge_common::{
    FrameHead,
    frame::{ETH_HEADER_LEN, ETHERTYPE_SVLAN, ETHERTYPE_VLAN, VLAN_TAG_LEN},
    vlan::Tag,
};

/// Octets of the two addresses.
const ADDRESSES_LEN: usize = 12;

/// The header as the seven 16-bit words that packet memory is aligned for.
type Words = [u16; 7];

/// Reads the Ethernet header of a frame whose linear part is `data..data_end`.
#[inline(always)]
pub fn head(data: usize, data_end: usize) -> Option<FrameHead> {
    if data.wrapping_add(ETH_HEADER_LEN as usize) > data_end {
        return None;
    }
    let words = data as *const Words;
    // SAFETY: the 14 octets lie within the bounds checked above, as the verifier confirms.
    let [w0, w1, w2, w3, w4, w5, w6] = unsafe { *words };
    let [d0, d1] = w0.to_ne_bytes();
    let [d2, d3] = w1.to_ne_bytes();
    let [d4, d5] = w2.to_ne_bytes();
    let [s0, s1] = w3.to_ne_bytes();
    let [s2, s3] = w4.to_ne_bytes();
    let [s4, s5] = w5.to_ne_bytes();
    let [t0, t1] = w6.to_ne_bytes();
    Some(FrameHead::parse(&[
        d0, d1, d2, d3, d4, d5, s0, s1, s2, s3, s4, s5, t0, t1,
    ]))
}

/// Reads both addresses and the `EtherType`, as they stand, for comparison with a cached flow.
///
/// Three 32-bit loads where [`head`] needs seven and a lot of shifting: every architecture that BPF
/// runs on with a JIT takes them wherever they lie, and the verifier refuses them elsewhere.
#[inline(always)]
pub fn addresses(data: usize, data_end: usize) -> Option<([u32; 3], u16)> {
    if data.wrapping_add(ETH_HEADER_LEN as usize) > data_end {
        return None;
    }
    // SAFETY: the 12 octets lie within the bounds checked above, as the verifier confirms.
    let addresses = unsafe { *(data as *const [u32; 3]) };
    // SAFETY: as above.
    let ethertype = unsafe { *(data.wrapping_add(ADDRESSES_LEN) as *const u16) };
    Some((addresses, u16::from_be(ethertype)))
}

/// Octets up to the end of a first tag.
const TAGGED_LEN: usize = (ETH_HEADER_LEN + VLAN_TAG_LEN) as usize;

/// Reads the tag that follows the addresses, where one does.
#[inline(always)]
pub fn tag(data: usize, data_end: usize) -> Tag {
    if data.wrapping_add(TAGGED_LEN) > data_end {
        return Tag::NONE;
    }
    // SAFETY: the 18 octets lie within the bounds checked above, as the verifier confirms.
    let [tpid, tci] = unsafe { *(data.wrapping_add(ADDRESSES_LEN) as *const [u16; 2]) };
    let tpid = u16::from_be(tpid);
    if tpid != ETHERTYPE_VLAN && tpid != ETHERTYPE_SVLAN {
        return Tag::NONE;
    }
    Tag {
        tpid,
        tci: u16::from_be(tci),
    }
}

/// Writes the tag that follows the addresses; false where there is no room.
#[inline(always)]
pub fn write_tag(data: usize, data_end: usize, tag: Tag) -> bool {
    if data.wrapping_add(TAGGED_LEN) > data_end {
        return false;
    }
    let words = [tag.tpid.to_be(), tag.tci.to_be()];
    // SAFETY: the 18 octets lie within the bounds checked above, as the verifier confirms.
    unsafe { *(data.wrapping_add(ADDRESSES_LEN) as *mut [u16; 2]) = words };
    true
}

/// Writes both addresses; false where there is no room.
#[inline(always)]
pub fn write_addresses(data: usize, data_end: usize, addresses: [u32; 3]) -> bool {
    if data.wrapping_add(ADDRESSES_LEN) > data_end {
        return false;
    }
    // SAFETY: the 12 octets lie within the bounds checked above, as the verifier confirms.
    unsafe { *(data as *mut [u32; 3]) = addresses };
    true
}
