//! Subnets that overlap nothing.

use netbridge_tests::{require_root, topology::Host};

use super::bed::{Bed, text};

/// The IPv4 subnet of a network.
fn subnet(bed: &Bed, network: &str) -> String {
    text(&bed.inspect(network)["IPAM"]["Config"][0]["Subnet"])
}

#[test]
fn what_overlaps_a_route_or_a_network_is_refused_and_left_out_where_one_is_found() {
    require_root!();
    let host = Host::new();
    let _neighbour = host.container("eth9", None, None);
    let bed = Bed::on(host);
    bed.shell("ip addr add 172.18.5.1/24 dev eth9; ip route add 10.20.0.0/16 via 172.18.5.2");
    for (asked, other) in [
        ("172.18.0.0/16", "172.18.5.0/24"),
        ("10.20.30.0/24", "10.20.0.0/16"),
        ("172.17.3.0/24", "172.17.0.0/16"),
    ] {
        let create = ["network", "create", "web", "--subnet", asked];
        bed.fails(2, &create, &["network web", asked, other, "--subnet"]);
    }
    for (name, found) in [("one", "172.19.0.0/16"), ("two", "172.20.0.0/16")] {
        bed.ok(&["network", "create", name]);
        assert_eq!(subnet(&bed, name), found);
    }
    assert_eq!(bed.names(), ["bridge", "host", "none", "one", "two"]);
    // One that is gone is free again.
    bed.ok(&["network", "rm", "one"]);
    bed.ok(&["network", "create", "three"]);
    assert_eq!(subnet(&bed, "three"), "172.19.0.0/16");
    bed.shell("ip route del 10.20.0.0/16; ip addr del 172.18.5.1/24 dev eth9");
    bed.end();
}

#[test]
fn subnets_that_cannot_be_are_refused() {
    require_root!();
    let bed = Bed::new();
    for (args, wanted) in [
        (&["--subnet", "10.8.0.0/33"][..], "10.8.0.0/33"),
        (&["--subnet", "ten"], "ten"),
        (&["--subnet", "224.0.0.0/24"], "for no containers"),
        (&["--subnet", "127.9.0.0/24"], "for no containers"),
        (&["--subnet", "0.0.0.0/0"], "for no containers"),
        (
            &["--subnet", "10.8.0.0/24", "--gateway", "10.9.0.1"],
            "in no subnet",
        ),
        (
            &["--subnet", "10.8.0.0/24", "--gateway", "10.8.0.255"],
            "no host's address",
        ),
        (
            &["--subnet", "10.8.0.0/24", "--ip-range", "10.8.0.0/16"],
            "not within",
        ),
        (
            &["--subnet", "10.8.0.0/24", "--aux-address", "a=10.9.0.1"],
            "in no subnet",
        ),
        (
            &["--subnet", "10.8.0.0/24", "--aux-address", "10.8.0.9"],
            "NAME=IP",
        ),
        (
            &["--subnet", "10.8.0.0/24", "--subnet", "10.9.0.0/24"],
            "two IPv4 subnets",
        ),
        (
            &["--subnet", "10.8.0.0/24", "--subnet", "10.8.0.0/25"],
            "overlaps",
        ),
        (
            &[
                "--subnet",
                "10.8.0.0/24",
                "--gateway",
                "10.8.0.1",
                "--gateway",
                "10.8.0.2",
            ],
            "has another",
        ),
        (
            &[
                "--subnet",
                "10.8.0.0/24",
                "--aux-address",
                "router=10.8.0.1",
            ],
            "10.8.0.1",
        ),
        (
            &[
                "--subnet",
                "10.8.0.0/24",
                "--aux-address",
                "a=10.8.0.9",
                "--aux-address",
                "a=10.8.0.8",
            ],
            "twice",
        ),
    ] {
        let create = [&["network", "create", "web"][..], args].concat();
        bed.fails(2, &create, &[wanted]);
    }
    let names = bed.names();
    assert!(!names.contains(&"web".to_owned()), "{names:?}");
    bed.end();
}
