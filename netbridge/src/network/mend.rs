//! Putting right what a killed process, a boot or a vanished container left.

use std::collections::BTreeMap;

use super::{
    Driver, Endpoint, Network, NetworkError, Networks, Owner, Phase, kernel, model::now, run,
};
use crate::{
    bridge::{Bridge, BridgeError},
    firewall,
};

/// Seconds for which Docker may know an endpoint and not join it.
const PATIENCE: u64 = 120;
/// Seconds after which Docker must know of an endpoint that it announced.
const LOST_AFTER: u64 = 30;

impl Networks {
    /// Opens the networks for a process that starts, and sees to it that the firewall has all rules,
    /// whatever happened to them meanwhile.
    pub fn start() -> Result<Self, NetworkError> {
        let mut networks = Self::open()?;
        let wanted = networks.wanted_rules()?;
        if !wanted.networks.is_empty() {
            networks.force_firewall(wanted)?;
        }
        for network in networks.all.clone() {
            if network.driver == Driver::Bridge {
                networks.forward(&network)?;
            }
        }
        Ok(networks)
    }

    /// Undoes what is half done, makes again what is gone, and forgets containers that are; says each.
    ///
    /// One network that cannot be put right does not stop the others.
    pub(super) fn mend(&mut self) -> Result<(), NetworkError> {
        let before = self.said.len();
        let names: Vec<String> = self.all.iter().map(|n| n.name.clone()).collect();
        for name in names {
            match self.mend_network(&name) {
                // Who may not put this right may not do what is asked either.
                Err(error) if error.exit_code() == 3 => return Err(error),
                Err(error) => tracing::warn!("mend network {name}: {error}"),
                Ok(()) => {}
            }
        }
        self.collect_pools()?;
        if self.said.len() > before {
            let wanted = self.wanted_rules()?;
            self.force_firewall(wanted)?;
        }
        Ok(())
    }

    fn mend_network(&mut self, name: &str) -> Result<(), NetworkError> {
        let network = self.find(name)?.clone();
        let label = network.label().to_owned();
        if network.phase != Phase::Ready {
            self.take_down(name)?;
            self.say(format!(
                "network {label}: was left half made or half removed; removed"
            ));
            return Ok(());
        }
        if network.driver == Driver::Bridge && !self.mend_bridge(&network)? {
            return Ok(());
        }
        for endpoint in network.endpoints.values() {
            if let Some(why) = self.is_dead(&network, endpoint) {
                self.take_out(name, &endpoint.id)?;
                run::remove_leftover(endpoint);
                let freed: Vec<String> = endpoint.addresses().map(|ip| ip.to_string()).collect();
                let freed = if freed.is_empty() {
                    String::new()
                } else {
                    format!("; {} is free again", freed.join(" and "))
                };
                let container = endpoint.label();
                self.say(format!(
                    "network {label}: container {container} {why}{freed}"
                ));
            }
        }
        if network.driver == Driver::Bridge {
            self.mend_ports(name)?;
        }
        Ok(())
    }

    /// Makes a bridge again that is gone; says whether there is one that can be looked at.
    fn mend_bridge(&mut self, network: &Network) -> Result<bool, NetworkError> {
        let label = network.label();
        let there = kernel::bridge_exists(&network.ifname);
        if there {
            match Bridge::look(&network.ifname) {
                // Networks of another namespace are that one's to put right.
                Err(BridgeError::OtherNamespace { .. }) => return Ok(false),
                Err(error) => return Err(error.into()),
                Ok(_) => {}
            }
        }
        if there && self.links.by_name(&network.ifname).is_ok() {
            return Ok(true);
        }
        if network.foreign_bridge {
            tracing::warn!(
                "network {label}: its bridge {} is gone; add it again, or remove the network",
                network.ifname
            );
            return Ok(false);
        }
        kernel::remove_bridge(network)?;
        kernel::make_bridge(network)?;
        self.say(format!(
            "network {label}: bridge {} was gone; made again",
            network.ifname
        ));
        self.forward(network)?;
        Ok(true)
    }

    /// Forgets containers of Docker's that no running container of it has an endpoint of: those that it removed
    /// while nobody took its calls. Only in networks that it knows, since another engine may have the others.
    pub(super) fn forget_lost(
        &mut self,
        known: &BTreeMap<String, String>,
        running: &BTreeMap<String, (String, String)>,
    ) -> Result<(), NetworkError> {
        for network in self.all.clone() {
            if network.owner != Owner::Docker || !known.contains_key(&network.id) {
                continue;
            }
            for endpoint in network.endpoints.values() {
                let is_old = endpoint.since.saturating_add(LOST_AFTER) < now();
                if !is_old || running.contains_key(&endpoint.id) {
                    continue;
                }
                self.take_out(&network.name, &endpoint.id)?;
                let (label, container) = (network.label(), endpoint.label());
                self.say(format!(
                    "network {label}: container {container} is gone from Docker; disconnected"
                ));
            }
        }
        Ok(())
    }

    /// Sees to it that the firewall has the rules of all networks, which somebody may have flushed.
    pub fn keep_firewall(&mut self) -> Result<(), NetworkError> {
        let wanted = self.wanted_rules()?;
        if firewall::is_in_force(&wanted)? {
            return Ok(());
        }
        self.force_firewall(wanted)?;
        self.say("the firewall's rules of networks were gone; made again".to_owned());
        Ok(())
    }

    /// Why a container is to be forgotten.
    fn is_dead(&self, network: &Network, endpoint: &Endpoint) -> Option<&'static str> {
        if endpoint.phase == Phase::Unfinished {
            return Some("was left half connected or half disconnected; disconnected");
        }
        if endpoint
            .runner
            .as_ref()
            .is_some_and(|runner| !runner.is_alive())
        {
            return Some("has ended; disconnected");
        }
        if endpoint.phase == Phase::Known {
            let late = endpoint.since.saturating_add(PATIENCE) < now();
            return late.then_some("was announced by Docker and never joined; forgotten");
        }
        let has_end = match network.driver {
            Driver::Bridge => self.links.by_name(&endpoint.ifname).is_ok(),
            Driver::Macvlan if network.owner == Owner::Netbridge => {
                let path = endpoint.netns.as_deref().unwrap_or_default();
                std::path::Path::new(path).exists()
            }
            Driver::Macvlan | Driver::Host | Driver::None => true,
        };
        (!has_end).then_some("is gone; disconnected")
    }

    /// Makes ports again of interfaces that are none.
    fn mend_ports(&mut self, name: &str) -> Result<(), NetworkError> {
        let network = self.find(name)?.clone();
        let bridge = Bridge::look(&network.ifname)?;
        for endpoint in network.endpoints.values() {
            if endpoint.phase != Phase::Ready || kernel::is_plugged(&bridge, endpoint) {
                continue;
            }
            kernel::plug(&network, endpoint, false)?;
            let (label, container) = (network.label(), endpoint.label());
            self.say(format!(
                "network {label}: container {container} was no port any more; put back"
            ));
        }
        Ok(())
    }
}
