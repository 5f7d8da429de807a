//! Floods that take more than one run of the program.

use netbridge::bridge::{Direction, HookChoice};
use netbridge_tests::{frame::BROADCAST, require_root};

use super::{Scene, WATCHER};

/// More ports than one run floods to where each copy may be mirrored.
const PORTS: usize = 140;

#[test]
fn a_long_flood_is_mirrored_once_as_it_comes_in_and_wherever_it_leaves() {
    require_root!();
    let scene = Scene::new(&[HookChoice::Tc; PORTS]);
    let [one, _] = scene.macs();
    scene.add(&scene.port(1), Direction::Both);
    for n in [2, PORTS - 3, PORTS] {
        scene.add(&scene.port(n), Direction::Egress);
    }
    let mut wanted = [1; PORTS];
    wanted[0] = 0;
    // Its own, that of what came in, and those of the three ports.
    wanted[WATCHER - 1] = 5;
    scene.pass(1, (BROADCAST, one), "to all", &wanted);
    scene.lab.assert_accounts();
    scene.lab.assert_no_drops();
}
