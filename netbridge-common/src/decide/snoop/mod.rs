//! What IGMP (RFC 1112, 2236, 3376), MLD (RFC 2710, 3810) and PIM say to a bridge that looks into them.
//!
//! A frame is read once, into a [`Seen`]: what it is, and where in it the group stands. Whatever is not
//! as it should be is taken for what it would be without its message: a datagram to a group.

mod igmp;
mod limit;
mod mld;
mod record;

pub use limit::{Limit, Target};
pub use record::{Interest, Record};

use crate::{
    Ticks,
    octets::{Octets, Payload},
};

/// `EtherType` of IPv4.
pub const ETHERTYPE_IPV4: u16 = 0x0800;
/// `EtherType` of IPv6.
pub const ETHERTYPE_IPV6: u16 = 0x86dd;

/// Octets of an IPv4 address.
const IPV4_LEN: u32 = 4;
/// Octets of an IPv6 address.
const IPV6_LEN: u32 = 16;

/// The IP that a group belongs to; its number is that of the group's [`crate::mdb::MdbKind`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Family {
    /// None: the group is an Ethernet address.
    #[default]
    None = 0,
    /// IPv4.
    Ipv4 = 4,
    /// IPv6.
    Ipv6 = 6,
}

impl Family {
    /// Octets of a group's address.
    #[inline(always)]
    pub const fn address_len(self) -> u32 {
        match self {
            Self::Ipv6 => IPV6_LEN,
            Self::None | Self::Ipv4 => IPV4_LEN,
        }
    }

    /// Says whether groups that begin so are kept: they are groups, and not those of the link alone
    /// (224.0.0.0/24, `ff02::/16`, and below), which reach everybody whoever has joined them.
    #[inline(always)]
    pub const fn keeps(self, group: u32) -> bool {
        let [a, b, c, _] = group.to_be_bytes();
        match self {
            Self::Ipv4 => a & 0xf0 == 0xe0 && !(a == 0xe0 && b == 0 && c == 0),
            Self::Ipv6 => a == 0xff && matches!(b & 0x0f, 3..=14),
            Self::None => false,
        }
    }
}

/// What a frame is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum What {
    /// Neither IPv4 nor IPv6: its group is an Ethernet address.
    #[default]
    Other,
    /// For everybody: its group is one of the link alone, or no group.
    Open,
    /// A datagram to a group.
    Data,
    /// A report that somebody has joined the group.
    Join,
    /// A message that somebody has left the group.
    Leave,
    /// A report of several groups.
    Records,
    /// A querier asks for all groups.
    Query,
    /// A querier asks for one group.
    GroupQuery,
    /// A router says that it is there: PIM hello (RFC 7761 4.9.2), or an advertisement (RFC 4286).
    Router,
    /// One of those above, or a datagram, by what its message says.
    Message,
}

/// A frame, as far as a bridge looks into it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// What it is.
    pub what: What,
    /// The IP that its group belongs to.
    pub family: Family,
    /// Where in the frame the group stands, or the first of the records, or the message.
    pub at: u32,
    /// Where its message ends.
    pub end: u32,
    /// Of records, how many it says there are; of a query, how many ticks members may take to answer; of a
    /// message, where its datagram begins.
    pub more: u32,
}

impl Family {
    /// The family of a number; unknown ones count as none.
    #[inline(always)]
    pub const fn from_raw(raw: u8) -> Self {
        match raw {
            4 => Self::Ipv4,
            6 => Self::Ipv6,
            _ => Self::None,
        }
    }
}

impl What {
    /// What a number stands for, which is its place here; unknown ones count as `Open`.
    #[inline(always)]
    pub const fn from_raw(raw: u8) -> Self {
        match raw {
            0 => Self::Other,
            2 => Self::Data,
            3 => Self::Join,
            4 => Self::Leave,
            5 => Self::Records,
            6 => Self::Query,
            7 => Self::GroupQuery,
            8 => Self::Router,
            9 => Self::Message,
            _ => Self::Open,
        }
    }
}

impl Seen {
    /// Looks into a frame with a group for its destination, whose payload is known.
    pub fn of(frame: &(impl Octets + ?Sized), payload: Payload) -> Self {
        let seen = match payload.ethertype {
            ETHERTYPE_IPV4 => Self::of_ipv4(frame, payload.at),
            ETHERTYPE_IPV6 => Self::of_ipv6(frame, payload.at),
            _ => Self::default(),
        };
        match (seen.what, seen.family) {
            (What::Message, Family::Ipv4) => seen.of_igmp(frame),
            (What::Message, _) => seen.of_mld(frame),
            _ => seen,
        }
    }

