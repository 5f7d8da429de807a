//! Container networks: what `docker network` is to Docker's bridge, for bridges of netbridge.
//!
//! What the kernel does not remember (names, addresses given away, published ports) is one file per network.
//! Whoever changes networks holds one lock, so that whatever is found half done is what a killed process
//! left, and is undone before anything else happens.

mod connect;
mod container;
mod create;
mod defaults;
mod docker;
mod endpoint;
mod error;
mod hosts;
mod inside;
pub mod ipam;
mod kernel;
mod lease;
mod mend;
pub mod model;
pub mod options;
pub mod pool;
pub mod publish;
mod remove;
mod run;
mod store;
mod subnets;

use std::collections::HashSet;

use ipnet::IpNet;

pub use self::{
    connect::{ConnectSpec, EndpointConfig},
    container::Container,
    create::NetworkSpec,
    endpoint::EndpointSpec,
    error::NetworkError,
    model::{Driver, Endpoint, Network, Owner, Phase},
    publish::Publication,
    run::{RunSpec, run},
};
use self::{pool::Pool, store::Store};
use crate::{
    bridge::Lock,
    firewall::{self, NetworkRules, Rules},
    net::Links,
};

/// The network that containers are on unless told otherwise.
pub const DEFAULT: &str = "bridge";
/// Its bridge, and the host's interface.
pub const DEFAULT_BRIDGE: &str = "netbridge0";

/// All networks of this namespace, opened for changes by one process at a time.
pub struct Networks {
    store: Store,
    lock: Option<Lock>,
    all: Vec<Network>,
    pools: Vec<Pool>,
    links: Links,
    /// What the firewall was last told.
    rules: Rules,
    /// What the user should know of what was done.
    said: Vec<String>,
}

impl Networks {
    /// Waits for the right to change networks, and undoes what a killed process left half done.
    pub fn open() -> Result<Self, NetworkError> {
        let mut networks = Self::open_as_is()?;
        networks.mend()?;
        Ok(networks)
    }

    /// Waits for the right to change networks, and leaves what is half done to whoever opens them next: for
    /// calls that must be answered at once.
    pub fn open_as_is() -> Result<Self, NetworkError> {
        let store = Store::here()?;
        let lock = Some(store.lock()?);
        store.sweep();
        let mut networks = Self {
            all: store.networks()?,
            pools: store.pools()?,
            store,
            lock,
            links: Links::new()?,
            rules: Rules::default(),
            said: Vec::new(),
        };
        networks.rules = networks.wanted_rules()?;
        Ok(networks)
    }

    /// The networks as their files have them, beside others that look or change.
    pub fn look() -> Result<Vec<Network>, NetworkError> {
        Store::here()?.networks()
    }

    /// The networks.
    pub fn all(&self) -> &[Network] {
        &self.all
    }

    /// The pools that Docker asked for.
    pub fn pools(&self) -> &[Pool] {
        &self.pools
    }

    /// What the user should know of what was done, told once.
    pub fn take_said(&mut self) -> Vec<String> {
        std::mem::take(&mut self.said)
    }

    /// The network of a name, an id, or the start of one.
    pub fn find(&self, name: &str) -> Result<&Network, NetworkError> {
        find(&self.all, name)
    }

    /// The containers on all networks.
    fn endpoints(&self) -> impl Iterator<Item = &Endpoint> {
        self.all
            .iter()
            .flat_map(|network| network.endpoints.values())
    }

    fn network_mut(&mut self, name: &str) -> Result<&mut Network, NetworkError> {
        let found = self.all.iter_mut().find(|network| network.name == name);
        found.ok_or_else(|| NetworkError::NotFound {
            name: name.to_owned(),
        })
    }

    /// Changes a network, and writes its file.
    fn update(
        &mut self,
        name: &str,
        change: impl FnOnce(&mut Network),
    ) -> Result<(), NetworkError> {
        let store = self.store.clone();
        let network = self.network_mut(name)?;
        change(network);
        store.save(network)
    }

    /// Says something to whoever asks for it; in the log where nobody does.
    fn say(&mut self, line: String) {
        self.said.push(line);
    }

    /// Tells the firewall what all networks want, where that has changed.
    fn apply_firewall(&mut self) -> Result<(), NetworkError> {
        let wanted = self.wanted_rules()?;
        if wanted == self.rules {
            return Ok(());
        }
        self.force_firewall(wanted)
    }

