//! Storms.

use netbridge_common::MacAddr;
use netbridge_tests::{
    require_root,
    wire::{SILENCE, frame, is_test_frame},
};

use super::{MALLORY, on_both_hooks};

/// Frames in a storm: fewer than a veth's ring or a socket's buffer loses.
const STORM: usize = 200;

#[test]
fn a_storm_of_any_kind_is_cut_off_at_its_source() {
    require_root!();
    on_both_hooks(|scene| {
        let nobody = MacAddr([0x02, 0, 0, 0, 0, 0x99]);
        let group = MacAddr([0x01, 0, 0x5e, 1, 2, 3]);
        for (dst, kind) in [
            (MacAddr::BROADCAST, "broadcast"),
            (group, "multicast"),
            (nobody, "unknown"),
        ] {
            let blast = frame(dst, MALLORY, kind);
            let arrived = || {
                for _ in 0..STORM {
                    scene.wires[0].send(&blast);
                }
                let mut count = 0;
                while scene.wires[1]
                    .receive(SILENCE)
                    .is_some_and(|f| is_test_frame(&f))
                {
                    count += 1;
                }
                scene.drain(2);
                count
            };
            assert_eq!(arrived(), STORM, "{kind} without a limit");
            scene.operator(&format!("port set br0 v1 --storm-{kind} 10"));
            let few = arrived();
            let caught = scene.caught(&format!("storm_{kind}"));
            assert!(
                (1..STORM / 4).contains(&few),
                "{few} of a {kind} storm came through"
            );
            assert_eq!(
                few + usize::try_from(caught).expect("a count"),
                STORM,
                "{kind}"
            );
            scene.victim_is_well();
        }
    });
}
