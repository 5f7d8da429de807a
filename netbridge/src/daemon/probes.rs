//! Probes for loops: one out of every port, now and then. What comes back is the datapath's to see.

use std::time::Duration;

use anyhow::{Context as _, Result};
use netbridge_common::{LoopGuard, probe::probe};

use super::events::port_name;
use crate::{bridge::Bridge, datapath::PinDir, net::packet::PacketSocket};

/// How often probes are sent: a loop is found within that time.
pub(super) const INTERVAL: Duration = Duration::from_secs(2);

/// Sends probes out of the ports of every bridge of this namespace that wants them.
pub(super) fn send_all() {
    for dir in PinDir::all().unwrap_or_default() {
        // Bridges of other namespaces, and those that go at this moment, are none of our business.
        if let Ok(bridge) = Bridge::open_dir(dir)
            && let Err(error) = send(&bridge)
        {
            tracing::warn!(bridge = bridge.name(), "{error:#}");
        }
    }
}

fn send(bridge: &Bridge) -> Result<()> {
    let settings = bridge.settings()?;
    if LoopGuard::from_raw(settings.loop_guard) == LoopGuard::Off {
        return Ok(());
    }
    let socket = PacketSocket::new().context("open a packet socket")?;
    for port in bridge.ports()? {
        if !port.conf.state().forwards() {
            continue;
        }
        let frame = probe(settings.loop_nonce, port.id);
        // An interface that is down sends nothing, and has no loop.
        if let Err(error) = socket.send(port.conf.ifindex, &frame) {
            let port = port_name(bridge, port.id);
            tracing::debug!(bridge = bridge.name(), port, "send a probe: {error}");
        }
    }
    Ok(())
}
