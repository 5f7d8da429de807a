//! Reaching out, and being reached: masquerading and published ports.

use std::{
    net::{Ipv4Addr, SocketAddr, UdpSocket},
    process::Command,
};

use netbridge::net::{Links, Netns};
use netbridge_tests::{engine::Engine, require::note, require_engine, topology::Host};

use crate::scene::{
    HOST, OUTSIDE, PATIENCE, Serve, Traces, is_closed, network, outside, page, seen_by, shell,
};

/// Another address of the host, on the same interface.
const SECOND: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 9);

/// Says whether a datagram to `to` is answered by `server`.
fn udp_answers(from: &Netns, to: SocketAddr, server: &UdpSocket) -> bool {
    let bind = || UdpSocket::bind("0.0.0.0:0").expect("bind");
    let client = from.run(bind).expect("enter the namespace");
    client.connect(to).expect("name the server");
    for socket in [&client, server] {
        socket.set_read_timeout(Some(PATIENCE)).expect("timeout");
    }
    let mut buffer = [0; 16];
    client.send(b"question").expect("ask");
    let Ok((_, peer)) = server.recv_from(&mut buffer) else {
        return false;
    };
    server.send_to(b"answer", peer).expect("answer");
    client
        .recv(&mut buffer)
        .is_ok_and(|length| &buffer[..length] == b"answer")
}

/// Row 12.
#[test]
fn two_containers_with_published_ports_are_reached_from_everywhere() {
    require_engine!();
    let host = Host::new();
    let mut serve = Serve::start(&host);
    let engine = Engine::start(&host);
    let lan = outside(&host);
    let before = Traces::of(&host);
    network(&engine, "net", &[]);
    engine.web(
        "b1",
        &["--network", "net", "-p", "8080:80", "-p", "5353:53/udp"],
    );
    let ports = [
        "-p",
        "127.0.0.1:8082:80",
        "-p",
        "9000-9002:80-82",
        "-p",
        "8081:80",
    ];
    engine.web("b2", &[&["--network", "net"], &ports[..]].concat());
    let (b1, b2) = (engine.container_netns("b1"), engine.container_netns("b2"));
    reached(&host, &lan, &b1, &b2);

    let listen = || UdpSocket::bind("0.0.0.0:53").expect("bind");
    let server = b1.run(listen).expect("enter b1");
    let port = SocketAddr::from((HOST, 5353));
    for from in [&lan, host.netns(), &b2] {
        assert!(udp_answers(from, port, &server));
    }

    reach_out(&host, &engine, &lan, &b1);
    taken_ports_are_refused(&host, &engine);

    // What is published stays so, whatever becomes of `serve`.
    serve.stop();
    reached(&host, &lan, &b1, &b2);
    serve.launch();
    reached(&host, &lan, &b1, &b2);
    serve.kill();
    shell(&host, "nft delete table inet netbridge");
    serve.launch();
    reached(&host, &lan, &b1, &b2);

    engine.docker_ok(&["rm", "--force", "b2"]);
    assert!(is_closed(&lan, HOST, 8081));
    assert_eq!(page(&lan, HOST, 8080).as_deref(), Some("b1"));
    engine.docker_ok(&["rm", "--force", "b1"]);
    assert!(is_closed(&lan, HOST, 8080));
    engine.docker_ok(&["network", "rm", "net"]);
    before.expect(&host);
}

/// Both are reached where they are published, and nowhere else.
fn reached(host: &Host, lan: &Netns, b1: &Netns, b2: &Netns) {
    for (who, from) in [
        ("outside", lan),
        ("host", host.netns()),
        ("b1", b1),
        ("b2", b2),
    ] {
        note(who);
        assert_eq!(page(from, HOST, 8080).as_deref(), Some("b1"));
        assert_eq!(page(from, HOST, 8081).as_deref(), Some("b2"));
        assert_eq!(page(from, HOST, 9000).as_deref(), Some("b2"));
        assert!(is_closed(from, HOST, 8082));
    }
    assert_eq!(
        page(host.netns(), Ipv4Addr::LOCALHOST, 8080).as_deref(),
        Some("b1")
    );
    assert_eq!(
        page(host.netns(), Ipv4Addr::LOCALHOST, 8081).as_deref(),
        Some("b2")
    );
    assert_eq!(
        page(host.netns(), Ipv4Addr::LOCALHOST, 8082).as_deref(),
        Some("b2")
    );
}

