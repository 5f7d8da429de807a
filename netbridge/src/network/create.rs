//! Making networks.

use std::{
    collections::{BTreeMap, HashSet},
    time::SystemTime,
};

use ipnet::IpNet;

use super::{
    Driver, Network, NetworkError, Networks, Owner, Phase,
    ipam::{self, Subnet},
    kernel,
    model::{FILE_VERSION, short},
    options::Options,
    remove::PREDEFINED,
};
use crate::{bridge, firewall, random};

/// What a network is made with.
#[derive(Clone, Debug)]
pub struct NetworkSpec {
    /// Its name.
    pub name: String,
    /// Its id; a new one where none is given.
    pub id: Option<String>,
    /// What it is made of.
    pub driver: Driver,
    /// Who makes it.
    pub owner: Owner,
    /// Whether containers reach nothing but each other and the host.
    pub internal: bool,
    /// Whether it has IPv6 addresses.
    pub ipv6: bool,
    /// Its subnets; free ones are found where none is given.
    pub subnets: Vec<Subnet>,
    /// What was given with `-o`.
    pub options: BTreeMap<String, String>,
    /// What was given with `--label`.
    pub labels: BTreeMap<String, String>,
}

impl NetworkSpec {
    /// A network of a name, otherwise as networks are unless told otherwise.
    pub fn named(name: &str, driver: Driver) -> Self {
        Self {
            name: name.to_owned(),
            id: None,
            driver,
            owner: Owner::Netbridge,
            internal: false,
            ipv6: false,
            subnets: Vec::new(),
            options: BTreeMap::new(),
            labels: BTreeMap::new(),
        }
    }

    fn bad(&self, reason: String) -> NetworkError {
        NetworkError::Bad {
            name: self.name.clone(),
            reason,
        }
    }
}

impl Networks {
    /// Makes a network, all of it or nothing, and returns its id.
    pub fn create(&mut self, spec: &NetworkSpec) -> Result<String, NetworkError> {
        check_name(spec)?;
        if self.all.iter().any(|network| network.name == spec.name) {
            if PREDEFINED.contains(&spec.name.as_str()) {
                return Err(spec.bad("is always there; give another a name of its own".to_owned()));
            }
            return Err(NetworkError::Exists {
                name: spec.name.clone(),
            });
        }
        let options = Options::read(&spec.name, &[&spec.options])?;
        if options.parent.is_some() && spec.driver != Driver::Macvlan {
            return Err(
                spec.bad("option parent is for macvlan; give -d macvlan as well".to_owned())
            );
        }
        for key in Options::without_effect(&spec.options) {
            self.say(format!("network {}: option {key} has no effect", spec.name));
        }
        let id = match &spec.id {
            Some(id) => id.clone(),
            None => new_id()?,
        };
        let (ifname, foreign_bridge) = self.interface(spec, &options, &id)?;
        let subnets = self.subnets(spec, foreign_bridge.then_some(ifname.as_str()))?;
        let network = Network {
            version: FILE_VERSION,
            name: spec.name.clone(),
            id: id.clone(),
            title: None,
            created: humantime::format_rfc3339_nanos(SystemTime::now()).to_string(),
            driver: spec.driver,
            owner: spec.owner,
            phase: Phase::Unfinished,
            internal: spec.internal,
            ipv6: spec.ipv6 || subnets.iter().any(|subnet| !is_v4(&subnet.subnet)),
            subnets,
            options: spec.options.clone(),
            labels: spec.labels.clone(),
            foreign_addresses: self.foreign_addresses(foreign_bridge, &ifname)?,
            ifname,
            foreign_bridge,
            endpoints: BTreeMap::new(),
        };
        self.store.save(&network)?;
        self.all.push(network);
        let made = self.finish(&spec.name);
        if let Err(error) = made {
            self.undo_network(&spec.name);
            return Err(error);
        }
        Ok(id)
    }

