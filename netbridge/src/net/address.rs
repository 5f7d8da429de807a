//! Addresses, routes and neighbours, as far as tests and demonstrations of a bridge need them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use rtnetlink::{
    AddressMessageBuilder, RouteMessageBuilder,
    packet_core::{NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE},
    packet_route::{
        AddressFamily, RouteNetlinkMessage,
        address::{AddressAttribute, AddressHeaderFlags, AddressMessage},
        neighbour::{
            NeighbourAddress, NeighbourAttribute, NeighbourFlags, NeighbourMessage, NeighbourState,
        },
        route::{
            RouteAddress, RouteAttribute, RouteHeader, RouteMessage, RouteProtocol, RouteType,
            RouteVia,
        },
    },
};

use super::{Links, NetError};

/// A unicast route of the main table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// Where to; `0.0.0.0/0` or `::/0` is the default route.
    pub destination: IpNet,
    /// The next hop, unless it is on the link.
    pub gateway: Option<IpAddr>,
    /// The interface, unless the route has several next hops.
    pub ifindex: Option<u32>,
}

impl Links {
    /// Adds an address; one of IPv6 is usable at once (`IFA_F_NODAD`).
    pub fn add_address(&self, ifindex: u32, address: IpNet) -> Result<(), NetError> {
        let mut message = address_message(ifindex, address);
        message.header.flags = AddressHeaderFlags::Nodad;
        let message = RouteNetlinkMessage::NewAddress(message);
        let verb = format!("add address {address} to");
        self.change_with(ifindex, &verb, message, NLM_F_CREATE | NLM_F_EXCL)
    }

    /// Removes an address.
    pub fn del_address(&self, ifindex: u32, address: IpNet) -> Result<(), NetError> {
        let message = address_message(ifindex, address);
        let message = RouteNetlinkMessage::DelAddress(message);
        self.change(ifindex, &format!("delete address {address} of"), message)
    }

    /// The addresses of an interface, link-local ones included.
    pub fn addresses(&self, ifindex: u32) -> Result<Vec<IpNet>, NetError> {
        let message = RouteNetlinkMessage::GetAddress(AddressMessage::default());
        let replies = self.dump("list addresses", message)?;
        let addresses = replies.into_iter().filter_map(|reply| match reply {
            RouteNetlinkMessage::NewAddress(message) if message.header.index == ifindex => {
                as_address(&message)
            }
            _ => None,
        });
        Ok(addresses.collect())
    }

    /// Adds a default route, as an administrator does with `ip route add`: that program then shows it as short
    /// as it was typed.
    pub fn add_default_route(&self, gateway: IpAddr, ifindex: u32) -> Result<(), NetError> {
        let message = match gateway {
            IpAddr::V4(gateway) => RouteMessageBuilder::<Ipv4Addr>::new()
                .gateway(gateway)
                .output_interface(ifindex)
                .protocol(RouteProtocol::Boot)
                .build(),
            IpAddr::V6(gateway) => RouteMessageBuilder::<Ipv6Addr>::new()
                .gateway(gateway)
                .output_interface(ifindex)
                .protocol(RouteProtocol::Boot)
                .build(),
        };
        let message = RouteNetlinkMessage::NewRoute(message);
        let verb = format!("add default route via {gateway} on");
        self.change_with(ifindex, &verb, message, NLM_F_CREATE | NLM_F_EXCL)
    }

    /// The unicast routes of the main table, IPv4 first.
    pub fn routes(&self) -> Result<Vec<Route>, NetError> {
        let mut routes = Vec::new();
        for family in [AddressFamily::Inet, AddressFamily::Inet6] {
            let mut message = RouteMessage::default();
            message.header.address_family = family;
            let replies = self.dump("list routes", RouteNetlinkMessage::GetRoute(message))?;
            routes.extend(replies.into_iter().filter_map(|reply| match reply {
                RouteNetlinkMessage::NewRoute(message) => as_route(message),
                _ => None,
            }));
        }
        Ok(routes)
    }

    /// Adds or replaces a permanent neighbour entry, so that nothing need be asked on the wire.
    pub fn add_neighbour(&self, ifindex: u32, ip: IpAddr, mac: [u8; 6]) -> Result<(), NetError> {
        let mut message = neighbour(ifindex, ip);
        message.header.state = NeighbourState::Permanent;
        message
            .attributes
            .push(NeighbourAttribute::LinkLayerAddress(mac.to_vec()));
        let message = RouteNetlinkMessage::NewNeighbour(message);
        let verb = format!("add neighbour {ip} to");
        self.change_with(ifindex, &verb, message, NLM_F_CREATE | NLM_F_REPLACE)
    }

