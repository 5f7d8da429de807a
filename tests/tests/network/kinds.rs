//! The walkthrough, row 10: five kinds of network.

use netbridge_tests::{
    require_root, require_tool,
    topology::Host,
    traffic::{ping, tcp},
};

use super::{
    bed::{Bed, ip},
    talk::Server,
};

#[test]
fn row_10_host_shares_the_hosts_network_port_clashes_and_all() {
    require_root!();
    require_tool!("busybox");
    let bed = Bed::new();
    let run = ["network", "run", "host", "--"];
    let inside = bed.ok(&[&run[..], &["readlink", "/proc/self/ns/net"]].concat());
    assert_eq!(inside, bed.shell("readlink /proc/self/ns/net"));
    let server = Server::any(bed.host.netns(), 80);
    let httpd = ["busybox", "httpd", "-f", "-p", "80"];
    let clash = bed.host.cli(&[&run[..], &httpd].concat());
    assert_ne!(clash.code, 0, "{clash:#?}");
    assert!(clash.stderr.contains("in use"), "{clash:#?}");
    drop(server);
    // What cannot be is said.
    let output = bed
        .host
        .cli(&["network", "run", "host", "-p", "81:80", "--", "true"]);
    assert_eq!(output.code, 0, "{output:#?}");
    assert!(output.stderr.contains("discarded"), "{output:#?}");
    bed.namespace("b1");
    let connect = ["network", "connect", "host", "b1"];
    bed.fails(2, &connect, &["container b1", "network run host"]);
    bed.end();
}

#[test]
fn row_10_none_has_only_loopback() {
    require_root!();
    let bed = Bed::new();
    let run = ["network", "run", "none", "--name", "b1", "--"];
    let links = bed.ok(&[&run[..], &["ip", "-o", "link"]].concat());
    assert_eq!(links.lines().count(), 1, "{links}");
    assert!(links.contains("lo: <LOOPBACK,UP,LOWER_UP>"), "{links}");
    let routes = bed.ok(&[&run[..], &["ip", "route"]].concat());
    assert_eq!(routes, "");
    let netns = bed.join("none", "b2", &[]);
    assert_eq!(bed.on_network("none"), ["b2"]);
    tcp(&netns, &netns, ip("127.0.0.1"), 1000);
    bed.end();
}

#[test]
fn row_10_overlay_is_refused_with_a_clear_line() {
    require_root!();
    let bed = Bed::new();
    let create = ["network", "create", "-d", "overlay", "wide"];
    bed.fails(
        2,
        &create,
        &["driver overlay", "several hosts", "use bridge or macvlan"],
    );
    bed.is_as_before();
}

/// A host whose interface eth9 is on a network outside, where somebody has 192.168.50.1.
fn on_a_lan() -> (Bed, netbridge::net::Netns) {
    let host = Host::new();
    let router = host.container("eth9", None, Some("192.168.50.1/24"));
    (Bed::on(host), router)
}

#[test]
fn row_10_macvlan_has_a_mac_of_its_own_on_the_hosts_network() {
    require_root!();
    let (bed, router) = on_a_lan();
    let lan = [
        "network",
        "create",
        "lan",
        "-d",
        "macvlan",
        "-o",
        "parent=eth9",
    ];
    let place = ["--subnet", "192.168.50.0/24", "--gateway", "192.168.50.1"];
    bed.ok(&[&lan[..], &place].concat());
    let b1 = bed.join("lan", "b1", &[]);
    let b2 = bed.join(
        "lan",
        "b2",
        &[
            "--ip",
            "192.168.50.77",
            "--mac-address",
            "02:00:00:00:00:99",
        ],
    );
    assert_eq!(bed.place("lan", "b1").ip, ip("192.168.50.2"));
    for (container, mac) in [(&b1, "02:42:c0:a8:32:02"), (&b2, "02:00:00:00:00:99")] {
        assert!(ping(container, ip("192.168.50.1"), 3).all_answered());
        let neighbours = router
            .run(|| std::process::Command::new("ip").arg("neigh").output())
            .expect("enter it")
            .expect("run ip");
        let neighbours = String::from_utf8_lossy(&neighbours.stdout).into_owned();
        assert!(neighbours.contains(mac), "{mac}: {neighbours}");
    }
    assert!(
        ping(&b1, ip("192.168.50.77"), 3).all_answered(),
        "in bridge mode"
    );
    let routes = bed.shell("ip -n b1 route show default");
    assert_eq!(routes.trim(), "default via 192.168.50.1 dev eth0");
    let details = bed.shell("ip -n b1 -d link show eth0");
    assert!(details.contains("macvlan mode bridge"), "{details}");
    // Taken off, it is gone inside.
    bed.ok(&["network", "disconnect", "lan", "b1"]);
    assert!(!bed.shell("ip -n b1 -o link").contains("eth0"));
    bed.fails(
        2,
        &["network", "connect", "lan", "b1", "-p", "80:80"],
        &["macvlan"],
    );
    bed.end();
}

#[test]
fn row_10_macvlan_run_is_gone_with_its_command() {
    require_root!();
    let (bed, _router) = on_a_lan();
    let lan = [
        "network",
        "create",
        "lan",
        "-d",
        "macvlan",
        "-o",
        "parent=eth9",
    ];
    bed.ok(&[
        &lan[..],
        &["--subnet", "192.168.50.0/24", "-o", "macvlan_mode=private"],
    ]
    .concat());
    let shown = bed.ok(&[
        "network", "run", "lan", "--", "ip", "-d", "link", "show", "eth0",
    ]);
    assert!(shown.contains("macvlan mode private"), "{shown}");
    assert_eq!(bed.on_network("lan"), [""; 0]);
    bed.end();
}

#[test]
fn row_10_the_kinds_are_told_apart_in_the_list() {
    require_root!();
    let (bed, _router) = on_a_lan();
    bed.ok(&[
        "network",
        "create",
        "lan",
        "-d",
        "macvlan",
        "-o",
        "parent=eth9",
        "--subnet",
        "192.168.50.0/24",
    ]);
    let list = bed.ok(&[
        "network",
        "ls",
        "--format",
        "{{.Name}} {{.Driver}} {{.Scope}}",
    ]);
    let lines: Vec<_> = list.lines().collect();
    assert_eq!(
        lines,
        [
            "bridge bridge local",
            "host host local",
            "lan macvlan local",
            "none none local"
        ]
    );
    bed.end();
}
