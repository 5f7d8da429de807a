//! Settings of a whole bridge.

use crate::{Features, Ticks};

/// Ageing time of a new bridge, in seconds (802.1Q table 8-6).
pub const DEFAULT_AGEING_SECS: u32 = 300;

/// Events that a CPU may send in a tick unless told otherwise.
pub const DEFAULT_EVENT_RATE: u32 = 1000;

/// Moves by which a station on a new bridge flaps, and the window in seconds.
pub const DEFAULT_FLAPS: (u16, u16) = (5, 10);

/// How a bridge decides where frames go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Learns addresses and forwards to the port that an address is behind.
    #[default]
    Bridge = 0,
    /// Sends every frame to every other port and learns nothing, as a repeater does.
    Hub = 1,
}

impl Mode {
    /// The mode of a number found in a map; unknown ones count as `Bridge`.
    #[inline(always)]
    pub const fn from_raw(raw: u32) -> Self {
        if raw == 1 { Self::Hub } else { Self::Bridge }
    }

    /// The name that the command line uses.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bridge => "bridge",
            Self::Hub => "hub",
        }
    }
}

/// Whether the bridge answers ARP requests and neighbour solicitations for addresses bound to ports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ProxyMode {
    /// It does not.
    #[default]
    Off = 0,
    /// It does, and floods the others.
    On = 1,
    /// It does, and drops the others: no request is ever flooded.
    Only = 2,
}

impl ProxyMode {
    /// The mode of a number found in a map; unknown ones count as `Off`.
    #[inline(always)]
    pub const fn from_raw(raw: u16) -> Self {
        match raw {
            1 => Self::On,
            2 => Self::Only,
            _ => Self::Off,
        }
    }

    /// The name that the command line uses.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::On => "on",
            Self::Only => "only",
        }
    }
}

/// What happens where a probe of the bridge's own comes back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LoopGuard {
    /// No probes are sent.
    #[default]
    Off = 0,
    /// It is reported.
    Report = 1,
    /// It is reported, and the port is disabled.
    Disable = 2,
}

impl LoopGuard {
    /// The guard of a number found in a map; unknown ones count as `Off`.
    #[inline(always)]
    pub const fn from_raw(raw: u16) -> Self {
        match raw {
            1 => Self::Report,
            2 => Self::Disable,
            _ => Self::Off,
        }
    }

    /// The name that the command line uses.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Report => "report",
            Self::Disable => "disable",
        }
    }
}

/// The value of map `SETTINGS`, which has one element.
///
/// `abi_version` stays first for ever: it is read before anything else is believed.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// [`crate::ABI_VERSION`] of the program that made the maps.
    pub abi_version: u32,
    /// A [`Mode`] by its number.
    pub mode: u32,
    /// How long an entry counts after it was last refreshed.
    pub ageing: Ticks,
    /// The same in seconds, as it was given.
    pub ageing_secs: u32,
    /// Most addresses learned on the bridge at a time; 0 for no limit but the map's size.
    pub learn_limit: u32,
    /// 1 where every port takes frames from an XDP redirect, so that XDP may flood.
    pub xdp_floods: u32,
    /// Where the flood list in use starts in map `FLOOD_PORTS`, and how many ports it has; one
    /// 64-bit word, so that the datapath never sees half a change.
    pub flood_list: FloodList,
    /// Events that a CPU may send in a tick.
    pub event_rate: u32,
    /// Slots for ports, [`crate::PortId::NONE`] among them.
    pub port_slots: u32,
    /// Inode of the network namespace that the ports are in.
    pub netns: u64,
    /// The bridge's own interface, the end that the host sees; 0 without one.
    pub host_ifindex: u32,
    /// 1 where ports may have different MTUs.
    pub mixed_mtu: u32,
    /// Counts changes that userspace made to anything a verdict depends on; see [`crate::flow`].
    pub generation: u32,
    /// Reserved groups that are relayed all the same, as [`crate::PortConf::group_fwd_mask`] has it.
    pub group_fwd_mask: u16,
    /// 1 where frames for nobody known are dropped, not flooded.
    pub drop_unknown: u16,
    /// Entries that the FDB can hold.
    pub fdb_entries: u32,
    /// 1 where the bridge filters VLANs.
    pub vlan_filtering: u16,
    /// The `EtherType` of the tags that name the bridge's VLANs.
    pub vlan_protocol: u16,
    /// What the programs were loaded with.
    pub features: Features,
    /// Moves within `flap_window` by which a station flaps; 0 where nobody counts.
    pub flap_moves: u16,
    /// The window, in seconds.
    pub flap_window: u16,
    /// Seconds for which a flapping station's entry is held on its port; 0 to report only.
    pub flap_hold: u16,
    /// Whether neighbours that are bound to ports are answered for: a [`ProxyMode`] by its number.
    pub proxy: u16,
    /// What a probe of the bridge's own is worth: a [`LoopGuard`] by its number.
    pub loop_guard: u16,
    /// 1 where multicast goes only to members and routers.
    pub mcast_snooping: u16,
    /// What only a probe of this bridge has in it.
    pub loop_nonce: u64,
    /// Zero.
    pub reserved: [u32; 8],
}

/// A part of map `FLOOD_PORTS`.
#[repr(C, align(8))]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FloodList {
    /// Index of its first element.
    pub start: u32,
    /// Its length.
    pub len: u32,
}

impl Settings {
    /// The bridge's mode.
    #[inline(always)]
    pub const fn mode(&self) -> Mode {
        Mode::from_raw(self.mode)
    }
}
