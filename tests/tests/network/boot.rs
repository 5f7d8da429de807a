//! What a boot leaves: files of networks, and nothing in the kernel.

use netbridge_tests::{require_root, topology::Running, traffic::ping, wire::SOON};
use nix::sys::signal::Signal;

use super::{
    bed::{Bed, HOST, LONG, at, eventually, ip},
    kill::is_sound,
    talk::{Server, is_closed},
};

/// Networks with a container each, and then nothing of them but their files.
fn booted() -> (Bed, netbridge::net::Netns) {
    let (bed, outside) = Bed::with_outside();
    bed.ok(&[
        "network",
        "create",
        "web",
        "--subnet",
        "10.8.0.0/24",
        "-o",
        "netbridge.mode=hub",
    ]);
    bed.join("bridge", "b1", &[]);
    bed.join("web", "c1", &["-p", "8080:80"]);
    for name in ["b1", "c1"] {
        bed.forget(name);
    }
    eventually("the end of their interfaces", || {
        !bed.shell("ip -o link").contains("nb") || {
            bed.shell("ip -o link").matches("@if").count() == 1
        }
    });
    bed.shell(
        "rm -r /sys/fs/bpf/netbridge; rm -f /run/netbridge/*.lock
         for link in $(ip -o link | sed -n 's/^[0-9]*: \\(n[^:@]*\\)-p[:@].*/\\1/p'); do ip link del $link; done
         nft flush ruleset; sysctl -qw net.ipv4.ip_forward=0",
    );
    let links = bed.shell("ip -o link");
    assert!(
        !links.contains("netbridge0") && !links.contains(" nb"),
        "{links}"
    );
    (bed, outside)
}

/// What must work after a boot.
fn works(bed: &Bed, outside: &netbridge::net::Netns) {
    is_sound(bed);
    assert_eq!(bed.shell("cat /proc/sys/net/ipv4/ip_forward"), "1\n");
    let b2 = bed.join("bridge", "b2", &[]);
    let c2 = bed.join("web", "c2", &["-p", "8080:80"]);
    assert_eq!(
        bed.place("bridge", "b2").ip,
        ip("172.17.0.3"),
        "the old address comes last"
    );
    assert!(ping(&b2, ip("172.17.0.1"), 2).all_answered());
    let server = Server::any(&c2, 80);
    assert!(server.sees(outside, at(HOST, 8080)).is_some());
    let out = Server::any(outside, 81);
    assert!(out.sees(&b2, at("192.0.2.2", 81)).is_some());
    assert!(is_closed(&b2, at("10.8.0.3", 80)));
    let mode = bed.inspect("web")["Options"]["netbridge.mode"].clone();
    assert_eq!(mode, "hub");
}

#[test]
fn the_first_command_makes_the_networks_again_and_says_so() {
    require_root!();
    let (bed, outside) = booted();
    let output = bed.host.cli(&["network", "rm", "--force", "nosuch"]);
    assert_eq!(output.code, 0, "{output:#?}");
    for said in [
        "network bridge: bridge netbridge0 was gone; made again",
        "network bridge: container b1 is gone; disconnected; 172.17.0.2 is free again",
        "network web: container c1 is gone; disconnected; 10.8.0.2 is free again",
        "net.ipv4.ip_forward was 0, is 1 now",
    ] {
        let line = format!("netbridge: note: {said}");
        assert_eq!(
            output.stderr.lines().filter(|has| *has == line).count(),
            1,
            "{said}: {output:#?}"
        );
    }
    works(&bed, &outside);
    bed.end();
}

#[test]
fn serve_makes_the_networks_again_and_says_so() {
    require_root!();
    let (bed, outside) = booted();
    let serve: Running = bed.serve();
    serve.line(SOON, |line| {
        line.contains("network bridge: bridge netbridge0 was gone; made again")
    });
    serve.line(SOON, |line| {
        line.contains("network web: container c1 is gone")
    });
    serve.line(SOON, |line| line.contains("serving"));
    works(&bed, &outside);
    serve.signal(Signal::SIGTERM);
    assert_eq!(serve.finish(LONG).code, 0);
    bed.end();
}

#[test]
fn a_table_that_is_gone_is_back_when_serve_starts() {
    require_root!();
    let (bed, outside) = Bed::with_outside();
    let b1 = bed.join("bridge", "b1", &["-p", "8080:80"]);
    let server = Server::any(&b1, 80);
    bed.shell("nft flush ruleset");
    assert!(is_closed(&outside, at(HOST, 8080)));
    let serve = bed.serve();
    serve.line(SOON, |line| line.contains("serving"));
    assert!(server.sees(&outside, at(HOST, 8080)).is_some());
    serve.signal(Signal::SIGTERM);
    assert_eq!(serve.finish(LONG).code, 0);
    bed.end();
}

#[test]
fn a_container_whose_port_was_taken_out_is_put_back() {
    require_root!();
    let bed = Bed::new();
    let b1 = bed.join("bridge", "b1", &[]);
    let port = bed.place("bridge", "b1").port;
    bed.ok(&["port", "del", "netbridge0", &port]);
    let output = bed.host.cli(&["network", "rm", "--force", "nosuch"]);
    let said = "netbridge: note: network bridge: container b1 was no port any more; put back\n";
    assert_eq!(output.stderr, said);
    assert!(ping(&b1, ip("172.17.0.1"), 2).all_answered());
    bed.end();
}
