//! IPv4 datagrams to groups, and IGMP.

use super::{Family, Seen, What, has, ticks_of_millis, word};
use crate::octets::Octets;

/// Where in the header fragments, TTL and protocol stand, and where the destination.
const PARTS: u32 = 6;
const DST: u32 = 16;
const IGMP: u8 = 2;
const PIM: u8 = 103;
/// Octets of the shortest IGMP message, and of a query of version 3 without sources.
const MESSAGE_LEN: u32 = 8;
const QUERY3_LEN: u32 = 12;
const ALL_SYSTEMS: u32 = 0xe000_0001;
const ALL_PIM_ROUTERS: u32 = 0xe000_000d;
/// First octet of a PIM hello: version 2, type 0.
pub(super) const PIM_HELLO: u8 = 0x20;

/// Looks into the header of the datagram at `ip`.
#[inline(always)]
pub(super) fn see(frame: &(impl Octets + ?Sized), ip: u32) -> Seen {
    let [version, _, len_high, len_low] = word(frame, ip).to_be_bytes();
    let header_len = u32::from(version & 0x0f).wrapping_mul(4);
    if version & 0xf0 != 0x40 || header_len < 20 {
        return Seen::open(Family::Ipv4);
    }
    let message = ip.wrapping_add(header_len);
    let end = ip.wrapping_add(u32::from(u16::from_be_bytes([len_high, len_low])));
    let [high, low, ttl, protocol] = word(frame, ip.wrapping_add(PARTS)).to_be_bytes();
    // A datagram in parts has its ports, or its message, in the first one alone.
    if u16::from_be_bytes([high, low]) & 0x3fff != 0 {
        return data(frame, ip);
    }
    if protocol == IGMP && ttl == 1 && has(frame, message, end, MESSAGE_LEN) {
        return Seen::message_in(Family::Ipv4, ip, message, end);
    }
    if protocol == PIM && word(frame, ip.wrapping_add(DST)) == ALL_PIM_ROUTERS {
        let [first, ..] = word(frame, message).to_be_bytes();
        if first == PIM_HELLO {
            return Seen::router(Family::Ipv4);
        }
    }
    data(frame, ip)
}

/// What the datagram at `ip` is without a message.
#[inline(always)]
fn data(frame: &(impl Octets + ?Sized), ip: u32) -> Seen {
    let dst = ip.wrapping_add(DST);
    Seen::to(Family::Ipv4, word(frame, dst), dst)
}

/// Looks into the message between two places of the datagram at `ip`.
#[inline(always)]
pub(super) fn message(frame: &(impl Octets + ?Sized), ip: u32, at: u32, end: u32) -> Seen {
    let [kind, code, ..] = word(frame, at).to_be_bytes();
    let group = word(frame, at.wrapping_add(4));
    let len = end.wrapping_sub(at);
    let (what, more) = match kind {
        0x11 if len == MESSAGE_LEN || len >= QUERY3_LEN => {
            let delay = ticks_of_millis(tenths(len, code).wrapping_mul(100)).0;
            let of_version_1 = len == MESSAGE_LEN && code == 0;
            if group != 0 && !of_version_1 {
                (What::GroupQuery, delay)
            } else if word(frame, ip.wrapping_add(DST)) == ALL_SYSTEMS {
                (What::Query, delay)
            } else {
                (What::Other, 0)
            }
        }
        0x12 | 0x16 => (What::Join, 0),
        0x17 => (What::Leave, 0),
        0x22 => (What::Records, group & 0xffff),
        0x30 => (What::Router, 0),
        _ => (What::Other, 0),
    };
    if what == What::Other {
        return data(frame, ip);
    }
    let group_at = if what == What::Records {
        MESSAGE_LEN
    } else {
        4
    };
    Seen {
        what,
        family: Family::Ipv4,
        at: at.wrapping_add(group_at),
        end,
        more,
    }
}

