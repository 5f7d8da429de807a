//! Questions for neighbours, and what the bridge answers in their name.

pub mod arp;
pub mod nd;

use crate::{BindingKey, MacAddr, PortConf, PortFlags, PortId, octets::Octets};

const ETHERTYPE_ARP: u16 = 0x0806;

const ETHERTYPE_IPV6: u16 = 0x86dd;

/// What a frame to a group asks.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// Nothing that is recognised.
    None = 0,
    /// The station of an address that nobody is answered for.
    Unknown = 1,
    /// The station of an IPv4 address.
    Arp = 2,
    /// The station of an IPv6 address.
    Nd = 3,
}

impl Question {
    /// The question of a number, which is its place here; unknown ones count as `None`.
    #[inline(always)]
    pub const fn from_raw(raw: u32) -> Self {
        match raw {
            1 => Self::Unknown,
            2 => Self::Arp,
            3 => Self::Nd,
            _ => Self::None,
        }
    }
}

/// Length of both addresses of a frame.
pub const ADDRESSES_LEN: usize = 12;

/// Room for a question and its answer: more than a program's stack has left.
#[repr(C, align(8))]
#[derive(Clone, Copy, Debug)]
pub struct Scratch {
    /// The address that is asked for.
    pub key: BindingKey,
    /// Where the packet begins.
    pub at: u32,
    /// The Ethernet addresses.
    pub addresses: [u8; ADDRESSES_LEN],
    pad: [u8; 4],
    /// The station that has the address.
    pub owner: MacAddr,
    pad_too: [u8; 2],
    arp: arp::Packet,
    pad_three: [u8; 4],
    nd: [u8; nd::QUESTION_LEN],
    /// The ARP packet that answers.
    pub arp_answer: arp::Packet,
    pad_four: [u8; 4],
    /// The IPv6 packet that answers.
    pub nd_answer: [u8; nd::ANSWER_LEN],
}

impl Default for Scratch {
    fn default() -> Self {
        Self {
            key: BindingKey::default(),
            at: 0,
            addresses: [0; ADDRESSES_LEN],
            pad: [0; 4],
            owner: MacAddr::default(),
            pad_too: [0; 2],
            arp: [0; arp::LEN],
            pad_three: [0; 4],
            nd: [0; nd::QUESTION_LEN],
            arp_answer: [0; arp::LEN],
            pad_four: [0; 4],
            nd_answer: [0; nd::ANSWER_LEN],
        }
    }
}

impl Scratch {
    /// Reads a frame of VLAN `vid` whose packet begins at `at`.
    #[inline(always)]
    pub fn read(&mut self, frame: &impl Octets, vid: u16, at: u32) -> Question {
        self.at = at;
        let mut ethertype = [0; 2];
        let read =
            frame.read(0, &mut self.addresses) && frame.read(at.wrapping_sub(2), &mut ethertype);
        if !read {
            return Question::None;
        }
        match u16::from_be_bytes(ethertype) {
            ETHERTYPE_ARP if frame.read(at, &mut self.arp) && arp::is_request(&self.arp) => {
                let Some(target) = arp::question(&self.arp, self.asker()) else {
                    return Question::Unknown;
                };
                self.key = BindingKey::ipv4(target, vid);
                Question::Arp
            }
            ETHERTYPE_IPV6 if frame.read(at, &mut self.nd) => {
                let Some(question) = nd::Question::of(&self.nd) else {
                    return Question::None;
                };
                self.key = BindingKey::ipv6(*question.target, vid);
                Question::Nd
            }
            _ => Question::None,
        }
    }

    /// The Ethernet source of the question.
    #[inline(always)]
    fn asker(&self) -> MacAddr {
        let asker = self.addresses.last_chunk::<6>();
        MacAddr(asker.copied().unwrap_or_default())
    }

    /// Makes the answer to what [`Scratch::read`] found, in the name of its owner.
    #[inline(always)]
    pub fn answer(&mut self, question: Question) {
        let mut to = self.asker();
        if question == Question::Arp {
            arp::answer(&self.arp, &self.owner, &mut self.arp_answer);
        } else if let Some(question) = nd::Question::known(&self.nd) {
            question.answer(&self.owner, &mut self.nd_answer);
            to = question.reply_to(to);
        }
        let rest = put(&mut self.addresses, &to.0);
        put(rest, &self.owner.0);
    }
}

/// Says whether the owner of an address can be answered for to a port that asks: what that sends to it
/// then must get there. `is_member` says whether the owner's port belongs to the VLAN.
#[inline(always)]
pub fn can_answer(
    (asker, from): (PortId, &PortConf),
    (owner, port): (PortId, &PortConf),
    is_member: bool,
) -> bool {
    let up = port.ifindex != 0 && port.state().forwards();
    let isolated =
        from.flags.contains(PortFlags::ISOLATED) && port.flags.contains(PortFlags::ISOLATED);
    owner != asker && up && is_member && !isolated
}

/// Writes `octets` at the start of `into`, and gives what is left of it.
#[inline(always)]
fn put<'a, const N: usize>(into: &'a mut [u8], octets: &[u8; N]) -> &'a mut [u8] {
    match into.split_first_chunk_mut::<N>() {
        Some((to, rest)) => {
            *to = *octets;
            rest
        }
        None => &mut [],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PortState;

    #[test]
    fn only_whom_the_asker_reaches_is_answered_for() {
        let up = PortConf {
            ifindex: 9,
            state: PortState::Forwarding as u8,
            ..PortConf::default()
        };
        let (one, two) = (PortId(1), PortId(2));
        let isolated = PortConf {
            flags: PortFlags::ISOLATED,
            ..up
        };
        assert!(can_answer((one, &up), (two, &up), true));
        assert!(can_answer((one, &up), (two, &isolated), true));
        assert!(!can_answer((one, &isolated), (two, &isolated), true));
        assert!(!can_answer((one, &up), (one, &up), true), "its own address");
        assert!(!can_answer((one, &up), (two, &up), false), "another VLAN");
        let down = PortConf {
            state: PortState::Disabled as u8,
            ..up
        };
        assert!(!can_answer((one, &up), (two, &down), true));
        assert!(!can_answer((one, &up), (two, &PortConf::default()), true));
    }

    #[test]
    fn questions_are_told_from_what_is_none() {
        let mut frame = vec![0xff; 6];
        frame.extend([
            2, 0, 0, 0, 0, 1, 8, 6, 0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1,
        ]);
        frame.extend([10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 10, 0, 0, 2]);
        let read = |frame: &[u8], at| {
            let mut scratch = Scratch::default();
            let question = scratch.read(&Frame(frame), 7, at);
            (question, scratch.key)
        };
        let (question, key) = read(&frame, 14);
        assert_eq!(question, Question::Arp);
        assert_eq!(key, BindingKey::ipv4([10, 0, 0, 2], 7));
        assert_eq!(read(&frame, 18).0, Question::None);
        assert_eq!(read(&frame[..41], 14).0, Question::None);
        frame[11] = 9;
        assert_eq!(read(&frame, 14).0, Question::Unknown);
        frame[21] = 2;
        assert_eq!(read(&frame, 14).0, Question::None, "a reply");
    }

    struct Frame<'a>(&'a [u8]);

    impl Octets for Frame<'_> {
        fn read<const N: usize>(&self, at: u32, into: &mut [u8; N]) -> bool {
            self.0.read(at, into)
        }
    }
}
