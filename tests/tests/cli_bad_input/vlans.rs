//! VLANs that cannot be.

use netbridge_tests::require_root;

use super::{Scene, refused, scene};

#[test]
fn vlans_that_cannot_be_are_refused_whole() {
    require_root!();
    let Scene {
        host,
        container: _container,
    } = scene();
    let vlans = || host.ok(&["vlan", "show", "br0", "--json"]);
    let before = vlans();
    for (vid, word) in [
        ("0", "0: out of range"),
        ("4095", "4095: out of range"),
        ("5000", "5000: out of range"),
        ("10-4095", "4095: out of range"),
        ("20-10", "20-10: the range is empty"),
        ("a", "`a`: no VID"),
        ("10-", "`10-`: no VID"),
        ("70000", "`70000`: no VID"),
    ] {
        for verb in ["add", "del"] {
            refused(&host, &["vlan", verb, "br0", "v1", vid], 2, &["vlan", word]);
        }
    }
    let range = ["vlan", "add", "br0", "v1", "10-20", "--pvid"];
    refused(&host, &range, 2, &["10-20", "PVID"]);
    for ranges in [["10-20", "20-30"], ["15", "10-20"], ["10-20", "10-20"]] {
        let [one, other] = ranges;
        let words = ["vlan", one, other, "overlap"];
        for verb in ["add", "del"] {
            refused(&host, &["vlan", verb, "br0", "v1", one, other], 2, &words);
        }
    }
    for (pvid, word) in [
        ("0", "1 to 4094"),
        ("4095", "1 to 4094"),
        ("30", "no member"),
    ] {
        let set = [
            "port",
            "set",
            "br0",
            "v1",
            "--isolated",
            "on",
            "--pvid",
            pvid,
        ];
        refused(&host, &set, 2, &[pvid, word]);
    }
    let port = host.ok(&["port", "show", "br0", "v1", "--json"]);
    assert!(port.contains("\"isolated\":false"), "{port}");
    refused(
        &host,
        &["vlan", "show", "br0", "v1", "5000"],
        2,
        &["5000", "4094"],
    );
    for vid in ["10", "1-2"] {
        let words = ["v1", "no member", "vlan show br0"];
        refused(&host, &["vlan", "del", "br0", "v1", vid], 2, &words);
    }
    for verb in ["add", "del"] {
        let words = ["v2", "port", "br0"];
        refused(&host, &["vlan", verb, "br0", "v2", "10"], 2, &words);
        refused(
            &host,
            &["vlan", verb, "br7", "v1", "10"],
            2,
            &["br7", "not found"],
        );
    }
    refused(&host, &["vlan", "show", "br0", "v2"], 2, &["v2", "br0"]);
    let accept = ["port", "set", "br0", "v1", "--accept-frames", "some"];
    refused(&host, &accept, 2, &["some", "tagged"]);
    let protocol = ["bridge", "set", "br0", "--vlan-protocol", "802.1x"];
    refused(&host, &protocol, 2, &["802.1x", "802.1ad"]);
    assert_eq!(vlans(), before, "something of it was done");
}

#[test]
fn entries_of_vlans_that_cannot_be_are_refused() {
    require_root!();
    let Scene {
        host,
        container: _container,
    } = scene();
    let add = |vid| {
        let mac = "02:00:00:00:00:07";
        ["fdb", "add", "br0", mac, "--port", "v1", "--vlan", vid]
    };
    let words = ["10", "br0", "does not filter", "--vlan-filtering on"];
    refused(&host, &add("10"), 2, &words);
    host.ok(&["bridge", "set", "br0", "--vlan-filtering", "on"]);
    for vid in ["0", "4095", "5000"] {
        refused(&host, &add(vid), 2, &[vid, "out of range"]);
    }
    refused(&host, &add("a"), 2, &["'a'", "--vlan"]);
    refused(&host, &add("10"), 2, &["10", "v1", "no member"]);
    host.ok(&["vlan", "del", "br0", "v1", "1"]);
    let without = ["fdb", "add", "br0", "02:00:00:00:00:07", "--port", "v1"];
    refused(&host, &without, 2, &["v1", "PVID", "--vlan"]);
    assert_eq!(host.ok(&["fdb", "show", "br0", "--json"]).trim(), "[]");
    host.ok(&["vlan", "add", "br0", "v1", "10"]);
    host.ok(&add("10"));
}
