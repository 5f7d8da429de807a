//! The machine: kernel, parameters, privilege, and whether the hooks really work.

use std::io;

use super::{Finding, Status, finding::Sheet, probe};
use crate::{
    datapath::{BPFFS, Capabilities, bpffs_is_mounted, kernel_features, program_costs},
    net::sysctl,
};

/// Frames that a flood at TC puts into a queue at a time.
pub(super) const FLOOD_CHUNK: u32 = 256;

/// Examines the machine.
///
/// Where privilege allows, the programs are loaded and a bridge between throw-away namespaces
/// forwards a datagram; nothing of that remains.
pub fn machine() -> Vec<Finding> {
    let mut sheet = Sheet::new("machine");
    kernel(&mut sheet);
    jit(&mut sheet);
    timing(&mut sheet);
    bpffs(&mut sheet);
    backlog(&mut sheet);
    bridge_nf(&mut sheet);
    if capabilities(&mut sheet) {
        programs(&mut sheet);
        probe::run(&mut sheet);
    } else {
        sheet.note("programs", "not checked: loading them needs root");
        sheet.note("forwarding", "not checked: a trial bridge needs root");
    }
    sheet.into_findings()
}

fn kernel(sheet: &mut Sheet) {
    let features = kernel_features();
    let found = format!("{} (needs 6.6)", features.release);
    if features.tcx {
        sheet.ok("kernel", found);
    } else {
        sheet.advise(Status::Problem, "kernel", found, "boot Linux 6.6 or newer");
    }
    if features.btf {
        sheet.ok("btf", "/sys/kernel/btf/vmlinux is there");
    } else {
        let remedy = "boot a kernel built with CONFIG_DEBUG_INFO_BTF=y";
        sheet.advise(Status::Problem, "btf", "no /sys/kernel/btf/vmlinux", remedy);
    }
    if features.peer_scrubs {
        sheet.ok("redirect_peer", "the kernel sets the packet type itself");
    } else {
        let found = "the kernel leaves the packet type (before 6.15); netbridge sets it";
        sheet.note("redirect_peer", found);
    }
}

fn jit(sheet: &mut Sheet) {
    match sysctl::read("net/core/bpf_jit_enable").as_deref() {
        Some("0") => {
            let found = "off: the kernel interprets every instruction, or refuses programs";
            let remedy = "`sysctl -w net.core.bpf_jit_enable=1`";
            sheet.advise(Status::Warning, "jit", found, remedy);
        }
        Some(_) if sysctl::read("net/core/bpf_jit_harden").as_deref() == Some("2") => {
            let found = "on, hardened for all users, which makes programs longer";
            let remedy = "`sysctl -w net.core.bpf_jit_harden=1` hardens those of other users only";
            sheet.advise(Status::Note, "jit", found, remedy);
        }
        Some(_) => sheet.ok("jit", "on"),
        None => sheet.note("jit", not_visible("net.core.bpf_jit_enable")),
    }
}

fn timing(sheet: &mut Sheet) {
    if sysctl::read("kernel/bpf_stats_enabled").as_deref() == Some("1") {
        let found = "kernel.bpf_stats_enabled is 1: the kernel times each run of a program";
        let remedy = "`sysctl -w kernel.bpf_stats_enabled=0` while speed matters";
        sheet.advise(Status::Warning, "bpf_stats", found, remedy);
    } else {
        sheet.ok("bpf_stats", "off: runs of programs are not timed");
    }
}

fn bpffs(sheet: &mut Sheet) {
    match bpffs_is_mounted() {
        Ok(true) => {
            sheet.ok("bpffs", format!("mounted at {BPFFS}"));
        }
        Ok(false) => {
            let found = format!("not mounted at {BPFFS}; netbridge mounts it for its first bridge");
            let remedy = format!("`mount -t bpf bpf {BPFFS}` if that fails");
            sheet.advise(Status::Note, "bpffs", found, remedy);
        }
        Err(errno) => {
            let error = io::Error::from(errno);
            let found = format!("no {BPFFS} ({error})");
            let remedy = "mount sysfs, and boot a kernel with CONFIG_BPF_SYSCALL=y";
            sheet.advise(Status::Problem, "bpffs", found, remedy);
        }
    }
}

fn backlog(sheet: &mut Sheet) {
    let name = "net.core.netdev_max_backlog";
    let value = sysctl::read("net/core/netdev_max_backlog");
    match value.and_then(|value| value.parse::<u32>().ok()) {
        None => sheet.note("backlog", not_visible(name)),
        Some(frames) if frames < FLOOD_CHUNK => {
            let found = format!("{name} is {frames}: floods to more ports lose frames");
            let remedy = format!("`sysctl -w {name}=1000`, the kernel's default");
            sheet.advise(Status::Warning, "backlog", found, remedy);
        }
        Some(frames) => sheet.ok("backlog", format!("{name} is {frames}")),
    }
}

fn bridge_nf(sheet: &mut Sheet) {
    let names = ["iptables", "ip6tables", "arptables"];
    let value = |name: &str| sysctl::read(&format!("net/bridge/bridge-nf-call-{name}"));
    let is_on = |name: &&str| value(name).as_deref() == Some("1");
    let on: Vec<&str> = names.into_iter().filter(is_on).collect();
    if !on.is_empty() {
        let found = format!(
            "bridge-nf-call-{} = 1: frames of Linux bridges pass these tables, those of netbridge \
             do not",
            on.join(", bridge-nf-call-")
        );
        let remedy = "filter at the containers, or on routed traffic, not by bridge-nf";
        sheet.advise(Status::Note, "bridge_nf", found, remedy);
    } else if value("iptables").is_some() {
        sheet.ok("bridge_nf", "bridge-nf-call-* are 0");
    } else {
        sheet.ok("bridge_nf", "br_netfilter is not loaded");
    }
}

/// Says whether the process may do what netbridge does.
fn capabilities(sheet: &mut Sheet) -> bool {
    let Some(effective) = Capabilities::effective() else {
        sheet.note(
            "capabilities",
            "not checked: no CapEff in /proc/self/status",
        );
        return false;
    };
    let missing = effective.missing();
    if missing.is_empty() {
        sheet.ok("capabilities", Capabilities::needed());
        return true;
    }
    let found = format!("this process lacks {}", missing.join(", "));
    let remedy = "run netbridge as root; doctor then checks more";
    sheet.advise(Status::Warning, "capabilities", found, remedy);
    false
}

fn programs(sheet: &mut Sheet) {
    match program_costs() {
        Ok(costs) => {
            let cost = |cost: &crate::datapath::ProgramCost| {
                format!("{} {}", cost.program, cost.verified_instructions)
            };
            let costs: Vec<String> = costs.iter().map(cost).collect();
            let found = format!("verified, with instructions walked: {}", costs.join(", "));
            sheet.ok("programs", found);
        }
        Err(error) => sheet.failed(Status::Problem, "programs", &error),
    }
}

fn not_visible(name: &str) -> String {
    format!("not checked: {name} is not visible in this network namespace")
}
