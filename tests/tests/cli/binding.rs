//! Bindings as they are typed and shown, and what contradicts them.

use netbridge_tests::require_root;
use serde_json::{Value, json};

use super::{Scene, pick};

const MAC: &str = "02:00:00:00:00:01";

fn shown(scene: &Scene) -> Value {
    let mut bindings = scene.json(&["binding", "show", "br0"]);
    for binding in bindings.as_array_mut().into_iter().flatten() {
        let fields = ["port", "address", "kind", "mac", "vlan", "native"];
        *binding = fields.map(|field| binding[field].clone()).into();
    }
    bindings
}

fn state(scene: &Scene) -> [Value; 4] {
    ["bridge", "port", "fdb", "binding"].map(|object| scene.json(&[object, "show", "br0"]))
}

fn refused(scene: &Scene, args: &str, words: &[&str]) {
    let before = state(scene);
    let typed: Vec<&str> = args.split(' ').collect();
    let output = scene.host.cli(&typed);
    assert_eq!(output.code, 2, "netbridge {args}: {output:#?}");
    assert_eq!(
        output.stderr.lines().count(),
        1,
        "netbridge {args}: {output:#?}"
    );
    for word in words {
        assert!(output.stderr.contains(word), "`{word}` in {output:#?}");
    }
    assert_eq!(state(scene), before, "netbridge {args} changed something");
}

fn ok(scene: &Scene, args: &str) {
    scene.host.ok(&args.split(' ').collect::<Vec<_>>());
}

#[test]
fn bindings_are_added_shown_and_freed() {
    require_root!();
    let scene = Scene::new(2, "tc");
    ok(
        &scene,
        &format!("binding add br0 v1 --mac {MAC} --ip 10.9.0.2 --ip fd00::2"),
    );
    ok(&scene, "binding add br0 v2 --ip 10.9.0.3");
    let expected = json!([
        ["v1", MAC, "mac", null, null, true],
        ["v1", "10.9.0.2", "ipv4", MAC, null, true],
        ["v1", "fd00::2", "ipv6", MAC, null, true],
        ["v2", "10.9.0.3", "ipv4", null, null, true],
    ]);
    assert_eq!(shown(&scene), expected);
    let port = |ifname| pick(&scene.json(&["port", "show", "br0"]), "port", ifname);
    assert_eq!(
        (&port("v1")["bindings"], &port("v2")["bindings"]),
        (&json!(3), &json!(1))
    );
    let table = scene.host.ok(&["binding", "show", "br0", "v1"]);
    assert!(table.contains("c1") && table.contains("fd00::2") && !table.contains("10.9.0.3"));
    // Said again with two addresses, the IP address goes with any.
    ok(
        &scene,
        &format!("binding add br0 v1 --mac {MAC} --mac 02:00:00:00:00:02 --ip 10.9.0.2"),
    );
    assert_eq!(
        shown(&scene)[2],
        json!(["v1", "10.9.0.2", "ipv4", null, null, true])
    );
    ok(&scene, "binding del br0 v1 --ip fd00::2");
    ok(
        &scene,
        &format!("binding del br0 v1 --mac {MAC} --ip 10.9.0.2"),
    );
    ok(&scene, "binding del br0 v1");
    assert_eq!(
        shown(&scene),
        json!([["v2", "10.9.0.3", "ipv4", null, null, true]])
    );
    ok(&scene, "port del br0 v2");
    assert_eq!(shown(&scene), json!([]));
    // They go with a port whose interface vanishes, too.
    ok(&scene, "binding add br0 v1 --ip 10.9.0.2");
    let links = scene.host.links();
    let v1 = links.by_name("v1").expect("find v1").ifindex;
    links.delete(v1).expect("delete v1");
    ok(&scene, "bridge set br0 --ageing-time 77");
    assert_eq!(shown(&scene), json!([]));
}

