//! The switches of a port, and blackholes.

use netbridge_common::{FdbFlags, PortFlags, decide::DropReason};
use netbridge_tests::{
    frame::{self, BROADCAST, Frame},
    program::{Before, Case, Expect},
};

use super::{A, B, OLD, check, dropped, known, nothing_learned, to};

/// A frame to `B`, which is on port 2.
fn to_known(before: &[Before], about: &'static str) -> Case {
    Case {
        before: [&[Before::Heard(B, 2)], before].concat(),
        expect: Expect::Forward(2),
        after: vec![(A, Some(1)), (B, Some(2))],
        ..to(B, about)
    }
}

#[test]
fn isolated_ports_do_not_reach_each_other() {
    let isolated = |n| Before::Switch(n, PortFlags::ISOLATED);
    check(&[
        to_known(&[isolated(1)], "from an isolated port to an open one"),
        to_known(&[isolated(2)], "from an open port to an isolated one"),
        dropped(
            to_known(
                &[isolated(1), isolated(2)],
                "nothing between isolated ports",
            ),
            DropReason::Isolated,
        ),
        Case {
            before: vec![isolated(1), isolated(2), isolated(4)],
            expect: Expect::Flood(vec![3]),
            ..to(BROADCAST, "no flood from an isolated port to another")
        },
        Case {
            before: [1, 2, 3, 4].map(isolated).to_vec(),
            expect: Expect::Flood(vec![]),
            ..to(B, "a flood among isolated ports reaches nobody")
        },
    ]);
}

#[test]
fn hairpin_sends_back() {
    let hairpin = |n| Before::Switch(n, PortFlags::HAIRPIN);
    check(&[
        Case {
            before: vec![Before::Heard(B, 1), hairpin(1)],
            expect: Expect::Forward(1),
            after: vec![(A, Some(1)), (B, Some(1))],
            ..to(B, "a frame between stations of a port with hairpin")
        },
        dropped(
            Case {
                before: vec![Before::Heard(B, 1), hairpin(2)],
                ..to(B, "another port's hairpin sends nothing back")
            },
            DropReason::SamePort,
        ),
        Case {
            up: true,
            before: vec![hairpin(1)],
            expect: Expect::Flood(vec![1, 2, 3, 4]),
            ..to(
                BROADCAST,
                "a flood from a port with hairpin comes back, by TC",
            )
        },
        Case {
            before: vec![hairpin(2)],
            ..to(
                BROADCAST,
                "a flood does not come back for another port's hairpin",
            )
        },
    ]);
}

#[test]
fn locked_ports_take_frames_from_whom_they_know() {
    let locked = Before::Switch(1, PortFlags::LOCKED);
    let refused = |before: Vec<Before>, after, about| {
        let case = nothing_learned(dropped(to(BROADCAST, about), DropReason::Locked));
        Case {
            before: [vec![locked], before].concat(),
            after: vec![(A, after)],
            ..case
        }
    };
    let fixed = |port| known(FdbFlags::STATIC, A, port, 0);
    let blackhole = known(FdbFlags::STATIC.with(FdbFlags::BLACKHOLE), A, 0, 0);
    let old = known(FdbFlags::default(), A, 1, OLD);
    let let_in = |mut case: Case, entry| {
        case.before.extend([locked, entry]);
        Case {
            learned: (0, 0),
            ..case
        }
    };
    let mut aged = refused(vec![old], Some(1), "a locked port knows nobody who aged");
    // An aged entry is as old as it was.
    aged.after.clear();
    check(&[
        refused(vec![], None, "a locked port takes nothing from strangers"),
        refused(vec![fixed(2)], Some(2), "nor from another port's stations"),
        refused(vec![blackhole], Some(0), "nor from a blackhole"),
        aged,
        let_in(to(BROADCAST, "a static entry lets in"), fixed(1)),
        let_in(to_known(&[], "and to one station"), fixed(1)),
        let_in(
            to(BROADCAST, "so does a learned entry"),
            known(FdbFlags::default(), A, 1, 0),
        ),
        Case {
            before: vec![Before::Hub, locked],
            ..refused(vec![Before::Hub], None, "a hub's locked port is locked")
        },
    ]);
}

