//! A beginner's tour of container networking, with Docker.

use std::process::Command;

use netbridge::net::Links;
use netbridge_common::MacAddr;
use netbridge_tests::{
    engine::{Engine, IMAGE},
    require_engine,
    topology::Host,
    traffic::ping,
    wire::{SILENCE, Wire, frame},
};
use serde_json::{Value, json as value};

use crate::scene::{
    Serve, Traces, bridge, eventually, idle, inside, inside_ok, inspect, json, network, page, shell,
};

const SUBNET: [&str; 2] = ["--subnet", "10.40.0.0/16"];

/// The object in an array whose `field` is `wanted`.
fn pick<'v>(array: &'v Value, field: &str, wanted: &str) -> Option<&'v Value> {
    let mut all = array.as_array()?.iter();
    all.find(|object| object[field] == wanted)
}

/// Rows 1 to 7, and 9: two containers on one network.
#[test]
fn two_containers_listen_on_port_80_and_see_what_docker_would_show() {
    require_engine!();
    let host = Host::new();
    let _serve = Serve::start(&host);
    let engine = Engine::start(&host);
    let before = Traces::of(&host);
    network(&engine, "net", &SUBNET);
    engine.web("b1", &["--network", "net"]);
    engine.web("b2", &["--network", "net"]);
    assert_eq!(engine.address("b1").to_string(), "10.40.0.2");
    assert_eq!(engine.address("b2").to_string(), "10.40.0.3");
    let (b1, b2) = (engine.container_netns("b1"), engine.container_netns("b2"));
    assert_eq!(page(&b1, engine.address("b2"), 80).as_deref(), Some("b2"));
    assert_eq!(page(&b2, engine.address("b1"), 80).as_deref(), Some("b1"));
    let pings = ping(&b1, engine.address("b2"), 3);
    assert!(pings.all_answered() && pings.ttl == 64, "{pings:?}");
    let said = inside_ok(&engine, "b1", "ping -c 1 -W 5 10.40.0.3");
    assert!(said.contains("ttl=64"), "{said}");

    b1_sees_its_interface_and_routes(&host, &engine);
    docker_inspects_the_network(&engine);
    netbridge_names_the_containers(&host, &engine);
    frames_for_the_senders_own_side_are_blocked(&host, &engine);

    let on_host = shell(&host, "ip -o -4 address show");
    assert!(on_host.contains("10.40.0.1/16"), "{on_host}");
    engine.docker_ok(&["rm", "--force", "b1", "b2"]);
    engine.docker_ok(&["network", "rm", "net"]);
    before.expect(&host);
}

fn b1_sees_its_interface_and_routes(host: &Host, engine: &Engine<'_>) {
    let addresses = inside_ok(engine, "b1", "ip addr");
    for part in ["127.0.0.1/8", "eth0@if", "UP", "mtu 1500", "10.40.0.2/16"] {
        assert!(addresses.contains(part), "{part} in {addresses}");
    }
    assert!(addresses.contains("02:42:0a:28:00:02"), "{addresses}");
    let within = Links::within(&engine.container_netns("b1")).expect("look into b1");
    let eth0 = within.by_name("eth0").expect("find eth0");
    let near = host.links().list().expect("list the interfaces");
    let near = near
        .into_iter()
        .find(|link| Some(link.ifindex) == eth0.peer.map(|peer| peer.ifindex));
    let near = near.expect("the other end is on the host");
    assert!(near.name.starts_with("nb"), "{near:?}");
    let routes = inside_ok(engine, "b1", "ip route");
    let mut routes: Vec<_> = routes.lines().map(str::trim).collect();
    routes.sort_unstable();
    assert_eq!(routes[0], "10.40.0.0/16 dev eth0 scope link  src 10.40.0.2");
    assert_eq!(routes[1], "default via 10.40.0.1 dev eth0");
    assert_eq!(routes.len(), 2);
}