    /// Makes what the kernel must have for a network, and then says that it is there.
    fn finish(&mut self, name: &str) -> Result<(), NetworkError> {
        let network = self.find(name)?.clone();
        if network.driver == Driver::Bridge {
            kernel::make_bridge(&network)?;
            self.network_mut(name)?.phase = Phase::Ready;
            self.apply_firewall()?;
            self.forward(&network)?;
        }
        self.update(name, |network| network.phase = Phase::Ready)
    }

    /// Lets the host pass on what comes from a network's containers, and says so.
    pub(super) fn forward(&mut self, network: &Network) -> Result<(), NetworkError> {
        if network.internal {
            return Ok(());
        }
        let has = |v4| {
            network
                .subnets
                .iter()
                .any(|subnet| is_v4(&subnet.subnet) == v4)
        };
        for line in firewall::enable_forwarding(has(true), has(false))? {
            self.say(line);
        }
        Ok(())
    }

    /// Removes what a failed command made; what fails of that is said in the log, and undone by the next.
    pub(super) fn undo_network(&mut self, name: &str) {
        if let Err(error) = self.take_down(name) {
            tracing::warn!("{error}");
        }
    }

    /// The interface of a network, and whether it is there already.
    fn interface(
        &self,
        spec: &NetworkSpec,
        options: &Options,
        id: &str,
    ) -> Result<(String, bool), NetworkError> {
        match spec.driver {
            Driver::Host | Driver::None => Ok((String::new(), false)),
            Driver::Macvlan => {
                let parent = options.parent.clone().ok_or_else(|| {
                    spec.bad(
                        "a macvlan network needs a parent; name one with -o parent=IF".to_owned(),
                    )
                })?;
                self.links.by_name(&parent)?;
                Ok((parent, false))
            }
            Driver::Bridge => {
                let given = options.bridge_name.clone();
                let name = given.unwrap_or_else(|| format!("nb-{}", &short(id)[..10]));
                let taken = self.all.iter().find(|network| network.ifname == name);
                if let Some(taken) = taken {
                    return Err(spec.bad(format!(
                        "bridge {name} is that of network {} already; choose another with -o {}=NAME",
                        taken.label(),
                        super::options::NAME
                    )));
                }
                bridge::check_name(&name)?;
                let is_there = kernel::bridge_exists(&name);
                if !is_there && self.links.by_name(&name).is_ok() {
                    return Err(spec.bad(format!(
                        "an interface {name} exists already; choose another name with -o {}=NAME",
                        super::options::NAME
                    )));
                }
                Ok((name, is_there))
            }
        }
    }

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

    /// The addresses of a bridge that is there already.
    fn foreign_addresses(&self, is_there: bool, ifname: &str) -> Result<Vec<IpNet>, NetworkError> {
        match self.links.by_name(ifname) {
            Ok(link) if is_there => Ok(self.links.addresses(link.ifindex)?),
            _ => Ok(Vec::new()),
        }
    }

    /// The subnets of a network: those that are given, checked, else free ones.
    fn subnets(&self, spec: &NetworkSpec, own: Option<&str>) -> Result<Vec<Subnet>, NetworkError> {
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

/// What Docker lets a network be called.
fn check_name(spec: &NetworkSpec) -> Result<(), NetworkError> {
    let name = &spec.name;
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    let starts = name.starts_with(|c: char| c.is_ascii_alphanumeric());
    if starts && name.chars().all(good) && name.len() <= 128 {
        return Ok(());
    }
    Err(spec.bad(
        "no name for a network; use letters, digits, `_`, `.` and `-`, and begin with a letter or digit"
            .to_owned(),
    ))
}

pub(super) const fn is_v4(net: &IpNet) -> bool {
    matches!(net, IpNet::V4(_))
}

/// A new id: 64 hexadecimal digits.
pub(super) fn new_id() -> Result<String, NetworkError> {
    let octets: [u8; 32] = octets()?;
    Ok(octets.map(|octet| format!("{octet:02x}")).concat())
}

fn octets<const N: usize>() -> Result<[u8; N], NetworkError> {
    random::octets().map_err(|error| NetworkError::Program {
        what: "read /dev/urandom".to_owned(),
        reason: error.to_string(),
    })
}
