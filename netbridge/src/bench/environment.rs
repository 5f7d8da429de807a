//! What the figures depend on besides the datapaths.

use serde::Serialize;

use crate::{datapath::kernel_features, net::sysctl};

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
    /// What the stations' offloads were.
    pub offloads: &'static str,
    /// `net.core.netdev_max_backlog`, where it can be seen.
    pub netdev_max_backlog: Option<String>,
    /// `net.core.bpf_jit_enable`.
    pub bpf_jit_enable: Option<String>,
    /// Where senders and receivers ran.
    pub pinning: &'static str,
}

impl Environment {
    /// The same at the end of a session.
    #[must_use]
    pub fn after(self) -> Self {
        self
    }

    /// Looks at this machine.
    pub fn of_this_machine() -> Self {
        let cpuinfo = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let cpu = cpuinfo
            .lines()
            .find_map(|line| line.strip_prefix("model name"))
            .map(|rest| rest.trim_start_matches([' ', '\t', ':']).to_owned());
        Self {
            netbridge: env!("CARGO_PKG_VERSION"),
            kernel: kernel_features().release,
            cpu: cpu.unwrap_or_else(|| std::env::consts::ARCH.to_owned()),
            cpus: std::thread::available_parallelism().map_or(1, usize::from),
            offloads: "veth's own (checksum, TSO, GSO on); GRO on at the host's ends; netbridge-xdp and xdp-static: transmit checksum off at the station",
            netdev_max_backlog: sysctl::read("net/core/netdev_max_backlog"),
            bpf_jit_enable: sysctl::read("net/core/bpf_jit_enable"),
            pinning: "generator and all softirqs on CPU 0; stack tests: sender CPU 0, receiver CPU 1",
        }
    }
}
