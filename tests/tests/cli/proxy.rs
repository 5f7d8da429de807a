//! Answers for neighbours, as they are switched and shown.

use netbridge_tests::require_root;

use super::{Scene, pick};

#[test]
fn answers_for_neighbours_are_switched_and_shown() {
    require_root!();
    let scene = Scene::new(1, "tc");
    let mode =
        || pick(&scene.json(&["bridge", "show", "br0"]), "bridge", "br0")["arp_proxy"].clone();
    assert_eq!(mode(), "off");
    for word in ["on", "only", "only", "off", "only"] {
        scene
            .host
            .ok(&["bridge", "set", "br0", "--arp-proxy", word]);
        assert_eq!(mode(), word);
    }
    let args = [
        "bridge",
        "set",
        "br0",
        "--arp-proxy",
        "some",
        "--flood",
        "off",
    ];
    let output = scene.host.cli(&args);
    assert_eq!(output.code, 2, "{output:#?}");
    assert!(output.stderr.contains("off, on, only"), "{output:#?}");
    assert_eq!(mode(), "only");
}
