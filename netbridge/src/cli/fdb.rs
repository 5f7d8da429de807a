//! `netbridge fdb`.

use anyhow::Result;
use clap::Subcommand;
use netbridge_common::PortId;

use super::{
    UsageError,
    values::{self, mac},
};
use crate::{
    bridge::Bridge,
    fdb::{EntryKind, Selection},
    output::{self, FdbView},
};

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Show the entries that count at this moment.
    #[command(after_help = "Examples:
  netbridge fdb show br0
  netbridge fdb show br0 02:42:ac:11:00:02 --json")]
    Show {
        /// Name of the bridge.
        bridge: String,
        /// Only the entry of this address.
        mac: Option<String>,
        /// Only entries on this port.
        #[arg(long, value_name = "IF")]
        port: Option<String>,
    },
    /// Add or replace the entry of an address; it ages unless it is static.
    #[command(
        after_help = "Example:\n  netbridge fdb add br0 02:42:ac:11:00:02 --port veth1 --static"
    )]
    Add {
        /// Name of the bridge.
        bridge: String,
        /// The address.
        mac: String,
        /// The port it is behind.
        #[arg(long, value_name = "IF", required_unless_present = "blackhole")]
        port: Option<String>,
        /// Its VLAN, on a bridge that filters them; the port's PVID where none is given.
        #[arg(long, value_name = "VID")]
        vlan: Option<u16>,
        /// Never ages, never moves.
        #[arg(long = "static", conflicts_with = "sticky")]
        fixed: bool,
        /// Ages, and stays on its port until it has.
        #[arg(long)]
        sticky: bool,
        /// Drop frames for the address, wherever it is.
        #[arg(long, conflicts_with_all = ["fixed", "sticky", "port"])]
        blackhole: bool,
    },
    /// Remove the entry of an address.
    #[command(after_help = "Example:\n  netbridge fdb del br0 02:42:ac:11:00:02")]
    Del {
        /// Name of the bridge.
        bridge: String,
        /// The address.
        mac: String,
        /// Its VLAN, on a bridge that filters them; 1 where none is given.
        #[arg(long, value_name = "VID")]
        vlan: Option<u16>,
    },
    /// Remove all entries that were learned, or those of one port.
    #[command(after_help = "Example:\n  netbridge fdb flush br0 --port veth1")]
    Flush {
        /// Name of the bridge.
        bridge: String,
        /// Only entries on this port.
        #[arg(long, value_name = "IF")]
        port: Option<String>,
        /// Static entries too.
        #[arg(long)]
        all: bool,
    },
}

pub(super) fn run(verb: Verb, json: bool) -> Result<()> {
    match verb {
        Verb::Show { bridge, mac, port } => show(
            &Bridge::look(&values::bridge(&bridge))?,
            mac.as_deref(),
            port.as_deref(),
            json,
        ),
        Verb::Add {
            bridge,
            mac: text,
            port,
            vlan,
            fixed,
            sticky,
            blackhole,
        } => {
            let address = mac(&text)?;
            let mut bridge = Bridge::open(&bridge)?;
            let port = port.map(|port| bridge.port_named(&port)).transpose()?;
            let kind = match (fixed, sticky) {
                _ if blackhole => EntryKind::Blackhole,
                (true, _) => EntryKind::Static,
                (_, true) => EntryKind::Sticky,
                _ => EntryKind::Dynamic,
            };
            let key = bridge.fdb_key(address, vlan, port.as_ref())?;
            let id = port.map_or(PortId::NONE, |port| port.id);
            Ok(bridge.add_fdb_entry(key, id, kind)?)
        }
        Verb::Del {
            bridge,
            mac: text,
            vlan,
        } => {
            let address = mac(&text)?;
            let mut open = Bridge::open(&bridge)?;
            let key = open.fdb_key(address, vlan, None)?;
            if open.del_fdb_entry(key)? {
                return Ok(());
            }
            let hint = format!("`netbridge fdb show {bridge}` lists the entries");
            Err(UsageError(format!(
                "fdb entry {address} of bridge {bridge}: not found; {hint}"
            ))
            .into())
        }
        Verb::Flush { bridge, port, all } => {
            let mut bridge = Bridge::open(&bridge)?;
            let port = port
                .map(|ifname| bridge.port_named(&ifname))
                .transpose()?
                .map(|p| p.id);
            bridge.flush_fdb(&Selection {
                port,
                permanent_too: all,
            })?;
            Ok(())
        }
    }
}

fn show(bridge: &Bridge, only: Option<&str>, port: Option<&str>, json: bool) -> Result<()> {
    let only = only.map(mac).transpose()?;
    let port = port.map(|ifname| bridge.port_named(ifname)).transpose()?;
    let mut entries = bridge.fdb()?;
    entries.retain(|(key, entry)| {
        only.is_none_or(|mac| key.mac == mac)
            && port.as_ref().is_none_or(|port| entry.port == port.id)
    });
    output::print(&FdbView::of(bridge, &entries)?, json, output::fdb)
}