#[test]
fn ports_that_do_not_learn_change_nothing() {
    let quiet = Before::Switch(1, PortFlags::NO_LEARNING);
    let held = known(FdbFlags::default(), A, 2, 0);
    let unlearned = |case: Case, after| Case {
        learned: (0, 0),
        after: vec![(A, after)],
        ..case
    };
    check(&[
        unlearned(
            Case {
                before: vec![quiet],
                ..to(BROADCAST, "no entry comes of it")
            },
            None,
        ),
        unlearned(to_known(&[quiet], "nor of a frame to a station"), None),
        unlearned(
            Case {
                before: vec![quiet, held],
                ..to(BROADCAST, "no entry moves")
            },
            Some(2),
        ),
    ]);
}

#[test]
fn blackholes_swallow_and_stay() {
    let hole = |mac| known(FdbFlags::STATIC.with(FdbFlags::BLACKHOLE), mac, 0, 0);
    check(&[
        dropped(
            Case {
                before: vec![hole(B)],
                ..to(B, "what is for a blackhole is dropped")
            },
            DropReason::Blackhole,
        ),
        Case {
            before: vec![hole(A)],
            learned: (0, 1),
            after: vec![(A, Some(0))],
            ..to(
                BROADCAST,
                "a blackhole's own frames do not teach where it is",
            )
        },
        nothing_learned(Case {
            before: vec![Before::Hub, hole(B)],
            ..to(B, "a hub knows no blackholes")
        }),
    ]);
}

#[test]
fn ports_stay_out_of_the_floods_they_are_switched_out_of() {
    let kinds = [
        (B, PortFlags::NO_FLOOD),
        (frame::ALL_HOSTS, PortFlags::NO_MCAST_FLOOD),
        (BROADCAST, PortFlags::NO_BCAST_FLOOD),
    ];
    let mut cases = vec![
        dropped(
            Case {
                before: vec![Before::DropUnknown],
                ..to(B, "a bridge may drop frames for nobody known")
            },
            DropReason::FloodOff,
        ),
        dropped(
            Case {
                before: vec![Before::DropUnknown, Before::HeardBefore(B, 2, OLD)],
                ..to(B, "one who aged is not known")
            },
            DropReason::FloodOff,
        ),
        to_known(&[Before::DropUnknown], "known stations have their frames"),
    ];
    for (dst, flag) in kinds {
        for (_, other) in kinds {
            let out = if flag == other {
                vec![2, 4]
            } else {
                vec![2, 3, 4]
            };
            cases.push(Case {
                before: vec![Before::Switch(3, other)],
                expect: Expect::Flood(out),
                ..to(dst, "a port is out of one kind of flood, and of no other")
            });
        }
        let all = kinds.map(|(_, flag)| Before::Switch(2, flag));
        cases.push(to_known(&all, "known unicast is no flood"));
        let before = vec![Before::Switch(1, PortFlags::HOST), Before::Switch(3, flag)];
        let out = if dst == B { vec![2, 4] } else { vec![2, 3, 4] };
        cases.push(Case {
            before,
            expect: Expect::Flood(out),
            ..to(dst, "what the host sends to many is for all")
        });
        if dst != B {
            let before = vec![Before::DropUnknown];
            let case = to(dst, "frames for many are flooded all the same");
            cases.push(Case { before, ..case });
        }
    }
    check(&cases);
}

#[test]
fn masks_let_reserved_groups_through() {
    let mut cases = Vec::new();
    for last in 0..16 {
        // The map may hold any bits; those of STP, MAC control and LACP count for nothing.
        let dst = frame::reserved(last);
        let open = |n, mask, about| Case {
            before: vec![Before::GroupMask(n, mask)],
            ..to(dst, about)
        };
        let refuse = |case| nothing_learned(dropped(case, DropReason::ReservedGroup));
        let named = open(1, 1 << last, "a named group is relayed");
        cases.push(if last > 2 { named } else { refuse(named) });
        cases.push(refuse(open(
            1,
            !(1 << last),
            "one that is not named is not",
        )));
        cases.push(refuse(open(2, 0xffff, "nor by another port's mask")));
    }
    cases.push(nothing_learned(dropped(
        Case {
            before: vec![Before::GroupMask(1, 0xffff)],
            frame: Frame::new(frame::reserved(14), A).raw(frame::MAC_CONTROL, &[0; 46]),
            ..to(BROADCAST, "MAC control is never relayed")
        },
        DropReason::ReservedGroup,
    )));
    check(&cases);
}
