//! What Docker asks of networks that it made: endpoints announced, joined, left and forgotten.
//!
//! Every call may come again, also after a restart of either side, and then answers as before.

use std::{collections::BTreeMap, net::IpAddr};

use super::{
    Driver, Endpoint, EndpointSpec, Network, NetworkError, Networks, Owner, Phase, Publication,
    kernel, kernel::far_name, options::Options, publish,
};
use crate::net::{MacvlanSpec, Netns, VethSpec};

impl Networks {
    /// The network of Docker's with this id, all of it.
    fn docker_network(&self, id: &str) -> Result<&Network, NetworkError> {
        let found = self
            .all
            .iter()
            .find(|n| n.id == id && n.owner == Owner::Docker);
        found.ok_or_else(|| NetworkError::NotFound {
            name: id.to_owned(),
        })
    }

    /// Says whether there is a network of Docker's with this id.
    pub fn has_docker_network(&self, id: &str) -> bool {
        self.docker_network(id).is_ok()
    }

    /// An endpoint that Docker announced.
    pub fn docker_endpoint(&self, network: &str, id: &str) -> Result<&Endpoint, NetworkError> {
        let network = self.docker_network(network)?;
        network
            .endpoints
            .get(id)
            .ok_or_else(|| NetworkError::Container {
                name: id.to_owned(),
                reason: "its endpoint is not known; start the container again".to_owned(),
            })
    }

    /// Docker announces an endpoint with addresses that it has chosen.
    pub fn announce(
        &mut self,
        network: &str,
        spec: &EndpointSpec,
    ) -> Result<Endpoint, NetworkError> {
        let name = self.docker_network(network)?.name.clone();
        if let Some(id) = &spec.id
            && let Some(before) = self.docker_network(network)?.endpoints.get(id)
        {
            return Ok(before.clone());
        }
        let ips = spec.ipv4.map(IpAddr::V4).into_iter();
        for ip in ips.chain(spec.ipv6.map(IpAddr::V6)) {
            check_address(self.docker_network(network)?, ip)?;
        }
        self.note(&name, spec, Phase::Known, true)
    }

    /// Docker is about to move the container's end into its sandbox; returns the name of that end.
    pub fn join(
        &mut self,
        network: &str,
        endpoint: &str,
        sandbox: &str,
    ) -> Result<(Network, Endpoint, String), NetworkError> {
        let found = self.docker_network(network)?.clone();
        let known = self.docker_endpoint(network, endpoint)?.clone();
        let far = far_name(&known);
        let has_port = found.driver != Driver::Bridge || self.links.by_name(&known.ifname).is_ok();
        // Where Docker has moved the far end already, asking again must not take it away.
        let is_where_told = known.netns.as_deref() == Some(sandbox);
        let has_far = is_where_told || self.links.by_name(&far).is_ok();
        if known.phase != Phase::Ready || !has_port || !has_far {
            kernel::unplug(&found, &known)?;
            // Written down with the last step: until then, the endpoint is known and no more.
            let place = |network: &mut Network| {
                if let Some(endpoint) = network.endpoints.get_mut(endpoint) {
                    endpoint.netns = Some(sandbox.to_owned());
                    sandbox_name(sandbox).clone_into(&mut endpoint.container);
                }
            };
            place(self.network_mut(&found.name)?);
            let known = self.docker_endpoint(network, endpoint)?.clone();
            let made = self.make_ends(&found, &known, &far);
            if made.is_err()
                && let Err(error) = kernel::unplug(&found, &known)
            {
                tracing::warn!("{error}");
            }
            made?;
        }
        let known = self.docker_endpoint(network, endpoint)?.clone();
        Ok((found, known, far))
    }

    fn make_ends(
        &mut self,
        network: &Network,
        endpoint: &Endpoint,
        far: &str,
    ) -> Result<(), NetworkError> {
        let options = Options::read(network.label(), &[&network.options])?;
        let mac = super::connect::mac(endpoint);
        if network.driver == Driver::Macvlan {
            self.links.add_macvlan(&MacvlanSpec {
                name: far,
                parent: self.links.by_name(&network.ifname)?.ifindex,
                netns: &Netns::current()?,
                mac,
                mode: &options.macvlan_mode,
                mtu: options.mtu,
                ifindex: None,
            })?;
        } else {
            self.links.add_veth(&VethSpec {
                name: &endpoint.ifname,
                peer_name: far,
                peer_mac: Some(mac),
                mtu: options.mtu,
                ..VethSpec::default()
            })?;
            kernel::plug(network, endpoint, true)?;
        }
        self.set_ready(&network.name, &endpoint.id)
    }

    /// Docker has taken the container's end out of the sandbox.
    pub fn leave(&mut self, network: &str, endpoint: &str) -> Result<(), NetworkError> {
        let Ok(known) = self.docker_endpoint(network, endpoint).cloned() else {
            return Ok(());
        };
        let found = self.docker_network(network)?.clone();
        self.network_mut(&found.name)?
            .endpoints
            .entry(known.id.clone())
            .and_modify(|endpoint| {
                endpoint.phase = Phase::Known;
                endpoint.since = super::model::now();
                endpoint.published.clear();
            });
        self.apply_firewall()?;
        kernel::unplug(&found, &known)?;
        self.update(&found.name, |_| {})
    }

