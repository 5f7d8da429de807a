//! Switches of ports and bridges, and blackholes, as they are typed and shown.

use netbridge_tests::require_root;
use serde_json::{Value, json};

use super::{Scene, pick};

/// Switches of a port as they are typed, their field, and whether they are on at first.
const SWITCHES: [(&str, &str, bool); 9] = [
    ("--learning", "learning", true),
    ("--flood", "flood", true),
    ("--mcast-flood", "mcast_flood", true),
    ("--bcast-flood", "bcast_flood", true),
    ("--isolated", "isolated", false),
    ("--hairpin", "hairpin", false),
    ("--locked", "locked", false),
    ("--ra-guard", "ra_guard", false),
    ("--dhcp-guard", "dhcp_guard", false),
];

const fn word(on: bool) -> &'static str {
    if on { "on" } else { "off" }
}

pub(super) fn port(scene: &Scene, ifname: &str) -> Value {
    pick(&scene.json(&["port", "show", "br0"]), "port", ifname)
}

fn bridge(scene: &Scene) -> Value {
    pick(&scene.json(&["bridge", "show", "br0"]), "bridge", "br0")
}

/// Everything that a command could have changed.
fn state(scene: &Scene) -> [Value; 3] {
    ["bridge", "port", "fdb"].map(|object| scene.json(&[object, "show", "br0"]))
}

/// Expects that each command fails for what was typed, and changes nothing.
pub(super) fn refused(scene: &Scene, commands: &[&[&str]]) {
    let before = state(scene);
    for args in commands {
        let output = scene.host.cli(args);
        assert_eq!(output.code, 2, "netbridge {args:?}: {output:#?}");
        assert_eq!(output.stdout, "", "netbridge {args:?}");
        assert_ne!(output.stderr, "", "netbridge {args:?}");
        assert_eq!(state(scene), before, "netbridge {args:?} changed something");
    }
}

#[test]
fn every_switch_of_a_port_is_set_alone_and_shown() {
    require_root!();
    let scene = Scene::new(2, "tc");
    let other = port(&scene, "v2");
    let mut expected = port(&scene, "v1");
    for (_, field, on) in SWITCHES {
        assert_eq!(expected[field], on, "{field} of a new port");
    }
    assert_eq!(expected["group_fwd_mask"], 0);
    for (flag, field, at_first) in SWITCHES {
        // The second time changes nothing, and is no mistake.
        for on in [!at_first, !at_first, at_first, at_first, !at_first] {
            scene.host.ok(&["port", "set", "br0", "v1", flag, word(on)]);
            expected[field] = json!(on);
            assert_eq!(port(&scene, "v1"), expected, "after {flag} {}", word(on));
        }
    }
    for (mask, number) in [("0x4000", 0x4000), ("65528", 0xfff8), ("0", 0)] {
        let set = ["port", "set", "br0", "v1", "--group-fwd-mask", mask];
        scene.host.ok(&set);
        expected["group_fwd_mask"] = json!(number);
        assert_eq!(port(&scene, "v1"), expected, "after {set:?}");
    }
    // All at once, back to how it was; nothing of it is the other port's.
    let mut all = vec!["port", "set", "br0", "v1", "--state", "forwarding"];
    for (flag, field, at_first) in SWITCHES {
        all.extend([flag, word(at_first)]);
        expected[field] = json!(at_first);
    }
    scene.host.ok(&all);
    assert_eq!(port(&scene, "v1"), expected);
    assert_eq!(port(&scene, "v2"), other);
}

#[test]
fn switches_go_with_the_port() {
    require_root!();
    let scene = Scene::new(1, "tc");
    let new = port(&scene, "v1");
    let set = ["port", "set", "br0", "v1", "--isolated", "on", "--flood"];
    scene
        .host
        .ok(&[&set[..], &["off", "--group-fwd-mask", "8"]].concat());
    scene.host.ok(&["port", "del", "br0", "v1"]);
    let add = ["port", "add", "br0", "v1", "--hook", "tc", "--name", "c1"];
    scene.host.ok(&add);
    assert_eq!(port(&scene, "v1"), new);
}

#[test]
fn switches_of_a_bridge_are_set_and_shown() {
    require_root!();
    let scene = Scene::new(1, "tc");
    let mut expected = bridge(&scene);
    assert_eq!(
        (&expected["flood"], &expected["group_fwd_mask"]),
        (&json!(true), &json!(0))
    );
    for on in [false, false, true, true] {
        scene
            .host
            .ok(&["bridge", "set", "br0", "--flood", word(on)]);
        expected["flood"] = json!(on);
        assert_eq!(bridge(&scene), expected);
    }
    for (mask, number) in [("0x4008", 0x4008), ("0", 0)] {
        scene
            .host
            .ok(&["bridge", "set", "br0", "--group-fwd-mask", mask]);
        expected["group_fwd_mask"] = json!(number);
        assert_eq!(bridge(&scene), expected);
    }
}

