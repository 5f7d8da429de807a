//! The stacks of the host and of containers.

use netbridge::bridge::{HostInterface, Membership, VlanProtocol};
use netbridge_tests::{
    frame::{BROADCAST, station},
    require::note,
    require_root,
    topology::{Lab, hook_mixes},
    traffic::{ping, tcp, udp},
    wire::{SILENCE, Wire},
};

use super::{Net, on_every_net, tag, tagged};

#[test]
fn the_host_is_a_member_of_vlan_1() {
    require_root!();
    for hooks in hook_mixes(2) {
        note(format_args!("on {hooks:?}"));
        let lab = Lab::new(&hooks);
        let interface = HostInterface {
            addresses: vec!["172.17.0.1/16".parse().expect("an address")],
            ..HostInterface::default()
        };
        lab.bridge(|bridge| {
            bridge.add_host_interface(&interface).expect("add it");
        });
        let net = Net::new(lab, VlanProtocol::Customer);
        let gateway = std::net::Ipv4Addr::new(172, 17, 0, 1);
        let reaches = |n: usize| {
            let pings = ping(&net.lab.container(n).netns, gateway, 3);
            assert!(pings.all_answered(), "{n}: {pings:?}");
        };
        reaches(1);
        reaches(2);
        net.lab.assert_no_drops();
        // Another VLAN does not reach the host, though it knows its address.
        net.access(2, 10);
        let mac = net.lab.bridge(|bridge| {
            let id = bridge.host_port().expect("look");
            bridge.maps().port_conf(id).expect("read").peer_mac
        });
        let host = Wire::open(net.lab.host(), "br0");
        net.pass(2, (mac, station(2)), &[], &[]);
        net.pass(2, (BROADCAST, station(2)), &[], &[]);
        host.expect_silence(SILENCE);
        // The host follows.
        net.lab.bridge(|bridge| {
            let tagged = Membership::default();
            bridge.add_vlans("br0-p", &[10..=10], tagged).expect("add");
        });
        net.wires[1].send(&tagged(mac, station(2), &[tag(3, 0)], "to the host"));
        let wanted = tagged(mac, station(2), &[tag(3, 10)], "to the host");
        host.expect_once(&wanted);
        reaches(1);
        // Off again, the host is where it was.
        net.filter(false, VlanProtocol::Customer);
        reaches(1);
        reaches(2);
        net.lab.assert_accounts();
    }
}

#[test]
fn stations_of_one_vlan_have_streams_and_those_of_others_do_not_answer() {
    require_root!();
    on_every_net(3, |net| {
        net.access(1, 10);
        net.access(2, 10);
        let at = |n: usize| net.lab.container(n);
        let (one, two, three) = (at(1), at(2), at(3));
        tcp(&one.netns, &two.netns, two.ip, 2_000_000);
        assert_eq!(udp(&two.netns, &one.netns, one.ip, 64, 1400), 64);
        let pings = ping(&one.netns, three.ip, 1);
        assert_eq!(pings.received, 0, "{pings:?}");
        net.access(3, 10);
        let pings = ping(&one.netns, three.ip, 3);
        assert!(pings.all_answered(), "{pings:?}");
        net.lab.assert_no_drops();
    });
}
