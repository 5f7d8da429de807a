//! Making interfaces.

use std::{
    os::fd::{AsFd as _, AsRawFd as _},
    time::Duration,
};

use rtnetlink::{
    packet_core::{NLM_F_CREATE, NLM_F_EXCL},
    packet_route::{
        RouteNetlinkMessage,
        link::{
            InfoBridge, InfoData, InfoKind, InfoMacVlan, InfoNetkit, InfoVeth, LinkAttribute,
            LinkInfo, LinkMessage, MacVlanMode, NetkitMode,
        },
    },
};

use super::{Link, Links, NetError, Netns};

/// A pair of virtual Ethernet interfaces to make.
#[derive(Debug, Clone, Copy, Default)]
pub struct VethSpec<'a> {
    /// Name of the near end, made in the namespace of the [`Links`].
    pub name: &'a str,
    /// Name of the far end.
    pub peer_name: &'a str,
    /// Where to make the far end; in the same namespace if `None`.
    pub peer_netns: Option<&'a Netns>,
    /// Hardware address of the near end; random if `None`.
    pub mac: Option<[u8; 6]>,
    /// Hardware address of the far end; random if `None`.
    pub peer_mac: Option<[u8; 6]>,
    /// Largest payload of both ends, in bytes; 1500 if `None`.
    pub mtu: Option<u32>,
    /// Receive and transmit queues of both ends, all in use. If `None`, one is in use and as many
    /// as CPUs can be enabled later.
    pub queues: Option<u32>,
    /// Index of the near end, below 2^31; the kernel picks one if `None`.
    pub ifindex: Option<u32>,
    /// Index of the far end, below 2^31; the kernel picks one if `None`.
    pub peer_ifindex: Option<u32>,
}

/// A macvlan interface to make.
#[derive(Debug, Clone, Copy)]
pub struct MacvlanSpec<'a> {
    /// Its name.
    pub name: &'a str,
    /// Index of the interface that it is on.
    pub parent: u32,
    /// Where to make it.
    pub netns: &'a Netns,
    /// Its hardware address.
    pub mac: [u8; 6],
    /// How it sees others on its parent: `private`, `vepa`, `passthru`, or `bridge` for all else.
    pub mode: &'a str,
    /// Its MTU; the parent's if `None`.
    pub mtu: Option<u32>,
    /// Its index; the kernel picks one if `None`.
    pub ifindex: Option<u32>,
}

impl MacvlanSpec<'_> {
    fn mode(&self) -> MacVlanMode {
        match self.mode {
            "private" => MacVlanMode::Private,
            "vepa" => MacVlanMode::Vepa,
            "passthru" => MacVlanMode::Passthrough,
            _ => MacVlanMode::Bridge,
        }
    }
}

/// Settings of a kernel bridge; what is `None` stays as it is.
#[derive(Debug, Clone, Copy, Default)]
pub struct BridgeOptions {
    /// How long an FDB entry lives unused, in steps of 10 ms.
    pub ageing_time: Option<Duration>,
    /// How long a port listens and learns before it forwards, in steps of 10 ms.
    pub forward_delay: Option<Duration>,
    /// Whether multicast goes only to the ports that joined.
    pub mcast_snooping: Option<bool>,
    /// Whether VLANs are kept apart.
    pub vlan_filtering: Option<bool>,
}

impl Links {
    /// Makes a veth pair, both ends where they belong in one step, and returns the near end.
    pub fn add_veth(&self, spec: &VethSpec<'_>) -> Result<Link, NetError> {
        let data = InfoData::Veth(InfoVeth::Peer(spec.far_end()));
        self.add_pair(spec, InfoKind::Veth, data)
    }

    /// Makes a pair like [`Self::add_veth`], of netkit interfaces that carry Ethernet frames
    /// (Linux 6.7); the near end is the primary one.
    pub fn add_netkit(&self, spec: &VethSpec<'_>) -> Result<Link, NetError> {
        let data = InfoData::Netkit(vec![
            InfoNetkit::Mode(NetkitMode::L2),
            InfoNetkit::Peer(spec.far_end()),
        ]);
        self.add_pair(spec, InfoKind::Netkit, data)
    }

    fn add_pair(
        &self,
        spec: &VethSpec<'_>,
        kind: InfoKind,
        data: InfoData,
    ) -> Result<Link, NetError> {
        let action = format!("add {kind} pair {} and {}", spec.name, spec.peer_name);
        let mut message = spec.end(spec.name, spec.mac, spec.ifindex);
        message.attributes.push(LinkAttribute::LinkInfo(vec![
            LinkInfo::Kind(kind),
            LinkInfo::Data(data),
        ]));
        self.create(&action, message)?;
        self.by_name(spec.name)
    }

