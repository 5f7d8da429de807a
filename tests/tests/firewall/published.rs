//! Published ports, from wherever they may be asked.

use std::net::SocketAddr;

use netbridge::firewall::{Family, Protocol, Published, Rules, port_in_use};
use netbridge_tests::{require_root, require_tool, traffic::PATIENCE};

use crate::world::{
    HOST, HOST6, OUTSIDE, OUTSIDE6, SECOND, Server, World, at, container_ip, container_ip6, hears,
    ip, is_closed, publish, rules, udp, udp_server,
};

fn with(published: Vec<Published>) -> Rules {
    let mut rules = rules();
    rules.networks[0].published = published;
    rules
}

/// Container 1 has its port 80 at 8080 everywhere.
fn web() -> Vec<Published> {
    vec![
        publish(Protocol::Tcp, None, 8080, container_ip(1), 80),
        publish(Protocol::Tcp, None, 8080, container_ip6(1), 80),
    ]
}

fn server(world: &World, n: usize, port: u16) -> Server {
    Server::new(world.container(n), SocketAddr::new(ip("0.0.0.0"), port))
}

#[test]
fn tcp_reaches_the_container_from_outside_with_the_clients_address() {
    require_root!();
    require_tool!("nft");
    let world = World::new();
    world.apply(&with(web()));
    let v4 = Server::new(world.container(1), SocketAddr::new(container_ip(1), 80));
    let v6 = Server::new(world.container(1), SocketAddr::new(container_ip6(1), 80));
    for to in [HOST, SECOND] {
        let seen = v4.sees(&world.outside, at(to, 8080));
        assert_eq!(seen, Some(ip(OUTSIDE)), "{to}");
    }
    let seen = v6.sees(&world.outside, at(HOST6, 8080));
    assert_eq!(seen, Some(ip(OUTSIDE6)));
    assert!(is_closed(&world.outside, at(HOST, 8081)));
}

#[test]
fn the_host_reaches_it_by_its_own_addresses_and_by_loopback() {
    require_root!();
    require_tool!("nft");
    let world = World::new();
    world.apply(&with(web()));
    let v4 = server(&world, 1, 80);
    let host = world.host.netns();
    for to in [HOST, "10.77.0.1", "127.0.0.1", "127.0.0.5"] {
        assert_eq!(v4.sees(host, at(to, 8080)), Some(ip("10.77.0.1")), "{to}");
    }
    drop(v4);
    let v6 = Server::new(world.container(1), SocketAddr::new(container_ip6(1), 80));
    for to in [HOST6, "fd77::1"] {
        assert_eq!(v6.sees(host, at(to, 8080)), Some(ip("fd77::1")), "{to}");
    }
    // Not left without an answer, so that a client of `localhost` goes on to 127.0.0.1.
    let refused = || std::net::TcpStream::connect_timeout(&at("::1", 8080), PATIENCE);
    let refused = host.run(refused).expect("enter the namespace");
    let error = refused.expect_err("::1 is not published");
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused);
}

#[test]
fn containers_reach_it_by_the_hosts_address_their_own_too() {
    require_root!();
    require_tool!("nft");
    let world = World::new();
    world.apply(&with(web()));
    let v4 = server(&world, 1, 80);
    for n in [1, 2] {
        for to in [HOST, "10.77.0.1"] {
            let seen = v4.sees(world.container(n), at(to, 8080));
            assert_eq!(seen, Some(ip("10.77.0.1")), "container {n} to {to}");
        }
    }
    let seen = v4.sees(world.container(3), at(HOST, 8080));
    assert_eq!(seen, Some(ip("10.77.0.1")), "from the other network");
    drop(v4);
    let v6 = Server::new(world.container(1), SocketAddr::new(container_ip6(1), 80));
    for n in [1, 2, 3] {
        let seen = v6.sees(world.container(n), at(HOST6, 8080));
        assert_eq!(seen, Some(ip("fd77::1")), "container {n}");
    }
}

#[test]
fn udp_is_answered_from_the_address_that_was_asked() {
    require_root!();
    require_tool!("nft");
    let world = World::new();
    world.apply(&with(vec![
        publish(Protocol::Udp, None, 5300, container_ip(2), 53),
        publish(Protocol::Udp, None, 5300, container_ip6(2), 53),
    ]));
    let v4 = udp_server(world.container(2), SocketAddr::new(container_ip(2), 53));
    let v6 = udp_server(world.container(2), SocketAddr::new(container_ip6(2), 53));
    let outside = &world.outside;
    assert_eq!(udp(outside, at(HOST, 5300), &v4), Some(ip(OUTSIDE)));
    assert_eq!(udp(outside, at(HOST6, 5300), &v6), Some(ip(OUTSIDE6)));
    let gateway = Some(ip("10.77.0.1"));
    for n in [1, 2] {
        assert_eq!(udp(world.container(n), at(HOST, 5300), &v4), gateway);
    }
    let host = world.host.netns();
    assert_eq!(udp(host, at("127.0.0.1", 5300), &v4), gateway);
    // The same port of TCP is nobody's.
    assert!(is_closed(outside, at(HOST, 5300)));
}

#[test]
fn a_range_keeps_its_order() {
    require_root!();
    require_tool!("nft");
    let world = World::new();
    world.apply(&with(vec![Published {
        host_ports: 9000..=9099,
        container_ports: 7000..=7099,
        ..publish(Protocol::Tcp, None, 1, container_ip(1), 1)
    }]));
    for offset in [0, 1, 50, 99] {
        let server = server(&world, 1, 7000 + offset);
        let seen = server.sees(&world.outside, at(HOST, 9000 + offset));
        assert_eq!(seen, Some(ip(OUTSIDE)), "port {offset} of the range");
    }
    let before = server(&world, 1, 6999);
    assert!(is_closed(&world.outside, at(HOST, 8999)));
    assert!(is_closed(&world.outside, at(HOST, 9100)));
    drop(before);
}

