//! Filtering is switched while frames pass.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use netbridge::bridge::{BridgeChange, HookChoice};
use netbridge_tests::{
    frame::{BROADCAST, station},
    numbered::{assert_whole, collect, stream},
    require::note,
    require_root,
    topology::{Lab, hook_mixes},
    wire::frame,
};

#[test]
fn no_frame_is_lost_as_filtering_goes_on_and_off() {
    require_root!();
    for hooks in hook_mixes(3) {
        note(format_args!("on {hooks:?}"));
        switch_while_forwarding(&hooks);
    }
}

fn switch_while_forwarding(hooks: &[HookChoice]) {
    let lab = Lab::new(hooks);
    let wires = lab.wires();
    let (one, two, three) = (lab.container(1).mac, lab.container(2).mac, station(3));
    let answer = || wires[1].send(&frame(one, two, "here I am"));
    answer();
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let senders = [
            scope.spawn(|| stream(&wires[0], (two, one), &stop)),
            scope.spawn(|| stream(&wires[2], (BROADCAST, three), &stop)),
        ];
        let receiver = scope.spawn(|| collect(&wires[1], [one, three]));
        for on in [true, false, true] {
            thread::sleep(Duration::from_millis(150));
            let change = BridgeChange {
                vlan_filtering: Some(on),
                ..BridgeChange::default()
            };
            lab.bridge(|bridge| bridge.change(&change).expect("switch"));
            // So that the frames to it are known unicast again.
            answer();
        }
        thread::sleep(Duration::from_millis(150));
        stop.store(true, Ordering::Relaxed);
        let sent = senders.map(|sender| sender.join().expect("send"));
        let received = receiver.join().expect("receive");
        for (sent, times) in sent.into_iter().zip(received) {
            assert_whole(sent, &times);
        }
    });
    let port = lab.stats(1);
    assert!(port.forwarded > 100, "known unicast went on: {port:#?}");
    lab.assert_accounts();
    lab.assert_no_drops();
}
