//! Stations that move back and forth, and loops, on live bridges at both hooks.
#![expect(
    clippy::expect_used,
    reason = "a test stops where it fails, and says so"
)]

use std::{
    process::Command,
    thread,
    time::{Duration, Instant},
};

use netbridge::net::{BridgeOptions, Links, Netns, VethSpec};
use netbridge_common::MacAddr;
use netbridge_tests::{
    require::note,
    require_root,
    topology::{Host, Output, Running, binary, disable_ipv6},
    wire::{Wire, frame},
};
use nix::sys::signal::Signal;
use serde_json::Value;

const HOOKS: [&str; 2] = ["tc", "xdp"];

/// The station that moves.
const NOMAD: MacAddr = MacAddr([0x02, 0, 0, 0, 0, 0x77]);
/// Longest wait for what `serve` does.
const PATIENCE: Duration = Duration::from_secs(20);

fn json(host: &Host, args: &[&str]) -> Value {
    let text = host.ok(&[args, &["--json"]].concat());
    serde_json::from_str(&text).expect("JSON")
}

/// A bridge with containers `one` and `two` behind `v1` and `v2`, and raw sockets in them.
fn scene(hook: &str) -> (Host, Vec<Netns>, Vec<Wire>) {
    let host = Host::new();
    host.ok(&["bridge", "add", "br0"]);
    let mut containers = Vec::new();
    for (ifname, name) in [("v1", "one"), ("v2", "two")] {
        containers.push(host.container(ifname, None, None));
        let add = ["port", "add", "br0", ifname, "--hook", hook, "--name", name];
        host.ok(&add);
    }
    let wires = containers.iter().map(|netns| Wire::open(netns, "eth0"));
    let wires = wires.collect();
    (host, containers, wires)
}

/// `netbridge serve`, which has begun to.
fn serve(host: &Host) -> Running {
    let mut command = Command::new(binary());
    command.arg("serve").env("NETBRIDGE_LOG", "info");
    let running = host.start(command);
    // The first events are read at once, so what comes later is read by it.
    thread::sleep(Duration::from_millis(300));
    running
}

fn end(running: Running) -> Output {
    running.signal(Signal::SIGTERM);
    running.finish(PATIENCE)
}

/// Where the FDB has the station, and with which flags.
fn whereabouts(host: &Host) -> (String, Vec<String>) {
    let fdb = json(host, &["fdb", "show", "br0"]);
    let mut entries = fdb.as_array().expect("entries").iter();
    let entry = entries.find(|entry| entry["mac"] == NOMAD.to_string());
    let entry = entry.expect("an entry of the station");
    let flags = entry["flags"].as_array().expect("flags").iter();
    let flags = flags.map(|flag| flag.as_str().expect("a flag").to_owned());
    let ifname = entry["ifname"].as_str().expect("a name").to_owned();
    (ifname, flags.collect())
}

/// The station speaks from one container, and the other hears it.
fn moves_to(wires: &[Wire], n: usize) {
    let hello = frame(MacAddr::BROADCAST, NOMAD, "here");
    wires[n].send(&hello);
    wires[1 - n].expect_frame(&hello);
}

fn drops(host: &Host, ifname: &str, reason: &str) -> u64 {
    let stats = json(host, &["stats", "br0"]);
    let mut ports = stats["ports"].as_array().expect("ports").iter();
    let port = ports.find(|port| port["port"] == ifname).expect("the port");
    let reasons = &port["dropped"]["reasons"];
    reasons[reason].as_u64().expect("a reason")
}

#[test]
fn a_station_that_moves_back_and_forth_is_reported_with_both_containers() {
    require_root!();
    for hook in HOOKS {
        note(format_args!("at {hook}"));
        let (host, _containers, wires) = scene(hook);
        let serving = serve(&host);
        // Two announcements from a new place, as a virtual machine that has moved makes them.
        for n in [0, 1, 1] {
            moves_to(&wires, n);
        }
        thread::sleep(Duration::from_millis(400));
        for n in [0, 1, 0, 1, 0] {
            moves_to(&wires, n);
        }
        thread::sleep(Duration::from_millis(600));
        let output = end(serving);
        let lines: Vec<&str> = output.stderr.lines().chain(output.stdout.lines()).collect();
        let flaps: Vec<&&str> = lines
            .iter()
            .filter(|line| line.contains("back and forth"))
            .collect();
        assert_eq!(flaps.len(), 1, "{lines:#?}");
        for word in ["v1 (one)", "v2 (two)", &NOMAD.to_string()] {
            assert!(flaps[0].contains(word), "no {word} in {}", flaps[0]);
        }
        // It is only reported: the station is where it spoke last.
        assert_eq!(whereabouts(&host), ("v1".to_owned(), vec![]));
        assert_eq!(drops(&host, "v2", "moved_sticky"), 0);
    }
}

