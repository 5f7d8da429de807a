//! Frames and buffers of every size, and what is counted of them.

use netbridge::bridge::{HookChoice, VlanProtocol};
use netbridge_common::VlanCounters;
use netbridge_tests::{
    frame::{BROADCAST, Frame, TCP_HEADERS, station},
    program::{Gso, send_buffer},
    require::note,
    require_root,
    topology::{Lab, hook_mixes},
    wire::{SOON, TEST_ETHERTYPE},
};

use super::{Net, REPEATS, TRUNK, Tag, access_and_trunks, on_every_net, tag, tagged};

#[test]
fn each_vlan_counts_what_came_in_and_went_out() {
    require_root!();
    on_every_net(4, |net| {
        access_and_trunks(net);
        let (one, three) = (station(1), station(3));
        let known = |tags: &[Tag]| tagged(BROADCAST, three, tags, "known");
        net.wires[2].send(&known(&[tag(0, 10)]));
        net.wires[0].expect_frame(&known(&[]));
        net.wires[1].expect_frame(&known(&[]));
        net.wires[3].expect_frame(&known(&[tag(0, 10)]));
        let counts = |c: VlanCounters| (c.rx_frames, c.rx_bytes, c.tx_frames, c.tx_bytes);
        assert_eq!(counts(net.vlan(10)), (1, 64, 3, 60 + 60 + 64));
        // To a trunk and from it, three times each: first decided, then found.
        net.pass(1, (three, one), &[], &[(3, &[tag(0, 10)])]);
        net.pass(3, (one, three), &[tag(0, 10)], &[(1, &[])]);
        let sent = 184 + 3 * 64 + 3 * 60;
        assert_eq!(counts(net.vlan(10)), (7, 64 + 180 + 192, 9, sent));
        // Frames that are refused are counted nowhere.
        net.refused(1, (BROADCAST, one), &[tag(0, 20)], "vlan_not_member");
        assert_eq!(counts(net.vlan(20)), (0, 0, 0, 0));
        assert_eq!(counts(net.vlan(10)).0, 7);
        let stats = net.lab.bridge(|bridge| bridge.stats().expect("read"));
        let vlans: Vec<u16> = stats.vlans.iter().map(|vlan| vlan.vlan).collect();
        assert_eq!(vlans, [&[1][..], &(10..=20).collect::<Vec<_>>()].concat());
        let of = |n: usize| &stats.ports[n - 1];
        assert_eq!((of(1).rx.bytes, of(1).tx.bytes), (180 + 192, 60 + 180));
        assert_eq!((of(3).rx.bytes, of(3).tx.bytes), (64 + 192, 192));
    });
}

#[test]
fn frames_of_every_size_pass_with_and_without_tags() {
    require_root!();
    for hooks in hook_mixes(3) {
        note(format_args!("on {hooks:?}"));
        let net = Net::new(
            Lab::builder(&hooks).mtu(9000).build(),
            VlanProtocol::Customer,
        );
        net.access(1, 10);
        net.access(2, 10);
        net.add(3, 10, 10, TRUNK);
        let (one, three) = (station(1), station(3));
        net.announce(3, three, &[tag(0, 10)]);
        let ten = [tag(0, 10)];
        // Around the largest frame that XDP can copy, and the largest of all.
        for octets in [46, 1500, 3482, 3486, 3487, 3600, 9000] {
            let sized = |dst, src, tags: &[Tag]| {
                let frame = Frame::new(dst, src);
                let frame = tags.iter().fold(frame, |f, (tpid, tci)| f.tag(*tpid, *tci));
                frame.raw(TEST_ETHERTYPE, &vec![0x5a; octets])
            };
            let at = |n: usize| &net.wires[n - 1];
            at(1).send(&sized(BROADCAST, one, &[]));
            at(2).expect_frame(&sized(BROADCAST, one, &[]));
            at(3).expect_frame(&sized(BROADCAST, one, &ten));
            at(3).send(&sized(BROADCAST, three, &ten));
            at(1).expect_frame(&sized(BROADCAST, three, &[]));
            at(2).expect_frame(&sized(BROADCAST, three, &[]));
            for _ in 0..REPEATS {
                at(1).send(&sized(three, one, &[]));
                at(3).expect_frame(&sized(three, one, &ten));
                at(3).send(&sized(one, three, &ten));
                at(1).expect_frame(&sized(one, three, &[]));
            }
        }
        net.lab.assert_accounts();
        net.lab.assert_no_drops();
    }
}

#[test]
fn buffers_of_many_frames_get_and_lose_their_tags_as_one() {
    const SEGMENTS: u64 = 32;
    const PAYLOAD: usize = 1000;
    require_root!();
    let net = Net::new(Lab::new(&[HookChoice::Tc; 4]), VlanProtocol::Customer);
    access_and_trunks(&net);
    let (one, three) = (station(1), station(3));
    let buffer = |dst, src, tags: &[Tag]| {
        let frame = Frame::new(dst, src);
        let frame = tags.iter().fold(frame, |f, (tpid, tci)| f.tag(*tpid, *tci));
        frame.tcp(&vec![0; 32 * PAYLOAD])
    };
    let gso = Gso {
        size: 1000,
        segs: 0,
    };
    let send = |n: usize, frame: &[u8]| {
        send_buffer(&net.lab.container(n).netns, "eth0", frame, gso);
    };
    let expect = |n: usize, frame: &[u8]| {
        // The checksum is not there yet in a buffer; all else is.
        let same = |received: &[u8]| received.len() == frame.len() && received[..30] == frame[..30];
        net.wires[n - 1].expect(same, SOON);
    };
    let ten = [tag(3, 10)];
    send(3, &buffer(BROADCAST, three, &ten));
    expect(1, &buffer(BROADCAST, three, &[]));
    expect(2, &buffer(BROADCAST, three, &[]));
    expect(4, &buffer(BROADCAST, three, &ten));
    for _ in 0..REPEATS {
        send(1, &buffer(three, one, &[]));
        expect(3, &buffer(three, one, &[tag(0, 10)]));
        send(3, &buffer(one, three, &ten));
        expect(1, &buffer(one, three, &[]));
    }
    let octets = |tag: usize| SEGMENTS * (TCP_HEADERS + PAYLOAD + tag) as u64;
    let (first, third) = (net.lab.stats(1), net.lab.stats(3));
    assert_eq!(
        (first.rx.frames, first.rx.bytes),
        (3 * SEGMENTS, 3 * octets(0))
    );
    assert_eq!(
        (first.tx.frames, first.tx.bytes),
        (4 * SEGMENTS, 4 * octets(0))
    );
    assert_eq!(
        (third.rx.frames, third.rx.bytes),
        (4 * SEGMENTS, 4 * octets(4))
    );
    assert_eq!(
        (third.tx.frames, third.tx.bytes),
        (3 * SEGMENTS, 3 * octets(4))
    );
    net.lab.assert_accounts();
    net.lab.assert_no_drops();
}
