//! Stations that are held because they flapped, and the bridge's own probes.

use netbridge_common::{Features, PortFlags, PortId, decide::DropReason, probe::probe};
use netbridge_tests::{
    frame::Frame,
    program::{Before, Case, Expect},
};

use super::{A, B, C, check, check_with, dropped, nothing_learned, to};

/// The bridge's nonce, and that of another bridge.
const NONCE: u64 = 0x0bad_cafe_0000_0001;
const OTHER: u64 = 0x0bad_cafe_0000_0002;

#[test]
fn a_station_that_is_held_elsewhere_is_neither_learned_nor_let_in() {
    let held = |ago, about| Case {
        before: vec![Before::Held(A, 3, ago)],
        after: vec![(A, Some(3))],
        ..nothing_learned(to(B, about))
    };
    check(&[
        dropped(held(1, "held since a moment"), DropReason::MovedSticky),
        dropped(held(50, "held for long"), DropReason::MovedSticky),
        Case {
            before: vec![Before::Held(A, 3, 70)],
            ..to(B, "the hold is over")
        },
        Case {
            before: vec![Before::Held(A, 1, 1)],
            after: vec![(A, Some(1))],
            ..nothing_learned(to(B, "it is where it is held"))
        },
        Case {
            before: vec![
                Before::Held(A, 3, 1),
                Before::Switch(1, PortFlags::NO_LEARNING),
            ],
            after: vec![(A, Some(3))],
            ..nothing_learned(to(B, "a port that does not learn"))
        },
        Case {
            before: vec![Before::Heard(A, 1), Before::Held(B, 3, 1)],
            expect: Expect::Forward(3),
            learned: (0, 0),
            wasted: vec![],
            ..to(B, "frames for it go where it is held")
        },
    ]);
}

/// A probe with this nonce, that went out of port 3 and comes in by port 1.
fn comes_back(nonce: u64, about: &'static str) -> Case {
    let frame = probe(nonce, PortId(3));
    Case {
        frame: frame.to_vec(),
        expect: Expect::Flood(vec![2, 3, 4]),
        wasted: vec![],
        before: vec![Before::LoopGuard(NONCE)],
        after: vec![],
        ..to(B, about)
    }
}

#[test]
fn a_probe_that_comes_back_is_dropped_and_teaches_nothing() {
    let nothing = |case| Case {
        learned: (0, 0),
        ..case
    };
    let own = || nothing(dropped(comes_back(NONCE, "its own"), DropReason::Looped));
    let tagged = {
        let frame = probe(NONCE, PortId(3));
        [&frame[..12], &[0x81, 0, 0, 7], &frame[12..]].concat()
    };
    for features in [Features::LOOP, Features::ALL] {
        check_with(
            features,
            &[
                own(),
                Case {
                    about: "its own, with a tag",
                    frame: tagged.clone(),
                    ..own()
                },
                comes_back(OTHER, "another bridge's"),
                Case {
                    before: vec![],
                    ..comes_back(NONCE, "nobody looks out")
                },
                Case {
                    frame: Frame::new(netbridge_common::probe::PROBE_GROUP, C).of_len(60),
                    ..comes_back(NONCE, "something else for the group")
                },
            ],
        );
    }
}
