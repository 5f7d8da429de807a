//! IPv6 datagrams to groups, and MLD.

use super::{Family, Seen, What, has, igmp::PIM_HELLO, ticks_of_millis, word};
use crate::octets::Octets;

/// Octets of the IPv6 header, and where its parts stand.
const HEADER_LEN: u32 = 40;
const LENGTH: u32 = 4;
const SRC: u32 = 8;
const DST: u32 = 24;
const HOP_BY_HOP: u8 = 0;
const ICMPV6: u8 = 58;
const PIM: u8 = 103;
/// The last word of `ff02::1` and of `ff02::d`.
const ALL_NODES: u32 = 0x1;
const ALL_PIM_ROUTERS: u32 = 0xd;
/// Octets up to the group or the records, of a message of version 1, and of a query of version 2.
const FIXED_LEN: u32 = 8;
const MESSAGE_LEN: u32 = 24;
const QUERY2_LEN: u32 = 28;

/// Looks into the header of the datagram at `ip`.
#[inline(always)]
pub(super) fn see(frame: &(impl Octets + ?Sized), ip: u32) -> Seen {
    let [version, ..] = word(frame, ip).to_be_bytes();
    if version & 0xf0 != 0x60 {
        return Seen::open(Family::Ipv6);
    }
    let [len_high, len_low, next, hop_limit] = word(frame, ip.wrapping_add(LENGTH)).to_be_bytes();
    let payload = ip.wrapping_add(HEADER_LEN);
    let [inner, options, ..] = word(frame, payload).to_be_bytes();
    if next == PIM && inner == PIM_HELLO && is_of_link(frame, ip.wrapping_add(DST), ALL_PIM_ROUTERS)
    {
        return Seen::router(Family::Ipv6);
    }
    let options = u32::from(options).wrapping_add(1).wrapping_mul(8);
    let message = payload.wrapping_add(options);
    let end = payload.wrapping_add(u32::from(u16::from_be_bytes([len_high, len_low])));
    let fits = has(frame, message, end, FIXED_LEN);
    if next == HOP_BY_HOP && inner == ICMPV6 && hop_limit == 1 && fits {
        Seen::message_in(Family::Ipv6, ip, message, end)
    } else {
        data(frame, ip)
    }
}

/// What the datagram at `ip` is without a message.
#[inline(always)]
fn data(frame: &(impl Octets + ?Sized), ip: u32) -> Seen {
    let dst = ip.wrapping_add(DST);
    Seen::to(Family::Ipv6, word(frame, dst), dst)
}

/// Says whether the address at `at` is one of the link that ends so.
#[inline(always)]
fn is_of_link(frame: &(impl Octets + ?Sized), at: u32, last: u32) -> bool {
    word(frame, at) == 0xff02_0000 && word(frame, at.wrapping_add(12)) == last
}

/// Looks into the message between two places of the datagram at `ip`.
#[inline(always)]
pub(super) fn message(frame: &(impl Octets + ?Sized), ip: u32, at: u32, end: u32) -> Seen {
    let [kind, ..] = word(frame, at).to_be_bytes();
    let second = word(frame, at.wrapping_add(4));
    let len = end.wrapping_sub(at);
    let (what, more) = match kind {
        130 if len == MESSAGE_LEN || len >= QUERY2_LEN => {
            let delay = millis(second >> 16, len != MESSAGE_LEN);
            (query(frame, at, ip), ticks_of_millis(delay).0)
        }
        131 if len >= MESSAGE_LEN => (What::Join, 0),
        132 if len >= MESSAGE_LEN => (What::Leave, 0),
        143 => (What::Records, second & 0xffff),
        151 => (What::Router, 0),
        _ => (What::Other, 0),
    };
    if what == What::Other {
        return data(frame, ip);
    }
    Seen {
        what,
        family: Family::Ipv6,
        at: at.wrapping_add(FIXED_LEN),
        end,
        more,
    }
}

/// What a query asks for; `Other` where it is none that counts (RFC 3810 5.1.14, 5.1.15).
#[inline(always)]
fn query(frame: &(impl Octets + ?Sized), at: u32, ip: u32) -> What {
    // `fe80::/10`
    if word(frame, ip.wrapping_add(SRC)) & 0xffc0_0000 != 0xfe80_0000 {
        return What::Other;
    }
    // An address that does not begin with ones is no group: the query is for all.
    match word(frame, at.wrapping_add(FIXED_LEN)) {
        0 if is_of_link(frame, ip.wrapping_add(DST), ALL_NODES) => What::Query,
        0 => What::Other,
        _ => What::GroupQuery,
    }
}

