//! The tests that there are.

use std::time::Duration;

use anyhow::Result;

use super::{Datapath, measure, sample::Sample};

/// A test: what it is called, what it measures, where and how.
#[derive(Clone, Copy, Debug)]
pub struct Test {
    /// Its name on the command line.
    pub name: &'static str,
    /// What it measures, and by which document, in one line.
    pub about: &'static str,
    /// Whether it is part of a quick session that names no tests.
    pub quick: bool,
    /// Whether stacks send, and not the generator: the limit is then the bare veth pair.
    pub(super) between_stacks: bool,
    /// Says whether it makes sense on a datapath.
    pub(super) applies: fn(Datapath) -> bool,
    /// Runs it once on a datapath.
    pub(super) run: fn(Datapath, &Pace) -> Result<Vec<Sample>>,
}

/// All of them, in the order in which they run.
pub static TESTS: &[Test] = &[
    measure::throughput::THROUGHPUT,
    measure::throughput::FLOWS,
    measure::loss::TEST,
    measure::pressure::TEST,
    measure::meshed::TEST,
    measure::holb::TEST,
    measure::broadcast::TEST,
    measure::learning::TEST,
    measure::capacity::TEST,
    measure::fdb::TEST,
    measure::churn::TEST,
    measure::udp::TEST,
    measure::tcp::STREAM,
    measure::latency::TEST,
    measure::first_packet::TEST,
    measure::reset::TEST,
    measure::cost::TEST,
    measure::features::TEST,
    measure::attach::TEST,
    measure::memory::TEST,
    measure::fdb_dump::DUMP,
    measure::fdb_dump::SWEEP,
    measure::docker::TEST,
];

impl Test {
    /// The test of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        TESTS.iter().copied().find(|test| test.name == name)
    }
}

/// How long the parts of a session take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// Whether to leave out what a quick look can do without.
    pub(super) quick: bool,
    /// Duration of a measurement with sockets.
    pub(super) stack: Duration,
    /// Frames of a measurement with the generator.
    pub(super) frames: u32,
}

impl Pace {
    /// The pace of a quick session, or of a full one.
    pub(super) const fn new(quick: bool) -> Self {
        if quick {
            Self {
                quick,
                stack: Duration::from_millis(150),
                frames: 150_000,
            }
        } else {
            Self {
                quick,
                stack: Duration::from_millis(500),
                frames: 500_000,
            }
        }
    }
}
