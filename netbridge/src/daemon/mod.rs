//! What needs a process: sweeping aged entries, following interfaces, logging events.
//!
//! Nothing that forwards a frame is here. When this ends, however it ends, the datapath goes on
//! and entries still age; only room in a full FDB and ports that are gone wait for the next run.

mod events;
mod networks;
mod probes;

use std::{collections::HashMap, path::Path, time::Duration};

use anyhow::{Context as _, Result};
use aya::maps::{MapData, RingBuf};
use netbridge_common::PortId;
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    time::{Instant, MissedTickBehavior},
};

use crate::{
    bridge::{Bridge, BridgeError},
    datapath::PinDir,
    docker::{Plugin, SOCKET},
    fdb::Selection,
    net::{
        Link,
        monitor::{LinkEvent, LinkMonitor},
    },
};

/// How often events are read; the ring holds some thousand of them.
const EVENT_INTERVAL: Duration = Duration::from_millis(200);

/// The signals that end a command.
#[derive(Debug)]
pub struct Stop {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl Stop {
    /// Takes the signals over; they no longer end the process by themselves.
    pub fn new() -> Result<Self> {
        let take = |kind| signal(kind).context("take over signals");
        Ok(Self {
            interrupt: take(SignalKind::interrupt())?,
            terminate: take(SignalKind::terminate())?,
            hangup: take(SignalKind::hangup())?,
        })
    }

    /// Waits for one of them.
    pub async fn wait(&mut self) {
        self.next().await;
    }

