//! The datapath on a host: `pipeline.rs` and `table.rs` of `netbridge-ebpf` over std's maps.
//!
//! It calls the functions of `netbridge_common::decide` in the same order as they do; what differs
//! between it and the model is a mistake in those functions, or in the order.

use std::collections::{BTreeMap, HashMap};

use netbridge_common::{
    FdbEntry, FdbFlags, FdbKey, FrameHead, FrameSize, MacAddr, Mode, PortConf, PortFlags, PortId,
    Settings, Ticks,
    decide::{
        DropReason, FloodKind, Forward, Learn, Room, admit, admit_source, egress, flood_egress,
        forward, learn,
    },
};

use super::{Kind, Outcome, Station};

/// A bridge.
#[derive(Clone, Debug, Default)]
pub struct HostPipeline {
    /// The bridge's settings.
    pub settings: Settings,
    /// Its ports.
    pub ports: BTreeMap<PortId, PortConf>,
    /// Its FDB.
    pub fdb: HashMap<FdbKey, FdbEntry>,
    /// Entries that the FDB can hold; 0 for any number.
    pub capacity: usize,
    /// Addresses learned, by port; the bridge's in slot 0.
    pub learned: HashMap<PortId, u64>,
}

impl HostPipeline {
    /// Decides about a frame that came in on `ingress`.
    pub fn run(&mut self, ingress: PortId, octets: &[u8], now: Ticks) -> Outcome {
        self.verdict(ingress, octets, now)
            .unwrap_or_else(Outcome::Dropped)
    }

    fn verdict(
        &mut self,
        ingress: PortId,
        octets: &[u8],
        now: Ticks,
    ) -> Result<Outcome, DropReason> {
        let port = self.ports.get(&ingress).copied().unwrap_or_default();
        let head = octets.first_chunk().map(FrameHead::parse);
        let head = head.ok_or(DropReason::Malformed)?;
        let size = FrameSize::single(u32::try_from(octets.len()).unwrap());
        admit(&port, &head, &self.settings)?;
        let to = match self.settings.mode() {
            Mode::Hub => {
                if port.flags.contains(PortFlags::LOCKED) {
                    let entry = self.fdb.get(&FdbKey::untagged(head.src));
                    admit_source(entry, ingress, &port, now, self.settings.ageing)?;
                }
                None
            }
            Mode::Bridge => {
                self.learn(ingress, &port, head.src, now)?;
                let entry = self.fdb.get(&FdbKey::untagged(head.dst));
                let entry = entry.filter(|_| !head.dst.is_group());
                match forward(head.dst, entry, (ingress, port.flags), now, &self.settings)? {
                    Forward::To(id) => Some(id),
                    Forward::Flood(_) => None,
                }
            }
        };
        if !port.state().forwards() {
            return Err(DropReason::PortDisabled);
        }
        if let Some(id) = to {
            let out = self.ports.get(&id).copied().unwrap_or_default();
            egress(port.flags, &out, size)?;
            return Ok(Outcome::Forwarded(id));
        }
        let (mut out, mut too_big) = (Vec::new(), Vec::new());
        let kind = FloodKind::of(head.dst);
        for (id, out_port) in &self.ports {
            match flood_egress((ingress, port.flags), (*id, out_port), kind, size) {
                Ok(true) => out.push(*id),
                Ok(false) => {}
                Err(reason) => {
                    assert_eq!(reason, DropReason::TooBig);
                    too_big.push(*id);
                }
            }
        }
        Ok(Outcome::Flooded { out, too_big })
    }

    fn learn(
        &mut self,
        ingress: PortId,
        port: &PortConf,
        src: MacAddr,
        now: Ticks,
    ) -> Result<(), DropReason> {
        let key = FdbKey::untagged(src);
        let entry = self.fdb.get(&key).copied();
        let ageing = self.settings.ageing;
        admit_source(entry.as_ref(), ingress, port, now, ageing)?;
        match learn(entry.as_ref(), (ingress, port.flags), now, ageing) {
            Learn::Keep | Learn::Refuse(_) => {}
            Learn::Refresh => self.fdb.get_mut(&key).unwrap().last_seen = now,
            Learn::Insert => {
                let full = self.capacity != 0 && self.fdb.len() >= self.capacity;
                if !full && self.bridge_room() && self.port_room(ingress, port) {
                    self.count(PortId::NONE, 1);
                    self.count(ingress, 1);
                    self.fdb.insert(key, FdbEntry::learned(ingress, now));
                }
            }
            Learn::Move { from, .. } => {
                if self.port_room(ingress, port) {
                    self.count(from, 1_u64.wrapping_neg());
                    self.count(ingress, 1);
                    self.fdb.insert(key, FdbEntry::learned(ingress, now));
                }
            }
        }
        Ok(())
    }

    /// Makes an entry as an operator does.
    pub fn add(&mut self, mac: MacAddr, entry: FdbEntry) {
        let before = self.fdb.insert(FdbKey::untagged(mac), entry);
        assert!(before.is_none(), "there is an entry for {mac}");
        if !entry.is_permanent() {
            self.count(PortId::NONE, 1);
            self.count(entry.port, 1);
        }
    }

    fn count(&mut self, slot: PortId, n: u64) {
        let counter = self.learned.entry(slot).or_default();
        *counter = counter.wrapping_add(n);
    }

    fn room(&self, slot: PortId, limit: u32) -> bool {
        let learned = self.learned.get(&slot).copied().unwrap_or_default();
        Room::new(learned, 0, limit).allows_one_more()
    }

    fn bridge_room(&self) -> bool {
        self.room(PortId::NONE, self.settings.learn_limit)
    }

    fn port_room(&self, id: PortId, port: &PortConf) -> bool {
        self.room(id, port.learn_limit)
    }

    /// The FDB as the model's table has it; permanent entries have no age.
    pub fn table(&self) -> HashMap<MacAddr, Station> {
        let stations = self.fdb.iter();
        stations
            .map(|(key, entry)| (key.mac, as_station(entry)))
            .collect()
    }
}

/// An entry as the model has it; a permanent one has no age.
pub fn as_station(entry: &FdbEntry) -> Station {
    let kind = if entry.flags.intersects(FdbFlags::OWN) {
        Kind::Own
    } else if entry.flags.intersects(FdbFlags::BLACKHOLE) {
        Kind::Blackhole
    } else if entry.flags.intersects(FdbFlags::STATIC) {
        Kind::Static
    } else if entry.flags.intersects(FdbFlags::STICKY) {
        Kind::Sticky
    } else {
        Kind::Learned
    };
    let (port, seen) = (entry.port, entry.last_seen.0);
    Station { port, kind, seen }.ageless()
}
