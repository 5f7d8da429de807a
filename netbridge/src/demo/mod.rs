//! The demo: a host of its own with containers on a bridge, shown at work, then gone.
//!
//! Host, containers and bridge are namespaces and pins that no path leads to: the kernel removes
//! them with the process, whether it ends by itself, by Ctrl-C or by kill -9.

mod lab;
mod ping;
mod show;
pub(crate) mod tcp;

use std::{
    io::IsTerminal as _,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use netbridge_common::Mode;
use serde::Serialize;

use self::lab::Lab;
pub use self::ping::{Pings, ping};
use crate::{
    bridge::HookChoice,
    net::Netns,
    output::{self, Redraw},
    stats::BridgeStats,
};

/// What the demo shows.
#[derive(Clone, Copy, Debug)]
pub struct DemoOptions {
    /// Containers on the bridge.
    pub containers: u8,
    /// The hook asked for.
    pub hook: HookChoice,
    /// How the bridge decides.
    pub mode: Mode,
    /// Seconds of traffic.
    pub duration_secs: u32,
    /// Whether to print one JSON object instead of a story.
    pub json: bool,
}

/// The JSON that the demo ends with.
#[derive(Serialize)]
struct Report {
    stats: BridgeStats,
    pings: Pings,
    tcp_bytes: u64,
}

/// Echo requests that each station sends to each other one.
const PINGS_PER_PAIR: u16 = 3;

/// Runs the demo; fails where a ping or an octet of TCP was lost.
pub fn run(options: &DemoOptions) -> Result<()> {
    let host = Netns::anonymous().context("make a network namespace")?;
    host.run(|| in_host(options))
        .context("enter the network namespace")?
}

fn in_host(options: &DemoOptions) -> Result<()> {
    let lab = Lab::build(options)?;
    if !options.json {
        output::say(show::topology(&lab, options))?;
        output::say(show::station(&lab.containers[0])?)?;
    }
    let mut pings = ping_every_pair(&lab)?;
    if !options.json {
        output::say(show::pings(&pings))?;
    }
    let (tcp_bytes, seconds) = traffic(&lab, options, &mut pings)?;
    let stats = lab.bridge.stats()?;
    if options.json {
        output::say(serde_json::to_string(&Report {
            stats,
            pings,
            tcp_bytes,
        })?)?;
    } else {
        output::say(output::stats(&stats, None, 1))?;
        output::say(output::fdb(&output::FdbView::of(
            &lab.bridge,
            &lab.bridge.fdb()?,
        )?))?;
        output::say(show::summary(&stats, options, &pings, tcp_bytes, seconds))?;
    }
    ensure!(
        pings.sent == pings.received,
        "{} of {} pings were lost; `netbridge doctor` may tell why",
        pings.sent - pings.received,
        pings.sent
    );
    ensure!(
        tcp_bytes > 0,
        "no TCP data arrived; `netbridge doctor` may tell why"
    );
    Ok(())
}

/// Every container pings every other one and the gateway.
fn ping_every_pair(lab: &Lab) -> Result<Pings> {
    let mut sum = Pings::default();
    for from in &lab.containers {
        let targets = lab
            .containers
            .iter()
            .filter(|to| to.address != from.address);
        for address in targets.map(|to| to.address).chain([lab::GATEWAY]) {
            let pings = from
                .netns
                .run(|| ping(address, PINGS_PER_PAIR, Duration::from_secs(2)))??;
            sum.add(&pings);
        }
    }
    Ok(sum)
}

/// Sends TCP from the first to the second container, and pings all the while, for as long as the
/// user asked, redrawing the table on a terminal. Returns the octets received and the seconds.
fn traffic(lab: &Lab, options: &DemoOptions, pings: &mut Pings) -> Result<(u64, f64)> {
    let live = std::io::stdout().is_terminal() && !options.json;
    let (from, to) = (&lab.containers[0], &lab.containers[1]);
    let last = &lab.containers[lab.containers.len() - 1];
    let listener = to.netns.run(|| tcp::listen(to.address))??;
    let address = listener.local_addr()?;
    let done = AtomicBool::new(false);
    let started = Instant::now();
    let duration = Duration::from_secs(options.duration_secs.into());
    let (sent, received, more) = std::thread::scope(|scope| -> Result<_> {
        let receiver = scope.spawn(|| tcp::receive(&listener));
        let sender = scope.spawn(|| from.netns.run(|| tcp::send(address, duration))?);
        let pinger = scope.spawn(|| {
            let mut sum = Pings::default();
            while !done.load(Ordering::Relaxed) {
                let one = last
                    .netns
                    .run(|| ping(lab::GATEWAY, 1, Duration::from_secs(2)))??;
                sum.add(&one);
                std::thread::sleep(Duration::from_millis(100));
            }
            Ok::<_, anyhow::Error>(sum)
        });
        let outcome = watch(lab, duration, live);
        let sent = sender.join();
        done.store(true, Ordering::Relaxed);
        let more = pinger.join();
        outcome?;
        Ok((joined(sent)?, joined(receiver.join())?, joined(more)?))
    })?;
    pings.add(&more);
    ensure!(
        sent == received,
        "of {sent} octets sent by TCP only {received} arrived"
    );
    Ok((received, started.elapsed().as_secs_f64()))
}

fn joined<T>(outcome: std::thread::Result<Result<T>>) -> Result<T> {
    match outcome {
        Ok(result) => result,
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

/// Redraws the table each second while traffic flows.
fn watch(lab: &Lab, duration: Duration, live: bool) -> Result<()> {
    let end = Instant::now() + duration;
    let mut screen = Redraw::default();
    let mut before: Option<BridgeStats> = None;
    while let Some(left) = end
        .checked_duration_since(Instant::now())
        .filter(|d| !d.is_zero())
    {
        if live {
            let stats = lab.bridge.stats()?;
            screen.show(&output::stats(&stats, before.as_ref(), 1))?;
            before = Some(stats);
        }
        std::thread::sleep(left.min(Duration::from_secs(1)));
    }
    screen.erase()
}
