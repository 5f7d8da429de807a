//! `netbridge serve`.

use anyhow::Result;

use crate::daemon;

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  NETBRIDGE_LOG=info netbridge serve    with events in the log (learned, moved, limit, port, flapping, loop)

Forwarding does not depend on it: kill it, and every frame still goes its way. Loops are looked for only while it
runs (bridge set --loop-guard).")]
pub(super) struct Args {
    /// Seconds between two sweeps of aged entries.
    #[arg(long, value_name = "SECS", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=86400))]
    sweep_interval: u32,
    /// Be a network and address driver of Docker's, on its plugin socket.
    #[arg(long)]
    docker: bool,
}

pub(super) fn run(args: &Args) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(daemon::serve(args.sweep_interval, args.docker))
}
