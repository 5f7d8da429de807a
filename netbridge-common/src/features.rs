//! What the programs of a bridge can do; what they are loaded without costs no frame anything.

/// Parts of the datapath that are switched at load, a set of bits.
#[repr(transparent)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Features(pub u32);

impl Features {
    /// VLAN filtering.
    pub const VLAN: Self = Self(1);
    /// Storm and rate limits.
    pub const LIMIT: Self = Self(1 << 1);
    /// Bindings of addresses to ports, and guards against rogue routers and DHCP servers.
    pub const GUARD: Self = Self(1 << 2);
    /// Answers to ARP requests and neighbour solicitations.
    pub const PROXY: Self = Self(1 << 3);
    /// Mirrors.
    pub const MIRROR: Self = Self(1 << 4);
    /// Multicast snooping.
    pub const SNOOP: Self = Self(1 << 5);
    /// Recognition of the bridge's own probes.
    pub const LOOP: Self = Self(1 << 6);
    /// Everything that costs something.
    pub const ALL: Self = Self(0x7f);
    /// Verdicts are not kept.
    pub const NO_FLOW_CACHE: Self = Self(1 << 31);

    /// Says whether all bits of `other` are set.
    #[inline(always)]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Both sets together.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}
