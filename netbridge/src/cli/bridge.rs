//! `netbridge bridge`.

use anyhow::Result;
use clap::Subcommand;
use ipnet::IpNet;
use netbridge_common::{
    maps::{DEFAULT_FDB_ENTRIES, DEFAULT_PORT_SLOTS},
    settings::DEFAULT_AGEING_SECS,
};

use super::{
    UsageError,
    proxy::Proxy,
    values::{self, ModeArg, OnOff, VlanProtocolArg, mac},
    watch::Watch,
};
use crate::{
    bridge::{Bridge, BridgeChange, BridgeOptions, HostInterface},
    datapath::{Capabilities, LoadOptions, PinDir},
    output::{self, BridgeView},
};

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Add a bridge; it lives on when the command ends.
    #[command(after_help = "Examples:
  netbridge bridge add br0
  netbridge bridge add br0 --address 172.30.0.1/16 --ageing-time 60")]
    Add(Box<Add>),
    /// Remove a bridge: its ports are detached and put back as they were.
    #[command(after_help = "Example:\n  netbridge bridge del br0")]
    Del {
        /// Name of the bridge.
        name: String,
    },
    /// Change settings of a bridge.
    #[command(after_help = "Examples:
  netbridge bridge set br0 --mode hub
  netbridge bridge set br0 --vlan-filtering on
  netbridge bridge set br0 --mcast-snooping on --arp-proxy on
  netbridge bridge set br0 --loop-guard disable --flap-hold 30")]
    Set(Set),
    /// Show bridges, or one.
    #[command(
        after_help = "Examples:\n  netbridge bridge show\n  netbridge bridge show br0 --json"
    )]
    Show {
        /// Name of the bridge.
        name: Option<String>,
    },
}

#[derive(Debug, clap::Args)]
pub(super) struct Add {
    /// Name of the bridge, 1 to 15 characters.
    name: String,
    /// How the bridge decides where frames go.
    #[arg(long, value_enum, default_value_t)]
    mode: ModeArg,
    /// Seconds after which a silent station is forgotten.
    #[arg(long, value_name = "SECS", default_value_t = DEFAULT_AGEING_SECS)]
    ageing_time: u32,
    /// Most addresses learned at a time; 0 for no limit but the size of the FDB.
    #[arg(long, value_name = "N", default_value_t = 0)]
    learn_limit: u32,
    /// Let ports have different MTUs; frames too big for a port are dropped and counted.
    #[arg(long, value_enum, value_name = "on|off", default_value = "off")]
    mixed_mtu: OnOff,
    /// Ports that the bridge has room for.
    #[arg(long, value_name = "N", default_value_t = DEFAULT_PORT_SLOTS - 1)]
    max_ports: u32,
    /// Entries that the FDB has room for.
    #[arg(long, value_name = "N", default_value_t = DEFAULT_FDB_ENTRIES)]
    fdb_entries: u32,
    /// Make an interface of the bridge's name for the host, with this address; may be repeated.
    #[arg(long, value_name = "CIDR")]
    address: Vec<String>,
    /// Ethernet address of that interface.
    #[arg(long, value_name = "MAC", requires = "address")]
    mac: Option<String>,
    /// MTU of that interface.
    #[arg(long, value_name = "OCTETS", requires = "address")]
    mtu: Option<u32>,
}

#[derive(Debug, clap::Args)]
pub(super) struct Set {
    /// Name of the bridge.
    name: String,
    /// How the bridge decides where frames go.
    #[arg(long, value_enum)]
    mode: Option<ModeArg>,
    /// Seconds after which a silent station is forgotten.
    #[arg(long, value_name = "SECS")]
    ageing_time: Option<u32>,
    /// Most addresses learned at a time; 0 for no limit but the size of the FDB.
    #[arg(long, value_name = "N")]
    learn_limit: Option<u32>,
    /// Let ports have different MTUs.
    #[arg(long, value_enum, value_name = "on|off")]
    mixed_mtu: Option<OnOff>,
    /// Forward by VLAN; `netbridge vlan` says which VLANs a port is a member of.
    #[arg(long, value_enum, value_name = "on|off")]
    vlan_filtering: Option<OnOff>,
    /// The kind of tag that names the bridge's VLANs.
    #[arg(long, value_enum)]
    vlan_protocol: Option<VlanProtocolArg>,
    /// Relay these reserved groups 01:80:c2:00:00:0X all the same, a bit for each X.
    #[arg(long, value_name = "MASK", value_parser = values::mask)]
    group_fwd_mask: Option<u16>,
    /// Flood frames for nobody known; off drops and counts them.
    #[arg(long, value_enum, value_name = "on|off")]
    flood: Option<OnOff>,
    /// Send IP multicast only to ports that have members of the group, or routers, behind them, once a querier
    /// is heard; `netbridge mdb show` says whether one is.
    #[arg(long, value_enum, value_name = "on|off")]
    mcast_snooping: Option<OnOff>,
    #[command(flatten)]
    proxy: Proxy,
    // Last: its heading goes for all that comes after it.
    #[command(flatten)]
    watch: Watch,
}

