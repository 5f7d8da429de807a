//! Building a lab.

use std::{fs, net::Ipv4Addr};

use netbridge::{
    bridge::{Bridge, BridgeOptions, HookChoice, PortSpec},
    net::{Links, Netns, VethSpec},
};
use netbridge_common::{MacAddr, Mode};

use super::{Container, Lab};

/// What a lab is made of.
pub struct LabBuilder {
    ports: Vec<PortOptions>,
    options: BridgeOptions,
    bridge: &'static str,
    prefix: &'static str,
    host: Option<Netns>,
}

/// What a container and its port are made with.
#[derive(Clone, Debug, Default)]
pub struct PortOptions {
    /// The hook of the port.
    pub hook: HookChoice,
    /// MTU of both ends; the kernel's default where none is given.
    pub mtu: Option<u32>,
    /// Most addresses learned on the port; 0 for no limit.
    pub learn_limit: u32,
    /// Index of the port's interface; the kernel's choice where none is given.
    pub ifindex: Option<u32>,
}

impl LabBuilder {
    pub(super) fn new(hooks: &[HookChoice]) -> Self {
        let port = |hook: &HookChoice| PortOptions {
            hook: *hook,
            ..PortOptions::default()
        };
        Self {
            ports: hooks.iter().map(port).collect(),
            options: BridgeOptions::default(),
            bridge: "br0",
            prefix: "v",
            host: None,
        }
    }

    /// Sets how the bridge decides.
    #[must_use]
    pub const fn mode(mut self, mode: Mode) -> Self {
        self.options.mode = mode;
        self
    }

    /// Sets the seconds after which a silent station is forgotten.
    #[must_use]
    pub const fn ageing_secs(mut self, secs: u32) -> Self {
        self.options.ageing_secs = secs;
        self
    }

    /// Limits the addresses that the bridge learns.
    #[must_use]
    pub const fn learn_limit(mut self, limit: u32) -> Self {
        self.options.learn_limit = limit;
        self
    }

    /// Sets the entries that the FDB has room for.
    #[must_use]
    pub const fn fdb_entries(mut self, entries: u32) -> Self {
        self.options.load.fdb_entries = entries;
        self
    }

    /// Sets the MTU of all interfaces.
    #[must_use]
    pub fn mtu(mut self, mtu: u32) -> Self {
        for port in &mut self.ports {
            port.mtu = Some(mtu);
        }
        self
    }

    /// Allows ports of different MTUs.
    #[must_use]
    pub const fn mixed_mtu(mut self) -> Self {
        self.options.mixed_mtu = true;
        self
    }

    /// Changes the port of container `n`, from 1.
    #[must_use]
    pub fn port(mut self, n: usize, change: impl FnOnce(&mut PortOptions)) -> Self {
        change(&mut self.ports[n - 1]);
        self
    }

    /// Puts the bridge beside that of `lab`, under another name and with another prefix of port
    /// names than `v`.
    #[must_use]
    pub fn beside(mut self, lab: &Lab, bridge: &'static str, prefix: &'static str) -> Self {
        self.host = Some(lab.host.clone());
        self.bridge = bridge;
        self.prefix = prefix;
        self
    }

    /// Builds it.
    pub fn build(self) -> Lab {
        let host = self.host.unwrap_or_else(namespace);
        let make = || {
            let bridge = Bridge::create_private(self.bridge, &self.options);
            bridge.expect("make the bridge").dir().clone()
        };
        let dir = host.run(make).expect("enter the host's namespace");
        let mut lab = Lab {
            host,
            dir,
            containers: Vec::new(),
            prefix: self.prefix,
        };
        for port in &self.ports {
            lab.add_container(port);
        }
        lab
    }
}

impl Lab {
    /// Adds a container and its port.
    pub fn add_container(&mut self, options: &PortOptions) {
        let container = self.attach_container(options);
        let spec = PortSpec {
            ifname: container.port.clone(),
            hook: options.hook,
            name: Some(format!("b{}", self.containers.len() + 1)),
            learn_limit: options.learn_limit,
            ..PortSpec::default()
        };
        self.bridge(|bridge| bridge.add_port(&spec).map(drop).expect("add the port"));
        self.containers.push(container);
    }

    /// Makes the next container, and a veth to it that is no port yet.
    pub fn attach_container(&self, options: &PortOptions) -> Container {
        let n = self.containers.len() + 1;
        let container = Container {
            netns: namespace(),
            port: format!("{}{n}", self.prefix),
            mac: mac(n),
            ip: ip(n),
        };
        let near = Links::within(&self.host).expect("open the host's interfaces");
        let spec = VethSpec {
            name: &container.port,
            peer_name: "eth0",
            peer_netns: Some(&container.netns),
            peer_mac: Some(container.mac.0),
            mtu: options.mtu,
            ifindex: options.ifindex,
            ..VethSpec::default()
        };
        let link = near.add_veth(&spec).expect("add a veth pair");
        let far = Links::within(&container.netns).expect("open the container's interfaces");
        let eth0 = far.by_name("eth0").expect("find eth0").ifindex;
        far.set_up(eth0, true).expect("set eth0 up");
        near.set_up(link.ifindex, true).expect("set the port up");
        let address = format!("{}/16", container.ip);
        far.add_address(eth0, address.parse().expect("make a prefix"))
            .expect("add the address of eth0");
        container
    }
}

/// A namespace without IPv6, whose interfaces say nothing that they are not asked for.
fn namespace() -> Netns {
    let netns = Netns::anonymous().expect("make a namespace");
    disable_ipv6(&netns);
    netns
}

/// Keeps neighbour discovery and the like of all interfaces to come off the wire.
pub fn disable_ipv6(netns: &Netns) {
    let write = || {
        for which in ["all", "default"] {
            let path = format!("/proc/sys/net/ipv6/conf/{which}/disable_ipv6");
            if let Err(error) = fs::write(&path, "1") {
                // A kernel without IPv6 is quiet as it is.
                assert_eq!(error.kind(), std::io::ErrorKind::NotFound, "write {path}");
            }
        }
    };
    netns.run(write).expect("enter the namespace");
}

/// The Ethernet address of container `n`.
fn mac(n: usize) -> MacAddr {
    let [high, low] = number(n);
    MacAddr([0x02, 0x42, 0xac, 0x11, high, low])
}

/// The address of container `n`.
fn ip(n: usize) -> Ipv4Addr {
    let [high, low] = number(n);
    Ipv4Addr::new(172, 17, high, low)
}

fn number(n: usize) -> [u8; 2] {
    // 172.17.0.1 is left to the gateway.
    u16::try_from(n + 1)
        .expect("count containers")
        .to_be_bytes()
}