    /// Docker forgets an endpoint.
    pub fn forget(&mut self, network: &str, endpoint: &str) -> Result<(), NetworkError> {
        let Ok(network) = self.docker_network(network) else {
            return Ok(());
        };
        let name = network.name.clone();
        self.take_out(&name, endpoint)
    }

    /// Docker removes a network; what is left on it goes with it.
    pub fn delete_docker_network(&mut self, id: &str) -> Result<(), NetworkError> {
        match self.docker_network(id) {
            Ok(network) => {
                let name = network.name.clone();
                self.take_down(&name)
            }
            Err(_) => Ok(()),
        }
    }

    /// Docker publishes the ports of an endpoint, in place of those that it has.
    pub fn publish(
        &mut self,
        network: &str,
        endpoint: &str,
        wanted: &[Publication],
    ) -> Result<(), NetworkError> {
        let found = self.docker_network(network)?.clone();
        let known = self.docker_endpoint(network, endpoint)?.clone();
        if found.driver != Driver::Bridge && !wanted.is_empty() {
            return Err(found.bad(format!(
                "ports cannot be published on a {} network; leave -p out",
                found.driver.name()
            )));
        }
        if wanted.is_empty() && known.published.is_empty() {
            return Ok(());
        }
        let options = Options::read(found.label(), &[&found.options])?;
        let others: Vec<Network> = {
            let mut networks = self.all.clone();
            let own = networks.iter_mut().find(|network| network.id == found.id);
            if let Some(network) = own {
                network.endpoints.remove(endpoint);
            }
            networks
        };
        let published = publish::settle(wanted, options.host_binding, &others)?;
        let before = known.published;
        self.set_published(&found.name, endpoint, published)?;
        if let Err(error) = self.apply_firewall() {
            self.set_published(&found.name, endpoint, before)?;
            return Err(error);
        }
        self.update(&found.name, |_| {})
    }

    /// Docker takes the published ports of an endpoint back.
    pub fn revoke(&mut self, network: &str, endpoint: &str) -> Result<(), NetworkError> {
        let Ok(found) = self.docker_network(network) else {
            return Ok(());
        };
        let name = found.name.clone();
        let has_some = |endpoint: &Endpoint| !endpoint.published.is_empty();
        if !found.endpoints.get(endpoint).is_some_and(has_some) {
            return Ok(());
        }
        self.set_published(&name, endpoint, Vec::new())?;
        self.apply_firewall()?;
        self.update(&name, |_| {})
    }

    fn set_published(
        &mut self,
        network: &str,
        endpoint: &str,
        published: Vec<Publication>,
    ) -> Result<(), NetworkError> {
        let network = self.network_mut(network)?;
        if let Some(endpoint) = network.endpoints.get_mut(endpoint) {
            endpoint.published = published;
        }
        Ok(())
    }

    /// Takes over the names that Docker has for networks and containers, where they are new: by network id,
    /// and by endpoint id with the container's id.
    pub fn learn_names(
        &mut self,
        titles: &BTreeMap<String, String>,
        containers: &BTreeMap<String, (String, String)>,
    ) -> Result<(), NetworkError> {
        for network in self.all.clone() {
            if network.owner != Owner::Docker {
                continue;
            }
            let title = titles
                .get(&network.id)
                .filter(|title| network.title.as_ref() != Some(title));
            let title_changed = title.is_some();
            let named = network.endpoints.values().filter_map(|endpoint| {
                let (id, name) = containers.get(&endpoint.id)?;
                (endpoint.name != *name).then(|| (endpoint.id.clone(), id.clone(), name.clone()))
            });
            let named: Vec<_> = named.collect();
            if !title_changed && named.is_empty() {
                continue;
            }
            self.update(&network.name, |network| {
                network.title = title.cloned().or_else(|| network.title.take());
                for (endpoint, id, name) in &named {
                    if let Some(endpoint) = network.endpoints.get_mut(endpoint) {
                        endpoint.container.clone_from(id);
                        endpoint.name.clone_from(name);
                    }
                }
            })?;
            let network = self.find(&network.name)?;
            for (endpoint, _, _) in &named {
                if let Some(endpoint) = network.endpoints.get(endpoint)
                    && endpoint.phase == Phase::Ready
                {
                    kernel::rename(network, endpoint)?;
                }
            }
        }
        self.forget_lost(titles, containers)
    }
}

/// Refuses an address that is none of a network's, or somebody's already.
fn check_address(network: &Network, ip: IpAddr) -> Result<(), NetworkError> {
    let bad = |reason| Err(network.bad(reason));
    if !network.subnets.iter().any(|subnet| subnet.has_host(ip)) {
        return bad(format!("has no subnet that {ip} is a host's address of"));
    }
    if network.subnets.iter().any(|s| s.gateway == Some(ip)) {
        return bad(format!("{ip} is taken by the gateway; choose another"));
    }
    let mut others = network.endpoints.values();
    match others.find(|other| other.addresses().any(|has| has == ip)) {
        Some(other) => bad(format!(
            "{ip} is taken by {}; choose another",
            other.label()
        )),
        None => Ok(()),
    }
}

/// What a sandbox is called: the last word of its path.
fn sandbox_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}
