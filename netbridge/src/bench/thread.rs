//! A port whose frames a kernel thread takes in, and not the CPU that sends them.

use std::{collections::BTreeSet, fs};

use anyhow::{Context as _, Result, ensure};
use nix::{
    mount::{MsFlags, mount},
    sched::{CloneFlags, CpuSet, sched_setaffinity, unshare},
    unistd::Pid,
};
use rustix::process::setpriority_process;

use super::{
    cpus,
    rig::{Rig, port_name},
};

/// Lets a kernel thread on CPU 1 take in what station `number` (from 0) sends: then a sender on CPU
/// 0 can offer more than is forwarded.
pub(super) fn receive_on_a_thread(rig: &Rig, number: u32) -> Result<()> {
    let port = port_name(number + 1);
    let name = format!("napi/{port}-");
    let before = threads(&name)?;
    rig.host.run(|| make_threaded(&port))??;
    let new = &threads(&name)? - &before;
    ensure!(!new.is_empty(), "no thread of the kernel for {port}");
    let mut cpu = CpuSet::new();
    cpu.set(cpus::nth(1))?;
    // Another bench that starts at this moment may have such a thread too, and does the same.
    for pid in new {
        sched_setaffinity(Pid::from_raw(pid), &cpu).context("pin a thread of the kernel")?;
        // Before what else the machine does, as without a thread.
        setpriority_process(rustix::process::Pid::from_raw(pid), -20)
            .context("set a thread's priority")?;
    }
    Ok(())
}

/// The setting is in sysfs alone, which shows one namespace only: a mount of this thread's own.
fn make_threaded(port: &str) -> Result<()> {
    let none = None::<&str>;
    unshare(CloneFlags::CLONE_NEWNS).context("make a mount namespace")?;
    let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
    mount(none, "/", none, private, none).context("make mounts private")?;
    mount(none, "/sys", Some("sysfs"), MsFlags::empty(), none).context("mount sysfs")?;
    let file = format!("/sys/class/net/{port}/threaded");
    fs::write(&file, "1").with_context(|| format!("write {file}"))
}

/// Threads of the kernel whose name begins so.
fn threads(name: &str) -> Result<BTreeSet<i32>> {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir("/proc").context("read /proc")? {
        let entry = entry.context("read /proc")?;
        let Ok(pid) = entry.file_name().to_string_lossy().parse() else {
            continue;
        };
        // One that has ended meanwhile has no name.
        let comm = fs::read_to_string(entry.path().join("comm")).unwrap_or_default();
        if comm.starts_with(name) {
            found.insert(pid);
        }
    }
    Ok(found)
}
