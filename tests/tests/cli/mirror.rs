//! Mirrors as they are typed and shown.

use netbridge_tests::require_root;
use serde_json::{Value, json};

use super::Scene;

fn shown(scene: &Scene) -> Value {
    scene.json(&["mirror", "show", "br0"])
}

fn mirror(scene: &Scene, verb: &str, options: &str) {
    let options: Vec<&str> = options.split(' ').collect();
    scene
        .host
        .ok(&[&["mirror", verb, "br0"][..], &options].concat());
}

#[test]
fn mirrors_are_added_shown_and_removed_by_direction() {
    require_root!();
    let scene = Scene::new(3, "tc");
    assert_eq!(shown(&scene), json!([]));
    let of_port = |direction: &str, to: &str| {
        let (name, to_name) = ("c1", to.replace('v', "c"));
        json!({"port": "v1", "name": name, "direction": direction, "to": to, "to_name": to_name})
    };
    mirror(&scene, "add", "--port v1 --to v3 --direction ingress");
    assert_eq!(shown(&scene), json!([of_port("ingress", "v3")]));
    // What is there already is no mistake.
    mirror(&scene, "add", "--port v1 --to v3 --direction ingress");
    mirror(&scene, "add", "--port v1 --to v2 --direction egress");
    let two = json!([of_port("ingress", "v3"), of_port("egress", "v2")]);
    assert_eq!(shown(&scene), two);
    mirror(&scene, "del", "--port v1 --direction egress");
    mirror(&scene, "add", "--port v1 --to v3");
    assert_eq!(shown(&scene), json!([of_port("both", "v3")]));
    scene
        .host
        .ok(&["bridge", "set", "br0", "--vlan-filtering", "on"]);
    mirror(&scene, "add", "--vlan 4094 --to v2");
    let of_vlan =
        json!({"vlan": 4094, "name": null, "direction": "both", "to": "v2", "to_name": "c2"});
    assert_eq!(shown(&scene), json!([of_port("both", "v3"), of_vlan]));
    let table = scene.host.ok(&["mirror", "show", "br0"]);
    for part in ["v1", "c1", "both", "v3", "vlan 4094"] {
        assert!(table.contains(part), "{part} in {table}");
    }
    // The target of one goes, and that one with it.
    scene.host.ok(&["port", "del", "br0", "v3"]);
    assert_eq!(shown(&scene), json!([of_vlan]));
    mirror(&scene, "del", "--vlan 4094");
    assert_eq!(shown(&scene), json!([]));
}

#[test]
fn mirrors_that_make_no_sense_are_refused_and_change_nothing() {
    require_root!();
    let scene = Scene::new(3, "tc");
    mirror(&scene, "add", "--port v2 --to v3 --direction egress");
    let before = shown(&scene);
    for (args, reason) in [
        ("add br0 --port v1 --to v1", "cannot be mirrored to itself"),
        ("add br0 --port v9 --to v1", "v9: is no port"),
        ("add br0 --port v1 --to v9", "v9: is no port"),
        ("add br0 --vlan 10 --to v1", "does not filter VLANs"),
        ("add br0 --vlan 0 --to v1", "out of range"),
        ("add br0 --vlan 4095 --to v1", "out of range"),
        ("add br0 --vlan 70000 --to v1", "invalid value"),
        ("add br0 --to v1", "required"),
        ("add br0 --port v1", "required"),
        ("add br0 --port v1 --vlan 1 --to v2", "cannot be used with"),
        ("add br0 --port v1 --to v2 --direction up", "invalid value"),
        ("add br1 --port v1 --to v2", "bridge br1: not found"),
        (
            "add br0 --port v2 --to v1",
            "its egress is mirrored to v3, and there is one target for each direction; `netbridge mirror del br0 --port v2 --direction egress` frees it",
        ),
        ("del br0 --port v1", "port v1: is not mirrored"),
        (
            "del br0 --port v2 --direction ingress",
            "its ingress is not",
        ),
        ("del br0 --vlan 10", "vlan 10: is not mirrored"),
        ("del br0 --vlan 4096", "out of range"),
    ] {
        let words: Vec<&str> = args.split(' ').collect();
        let output = scene.host.cli(&[&["mirror"][..], &words].concat());
        assert_eq!(output.code, 2, "mirror {args}: {output:#?}");
        assert!(output.stderr.contains(reason), "{args}: {}", output.stderr);
        assert_eq!(output.stderr.lines().count(), 1, "{}", output.stderr);
        assert_eq!(output.stdout, "", "mirror {args}");
        assert_eq!(shown(&scene), before, "mirror {args} changed something");
    }
}