fn docker_inspects_the_network(engine: &Engine<'_>) {
    let net = inspect(engine, &["network", "inspect", "net"]);
    for (field, wanted) in [
        ("Name", value!("net")),
        ("Scope", value!("local")),
        ("Driver", value!("netbridge")),
        ("EnableIPv6", value!(false)),
        ("Internal", value!(false)),
        ("Attachable", value!(false)),
        ("Ingress", value!(false)),
    ] {
        assert_eq!(net[field], wanted, "{field}");
    }
    assert_eq!(net["IPAM"]["Driver"], "netbridge");
    assert_eq!(net["IPAM"]["Config"][0]["Subnet"], "10.40.0.0/16");
    let containers = net["Containers"].as_object().expect("an object");
    let mut seen: Vec<_> = containers
        .values()
        .map(|one| {
            let text = |field: &str| one[field].as_str().unwrap_or_default().to_owned();
            (text("Name"), text("MacAddress"), text("IPv4Address"))
        })
        .collect();
    seen.sort();
    let one = |name: &str, mac: &str, ip: &str| (name.to_owned(), mac.to_owned(), ip.to_owned());
    let wanted = [
        one("b1", "02:42:0a:28:00:02", "10.40.0.2/16"),
        one("b2", "02:42:0a:28:00:03", "10.40.0.3/16"),
    ];
    assert_eq!(seen, wanted);
}

fn netbridge_names_the_containers(host: &Host, engine: &Engine<'_>) {
    let bridge = bridge(engine, "net");
    eventually("stats and the FDB name the containers", || {
        let stats = json(host, &["stats", &bridge]);
        let fdb = json(host, &["fdb", "show", &bridge]);
        ["b1", "b2"].into_iter().all(|name| {
            pick(&stats["ports"], "name", name).is_some() && pick(&fdb, "name", name).is_some()
        })
    });
    let stats = json(host, &["stats", &bridge]);
    let b1 = pick(&stats["ports"], "name", "b1").expect("it is named");
    assert!(b1["rx"]["frames"].as_u64() > Some(3), "{b1}");
    let fdb = json(host, &["fdb", "show", &bridge]);
    let b2 = pick(&fdb, "name", "b2").expect("it is named");
    assert_eq!(b2["mac"], "02:42:0a:28:00:03");
    let own = json(host, &["network", "inspect", "net"]);
    assert_eq!(own[0]["Name"], "net", "{own}");
    let names: Vec<_> = own[0]["Containers"]
        .as_object()
        .expect("an object")
        .values()
        .map(|one| one["Name"].clone())
        .collect();
    assert_eq!(names.len(), 2, "{own}");
    assert!(names.contains(&value!("b1")), "{own}");
}

fn frames_for_the_senders_own_side_are_blocked(host: &Host, engine: &Engine<'_>) {
    let bridge = bridge(engine, "net");
    let wires = ["b1", "b2"].map(|name| Wire::open(&engine.container_netns(name), "eth0"));
    let dropped = || {
        let stats = json(host, &["stats", &bridge]);
        let b1 = pick(&stats["ports"], "name", "b1")
            .expect("it is named")
            .clone();
        b1["dropped"]["reasons"]["same_port"].as_u64()
    };
    let before = dropped().expect("a count");
    let own = MacAddr([0x02, 0x42, 0x0a, 0x28, 0, 2]);
    let itself = frame(own, own, "to itself");
    wires[0].send(&itself);
    eventually("the frame is counted", || dropped() == Some(before + 1));
    wires[1].expect_no(|seen| seen == itself, SILENCE);
}

/// Row 8.
#[test]
fn a_hub_sends_to_everybody_and_a_bridge_to_the_one_it_is_for() {
    require_engine!();
    let host = Host::new();
    let _serve = Serve::start(&host);
    let engine = Engine::start(&host);
    network(&engine, "hub", &["-o", "netbridge.mode=hub"]);
    network(&engine, "bridge-", &[]);
    for (net, everybody) in [("hub", true), ("bridge-", false)] {
        let names = ["1", "2", "3"].map(|n| format!("{net}{n}"));
        for name in &names {
            idle(&engine, name, &["--network", net]);
        }
        let netns = [0, 1, 2].map(|n: usize| engine.container_netns(&names[n]));
        let third = Wire::open(&netns[2], "eth0");
        assert!(ping(&netns[0], engine.address(&names[1]), 2).all_answered());
        let is_ping = |seen: &[u8]| seen.get(23) == Some(&1) && seen[12..14] == [8, 0];
        if everybody {
            third.expect(is_ping, crate::scene::PATIENCE);
        } else {
            third.expect_no(is_ping, SILENCE);
        }
    }
}

