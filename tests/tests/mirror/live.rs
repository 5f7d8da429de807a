//! Mirrors come and go while frames pass.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use netbridge::bridge::{Direction, HookChoice};
use netbridge_tests::{
    frame::{BROADCAST, station},
    numbered::{assert_whole, collect, stream},
    require::note,
    require_root,
    topology::{Lab, hook_mixes},
};

use super::Scene;

const MOMENT: Duration = Duration::from_millis(120);

#[test]
fn no_frame_is_lost_as_mirrors_come_and_go() {
    require_root!();
    for hooks in hook_mixes(4) {
        note(format_args!("on {hooks:?}"));
        switch_while_forwarding(&hooks);
    }
}

/// Container 1 sends unicast and container 4 broadcast to container 2; container 3 watches.
fn switch_while_forwarding(hooks: &[HookChoice]) {
    let scene = Scene::of(Lab::new(hooks));
    let [one, two] = scene.macs();
    let four = station(4);
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let wires = &scene.wires;
        let senders = [
            scope.spawn(|| stream(&wires[0], (two, one), &stop)),
            scope.spawn(|| stream(&wires[3], (BROADCAST, four), &stop)),
        ];
        let receiver = scope.spawn(|| collect(&wires[1], [one, four]));
        for n in [1, 2, 4] {
            for direction in [Direction::Ingress, Direction::Egress, Direction::Both] {
                scene.add(&scene.port(n), direction);
                thread::sleep(MOMENT);
                scene.del(&scene.port(n), direction);
                thread::sleep(MOMENT / 4);
            }
        }
        // The target goes in the middle of it.
        for n in [1, 2, 4] {
            scene.add(&scene.port(n), Direction::Both);
        }
        thread::sleep(MOMENT);
        let target = scene.lab.container(3).port.clone();
        let mirrored = scene.lab.stats(3).mirrored;
        assert!(mirrored > 100, "{mirrored} copies");
        scene
            .lab
            .bridge(|bridge| bridge.del_port(&target).expect("remove the target"));
        thread::sleep(MOMENT);
        stop.store(true, Ordering::Relaxed);
        let sent = senders.map(|sender| sender.join().expect("send"));
        let received = receiver.join().expect("receive");
        for (sent, times) in sent.into_iter().zip(received) {
            assert_whole(sent, &times);
        }
    });
    scene.lab.assert_accounts();
    scene.lab.assert_no_drops();
}
