//! Questions for neighbours: who is not answered for, and what becomes of the question.

use netbridge::bridge::HookChoice;
use netbridge_common::{
    Binding, BindingKey, Features, MacAddr, PortFlags, PortId, PortState, ProxyMode,
    decide::DropReason,
};
use netbridge_tests::{
    frame::{ARP, BROADCAST, Frame, SVLAN},
    program::{Action, Before, Bench, Case, Hook},
    require_root,
};

use super::{A, B, check_with, dropped, options, to};

const TARGET: [u8; 4] = [10, 0, 0, 2];

/// `A` asks for `TARGET`, as `sender`.
fn request(sender: MacAddr) -> Vec<u8> {
    let head = [0, 1, 8, 0, 6, 4, 0, 1];
    [&head[..], &sender.0, &[10, 0, 0, 1], &[0; 6], &TARGET].concat()
}

fn bound(port: u32, mac: MacAddr) -> Before {
    let (port, native) = (PortId(port), 1);
    Before::Bound(BindingKey::ipv4(TARGET, 0), Binding { port, mac, native })
}

#[test]
fn who_cannot_be_answered_for_is_asked_or_not() {
    let mut rows = Vec::new();
    let question = Frame::new(BROADCAST, A).raw(ARP, &request(A));
    let odd = Frame::new(BROADCAST, A).raw(ARP, &request(B));
    let unanswered: [(&[Before], &[u8], &'static str); 4] = [
        (&[], &question, "for an address that is not bound"),
        (&[bound(1, A)], &question, "for an address of its own port"),
        (
            &[bound(2, MacAddr::default())],
            &question,
            "for an address of no one station",
        ),
        (&[bound(2, B)], &odd, "in another one's name"),
    ];
    for (before, frame, about) in unanswered {
        let case = |mode| Case {
            before: [before, &[Before::Proxy(mode)]].concat(),
            frame: frame.to_vec(),
            ..to(BROADCAST, about)
        };
        rows.push(case(ProxyMode::Off));
        rows.push(case(ProxyMode::On));
        rows.push(dropped(case(ProxyMode::Only), DropReason::FloodOff));
    }
    let behind = Frame::new(BROADCAST, A).tag(SVLAN, 7).raw(ARP, &request(A));
    rows.push(Case {
        before: vec![bound(2, B), Before::Proxy(ProxyMode::Only)],
        frame: behind,
        ..to(BROADCAST, "a question behind a tag is not the bridge's")
    });
    check_with(Features::PROXY, &rows);
}

#[test]
fn an_answer_is_counted_where_it_was_asked_for() {
    require_root!();
    let question = Frame::new(BROADCAST, A).raw(ARP, &request(A));
    Bench::alone(|| {
        let mut bench = Bench::new(3, HookChoice::Xdp, &options(Features::PROXY, true));
        for hook in Hook::ALL {
            let mut ask = |more: &[Before]| {
                bench.reset();
                for before in [bound(2, B), Before::Proxy(ProxyMode::Only)]
                    .iter()
                    .chain(more)
                {
                    before.apply(&mut bench, hook);
                }
                let action = bench.run(hook, bench.ifindex(1), &question, None);
                let [one, two, three] = [1, 2, 3].map(|n| bench.counters(n));
                assert_eq!((two.tx_frames, three.tx_frames), (0, 0), "{hook:?}");
                (action, one.answered, one.forwarded, one.tx_frames)
            };
            assert_eq!(ask(&[]), (Action::Redirect, 1, 1, 1), "{hook:?}");
            let isolated = |n| Before::Switch(n, PortFlags::ISOLATED);
            assert_eq!(ask(&[isolated(2)]), (Action::Redirect, 1, 1, 1));
            let none = (Action::Drop, 0, 0, 0);
            assert_eq!(ask(&[isolated(1), isolated(2)]), none, "{hook:?}");
            let down = Before::State(2, PortState::Disabled);
            assert_eq!(ask(&[down]), none, "{hook:?}");
            let up = ask(&[Before::NoXdpTarget(1)]);
            let expected = match hook {
                Hook::Xdp => (Action::PassUp, 0, 0, 0),
                Hook::Tc => (Action::Redirect, 1, 1, 1),
            };
            assert_eq!(up, expected);
        }
    });
}
