//! Events: what the datapath reports, once each, and what it does when nobody listens.
#![expect(
    clippy::expect_used,
    reason = "a test stops where it fails, and says so"
)]

use std::{process::Command, time::Duration};

use netbridge::net::{Links, Netns, VethSpec};
use netbridge_common::{EventKind, MacAddr, PortId, Settings, maps::EVENT_RING_BYTES};
use netbridge_tests::{
    require::note,
    require_root,
    topology::{HOOKS, Host, Lab, Running, binary, disable_ipv6, hook_mixes},
    wire::{SOON, Wire, frame},
};
use nix::sys::signal::Signal;

/// An event and the header that the ring keeps for each.
const RECORD_BYTES: u32 = 40;

/// What an event says, but for its time.
type Told = (EventKind, PortId, PortId, MacAddr);

fn station(n: u16) -> MacAddr {
    let [high, low] = n.to_be_bytes();
    MacAddr([0x02, 0, 0, 1, high, low])
}

fn hello(from: MacAddr) -> Vec<u8> {
    frame(MacAddr::BROADCAST, from, "hello")
}

/// Sends a broadcast from `from` on wire `at`, from 0; all others must hear it.
fn announce(wires: &[Wire], at: usize, from: MacAddr) {
    wires[at].send(&hello(from));
    for (_, wire) in wires.iter().enumerate().filter(|(n, _)| *n != at) {
        wire.expect_frame(&hello(from));
    }
}

/// Sends `count` broadcasts from as many stations; every one must arrive.
///
/// They go in groups no larger than the ring of a veth, each after the last has arrived.
fn announce_many(wires: &[Wire], count: u16) {
    let all: Vec<u16> = (0..count).collect();
    for group in all.chunks(64) {
        for n in group {
            wires[0].send(&hello(station(*n)));
        }
        for n in group {
            let wanted = hello(station(*n));
            wires[1].expect(|received| received == wanted, SOON);
        }
    }
}

/// Takes all events out of the ring.
fn drain(lab: &Lab) -> Vec<Told> {
    lab.bridge(|bridge| {
        let mut ring = bridge.maps().events().expect("open the ring");
        let mut told = Vec::new();
        while let Some(record) = ring.next() {
            told.push(parse(&record));
        }
        told
    })
}

/// Reads a record, field by field as `netbridge_common::Event` lays them out.
fn parse(record: &[u8]) -> Told {
    assert_eq!(record.len(), 32, "octets of an event");
    let word = |at: usize| {
        let octets = record[at..at + 4].try_into().expect("four octets");
        u32::from_ne_bytes(octets)
    };
    let kind = EventKind::from_raw(word(0)).expect("a kind of event");
    let mac = MacAddr(record[14..20].try_into().expect("six octets"));
    let nanos = u64::from_ne_bytes(record[24..32].try_into().expect("eight octets"));
    assert!(nanos > 0, "an event has a time");
    (kind, PortId(word(4)), PortId(word(8)), mac)
}

fn lost(lab: &Lab) -> u64 {
    lab.bridge(|bridge| bridge.maps().events_lost().expect("read the count"))
}

/// Lets each CPU send `rate` events in a tick.
fn set_rate(lab: &Lab, rate: u32) {
    lab.bridge(|bridge| {
        let settings = bridge.settings().expect("read the settings");
        let settings = Settings {
            event_rate: rate,
            ..settings
        };
        let written = bridge.maps_mut().set_settings(settings);
        written.expect("write the settings");
    });
}

#[test]
fn a_new_address_gives_one_event_and_a_move_another() {
    require_root!();
    for hooks in hook_mixes(3) {
        note(format_args!("on {hooks:?}"));
        let lab = Lab::new(&hooks);
        let wires = lab.wires();
        let (one, two) = (lab.port_id(1), lab.port_id(2));
        assert_eq!(drain(&lab), [], "silence before the first frame");
        announce(&wires, 0, station(7));
        let learned = (EventKind::Learned, one, PortId::NONE, station(7));
        assert_eq!(drain(&lab), [learned]);
        announce(&wires, 0, station(7));
        assert_eq!(drain(&lab), [], "nothing new was said");
        announce(&wires, 1, station(7));
        let moved = (EventKind::Moved, two, one, station(7));
        assert_eq!(drain(&lab), [moved]);
        announce(&wires, 1, station(7));
        assert_eq!((drain(&lab), lost(&lab)), (vec![], 0));
    }
}

#[test]
fn an_address_over_the_limit_gives_a_limit_event() {
    require_root!();
    for hooks in hook_mixes(3) {
        note(format_args!("on {hooks:?}"));
        let lab = Lab::builder(&hooks)
            .port(1, |port| port.learn_limit = 1)
            .build();
        let wires = lab.wires();
        (0..3).for_each(|n| announce(&wires, 0, station(n)));
        let port = lab.port_id(1);
        let told = [EventKind::Learned, EventKind::Limit, EventKind::Limit];
        let told = (0..).zip(told);
        let told: Vec<Told> = told
            .map(|(n, kind)| (kind, port, PortId::NONE, station(n)))
            .collect();
        assert_eq!(drain(&lab), told);
    }
}

