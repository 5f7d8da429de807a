//! Buffers that stand for many frames.

use std::{
    thread,
    time::{Duration, Instant},
};

use netbridge::bridge::{BridgeOptions, HookChoice};
use netbridge_common::{PortCounters, decide::DropReason};
use netbridge_tests::{
    frame::{Frame, TCP_HEADERS, large_tcp},
    program::{Before, Bench, Case, Expect, Gso, Hook, send_buffer},
    require_root,
    wire::SOON,
};

use super::{A, B, check, dropped, to};

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

#[test]
fn a_buffer_of_64_kib_passes_whole_and_counts_as_its_segments() {
    const SEGMENTS: usize = 64;
    const PAYLOAD: usize = 1000;
    const OCTETS: u64 = (SEGMENTS * (TCP_HEADERS + PAYLOAD)) as u64;
    require_root!();
    Bench::alone(|| {
        let mut bench = Bench::new(3, HookChoice::Tc, &BridgeOptions::default());
        let buffer = Frame::new(B, A).tcp(&vec![0; SEGMENTS * PAYLOAD]);
        let gso = Gso {
            size: 1000,
            segs: 0,
        };
        let send = |bench: &Bench| send_buffer(&bench.stations, "e1", &buffer, gso);
        let frames = SEGMENTS as u64;

        send(&bench);
        let came = wait_for(&bench, 1, frames);
        assert_eq!((came.rx_bytes, came.flooded), (OCTETS, frames), "{came:?}");
        for port in [2, 3] {
            let went = bench.counters(port);
            assert_eq!(
                (went.tx_frames, went.tx_bytes),
                (frames, OCTETS),
                "{went:?}"
            );
        }

        let lesson = Frame::new(B, B).of_len(60);
        let ifindex = bench.ifindex(2);
        bench.run(Hook::Tc, ifindex, &lesson, None);
        send(&bench);
        let came = wait_for(&bench, 1, 2 * frames);
        assert_eq!(
            (came.forwarded, came.rx_bytes),
            (frames, 2 * OCTETS),
            "{came:?}"
        );
        let went = bench.counters(2);
        assert_eq!(
            (went.tx_frames, went.tx_bytes),
            (2 * frames, 2 * OCTETS),
            "{went:?}"
        );
        assert_eq!(bench.counters(3).tx_frames, frames);
    });
}

/// The counters of a port once it has received so many frames.
fn wait_for(bench: &Bench, port: u32, frames: u64) -> PortCounters {
    let deadline = Instant::now() + SOON;
    loop {
        let counters = bench.counters(port);
        if counters.rx_frames >= frames {
            return counters;
        }
        assert!(
            Instant::now() < deadline,
            "{frames} frames did not come: {counters:?}"
        );
        thread::sleep(Duration::from_millis(1));
    }
}