    /// Removes a neighbour entry: the next frame to it has to ask again.
    pub fn del_neighbour(&self, ifindex: u32, ip: IpAddr) -> Result<(), NetError> {
        let message = RouteNetlinkMessage::DelNeighbour(neighbour(ifindex, ip));
        self.change(ifindex, &format!("delete neighbour {ip} of"), message)
    }

    /// Adds or replaces an entry of a kernel bridge's FDB, for a station behind port `ifindex`.
    pub fn add_fdb_entry(&self, ifindex: u32, mac: [u8; 6]) -> Result<(), NetError> {
        let message = RouteNetlinkMessage::NewNeighbour(fdb_entry(ifindex, mac));
        self.change_with(
            ifindex,
            "add an fdb entry to",
            message,
            NLM_F_CREATE | NLM_F_REPLACE,
        )
    }

    /// Removes an entry of a kernel bridge's FDB.
    pub fn del_fdb_entry(&self, ifindex: u32, mac: [u8; 6]) -> Result<(), NetError> {
        let message = RouteNetlinkMessage::DelNeighbour(fdb_entry(ifindex, mac));
        self.change(ifindex, "delete an fdb entry of", message)
    }
}

fn address_message(ifindex: u32, address: IpNet) -> AddressMessage {
    let mut message = match address {
        IpNet::V4(net) => AddressMessageBuilder::<Ipv4Addr>::new()
            .address(net.addr(), net.prefix_len())
            .build(),
        IpNet::V6(net) => AddressMessageBuilder::<Ipv6Addr>::new()
            .address(net.addr(), net.prefix_len())
            .build(),
    };
    message.header.index = ifindex;
    message
}

fn neighbour(ifindex: u32, ip: IpAddr) -> NeighbourMessage {
    let mut message = NeighbourMessage::default();
    let destination = match ip {
        IpAddr::V4(ip) => {
            message.header.family = AddressFamily::Inet;
            NeighbourAddress::Inet(ip)
        }
        IpAddr::V6(ip) => {
            message.header.family = AddressFamily::Inet6;
            NeighbourAddress::Inet6(ip)
        }
    };
    message.header.ifindex = ifindex;
    message
        .attributes
        .push(NeighbourAttribute::Destination(destination));
    message
}

/// An entry that neither ages nor is the bridge's own (`NTF_MASTER`, `NUD_NOARP`), as
/// `bridge fdb add MAC dev PORT master static` makes it.
fn fdb_entry(ifindex: u32, mac: [u8; 6]) -> NeighbourMessage {
    let mut message = NeighbourMessage::default();
    message.header.family = AddressFamily::Bridge;
    message.header.ifindex = ifindex;
    message.header.state = NeighbourState::Noarp;
    message.header.flags = NeighbourFlags::Controller;
    message
        .attributes
        .push(NeighbourAttribute::LinkLayerAddress(mac.to_vec()));
    message
}

fn as_address(message: &AddressMessage) -> Option<IpNet> {
    // IFA_ADDRESS is the other side of a point-to-point link, and then IFA_LOCAL is ours.
    let local = message
        .attributes
        .iter()
        .find_map(|attribute| match attribute {
            AddressAttribute::Local(address) => Some(*address),
            _ => None,
        });
    let address = local.or_else(|| {
        message
            .attributes
            .iter()
            .find_map(|attribute| match attribute {
                AddressAttribute::Address(address) => Some(*address),
                _ => None,
            })
    })?;
    IpNet::new(address, message.header.prefix_len).ok()
}

fn as_route(message: RouteMessage) -> Option<Route> {
    let header = message.header;
    if header.table != RouteHeader::RT_TABLE_MAIN || header.kind != RouteType::Unicast {
        return None;
    }
    let mut destination = match header.address_family {
        AddressFamily::Inet => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        AddressFamily::Inet6 => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        _ => return None,
    };
    let (mut gateway, mut ifindex) = (None, None);
    for attribute in message.attributes {
        match attribute {
            RouteAttribute::Destination(address) => destination = as_ip(&address)?,
            RouteAttribute::Gateway(address) => gateway = as_ip(&address),
            RouteAttribute::Via(RouteVia::Inet(address)) => gateway = Some(address.into()),
            RouteAttribute::Via(RouteVia::Inet6(address)) => gateway = Some(address.into()),
            RouteAttribute::Oif(index) => ifindex = Some(index),
            _ => {}
        }
    }
    let destination = IpNet::new(destination, header.destination_prefix_length).ok()?;
    Some(Route {
        destination,
        gateway,
        ifindex,
    })
}

fn as_ip(address: &RouteAddress) -> Option<IpAddr> {
    match address {
        RouteAddress::Inet(address) => Some((*address).into()),
        RouteAddress::Inet6(address) => Some((*address).into()),
        _ => None,
    }
}
