//! A host with two networks of containers and something outside, and connections between them.

use std::{
    fs,
    net::{IpAddr, SocketAddr, UdpSocket},
    process::Command,
    time::Duration,
};

use netbridge::{
    firewall::{self, FirewallError, NetworkRules, Protocol, Published, Rules},
    net::{Links, Netns},
};
pub(crate) use netbridge_tests::talk::{Server, is_closed};
use netbridge_tests::{talk::SILENCE, topology::Host, traffic::PATIENCE};

pub(crate) const OUTSIDE: &str = "192.0.2.2";
pub(crate) const OUTSIDE6: &str = "2001:db8::2";
/// The host's addresses towards the outside.
pub(crate) const HOST: &str = "192.0.2.1";
pub(crate) const HOST6: &str = "2001:db8::1";
/// Another address of the host on the same interface.
pub(crate) const SECOND: &str = "192.0.2.9";

/// Container `n` of network `nb0` (1, 2) and of network `nb1` (3).
pub(crate) fn container_ip(n: usize) -> IpAddr {
    ip(["10.77.0.2", "10.77.0.3", "10.78.0.2"][n - 1])
}

/// As [`container_ip`], for IPv6.
pub(crate) fn container_ip6(n: usize) -> IpAddr {
    ip(["fd77::2", "fd77::3", "fd78::2"][n - 1])
}

pub(crate) struct World {
    pub(crate) host: Host,
    pub(crate) outside: Netns,
    containers: Vec<Netns>,
}

impl World {
    pub(crate) fn new() -> Self {
        let host = Host::new();
        enable_ipv6(host.netns());
        let outside = host.container("out0", None, None);
        enable_ipv6(&outside);
        for address in ["192.0.2.1/24", "192.0.2.9/24", "2001:db8::1/64"] {
            add_address(host.netns(), "out0", address);
        }
        for address in ["192.0.2.2/24", "2001:db8::2/64"] {
            add_address(&outside, "eth0", address);
        }
        let networks = [("nb0", 77, vec![2, 3]), ("nb1", 78, vec![2])];
        let mut containers = Vec::new();
        for (bridge, net, stations) in networks {
            let (v4, v6) = (format!("10.{net}.0.1/24"), format!("fd{net}::1/64"));
            host.ok(&["bridge", "add", bridge, "--address", &v4, "--address", &v6]);
            for station in stations {
                let port = format!("c{}", containers.len() + 1);
                let netns = host.container(&port, None, None);
                enable_ipv6(&netns);
                add_address(&netns, "eth0", &format!("10.{net}.0.{station}/24"));
                add_address(&netns, "eth0", &format!("fd{net}::{station}/64"));
                add_default(&netns, &format!("10.{net}.0.1"));
                add_default(&netns, &format!("fd{net}::1"));
                host.ok(&["port", "add", bridge, &port]);
                containers.push(netns);
            }
        }
        let changed = host.run(|| firewall::enable_forwarding(true, true));
        changed.expect("enable forwarding");
        Self {
            host,
            outside,
            containers,
        }
    }

    pub(crate) fn container(&self, n: usize) -> &Netns {
        &self.containers[n - 1]
    }

    /// Routes of the outside to the subnets: what no sane neighbour has.
    pub(crate) fn add_rogue_routes(&self) {
        add_default(&self.outside, HOST);
        add_default(&self.outside, HOST6);
    }

    pub(crate) fn try_apply(&self, rules: &Rules) -> Result<(), FirewallError> {
        let rules = rules.clone();
        self.host.run(move || firewall::apply(&rules).map(drop))
    }

    pub(crate) fn apply(&self, rules: &Rules) {
        self.try_apply(rules).expect("apply the rules");
    }

    /// Runs a command of the shell on the host, and returns what it printed.
    pub(crate) fn shell(&self, line: &str) -> String {
        let mut command = Command::new("sh");
        command.args(["-ec", line]);
        let output = self.host.start(command).finish(Duration::from_secs(30));
        assert_eq!(output.code, 0, "{line}: {output:#?}");
        output.stdout
    }
}

