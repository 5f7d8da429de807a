//! VLAN filtering compared with the kernel's own, frame by frame and tag by tag.
//!
//! The kernel at hand may have none, and need not: a 6.12 kernel in a virtual machine plays the same frames
//! on its bridge, see [`netbridge_tests::vlans`].
#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops where it fails, and says so"
)]

use std::{path::Path, time::Duration};

use netbridge::{
    bridge::{Bridge, BridgeChange, BridgeOptions, HookChoice, Membership, PortSpec},
    datapath::LoadOptions,
};
use netbridge_tests::{
    linux::Rig,
    require::note,
    require_root,
    vlans::{Joined, Member, Played, Trial, hex, play},
    vm,
};

/// Longest that the machine may take: it needs a fraction of that.
const PATIENCE: Duration = Duration::from_mins(6);

/// Frames that all trials have together.
const FRAMES: usize = 20_000;

#[test]
fn every_frame_goes_where_the_kernel_sends_it_with_the_tags_that_it_gives_it() {
    require_root!();
    let Some(kernel) = vm::kernel_dir() else {
        return;
    };
    let trials = Trial::all();
    let frames: usize = trials.iter().map(Trial::len).sum();
    assert!(frames >= FRAMES, "only {frames} frames");
    let init = Path::new(env!("CARGO_BIN_EXE_vlan-oracle"));
    let lines = vm::run(&kernel, init, PATIENCE);
    for (n, trial) in trials.iter().enumerate() {
        let by_kernel = said(&lines, n);
        assert_eq!(by_kernel.len(), trial.len(), "frames of trial {n}");
        check_spread(&by_kernel);
        use HookChoice::{Tc, Xdp};
        for (hooks, flow_cache) in [
            ([Tc; 6], true),
            ([Xdp; 6], true),
            ([Xdp; 6], false),
            ([Tc, Xdp, Tc, Xdp, Xdp, Tc], false),
        ] {
            note(format_args!("trial {n} on {hooks:?}, cache {flow_cache}"));
            let played = on_netbridge(trial, &hooks, flow_cache);
            compare(trial, &by_kernel, &played.lines());
        }
    }
}

/// What the machine said about a trial: a line for each frame.
fn said(lines: &[String], trial: usize) -> Vec<String> {
    let (begin, end) = (
        format!("{}{trial}", vm::BEGIN),
        format!("{}{trial}", vm::END),
    );
    let from = lines.iter().position(|line| line.contains(&begin));
    let to = lines.iter().position(|line| line.contains(&end));
    let (Some(from), Some(to)) = (from, to) else {
        let last = &lines[lines.len().saturating_sub(30)..];
        panic!("the machine did not finish trial {trial}: {last:#?}");
    };
    let results = lines[from..to].iter();
    results
        .filter_map(|line| line.strip_prefix('@').map(str::to_owned))
        .collect()
}

/// The trial is no test if all frames went the same way.
fn check_spread(lines: &[String]) {
    let share = lines.len() / 50;
    let mut spread = [0; 6];
    for line in lines {
        spread[line.split_whitespace().count()] += 1;
    }
    let [none, one, two, three, four, five] = spread;
    for count in [none, one, two, three + four, five] {
        assert!(count > share, "frames by containers reached: {spread:?}");
    }
    let tagged = lines.iter().filter(|line| line.contains(":8")).count();
    assert!(tagged > share, "{tagged} frames left with a tag");
}

fn compare(trial: &Trial, by_kernel: &[String], by_netbridge: &[String]) {
    let frames = trial.phases.iter().flat_map(|phase| &phase.windows);
    let frames = frames.flat_map(|window| window.frames.iter().map(|frame| (window.from, frame)));
    let rows = frames.zip(by_kernel.iter().zip(by_netbridge));
    let wrong: Vec<String> = rows
        .filter(|(_, (kernel, netbridge))| kernel != netbridge)
        .map(|((from, frame), (kernel, netbridge))| {
            let head = hex(&frame[..24]);
            format!(
                "{head} from container {}: the kernel `{kernel}`, netbridge `{netbridge}`",
                from + 1
            )
        })
        .collect();
    let first: Vec<&String> = wrong.iter().take(10).collect();
    assert!(
        wrong.is_empty(),
        "{} frames differ: {first:#?}",
        wrong.len()
    );
}

/// A netbridge bridge that joins a rig's containers.
struct Netbridge {
    bridge: Bridge,
}

impl Joined for Netbridge {
    fn set(&mut self, n: usize, change: &[(Member, bool)]) {
        let ifname = format!("p{n}");
        for (member, there) in change {
            let vids = [member.vid..=member.vid];
            let membership = Membership {
                pvid: member.pvid,
                untagged: member.untagged,
            };
            let done = if *there {
                self.bridge.add_vlans(&ifname, &vids, membership)
            } else {
                self.bridge.del_vlans(&ifname, &vids)
            };
            done.expect("change a port's VLANs");
        }
    }
}

fn on_netbridge(trial: &Trial, hooks: &[HookChoice], flow_cache: bool) -> Played {
    let rig = Rig::new(&[1500; 6]);
    let play = || {
        let load = LoadOptions {
            flow_cache,
            ..LoadOptions::default()
        };
        let options = BridgeOptions {
            load,
            ..BridgeOptions::default()
        };
        let mut bridge = Bridge::create_private("br0", &options).expect("make a bridge");
        for (link, hook) in rig.ports.iter().zip(hooks) {
            let spec = PortSpec {
                ifname: link.name.clone(),
                hook: *hook,
                ..PortSpec::default()
            };
            bridge.add_port(&spec).expect("add a port");
        }
        let change = BridgeChange {
            vlan_filtering: Some(true),
            vlan_protocol: Some(trial.protocol.into()),
            ..BridgeChange::default()
        };
        bridge.change(&change).expect("filter VLANs");
        play(trial, &mut Netbridge { bridge }, &rig.wires)
    };
    rig.host.run(play).expect("enter the host")
}
