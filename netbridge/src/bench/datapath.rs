//! The datapaths that are compared.

use nix::errno::Errno;

use super::{programs, rig};
use crate::{
    datapath::kernel_features,
    net::{Links, Netns, VethSpec, sysctl},
};

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
    /// The kernel's bridge with `bridge-nf-call-iptables` and rules like those of Docker.
    LinuxBridgeNf,
    /// macvlan interfaces in bridge mode on one parent.
    Macvlan,
    /// netkit pairs instead of veth pairs, with the static redirect of [`Self::TcStatic`].
    ///
    /// Made by the kernel's documentation of it and not yet tried: no kernel at hand had netkit.
    Netkit,
    /// Open vSwitch with its datapath in userspace (`datapath_type=netdev`), on packet sockets.
    Ovs,
    /// netbridge at TC.
    NetbridgeTc,
    /// netbridge at TC without `bpf_redirect_peer`.
    NetbridgeTcNoPeer,
    /// netbridge at XDP.
    NetbridgeXdp,
    /// The default network of a Docker engine, as it ships.
    DockerBridge,
    /// A network that a user makes with Docker's bridge: with Docker's resolver, unlike the default.
    DockerUserBridge,
    /// A network of a Docker engine with netbridge as its driver.
    DockerNetbridge,
}

impl Datapath {
    /// All of them, the limits first.
    pub const ALL: [Self; 14] = [
        Self::Veth,
        Self::XdpStatic,
        Self::TcStatic,
        Self::LinuxBridge,
        Self::LinuxBridgeNf,
        Self::Macvlan,
        Self::Netkit,
        Self::Ovs,
        Self::NetbridgeTc,
        Self::NetbridgeTcNoPeer,
        Self::NetbridgeXdp,
        Self::DockerBridge,
        Self::DockerUserBridge,
        Self::DockerNetbridge,
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
            Self::Netkit => "netkit",
            Self::Ovs => "ovs",
            Self::NetbridgeTc => "netbridge-tc",
            Self::NetbridgeTcNoPeer => "netbridge-tc-nopeer",
            Self::NetbridgeXdp => "netbridge-xdp",
            Self::DockerBridge => "docker-bridge",
            Self::DockerUserBridge => "docker-user-bridge",
            Self::DockerNetbridge => "docker-netbridge",
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
            Self::Ovs => "Open vSwitch, its userspace datapath",
            Self::Netkit => "netkit pairs and a redirect to the peer",
            Self::DockerBridge => "containers on Docker's own bridge, as it ships (test docker)",
            Self::DockerUserBridge => {
                "containers on a user's network of Docker's own bridge (test docker)"
            }
            Self::DockerNetbridge => {
                "containers on a network of Docker's with netbridge as driver (test docker)"
            }
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

    /// Says whether it is one of the bridges that a user chooses between, as it comes.
    pub const fn is_contender(self) -> bool {
        matches!(
            self,
            Self::LinuxBridge | Self::NetbridgeTc | Self::NetbridgeXdp
        )
    }

    /// Says whether more than two stations can be joined.
    pub const fn is_bridge(self) -> bool {
        !matches!(
            self,
            Self::Veth | Self::XdpStatic | Self::TcStatic | Self::Netkit
        )
    }

    /// The datapath that does the same without deciding anything: for generated frames the hook's
    /// static redirect, for what stacks send the bare veth pair.
    ///
    /// Networks of Docker's have none: containers are not joined without one.
    pub const fn limit(self, between_stacks: bool) -> Option<Self> {
        Some(match self {
            _ if self.is_docker() => return None,
            _ if between_stacks => Self::Veth,
            Self::Veth | Self::XdpStatic | Self::NetbridgeXdp => Self::XdpStatic,
            _ => Self::TcStatic,
        })
    }

    /// The Linux bridge that it is compared with: among containers of Docker's, Docker's own.
    #[must_use]
    pub const fn baseline(self) -> Self {
        match self {
            _ if self.is_docker() => Self::DockerBridge,
            _ => Self::LinuxBridge,
        }
    }

    /// Says whether it is what others are compared with.
    pub fn is_baseline(self) -> bool {
        self == self.baseline()
    }

    /// Says whether a Docker engine joins the stations, which are containers.
    pub const fn is_docker(self) -> bool {
        matches!(
            self,
            Self::DockerBridge | Self::DockerUserBridge | Self::DockerNetbridge
        )
    }

    /// Why it cannot run here, where it cannot.
    pub fn unavailable(self) -> Option<String> {
        match self {
            Self::LinuxBridgeNf => no_bridge_netfilter(),
            Self::Netkit => no_netkit(),
            Self::Ovs => rig::Ovs::unavailable(),
            _ if self.is_docker() => rig::Engine::unavailable(),
            Self::TcStatic => (!kernel_features().peer_scrubs)
                .then(|| "bpf_redirect_peer leaves the packet type alone before 6.15".to_owned()),
            _ => None,
        }
    }
}

fn no_bridge_netfilter() -> Option<String> {
    if sysctl::read("net/bridge/bridge-nf-call-iptables").is_none() {
        return Some("the kernel has no br_netfilter loaded (modprobe br_netfilter)".to_owned());
    }
    let rules = ["nft", "iptables-restore"];
    rules
        .iter()
        .all(|name| programs::find(name).is_none())
        .then(|| {
            "neither nft nor iptables-restore is installed (Debian package nftables)".to_owned()
        })
}

/// Tries to make a pair, in a namespace of its own.
fn no_netkit() -> Option<String> {
    let pair = VethSpec {
        name: "netkit0",
        peer_name: "netkit1",
        ..VethSpec::default()
    };
    let netns = Netns::anonymous().ok()?;
    let error = Links::within(&netns)
        .and_then(|links| links.add_netkit(&pair))
        .err()?;
    Some(match error.errno() {
        Some(Errno::EOPNOTSUPP) => "the kernel has no netkit (CONFIG_NETKIT, from 6.7)".to_owned(),
        _ => error.to_string(),
    })
}
