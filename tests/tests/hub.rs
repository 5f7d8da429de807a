//! Mode `hub`: everything goes everywhere, nothing is learned, and the counters show what it costs.

use netbridge::bridge::BridgeChange;
use netbridge_common::{MacAddr, Mode};
use netbridge_tests::{
    require::note,
    require_root,
    topology::{Lab, hook_mixes},
    traffic::{ping, tcp},
    wire::{SILENCE, expect_delivery, frame},
};

fn hubs(check: impl Fn(&Lab)) {
    for hooks in hook_mixes(3) {
        note(format_args!("on {hooks:?}"));
        let lab = Lab::builder(&hooks).mode(Mode::Hub).build();
        check(&lab);
        lab.assert_accounts();
        lab.assert_no_drops();
    }
}

#[test]
fn everyone_hears_what_is_for_one_and_the_waste_is_counted() {
    require_root!();
    hubs(|lab| {
        let wires = lab.wires();
        let [one, two, _] = [1, 2, 3].map(|n| lab.container(n).mac);
        let hello = frame(one, two, "hello");
        wires[1].send(&hello);
        expect_delivery(&hello, &[&wires[0], &wires[2]], &[&wires[1]]);
        let unicast = frame(two, one, "for two");
        wires[0].send(&unicast);
        expect_delivery(&unicast, &[&wires[1], &wires[2]], &[&wires[0]]);
        assert_eq!((lab.stats(1).flooded, lab.stats(1).forwarded), (1, 0));
        let wasted = [1, 2, 3].map(|n| lab.stats(n).wasted);
        assert_eq!(wasted, [0, 0, 2], "both were of no use to three");
    });
}

#[test]
fn nothing_is_learned() {
    require_root!();
    hubs(|lab| {
        let pings = ping(&lab.container(1).netns, lab.container(2).ip, 3);
        assert!(pings.all_answered(), "{pings:?}");
        assert_eq!(lab.fdb(), []);
        for port in lab.all_stats() {
            assert_eq!((port.learned, port.forwarded), (0, 0), "{port:#?}");
        }
    });
}

#[test]
fn stacks_talk_over_a_hub() {
    require_root!();
    hubs(|lab| {
        for (from, to) in [(1, 2), (2, 3), (3, 1)] {
            let (from, to) = (lab.container(from), lab.container(to));
            let pings = ping(&from.netns, to.ip, 3);
            assert!(pings.all_answered(), "{pings:?}");
            tcp(&from.netns, &to.netns, to.ip, 300_000);
        }
    });
}

#[test]
fn a_bridge_becomes_a_hub_and_a_bridge_again_at_once() {
    require_root!();
    for hooks in hook_mixes(3) {
        note(format_args!("on {hooks:?}"));
        let lab = Lab::new(&hooks);
        let wires = lab.wires();
        let [one, two, _] = [1, 2, 3].map(|n| lab.container(n).mac);
        wires[1].send(&frame(MacAddr::BROADCAST, two, "here is two"));
        wires[0].expect(|frame| frame[6..12] == two.0, netbridge_tests::wire::SOON);
        wires[2].expect(|frame| frame[6..12] == two.0, netbridge_tests::wire::SOON);
        for (mode, text) in [
            (Mode::Bridge, "bridge"),
            (Mode::Hub, "hub"),
            (Mode::Bridge, "bridge again"),
        ] {
            let change = BridgeChange {
                mode: Some(mode),
                ..BridgeChange::default()
            };
            lab.bridge(|bridge| bridge.change(&change).expect("change the mode"));
            let unicast = frame(two, one, text);
            wires[0].send(&unicast);
            wires[1].expect_once(&unicast);
            match mode {
                Mode::Hub => wires[2].expect_once(&unicast),
                Mode::Bridge => wires[2].expect_silence(SILENCE),
            }
        }
    }
}
