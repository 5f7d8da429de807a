//! Drivers, options, filters and files that are refused, and networks that stay.

use std::process::Command;

use netbridge_tests::{
    require_root, require_tool,
    topology::{Host, binary},
    wire::SOON,
};

use super::bed::{Bed, is_refused};

#[test]
fn drivers_and_options_that_there_are_not() {
    require_root!();
    let bed = Bed::new();
    for (args, wanted) in [
        (
            &["-d", "ipvlan"][..],
            &["driver ipvlan", "bridge and macvlan"][..],
        ),
        (&["-d", "host"], &["driver host", "already"]),
        (&["-d", "null"], &["driver null", "already"]),
        (
            &["-d", "macvlan"],
            &["network web", "parent", "-o parent=IF"],
        ),
        (&["-d", "macvlan", "-o", "parent=eth99"], &["eth99"]),
        (
            &["-o", "netbridge.rats=1"],
            &["network web", "netbridge.rats=1", "netbridge.rate"],
        ),
        (
            &["-o", "netbridge.mode=switch"],
            &["netbridge.mode=switch", "bridge or hub"],
        ),
        (
            &["-o", "netbridge.vlan=4095"],
            &["netbridge.vlan=4095", "1 to 4094"],
        ),
        (&["-o", "netbridge.hook"], &["netbridge.hook", "KEY=VALUE"]),
        (
            &["-o", "com.docker.network.driver.mtu=9"],
            &["mtu=9", "68 to 65535"],
        ),
        (
            &["-o", "com.docker.network.bridge.enable_icc=maybe"],
            &["enable_icc=maybe", "true or false"],
        ),
        (
            &["-o", "com.docker.network.bridge.host_binding_ipv4=here"],
            &["host_binding_ipv4=here"],
        ),
        (
            &["-o", "com.docker.network.bridge.name=netbridge0"],
            &["netbridge0", "network bridge"],
        ),
        (
            &["-o", "com.docker.network.bridge.name=lo"],
            &["lo", "exists already"],
        ),
        (
            &["-o", "com.docker.network.bridge.name=much/too/long/a/name"],
            &["much/too/long/a/name"],
        ),
        (
            &[
                "-o",
                "com.docker.network.bridge.name=a-name-too-long-by-far",
            ],
            &["a-name-too-long-by-far"],
        ),
    ] {
        bed.fails(
            2,
            &[&["network", "create", "web"][..], args].concat(),
            wanted,
        );
    }
    assert_eq!(bed.names(), ["bridge", "host", "none"]);
    // One that another program's networks may have is let pass.
    let other = "com.docker.network.container_iface_prefix=x";
    bed.ok(&["network", "create", "web", "-o", other]);
    bed.end();
}

#[test]
fn filters_and_formats_that_there_are_not() {
    require_root!();
    let bed = Bed::new();
    for (args, wanted) in [
        (
            &["ls", "--filter", "colour=red"][..],
            &["filter `colour=red`", "driver, name"][..],
        ),
        (
            &["ls", "--filter", "driver"],
            &["filter `driver`", "driver=bridge"],
        ),
    ] {
        bed.fails(2, &[&["network"][..], args].concat(), wanted);
    }
    bed.ok(&["network", "create", "web"]);
    for args in [
        ["ls", "--format", "{{.Name"],
        ["ls", "--format", "{{nosuch .Name}}"],
    ] {
        bed.fails(2, &[&["network"][..], &args].concat(), &[args[2]]);
    }
    bed.fails(
        2,
        &["network", "inspect", "web", "--format", "{{.Name"],
        &["{{.Name"],
    );
    bed.end();
}

