//! The kernel's bridge as the oracle: the same frames through it and through netbridge must reach
//! the same containers, unchanged, and teach both the same.
//!
//! Left out on purpose: group 01:80:c2:00:00:00, which the kernel relays while STP is off; untagged
//! MAC control to other addresses than its group, which the kernel relays; and tagged frames that
//! are too big by no more than the tag, which no XDP redirect takes.
#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops where it fails, and says so"
)]

use std::collections::BTreeMap;

use netbridge::{
    bridge::{Bridge, BridgeOptions, HookChoice, PortSpec},
    datapath::LoadOptions,
};
use netbridge_common::{MacAddr, PortId};
use netbridge_tests::{
    frame::{self, Dice, Frame, station},
    linux::{Delivered, Rig, Script, Window},
    model::{Model, ModelPort},
    require_root,
};
use nix::{
    errno::Errno,
    sched::{CpuSet, sched_setaffinity},
    unistd::Pid,
};

/// Frames in each play.
const FRAMES: usize = 100_000;
/// Most that are sent at once: less than the 256 that a veth's ring holds.
const WINDOW: usize = 100;
/// MTU of each container; one is small, so that some frames are too big for it alone.
const MTUS: [u32; 5] = [1500, 1500, 1000, 1500, 1500];
/// Lengths about which the small one is in doubt at XDP, if the frame has a tag.
const DOUBTFUL: std::ops::RangeInclusive<usize> = 1019..=1022;
/// Stations that speak, those of the containers among them.
const STATIONS: usize = 14;

#[test]
fn frames_reach_whom_the_kernels_bridge_sends_them_to_at_tc() {
    require_root!();
    compare(&[HookChoice::Tc; 5], true, 1);
}

#[test]
fn frames_reach_whom_the_kernels_bridge_sends_them_to_at_xdp() {
    require_root!();
    compare(&[HookChoice::Xdp; 5], true, 2);
}

#[test]
fn frames_reach_whom_the_kernels_bridge_sends_them_to_at_both_hooks() {
    use HookChoice::{Tc, Xdp};
    require_root!();
    compare(&[Tc, Xdp, Tc, Xdp, Xdp], false, 3);
}

fn compare(hooks: &[HookChoice], flow_cache: bool, seed: u64) {
    stay_on_this_cpu(usize::try_from(seed).expect("a small number") % 2);
    let (script, model) = script(seed);
    let by_model = Delivered::by_model(&script, MTUS.len());

    let linux = Rig::new(&MTUS);
    linux.join_by_linux_bridge();
    let by_linux = script.play(&linux);
    by_linux.assert_same(&by_model, &script, ["Linux", "the model"]);

    let rig = Rig::new(&MTUS);
    let fdb = play_on_netbridge(&script, &rig, hooks, flow_cache, &by_linux);

    let known = model.table.iter().map(|(mac, entry)| (*mac, entry.port.0));
    let known: BTreeMap<MacAddr, u32> = known.collect();
    assert_eq!(linux.linux_fdb(), known, "what Linux and the model learned");
    assert_eq!(fdb, known, "what netbridge and the model learned");
    // The script is no test if all frames went the same way.
    let spread = by_linux.spread();
    for receivers in [0, 1, 3, 4] {
        let frames = spread.get(&receivers).copied().unwrap_or(0);
        assert!(
            frames > FRAMES / 200,
            "few frames reached {receivers} containers: {spread:?}"
        );
    }
}

