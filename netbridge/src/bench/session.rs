//! A session: which tests run on which datapaths, in which order.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};

use super::{
    Better, Datapath, Environment, Outcome, Report,
    measure::{self, Pace},
    rig::Rig,
    sample::{Sample, median},
};

/// A test, or a group of figures that one test gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Test {
    /// RFC 2544 throughput, by XDP frames of several sizes.
    Throughput,
    /// The same with 1,000 flows.
    Flows,
    /// RFC 2889 broadcast forwarding rate.
    Broadcast,
    /// RFC 2889 address learning rate.
    Learning,
    /// Small UDP frames between stacks.
    Udp,
    /// TCP streams between stacks, one and eight.
    Tcp,
    /// TCP request and response.
    Latency,
}

impl Test {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Throughput,
        Self::Flows,
        Self::Broadcast,
        Self::Learning,
        Self::Udp,
        Self::Tcp,
        Self::Latency,
    ];

    /// Its name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Throughput => "throughput",
            Self::Flows => "flows",
            Self::Broadcast => "broadcast",
            Self::Learning => "learning",
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Latency => "latency",
        }
    }

    /// The test of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|test| test.name() == name)
    }

    /// Says whether the test runs between network stacks, and not by generated frames.
    const fn is_stack(self) -> bool {
        matches!(self, Self::Udp | Self::Tcp | Self::Latency)
    }

    const fn applies(self, datapath: Datapath) -> bool {
        match self {
            Self::Udp | Self::Tcp | Self::Latency => true,
            // Generated frames enter by a port's driver, which macvlan does not have.
            Self::Throughput | Self::Flows => !matches!(datapath, Datapath::Macvlan),
            Self::Broadcast | Self::Learning => {
                datapath.is_bridge() && !matches!(datapath, Datapath::Macvlan)
            }
        }
    }
}

/// What a session is made of.
#[derive(Clone, Debug)]
pub struct BenchOptions {
    /// The tests.
    pub tests: Vec<Test>,
    /// The datapaths.
    pub datapaths: Vec<Datapath>,
    /// Runs of each test on each datapath.
    pub runs: usize,
    /// Whether to be done within a minute.
    pub quick: bool,
}

impl BenchOptions {
    fn pace(&self) -> Pace {
        if self.quick {
            Pace {
                stack: Duration::from_millis(250),
                frames: 200_000,
            }
        } else {
            Pace {
                stack: Duration::from_secs(1),
                frames: 1_000_000,
            }
        }
    }

    const fn sizes(&self) -> &'static [usize] {
        if self.quick {
            &[64]
        } else {
            &[64, 128, 256, 512, 1024, 1280, 1518]
        }
    }

    const fn broadcast_ports(&self) -> &'static [u32] {
        if self.quick { &[16] } else { &[4, 16, 64] }
    }
}

type Collected = BTreeMap<(String, Datapath), Vec<Sample>>;

/// Runs a session; `progress` is told what comes next and how much of it all is done.
pub fn run(options: &BenchOptions, mut progress: impl FnMut(&str, f64)) -> Result<Report> {
    let environment = Environment::of_this_machine();
    let started = Instant::now();
    let mut unavailable = Vec::new();
    let mut datapaths = Vec::new();
    for datapath in &options.datapaths {
        match datapath.unavailable() {
            Some(reason) => unavailable.push((datapath.name(), reason)),
            None => datapaths.push(*datapath),
        }
    }
    let mut collected = Collected::new();
    let steps = options.runs * datapaths.len();
    for run in 0..options.runs {
        for (at, datapath) in datapaths.iter().enumerate() {
            let done = run * datapaths.len() + at;
            #[expect(clippy::cast_precision_loss, reason = "a fraction")]
            let fraction = done as f64 / steps.max(1) as f64;
            progress(
                &format!("run {} of {}: {}", run + 1, options.runs, datapath.name()),
                fraction,
            );
            // Every other run goes backwards, so that no datapath always follows the same one.
            let at = if run % 2 == 0 {
                at
            } else {
                datapaths.len() - 1 - at
            };
            one(options, datapaths[at], &mut collected)
                .with_context(|| format!("benchmark {}", datapaths[at].name()))?;
        }
    }
    Ok(Report {
        environment,
        seconds: started.elapsed().as_secs_f64(),
        unavailable,
        results: outcomes(&collected),
    })
}