/// The rules of both networks, with nothing published.
pub(crate) fn rules() -> Rules {
    let network = |ifname: &str, net: u8| NetworkRules {
        ifname: ifname.to_owned(),
        subnets: [format!("10.{net}.0.0/24"), format!("fd{net}::/64")]
            .map(|subnet| subnet.parse().expect("a subnet"))
            .into(),
        internal: false,
        icc: true,
        masquerade: true,
        published: Vec::new(),
    };
    Rules {
        networks: vec![network("nb0", 77), network("nb1", 78)],
    }
}

/// One port of the host, or of one of its addresses, for a port of a container.
pub(crate) fn publish(
    protocol: Protocol,
    host: Option<&str>,
    port: u16,
    to: IpAddr,
    to_port: u16,
) -> Published {
    Published {
        protocol,
        host_ip: host.map(ip),
        host_ports: port..=port,
        container_ip: to,
        container_ports: to_port..=to_port,
    }
}

pub(crate) fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

pub(crate) fn at(text: &str, port: u16) -> SocketAddr {
    SocketAddr::new(ip(text), port)
}

/// Sends a datagram to `to`, which `server` should get and answer; the client's address as seen
/// by the server.
pub(crate) fn udp(from: &Netns, to: SocketAddr, server: &UdpSocket) -> Option<IpAddr> {
    let any = if to.is_ipv4() { "0.0.0.0" } else { "::" };
    let bind = || UdpSocket::bind(at(any, 0)).expect("bind");
    let client = from.run(bind).expect("enter the namespace");
    client.connect(to).expect("name the server");
    for socket in [&client, server] {
        socket.set_read_timeout(Some(PATIENCE)).expect("timeout");
    }
    let mut buffer = [0; 16];
    client.send(b"question").expect("ask");
    let (length, peer) = server.recv_from(&mut buffer).ok()?;
    assert_eq!(&buffer[..length], b"question");
    server.send_to(b"answer", peer).expect("answer");
    // From the address that was asked, or a connected socket would not take it.
    let length = client.recv(&mut buffer).ok()?;
    assert_eq!(&buffer[..length], b"answer");
    Some(peer.ip())
}

/// Says whether a datagram to `to` arrives at `server`.
pub(crate) fn hears(server: &UdpSocket, from: &Netns, to: SocketAddr) -> bool {
    let send = || {
        let client = UdpSocket::bind("0.0.0.0:0").expect("bind");
        client.send_to(b"psst", to).expect("send");
    };
    from.run(send).expect("enter the namespace");
    server.set_read_timeout(Some(SILENCE)).expect("timeout");
    server.recv_from(&mut [0; 16]).is_ok()
}

pub(crate) fn udp_server(netns: &Netns, address: SocketAddr) -> UdpSocket {
    let bind = || UdpSocket::bind(address).expect("bind");
    netns.run(bind).expect("enter the namespace")
}

fn enable_ipv6(netns: &Netns) {
    let write = || {
        for which in ["all", "default"] {
            let path = format!("/proc/sys/net/ipv6/conf/{which}/disable_ipv6");
            fs::write(path, "0").expect("enable IPv6");
        }
    };
    netns.run(write).expect("enter the namespace");
}

fn add_address(netns: &Netns, ifname: &str, address: &str) {
    let links = Links::within(netns).expect("open the interfaces");
    let ifindex = links.by_name(ifname).expect("find it").ifindex;
    let address = address.parse().expect("an address");
    links.add_address(ifindex, address).expect("add an address");
}

fn add_default(netns: &Netns, gateway: &str) {
    let links = Links::within(netns).expect("open the interfaces");
    let ifindex = links.by_name("eth0").expect("find eth0").ifindex;
    let added = links.add_default_route(ip(gateway), ifindex);
    added.expect("add a default route");
}
