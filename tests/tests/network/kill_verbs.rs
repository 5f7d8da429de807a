//! `network run` and `serve`, killed at any moment.

use std::fs;

use netbridge_tests::{require_root, wire::SOON};
use nix::sys::signal::Signal;

use super::{
    bed::{Bed, LONG, eventually},
    kill::{MOMENTS, kill_at, settle, time},
};

/// Says whether a process has this among its arguments.
fn runs(argument: &str) -> bool {
    let processes = fs::read_dir("/proc").expect("list processes").flatten();
    let lines = processes.filter_map(|entry| fs::read(entry.path().join("cmdline")).ok());
    lines
        .map(|line| String::from_utf8_lossy(&line).into_owned())
        .any(|line| line.starts_with("sleep\0") && line.contains(argument))
}

#[test]
fn a_killed_run_takes_its_command_its_namespace_and_its_address_with_it() {
    require_root!();
    let bed = Bed::new();
    let run = [
        "network", "run", "bridge", "--name", "b1", "-p", "8080:80", "--",
    ];
    let sleep = ["sleep", "4711.25"];
    bed.ok(&[&run[..], &["true"]].concat());
    let whole = time(&bed, &[&run[..], &["true"]].concat());
    let mut dead = 0;
    for moment in 0..=MOMENTS {
        kill_at(&bed, &[&run[..], &sleep].concat(), whole * moment / MOMENTS);
        eventually("the end of the command", || !runs("4711.25"));
        for note in settle(&bed) {
            assert!(note.contains("container b1 "), "{note}");
            assert!(note.contains(" is free again"), "{note}");
            dead += 1;
        }
        assert_eq!(bed.on_network("bridge"), [""; 0], "at moment {moment}");
        assert_eq!(bed.shell("ls /run/netns"), "", "at moment {moment}");
        assert!(
            !bed.shell("nft list ruleset").contains("8080"),
            "at moment {moment}"
        );
        let hosts = bed.shell("ls /run/netbridge/netns-*/hosts 2>/dev/null || true");
        assert_eq!(hosts, "", "at moment {moment}");
    }
    assert!(dead > 0, "no moment hit it");
    bed.end();
}

#[test]
fn a_killed_run_on_other_kinds_is_forgotten_too() {
    require_root!();
    let bed = Bed::new();
    bed.ok(&["network", "create", "web"]);
    for network in ["host", "none"] {
        let running = bed.run(network, "b1", &[], &["sleep", "4712.25"]);
        eventually("the command", || runs("4712.25"));
        running.signal(Signal::SIGKILL);
        running.finish(LONG);
        eventually("the end of the command", || !runs("4712.25"));
        let notes = settle(&bed);
        assert_eq!(
            notes,
            [format!(
                "network {network}: container b1 has ended; disconnected"
            )]
        );
        assert_eq!(bed.on_network(network), [""; 0]);
    }
    bed.end();
}

#[test]
fn a_killed_serve_leaves_networks_that_work_or_none() {
    require_root!();
    let bed = Bed::new();
    let begun = std::time::Instant::now();
    let serve = bed.host.spawn(&["serve"]);
    eventually("the networks", || bed.names().len() == 3);
    let whole = begun.elapsed();
    serve.signal(Signal::SIGKILL);
    serve.finish(LONG);
    for moment in 0..MOMENTS {
        let mut names = vec!["network", "rm", "--force", "bridge", "host", "none"];
        bed.ok(&names);
        kill_at(&bed, &["serve"], whole * moment / MOMENTS);
        settle(&bed);
        names.truncate(3);
        if moment % 4 == 0 {
            bed.join("bridge", "b1", &[]);
            assert_eq!(bed.place("bridge", "b1").ip.to_string(), "172.17.0.2");
            bed.ok(&["network", "disconnect", "bridge", "b1"]);
            bed.forget("b1");
        }
    }
    bed.end();
}

#[test]
fn serve_forgets_containers_that_go_and_says_their_names() {
    require_root!();
    let bed = Bed::new();
    let serve = bed.serve();
    serve.line(SOON, |line| line.contains("serving"));
    drop(bed.join("bridge", "b1", &["-p", "8080:80"]));
    bed.forget("b1");
    // Before anybody else looks, who would put it right himself.
    let gone = "network bridge: container b1 is gone; disconnected; 172.17.0.2 is free again";
    serve.line(SOON, |line| line.contains(gone));
    eventually("the container's end", || {
        bed.on_network("bridge").is_empty()
    });
    eventually("the end of its port", || {
        !bed.shell("nft list ruleset").contains("8080")
    });
    serve.signal(Signal::SIGTERM);
    assert_eq!(serve.finish(LONG).code, 0);
    bed.end();
}