#[test]
fn a_station_that_flaps_is_held_for_a_while_and_then_let_go() {
    require_root!();
    for hook in HOOKS {
        note(format_args!("at {hook}"));
        let (host, _containers, wires) = scene(hook);
        let set = ["bridge", "set", "br0", "--flap-moves", "3"];
        host.ok(&[&set[..], &["--flap-window", "60", "--flap-hold", "3"]].concat());
        for n in [0, 1, 0, 1] {
            moves_to(&wires, n);
        }
        let held = ("v2".to_owned(), vec!["held".to_owned()]);
        assert_eq!(whereabouts(&host), held);
        let thief = frame(MacAddr::BROADCAST, NOMAD, "no, here");
        for n in 1..=3 {
            wires[0].send(&thief);
            wires[1].expect_no(|frame| frame == thief, Duration::from_millis(50));
            assert_eq!(drops(&host, "v1", "moved_sticky"), n);
        }
        assert_eq!(whereabouts(&host), held);
        moves_to(&wires, 1);
        // The hold is over, and the station an ordinary one.
        let deadline = Instant::now() + PATIENCE;
        while !whereabouts(&host).1.is_empty() {
            assert!(Instant::now() < deadline, "still held");
            thread::sleep(Duration::from_millis(100));
        }
        moves_to(&wires, 0);
        assert_eq!(whereabouts(&host), ("v1".to_owned(), vec![]));
        assert_eq!(drops(&host, "v1", "moved_sticky"), 3);
    }
}

/// A namespace in which the far ends of two ports are joined by a bridge of the kernel.
fn short_circuit(host: &Host) -> Netns {
    let elsewhere = Netns::anonymous().expect("make a namespace");
    disable_ipv6(&elsewhere);
    let near = host.links();
    for n in ["l1", "l2"] {
        let spec = VethSpec {
            name: n,
            peer_name: n,
            peer_netns: Some(&elsewhere),
            ..VethSpec::default()
        };
        let link = near.add_veth(&spec).expect("add a veth pair");
        near.set_up(link.ifindex, true).expect("set it up");
    }
    let far = Links::within(&elsewhere).expect("look into the namespace");
    let options = BridgeOptions {
        forward_delay: Some(Duration::ZERO),
        ..BridgeOptions::default()
    };
    let bridge = far.add_bridge("loop", &options).expect("add a bridge");
    for n in ["l1", "l2"] {
        let link = far.by_name(n).expect("find it").ifindex;
        far.set_master(link, Some(bridge.ifindex)).expect("join it");
        far.set_up(link, true).expect("set it up");
    }
    elsewhere
}

fn close_loop(elsewhere: &Netns, closed: bool) {
    let far = Links::within(elsewhere).expect("look into the namespace");
    let bridge = far.by_name("loop").expect("find the bridge").ifindex;
    far.set_up(bridge, closed).expect("switch the bridge");
}

fn states(host: &Host) -> Vec<String> {
    let ports = json(host, &["port", "show", "br0"]);
    let ports = ports.as_array().expect("ports").iter();
    let states = ports.map(|port| port["state"].as_str().expect("a state").to_owned());
    states.collect()
}

