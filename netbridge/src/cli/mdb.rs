//! `netbridge mdb`.

use anyhow::Result;
use clap::Subcommand;

use super::{UsageError, values::mac};
use crate::{
    bridge::Bridge,
    mdb::Group,
    output::{self, MdbView},
};

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Show who is a member of which group, and where routers are.
    #[command(after_help = "Examples:
  netbridge mdb show br0
  netbridge mdb show br0 --json")]
    Show {
        /// Name of the bridge.
        bridge: String,
    },
    /// Make a port a member of a group for good.
    #[command(after_help = "Example:\n  netbridge mdb add br0 veth1 239.1.2.3")]
    Add(Entry),
    /// Take a port out of a group.
    #[command(after_help = "Example:\n  netbridge mdb del br0 veth1 239.1.2.3")]
    Del(Entry),
}

#[derive(Debug, clap::Args)]
pub(super) struct Entry {
    /// Name of the bridge.
    bridge: String,
    /// The interface.
    #[arg(value_name = "IF")]
    ifname: String,
    /// IPv4 or IPv6 address of the group; its Ethernet address, for what is not IP.
    group: String,
    /// Its VLAN, on a bridge that filters them; the port's PVID where none is given.
    #[arg(long, value_name = "VID")]
    vlan: Option<u16>,
}

pub(super) fn run(verb: Verb, json: bool) -> Result<()> {
    match verb {
        Verb::Show { bridge } => {
            let view = MdbView::of(&Bridge::look(&bridge)?)?;
            output::print(&[view], json, output::mdb)
        }
        Verb::Add(entry) => {
            let group = group(&entry.group)?;
            let mut bridge = Bridge::open(&entry.bridge)?;
            let port = bridge.port_named(&entry.ifname)?;
            Ok(bridge.add_mdb_entry(&port, group, entry.vlan)?)
        }
        Verb::Del(entry) => {
            let group = group(&entry.group)?;
            let mut bridge = Bridge::open(&entry.bridge)?;
            let port = bridge.port_named(&entry.ifname)?;
            if bridge.del_mdb_entry(&port, group, entry.vlan)? {
                return Ok(());
            }
            let (ifname, name) = (&entry.ifname, &entry.bridge);
            Err(UsageError(format!(
                "mdb entry {group} on {ifname} of bridge {name}: not found; `netbridge mdb show {name}` lists the entries"
            ))
            .into())
        }
    }
}

fn group(text: &str) -> Result<Group, UsageError> {
    if let Ok(address) = text.parse() {
        return Ok(Group::Ip(address));
    }
    mac(text).map(Group::Mac).map_err(|_error| {
        UsageError(format!(
            "`{text}`: no group; write it as 239.1.2.3, ff05::1:3 or 03:00:00:00:00:01"
        ))
    })
}
