//! What the figures depend on besides the datapaths.

mod offloads;

use std::fs;

use serde::Serialize;

pub use self::offloads::OffloadState;
use super::{
    Datapath,
    cpus::{self, CpuTimes},
};
use crate::{datapath::kernel_features, net::sysctl};

/// A session that leaves others more of the CPUs than this was disturbed.
const BUSY: f64 = 0.05;

/// The machine that a session ran on.
#[derive(Clone, Debug, Serialize)]
pub struct Environment {
    /// Version of netbridge.
    pub netbridge: &'static str,
    /// Release of the kernel.
    pub kernel: String,
    /// Model of the CPU.
    pub cpu: String,
    /// CPUs that the session could use.
    pub cpus: usize,
    /// Whether a hypervisor runs this machine, where the CPU tells.
    pub virtual_machine: Option<bool>,
    /// What the kernel does about Spectre v2: it decides what indirect calls cost.
    pub spectre_v2: Option<String>,
    /// The clock that the kernel keeps time by.
    pub clocksource: Option<String>,
    /// What the interfaces' offloads were, in a line.
    pub offloads: String,
    /// What they were, interface by interface.
    pub offload_state: Vec<OffloadState>,
    /// `net.core.netdev_max_backlog`, where it can be seen.
    pub netdev_max_backlog: Option<String>,
    /// `net.core.rmem_max`.
    pub rmem_max: Option<String>,
    /// `net.core.wmem_max`.
    pub wmem_max: Option<String>,
    /// `net.core.bpf_jit_enable`.
    pub bpf_jit_enable: Option<String>,
    /// `kernel.bpf_stats_enabled`, which makes every program slower.
    pub bpf_stats_enabled: Option<String>,
    /// Where senders and receivers ran.
    pub pinning: String,
    /// Processes that ran or waited for a CPU in the minute before.
    pub load_at_start: Option<f64>,
    /// Share of all CPU time that other processes had meanwhile, at least.
    pub cpu_of_others: Option<f64>,
    /// Share of all CPU time that the hypervisor gave to others meanwhile.
    pub cpu_stolen: Option<f64>,
    /// What makes the figures doubtful.
    pub warnings: Vec<String>,
    #[serde(skip)]
    started: Option<CpuTimes>,
}

impl Environment {
    /// Looks at this machine, and at what `datapaths` look like on it.
    pub fn of_this_machine(datapaths: &[Datapath]) -> Self {
        let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let offload_state = offloads::of(datapaths);
        let mut environment = Self {
            netbridge: env!("CARGO_PKG_VERSION"),
            kernel: kernel_features().release,
            cpu: cpu_field(&cpuinfo, "model name")
                .unwrap_or(std::env::consts::ARCH)
                .to_owned(),
            cpus: cpus::allowed().len(),
            virtual_machine: cpu_field(&cpuinfo, "flags")
                .map(|flags| flags.split_whitespace().any(|flag| flag == "hypervisor")),
            spectre_v2: line("/sys/devices/system/cpu/vulnerabilities/spectre_v2")
                .map(|text| text.split(';').next().unwrap_or_default().to_owned()),
            clocksource: line("/sys/devices/system/clocksource/clocksource0/current_clocksource"),
            offloads: offloads::in_short(&offload_state),
            offload_state,
            netdev_max_backlog: sysctl::read("net/core/netdev_max_backlog"),
            rmem_max: sysctl::read("net/core/rmem_max"),
            wmem_max: sysctl::read("net/core/wmem_max"),
            bpf_jit_enable: sysctl::read("net/core/bpf_jit_enable"),
            bpf_stats_enabled: sysctl::read("kernel/bpf_stats_enabled"),
            pinning: pinning(cpus::allowed()),
            load_at_start: line("/proc/loadavg")
                .and_then(|text| text.split(' ').next()?.parse().ok()),
            cpu_of_others: None,
            cpu_stolen: None,
            warnings: Vec::new(),
            started: CpuTimes::now(),
        };
        environment.doubt();
        environment
    }