#[test]
fn networks_that_are_in_use_or_always_there_stay() {
    require_root!();
    let bed = Bed::new();
    bed.ok(&["network", "create", "web"]);
    bed.join("web", "b1", &[]);
    let in_use = ["network web", "b1", "network disconnect web b1"];
    bed.fails(2, &["network", "rm", "web"], &in_use);
    bed.fails(2, &["network", "rm", "--force", "web"], &in_use);
    for name in ["bridge", "host", "none"] {
        let wanted = [&format!("network {name}")[..], "predefined", "--force"];
        bed.fails(2, &["network", "rm", name], &wanted);
    }
    bed.ok(&["network", "rm", "--force", "bridge"]);
    assert_eq!(bed.names(), ["host", "none", "web"]);
    // What makes or uses networks makes it again.
    let on_two = ["container b1", "network web", "none", "disconnect it first"];
    bed.fails(2, &["network", "connect", "none", "b1"], &on_two);
    assert_eq!(bed.names(), ["bridge", "host", "none", "web"]);
    bed.end();
}

#[test]
fn a_file_that_cannot_be_read_stops_all_before_an_address_is_given_twice() {
    require_root!();
    let bed = Bed::new();
    bed.join("bridge", "b1", &[]);
    bed.namespace("b2");
    let file = "$(ls /run/netbridge/netns-*/networks/bridge.json)";
    bed.shell(&format!("cp {file} /run/kept"));
    for damage in [
        "head -c 40 /run/kept",
        "true",
        "sed s/.version.:.1/x/ /run/kept",
        "sed '/\"subnets\"/d' /run/kept",
    ] {
        bed.shell(&format!("{damage} > {file}"));
        for args in [
            &["network", "connect", "bridge", "b2"][..],
            &["network", "ls"],
            &["network", "inspect", "bridge"],
            &["network", "create", "web"],
        ] {
            bed.fails(
                1,
                args,
                &[
                    "networks/bridge.json",
                    "cannot be read",
                    "mend it, or remove it",
                ],
            );
        }
    }
    bed.shell(&format!(
        "sed 's/\"version\": 1/\"version\": 99/' /run/kept > {file}"
    ));
    bed.fails(
        1,
        &["network", "ls"],
        &["networks/bridge.json", "version 99", "knows 1"],
    );
    // `serve` says so, and serves the bridges.
    let serve = bed.serve();
    serve.line(SOON, |line| {
        line.contains("WARN") && line.contains("version 99")
    });
    serve.line(SOON, |line| line.contains("serving"));
    serve.signal(nix::sys::signal::Signal::SIGTERM);
    assert_eq!(serve.finish(super::bed::LONG).code, 0);
    bed.shell(&format!("cp /run/kept {file}; rm /run/kept"));
    bed.ok(&["network", "connect", "bridge", "b2"]);
    assert_eq!(bed.place("bridge", "b2").ip.to_string(), "172.17.0.3");
    bed.end();
}

#[test]
fn an_interface_of_that_name_is_left_alone() {
    require_root!();
    let host = Host::new();
    let _neighbour = host.container("netbridge0", None, Some("10.9.0.2/24"));
    let bed = Bed::on(host);
    let wanted = ["network bridge", "an interface netbridge0 exists already"];
    bed.fails(2, &["network", "create", "web"], &wanted);
    assert_eq!(bed.names(), ["host", "none"]);
    bed.end();
}

#[test]
fn who_may_not_is_told_so() {
    require_root!();
    require_tool!("setpriv");
    let bed = Bed::new();
    bed.join("bridge", "b1", &[]);
    bed.namespace("b2");
    for (whose, args) in [
        (
            "--bounding-set=-all --inh-caps=-all",
            "network connect bridge b2",
        ),
        ("--bounding-set=-all --inh-caps=-all", "network create web"),
        (
            "--reuid 65534 --clear-groups",
            "network disconnect bridge b1",
        ),
    ] {
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!(r#"exec setpriv {whose} "$0" {args}"#)]);
        shell.arg(binary());
        let output = bed.host.start(shell).finish(super::bed::LONG);
        is_refused(&output, 3, &[args], &["ermission denied", "run as root"]);
        assert_eq!(output.stderr.matches("denied").count(), 1, "{output:#?}");
    }
    assert_eq!(bed.on_network("bridge"), ["b1"]);
    bed.end();
}
