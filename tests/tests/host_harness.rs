//! The harness for tests of the program itself: a host of its own, which nothing leaves.

use std::{fs, path::Path, process::Command, time::Duration};

use netbridge_tests::{require_root, require_tool, topology::Host};
use nix::sys::signal::Signal;

const SOON: Duration = Duration::from_secs(10);

fn shell(host: &Host, script: &str) -> netbridge_tests::topology::Running {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    host.start(command)
}

#[test]
fn commands_of_a_host_share_its_network_and_its_mounts() {
    require_root!();
    require_tool!("ip");
    let host = Host::new();
    let netns = host.netns().inode();
    let say = "readlink /proc/self/ns/net; ip netns add blue; mkdir /sys/fs/bpf/harness";
    let first = shell(&host, say).finish(SOON);
    assert_eq!(first.code, 0, "{first:#?}");
    assert_eq!(first.stdout.trim(), format!("net:[{netns}]"), "{first:#?}");
    let look = "ls /run/netns; ls -d /sys/fs/bpf/harness; ip netns exec blue true && echo entered";
    let second = shell(&host, look).finish(SOON);
    assert_eq!(
        second.stdout, "blue\n/sys/fs/bpf/harness\nentered\n",
        "{second:#?}"
    );

    let other = Host::new();
    let elsewhere = shell(&other, look).finish(SOON);
    assert_eq!(elsewhere.stdout, "", "{elsewhere:#?}");
    for path in ["/run/netns/blue", "/sys/fs/bpf/harness"] {
        assert!(!Path::new(path).exists(), "{path} got out");
    }
}

#[test]
fn a_command_that_runs_on_is_read_signalled_and_ended() {
    require_root!();
    let host = Host::new();
    let script = "trap 'echo bye; exit 7' TERM; echo ready; while :; do sleep 0.01; done";
    let running = shell(&host, script);
    assert_eq!(running.line(SOON, |line| line.contains("ready")), "ready");
    running.signal(Signal::SIGTERM);
    let output = running.finish(SOON);
    assert_eq!((output.code, output.stdout.as_str()), (7, "bye\n"));

    let forgotten = shell(&host, "exec sleep 600");
    let process = format!("/proc/{}", forgotten.pid());
    assert!(fs::exists(&process).expect("look"));
    drop(forgotten);
    assert!(!fs::exists(&process).expect("look"), "it still runs");
}

#[test]
fn the_program_says_how_it_is_used() {
    require_root!();
    let host = Host::new();
    let output = host.cli(&["--help"]);
    assert_eq!(output.code, 0, "{output:#?}");
    assert!(output.stdout.contains("netbridge"), "{output:#?}");
}
