//! The kernel's own bridge, and the same frames through it and through netbridge.
//!
//! A [`Rig`] is a host with containers that are joined by nothing yet. Whatever joins them, a play
//! of frames sent at the containers' ends gives what each of them received.

mod netlink;
mod play;
mod vlans;

use std::{
    collections::BTreeMap,
    fs, io, thread,
    time::{Duration, Instant},
};

use netbridge::net::{BridgeOptions, Link, Links, Netns, VethSpec};
use netbridge_common::{MacAddr, PortFlags};
use nix::errno::Errno;

pub use self::{
    play::{Delivered, Script, Window},
    vlans::Ports,
};
use crate::{
    frame::station,
    topology::disable_ipv6,
    wire::{SOON, Wire},
};

/// Name of the kernel's bridge.
const BRIDGE: &str = "br0";
/// How long it remembers a station, as netbridge does.
const AGEING: Duration = Duration::from_mins(5);

/// A namespace in which nothing speaks of its own accord.
pub fn quiet_netns() -> Netns {
    let netns = Netns::anonymous().expect("make a namespace");
    disable_ipv6(&netns);
    netns
}

/// A host and containers, each on a veth whose near end is `p1` to `pn`.
pub struct Rig {
    /// The host, where the near ends are.
    pub host: Netns,
    /// The near ends.
    pub ports: Vec<Link>,
    /// Raw sockets at the far ends.
    pub wires: Vec<Wire>,
    _containers: Vec<Netns>,
}

impl Rig {
    /// A host with one container for each MTU; container `n` has address `station(n)`.
    pub fn new(mtus: &[u32]) -> Self {
        let host = quiet_netns();
        let near = Links::within(&host).expect("open the host's interfaces");
        let (mut ports, mut containers) = (Vec::new(), Vec::new());
        for (n, mtu) in (1..).zip(mtus) {
            let container = quiet_netns();
            let name = format!("p{n}");
            let spec = VethSpec {
                name: &name,
                peer_name: "eth0",
                peer_netns: Some(&container),
                // No frame is from or for these: a kernel bridge takes them for its own.
                mac: Some([0x06, 0xff, 0, 0, 0, n]),
                peer_mac: Some(station(n.into()).0),
                mtu: Some(*mtu),
                ..VethSpec::default()
            };
            let port = near.add_veth(&spec).expect("add a veth pair");
            let far = Links::within(&container).expect("open the container's interfaces");
            let eth0 = far.by_name("eth0").expect("find eth0").ifindex;
            far.set_up(eth0, true).expect("set eth0 up");
            near.set_up(port.ifindex, true).expect("set the port up");
            ports.push(port);
            containers.push(container);
        }
        wait_until_operational(&host, &ports);
        let wires = containers.iter().map(|netns| Wire::open(netns, "eth0"));
        Self {
            host,
            ports,
            wires: wires.collect(),
            _containers: containers,
        }
    }

    /// Joins the containers by a bridge of the kernel, set to behave as 802.1Q has it.
    ///
    /// It forwards at once, knows nothing of multicast or netfilter, and does not learn from
    /// reserved groups.
    pub fn join_by_linux_bridge(&self) {
        let options = BridgeOptions {
            ageing_time: Some(AGEING),
            forward_delay: Some(Duration::ZERO),
            ..BridgeOptions::default()
        };
        let no_snooping = BridgeOptions {
            mcast_snooping: Some(false),
            ..BridgeOptions::default()
        };
        let make = || {
            let links = Links::new().expect("open the host's interfaces");
            let bridge = links.add_bridge(BRIDGE, &options).expect("add a bridge");
            match links.set_bridge(bridge.ifindex, &no_snooping) {
                // A kernel without that does not snoop.
                Err(error) if error.errno() != Some(Errno::EOPNOTSUPP) => panic!("{error}"),
                _ => {}
            }
            netlink::no_link_local_learning(bridge.ifindex);
            without_netfilter();
            for port in &self.ports {
                let master = Some(bridge.ifindex);
                links.set_master(port.ifindex, master).expect("add a port");
            }
            links
                .set_up(bridge.ifindex, true)
                .expect("set the bridge up");
        };
        self.host.run(make).expect("enter the host");
    }

    /// The ports of the kernel's bridge, made to filter VLANs that tags of this `EtherType` name.
    pub fn filter_vlans(&self, protocol: u16) -> Ports<'_> {
        Ports::of(self, protocol)
    }

    /// Sets all switches of the ports of the kernel's bridge.
    pub fn set_linux_switches(&self, switches: &[PortFlags]) {
        let set = || {
            for (port, flags) in self.ports.iter().zip(switches) {
                netlink::set_switches(port.ifindex, *flags);
            }
        };
        self.host.run(set).expect("enter the host");
    }

    /// What the kernel's bridge has learned: stations and the numbers of their ports, from 1.
    pub fn linux_fdb(&self) -> BTreeMap<MacAddr, u32> {
        let entries = self.host.run(netlink::learned_entries);
        let entries = entries.expect("enter the host").into_iter();
        entries
            .map(|(mac, ifindex)| (mac, self.number(ifindex)))
            .collect()
    }

    /// The number of a port, from 1.
    pub fn number(&self, ifindex: u32) -> u32 {
        let found = (1..)
            .zip(&self.ports)
            .find(|(_, port)| port.ifindex == ifindex);
        found.expect("a port of the rig").0
    }
}

/// Waits for the kernel to start the queues of interfaces that came up: it does so a little later,
/// and until then a bridge drops what is for them.
fn wait_until_operational(host: &Netns, ports: &[Link]) {
    let deadline = Instant::now() + SOON;
    let all_up = || {
        ports
            .iter()
            .all(|port| netlink::is_operational(port.ifindex))
    };
    while !host.run(all_up).expect("enter the host") {
        assert!(
            Instant::now() < deadline,
            "ports did not come up within {SOON:?}"
        );
        thread::sleep(Duration::from_millis(1));
    }
}

/// Keeps iptables out of the bridge, where the kernel has that module.
fn without_netfilter() {
    for table in ["iptables", "ip6tables", "arptables"] {
        let path = format!("/proc/sys/net/bridge/bridge-nf-call-{table}");
        match fs::write(&path, "0") {
            Err(error) if error.kind() != io::ErrorKind::NotFound => panic!("{path}: {error}"),
            _ => {}
        }
    }
}
