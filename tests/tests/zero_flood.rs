//! Neighbours that are answered for in VLANs, to the host, and among more than a thousand ports: one
//! question makes one frame.
#![expect(
    clippy::expect_used,
    reason = "a test stops where it fails, and says so"
)]

use std::{
    fs,
    net::UdpSocket,
    thread,
    time::{Duration, Instant},
};

use etherparse::{ArpHardwareId, ArpOperation, ArpPacket, EtherType, PacketBuilder};
use netbridge::net::Netns;
use netbridge_common::MacAddr;
use netbridge_tests::{
    frame::VLAN,
    require::note,
    require_root,
    topology::Host,
    wire::{SOON, Wire, expect_delivery},
};
use serde_json::Value;

/// Who asks, and who is asked for.
const ASKER: (MacAddr, [u8; 4]) = (MacAddr([2, 0, 0, 0, 0, 1]), [10, 9, 0, 11]);
const OWNER: (MacAddr, [u8; 4]) = (MacAddr([2, 0, 0, 0, 0, 2]), [10, 9, 0, 12]);

fn arp(
    dst: MacAddr,
    operation: ArpOperation,
    (mac, ip): (MacAddr, [u8; 4]),
    target: (MacAddr, [u8; 4]),
) -> Vec<u8> {
    let (hardware, protocol) = (ArpHardwareId::ETHERNET, EtherType::IPV4);
    let arp = ArpPacket::new(
        hardware,
        protocol,
        operation,
        &mac.0,
        &ip,
        &target.0.0,
        &target.1,
    );
    let arp = arp.expect("addresses of the right length");
    let mut frame = Vec::new();
    PacketBuilder::ethernet2(mac.0, dst.0)
        .arp(arp)
        .write(&mut frame)
        .expect("write an ARP frame");
    frame.resize(60, 0);
    frame
}

fn question(source: MacAddr) -> Vec<u8> {
    let nobody = (MacAddr([0; 6]), OWNER.1);
    let asker = (source, ASKER.1);
    arp(MacAddr::BROADCAST, ArpOperation::REQUEST, asker, nobody)
}

fn answer(to: MacAddr) -> Vec<u8> {
    arp(to, ArpOperation::REPLY, OWNER, (to, ASKER.1))
}

fn tagged(frame: &[u8], vid: u16) -> Vec<u8> {
    let tag = [VLAN.to_be_bytes(), vid.to_be_bytes()].concat();
    [&frame[..12], &tag, &frame[12..]].concat()
}

/// A host, and the containers behind ports `v1` to `vN` of its bridge.
struct Scene {
    host: Host,
    _containers: Vec<Netns>,
    wires: Vec<Wire>,
}

impl Scene {
    fn new(hook: &str, ports: u8, bridge: &[&str]) -> Self {
        let host = Host::new();
        host.ok(&[&["bridge", "add", "br0"], bridge].concat());
        let mut containers = Vec::new();
        for n in 1..=ports {
            let ifname = format!("v{n}");
            containers.push(host.container(&ifname, Some([2, 0, 0, 0, 0, n]), None));
            host.ok(&["port", "add", "br0", &ifname, "--hook", hook]);
        }
        let wires = containers.iter().map(|netns| Wire::open(netns, "eth0"));
        Self {
            wires: wires.collect(),
            _containers: containers,
            host,
        }
    }

    fn operator(&self, words: &str) -> String {
        let args: Vec<&str> = words.split_whitespace().collect();
        self.host.ok(&args)
    }

    /// Sends a frame from container `from`, from 1; `copy` of it, and nothing else, comes to each of `to`.
    fn gives(&self, from: usize, frame: &[u8], to: &[(usize, &[u8])]) {
        self.wires[from - 1].send(frame);
        for (n, wire) in (1..).zip(&self.wires) {
            let wanted = to.iter().find(|(at, _)| *at == n);
            match wanted {
                Some((_, copy)) => expect_delivery(copy, &[wire], &[]),
                None => wire.expect_no(|seen| seen[12..] == frame[12..], Duration::from_millis(40)),
            }
        }
    }

