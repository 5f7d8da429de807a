//! A learning bridge in plain Rust, written from the rules and not from the datapath's code.
//!
//! It keeps what a textbook keeps: a table of stations. Limits count the table's own entries, and
//! time is a number. Types are borrowed from `netbridge-common`, decisions are not.

pub mod counted;
pub mod pipeline;

use std::collections::{BTreeMap, HashMap};

use netbridge_common::{MacAddr, PortFlags, PortId, decide::DropReason};

/// How an entry came to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A frame brought it.
    Learned,
    /// An operator set it; it ages, and stays on its port until then.
    Sticky,
    /// An operator set it for ever.
    Static,
    /// An operator wants nothing sent there.
    Blackhole,
    /// It is the bridge's own address.
    Own,
}

/// Where a station is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Station {
    /// Its port.
    pub port: PortId,
    /// How that is known.
    pub kind: Kind,
    /// When it was last heard there.
    pub seen: u32,
}

impl Station {
    /// The same without its age where it has none that matters.
    #[must_use]
    pub const fn ageless(mut self) -> Self {
        if matches!(self.kind, Kind::Static | Kind::Own | Kind::Blackhole) {
            self.seen = 0;
        }
        self
    }
}

/// A port.
#[derive(Clone, Copy, Debug)]
pub struct ModelPort {
    /// Takes addresses from frames.
    pub learns: bool,
    /// Lets frames pass.
    pub forwards: bool,
    /// Largest payload.
    pub mtu: u32,
    /// Most movable entries; 0 for any number.
    pub limit: usize,
}

/// What became of a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It went nowhere.
    Dropped(DropReason),
    /// It went to the one port that it was for.
    Forwarded(PortId),
    /// It went to these ports, and was too big for those.
    Flooded {
        /// Ports that sent it.
        out: Vec<PortId>,
        /// Ports that could not.
        too_big: Vec<PortId>,
    },
}

impl Outcome {
    /// The ports that sent the frame.
    pub fn ports(&self) -> &[PortId] {
        match self {
            Self::Dropped(_) => &[],
            Self::Forwarded(port) => std::slice::from_ref(port),
            Self::Flooded { out, .. } => out,
        }
    }
}

/// The bridge.
#[derive(Clone, Debug, Default)]
pub struct Model {
    /// Floods everything, knows nothing.
    pub hub: bool,
    /// How long a silent station is remembered.
    pub ageing: u32,
    /// Most movable entries; 0 for any number.
    pub limit: usize,
    /// Most entries of any kind; 0 for any number.
    pub capacity: usize,
    /// Its ports.
    pub ports: BTreeMap<PortId, ModelPort>,
    /// Switches of ports that are not as those of a new port, and [`PortFlags::HOST`].
    pub switches: BTreeMap<PortId, PortFlags>,
    /// Drops frames for nobody known.
    pub drop_unknown: bool,
    /// Its table; stations that aged stay in it until somebody takes their place.
    pub table: HashMap<MacAddr, Station>,
}

impl Model {
    /// Takes in a frame of `len` octets that starts with `header`.
    pub fn receive(&mut self, port: PortId, header: &[u8], len: u32, now: u32) -> Outcome {
        self.decide(port, header, len, now)
            .unwrap_or_else(Outcome::Dropped)
    }

    fn decide(
        &mut self,
        ingress: PortId,
        header: &[u8],
        len: u32,
        now: u32,
    ) -> Result<Outcome, DropReason> {
        let (Some(&dst), Some(&src), Some(&kind)) = (
            header.first_chunk::<6>(),
            header.get(6..).and_then(<[u8]>::first_chunk::<6>),
            header.get(12..).and_then(<[u8]>::first_chunk::<2>),
        ) else {
            return Err(DropReason::Malformed);
        };
        let port = self.ports.get(&ingress).copied();
        let port = port
            .filter(|port| port.learns)
            .ok_or(DropReason::PortDisabled)?;
        let never_relayed = dst[..5] == [0x01, 0x80, 0xc2, 0, 0] && dst[5] < 16;
        if never_relayed || kind == [0x88, 0x08] {
            return Err(DropReason::ReservedGroup);
        }
        if src[0] % 2 == 1 || src == [0; 6] {
            return Err(DropReason::InvalidSource);
        }
        let (src, dst) = (MacAddr(src), MacAddr(dst));
        let goal = if self.hub {
            self.unlock(ingress, src, now)?;
            None
        } else {
            self.learn(ingress, src, now)?;
            self.locate(dst, now)
        };
        if goal.is_some_and(|station| station.kind == Kind::Blackhole) {
            return Err(DropReason::Blackhole);
        }
        let goal = goal.map(|station| station.port);
        if goal == Some(ingress) && !self.has(ingress, PortFlags::HAIRPIN) {
            return Err(DropReason::SamePort);
        }
        if !self.hub && goal.is_none() && self.drop_unknown && dst.0[0] % 2 == 0 {
            return Err(DropReason::FloodOff);
        }
        if !port.forwards {
            return Err(DropReason::PortDisabled);
        }
        match goal {
            Some(goal) => {
                let out = self.ports.get(&goal).filter(|out| out.forwards);
                let out = out.ok_or(DropReason::EgressDown)?;
                if self.are_isolated(ingress, goal) {
                    return Err(DropReason::Isolated);
                }
                if !fits(len, out) {
                    return Err(DropReason::TooBig);
                }
                Ok(Outcome::Forwarded(goal))
            }
            None => Ok(self.flood(ingress, dst, len)),
        }
    }

