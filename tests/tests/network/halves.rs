//! Halves that a killed command leaves, made on purpose: every one of them is undone.

use netbridge::datapath::{Maps, PinDir};
use netbridge_common::Settings;
use netbridge_tests::require_root;

use super::{
    bed::Bed,
    kill::{is_sound, settle},
};

/// Makes bridge `name` what it is before it has settings.
fn unmake(bed: &Bed, name: &'static str) {
    bed.host.run(move || {
        let mut maps = Maps::open(&PinDir::named(name)).expect("open the bridge's maps");
        let cleared = maps.set_settings(Settings::default());
        cleared.expect("clear its settings");
    });
}

#[test]
fn a_bridge_without_settings_counts_for_none() {
    require_root!();
    let bed = Bed::new();
    bed.ok(&["bridge", "add", "br0"]);
    unmake(&bed, "br0");
    bed.fails(
        2,
        &["port", "add", "br0", "lo"],
        &["bridge br0", "not found"],
    );
    bed.ok(&["bridge", "add", "br0"]);
    bed.ok(&["stats", "br0"]);
    unmake(&bed, "br0");
    bed.ok(&["bridge", "del", "br0"]);
    bed.is_as_before();
}

/// The files of networks, for the shell.
const FILES: &str = "/run/netbridge/netns-*/networks";

#[test]
fn a_network_that_is_unfinished_is_removed_whatever_there_is_of_it() {
    require_root!();
    let bed = Bed::new();
    let whole = "sed -i '0,/\"phase\": \"ready\"/s//\"phase\": \"unfinished\"/'";
    for damage in [
        "true",
        "ip link del web0",
        "rm -r /sys/fs/bpf/netbridge/web0",
        "settings",
    ] {
        let name = "com.docker.network.bridge.name=web0";
        bed.ok(&["network", "create", "web", "-o", name]);
        bed.join("web", "c1", &["-p", "8080:80"]);
        if damage == "settings" {
            unmake(&bed, "web0");
        } else {
            bed.shell(damage);
        }
        bed.shell(&format!("{whole} {FILES}/web.json"));
        let notes = settle(&bed);
        assert_eq!(
            notes,
            ["network web: was left half made or half removed; removed"],
            "{damage}"
        );
        assert!(!bed.names().contains(&"web".to_owned()));
        let links = bed.shell("ip -n c1 -o link");
        assert_eq!(links.lines().count(), 1, "{damage}: {links}");
        bed.forget("c1");
    }
    bed.end();
}

#[test]
fn a_container_that_is_half_connected_is_taken_off() {
    require_root!();
    let bed = Bed::new();
    bed.join("bridge", "b1", &[]);
    for damage in ["true", "port", "link"] {
        bed.join("bridge", "b2", &["-p", "8080:80"]);
        let place = bed.place("bridge", "b2");
        match damage {
            "port" => drop(bed.ok(&["port", "del", "netbridge0", &place.port])),
            "link" => drop(bed.shell(&format!("ip link del {}", place.port))),
            _ => {}
        }
        // The endpoint's phase stands behind its name.
        let half =
            "/\"name\": \"b2\"/,/\"phase\"/s/\"phase\": \"ready\"/\"phase\": \"unfinished\"/";
        bed.shell(&format!("sed -i '{half}' {FILES}/bridge.json"));
        let said = format!(
            "network bridge: container b2 was left half connected or half disconnected; disconnected; {} is free again",
            place.ip
        );
        assert_eq!(settle(&bed), [said], "{damage}");
        assert_eq!(bed.on_network("bridge"), ["b1"]);
        assert_eq!(bed.shell("ip -n b2 -o link").lines().count(), 1, "{damage}");
        assert!(!bed.shell("nft list ruleset").contains("8080"), "{damage}");
        bed.forget("b2");
    }
    bed.end();
}

#[test]
fn a_file_that_was_being_written_counts_for_nothing() {
    require_root!();
    let bed = Bed::new();
    bed.join("bridge", "b1", &[]);
    bed.shell(&format!(
        "for d in {FILES}; do head -c 99 $d/bridge.json > $d/bridge.new; done"
    ));
    bed.join("bridge", "b2", &[]);
    is_sound(&bed);
    let left = bed.shell(&format!("ls {FILES}"));
    assert!(!left.contains(".new"), "{left}");
    assert_eq!(bed.on_network("bridge"), ["b1", "b2"]);
    bed.shell(&format!(
        "for d in {FILES}; do echo '{{' > $d/gone.new; done"
    ));
    bed.end();
}