/// Plays on a bridge in the rig's host, compares deliveries, checks its books, and returns its FDB.
fn play_on_netbridge(
    script: &Script,
    rig: &Rig,
    hooks: &[HookChoice],
    flow_cache: bool,
    by_linux: &Delivered,
) -> BTreeMap<MacAddr, u32> {
    let play = || {
        let load = LoadOptions {
            flow_cache,
            ..LoadOptions::default()
        };
        let options = BridgeOptions {
            mixed_mtu: true,
            load,
            ..BridgeOptions::default()
        };
        let mut bridge = Bridge::create_private("br0", &options).expect("make a bridge");
        for (link, hook) in rig.ports.iter().zip(hooks) {
            let (ifname, hook) = (link.name.clone(), *hook);
            let spec = PortSpec {
                ifname,
                hook,
                ..PortSpec::default()
            };
            bridge.add_port(&spec).expect("add a port");
        }
        let by_netbridge = script.play(rig);
        let name = format!("netbridge {hooks:?}");
        by_netbridge.assert_same(by_linux, script, [&name, "Linux"]);
        check_books(&bridge, script, rig);
        let entries = bridge.fdb().expect("read the FDB").into_iter();
        entries
            .map(|(key, entry)| (key.mac, entry.port.0))
            .collect()
    };
    rig.host.run(play).expect("enter the host")
}

/// Every frame is counted where it came in, and every copy where it went out.
fn check_books(bridge: &Bridge, script: &Script, rig: &Rig) {
    let stats = bridge.stats().expect("read the counters");
    for port in &stats.ports {
        let n = rig.number(port.ifindex) as usize - 1;
        let windows = script.windows.iter().filter(|window| window.from == n);
        let sent: usize = windows.map(|window| window.frames.len()).sum();
        assert_eq!(port.rx.frames, sent as u64, "{port:#?}");
        let copies = script.expected.iter().flatten();
        let received = copies.filter(|to| **to == n).count();
        assert_eq!(port.tx.frames, received as u64, "{port:#?}");
    }
}

/// Softirqs run where the sender is: on one CPU, frames of several ports keep their order.
fn stay_on_this_cpu(cpu: usize) {
    let mut cpus = CpuSet::new();
    cpus.set(cpu).expect("a CPU");
    match sched_setaffinity(Pid::from_raw(0), &cpus) {
        // There is only one CPU, and so only one order.
        Ok(()) | Err(Errno::EINVAL) => {}
        Err(errno) => panic!("stay on CPU {cpu}: {errno}"),
    }
}

/// Makes the frames, and asks the model about them.
fn script(seed: u64) -> (Script, Model) {
    let mut dice = Dice(seed);
    let mut model = Model {
        ageing: u32::MAX,
        ..Model::default()
    };
    for (id, mtu) in (1..).map(PortId).zip(MTUS) {
        let (learns, forwards, limit) = (true, true, 0);
        model.ports.insert(
            id,
            ModelPort {
                learns,
                forwards,
                mtu,
                limit,
            },
        );
    }
    let mut script = Script::default();
    let mut made = 0;
    while made < FRAMES {
        let from = dice.below(MTUS.len());
        script.windows.push(Window {
            from,
            frames: Vec::new(),
        });
        for _ in 0..=dice.below(WINDOW) {
            let (octets, tagged) = random_frame(&mut dice, from);
            // The kernel takes the outer tag out before a bridge sees the frame.
            let seen = octets.len() - if tagged { frame::TAG_LEN } else { 0 };
            let seen = u32::try_from(seen).expect("a short frame");
            let ingress = port_id(from);
            let outcome = model.receive(ingress, &octets, seen, 0);
            let ports = outcome.ports().iter();
            script.push(octets, ports.map(|port| port.0 as usize - 1).collect());
            made += 1;
        }
    }
    (script, model)
}

fn port_id(container: usize) -> PortId {
    PortId(u32::try_from(container).expect("a small number") + 1)
}

