//! Mirrors on live bridges: who sees what, and that nobody else notices.
#![expect(
    clippy::expect_used,
    reason = "a test stops where it fails, and says so"
)]

mod live;
mod many;
mod ports;
mod targets;
mod vlans;

use netbridge::bridge::{Direction, HookChoice, MirrorSource};
use netbridge_common::MacAddr;
use netbridge_tests::{
    require::note,
    topology::{Lab, hook_mixes},
    wire::{SILENCE, Wire, frame},
};

/// The container that watches, on the last port.
const WATCHER: usize = 3;

/// How often each frame is sent: once to be decided, then to be found in the flow cache.
const REPEATS: usize = 3;

/// A lab of two containers that talk and one that watches.
struct Scene {
    lab: Lab,
    wires: Vec<Wire>,
}

/// Calls `check` with a scene for each mix of hooks.
fn on_every_scene(check: impl Fn(&Scene)) {
    for hooks in hook_mixes(WATCHER) {
        note(format_args!("on {hooks:?}"));
        check(&Scene::new(&hooks));
    }
}

impl Scene {
    fn new(hooks: &[HookChoice]) -> Self {
        Self::of(Lab::new(hooks))
    }

    /// The scene of a lab, whose talkers have been heard.
    fn of(lab: Lab) -> Self {
        let scene = Self {
            wires: lab.wires(),
            lab,
        };
        scene.announce();
        scene
    }

    /// Has both talkers be learned.
    fn announce(&self) {
        let [one, two] = self.macs();
        for (n, to, from) in [(1, two, one), (2, one, two), (1, two, one)] {
            let hello = frame(to, from, "here I am");
            self.wires[n - 1].send(&hello);
            self.wires[2 - n].expect_frame(&hello);
        }
        self.wires[WATCHER - 1].expect_no(|_| false, SILENCE);
    }

    fn macs(&self) -> [MacAddr; 2] {
        [self.lab.container(1).mac, self.lab.container(2).mac]
    }

    fn port(&self, n: usize) -> MirrorSource {
        MirrorSource::Port(self.lab.container(n).port.clone())
    }

    fn add(&self, source: &MirrorSource, direction: Direction) {
        let to = &self.lab.container(WATCHER).port;
        self.lab.bridge(|bridge| {
            bridge
                .add_mirror(source, direction, to)
                .expect("add a mirror");
        });
    }

    fn del(&self, source: &MirrorSource, direction: Direction) {
        self.lab.bridge(|bridge| {
            bridge
                .del_mirror(source, direction)
                .expect("remove a mirror");
        });
    }

    /// Sends a frame several times from container `from`; asserts how often it arrives at each.
    fn pass(&self, from: usize, (dst, src): (MacAddr, MacAddr), text: &str, wanted: &[usize]) {
        let numbered = |time: usize| frame(dst, src, &format!("{text} {time}"));
        for time in 0..REPEATS {
            self.wires[from - 1].send(&numbered(time));
        }
        for (wire, copies) in self.wires.iter().zip(wanted) {
            for time in 0..REPEATS {
                for _ in 0..*copies {
                    wire.expect_frame(&numbered(time));
                }
            }
        }
        let ours = |frame: &[u8]| (0..REPEATS).any(|time| frame == numbered(time));
        for wire in &self.wires {
            wire.expect_no(ours, SILENCE / 3);
        }
    }
}
