//! Kernel parameters: forwarding, and whether 127.0.0.1 is routed to a network.

use super::{FirewallError, NetworkRules, Rules};
use crate::net::{Link, LinkKind, Links, sysctl};

/// Switches forwarding of IPv4 and IPv6 on where it is off; says what was changed, one line per
/// parameter.
///
/// A host that forwards IPv6 no longer listens to router advertisements, and loses the default
/// route that it has from one. So interfaces that listen are told to go on doing so; those of
/// netbridge's networks are not, which have no router behind them.
pub fn enable_forwarding(v4: bool, v6: bool) -> Result<Vec<String>, FirewallError> {
    let mut changed = Vec::new();
    if v4 {
        change("net/ipv4/ip_forward", "0", "1", &mut changed)?;
    }
    let all = "net/ipv6/conf/all/forwarding";
    if v6 && sysctl::read(all).is_some_and(|value| value == "0") {
        let links = Links::new()?.list()?;
        for link in links.iter().filter(|link| may_have_a_router(link)) {
            let listens = format!("net/ipv6/conf/{}/accept_ra", link.name);
            change(&listens, "1", "2", &mut changed)?;
        }
        change(all, "0", "1", &mut changed)?;
    }
    Ok(changed)
}

/// Only netbridge's own veth pairs have both ends on the host.
fn may_have_a_router(link: &Link) -> bool {
    let is_local_pair = link.peer.is_some_and(|peer| peer.nsid.is_none());
    link.kind != LinkKind::Loopback && !is_local_pair
}

/// Sets a parameter that has the value `from`, and says so.
fn change(
    path: &str,
    from: &str,
    to: &'static str,
    changed: &mut Vec<String>,
) -> Result<(), FirewallError> {
    if sysctl::read(path).is_some_and(|value| value == from) {
        set(path, to)?;
        changed.push(format!("{} was {from}, is {to} now", dotted(path)));
    }
    Ok(())
}

/// No longer routes 127.0.0.1 to interfaces that are no network's any more, or need it no more.
pub(super) fn close_localnet(before: &[String], rules: &Rules) -> Result<(), FirewallError> {
    let now = rules.networks.iter();
    let needed = |ifname: &str| {
        let mut networks = now.clone();
        networks.any(|network| network.ifname == ifname && network.wants_route_localnet())
    };
    let known = before
        .iter()
        .map(String::as_str)
        .chain(now.clone().map(|network| network.ifname.as_str()));
    for ifname in known.filter(|ifname| !needed(ifname)) {
        set_localnet(ifname, "1", "0")?;
    }
    Ok(())
}

/// Routes 127.0.0.1 to the networks that need it, once the table guards the host from them.
pub(super) fn open_localnet(rules: &Rules) -> Result<(), FirewallError> {
    let networks = rules.networks.iter();
    let mut needed = networks.filter(|network: &&NetworkRules| network.wants_route_localnet());
    needed.try_for_each(|network| set_localnet(&network.ifname, "0", "1"))
}

/// An interface that is not there has no parameter.
fn set_localnet(ifname: &str, from: &str, to: &'static str) -> Result<(), FirewallError> {
    let path = format!("net/ipv4/conf/{ifname}/route_localnet");
    change(&path, from, to, &mut Vec::new())
}

fn set(path: &str, value: &'static str) -> Result<(), FirewallError> {
    sysctl::write(path, value).map_err(|source| FirewallError::Parameter {
        parameter: dotted(path),
        value,
        source,
    })
}

/// The name that `sysctl` has for a path: `net.ipv4.conf.eth0/7.forwarding` for eth0.7.
fn dotted(path: &str) -> String {
    let swapped = path.chars().map(|c| match c {
        '/' => '.',
        '.' => '/',
        other => other,
    });
    swapped.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_named_as_sysctl_does() {
        assert_eq!(dotted("net/ipv4/ip_forward"), "net.ipv4.ip_forward");
        let vlan = dotted("net/ipv6/conf/eth0.7/accept_ra");
        assert_eq!(vlan, "net.ipv6.conf.eth0/7.accept_ra");
    }
}