#[test]
fn a_loop_is_opened_at_one_of_its_ports_and_the_storm_ends() {
    require_root!();
    for hook in HOOKS {
        note(format_args!("at {hook}"));
        let (host, containers, wires) = scene(hook);
        let elsewhere = short_circuit(&host);
        for (ifname, name) in [("l1", "left"), ("l2", "right")] {
            host.ok(&["port", "add", "br0", ifname, "--hook", hook, "--name", name]);
        }
        host.ok(&["bridge", "set", "br0", "--loop-guard", "disable"]);
        let serving = serve(&host);
        close_loop(&elsewhere, true);
        wires[0].send(&frame(MacAddr::BROADCAST, NOMAD, "round and round"));
        let deadline = Instant::now() + PATIENCE;
        while !states(&host).contains(&"disabled".to_owned()) {
            if Instant::now() > deadline {
                close_loop(&elsewhere, false);
                drop(end(serving));
                panic!("the loop was not opened");
            }
            thread::sleep(Duration::from_millis(100));
        }
        // What was under way has gone nowhere a moment later.
        thread::sleep(Duration::from_millis(300));
        let tx = |ifname: &str| {
            let stats = json(&host, &["stats", "br0"]);
            let mut ports = stats["ports"].as_array().expect("ports").iter();
            let port = ports.find(|port| port["port"] == ifname).expect("the port");
            port["tx"]["frames"].as_u64().expect("a count")
        };
        let before = tx("v2");
        thread::sleep(Duration::from_millis(500));
        let after = tx("v2");
        close_loop(&elsewhere, false);
        let output = end(serving);
        assert!(after - before < 10, "the storm goes on: {before}, {after}");
        let states = states(&host);
        let disabled = states.iter().filter(|state| *state == "disabled").count();
        assert_eq!(disabled, 1, "{states:?}");
        let said = output.stderr + &output.stdout;
        for word in ["there is a loop", "(left)", "(right)", "--state forwarding"] {
            assert!(said.contains(word), "no {word} in {said}");
        }
        // A station that both CPUs saw on both ports was counted on one of them at a time.
        let ports = json(&host, &["port", "show", "br0"]);
        for port in ports.as_array().expect("ports") {
            let learned = port["learned"].as_u64().expect("a count");
            assert!(learned < 10, "{learned} addresses learned: {port}");
        }
        // The containers of the other ports reach each other.
        let hello = frame(MacAddr::BROADCAST, MacAddr([2, 0, 0, 0, 0, 0x55]), "well?");
        // The storm has filled the first socket's buffer.
        let two = Wire::open(&containers[1], "eth0");
        wires[0].send(&hello);
        two.expect_frame(&hello);
    }
}

#[test]
fn a_loop_is_reported_with_no_more_than_that_where_nothing_else_is_wanted() {
    require_root!();
    let (host, _containers, wires) = scene("tc");
    host.ok(&["bridge", "set", "br0", "--loop-guard", "report"]);
    let serving = serve(&host);
    // The container sends its own probe back.
    let probe = wires[0].expect(
        |frame| frame[12..14] == [0x88, 0xb5] && frame[0] == 3,
        PATIENCE,
    );
    wires[0].send(&probe);
    thread::sleep(Duration::from_millis(600));
    let output = end(serving);
    let said = output.stderr + &output.stdout;
    assert!(said.contains("there is a loop"), "{said}");
    assert_eq!(drops(&host, "v1", "looped"), 1);
    assert_eq!(states(&host), ["forwarding", "forwarding"]);
    // Somebody else's probe is a frame like others.
    let mut other = probe;
    other[22] ^= 1;
    wires[0].send(&other);
    wires[1].expect_frame(&other);
}

#[test]
fn settings_that_make_no_sense_are_refused_and_nothing_of_them_is_done() {
    require_root!();
    let (host, _containers, _wires) = scene("tc");
    let before = json(&host, &["bridge", "show", "br0"]);
    for (option, value, words) in [
        ("--flap-moves", "201", ["flap_moves", "0 to 200"]),
        ("--flap-window", "0", ["flap_window", "1 to 3600"]),
        ("--flap-window", "3601", ["flap_window", "1 to 3600"]),
        ("--flap-hold", "4000", ["flap_hold", "0 to 3600"]),
        ("--flap-hold", "-1", ["-1", "bridge set"]),
        ("--loop-guard", "maybe", ["maybe", "report"]),
    ] {
        let args = ["bridge", "set", "br0", "--ageing-time", "77", option, value];
        let output = host.cli(&args);
        assert_eq!(output.code, 2, "{args:?}: {output:#?}");
        for word in words {
            assert!(output.stderr.contains(word), "no {word} in {output:#?}");
        }
    }
    assert_eq!(json(&host, &["bridge", "show", "br0"]), before);
}
