//! What the whole machine's CPUs do: threads, interrupts and other processes alike.
//!
//! A forwarded frame costs time in the sender's system call, in soft interrupts, and with some
//! datapaths in a process of its own. Only all of it together can be compared, so that whatever else
//! runs on the machine meanwhile counts too.

use std::{fs, time::Duration};

use anyhow::{Context as _, Result};

/// A tick of `/proc/stat` (`USER_HZ` is 100 everywhere).
const TICK: Duration = Duration::from_millis(10);

/// Time that all CPUs together have been busy since the machine started.
pub(super) fn busy() -> Result<Duration> {
    let stat = fs::read_to_string("/proc/stat").context("read /proc/stat")?;
    let ticks = busy_ticks(&stat).context("read /proc/stat: no line for all CPUs")?;
    Ok(TICK * u32::try_from(ticks)?)
}

/// user, nice, system, irq and softirq of the first line; not idle, iowait, steal and the guests'.
fn busy_ticks(stat: &str) -> Option<u64> {
    let fields = stat.lines().next()?.strip_prefix("cpu ")?;
    let ticks: Vec<u64> = fields
        .split_whitespace()
        .map_while(|field| field.parse().ok())
        .collect();
    let [user, nice, system, _idle, _iowait, irq, softirq, ..] = ticks[..] else {
        return None;
    };
    Some(user + nice + system + irq + softirq)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_is_not_work() {
        let stat = "cpu  1 2 4 1000 2000 8 16 4000 8000 0\ncpu0 0 0 0 0 0 0 0 0 0 0\n";
        assert_eq!(busy_ticks(stat), Some(31));
        assert_eq!(busy_ticks("cpu0 1 2 3"), None);
        assert!(busy().unwrap() > Duration::ZERO);
    }
}
