//! The walkthrough, row 12: reach out and be reached.

use netbridge_tests::{require_root, require_tool, topology::Host, traffic::ping};

use super::{
    bed::{Bed, HOST, OUTSIDE, at, eventually, ip},
    talk::{Server, is_closed, page},
};

#[test]
fn row_12_a_container_reaches_out_through_the_gateway() {
    require_root!();
    let (bed, outside) = Bed::with_outside();
    let b1 = bed.join("bridge", "b1", &[]);
    let pings = ping(&b1, ip(OUTSIDE), 3);
    assert!(pings.all_answered(), "{pings:?}");
    assert_eq!(pings.ttl, 63, "by way of the host");
    let server = Server::any(&outside, 80);
    let seen = server.sees(&b1, at(OUTSIDE, 80));
    assert_eq!(seen, Some(HOST.parse().expect("an address")), "as the host");
    // Nothing leads from outside to a container that has published nothing.
    let inside = Server::any(&b1, 80);
    assert!(is_closed(&outside, at(HOST, 80)));
    drop(inside);
    bed.end();
}

#[test]
fn row_12_a_published_port_is_reached_from_everywhere() {
    require_root!();
    let (bed, outside) = Bed::with_outside();
    let b1 = bed.join("bridge", "b1", &["-p", "8080:80"]);
    let b2 = bed.join("bridge", "b2", &[]);
    let server = Server::any(&b1, 80);
    let seen = server.sees(&outside, at(HOST, 8080));
    assert_eq!(seen, Some(OUTSIDE.parse().expect("an address")));
    let host = bed.host.netns();
    for address in [HOST, "127.0.0.1", "172.17.0.1"] {
        assert!(server.sees(host, at(address, 8080)).is_some(), "{address}");
    }
    // Other containers, and the container itself, by the host's address.
    for (name, netns) in [("b2", &b2), ("b1, hairpin", &b1)] {
        assert!(server.sees(netns, at(HOST, 8080)).is_some(), "{name}");
    }
    let ports = &bed.inspect("bridge")["Containers"];
    assert!(
        ports.to_string().contains("0.0.0.0:8080->80/tcp"),
        "{ports}"
    );
    // Where it is taken off, the port is closed, and free.
    bed.ok(&["network", "disconnect", "bridge", "b1"]);
    for (netns, address) in [(&outside, HOST), (host, "127.0.0.1")] {
        assert!(is_closed(netns, at(address, 8080)), "{address}");
    }
    drop(server);
    bed.end();
}

#[test]
fn row_12_a_web_server_is_published_as_long_as_it_runs() {
    require_root!();
    require_tool!("busybox");
    let (bed, outside) = Bed::with_outside();
    bed.shell("mkdir /run/www; echo I am b2 > /run/www/index.html");
    let httpd = ["busybox", "httpd", "-f", "-p", "80", "-h", "/run/www"];
    let running = bed.run("bridge", "b2", &["-p", "8080:80"], &httpd);
    assert!(page(&bed.open("b2"), at("127.0.0.1", 80)).contains("I am b2"));
    assert!(page(&outside, at(HOST, 8080)).contains("I am b2"));
    assert!(page(bed.host.netns(), at("127.0.0.1", 8080)).contains("I am b2"));
    running.signal(nix::sys::signal::Signal::SIGTERM);
    assert_eq!(running.finish(super::bed::LONG).code, 143);
    assert!(is_closed(&outside, at(HOST, 8080)));
    bed.shell("rm -r /run/www");
    bed.end();
}

#[test]
fn ranges_and_ports_that_are_free_are_published() {
    require_root!();
    let (bed, outside) = Bed::with_outside();
    let publish = ["-p", "8000-8002:80-82", "-p", "90", "-p", "127.0.0.1::91"];
    let b1 = bed.join("bridge", "b1", &publish);
    for offset in [0, 2] {
        let server = Server::any(&b1, 80 + offset);
        assert!(
            server.sees(&outside, at(HOST, 8000 + offset)).is_some(),
            "{offset}"
        );
    }
    let view = bed.inspect("bridge");
    let containers = view["Containers"].as_object().expect("an object").values();
    let ports = containers
        .map(|one| one["Ports"].clone())
        .next()
        .expect("b1");
    assert_eq!(ports[0], "0.0.0.0:8000-8002->80-82/tcp");
    let free: u16 = super::bed::text(&ports[1])
        .strip_prefix("0.0.0.0:")
        .and_then(|rest| rest.strip_suffix("->90/tcp"))
        .and_then(|port| port.parse().ok())
        .expect("a port that was free");
    let server = Server::any(&b1, 90);
    assert!(server.sees(&outside, at(HOST, free)).is_some());
    bed.end();
}

