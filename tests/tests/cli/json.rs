//! What is shown: every field that other programs rely on, and the same in tables.

use netbridge_common::decide::DropReason;
use netbridge_tests::{require::note, require_root, wire::frame};
use serde_json::{Value, json};

use super::{HOOKS, STRANGER, Scene, announce, assert_has, eventually, fields, pick, station};

/// Fields of an entry of `fdb show`.
const ENTRY: [&str; 8] = [
    "age", "flags", "ifname", "mac", "master", "name", "state", "vlan",
];

#[test]
fn stats_have_the_promised_fields_and_count_each_frame_once() {
    require_root!();
    for hook in HOOKS {
        note(format_args!("at {hook}"));
        let scene = Scene::new(2, hook);
        let wires = scene.wires();
        announce(&wires, 0, station(1));
        let answer = frame(station(1), station(2), "answer");
        wires[1].send(&answer);
        wires[0].expect_frame(&answer);
        let stats = scene.json(&["stats", "br0"]);
        assert_eq!(fields(&stats), ["bridge", "ports", "vlans"]);
        assert_eq!(stats["vlans"], json!([]), "it filters none");
        assert_eq!(stats["bridge"], "br0");
        assert_eq!(stats["ports"].as_array().map(Vec::len), Some(2));
        for (n, [forwarded, flooded]) in [("1", [0, 1]), ("2", [1, 0])] {
            let port = pick(&stats["ports"], "port", &format!("v{n}"));
            let promised = [
                "port",
                "ifindex",
                "name",
                "hook",
                "rx",
                "tx",
                "forwarded",
                "flooded",
                "learned",
                "dropped",
            ];
            assert_has(&port, &promised);
            let link = scene.host.links().by_name(&format!("v{n}"));
            assert_eq!(port["ifindex"], link.expect("find the port").ifindex);
            assert_eq!(
                (&port["name"], &port["hook"]),
                (&json!(format!("c{n}")), &json!(hook))
            );
            let once = json!({"frames": 1, "bytes": 60});
            assert_eq!((&port["rx"], &port["tx"]), (&once, &once), "{port}");
            assert_eq!(port["forwarded"], forwarded, "{port}");
            assert_eq!(port["flooded"], flooded, "{port}");
            assert_eq!(port["learned"], 1, "{port}");
            assert_eq!(fields(&port["dropped"]), ["reasons", "total"]);
            assert_eq!(port["dropped"]["total"], 0);
            let mut reasons = DropReason::ALL.map(DropReason::name);
            reasons.sort_unstable();
            assert_eq!(fields(&port["dropped"]["reasons"]), reasons);
        }
    }
}

/// br0 with an interface of the host and an entry of every kind.
fn every_kind(hook: &str) -> Scene {
    let mut scene = Scene::new(0, hook);
    scene.host.ok(&["bridge", "del", "br0"]);
    let own = ["--address", "10.9.0.254/24", "--mac", "02:42:0a:09:00:fe"];
    scene
        .host
        .ok(&[&["bridge", "add", "br0"][..], &own].concat());
    scene.add("br0", hook);
    scene.add("br0", hook);
    for (mac, kind) in [
        ("02:00:00:00:00:51", "--static"),
        ("02:00:00:00:00:52", "--sticky"),
    ] {
        scene
            .host
            .ok(&["fdb", "add", "br0", mac, "--port", "v2", kind]);
    }
    announce(&scene.wires(), 0, STRANGER);
    scene
}

/// Address and state of each entry.
fn states(entries: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let entries = entries.as_array().expect("an array").iter();
    entries
        .map(|entry| (text(&entry["mac"]), text(&entry["state"])))
        .collect()
}

/// The states that are expected of the entries with these last octets.
fn expected(all: &[(&str, &str)]) -> Vec<(String, String)> {
    let own = |(mac, state): &(&str, &str)| ((*mac).to_owned(), (*state).to_owned());
    all.iter().map(own).collect()
}

