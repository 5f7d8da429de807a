//! Frames sent at the containers' ends, and what came out where.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    time::{Duration, Instant},
};

use super::Rig;
use crate::wire::Wire;

/// Longest wait for the deliveries of a window.
const PATIENCE: Duration = Duration::from_secs(3);
/// Wait for deliveries that nobody expects, once at the end.
const AFTERMATH: Duration = Duration::from_millis(200);
/// Where a frame's number is, counted from its end.
const NUMBER_LEN: usize = 4;

/// Frames that are sent at once by one container: fewer than any queue on their way has room for.
#[derive(Clone, Debug, Default)]
pub struct Window {
    /// The container, from 0.
    pub from: usize,
    /// Its frames; the last four octets of each are its number.
    pub frames: Vec<Vec<u8>>,
}

/// All frames, and the containers that the model says they reach.
#[derive(Clone, Debug, Default)]
pub struct Script {
    /// The frames.
    pub windows: Vec<Window>,
    /// For each frame by its number, the containers, from 0.
    pub expected: Vec<Vec<usize>>,
    /// For each frame, its window and its place in it.
    places: Vec<(usize, usize)>,
}

/// What became of the frames of a script.
#[derive(Clone, Debug)]
pub struct Delivered {
    /// For each frame by its number, how often each container received it.
    copies: Vec<Vec<u16>>,
    /// The number of the last frame that each container received.
    latest: Vec<usize>,
}

impl Script {
    /// Adds a frame to the last window; its last octets become its number.
    pub fn push(&mut self, mut frame: Vec<u8>, expected: Vec<usize>) {
        let number = u32::try_from(self.expected.len()).expect("not that many frames");
        let at = frame.len() - NUMBER_LEN;
        frame[at..].copy_from_slice(&number.to_be_bytes());
        self.expected.push(expected);
        let place = self.windows.len() - 1;
        let window = self.windows.last_mut().expect("a window");
        self.places.push((place, window.frames.len()));
        window.frames.push(frame);
    }

    /// The frame of a number, and the container that sent it.
    fn frame(&self, number: usize) -> (usize, &[u8]) {
        let (window, at) = self.places[number];
        let window = &self.windows[window];
        (window.from, &window.frames[at])
    }

    /// Plays the script on whatever joins the containers.
    pub fn play(&self, rig: &Rig) -> Delivered {
        let ports = rig.wires.len();
        let mut delivered = Delivered {
            copies: vec![vec![0; ports]; self.expected.len()],
            latest: vec![0; ports],
        };
        let mut first = 0;
        for window in &self.windows {
            let sender = &rig.wires[window.from];
            window.frames.iter().for_each(|frame| sender.send(frame));
            let last = first + window.frames.len();
            let mut missing = vec![0_usize; ports];
            for port in self.expected[first..last].iter().flatten() {
                missing[*port] += 1;
            }
            let deadline = Instant::now() + PATIENCE;
            for (port, wire) in rig.wires.iter().enumerate() {
                while missing[port] > 0 {
                    let left = deadline.saturating_duration_since(Instant::now());
                    if !self.take(wire, port, first, last, left, &mut delivered) {
                        break;
                    }
                    missing[port] -= 1;
                }
            }
            first = last;
            if missing.iter().any(|missing| *missing > 0) {
                break;
            }
        }
        for (port, wire) in rig.wires.iter().enumerate() {
            while self.take(wire, port, 0, first, AFTERMATH, &mut delivered) {}
        }
        delivered
    }

    /// Receives a frame, which must be one of those from `first` to `last`, octet for octet.
    fn take(
        &self,
        wire: &Wire,
        port: usize,
        first: usize,
        last: usize,
        within: Duration,
        delivered: &mut Delivered,
    ) -> bool {
        let Some(octets) = wire.receive(within) else {
            return false;
        };
        let number = octets
            .last_chunk()
            .copied()
            .map_or(u32::MAX, u32::from_be_bytes);
        let number = usize::try_from(number).expect("a number");
        assert!(
            (first..last).contains(&number),
            "container {port} received what was not sent now: {octets:02x?}"
        );
        // All of a window are from one container, so one that others overtook is out of order.
        let latest = &mut delivered.latest[port];
        assert!(
            number >= *latest,
            "container {port}: frame {number} came after {latest}"
        );
        *latest = number;
        let count = &mut delivered.copies[number][port];
        *count += 1;
        if *count == 1 {
            let (_, sent) = self.frame(number);
            assert_eq!(octets, sent, "container {port}: frame {number} was changed");
        }
        true
    }
}

impl Delivered {
    /// What the model says, in this form.
    pub fn by_model(script: &Script, ports: usize) -> Self {
        let counts = |to: &Vec<usize>| {
            let mut counts = vec![0; ports];
            for port in to {
                counts[*port] += 1;
            }
            counts
        };
        let copies = script.expected.iter().map(counts).collect();
        let latest = vec![0; ports];
        Self { copies, latest }
    }

    /// Asserts that both are the same, or shows the first frames that went elsewhere.
    pub fn assert_same(&self, other: &Self, script: &Script, names: [&str; 2]) {
        if self.copies == other.copies {
            return;
        }
        let mut report = String::new();
        let pairs = self.copies.iter().zip(&other.copies).enumerate();
        let mut wrong = pairs.filter(|(_, (one, two))| one != two);
        for (number, (one, two)) in wrong.by_ref().take(5) {
            let (from, frame) = script.frame(number);
            let head = &frame[..frame.len().min(24)];
            let [name, other_name] = names;
            let sent = writeln!(
                report,
                "frame {number} of {} octets from container {from}, {head:02x?}: \
                 copies at each container by {name}: {one:?}, by {other_name}: {two:?}",
                frame.len()
            );
            sent.expect("write to a string");
        }
        panic!("{report}and {} more", wrong.count());
    }

    /// Frames by the number of containers that received them.
    pub fn spread(&self) -> BTreeMap<u16, usize> {
        let mut spread = BTreeMap::new();
        for counts in &self.copies {
            *spread.entry(counts.iter().sum()).or_default() += 1;
        }
        spread
    }
}
