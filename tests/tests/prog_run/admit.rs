//! What may enter a bridge.

use netbridge_common::{FdbFlags, MacAddr, PortState, decide::DropReason};
use netbridge_tests::{
    frame::{self, BROADCAST, Frame},
    program::{Before, Case},
};

use super::{A, B, check, dropped, known, nothing_learned, to};

#[test]
fn frames_that_must_not_enter_are_dropped_for_their_reason() {
    use DropReason::{InvalidSource, OwnSource, PortDisabled, ReservedGroup};
    let with_source = |src, about| Case {
        frame: Frame::new(B, src).of_len(60),
        ..to(B, about)
    };
    let in_state = |state, about| {
        let before = vec![Before::State(1, state)];
        nothing_learned(dropped(
            Case {
                before,
                ..to(B, about)
            },
            PortDisabled,
        ))
    };
    let mut cases = vec![
        nothing_learned(dropped(
            with_source(MacAddr([0; 6]), "no station is called zero"),
            InvalidSource,
        )),
        nothing_learned(dropped(
            with_source(BROADCAST, "everybody sends nothing"),
            InvalidSource,
        )),
        nothing_learned(dropped(
            with_source(frame::ALL_HOSTS, "a group sends nothing"),
            InvalidSource,
        )),
        in_state(PortState::Disabled, "a disabled port takes nothing"),
        in_state(PortState::Listening, "a listening port takes nothing"),
        in_state(PortState::Blocking, "a blocking port takes nothing"),
    ];
    cases.push(nothing_learned(dropped(
        Case {
            frame: Frame::new(B, A).raw(frame::MAC_CONTROL, &[0; 46]),
            ..to(
                B,
                "MAC control ends at the first bridge, whomever it is for",
            )
        },
        ReservedGroup,
    )));
    for last in 0..16 {
        let case = to(frame::reserved(last), "reserved groups are not relayed");
        cases.push(nothing_learned(dropped(case, ReservedGroup)));
    }
    cases.push(Case {
        wasted: vec![],
        ..to(frame::reserved(0x20), "GARP's groups are relayed")
    });
    let own = known(FdbFlags::OWN.with(FdbFlags::STATIC), A, 2, 0);
    let case = Case {
        before: vec![own],
        ..to(B, "the bridge's own address comes from no station")
    };
    let case = nothing_learned(dropped(case, OwnSource));
    cases.push(Case {
        after: vec![(A, Some(2))],
        ..case
    });
    check(&cases);
}

#[test]
fn a_learning_port_learns_and_drops() {
    let before = vec![Before::State(1, PortState::Learning)];
    let case = Case {
        before,
        ..to(B, "a learning port learns and drops")
    };
    check(&[dropped(case, DropReason::PortDisabled)]);
}
