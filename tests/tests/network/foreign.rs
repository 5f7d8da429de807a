//! A bridge that was there before the network stays when it is gone.

use netbridge_tests::{require_root, topology::Host, traffic::ping};

use super::bed::{Bed, ip};

const NAME: &str = "com.docker.network.bridge.name=br0";
/// Makes network web on it.
const CREATE: [&str; 7] = [
    "network",
    "create",
    "web",
    "-o",
    NAME,
    "--subnet",
    "10.8.0.0/24",
];

#[test]
fn a_bridge_that_was_there_before_serves_and_stays() {
    require_root!();
    let host = Host::new();
    host.ok(&["bridge", "add", "br0", "--address", "10.8.0.254/24"]);
    let old = host.container("v1", None, Some("10.8.0.9/24"));
    host.ok(&["port", "add", "br0", "v1"]);
    let bed = Bed::on(host);
    let ports = || {
        bed.json(&["stats", "br0", "--json"])["ports"]
            .as_array()
            .map(Vec::len)
    };
    assert_eq!(ports(), Some(2));
    for gateway in ["10.8.0.254", "10.8.0.1"] {
        bed.ok(&[
            &CREATE[..],
            &["--gateway", gateway, "--aux-address", "old=10.8.0.9"],
        ]
        .concat());
        let c1 = bed.join("web", "c1", &[]);
        assert!(ping(&c1, ip("10.8.0.9"), 2).all_answered(), "{gateway}");
        assert!(ping(&c1, ip(gateway), 2).all_answered(), "{gateway}");
        bed.fails(
            2,
            &["network", "create", "other", "-o", NAME],
            &["br0", "network web"],
        );
        bed.ok(&["network", "disconnect", "web", "c1"]);
        bed.forget("c1");
        bed.ok(&["network", "rm", "web"]);
        // The bridge, its ports and its address are as they were.
        assert_eq!(ports(), Some(2));
        let shown = bed.shell("ip -o -4 addr show br0");
        assert!(
            shown.contains("10.8.0.254/24") && !shown.contains("10.8.0.1/24"),
            "{shown}"
        );
        assert!(ping(&old, ip("10.8.0.254"), 2).all_answered());
    }
    bed.end();
}

#[test]
fn a_network_whose_gateway_was_taken_off_its_bridge_can_be_removed() {
    require_root!();
    let host = Host::new();
    host.ok(&["bridge", "add", "br0", "--address", "10.8.0.254/24"]);
    let bed = Bed::on(host);
    bed.ok(&CREATE);
    bed.shell("ip addr del 10.8.0.1/24 dev br0");
    assert_eq!(bed.ok(&["network", "rm", "web"]), "web\n");
    bed.end();
}

#[test]
fn a_bridge_without_an_interface_of_the_host_is_not_taken() {
    require_root!();
    let host = Host::new();
    host.ok(&["bridge", "add", "br0"]);
    let bed = Bed::on(host);
    bed.fails(
        2,
        &CREATE,
        &[
            "network web",
            "bridge br0 has no interface for the host",
            "--address",
        ],
    );
    bed.ok(&["stats", "br0"]);
    bed.end();
}

#[test]
fn a_bridge_that_goes_under_a_network_is_said_to_be_gone() {
    require_root!();
    let host = Host::new();
    host.ok(&["bridge", "add", "br0", "--address", "10.8.0.1/24"]);
    let bed = Bed::on(host);
    bed.ok(&CREATE);
    let kept = bed.namespace("c1");
    bed.ok(&["bridge", "del", "br0"]);
    let connect = ["network", "connect", "web", "c1"];
    let output = bed.host.cli(&connect);
    assert_eq!(output.code, 2, "{output:#?}");
    assert!(output.stderr.contains("br0"), "{output:#?}");
    assert_eq!(bed.shell("ip -n c1 -o link").lines().count(), 1);
    bed.ok(&["bridge", "add", "br0", "--address", "10.8.0.1/24"]);
    bed.ok(&connect);
    assert!(ping(&kept, ip("10.8.0.1"), 2).all_answered());
    bed.ok(&["network", "disconnect", "web", "c1"]);
    bed.ok(&["network", "rm", "web"]);
    bed.shell("netns=c1; ip netns del $netns");
    let names = bed.names();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    bed.ok(&[&["network", "rm", "--force"][..], &names].concat());
    bed.ok(&["stats", "br0"]);
}
