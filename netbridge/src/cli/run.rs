//! `netbridge run`.

use std::time::Duration;

use anyhow::Result;
use tokio::time::MissedTickBehavior;

use super::values::{HookArg, ModeArg};
use crate::{
    bridge::{Bridge, BridgeOptions, PortSpec},
    daemon::{self, Stop},
    net::monitor::LinkMonitor,
    output::{self, Redraw},
    stats::BridgeStats,
};

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  netbridge run --port veth1 veth2 --port veth3

The bridge ends with the command, however that ends; `netbridge bridge add` makes one that stays.")]
pub(super) struct Args {
    /// Interfaces to bridge.
    #[arg(long = "port", value_name = "IF", required = true, num_args = 1..)]
    ports: Vec<String>,
    /// Name of the bridge in reports.
    #[arg(long, value_name = "NAME", default_value = "br0")]
    bridge: String,
    /// Which hook serves the ports.
    #[arg(long, value_enum, default_value_t)]
    hook: HookArg,
    /// How the bridge decides where frames go.
    #[arg(long, value_enum, default_value_t)]
    mode: ModeArg,
    /// Seconds between two reports.
    #[arg(long, value_name = "SECS", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=86400))]
    interval: u32,
}

pub(super) fn run(args: &Args, json: bool) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(bridge(args, json))
}

async fn bridge(args: &Args, json: bool) -> Result<()> {
    let mut stop = Stop::new()?;
    let mut links = LinkMonitor::new()?;
    let options = BridgeOptions {
        mode: args.mode.into(),
        ..BridgeOptions::default()
    };
    let mut bridge = Bridge::create_private(&args.bridge, &options)?;
    let spec = |ifname: &String| PortSpec {
        ifname: ifname.clone(),
        hook: args.hook.into(),
        ..PortSpec::default()
    };
    let specs: Vec<PortSpec> = args.ports.iter().map(spec).collect();
    for port in bridge.add_ports(&specs)? {
        eprintln!(
            "port {}: hook {} ({})",
            port.ifname,
            port.hook.name(),
            port.hook_reason.text()
        );
    }
    let mut reports = tokio::time::interval(Duration::from_secs(args.interval.into()));
    reports.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut screen = Redraw::default();
    let mut before = None;
    let outcome = loop {
        tokio::select! {
            () = stop.wait() => break Ok(()),
            event = links.next() => {
                if let Err(error) = event.map_err(Into::into).and_then(|event| daemon::follow(&mut bridge, &event)) {
                    break Err(error);
                }
            }
            _ = reports.tick() => {
                let step = bridge.sweep().and_then(|_| bridge.stats());
                match step {
                    Ok(stats) => {
                        report(&mut screen, &stats, before.as_ref(), args.interval, json)?;
                        before = Some(stats);
                    }
                    Err(error) => break Err(error.into()),
                }
            }
        }
    };
    let last = bridge.stats();
    bridge.release_ports();
    let last = last?;
    outcome?;
    report(&mut screen, &last, before.as_ref(), args.interval, json)
}

fn report(
    screen: &mut Redraw,
    stats: &BridgeStats,
    before: Option<&BridgeStats>,
    secs: u32,
    json: bool,
) -> Result<()> {
    if json {
        return output::say(serde_json::to_string(stats)?);
    }
    screen.show(&output::stats(stats, before, secs))
}
