//! Ports: how they are numbered, configured and switched.

use crate::MacAddr;

/// A port of one bridge: the index of its slot in the port maps, from 1; 0 means no port.
///
/// Small and dense, so that maps can be arrays; an interface index is neither.
#[repr(transparent)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PortId(pub u32);

impl PortId {
    /// The slot that no port has; bridge-wide figures stand there.
    pub const NONE: Self = Self(0);
}

/// What a port may do, with the kernel's numbers (`BR_STATE_*`, `linux/if_bridge.h`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PortState {
    /// Drops everything.
    Disabled = 0,
    /// Drops everything, on its way to forwarding.
    Listening = 1,
    /// Learns, and drops.
    Learning = 2,
    /// Learns and forwards.
    Forwarding = 3,
    /// Drops everything, kept in reserve.
    Blocking = 4,
}

impl PortState {
    /// The state of the kernel's number, as found in a map; unknown ones count as disabled.
    #[inline(always)]
    pub const fn from_raw(raw: u8) -> Self {
        match raw {
            1 => Self::Listening,
            2 => Self::Learning,
            3 => Self::Forwarding,
            4 => Self::Blocking,
            _ => Self::Disabled,
        }
    }

    /// Says whether addresses are learned from frames that arrive.
    #[inline(always)]
    pub const fn learns(self) -> bool {
        matches!(self, Self::Learning | Self::Forwarding)
    }

    /// Says whether frames pass.
    #[inline(always)]
    pub const fn forwards(self) -> bool {
        matches!(self, Self::Forwarding)
    }

    /// The name that `bridge link` uses.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Disabled => "disabled",
            Self::Listening => "listening",
            Self::Learning => "learning",
            Self::Forwarding => "forwarding",
            Self::Blocking => "blocking",
        }
    }
}

/// Switches of a port, a set of bits.
#[repr(transparent)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PortFlags(pub u32);

impl PortFlags {
    /// Frames for the station itself (`PortConf::peer_mac`) enter its namespace directly, by
    /// `bpf_redirect_peer`: the interface is a veth whose other end is in another namespace.
    pub const PEER: Self = Self(1);
    /// The interface takes frames from an XDP redirect (`NETDEV_XDP_ACT_NDO_XMIT`).
    pub const XDP_TARGET: Self = Self(1 << 1);
    /// The host's own port: frames enter the host at `PortConf::deliver_ifindex`.
    pub const HOST: Self = Self(1 << 2);
    /// XDP sees every frame first; what TC gets is what XDP handed on, and already reported.
    pub const XDP_FIRST: Self = Self(1 << 3);

    /// No address is learned from what arrives (`bridge link set learning off`).
    pub const NO_LEARNING: Self = Self(1 << 4);
    /// Unknown unicast does not go out here (`flood off`).
    pub const NO_FLOOD: Self = Self(1 << 5);
    /// Multicast does not go out here (`mcast_flood off`).
    pub const NO_MCAST_FLOOD: Self = Self(1 << 6);
    /// Broadcast does not go out here (`bcast_flood off`).
    pub const NO_BCAST_FLOOD: Self = Self(1 << 7);
    /// Nothing goes from here to another isolated port (`isolated on`).
    pub const ISOLATED: Self = Self(1 << 8);
    /// Frames may go out where they came in (`hairpin on`).
    pub const HAIRPIN: Self = Self(1 << 9);
    /// Only stations that the FDB has on this port may send (`locked on`).
    pub const LOCKED: Self = Self(1 << 10);
    /// Frames of VLANs that the port is no member of come in all the same (802.1Q 8.6.2, Enable
    /// Ingress Filtering off).
    pub const NO_INGRESS_FILTER: Self = Self(1 << 11);
    /// Frames must come from an address that is bound to the port.
    pub const BOUND_MAC: Self = Self(1 << 12);
    /// IP, ARP and neighbour discovery must speak for addresses that are bound to the port.
    pub const BOUND_IP: Self = Self(1 << 13);
    /// Router advertisements and redirects are dropped as they come in.
    pub const RA_GUARD: Self = Self(1 << 14);
    /// What only a DHCP server sends is dropped as it comes in.
    pub const DHCP_GUARD: Self = Self(1 << 15);
    /// All by which frames are looked into before they are admitted.
    pub const GUARDED: Self =
        Self(Self::BOUND_MAC.0 | Self::BOUND_IP.0 | Self::RA_GUARD.0 | Self::DHCP_GUARD.0);
    /// There is a rate for what comes in.
    pub const RATE_IN: Self = Self(1 << 16);
    /// There is a rate for what goes out.
    pub const RATE_OUT: Self = Self(1 << 17);
    /// There is a limit on floods from here.
    pub const STORM: Self = Self(1 << 18);
    /// A station that leaves a multicast group was the last one in it here (`mcast_fast_leave`).
    pub const FAST_LEAVE: Self = Self(1 << 19);
    /// A multicast router is behind the port (`mcast_router 2`).
    pub const MCAST_ROUTER: Self = Self(1 << 20);
    /// No multicast router is ever taken to be behind the port (`mcast_router 0`).
    pub const NO_MCAST_ROUTER: Self = Self(1 << 21);

    /// Says whether all bits of `other` are set.
    #[inline(always)]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Says whether a bit of `other` is set.
    #[inline(always)]
    pub const fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Both sets together.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The set with the bits of `other` set or cleared.
    #[must_use]
    pub const fn set(self, other: Self, on: bool) -> Self {
        if on {
            self.with(other)
        } else {
            Self(self.0 & !other.0)
        }
    }
}

/// What the datapath knows of a port; the value of map `PORT_CONF`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PortConf {
    /// Interface index; 0 marks a free slot.
    pub ifindex: u32,
    /// Switches.
    pub flags: PortFlags,
    /// Largest payload of an untagged frame that may leave here, in octets.
    pub mtu: u32,
    /// Most addresses learned here at a time; 0 for no limit.
    pub learn_limit: u32,
    /// Interface whose ingress takes frames for the host; only with [`PortFlags::HOST`].
    pub deliver_ifindex: u32,
    /// Address of the station at the other end of a veth; zero where none is known.
    pub peer_mac: MacAddr,
    /// A [`PortState`] by its number.
    pub state: u8,
    /// Which frames the port takes: a [`crate::vlan::AcceptFrames`] by its number.
    pub accept_frames: u8,
    /// Reserved groups 01:80:C2:00:00:0X that are relayed from here all the same, a bit for each X
    /// (`group_fwd_mask` of `bridge link set`).
    pub group_fwd_mask: u16,
    /// VLAN of frames that come without one; 0 where such frames are not taken.
    pub pvid: u16,
    /// The port that gets a copy of what comes in here, by its number; 0 for none.
    pub mirror_in: u16,
    /// The port that gets a copy of what goes out here, by its number; 0 for none.
    pub mirror_out: u16,
    /// Zero.
    pub reserved: [u16; 14],
}

impl PortConf {
    /// The port's state.
    #[inline(always)]
    pub const fn state(&self) -> PortState {
        PortState::from_raw(self.state)
    }

    /// Says whether a flooded frame to `dst` is of no use here: it is for one station, and the
    /// station behind this port is known to be another.
    #[inline(always)]
    pub fn is_wasted_on(&self, dst: MacAddr) -> bool {
        !dst.is_group() && !self.peer_mac.is_zero() && self.peer_mac != dst
    }
}
