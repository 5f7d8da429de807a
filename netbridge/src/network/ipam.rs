//! Addresses: subnets that overlap nothing, and who gets which address of one.
//!
//! Nothing here asks the machine or remembers anything: what is taken is an argument.

use std::{
    collections::{BTreeMap, HashSet},
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use serde::{Deserialize, Serialize};

/// A subnet that addresses are given out of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subnet {
    /// The subnet, its host bits zero.
    pub subnet: IpNet,
    /// The way out, where there is one.
    pub gateway: Option<IpAddr>,
    /// The part of it that addresses are given out of; all of it where none is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range: Option<IpNet>,
    /// Addresses that somebody else has, by their names.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub reserved: BTreeMap<String, IpAddr>,
    /// The address that was given away last: the next one comes after it, so that one that was given back
    /// is the last to be given again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<IpAddr>,
}

impl Subnet {
    /// A subnet of which nothing is given away.
    pub fn new(subnet: IpNet) -> Self {
        Self {
            subnet: subnet.trunc(),
            gateway: None,
            range: None,
            reserved: BTreeMap::new(),
            last: None,
        }
    }

    /// Addresses that no container gets: the gateway's and those that are reserved.
    pub fn held(&self) -> impl Iterator<Item = IpAddr> + '_ {
        self.gateway
            .into_iter()
            .chain(self.reserved.values().copied())
    }

    /// The first address that a host can have.
    pub fn first_host(&self) -> IpAddr {
        address(&self.subnet, hosts(&self.subnet).0)
    }

    /// Says whether a host can have `ip`.
    pub fn has_host(&self, ip: IpAddr) -> bool {
        let (first, last) = hosts(&self.subnet);
        self.subnet.contains(&ip) && (first..=last).contains(&number(ip))
    }

    /// The next address that is free: after the one given away last, else after the gateway, round to the
    /// start of the range. `None` where all are taken.
    pub fn next(&self, taken: &HashSet<IpAddr>) -> Option<IpAddr> {
        let (first, last) = self.offered()?;
        let size = (last - first).saturating_add(1);
        let after = self.last.or(self.gateway).map(number);
        let mut at = match after {
            Some(after) if (first..last).contains(&after) => after + 1,
            _ => first,
        };
        // Of so many in a row, one more than are taken is enough to find a free one.
        let most = size.min(u128::try_from(taken.len()).unwrap_or(u128::MAX) + 2);
        for _ in 0..most {
            let candidate = address(&self.subnet, at);
            if !taken.contains(&candidate) && !self.held().any(|held| held == candidate) {
                return Some(candidate);
            }
            at = if at == last { first } else { at + 1 };
        }
        None
    }

    /// First and last of what is given out: the range, without the addresses that no host can have.
    fn offered(&self) -> Option<(u128, u128)> {
        let (first, last) = hosts(&self.subnet);
        let (low, high) = self.range.as_ref().map_or((first, last), bounds);
        let (low, high) = (low.max(first), high.min(last));
        (low <= high).then_some((low, high))
    }

    /// `ip` with the length of the subnet's prefix.
    pub fn with_prefix(&self, ip: IpAddr) -> IpNet {
        match (ip, self.subnet) {
            (IpAddr::V4(ip), IpNet::V4(net)) => Ipv4Net::new_assert(ip, net.prefix_len()).into(),
            (IpAddr::V6(ip), IpNet::V6(net)) => Ipv6Net::new_assert(ip, net.prefix_len()).into(),
            (ip, _) => ip.into(),
        }
    }
}

/// Says whether two networks have an address in common.
pub fn overlap(one: &IpNet, other: &IpNet) -> bool {
    one.contains(&other.network()) || other.contains(&one.network())
}

/// The IPv4 networks that Docker takes for networks that name none, in its order.
pub fn default_pools() -> impl Iterator<Item = IpNet> {
    let large = (17..=31).map(|b| Ipv4Net::new_assert(Ipv4Addr::new(172, b, 0, 0), 16));
    let small = (0..=15).map(|c| Ipv4Net::new_assert(Ipv4Addr::new(192, 168, c * 16, 0), 20));
    large.chain(small).map(IpNet::V4)
}

/// The first of [`default_pools`] that overlaps nothing in `used`.
pub fn free_pool(used: &[IpNet]) -> Option<IpNet> {
    default_pools().find(|pool| !used.iter().any(|used| overlap(pool, used)))
}

/// A network of unique local addresses (RFC 4193): fd, 40 bits that nobody else has, subnet 0.
pub fn unique_local(global_id: [u8; 5]) -> IpNet {
    let mut octets = [0; 16];
    octets[0] = 0xfd;
    octets[1..6].copy_from_slice(&global_id);
    Ipv6Net::new_assert(Ipv6Addr::from(octets), 64).into()
}

/// First and last address of a network that a host can have: without those of the network and for broadcast
/// (IPv4, except in /31 and /32, RFC 3021), and without the routers' (IPv6, RFC 4291 2.6.1).
fn hosts(net: &IpNet) -> (u128, u128) {
    let (first, last) = bounds(net);
    match net {
        IpNet::V4(net) if net.prefix_len() < 31 => (first + 1, last - 1),
        IpNet::V6(net) if net.prefix_len() < 127 => (first + 1, last),
        _ => (first, last),
    }
}

