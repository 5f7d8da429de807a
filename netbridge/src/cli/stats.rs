//! `netbridge stats`.

use std::{io::IsTerminal as _, time::Duration};

use anyhow::Result;

use crate::{bridge::Bridge, output};

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  netbridge stats br0
  netbridge stats br0 --json | jq '.ports[].dropped'")]
pub(super) struct Args {
    /// Name of the bridge.
    bridge: String,
    /// Show again and again, until interrupted.
    #[arg(long)]
    watch: bool,
    /// Seconds between two showings.
    #[arg(long, value_name = "SECS", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=86400))]
    interval: u32,
}

pub(super) fn run(args: &Args, json: bool) -> Result<()> {
    let bridge = Bridge::look(&args.bridge)?;
    let mut before = None;
    loop {
        let stats = bridge.stats()?;
        if args.watch && !json && std::io::stdout().is_terminal() {
            print!("{}", output::CLEAR);
        }
        if json {
            println!("{}", serde_json::to_string(&stats)?);
        } else {
            println!("{}", output::stats(&stats, before.as_ref(), args.interval));
        }
        if !args.watch {
            return Ok(());
        }
        before = Some(stats);
        std::thread::sleep(Duration::from_secs(args.interval.into()));
        if !bridge.dir().exists() {
            return Err(crate::bridge::BridgeError::NotFound {
                bridge: args.bridge.clone(),
            }
            .into());
        }
    }
}
