//! Commands that are killed at any moment: the next one puts everything right, and says so.

use std::{
    collections::BTreeSet,
    thread,
    time::{Duration, Instant},
};

use netbridge_tests::{require_root, traffic::ping};
use nix::sys::signal::Signal;

use super::bed::{Bed, LONG, ip, text};

/// Moments at which a command is killed, over the time that it takes.
pub(crate) const MOMENTS: u32 = 12;

/// Kills a command some time after its start; how long that is at most is what it takes undisturbed.
pub(crate) fn kill_at(bed: &Bed, args: &[&str], after: Duration) {
    let running = bed.host.spawn(args);
    let deadline = Instant::now() + after;
    while Instant::now() < deadline {
        thread::park_timeout(deadline.saturating_duration_since(Instant::now()));
    }
    running.signal(Signal::SIGKILL);
    running.finish(LONG);
}

/// How long a command takes.
pub(crate) fn time(bed: &Bed, args: &[&str]) -> Duration {
    let start = Instant::now();
    bed.ok(args);
    start.elapsed()
}

/// Runs a command that changes nothing by itself; what it says was put right.
pub(crate) fn settle(bed: &Bed) -> Vec<String> {
    let output = bed.host.cli(&["network", "rm", "--force", "nosuch"]);
    assert_eq!(output.code, 0, "{output:#?}");
    let notes = output.stderr.lines().map(|line| {
        let note = line.strip_prefix("netbridge: note: ");
        note.unwrap_or_else(|| panic!("no note: {line}")).to_owned()
    });
    let notes: Vec<String> = notes.collect();
    is_sound(bed);
    assert_eq!(
        bed.host.cli(&["network", "rm", "--force", "nosuch"]).stderr,
        "",
        "told once"
    );
    notes
}

/// Expects that what there is on the host is what the networks are said to be, and nothing besides.
pub(crate) fn is_sound(bed: &Bed) {
    let mut interfaces = BTreeSet::new();
    let mut bridges = BTreeSet::new();
    let mut addresses = Vec::new();
    for view in bed.views() {
        for container in view["Containers"].as_object().expect("an object").values() {
            addresses.push(text(&container["IPv4Address"]));
            interfaces.insert(text(&container["Interface"]));
        }
        if view["Driver"] == "bridge" {
            let given = &view["Options"]["com.docker.network.bridge.name"];
            bridges.insert(match given.as_str() {
                Some(given) => given.to_owned(),
                None => format!("nb-{}", &text(&view["Id"])[..10]),
            });
        }
    }
    interfaces.extend(bridges.iter().cloned());
    interfaces.extend(bridges.iter().map(|bridge| format!("{bridge}-p")));
    let links = bed.host.links().list().expect("list the interfaces");
    let there = links.into_iter().map(|link| link.name);
    let there: BTreeSet<String> = there.filter(|name| name.starts_with('n')).collect();
    assert_eq!(there, interfaces, "interfaces");
    let pinned = bed.shell("ls /sys/fs/bpf/netbridge 2>/dev/null || true");
    let pinned: BTreeSet<String> = pinned.lines().map(str::to_owned).collect();
    assert_eq!(pinned, bridges, "bridges");
    let rules = bed.shell("nft list ruleset");
    let ruled = rules
        .split('"')
        .filter(|word| word.starts_with("nb-") || *word == "netbridge0");
    let ruled: BTreeSet<String> = ruled.map(str::to_owned).collect();
    assert_eq!(ruled, bridges, "rules");
    let unfinished = "grep -l unfinished -r /run/netbridge/netns-*/networks || true";
    assert_eq!(bed.shell(unfinished), "", "files");
    let different: BTreeSet<&String> = addresses.iter().collect();
    assert_eq!(different.len(), addresses.len(), "{addresses:?}");
}

#[test]
fn a_killed_create_leaves_all_or_nothing() {
    require_root!();
    let bed = Bed::new();
    bed.ok(&["network", "create", "first"]);
    let create = ["network", "create", "web"];
    let whole = time(&bed, &create);
    bed.ok(&["network", "rm", "web"]);
    let mut halves = 0;
    for moment in 0..MOMENTS {
        kill_at(&bed, &create, whole * moment / MOMENTS);
        for note in settle(&bed) {
            assert_eq!(
                note,
                "network web: was left half made or half removed; removed"
            );
            halves += 1;
        }
        if bed.names().contains(&"web".to_owned()) {
            bed.ok(&["network", "rm", "web"]);
        }
    }
    assert!(halves > 0, "no moment hit it");
    bed.ok(&create);
    bed.end();
}

#[test]
fn the_first_command_of_all_may_be_killed() {
    require_root!();
    let bed = Bed::new();
    let create = ["network", "create", "web"];
    let whole = time(&bed, &create);
    bed.ok(&["network", "rm", "--force", "web", "bridge", "host", "none"]);
    bed.is_as_before();
    for moment in 0..MOMENTS {
        kill_at(&bed, &create, whole * moment / MOMENTS);
        settle(&bed);
        let names = bed.names();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        if !names.is_empty() {
            bed.ok(&[&["network", "rm", "--force"][..], &names].concat());
        }
        bed.is_as_before();
    }
    bed.end();
}