    fn learn(&mut self, port: PortId, src: MacAddr, now: u32) -> Result<(), DropReason> {
        if self
            .table
            .get(&src)
            .is_some_and(|known| known.kind == Kind::Own && known.port != port)
        {
            return Err(DropReason::OwnSource);
        }
        self.unlock(port, src, now)?;
        if self.has(port, PortFlags::NO_LEARNING) {
            return Ok(());
        }
        let Some(known) = self.table.get(&src).copied() else {
            let full = self.capacity != 0 && self.table.len() >= self.capacity;
            if !full && self.bridge_has_room() && self.port_has_room(port) {
                self.put(src, port, now);
            }
            return Ok(());
        };
        if known.port == port {
            let heard = Station { seen: now, ..known };
            self.table.insert(src, heard);
            return Ok(());
        }
        match known.kind {
            Kind::Own | Kind::Static | Kind::Blackhole => {}
            Kind::Sticky if self.counts(&known, now) => {}
            _ if self.port_has_room(port) => self.put(src, port, now),
            _ => {}
        }
        Ok(())
    }

    /// Turns away a source that a locked port does not know.
    fn unlock(&self, port: PortId, src: MacAddr, now: u32) -> Result<(), DropReason> {
        if !self.has(port, PortFlags::LOCKED) {
            return Ok(());
        }
        match self.locate(src, now) {
            Some(known) if known.port == port => Ok(()),
            Some(known) if known.kind == Kind::Own => Err(DropReason::OwnSource),
            _ => Err(DropReason::Locked),
        }
    }

    /// Says whether a port has a switch set.
    pub fn has(&self, port: PortId, flag: PortFlags) -> bool {
        self.switches
            .get(&port)
            .is_some_and(|set| set.contains(flag))
    }

    fn are_isolated(&self, one: PortId, other: PortId) -> bool {
        [one, other]
            .iter()
            .all(|port| self.has(*port, PortFlags::ISOLATED))
    }

    fn put(&mut self, src: MacAddr, port: PortId, seen: u32) {
        let kind = Kind::Learned;
        self.table.insert(src, Station { port, kind, seen });
    }

    fn locate(&self, mac: MacAddr, now: u32) -> Option<Station> {
        let station = self.table.get(&mac).copied();
        station.filter(|station| self.counts(station, now))
    }

    fn flood(&self, ingress: PortId, dst: MacAddr, len: u32) -> Outcome {
        let against = match dst.0 {
            [0xff, 0xff, 0xff, 0xff, 0xff, 0xff] => PortFlags::NO_BCAST_FLOOD,
            [first, ..] if first % 2 == 1 => PortFlags::NO_MCAST_FLOOD,
            _ => PortFlags::NO_FLOOD,
        };
        let (mut out, mut too_big) = (Vec::new(), Vec::new());
        for (id, port) in &self.ports {
            let back = *id == ingress && !self.has(ingress, PortFlags::HAIRPIN);
            let for_all = against != PortFlags::NO_FLOOD && self.has(ingress, PortFlags::HOST);
            let spared = (self.has(*id, against) && !for_all) || self.are_isolated(ingress, *id);
            if back || spared || !port.forwards {
                continue;
            }
            if fits(len, port) {
                out.push(*id);
            } else {
                too_big.push(*id);
            }
        }
        Outcome::Flooded { out, too_big }
    }

    /// Says whether a station is still where it was.
    pub fn counts(&self, station: &Station, now: u32) -> bool {
        matches!(station.kind, Kind::Static | Kind::Own | Kind::Blackhole)
            || now.saturating_sub(station.seen) <= self.ageing
    }

    /// Entries that a frame may move, on one port or on all: those that limits are about.
    pub fn movable(&self, port: Option<PortId>) -> usize {
        let on = |station: &&Station| port.is_none_or(|port| station.port == port);
        let movable = |station: &&Station| matches!(station.kind, Kind::Learned | Kind::Sticky);
        self.table.values().filter(on).filter(movable).count()
    }

    fn bridge_has_room(&self) -> bool {
        self.limit == 0 || self.movable(None) < self.limit
    }

    fn port_has_room(&self, port: PortId) -> bool {
        let limit = self.ports.get(&port).map_or(0, |port| port.limit);
        limit == 0 || self.movable(Some(port)) < limit
    }
}

/// A frame may have its header and one tag more than the MTU.
fn fits(len: u32, port: &ModelPort) -> bool {
    len <= port.mtu + 18
}
