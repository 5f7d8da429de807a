//! `netbridge stats`.

use std::time::Duration;

use anyhow::Result;

use super::values;
use crate::{
    bridge::{Bridge, BridgeError},
    output::{self, Redraw},
};

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  netbridge stats br0
  netbridge stats br0 --json | jq '.ports[].dropped'")]
pub(super) struct Args {
    /// Name of the bridge, or of the network that it is of.
    bridge: String,
    /// Show again and again, until interrupted.
    #[arg(long)]
    watch: bool,
    /// Seconds between two showings.
    #[arg(long, value_name = "SECS", default_value_t = 1, requires = "watch", value_parser = clap::value_parser!(u32).range(1..=86400))]
    interval: u32,
}

pub(super) fn run(args: &Args, json: bool) -> Result<()> {
    let bridge = Bridge::look(&values::bridge(&args.bridge))?;
    let mut screen = Redraw::default();
    let mut before = None;
    loop {
        let stats = bridge.stats()?;
        if json {
            output::say(serde_json::to_string(&stats)?)?;
        } else {
            screen.show(&output::stats(&stats, before.as_ref(), args.interval))?;
        }
        if !args.watch {
            return Ok(());
        }
        before = Some(stats);
        std::thread::sleep(Duration::from_secs(args.interval.into()));
        if !bridge.dir().exists() {
            return Err(BridgeError::NotFound {
                bridge: args.bridge.clone(),
            }
            .into());
        }
    }
}
