//! The CPUs of a session, and what else they did.

use std::{fs, sync::OnceLock};

use anyhow::{Context as _, Result};
use nix::{
    sched::{CpuSet, sched_getaffinity, sched_setaffinity},
    unistd::{Pid, SysconfVar, sysconf},
};

/// The CPUs that this process may use, as it found them: pinned threads see one alone.
pub(super) fn allowed() -> &'static [usize] {
    static ALLOWED: OnceLock<Vec<usize>> = OnceLock::new();
    ALLOWED.get_or_init(|| {
        let set = sched_getaffinity(Pid::from_raw(0)).unwrap_or_else(|_| CpuSet::new());
        let cpus = (0..CpuSet::count()).filter(|cpu| set.is_set(*cpu).unwrap_or(false));
        let cpus: Vec<usize> = cpus.collect();
        if cpus.is_empty() { vec![0] } else { cpus }
    })
}

/// The `number`th of them, or one of those there are.
pub(super) fn nth(number: usize) -> usize {
    let cpus = allowed();
    cpus[number % cpus.len()]
}

/// Keeps the calling thread on the `number`th CPU.
pub(super) fn pin(number: usize) -> Result<()> {
    let mut set = CpuSet::new();
    set.set(nth(number))?;
    sched_setaffinity(Pid::from_raw(0), &set).context("pin a thread to a CPU")
}

/// Lets the calling thread, which has inherited another's place, and what it starts run anywhere.
pub(super) fn unpin() -> Result<()> {
    let mut set = CpuSet::new();
    for cpu in allowed() {
        set.set(*cpu)?;
    }
    sched_setaffinity(Pid::from_raw(0), &set).context("let a thread run anywhere")
}

/// Time of all CPUs together so far, in seconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct CpuTimes {
    whole: f64,
    user: f64,
    user_and_system: f64,
    stolen: f64,
    own_user: f64,
    own: f64,
}

impl CpuTimes {
    /// Reads the clocks.
    pub(super) fn now() -> Option<Self> {
        let stat = fs::read_to_string("/proc/stat").ok()?;
        let hertz = sysconf(SysconfVar::CLK_TCK).ok()??;
        let hertz = f64::from(u32::try_from(hertz).ok()?);
        let mut times = Self::parse(&stat, hertz)?;
        let (user, system) = own(&fs::read_to_string("/proc/self/stat").ok()?)?;
        times.own_user = user / hertz;
        times.own = (user + system) / hertz;
        Some(times)
    }

    fn parse(stat: &str, hertz: f64) -> Option<Self> {
        let line = stat.lines().find_map(|line| line.strip_prefix("cpu "))?;
        let words = line.split_whitespace().map(str::parse::<f64>);
        let ticks: Vec<f64> = words.collect::<Result<_, _>>().ok()?;
        // user nice system idle iowait irq softirq steal; guests' time is part of user and nice.
        let [user, nice, system, _, _, _, _, stolen] = *ticks.get(..8)?.first_chunk()?;
        Some(Self {
            whole: ticks[..8].iter().sum::<f64>() / hertz,
            user: (user + nice) / hertz,
            user_and_system: (user + nice + system) / hertz,
            stolen: stolen / hertz,
            own_user: 0.0,
            own: 0.0,
        })
    }

    /// Shares of all CPU time since `before` that other processes had, at least, and that the
    /// hypervisor gave to other machines.
    ///
    /// Where the kernel bills interrupts to whom they interrupt, the session's own system time has
    /// work in it that is not in the system's: user time then is what can be relied on.
    pub(super) fn others_and_stolen(&self, before: &Self) -> Option<(f64, f64)> {
        let whole = self.whole - before.whole;
        if whole <= 0.0 {
            return None;
        }
        let user = (self.user - before.user) - (self.own_user - before.own_user);
        let all = (self.user_and_system - before.user_and_system) - (self.own - before.own);
        let others = user.max(all).max(0.0);
        Some((others / whole, (self.stolen - before.stolen) / whole))
    }
}

/// User and system time in the text of `/proc/PID/stat`, in ticks.
fn own(stat: &str) -> Option<(f64, f64)> {
    // The name before it may hold anything, also spaces.
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace().skip(11).map(str::parse);
    Some((fields.next()?.ok()?, fields.next()?.ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn others_had_what_the_session_had_not() {
        let parse = |text: &str| CpuTimes::parse(text, 100.0).expect("times");
        let before = parse("cpu  100 0 100 800 0 0 0 0 0 0\n");
        let mut after = parse("cpu  400 0 200 1100 0 0 200 100 0 0\n");
        after.own_user = 2.0;
        after.own = 2.5;
        let (others, stolen) = after.others_and_stolen(&before).expect("shares");
        assert!((others - 0.15).abs() < 1e-9, "{others}");
        assert!((stolen - 0.1).abs() < 1e-9, "{stolen}");
        assert!(before.others_and_stolen(&before).is_none());
    }

    #[test]
    fn own_time_is_found_behind_any_name() {
        let stat = "7 (a ) b) R 1 2 3 4 5 6 7 8 9 10 21 22 0 0 20 0 1 0";
        assert_eq!(own(stat), Some((21.0, 22.0)));
        assert_eq!(own(""), None);
    }
}