#[test]
fn fdb_show_has_the_promised_fields_and_filters() {
    require_root!();
    for hook in HOOKS {
        note(format_args!("at {hook}"));
        let scene = every_kind(hook);
        let entries = scene.json(&["fdb", "show", "br0"]);
        let all = [
            ("02:00:00:00:00:51", "static"),
            ("02:00:00:00:00:52", "sticky"),
            ("02:00:00:00:00:77", "reachable"),
            ("02:42:0a:09:00:fe", "permanent"),
        ];
        let mut found = states(&entries);
        found.sort_unstable();
        assert_eq!(found, expected(&all));
        for entry in entries.as_array().expect("an array") {
            assert_has(entry, &ENTRY);
            assert_eq!(entry["master"], "br0");
            assert_eq!(entry["vlan"], Value::Null);
            assert!(entry["flags"].is_array(), "{entry}");
            assert!(entry["age"].as_u64().is_some_and(|age| age < 60), "{entry}");
        }
        for (mac, ifname, name) in [
            ("02:00:00:00:00:51", "v2", "c2"),
            ("02:00:00:00:00:77", "v1", "c1"),
            ("02:42:0a:09:00:fe", "br0-p", "host"),
        ] {
            let entry = pick(&entries, "mac", mac);
            assert_eq!(
                (&entry["ifname"], &entry["name"]),
                (&json!(ifname), &json!(name))
            );
            let alone = scene.json(&["fdb", "show", "br0", mac]);
            assert_eq!(states(&alone).len(), 1, "{alone}");
            assert_eq!(alone[0]["mac"], mac);
        }
        let of_v2 = scene.json(&["fdb", "show", "br0", "--port", "v2"]);
        assert_eq!(states(&of_v2), expected(&all[..2]));
        let nobody = scene.json(&["fdb", "show", "br0", "02:00:00:00:00:99"]);
        assert_eq!(nobody, json!([]));
        let table = scene.host.ok(&["fdb", "show", "br0"]);
        for word in ["02:00:00:00:00:77", "reachable", "sticky", "c1", "v1"] {
            assert!(table.contains(word), "`{word}` in {table}");
        }
    }
}

#[test]
fn the_age_of_an_entry_grows_until_its_station_speaks() {
    require_root!();
    let scene = Scene::new(2, "tc");
    let wires = scene.wires();
    announce(&wires, 0, STRANGER);
    let age = || {
        let entries = scene.json(&["fdb", "show", "br0", "02:00:00:00:00:77"]);
        entries[0]["age"].as_u64().expect("a number")
    };
    let at_once = age();
    assert!(at_once < 3, "an age of {at_once} at once");
    eventually("growing older", || age() >= 3);
    announce(&wires, 0, STRANGER);
    let after = age();
    assert!(after < 3, "an age of {after} after a frame");
}

#[test]
fn a_flush_takes_what_was_learned_and_with_all_what_was_added() {
    require_root!();
    for hook in HOOKS {
        note(format_args!("at {hook}"));
        let scene = every_kind(hook);
        let own = "02:42:0a:09:00:fe";
        scene.host.ok(&["fdb", "flush", "br0", "--port", "v2"]);
        assert!(scene.macs().contains(&STRANGER.to_string()), "it is on v1");
        scene.host.ok(&["fdb", "flush", "br0"]);
        assert_eq!(scene.macs(), ["02:00:00:00:00:51", own]);
        scene.host.ok(&["fdb", "flush", "br0", "--all"]);
        assert_eq!(scene.macs(), [own]);
    }
}