/// Row 10.
#[test]
fn host_none_and_macvlan_networks_are_what_they_are_called() {
    require_engine!();
    let host = Host::new();
    let _serve = Serve::start(&host);
    let engine = Engine::start(&host);
    let lan = crate::scene::outside(&host);
    let before = Traces::of(&host);
    idle(&engine, "on-host", &["--network", "host"]);
    assert_eq!(&engine.container_netns("on-host"), host.netns());
    idle(&engine, "alone", &["--network", "none"]);
    let links = inside_ok(&engine, "alone", "ls /sys/class/net");
    assert_eq!(links, "lo");

    let subnet = ["--subnet", "192.0.2.0/24", "--gateway", "192.0.2.254"];
    network(
        &engine,
        "lan",
        &[&subnet[..], &["-o", "parent=out0"]].concat(),
    );
    for name in ["m1", "m2"] {
        let ip = format!("192.0.2.10{}", &name[1..]);
        engine.web(name, &["--network", "lan", "--ip", &ip]);
    }
    let m1 = engine.container_netns("m1");
    let kind = || {
        Command::new("ip")
            .args(["-d", "link", "show", "eth0"])
            .output()
    };
    let kind = m1.run(kind).expect("enter m1").expect("look at eth0");
    let kind = String::from_utf8_lossy(&kind.stdout).into_owned();
    assert!(kind.contains("macvlan mode bridge"), "{kind}");
    let link = Links::within(&m1).expect("look into m1").by_name("eth0");
    assert_eq!(
        link.expect("find eth0").mac,
        Some([2, 0x42, 192, 0, 2, 101])
    );
    // A neighbour on the LAN, and another container, but not the host itself, reach it.
    let (a1, a2) = (engine.address("m1"), engine.address("m2"));
    assert_eq!(page(&lan, a1, 80).as_deref(), Some("m1"));
    assert_eq!(page(&m1, a2, 80).as_deref(), Some("m2"));
    let neighbours = lan.run(|| std::fs::read_to_string("/proc/thread-self/net/arp"));
    let neighbours = neighbours.expect("enter").expect("read the neighbours");
    assert!(neighbours.contains("02:42:c0:00:02:65"), "{neighbours}");

    let refused = engine.docker(&["run", "--network", "lan", "-p", "8080:80", IMAGE, "true"]);
    assert_ne!(refused.code, 0, "{refused:#?}");
    assert!(refused.stderr.contains("macvlan"), "{refused:#?}");
    let all = engine.docker_ok(&["ps", "--all", "--quiet"]);
    let all: Vec<_> = all.lines().collect();
    engine.docker_ok(&[&["rm", "--force"][..], &all].concat());
    engine.docker_ok(&["network", "rm", "lan"]);
    before.expect(&host);
    assert!(host.links().by_name("out0").is_ok(), "the parent stays");
}

/// Row 11.
#[test]
fn containers_of_a_network_without_icc_reach_out_but_not_each_other() {
    require_engine!();
    let host = Host::new();
    let _serve = Serve::start(&host);
    let engine = Engine::start(&host);
    let lan = crate::scene::outside(&host);
    let off = ["-o", "com.docker.network.bridge.enable_icc=false"];
    network(&engine, "net", &off);
    engine.webs(&["b1", "b2"], &["--network", "net"]);
    let (b1, b2) = (engine.container_netns("b1"), engine.container_netns("b2"));
    let wire = Wire::open(&b2, "eth0");
    let said = inside(
        &engine,
        "b1",
        &format!("ping -c 1 -W 1 {}", engine.address("b2")),
    );
    assert_ne!(said.code, 0, "{said:#?}");
    // Not so much as a question who has the address gets there, nor an answer back.
    wire.expect_no(
        |seen| seen[6..12] != [0; 6] && seen.get(12..14) == Some(&[8, 6]),
        SILENCE,
    );
    let neighbours = inside_ok(&engine, "b1", "cat /proc/net/arp");
    let b2_mac = Links::within(&b2).expect("look into b2").by_name("eth0");
    let b2_mac = MacAddr(b2_mac.expect("find eth0").mac.expect("an address")).to_string();
    assert!(!neighbours.contains(&b2_mac), "{neighbours}");
    assert!(crate::scene::is_closed(&b1, engine.address("b2"), 80));
    let seen = crate::scene::seen_by(&lan, crate::scene::OUTSIDE, &b1);
    assert_eq!(seen, Some(crate::scene::HOST.into()));
}