    /// Makes a macvlan interface, in another namespace.
    pub fn add_macvlan(&self, spec: &MacvlanSpec<'_>) -> Result<(), NetError> {
        let mut message = LinkMessage::default();
        message.header.index = spec.ifindex.unwrap_or(0);
        message.attributes.extend(spec.mtu.map(LinkAttribute::Mtu));
        message.attributes.extend([
            LinkAttribute::IfName(spec.name.to_owned()),
            LinkAttribute::Link(spec.parent),
            LinkAttribute::NetNsFd(spec.netns.as_fd().as_raw_fd()),
            LinkAttribute::Address(spec.mac.to_vec()),
            LinkAttribute::LinkInfo(vec![
                LinkInfo::Kind(InfoKind::MacVlan),
                LinkInfo::Data(InfoData::MacVlan(vec![InfoMacVlan::Mode(spec.mode())])),
            ]),
        ]);
        self.create(&format!("add macvlan {}", spec.name), message)
    }

    /// Makes a bridge of the kernel.
    pub fn add_bridge(&self, name: &str, options: &BridgeOptions) -> Result<Link, NetError> {
        let mut message = LinkMessage::default();
        message
            .attributes
            .push(LinkAttribute::IfName(name.to_owned()));
        message.attributes.push(options.attribute());
        self.create(&format!("add bridge {name}"), message)?;
        self.by_name(name)
    }

    /// Changes settings of a bridge of the kernel.
    pub fn set_bridge(&self, ifindex: u32, options: &BridgeOptions) -> Result<(), NetError> {
        let mut message = LinkMessage::default();
        message.header.index = ifindex;
        message.attributes.push(options.attribute());
        self.change(
            ifindex,
            "set options of bridge",
            RouteNetlinkMessage::NewLink(message),
        )
    }

    fn create(&self, action: &str, message: LinkMessage) -> Result<(), NetError> {
        let message = RouteNetlinkMessage::NewLink(message);
        self.request(action, message, NLM_F_CREATE | NLM_F_EXCL)
            .map(drop)
    }
}

impl VethSpec<'_> {
    fn far_end(&self) -> LinkMessage {
        let mut peer = self.end(self.peer_name, self.peer_mac, self.peer_ifindex);
        if let Some(netns) = self.peer_netns {
            peer.attributes
                .push(LinkAttribute::NetNsFd(netns.as_fd().as_raw_fd()));
        }
        peer
    }

    fn end(&self, name: &str, mac: Option<[u8; 6]>, ifindex: Option<u32>) -> LinkMessage {
        let mut message = LinkMessage::default();
        message.header.index = ifindex.unwrap_or(0);
        message
            .attributes
            .push(LinkAttribute::IfName(name.to_owned()));
        message
            .attributes
            .extend(mac.map(|mac| LinkAttribute::Address(mac.to_vec())));
        message.attributes.extend(self.mtu.map(LinkAttribute::Mtu));
        message
            .attributes
            .extend(self.queues.map(LinkAttribute::NumRxQueues));
        message
            .attributes
            .extend(self.queues.map(LinkAttribute::NumTxQueues));
        message
    }
}

impl BridgeOptions {
    fn attribute(&self) -> LinkAttribute {
        let mut data = Vec::new();
        data.extend(
            self.ageing_time
                .map(|time| InfoBridge::AgeingTime(clock_ticks(time))),
        );
        data.extend(
            self.forward_delay
                .map(|time| InfoBridge::ForwardDelay(clock_ticks(time))),
        );
        data.extend(self.mcast_snooping.map(InfoBridge::MulticastSnooping));
        data.extend(self.vlan_filtering.map(InfoBridge::VlanFiltering));
        LinkAttribute::LinkInfo(vec![
            LinkInfo::Kind(InfoKind::Bridge),
            LinkInfo::Data(InfoData::Bridge(data)),
        ])
    }
}

/// `USER_HZ` ticks, which are 10 ms everywhere.
fn clock_ticks(time: Duration) -> u32 {
    u32::try_from(time.as_millis() / 10).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_counted_in_ticks() {
        assert_eq!(clock_ticks(Duration::from_mins(5)), 30_000);
        assert_eq!(clock_ticks(Duration::ZERO), 0);
        assert_eq!(clock_ticks(Duration::MAX), u32::MAX);
    }
}