/// One run of all tests on one datapath.
fn one(options: &BenchOptions, datapath: Datapath, collected: &mut Collected) -> Result<()> {
    let mut samples = Vec::new();
    let wants = |test: &Test| test.applies(datapath);
    let (stack, frames): (Vec<Test>, Vec<Test>) = options
        .tests
        .iter()
        .copied()
        .filter(wants)
        .partition(|test| test.is_stack());
    if !stack.is_empty() {
        let rig = Rig::build(datapath, 2)?;
        for test in stack {
            samples.extend(between_stacks(test, &rig, options.pace())?);
        }
    }
    for test in frames {
        samples.extend(by_frames(test, datapath, options)?);
    }
    for sample in samples {
        collected
            .entry((sample.test.clone(), datapath))
            .or_default()
            .push(sample);
    }
    Ok(())
}

fn between_stacks(test: Test, rig: &Rig, pace: Pace) -> Result<Vec<Sample>> {
    match test {
        Test::Udp => Ok(vec![measure::udp_small(rig, pace.stack)?]),
        Test::Tcp => Ok(vec![
            measure::tcp_stream(rig, 1, pace.stack)?,
            measure::tcp_stream(rig, 8, pace.stack)?,
        ]),
        _ => measure::tcp_rr(rig, pace.stack),
    }
}

fn by_frames(test: Test, datapath: Datapath, options: &BenchOptions) -> Result<Vec<Sample>> {
    let frames = options.pace().frames;
    match test {
        Test::Broadcast => options
            .broadcast_ports()
            .iter()
            .map(|ports| {
                let copies = frames / ports;
                measure::broadcast(&mut with_sinks(datapath, *ports)?, copies)
            })
            .collect(),
        Test::Learning => Ok(vec![measure::learning(&mut with_sinks(datapath, 2)?)?]),
        Test::Flows => Ok(vec![measure::throughput(
            &mut with_sinks(datapath, 2)?,
            64,
            1000,
            frames,
        )?]),
        _ => {
            let mut rig = with_sinks(datapath, 2)?;
            options
                .sizes()
                .iter()
                .map(|len| measure::throughput(&mut rig, *len, 1, frames))
                .collect()
        }
    }
}

/// A rig whose stations count what arrives and drop it.
fn with_sinks(datapath: Datapath, stations: u32) -> Result<Rig> {
    let mut rig = Rig::build(datapath, stations)?;
    for station in &rig.stations {
        let tools = &mut rig.tools;
        station
            .netns
            .run(|| tools.attach_sink(datapath.is_xdp(), "eth0"))??;
    }
    Ok(rig)
}

fn outcomes(collected: &Collected) -> Vec<Outcome> {
    let medians: BTreeMap<&(String, Datapath), f64> = collected
        .iter()
        .map(|(key, samples)| (key, median(&values(samples))))
        .collect();
    let against = |test: &str, datapath: Datapath, value: f64| {
        let base = medians.get(&(test.to_owned(), datapath)).copied()?;
        (base > 0.0).then(|| value / base)
    };
    let outcome = |((test, datapath), samples): (&(String, Datapath), &Vec<Sample>)| {
        let first = samples.first()?;
        let values = values(samples);
        let middle = median(&values);
        let by_frames = !matches!(first.unit, "Gb/s" | "µs") && test != "udp_small";
        let limit = if by_frames {
            Datapath::XdpStatic
        } else {
            Datapath::Veth
        };
        Some(Outcome {
            test: test.clone(),
            datapath: datapath.name(),
            unit: first.unit,
            better: if first.better == Better::Higher {
                "higher"
            } else {
                "lower"
            },
            median: middle,
            min: values.iter().copied().fold(f64::INFINITY, f64::min),
            max: values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            runs: values.len(),
            lost: samples.iter().map(|sample| sample.lost).sum(),
            vs_linux_bridge: against(test, Datapath::LinuxBridge, middle),
            vs_limit: against(test, limit, middle),
        })
    };
    collected.iter().filter_map(outcome).collect()
}

fn values(samples: &[Sample]) -> Vec<f64> {
    samples.iter().map(|sample| sample.value).collect()
}
