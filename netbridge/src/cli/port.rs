//! `netbridge port`.

use anyhow::Result;
use clap::Subcommand;
use netbridge_common::PortFlags;

use super::{
    UsageError,
    binding::Guards,
    limit::Limits,
    mcast::McastArgs,
    values::{self, AcceptArg, HookArg, OnOff, StateArg},
};
use crate::{
    bridge::{Bridge, Port, PortChange, PortSpec},
    output::{self, PortView},
};

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Make interfaces ports of a bridge, all of them or none.
    #[command(after_help = "Examples:
  netbridge port add br0 veth1 --name web
  netbridge port add br0 veth2 veth3 veth4
  netbridge port add br0 eth1 --hook xdp")]
    Add {
        /// Name of the bridge.
        bridge: String,
        /// The interfaces.
        #[arg(value_name = "IF", required = true)]
        ifnames: Vec<String>,
        /// Which hook serves the ports.
        #[arg(long, value_enum, default_value_t)]
        hook: HookArg,
        /// Name of the container behind the port, shown wherever the port is; for one interface.
        #[arg(long)]
        name: Option<String>,
        /// Most addresses learned here at a time; 0 for no limit.
        #[arg(long, value_name = "N", default_value_t = 0)]
        learn_limit: u32,
        #[command(flatten)]
        limits: Limits,
    },
    /// Take a port out of a bridge, and put its interface back as it was.
    #[command(after_help = "Example:\n  netbridge port del br0 veth1")]
    Del {
        /// Name of the bridge.
        bridge: String,
        /// The interface.
        #[arg(value_name = "IF")]
        ifname: String,
    },
    /// Change a port.
    #[command(after_help = "Examples:
  netbridge port set br0 veth1 --state disabled
  netbridge port set br0 veth1 --rate-ingress 100mbit --rate-egress 1gbit
  netbridge port set br0 veth1 --storm-broadcast 100 --rate-egress off")]
    Set(Set),
    /// Show the ports of a bridge, or one.
    #[command(after_help = "Example:\n  netbridge port show br0")]
    Show {
        /// Name of the bridge.
        bridge: String,
        /// The interface.
        #[arg(value_name = "IF")]
        ifname: Option<String>,
    },
}

#[derive(Debug, clap::Args)]
pub(super) struct Set {
    /// Name of the bridge.
    bridge: String,
    /// The interface.
    #[arg(value_name = "IF")]
    ifname: String,
    /// What the port may do.
    #[arg(long, value_enum)]
    state: Option<StateArg>,
    /// Most addresses learned here at a time; 0 for no limit.
    #[arg(long, value_name = "N")]
    learn_limit: Option<u32>,
    /// Name of the container behind the port.
    #[arg(long)]
    name: Option<String>,
    /// Learn addresses from what arrives.
    #[arg(long, value_enum, value_name = "on|off")]
    learning: Option<OnOff>,
    /// Send frames for nobody known out here.
    #[arg(long, value_enum, value_name = "on|off")]
    flood: Option<OnOff>,
    /// Send multicast out here.
    #[arg(long, value_enum, value_name = "on|off")]
    mcast_flood: Option<OnOff>,
    /// Send broadcast out here.
    #[arg(long, value_enum, value_name = "on|off")]
    bcast_flood: Option<OnOff>,
    /// Let nothing pass between this port and others that are isolated.
    #[arg(long, value_enum, value_name = "on|off")]
    isolated: Option<OnOff>,
    /// Let frames out where they came in.
    #[arg(long, value_enum, value_name = "on|off")]
    hairpin: Option<OnOff>,
    /// Take frames only from stations that the FDB has here.
    #[arg(long, value_enum, value_name = "on|off")]
    locked: Option<OnOff>,
    /// Relay these reserved groups 01:80:c2:00:00:0X from here, a bit for each X.
    #[arg(long, value_name = "MASK", value_parser = values::mask)]
    group_fwd_mask: Option<u16>,
    /// Which frames to take, on a bridge that filters VLANs.
    #[arg(long, value_enum)]
    accept_frames: Option<AcceptArg>,
    /// VLAN of frames that come without one; the port must be a member. `none` takes no such frames.
    #[arg(long, value_name = "VID|none", value_parser = values::pvid)]
    pvid: Option<u16>,
    /// Drop frames of VLANs that the port is no member of as they come in.
    #[arg(long, value_enum, value_name = "on|off")]
    ingress_filter: Option<OnOff>,
    #[command(flatten)]
    limits: Limits,
    #[command(flatten)]
    guards: Guards,
    #[command(flatten)]
    mcast: McastArgs,
}

