//! What a user can get wrong: one line that names the object and the remedy, the right exit code,
//! and a host that is as it was.
#![expect(
    clippy::expect_used,
    reason = "a test stops where it fails, and says so"
)]

mod vlans;

use std::{process::Command, time::Duration};

use netbridge::{
    bridge::Bridge,
    net::{BridgeOptions, Netns, VethSpec},
};
use netbridge_common::ABI_VERSION;
use netbridge_tests::{
    require_root, require_tool,
    snapshot::Snapshot,
    topology::{Host, Output, binary},
};

/// Longest that a command may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// A host with bridge br0, port v1 on it, free interface v2, and a container behind each.
struct Scene {
    host: Host,
    container: Netns,
}

fn scene() -> Scene {
    let host = Host::new();
    let container = Netns::anonymous().expect("make a namespace");
    let links = host.links();
    for (name, peer_name) in [("v1", "eth1"), ("v2", "eth2")] {
        let spec = VethSpec {
            name,
            peer_name,
            peer_netns: Some(&container),
            ..VethSpec::default()
        };
        let link = links.add_veth(&spec).expect("add a veth pair");
        links.set_up(link.ifindex, true).expect("set it up");
    }
    host.ok(&["bridge", "add", "br0"]);
    host.ok(&["port", "add", "br0", "v1"]);
    Scene { host, container }
}

/// Expects that `args` fail with `code` and one line that holds all of `words`, changing nothing.
fn refused(host: &Host, args: &[&str], code: i32, words: &[&str]) {
    let before = Snapshot::of(host);
    let output = host.cli(args);
    check(args, &output, code, words);
    assert_eq!(
        Snapshot::of(host),
        before,
        "netbridge {args:?} left something"
    );
}

fn check(args: &[&str], output: &Output, code: i32, words: &[&str]) {
    assert_eq!(output.code, code, "netbridge {args:?}: {output:#?}");
    assert_eq!(
        output.stdout, "",
        "netbridge {args:?}: an error goes to stderr"
    );
    assert_eq!(
        output.stderr.lines().count(),
        1,
        "netbridge {args:?}: {output:#?}"
    );
    for word in words {
        assert!(output.stderr.contains(word), "`{word}` in {output:#?}");
    }
}

#[test]
fn names_of_bridges_are_checked() {
    require_root!();
    let host = Host::new();
    let long = "a-name-of-16-cha";
    refused(
        &host,
        &["bridge", "add", long],
        2,
        &[long, "too long", "15"],
    );
    refused(&host, &["bridge", "add", "a/b"], 2, &["a/b", "letters"]);
    refused(&host, &["bridge", "add", ".."], 2, &["..", "letters"]);
    refused(&host, &["bridge", "add", ""], 2, &["empty"]);
    refused(&host, &["bridge", "del", "br7"], 2, &["br7", "not found"]);
    refused(
        &host,
        &["stats", "br7"],
        2,
        &["br7", "not found", "bridge show"],
    );
    let fourteen = "fourteen-chars";
    let args = ["bridge", "add", fourteen, "--address", "10.9.0.1/24"];
    refused(&host, &args, 2, &[fourteen, "13"]);
}

#[test]
fn a_second_bridge_of_a_name_is_refused() {
    require_root!();
    let scene = scene();
    refused(
        &scene.host,
        &["bridge", "add", "br0"],
        2,
        &["br0", "exists", "bridge del br0"],
    );
}