    /// Looks into the IPv4 header at `ip`; what may be IGMP is a [`What::Message`].
    #[inline(always)]
    pub fn of_ipv4(frame: &(impl Octets + ?Sized), ip: u32) -> Self {
        igmp::see(frame, ip)
    }

    /// Looks into the IPv6 header at `ip`; what may be MLD is a [`What::Message`].
    #[inline(always)]
    pub fn of_ipv6(frame: &(impl Octets + ?Sized), ip: u32) -> Self {
        mld::see(frame, ip)
    }

    /// Looks into a message of IGMP.
    #[inline(always)]
    #[must_use]
    pub fn of_igmp(&self, frame: &(impl Octets + ?Sized)) -> Self {
        igmp::message(frame, self.more, self.at, self.end)
    }

    /// Looks into a message of MLD.
    #[inline(always)]
    #[must_use]
    pub fn of_mld(&self, frame: &(impl Octets + ?Sized)) -> Self {
        mld::message(frame, self.more, self.at, self.end)
    }

    #[inline(always)]
    const fn new(what: What, family: Family) -> Self {
        let (at, end, more) = (0, 0, 0);
        Self {
            what,
            family,
            at,
            end,
            more,
        }
    }

    /// A frame that goes to all.
    #[inline(always)]
    const fn open(family: Family) -> Self {
        Self::new(What::Open, family)
    }

    /// A frame of a router.
    #[inline(always)]
    const fn router(family: Family) -> Self {
        Self::new(What::Router, family)
    }

    /// A datagram at `ip` with a message between two places.
    #[inline(always)]
    const fn message_in(family: Family, ip: u32, at: u32, end: u32) -> Self {
        Self {
            at,
            end,
            more: ip,
            ..Self::new(What::Message, family)
        }
    }

    /// A datagram to an address that begins so and stands at `at`.
    #[inline(always)]
    const fn to(family: Family, dst: u32, at: u32) -> Self {
        let what = if family.keeps(dst) {
            What::Data
        } else {
            What::Open
        };
        Self {
            at,
            ..Self::new(what, family)
        }
    }

    /// All of it as one number, from one function of the datapath to the next. A place that is too far in
    /// does not fit, and is one behind which nothing is found.
    #[inline(always)]
    pub const fn to_raw(&self) -> u64 {
        self.what as u64
            | (self.family as u64) << 8
            | short(self.at) << 16
            | short(self.end) << 32
            | short(self.more) << 48
    }

    /// What a number from [`Seen::to_raw`] stands for.
    #[inline(always)]
    pub const fn from_raw(raw: u64) -> Self {
        let [what, family, at_low, at_high, end_low, end_high, low, high] = raw.to_le_bytes();
        Self {
            what: What::from_raw(what),
            family: Family::from_raw(family),
            at: u16::from_le_bytes([at_low, at_high]) as u32,
            end: u16::from_le_bytes([end_low, end_high]) as u32,
            more: u16::from_le_bytes([low, high]) as u32,
        }
    }

    /// How long members may take to answer, where it is a query.
    #[inline(always)]
    pub const fn delay(&self) -> Ticks {
        Ticks(self.more)
    }

    /// What the first record of a report says, as if it came alone; [`What::Open`] where it says nothing.
    #[inline(always)]
    #[must_use]
    pub fn first(&self, frame: &(impl Octets + ?Sized)) -> Self {
        let record = Record::of(word(frame, self.at).to_be_bytes(), self.family);
        let what = match record.interest {
            Interest::Joined => What::Join,
            Interest::Left => What::Leave,
            Interest::Unchanged => What::Open,
        };
        Self {
            what,
            at: self.at.wrapping_add(Record::HEAD_LEN),
            ..*self
        }
    }

    /// The report behind its first record; [`What::Open`] where it has none, or none that is whole.
    #[inline(always)]
    #[must_use]
    pub fn rest(&self, frame: &(impl Octets + ?Sized)) -> Self {
        let head = word(frame, self.at);
        let record = Record::of(head.to_be_bytes(), self.family);
        let rest = Self {
            at: self.at.wrapping_add(record.len),
            more: self.more.wrapping_sub(1),
            ..*self
        };
        if self.more == 0 || head == u32::MAX || rest.at > rest.end {
            return Self::open(self.family);
        }
        rest
    }
}

