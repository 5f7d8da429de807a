//! VLANs of the kernel's bridge.

use netbridge::net::Links;
use rtnetlink::packet_route::{
    AddressFamily, RouteNetlinkMessage,
    link::{
        AfSpecBridge, BridgeVlanInfo, BridgeVlanInfoFlags, InfoBridge, InfoData, InfoKind,
        LinkAttribute, LinkInfo, LinkMessage, VlanProtocol,
    },
};

use super::{BRIDGE, Rig, netlink};
use crate::vlans::{Joined, Member};

/// The ports of a rig, joined by a bridge of the kernel that filters VLANs.
pub struct Ports<'a>(&'a Rig);

impl<'a> Ports<'a> {
    pub(super) fn of(rig: &'a Rig, protocol: u16) -> Self {
        let set = || {
            let links = Links::new().expect("open the host's interfaces");
            let bridge = links.by_name(BRIDGE).expect("find the bridge").ifindex;
            let mut message = LinkMessage::default();
            message.header.index = bridge;
            message.attributes.push(LinkAttribute::LinkInfo(vec![
                LinkInfo::Kind(InfoKind::Bridge),
                LinkInfo::Data(InfoData::Bridge(vec![
                    InfoBridge::VlanProtocol(VlanProtocol::from(protocol)),
                    InfoBridge::VlanFiltering(true),
                ])),
            ]));
            netlink::change(RouteNetlinkMessage::NewLink(message));
        };
        rig.host.run(set).expect("enter the host");
        Self(rig)
    }
}

impl Joined for Ports<'_> {
    fn set(&mut self, n: usize, change: &[(Member, bool)]) {
        let ifindex = self.0.ports[n - 1].ifindex;
        let set = || {
            for (member, there) in change {
                netlink::change(membership(ifindex, *member, *there));
            }
        };
        self.0.host.run(set).expect("enter the host");
    }
}

/// What `bridge vlan add` and `del` send.
fn membership(ifindex: u32, member: Member, there: bool) -> RouteNetlinkMessage {
    let mut flags = BridgeVlanInfoFlags::empty();
    flags.set(BridgeVlanInfoFlags::Pvid, there && member.pvid);
    flags.set(BridgeVlanInfoFlags::Untagged, there && member.untagged);
    let info = BridgeVlanInfo {
        flags,
        vid: member.vid,
    };
    let mut message = LinkMessage::default();
    message.header.interface_family = AddressFamily::Bridge;
    message.header.index = ifindex;
    let vlan = vec![AfSpecBridge::VlanInfo(info)];
    message.attributes.push(LinkAttribute::AfSpecBridge(vlan));
    if there {
        RouteNetlinkMessage::SetLink(message)
    } else {
        RouteNetlinkMessage::DelLink(message)
    }
}