/// A frame that container `from` sends, and whether it has a tag.
fn random_frame(dice: &mut Dice, from: usize) -> (Vec<u8>, bool) {
    let mut frame = Frame::new(destination(dice), source(dice, from));
    let mut tags = 0;
    if dice.chance(20) {
        tags = 1 + dice.below(2);
        if tags == 2 {
            frame = frame.tag(dice.pick(&[frame::SVLAN, frame::VLAN]), random_tci(dice));
        }
        frame = frame.tag(frame::VLAN, random_tci(dice));
    }
    let least = frame::HEADER_LEN + tags * frame::TAG_LEN + 4;
    let most = MTUS[from] as usize + frame::HEADER_LEN;
    let mut len = match dice.below(10) {
        0..6 => least + dice.below(80),
        6 | 7 => 1005 + dice.below(26),
        8 => most - dice.below(3),
        _ => least + dice.below(1480),
    };
    if tags > 0 && DOUBTFUL.contains(&len) {
        len = *DOUBTFUL.end() + 1;
    }
    let len = len.clamp(least, most);
    let mut payload = vec![0; len - least + 4];
    dice.fill(&mut payload);
    let types = [frame::EXPERIMENT, frame::IPV4, frame::IPV6, frame::ARP, 46];
    (frame.raw(dice.pick(&types), &payload), tags > 0)
}

fn random_tci(dice: &mut Dice) -> u16 {
    u16::try_from(dice.below(0x1_0000)).expect("16 bits")
}

fn destination(dice: &mut Dice) -> MacAddr {
    match dice.below(40) {
        0..4 => MacAddr::BROADCAST,
        4 => frame::ALL_HOSTS,
        5 => frame::ALL_NODES,
        6 => frame::reserved(u8::try_from(1 + dice.below(15)).expect("a small number")),
        7 => frame::reserved(u8::try_from(0x10 + dice.below(32)).expect("a small number")),
        8 => MacAddr([0; 6]),
        // Some that never speak.
        n => any_station(dice, if n < 12 { STATIONS + 3 } else { STATIONS }),
    }
}

/// Mostly a station that is at home there, sometimes one that moves, rarely none.
fn source(dice: &mut Dice, from: usize) -> MacAddr {
    match dice.below(100) {
        0 => MacAddr([0; 6]),
        1 => frame::ALL_HOSTS,
        2 => MacAddr::BROADCAST,
        3..6 => any_station(dice, STATIONS),
        _ => {
            let homes = STATIONS.div_ceil(MTUS.len());
            let n = 1 + from + MTUS.len() * dice.below(homes);
            station(u16::try_from(n.min(STATIONS)).expect("a small number"))
        }
    }
}

fn any_station(dice: &mut Dice, stations: usize) -> MacAddr {
    station(u16::try_from(1 + dice.below(stations)).expect("a small number"))
}

/// Plays a frame that the first container floods on both bridges.
fn compare_flood(hooks: &[HookChoice], mtus: &[u32], frame: &[u8]) {
    let others = (1..mtus.len()).collect();
    let (from, frames) = (0, Vec::new());
    let mut script = Script::default();
    script.windows.push(Window { from, frames });
    script.push(frame.to_vec(), others);
    let linux = Rig::new(mtus);
    linux.join_by_linux_bridge();
    let by_linux = script.play(&linux);
    for hook in hooks {
        let hooks = vec![*hook; mtus.len()];
        play_on_netbridge(&script, &Rig::new(mtus), &hooks, true, &by_linux);
    }
}

/// MAC control is for the next station alone, but behind a tag it is somebody else's payload.
#[test]
fn what_is_behind_a_tag_is_not_looked_at() {
    require_root!();
    let frame = Frame::new(MacAddr::BROADCAST, station(1)).tag(frame::VLAN, 10);
    let hooks = [HookChoice::Tc, HookChoice::Xdp];
    compare_flood(&hooks, &[1500; 3], &frame.raw(frame::MAC_CONTROL, &[0; 60]));
}

/// Not so at XDP: the kernel itself refuses to redirect frames more than one tag larger.
#[test]
fn a_full_frame_with_two_tags_is_not_too_big_at_tc() {
    require_root!();
    let frame = Frame::new(MacAddr::BROADCAST, station(1));
    let frame = frame.tag(frame::SVLAN, 10).tag(frame::VLAN, 20);
    let octets = frame.raw(frame::EXPERIMENT, &[7; 1500]);
    compare_flood(&[HookChoice::Tc], &[1600, 1500, 1500], &octets);
}
