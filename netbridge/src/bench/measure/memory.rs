//! What a large bridge takes: time to attach its ports, and memory.

use std::{fs, thread, time::Instant};

use anyhow::{Context as _, Result};
use netbridge_common::bench::BenchConf;

use super::{
    frames::{SMALLEST, frame},
    joined,
    many_ports::{Empty, ManyPorts},
};
use crate::{
    bench::{
        Datapath,
        daemon::{Daemon, PLACES},
        mounts,
        sample::{Sample, Unit},
        test::Test,
        tools::{BATCH, Tools},
    },
    bridge::Bridge,
    datapath::LoadOptions,
    net::ethtool,
};

const PORTS: usize = 1_000;
/// Learned addresses: two rounds, since frames tell 65,536 flows apart.
const ROUNDS: u8 = 2;
const ADDRESSES: u32 = 50_000;

/// What a bridge with many ports and addresses takes.
pub(in crate::bench) const TEST: Test = Test {
    name: "memory",
    about: "time to attach 1,000 ports; memory of the bridge with them and 100,000 addresses: \
            kernel, maps and programs, `netbridge serve`",
    quick: false,
    between_stacks: false,
    applies: |datapath| matches!(datapath, Datapath::LinuxBridge | Datapath::NetbridgeTc),
    run: |datapath, _| {
        let test = || {
            mounts::make_private(&PLACES)?;
            large(datapath)
        };
        thread::scope(|scope| joined(scope.spawn(test).join()))
    },
};

fn large(datapath: Datapath) -> Result<Vec<Sample>> {
    let ports = ManyPorts::new(PORTS)?;
    let mut tools = Tools::load()?;
    // The generator is loaded before anything is measured.
    ports.far.run(|| learn(&mut tools, &ports, 0, 1))??;
    ports.host.run(|| {
        ethtool::set_gro(&ports.names[0], true)?;
        measure(datapath, &ports, &mut tools)
    })?
}

fn measure(datapath: Datapath, ports: &ManyPorts, tools: &mut Tools) -> Result<Vec<Sample>> {
    let before = kernel_memory()?;
    let load = LoadOptions {
        fdb_entries: u32::from(ROUNDS) * ADDRESSES + 1,
        ..LoadOptions::default()
    };
    let mut bridge = Empty::new(datapath, load, true)?;
    let started = Instant::now();
    ports.attach(datapath, &mut bridge)?;
    let attached = started.elapsed();
    for round in 0..ROUNDS {
        ports.far.run(|| learn(tools, ports, round, ADDRESSES))??;
    }
    let kernel = kernel_memory()?.saturating_sub(before);
    let millis = attached.as_secs_f64() * 1e3;
    let mut samples = vec![
        Sample::new("attach_1000", Unit::Millis, millis),
        sample("memory_kernel", kernel),
    ];
    if let Empty::Netbridge(bridge) = &mut bridge {
        samples.push(sample("memory_objects", objects(bridge)?));
        let daemon = Daemon::start(&ports.host)?;
        let status = format!("/proc/{}/status", daemon.id());
        samples.push(sample("memory_daemon", field(&status, "VmRSS:")?));
    }
    Ok(samples)
}

/// Has station 1 send frames from many addresses, all to one behind the same port, so that none is
/// flooded.
fn learn(tools: &mut Tools, ports: &ManyPorts, round: u8, count: u32) -> Result<()> {
    let ifindex = ports.peers[0];
    let first = [0x02, 0, 0, 0, 0, 0];
    let hello = frame([0xff; 6], first, SMALLEST);
    tools.configure(ifindex, BenchConf::default())?;
    tools.generate(&hello, ifindex, 1, BATCH)?;
    let frame = frame(first, [0x02, 0, 0, round, 0, 0], SMALLEST);
    let conf = BenchConf {
        flows: count,
        keep_dst: 1,
        ..BenchConf::default()
    };
    tools.configure(ifindex, conf)?;
    tools.generate(&frame, ifindex, count, BATCH).map(drop)
}

/// Octets that the bridge's maps and programs take, as the kernel reckons them.
fn objects(bridge: &mut Bridge) -> Result<u64> {
    let maps = bridge.maps().memory()?;
    Ok(maps + bridge.programs_mut().memory()?)
}

/// Octets of the kernel's pools that bridges allocate from.
fn kernel_memory() -> Result<u64> {
    let pools = ["Slab:", "Percpu:", "VmallocUsed:"];
    let read = |pool: &&str| field("/proc/meminfo", pool);
    pools.iter().map(read).sum()
}

/// A field in KiB of a file of `/proc`, in octets.
fn field(path: &str, name: &str) -> Result<u64> {
    let text = fs::read_to_string(path).with_context(|| format!("read {path}"))?;
    let value = text.lines().find_map(|line| {
        line.strip_prefix(name)?
            .trim()
            .strip_suffix(" kB")?
            .parse()
            .ok()
    });
    let kib: u64 = value.with_context(|| format!("no {name} in {path}"))?;
    Ok(kib * 1024)
}

fn sample(name: &str, octets: u64) -> Sample {
    #[expect(clippy::cast_precision_loss, reason = "octets below 2^52")]
    let mebibytes = octets as f64 / f64::from(1 << 20);
    Sample::new(name, Unit::Mebibytes, mebibytes)
}
