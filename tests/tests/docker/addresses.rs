//! Addresses, names, and containers on several networks.

use netbridge::net::Links;
use netbridge_common::MacAddr;
use netbridge_tests::{
    engine::{Engine, IMAGE},
    require_engine,
    topology::Host,
    traffic::ping,
    wire::{SILENCE, Wire, frame},
};
use serde_json::Value;

use crate::scene::{
    HOST, OUTSIDE, Serve, Traces, address_on, bridge, eventually, idle, inside, inside_ok, inspect,
    json, network, outside, page, seen_by,
};

#[test]
fn addresses_that_are_asked_for_are_had_and_names_are_found() {
    require_engine!();
    let host = Host::new();
    let _serve = Serve::start(&host);
    let engine = Engine::start(&host);
    let before = Traces::of(&host);
    let options = ["--subnet", "10.52.0.0/24", "--gateway", "10.52.0.254"];
    let range = [
        "--ip-range",
        "10.52.0.128/25",
        "--aux-address",
        "router=10.52.0.128",
    ];
    network(&engine, "net", &[&options[..], &range].concat());
    let fixed = ["--ip", "10.52.0.7", "--mac-address", "02:00:00:00:be:ef"];
    engine.web("fixed", &[&["--network", "net"], &fixed[..]].concat());
    engine.web("free", &["--network", "net", "--network-alias", "other"]);
    assert_eq!(engine.address("fixed").to_string(), "10.52.0.7");
    assert_eq!(engine.address("free").to_string(), "10.52.0.129");
    let link = Links::within(&engine.container_netns("fixed")).expect("look into it");
    let mac = link.by_name("eth0").expect("find eth0").mac;
    assert_eq!(mac, Some([2, 0, 0, 0, 0xbe, 0xef]));
    let routes = inside_ok(&engine, "fixed", "ip route");
    assert!(routes.contains("default via 10.52.0.254"), "{routes}");

    let page = inside_ok(&engine, "fixed", "wget -q -O - http://free/");
    assert_eq!(page, "free");
    let found = inside_ok(&engine, "free", "nslookup fixed || ping -c 1 fixed");
    assert!(found.contains("10.52.0.7"), "{found}");
    inside_ok(&engine, "fixed", "ping -c 1 -W 5 other");

    let run = |more: &[&str]| {
        let output =
            engine.docker(&[&["run", "--rm", "--network", "net"], more, &[IMAGE, "true"]].concat());
        assert_ne!(output.code, 0, "{output:#?}");
        output.stderr
    };
    for (ip, part) in [
        ("10.52.0.7", "taken"),
        ("10.52.0.254", "taken"),
        ("10.53.0.7", "subnet"),
    ] {
        let said = run(&["--ip", ip]);
        assert!(said.contains(part), "{ip}: {said}");
    }
    let said = run(&["--mac-address", "02:00:00:00:be:ef"]);
    assert!(said.contains("02:00:00:00:be:ef"), "{said}");
    // What was refused holds nothing.
    idle(&engine, "next", &["--network", "net", "--ip", "10.52.0.8"]);
    engine.docker_ok(&["rm", "--force", "fixed", "free", "next"]);
    engine.docker_ok(&["network", "rm", "net"]);
    before.expect(&host);
}

#[test]
fn containers_of_ipv6_and_internal_networks_reach_each_other() {
    require_engine!();
    let host = Host::new();
    let _serve = Serve::start(&host);
    let engine = Engine::start(&host);
    let lan = outside(&host);
    let before = Traces::of(&host);
    network(&engine, "six", &["--ipv6", "--subnet", "fd52::/64"]);
    engine.webs(&["x1", "x2"], &["--network", "six"]);
    let seen = inspect(&engine, &["inspect", "x2"]);
    let six = &seen["NetworkSettings"]["Networks"]["six"];
    let ip = six["GlobalIPv6Address"].as_str().expect("an address");
    assert!(ip.starts_with("fd52::"), "{six}");
    assert_eq!(six["IPv6Gateway"], "fd52::1");
    // The address may be tentative for a moment.
    eventually("x2 answers by IPv6", || {
        inside(&engine, "x1", &format!("ping -6 -c 1 -W 1 {ip}")).code == 0
    });
    eventually("the host answers by IPv6", || {
        inside(&engine, "x1", "ping -6 -c 1 -W 1 fd52::1").code == 0
    });
    let routes = inside_ok(&engine, "x1", "ip -6 route");
    assert!(routes.contains("default via fd52::1 dev eth0"), "{routes}");
    assert_eq!(
        page(&engine.container_netns("x1"), engine.address("x2"), 80).as_deref(),
        Some("x2")
    );

    network(&engine, "shut", &["--internal"]);
    engine.webs(&["i1", "i2"], &["--network", "shut"]);
    let i1 = engine.container_netns("i1");
    assert_eq!(page(&i1, engine.address("i2"), 80).as_deref(), Some("i2"));
    let routes = inside_ok(&engine, "i1", "ip route");
    assert!(!routes.contains("default"), "{routes}");
    let out = inside(&engine, "i1", &format!("ping -c 1 -W 1 {OUTSIDE}"));
    assert_ne!(out.code, 0, "{out:#?}");
    let links = inside_ok(&engine, "i1", "ls /sys/class/net");
    assert_eq!(links, "eth0\nlo", "no docker_gwbridge");
    // With a way out besides, it goes there.
    engine.docker_ok(&["network", "connect", "six", "i1"]);
    assert_eq!(seen_by(&lan, OUTSIDE, &i1), Some(HOST.into()));
    engine.docker_ok(&["rm", "--force", "x1", "x2", "i1", "i2"]);
    engine.docker_ok(&["network", "rm", "six", "shut"]);
    before.expect(&host);
}

