//! What a container finds on its side: an interface, addresses, routes.

use std::net::IpAddr;

use super::{Endpoint, Network, NetworkError, create::is_v4, kernel::set_ipv6};
use crate::net::{Links, Netns};

/// Loopback always has the first index of its namespace (`LOOPBACK_IFINDEX`).
const LOOPBACK: u32 = 1;

/// A name for the next interface of a container: `eth0`, or the first one after it that is free.
pub(super) fn free_name(netns: &Netns) -> Result<String, NetworkError> {
    let links = Links::within(netns)?;
    let taken: Vec<String> = links.list()?.into_iter().map(|link| link.name).collect();
    let names = (0..).map(|number| format!("eth{number}"));
    let mut free = names.skip_while(|name| taken.contains(name));
    Ok(free.next().unwrap_or_default())
}

/// Sets loopback up, as a container expects it.
pub(super) fn loopback_up(netns: &Netns) -> Result<(), NetworkError> {
    Ok(Links::within(netns)?.set_up(LOOPBACK, true)?)
}

/// Gives a container's end its addresses and routes, and sets it up.
pub(super) fn configure(
    netns: &Netns,
    network: &Network,
    endpoint: &Endpoint,
) -> Result<(), NetworkError> {
    netns.run(|| -> Result<(), NetworkError> {
        let links = Links::new()?;
        links.set_up(LOOPBACK, true)?;
        let ifindex = links.by_name(&endpoint.inside)?.ifindex;
        if endpoint.ipv6.is_some() {
            set_ipv6(&endpoint.inside, true)?;
        }
        for address in endpoint.networks() {
            links.add_address(ifindex, address)?;
        }
        links.set_up(ifindex, true)?;
        add_default_routes(&links, network, endpoint)
    })?
}

/// Adds the ways out that a container lacks, through this endpoint's network.
pub(super) fn add_default_routes(
    links: &Links,
    network: &Network,
    endpoint: &Endpoint,
) -> Result<(), NetworkError> {
    if network.internal {
        return Ok(());
    }
    let ifindex = links.by_name(&endpoint.inside)?.ifindex;
    let routes = links.routes()?;
    for subnet in &network.subnets {
        let v4 = is_v4(&subnet.subnet);
        let has_address = if v4 {
            endpoint.ipv4.is_some()
        } else {
            endpoint.ipv6.is_some()
        };
        let has_way_out = routes
            .iter()
            .any(|route| route.destination.prefix_len() == 0 && is_v4(&route.destination) == v4);
        if let Some(gateway) = subnet.gateway
            && has_address
            && !has_way_out
            && !is_own(endpoint, gateway)
        {
            links.add_default_route(gateway, ifindex)?;
        }
    }
    Ok(())
}

fn is_own(endpoint: &Endpoint, ip: IpAddr) -> bool {
    endpoint.addresses().any(|own| own == ip)
}
