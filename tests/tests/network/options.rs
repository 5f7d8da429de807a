//! The walkthrough, row 11: options do what they say.

use netbridge::net::Netns;
use netbridge_common::MacAddr;
use netbridge_tests::{
    frame::Frame,
    require_root,
    traffic::{ping, ping_with},
    wire::{SILENCE as QUIET, Wire},
};

use super::{
    bed::{Bed, HOST, OUTSIDE, at, ip},
    talk::{SILENCE, Server, is_closed},
};

/// A request for 10.8.0.3 from c1, 10.8.0.2.
fn arp_request() -> Vec<u8> {
    let src = MacAddr([0x02, 0x42, 10, 8, 0, 2]);
    let mut frame = Frame::new(MacAddr::BROADCAST, src).arp_request();
    frame[28..32].copy_from_slice(&[10, 8, 0, 2]);
    frame[38..42].copy_from_slice(&[10, 8, 0, 3]);
    frame
}

/// A network `web` of these options with containers c1 and c2.
fn pair(bed: &Bed, options: &[&str]) -> [Netns; 2] {
    let create = ["network", "create", "web", "--subnet", "10.8.0.0/24"];
    let name = ["-o", "com.docker.network.bridge.name=web0"];
    bed.ok(&[&create[..], &name, options].concat());
    ["c1", "c2"].map(|name| bed.join("web", name, &[]))
}

#[test]
fn row_11_without_icc_containers_reach_out_and_not_each_other() {
    require_root!();
    let (bed, outside) = Bed::with_outside();
    let [c1, c2] = pair(&bed, &["-o", "com.docker.network.bridge.enable_icc=false"]);
    let server = Server::any(&c2, 80);
    // At layer 2: neither frames nor ARP, asked on the wire or by the container's stack.
    let [one, two] = [&c1, &c2].map(|netns| Wire::open(netns, "eth0"));
    one.send(&arp_request());
    two.expect_no(|frame| frame[6..12] == [0x02, 0x42, 10, 8, 0, 2], QUIET);
    let answer = |frame: &[u8]| frame[12..14] == [0x08, 0x06] && frame[21] == 2;
    one.expect_no(answer, QUIET);
    let lost = ping_with(&c1, ip("10.8.0.3"), 1, 56, SILENCE);
    assert_eq!(lost.received, 0, "{lost:?}");
    assert!(is_closed(&c1, at("10.8.0.3", 80)));
    // Nor by the host's routing, where a container takes the gateway for its way to the other.
    bed.shell("ip -n c1 route add 10.8.0.3/32 via 10.8.0.1");
    bed.shell("ip -n c1 neigh flush dev eth0");
    let lost = ping_with(&c1, ip("10.8.0.3"), 1, 56, SILENCE);
    assert_eq!(lost.received, 0, "by the host: {lost:?}");
    assert!(is_closed(&c1, at("10.8.0.3", 80)));
    // The gateway, the outside, and from the host to the container.
    assert!(ping(&c1, ip("10.8.0.1"), 2).all_answered());
    assert!(ping(&c1, ip(OUTSIDE), 2).all_answered());
    let out = Server::any(&outside, 81);
    assert_eq!(
        out.sees(&c1, at(OUTSIDE, 81)),
        Some(HOST.parse().expect("an address"))
    );
    assert!(server.sees(bed.host.netns(), at("10.8.0.3", 80)).is_some());
    bed.end();
}

#[test]
fn row_11_with_icc_they_reach_each_other() {
    require_root!();
    let bed = Bed::new();
    let [c1, c2] = pair(&bed, &["-o", "com.docker.network.bridge.enable_icc=true"]);
    let server = Server::any(&c2, 80);
    let seen = server.sees(&c1, at("10.8.0.3", 80));
    assert_eq!(seen, Some("10.8.0.2".parse().expect("an address")));
    bed.end();
}

#[test]
fn row_11_masquerade_decides_what_source_the_outside_sees() {
    require_root!();
    let (bed, outside) = Bed::with_outside();
    let server = Server::any(&outside, 80);
    for (value, source) in [("true", HOST), ("false", "10.8.0.2")] {
        let option = format!("com.docker.network.bridge.enable_ip_masquerade={value}");
        let [c1, _c2] = pair(&bed, &["-o", &option]);
        if value == "false" {
            // Who wants their own addresses outside tells the outside where they are.
            assert!(is_closed(&c1, at(OUTSIDE, 80)), "there is no way back");
            let links = netbridge::net::Links::within(&outside).expect("open its interfaces");
            let eth0 = links.by_name("eth0").expect("find it").ifindex;
            let host = HOST.parse().expect("an address");
            links.add_default_route(host, eth0).expect("add a route");
        }
        let seen = server.sees(&c1, at(OUTSIDE, 80));
        assert_eq!(seen, Some(source.parse().expect("an address")), "{value}");
        for name in ["c1", "c2"] {
            bed.ok(&["network", "disconnect", "web", name]);
            bed.forget(name);
        }
        bed.ok(&["network", "rm", "web"]);
    }
    bed.end();
}

#[test]
fn row_11_published_ports_listen_where_host_binding_says() {
    require_root!();
    let (bed, outside) = Bed::with_outside();
    let option = "com.docker.network.bridge.host_binding_ipv4=127.0.0.1";
    bed.ok(&[
        "network",
        "create",
        "web",
        "--subnet",
        "10.8.0.0/24",
        "-o",
        option,
    ]);
    let c1 = bed.join("web", "c1", &["-p", "8080:80"]);
    let c2 = bed.join("web", "c2", &["-p", "192.0.2.1:8081:80"]);
    let [one, two] = [&c1, &c2].map(|netns| Server::any(netns, 80));
    let host = bed.host.netns();
    assert!(one.sees(host, at("127.0.0.1", 8080)).is_some());
    assert!(is_closed(&outside, at(HOST, 8080)), "not from outside");
    assert!(is_closed(host, at(HOST, 8080)), "nor by another address");
    // What says where goes before what the network says.
    assert!(two.sees(&outside, at(HOST, 8081)).is_some());
    assert!(is_closed(host, at("127.0.0.1", 8081)));
    bed.end();
}

#[test]
fn row_11_the_mtu_is_set_on_both_ends_and_frames_of_it_pass() {
    require_root!();
    let bed = Bed::new();
    let [c1, _c2] = pair(&bed, &["-o", "com.docker.network.driver.mtu=1400"]);
    let port = bed.place("web", "c1").port;
    for shown in [
        bed.shell("ip -n c1 -o link show eth0"),
        bed.shell(&format!("ip -o link show {port}")),
        bed.shell("ip -o link show web0"),
    ] {
        assert!(shown.contains("mtu 1400"), "{shown}");
    }
    // 1400 octets of IP: 20 of its header, 8 of ICMP.
    let pings = ping_with(
        &c1,
        ip("10.8.0.3"),
        2,
        1372,
        netbridge_tests::traffic::PATIENCE,
    );
    assert!(pings.all_answered(), "{pings:?}");
    bed.end();
}
