//! The first and only process of a virtual machine with a kernel that filters VLANs: plays every trial on its
//! bridge, says on the console what became of each frame, and switches the machine off.
#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "it stops where it fails, and speaks on the console"
)]

use std::fs;

use netbridge_tests::{
    linux::Rig,
    vlans::{Trial, play},
    vm::{BEGIN, END, MODULES},
};
use nix::mount::{MsFlags, mount};
use rustix::system::{RebootCommand, init_module, reboot};

fn main() {
    let nothing: Option<&str> = None;
    for (kind, place) in [("proc", "/proc"), ("sysfs", "/sys")] {
        mount(Some(kind), place, Some(kind), MsFlags::empty(), nothing).expect("mount");
    }
    for module in MODULES {
        let image = fs::read(format!("/{module}.ko")).expect("read a module");
        init_module(&image, c"").expect("load a module");
    }
    for (n, trial) in Trial::all().iter().enumerate() {
        let rig = Rig::new(&[1500; 6]);
        rig.join_by_linux_bridge();
        let mut ports = rig.filter_vlans(trial.protocol);
        let played = play(trial, &mut ports, &rig.wires);
        println!("{BEGIN}{n}");
        for line in played.lines() {
            println!("@{line}");
        }
        println!("{END}{n}");
    }
    reboot(RebootCommand::Restart).expect("end the machine");
}
