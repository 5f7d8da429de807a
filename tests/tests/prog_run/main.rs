//! Every verdict and every drop reason, on both hooks, by running the programs on made-up frames.
//!
//! `malformed` is the only reason that is missing: the kernel runs no program on a buffer that is
//! too short for an Ethernet header.

mod admit;
mod forward;
mod gso;
mod guard;
mod learn;
mod limits;
mod mirror;
mod proxy;
mod snoop;
mod switches;
mod watch;

use netbridge::{
    bridge::{BridgeOptions, HookChoice},
    datapath::LoadOptions,
};
use netbridge_common::{FdbFlags, Features, MacAddr, decide::DropReason};
use netbridge_tests::{
    frame::{Frame, station},
    program::{Before, Bench, Case, Entry, Expect, Hook},
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
        copies: Vec::new(),
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

/// Runs the cases on both hooks, with the flow cache and without, each on one bridge with four
/// ports.
fn check(cases: &[Case]) {
    check_with(Features::default(), cases);
}

/// The same with programs that can do more.
fn check_with(features: Features, cases: &[Case]) {
    require_root!();
    for flow_cache in [false, true] {
        Bench::alone(|| {
            let options = options(features, flow_cache);
            let mut bench = Bench::new(4, HookChoice::Xdp, &options);
            for hook in Hook::ALL {
                for case in cases {
                    case.check(&mut bench, hook);
                }
            }
        });
    }
}

fn options(features: Features, flow_cache: bool) -> BridgeOptions {
    let load = LoadOptions {
        max_ports: 7,
        fdb_entries: 64,
        flow_cache,
        features,
    };
    BridgeOptions {
        load,
        ageing_secs: AGEING_SECS,
        ..BridgeOptions::default()
    }
}
