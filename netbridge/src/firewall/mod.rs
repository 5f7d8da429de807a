//! The firewall of container networks: the nftables table `inet netbridge`, and IP forwarding.
//!
//! One table holds all networks of the host and is always exchanged as a whole. No other table is
//! changed, save that Docker's chain `DOCKER-USER` is told to let the networks through, where there
//! is one. Everything works in the network namespace of the calling thread.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    ops::RangeInclusive,
};

use ipnet::IpNet;

mod check;
mod docker_user;
mod error;
mod forwarding;
mod nft;
mod port;
mod published;
mod run;
mod table;
mod words;

pub use self::{
    error::FirewallError,
    forwarding::enable_forwarding,
    port::{Family, port_in_use},
};

/// Everything that is wanted of the firewall for all networks of this host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// The networks; each has an interface and subnets of its own.
    pub networks: Vec<NetworkRules>,
}

/// What is wanted for one network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkRules {
    /// The host's interface of the network, such as `netbridge0`.
    pub ifname: String,
    /// The subnets of its containers, of IPv4 and IPv6.
    pub subnets: Vec<IpNet>,
    /// Whether nothing is forwarded into the network or out of it; the host itself stays
    /// reachable.
    pub internal: bool,
    /// Whether containers may reach each other by the host's routing. What the bridge forwards is
    /// none of this.
    pub icc: bool,
    /// Whether what leaves for elsewhere gets the host's address.
    pub masquerade: bool,
    /// The ports of containers that the host answers for.
    pub published: Vec<Published>,
}

/// Ports of a container that the host's addresses stand for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// The transport.
    pub protocol: Protocol,
    /// The host's address; with none, or an unspecified one, every local address of the family of
    /// `container_ip`. One of 127.0.0.0/8 is served to the host alone; `::1` never is, for want of a
    /// kernel that routes it.
    pub host_ip: Option<IpAddr>,
    /// The ports of the host.
    pub host_ports: RangeInclusive<u16>,
    /// The container's address.
    pub container_ip: IpAddr,
    /// The ports of the container, as many as of the host and in the same order.
    pub container_ports: RangeInclusive<u16>,
}

/// The transports whose ports can be published.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// SCTP.
    Sctp,
}

impl Protocol {
    /// The name, as nftables and everybody else has it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Sctp => "sctp",
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl Published {
    /// The host's address, if it is a certain one.
    fn bound_to(&self) -> Option<IpAddr> {
        self.host_ip.filter(|ip| !ip.is_unspecified())
    }

    /// Says whether 127.0.0.1 is among the addresses.
    fn on_loopback4(&self) -> bool {
        let bound = self.bound_to();
        self.container_ip.is_ipv4() && bound.is_none_or(|ip| ip.is_loopback())
    }
}

impl fmt::Display for Published {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unspecified = match self.container_ip {
            IpAddr::V4(_) => IpAddr::from([0; 4]),
            IpAddr::V6(_) => IpAddr::from([0; 16]),
        };
        let host = self.bound_to().unwrap_or(unspecified);
        let (first, last) = (self.host_ports.start(), self.host_ports.end());
        write!(f, "{} {}", self.protocol, SocketAddr::new(host, *first))?;
        if first == last {
            return Ok(());
        }
        write!(f, "-{last}")
    }
}

impl NetworkRules {
    /// Says whether connections of the host's own 127.0.0.1 are sent to the network.
    fn wants_route_localnet(&self) -> bool {
        self.published.iter().any(Published::on_loopback4)
    }

    fn has_family(&self, v6: bool) -> bool {
        let is_wanted = |subnet: &IpNet| matches!(subnet, IpNet::V6(_)) == v6;
        self.subnets.iter().any(is_wanted)
    }
}

/// Makes the table of netbridge what `rules` want, whole or not at all; with no networks it is
/// removed.
///
/// Applying the same again changes nothing. Connections that exist keep their translation. Each
/// step leaves the networks rather closed than open, whatever the next one does: Docker's chain is
/// told of a network when its rules are in force, and 127.0.0.1 is routed while they guard it.
///
/// Returns what keeps the rules from working, as [`warnings`] does.
pub fn apply(rules: &Rules) -> Result<Vec<String>, FirewallError> {
    rules.check()?;
    let found = nft::found()?;
    let docker = docker_user::plan(&found, rules)?;
    docker.remove_stale()?;
    forwarding::close_localnet(&found.networks, rules)?;
    nft::replace(table::commands(rules))?;
    forwarding::open_localnet(rules)?;
    docker.add_missing()?;
    docker_user::warnings(&found, rules)
}

/// Says whether netbridge's table has the networks of `rules`, and so, being exchanged as a whole, all of them.
pub fn is_in_force(rules: &Rules) -> Result<bool, FirewallError> {
    let mut found = nft::networks()?;
    let mut wanted: Vec<&str> = rules
        .networks
        .iter()
        .map(|one| one.ifname.as_str())
        .collect();
    found.sort_unstable();
    wanted.sort_unstable();
    Ok(found == wanted)
}

/// What outside of netbridge's table keeps `rules` from working, one line each: a forwarding policy
/// of `iptables` that drops, with no chain `DOCKER-USER` to make an exception in.
pub fn warnings(rules: &Rules) -> Result<Vec<String>, FirewallError> {
    docker_user::warnings(&nft::found()?, rules)
}