#[test]
fn bindings_follow_the_pvid_unless_they_name_a_vlan() {
    require_root!();
    let scene = Scene::new(2, "tc");
    ok(&scene, "binding add br0 v1 --ip 10.9.0.2");
    ok(&scene, "bridge set br0 --vlan-filtering on");
    ok(&scene, "vlan add br0 v1 10-20");
    ok(&scene, "binding add br0 v1 --ip 10.9.0.2 --vlan 20");
    let rows = |native: Value| {
        let native = json!(["v1", "10.9.0.2", "ipv4", null, native, true]);
        let named = json!(["v1", "10.9.0.2", "ipv4", null, 20, false]);
        json!([native, named])
    };
    assert_eq!(shown(&scene), rows(json!(1)));
    ok(&scene, "vlan add br0 v1 10 --pvid --untagged");
    assert_eq!(shown(&scene), rows(json!(10)));
    refused(
        &scene,
        "vlan add br0 v1 20 --pvid",
        &["10.9.0.2", "v1", "binding del"],
    );
    ok(&scene, "vlan del br0 v1 10");
    assert_eq!(shown(&scene), rows(json!(null)));
    ok(&scene, "vlan add br0 v1 10 --pvid");
    // Another port has the address in another VLAN, which would be the same one without VLANs.
    ok(&scene, "binding add br0 v2 --ip 10.9.0.2");
    let off = "bridge set br0 --vlan-filtering off --ageing-time 77";
    refused(&scene, off, &["10.9.0.2", "v1", "v2", "binding del"]);
    ok(&scene, "binding del br0 v2");
    ok(&scene, off);
    assert_eq!(shown(&scene), rows(json!(null)));
}

#[test]
fn what_contradicts_is_refused() {
    require_root!();
    let scene = Scene::new(2, "tc");
    ok(
        &scene,
        &format!("binding add br0 v1 --mac {MAC} --ip 10.9.0.2"),
    );
    ok(&scene, "fdb add br0 02:00:00:00:00:09 --port v1 --static");
    ok(&scene, "fdb add br0 02:00:00:00:00:08 --blackhole");
    let bad = |args: &str, words: &[&str]| refused(&scene, &format!("binding {args}"), words);
    bad("add br0 v2", &["v2", "--mac", "--ip"]);
    bad(
        "add br0 v2 --ip 10.9.0.7 --ip 10.9.0.2",
        &["10.9.0.2", "v1", "binding del br0 v1 --ip 10.9.0.2"],
    );
    bad(
        &format!("add br0 v2 --mac {MAC}"),
        &[MAC, "v1", "binding del br0 v1 --mac"],
    );
    bad(
        "add br0 v2 --ip 10.9.0.7 --mac 02:00:00:00:00:09",
        &["static entry", "v1", "fdb del"],
    );
    bad(
        "add br0 v2 --mac 02:00:00:00:00:08",
        &["blackhole", "fdb del"],
    );
    for mac in [
        "01:00:00:00:00:01",
        "ff:ff:ff:ff:ff:ff",
        "00:00:00:00:00:00",
    ] {
        bad(
            &format!("add br0 v2 --ip 10.9.0.7 --mac {mac}"),
            &[mac, "individual"],
        );
    }
    for ip in [
        "0.0.0.0",
        "127.0.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "ff02::1",
    ] {
        bad(
            &format!("add br0 v2 --ip 10.9.0.7 --ip {ip}"),
            &[ip, "station"],
        );
    }
    for ip in ["10.9.0.0/24", "host", "10.9.0"] {
        bad(&format!("add br0 v2 --ip {ip}"), &[ip, "not an IP address"]);
    }
    bad(
        "add br0 v2 --mac 2:0:0:0:0:1",
        &["2:0:0:0:0:1", "MAC address"],
    );
    bad(
        "add br0 v2 --ip 10.9.0.7 --vlan 10",
        &["10", "vlan-filtering on"],
    );
    bad("add br0 v7 --ip 10.9.0.7", &["v7", "no port"]);
    bad(
        &format!("del br0 v1 --mac {MAC}"),
        &[MAC, "10.9.0.2", "--ip"],
    );
    bad(
        "del br0 v1 --ip 10.9.0.7",
        &["10.9.0.7", "v1", "binding show"],
    );
    let elsewhere = format!("fdb add br0 {MAC} --port v2 --static");
    refused(&scene, &elsewhere, &[MAC, "v1", "binding del"]);
    ok(&scene, "bridge set br0 --vlan-filtering on");
    for vid in ["0", "4095", "5"] {
        bad(
            &format!("add br0 v2 --ip 10.9.0.7 --vlan {vid}"),
            &["vlan", vid],
        );
    }
    ok(&scene, "vlan del br0 v2 1");
    bad("add br0 v2 --ip 10.9.0.7", &["v2", "PVID", "--vlan"]);
    ok(&scene, "vlan add br0 v2 5");
    ok(
        &scene,
        &format!("binding add br0 v2 --mac {MAC} --ip 10.9.0.2 --vlan 5"),
    );
}