impl Set {
    /// Switches to set, and to clear; those named for what they allow are stored for what they forbid.
    fn switches(&self) -> (PortFlags, PortFlags) {
        let on = |switch: Option<OnOff>| switch.map(OnOff::is_on);
        let off = |switch| on(switch).map(|on| !on);
        let switches = [
            (PortFlags::NO_LEARNING, off(self.learning)),
            (PortFlags::NO_FLOOD, off(self.flood)),
            (PortFlags::NO_MCAST_FLOOD, off(self.mcast_flood)),
            (PortFlags::NO_BCAST_FLOOD, off(self.bcast_flood)),
            (PortFlags::ISOLATED, on(self.isolated)),
            (PortFlags::HAIRPIN, on(self.hairpin)),
            (PortFlags::LOCKED, on(self.locked)),
            (PortFlags::NO_INGRESS_FILTER, off(self.ingress_filter)),
        ];
        let (guards, mcast) = (self.guards.switches(), self.mcast.switches());
        let wanted = |wanted: bool| {
            switches
                .iter()
                .chain(&guards)
                .chain(&mcast)
                .filter(|(_, on)| *on == Some(wanted))
                .fold(PortFlags::default(), |set, (flag, _)| set.with(*flag))
        };
        (wanted(true), wanted(false))
    }
}

pub(super) fn run(verb: Verb, json: bool) -> Result<()> {
    match verb {
        Verb::Add {
            bridge,
            ifnames,
            hook,
            name,
            learn_limit,
            limits,
        } => {
            if let (Some(name), [_, _, ..]) = (&name, ifnames.as_slice()) {
                return Err(UsageError(format!(
                    "container name `{name}`: is for one port; add the interfaces one by one"
                ))
                .into());
            }
            let spec = |ifname| PortSpec {
                ifname,
                hook: hook.into(),
                name: name.clone(),
                learn_limit,
                limits: limits.into(),
                peer_moves: false,
            };
            let specs: Vec<PortSpec> = ifnames.into_iter().map(spec).collect();
            let mut bridge = Bridge::open(&bridge)?;
            let ports = bridge.add_ports(&specs)?;
            let views = views(&bridge, &ports)?;
            output::print(&views, json, |ports| {
                let lines: Vec<String> = ports.iter().map(output::port_added).collect();
                lines.join("\n")
            })
        }
        Verb::Del { bridge, ifname } => Ok(Bridge::open(&bridge)?.del_port(&ifname)?),
        Verb::Set(args) => {
            let (set, clear) = args.switches();
            let change = PortChange {
                set,
                clear,
                group_fwd_mask: args.group_fwd_mask,
                accept_frames: args.accept_frames.map(Into::into),
                pvid: args.pvid,
                state: args.state.map(Into::into),
                learn_limit: args.learn_limit,
                name: args.name,
                limits: args.limits.into(),
            };
            if change == PortChange::default() {
                let (bridge, ifname) = (args.bridge, args.ifname);
                return Err(UsageError(format!("port {ifname} of bridge {bridge}: nothing to change; give a setting, such as --state disabled")).into());
            }
            Ok(Bridge::open(&args.bridge)?.change_port(&args.ifname, &change)?)
        }
        Verb::Show { bridge, ifname } => show(
            &Bridge::look(&values::bridge(&bridge))?,
            ifname.as_deref(),
            json,
        ),
    }
}

fn show(bridge: &Bridge, ifname: Option<&str>, json: bool) -> Result<()> {
    let ports = match ifname {
        Some(ifname) => vec![bridge.port_named(ifname)?],
        None => bridge.ports()?,
    };
    output::print(&views(bridge, &ports)?, json, output::ports)
}

fn views(bridge: &Bridge, ports: &[Port]) -> Result<Vec<PortView>> {
    let bindings = bridge.bindings(None)?;
    let view = |port: &Port| {
        let bindings = bindings.iter().filter(|(_, b)| b.port == port.id).count();
        Ok(PortView {
            bindings,
            ..PortView::of(bridge, port)?
        })
    };
    ports.iter().map(view).collect()
}
