//! Neighbour solicitations for IPv6 addresses, and their answers.

use super::put;
use crate::MacAddr;

/// Length of an IPv6 header and a neighbour solicitation behind it, without its options.
pub const QUESTION_LEN: usize = 64;

/// Length of an IPv6 header and a neighbour advertisement with the address of a station.
pub const ANSWER_LEN: usize = 72;

/// Length of the advertisement.
const ADVERTISEMENT_LEN: u8 = 32;

/// `ICMPv6`, as a next header.
const ICMPV6: u8 = 58;

/// The hop limit that says that no router has touched it.
const HOP_LIMIT: u8 = 255;

/// Solicited, and overrides what is cached.
const SOLICITED: u8 = 0x60;

/// Overrides what is cached.
const UNSOLICITED: u8 = 0x20;

/// The link-layer address of the target, 8 octets.
const OPTION: [u8; 2] = [2, 1];

/// All nodes of the link.
static ALL_NODES: [u8; 16] = [0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];

/// The Ethernet address of all nodes.
const ALL_NODES_MAC: MacAddr = MacAddr([0x33, 0x33, 0, 0, 0, 1]);

/// A neighbour solicitation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Question<'a> {
    /// Who asks; `::` where it wants to know whether its own address is taken.
    pub source: &'a [u8; 16],
    /// The address that is asked for.
    pub target: &'a [u8; 16],
}

impl<'a> Question<'a> {
    /// The solicitation in these octets, which begin with the IPv6 header; `None` where it is no valid one.
    #[inline(always)]
    pub fn of(octets: &'a [u8; QUESTION_LEN]) -> Option<Self> {
        let (head, rest) = octets.split_first_chunk::<8>()?;
        let (_, rest) = rest.split_first_chunk::<32>()?;
        let [kind, code, ..] = *rest.first_chunk::<8>()?;
        let [version, _, _, _, high, low, next, hops] = *head;
        let question = Self::known(octets)?;
        let valid = version >> 4 == 6
            && u16::from_be_bytes([high, low]) >= 24
            && (next, hops) == (ICMPV6, HOP_LIMIT)
            && (kind, code) == (135, 0)
            && question.source[0] != 0xff
            && question.target[0] != 0xff;
        valid.then_some(question)
    }

    /// The same of octets that have been found to be one.
    #[inline(always)]
    pub fn known(octets: &'a [u8; QUESTION_LEN]) -> Option<Self> {
        let (_, rest) = octets.split_first_chunk::<8>()?;
        let source = rest.first_chunk()?;
        let target = rest.last_chunk()?;
        Some(Self { source, target })
    }

    /// Says whether it asks whether an address is taken.
    #[inline(always)]
    pub fn is_dad(&self) -> bool {
        self.source.iter().fold(0, |all, octet| all | octet) == 0
    }

    /// Where the answer goes, if `asker` is the Ethernet source of the question.
    #[inline(always)]
    pub fn reply_to(&self, asker: MacAddr) -> MacAddr {
        if self.is_dad() { ALL_NODES_MAC } else { asker }
    }

    /// Makes the advertisement in the name of `owner`, from the IPv6 header on.
    #[inline(always)]
    pub fn answer(&self, owner: &MacAddr, answer: &mut [u8; ANSWER_LEN]) {
        let (dst, flags) = if self.is_dad() {
            (&ALL_NODES, UNSOLICITED)
        } else {
            (self.source, SOLICITED)
        };
        let [high, low] = checksum(self.target, dst, flags, owner).to_be_bytes();
        let rest = put(
            answer,
            &[0x60, 0, 0, 0, 0, ADVERTISEMENT_LEN, ICMPV6, HOP_LIMIT],
        );
        let rest = put(rest, self.target);
        let rest = put(rest, dst);
        let rest = put(rest, &[136, 0, high, low, flags, 0, 0, 0]);
        let rest = put(rest, self.target);
        let rest = put(rest, &OPTION);
        put(rest, &owner.0);
    }
}

