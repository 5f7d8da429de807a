//! `netbridge mirror`.

use anyhow::Result;
use clap::{Args, Subcommand, ValueEnum};

use crate::{
    bridge::{Bridge, Direction, MirrorSource},
    output::{self, MirrorView},
};

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Copy what a port or a VLAN carries to a port, and leave it as it is.
    #[command(after_help = "Examples:
  netbridge mirror add br0 --port veth1 --to veth9
  netbridge mirror add br0 --vlan 10 --to veth9 --direction ingress")]
    Add {
        /// Name of the bridge.
        bridge: String,
        #[command(flatten)]
        source: Source,
        /// The port that gets the copies.
        #[arg(long, value_name = "IF")]
        to: String,
        /// Which frames: those that come in, those that go out, or both.
        #[arg(long, value_enum, default_value_t)]
        direction: DirectionArg,
    },
    /// End the mirror of a port or a VLAN, or one direction of it.
    #[command(after_help = "Example:\n  netbridge mirror del br0 --port veth1")]
    Del {
        /// Name of the bridge.
        bridge: String,
        #[command(flatten)]
        source: Source,
        /// Which frames are not mirrored any more.
        #[arg(long, value_enum, default_value_t)]
        direction: DirectionArg,
    },
    /// Show the mirrors of a bridge.
    #[command(after_help = "Example:\n  netbridge mirror show br0")]
    Show {
        /// Name of the bridge.
        bridge: String,
    },
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(super) struct Source {
    /// The port that is mirrored.
    #[arg(long, value_name = "IF")]
    port: Option<String>,
    /// The VLAN that is mirrored, on a bridge that filters them.
    #[arg(long, value_name = "VID")]
    vlan: Option<u16>,
}

/// [`Direction`] as it is typed.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(super) enum DirectionArg {
    Ingress,
    Egress,
    #[default]
    Both,
}

impl From<DirectionArg> for Direction {
    fn from(arg: DirectionArg) -> Self {
        match arg {
            DirectionArg::Ingress => Self::Ingress,
            DirectionArg::Egress => Self::Egress,
            DirectionArg::Both => Self::Both,
        }
    }
}

impl From<Source> for MirrorSource {
    fn from(source: Source) -> Self {
        match source.port {
            Some(ifname) => Self::Port(ifname),
            // One of the two is always given.
            None => Self::Vlan(source.vlan.unwrap_or_default()),
        }
    }
}

pub(super) fn run(verb: Verb, json: bool) -> Result<()> {
    match verb {
        Verb::Add {
            bridge,
            source,
            to,
            direction,
        } => Ok(Bridge::open(&bridge)?.add_mirror(&source.into(), direction.into(), &to)?),
        Verb::Del {
            bridge,
            source,
            direction,
        } => Ok(Bridge::open(&bridge)?.del_mirror(&source.into(), direction.into())?),
        Verb::Show { bridge } => {
            let mirrors = Bridge::look(&bridge)?.mirrors()?;
            let views: Vec<MirrorView> = mirrors.iter().map(MirrorView::of).collect();
            output::print(&views, json, output::mirrors)
        }
    }
}
