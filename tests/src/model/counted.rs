//! The model with a bridge's books: what an operator does to it, and what every port counts.

use std::collections::BTreeMap;

use netbridge_common::{MacAddr, PortCounters, PortFlags, PortId, decide::DropReason};

use super::{Kind, Model, Outcome, Station};

/// A model that counts.
#[derive(Clone, Debug, Default)]
pub struct Counted {
    /// The bridge.
    pub model: Model,
    /// What each port has counted; frames from no port are in slot 0.
    pub counters: BTreeMap<PortId, PortCounters>,
    /// The station at the other end of each port.
    pub stations: BTreeMap<PortId, MacAddr>,
}

impl Counted {
    /// Takes in a frame, and counts all but the copies of a flood.
    pub fn receive(&mut self, ingress: PortId, octets: &[u8], now: u32) -> Outcome {
        let len = u32::try_from(octets.len()).expect("a frame");
        let src = address(octets, 6);
        let before = self.model.table.get(&src).copied();
        let outcome = self.model.receive(ingress, octets, len, now);
        let teaches = self.teaches(ingress, &outcome);
        let after = self.model.table.get(&src).copied();
        let counters = self.counters.entry(ingress).or_default();
        counters.rx_frames += 1;
        counters.rx_bytes += u64::from(len);
        let is_here = |station: Option<Station>| station.is_some_and(|at| at.port == ingress);
        if teaches {
            counters.learned += u64::from(is_here(after) && !is_here(before));
            counters.refused += u64::from(!is_here(after));
        }
        match &outcome {
            Outcome::Dropped(reason) => counters.drops[*reason as usize] += 1,
            Outcome::Flooded { .. } => counters.flooded += 1,
            Outcome::Forwarded(egress) => {
                counters.forwarded += 1;
                self.sent(*egress, len);
            }
        }
        outcome
    }

    /// Says whether a frame with this end got as far as to teach where its sender is.
    fn teaches(&self, ingress: PortId, outcome: &Outcome) -> bool {
        use DropReason::{InvalidSource, Locked, Malformed, OwnSource, ReservedGroup};
        let port = self.model.ports.get(&ingress);
        let too_early = matches!(
            outcome,
            Outcome::Dropped(Malformed | ReservedGroup | InvalidSource | OwnSource | Locked)
        );
        let quiet = self.model.has(ingress, PortFlags::NO_LEARNING);
        !self.model.hub && !too_early && !quiet && port.is_some_and(|port| port.learns)
    }

    /// Counts the copies of a flood; nothing where the frame was not flooded.
    pub fn copies_sent(&mut self, outcome: &Outcome, octets: &[u8]) {
        let Outcome::Flooded { out, too_big } = outcome else {
            return;
        };
        let len = u32::try_from(octets.len()).expect("a frame");
        let dst = address(octets, 0);
        for port in out {
            self.sent(*port, len);
            let other = self.stations.get(port).is_some_and(|at| *at != dst);
            let wasted = other && dst.0[0].is_multiple_of(2);
            self.counters.entry(*port).or_default().wasted += u64::from(wasted);
        }
        for port in too_big {
            let counters = self.counters.entry(*port).or_default();
            counters.drops[DropReason::TooBig as usize] += 1;
        }
    }

    fn sent(&mut self, egress: PortId, len: u32) {
        let counters = self.counters.entry(egress).or_default();
        counters.tx_frames += 1;
        counters.tx_bytes += u64::from(len);
    }

    /// Puts a station where an operator says it is; the bridge's own address stays.
    pub fn set(&mut self, mac: MacAddr, port: PortId, kind: Kind, seen: u32) {
        let known = self.model.table.get(&mac);
        if known.is_none_or(|known| known.kind != Kind::Own) {
            let station = Station { port, kind, seen };
            self.model.table.insert(mac, station);
        }
    }

    /// Forgets the stations that `forget` chooses; never the bridge's own address.
    pub fn forget(&mut self, forget: impl Fn(&MacAddr, &Station) -> bool) {
        let table = &mut self.model.table;
        table.retain(|mac, station| station.kind == Kind::Own || !forget(mac, station));
    }

    /// Forgets stations that aged, a tick later than they stopped to count.
    pub fn sweep(&mut self, now: u32) {
        let oldest = now.saturating_sub(self.model.ageing + 1);
        let movable = |kind| matches!(kind, Kind::Learned | Kind::Sticky);
        self.forget(|_, station| movable(station.kind) && station.seen < oldest);
    }

    /// Takes a port out, and its stations.
    pub fn remove_port(&mut self, port: PortId) {
        self.model.ports.remove(&port);
        self.model.switches.remove(&port);
        self.stations.remove(&port);
        self.forget(|_, station| station.port == port);
    }
}

fn address(octets: &[u8], at: usize) -> MacAddr {
    let address = octets.get(at..).and_then(<[u8]>::first_chunk);
    MacAddr(address.copied().unwrap_or_default())
}
