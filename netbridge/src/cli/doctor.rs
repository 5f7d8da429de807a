//! `netbridge doctor`.

use anyhow::Result;

use crate::{doctor, output};

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  netbridge doctor          the machine
  netbridge doctor br0      a bridge and its ports
  netbridge doctor veth1    an interface, before or after it is a port")]
pub(super) struct Args {
    /// A bridge or an interface; the machine where none is given.
    #[arg(value_name = "BRIDGE|IF")]
    target: Option<String>,
}

pub(super) fn run(args: &Args, json: bool) -> Result<()> {
    let report = doctor::examine(args.target.as_deref())?;
    if json {
        output::say(serde_json::to_string(&report)?)?;
    } else {
        output::say(&report)?;
    }
    Ok(())
}
