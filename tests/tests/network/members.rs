//! Containers on several networks, with options of their own, and what is limited.

use std::{
    io::{Read as _, Write as _},
    net::TcpListener,
    time::Instant,
};

use netbridge::net::Netns;
use netbridge_tests::{
    require_root,
    traffic::{PATIENCE, ping},
};

use super::{
    bed::{Bed, OUTSIDE, at, ip, text},
    talk::{Server, connect},
};

#[test]
fn a_container_on_several_networks_keeps_a_way_out_while_it_has_one() {
    require_root!();
    let (bed, outside) = Bed::with_outside();
    for (network, subnet) in [("one", "10.8.0.0/24"), ("two", "10.9.0.0/24")] {
        bed.ok(&["network", "create", network, "--subnet", subnet]);
    }
    let b1 = bed.join("one", "b1", &[]);
    bed.ok(&["network", "connect", "two", "b1"]);
    let links = bed.shell("ip -n b1 -o -4 addr");
    assert!(links.contains("eth0    inet 10.8.0.2/24"), "{links}");
    assert!(links.contains("eth1    inet 10.9.0.2/24"), "{links}");
    let default = || bed.shell("ip -n b1 route show default").trim().to_owned();
    assert_eq!(default(), "default via 10.8.0.1 dev eth0");
    let server = Server::any(&outside, 80);
    assert!(server.sees(&b1, at(OUTSIDE, 80)).is_some());
    // It is one container, on both.
    let ids = ["one", "two"].map(|network| {
        let view = bed.inspect(network);
        let ids = view["Containers"].as_object().expect("an object").keys();
        ids.cloned().collect::<Vec<_>>()
    });
    assert_eq!(ids[0], ids[1]);
    let other = bed.join("two", "b2", &[]);
    assert!(ping(&b1, ip("10.9.0.3"), 2).all_answered());
    bed.ok(&["network", "disconnect", "one", "b1"]);
    assert_eq!(default(), "default via 10.9.0.1 dev eth1");
    assert!(server.sees(&b1, at(OUTSIDE, 80)).is_some());
    // An internal network is no way out.
    bed.ok(&["network", "create", "inner", "--internal"]);
    bed.ok(&["network", "connect", "inner", "b1"]);
    bed.ok(&["network", "disconnect", "two", "b1"]);
    assert_eq!(default(), "");
    drop(other);
    bed.end();
}

#[test]
fn networks_do_not_reach_each_other() {
    require_root!();
    let bed = Bed::new();
    for (network, subnet) in [("one", "10.8.0.0/24"), ("two", "10.9.0.0/24")] {
        bed.ok(&["network", "create", network, "--subnet", subnet]);
    }
    let b1 = bed.join("one", "b1", &[]);
    let b2 = bed.join("two", "b2", &[]);
    let server = Server::any(&b2, 80);
    assert!(super::talk::is_closed(&b1, at("10.9.0.2", 80)));
    assert!(server.sees(bed.host.netns(), at("10.9.0.2", 80)).is_some());
    bed.end();
}

/// Seconds that `octets` take from one container to another.
fn seconds(from: &Netns, to: &Netns, address: &str, octets: usize) -> f64 {
    let listen = || TcpListener::bind(at(address, 5000)).expect("listen");
    let listener = to.run(listen).expect("enter the namespace");
    let mut client = connect(from, at(address, 5000), PATIENCE).expect("connect");
    let (mut server, _) = listener.accept().expect("accept");
    server.set_read_timeout(Some(PATIENCE)).expect("timeout");
    let start = Instant::now();
    std::thread::scope(|scope| {
        scope.spawn(move || client.write_all(&vec![0; octets]).expect("send"));
        let mut received = Vec::new();
        server.read_to_end(&mut received).expect("receive");
        assert_eq!(received.len(), octets);
    });
    start.elapsed().as_secs_f64()
}

#[test]
fn a_rate_limits_what_a_container_sends_and_an_option_of_its_own_goes_before() {
    require_root!();
    let bed = Bed::new();
    let create = ["network", "create", "web", "--subnet", "10.8.0.0/24"];
    bed.ok(&[&create[..], &["-o", "netbridge.rate_ingress=20mbit"]].concat());
    let slow = bed.join("web", "slow", &[]);
    let fast = bed.join(
        "web",
        "fast",
        &["--driver-opt", "netbridge.rate_ingress=10gbit"],
    );
    let sink = bed.join("web", "sink", &[]);
    // 5 MB at 20 Mbit/s take two seconds, but for what the bucket holds.
    let at_slow = seconds(&slow, &sink, "10.8.0.4", 5_000_000);
    assert!((1.2..6.0).contains(&at_slow), "{at_slow} s");
    let at_fast = seconds(&fast, &sink, "10.8.0.4", 5_000_000);
    assert!(
        at_fast < at_slow / 2.0,
        "{at_fast} s, and {at_slow} s limited"
    );
    bed.end();
}

#[test]
fn labels_and_options_are_kept_and_addresses_asked_for_are_had() {
    require_root!();
    let bed = Bed::new();
    let create = [
        "network",
        "create",
        "web",
        "--subnet",
        "10.8.0.0/24",
        "--label",
        "tier=front",
    ];
    bed.ok(&[
        &create[..],
        &["--label", "note=a=b", "-o", "netbridge.learn_limit=3"],
    ]
    .concat());
    let view = bed.inspect("web");
    assert_eq!(
        view["Labels"],
        serde_json::json!({"tier": "front", "note": "a=b"})
    );
    assert_eq!(
        view["Options"],
        serde_json::json!({"netbridge.learn_limit": "3"})
    );
    let place = ["--ip", "10.8.0.42", "--mac-address", "02:00:00:00:00:42"];
    bed.join("web", "c1", &place);
    let shown = bed.shell("ip -n c1 addr show eth0");
    assert!(
        shown.contains("10.8.0.42/24") && shown.contains("02:00:00:00:00:42"),
        "{shown}"
    );
    let containers = bed.inspect("web")["Containers"].clone();
    let one = containers
        .as_object()
        .and_then(|all| all.values().next().cloned());
    assert_eq!(text(&one.expect("c1")["MacAddress"]), "02:00:00:00:00:42");
    let run = [
        "network",
        "run",
        "web",
        "--ip",
        "10.8.0.43",
        "--mac-address",
        "02:00:00:00:00:43",
    ];
    let shown = bed.ok(&[&run[..], &["--", "ip", "addr", "show", "eth0"]].concat());
    assert!(
        shown.contains("10.8.0.43/24") && shown.contains("02:00:00:00:00:43"),
        "{shown}"
    );
    bed.end();
}

#[test]
fn a_container_that_vanishes_frees_its_address_and_its_port() {
    require_root!();
    let bed = Bed::new();
    drop(bed.join("bridge", "b1", &["-p", "8080:80"]));
    bed.forget("b1");
    super::bed::eventually("the interface's end", || {
        !bed.shell("ip -o link").contains("@if")
    });
    bed.namespace("b2");
    let again = ["network", "connect", "bridge", "b2", "-p", "8080:80"];
    let output = bed.host.cli(&again);
    assert_eq!(output.code, 0, "{output:#?}");
    let gone = "netbridge: note: network bridge: container b1 is gone; disconnected; 172.17.0.2 is free again\n";
    assert_eq!(output.stderr, gone);
    assert_eq!(bed.on_network("bridge"), ["b2"]);
    bed.end();
}
