//! What is remembered of a network and of the containers on it: the fields of its file.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr},
    time::{SystemTime, UNIX_EPOCH},
};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use serde::{Deserialize, Serialize};

use super::{NetworkError, ipam::Subnet, publish::Publication};

/// Version of the file's form; files of a later one are left alone.
pub const FILE_VERSION: u32 = 1;

/// What a network is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Driver {
    /// A bridge of netbridge, with the host as the way out.
    Bridge,
    /// The host's own network.
    Host,
    /// Nothing but loopback.
    None,
    /// Interfaces with an address of their own on a network of the host.
    Macvlan,
}

impl Driver {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bridge => "bridge",
            Self::Host => "host",
            Self::None => "none",
            Self::Macvlan => "macvlan",
        }
    }
}

/// Who made a network, and removes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Owner {
    /// `netbridge network`.
    Netbridge,
    /// A Docker engine.
    Docker,
}

/// How far a network or an endpoint is on its way: what a killed process left at any other than `Ready` is
/// undone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Being made or removed.
    Unfinished,
    /// Known, but without an interface yet: between Docker's `CreateEndpoint` and `Join`.
    Known,
    /// All there.
    Ready,
}

/// A network, as its file has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Network {
    /// [`FILE_VERSION`].
    pub version: u32,
    /// Its name, which names its file.
    pub name: String,
    /// 64 hexadecimal digits.
    pub id: String,
    /// The name that Docker knows it by, once that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// When it was made, as in RFC 3339.
    pub created: String,
    /// What it is made of.
    pub driver: Driver,
    /// Who made it.
    pub owner: Owner,
    /// How far it is.
    pub phase: Phase,
    /// Whether containers reach nothing but each other and the host.
    pub internal: bool,
    /// Whether it has IPv6 addresses.
    pub ipv6: bool,
    /// Its subnets, IPv4 first.
    pub subnets: Vec<Subnet>,
    /// What was given with `-o`.
    pub options: BTreeMap<String, String>,
    /// What was given with `--label`.
    pub labels: BTreeMap<String, String>,
    /// The host's interface, and bridge; for macvlan the parent.
    pub ifname: String,
    /// Whether the bridge was there before, and stays.
    #[serde(default)]
    pub foreign_bridge: bool,
    /// Addresses that such a bridge had before, and keeps.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub foreign_addresses: Vec<IpNet>,
    /// The containers on it, by id of the endpoint.
    pub endpoints: BTreeMap<String, Endpoint>,
}

/// A container's place on a network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoint {
    /// 64 hexadecimal digits.
    pub id: String,
    /// The container's name; empty while Docker has not told it.
    pub name: String,
    /// The container's id, or what stands for it.
    pub container: String,
    /// How far it is.
    pub phase: Phase,
    /// Unix time, in seconds, at which it was made.
    pub since: u64,
    /// The host's end, which is the port.
    pub ifname: String,
    /// The container's end.
    pub inside: String,
    /// Ethernet address of the container's end.
    pub mac: String,
    /// Its IPv4 address.
    pub ipv4: Option<Ipv4Net>,
    /// Its IPv6 address.
    pub ipv6: Option<Ipv6Net>,
    /// The file of its namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub netns: Option<String>,
    /// The process of `network run` that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runner: Option<Runner>,
    /// Options of its own, which go before the network's.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub options: BTreeMap<String, String>,
    /// Ports of the host that lead to it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub published: Vec<Publication>,
}

/// A process, told apart from later ones of the same number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Runner {
    /// Its number.
    pub pid: u32,
    /// When it started, in ticks since the machine did.
    pub start: u64,
}

impl Runner {
    /// This process.
    pub fn current() -> Self {
        let pid = std::process::id();
        Self {
            pid,
            start: start_of(pid).unwrap_or_default(),
        }
    }

    /// Says whether it still runs.
    pub fn is_alive(&self) -> bool {
        start_of(self.pid) == Some(self.start)
    }
}

/// Field 22 of `/proc/PID/stat` (`proc_pid_stat(5)`), behind the name, which may hold anything.
fn start_of(pid: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_whitespace().nth(19)?.parse().ok()
}

impl Network {
    /// The name that people know it by.
    pub fn label(&self) -> &str {
        self.title.as_deref().unwrap_or(&self.name)
    }

    /// What the network cannot do or have, and why.
    pub(super) fn bad(&self, reason: String) -> NetworkError {
        NetworkError::Bad {
            name: self.label().to_owned(),
            reason,
        }
    }

    /// All addresses that are given away: gateways, reserved ones, and those of containers.
    pub fn taken(&self) -> Vec<IpAddr> {
        let subnets = self.subnets.iter().flat_map(Subnet::held);
        let endpoints = self.endpoints.values().flat_map(Endpoint::addresses);
        subnets.chain(endpoints).collect()
    }
}

impl Endpoint {
    /// Its addresses.
    pub fn addresses(&self) -> impl Iterator<Item = IpAddr> + use<> {
        let v4 = self.ipv4.map(|net| IpAddr::V4(net.addr()));
        let v6 = self.ipv6.map(|net| IpAddr::V6(net.addr()));
        v4.into_iter().chain(v6)
    }

    /// Its addresses with the length of their prefix.
    pub fn networks(&self) -> impl Iterator<Item = IpNet> + use<> {
        let v4 = self.ipv4.map(IpNet::V4);
        v4.into_iter().chain(self.ipv6.map(IpNet::V6))
    }

    /// The container's name where it is known, else the start of its id.
    pub fn label(&self) -> &str {
        if self.name.is_empty() {
            short(&self.container)
        } else {
            &self.name
        }
    }
}

/// The first twelve digits of an id, as `docker` shows them.
pub fn short(id: &str) -> &str {
    id.get(..12).unwrap_or(id)
}

/// The Ethernet address that Docker derives from an IPv4 address: 02:42 and its four octets.
pub const fn mac_of(address: Ipv4Addr) -> [u8; 6] {
    let [a, b, c, d] = address.octets();
    [0x02, 0x42, a, b, c, d]
}

/// Unix time, in seconds.
pub fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_told_from_a_later_one_of_its_number() {
        let this = Runner::current();
        assert!(this.is_alive());
        let start = this.start + 1;
        assert!(!Runner { start, ..this }.is_alive());
    }

    #[test]
    fn ids_are_shown_short() {
        assert_eq!(short(&"0123456789abcdef".repeat(4)), "0123456789ab");
        assert_eq!(short("b1"), "b1");
    }
}
