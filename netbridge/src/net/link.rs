//! What the kernel tells of one interface.

use std::fmt;

use rtnetlink::packet_route::link::{
    LinkAttribute, LinkFlags, LinkInfo, LinkLayerType, LinkMessage, LinkXdp,
    XdpAttached as Attached,
};

/// An interface as it was when asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent facts of the kernel"
)]
pub struct Link {
    /// Interface index, unique within the namespace.
    pub ifindex: u32,
    /// Name, unique within the namespace.
    pub name: String,
    /// What kind of interface it is.
    pub kind: LinkKind,
    /// Whether it carries Ethernet frames (`ARPHRD_ETHER`); a bridge can use no other.
    pub ethernet: bool,
    /// Largest payload of a frame, in bytes, without the Ethernet header.
    pub mtu: u32,
    /// Hardware address, where it has one of six bytes.
    pub mac: Option<[u8; 6]>,
    /// Set up by the administrator (`IFF_UP`).
    pub up: bool,
    /// The driver sees a live medium (`IFF_LOWER_UP`); for a veth, both ends are up.
    pub carrier: bool,
    /// Takes frames for any address, for whatever reason (`IFLA_PROMISCUITY` above zero).
    pub promiscuous: bool,
    /// The bridge, bond or the like this interface is a port of.
    pub master: Option<u32>,
    /// What kind of interface the master is, such as `bridge`.
    pub master_kind: Option<String>,
    /// The other end; only of a veth.
    pub peer: Option<Peer>,
    /// The XDP program attached.
    pub xdp: Option<XdpAttached>,
    /// Receive queues allocated; see [`channels`](super::ethtool::channels) for those in use.
    pub num_rx_queues: u32,
    /// Transmit queues allocated.
    pub num_tx_queues: u32,
    /// Largest segment for segmentation offload, in bytes; 0 where the kernel does not tell.
    pub gso_max_size: u32,
}

/// Where the other end of a veth pair is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer {
    /// Its index, in its own namespace (`IFLA_LINK`).
    pub ifindex: u32,
    /// The id of its namespace as seen from here (`IFLA_LINK_NETNSID`); `None` if it is the same.
    pub nsid: Option<i32>,
}

/// An attached XDP program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct XdpAttached {
    /// Where it runs.
    pub mode: XdpMode,
    /// Its id, as `bpftool prog` shows it; of the native one if there are several.
    pub prog_id: u32,
}

/// Where an XDP program runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum XdpMode {
    /// In the driver (`XDP_ATTACHED_DRV`).
    Native,
    /// After the driver made a socket buffer (`XDP_ATTACHED_SKB`).
    Generic,
    /// On the network card (`XDP_ATTACHED_HW`).
    Offloaded,
    /// In several of these places at once (`XDP_ATTACHED_MULTI`).
    Multiple,
}

impl fmt::Display for XdpMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Native => "native",
            Self::Generic => "generic",
            Self::Offloaded => "offloaded",
            Self::Multiple => "multiple",
        })
    }
}

/// Kinds of interfaces (`IFLA_INFO_KIND`).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LinkKind {
    /// One end of a pair of virtual Ethernet interfaces.
    Veth,
    /// A bridge of the kernel.
    Bridge,
    /// A VLAN of another interface.
    Vlan,
    /// A bond of several interfaces.
    Bond,
    /// An interface with its own address on top of another.
    Macvlan,
    /// A tun or tap interface.
    Tun,
    /// An interface that drops everything.
    Dummy,
    /// The loopback interface.
    Loopback,
    /// An interface with no kind: hardware, or what looks like it.
    Physical,
    /// Another kind, by the kernel's name.
    Other(String),
}

impl LinkKind {
    fn from_name(name: &str) -> Self {
        match name {
            "veth" => Self::Veth,
            "bridge" => Self::Bridge,
            "vlan" => Self::Vlan,
            "bond" => Self::Bond,
            "macvlan" => Self::Macvlan,
            "tun" => Self::Tun,
            "dummy" => Self::Dummy,
            other => Self::Other(other.to_owned()),
        }
    }
}

impl fmt::Display for LinkKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Veth => "veth",
            Self::Bridge => "bridge",
            Self::Vlan => "vlan",
            Self::Bond => "bond",
            Self::Macvlan => "macvlan",
            Self::Tun => "tun",
            Self::Dummy => "dummy",
            Self::Loopback => "loopback",
            Self::Physical => "physical",
            Self::Other(name) => name,
        })
    }
}