#[test]
fn an_internal_network_reaches_nothing_but_itself_and_the_host() {
    require_root!();
    let (bed, outside) = Bed::with_outside();
    bed.ok(&["network", "create", "inner", "--internal"]);
    let b1 = bed.join("inner", "b1", &[]);
    let b2 = bed.join("inner", "b2", &[]);
    assert_eq!(bed.inspect("inner")["Internal"], true);
    assert_eq!(bed.shell("ip -n b1 route show default"), "");
    let [one, two] = ["b1", "b2"].map(|name| bed.place("inner", name).ip);
    assert!(ping(&b1, two, 2).all_answered());
    assert!(ping(bed.host.netns(), one, 2).all_answered());
    // Not even by a route of its own.
    let gateway = bed.inspect("inner")["IPAM"]["Config"][0]["Gateway"].clone();
    let gateway = super::bed::text(&gateway);
    bed.shell(&format!("ip -n b1 route add default via {gateway}"));
    let server = Server::any(&outside, 80);
    assert!(is_closed(&b1, at(OUTSIDE, 80)));
    drop((server, b2));
    bed.end();
}

#[test]
fn ipv6_reaches_out_and_is_reached() {
    require_root!();
    let host = Host::new();
    let outside = host.container("out0", None, Some("192.0.2.2/24"));
    let bed = Bed::on(host);
    bed.shell("sysctl -qw net.ipv6.conf.out0.disable_ipv6=0; ip addr add 2001:db8::1/64 dev out0 nodad; ip addr add 192.0.2.1/24 dev out0");
    let set_up = || {
        std::fs::write("/proc/sys/net/ipv6/conf/eth0/disable_ipv6", "0").expect("enable IPv6");
        let mut ip = std::process::Command::new("ip");
        ip.args(["addr", "add", "2001:db8::2/64", "dev", "eth0", "nodad"])
            .status()
    };
    let status = outside.run(set_up).expect("enter it").expect("run ip");
    assert!(status.success());
    bed.ok(&[
        "network",
        "create",
        "six",
        "--ipv6",
        "--subnet",
        "fd00:8::/64",
    ]);
    let b1 = bed.join("six", "b1", &["-p", "8080:80"]);
    let b2 = bed.join("six", "b2", &["--ip6", "fd00:8::99"]);
    let view = bed.inspect("six");
    assert_eq!(view["EnableIPv6"], true);
    assert_eq!(
        view["IPAM"]["Config"].as_array().map(Vec::len),
        Some(2),
        "{view}"
    );
    let shown = bed.shell("ip -n b1 -6 addr show eth0; ip -n b1 -6 route");
    assert!(
        shown.contains("fd00:8::2/64") && shown.contains("default via fd00:8::1"),
        "{shown}"
    );
    let [one, two] = [&b1, &b2].map(|netns| Server::any(netns, 80));
    let server = Server::any(&outside, 81);
    // Addresses are there when the kernel has seen that nobody else has them.
    eventually("the container's IPv6 address", || {
        let shown = bed.shell("ip -n b1 -6 addr show eth0; ip -n b2 -6 addr show eth0; ip -6 addr");
        !shown.contains("tentative")
    });
    assert!(two.sees(&b1, at("fd00:8::99", 80)).is_some());
    let seen = server.sees(&b1, at("2001:db8::2", 81));
    assert_eq!(seen, Some("2001:db8::1".parse().expect("an address")));
    assert!(one.sees(&outside, at("2001:db8::1", 8080)).is_some());
    assert!(one.sees(&outside, at(HOST, 8080)).is_some());
    bed.shell("ip addr del 2001:db8::1/64 dev out0; sysctl -qw net.ipv6.conf.out0.disable_ipv6=1");
    bed.end();
}
