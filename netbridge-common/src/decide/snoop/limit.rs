//! To whom a frame for a group goes.

use super::{Family, Seen, What};

/// Which ports of the flood domain a frame goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// To all.
    All = 0,
    /// To those with routers.
    Routers = 1,
    /// To those with routers and those with members of the group.
    Members = 2,
}

/// A [`Target`], the IP that its group belongs to, and where in the frame the group stands, as one number;
/// [`Limit::NONE`] where the frame goes to all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limit(pub u32);

impl Limit {
    /// No limit.
    pub const NONE: Self = Self(0);

    #[inline(always)]
    const fn new(target: Target, family: Family, at: u32) -> Self {
        Self(target as u32 | (family as u32) << 8 | at.wrapping_shl(16))
    }

    /// Decides about a frame (RFC 4541 2.1): what is for a group goes to its members, and to routers, who
    /// know of members elsewhere; what members say goes to routers alone, or others would keep silent.
    ///
    /// `heard` says whether there is a querier, and so whether the members are known: without one, all
    /// that is IP goes to all. `registered` says the same of a group that is an Ethernet address.
    #[inline(always)]
    pub const fn of(seen: &Seen, heard: bool, registered: bool) -> Self {
        match seen.what {
            What::Data if heard => Self::new(Target::Members, seen.family, seen.at),
            What::Join | What::Leave | What::Records if heard => {
                Self::new(Target::Routers, seen.family, 0)
            }
            What::Other if registered => Self::new(Target::Members, Family::None, 0),
            _ => Self::NONE,
        }
    }

    /// Which ports it goes to.
    #[inline(always)]
    pub const fn target(self) -> Target {
        match self.0 & 0xff {
            1 => Target::Routers,
            2 => Target::Members,
            _ => Target::All,
        }
    }

    /// The IP that the group belongs to.
    #[inline(always)]
    pub const fn family(self) -> Family {
        match self.0 >> 8 & 0xff {
            4 => Family::Ipv4,
            6 => Family::Ipv6,
            _ => Family::None,
        }
    }

    /// Where in the frame the group stands.
    #[inline(always)]
    pub const fn at(self) -> u32 {
        self.0 >> 16
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_querier_makes_the_limit_and_its_questions_go_to_all() {
        let of = |what, heard, registered| {
            let seen = Seen {
                what,
                family: Family::Ipv4,
                at: 30,
                ..Seen::default()
            };
            Limit::of(&seen, heard, registered)
        };
        for registered in [false, true] {
            let data = of(What::Data, true, registered);
            assert_eq!(data.target(), Target::Members);
            assert_eq!((data.family(), data.at()), (Family::Ipv4, 30));
            for what in [What::Join, What::Leave, What::Records] {
                assert_eq!(of(what, true, registered).target(), Target::Routers);
                assert_eq!(of(what, false, registered), Limit::NONE);
            }
            for what in [What::Open, What::Query, What::GroupQuery, What::Router] {
                assert_eq!(of(what, true, registered), Limit::NONE);
            }
            assert_eq!(of(What::Data, false, registered), Limit::NONE);
        }
        for heard in [false, true] {
            assert_eq!(of(What::Other, heard, false), Limit::NONE);
            let other = of(What::Other, heard, true);
            assert_eq!(
                (other.target(), other.family()),
                (Target::Members, Family::None)
            );
        }
    }
}