/// The checksum of an advertisement of `target` to `dst`. A function of its own: the compiler would keep
/// every octet on the stack for whom copies them, too.
#[inline(never)]
fn checksum(target: &[u8; 16], dst: &[u8; 16], flags: u8, owner: &MacAddr) -> u16 {
    // The target counts twice: it is the source too.
    let mut sum = words(target).wrapping_mul(2);
    sum = sum.wrapping_add(words(dst)).wrapping_add(words(&owner.0));
    sum = sum.wrapping_add(u32::from(u16::from_be_bytes(OPTION)));
    sum = sum.wrapping_add(u32::from(ADVERTISEMENT_LEN).wrapping_add(ICMPV6.into()));
    sum = sum.wrapping_add(u32::from(u16::from_be_bytes([136, 0])));
    sum = sum.wrapping_add(u32::from(u16::from_be_bytes([flags, 0])));
    sum = (sum & 0xffff).wrapping_add(sum >> 16);
    sum = (sum & 0xffff).wrapping_add(sum >> 16);
    let [.., high, low] = sum.to_be_bytes();
    !u16::from_be_bytes([high, low])
}

/// The sum of the words of a few octets.
#[inline(always)]
fn words<const N: usize>(octets: &[u8; N]) -> u32 {
    let (pairs, _) = octets.as_chunks::<2>();
    pairs.iter().fold(0_u32, |sum, [high, low]| {
        let sum = sum.wrapping_add(u32::from(*high) << 8);
        sum.wrapping_add(u32::from(*low))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWNER: MacAddr = MacAddr([2, 0, 0, 0, 0, 2]);
    const ASKER: MacAddr = MacAddr([2, 0, 0, 0, 0, 1]);

    fn solicitation(source: [u8; 16]) -> [u8; QUESTION_LEN] {
        let mut octets = vec![0x60, 0, 0, 0, 0, 24, 58, 255];
        octets.extend(source);
        octets.extend([0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, 0, 0, 2]);
        octets.extend([135, 0, 0, 0, 0, 0, 0, 0]);
        octets.extend(address(2));
        octets.try_into().unwrap()
    }

    fn address(last: u8) -> [u8; 16] {
        [0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last]
    }

    /// Sums as a receiver does, word by word: right where it comes to all ones.
    fn received(answer: &[u8]) -> u32 {
        let words = answer[8..].chunks(2);
        let mut sum: u32 = words.map(|w| u32::from(w[0]) << 8 | u32::from(w[1])).sum();
        sum += 32 + 58;
        while sum > 0xffff {
            sum = (sum & 0xffff) + (sum >> 16);
        }
        sum
    }

    #[test]
    fn a_solicitation_is_answered_to_who_asked_and_dad_to_all() {
        for (source, dst, mac, flags) in [
            (address(1), address(1), ASKER, 0x60),
            ([0xfe; 16], [0xfe; 16], ASKER, 0x60),
            ([0; 16], ALL_NODES, ALL_NODES_MAC, 0x20),
        ] {
            let octets = solicitation(source);
            let question = Question::of(&octets).unwrap();
            assert_eq!(question.target, &address(2));
            assert_eq!(question.reply_to(ASKER), mac);
            let mut answer = [0xff; ANSWER_LEN];
            question.answer(&OWNER, &mut answer);
            assert_eq!(answer[..8], [0x60, 0, 0, 0, 0, 32, 58, 255]);
            assert_eq!(
                (&answer[8..24], &answer[24..40]),
                (&address(2)[..], &dst[..])
            );
            assert_eq!((answer[40], answer[41], answer[44]), (136, 0, flags));
            assert_eq!(answer[48..64], address(2));
            assert_eq!(answer[64..], [2, 1, 2, 0, 0, 0, 0, 2]);
            assert_eq!(received(&answer), 0xffff);
        }
    }

    #[test]
    fn what_is_no_solicitation_is_not_taken_for_one() {
        let good = solicitation(address(1));
        let changes = [
            (0, 0x40),
            (5, 23),
            (6, 0),
            (7, 64),
            (8, 0xff),
            (40, 136),
            (41, 1),
            (48, 0xff),
        ];
        for (at, octet) in changes {
            let mut octets = good;
            octets[at] = octet;
            assert_eq!(Question::of(&octets), None, "octet {at}");
        }
    }
}