#[test]
fn a_certain_address_is_the_only_one_and_comes_before_all() {
    require_root!();
    require_tool!("nft");
    let world = World::new();
    let mut published = vec![
        publish(Protocol::Tcp, Some(SECOND), 8080, container_ip(2), 80),
        publish(Protocol::Tcp, Some(HOST6), 8080, container_ip6(2), 80),
    ];
    world.apply(&with(published.clone()));
    let second = server(&world, 2, 80);
    let outside = &world.outside;
    assert_eq!(second.sees(outside, at(SECOND, 8080)), Some(ip(OUTSIDE)));
    assert!(is_closed(outside, at(HOST, 8080)));
    assert!(is_closed(world.host.netns(), at("127.0.0.1", 8080)));
    published.extend(web());
    world.apply(&with(published));
    let first = server(&world, 1, 80);
    assert_eq!(second.sees(outside, at(SECOND, 8080)), Some(ip(OUTSIDE)));
    assert_eq!(first.sees(outside, at(HOST, 8080)), Some(ip(OUTSIDE)));
    drop((first, second));
    let v6 = Server::new(world.container(2), SocketAddr::new(container_ip6(2), 80));
    assert_eq!(v6.sees(outside, at(HOST6, 8080)), Some(ip(OUTSIDE6)));
}

#[test]
fn a_port_of_loopback_is_the_hosts_alone() {
    require_root!();
    require_tool!("nft");
    let world = World::new();
    let local = Some("127.0.0.1");
    world.apply(&with(vec![
        publish(Protocol::Tcp, local, 8080, container_ip(1), 80),
        publish(Protocol::Udp, local, 5300, container_ip(1), 53),
    ]));
    let v4 = server(&world, 1, 80);
    let host = world.host.netns();
    let seen = v4.sees(host, at("127.0.0.1", 8080));
    assert_eq!(seen, Some(ip("10.77.0.1")));
    world.add_rogue_routes();
    let everybody = [&world.outside, world.container(2), world.container(3)];
    for from in everybody {
        assert!(is_closed(from, at(HOST, 8080)));
        assert!(is_closed(from, at(HOST6, 8080)));
    }
    // Even where another program opened 127.0.0.1 to all interfaces, and the neighbours know how.
    world.shell("echo 1 > /proc/sys/net/ipv4/conf/all/route_localnet");
    let to_loopback = |netns: &netbridge::net::Netns, gateway: &str| {
        let script = format!(
            "echo 1 > /proc/sys/net/ipv4/conf/all/route_localnet; \
             ip route del table local local 127.0.0.0/8 dev lo; \
             ip route del table local local 127.0.0.1 dev lo; \
             ip route add 127.0.0.0/8 via {gateway}"
        );
        let run = || {
            let mut command = std::process::Command::new("sh");
            command.args(["-c", &script]).status().expect("run sh")
        };
        netns.run(run).expect("enter the namespace");
    };
    to_loopback(&world.outside, HOST);
    to_loopback(world.container(2), "10.77.0.1");
    // An answer would not find its way back; the question must not arrive.
    let asked = udp_server(world.container(1), SocketAddr::new(container_ip(1), 53));
    assert!(hears(&asked, host, at("127.0.0.1", 5300)));
    let own = udp_server(host, at("0.0.0.0", 8081));
    assert!(hears(&own, world.container(2), at("10.77.0.1", 8081)));
    for from in [&world.outside, world.container(2)] {
        assert!(!hears(&asked, from, at("127.0.0.1", 5300)));
    }
    // What the host itself has on 127.0.0.1 is guarded from containers all the same.
    assert!(!hears(&own, world.container(2), at("127.0.0.1", 8081)));
}

#[test]
fn loopback_is_routed_only_while_a_port_needs_it() {
    require_root!();
    require_tool!("nft");
    let world = World::new();
    let localnet = || {
        let path = "/proc/sys/net/ipv4/conf";
        world.shell(&format!(
            "cat {path}/nb0/route_localnet {path}/nb1/route_localnet"
        ))
    };
    world.apply(&rules());
    assert_eq!(localnet(), "0\n0\n");
    world.apply(&with(web()));
    assert_eq!(localnet(), "1\n0\n");
    let certain = publish(Protocol::Tcp, Some(HOST), 8080, container_ip(1), 80);
    world.apply(&with(vec![certain]));
    assert_eq!(localnet(), "0\n0\n");
    world.apply(&with(web()));
    world.apply(&Rules::default());
    assert_eq!(localnet(), "0\n0\n");
}

#[test]
fn ports_of_the_hosts_own_programs_are_in_use() {
    require_root!();
    let world = World::new();
    let netns = world.host.netns();
    let in_use = |ip: Option<&str>, family, port| {
        let ip = ip.map(crate::world::ip);
        let ask = || port_in_use(Protocol::Tcp, ip, family, port);
        netns.run(ask).expect("enter the namespace")
    };
    let dual = Server::new(netns, at("::", 8080));
    assert!(in_use(None, Family::V4, 8080) && in_use(None, Family::V6, 8080));
    assert!(in_use(Some(HOST), Family::V4, 8080));
    assert!(!in_use(None, Family::V4, 8081));
    drop(dual);
    let one = Server::new(netns, at(HOST, 8080));
    assert!(in_use(None, Family::V4, 8080) && !in_use(Some(SECOND), Family::V4, 8080));
    assert!(!in_use(None, Family::V6, 8080));
    // No address of the host.
    assert!(!in_use(Some("203.0.113.1"), Family::V4, 8080));
    drop(one);
}
