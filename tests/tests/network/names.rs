//! Containers are called by their names wherever they are shown.

use std::{process::Command, time::Duration};

use netbridge::net::Links;
use netbridge_common::MacAddr;
use netbridge_tests::{frame::Frame, require_root, wire::Wire};
use nix::{
    mount::{MsFlags, mount},
    sys::signal::Signal,
};

use super::bed::{Bed, LONG, eventually, text};

#[test]
fn stats_and_fdb_name_the_container() {
    require_root!();
    let bed = Bed::new();
    bed.join("bridge", "b1", &["--name", "web-1"]);
    bed.join("bridge", "b2", &[]);
    let port = bed.place("bridge", "web-1").port;
    assert_eq!(bed.stats("netbridge0", "web-1")["port"], port);
    let table = bed.ok(&["stats", "netbridge0"]);
    assert!(table.contains("web-1") && table.contains("b2"), "{table}");
    let fdb = bed.json(&["fdb", "show", "netbridge0", "--json"]);
    let names = fdb.as_array().expect("an array").iter();
    let mut names: Vec<String> = names.map(|entry| text(&entry["name"])).collect();
    names.sort_unstable();
    assert_eq!(names, ["b2", "host", "web-1"]);
    bed.end();
}

#[test]
fn the_log_of_serve_names_the_container() {
    require_root!();
    let bed = Bed::new();
    let serve = bed.serve();
    eventually("the networks", || bed.names().len() == 3);
    let b1 = bed.join("bridge", "b1", &[]);
    let wire = Wire::open(&b1, "eth0");
    wire.send(&Frame::new(MacAddr::BROADCAST, MacAddr([2, 0, 0, 0, 0, 7])).of_len(60));
    eventually("the drop", || {
        bed.stats("netbridge0", "b1")["dropped"]["reasons"]["spoofed_mac"] == 1
    });
    let links = Links::within(&b1).expect("open its interfaces");
    let eth0 = links.by_name("eth0").expect("find eth0").ifindex;
    links.set_up(eth0, false).expect("set it down");
    let down = serve.line(Duration::from_secs(10), |line| line.contains("port down"));
    assert!(down.contains("b1"), "{down}");
    serve.signal(Signal::SIGTERM);
    assert_eq!(serve.finish(LONG).code, 0);
    drop(wire);
    bed.end();
}

#[test]
fn a_container_of_run_finds_the_others_by_name() {
    require_root!();
    let bed = Bed::new();
    bed.join("bridge", "b1", &[]);
    let run = ["network", "run", "bridge", "--name", "b2", "--"];
    let hosts = bed.ok(&[&run[..], &["cat", "/etc/hosts"]].concat());
    for line in ["127.0.0.1\tlocalhost", "172.17.0.2\tb1", "172.17.0.3\tb2"] {
        assert!(
            hosts.lines().any(|has| has == line),
            "no {line:?} in {hosts}"
        );
    }
    let found = bed.ok(&[&run[..], &["getent", "hosts", "b1"]].concat());
    assert!(found.starts_with("172.17.0.2 "), "{found}");
    assert_eq!(bed.ok(&[&run[..], &["uname", "-n"]].concat()), "b2\n");
    // Who comes later is known too.
    let wait = "until grep -q late /etc/hosts; do sleep 0.05; done; grep late /etc/hosts";
    let running = bed.run("bridge", "b4", &[], &["sh", "-c", wait]);
    bed.join("bridge", "late", &[]);
    let said = running.finish(LONG);
    assert_eq!(said.code, 0, "{said:#?}");
    assert!(said.stdout.ends_with("\tlate\n"), "{said:#?}");
    bed.end();
}

#[test]
fn names_are_written_where_ip_netns_exec_shows_them() {
    require_root!();
    let bed = Bed::new();
    // The machine's /etc stays as it is: the host has one of its own.
    let mounted = bed.host.run(|| {
        let none: Option<&str> = None;
        mount(Some("tmpfs"), "/etc", Some("tmpfs"), MsFlags::empty(), none)
    });
    mounted.expect("mount a private /etc");
    bed.shell("touch /etc/hosts; mkdir -p /etc/netns/b1; printf '10.0.0.9\\tmine\\n' > /etc/netns/b1/hosts");
    bed.join("bridge", "b1", &[]);
    bed.join("bridge", "b2", &[]);
    let read = "ip netns exec b1 cat /etc/hosts";
    let hosts = bed.shell(read);
    assert!(hosts.starts_with("10.0.0.9\tmine\n"), "{hosts}");
    assert!(hosts.contains("172.17.0.3\tb2\n"), "{hosts}");
    bed.ok(&["network", "disconnect", "bridge", "b2"]);
    let hosts = bed.shell(read);
    assert!(hosts.contains("\tb1\n") && !hosts.contains("b2"), "{hosts}");
    bed.ok(&["network", "disconnect", "bridge", "b1"]);
    assert_eq!(bed.shell(read), "10.0.0.9\tmine\n");
    bed.end();
}

#[test]
fn a_container_is_found_by_its_process_too() {
    require_root!();
    let bed = Bed::new();
    let netns = bed.namespace("b1");
    let mut sleep = Command::new("sleep");
    sleep.arg("600");
    netns.command_in(&mut sleep);
    let running = bed.host.start(sleep);
    let pid = running.pid().to_string();
    bed.ok(&["network", "connect", "bridge", &pid]);
    assert_eq!(bed.on_network("bridge"), [format!("pid-{pid}")]);
    bed.ok(&["network", "disconnect", "bridge", &format!("pid-{pid}")]);
    let path = format!("/proc/{pid}/ns/net");
    bed.ok(&["network", "connect", "bridge", &path, "--name", "by-path"]);
    assert_eq!(bed.on_network("bridge"), ["by-path"]);
    drop(running);
    bed.end();
}
