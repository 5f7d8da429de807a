//! The demo's story.

use anyhow::Result;
use ipnet::IpNet;
use netbridge_common::{MacAddr, Mode};

use super::{
    DemoOptions, Pings,
    lab::{Container, GATEWAY, Lab, PREFIX_LEN},
};
use crate::{
    net::{Link, Links},
    stats::BridgeStats,
};

/// Who is connected to whom, and how.
pub(super) fn topology(lab: &Lab, options: &DemoOptions) -> String {
    let mut lines = vec![format!(
        "{} containers on 172.17.0.0/{PREFIX_LEN}, gateway {GATEWAY}, joined by {} {}:\n",
        lab.containers.len(),
        match options.mode {
            Mode::Bridge => "the bridge",
            Mode::Hub => "the hub",
        },
        lab.bridge.name()
    )];
    for container in &lab.containers {
        lines.push(format!(
            "  [{} eth0 {}] <-> [{} {}]   hook {}: {}",
            container.name,
            container.address,
            container.port.ifname,
            lab.bridge.name(),
            container.port.hook.name(),
            container.port.hook_reason.text()
        ));
    }
    lines.join("\n") + "\n"
}

/// What `ip addr` and `ip route` show in a container.
pub(super) fn station(container: &Container) -> Result<String> {
    container.netns.run(|| {
        let links = Links::new()?;
        let mut lines = vec![format!("{}$ ip addr", container.name)];
        for link in links.list()? {
            lines.push(interface(&link));
            let addresses = links.addresses(link.ifindex)?;
            let ipv4 = addresses.iter().filter(|address| address.addr().is_ipv4());
            lines.extend(ipv4.map(|address| format!("      inet {address}")));
        }
        lines.push(format!("{}$ ip route", container.name));
        for route in links.routes()? {
            match (route.gateway, route.destination) {
                (_, IpNet::V6(_)) => {}
                (Some(gateway), _) => lines.push(format!("  default via {gateway} dev eth0")),
                (None, network) => {
                    let source = container.address;
                    lines.push(format!("  {network} dev eth0 scope link src {source}"));
                }
            }
        }
        Ok(lines.join("\n") + "\n")
    })?
}

/// An interface, on one line as `ip addr` begins it.
fn interface(link: &Link) -> String {
    let peer = link
        .peer
        .map_or_else(String::new, |peer| format!("@if{}", peer.ifindex));
    let state = if link.up { "UP" } else { "DOWN" };
    let mac = link.mac.filter(|mac| *mac != [0; 6]);
    let mac = mac.map_or_else(String::new, |mac| format!(" link/ether {}", MacAddr(mac)));
    format!(
        "  {}: {}{peer}: {state} mtu {}{mac}",
        link.ifindex, link.name, link.mtu
    )
}

/// How the pings went.
pub(super) fn pings(pings: &Pings) -> String {
    format!(
        "ping, every container to every other and to the gateway: {} of {} answered, {} % loss, ttl {}\n",
        pings.received,
        pings.sent,
        (pings.sent - pings.received) * 100 / pings.sent.max(1),
        pings.ttl
    )
}

/// What it comes to.
pub(super) fn summary(
    stats: &BridgeStats,
    options: &DemoOptions,
    pings: &Pings,
    tcp_bytes: u64,
    seconds: f64,
) -> String {
    let sum = |of: fn(&crate::stats::PortStats) -> u64| stats.ports.iter().map(of).sum::<u64>();
    let wasted = sum(|port| port.wasted);
    let sent = sum(|port| port.tx.frames);
    #[expect(clippy::cast_precision_loss, reason = "a rate with two decimals")]
    let gigabits = tcp_bytes as f64 * 8.0 / seconds / 1e9;
    let lesson = match options.mode {
        Mode::Bridge => {
            "the bridge knows which port an address is behind, and sends frames only there"
        }
        Mode::Hub => "a hub sends every frame everywhere; try --mode bridge and compare",
    };
    format!(
        "ping: {} sent, {} received, {} % loss\n\
         tcp b1 -> b2: {tcp_bytes} octets in {seconds:.1} s, {gigabits:.2} Gb/s\n\
         wasted: {wasted} of {sent} frames sent reached a station they were not for\n        ({lesson})",
        pings.sent,
        pings.received,
        (pings.sent - pings.received) * 100 / pings.sent.max(1),
    )
}
