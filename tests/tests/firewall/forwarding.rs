//! What is forwarded into networks, out of them and between them.

use std::net::SocketAddr;

use netbridge::firewall::{self, Protocol};
use netbridge_tests::{require_root, require_tool, topology::Host, traffic::ping};

use crate::world::{
    HOST, HOST6, OUTSIDE, OUTSIDE6, Server, World, at, container_ip, container_ip6, hears, ip,
    is_closed, publish, rules, udp_server,
};

#[test]
fn what_leaves_has_the_hosts_address_unless_told_otherwise() {
    require_root!();
    require_tool!("nft");
    let world = World::new();
    let mut rules = rules();
    world.apply(&rules);
    let v4 = Server::new(&world.outside, at(OUTSIDE, 80));
    let v6 = Server::new(&world.outside, at(OUTSIDE6, 80));
    for n in [1, 3] {
        let from = world.container(n);
        assert_eq!(v4.sees(from, at(OUTSIDE, 80)), Some(ip(HOST)));
        assert_eq!(v6.sees(from, at(OUTSIDE6, 80)), Some(ip(HOST6)));
    }
    let pings = ping(world.container(1), OUTSIDE.parse().expect("IPv4"), 2);
    assert!(pings.all_answered(), "{pings:?}");
    rules.networks[0].masquerade = false;
    world.apply(&rules);
    world.add_rogue_routes();
    let from = world.container(1);
    assert_eq!(v4.sees(from, at(OUTSIDE, 80)), Some(container_ip(1)));
    assert_eq!(v6.sees(from, at(OUTSIDE6, 80)), Some(container_ip6(1)));
}

#[test]
fn what_is_not_published_is_out_of_reach_from_elsewhere() {
    require_root!();
    require_tool!("nft");
    let world = World::new();
    world.add_rogue_routes();
    let v4 = Server::new(world.container(1), SocketAddr::new(container_ip(1), 80));
    let v6 = Server::new(world.container(1), SocketAddr::new(container_ip6(1), 80));
    let (to4, to6) = (
        SocketAddr::new(container_ip(1), 80),
        SocketAddr::new(container_ip6(1), 80),
    );
    // So it would be without the table.
    assert!(v4.sees(&world.outside, to4).is_some() && v6.sees(&world.outside, to6).is_some());
    let mut rules = rules();
    // A published port makes no hole for its container's address.
    rules.networks[0].published = vec![publish(Protocol::Tcp, None, 8080, container_ip(1), 80)];
    world.apply(&rules);
    for from in [&world.outside, world.container(3)] {
        assert!(is_closed(from, to4) && is_closed(from, to6));
    }
    // Its neighbour and the host are no elsewhere.
    assert_eq!(v4.sees(world.container(2), to4), Some(container_ip(2)));
    assert_eq!(v4.sees(world.host.netns(), to4), Some(ip("10.77.0.1")));
    assert_eq!(v6.sees(world.host.netns(), to6), Some(ip("fd77::1")));
}

#[test]
fn an_internal_network_has_the_host_and_nothing_else() {
    require_root!();
    require_tool!("nft");
    let world = World::new();
    let mut rules = rules();
    rules.networks[0].internal = true;
    rules.networks[0].published = vec![
        publish(Protocol::Tcp, None, 8080, container_ip(1), 80),
        publish(Protocol::Udp, None, 5300, container_ip(1), 53),
    ];
    world.apply(&rules);
    world.add_rogue_routes();
    let outside = Server::new(&world.outside, at("::", 80));
    let other = Server::new(world.container(3), at("::", 80));
    let inside = Server::new(world.container(1), at("0.0.0.0", 80));
    let from = world.container(1);
    assert!(is_closed(from, at(OUTSIDE, 80)) && is_closed(from, at(OUTSIDE6, 80)));
    assert!(is_closed(from, SocketAddr::new(container_ip(3), 80)));
    assert!(is_closed(&world.outside, at(HOST, 8080)));
    assert!(is_closed(world.container(3), at(HOST, 8080)));
    let host = Server::new(world.host.netns(), at("0.0.0.0", 81));
    assert_eq!(host.sees(from, at("10.77.0.1", 81)), Some(container_ip(1)));
    let gateway = Some(ip("10.77.0.1"));
    for to in ["127.0.0.1", HOST] {
        assert_eq!(inside.sees(world.host.netns(), at(to, 8080)), gateway);
    }
    drop((outside, other));
    // Not even one way.
    let outside = udp_server(&world.outside, at(OUTSIDE, 53));
    assert!(hears(&outside, world.host.netns(), at(OUTSIDE, 53)));
    assert!(!hears(&outside, from, at(OUTSIDE, 53)));
    let inside = udp_server(from, SocketAddr::new(container_ip(1), 53));
    assert!(hears(&inside, world.container(2), at(HOST, 5300)));
    assert!(!hears(&inside, &world.outside, at(HOST, 5300)));
}

#[test]
fn without_icc_the_host_routes_nothing_between_containers_but_published_ports() {
    require_root!();
    require_tool!("nft");
    let world = World::new();
    let mut rules = rules();
    rules.networks[0].published = vec![publish(Protocol::Tcp, None, 8080, container_ip(2), 80)];
    // By the host instead of the bridge, as between isolated ports.
    for (n, other) in [(1, 2), (2, 1)] {
        let route = format!("{}/32", container_ip(other));
        let add = || {
            let mut command = std::process::Command::new("ip");
            command.args(["route", "add", &route, "via", "10.77.0.1"]);
            command.status().expect("run ip").success()
        };
        assert!(world.container(n).run(add).expect("enter the namespace"));
    }
    // Nor is the host to show them a shorter way.
    for which in ["all", "nb0"] {
        let path = format!("/proc/sys/net/ipv4/conf/{which}/send_redirects");
        world.shell(&format!("echo 0 > {path}"));
    }
    let server = Server::new(world.container(2), at("0.0.0.0", 80));
    let to = SocketAddr::new(container_ip(2), 80);
    world.apply(&rules);
    let from = world.container(1);
    assert_eq!(server.sees(from, to), Some(container_ip(1)));
    rules.networks[0].icc = false;
    world.apply(&rules);
    assert!(is_closed(from, to));
    assert_eq!(server.sees(from, at(HOST, 8080)), Some(ip("10.77.0.1")));
}

#[test]
fn forwarding_keeps_listening_to_routers_and_says_so() {
    require_root!();
    let host = Host::new();
    let outside = host.container("out0", None, None);
    host.ok(&["bridge", "add", "nb0", "--address", "10.77.0.1/24"]);
    let first = host.run(|| firewall::enable_forwarding(true, true));
    let first = first.expect("enable forwarding");
    assert_eq!(
        first,
        [
            "net.ipv4.ip_forward was 0, is 1 now",
            "net.ipv6.conf.out0.accept_ra was 1, is 2 now",
            "net.ipv6.conf.all.forwarding was 0, is 1 now",
        ]
    );
    let again = host.run(|| firewall::enable_forwarding(true, true));
    assert!(again.expect("enable forwarding").is_empty());
    drop(outside);
}