/// The longest that an answer may take, in tenths of a second (RFC 2236 2.2, RFC 3376 4.1.1).
#[inline(always)]
const fn tenths(len: u32, code: u8) -> u32 {
    if code == 0 && len == MESSAGE_LEN {
        // Version 1 does not say.
        return 100;
    }
    if code < 128 || len == MESSAGE_LEN {
        return code as u32;
    }
    let (mantissa, exponent) = ((code & 0x0f) as u32, (code >> 4 & 0x07) as u32);
    (mantissa | 0x10).wrapping_shl(exponent.wrapping_add(3))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Ticks, octets::Payload};

    /// As Linux sent it: version 3, 239.1.2.3 changes to exclude.
    const REPORT3: &str = "01005e000016 0242ac110002 0800 46c0002800004000 0102 4130 ac110002 e0000016 94040000 2200 e9fa 0000 0001 04000000 ef010203";
    /// Version 2.
    const REPORT2: &str = "01005e010203 0242ac110002 0800 46c0002000004000 0102 0000 ac110002 ef010203 94040000 1600 fafa ef010203";
    const LEAVE: &str = "01005e000002 0242ac110002 0800 46c0002000004000 0102 0000 ac110002 e0000002 94040000 1700 f9fa ef010203";
    /// From a router: version 2, within 10 s.
    const QUERY2: &str = "01005e000001 0242ac110001 0800 46c0002000004000 0102 0000 ac110001 e0000001 94040000 1164 ee9b 00000000";
    const QUERY3: &str = "01005e000001 0242ac110001 0800 46c0002400004000 0102 0000 ac110001 e0000001 94040000 1164 ec1e 00000000 027d0000";
    const HELLO: &str = "01005e00000d 0242ac110001 0800 45c0002600004000 0167 0000 ac110001 e000000d 2000 0000 00010002 0069";
    const DATA: &str = "01005e010203 0242ac110003 0800 4500002000004000 0111 0000 ac110003 ef010203 0fa01388 000c0000 00000000";

    fn octets(text: &str) -> Vec<u8> {
        let digits: String = text.split_whitespace().collect();
        (0..digits.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap())
            .collect()
    }

    fn seen(frame: &[u8]) -> Seen {
        Seen::of(frame, Payload::of(frame))
    }

    fn changed(text: &str, at: usize, octet: u8) -> Seen {
        let mut frame = octets(text);
        frame[at] = octet;
        seen(&frame)
    }

    /// Where the message begins in frames with an option of the IP header.
    const BODY: usize = 14 + 24;

    #[test]
    fn messages_are_told_apart() {
        let group = 14 + 24 + 4;
        for (frame, what, at) in [
            (REPORT2, What::Join, group),
            (LEAVE, What::Leave, group),
            (QUERY2, What::Query, group),
            (QUERY3, What::Query, group),
            (REPORT3, What::Records, 14 + 24 + 8),
            (DATA, What::Data, 14 + 16),
        ] {
            let seen = seen(&octets(frame));
            assert_eq!((seen.what, seen.at, seen.family), (what, at, Family::Ipv4));
        }
        assert_eq!(seen(&octets(HELLO)).what, What::Router);
        let report = seen(&octets(REPORT3));
        assert_eq!((report.more, report.end), (1, 14 + 40));
        assert_eq!(changed(REPORT2, BODY, 0x12).what, What::Join);
        assert_eq!(changed(QUERY2, BODY, 0x30).what, What::Router);
        assert_eq!(changed(QUERY2, BODY + 4, 239).what, What::GroupQuery);
        assert_eq!(changed(QUERY3, BODY + 4, 239).what, What::GroupQuery);
    }

    #[test]
    fn members_get_the_time_that_the_query_gives_them() {
        let of = |text, code| changed(text, BODY + 1, code).delay();
        assert_eq!(of(QUERY2, 100), Ticks(10));
        assert_eq!(of(QUERY2, 0), Ticks(10));
        assert_eq!(of(QUERY2, 255), Ticks(25));
        assert_eq!(of(QUERY3, 127), Ticks(13));
        // 0x8f is 31 times 8 tenths.
        assert_eq!(of(QUERY3, 0x8f), ticks_of_millis(24_800));
        assert_eq!(of(QUERY3, 0xff), ticks_of_millis(3_174_400));
    }

    #[test]
    fn what_is_not_as_it_should_be_is_data_or_for_all() {
        // TTL, version, header length, a fragment, a length that lies, an unknown type.
        for (at, octet) in [
            (22, 2),
            (14, 0x64),
            (14, 0x44),
            (20, 0x20),
            (17, 27),
            (BODY, 0x99),
        ] {
            let what = changed(LEAVE, at, octet).what;
            assert_eq!(what, What::Open, "octet {at} is {octet}");
            let what = changed(REPORT2, at, octet).what;
            assert!(
                matches!(what, What::Open | What::Data),
                "octet {at} is {octet}"
            );
        }
        // A question for all that does not go to all.
        assert_eq!(changed(QUERY2, 33, 9).what, What::Open);
        // A query that is neither of version 2 nor of 3.
        assert_eq!(changed(QUERY3, 17, 24 + 10).what, What::Open);
        for text in [REPORT2, LEAVE, QUERY2, QUERY3, REPORT3] {
            let whole = octets(text);
            for len in 0..whole.len() {
                let what = seen(&whole[..len]).what;
                assert!(
                    matches!(what, What::Other | What::Open | What::Data),
                    "{len}"
                );
            }
        }
        assert_eq!(changed(DATA, 30, 10).what, What::Open);
    }
}