fn reach_out(host: &Host, engine: &Engine<'_>, lan: &Netns, b1: &Netns) {
    assert_eq!(seen_by(lan, OUTSIDE, b1), Some(HOST.into()));
    // The host itself sees who it is, and its network.
    assert_eq!(
        seen_by(host.netns(), HOST, b1),
        Some(engine.address("b1").into())
    );
}

fn taken_ports_are_refused(host: &Host, engine: &Engine<'_>) {
    let run = |port: &str| {
        let args = [
            "run",
            "--rm",
            "--network",
            "net",
            "-p",
            port,
            "busybox",
            "true",
        ];
        let output = engine.docker(&args);
        assert_ne!(output.code, 0, "{output:#?}");
        output.stderr
    };
    let said = run("8080:80");
    assert!(
        said.contains("published for container") && said.contains("8080"),
        "{said}"
    );
    let listen = || std::net::TcpListener::bind("0.0.0.0:8090").expect("listen");
    let taken = host.netns().run(listen).expect("enter the host");
    let said = run("8090:80");
    assert!(said.contains("listens on port 8090"), "{said}");
    drop(taken);
}

/// Row 11.
#[test]
fn options_of_networks_do_what_they_say() {
    require_engine!();
    let host = Host::new();
    let _serve = Serve::start(&host);
    let engine = Engine::start(&host);
    let lan = outside(&host);
    shell(&host, &format!("ip address add {SECOND}/24 dev out0"));
    let option = |name: &str| format!("com.docker.network.{name}");
    let plain = option("bridge.enable_ip_masquerade=false");
    let bind = option(&format!("bridge.host_binding_ipv4={SECOND}"));
    let mtu = option("driver.mtu=1400");
    network(
        &engine,
        "plain",
        &["-o", &plain, "--subnet", "10.51.0.0/24"],
    );
    network(&engine, "bound", &["-o", &bind, "-o", &mtu]);
    engine.web("pp", &["--network", "plain"]);
    engine.web(
        "mm",
        &[
            "--network",
            "bound",
            "-p",
            "8080:80",
            "-p",
            "192.0.2.1:8081:80",
        ],
    );

    let p = engine.container_netns("pp");
    // Who is asked has no way back, until there is a route.
    assert_eq!(seen_by_none(&lan, &p), None);
    let route = || {
        Command::new("ip")
            .args(["route", "add", "10.51.0.0/24", "via", "192.0.2.1"])
            .status()
    };
    lan.run(route)
        .expect("enter the outside")
        .expect("add a route");
    assert_eq!(
        seen_by(&lan, OUTSIDE, &p),
        Some(engine.address("pp").into())
    );

    assert_eq!(page(&lan, SECOND, 8080).as_deref(), Some("mm"));
    assert!(is_closed(&lan, HOST, 8080));
    assert_eq!(page(&lan, HOST, 8081).as_deref(), Some("mm"));
    assert!(is_closed(&lan, SECOND, 8081));

    let m = engine.container_netns("mm");
    let eth0 = Links::within(&m).expect("look into m").by_name("eth0");
    let eth0 = eth0.expect("find eth0");
    assert_eq!(eth0.mtu, 1400);
    let near = host.links().by_index(eth0.peer.expect("a veth").ifindex);
    assert_eq!(near.expect("find the other end").mtu, 1400);
    let ipam = [
        "network",
        "create",
        "-d",
        "netbridge",
        "--ipam-driver",
        "netbridge",
    ];
    let said = engine.docker(&[&ipam[..], &["-o", "netbridge.rats=1", "xx"]].concat());
    assert!(
        said.code != 0 && said.stderr.contains("netbridge.rate"),
        "{said:#?}"
    );
}

/// As [`seen_by`], where no connection can come about.
fn seen_by_none(server: &Netns, from: &Netns) -> Option<std::net::IpAddr> {
    seen_by(server, OUTSIDE, from)
}
