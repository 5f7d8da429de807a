//! Storm and rate limits, as they are typed and shown.

use netbridge_tests::require_root;
use serde_json::{Value, json};

use super::{
    Scene, pick,
    switches::{port, refused},
};

/// The fields of limits, none of which a new port has.
const FIELDS: [&str; 7] = [
    "rate_ingress",
    "burst_ingress",
    "rate_egress",
    "burst_egress",
    "storm_broadcast",
    "storm_multicast",
    "storm_unknown",
];

const SET: [&str; 4] = ["port", "set", "br0", "v1"];

/// `netbridge port set br0 v1` with these options.
fn set<'a>(options: &[&'a str]) -> Vec<&'a str> {
    [&SET[..], options].concat()
}

/// Expects that a port is as `before` but for these fields.
fn assert_changed(scene: &Scene, before: &mut Value, fields: &[(&str, Value)]) {
    for (field, value) in fields {
        before[field] = value.clone();
    }
    assert_eq!(port(scene, "v1"), *before);
}

#[test]
fn limits_are_set_alone_shown_and_taken_away() {
    require_root!();
    let scene = Scene::new(2, "tc");
    let (mut expected, other) = (port(&scene, "v1"), port(&scene, "v2"));
    for field in FIELDS {
        assert_eq!(expected[field], Value::Null, "{field} of a new port");
    }
    let run = |options: &[&str]| scene.host.ok(&set(options));
    run(&["--rate-ingress", "100mbit"]);
    let bits = json!(100_000_000);
    let burst = json!(3_125_000);
    let changed = [("rate_ingress", bits), ("burst_ingress", burst)];
    assert_changed(&scene, &mut expected, &changed);
    run(&["--rate-egress", "1.5gbit", "--burst-egress", "64k"]);
    let bits = json!(1_500_000_000_u64);
    let changed = [("rate_egress", bits), ("burst_egress", json!(65_536))];
    assert_changed(&scene, &mut expected, &changed);
    // A burst alone leaves the rate; a rate alone has its own burst.
    run(&["--burst-ingress", "30000"]);
    assert_changed(&scene, &mut expected, &[("burst_ingress", json!(30_000))]);
    run(&["--rate-ingress", "8000"]);
    let changed = [
        ("rate_ingress", json!(8000)),
        ("burst_ingress", json!(15_180)),
    ];
    assert_changed(&scene, &mut expected, &changed);
    run(&["--storm-broadcast", "100", "--storm-multicast", "200"]);
    let changed = [
        ("storm_broadcast", json!(100)),
        ("storm_multicast", json!(200)),
    ];
    assert_changed(&scene, &mut expected, &changed);
    run(&["--storm-unknown", "1"]);
    assert_changed(&scene, &mut expected, &[("storm_unknown", json!(1))]);

    let table = scene.host.ok(&["port", "show", "br0"]);
    let text = "in 8kbit, out 1500mbit, broadcast 100/s, multicast 200/s, unknown 1/s";
    assert!(table.contains(text), "{table}");

    let off = FIELDS
        .into_iter()
        .filter(|field| !field.starts_with("burst"));
    for field in off {
        let option = format!("--{}", field.replace('_', "-"));
        run(&[&option, "off"]);
        let burst = field.replace("rate", "burst");
        let changed = [(field, Value::Null), (&*burst, Value::Null)];
        assert_changed(&scene, &mut expected, &changed);
    }
    assert_eq!(port(&scene, "v2"), other);
    let table = scene.host.ok(&["port", "show", "br0"]);
    assert!(!table.contains("limits"), "{table}");
}

#[test]
fn limits_come_and_go_with_the_port() {
    require_root!();
    let scene = Scene::new(1, "tc");
    let new = port(&scene, "v1");
    scene.host.ok(&["port", "del", "br0", "v1"]);
    let add = ["port", "add", "br0", "v1", "--hook", "tc", "--name", "c1"];
    let limits = ["--rate-egress", "1mbit", "--storm-unknown", "50"];
    let limited = scene.json(&[&add[..], &limits].concat());
    let limited = pick(&limited, "port", "v1");
    assert_eq!(limited["rate_egress"], 1_000_000);
    assert_eq!(limited["storm_unknown"], 50);
    assert_eq!(port(&scene, "v1"), limited);
    scene.host.ok(&["port", "del", "br0", "v1"]);
    scene.host.ok(&add);
    assert_eq!(port(&scene, "v1"), new);
}

#[test]
fn bad_limits_are_refused_and_nothing_is_half_done() {
    require_root!();
    let scene = Scene::new(1, "tc");
    for before in [
        &[][..],
        &["--rate-ingress", "1mbit", "--storm-unknown", "7"],
    ] {
        if !before.is_empty() {
            scene.host.ok(&set(before));
        }
        for value in [
            "",
            "0",
            "0mbit",
            "-1",
            "-1mbit",
            "7999",
            "7kbit",
            "401gbit",
            "1tbit",
            "99999999999gbit",
            "mbit",
            "1 mbit",
            "1mbyte",
            "64k",
            "1e6",
            "OFF",
        ] {
            refused(&scene, &[&set(&["--rate-ingress", value])]);
            refused(&scene, &[&set(&["--rate-egress", value])]);
        }
        for value in ["", "0", "-1", "off", "1517", "1gbit", "9999999999m"] {
            let rate = ["--rate-egress", "1mbit", "--burst-egress", value];
            refused(&scene, &[&set(&rate)]);
        }
        for value in ["", "0", "-1", "1.5", "1k", "1000000001", "100/s"] {
            for option in ["--storm-broadcast", "--storm-multicast", "--storm-unknown"] {
                refused(&scene, &[&set(&[option, value])]);
            }
        }
        let long = "n".repeat(65);
        refused(
            &scene,
            &[
                &set(&["--burst-egress", "64k"]),
                &set(&["--rate-ingress", "off", "--burst-ingress", "64k"]),
                &set(&["--rate-ingress", "2mbit", "--rate-egress", "1kbit"]),
                &set(&["--rate-ingress", "2mbit", "--storm-unknown", "2000000000"]),
                &set(&["--rate-ingress", "2mbit", "--name", &long]),
                &set(&["--rate-ingress", "2mbit", "--group-fwd-mask", "1"]),
                &set(&["--rate-ingress", "2mbit", "--rate-ingress", "3mbit"]),
                &["port", "set", "br0", "v9", "--rate-ingress", "2mbit"],
            ],
        );
    }
}
