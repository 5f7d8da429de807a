//! Streams of numbered frames, by which every frame that is lost or doubled shows.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use netbridge_common::MacAddr;

use crate::wire::{Wire, frame};

/// Sends numbered frames until told to stop; returns how many.
pub fn stream(wire: &Wire, (dst, src): (MacAddr, MacAddr), stop: &AtomicBool) -> u32 {
    let mut number = 0;
    while !stop.load(Ordering::Relaxed) {
        wire.send(&frame(dst, src, &format!("{number:08}")));
        number += 1;
        thread::sleep(Duration::from_micros(300));
    }
    number
}

/// Receives numbered frames of two senders until none comes for a while; returns how often each came.
pub fn collect(wire: &Wire, senders: [MacAddr; 2]) -> [Vec<u32>; 2] {
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

/// Asserts that each of the frames `sent` came once.
pub fn assert_whole(sent: u32, times: &[u32]) {
    let wrong: Vec<usize> = (0..times.len()).filter(|n| times[*n] != 1).collect();
    assert_eq!(wrong, [0_usize; 0], "frames that came not once, of {sent}");
    assert_eq!(times.len(), usize::try_from(sent).expect("a small number"));
}
