//! `netbridge network connect` and `run`.

use std::{
    ffi::OsString,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use anyhow::Result;

use super::{UsageError, change, create::address, note, pairs};
use crate::{
    cli::values,
    network::{
        self, ConnectSpec, Container, EndpointConfig, NetworkError, Networks, Publication, RunSpec,
    },
};

/// What a container can be put on a network with.
#[derive(Debug, clap::Args)]
struct Place {
    /// Its IPv4 address.
    #[arg(long, value_name = "IP")]
    ip: Option<String>,
    /// Its IPv6 address.
    #[arg(long, value_name = "IP")]
    ip6: Option<String>,
    /// Its Ethernet address.
    #[arg(long, value_name = "MAC")]
    mac_address: Option<String>,
    /// Let ports of the host lead to it, written as 8080:80, 127.0.0.1:8080:80, 8000-8010:80-90 or 53:53/udp.
    #[arg(long, short, value_name = "PORTS", value_parser = publication)]
    publish: Vec<Publication>,
    /// An option for it alone, which goes before the network's.
    #[arg(long, value_name = "KEY=VALUE")]
    driver_opt: Vec<String>,
}

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct ConnectArgs {
    /// The network.
    network: String,
    /// The container.
    container: String,
    /// What to call it; what it is found by unless given.
    #[arg(long)]
    name: Option<String>,
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct RunArgs {
    /// The network.
    network: String,
    /// What to call the container, and its namespace under /run/netns.
    #[arg(long)]
    name: Option<String>,
    #[command(flatten)]
    place: Place,
    /// The command and its arguments.
    #[arg(value_name = "CMD", required = true, last = true)]
    command: Vec<OsString>,
}

impl Place {
    fn config(&self) -> Result<EndpointConfig, UsageError> {
        Ok(EndpointConfig {
            ip: self.ip()?,
            ip6: self.ip6()?,
            mac: self.mac_address.as_deref().map(values::mac).transpose()?,
            options: pairs(&self.driver_opt),
            published: self.publish.clone(),
        })
    }

    fn ip(&self) -> Result<Option<Ipv4Addr>, UsageError> {
        let Some(text) = &self.ip else {
            return Ok(None);
        };
        match address("ip", text)? {
            IpAddr::V4(ip) => Ok(Some(ip)),
            IpAddr::V6(ip) => Err(UsageError(format!("ip {ip}: of IPv6; give it with --ip6"))),
        }
    }

    fn ip6(&self) -> Result<Option<Ipv6Addr>, UsageError> {
        let Some(text) = &self.ip6 else {
            return Ok(None);
        };
        match address("ip6", text)? {
            IpAddr::V6(ip) => Ok(Some(ip)),
            IpAddr::V4(ip) => Err(UsageError(format!("ip6 {ip}: of IPv4; give it with --ip"))),
        }
    }
}

fn publication(text: &str) -> Result<Publication, String> {
    text.parse()
}

pub(super) fn connect(args: &ConnectArgs) -> Result<()> {
    let mut container = Container::find(&args.container)?;
    if let Some(name) = &args.name {
        container.name.clone_from(name);
    }
    let spec = ConnectSpec {
        container,
        config: args.place.config()?,
        runner: None,
    };
    change(|networks: &mut Networks| -> Result<(), NetworkError> {
        networks.ensure_defaults(false)?;
        networks.connect(&args.network, &spec).map(drop)
    })
}

pub(super) fn run(args: &RunArgs) -> Result<u8> {
    let spec = RunSpec {
        network: args.network.clone(),
        name: args.name.clone(),
        config: args.place.config()?,
        command: args.command.clone(),
    };
    Ok(network::run(&spec, note)?)
}
