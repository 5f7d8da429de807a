//! Switches of ports, as the kernel's bridge has them: `isolated`, `hairpin`, `learning`, `locked`,
//! `flood`, `mcast_flood` and `bcast_flood` at random, changed between one round of frames and the
//! next, so that what was cached before is of no more use.
//!
//! Left out on purpose: frames from the host itself, and 01:80:c2:00:00:00 to :0f, of which the kernel relays :00 while STP
//! is off.
#![expect(
    clippy::expect_used,
    reason = "a test stops where it fails, and says so"
)]

use std::collections::BTreeMap;

use netbridge::bridge::{Bridge, BridgeOptions, HookChoice, PortChange, PortSpec};
use netbridge_common::{MacAddr, PortFlags, PortId};
use netbridge_tests::{
    frame::{self, Dice, Frame, station},
    linux::{Delivered, Rig, Script, Window},
    model::{Model, ModelPort},
    require_root,
};

/// Containers.
const PORTS: usize = 5;
/// Times that the switches change.
const ROUNDS: usize = 8;
/// Frames in a round.
const FRAMES: usize = 400;
/// Most that are sent at once.
const WINDOW: usize = 20;
/// Stations that speak, those of the containers among them.
const STATIONS: usize = 12;
/// The switches; each is on at about one port of four.
const SWITCHES: [PortFlags; 7] = [
    PortFlags::NO_LEARNING,
    PortFlags::NO_FLOOD,
    PortFlags::NO_MCAST_FLOOD,
    PortFlags::NO_BCAST_FLOOD,
    PortFlags::ISOLATED,
    PortFlags::HAIRPIN,
    PortFlags::LOCKED,
];

/// Frames under the same switches, where the model sends them, and what it has learned at the end.
struct Round {
    switches: Vec<PortFlags>,
    script: Script,
    known: BTreeMap<MacAddr, u32>,
}

#[test]
fn switches_mean_what_they_mean_to_the_kernel_at_tc() {
    require_root!();
    compare(&[HookChoice::Tc; PORTS], 11);
}

#[test]
fn switches_mean_what_they_mean_to_the_kernel_at_xdp() {
    require_root!();
    compare(&[HookChoice::Xdp; PORTS], 12);
}

#[test]
fn switches_mean_what_they_mean_to_the_kernel_at_both_hooks() {
    use HookChoice::{Tc, Xdp};
    require_root!();
    compare(&[Tc, Xdp, Tc, Xdp, Xdp], 13);
}

fn compare(hooks: &[HookChoice], seed: u64) {
    let rounds = rounds(seed);
    let linux = Rig::new(&[1500; PORTS]);
    linux.join_by_linux_bridge();
    let rig = Rig::new(&[1500; PORTS]);
    let play = || {
        let mut bridge = bridge(&rig, hooks);
        for (n, round) in rounds.iter().enumerate() {
            let by_model = Delivered::by_model(&round.script, PORTS);
            linux.set_linux_switches(&round.switches);
            let by_linux = round.script.play(&linux);
            let title = format!("Linux, round {n} with {:?}", round.switches);
            by_linux.assert_same(&by_model, &round.script, [&title, "the model"]);
            assert_eq!(linux.linux_fdb(), round.known, "{title}");

            set_switches(&mut bridge, &rig, &round.switches);
            let by_netbridge = round.script.play(&rig);
            let title = format!("netbridge {hooks:?}, round {n} with {:?}", round.switches);
            by_netbridge.assert_same(&by_linux, &round.script, [&title, "Linux"]);
            let entries = bridge.fdb().expect("read the FDB").into_iter();
            let known: BTreeMap<_, _> = entries.map(|(key, at)| (key.mac, at.port.0)).collect();
            assert_eq!(known, round.known, "{title}");
        }
    };
    rig.host.run(play).expect("enter the host");
}

fn bridge(rig: &Rig, hooks: &[HookChoice]) -> Bridge {
    let made = Bridge::create_private("br0", &BridgeOptions::default());
    let mut bridge = made.expect("make a bridge");
    for (link, hook) in rig.ports.iter().zip(hooks) {
        let spec = PortSpec {
            ifname: link.name.clone(),
            hook: *hook,
            ..PortSpec::default()
        };
        bridge.add_port(&spec).expect("add a port");
    }
    bridge
}

fn set_switches(bridge: &mut Bridge, rig: &Rig, switches: &[PortFlags]) {
    let all = SWITCHES
        .into_iter()
        .fold(PortFlags::default(), PortFlags::with);
    for (link, set) in rig.ports.iter().zip(switches) {
        let change = PortChange {
            set: *set,
            clear: all.set(*set, false),
            ..PortChange::default()
        };
        bridge
            .change_port(&link.name, &change)
            .expect("change a port");
    }
}

/// Makes the frames, and asks the model about them.
fn rounds(seed: u64) -> Vec<Round> {
    let mut dice = Dice(seed);
    let mut model = Model {
        ageing: u32::MAX,
        ..Model::default()
    };
    for id in (1..).map(PortId).take(PORTS) {
        let port = ModelPort {
            learns: true,
            forwards: true,
            mtu: 1500,
            limit: 0,
        };
        model.ports.insert(id, port);
    }
    (0..ROUNDS)
        .map(|n| round(&mut dice, &mut model, n))
        .collect()
}

fn round(dice: &mut Dice, model: &mut Model, n: usize) -> Round {
    // The first has none, so that there are stations which a locked port knows.
    let percent = if n == 0 { 0 } else { 25 };
    let mut random = || {
        let on = SWITCHES.into_iter().filter(|_| dice.chance(percent));
        on.fold(PortFlags::default(), PortFlags::with)
    };
    let switches: Vec<PortFlags> = (0..PORTS).map(|_| random()).collect();
    model.switches = (1..).map(PortId).zip(switches.iter().copied()).collect();
    let mut script = Script::default();
    while script.expected.len() < FRAMES {
        let (from, frames) = (dice.below(PORTS), Vec::new());
        script.windows.push(Window { from, frames });
        for _ in 0..=dice.below(WINDOW) {
            let octets = Frame::new(destination(dice), source(dice, from)).of_len(60);
            let outcome = model.receive(port_id(from), &octets, 60, 0);
            let ports = outcome.ports().iter();
            script.push(octets, ports.map(|port| port.0 as usize - 1).collect());
        }
    }
    let known = model.table.iter().map(|(mac, at)| (*mac, at.port.0));
    let known = known.collect();
    Round {
        switches,
        script,
        known,
    }
}

fn port_id(container: usize) -> PortId {
    PortId(u32::try_from(container).expect("a small number") + 1)
}

fn destination(dice: &mut Dice) -> MacAddr {
    match dice.below(20) {
        0 | 1 => MacAddr::BROADCAST,
        2 => frame::ALL_HOSTS,
        3 => frame::ALL_NODES,
        // Some never speak.
        4 | 5 => any_station(dice, STATIONS + 3),
        _ => any_station(dice, STATIONS),
    }
}

/// Mostly a station that is at home there, sometimes one that moves or is forged.
fn source(dice: &mut Dice, from: usize) -> MacAddr {
    if dice.chance(8) {
        return any_station(dice, STATIONS);
    }
    let n = 1 + from + PORTS * dice.below(STATIONS.div_ceil(PORTS));
    station(u16::try_from(n.min(STATIONS)).expect("a small number"))
}

fn any_station(dice: &mut Dice, stations: usize) -> MacAddr {
    station(u16::try_from(1 + dice.below(stations)).expect("a small number"))
}
