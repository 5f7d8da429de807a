//! Multicast snooping: what reports and queries teach, and whom a frame for a group is for.
//!
//! In small functions of their own, which the verifier looks at once, whoever calls them, and which need
//! next to no stack: what a program and all that it calls have together is 512 octets. They pass numbers.
#![expect(unsafe_code, reason = "reads a context")]

use aya_ebpf::bindings::{__sk_buff, xdp_md};
use netbridge_common::{
    PortFlags, PortId, Ticks,
    decide::snoop::{ETHERTYPE_IPV4, ETHERTYPE_IPV6, Family, Limit, Seen, What},
    frame::{ETH_HEADER_LEN, VLAN_TAG_LEN},
    octets::{Octets, Payload},
};

use crate::{
    clock, features,
    mdb::Key,
    octets::{SkbOctets, XdpOctets},
    table,
};

/// Groups that are taken from one report: more than fit into a frame of 1,500 octets.
const MOST_RECORDS: u32 = 192;

/// A port and a VLAN as one number: there are at most 32,767 ports.
#[derive(Clone, Copy)]
pub struct Place(pub u32);

impl Place {
    /// The number of both.
    #[inline(always)]
    pub fn new(port: PortId, vid: u16) -> Self {
        Self(port.0 << 16 | u32::from(vid))
    }

    #[inline(always)]
    const fn port(self) -> PortId {
        PortId(self.0 >> 16)
    }

    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "the lower half")]
    const fn vid(self) -> u16 {
        self.0 as u16
    }
}

/// The functions of one hook.
macro_rules! hook {
    (
        $context:ty, $octets:ident, $beside:expr,
        $snoop:ident, $member:ident,
        $payload:ident, $see4:ident, $see6:ident, $igmp:ident, $mld:ident, $first:ident, $rest:ident, $report:ident,
        $limit:ident
    ) => {
        /// Looks into a frame for a group that came in at a [`Place`]; returns a [`Limit`]. With `learn`
        /// not 0, the database takes up what the frame says.
        #[unsafe(no_mangle)]
        #[inline(never)]
        pub extern "C" fn $snoop(frame: *mut $context, place: u32, learn: u32) -> u32 {
            if !features::snoop() {
                return 0;
            }
            let payload = $payload(frame);
            let mut seen = match payload >> 16 {
                IPV4 => $see4(frame, payload & 0xffff),
                IPV6 => $see6(frame, payload & 0xffff),
                0 => return 0,
                _ => Seen::default().to_raw(),
            };
            if is(seen, What::Message) {
                seen = if payload >> 16 == IPV4 {
                    $igmp(frame, seen)
                } else {
                    $mld(frame, seen)
                };
            }
            if learn == 0 || is(seen, What::Data) || is(seen, What::Open) || is(seen, What::Other) {
                return $limit(frame, seen, place);
            }
            if is(seen, What::Join) || is(seen, What::Leave) {
                $report(frame, seen, place);
            } else if is(seen, What::Records) {
                let mut report = seen;
                for _ in 0..MOST_RECORDS {
                    let rest = $rest(frame, report);
                    if !is(rest, What::Records) {
                        break;
                    }
                    $report(frame, $first(frame, report), place);
                    report = rest;
                }
            } else {
                snoop_heard(seen, place);
            }
            $limit(frame, seen, place)
        }

        /// Says whether a member of the frame's group, which its [`Limit`] names, is at a [`Place`].
        #[unsafe(no_mangle)]
        #[inline(never)]
        pub extern "C" fn $member(frame: *mut $context, limit: u32, place: u32) -> u32 {
            u32::from(is_member(&$octets(frame), Limit(limit), Place(place)))
        }

        /// What a frame carries, and where; 0 behind more than one tag, which is somebody else's network.
        #[unsafe(no_mangle)]
        #[inline(never)]
        extern "C" fn $payload(frame: *mut $context) -> u32 {
            let payload = Payload::of(&$octets(frame));
            let most = if $beside(frame) { 0 } else { VLAN_TAG_LEN };
            if payload.is_tagged() || payload.at > ETH_HEADER_LEN.wrapping_add(most) {
                return 0;
            }
            u32::from(payload.ethertype) << 16 | payload.at
        }

        /// What a frame with an IPv4 datagram is, as a [`Seen`].
        #[unsafe(no_mangle)]
        #[inline(never)]
        extern "C" fn $see4(frame: *mut $context, at: u32) -> u64 {
            Seen::of_ipv4(&$octets(frame), at).to_raw()
        }

        /// What a frame with an IPv6 datagram is, as a [`Seen`].
        #[unsafe(no_mangle)]
        #[inline(never)]
        extern "C" fn $see6(frame: *mut $context, at: u32) -> u64 {
            Seen::of_ipv6(&$octets(frame), at).to_raw()
        }

        /// What a frame with a message of IGMP is.
        #[unsafe(no_mangle)]
        #[inline(never)]
        extern "C" fn $igmp(frame: *mut $context, seen: u64) -> u64 {
            Seen::from_raw(seen).of_igmp(&$octets(frame)).to_raw()
        }

        /// What a frame with a message of MLD is.
        #[unsafe(no_mangle)]
        #[inline(never)]
        extern "C" fn $mld(frame: *mut $context, seen: u64) -> u64 {
            Seen::from_raw(seen).of_mld(&$octets(frame)).to_raw()
        }

        /// What the first record of a report says.
        #[unsafe(no_mangle)]
        #[inline(never)]
        extern "C" fn $first(frame: *mut $context, report: u64) -> u64 {
            Seen::from_raw(report).first(&$octets(frame)).to_raw()
        }

        /// The report behind its first record.
        #[unsafe(no_mangle)]
        #[inline(never)]
        extern "C" fn $rest(frame: *mut $context, report: u64) -> u64 {
            Seen::from_raw(report).rest(&$octets(frame)).to_raw()
        }

        /// Has the database take up what is said about one group.
        #[unsafe(no_mangle)]
        #[inline(never)]
        extern "C" fn $report(frame: *mut $context, seen: u64, place: u32) -> u32 {
            report(&$octets(frame), &Seen::from_raw(seen), Place(place));
            0
        }

        /// Whom a frame is for.
        #[unsafe(no_mangle)]
        #[inline(never)]
        extern "C" fn $limit(frame: *mut $context, seen: u64, place: u32) -> u32 {
            limit(&$octets(frame), &Seen::from_raw(seen), Place(place)).0
        }
    };
}