pub(super) fn run(verb: Verb, json: bool) -> Result<()> {
    match verb {
        Verb::Add(args) => add(&args),
        Verb::Del { name } => Ok(Bridge::delete(&name)?),
        Verb::Set(args) => set(&args),
        Verb::Show { name } => show(name.as_deref(), json),
    }
}

fn add(args: &Add) -> Result<()> {
    let host = host_interface(args)?;
    let options = BridgeOptions {
        mode: args.mode.into(),
        ageing_secs: args.ageing_time,
        learn_limit: args.learn_limit,
        mixed_mtu: args.mixed_mtu.is_on(),
        load: LoadOptions {
            max_ports: args.max_ports,
            fdb_entries: args.fdb_entries,
            ..LoadOptions::default()
        },
    };
    let mut bridge = Bridge::create(&args.name, &options)?;
    if let Some(host) = host
        && let Err(error) = bridge.add_host_interface(&host)
    {
        // The lock goes with the handle; removing the bridge takes it again.
        drop(bridge);
        Bridge::delete(&args.name)?;
        return Err(error.into());
    }
    Ok(())
}

fn host_interface(args: &Add) -> Result<Option<HostInterface>> {
    if args.address.is_empty() {
        return Ok(None);
    }
    let parse = |text: &String| -> Result<IpNet, UsageError> {
        text.parse().map_err(|_error| {
            UsageError(format!(
                "`{text}`: not an address with prefix length; write it as 10.9.0.1/24"
            ))
        })
    };
    Ok(Some(HostInterface {
        addresses: args.address.iter().map(parse).collect::<Result<_, _>>()?,
        mtu: args.mtu,
        mac: args.mac.as_deref().map(mac).transpose()?.map(|mac| mac.0),
    }))
}

fn set(args: &Set) -> Result<()> {
    let change = BridgeChange {
        mode: args.mode.map(Into::into),
        ageing_secs: args.ageing_time,
        learn_limit: args.learn_limit,
        mixed_mtu: args.mixed_mtu.map(OnOff::is_on),
        vlan_filtering: args.vlan_filtering.map(OnOff::is_on),
        vlan_protocol: args.vlan_protocol.map(Into::into),
        group_fwd_mask: args.group_fwd_mask,
        flood: args.flood.map(OnOff::is_on),
        watch: args.watch.change(),
        mcast_snooping: args.mcast_snooping.map(OnOff::is_on),
        proxy: args.proxy.mode(),
    };
    if change == BridgeChange::default() {
        return Err(UsageError(format!(
            "bridge {}: nothing to change; give a setting, such as --ageing-time 60",
            args.name
        ))
        .into());
    }
    Ok(Bridge::open(&args.name)?.change(&change)?)
}

fn show(name: Option<&str>, json: bool) -> Result<()> {
    // Who may not look at bridges must not be told that there are none.
    Capabilities::require("show bridges")?;
    let views: Vec<BridgeView> = match name {
        Some(name) => vec![BridgeView::of(&Bridge::look(name)?)?],
        None => PinDir::all()?
            .into_iter()
            .filter_map(|dir| {
                match Bridge::open_dir(dir).and_then(|bridge| BridgeView::of(&bridge)) {
                    Ok(view) => Some(view),
                    Err(error) => {
                        tracing::warn!("{error}");
                        None
                    }
                }
            })
            .collect(),
    };
    output::print(&views, json, output::bridges)
}
