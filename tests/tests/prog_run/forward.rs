//! Where frames go.

use netbridge_common::{FdbFlags, PortState, decide::DropReason};
use netbridge_tests::{
    frame::{self, BROADCAST, Frame},
    program::{Before, Case, Expect},
};

use super::{A, B, OLD, check, dropped, known, nothing_learned, to};

#[test]
fn known_stations_get_their_frames_alone() {
    use DropReason::{EgressDown, SamePort, TooBig};
    let b_on_2 = || vec![Before::Heard(B, 2)];
    let after = || vec![(A, Some(1)), (B, Some(2))];
    let known_b = |about| Case {
        before: b_on_2(),
        expect: Expect::Forward(2),
        after: after(),
        ..to(B, about)
    };
    let with = |more: Before, case: Case| Case {
        before: vec![Before::Heard(B, 2), more],
        ..case
    };
    let down = |state, about| dropped(with(Before::State(2, state), known_b(about)), EgressDown);
    let frame_of = |len, about| Case {
        frame: Frame::new(B, A).of_len(len),
        ..known_b(about)
    };
    check(&[
        known_b("a known station's port alone gets its frame"),
        frame_of(14, "a header alone is a frame"),
        frame_of(1518, "a frame with a tag's room more than the MTU fits"),
        dropped(
            frame_of(1519, "a frame larger than the egress port's MTU is dropped"),
            TooBig,
        ),
        with(
            Before::Mtu(2, 9000),
            frame_of(1600, "the egress port's MTU counts, not the ingress port's"),
        ),
        dropped(
            with(Before::Mtu(2, 68), frame_of(87, "a small MTU counts too")),
            TooBig,
        ),
        dropped(
            Case {
                before: vec![Before::Heard(B, 1)],
                after: vec![(A, Some(1)), (B, Some(1))],
                ..to(B, "a frame for the port that it came from is not sent back")
            },
            SamePort,
        ),
        dropped(
            to(A, "a frame for its own sender is not sent back"),
            SamePort,
        ),
        down(PortState::Disabled, "nothing leaves by a disabled port"),
        down(PortState::Learning, "nothing leaves by a learning port"),
        down(PortState::Blocking, "nothing leaves by a blocking port"),
        dropped(
            with(
                Before::Gone(2),
                known_b("nothing leaves by a port that is gone"),
            ),
            EgressDown,
        ),
        with(
            Before::Peer(2, B),
            known_b("the peer itself is reached directly"),
        ),
        Case {
            up: true,
            ..with(
                Before::NoXdpTarget(2),
                known_b("XDP leaves to TC what only TC can reach"),
            )
        },
        Case {
            frame: Frame::new(B, A)
                .tag(frame::SVLAN, 5)
                .tag(frame::VLAN, 0xe00a)
                .udp(&[7; 64]),
            ..known_b("two tags are carried through")
        },
        Case {
            before: vec![
                known(FdbFlags::OWN.with(FdbFlags::STATIC), A, 1, 0),
                Before::Heard(B, 2),
            ],
            learned: (0, 0),
            ..known_b("the bridge's own address comes from its own port")
        },
    ]);
}

#[test]
fn frames_for_nobody_known_go_to_all_others() {
    use DropReason::{RedirectFailed, TooBig};
    let big = |case: Case| Case {
        frame: Frame::new(B, A).of_len(1500),
        ..case
    };
    check(&[
        to(B, "unknown unicast is flooded"),
        to(BROADCAST, "broadcast is flooded"),
        to(frame::ALL_HOSTS, "multicast is flooded"),
        Case {
            frame: Frame::new(BROADCAST, A).arp_request(),
            ..to(BROADCAST, "ARP is flooded")
        },
        Case {
            before: vec![Before::State(3, PortState::Blocking)],
            expect: Expect::Flood(vec![2, 4]),
            ..to(B, "a blocking port is no part of a flood")
        },
        Case {
            before: [2, 3, 4]
                .map(|n| Before::State(n, PortState::Disabled))
                .to_vec(),
            expect: Expect::Flood(vec![]),
            ..to(B, "a flood may reach nobody")
        },
        big(Case {
            before: vec![Before::Mtu(3, 1000)],
            expect: Expect::Flood(vec![2, 4]),
            lost: vec![(3, TooBig)],
            ..to(B, "a copy that does not fit is dropped on its port")
        }),
        Case {
            before: vec![Before::NoInterface(2)],
            expect: Expect::Flood(vec![3, 4]),
            lost: vec![(2, RedirectFailed)],
            ..to(B, "a copy that the kernel refuses is dropped on its port")
        },
        Case {
            up: true,
            before: vec![Before::NoXdpTarget(3)],
            ..to(B, "XDP leaves a flood to TC where it cannot reach all")
        },
        Case {
            before: vec![Before::HeardBefore(B, 2, OLD)],
            ..to(B, "a station that aged is unknown")
        },
        Case {
            before: vec![Before::HeardBefore(B, 1, OLD)],
            ..to(B, "a station that aged is not known to be here either")
        },
        nothing_learned(Case {
            before: vec![Before::Hub, known(FdbFlags::STATIC, B, 2, 0)],
            ..to(B, "a hub floods everything and learns nothing")
        }),
    ]);
}