#[test]
fn ports_and_bridges_are_shown_with_what_they_are() {
    require_root!();
    for hook in HOOKS {
        note(format_args!("at {hook}"));
        let scene = Scene::new(2, hook);
        scene
            .host
            .ok(&["port", "set", "br0", "v2", "--learn-limit", "7"]);
        announce(&scene.wires(), 0, STRANGER);
        let ports = scene.json(&["port", "show", "br0"]);
        assert_eq!(ports.as_array().map(Vec::len), Some(2));
        for (ifname, name, learned, limit) in [("v1", "c1", 1, 0), ("v2", "c2", 0, 7)] {
            let port = pick(&ports, "port", ifname);
            assert_eq!((&port["name"], &port["hook"]), (&json!(name), &json!(hook)));
            assert_eq!(
                (&port["state"], &port["mtu"]),
                (&json!("forwarding"), &json!(1500))
            );
            assert_eq!(
                (&port["learned"], &port["learn_limit"]),
                (&json!(learned), &json!(limit))
            );
            assert!(
                port["hook_reason"].is_string() && port["ifindex"].is_u64(),
                "{port}"
            );
            let alone = scene.json(&["port", "show", "br0", ifname]);
            assert_eq!(alone, json!([port]));
        }
        let bridges = scene.json(&["bridge", "show"]);
        assert_eq!(bridges, scene.json(&["bridge", "show", "br0"]));
        let bridge = pick(&bridges, "bridge", "br0");
        for (field, value) in [
            ("mode", json!("bridge")),
            ("ageing_time", json!(300)),
            ("learned", json!(1)),
            ("mixed_mtu", json!(false)),
            ("events_lost", json!(0)),
            ("ports", json!(["v1", "v2"])),
        ] {
            assert_eq!(bridge[field], value, "{field}");
        }
        let of_table = scene.host.ok(&["stats", "br0"]) + &scene.host.ok(&["port", "show", "br0"]);
        assert_eq!(
            of_table.matches("c1").count(),
            2,
            "its name in both: {of_table}"
        );
    }
}

#[test]
fn vlans_are_shown_as_they_were_set() {
    require_root!();
    let scene = Scene::new(2, "tc");
    for args in [
        ["v1", "10", "--pvid", "--untagged"].as_slice(),
        &["v2", "10-12"],
    ] {
        scene.host.ok(&[&["vlan", "add", "br0"], args].concat());
    }
    let show = |more: &[&str]| scene.json(&[&["vlan", "show", "br0"], more].concat());
    let vlans = |port: &Value| port["vlans"].clone();
    let first = json!([
        {"vlan": 1, "flags": ["Egress Untagged"]},
        {"vlan": 10, "flags": ["PVID", "Egress Untagged"]},
    ]);
    let second = json!([
        {"vlan": 1, "flags": ["PVID", "Egress Untagged"]},
        {"vlan": 10, "flags": []},
        {"vlan": 11, "flags": []},
        {"vlan": 12, "flags": []},
    ]);
    let all = show(&[]);
    assert_eq!(fields(&all[0]), ["ifname", "name", "vlans"]);
    assert_eq!(vlans(&pick(&all, "ifname", "v1")), first);
    assert_eq!(vlans(&pick(&all, "ifname", "v2")), second);
    let pvid = |vid| scene.host.ok(&["port", "set", "br0", "v2", "--pvid", vid]);
    for (vid, flags) in [
        ("none", json!([])),
        ("12", json!(["PVID"])),
        ("1", json!([])),
    ] {
        pvid(vid);
        let shown = vlans(&show(&["v2"])[0]);
        assert_eq!(shown[3]["flags"], flags, "PVID {vid}");
    }
    assert_eq!(show(&["v1"]).as_array().map(Vec::len), Some(1));
    assert_eq!(show(&["v1", "11"]), json!([]));
    let before = scene.json(&["bridge", "show", "br0"]);
    assert_eq!(before[0]["vlan_filtering"], false);
    let on = ["--vlan-filtering", "on", "--vlan-protocol", "802.1ad"];
    scene
        .host
        .ok(&[&["bridge", "set", "br0"], &on[..]].concat());
    let after = scene.json(&["bridge", "show", "br0"]);
    assert_eq!(after[0]["vlan_filtering"], true);
    assert_eq!(after[0]["vlan_protocol"], "802.1ad");
    let stats = scene.json(&["stats", "br0"]);
    let counted = stats["vlans"].as_array().expect("an array");
    let vids: Vec<&Value> = counted.iter().map(|vlan| &vlan["vlan"]).collect();
    assert_eq!(vids, [1, 10, 11, 12]);
    assert_eq!(fields(&counted[0]), ["rx", "tx", "vlan"]);
}