#[test]
fn events_over_the_rate_are_counted_as_lost_and_frames_pass() {
    require_root!();
    const STATIONS: u16 = 640;
    for hook in HOOKS {
        note(format_args!("at {hook:?}"));
        let lab = Lab::new(&[hook, hook]);
        set_rate(&lab, 5);
        announce_many(&lab.wires(), STATIONS);
        let told = drain(&lab).len() as u64;
        assert!(told >= 5, "{told} events are fewer than the rate");
        assert_eq!(told + lost(&lab), u64::from(STATIONS));
        assert!(lost(&lab) > 0, "640 stations are within the rate");
        assert_eq!(lab.stats(1).learned, u64::from(STATIONS));
        assert_eq!(lab.fdb().len(), usize::from(STATIONS));
        lab.assert_accounts();
        lab.assert_no_drops();
    }
}

#[test]
fn a_full_ring_without_a_reader_counts_losses_and_frames_pass() {
    require_root!();
    const MORE: u16 = 200;
    let room = u16::try_from(EVENT_RING_BYTES / RECORD_BYTES).expect("some thousand");
    for hook in HOOKS {
        note(format_args!("at {hook:?}"));
        let lab = Lab::new(&[hook, hook]);
        set_rate(&lab, u32::MAX);
        let wires = lab.wires();
        announce_many(&wires, room + MORE);
        let missing = lost(&lab);
        assert!(missing >= u64::from(MORE), "only {missing} were lost");
        let told = drain(&lab).len() as u64;
        assert_eq!(told + missing, u64::from(room + MORE));
        assert!(told >= u64::from(room) - 1, "{told} fit into the ring");
        lab.assert_accounts();
        lab.assert_no_drops();
        // With room again, it goes on.
        announce(&wires, 1, station(60_000));
        let learned = (
            EventKind::Learned,
            lab.port_id(2),
            PortId::NONE,
            station(60_000),
        );
        assert_eq!((drain(&lab), lost(&lab)), (vec![learned], missing));
    }
}

/// A container behind port `v{n}` of br0, called `name`.
fn container(host: &Host, n: u8, name: &str, hook: &str) -> Netns {
    let netns = Netns::anonymous().expect("make a namespace");
    disable_ipv6(&netns);
    let port = format!("v{n}");
    let links = host.links();
    let spec = VethSpec {
        name: &port,
        peer_name: "eth0",
        peer_netns: Some(&netns),
        ..VethSpec::default()
    };
    let near = links.add_veth(&spec).expect("add a veth pair");
    links.set_up(near.ifindex, true).expect("set it up");
    set_up(&netns, true);
    let add = ["port", "add", "br0", &port, "--hook", hook, "--name", name];
    host.ok(&add);
    netns
}

fn set_up(netns: &Netns, up: bool) {
    let links = Links::within(netns).expect("look into the container");
    let eth0 = links.by_name("eth0").expect("find eth0").ifindex;
    links.set_up(eth0, up).expect("set eth0 up or down");
}

/// Starts `netbridge serve` with its log on standard output, where it can be followed.
fn serve(host: &Host) -> Running {
    let mut command = Command::new("sh");
    command.args(["-c", "exec \"$0\" serve 2>&1"]).arg(binary());
    command.env("NETBRIDGE_LOG", "info");
    host.start(command)
}

#[test]
fn serve_logs_what_is_learned_and_moves_and_a_port_that_goes_down() {
    require_root!();
    for hook in ["tc", "xdp"] {
        note(format_args!("at {hook}"));
        let host = Host::new();
        host.ok(&["bridge", "add", "br0"]);
        let names = [(1, "web"), (2, "db")];
        let containers = names.map(|(n, name)| container(&host, n, name, hook));
        let wires = containers.each_ref().map(|netns| Wire::open(netns, "eth0"));
        let serve = serve(&host);
        let log = |words: &[&str]| {
            let has = |line: &str| words.iter().all(|word| line.contains(word));
            note(format_args!("waiting for {words:?}"));
            serve.line(Duration::from_secs(10), has)
        };
        log(&["INFO", "serving"]);
        let mac = station(9).to_string();
        announce(&wires, 0, station(9));
        let line = log(&["INFO", "learned", "v1 (web)", &mac]);
        assert!(line.contains("br0"), "the bridge is not in {line}");
        announce(&wires, 1, station(9));
        log(&["INFO", "moved", "v2 (db)", "v1 (web)", &mac]);
        set_up(&containers[1], false);
        log(&["INFO", "port down", "br0", "v2"]);
        serve.signal(Signal::SIGTERM);
        assert_eq!(serve.finish(Duration::from_secs(5)).code, 0);
    }
}

#[test]
fn a_limit_is_logged_as_a_warning() {
    require_root!();
    let host = Host::new();
    host.ok(&["bridge", "add", "br0"]);
    let web = container(&host, 1, "web", "tc");
    let db = container(&host, 2, "db", "tc");
    host.ok(&["port", "set", "br0", "v1", "--learn-limit", "1"]);
    let serve = serve(&host);
    let wires = [Wire::open(&web, "eth0"), Wire::open(&db, "eth0")];
    announce(&wires, 0, station(1));
    announce(&wires, 0, station(2));
    let mac = station(2).to_string();
    let about = |line: &str| line.contains(&mac);
    let line = serve.line(Duration::from_secs(10), about);
    for word in ["WARN", "limit", "v1 (web)", "br0"] {
        assert!(line.contains(word), "`{word}` in {line}");
    }
}