fn bounds(net: &IpNet) -> (u128, u128) {
    (number(net.network()), number(net.broadcast()))
}

fn number(ip: IpAddr) -> u128 {
    match ip {
        IpAddr::V4(ip) => u32::from(ip).into(),
        IpAddr::V6(ip) => ip.into(),
    }
}

/// The address of a number, in the family of `net`.
fn address(net: &IpNet, number: u128) -> IpAddr {
    match net {
        IpNet::V4(_) => Ipv4Addr::from(u32::try_from(number).unwrap_or(u32::MAX)).into(),
        IpNet::V6(_) => Ipv6Addr::from(number).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subnet(text: &str, gateway: &str) -> Subnet {
        Subnet {
            gateway: Some(gateway.parse().unwrap()),
            ..Subnet::new(text.parse().unwrap())
        }
    }

    /// Gives out addresses until there are none, at most `most`.
    fn all(subnet: &mut Subnet, taken: &mut HashSet<IpAddr>, most: usize) -> Vec<String> {
        let mut given = Vec::new();
        while given.len() < most
            && let Some(ip) = subnet.next(taken)
        {
            subnet.last = Some(ip);
            taken.insert(ip);
            given.push(ip.to_string());
        }
        given
    }

    #[test]
    fn the_first_address_comes_after_the_gateway() {
        let mut net = subnet("172.17.0.0/16", "172.17.0.1");
        let given = all(&mut net, &mut HashSet::new(), 2);
        assert_eq!(given, ["172.17.0.2", "172.17.0.3"]);
        let mut net = subnet("10.0.0.0/29", "10.0.0.3");
        let given = all(&mut net, &mut HashSet::new(), 9);
        assert_eq!(
            given,
            ["10.0.0.4", "10.0.0.5", "10.0.0.6", "10.0.0.1", "10.0.0.2"]
        );
    }

    #[test]
    fn an_address_is_given_again_after_all_others() {
        let mut net = subnet("10.0.0.0/29", "10.0.0.1");
        let mut taken = HashSet::new();
        assert_eq!(all(&mut net, &mut taken, 2), ["10.0.0.2", "10.0.0.3"]);
        taken.remove(&"10.0.0.2".parse().unwrap());
        let rest = ["10.0.0.4", "10.0.0.5", "10.0.0.6", "10.0.0.2"];
        assert_eq!(all(&mut net, &mut taken, 9), rest);
        assert_eq!(net.next(&taken), None, "exhausted");
    }

    #[test]
    fn a_range_bounds_what_is_given_out_and_reserved_addresses_are_left() {
        let mut net = subnet("10.1.0.0/16", "10.1.0.1");
        net.range = Some("10.1.5.0/30".parse().unwrap());
        net.reserved
            .insert("router".to_owned(), "10.1.5.2".parse().unwrap());
        let given = all(&mut net, &mut HashSet::new(), 9);
        assert_eq!(given, ["10.1.5.0", "10.1.5.1", "10.1.5.3"]);
    }

    #[test]
    fn the_smallest_networks_have_the_hosts_that_they_can() {
        for (text, gateway, hosts) in [
            ("10.0.0.0/30", "10.0.0.1", vec!["10.0.0.2"]),
            ("10.0.0.0/31", "10.0.0.0", vec!["10.0.0.1"]),
            ("10.0.0.0/32", "10.0.0.0", vec![]),
            ("fd00::/126", "fd00::1", vec!["fd00::2", "fd00::3"]),
        ] {
            let mut net = subnet(text, gateway);
            assert_eq!(all(&mut net, &mut HashSet::new(), 9), hosts, "{text}");
        }
    }

    #[test]
    fn ipv6_counts_as_far_as_it_must() {
        let mut net = subnet("fd00::/64", "fd00::1");
        let given = all(&mut net, &mut HashSet::new(), 3);
        assert_eq!(given, ["fd00::2", "fd00::3", "fd00::4"]);
        net.last = Some("fd00::ffff:ffff:ffff:ffff".parse().unwrap());
        assert_eq!(net.next(&HashSet::new()), Some("fd00::2".parse().unwrap()));
    }

    #[test]
    fn pools_that_overlap_are_left_out() {
        let used = ["172.17.0.0/16", "172.18.5.0/24", "172.0.0.0/15"];
        let used: Vec<IpNet> = used.iter().map(|net| net.parse().unwrap()).collect();
        assert_eq!(free_pool(&used), Some("172.19.0.0/16".parse().unwrap()));
        let everything = ["172.16.0.0/12".parse().unwrap()];
        assert_eq!(
            free_pool(&everything),
            Some("192.168.0.0/20".parse().unwrap())
        );
        let everything = ["0.0.0.0/0".parse().unwrap()];
        assert_eq!(free_pool(&everything), None);
        assert_eq!(
            unique_local([1, 2, 3, 4, 5]).to_string(),
            "fd01:203:405::/64"
        );
    }
}
