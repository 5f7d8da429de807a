//! What is sent, what is counted, and in which unit: a file per test, or per family of tests.

use std::thread;

use anyhow::Result;

use super::cpus::pin;

pub(super) mod attach;
pub(super) mod broadcast;
pub(super) mod capacity;
pub(super) mod churn;
pub(super) mod cost;
mod cpu;
mod datagrams;
pub(super) mod docker;
pub(super) mod fdb;
pub(super) mod fdb_dump;
pub(super) mod features;
pub(super) mod first_packet;
mod frames;
pub(super) mod holb;
pub(super) mod latency;
pub(super) mod learning;
pub(super) mod loss;
mod many_ports;
pub(super) mod memory;
pub(super) mod meshed;
pub(super) mod pressure;
pub(super) mod reset;
pub(super) mod tcp;
pub(super) mod throughput;
pub(super) mod udp;

/// Port of the tests' servers.
const SERVER_PORT: u16 = 5201;

/// The result of a thread that has ended; its panic, where it panicked.
fn joined<T>(outcome: thread::Result<Result<T>>) -> Result<T> {
    match outcome {
        Ok(result) => result,
        Err(panic) => std::panic::resume_unwind(panic),
    }
}
