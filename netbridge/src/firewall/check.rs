//! Whether rules make sense, before anything is asked of the kernel.

use std::{
    collections::{HashMap, HashSet},
    net::IpAddr,
};

use super::{FirewallError, Protocol, Published, Rules};

/// Longest name of an interface (`IFNAMSIZ`, less the end).
const MAX_IFNAME: usize = 15;

impl Rules {
    /// Says what [`apply`](super::apply) would refuse; asks nothing of the kernel.
    pub fn check(&self) -> Result<(), FirewallError> {
        check(self)
    }
}

fn check(rules: &Rules) -> Result<(), FirewallError> {
    let mut interfaces = HashSet::new();
    for network in &rules.networks {
        let ifname = network.ifname.clone();
        if !is_plain(&ifname) {
            return Err(FirewallError::BadInterface { ifname });
        }
        if !interfaces.insert(&network.ifname) {
            return Err(FirewallError::SameInterface { ifname });
        }
    }
    let mut taken = Taken::new();
    let mut published = rules.networks.iter().flat_map(|n| &n.published);
    published.try_for_each(|one| check_one(one, &mut taken))
}

/// Names that mean nothing else to nft (`*`, `@`), to iptables (`+`, `!`), and below `/proc/sys`.
fn is_plain(ifname: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    (1..=MAX_IFNAME).contains(&ifname.len())
        && ifname.bytes().all(is_plain)
        && !ifname.starts_with('-')
        && ![".", "..", "all", "default"].contains(&ifname)
}

/// Which port of the host is whose; without an address it is all of a family.
type Taken = HashMap<(Option<IpAddr>, bool, Protocol, u16), IpAddr>;

fn check_one(published: &Published, taken: &mut Taken) -> Result<(), FirewallError> {
    let bad = |reason: String| FirewallError::BadPublished {
        published: published.to_string(),
        reason,
    };
    let container = published.container_ip;
    let both = [&published.host_ports, &published.container_ports];
    if both
        .iter()
        .any(|ports| ports.is_empty() || ports.contains(&0))
    {
        return Err(bad("ports are 1 to 65535, the lower one first".to_owned()));
    }
    if published.host_ports.len() != published.container_ports.len() {
        return Err(bad(format!(
            "{} ports of the host for {} of container {container}; make the ranges equally long",
            published.host_ports.len(),
            published.container_ports.len(),
        )));
    }
    let host = published.bound_to();
    let v6 = container.is_ipv6();
    if let Some(host) = host.filter(|host| host.is_ipv6() != v6) {
        return Err(bad(format!(
            "{host} and the container's {container} are of different families; use addresses of one"
        )));
    }
    if host.is_some_and(|host| v6 && host.is_loopback()) {
        // ip6_route_input() takes ::1 from the loopback interface alone (rt6_need_strict).
        return Err(bad(
            "the kernel cannot route ::1 to a container; use 127.0.0.1 and the container's IPv4 address"
                .to_owned(),
        ));
    }
    for port in published.host_ports.clone() {
        let key = (host, v6, published.protocol, port);
        if let Some(other) = taken.insert(key, container) {
            return Err(bad(format!(
                "port {port} is published already for container {other}; choose another port or address"
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::ops::RangeInclusive;

    use super::*;
    use crate::firewall::NetworkRules;

    fn published(host: Option<&str>, ports: RangeInclusive<u16>, to: &str) -> Published {
        Published {
            protocol: Protocol::Tcp,
            host_ip: host.map(|ip| ip.parse().unwrap()),
            container_ports: ports.clone(),
            host_ports: ports,
            container_ip: to.parse().unwrap(),
        }
    }

    fn verdict(ifname: &str, published: Vec<Published>) -> String {
        let network = NetworkRules {
            ifname: ifname.to_owned(),
            subnets: Vec::new(),
            internal: false,
            icc: true,
            masquerade: true,
            published,
        };
        let rules = Rules {
            networks: vec![network],
        };
        rules
            .check()
            .map_or_else(|error| error.to_string(), |()| "fine".to_owned())
    }

    #[test]
    fn names_that_mean_several_interfaces_are_refused() {
        assert_eq!(verdict("br-0.1_a", Vec::new()), "fine");
        for name in [
            "",
            "eth*",
            "eth+",
            "@networks",
            "-i",
            "a b",
            "..",
            "all",
            "1234567890123456",
        ] {
            assert!(verdict(name, Vec::new()).contains("no name"), "{name}");
        }
    }

    #[test]
    fn a_port_has_one_container() {
        let all = published(None, 80..=90, "10.0.0.2");
        let one = published(Some("192.0.2.1"), 80..=80, "10.0.0.3");
        let v6 = published(Some("::"), 80..=80, "fd00::2");
        let mut several = vec![all.clone(), one.clone(), v6];
        assert_eq!(verdict("br0", several.clone()), "fine");
        several.push(published(Some("0.0.0.0"), 90..=90, "10.0.0.4"));
        assert_eq!(
            verdict("br0", several),
            "publish tcp 0.0.0.0:90: port 90 is published already for container 10.0.0.2; \
             choose another port or address"
        );
    }

    #[test]
    fn ranges_and_families_have_to_fit() {
        let mut uneven = published(None, 80..=89, "10.0.0.2");
        uneven.container_ports = 80..=81;
        assert!(verdict("br0", vec![uneven]).starts_with("publish tcp 0.0.0.0:80-89: 10 ports"));
        let mixed = published(Some("::1"), 80..=80, "10.0.0.2");
        assert!(verdict("br0", vec![mixed]).contains("different families"));
        let loopback = published(Some("::1"), 80..=80, "fd00::2");
        assert!(verdict("br0", vec![loopback]).contains("use 127.0.0.1"));
        let zero = published(None, 0..=0, "10.0.0.2");
        assert!(verdict("br0", vec![zero]).contains("1 to 65535"));
    }
}