/// The word at `at`; all ones where the frame ends before it: no field that counts has them all.
///
/// Read one by one, since a function of the datapath has next to no stack for them.
#[inline(always)]
fn word(frame: &(impl Octets + ?Sized), at: u32) -> u32 {
    let mut octets = [0; 4];
    if frame.read(at, &mut octets) {
        u32::from_be_bytes(octets)
    } else {
        u32::MAX
    }
}

/// Says whether a message of at least `least` octets lies between two places, all of it in the frame.
#[inline(always)]
fn has(frame: &(impl Octets + ?Sized), at: u32, end: u32, least: u32) -> bool {
    end >= at.wrapping_add(least) && frame.read(end.wrapping_sub(1), &mut [0])
}

/// A number in 16 bits, or the largest that fits.
#[inline(always)]
const fn short(number: u32) -> u64 {
    if number > 0xffff {
        0xffff
    } else {
        number as u64
    }
}

/// The span of `millis`, rounded up; a little more than that for long ones.
#[inline(always)]
const fn ticks_of_millis(millis: u32) -> Ticks {
    Ticks((millis >> 10).wrapping_add(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_of_the_link_are_not_kept() {
        for (group, kept) in [
            ([224, 0, 0, 251], false),
            ([224, 0, 1, 1], true),
            ([224, 128, 0, 1], true),
            ([239, 255, 255, 250], true),
            ([223, 1, 1, 1], false),
            ([240, 0, 0, 1], false),
        ] {
            assert_eq!(
                Family::Ipv4.keeps(u32::from_be_bytes(group)),
                kept,
                "{group:?}"
            );
        }
        for (group, kept) in [
            ([0xff, 0x01, 0, 0], false),
            ([0xff, 0x02, 0, 0], false),
            ([0xff, 0x12, 0, 0], false),
            ([0xff, 0x05, 0, 0], true),
            ([0xff, 0x3e, 0, 0], true),
            ([0xfe, 0x80, 0, 0], false),
            ([0xff, 0xff, 0xff, 0xff], false),
        ] {
            assert_eq!(
                Family::Ipv6.keeps(u32::from_be_bytes(group)),
                kept,
                "{group:?}"
            );
        }
    }

    #[test]
    fn what_was_seen_survives_as_a_number() {
        for what in 0..10 {
            let what = What::from_raw(what);
            for family in [Family::None, Family::Ipv4, Family::Ipv6] {
                let seen = Seen {
                    what,
                    family,
                    at: 42,
                    end: 1514,
                    more: 70_000,
                };
                let more = 0xffff;
                assert_eq!(Seen::from_raw(seen.to_raw()), Seen { more, ..seen });
            }
        }
        assert_eq!(What::from_raw(200), What::Open);
    }

    #[test]
    fn a_report_is_read_record_by_record_and_ends_where_it_lies() {
        let octets: Vec<u8> = [
            [4, 0, 0, 0, 239, 0, 0, 1],
            [1, 0, 0, 1, 239, 0, 0, 2],
            [10, 0, 0, 1, 3, 1, 0, 0],
            [239, 0, 0, 3, 0xde, 0xad, 0xbe, 0xef],
            [6, 0, 0xff, 0xff, 239, 0, 0, 4],
        ]
        .concat();
        let walk = |records, end| {
            let mut report = Seen {
                what: What::Records,
                family: Family::Ipv4,
                at: 0,
                end,
                more: records,
            };
            let mut found = Vec::new();
            loop {
                let rest = report.rest(&octets[..]);
                if rest.what != What::Records {
                    return found;
                }
                let first = report.first(&octets[..]);
                found.push((first.what, octets[first.at as usize + 3]));
                report = rest;
            }
        };
        let all = [(What::Join, 1), (What::Join, 2), (What::Leave, 3)];
        assert_eq!(walk(3, 40), all);
        // More than there are, or a record that is longer than all that is left.
        assert_eq!(walk(0xffff, 40), all);
        assert_eq!(walk(0xffff, 9000), all);
        assert_eq!(walk(2, 40), all[..2]);
        assert_eq!(walk(3, 27), all[..2]);
        assert_eq!(walk(0, 40), []);
    }

    #[test]
    fn delays_are_never_too_short() {
        for millis in [0, 1, 1000, 1073, 1074, 10_000, 0xffff] {
            let least = u64::from(millis) * 1_000_000;
            let ticks = u64::from(ticks_of_millis(millis).0);
            assert!(ticks * Ticks::NANOS >= least, "{millis}");
        }
    }
}
