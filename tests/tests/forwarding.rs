//! What a bridge relays and what it drops: rows 1 to 5, 9 and 11 of the conformance list, and the
//! size of frames, row 13.

use netbridge_common::MacAddr;
use netbridge_tests::{
    require::note,
    require_root,
    topology::{HOOKS, Lab, on_every_mix},
    wire::{SILENCE, SOON, expect_delivery, frame, typed_frame},
};

const STRANGER: MacAddr = MacAddr([0x02, 0, 0, 0, 0, 0x77]);
const OTHER: MacAddr = MacAddr([0x02, 0, 0, 0, 0, 0x78]);

fn group(last: [u8; 2]) -> MacAddr {
    MacAddr([0x01, 0x80, 0xc2, 0, last[0], last[1]])
}

#[test]
fn reserved_groups_are_not_relayed() {
    require_root!();
    on_every_mix(|lab, wires| {
        for last in 0..=0xf {
            wires[0].send(&frame(group([0, last]), STRANGER, "reserved"));
        }
        wires[1].expect_silence(SILENCE);
        wires[2].expect_silence(SILENCE);
        assert_eq!(lab.drops(1, "reserved_group"), 16);
        assert!(
            lab.entry(STRANGER).is_none(),
            "learned from a dropped frame"
        );
    });
}

#[test]
fn groups_beside_the_reserved_ones_are_relayed() {
    require_root!();
    on_every_mix(|_, wires| {
        // ..10 is for all bridges' management, ..20 to ..2f are GARP and MRP, which nobody here
        // implements; 01:80:c2:00:01:00 differs in an octet that is easily forgotten.
        let lasts = (0x10..=0x2f).map(|last| [0, last]).chain([[1, 0]]);
        for last in lasts {
            let frame = frame(group(last), STRANGER, "relayed");
            wires[0].send(&frame);
            wires[1].expect_frame(&frame);
            wires[2].expect_frame(&frame);
        }
    });
}

#[test]
fn mac_control_is_dropped_whatever_its_destination() {
    require_root!();
    const MAC_CONTROL: u16 = 0x8808;
    on_every_mix(|lab, wires| {
        let pause = [0x00, 0x01, 0xff, 0xff];
        for dst in [group([0, 1]), lab.container(2).mac, MacAddr::BROADCAST] {
            wires[0].send(&typed_frame(dst, STRANGER, MAC_CONTROL, &pause));
        }
        let is_pause = |frame: &[u8]| frame[12..14] == MAC_CONTROL.to_be_bytes();
        wires[1].expect_no(is_pause, SILENCE);
        wires[2].expect_no(is_pause, SILENCE);
        assert_eq!(lab.drops(1, "reserved_group"), 3);
    });
}

#[test]
fn frames_from_a_group_or_from_zero_are_dropped_and_not_learned() {
    require_root!();
    on_every_mix(|lab, wires| {
        let sources = [
            MacAddr::BROADCAST,
            MacAddr([0x01, 0x00, 0x5e, 0, 0, 1]),
            MacAddr([0x03, 0, 0, 0, 0, 1]),
            MacAddr([0; 6]),
        ];
        for src in sources {
            wires[0].send(&frame(MacAddr::BROADCAST, src, "invalid source"));
        }
        wires[1].expect_silence(SILENCE);
        wires[2].expect_silence(SILENCE);
        assert_eq!(lab.drops(1, "invalid_source"), 4);
        for src in sources {
            assert!(lab.entry(src).is_none(), "{src} was learned");
        }
    });
}

#[test]
fn a_frame_for_a_station_behind_its_own_port_is_dropped() {
    require_root!();
    on_every_mix(|lab, wires| {
        wires[0].send(&frame(MacAddr::BROADCAST, STRANGER, "here is the stranger"));
        wires[1].expect(|_| true, SOON);
        wires[2].expect(|_| true, SOON);
        wires[0].send(&frame(STRANGER, OTHER, "to the same port"));
        for wire in wires {
            wire.expect_silence(SILENCE);
        }
        assert_eq!(lab.drops(1, "same_port"), 1);
    });
}

