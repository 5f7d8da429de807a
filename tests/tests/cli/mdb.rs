//! `mdb`, and the switches of multicast snooping, as they are typed and shown.

use std::time::{Duration, Instant};

use netbridge_common::MacAddr;
use netbridge_tests::{
    groups::{igmp, query},
    require_root,
    wire::Wire,
};
use serde_json::{Value, json};

use super::{Scene, pick};

const GROUP: &str = "239.1.2.3";
const SENDER: MacAddr = MacAddr([2, 0, 0, 0, 0, 0x55]);

fn show(scene: &Scene) -> Value {
    scene.json(&["mdb", "show", "br0"])[0].clone()
}

#[test]
fn members_are_added_shown_and_removed() {
    require_root!();
    let scene = Scene::new(2, "tc");
    let empty = json!({
        "bridge": "br0", "mcast_snooping": false, "mdb": [], "router_ports": [], "queriers": []
    });
    assert_eq!(show(&scene), empty);
    let groups = [GROUP, "ff05::1:3", "03:00:00:00:00:09"];
    for group in groups {
        scene.host.ok(&["mdb", "add", "br0", "v1", group]);
    }
    let entry = |grp| {
        json!({
            "dev": "br0", "port": "v1", "name": "c1", "grp": grp, "state": "permanent",
            "vid": null, "age": 0, "timer": null
        })
    };
    let mut shown = show(&scene)["mdb"].as_array().expect("a list").clone();
    shown.sort_by_key(|entry| entry["grp"].to_string().len());
    assert_eq!(shown, groups.map(entry));
    let table = scene.host.ok(&["mdb", "show", "br0"]);
    assert!(groups.iter().all(|group| table.contains(group)), "{table}");
    for group in groups {
        scene.host.ok(&["mdb", "del", "br0", "v1", group]);
    }
    assert_eq!(show(&scene), empty);
}

#[test]
fn what_makes_no_sense_is_refused_and_changes_nothing() {
    require_root!();
    let scene = Scene::new(2, "tc");
    scene.host.ok(&["mdb", "add", "br0", "v1", GROUP]);
    let before = show(&scene);
    for (args, word) in [
        (&["add", "br0", "v1", "10.0.0.1"][..], "no group"),
        (&["add", "br0", "v1", "224.0.0.251"], "of the link"),
        (&["add", "br0", "v1", "ff02::1"], "of the link"),
        (&["add", "br0", "v1", "fe80::1"], "no group"),
        (&["add", "br0", "v1", "02:00:00:00:00:01"], "no group"),
        (&["add", "br0", "v1", "ff:ff:ff:ff:ff:ff"], "no group"),
        (&["add", "br0", "v1", "01:80:c2:00:00:0e"], "reserved"),
        (&["add", "br0", "v1", "01:00:5e:01:02:03"], "IP address"),
        (&["add", "br0", "v1", "33:33:00:00:00:01"], "IP address"),
        (&["add", "br0", "v1", "everybody"], "write it as"),
        (&["add", "br0", "v1", GROUP], "already"),
        (
            &["add", "br0", "v1", "239.1.1.1", "--vlan", "5"],
            "--vlan-filtering on",
        ),
        (&["add", "br0", "v9", GROUP], "no port"),
        (&["add", "br1", "v1", GROUP], "not found"),
        (&["del", "br0", "v2", GROUP], "mdb show br0"),
        (&["del", "br0", "v1", "239.1.2.4"], "mdb show br0"),
        (&["del", "br0", "v1", "10.0.0.1"], "no group"),
    ] {
        let output = scene.host.cli(&[&["mdb"], args].concat());
        assert_eq!(output.code, 2, "{args:?}: {output:#?}");
        assert!(output.stderr.contains(word), "{args:?}: {output:#?}");
        assert_eq!(output.stderr.lines().count(), 1, "{args:?}: {output:#?}");
        assert_eq!(show(&scene), before, "{args:?} changed something");
    }
    scene
        .host
        .ok(&["bridge", "set", "br0", "--vlan-filtering", "on"]);
    for vid in ["0", "10", "4095"] {
        let args = ["mdb", "add", "br0", "v1", "239.1.1.1", "--vlan", vid];
        assert_eq!(scene.host.cli(&args).code, 2, "{args:?}");
    }
    scene.host.ok(&["mdb", "add", "br0", "v1", GROUP]);
    let shown = show(&scene);
    assert!(
        shown["mdb"]
            .as_array()
            .expect("a list")
            .iter()
            .any(|e| e["vid"] == 1)
    );
}

#[test]
fn switches_of_snooping_are_set_and_shown() {
    require_root!();
    let scene = Scene::new(1, "tc");
    let bridge = || pick(&scene.json(&["bridge", "show", "br0"]), "bridge", "br0");
    assert_eq!(bridge()["mcast_snooping"], false);
    for (word, on) in [("on", true), ("on", true), ("off", false), ("on", true)] {
        scene
            .host
            .ok(&["bridge", "set", "br0", "--mcast-snooping", word]);
        assert_eq!(bridge()["mcast_snooping"], on);
    }
    let port = || pick(&scene.json(&["port", "show", "br0"]), "port", "v1");
    assert_eq!(port()["mcast_router"], "auto");
    assert_eq!(port()["mcast_fast_leave"], false);
    for router in ["permanent", "off", "permanent", "auto"] {
        scene
            .host
            .ok(&["port", "set", "br0", "v1", "--mcast-router", router]);
        assert_eq!(port()["mcast_router"], router);
        let routers = show(&scene)["router_ports"]
            .as_array()
            .expect("a list")
            .len();
        assert_eq!(routers, usize::from(router == "permanent"));
    }
    for (word, on) in [("on", true), ("off", false)] {
        scene
            .host
            .ok(&["port", "set", "br0", "v1", "--mcast-fast-leave", word]);
        assert_eq!(port()["mcast_fast_leave"], on);
    }
}

#[test]
fn what_is_heard_is_shown_with_the_container_s_name() {
    require_root!();
    for hook in super::HOOKS {
        let scene = Scene::new(2, hook);
        scene
            .host
            .ok(&["bridge", "set", "br0", "--mcast-snooping", "on"]);
        let wires: Vec<Wire> = scene.wires();
        wires[0].send(&query(SENDER, None, 10));
        wires[1].send(&igmp(SENDER, 0x16, GROUP.parse().expect("a group")));
        let deadline = Instant::now() + Duration::from_secs(5);
        let shown = loop {
            let shown = show(&scene);
            if shown["mdb"][0].is_object() && shown["queriers"][0]["settled"] == true {
                break shown;
            }
            assert!(Instant::now() < deadline, "{shown}");
        };
        let member = &shown["mdb"][0];
        assert_eq!(
            (&member["port"], &member["name"]),
            (&json!("v2"), &json!("c2"))
        );
        assert_eq!(
            (&member["grp"], &member["state"]),
            (&json!(GROUP), &json!("temp"))
        );
        assert!(member["timer"].as_u64().expect("a number") > 200);
        let router = &shown["router_ports"][0];
        assert_eq!(
            (&router["port"], &router["name"]),
            (&json!("v1"), &json!("c1"))
        );
        assert_eq!(
            (&router["type"], &router["family"]),
            (&json!("temp"), &json!("ipv4"))
        );
        assert_eq!(shown["queriers"][0]["family"], "ipv4");
        let table = scene.host.ok(&["mdb", "show", "br0"]);
        assert!(table.contains("ipv4 querier heard"), "{table}");
    }
}
