//! `netbridge network create`.

use std::net::IpAddr;

use anyhow::Result;
use ipnet::IpNet;

use super::{UsageError, change, driver, pairs};
use crate::{
    network::{NetworkError, NetworkSpec, Networks, ipam::Subnet, options::OWN},
    output,
};

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// Name of the network.
    name: String,
    /// What it is made of: bridge, or macvlan.
    #[arg(long, short, default_value = "bridge")]
    driver: String,
    /// A subnet; one of IPv4 and one of IPv6 at most. Free ones are found where none is given.
    #[arg(long, value_name = "CIDR")]
    subnet: Vec<String>,
    /// The gateway of a subnet; its first address unless given.
    #[arg(long, value_name = "IP")]
    gateway: Vec<String>,
    /// The part of a subnet that containers get addresses of.
    #[arg(long, value_name = "CIDR")]
    ip_range: Vec<String>,
    /// An address of a subnet that somebody else has.
    #[arg(long, value_name = "NAME=IP")]
    aux_address: Vec<String>,
    /// IPv6 addresses as well.
    #[arg(long)]
    ipv6: bool,
    /// Let containers reach nothing but each other and the host.
    #[arg(long)]
    internal: bool,
    /// An option of the driver; see below.
    #[arg(long = "opt", short, value_name = "KEY=VALUE")]
    opt: Vec<String>,
    /// A label.
    #[arg(long, value_name = "KEY[=VALUE]")]
    label: Vec<String>,
}

/// The options that a driver takes.
pub(super) fn after_help() -> String {
    let width = OWN.iter().map(|(key, _)| key.len()).max().unwrap_or(0);
    let own = OWN.map(|(key, about)| format!("  {key:width$}  {about}\n"));
    let own = own.concat();
    format!(
        "Options of Docker's bridge: com.docker.network.bridge.{{name,enable_icc,enable_ip_masquerade,host_binding_ipv4}},
com.docker.network.driver.mtu. Of macvlan: parent, macvlan_mode. Of netbridge:
{own}
Examples:
  netbridge network create web
  netbridge network create web --subnet 10.8.0.0/24 --ip-range 10.8.0.128/25 -o netbridge.rate=100mbit
  netbridge network create lan -d macvlan --subnet 192.168.1.0/24 --gateway 192.168.1.1 -o parent=eth0"
    )
}

pub(super) fn run(args: &Args, json: bool) -> Result<()> {
    let spec = spec(args)?;
    let id = change(|networks: &mut Networks| -> Result<String, NetworkError> {
        networks.ensure_defaults(false)?;
        networks.create(&spec)
    })?;
    if json {
        return output::say(serde_json::json!({ "Id": id, "Warning": "" }));
    }
    output::say(id)
}

fn spec(args: &Args) -> Result<NetworkSpec, UsageError> {
    for pair in &args.opt {
        if !pair.contains('=') {
            return Err(UsageError(format!(
                "option `{pair}`: write it as KEY=VALUE"
            )));
        }
    }
    Ok(NetworkSpec {
        internal: args.internal,
        ipv6: args.ipv6,
        subnets: subnets(args)?,
        options: pairs(&args.opt),
        labels: pairs(&args.label),
        ..NetworkSpec::named(&args.name, driver(&args.driver)?)
    })
}

/// Subnets, each with the gateway, the range and the reserved addresses that lie in it.
fn subnets(args: &Args) -> Result<Vec<Subnet>, UsageError> {
    let mut subnets = Vec::new();
    for text in &args.subnet {
        subnets.push(Subnet::new(network("subnet", text)?));
    }
    for text in &args.gateway {
        let ip = address("gateway", text)?;
        let subnet = subnet_with(&mut subnets, ip, "gateway", text)?;
        if subnet.gateway.replace(ip).is_some() {
            return Err(UsageError(format!(
                "gateway {text}: its subnet has another; leave one out"
            )));
        }
    }
    for text in &args.ip_range {
        let range = network("ip-range", text)?;
        let subnet = subnet_with(&mut subnets, range.network(), "ip-range", text)?;
        if subnet.range.replace(range.trunc()).is_some() {
            return Err(UsageError(format!(
                "ip-range {text}: its subnet has another; leave one out"
            )));
        }
    }
    for text in &args.aux_address {
        let bad = || UsageError(format!("aux-address `{text}`: write it as NAME=IP"));
        let (name, ip) = text.split_once('=').ok_or_else(bad)?;
        let ip = address("aux-address", ip)?;
        let subnet = subnet_with(&mut subnets, ip, "aux-address", text)?;
        if subnet.reserved.insert(name.to_owned(), ip).is_some() {
            return Err(UsageError(format!(
                "aux-address {text}: {name} is named twice; give each a name of its own"
            )));
        }
    }
    Ok(subnets)
}

fn subnet_with<'a>(
    subnets: &'a mut [Subnet],
    ip: IpAddr,
    what: &str,
    text: &str,
) -> Result<&'a mut Subnet, UsageError> {
    let found = subnets
        .iter_mut()
        .find(|subnet| subnet.subnet.contains(&ip));
    found.ok_or_else(|| {
        UsageError(format!(
            "{what} {text}: is in no subnet that is given; give it one with --subnet"
        ))
    })
}

fn network(what: &str, text: &str) -> Result<IpNet, UsageError> {
    text.parse().map_err(|_error| {
        UsageError(format!(
            "{what} `{text}`: no network; write it as 10.8.0.0/24"
        ))
    })
}

pub(super) fn address(what: &str, text: &str) -> Result<IpAddr, UsageError> {
    text.parse()
        .map_err(|_error| UsageError(format!("{what} `{text}`: no address; write it as 10.8.0.1")))
}