    fn port(&self, ifname: &str) -> Value {
        let stats = self.operator("stats br0 --json");
        let stats: Value = serde_json::from_str(&stats).expect("JSON");
        let mut ports = stats["ports"].as_array().expect("ports").iter();
        let port = ports.find(|port| port["port"] == ifname);
        port.expect("the port").clone()
    }
}

#[test]
fn neighbours_are_answered_for_within_their_vlan_with_the_tag_of_the_port_that_asks() {
    require_root!();
    for hook in ["tc", "xdp"] {
        note(format_args!("at {hook}"));
        let scene = Scene::new(hook, 4, &[]);
        for words in [
            "bridge set br0 --vlan-filtering on --arp-proxy on",
            "vlan add br0 v1 10 --pvid --untagged",
            "vlan add br0 v2 10 --pvid --untagged",
            "vlan add br0 v3 10 20",
            "vlan add br0 v4 20 --pvid --untagged",
            "vlan del br0 v1 1",
            "vlan del br0 v2 1",
            "vlan del br0 v3 1",
            "vlan del br0 v4 1",
            "binding add br0 v2 --mac 02:00:00:00:00:02 --ip 10.9.0.12",
        ] {
            scene.operator(words);
        }
        let mac = |n| MacAddr([2, 0, 0, 0, 0, n]);
        let (one, three, four) = (question(mac(1)), question(mac(3)), question(mac(4)));
        scene.gives(1, &one, &[(1, &answer(mac(1)))]);
        let (there, back) = (tagged(&three, 10), tagged(&answer(mac(3)), 10));
        scene.gives(3, &there, &[(3, &back)]);
        // In another VLAN, nobody is known by that address.
        scene.gives(4, &four, &[(3, &tagged(&four, 20))]);
        scene.gives(3, &tagged(&three, 20), &[(4, &three)]);
        // Its owner speaks for itself.
        let own = arp(MacAddr::BROADCAST, ArpOperation::REQUEST, OWNER, OWNER);
        scene.gives(2, &own, &[(1, &own), (3, &tagged(&own, 10))]);
        scene.operator("bridge set br0 --arp-proxy only");
        scene.gives(4, &four, &[]);
        scene.gives(2, &own, &[]);
        scene.gives(1, &one, &[(1, &answer(mac(1)))]);
        for (ifname, answered, dropped) in [("v1", 2, 0), ("v2", 0, 1), ("v3", 1, 0), ("v4", 0, 1)]
        {
            let port = scene.port(ifname);
            assert_eq!(port["answered"], answered, "{port}");
            assert_eq!(port["dropped"]["reasons"]["flood_off"], dropped, "{port}");
            let sum = ["forwarded", "flooded"].map(|field| port[field].as_u64().expect("a count"));
            let drops = port["dropped"]["total"].as_u64().expect("a count");
            assert_eq!(port["rx"]["frames"], sum[0] + sum[1] + drops, "{port}");
        }
    }
}

#[test]
fn the_host_gets_its_answers_and_no_container_hears_it_ask() {
    require_root!();
    for hook in ["tc", "xdp"] {
        note(format_args!("at {hook}"));
        let scene = Scene::new(hook, 3, &["--address", "10.9.0.1/24"]);
        scene.operator("binding add br0 v2 --mac 02:00:00:00:00:02 --ip 10.9.0.12");
        scene.operator("bridge set br0 --arp-proxy only");
        let ask = || {
            let socket = UdpSocket::bind("10.9.0.1:0").expect("bind a socket");
            socket.send_to(b"hello", "10.9.0.12:4000").expect("send");
        };
        scene.host.netns().run(ask).expect("enter the host");
        let known = || {
            let table = fs::read_to_string("/proc/thread-self/net/arp").expect("read neighbours");
            table.contains("02:00:00:00:00:02")
        };
        let deadline = Instant::now() + SOON;
        while !scene.host.netns().run(known).expect("enter the host") {
            assert!(Instant::now() < deadline, "the host has no answer");
            thread::sleep(Duration::from_millis(20));
        }
        for wire in &scene.wires {
            wire.expect_no(|frame| frame[..6] == [0xff; 6], Duration::from_millis(40));
        }
        assert_eq!(scene.port("br0-p")["answered"], 1);
    }
}
