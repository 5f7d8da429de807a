//! Taking containers off networks, and removing networks.

use std::path::Path;

use super::{
    DEFAULT, Driver, Endpoint, Network, NetworkError, Networks, Owner, Phase, inside, kernel,
};
use crate::net::{Links, Netns};

/// The networks that are always there.
pub(super) const PREDEFINED: [&str; 3] = [DEFAULT, "host", "none"];

impl Networks {
    /// Takes a container off a network; with `force` also one that Docker put there.
    pub fn disconnect(
        &mut self,
        network: &str,
        container: &str,
        force: bool,
    ) -> Result<(), NetworkError> {
        let network = self.find(network)?;
        let (name, label) = (network.name.clone(), network.label().to_owned());
        let means = |endpoint: &&Endpoint| {
            let id = container.len() >= 4
                && (endpoint.container.starts_with(container)
                    || endpoint.id.starts_with(container));
            endpoint.label() == container || endpoint.netns.as_deref() == Some(container) || id
        };
        let Some(endpoint) = network.endpoints.values().find(means).cloned() else {
            return Err(NetworkError::Container {
                name: container.to_owned(),
                reason: format!(
                    "is not on network {label}; `netbridge network inspect {label}` shows who is"
                ),
            });
        };
        if network.owner == Owner::Docker && !force {
            return Err(NetworkError::Container {
                name: container.to_owned(),
                reason: format!(
                    "was put on network {label} by Docker; use `docker network disconnect {label} {container}`, or --force where Docker has forgotten it"
                ),
            });
        }
        self.take_out(&name, &endpoint.id)
    }

    /// Takes an endpoint out: its published ports, its interface, and last what is remembered of it.
    pub(super) fn take_out(&mut self, network: &str, endpoint: &str) -> Result<(), NetworkError> {
        let found = self.find(network)?.clone();
        let Some(gone) = found.endpoints.get(endpoint).cloned() else {
            return Ok(());
        };
        self.update(&found.name, |network| {
            if let Some(endpoint) = network.endpoints.get_mut(endpoint) {
                endpoint.phase = Phase::Unfinished;
            }
        })?;
        self.apply_firewall()?;
        match found.driver {
            Driver::Bridge => kernel::unplug(&found, &gone)?,
            Driver::Macvlan if found.owner == Owner::Docker => kernel::unplug(&found, &gone)?,
            Driver::Macvlan => remove_inside(&gone)?,
            Driver::Host | Driver::None => {}
        }
        self.update(&found.name, |network| {
            network.endpoints.remove(endpoint);
        })?;
        self.reroute(&gone);
        self.forget_hosts(&gone);
        self.write_hosts();
        Ok(())
    }

    /// Takes a container off all networks, those too that it was put on later.
    pub(super) fn take_out_everywhere(&mut self, container: &str) -> Result<(), NetworkError> {
        for network in self.all.clone() {
            for endpoint in network.endpoints.values() {
                if endpoint.container == container {
                    self.take_out(&network.name, &endpoint.id)?;
                }
            }
        }
        Ok(())
    }

    /// Gives a container another way out, where it was the one through the endpoint that is gone.
    fn reroute(&self, gone: &Endpoint) {
        let Some(path) = &gone.netns else { return };
        let Ok(netns) = Netns::open(Path::new(path)) else {
            return;
        };
        for network in &self.all {
            for endpoint in network.endpoints.values() {
                let same = endpoint.netns == gone.netns && endpoint.phase == Phase::Ready;
                if !same || endpoint.inside.is_empty() {
                    continue;
                }
                let done =
                    netns.run(|| inside::add_default_routes(&Links::new()?, network, endpoint));
                match done {
                    Ok(Ok(())) => {}
                    Ok(Err(error)) => tracing::warn!("{error}"),
                    Err(error) => tracing::warn!("{error}"),
                }
            }
        }
    }

    /// Removes a network; with `force` also one that Docker made or that is always there. Returns its name.
    pub fn remove(&mut self, name: &str, force: bool) -> Result<String, NetworkError> {
        let network = self.find(name)?.clone();
        let label = network.label().to_owned();
        let bad = |reason| Err(network.bad(reason));
        if PREDEFINED.contains(&network.name.as_str()) && !force {
            return bad("is predefined and cannot be removed; --force removes it until the next `serve` or `network create`".to_owned());
        }
        if network.owner == Owner::Docker && !force {
            return bad(format!(
                "belongs to Docker; remove it with `docker network rm {label}`, or with --force where Docker has forgotten it"
            ));
        }
        let is_forced = force && network.owner == Owner::Docker;
        if let Some(endpoint) = network.endpoints.values().next().filter(|_| !is_forced) {
            let (count, first) = (network.endpoints.len(), endpoint.label());
            return bad(format!(
                "has active endpoints: {first} and {} more; disconnect them with `netbridge network disconnect {label} {first}`",
                count - 1
            ).replace(" and 0 more", ""));
        }
        self.take_down(&network.name)?;
        Ok(label)
    }

    /// Removes what there is of a network: rules, endpoints, bridge, and last its file.
    pub(super) fn take_down(&mut self, name: &str) -> Result<(), NetworkError> {
        self.update(name, |network| network.phase = Phase::Unfinished)?;
        self.apply_firewall()?;
        let network = self.find(name)?.clone();
        for endpoint in network.endpoints.keys() {
            self.take_out(name, endpoint)?;
        }
        if network.driver == Driver::Bridge {
            kernel::remove_bridge(&network)?;
            self.give_back(&network)?;
        }
        self.store.remove(name)?;
        self.all.retain(|network| network.name != name);
        self.drop_idle_pools()
    }

    /// Takes a network's gateways off a bridge that stays.
    fn give_back(&self, network: &Network) -> Result<(), NetworkError> {
        if !network.foreign_bridge {
            return Ok(());
        }
        let Ok(link) = self.links.by_name(&network.ifname) else {
            return Ok(());
        };
        let there = self.links.addresses(link.ifindex)?;
        for subnet in &network.subnets {
            let gateway = subnet.gateway.map(|ip| subnet.with_prefix(ip));
            if let Some(gateway) = gateway
                && there.contains(&gateway)
                && !network.foreign_addresses.contains(&gateway)
            {
                self.links.del_address(link.ifindex, gateway)?;
            }
        }
        Ok(())
    }

    /// Removes networks that no container is on, but for those that are always there or Docker's; returns
    /// their names.
    pub fn prune(&mut self) -> Result<Vec<String>, NetworkError> {
        let unused = self.all.iter().filter(|network| {
            network.endpoints.is_empty()
                && network.owner == Owner::Netbridge
                && !PREDEFINED.contains(&network.name.as_str())
        });
        let names: Vec<String> = unused.map(|network| network.name.clone()).collect();
        for name in &names {
            self.take_down(name)?;
        }
        Ok(names)
    }
}

/// Removes a macvlan interface, where its container still is.
fn remove_inside(endpoint: &Endpoint) -> Result<(), NetworkError> {
    let Some(path) = &endpoint.netns else {
        return Ok(());
    };
    let Ok(netns) = Netns::open(Path::new(path)) else {
        return Ok(());
    };
    let links = Links::within(&netns)?;
    match links.by_name(&endpoint.inside) {
        Ok(link) if link.mac == Some(super::connect::mac(endpoint)) => {
            Ok(links.delete(link.ifindex)?)
        }
        _ => Ok(()),
    }
}
