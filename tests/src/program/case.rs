//! One row of the table of cases: a bridge's state, a frame, and what must come of both.

use netbridge::datapath;
use netbridge_common::{
    FdbKey, MacAddr, PortCounters, PortFlags, PortId, Ticks, decide::DropReason,
};

use super::{Action, Before, Bench, Hook};

/// Segmentation that a buffer waits for.
#[derive(Clone, Copy, Debug)]
pub struct Gso {
    /// Octets of payload in a segment.
    pub size: u32,
    /// Segments; 0 where the kernel does not know.
    pub segs: u32,
}

/// What must come of the frame.
#[derive(Clone, Debug)]
pub enum Expect {
    /// It goes to one port.
    Forward(u32),
    /// It goes to these ports.
    Flood(Vec<u32>),
    /// It goes nowhere.
    Drop(DropReason),
}

/// The row.
#[derive(Clone, Debug)]
pub struct Case {
    /// The rule, as a sentence.
    pub about: &'static str,
    /// The state before.
    pub before: Vec<Before>,
    /// The frame, which comes in on port 1.
    pub frame: Vec<u8>,
    /// How it is segmented; such a frame comes to TC only.
    pub gso: Option<Gso>,
    /// What must come of it.
    pub expect: Expect,
    /// XDP leaves it to TC.
    pub up: bool,
    /// Frames and octets that it counts as, where that is not 1 and its length.
    pub size: Option<(u64, u64)>,
    /// Whether an address is learned on port 1, or refused.
    pub learned: (u64, u64),
    /// Drops that must be on other ports: port, reason.
    pub lost: Vec<(u32, DropReason)>,
    /// Ports where a flood of it is of no use.
    pub wasted: Vec<u32>,
    /// Ports that get a copy of it for a mirror, once for each copy; TC makes them.
    pub copies: Vec<u32>,
    /// Stations and their ports after it; those not named do not matter.
    pub after: Vec<(MacAddr, Option<u32>)>,
}

/// The port that the frame comes in on.
const INGRESS: u32 = 1;

/// The ports of the bench.
const PORTS: std::ops::RangeInclusive<u32> = 1..=4;

/// Slots whose counters are looked at: that of no port, all ports of the bench, and some beyond.
const SLOTS: [u32; 8] = [0, 1, 2, 3, 4, 5, 6, 7];

impl Case {
    /// Puts the state in place, runs the program of `hook`, and checks everything there is.
    pub fn check(&self, bench: &mut Bench, hook: Hook) {
        if self.gso.is_some() && hook == Hook::Xdp {
            return;
        }
        bench.reset();
        if hook == Hook::Tc {
            // TC reports nothing that XDP reported before it, and here there was no XDP.
            for n in PORTS {
                bench.change(n, |port| port.flags.0 &= !PortFlags::XDP_FIRST.0);
            }
        }
        for before in &self.before {
            before.apply(bench, hook);
        }
        self.run(bench, hook, "first");
        // What was learned is known the second time; all else is as it was.
        let again = Self {
            learned: (0, self.learned.1),
            ..self.clone()
        };
        again.run(bench, hook, "second");
    }

    fn run(&self, bench: &mut Bench, hook: Hook, time: &str) {
        let earlier = SLOTS.map(|slot| bench.counters(slot));
        let action = bench.run(hook, bench.ifindex(INGRESS), &self.frame, self.gso);
        let up = self.up && hook == Hook::Xdp;
        let expected = match &self.expect {
            _ if up => Action::PassUp,
            Expect::Forward(_) => Action::Redirect,
            // XDP hands a flood on before it knows who takes it.
            Expect::Flood(ports) if hook == Hook::Xdp || !ports.is_empty() => Action::Redirect,
            _ => Action::Drop,
        };
        let title = format!("{hook:?}, {time} frame: {}", self.about);
        assert_eq!(action, expected, "{title}");
        for (slot, before) in SLOTS.into_iter().zip(earlier) {
            let found = since(&bench.counters(slot), &before);
            let expected = self.expected(slot, hook);
            assert_eq!(found, expected, "port {slot}: {title}");
        }
        self.check_fdb(bench, &title);
    }

    /// What the frame must add to the counters of a port.
    fn expected(&self, slot: u32, hook: Hook) -> PortCounters {
        let up = self.up && hook == Hook::Xdp;
        let (frames, bytes) = self.size.unwrap_or((1, self.frame.len() as u64));
        let mut counters = PortCounters::default();
        if slot == INGRESS {
            (counters.learned, counters.refused) = self.learned;
        }
        if slot == INGRESS && !up {
            (counters.rx_frames, counters.rx_bytes) = (frames, bytes);
            match self.expect {
                Expect::Forward(_) => counters.forwarded = frames,
                Expect::Flood(_) => counters.flooded = frames,
                Expect::Drop(reason) => counters.drops[reason as usize] = frames,
            }
        }
        // XDP counts, and loses, copies of a flood in the egress program, which is not run here.
        let sent = match &self.expect {
            Expect::Forward(port) => *port == slot && !up,
            Expect::Flood(ports) => hook == Hook::Tc && ports.contains(&slot),
            Expect::Drop(_) => false,
        };
        if sent {
            (counters.tx_frames, counters.tx_bytes) = (frames, bytes);
            let flooded = matches!(self.expect, Expect::Flood(_));
            counters.wasted = u64::from(flooded && self.wasted.contains(&slot)) * frames;
        }
        let copies = self.copies.iter().filter(|port| **port == slot).count();
        if hook == Hook::Tc {
            counters.mirrored = copies as u64 * frames;
        }
        for (_, reason) in self.lost.iter().filter(|(port, _)| *port == slot) {
            counters.drops[*reason as usize] += u64::from(hook == Hook::Tc) * frames;
        }
        counters
    }

    fn check_fdb(&self, bench: &Bench, title: &str) {
        for (mac, port) in &self.after {
            let entry = bench.bridge.maps().fdb_entry(&FdbKey::untagged(*mac));
            assert_eq!(entry.map(|entry| entry.port.0), *port, "{mac}: {title}");
            if let Some(entry) = entry.filter(|entry| !entry.is_permanent()) {
                let age = datapath::now().since(entry.last_seen);
                assert!(age <= Ticks(1), "{mac} is {age:?} old: {title}");
            }
        }
        // The counts that the limits go by are those of the entries that may move.
        let mut counts = [0_u64; SLOTS.len()];
        for (_, entry) in bench.entries() {
            if !entry.is_permanent() {
                counts[entry.port.0 as usize] += 1;
                counts[0] += 1;
            }
        }
        for (slot, count) in (0..).zip(counts) {
            let learned = bench.bridge.maps().learned(PortId(slot));
            assert_eq!(
                learned.expect("read what was learned"),
                count,
                "slot {slot}: {title}"
            );
        }
    }
}

/// What was counted between two readings.
fn since(later: &PortCounters, earlier: &PortCounters) -> PortCounters {
    let mut difference = *later;
    difference.rx_frames -= earlier.rx_frames;
    difference.rx_bytes -= earlier.rx_bytes;
    difference.tx_frames -= earlier.tx_frames;
    difference.tx_bytes -= earlier.tx_bytes;
    difference.forwarded -= earlier.forwarded;
    difference.flooded -= earlier.flooded;
    difference.learned -= earlier.learned;
    difference.refused -= earlier.refused;
    difference.wasted -= earlier.wasted;
    difference.mirrored -= earlier.mirrored;
    for (slot, before) in difference.drops.iter_mut().zip(earlier.drops) {
        *slot -= before;
    }
    difference
}