#[test]
fn interfaces_that_cannot_be_ports_are_refused() {
    require_root!();
    let Scene {
        host,
        container: _container,
    } = scene();
    let links = host.links();
    let linux = links
        .add_bridge("lbr", &BridgeOptions::default())
        .expect("add a bridge");
    let add = |ifname| ["port", "add", "br0", ifname];
    refused(&host, &add("nope"), 2, &["nope", "not found", "ip link"]);
    refused(
        &host,
        &add("an-interface-of-22-ch"),
        2,
        &["an-interface-of-22-ch", "15"],
    );
    refused(&host, &add("lo"), 2, &["lo", "loopback"]);
    refused(&host, &add("lbr"), 2, &["lbr", "Linux bridge"]);
    refused(&host, &add("v1"), 2, &["v1", "bridge br0", "already"]);
    refused(
        &host,
        &add("eth2"),
        2,
        &["eth2", "another network namespace"],
    );
    let v2 = links.by_name("v2").expect("find v2").ifindex;
    links
        .set_master(v2, Some(linux.ifindex))
        .expect("make v2 a port of the kernel's bridge");
    refused(&host, &add("v2"), 2, &["v2", "bridge lbr", "nomaster"]);
    links.set_master(v2, None).expect("free v2");
    host.ok(&["bridge", "add", "br1"]);
    refused(
        &host,
        &["port", "add", "br1", "v1"],
        2,
        &["v1", "bridge br0", "port del br0 v1"],
    );
    refused(
        &host,
        &["port", "del", "br1", "v1"],
        2,
        &["v1", "br1", "port show br1"],
    );
    refused(
        &host,
        &["port", "add", "br9", "v2"],
        2,
        &["br9", "not found"],
    );
}

#[test]
fn unequal_mtus_are_refused_with_both_numbers_unless_allowed() {
    require_root!();
    let Scene {
        host,
        container: _container,
    } = scene();
    let links = host.links();
    let v2 = links.by_name("v2").expect("find v2").ifindex;
    links.set_mtu(v2, 9000).expect("set the MTU");
    let args = ["port", "add", "br0", "v2"];
    refused(
        &host,
        &args,
        2,
        &["v2", "9000", "1500", "br0", "--mixed-mtu"],
    );
    host.ok(&["bridge", "set", "br0", "--mixed-mtu", "on"]);
    host.ok(&args);
}

#[test]
fn malformed_values_are_refused() {
    require_root!();
    let Scene {
        host,
        container: _container,
    } = scene();
    let add = |mac| ["fdb", "add", "br0", mac, "--port", "v1"];
    refused(
        &host,
        &add("02:00:00:00:00"),
        2,
        &["02:00:00:00:00", "02:42:ac:11:00:02"],
    );
    refused(
        &host,
        &add("zz:00:00:00:00:01"),
        2,
        &["zz:00", "not a MAC address"],
    );
    refused(
        &host,
        &add("ff:ff:ff:ff:ff:ff"),
        2,
        &["ff:ff", "individual"],
    );
    refused(
        &host,
        &add("00:00:00:00:00:00"),
        2,
        &["00:00", "individual"],
    );
    refused(
        &host,
        &["fdb", "del", "br0", "02:00:00:00:00:01"],
        2,
        &["not found"],
    );
    let ageing = ["bridge", "set", "br0", "--ageing-time", "0"];
    refused(&host, &ageing, 2, &["ageing time", "0", "1000000"]);
    refused(
        &host,
        &["bridge", "set", "br0"],
        2,
        &["br0", "nothing to change"],
    );
    refused(
        &host,
        &["port", "set", "br0", "v1"],
        2,
        &["v1", "nothing to change"],
    );
    refused(
        &host,
        &["bridge", "add", "b", "--address", "10.9.0.1"],
        2,
        &["10.9.0.1", "/24"],
    );
    refused(
        &host,
        &["bridge", "add", "b", "--max-ports", "0"],
        2,
        &["max ports", "0"],
    );
    refused(
        &host,
        &["port", "add", "br0", "v2", "--hook", "tcp"],
        2,
        &["tcp", "--hook"],
    );
    let long = "x".repeat(65);
    let named = ["port", "set", "br0", "v1", "--name", &long];
    refused(&host, &named, 2, &["container name", "64"]);
    refused(&host, &["frobnicate"], 2, &["frobnicate", "--help"]);
}

