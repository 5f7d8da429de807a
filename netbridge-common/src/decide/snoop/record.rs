//! One group of a report of IGMPv3 or MLDv2.

use super::Family;

/// What a report says about a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interest {
    /// Nothing that matters here: sources are not looked at.
    Unchanged = 0,
    /// Somebody wants it, from whichever sources.
    Joined = 1,
    /// Somebody does not want it any more.
    Left = 2,
}

/// A record, by its first four octets; the group's address comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// What it says.
    pub interest: Interest,
    /// Its octets, sources and auxiliary data among them.
    pub len: u32,
}

impl Record {
    /// Octets before the group's address.
    pub const HEAD_LEN: u32 = 4;

    /// Reads a record (RFC 3376 4.2.12, RFC 3810 5.2.12).
    #[inline(always)]
    pub fn of([kind, auxiliary, high, low]: [u8; 4], family: Family) -> Self {
        let sources = u32::from(u16::from_be_bytes([high, low]));
        let interest = match (kind, sources) {
            // "Include nothing" is what a station says that leaves.
            (1 | 3, 0) => Interest::Left,
            (2 | 4, _) | (1 | 3 | 5, 1..) => Interest::Joined,
            _ => Interest::Unchanged,
        };
        let addresses = family.address_len().wrapping_mul(sources.wrapping_add(1));
        let auxiliary = u32::from(auxiliary).wrapping_mul(4);
        Self {
            interest,
            len: Self::HEAD_LEN
                .wrapping_add(addresses)
                .wrapping_add(auxiliary),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_and_sources_say_who_wants_the_group() {
        use Interest::{Joined, Left, Unchanged};
        for (kind, none, some) in [
            (0, Unchanged, Unchanged),
            (1, Left, Joined),
            (2, Joined, Joined),
            (3, Left, Joined),
            (4, Joined, Joined),
            (5, Unchanged, Joined),
            (6, Unchanged, Unchanged),
            (7, Unchanged, Unchanged),
        ] {
            let of = |sources| Record::of([kind, 0, 0, sources], Family::Ipv4).interest;
            assert_eq!((of(0), of(3)), (none, some), "kind {kind}");
        }
    }

    #[test]
    fn sources_and_auxiliary_data_are_passed_over() {
        assert_eq!(Record::of([4, 0, 0, 0], Family::Ipv4).len, 8);
        assert_eq!(Record::of([1, 2, 0, 3], Family::Ipv4).len, 8 + 12 + 8);
        assert_eq!(Record::of([4, 0, 0, 0], Family::Ipv6).len, 20);
        assert_eq!(
            Record::of([4, 255, 255, 255], Family::Ipv6).len,
            20 + 65_535 * 16 + 1020
        );
    }
}