#[test]
fn known_unicast_goes_to_its_port_alone() {
    require_root!();
    on_every_mix(|lab, wires| {
        wires[2].send(&frame(MacAddr::BROADCAST, STRANGER, "here is the stranger"));
        wires[0].expect(|_| true, SOON);
        wires[1].expect(|_| true, SOON);
        let unicast = frame(STRANGER, OTHER, "to the stranger");
        wires[0].send(&unicast);
        expect_delivery(&unicast, &[&wires[2]], &[&wires[0], &wires[1]]);
        let (sender, receiver) = (lab.stats(1), lab.stats(3));
        assert_eq!((sender.forwarded, sender.flooded), (1, 0));
        assert_eq!(receiver.tx.frames, 1, "{receiver:#?}");
        assert_eq!(receiver.tx.bytes, 60, "{receiver:#?}");
        assert_eq!(lab.stats(2).tx.frames, 1, "the broadcast alone");
    });
}

#[test]
fn frames_of_one_conversation_keep_their_order_and_come_once() {
    require_root!();
    on_every_mix(|_, wires| {
        let conversation = |known: &str, n: u32| frame(STRANGER, OTHER, &format!("{known} {n}"));
        let exchange = |known: &str| {
            // In groups, so that no queue on the way overflows.
            for start in (0..400).step_by(50) {
                for n in start..start + 50 {
                    wires[0].send(&conversation(known, n));
                }
                for n in start..start + 50 {
                    let next = wires[1].receive(SOON).expect("the next frame");
                    assert_eq!(next, conversation(known, n), "{known} {n}");
                }
            }
            wires[1].expect_silence(SILENCE);
        };
        exchange("unknown");
        wires[1].send(&frame(OTHER, STRANGER, "here is the stranger"));
        wires[0].expect(|_| true, SOON);
        exchange("known");
    });
}

#[test]
fn tagged_frames_pass_with_their_tags() {
    require_root!();
    on_every_mix(|_, wires| {
        for tpid in [0x8100_u16, 0x88a8] {
            let mut tagged = frame(MacAddr::BROADCAST, STRANGER, "tagged");
            let tag = [tpid.to_be_bytes(), 0x6064_u16.to_be_bytes()];
            tagged.splice(12..12, tag.into_iter().flatten());
            wires[0].send(&tagged);
            wires[1].expect_once(&tagged);
            wires[2].expect_once(&tagged);
        }
    });
}

#[test]
fn a_frame_too_large_for_its_port_is_dropped_and_counted() {
    require_root!();
    for hook in HOOKS {
        note(format_args!("on {hook:?}"));
        let lab = Lab::builder(&[hook; 3])
            .mixed_mtu()
            .port(1, |port| port.mtu = Some(9000))
            .port(2, |port| port.mtu = Some(9000))
            .build();
        let wires = lab.wires();
        let [_, two, three] = [1, 2, 3].map(|n| lab.container(n).mac);
        for n in [2, 3] {
            wires[n - 1].send(&frame(STRANGER, lab.container(n).mac, "hello"));
        }
        wires[0].expect(|_| true, SOON);
        wires[0].expect(|_| true, SOON);

        let sized = |dst, octets| typed_frame(dst, STRANGER, 0x88b5, &vec![0x5a; octets]);
        wires[0].send(&sized(three, 1501 + 4));
        wires[0].send(&sized(two, 9000));
        wires[0].send(&sized(three, 1500));
        wires[1].expect_frame(&sized(two, 9000));
        wires[2].expect_frame(&sized(three, 1500));
        assert_eq!(lab.drops(1, "too_big"), 1, "{:#?}", lab.stats(1));

        // A flood reaches the ports that it fits, and counts at the one that it does not.
        let flood = sized(MacAddr::BROADCAST, 4000);
        wires[0].send(&flood);
        expect_delivery(&flood, &[&wires[1]], &[&wires[0], &wires[2]]);
        assert_eq!(lab.drops(3, "too_big"), 1, "{:#?}", lab.stats(3));
        assert_eq!(lab.stats(1).dropped.total, 1, "{:#?}", lab.stats(1));
    }
}
