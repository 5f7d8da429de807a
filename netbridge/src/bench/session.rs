//! A session: which tests run on which datapaths, in which order.

use std::{
    collections::BTreeMap,
    thread,
    time::{Duration, Instant},
};

use anyhow::Result;

use super::{
    Datapath, Environment, Outcome, Report,
    report::Failure,
    sample::{Sample, median},
    test::{Pace, Test},
};
use crate::{datapath::kernel_features, net::Netns};

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

/// Where a session is.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// The run, from 1.
    pub run: usize,
    /// The test that comes next.
    pub test: &'static str,
    /// The datapath that it runs on.
    pub datapath: &'static str,
    /// How much of the session is done, from 0 to 1.
    pub done: f64,
    /// Time left, once there is something to tell it by.
    pub left: Option<Duration>,
}

/// A test on a datapath.
#[derive(Clone, Copy)]
struct Step {
    test: Test,
    datapath: Datapath,
}

type Key = (usize, Datapath);

/// All figures of a session, in the order in which they first came, and what failed.
#[derive(Default)]
struct Collected {
    /// Names of the figures, with the test that gives them.
    names: Vec<(String, &'static str)>,
    samples: BTreeMap<Key, Vec<Sample>>,
    failures: Vec<Failure>,
    /// How long each step took when it last ran.
    took: BTreeMap<(&'static str, Datapath), Duration>,
}

/// Runs a session; `progress` is told what comes next and how much of it all is done.
///
/// A test that fails on a datapath (frames at the wrong station, say) is reported and not tried
/// again there; the others go on.
pub fn run(options: &BenchOptions, mut progress: impl FnMut(Progress)) -> Result<Report> {
    kernel_features().require()?;
    // Where this is not allowed, no test is worth trying.
    drop(Netns::anonymous()?);
    let started = Instant::now();
    let mut unavailable = Vec::new();
    let mut datapaths = Vec::new();
    let wanted = |datapath: &&Datapath| {
        let mut tests = options.tests.iter();
        tests.any(|test| (test.applies)(**datapath))
    };
    for datapath in options.datapaths.iter().filter(wanted) {
        match datapath.unavailable() {
            Some(reason) => unavailable.push((datapath.name(), reason)),
            None => datapaths.push(*datapath),
        }
    }
    let environment = Environment::of_this_machine(&datapaths);
    let pace = Pace::new(options.quick);
    let steps = steps(options, &datapaths);
    let mut collected = Collected::default();
    for run in 0..options.runs {
        for at in 0..steps.len() {
            let step = steps[order(run, at, &steps)];
            let left = collected.left(&steps, options.runs, run, at);
            #[expect(
                clippy::cast_precision_loss,
                reason = "a fraction of some thousand steps"
            )]
            progress(Progress {
                run: run + 1,
                test: step.test.name,
                datapath: step.datapath.name(),
                done: (run * steps.len() + at) as f64 / (options.runs * steps.len()) as f64,
                left,
            });
            collected.take(step, &pace);
        }
    }
    Ok(Report {
        environment: environment.after(&datapaths),
        seconds: started.elapsed().as_secs_f64(),
        unavailable,
        results: collected.outcomes(),
        failures: collected.failures,
    })
}

/// Every test on every datapath that it makes sense on, a test's datapaths one after the other.
fn steps(options: &BenchOptions, datapaths: &[Datapath]) -> Vec<Step> {
    let of = |test: &Test| {
        let test = *test;
        let on = move |datapath: &Datapath| (test.applies)(*datapath);
        datapaths
            .iter()
            .copied()
            .filter(on)
            .map(move |datapath| Step { test, datapath })
    };
    options.tests.iter().flat_map(of).collect()
}

/// The step that is `at` in the order of `run`: every other run goes backwards within each test, so
/// that no datapath always follows the same one.
fn order(run: usize, at: usize, steps: &[Step]) -> usize {
    if run.is_multiple_of(2) {
        return at;
    }
    let name = steps[at].test.name;
    let same = |step: &&Step| step.test.name == name;
    let before = steps[..at].iter().rev().take_while(same).count();
    let after = steps[at..].iter().take_while(same).count() - 1;
    at - before + after
}

