//! Every verdict and every drop reason, on both hooks, by running the programs on made-up frames.
//!
//! `malformed` is the only reason that is missing: the kernel runs no program on a buffer that is
//! too short for an Ethernet header.

use netbridge::{
    bridge::{BridgeOptions, HookChoice},
    datapath::LoadOptions,
};
use netbridge_common::{FdbFlags, MacAddr, PortState, decide::DropReason};
use netbridge_tests::{
    frame::{self, BROADCAST, Frame, TCP_HEADERS, large_tcp, station},
    program::{Before, Bench, Case, Entry, Expect, Gso, Hook},
    require_root,
};

/// The sender of every frame, behind port 1.
const A: MacAddr = station(1);
/// The station that is looked for.
const B: MacAddr = station(2);
/// Another one.
const C: MacAddr = station(3);

/// Seconds, and ticks, that an entry lives.
const AGEING_SECS: u32 = 3;
/// Ticks after which it no longer counts.
const OLD: u32 = 5;
/// Ticks after which it still does, should the clock go on during the test.
const RECENT: u32 = 2;

/// A case with a frame of 60 octets from `A` to `dst`, whose sender is learned.
fn to(dst: MacAddr, about: &'static str) -> Case {
    Case {
        about,
        before: Vec::new(),
        frame: Frame::new(dst, A).of_len(60),
        gso: None,
        expect: Expect::Flood(vec![2, 3, 4]),
        up: false,
        size: None,
        learned: (1, 0),
        lost: Vec::new(),
        wasted: if dst.is_group() {
            vec![]
        } else {
            vec![2, 3, 4]
        },
        after: vec![(A, Some(1))],
    }
}

/// Turns the case of a new sender into one of a sender that teaches nothing.
fn nothing_learned(case: Case) -> Case {
    let learned = (0, 0);
    Case {
        learned,
        after: vec![(A, None)],
        ..case
    }
}

fn dropped(case: Case, reason: DropReason) -> Case {
    let expect = Expect::Drop(reason);
    Case { expect, ..case }
}

fn known(flags: FdbFlags, mac: MacAddr, port: u32, age: u32) -> Before {
    Before::Entry(Entry {
        mac,
        port,
        flags,
        age,
    })
}

/// Runs the cases on both hooks, each on one bridge with four ports.
fn check(cases: &[Case]) {
    require_root!();
    Bench::alone(|| {
        let load = LoadOptions {
            max_ports: 7,
            fdb_entries: 64,
        };
        let options = BridgeOptions {
            load,
            ageing_secs: AGEING_SECS,
            ..BridgeOptions::default()
        };
        let mut bench = Bench::new(4, HookChoice::Xdp, &options);
        for hook in Hook::ALL {
            for case in cases {
                case.check(&mut bench, hook);
            }
        }
    });
}

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

#[test]
fn sources_are_learned_refreshed_and_moved_unless_held() {
    let refused = |case: Case, port| {
        let after = vec![(A, port)];
        Case {
            learned: (0, 1),
            after,
            ..case
        }
    };
    let b_is_known = |more: Vec<Before>, about| Case {
        before: [vec![Before::Heard(B, 2)], more].concat(),
        expect: Expect::Forward(2),
        ..to(B, about)
    };
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

#[test]
fn a_gso_buffer_counts_as_its_segments() {
    let segmented = |len: usize, gso: Gso, frames: u64, about| Case {
        before: vec![Before::Heard(B, 2)],
        expect: Expect::Forward(2),
        frame: large_tcp(&Frame::new(B, A), len),
        gso: Some(gso),
        size: Some((frames, len as u64 + (frames - 1) * TCP_HEADERS as u64)),
        ..to(B, about)
    };
    let (size, headers) = (1000, TCP_HEADERS);
    let three = || {
        segmented(
            headers + 3000,
            Gso { size, segs: 3 },
            3,
            "three segments are three frames",
        )
    };
    let small = vec![Before::Heard(B, 2), Before::Mtu(2, 1040)];
    let smaller = vec![Before::Heard(B, 2), Before::Mtu(2, 1035)];
    check(&[
        three(),
        segmented(
            headers + 2001,
            Gso { size, segs: 0 },
            3,
            "segments are counted where the kernel does not",
        ),
        Case {
            before: small,
            ..three()
        },
        dropped(
            Case {
                before: smaller,
                ..three()
            },
            DropReason::TooBig,
        ),
    ]);
}