const IPV4: u32 = ETHERTYPE_IPV4 as u32;
const IPV6: u32 = ETHERTYPE_IPV6 as u32;

hook!(
    __sk_buff,
    SkbOctets,
    has_tag_beside,
    snoop_tc,
    member_tc,
    payload_tc,
    see4_tc,
    see6_tc,
    igmp_tc,
    mld_tc,
    first_tc,
    rest_tc,
    report_tc,
    limit_tc
);
hook!(
    xdp_md,
    XdpOctets,
    has_none_beside,
    snoop_xdp,
    member_xdp,
    payload_xdp,
    see4_xdp,
    see6_xdp,
    igmp_xdp,
    mld_xdp,
    first_xdp,
    rest_xdp,
    report_xdp,
    limit_xdp
);

/// Says what a [`Seen`] is, as a number.
#[inline(always)]
const fn is(seen: u64, what: What) -> bool {
    seen & 0xff == what as u64
}

/// Says whether the kernel keeps a tag beside the frame.
#[inline(always)]
fn has_tag_beside(skb: *mut __sk_buff) -> bool {
    // SAFETY: the context is valid while the program runs.
    unsafe { (*skb).vlan_present != 0 }
}

/// At XDP tags are in the frame.
#[inline(always)]
const fn has_none_beside(_: *mut xdp_md) -> bool {
    false
}

#[inline(always)]
fn now() -> Ticks {
    Ticks::from_nanos(clock::nanos())
}

/// Has the database take up what is said about a group.
#[inline(always)]
fn report(frame: &impl Octets, seen: &Seen, place: Place) {
    let (port, family) = (place.port(), seen.family);
    let Some(mut key) = Key::new(place.vid()) else {
        return;
    };
    if seen.what == What::Open || !key.read(frame, seen.at, family, port) {
        return;
    }
    if seen.what == What::Join {
        key.join(family, port, now());
    } else {
        key.leave(port, now());
    }
}

/// Has the database take up that a router, or a querier, was heard at a [`Place`].
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn snoop_heard(seen: u64, place: u32) -> u32 {
    let (seen, place) = (Seen::from_raw(seen), Place(place));
    let (Some(mut key), Some(conf)) = (Key::new(place.vid()), table::port(place.port())) else {
        return 0;
    };
    if !conf.flags.contains(PortFlags::NO_MCAST_ROUTER) {
        key.router(seen.family, place.port(), now());
    }
    if seen.what == What::Query {
        key.querier(seen.family, now(), seen.delay());
    }
    0
}

#[inline(always)]
fn limit(frame: &impl Octets, seen: &Seen, place: Place) -> Limit {
    let Some(mut key) = Key::new(place.vid()) else {
        return Limit::NONE;
    };
    if seen.what == What::Other {
        let registered = key.read(frame, 0, Family::None, PortId::NONE) && key.counts(now());
        return Limit::of(seen, false, registered);
    }
    Limit::of(seen, key.is_heard(seen.family, now()), false)
}

#[inline(always)]
fn is_member(frame: &impl Octets, limit: Limit, place: Place) -> bool {
    let Some(mut key) = Key::new(place.vid()) else {
        return false;
    };
    key.read(frame, limit.at(), limit.family(), place.port()) && key.counts(now())
}

/// Says whether a router for what a [`Limit`] is about is at a [`Place`].
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn snoop_router(limit: u32, place: u32) -> u32 {
    let (limit, place) = (Limit(limit), Place(place));
    let (Some(mut key), Some(conf)) = (Key::new(place.vid()), table::port(place.port())) else {
        return 0;
    };
    if conf.flags.contains(PortFlags::MCAST_ROUTER) {
        return 1;
    }
    let may_be = !conf.flags.contains(PortFlags::NO_MCAST_ROUTER);
    u32::from(may_be && key.is_router(limit.family(), place.port(), now()))
}