impl Collected {
    /// Runs a step once and keeps its figures.
    fn take(&mut self, step: Step, pace: &Pace) {
        let failed = |failure: &Failure| {
            failure.test == step.test.name && failure.datapath == step.datapath.name()
        };
        if self.failures.iter().any(failed) {
            return;
        }
        let started = Instant::now();
        match on_a_fresh_thread(|| (step.test.run)(step.datapath, pace)) {
            Ok(samples) => {
                for sample in samples {
                    let name = self.name(&sample.test, step.test.name);
                    self.samples
                        .entry((name, step.datapath))
                        .or_default()
                        .push(sample);
                }
            }
            Err(error) => {
                self.samples.retain(|(name, datapath), _| {
                    self.names[*name].1 != step.test.name || *datapath != step.datapath
                });
                self.failures.push(Failure {
                    test: step.test.name,
                    datapath: step.datapath.name(),
                    reason: format!("{error:#}"),
                });
            }
        }
        self.took
            .insert((step.test.name, step.datapath), started.elapsed());
    }

    /// The place of a figure's name.
    fn name(&mut self, name: &str, test: &'static str) -> usize {
        if let Some(at) = self.names.iter().position(|(known, _)| known == name) {
            return at;
        }
        self.names.push((name.to_owned(), test));
        self.names.len() - 1
    }

    /// Time left: steps that have run before take as long as then, the others as long as the mean.
    fn left(&self, steps: &[Step], runs: usize, run: usize, at: usize) -> Option<Duration> {
        let known = u32::try_from(self.took.len())
            .ok()
            .filter(|known| *known > 0)?;
        let mean = self.took.values().sum::<Duration>() / known;
        let of = |step: &Step| {
            let key = (step.test.name, step.datapath);
            self.took.get(&key).copied().unwrap_or(mean)
        };
        let whole: Duration = steps.iter().map(of).sum();
        let rest: Duration = (at..steps.len())
            .map(|at| of(&steps[order(run, at, steps)]))
            .sum();
        Some(whole * u32::try_from(runs - run - 1).ok()? + rest)
    }

    fn outcomes(&self) -> Vec<Outcome> {
        let values_of = |name: usize, datapath: Datapath| {
            let samples = self.samples.get(&(name, datapath))?;
            Some(values(samples))
        };
        let outcome = |((name, datapath), samples): (&Key, &Vec<Sample>)| {
            let first = samples.first()?;
            let values = values(samples);
            let middle = median(&values);
            let against = |base: Datapath| {
                let base = median(&values_of(*name, base)?);
                (base > 0.0).then(|| middle / base)
            };
            let group = self.names[*name].1;
            let limit = datapath.limit(is_between_stacks(group));
            let (min, max) = range(&values);
            let linux = values_of(*name, datapath.baseline());
            let linux = linux.filter(|linux| linux.len().min(values.len()) > 1);
            let within_noise = linux.map(|linux| {
                let (low, high) = range(&linux);
                min <= high && low <= max
            });
            let lost: Option<u64> = samples.iter().map(|sample| sample.lost).sum();
            let vs_limit = limit.and_then(against);
            Some(Outcome {
                test: first.test.clone(),
                group,
                datapath: datapath.name(),
                unit: first.unit.name(),
                better: if first.unit.more_is_better() {
                    "higher"
                } else {
                    "lower"
                },
                median: middle,
                min,
                max,
                noise: if middle > 0.0 {
                    (max - min) / middle
                } else {
                    0.0
                },
                runs: values.len(),
                lost,
                vs_linux_bridge: against(datapath.baseline()),
                within_noise: within_noise.filter(|_| !datapath.is_baseline()),
                limit: limit.filter(|_| vs_limit.is_some()).map(Datapath::name),
                vs_limit,
            })
        };
        self.samples.iter().filter_map(outcome).collect()
    }
}

fn is_between_stacks(test: &str) -> bool {
    Test::from_name(test).is_some_and(|test| test.between_stacks)
}

/// Runs `f` where pinning itself to a CPU does not outlast it.
fn on_a_fresh_thread<T: Send>(f: impl FnOnce() -> T + Send) -> T {
    thread::scope(|scope| match scope.spawn(f).join() {
        Ok(value) => value,
        Err(panic) => std::panic::resume_unwind(panic),
    })
}

fn range(values: &[f64]) -> (f64, f64) {
    let min = values.iter().copied().fold(f64::INFINITY, f64::min);
    (
        min,
        values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
    )
}

fn values(samples: &[Sample]) -> Vec<f64> {
    samples.iter().map(|sample| sample.value).collect()
}
