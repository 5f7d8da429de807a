//! What is sent, what is counted, and in which unit: a file per test, or per family of tests.

use std::thread;

use anyhow::{Context as _, Result};
use nix::{
    sched::{CpuSet, sched_setaffinity},
    unistd::Pid,
};

pub(super) mod attach;
pub(super) mod broadcast;
pub(super) mod cost;
pub(super) mod fdb;
mod frames;
pub(super) mod latency;
pub(super) mod learning;
mod many_ports;
pub(super) mod memory;
pub(super) mod tcp;
pub(super) mod throughput;
pub(super) mod udp;

/// Port of the tests' servers.
const SERVER_PORT: u16 = 5201;

/// Keeps the calling thread on one CPU, or on the only one there is.
fn pin(cpu: usize) -> Result<()> {
    let cpus = thread::available_parallelism().map_or(1, usize::from);
    let mut set = CpuSet::new();
    set.set(cpu % cpus)?;
    sched_setaffinity(Pid::from_raw(0), &set).context("pin a thread to a CPU")
}

/// The result of a thread that has ended; its panic, where it panicked.
fn joined<T>(outcome: thread::Result<Result<T>>) -> Result<T> {
    match outcome {
        Ok(result) => result,
        Err(panic) => std::panic::resume_unwind(panic),
    }
}
