//! The datapath's events, in the log.

use std::collections::BTreeSet;

use aya::maps::{MapData, RingBuf};
use netbridge_common::{Event, EventKind, MacAddr, PortId};

use crate::bridge::Bridge;

/// Logs what the ring holds; returns the ports that a probe has come back on, each with the one that it
/// was sent out of.
pub(super) fn log(bridge: &Bridge, ring: &mut RingBuf<MapData>) -> BTreeSet<(PortId, PortId)> {
    let mut looped = BTreeSet::new();
    while let Some(record) = ring.next() {
        let Some(event) = parse(&record) else {
            continue;
        };
        let port = port_name(bridge, event.port);
        let mac = event.mac;
        match EventKind::from_raw(event.kind) {
            Some(EventKind::Learned) => {
                tracing::info!(bridge = bridge.name(), port, %mac, "learned");
            }
            Some(EventKind::Moved) => {
                let from = port_name(bridge, event.other_port);
                tracing::info!(bridge = bridge.name(), port, from, %mac, "moved");
            }
            Some(EventKind::Limit) => {
                tracing::warn!(bridge = bridge.name(), port, %mac, "not learned: limit reached");
            }
            Some(EventKind::Flapping) => {
                let other = port_name(bridge, event.other_port);
                tracing::warn!(bridge = bridge.name(), port, other, %mac, "moves back and forth");
            }
            Some(EventKind::Loop) => {
                looped.insert((event.port, event.other_port));
                let sent = port_name(bridge, event.other_port);
                tracing::warn!(
                    bridge = bridge.name(),
                    port,
                    sent,
                    "a probe came back: there is a loop"
                );
            }
            Some(EventKind::Port) | None => {}
        }
    }
    looped
}

/// Interface of a port, and its container where one is known: `veth1 (web)`.
pub(super) fn port_name(bridge: &Bridge, id: PortId) -> String {
    match bridge.port(id) {
        Ok(port) => port.label(),
        Err(_) => format!("port {}", id.0),
    }
}

/// Reads a record, octet by octet as [`Event`] lays them out.
fn parse(record: &[u8]) -> Option<Event> {
    let word = |at: usize| Some(u32::from_ne_bytes(record.get(at..at + 4)?.try_into().ok()?));
    Some(Event {
        kind: word(0)?,
        port: PortId(word(4)?),
        other_port: PortId(word(8)?),
        vid: u16::from_ne_bytes(record.get(12..14)?.try_into().ok()?),
        mac: MacAddr(record.get(14..20)?.try_into().ok()?),
        pad: 0,
        nanos: u64::from_ne_bytes(record.get(24..32)?.try_into().ok()?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read_as_it_was_written() {
        let mut record = [0_u8; 32];
        record[0..4].copy_from_slice(&2_u32.to_ne_bytes());
        record[4..8].copy_from_slice(&7_u32.to_ne_bytes());
        record[8..12].copy_from_slice(&5_u32.to_ne_bytes());
        record[14..20].copy_from_slice(&[2, 0, 0, 0, 0, 9]);
        record[24..32].copy_from_slice(&99_u64.to_ne_bytes());
        let event = parse(&record).unwrap();
        assert_eq!(EventKind::from_raw(event.kind), Some(EventKind::Moved));
        assert_eq!((event.port, event.other_port), (PortId(7), PortId(5)));
        assert_eq!((event.mac, event.nanos), (MacAddr([2, 0, 0, 0, 0, 9]), 99));
        assert_eq!(parse(&record[..31]), None);
    }
}
