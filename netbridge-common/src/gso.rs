//! The size of the frames that a GSO buffer stands for.

use crate::frame::{ETH_HEADER_LEN, ETHERTYPE_SVLAN, ETHERTYPE_VLAN, FrameSize, VLAN_TAG_LEN};

const ETHERTYPE_IPV4: u16 = 0x0800;
const ETHERTYPE_IPV6: u16 = 0x86dd;
const IPV6_HEADER_LEN: u32 = 40;
const PROTO_TCP: u8 = 6;
const UDP_HEADER_LEN: u32 = 8;
/// Tags that are skipped on the way to the IP header.
const MAX_TAGS: usize = 2;

/// The length of the headers that segmentation repeats in front of every segment, in octets.
///
/// `octet(at)` reads the frame. Encapsulations and IPv6 extension headers are not followed: their
/// inner headers then count as payload, so `bytes` comes out a little low, never high.
/// The kernel's counterpart is `qdisc_pkt_len_init()`.
#[inline(always)]
pub fn header_len(octet: impl Fn(u32) -> Option<u8>) -> Option<u32> {
    let word = |at: u32| Some(u16::from_be_bytes([octet(at)?, octet(at.wrapping_add(1))?]));
    let mut l3 = ETH_HEADER_LEN;
    let mut ethertype = word(ETH_HEADER_LEN.wrapping_sub(2))?;
    for _ in 0..MAX_TAGS {
        if ethertype != ETHERTYPE_VLAN && ethertype != ETHERTYPE_SVLAN {
            break;
        }
        ethertype = word(l3.wrapping_add(2))?;
        l3 = l3.wrapping_add(VLAN_TAG_LEN);
    }
    let (l4, proto) = match ethertype {
        ETHERTYPE_IPV4 => {
            let words = u32::from(octet(l3)? & 0x0f);
            (
                l3.wrapping_add(words.wrapping_mul(4)),
                octet(l3.wrapping_add(9))?,
            )
        }
        ETHERTYPE_IPV6 => (l3.wrapping_add(IPV6_HEADER_LEN), octet(l3.wrapping_add(6))?),
        _ => return Some(l3),
    };
    if proto == PROTO_TCP {
        let words = u32::from(octet(l4.wrapping_add(12))? >> 4);
        Some(l4.wrapping_add(words.wrapping_mul(4)))
    } else {
        Some(l4.wrapping_add(UDP_HEADER_LEN))
    }
}

/// What a buffer of `len` octets becomes when it is cut into segments of `gso_size` octets of
/// payload behind `header_len` octets of headers.
///
/// `gso_segs` is the kernel's count; it is 0 for buffers from untrusted sources (`SKB_GSO_DODGY`),
/// where the count follows from the sizes.
#[inline(always)]
pub fn size(len: u32, gso_size: u32, gso_segs: u32, header_len: u32) -> FrameSize {
    if gso_size == 0 || header_len >= len {
        return FrameSize::single(len);
    }
    let payload = len.wrapping_sub(header_len);
    let frames = if gso_segs == 0 {
        payload.div_ceil(gso_size)
    } else {
        gso_segs
    };
    FrameSize {
        frames,
        bytes: len.wrapping_add(frames.wrapping_sub(1).wrapping_mul(header_len)),
        largest: header_len.wrapping_add(gso_size.min(payload)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(frame: &[u8]) -> Option<u32> {
        header_len(|at| frame.get(at as usize).copied())
    }

    /// An Ethernet header with `tags` tags in front of `ethertype`.
    fn eth(tags: usize, ethertype: u16) -> Vec<u8> {
        let mut frame = vec![0; 12];
        for _ in 0..tags {
            frame.extend([0x81, 0x00, 0x00, 0x0a]);
        }
        frame.extend(ethertype.to_be_bytes());
        frame
    }

    fn tcp4(tags: usize) -> Vec<u8> {
        let mut frame = eth(tags, ETHERTYPE_IPV4);
        let mut ip = [0; 20];
        (ip[0], ip[9]) = (0x45, PROTO_TCP);
        let mut tcp = [0; 32];
        tcp[12] = 8 << 4;
        frame.extend(ip);
        frame.extend(tcp);
        frame
    }

    #[test]
    fn headers_of_tcp_and_udp_are_measured_behind_up_to_two_tags() {
        for (tags, len) in [(0, 66), (1, 70), (2, 74)] {
            assert_eq!(read(&tcp4(tags)), Some(len));
        }
        let mut udp6 = eth(0, ETHERTYPE_IPV6);
        udp6.extend([0; 40]);
        udp6[14 + 6] = 17;
        assert_eq!(read(&udp6), Some(14 + 40 + 8));
        assert_eq!(read(&eth(0, 0x88b5)), Some(14));
        assert_eq!(read(&tcp4(0)[..20]), None);
    }

    #[test]
    fn a_gso_buffer_counts_as_the_frames_it_becomes() {
        let (header, gso) = (66, 1448);
        let full = size(header + 3 * gso, gso, 3, header);
        assert_eq!(
            full,
            FrameSize {
                frames: 3,
                bytes: 3 * (header + gso),
                largest: header + gso
            }
        );
        let ragged = size(header + gso + 1, gso, 0, header);
        assert_eq!(
            ragged,
            FrameSize {
                frames: 2,
                bytes: 2 * header + gso + 1,
                largest: header + gso
            }
        );
        assert_eq!(size(1514, 0, 0, 0), FrameSize::single(1514));
    }
}
