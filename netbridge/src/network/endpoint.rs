//! Endpoints: which addresses a container gets, noted before anything is made.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use netbridge_common::MacAddr;

use super::{
    Driver, Endpoint, Network, NetworkError, Networks, Phase, Publication,
    create::{is_v4, new_id},
    ipam::Subnet,
    kernel::mac_of_id,
    model::{Runner, mac_of, now, short},
    options::Options,
    publish,
};

/// What an endpoint is made with; what is `None` is chosen.
#[derive(Clone, Debug, Default)]
pub struct EndpointSpec {
    /// Its id.
    pub id: Option<String>,
    /// The container's name.
    pub name: String,
    /// The container's id.
    pub container: String,
    /// Its IPv4 address.
    pub ipv4: Option<Ipv4Addr>,
    /// Its IPv6 address.
    pub ipv6: Option<Ipv6Addr>,
    /// Its Ethernet address.
    pub mac: Option<MacAddr>,
    /// The container's end.
    pub inside: String,
    /// The file of the container's namespace.
    pub netns: Option<String>,
    /// The process of `network run` that it belongs to.
    pub runner: Option<Runner>,
    /// Options of its own.
    pub options: BTreeMap<String, String>,
    /// Ports to publish.
    pub published: Vec<Publication>,
}

impl Networks {
    /// Gives an endpoint its addresses, and writes it down as being in `phase`. With `chosen`, the addresses
    /// are those of the spec and no others: Docker has chosen them.
    pub(super) fn note(
        &mut self,
        network: &str,
        spec: &EndpointSpec,
        phase: Phase,
        chosen: bool,
    ) -> Result<Endpoint, NetworkError> {
        let found = self.find(network)?.clone();
        let options = Options::read(found.label(), &[&found.options, &spec.options])?;
        let (mut ipv4, mut ipv6) = (spec.ipv4.map(IpAddr::V4), spec.ipv6.map(IpAddr::V6));
        if !chosen {
            ipv4 = self.address(&found, true, ipv4)?;
            ipv6 = self.address(&found, false, ipv6)?;
        }
        let id = match &spec.id {
            Some(id) => id.clone(),
            None => new_id()?,
        };
        let mac = spec.mac.unwrap_or_else(|| match ipv4 {
            Some(IpAddr::V4(ip)) => MacAddr(mac_of(ip)),
            _ => MacAddr(mac_of_id(&id)),
        });
        let has_interface = matches!(found.driver, Driver::Bridge | Driver::Macvlan);
        if !has_interface && (spec.mac.is_some() || ipv4.is_some() || ipv6.is_some()) {
            return Err(found.bad(
                "its containers have no interface of their own; leave the addresses out".to_owned(),
            ));
        }
        check_mac(&found, mac)?;
        let published = publish::settle(&spec.published, options.host_binding, &self.all)?;
        let endpoint = Endpoint {
            name: spec.name.clone(),
            container: spec.container.clone(),
            phase,
            since: now(),
            ifname: if has_interface {
                format!("nb{}", &short(&id)[..10.min(id.len())])
            } else {
                String::new()
            },
            inside: spec.inside.clone(),
            mac: if has_interface {
                mac.to_string()
            } else {
                String::new()
            },
            ipv4: ipv4.and_then(|ip| prefixed_v4(&found, ip)),
            ipv6: ipv6.and_then(|ip| prefixed_v6(&found, ip)),
            netns: spec.netns.clone(),
            runner: spec.runner.clone(),
            options: spec.options.clone(),
            published,
            id,
        };
        let noted = endpoint.clone();
        self.update(&found.name, |network| {
            for subnet in &mut network.subnets {
                let given = if is_v4(&subnet.subnet) { ipv4 } else { ipv6 };
                // An address that was asked for says nothing about which is next.
                let asked = spec.ipv4.is_some() && is_v4(&subnet.subnet)
                    || spec.ipv6.is_some() && !is_v4(&subnet.subnet);
                if !asked && !chosen {
                    subnet.last = given.or(subnet.last);
                }
            }
            network.endpoints.insert(noted.id.clone(), noted);
        })?;
        Ok(endpoint)
    }

    /// An address of one family: the one that is asked for, or the next that is free.
    fn address(
        &self,
        network: &Network,
        v4: bool,
        wanted: Option<IpAddr>,
    ) -> Result<Option<IpAddr>, NetworkError> {
        let mut subnets = network.subnets.iter();
        let subnet = subnets.find(|subnet| is_v4(&subnet.subnet) == v4);
        let bad = |reason| network.bad(reason);
        let Some(subnet) = subnet else {
            return match wanted {
                Some(ip) => Err(bad(format!("has no subnet that {ip} is of"))),
                None => Ok(None),
            };
        };
        let taken = self.taken(network);
        let Some(ip) = wanted else {
            let next = subnet.next(&taken);
            let offered = subnet.range.unwrap_or(subnet.subnet).to_string();
            return match next {
                Some(ip) => Ok(Some(ip)),
                None => Err(NetworkError::Exhausted {
                    name: network.label().to_owned(),
                    subnet: offered,
                }),
            };
        };
        if !subnet.has_host(ip) {
            let net = subnet.subnet;
            return Err(bad(format!(
                "{ip} is no host's address of its subnet {net}"
            )));
        }
        if taken.contains(&ip) {
            let holder = network
                .endpoints
                .values()
                .find(|e| e.addresses().any(|has| has == ip));
            let holder = holder.map_or("the gateway or a reservation", Endpoint::label);
            return Err(bad(format!("{ip} is taken by {holder}; choose another")));
        }
        Ok(Some(ip))
    }
}

fn subnet_of(network: &Network, v4: bool) -> Option<&Subnet> {
    network
        .subnets
        .iter()
        .find(|subnet| is_v4(&subnet.subnet) == v4)
}

fn prefixed_v4(network: &Network, ip: IpAddr) -> Option<Ipv4Net> {
    match subnet_of(network, true)?.with_prefix(ip) {
        IpNet::V4(net) => Some(net),
        IpNet::V6(_) => None,
    }
}

fn prefixed_v6(network: &Network, ip: IpAddr) -> Option<Ipv6Net> {
    match subnet_of(network, false)?.with_prefix(ip) {
        IpNet::V6(net) => Some(net),
        IpNet::V4(_) => None,
    }
}

/// Refuses an address that is no station's, or another container's.
fn check_mac(network: &Network, mac: MacAddr) -> Result<(), NetworkError> {
    let bad = |reason| Err(network.bad(reason));
    if mac.is_group() || mac.is_zero() {
        return bad(format!(
            "{mac} is no station's address; give an individual one"
        ));
    }
    let text = mac.to_string();
    let has_mac = network.driver == Driver::Bridge;
    match network
        .endpoints
        .values()
        .find(|endpoint| endpoint.mac == text)
    {
        Some(other) if has_mac => bad(format!(
            "{mac} is that of container {}; choose another",
            other.label()
        )),
        _ => Ok(()),
    }
}
