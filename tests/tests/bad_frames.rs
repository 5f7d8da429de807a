//! A million frames that nobody should send, through each program: none may be anything but
//! dropped or sent on, and every one must be counted.
#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops where it fails, and says so"
)]

use netbridge::{
    bridge::{BridgeOptions, HookChoice},
    datapath::LoadOptions,
};
use netbridge_common::{MacAddr, decide::DropReason};
use netbridge_tests::{
    frame::{self, Dice, Frame, station},
    program::{Action, Bench, Hook},
    require_root,
};

const FRAMES: u64 = 1_000_000;
const PORTS: u32 = 4;
/// So large that no frame which the kernel runs the TC program on is too big.
const MTU: u32 = 3_800;
/// The longest frames that the kernel runs each program on, or nearly.
const LONGEST_AT_TC: usize = 3_700;
const LONGEST_AT_XDP: usize = 65_536;

#[test]
fn a_million_bad_frames_do_no_harm_at_tc() {
    require_root!();
    Bench::alone(|| flood_with_rubbish(Hook::Tc, LONGEST_AT_TC));
}

#[test]
fn a_million_bad_frames_do_no_harm_at_xdp() {
    require_root!();
    Bench::alone(|| flood_with_rubbish(Hook::Xdp, LONGEST_AT_XDP));
}

fn flood_with_rubbish(hook: Hook, longest: usize) {
    let load = LoadOptions {
        max_ports: 7,
        fdb_entries: 1_000,
        ..LoadOptions::default()
    };
    let options = BridgeOptions {
        load,
        ..BridgeOptions::default()
    };
    let mut bench = Bench::with_mtu(PORTS as usize, HookChoice::Xdp, MTU, &options);
    let mut dice = Dice(0x6e62 + hook as u64);
    let samples = samples();
    let (mut up, mut sent) = (0, [0_u64; PORTS as usize + 1]);
    for n in 0..FRAMES {
        let mut octets = rubbish(&mut dice, &samples, longest);
        if hook == Hook::Tc {
            lengthen_ip(&mut octets);
        }
        let port = 1 + u32::try_from(dice.below(PORTS as usize)).expect("a small number");
        let ifindex = bench.ifindex(port);
        let action = match bench.try_run(hook, ifindex, &octets, None) {
            // Panics where the value is none of the hook's own; XDP_ABORTED is none of them.
            Ok(returned) => hook.action(returned),
            Err(error) => panic!("frame {n} of {} octets: {error}", octets.len()),
        };
        if action == Action::PassUp {
            assert!(
                octets.len() > 3_500,
                "frame {n} was left to TC: {octets:02x?}"
            );
            up += 1;
        } else {
            sent[port as usize] += 1;
        }
    }
    assert!(hook == Hook::Xdp || up == 0);
    for port in 0..=PORTS {
        let counters = bench.counters(port);
        assert_eq!(
            counters.rx_frames, sent[port as usize],
            "port {port}: {counters:?}"
        );
        let dropped: u64 = DropReason::ALL.map(|r| counters.dropped(r)).iter().sum();
        let total = counters.forwarded + counters.flooded + dropped;
        assert_eq!(counters.rx_frames, total, "port {port}: {counters:?}");
    }
    a_good_frame_still_passes(&mut bench, hook);
}

fn a_good_frame_still_passes(bench: &mut Bench, hook: Hook) {
    bench.reset();
    let (here, there) = (station(1), station(2));
    let lesson = Frame::new(here, there).of_len(60);
    let ifindex = bench.ifindex(2);
    assert_eq!(bench.run(hook, ifindex, &lesson, None), Action::Redirect);
    let frame = Frame::new(there, here).of_len(60);
    let ifindex = bench.ifindex(1);
    assert_eq!(bench.run(hook, ifindex, &frame, None), Action::Redirect);
    let counters = bench.counters(1);
    assert_eq!(
        (counters.forwarded, counters.learned),
        (1, 1),
        "{counters:?}"
    );
}

/// Frames to be spoilt.
fn samples() -> Vec<Vec<u8>> {
    let frame = || Frame::new(station(1), station(2));
    let tagged = || frame().tag(frame::VLAN, 10);
    let twice = || frame().tag(frame::SVLAN, 4095).tag(frame::VLAN, 0);
    vec![
        frame().udp(&[1; 100]),
        frame().tcp(&[2; 700]),
        Frame::new(MacAddr::BROADCAST, station(3)).arp_request(),
        tagged().udp(&[3; 40]),
        twice().tcp(&[4; 80]),
        frame().raw(frame::IPV6, &[0x60; 60]),
        frame().raw(frame::MAC_CONTROL, &[0, 1, 0xff, 0xff]),
        frame().raw(46, &[0x42, 0x42, 3]),
        Frame::new(frame::reserved(0), station(4)).of_len(60),
        frame().of_len(14),
    ]
}

/// A frame of 14 octets at least, since the kernel runs no program on less.
fn rubbish(dice: &mut Dice, samples: &[Vec<u8>], longest: usize) -> Vec<u8> {
    let mut octets = if dice.chance(60) {
        spoilt(dice, &samples[dice.clone().below(samples.len())])
    } else {
        let len = match dice.below(1000) {
            0..700 => 14 + dice.below(46),
            700..980 => 60 + dice.below(1460),
            980..999 => 1500 + dice.below(2200),
            _ => 3500 + dice.below(longest - 3499),
        };
        let mut octets = vec![0; len.min(longest)];
        // The rest is not looked at by anybody.
        let end = octets.len().min(200);
        dice.fill(&mut octets[..end]);
        octets
    };
    if dice.chance(40) {
        octets[..6].copy_from_slice(&address(dice).0);
    }
    if dice.chance(70) {
        octets[6..12].copy_from_slice(&address(dice).0);
    }
    octets
}

/// The kernel makes no socket buffer of a frame that says IP and has no room for its header.
fn lengthen_ip(octets: &mut Vec<u8>) {
    let header = match octets[12..14] {
        [0x08, 0x00] => 20,
        [0x86, 0xdd] => 40,
        _ => return,
    };
    octets.resize(octets.len().max(frame::HEADER_LEN + header), 0);
}

fn spoilt(dice: &mut Dice, sample: &[u8]) -> Vec<u8> {
    let mut octets = sample.to_vec();
    for _ in 0..dice.below(6) {
        let at = dice.below(octets.len());
        octets[at] ^= 1 << dice.below(8);
    }
    if dice.chance(30) {
        octets.truncate(14 + dice.below(octets.len() - 13));
    }
    octets
}

fn address(dice: &mut Dice) -> MacAddr {
    match dice.below(20) {
        0 => MacAddr::BROADCAST,
        1 => MacAddr([0; 6]),
        2 => frame::ALL_NODES,
        3 => frame::reserved(u8::try_from(dice.below(40)).expect("a small number")),
        4 => {
            let mut octets = [0; 6];
            dice.fill(&mut octets);
            MacAddr(octets)
        }
        // More than the FDB holds, so that it fills and stays full.
        _ => station(u16::try_from(dice.below(2_000)).expect("a small number")),
    }
}
