//! What is refused when a network is made, rather than when a container comes; and what is put right unasked.

use netbridge_tests::{require_root, wire::SOON};

use super::bed::{Bed, LONG, eventually};
use nix::sys::signal::Signal;

#[test]
fn what_no_container_could_have_is_refused_when_the_network_is_made() {
    require_root!();
    let bed = Bed::new();
    for (args, wanted) in [
        (&["-o", "netbridge.rate=100"][..], "8kbit"),
        (&["-o", "rate=100mbit"], "netbridge."),
        (&["-o", "parent=lo"], "macvlan"),
        (&["--subnet", "10.1.2.8/32"], "no address for a container"),
        (&["--subnet", "127.0.0.0/8"], "no containers"),
    ] {
        let create = [&["network", "create", "web"], args].concat();
        bed.fails(2, &create, &["network web", wanted]);
    }
    bed.ok(&["network", "create", "one", "--subnet", "10.7.0.0/16"]);
    let create = ["network", "create", "two", "--subnet", "10.7.1.0/24"];
    bed.fails(2, &create, &["10.7.0.0/16", "network one"]);
    bed.fails(2, &["network", "create", "bridge"], &["always there"]);
    bed.end();
}

#[test]
fn a_bridge_that_was_there_lends_its_subnet() {
    require_root!();
    let bed = Bed::new();
    bed.ok(&["bridge", "add", "br7", "--address", "10.70.0.1/24"]);
    let option = "com.docker.network.bridge.name=br7";
    bed.ok(&["network", "create", "web", "-o", option]);
    bed.join("web", "b1", &[]);
    let view = bed.inspect("web");
    assert_eq!(view["IPAM"]["Config"][0]["Subnet"], "10.70.0.0/24");
    let stats = bed.ok(&["stats", "web"]);
    assert!(stats.contains("br7") && stats.contains("b1"), "{stats}");
    bed.ok(&["network", "disconnect", "web", "b1"]);
    bed.ok(&["network", "rm", "web"]);
    bed.ok(&["bridge", "del", "br7"]);
    bed.end();
}

#[test]
fn serve_makes_rules_again_that_somebody_flushed() {
    require_root!();
    let bed = Bed::new();
    let serve = bed.serve();
    serve.line(SOON, |line| line.contains("serving"));
    drop(bed.join("bridge", "b1", &["-p", "8080:80"]));
    bed.shell("nft flush ruleset");
    serve.line(SOON, |line| {
        line.contains("rules of networks were gone; made again")
    });
    eventually("the published port", || {
        bed.shell("nft list ruleset").contains("8080")
    });
    serve.signal(Signal::SIGTERM);
    assert_eq!(serve.finish(LONG).code, 0);
    bed.end();
}

#[test]
fn a_command_that_ends_leaves_all_networks_that_it_was_put_on() {
    require_root!();
    let bed = Bed::new();
    bed.ok(&["network", "create", "web"]);
    let run = ["network", "run", "bridge", "--name", "b1", "--"];
    let run = bed.host.spawn(&[&run[..], &["sleep", "1000"]].concat());
    eventually("it is on its network", || {
        bed.on_network("bridge") == ["b1"]
    });
    bed.ok(&["network", "connect", "web", "b1"]);
    run.signal(Signal::SIGTERM);
    run.finish(LONG);
    bed.ok(&["network", "rm", "web"]);
    bed.end();
}
