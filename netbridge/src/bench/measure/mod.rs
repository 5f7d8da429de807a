//! What is sent, what is counted, and in which unit: a file per test, or per family of tests.

use std::{sync::LazyLock, thread};

use anyhow::{Context as _, Result};
use nix::{
    sched::{CpuSet, sched_getaffinity, sched_setaffinity},
    unistd::Pid,
};

pub(super) mod broadcast;
pub(super) mod churn;
mod cpu;
mod datagrams;
pub(super) mod first_packet;
mod frames;
pub(super) mod latency;
pub(super) mod learning;
pub(super) mod reset;
pub(super) mod tcp;
pub(super) mod throughput;
pub(super) mod udp;

/// Port of the tests' servers.
const SERVER_PORT: u16 = 5201;

/// The CPUs that this process may use, as it was before any thread of it was pinned.
static CPUS: LazyLock<Vec<usize>> = LazyLock::new(|| {
    // On failure there is none, and nothing is pinned.
    let set = sched_getaffinity(Pid::from_raw(0)).unwrap_or_default();
    (0..CpuSet::count())
        .filter(|cpu| set.is_set(*cpu).unwrap_or(false))
        .collect()
});

/// Keeps the calling thread on one CPU, the `number`th of ours, or on the only one there is.
fn pin(number: usize) -> Result<()> {
    match CPUS.len() {
        0 => Ok(()),
        count => run_on(&CPUS[number % count..][..1]),
    }
}

/// Lets the calling thread, which has inherited another's place, and what it starts run anywhere.
pub(super) fn unpin() -> Result<()> {
    match CPUS.len() {
        0 => Ok(()),
        _ => run_on(&CPUS),
    }
}

fn run_on(cpus: &[usize]) -> Result<()> {
    let mut set = CpuSet::new();
    for cpu in cpus {
        set.set(*cpu)?;
    }
    sched_setaffinity(Pid::from_raw(0), &set).context("pin a thread to a CPU")
}

/// The result of a thread that has ended; its panic, where it panicked.
fn joined<T>(outcome: thread::Result<Result<T>>) -> Result<T> {
    match outcome {
        Ok(result) => result,
        Err(panic) => std::panic::resume_unwind(panic),
    }
}
