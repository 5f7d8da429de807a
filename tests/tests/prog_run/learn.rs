//! What frames teach.

use netbridge_common::FdbFlags;
use netbridge_tests::{
    frame::{Frame, station},
    program::{Before, Case, Expect},
};

use super::{A, B, C, OLD, RECENT, check, known, to};

/// A case whose sender is refused, and stays on `port` where it was.
fn refused(case: Case, port: Option<u32>) -> Case {
    Case {
        learned: (0, 1),
        after: vec![(A, port)],
        ..case
    }
}

/// A case in which the frame goes to `B` on port 2.
fn b_is_known(more: Vec<Before>, about: &'static str) -> Case {
    Case {
        before: [vec![Before::Heard(B, 2)], more].concat(),
        expect: Expect::Forward(2),
        ..to(B, about)
    }
}

#[test]
fn sources_are_learned_refreshed_and_moved_unless_held() {
    check(&[
        Case {
            learned: (0, 0),
            ..b_is_known(vec![Before::Heard(A, 1)], "a known source stays")
        },
        Case {
            learned: (0, 0),
            ..b_is_known(
                vec![Before::HeardBefore(A, 1, RECENT)],
                "a source's frame refreshes it",
            )
        },
        Case {
            learned: (0, 0),
            ..b_is_known(
                vec![Before::HeardBefore(A, 1, OLD)],
                "an aged source is refreshed",
            )
        },
        b_is_known(
            vec![Before::Heard(A, 3)],
            "a station moves with its first frame",
        ),
        b_is_known(
            vec![Before::HeardBefore(A, 3, OLD)],
            "an aged station moves too",
        ),
        refused(
            b_is_known(
                vec![known(FdbFlags::STATIC, A, 3, OLD)],
                "a static entry stays",
            ),
            Some(3),
        ),
        refused(
            b_is_known(
                vec![known(FdbFlags::STICKY, A, 3, 0)],
                "a sticky entry stays",
            ),
            Some(3),
        ),
        Case {
            learned: (0, 0),
            ..b_is_known(
                vec![known(FdbFlags::STICKY, A, 1, RECENT)],
                "a sticky entry is refreshed",
            )
        },
    ]);
}

#[test]
fn limits_hold_and_moves_take_and_make_room() {
    check(&[
        refused(
            b_is_known(
                vec![Before::PortLimit(1, 1), Before::Heard(C, 1)],
                "a port's limit holds",
            ),
            None,
        ),
        refused(
            b_is_known(
                vec![
                    Before::PortLimit(1, 1),
                    Before::Heard(C, 1),
                    Before::Heard(A, 3),
                ],
                "a port's limit holds for those that move there",
            ),
            Some(3),
        ),
        refused(
            b_is_known(vec![Before::BridgeLimit(1)], "the bridge's limit holds"),
            None,
        ),
        b_is_known(
            vec![Before::BridgeLimit(2), Before::Heard(A, 3)],
            "a move takes no room of the bridge's limit",
        ),
        b_is_known(
            vec![
                Before::PortLimit(1, 1),
                Before::Heard(A, 1),
                Before::Heard(A, 3),
            ],
            "a station that left has made room",
        ),
        refused(
            Case {
                before: vec![Before::Full],
                ..to(B, "a full FDB learns nobody")
            },
            None,
        ),
    ]);
}

#[test]
fn a_station_moves_in_a_full_fdb() {
    let (flooded, mover) = (station(0x7fff), station(0x8000));
    check(&[Case {
        before: vec![Before::Full],
        frame: Frame::new(flooded, mover).of_len(60),
        after: vec![(mover, Some(1))],
        ..to(flooded, "a station moves in a full FDB")
    }]);
}

#[test]
fn an_operators_entry_that_aged_gives_way_and_the_counts_stay_right() {
    check(&[Case {
        before: vec![known(FdbFlags::STICKY, A, 3, OLD)],
        ..to(B, "an aged sticky entry gives way to a learned one")
    }]);
}