/// The longest that an answer may take (RFC 3810 5.1.3).
#[inline(always)]
const fn millis(code: u32, of_version_2: bool) -> u32 {
    if code < 0x8000 || !of_version_2 {
        return code;
    }
    let (mantissa, exponent) = (code & 0x0fff, code >> 12 & 0x07);
    (mantissa | 0x1000).wrapping_shl(exponent.wrapping_add(3))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Ticks, octets::Payload};

    const GROUP: [u8; 16] = [
        0xff, 0x0e, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x12, 0x34, 0x56, 0x78,
    ];
    const NODES: [u8; 16] = [0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
    const SOURCE: [u8; 16] = [0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9];

    /// A message behind a router alert, as MLD is sent.
    fn mld(dst: [u8; 16], message: &[u8]) -> Vec<u8> {
        let len = u16::try_from(message.len() + 8).unwrap();
        let mut frame = vec![0x33, 0x33, 0, 0, 0, 1, 2, 0, 0, 0, 0, 1, 0x86, 0xdd];
        frame.extend([0x60, 0, 0, 0]);
        frame.extend(len.to_be_bytes());
        frame.extend([HOP_BY_HOP, 1]);
        frame.extend(SOURCE);
        frame.extend(dst);
        frame.extend([ICMPV6, 0, 5, 2, 0, 0, 1, 0]);
        frame.extend(message);
        frame
    }

    fn message(kind: u8, delay: u16, group: [u8; 16], rest: &[u8]) -> Vec<u8> {
        let [high, low] = delay.to_be_bytes();
        [&[kind, 0, 0, 0, high, low, 0, 0], &group[..], rest].concat()
    }

    fn seen(frame: &[u8]) -> Seen {
        Seen::of(frame, Payload::of(frame))
    }

    const BODY: u32 = 14 + 40 + 8;

    #[test]
    fn messages_are_told_apart() {
        let none = [0; 16];
        for (dst, message, what) in [
            (GROUP, message(131, 0, GROUP, &[]), What::Join),
            (NODES, message(132, 0, GROUP, &[]), What::Leave),
            (NODES, message(130, 10_000, none, &[]), What::Query),
            (
                NODES,
                message(130, 10_000, none, &[2, 125, 0, 0]),
                What::Query,
            ),
            (GROUP, message(130, 1000, GROUP, &[]), What::GroupQuery),
        ] {
            let seen = seen(&mld(dst, &message));
            assert_eq!((seen.what, seen.at), (what, BODY + 8));
            assert_eq!(seen.family, Family::Ipv6);
        }
        let report = mld(
            NODES,
            &[&[143, 0, 0, 0, 0, 0, 0, 1, 4, 0, 0, 0], &GROUP[..]].concat(),
        );
        let report = seen(&report);
        assert_eq!((report.what, report.more), (What::Records, 1));
        assert_eq!((report.at, report.end), (BODY + 8, BODY + 28));
        assert_eq!(
            seen(&mld(NODES, &[151, 20, 0, 0, 0, 0, 0, 0])).what,
            What::Router
        );
    }

    #[test]
    fn members_get_the_time_that_the_query_gives_them() {
        let of =
            |delay, rest: &[u8]| seen(&mld(NODES, &message(130, delay, [0; 16], rest))).delay();
        assert_eq!(of(10_000, &[]), Ticks(10));
        assert_eq!(of(0xffff, &[]), ticks_of_millis(0xffff));
        assert_eq!(of(0x8fff, &[2, 125, 0, 0]), ticks_of_millis(0x1fff << 3));
    }

    #[test]
    fn what_is_not_as_it_should_be_is_data_or_for_all() {
        let report = mld(GROUP, &message(131, 0, GROUP, &[]));
        // Version, length, next header, hop limit, the options' next header and length, the type.
        for (at, octet) in [
            (14, 0x45),
            (19, 31),
            (20, 58),
            (21, 2),
            (54, 6),
            (55, 9),
            (62, 99),
        ] {
            let mut frame = report.clone();
            frame[at] = octet;
            let what = seen(&frame).what;
            assert!(
                matches!(what, What::Data | What::Open),
                "octet {at} is {octet}"
            );
        }
        let query = mld(NODES, &message(130, 1000, [0; 16], &[]));
        // A source that is not of the link; a question for all that does not go to all.
        for (at, octet) in [(22, 0x20), (53, 2)] {
            let mut frame = query.clone();
            frame[at] = octet;
            assert_eq!(seen(&frame).what, What::Open);
        }
        for len in 0..query.len() {
            let what = seen(&query[..len]).what;
            assert!(matches!(what, What::Other | What::Open), "{len}");
        }
    }
}
