//! The demo's host: a bridge with the gateway's address, and containers on it.

use std::net::Ipv4Addr;

use anyhow::{Context as _, Result};
use ipnet::{IpNet, Ipv4Net};

use super::DemoOptions;
use crate::{
    bridge::{Bridge, BridgeOptions, HostInterface, Port, PortSpec},
    net::{Links, Netns, VethSpec},
};

/// The host's address, the way out of the containers' network.
pub(super) const GATEWAY: Ipv4Addr = Ipv4Addr::new(172, 17, 0, 1);

/// Length of the network's prefix, as Docker's default network has it.
pub(super) const PREFIX_LEN: u8 = 16;

/// Name of the bridge and of the host's interface.
const BRIDGE: &str = "br0";

/// A container: a network namespace with `eth0` in it.
pub(super) struct Container {
    pub(super) name: String,
    pub(super) netns: Netns,
    pub(super) address: Ipv4Addr,
    pub(super) port: Port,
}

/// Everything the demo makes.
pub(super) struct Lab {
    pub(super) bridge: Bridge,
    pub(super) containers: Vec<Container>,
}

impl Lab {
    /// Builds the bridge and its containers in the calling thread's namespace.
    pub(super) fn build(options: &DemoOptions) -> Result<Self> {
        let settings = BridgeOptions {
            mode: options.mode,
            ..BridgeOptions::default()
        };
        let mut bridge = Bridge::create_private(BRIDGE, &settings)?;
        bridge.add_host_interface(&HostInterface {
            addresses: vec![network(GATEWAY)?],
            mtu: None,
            mac: Some(mac_of(GATEWAY)),
        })?;
        let links = Links::new()?;
        let mut containers = Vec::new();
        for number in 1..=options.containers {
            let container = container(&links, &mut bridge, number, options)
                .with_context(|| format!("container b{number}"))?;
            containers.push(container);
        }
        Ok(Self { bridge, containers })
    }
}

fn container(
    links: &Links,
    bridge: &mut Bridge,
    number: u8,
    options: &DemoOptions,
) -> Result<Container> {
    let name = format!("b{number}");
    let [a, b, c, _] = GATEWAY.octets();
    let address = Ipv4Addr::new(a, b, c, number + 1);
    let netns = Netns::anonymous()?;
    let ifname = format!("veth-{name}");
    let near = links.add_veth(&VethSpec {
        name: &ifname,
        peer_name: "eth0",
        peer_netns: Some(&netns),
        peer_mac: Some(mac_of(address)),
        ..VethSpec::default()
    })?;
    links.set_up(near.ifindex, true)?;
    netns.run(|| -> Result<()> {
        let links = Links::new()?;
        let eth0 = links.by_name("eth0")?.ifindex;
        links.add_address(eth0, network(address)?)?;
        links.set_up(eth0, true)?;
        Ok(links.add_default_route(GATEWAY.into(), eth0)?)
    })??;
    let spec = PortSpec {
        ifname,
        hook: options.hook,
        name: Some(name.clone()),
        ..PortSpec::default()
    };
    let port = bridge.add_port(&spec)?;
    Ok(Container {
        name,
        netns,
        address,
        port,
    })
}

fn network(address: Ipv4Addr) -> Result<IpNet> {
    Ok(IpNet::V4(Ipv4Net::new(address, PREFIX_LEN)?))
}

/// The Ethernet address that Docker derives from an IPv4 address: 02:42 and its four octets.
fn mac_of(address: Ipv4Addr) -> [u8; 6] {
    let [a, b, c, d] = address.octets();
    [0x02, 0x42, a, b, c, d]
}
