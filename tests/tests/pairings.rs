//! Real stacks over every pairing of hooks: each kind of traffic arrives whole, in both directions.

use netbridge::bridge::HookChoice;
use netbridge_tests::{
    require::note,
    require_root,
    topology::{Lab, PAIRINGS},
    traffic::{PATIENCE, checksum_errors, ping, ping_with, tcp, udp},
};

const MEGABYTE: usize = 1_000_000;

/// Calls `check` with a lab of two containers for each pairing, and looks at the books afterwards.
fn over_every_pairing(build: impl Fn(&[HookChoice]) -> Lab, check: impl Fn(&Lab)) {
    for pairing in PAIRINGS {
        note(format_args!("between {pairing:?}"));
        let lab = build(&pairing);
        check(&lab);
        lab.assert_accounts();
        lab.assert_no_drops();
        for container in lab.containers() {
            assert_eq!(checksum_errors(&container.netns), 0, "{}", container.port);
        }
    }
}

/// Both directions between two containers.
fn directions(lab: &Lab) -> [(usize, usize); 2] {
    assert_eq!(lab.containers().len(), 2);
    [(1, 2), (2, 1)]
}

#[test]
fn cold_neighbours_find_each_other_by_broadcast_and_every_ping_is_answered() {
    require_root!();
    over_every_pairing(Lab::new, |lab| {
        for (from, to) in directions(lab) {
            let pings = ping(&lab.container(from).netns, lab.container(to).ip, 10);
            assert!(pings.all_answered(), "{pings:?}");
            assert_eq!(pings.ttl, 64, "a bridge leaves the TTL alone");
        }
        // The request for 2's address is a broadcast; all the rest is unicast to learned addresses.
        assert!(lab.stats(1).flooded >= 1);
        assert!(lab.stats(1).forwarded >= 20, "{:#?}", lab.stats(1));
        assert!(lab.stats(2).forwarded >= 20, "{:#?}", lab.stats(2));
        for n in [1, 2] {
            let entry = lab.entry(lab.container(n).mac).expect("is learned");
            assert_eq!(entry.port, lab.port_id(n));
        }
    });
}

#[test]
fn tcp_streams_arrive_whole() {
    require_root!();
    over_every_pairing(Lab::new, |lab| {
        for (from, to) in directions(lab) {
            let (from, to) = (lab.container(from), lab.container(to));
            tcp(&from.netns, &to.netns, to.ip, 4 * MEGABYTE);
        }
    });
}

#[test]
fn datagrams_arrive_all_and_once() {
    require_root!();
    over_every_pairing(Lab::new, |lab| {
        for (from, to) in directions(lab) {
            let (from, to) = (lab.container(from), lab.container(to));
            for octets in [4, 18, 1472] {
                let received = udp(&from.netns, &to.netns, to.ip, 200, octets);
                assert_eq!(received, 200, "of {octets} octets");
            }
        }
    });
}

#[test]
fn datagrams_larger_than_the_mtu_arrive_in_fragments() {
    require_root!();
    over_every_pairing(Lab::new, |lab| {
        for (from, to) in directions(lab) {
            let (from, to) = (lab.container(from), lab.container(to));
            assert_eq!(udp(&from.netns, &to.netns, to.ip, 16, 20_000), 16);
        }
    });
}

#[test]
fn jumbo_frames_pass_where_the_mtu_is_9000() {
    require_root!();
    let build = |hooks: &[HookChoice]| Lab::builder(hooks).mtu(9000).build();
    over_every_pairing(build, |lab| {
        for (from, to) in directions(lab) {
            let before = lab.stats(from).rx;
            let (sender, to) = (lab.container(from), lab.container(to));
            // 8972 of data and 28 of headers are the MTU.
            let pings = ping_with(&sender.netns, to.ip, 5, 8972, PATIENCE);
            assert!(pings.all_answered(), "{pings:?}");
            assert_eq!(udp(&sender.netns, &to.netns, to.ip, 32, 8972), 32);
            tcp(&sender.netns, &to.netns, to.ip, 4 * MEGABYTE);
            let rx = lab.stats(from).rx;
            assert!(rx.bytes - before.bytes > 4 * 1_000_000, "{rx:?}");
        }
    });
}

#[test]
fn counters_tell_segments_and_their_octets_not_the_buffers_of_the_stack() {
    require_root!();
    const OCTETS: u64 = 4_000_000;
    /// Ethernet, IPv4, and TCP with timestamps.
    const HEADERS: u64 = 14 + 20 + 32;
    over_every_pairing(Lab::new, |lab| {
        let (from, to) = (lab.container(1), lab.container(2));
        let octets = usize::try_from(OCTETS).expect("fits");
        tcp(&from.netns, &to.netns, to.ip, octets);
        let (rx, tx) = (lab.stats(1).rx, lab.stats(2).tx);
        let segments = OCTETS.div_ceil(1514 - HEADERS);
        assert!(rx.bytes <= rx.frames * 1514, "{rx:?}");
        // Handshake, the end, ARP, and segments that the sender did not fill come on top.
        let frames = segments..segments + segments / 4 + 50;
        assert!(frames.contains(&rx.frames), "{rx:?}, expected {frames:?}");
        let bytes = OCTETS + segments * HEADERS;
        assert!((bytes..bytes + bytes / 10).contains(&rx.bytes), "{rx:?}");
        assert_eq!((rx.frames, rx.bytes), (tx.frames, tx.bytes));
    });
}
