//! Filtering is switched while frames pass.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use netbridge::bridge::{BridgeChange, HookChoice};
use netbridge_common::MacAddr;
use netbridge_tests::{
    frame::{BROADCAST, station},
    require::note,
    require_root,
    topology::{Lab, hook_mixes},
    wire::{Wire, frame},
};

/// Sends numbered frames until told to stop; returns how many.
fn stream(wire: &Wire, (dst, src): (MacAddr, MacAddr), stop: &AtomicBool) -> u32 {
    let mut number = 0;
    while !stop.load(Ordering::Relaxed) {
        wire.send(&frame(dst, src, &format!("{number:08}")));
        number += 1;
        thread::sleep(Duration::from_micros(300));
    }
    number
}

/// Receives numbered frames of two senders until none comes for a while; returns how often each came.
fn collect(wire: &Wire, senders: [MacAddr; 2]) -> [Vec<u32>; 2] {
    let mut received = [Vec::new(), Vec::new()];
    while let Some(frame) = wire.receive(Duration::from_secs(2)) {
        let Some(n) = senders.iter().position(|mac| frame[6..12] == mac.0) else {
            continue;
        };
        let text = std::str::from_utf8(&frame[14..22]).expect("a number");
        let number: usize = text.parse().expect("a number");
        let times = &mut received[n];
        if times.len() <= number {
            times.resize(number + 1, 0);
        }
        times[number] += 1;
    }
    received
}

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
            let wrong: Vec<usize> = (0..times.len()).filter(|n| times[*n] != 1).collect();
            assert_eq!(wrong, [0_usize; 0], "frames that came not once, of {sent}");
            assert_eq!(times.len(), usize::try_from(sent).expect("a small number"));
        }
    });
    let port = lab.stats(1);
    assert!(port.forwarded > 100, "known unicast went on: {port:#?}");
    lab.assert_accounts();
    lab.assert_no_drops();
}