impl From<LinkMessage> for Link {
    fn from(message: LinkMessage) -> Self {
        let flags = message.header.flags;
        let mut link = Self {
            ifindex: message.header.index,
            name: String::new(),
            kind: if flags.contains(LinkFlags::Loopback) {
                LinkKind::Loopback
            } else {
                LinkKind::Physical
            },
            ethernet: message.header.link_layer_type == LinkLayerType::Ether,
            mtu: 0,
            mac: None,
            up: flags.contains(LinkFlags::Up),
            carrier: flags.contains(LinkFlags::LowerUp),
            promiscuous: flags.contains(LinkFlags::Promisc),
            master: None,
            master_kind: None,
            peer: None,
            xdp: None,
            num_rx_queues: 1,
            num_tx_queues: 1,
            gso_max_size: 0,
        };
        let (mut lower, mut nsid) = (None, None);
        for attribute in message.attributes {
            match attribute {
                LinkAttribute::IfName(name) => link.name = name,
                LinkAttribute::Mtu(mtu) => link.mtu = mtu,
                LinkAttribute::Address(bytes) => link.mac = bytes.try_into().ok(),
                LinkAttribute::Promiscuity(count) => link.promiscuous |= count > 0,
                LinkAttribute::Controller(ifindex) => link.master = Some(ifindex),
                LinkAttribute::NumRxQueues(count) => link.num_rx_queues = count,
                LinkAttribute::NumTxQueues(count) => link.num_tx_queues = count,
                LinkAttribute::GsoMaxSize(bytes) => link.gso_max_size = bytes,
                LinkAttribute::Link(ifindex) => lower = Some(ifindex),
                LinkAttribute::LinkNetNsId(id) => nsid = Some(id),
                LinkAttribute::Xdp(xdp) => link.xdp = xdp_attached(&xdp),
                LinkAttribute::LinkInfo(infos) => link.set_info(infos),
                _ => {}
            }
        }
        if link.kind == LinkKind::Veth {
            link.peer = lower.map(|ifindex| Peer { ifindex, nsid });
        }
        link
    }
}

impl Link {
    fn set_info(&mut self, infos: Vec<LinkInfo>) {
        for info in infos {
            match info {
                LinkInfo::Kind(kind) => self.kind = LinkKind::from_name(&kind.to_string()),
                LinkInfo::PortKind(kind) => self.master_kind = Some(kind.to_string()),
                _ => {}
            }
        }
    }
}

fn xdp_attached(attributes: &[LinkXdp]) -> Option<XdpAttached> {
    let mode = attributes.iter().find_map(|attribute| match attribute {
        LinkXdp::Attached(Attached::Driver) => Some(XdpMode::Native),
        LinkXdp::Attached(Attached::SocketBuffer) => Some(XdpMode::Generic),
        LinkXdp::Attached(Attached::Hardware) => Some(XdpMode::Offloaded),
        LinkXdp::Attached(Attached::Multiple) => Some(XdpMode::Multiple),
        _ => None,
    })?;
    // IFLA_XDP_PROG_ID is absent with several programs; the native one is then reported first.
    let prog_id = attributes.iter().find_map(|attribute| match *attribute {
        LinkXdp::ProgId(id)
        | LinkXdp::DrvProgId(id)
        | LinkXdp::SkbProgId(id)
        | LinkXdp::HwProgId(id) => Some(id),
        _ => None,
    })?;
    Some(XdpAttached { mode, prog_id })
}

#[cfg(test)]
mod tests {
    use rtnetlink::packet_route::link::InfoKind;

    use super::*;

    fn message(kind: Option<InfoKind>, attributes: &[LinkAttribute]) -> Link {
        let mut message = LinkMessage::default();
        message.attributes = attributes.to_vec();
        if let Some(kind) = kind {
            message
                .attributes
                .push(LinkAttribute::LinkInfo(vec![LinkInfo::Kind(kind)]));
        }
        message.into()
    }

    #[test]
    fn only_a_veth_has_a_peer() {
        let attributes = [LinkAttribute::Link(7), LinkAttribute::LinkNetNsId(3)];
        let veth = message(Some(InfoKind::Veth), &attributes);
        assert_eq!(
            veth.peer,
            Some(Peer {
                ifindex: 7,
                nsid: Some(3)
            })
        );
        assert_eq!(message(Some(InfoKind::Vlan), &attributes).peer, None);
        assert_eq!(message(None, &attributes).kind, LinkKind::Physical);
    }

    #[test]
    fn several_programs_report_the_native_one() {
        let attributes = [LinkAttribute::Xdp(vec![
            LinkXdp::DrvProgId(4),
            LinkXdp::SkbProgId(5),
            LinkXdp::Attached(Attached::Multiple),
        ])];
        let xdp = XdpAttached {
            mode: XdpMode::Multiple,
            prog_id: 4,
        };
        assert_eq!(message(None, &attributes).xdp, Some(xdp));
        let none = [LinkAttribute::Xdp(vec![LinkXdp::Attached(Attached::None)])];
        assert_eq!(message(None, &none).xdp, None);
    }
}
