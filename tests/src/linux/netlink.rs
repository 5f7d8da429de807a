//! What netbridge itself never asks of a kernel bridge: an option, and its FDB.

use netbridge_common::{MacAddr, PortFlags};
use rtnetlink::{
    packet_core::{
        NLM_F_ACK, NLM_F_DUMP, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload,
    },
    packet_route::{
        AddressFamily, RouteNetlinkMessage,
        link::{
            BridgeBooleanOptionFlags, BridgeBooleanOptions, InfoBridge, InfoBridgePort, InfoData,
            InfoKind, InfoPortData, InfoPortKind, LinkAttribute, LinkInfo, LinkMessage, State,
        },
        neighbour::{NeighbourAttribute, NeighbourMessage, NeighbourState},
    },
    sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE},
};

/// Makes a bridge of the calling thread's namespace learn nothing from reserved groups.
pub(super) fn no_link_local_learning(ifindex: u32) {
    let value = BridgeBooleanOptionFlags::NoLinkLocalLearn;
    let options = BridgeBooleanOptions { value, mask: value };
    let mut message = LinkMessage::default();
    message.header.index = ifindex;
    message.attributes.push(LinkAttribute::LinkInfo(vec![
        LinkInfo::Kind(InfoKind::Bridge),
        LinkInfo::Data(InfoData::Bridge(vec![InfoBridge::MultiBoolOpt(options)])),
    ]));
    exchange(RouteNetlinkMessage::NewLink(message), NLM_F_ACK);
}

/// Sets all switches of a port of a kernel bridge in the calling thread's namespace.
pub(super) fn set_switches(ifindex: u32, flags: PortFlags) {
    let (on, off) = (|flag| flags.contains(flag), |flag| !flags.contains(flag));
    let switches = vec![
        InfoBridgePort::Learning(off(PortFlags::NO_LEARNING)),
        InfoBridgePort::UnicastFlood(off(PortFlags::NO_FLOOD)),
        InfoBridgePort::MulticastFlood(off(PortFlags::NO_MCAST_FLOOD)),
        InfoBridgePort::BroadcastFlood(off(PortFlags::NO_BCAST_FLOOD)),
        InfoBridgePort::Isolated(on(PortFlags::ISOLATED)),
        InfoBridgePort::HairpinMode(on(PortFlags::HAIRPIN)),
        InfoBridgePort::Locked(on(PortFlags::LOCKED)),
    ];
    let mut message = LinkMessage::default();
    message.header.index = ifindex;
    message.attributes.push(LinkAttribute::LinkInfo(vec![
        LinkInfo::PortKind(InfoPortKind::Bridge),
        LinkInfo::PortData(InfoPortData::BridgePort(switches)),
    ]));
    exchange(RouteNetlinkMessage::NewLink(message), NLM_F_ACK);
}

/// Says whether the kernel has noticed that an interface can send (`IF_OPER_UP`).
pub(super) fn is_operational(ifindex: u32) -> bool {
    let mut message = LinkMessage::default();
    message.header.index = ifindex;
    let replies = exchange(RouteNetlinkMessage::GetLink(message), NLM_F_ACK);
    let up = LinkAttribute::OperState(State::Up);
    replies.iter().any(|reply| match reply {
        RouteNetlinkMessage::NewLink(link) => link.attributes.contains(&up),
        _ => false,
    })
}

/// What the bridges of the calling thread's namespace have learned, by interface.
pub(super) fn learned_entries() -> Vec<(MacAddr, u32)> {
    let mut message = NeighbourMessage::default();
    message.header.family = AddressFamily::Bridge;
    let replies = exchange(RouteNetlinkMessage::GetNeighbour(message), NLM_F_DUMP);
    replies.into_iter().filter_map(learned_entry).collect()
}

fn learned_entry(reply: RouteNetlinkMessage) -> Option<(MacAddr, u32)> {
    let RouteNetlinkMessage::NewNeighbour(entry) = reply else {
        return None;
    };
    if entry.header.state == NeighbourState::Permanent {
        return None;
    }
    let address = entry
        .attributes
        .iter()
        .find_map(|attribute| match attribute {
            NeighbourAttribute::LinkLayerAddress(octets) => octets.first_chunk().copied(),
            _ => None,
        })?;
    Some((MacAddr(address), entry.header.ifindex))
}

/// Has the kernel change something, and do it.
pub(super) fn change(message: RouteNetlinkMessage) {
    exchange(message, NLM_F_ACK);
}

/// Sends a request and returns the replies to it, up to its end.
fn exchange(message: RouteNetlinkMessage, flags: u16) -> Vec<RouteNetlinkMessage> {
    let socket = Socket::new(NETLINK_ROUTE).expect("open a netlink socket");
    let mut header = NetlinkHeader::default();
    header.flags = NLM_F_REQUEST | flags;
    let mut request = NetlinkMessage::new(header, NetlinkPayload::InnerMessage(message));
    request.finalize();
    let mut octets = vec![0; request.buffer_len()];
    request.serialize(&mut octets);
    let kernel = SocketAddr::new(0, 0);
    socket.send_to(&octets, &kernel, 0).expect("send a request");
    let mut replies = Vec::new();
    loop {
        let (datagram, _) = socket.recv_from_full().expect("receive a reply");
        let mut rest = &datagram[..];
        while !rest.is_empty() {
            let reply = NetlinkMessage::<RouteNetlinkMessage>::deserialize(rest);
            let (header, payload) = reply.expect("read a reply").into_parts();
            match payload {
                NetlinkPayload::InnerMessage(inner) => replies.push(inner),
                NetlinkPayload::Done(_) => return replies,
                NetlinkPayload::Error(error) => {
                    assert_eq!(error.raw_code(), 0, "the kernel refused: {error}");
                    return replies;
                }
                _ => {}
            }
            let length = usize::try_from(header.length).expect("a length");
            rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        }
    }
}
