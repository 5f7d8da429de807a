//! Which subnets a network has: those that are asked for, where they can be had, else free ones.

use std::collections::HashSet;

use ipnet::IpNet;

use super::{
    Driver, Network, NetworkError, NetworkSpec, Networks, Owner,
    create::{is_v4, octets},
    ipam::{self, Subnet},
};

impl Networks {
    /// The IPv4 subnet of a bridge that is there already, where it has one.
    fn subnet_of(&self, ifname: &str) -> Result<Option<Subnet>, NetworkError> {
        let addresses = self.foreign_addresses(true, ifname)?;
        let address = addresses.into_iter().find(is_v4);
        Ok(address.map(|address| Subnet {
            gateway: Some(address.addr()),
            ..Subnet::new(address)
        }))
    }

    /// Who has a network that is in use.
    pub(super) fn whose(&self, net: &IpNet) -> String {
        let has = |network: &&Network| network.subnets.iter().any(|s| s.subnet == *net);
        if let Some(network) = self.all.iter().find(has) {
            return format!("which is that of network {}", network.label());
        }
        if self.used_by_pools().contains(net) {
            return "which Docker has asked for".to_owned();
        }
        "which the host has a route to".to_owned()
    }

    /// The subnets of a network: those that are given, checked, else free ones.
    pub(super) fn subnets(
        &self,
        spec: &NetworkSpec,
        own: Option<&str>,
    ) -> Result<Vec<Subnet>, NetworkError> {
        if matches!(spec.driver, Driver::Host | Driver::None) {
            if spec.subnets.is_empty() {
                return Ok(Vec::new());
            }
            return Err(spec.bad(format!("a {} network has no subnet", spec.driver.name())));
        }
        let mut used = match (spec.driver, spec.owner) {
            // It is on a network that the host has a route to.
            (Driver::Macvlan, _) => self.used_by_networks(),
            // Docker has asked for its pool before.
            (_, Owner::Docker) => [self.used_by_networks(), self.routed(own)?].concat(),
            _ => self.used(own)?,
        };
        let mut subnets = spec.subnets.clone();
        if let Some(own) = own.filter(|_| spec.owner == Owner::Netbridge)
            && !subnets.iter().any(|subnet| is_v4(&subnet.subnet))
        {
            subnets.extend(self.subnet_of(own)?);
        }
        if !subnets.iter().any(|subnet| is_v4(&subnet.subnet)) && spec.owner != Owner::Docker {
            let all = [self.used(None)?, subnets.iter().map(|s| s.subnet).collect()].concat();
            let free = ipam::free_pool(&all).ok_or_else(|| {
                spec.bad(
                    "no subnet is free of those that Docker uses; name one with --subnet"
                        .to_owned(),
                )
            })?;
            subnets.insert(0, Subnet::new(free));
        }
        if spec.ipv6 && subnets.iter().all(|subnet| is_v4(&subnet.subnet)) {
            subnets.push(Subnet::new(ipam::unique_local(octets()?)));
        }
        subnets.sort_by_key(|subnet| !is_v4(&subnet.subnet));
        for (at, subnet) in subnets.iter_mut().enumerate() {
            check_subnet(spec, subnet)?;
            if let Some(other) = used.iter().find(|used| ipam::overlap(used, &subnet.subnet)) {
                let (net, who) = (subnet.subnet, self.whose(other));
                return Err(spec.bad(format!(
                    "subnet {net} overlaps {other}, {who}; choose another with --subnet"
                )));
            }
            used.push(subnet.subnet);
            if at > 0 && is_v4(&subnet.subnet) {
                return Err(spec.bad(
                    "has two IPv4 subnets; one of each family is what it can have".to_owned(),
                ));
            }
        }
        if subnets.len() > 2 {
            return Err(
                spec.bad("has two IPv6 subnets; one of each family is what it can have".to_owned())
            );
        }
        Ok(subnets)
    }
}

/// Checks a subnet, and gives it a gateway where it has none.
fn check_subnet(spec: &NetworkSpec, subnet: &mut Subnet) -> Result<(), NetworkError> {
    let net = subnet.subnet;
    let first = net.network();
    if net.prefix_len() == 0
        || first.is_multicast()
        || first.is_loopback()
        || first.is_unspecified()
    {
        return Err(spec.bad(format!(
            "subnet {net} is for no containers; choose another with --subnet"
        )));
    }
    if let Some(range) = subnet.range
        && !net.contains(&range)
    {
        return Err(spec.bad(format!("range {range} is not within subnet {net}")));
    }
    let gateway = *subnet
        .gateway
        .get_or_insert_with(|| Subnet::new(net).first_host());
    for (what, ip) in [("gateway", gateway)].into_iter().chain(
        subnet
            .reserved
            .iter()
            .map(|(name, ip)| (name.as_str(), *ip)),
    ) {
        if !subnet.has_host(ip) {
            return Err(spec.bad(format!("{what} {ip} is no host's address of subnet {net}")));
        }
    }
    if subnet.next(&HashSet::new()).is_none() {
        return Err(spec.bad(format!(
            "subnet {net} has no address for a container; choose a larger one with --subnet"
        )));
    }
    if let Some((name, ip)) = subnet.reserved.iter().find(|(_, ip)| **ip == gateway) {
        return Err(spec.bad(format!(
            "address {ip} of {name} is the gateway's; reserve another, or name a gateway with --gateway"
        )));
    }
    Ok(())
}
