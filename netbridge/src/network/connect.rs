//! Putting containers on networks.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, Ipv6Addr},
};

use netbridge_common::MacAddr;

use super::{
    Container, Driver, Endpoint, EndpointSpec, Network, NetworkError, Networks, Phase, Publication,
    create::new_id, inside, kernel, model::Runner, options::Options, run,
};
use crate::net::{MacvlanSpec, VethSpec};

/// What a container has on a network; what is `None` is chosen.
#[derive(Clone, Debug, Default)]
pub struct EndpointConfig {
    /// Its IPv4 address.
    pub ip: Option<Ipv4Addr>,
    /// Its IPv6 address.
    pub ip6: Option<Ipv6Addr>,
    /// Its Ethernet address.
    pub mac: Option<MacAddr>,
    /// Options of its own, which go before the network's.
    pub options: BTreeMap<String, String>,
    /// Ports of the host that lead to it.
    pub published: Vec<Publication>,
}

/// What is put on a network, and with what.
#[derive(Clone, Debug)]
pub struct ConnectSpec {
    /// The container.
    pub container: Container,
    /// What it has there.
    pub config: EndpointConfig,
    /// The process that the container ends with.
    pub runner: Option<Runner>,
}

impl Networks {
    /// Puts a container on a network, all of it or nothing.
    pub fn connect(&mut self, name: &str, spec: &ConnectSpec) -> Result<Endpoint, NetworkError> {
        let network = self.find(name)?.clone();
        check_connect(&network, spec)?;
        if network.driver == Driver::None {
            self.check_alone(&network, spec)?;
        }
        let inside = match network.driver {
            Driver::Bridge | Driver::Macvlan => inside::free_name(&spec.container.netns)?,
            Driver::Host | Driver::None => String::new(),
        };
        let noted = EndpointSpec {
            id: None,
            name: spec.container.name.clone(),
            container: self.container_id(spec)?,
            ipv4: spec.config.ip,
            ipv6: spec.config.ip6,
            mac: spec.config.mac,
            inside,
            netns: Some(spec.container.path.display().to_string()),
            runner: spec.runner.clone(),
            options: spec.config.options.clone(),
            published: spec.config.published.clone(),
        };
        let endpoint = self.note(&network.name, &noted, Phase::Unfinished, false)?;
        let made = name_namespace(spec).and_then(|()| {
            let made = self.join_container(&network, &endpoint, spec);
            made.inspect_err(|_| run::remove_leftover(&endpoint))
        });
        if let Err(error) = made {
            if let Err(error) = self.take_out(&network.name, &endpoint.id) {
                tracing::warn!("{error}");
            }
            return Err(error);
        }
        self.write_hosts();
        Ok(endpoint)
    }

    fn join_container(
        &mut self,
        network: &Network,
        endpoint: &Endpoint,
        spec: &ConnectSpec,
    ) -> Result<(), NetworkError> {
        let netns = &spec.container.netns;
        match network.driver {
            Driver::Bridge => {
                let options = Options::read(network.label(), &[&network.options])?;
                self.links.add_veth(&VethSpec {
                    name: &endpoint.ifname,
                    peer_name: &endpoint.inside,
                    peer_netns: Some(netns),
                    peer_mac: Some(mac(endpoint)),
                    mtu: options.mtu,
                    ..VethSpec::default()
                })?;
                kernel::plug(network, endpoint, false)?;
                inside::configure(netns, network, endpoint)?;
            }
            Driver::Macvlan => {
                let options = Options::read(network.label(), &[&network.options])?;
                self.links.add_macvlan(&MacvlanSpec {
                    name: &endpoint.inside,
                    parent: self.links.by_name(&network.ifname)?.ifindex,
                    netns,
                    mac: mac(endpoint),
                    mode: &options.macvlan_mode,
                    mtu: options.mtu,
                    ifindex: None,
                })?;
                inside::configure(netns, network, endpoint)?;
            }
            Driver::Host | Driver::None => inside::loopback_up(netns)?,
        }
        self.set_ready(&network.name, &endpoint.id)
    }

    /// Says that an endpoint is all there: to the firewall, then in the network's file.
    pub(super) fn set_ready(&mut self, network: &str, endpoint: &str) -> Result<(), NetworkError> {
        let ready = |network: &mut Network| {
            if let Some(endpoint) = network.endpoints.get_mut(endpoint) {
                endpoint.phase = Phase::Ready;
            }
        };
        ready(self.network_mut(network)?);
        self.apply_firewall()?;
        self.update(network, ready)
    }

    /// Refuses `none` to a container that has a network.
    fn check_alone(&self, none: &Network, spec: &ConnectSpec) -> Result<(), NetworkError> {
        let netns = spec.container.path.display().to_string();
        let is_on = |network: &&Network| {
            let mut endpoints = network.endpoints.values();
            endpoints.any(|endpoint| endpoint.netns.as_ref() == Some(&netns))
        };
        let Some(other) = self.all.iter().find(is_on) else {
            return Ok(());
        };
        let (name, none) = (spec.container.name.clone(), none.label());
        Err(NetworkError::Container {
            name,
            reason: format!(
                "is on network {}, and cannot be on {none} as well; disconnect it first",
                other.label()
            ),
        })
    }

    /// The id of a container: its engine's, else the one that it has on other networks, else a new one.
    fn container_id(&self, spec: &ConnectSpec) -> Result<String, NetworkError> {
        if let Some(id) = &spec.container.id {
            return Ok(id.clone());
        }
        let netns = spec.container.path.display().to_string();
        let all = self.endpoints();
        let mut same = all.filter(|endpoint| endpoint.netns.as_ref() == Some(&netns));
        match same.next() {
            Some(endpoint) => Ok(endpoint.container.clone()),
            None => new_id(),
        }
    }
}

/// Gives the namespace of `network run` its name, when it is remembered already: who is killed then leaves
/// none that nobody removes.
fn name_namespace(spec: &ConnectSpec) -> Result<(), NetworkError> {
    if spec.runner.is_some() {
        spec.container.netns.bind(&spec.container.path)?;
    }
    Ok(())
}

/// Refuses containers that cannot be on a network, or are.
fn check_connect(network: &Network, spec: &ConnectSpec) -> Result<(), NetworkError> {
    let bad = |reason: String| {
        Err(NetworkError::Container {
            name: spec.container.name.clone(),
            reason,
        })
    };
    let label = network.label();
    if network.driver == Driver::Host {
        return bad(format!(
            "has a network of its own, and cannot be on {label}; start one there with `netbridge network run {label} -- CMD`"
        ));
    }
    if !spec.config.published.is_empty() && network.driver != Driver::Bridge {
        return bad(format!(
            "ports cannot be published on {label}, a {} network",
            network.driver.name()
        ));
    }
    let name = &spec.container.name;
    let netns = spec.container.path.display().to_string();
    let same =
        |endpoint: &&Endpoint| &endpoint.name == name || endpoint.netns.as_ref() == Some(&netns);
    if network.endpoints.values().any(|endpoint| same(&endpoint)) {
        return bad(format!(
            "is on network {label} already; `netbridge network inspect {label}` shows it, and what it has there is changed by disconnecting it first"
        ));
    }
    Ok(())
}

/// The Ethernet address of an endpoint.
pub(super) fn mac(endpoint: &Endpoint) -> [u8; 6] {
    let mac: MacAddr = endpoint.mac.parse().unwrap_or_default();
    mac.0
}
