//! Making networks.

use std::{collections::BTreeMap, time::SystemTime};

use ipnet::IpNet;

use super::{
    Driver, Network, NetworkError, Networks, Owner, Phase,
    ipam::Subnet,
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

    pub(super) fn bad(&self, reason: String) -> NetworkError {
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

    /// The addresses of a bridge that is there already.
    pub(super) fn foreign_addresses(
        &self,
        is_there: bool,
        ifname: &str,
    ) -> Result<Vec<IpNet>, NetworkError> {
        match self.links.by_name(ifname) {
            Ok(link) if is_there => Ok(self.links.addresses(link.ifindex)?),
            _ => Ok(Vec::new()),
        }
    }
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

pub(super) fn octets<const N: usize>() -> Result<[u8; N], NetworkError> {
    random::octets().map_err(|error| NetworkError::Program {
        what: "read /dev/urandom".to_owned(),
        reason: error.to_string(),
    })
}
