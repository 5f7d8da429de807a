//! Bridges, host interfaces and ports as they come and go, and what they leave.

use netbridge::net::{Netns, ethtool};
use netbridge_tests::{
    require::note, require_root, snapshot::Snapshot, topology::Host, traffic::ping,
};
use serde_json::json;

use super::{HOOKS, STRANGER, Scene, announce, container, hello, pick, station};

#[test]
fn an_address_gives_the_host_an_interface_that_containers_reach() {
    require_root!();
    for hook in HOOKS {
        note(format_args!("at {hook}"));
        let host = Host::new();
        let before = Snapshot::of(&host);
        host.ok(&["bridge", "add", "br0", "--address", "10.9.0.254/24"]);
        let link = host
            .links()
            .by_name("br0")
            .expect("an interface of its name");
        assert!(link.up && link.carrier, "{link:?}");
        let netns = container(&host, 1);
        host.ok(&["port", "add", "br0", "v1", "--hook", hook]);
        let gateway = "10.9.0.254".parse().expect("an address");
        assert!(ping(&netns, gateway, 5).all_answered());
        let back = "10.9.0.1".parse().expect("an address");
        assert!(ping(host.netns(), back, 5).all_answered());
        host.ok(&["bridge", "del", "br0"]);
        for name in ["br0", "br0-p"] {
            assert!(host.links().by_name(name).is_err(), "{name} is there");
        }
        let v1 = host.links().by_name("v1").expect("find v1").ifindex;
        host.links().delete(v1).expect("delete the veth pair");
        assert_eq!(Snapshot::of(&host), before);
    }
}

#[test]
fn the_end_of_a_bridge_puts_its_containers_back() {
    require_root!();
    let host = Host::new();
    let containers = [1, 2].map(|n| container(&host, n));
    // One as it comes, one as somebody has set it.
    let set = || ethtool::set_gro("eth0", true).expect("set an offload");
    containers[1].run(set).expect("enter the container");
    let offloads = |netns: &Netns| {
        let read = || ethtool::offloads("eth0").expect("read the offloads");
        netns.run(read).expect("enter the container")
    };
    let (before, on_host) = (containers.each_ref().map(offloads), Snapshot::of(&host));
    host.ok(&["bridge", "add", "br0"]);
    for port in ["v1", "v2"] {
        host.ok(&["port", "add", "br0", port, "--hook", "xdp"]);
    }
    let during = containers.each_ref().map(offloads);
    assert!(during.iter().all(|offloads| !offloads.tx_checksum));
    host.ok(&["bridge", "del", "br0"]);
    assert_eq!(containers.each_ref().map(offloads), before);
    assert_eq!(Snapshot::of(&host), on_host);
}

#[test]
fn a_port_whose_interface_is_gone_is_shown_and_removed() {
    require_root!();
    for hook in HOOKS {
        note(format_args!("at {hook}"));
        let scene = Scene::new(3, hook);
        let wires = scene.wires();
        announce(&wires, 1, STRANGER);
        let v2 = scene.host.links().by_name("v2").expect("find v2").ifindex;
        scene.host.links().delete(v2).expect("delete the veth pair");
        // Looking changes nothing; the counters of the port are there to the end.
        assert_eq!(scene.stats("v2")["rx"]["frames"], 1);
        assert_eq!(scene.stats("v2")["name"], "c2");
        assert!(scene.host.ok(&["stats", "br0"]).contains("v2"));
        scene.json(&["fdb", "show", "br0"]);
        let hello = hello(station(1));
        wires[0].send(&hello);
        wires[2].expect_frame(&hello);
        scene.host.ok(&["port", "del", "br0", "v2"]);
        let ports = scene.json(&["port", "show", "br0"]);
        let left: Vec<_> = ports.as_array().expect("an array").iter().collect();
        assert_eq!(left.len(), 2, "{ports}");
        let again = scene.host.cli(&["port", "del", "br0", "v2"]);
        assert_eq!(again.code, 2, "{again:#?}");
    }
}

#[test]
fn the_name_of_a_container_is_wherever_its_port_is_and_can_change() {
    require_root!();
    let scene = Scene::new(2, "tc");
    announce(&scene.wires(), 0, STRANGER);
    for name in ["c1", "web"] {
        scene.host.ok(&["port", "set", "br0", "v1", "--name", name]);
        let views = [
            scene.json(&["stats", "br0"])["ports"].clone(),
            scene.json(&["port", "show", "br0"]),
        ];
        for view in views {
            assert_eq!(pick(&view, "port", "v1")["name"], name);
        }
        let entries = scene.json(&["fdb", "show", "br0"]);
        assert_eq!(pick(&entries, "ifname", "v1")["name"], name);
        for args in [["stats", "br0"].as_slice(), &["fdb", "show", "br0"]] {
            let table = scene.host.ok(args);
            assert!(table.contains(name), "`{name}` in {table}");
        }
    }
}

#[test]
fn a_port_without_a_name_has_none() {
    require_root!();
    let scene = Scene::new(0, "tc");
    let _netns = container(&scene.host, 1);
    scene.host.ok(&["port", "add", "br0", "v1"]);
    let none = json!(null);
    assert_eq!(scene.stats("v1")["name"], none);
    assert_eq!(scene.json(&["port", "show", "br0"])[0]["name"], none);
}
