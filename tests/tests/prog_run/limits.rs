//! Storm and rate limits.

use netbridge::{
    bridge::{BridgeOptions, HookChoice},
    datapath::LoadOptions,
};
use netbridge_common::{Features, LimitKind, PortFlags, PortId, PortLimits, decide::DropReason};
use netbridge_tests::{
    frame::{self, BROADCAST, Frame, TCP_HEADERS, large_tcp},
    program::{Action, Before, Bench, Case, Expect, Gso, Hook, limit_of, spend},
    require_root,
};

use super::{A, B, check_with, dropped, nothing_learned, to};

const STORMS: [LimitKind; 3] = [
    LimitKind::StormUnknown,
    LimitKind::StormMulticast,
    LimitKind::StormBroadcast,
];

fn check(cases: &[Case]) {
    check_with(Features::LIMIT, cases);
}

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
fn a_port_sends_no_more_than_its_rate() {
    let (limit, spent) = (
        |n| Before::Limit(n, LimitKind::RateIn),
        |n| Before::Spent(n, LimitKind::RateIn),
    );
    let refuse = |case| nothing_learned(dropped(case, DropReason::RateIngress));
    check(&[
        to_known(&[limit(1)], "within the rate"),
        Case {
            after: vec![(A, None), (B, Some(2))],
            ..refuse(to_known(&[spent(1)], "beyond the rate nothing passes"))
        },
        to_known(&[spent(2), spent(3)], "what the others send does not count"),
        Case {
            before: vec![limit(1)],
            ..to(BROADCAST, "floods are within the rate")
        },
        refuse(Case {
            before: vec![spent(1)],
            ..to(BROADCAST, "nor is anything flooded, or learned")
        }),
        refuse(Case {
            before: vec![Before::NoXdpTarget(3), spent(1)],
            ..to(BROADCAST, "nor handed on to be flooded")
        }),
        Case {
            up: true,
            before: vec![Before::NoXdpTarget(3), limit(1)],
            ..to(BROADCAST, "what is within the rate is handed on")
        },
        refuse(Case {
            before: vec![Before::Hub, spent(1)],
            ..to(B, "a hub has rates too")
        }),
    ]);
}

#[test]
fn a_port_is_sent_no_more_than_its_rate() {
    let (limit, spent) = (
        |n| Before::Limit(n, LimitKind::RateOut),
        |n| Before::Spent(n, LimitKind::RateOut),
    );
    let without = |ports: &[u32], reached: &[u32]| Case {
        before: ports.iter().map(|n| spent(*n)).collect(),
        expect: Expect::Flood(reached.to_vec()),
        lost: ports.iter().map(|n| (*n, DropReason::RateEgress)).collect(),
        ..to(BROADCAST, "a flood goes to the ports whose rate allows it")
    };
    check(&[
        to_known(&[limit(2)], "within the rate"),
        dropped(
            to_known(&[spent(2)], "beyond the rate nothing passes"),
            DropReason::RateEgress,
        ),
        to_known(&[spent(1), spent(3)], "other ports' rates do not count"),
        without(&[3], &[2, 4]),
        without(&[2, 3, 4], &[]),
        Case {
            before: vec![limit(2), limit(3), spent(1)],
            ..to(BROADCAST, "a flood within the rates goes to all")
        },
    ]);
}

#[test]
fn each_kind_of_flood_has_its_limit() {
    let kinds = [
        (B, LimitKind::StormUnknown, DropReason::StormUnknown),
        (
            frame::ALL_HOSTS,
            LimitKind::StormMulticast,
            DropReason::StormMulticast,
        ),
        (
            BROADCAST,
            LimitKind::StormBroadcast,
            DropReason::StormBroadcast,
        ),
    ];
    let spent = STORMS.map(|kind| Before::Spent(1, kind));
    let mut cases = vec![to_known(&spent, "known unicast is no storm")];
    for (dst, kind, reason) in kinds {
        let over = Before::Spent(1, kind);
        let refused = |before, about| {
            let case = dropped(to(dst, about), reason);
            Case { before, ..case }
        };
        cases.extend([
            refused(
                vec![over],
                "beyond the limit nothing is flooded, but learned",
            ),
            refused(
                vec![Before::NoXdpTarget(3), over],
                "nor is it handed on to be flooded",
            ),
            nothing_learned(refused(
                vec![Before::Hub, over],
                "a hub floods no more than that either",
            )),
            Case {
                before: vec![Before::Limit(1, kind)],
                ..to(dst, "within the limit")
            },
            Case {
                before: STORMS
                    .into_iter()
                    .filter(|other| *other != kind)
                    .map(|other| Before::Spent(1, other))
                    .collect(),
                ..to(dst, "a storm of another kind does not count")
            },
            Case {
                before: vec![Before::Spent(2, kind)],
                ..to(dst, "nor does one from another port")
            },
        ]);
    }
    check(&cases);
}

