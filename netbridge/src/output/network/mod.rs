//! Networks as `docker network ls` and `inspect` show them.

pub mod render;

use std::collections::BTreeMap;

use serde::Serialize;

use crate::network::{Network, Owner, ipam::Subnet, model::short};

/// A network in a list; names of fields as Docker's `--format json` has them.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListView {
    /// Its id, short unless asked for whole.
    #[serde(rename = "ID")]
    pub id: String,
    /// Its name.
    pub name: String,
    /// What it is made of.
    pub driver: &'static str,
    /// `local`: it is on this host.
    pub scope: &'static str,
    /// Whether it has IPv6 addresses.
    #[serde(rename = "IPv6")]
    pub ipv6: String,
    /// Whether containers reach nothing but each other and the host.
    pub internal: String,
    /// Its labels, as `key=value,...`.
    pub labels: String,
    /// When it was made.
    pub created_at: String,
}

impl ListView {
    /// Looks at a network.
    pub fn of(network: &Network, whole: bool) -> Self {
        let labels = network
            .labels
            .iter()
            .map(|(key, value)| format!("{key}={value}"));
        Self {
            id: if whole {
                network.id.clone()
            } else {
                short(&network.id).to_owned()
            },
            name: network.label().to_owned(),
            driver: network.driver.name(),
            scope: "local",
            ipv6: network.ipv6.to_string(),
            internal: network.internal.to_string(),
            labels: labels.collect::<Vec<_>>().join(","),
            created_at: network.created.clone(),
        }
    }
}

/// Networks as a table, as `docker network ls` prints it.
pub fn networks(views: &[ListView]) -> String {
    let head = ["NETWORK ID", "NAME", "DRIVER", "SCOPE"].map(str::to_owned);
    let row = |view: &ListView| {
        [
            view.id.clone(),
            view.name.clone(),
            view.driver.to_owned(),
            view.scope.to_owned(),
        ]
    };
    let rows: Vec<Vec<String>> = [head]
        .into_iter()
        .chain(views.iter().map(row))
        .map(Vec::from)
        .collect();
    render::columns(&rows)
}

/// A network whole; names of fields as `docker network inspect` has them.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
#[expect(clippy::struct_excessive_bools, reason = "Docker's fields")]
pub struct InspectView {
    /// Its name.
    pub name: String,
    /// Its id.
    pub id: String,
    /// When it was made.
    pub created: String,
    /// `local`: it is on this host.
    pub scope: &'static str,
    /// What it is made of.
    pub driver: &'static str,
    /// Who made it: `netbridge` or `docker`.
    pub owner: Owner,
    /// The host's interface, which a bridge of netbridge has its name of; of macvlan the parent.
    pub interface: String,
    /// Whether it has IPv6 addresses.
    #[serde(rename = "EnableIPv6")]
    pub enable_ipv6: bool,
    /// Where its addresses come from.
    #[serde(rename = "IPAM")]
    pub ipam: IpamView,
    /// Whether containers reach nothing but each other and the host.
    pub internal: bool,
    /// Whether containers of a swarm may join; never.
    pub attachable: bool,
    /// Whether it is a swarm's routing mesh; never.
    pub ingress: bool,
    /// The network that its settings come from; none.
    pub config_from: ConfigFrom,
    /// Whether it is settings alone; never.
    pub config_only: bool,
    /// The containers on it, by id.
    pub containers: BTreeMap<String, ContainerView>,
    /// What was given with `-o`.
    pub options: BTreeMap<String, String>,
    /// What was given with `--label`.
    pub labels: BTreeMap<String, String>,
}

/// Where settings come from, in a swarm.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ConfigFrom {
    /// The network's name.
    pub network: String,
}

/// Where a network's addresses come from.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct IpamView {
    /// `default`: netbridge's own.
    pub driver: &'static str,
    /// Options of it; none.
    pub options: BTreeMap<String, String>,
    /// The subnets.
    pub config: Vec<SubnetView>,
}

/// A subnet.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct SubnetView {
    /// The subnet.
    pub subnet: String,
    /// The part of it that addresses are given out of.
    #[serde(rename = "IPRange", skip_serializing_if = "Option::is_none")]
    pub ip_range: Option<String>,
    /// The way out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gateway: Option<String>,
    /// Addresses that somebody else has.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub auxiliary_addresses: BTreeMap<String, String>,
}

/// A container on a network.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ContainerView {
    /// Its name.
    pub name: String,
    /// Id of its endpoint.
    #[serde(rename = "EndpointID")]
    pub endpoint_id: String,
    /// Its Ethernet address.
    pub mac_address: String,
    /// Its IPv4 address, with the length of the prefix.
    #[serde(rename = "IPv4Address")]
    pub ipv4_address: String,
    /// Its IPv6 address, with the length of the prefix.
    #[serde(rename = "IPv6Address")]
    pub ipv6_address: String,
    /// The host's end, which is the port.
    pub interface: String,
    /// Ports of the host that lead to it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<String>,
}

impl InspectView {
    /// Looks at a network.
    pub fn of(network: &Network) -> Self {
        let container = |endpoint: &crate::network::Endpoint| ContainerView {
            name: endpoint.label().to_owned(),
            endpoint_id: endpoint.id.clone(),
            mac_address: endpoint.mac.clone(),
            ipv4_address: endpoint.ipv4.map(|net| net.to_string()).unwrap_or_default(),
            ipv6_address: endpoint.ipv6.map(|net| net.to_string()).unwrap_or_default(),
            interface: endpoint.ifname.clone(),
            ports: endpoint.published.iter().map(ToString::to_string).collect(),
        };
        let containers = network.endpoints.values();
        Self {
            name: network.label().to_owned(),
            id: network.id.clone(),
            created: network.created.clone(),
            scope: "local",
            driver: network.driver.name(),
            owner: network.owner,
            interface: network.ifname.clone(),
            enable_ipv6: network.ipv6,
            ipam: IpamView {
                driver: "default",
                options: BTreeMap::new(),
                config: network.subnets.iter().map(SubnetView::of).collect(),
            },
            internal: network.internal,
            attachable: false,
            ingress: false,
            config_from: ConfigFrom::default(),
            config_only: false,
            containers: containers
                .map(|endpoint| (endpoint.container.clone(), container(endpoint)))
                .collect(),
            options: network.options.clone(),
            labels: network.labels.clone(),
        }
    }
}

impl SubnetView {
    fn of(subnet: &Subnet) -> Self {
        let reserved = subnet.reserved.iter();
        Self {
            subnet: subnet.subnet.to_string(),
            ip_range: subnet.range.map(|range| range.to_string()),
            gateway: subnet.gateway.map(|gateway| gateway.to_string()),
            auxiliary_addresses: reserved
                .map(|(name, ip)| (name.clone(), ip.to_string()))
                .collect(),
        }
    }
}
