//! The datapaths that are compared.

use std::path::Path;

use crate::datapath::kernel_features;

/// A way for frames to get from one namespace to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Datapath {
    /// A veth pair between the two, with no bridge: the limit for a stack that sends.
    Veth,
    /// XDP redirect without a lookup: the limit of the hook.
    XdpStatic,
    /// TC redirect to the peer without a lookup: the limit of the hook.
    TcStatic,
    /// The kernel's bridge.
    LinuxBridge,
    /// The kernel's bridge with `bridge-nf-call-iptables`, as Docker leaves it.
    LinuxBridgeNf,
    /// macvlan interfaces in bridge mode on one parent.
    Macvlan,
    /// netbridge at TC.
    NetbridgeTc,
    /// netbridge at TC without `bpf_redirect_peer`.
    NetbridgeTcNoPeer,
    /// netbridge at XDP.
    NetbridgeXdp,
}

impl Datapath {
    /// All of them, the limits first.
    pub const ALL: [Self; 9] = [
        Self::Veth,
        Self::XdpStatic,
        Self::TcStatic,
        Self::LinuxBridge,
        Self::LinuxBridgeNf,
        Self::Macvlan,
        Self::NetbridgeTc,
        Self::NetbridgeTcNoPeer,
        Self::NetbridgeXdp,
    ];

    /// Its name on the command line and in results.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Veth => "veth",
            Self::XdpStatic => "xdp-static",
            Self::TcStatic => "tc-static",
            Self::LinuxBridge => "linux-bridge",
            Self::LinuxBridgeNf => "linux-bridge-nf",
            Self::Macvlan => "macvlan",
            Self::NetbridgeTc => "netbridge-tc",
            Self::NetbridgeTcNoPeer => "netbridge-tc-nopeer",
            Self::NetbridgeXdp => "netbridge-xdp",
        }
    }

    /// What it is, in one line.
    pub const fn about(self) -> &'static str {
        match self {
            Self::Veth => "a veth pair and no bridge: the limit of stacks that send",
            Self::XdpStatic => "XDP redirect without a lookup: the limit at XDP",
            Self::TcStatic => "TC redirect without a lookup: the limit at TC",
            Self::LinuxBridge => "the kernel's bridge",
            Self::LinuxBridgeNf => {
                "the kernel's bridge with bridge-nf-call-iptables, as Docker has it"
            }
            Self::Macvlan => "macvlan in bridge mode, no bridge",
            Self::NetbridgeTc => "netbridge at TC",
            Self::NetbridgeTcNoPeer => "netbridge at TC without bpf_redirect_peer",
            Self::NetbridgeXdp => "netbridge at XDP",
        }
    }

    /// The datapath of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|datapath| datapath.name() == name)
    }

    /// Says whether frames stay bare XDP frames all the way, so that the sink counts at XDP.
    pub const fn is_xdp(self) -> bool {
        matches!(self, Self::Veth | Self::XdpStatic | Self::NetbridgeXdp)
    }

    /// Says whether more than two stations can be joined.
    pub const fn is_bridge(self) -> bool {
        !matches!(self, Self::Veth | Self::XdpStatic | Self::TcStatic)
    }

    /// The datapath that does the same without deciding anything: for generated frames the hook's
    /// static redirect, for what stacks send the bare veth pair.
    #[must_use]
    pub const fn limit(self, between_stacks: bool) -> Self {
        match self {
            _ if between_stacks => Self::Veth,
            Self::Veth | Self::XdpStatic | Self::NetbridgeXdp => Self::XdpStatic,
            _ => Self::TcStatic,
        }
    }

    /// Why it cannot run here, where it cannot.
    pub fn unavailable(self) -> Option<String> {
        if self == Self::LinuxBridgeNf
            && !Path::new("/proc/sys/net/bridge/bridge-nf-call-iptables").exists()
        {
            return Some("the kernel has no br_netfilter loaded".to_owned());
        }
        if self == Self::TcStatic && !kernel_features().peer_scrubs {
            return Some("bpf_redirect_peer leaves the packet type alone before 6.15".to_owned());
        }
        None
    }
}