/// Calls `body` with each hook on a bridge with limits, with the flow cache and without; `B` is known on
/// port 2.
fn on_both_hooks(body: fn(&mut Bench, Hook)) {
    require_root!();
    for flow_cache in [false, true] {
        let load = LoadOptions {
            flow_cache,
            features: Features::LIMIT,
            ..LoadOptions::default()
        };
        let options = BridgeOptions {
            load,
            ..BridgeOptions::default()
        };
        Bench::alone(|| {
            let mut bench = Bench::new(3, HookChoice::Xdp, &options);
            for hook in Hook::ALL {
                bench.reset();
                if hook == Hook::Tc {
                    for n in 1..=3 {
                        bench.change(n, |port| port.flags.0 &= !PortFlags::XDP_FIRST.0);
                    }
                }
                let (lesson, at) = (Frame::new(B, B).of_len(60), bench.ifindex(2));
                bench.run(hook, at, &lesson, None);
                body(&mut bench, hook);
            }
        });
    }
}

/// Sends a frame in at port 1.
fn send(bench: &mut Bench, hook: Hook, frame: &[u8], gso: Option<Gso>) -> Action {
    let ifindex = bench.ifindex(1);
    bench.run(hook, ifindex, frame, gso)
}

/// What a meter stands at.
fn meter(bench: &Bench, n: u32, kind: LimitKind) -> u64 {
    let meters = bench.bridge.maps().port_meters(PortId(n));
    meters.map_or(0, |meters| meters.meters[kind as usize])
}

#[test]
fn a_kept_verdict_asks_for_the_rates() {
    on_both_hooks(|bench, hook| {
        let frame = Frame::new(B, A).of_len(200);
        for (n, kind, reason) in [
            (1, LimitKind::RateIn, DropReason::RateIngress),
            (2, LimitKind::RateOut, DropReason::RateEgress),
        ] {
            Before::Limit(n, kind).apply(bench, hook);
            for _ in 0..3 {
                assert_eq!(send(bench, hook, &frame, None), Action::Redirect);
            }
            // As if another CPU had charged it: nothing tells the flow cache.
            spend(bench, n, kind);
            assert_eq!(send(bench, hook, &frame, None), Action::Drop, "{hook:?}");
            assert_eq!(bench.counters(1).dropped(reason), 1, "{hook:?}");
            let maps = bench.bridge.maps_mut();
            maps.set_port_limits(PortId(n), PortLimits::default())
                .expect("take the limit away");
        }
    });
}

#[test]
fn rates_are_charged_with_the_octets_that_the_counters_have() {
    on_both_hooks(|bench, hook| {
        Before::Limit(1, LimitKind::RateIn).apply(bench, hook);
        Before::Limit(2, LimitKind::RateOut).apply(bench, hook);
        let plain = Frame::new(B, A).of_len(200);
        let large = large_tcp(&Frame::new(B, A), TCP_HEADERS + 3000);
        let gso = Gso {
            size: 1000,
            segs: 3,
        };
        // The first frame finds the meters at rest, the others find them ahead of the clock.
        let first = Frame::new(B, A).of_len(1500);
        assert_eq!(send(bench, hook, &first, None), Action::Redirect);
        let mut frames = vec![(&plain, None)];
        if hook == Hook::Tc {
            frames.push((&large, Some(gso)));
        }
        for (frame, gso) in frames.repeat(2) {
            let rates = |bench: &Bench| {
                [
                    meter(bench, 1, LimitKind::RateIn),
                    meter(bench, 2, LimitKind::RateOut),
                ]
            };
            let (before, octets) = (rates(bench), bench.counters(1).rx_bytes);
            assert_eq!(send(bench, hook, frame, gso), Action::Redirect);
            let octets = u32::try_from(bench.counters(1).rx_bytes - octets).expect("a buffer");
            let time = limit_of(LimitKind::RateIn).time(octets);
            assert_eq!(rates(bench), before.map(|before| before + time), "{hook:?}");
        }
    });
}

#[test]
fn what_xdp_hands_on_is_charged_once() {
    on_both_hooks(|bench, _| {
        let kinds = [LimitKind::RateIn, LimitKind::StormBroadcast];
        for kind in kinds {
            Before::Limit(1, kind).apply(bench, Hook::Xdp);
        }
        bench.change(1, |port| port.flags = port.flags.with(PortFlags::XDP_FIRST));
        bench.change(2, |port| port.flags.0 &= !PortFlags::XDP_TARGET.0);
        bench.set(|settings| settings.xdp_floods = 0);
        for dst in [B, BROADCAST, B] {
            let frame = Frame::new(dst, A).of_len(1000);
            assert_eq!(send(bench, Hook::Xdp, &frame, None), Action::PassUp);
            let charged = kinds.map(|kind| meter(bench, 1, kind));
            // Twice: the second time, TC may have the verdict already.
            for _ in 0..2 {
                assert_eq!(send(bench, Hook::Tc, &frame, None), Action::Redirect);
            }
            assert_eq!(kinds.map(|kind| meter(bench, 1, kind)), charged);
        }
    });
}
