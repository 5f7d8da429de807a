//! Who gets which address, as the command line shows it.

use netbridge_tests::require_root;

use super::bed::{Bed, ip};

fn create(bed: &Bed, args: &[&str]) {
    bed.ok(&[&["network", "create", "web"][..], args].concat());
}

/// Puts a container on `web`; its address.
fn joined(bed: &Bed, name: &str, args: &[&str]) -> String {
    bed.join("web", name, args);
    bed.place("web", name).ip.to_string()
}

#[test]
fn reserved_addresses_are_left_out_and_ranges_kept() {
    require_root!();
    let bed = Bed::new();
    create(
        &bed,
        &[
            "--subnet",
            "10.8.0.0/24",
            "--ip-range",
            "10.8.0.128/30",
            "--gateway",
            "10.8.0.254",
            "--aux-address",
            "router=10.8.0.129",
            "--aux-address",
            "printer=10.8.0.9",
        ],
    );
    let config = bed.inspect("web")["IPAM"]["Config"][0].clone();
    let wanted = serde_json::json!({
        "Subnet": "10.8.0.0/24", "IPRange": "10.8.0.128/30", "Gateway": "10.8.0.254",
        "AuxiliaryAddresses": {"router": "10.8.0.129", "printer": "10.8.0.9"},
    });
    assert_eq!(config, wanted);
    let given = ["c1", "c2", "c3"].map(|name| joined(&bed, name, &[]));
    assert_eq!(given, ["10.8.0.128", "10.8.0.130", "10.8.0.131"]);
    bed.namespace("c4");
    let connect = ["network", "connect", "web", "c4"];
    bed.fails(
        1,
        &connect,
        &[
            "network web",
            "no address of 10.8.0.128/30 is free",
            "disconnect",
        ],
    );
    for (address, why) in [
        ("10.8.0.9", "taken by the gateway or a reservation"),
        ("10.8.0.254", "taken by the gateway or a reservation"),
        ("10.8.0.128", "taken by c1"),
        ("10.8.0.0", "no host's address"),
        ("10.8.0.255", "no host's address"),
        ("10.9.0.1", "no host's address"),
    ] {
        bed.fails(
            2,
            &[&connect[..], &["--ip", address]].concat(),
            &["network web", address, why],
        );
    }
    // One that is asked for may be out of the range.
    assert_eq!(joined(&bed, "c5", &["--ip", "10.8.0.77"]), "10.8.0.77");
    assert_eq!(
        bed.shell("ip -n c4 -o link").lines().count(),
        1,
        "nothing is left of what failed"
    );
    bed.end();
}

#[test]
fn a_freed_address_comes_last_and_exhaustion_ends_with_the_first_that_goes() {
    require_root!();
    let bed = Bed::new();
    create(&bed, &["--subnet", "10.8.0.0/29"]);
    assert_eq!(joined(&bed, "c2", &[]), "10.8.0.2");
    bed.ok(&["network", "disconnect", "web", "c2"]);
    let given = ["c3", "c4", "c5", "c6", "c7"].map(|name| joined(&bed, name, &[]));
    assert_eq!(
        given,
        ["10.8.0.3", "10.8.0.4", "10.8.0.5", "10.8.0.6", "10.8.0.2"]
    );
    bed.fails(
        1,
        &["network", "connect", "web", "c2"],
        &["network web", "10.8.0.0/29"],
    );
    bed.ok(&["network", "disconnect", "web", "c5"]);
    bed.ok(&["network", "connect", "web", "c2"]);
    assert_eq!(bed.place("web", "c2").ip, ip("10.8.0.5"));
    bed.end();
}

#[test]
fn ipv6_has_addresses_of_its_own() {
    require_root!();
    let bed = Bed::new();
    create(
        &bed,
        &[
            "--subnet",
            "10.8.0.0/24",
            "--subnet",
            "fd00:8::/64",
            "--gateway",
            "fd00:8::ffff",
            "--aux-address",
            "v6=fd00:8::1:0",
        ],
    );
    bed.join("web", "c1", &[]);
    bed.join("web", "c2", &["--ip6", "fd00:8::5", "--ip", "10.8.0.5"]);
    let shown = ["c1", "c2"].map(|name| bed.shell(&format!("ip -n {name} -o addr show eth0")));
    assert!(
        shown[0].contains("10.8.0.2/24") && shown[0].contains("fd00:8::1:1/64"),
        "{}",
        shown[0]
    );
    assert!(
        shown[1].contains("10.8.0.5/24") && shown[1].contains("fd00:8::5/64"),
        "{}",
        shown[1]
    );
    let view = bed.inspect("web");
    let text = view["Containers"].to_string();
    assert!(text.contains(r#""IPv6Address":"fd00:8::1:1/64""#), "{text}");
    bed.namespace("c3");
    let connect = ["network", "connect", "web", "c3"];
    bed.fails(
        2,
        &[&connect[..], &["--ip6", "fd00:8::5"]].concat(),
        &["fd00:8::5 is taken by c2"],
    );
    bed.fails(
        2,
        &[&connect[..], &["--ip6", "10.8.0.9"]].concat(),
        &["--ip"],
    );
    bed.fails(
        2,
        &[&connect[..], &["--ip", "fd00:8::9"]].concat(),
        &["--ip6"],
    );
    bed.end();
}

#[test]
fn fifty_that_connect_at_once_get_fifty_addresses() {
    require_root!();
    let bed = Bed::new();
    create(&bed, &["--subnet", "10.8.0.0/24"]);
    let names: Vec<String> = (1..=50).map(|n| format!("c{n}")).collect();
    for name in &names {
        bed.namespace(name);
    }
    let connect = |name: &String| bed.host.spawn(&["network", "connect", "web", name]);
    let running: Vec<_> = names.iter().map(connect).collect();
    for one in running {
        let output = one.finish(super::bed::LONG);
        assert_eq!(
            (output.code, output.stderr.as_str()),
            (0, ""),
            "{output:#?}"
        );
    }
    let mut addresses = bed.addresses("web");
    addresses.sort_unstable();
    addresses.dedup();
    assert_eq!(addresses.len(), 50, "{addresses:?}");
    let shown = bed.shell("for n in /run/netns/*; do ip -n ${n##*/} -4 -o addr show eth0; done");
    for address in &addresses {
        assert!(
            shown.contains(&format!(" {address}/24 ")),
            "{address}: {shown}"
        );
    }
    // Many go at once where what holds them does.
    for name in &names {
        bed.forget(name);
    }
    super::bed::eventually("the end of fifty interfaces", || {
        !bed.shell("ip -o link").contains("@if")
    });
    let said = bed.host.cli(&["network", "rm", "web"]);
    assert_eq!(said.code, 0, "{said:#?}");
    let freed = said
        .stderr
        .lines()
        .filter(|line| line.contains("is free again"));
    assert_eq!(freed.count(), 50, "{said:#?}");
    bed.end();
}
