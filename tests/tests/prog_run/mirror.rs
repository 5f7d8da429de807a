//! Mirrors of ports: who gets a copy, and that nothing else changes.

use netbridge_common::{Features, PortFlags, PortState, decide::DropReason};
use netbridge_tests::{
    frame::BROADCAST,
    program::{Before, Case, Expect},
};

use super::{A, B, check_with, dropped, to};

/// A frame from a known station to nobody known.
fn from_known(before: &[Before], about: &'static str) -> Case {
    Case {
        before: [&[Before::Heard(A, 1)], before].concat(),
        learned: (0, 0),
        up: true,
        ..to(B, about)
    }
}

/// A frame from a known station to `B`, which is on port 2.
fn to_known(before: &[Before], about: &'static str) -> Case {
    let case = from_known(before, about);
    Case {
        before: [&[Before::Heard(B, 2)], &case.before[..]].concat(),
        expect: Expect::Forward(2),
        after: vec![(A, Some(1)), (B, Some(2))],
        ..case
    }
}

/// The cases on programs that can mirror, whatever else they can do.
fn check(cases: &[Case]) {
    check_with(Features::MIRROR, cases);
    check_with(Features::ALL, cases);
}

fn copied(case: Case, copies: &[u32]) -> Case {
    let copies = copies.to_vec();
    Case { copies, ..case }
}

fn ingress(from: u32, to: u16) -> Before {
    Before::Mirror(from, to, 0)
}

fn egress(from: u32, to: u16) -> Before {
    Before::Mirror(from, 0, to)
}

#[test]
fn mirrored_unicast_arrives_and_its_copies_too() {
    let plain = |before: &[Before], about| Case {
        up: false,
        ..to_known(before, about)
    };
    check(&[
        copied(to_known(&[ingress(1, 3)], "what comes in"), &[3]),
        copied(to_known(&[egress(2, 3)], "what goes out"), &[3]),
        copied(
            to_known(&[ingress(1, 3), egress(2, 4)], "each to its own target"),
            &[3, 4],
        ),
        copied(
            to_known(
                &[ingress(1, 3), egress(2, 3)],
                "twice, for it comes and goes",
            ),
            &[3, 3],
        ),
        copied(to_known(&[ingress(1, 2)], "to where it goes anyway"), &[2]),
        copied(to_known(&[egress(2, 1)], "to where it came from"), &[1]),
        copied(
            to_known(
                &[ingress(1, 3), Before::Peer(2, B)],
                "straight to its station",
            ),
            &[3],
        ),
        copied(
            to_known(
                &[egress(2, 3), Before::Peer(2, B)],
                "straight to its station",
            ),
            &[3],
        ),
        plain(&[egress(1, 3), ingress(2, 3)], "the other directions"),
        plain(
            &[Before::Mirror(3, 4, 4)],
            "a port that has nothing to do with it",
        ),
        plain(&[Before::Mirror(4, 1, 2)], "the targets themselves"),
        // Ports that are mirrored to each other: copies are not mirrored.
        copied(
            to_known(
                &[Before::Mirror(1, 3, 3), Before::Mirror(3, 1, 1)],
                "a pair of mirrors",
            ),
            &[3],
        ),
    ]);
}

#[test]
fn mirrored_floods_arrive_and_their_copies_too() {
    check(&[
        copied(from_known(&[ingress(1, 3)], "what comes in"), &[3]),
        copied(from_known(&[egress(2, 3)], "a copy that goes out"), &[3]),
        copied(from_known(&[egress(4, 3)], "the last copy"), &[3]),
        copied(
            from_known(
                &[egress(2, 3), egress(4, 3), egress(3, 2)],
                "each copy by itself",
            ),
            &[2, 3, 3],
        ),
        copied(
            Case {
                before: vec![Before::Hub, ingress(1, 4), egress(2, 4)],
                learned: (0, 0),
                up: true,
                after: vec![],
                ..to(BROADCAST, "a hub's mirrors")
            },
            &[4, 4],
        ),
        Case {
            up: false,
            ..from_known(&[ingress(2, 3), ingress(4, 3)], "what others send")
        },
        // Out of the flood, out of the mirror.
        Case {
            expect: Expect::Flood(vec![3, 4]),
            ..from_known(
                &[egress(2, 3), Before::Switch(2, PortFlags::NO_FLOOD)],
                "a copy that does not leave",
            )
        },
    ]);
}

#[test]
fn dropped_frames_are_mirrored_as_they_come_in() {
    let disabled = Before::State(1, PortState::Disabled);
    let locked = Before::Switch(1, PortFlags::LOCKED);
    let isolated = |n| Before::Switch(n, PortFlags::ISOLATED);
    for (before, reason) in [
        (vec![disabled], DropReason::PortDisabled),
        (vec![Before::DropUnknown], DropReason::FloodOff),
    ] {
        let mirrors = [ingress(1, 3), egress(2, 3)];
        let before = [&mirrors[..], &before].concat();
        let case = from_known(&before, "dropped, and seen");
        check(&[copied(dropped(case, reason), &[3])]);
    }
    let case = to_known(
        &[ingress(1, 3), egress(2, 4), isolated(1), isolated(2)],
        "what does not go out is not mirrored as going out",
    );
    let stranger = Case {
        before: vec![ingress(1, 3), locked],
        learned: (0, 0),
        up: true,
        after: vec![(A, None)],
        ..to(B, "a stranger at a locked port")
    };
    check(&[
        copied(dropped(case, DropReason::Isolated), &[3]),
        copied(dropped(stranger, DropReason::Locked), &[3]),
    ]);
}

#[test]
fn a_target_that_cannot_take_copies_changes_nothing() {
    let lost = |before, reason| Case {
        lost: vec![(3, reason)],
        ..to_known(&[ingress(1, 3), before], "what becomes of the copy")
    };
    check(&[
        lost(
            Before::State(3, PortState::Disabled),
            DropReason::EgressDown,
        ),
        lost(Before::Gone(3), DropReason::EgressDown),
        lost(Before::Mtu(3, 40), DropReason::TooBig),
        lost(Before::NoInterface(3), DropReason::RedirectFailed),
        copied(
            to_known(
                &[ingress(1, 3), Before::Switch(3, PortFlags::ISOLATED)],
                "isolation is not for copies",
            ),
            &[3],
        ),
    ]);
}