#[test]
fn bad_switches_are_refused_and_nothing_is_half_done() {
    require_root!();
    let scene = Scene::new(1, "tc");
    let set = ["port", "set", "br0", "v1"];
    let long = "n".repeat(65);
    for (flag, _, _) in SWITCHES {
        for value in ["yes", "1", "", "ON "] {
            refused(&scene, &[&[&set[..], &[flag, value]].concat()]);
        }
        let given_twice = [&set[..], &[flag, "on", flag, "off"]].concat();
        let without_value = [&set[..], &[flag]].concat();
        let with_long_name = [&set[..], &[flag, "on", flag, "off", "--name", &long]].concat();
        refused(&scene, &[&given_twice, &without_value, &with_long_name]);
    }
    for mask in [
        "1", "2", "4", "0x4001", "65536", "0x10000", "-8", "lldp", "0x", "",
    ] {
        let port = [&set[..], &["--isolated", "on", "--group-fwd-mask", mask]].concat();
        let bridge = [
            "bridge",
            "set",
            "br0",
            "--flood",
            "off",
            "--group-fwd-mask",
            mask,
        ];
        refused(&scene, &[&port, &bridge]);
    }
    let named = [
        &set[..],
        &["--isolated", "on", "--learning", "off", "--name", &long],
    ]
    .concat();
    refused(
        &scene,
        &[
            &set,
            &named,
            &[&set[..], &["--guard", "on"]].concat(),
            &["bridge", "set", "br0"],
            &["bridge", "set", "br0", "--flood", "maybe"],
            &["bridge", "set", "br0", "--isolated", "on"],
            &[
                "bridge",
                "set",
                "br0",
                "--flood",
                "off",
                "--ageing-time",
                "0",
            ],
            &["port", "set", "br0", "v9", "--isolated", "on"],
            &["port", "set", "br9", "v1", "--isolated", "on"],
            &["port", "set", "br0", "--isolated", "on"],
        ],
    );
}

#[test]
fn blackholes_are_added_shown_and_removed() {
    const MAC: &str = "02:00:00:00:00:99";
    require_root!();
    let scene = Scene::new(1, "tc");
    let entry = || scene.json(&["fdb", "show", "br0", MAC])[0].clone();
    let add = ["fdb", "add", "br0", MAC];
    let hole = [&add[..], &["--blackhole"]].concat();
    for _ in 0..2 {
        scene.host.ok(&hole);
        let shown = entry();
        assert_eq!(
            (&shown["state"], &shown["ifname"]),
            (&json!("blackhole"), &json!("-"))
        );
        assert_eq!((&shown["age"], &shown["name"]), (&json!(0), &Value::Null));
    }
    assert!(scene.host.ok(&["fdb", "show", "br0"]).contains("blackhole"));
    // It is an operator's entry, on no port.
    scene.host.ok(&["fdb", "flush", "br0"]);
    scene
        .host
        .ok(&["fdb", "flush", "br0", "--port", "v1", "--all"]);
    assert_eq!(entry()["state"], "blackhole");
    scene
        .host
        .ok(&[&add[..], &["--port", "v1", "--static"]].concat());
    assert_eq!(
        (entry()["state"].clone(), entry()["ifname"].clone()),
        (json!("static"), json!("v1"))
    );
    scene.host.ok(&[&add[..], &["--port", "v1"]].concat());
    assert_eq!(port(&scene, "v1")["learned"], 1);
    scene.host.ok(&hole);
    assert_eq!(port(&scene, "v1")["learned"], 0);
    assert_eq!(bridge(&scene)["learned"], 0);
    refused(
        &scene,
        &[
            &[&hole[..], &["--port", "v1"]].concat(),
            &[&hole[..], &["--static"]].concat(),
            &[&hole[..], &["--sticky"]].concat(),
            &add,
            &["fdb", "add", "br0", "01:00:5e:00:00:01", "--blackhole"],
            &["fdb", "add", "br0", "ff:ff:ff:ff:ff:ff", "--blackhole"],
            &["fdb", "add", "br0", "00:00:00:00:00:00", "--blackhole"],
            &["fdb", "add", "br0", "nowhere", "--blackhole"],
        ],
    );
    scene.host.ok(&["fdb", "del", "br0", MAC]);
    assert_eq!(scene.json(&["fdb", "show", "br0"]), json!([]));
    refused(&scene, &[&["fdb", "del", "br0", MAC]]);
    scene.host.ok(&hole);
    scene.host.ok(&["fdb", "flush", "br0", "--all"]);
    assert_eq!(scene.json(&["fdb", "show", "br0"]), json!([]));
}
