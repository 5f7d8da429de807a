//! `netbridge demo`.

use anyhow::Result;

use super::values::{HookArg, ModeArg};
use crate::demo::{self, DemoOptions};

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  netbridge demo                          three containers, the best hook for them
  netbridge demo --hook xdp --mode hub    the same through a hub, at XDP

Everything happens in network namespaces that only the demo can see; the host is not touched.")]
pub(super) struct Args {
    /// Containers on the bridge.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u8).range(2..=100))]
    containers: u8,
    /// Which hook serves the ports.
    #[arg(long, value_enum, default_value_t)]
    hook: HookArg,
    /// How the bridge decides where frames go.
    #[arg(long, value_enum, default_value_t)]
    mode: ModeArg,
    /// Seconds of traffic with live counters.
    #[arg(long, value_name = "SECS", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=86400))]
    duration: u32,
}

pub(super) fn run(args: &Args, json: bool) -> Result<()> {
    demo::run(&DemoOptions {
        containers: args.containers,
        hook: args.hook.into(),
        mode: args.mode.into(),
        duration_secs: args.duration,
        json,
    })
}