    /// Waits for one of them, and says which.
    pub async fn next(&mut self) -> nix::sys::signal::Signal {
        use nix::sys::signal::Signal;
        tokio::select! {
            _ = self.interrupt.recv() => Signal::SIGINT,
            _ = self.terminate.recv() => Signal::SIGTERM,
            _ = self.hangup.recv() => Signal::SIGHUP,
        }
    }
}

/// How often is looked whether the firewall still has the networks' rules.
const RULES_INTERVAL: Duration = Duration::from_secs(5);

/// How long after a port is gone its network is looked at: many may go at once.
const MEND_DELAY: Duration = Duration::from_secs(1);

/// Serves all bridges and networks of this network namespace until a signal comes, and where wanted Docker.
pub async fn serve(sweep_secs: u32, docker: bool) -> Result<()> {
    let mut stop = Stop::new()?;
    networks::start(docker);
    let _plugin = docker
        .then(|| Plugin::start(Path::new(SOCKET)))
        .transpose()?;
    let mut mend_at: Option<Instant> = None;
    let mut links = LinkMonitor::new()?;
    let mut rings = HashMap::new();
    let mut sweeps = tokio::time::interval(Duration::from_secs(sweep_secs.into()));
    sweeps.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut reads = tokio::time::interval(EVENT_INTERVAL);
    reads.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut looks = tokio::time::interval(probes::INTERVAL);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut rules = tokio::time::interval(RULES_INTERVAL);
    rules.set_missed_tick_behavior(MissedTickBehavior::Delay);
    tracing::info!("serving");
    loop {
        tokio::select! {
            () = stop.wait() => return Ok(()),
            event = links.next() => {
                let event = event?;
                if matches!(event, LinkEvent::Deleted { .. } | LinkEvent::Overrun) {
                    mend_at.get_or_insert_with(|| Instant::now() + MEND_DELAY);
                }
                follow_all(&event);
            }
            _ = sweeps.tick() => each_bridge(sweep),
            _ = reads.tick() => read_events(&mut rings),
            _ = looks.tick() => probes::send_all(),
            _ = rules.tick() => networks::keep_firewall(),
            () = until(mend_at) => {
                mend_at = None;
                networks::mend();
            }
        }
    }
}

/// Waits until then; for ever where there is no such time.
async fn until(when: Option<Instant>) {
    match when {
        Some(when) => tokio::time::sleep_until(when).await,
        None => std::future::pending().await,
    }
}

/// Does something with every bridge of this namespace; one that fails does not stop the others.
fn each_bridge(mut act: impl FnMut(&mut Bridge) -> Result<()>) {
    for dir in PinDir::all().unwrap_or_default() {
        let name = dir.bridge().to_owned();
        match Bridge::open(&name) {
            Ok(mut bridge) => {
                if let Err(error) = act(&mut bridge) {
                    tracing::warn!("{error:#}");
                }
            }
            Err(BridgeError::OtherNamespace { .. } | BridgeError::NotFound { .. }) => {}
            Err(error) => tracing::warn!("{error}"),
        }
    }
}

/// Takes over what an interface's change means for the bridge that it is a port of, and leaves the others
/// alone: where containers come and go, most events are of interfaces that are no ports.
fn follow_all(event: &LinkEvent) {
    let ifindex = match event {
        LinkEvent::New(link) => link.ifindex,
        LinkEvent::Deleted { ifindex, .. } => *ifindex,
        LinkEvent::Overrun => return each_bridge(|bridge| follow(bridge, event)),
    };
    for dir in PinDir::all().unwrap_or_default() {
        // Bridges of other namespaces, and those that go at this moment, are none of our business.
        let name = match Bridge::open_dir(dir) {
            Ok(bridge) if bridge.maps().port_of(ifindex).is_some() => bridge.name().to_owned(),
            Ok(_) | Err(_) => continue,
        };
        let followed = Bridge::open_as_is(&name)
            .map_err(anyhow::Error::from)
            .and_then(|mut bridge| follow(&mut bridge, event));
        if let Err(error) = followed {
            tracing::warn!("{error:#}");
        }
    }
}

fn sweep(bridge: &mut Bridge) -> Result<()> {
    let removed = bridge.sweep()? + bridge.sweep_mdb()?;
    if removed > 0 {
        tracing::info!(bridge = bridge.name(), removed, "swept aged entries");
    }
    Ok(())
}

/// Takes over what an interface's change means for a bridge.
pub fn follow(bridge: &mut Bridge, event: &LinkEvent) -> Result<()> {
    match event {
        LinkEvent::New(link) => {
            if bridge.maps().port_of(link.ifindex).is_some() {
                bridge.reconcile_port(link.ifindex)?;
                link_changed(bridge, link)?;
            }
        }
        LinkEvent::Deleted { ifindex, name } => {
            if bridge.maps().port_of(*ifindex).is_some() {
                tracing::info!(bridge = bridge.name(), port = name, "port gone");
                bridge.reconcile_port(*ifindex)?;
            }
        }
        LinkEvent::Overrun => bridge.reconcile()?,
    }
    Ok(())
}

/// A port that is down has no stations: its learned entries and memberships go, so that frames for
/// them are flooded and find them elsewhere (802.1D 7.9.3).
fn link_changed(bridge: &mut Bridge, link: &Link) -> Result<()> {
    if link.up && link.carrier {
        return Ok(());
    }
    if let Some(id) = bridge.maps().port_of(link.ifindex) {
        let flushed = bridge.flush_fdb(&Selection {
            port: Some(id),
            permanent_too: false,
        })?;
        bridge.flush_learned_mdb(Some(id))?;
        tracing::info!(
            bridge = bridge.name(),
            port = events::port_name(bridge, id),
            flushed,
            "port down"
        );
    }
    Ok(())
}

/// Reads the events of every bridge of this namespace.
fn read_events(rings: &mut HashMap<String, RingBuf<MapData>>) {
    let dirs = PinDir::all().unwrap_or_default();
    rings.retain(|name, _| dirs.iter().any(|dir| dir.bridge() == name));
    for dir in dirs {
        let name = dir.bridge().to_owned();
        let Ok(bridge) = Bridge::open_dir(dir) else {
            continue;
        };
        if !rings.contains_key(&name) {
            match bridge.maps().events() {
                Ok(ring) => {
                    rings.insert(name.clone(), ring);
                }
                Err(error) => tracing::warn!("{error}"),
            }
        }
        if let Some(ring) = rings.get_mut(&name) {
            let looped = events::log(&bridge, ring);
            for (port, sent) in looped {
                if let Err(error) = end_loop(&name, port, sent) {
                    tracing::warn!(bridge = name, "{error}");
                }
            }
        }
    }
}

/// Disables a port that a probe has come back on, where the bridge is set to.
fn end_loop(name: &str, port: PortId, sent: PortId) -> Result<(), BridgeError> {
    let mut bridge = Bridge::open(name)?;
    if !bridge.end_loop(port, sent)? {
        return Ok(());
    }
    let (ifname, port) = (bridge.port(port)?.ifname, events::port_name(&bridge, port));
    tracing::warn!(
        bridge = name,
        port,
        "disabled: it is part of a loop; when the loop is gone, `netbridge port set {name} {ifname} --state forwarding`"
    );
    Ok(())
}
