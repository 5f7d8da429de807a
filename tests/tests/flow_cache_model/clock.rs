//! Ticks, which the programs take from the kernel's clock: nobody can set them.

use std::{thread, time::Duration};

use netbridge::datapath;
use netbridge_common::Ticks;
use nix::time::{ClockId, clock_gettime};

/// Longest that the coarse clock stands still, at 100 Hz, and a step usually takes.
const MARGIN: Duration = Duration::from_millis(12);
/// A tick.
const TICK: Duration = Duration::from_nanos(Ticks::NANOS);

/// The tick, of which there is enough left for a step.
pub(super) fn within_a_tick() -> Ticks {
    let left = left();
    if left < MARGIN {
        thread::sleep(left + MARGIN);
    }
    datapath::now()
}

/// Lets ticks pass.
pub(super) fn wait(ticks: u32) {
    thread::sleep(left() + TICK * (ticks - 1) + MARGIN);
}

/// What is left of the tick.
fn left() -> Duration {
    let time = clock_gettime(ClockId::CLOCK_MONOTONIC).expect("read the clock");
    let nanos = u64::try_from(Duration::from(time).as_nanos()).expect("64 bits of nanoseconds");
    Duration::from_nanos(Ticks::NANOS - nanos % Ticks::NANOS)
}