    /// Settings that make figures worse than they could be.
    fn doubt(&mut self) {
        if self.cpus == 1 {
            let text = "there is one CPU: sender and receiver share it, and figures between stacks are \
                        lower than with two";
            self.warnings.push(text.to_owned());
        }
        if self.bpf_jit_enable.as_deref() == Some("0") {
            let text = "net.core.bpf_jit_enable is 0: programs are interpreted";
            self.warnings.push(text.to_owned());
        }
        let stats = self.bpf_stats_enabled.as_deref();
        if stats.is_some_and(|value| value != "0") {
            let text = "kernel.bpf_stats_enabled is set: every program is slower than it need be";
            self.warnings.push(text.to_owned());
        }
    }

    /// The same at the end of a session on `datapaths`: what others did meanwhile.
    #[must_use]
    pub fn after(mut self, datapaths: &[Datapath]) -> Self {
        // An engine and its containers are the session's own, and look like others.
        if datapaths.iter().any(|datapath| datapath.is_docker()) {
            return self;
        }
        let shares = self
            .started
            .zip(CpuTimes::now())
            .and_then(|(before, now)| now.others_and_stolen(&before));
        let Some((others, stolen)) = shares else {
            return self;
        };
        self.cpu_of_others = Some(others);
        self.cpu_stolen = Some(stolen);
        let whom = [
            (others, "other processes"),
            (stolen, "other virtual machines"),
        ];
        for (share, whom) in whom.into_iter().filter(|(share, _)| *share > BUSY) {
            self.warnings.push(format!(
                "the machine was busy: {:.0} % of the CPU went to {whom}; measure again when it is idle",
                share * 100.0
            ));
        }
        self
    }

    /// What a reader wants to know, by name.
    pub(super) fn facts(&self) -> Vec<(&'static str, String)> {
        let percent = |share: Option<f64>| share.map(|share| format!("{:.1} %", share * 100.0));
        let facts = [
            ("netbridge", Some(self.netbridge.to_owned())),
            ("kernel", Some(self.kernel.clone())),
            ("CPU", Some(format!("{}, {} usable", self.cpu, self.cpus))),
            (
                "virtual machine",
                self.virtual_machine
                    .map(|yes| if yes { "yes" } else { "no" }.to_owned()),
            ),
            ("Spectre v2", self.spectre_v2.clone()),
            ("clock source", self.clocksource.clone()),
            (
                "net.core.netdev_max_backlog",
                self.netdev_max_backlog.clone(),
            ),
            ("net.core.rmem_max", self.rmem_max.clone()),
            ("net.core.wmem_max", self.wmem_max.clone()),
            ("net.core.bpf_jit_enable", self.bpf_jit_enable.clone()),
            ("kernel.bpf_stats_enabled", self.bpf_stats_enabled.clone()),
            (
                "load before",
                self.load_at_start.map(|load| load.to_string()),
            ),
            ("CPU of other processes", percent(self.cpu_of_others)),
            ("CPU of other virtual machines", percent(self.cpu_stolen)),
            ("pinning", Some(self.pinning.clone())),
        ];
        let known = |(name, value): (&'static str, Option<String>)| Some((name, value?));
        facts.into_iter().filter_map(known).collect()
    }
}

fn pinning(cpus: &[usize]) -> String {
    if let [one, other, ..] = cpus {
        return format!(
            "Generator and all softirqs on CPU {one}; stack tests: sender CPU {one}, receiver CPU {other}"
        );
    }
    let one = cpus.first().copied().unwrap_or_default();
    format!("Everything on CPU {one}, the only one: sender and receiver share it")
}

fn line(path: &str) -> Option<String> {
    Some(fs::read_to_string(path).ok()?.trim_end().to_owned())
}

/// The first value of a field of `/proc/cpuinfo`.
fn cpu_field<'a>(cpuinfo: &'a str, name: &str) -> Option<&'a str> {
    cpuinfo.lines().find_map(|line| {
        let (field, value) = line.split_once(':')?;
        (field.trim_end() == name).then(|| value.trim())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_cpuinfo_are_found() {
        let text = "processor\t: 0\nmodel name\t: Some CPU: fast\nflags\t\t: fpu hypervisor\n";
        assert_eq!(cpu_field(text, "model name"), Some("Some CPU: fast"));
        assert_eq!(cpu_field(text, "flags"), Some("fpu hypervisor"));
        assert_eq!(cpu_field(text, "model"), None);
    }

    #[test]
    fn one_cpu_is_said_to_be_shared() {
        assert!(pinning(&[3]).contains("CPU 3, the only one"));
        assert!(pinning(&[2, 5, 6]).contains("sender CPU 2, receiver CPU 5"));
    }
}