#[test]
fn a_container_is_put_on_networks_and_taken_off_while_it_runs() {
    require_engine!();
    let host = Host::new();
    let _serve = Serve::start(&host);
    let engine = Engine::start(&host);
    let lan = outside(&host);
    let before = Traces::of(&host);
    network(&engine, "one", &[]);
    network(&engine, "two", &[]);
    engine.web("aa", &["--network", "one", "-p", "8080:80"]);
    engine.web("bb", &["--network", "two"]);
    let (a, b) = (engine.container_netns("aa"), engine.container_netns("bb"));
    assert!(
        page(&a, engine.address("bb"), 80).is_none(),
        "networks leak"
    );
    engine.docker_ok(&["network", "connect", "two", "aa"]);
    let links = inside_ok(&engine, "aa", "ls /sys/class/net");
    assert_eq!(links, "eth0\neth1\nlo");
    assert_eq!(page(&a, engine.address("bb"), 80).as_deref(), Some("bb"));
    let other = address_on(&engine, "aa", "two");
    assert_eq!(page(&b, other, 80).as_deref(), Some("aa"));
    assert_eq!(page(&lan, HOST, 8080).as_deref(), Some("aa"));
    // Without the network that was the way out, the other is.
    engine.docker_ok(&["network", "disconnect", "one", "aa"]);
    assert_eq!(seen_by(&lan, OUTSIDE, &a), Some(HOST.into()));
    assert_eq!(page(&lan, HOST, 8080).as_deref(), Some("aa"));
    engine.docker_ok(&["network", "disconnect", "two", "aa"]);
    assert_eq!(inside_ok(&engine, "aa", "ls /sys/class/net"), "lo");
    assert!(page(&b, other, 80).is_none());
    let limit = ["--driver-opt", "netbridge.rate=1mbit", "two", "aa"];
    engine.docker_ok(&[&["network", "connect"][..], &limit].concat());
    assert_eq!(
        page(&b, address_on(&engine, "aa", "two"), 80).as_deref(),
        Some("aa")
    );
    the_rate_is_set(&host, &engine);
    strangers_are_dropped(&engine);
    let used = engine.docker(&["network", "rm", "two"]);
    assert!(
        used.code != 0 && used.stderr.contains("active endpoints"),
        "{used:#?}"
    );
    engine.docker_ok(&["rm", "--force", "aa", "bb"]);
    engine.docker_ok(&["network", "rm", "one", "two"]);
    before.expect(&host);
}

fn the_rate_is_set(host: &Host, engine: &Engine<'_>) {
    let bridge = bridge(engine, "two");
    let limits = json(host, &["port", "show", &bridge]);
    let text = limits.to_string();
    assert!(
        text.contains("1000000") || text.contains("125000"),
        "{text}"
    );
    let bad = [
        "network",
        "connect",
        "--driver-opt",
        "netbridge.rate=quick",
        "one",
        "bb",
    ];
    let said = engine.docker(&bad);
    assert!(
        said.code != 0 && said.stderr.contains("netbridge.rate=quick"),
        "{said:#?}"
    );
}

/// Anti-spoofing is on unless told otherwise.
fn strangers_are_dropped(engine: &Engine<'_>) {
    let (a, b) = (engine.container_netns("aa"), engine.container_netns("bb"));
    // Docker goes on counting: it is not eth0 any more.
    let links = inside_ok(engine, "aa", "ls /sys/class/net");
    let eth = links
        .lines()
        .find(|name| *name != "lo")
        .expect("it has one");
    let wires = [Wire::open(&a, eth), Wire::open(&b, "eth0")];
    let links = Links::within(&a).expect("look into it");
    let mac = links.by_name(eth).expect("find it").mac;
    let mac = MacAddr(mac.expect("an address"));
    let own = frame(MacAddr::BROADCAST, mac, "from itself");
    let forged = frame(
        MacAddr::BROADCAST,
        MacAddr([2, 0, 0, 0, 0, 0x66]),
        "from nobody",
    );
    wires[0].send(&forged);
    wires[0].send(&own);
    wires[1].expect_frame(&own);
    wires[1].expect_no(|seen| seen == forged, SILENCE);
}

#[test]
fn the_driver_and_the_address_management_work_without_each_other() {
    require_engine!();
    let host = Host::new();
    let _serve = Serve::start(&host);
    let engine = Engine::start(&host);
    let before = Traces::of(&host);
    engine.docker_ok(&["network", "create", "-d", "netbridge", "ours"]);
    engine.docker_ok(&[
        "network",
        "create",
        "--ipam-driver",
        "netbridge",
        "docker-s",
    ]);
    for net in ["ours", "docker-s"] {
        let names = ["1", "2"].map(|n| format!("{net}{n}"));
        engine.webs(&[&names[0], &names[1]], &["--network", net]);
        let netns = engine.container_netns(&names[0]);
        let to = engine.address(&names[1]);
        assert!(ping(&netns, to, 1).all_answered());
        assert_eq!(page(&netns, to, 80).as_deref(), Some(names[1].as_str()));
        let shown = inspect(&engine, &["network", "inspect", net]);
        assert_eq!(
            shown["Containers"].as_object().map(serde_json::Map::len),
            Some(2)
        );
        assert_ne!(shown["IPAM"]["Config"], Value::Null);
        engine.docker_ok(&["rm", "--force", &names[0], &names[1]]);
    }
    engine.docker_ok(&["network", "rm", "ours", "docker-s"]);
    before.expect(&host);
}
