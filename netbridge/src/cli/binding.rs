//! `netbridge binding`, and the guards of a port.

use std::net::IpAddr;

use anyhow::Result;
use clap::Subcommand;
use netbridge_common::PortFlags;

use super::{
    UsageError,
    values::{self, OnOff},
};
use crate::{
    bridge::{Addresses, Bridge},
    output::{self, BindingView},
};

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Bind addresses to a port: nothing else may speak from there, and what it says of itself is checked.
    #[command(after_help = "Examples:
  netbridge binding add br0 veth1 --mac 02:42:ac:11:00:02 --ip 172.17.0.2 --ip fd00::2
  netbridge binding add br0 eth1 --ip 172.17.0.3 --vlan 10")]
    Add(Args),
    /// Free addresses of a port: those named, or all that are bound to it.
    #[command(after_help = "Examples:
  netbridge binding del br0 veth1 --ip fd00::2
  netbridge binding del br0 veth1")]
    Del(Args),
    /// Show which addresses are bound to the ports of a bridge, or to one.
    #[command(after_help = "Example:\n  netbridge binding show br0")]
    Show {
        /// Name of the bridge.
        bridge: String,
        /// The interface.
        #[arg(value_name = "IF")]
        ifname: Option<String>,
    },
}

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Name of the bridge.
    bridge: String,
    /// The interface.
    #[arg(value_name = "IF")]
    ifname: String,
    /// An Ethernet address; one alone goes with every --ip of the command.
    #[arg(long, value_name = "MAC")]
    mac: Vec<String>,
    /// An IPv4 or IPv6 address.
    #[arg(long, value_name = "ADDR")]
    ip: Vec<String>,
    /// Their VLAN, on a bridge that filters them; the port's PVID, whichever it is, where none is given.
    #[arg(long, value_name = "VID")]
    vlan: Option<u16>,
}

impl Args {
    fn addresses(&self) -> Result<Addresses, UsageError> {
        let macs = self.mac.iter().map(|text| values::mac(text));
        let ips = self.ip.iter().map(|text| ip(text));
        Ok(Addresses {
            macs: macs.collect::<Result<_, _>>()?,
            ips: ips.collect::<Result<_, _>>()?,
            vlan: self.vlan,
        })
    }
}

fn ip(text: &str) -> Result<IpAddr, UsageError> {
    text.parse().map_err(|_error| {
        UsageError(format!(
            "`{text}`: not an IP address; write it as 172.17.0.2 or fd00::2"
        ))
    })
}

pub(super) fn run(verb: Verb, json: bool) -> Result<()> {
    match verb {
        Verb::Add(args) => {
            let addresses = args.addresses()?;
            if args.mac.is_empty() && args.ip.is_empty() {
                let (bridge, ifname) = (args.bridge, args.ifname);
                return Err(UsageError(format!(
                    "port {ifname} of bridge {bridge}: nothing to bind; give --mac, --ip or both"
                ))
                .into());
            }
            Ok(Bridge::open(&args.bridge)?.add_bindings(&args.ifname, &addresses)?)
        }
        Verb::Del(args) => {
            let addresses = args.addresses()?;
            Ok(Bridge::open(&args.bridge)?.del_bindings(&args.ifname, &addresses)?)
        }
        Verb::Show { bridge, ifname } => {
            let bridge = Bridge::look(&values::bridge(&bridge))?;
            let port = ifname
                .map(|ifname| bridge.port_named(&ifname))
                .transpose()?;
            let views = BindingView::of(&bridge, port.map(|port| port.id))?;
            output::print(&views, json, output::bindings)
        }
    }
}

/// Guards of a port, as `port set` takes them.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Guards")]
pub(super) struct Guards {
    /// Drop router advertisements and redirects that come in here.
    #[arg(long, value_enum, value_name = "on|off")]
    ra_guard: Option<OnOff>,
    /// Drop what only a DHCP server sends and comes in here.
    #[arg(long, value_enum, value_name = "on|off")]
    dhcp_guard: Option<OnOff>,
}

impl Guards {
    /// The switches that are named, and how they are to be.
    pub(super) fn switches(&self) -> [(PortFlags, Option<bool>); 2] {
        [
            (PortFlags::RA_GUARD, self.ra_guard.map(OnOff::is_on)),
            (PortFlags::DHCP_GUARD, self.dhcp_guard.map(OnOff::is_on)),
        ]
    }
}