#[test]
fn a_full_fdb_is_named_with_its_size() {
    require_root!();
    let Scene {
        host,
        container: _container,
    } = scene();
    host.ok(&["bridge", "add", "small", "--fdb-entries", "2"]);
    host.ok(&["port", "add", "small", "v2"]);
    let mut last = None;
    // The kernel gives a few elements more than asked for, one per CPU at most.
    for n in 0..64 {
        let mac = format!("02:00:00:00:01:{n:02x}");
        let args = ["fdb", "add", "small", &mac, "--port", "v2", "--static"];
        let output = host.cli(&args);
        if output.code != 0 {
            check(
                &args,
                &output,
                1,
                &["FDB", "full", "2 entries", "--fdb-entries"],
            );
            last = Some(n);
            break;
        }
    }
    assert!(last.is_some(), "64 entries went into an FDB of 2");
}

#[test]
fn a_bridge_without_room_for_another_port_says_so() {
    require_root!();
    let Scene {
        host,
        container: _container,
    } = scene();
    host.ok(&["bridge", "add", "tiny", "--max-ports", "1"]);
    host.ok(&["port", "add", "tiny", "v2"]);
    let links = host.links();
    let spec = VethSpec {
        name: "v3",
        peer_name: "v3p",
        ..VethSpec::default()
    };
    links.add_veth(&spec).expect("add a veth pair");
    refused(
        &host,
        &["port", "add", "tiny", "v3"],
        1,
        &["tiny", "1 ports", "--max-ports"],
    );
}

#[test]
fn pins_of_another_version_are_refused_and_can_be_removed() {
    require_root!();
    let Scene {
        host,
        container: _container,
    } = scene();
    host.run(|| {
        let mut bridge = Bridge::look("br0").expect("open the bridge");
        let mut settings = bridge.settings().expect("read the settings");
        settings.abi_version = 99;
        bridge
            .maps_mut()
            .set_settings(settings)
            .expect("write the settings");
    });
    let this = format!("layout {ABI_VERSION}");
    for args in [
        vec!["stats", "br0"],
        vec!["port", "add", "br0", "v2"],
        vec!["fdb", "show", "br0"],
    ] {
        refused(
            &host,
            &args,
            1,
            &["br0", "layout 99", &this, "bridge del br0"],
        );
    }
    host.ok(&["bridge", "del", "br0"]);
    host.ok(&["bridge", "add", "br0"]);
    host.ok(&["port", "add", "br0", "v1"]);
}

#[test]
fn a_bridge_of_another_namespace_is_left_alone() {
    require_root!();
    let Scene { host, container } = scene();
    let before = Snapshot::of(&host);
    // The same mounts, but the network of the container.
    let inside = |args: &[&str]| {
        let mut command = Command::new(binary());
        command.args(args);
        container.command_in(&mut command);
        host.start(command).finish(PATIENCE)
    };
    for args in [
        ["stats", "br0"].as_slice(),
        &["bridge", "del", "br0"],
        &["port", "show", "br0"],
    ] {
        check(
            args,
            &inside(args),
            2,
            &["br0", "another network namespace"],
        );
    }
    assert_eq!(Snapshot::of(&host), before);
}

#[test]
fn without_privilege_it_says_what_is_needed() {
    require_root!();
    require_tool!("setpriv");
    let Scene {
        host,
        container: _container,
    } = scene();
    let before = Snapshot::of(&host);
    for args in [
        vec!["bridge", "add", "br1"],
        vec!["stats", "br0"],
        vec!["demo"],
        vec!["run", "--port", "v2"],
    ] {
        let mut command = Command::new("setpriv");
        command.args(["--bounding-set", "-all", "--inh-caps", "-all"]);
        command.arg(binary()).args(&args);
        let output = host.start(command).finish(PATIENCE);
        check(&args, &output, 3, &["root"]);
    }
    assert_eq!(Snapshot::of(&host), before);
}

#[test]
fn a_kernel_without_tcx_is_refused_by_name() {
    let old = netbridge::datapath::KernelFeatures {
        release: "6.1.0-49-amd64".to_owned(),
        tcx: false,
        peer_scrubs: false,
        btf: true,
    };
    let error = old.require().expect_err("6.1 has no tcx");
    assert_eq!(error.exit_code(), 3);
    let text = error.to_string();
    assert!(
        text.contains("6.1.0-49") && text.contains("tcx") && text.contains("6.6"),
        "{text}"
    );
}