#[test]
fn a_killed_rm_leaves_all_or_nothing() {
    require_root!();
    let bed = Bed::new();
    bed.ok(&["network", "create", "web"]);
    let rm = ["network", "rm", "web"];
    let whole = time(&bed, &rm);
    let mut halves = 0;
    for moment in 0..MOMENTS {
        bed.host.cli(&["network", "create", "web"]);
        kill_at(&bed, &rm, whole * moment / MOMENTS);
        for note in settle(&bed) {
            assert_eq!(
                note,
                "network web: was left half made or half removed; removed"
            );
            halves += 1;
        }
    }
    assert!(halves > 0, "no moment hit it");
    bed.end();
}

#[test]
fn a_killed_connect_leaves_all_or_nothing() {
    require_root!();
    let bed = Bed::new();
    let b1 = bed.join("bridge", "b1", &[]);
    bed.namespace("b2");
    let connect = ["network", "connect", "bridge", "b2", "-p", "8080:80"];
    let disconnect = ["network", "disconnect", "bridge", "b2"];
    let whole = time(&bed, &connect);
    bed.ok(&disconnect);
    let mut halves = 0;
    for moment in 0..MOMENTS {
        kill_at(&bed, &connect, whole * moment / MOMENTS);
        for note in settle(&bed) {
            let half =
                "container b2 was left half connected or half disconnected; disconnected; 172.17.";
            assert!(
                note.contains(half) && note.ends_with(" is free again"),
                "{note}"
            );
            halves += 1;
        }
        let is_on = bed.on_network("bridge").contains(&"b2".to_owned());
        let has_end = bed.shell("ip -n b2 -o link").contains("eth0");
        assert_eq!(is_on, has_end, "at moment {moment}");
        let published = bed.shell("nft list ruleset").contains("8080");
        assert_eq!(is_on, published, "at moment {moment}");
        if is_on {
            bed.ok(&disconnect);
        }
    }
    assert!(halves > 0, "no moment hit it");
    bed.ok(&connect);
    assert!(ping(&b1, bed.place("bridge", "b2").ip, 2).all_answered());
    assert!(ping(&b1, ip("172.17.0.1"), 2).all_answered());
    bed.end();
}

#[test]
fn a_killed_disconnect_leaves_all_or_nothing() {
    require_root!();
    let bed = Bed::new();
    bed.namespace("b2");
    let connect = ["network", "connect", "bridge", "b2", "-p", "8080:80"];
    let disconnect = ["network", "disconnect", "bridge", "b2"];
    bed.ok(&connect);
    let whole = time(&bed, &disconnect);
    let mut halves = 0;
    for moment in 0..MOMENTS {
        if !bed.on_network("bridge").contains(&"b2".to_owned()) {
            bed.ok(&connect);
        }
        kill_at(&bed, &disconnect, whole * moment / MOMENTS);
        halves += settle(&bed).len();
        let is_on = bed.on_network("bridge").contains(&"b2".to_owned());
        let has_end = bed.shell("ip -n b2 -o link").contains("eth0");
        assert_eq!(is_on, has_end, "at moment {moment}");
        let published = bed.shell("nft list ruleset").contains("8080");
        assert_eq!(is_on, published, "at moment {moment}");
    }
    assert!(halves > 0, "no moment hit it");
    bed.end();
}

#[test]
fn one_of_many_that_connect_at_once_is_killed() {
    require_root!();
    let bed = Bed::new();
    bed.ok(&["network", "create", "web", "--subnet", "10.8.0.0/24"]);
    let names: Vec<String> = (1..=50).map(|n| format!("c{n}")).collect();
    for name in &names {
        bed.namespace(name);
    }
    let connect = |name: &String| bed.host.spawn(&["network", "connect", "web", name]);
    let mut start = Instant::now();
    for (round, group) in names.chunks(10).enumerate() {
        let whole = start.elapsed();
        start = Instant::now();
        let mut running: Vec<_> = group.iter().map(connect).collect();
        // Another one in each round, when some have come and some have not.
        let victim = running.swap_remove(round * 2);
        let when = start + whole * u32::try_from(round).expect("a few") / 5;
        thread::park_timeout(when.saturating_duration_since(Instant::now()));
        victim.signal(Signal::SIGKILL);
        victim.finish(LONG);
        for one in running {
            let output = one.finish(LONG);
            assert_eq!(output.code, 0, "{output:#?}");
        }
        let notes = settle(&bed);
        let dead = &group[round * 2];
        for note in notes {
            assert!(note.contains(&format!("container {dead} ")), "{note}");
        }
        let there = bed.addresses("web").len();
        let wanted = 9 * (round + 1);
        assert!(
            (wanted..=wanted + round + 1).contains(&there),
            "{there} of {wanted}"
        );
    }
    bed.end();
}