    fn force_firewall(&mut self, wanted: Rules) -> Result<(), NetworkError> {
        for line in firewall::apply(&wanted)? {
            if !self.said.contains(&line) {
                self.say(line);
            }
        }
        self.rules = wanted;
        Ok(())
    }

    /// What the networks want of the firewall.
    fn wanted_rules(&self) -> Result<Rules, NetworkError> {
        let wanted = self
            .all
            .iter()
            .filter(|network| network.driver == Driver::Bridge && network.phase == Phase::Ready);
        let networks = wanted.map(network_rules).collect::<Result<_, _>>()?;
        Ok(Rules { networks })
    }

    /// All networks that addresses are in: those of networks, of Docker's pools, and of the host's routes,
    /// but for those of the interface `but`.
    fn used(&self, but: Option<&str>) -> Result<Vec<IpNet>, NetworkError> {
        Ok([
            self.used_by_networks(),
            self.used_by_pools(),
            self.routed(but)?,
        ]
        .concat())
    }

    fn used_by_networks(&self) -> Vec<IpNet> {
        let subnets = self.all.iter().flat_map(|network| &network.subnets);
        subnets.map(|subnet| subnet.subnet).collect()
    }

    fn used_by_pools(&self) -> Vec<IpNet> {
        self.pools.iter().map(|pool| pool.subnet.subnet).collect()
    }

    /// The networks that the host has routes to.
    fn routed(&self, but: Option<&str>) -> Result<Vec<IpNet>, NetworkError> {
        let but = but.and_then(|name| self.links.by_name(name).ok());
        let but = but.map(|link| link.ifindex);
        let routes = self.links.routes()?;
        let routes = routes
            .iter()
            .filter(|route| route.destination.prefix_len() > 0)
            .filter(|route| but.is_none() || route.ifindex != but)
            .map(|route| route.destination);
        Ok(routes.collect())
    }

    /// All addresses of a network that are given away, also by the pool that Docker has it from.
    fn taken(&self, network: &Network) -> HashSet<std::net::IpAddr> {
        let mut taken: HashSet<_> = network.taken().into_iter().collect();
        for subnet in &network.subnets {
            let same = self
                .pools
                .iter()
                .filter(|pool| pool.subnet.subnet == subnet.subnet);
            same.for_each(|pool| taken.extend(pool.taken()));
        }
        taken
    }
}

impl Drop for Networks {
    fn drop(&mut self) {
        for line in &self.said {
            tracing::warn!("{line}");
        }
        if let Some(lock) = self.lock.take()
            && self.all.is_empty()
            && self.pools.is_empty()
        {
            self.store.tidy(lock);
        }
    }
}

/// The network of a name, an id, or the start of one that no other has.
pub fn find<'a>(networks: &'a [Network], name: &str) -> Result<&'a Network, NetworkError> {
    let exact = networks.iter().find(|network| {
        network.name == name || network.id == name || network.title.as_deref() == Some(name)
    });
    if let Some(found) = exact {
        return Ok(found);
    }
    let mut starts = networks
        .iter()
        .filter(|network| !name.is_empty() && network.id.starts_with(name));
    match (starts.next(), starts.next()) {
        (Some(found), None) => Ok(found),
        (Some(_), Some(_)) => Err(NetworkError::Bad {
            name: name.to_owned(),
            reason: "several ids start with that; give more of it".to_owned(),
        }),
        (None, _) => Err(NetworkError::NotFound {
            name: name.to_owned(),
        }),
    }
}

fn network_rules(network: &Network) -> Result<NetworkRules, NetworkError> {
    let options = options::Options::read(network.label(), &[&network.options])?;
    let endpoints = network.endpoints.values();
    let ready = endpoints.filter(|endpoint| endpoint.phase == Phase::Ready);
    let published = ready.flat_map(|endpoint| {
        let rules = endpoint.published.iter().map(|one| one.rules(endpoint));
        rules.flatten().collect::<Vec<_>>()
    });
    Ok(NetworkRules {
        ifname: network.ifname.clone(),
        subnets: network.subnets.iter().map(|subnet| subnet.subnet).collect(),
        internal: network.internal,
        icc: options.icc,
        masquerade: options.masquerade,
        published: published.collect(),
    })
}
