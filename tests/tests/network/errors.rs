//! What cannot be done is refused in one line that names the object and what to do instead.

use netbridge_tests::require_root;

use super::{
    bed::{Bed, is_refused},
    talk::Server,
};

#[test]
fn names_that_no_network_can_have() {
    require_root!();
    let bed = Bed::new();
    let long = "n".repeat(129);
    for name in ["-web", "we/b", "we b", "", ".web", "wéb", "../web", &long] {
        let create = ["network", "create", "--", name];
        bed.fails(2, &create, &["network", "no name for a network", "letters"]);
    }
    bed.ok(&["network", "create", "web"]);
    bed.fails(
        2,
        &["network", "create", "web"],
        &["network web", "exists already", "network rm web"],
    );
    bed.end();
}

#[test]
fn networks_that_are_not_there() {
    require_root!();
    let bed = Bed::new();
    bed.namespace("b1");
    for args in [
        &["network", "connect", "nosuch", "b1"][..],
        &["network", "disconnect", "nosuch", "b1"],
        &["network", "rm", "nosuch"],
        &["network", "run", "nosuch", "--", "true"],
    ] {
        bed.fails(
            2,
            args,
            &["network nosuch: not found", "netbridge network ls"],
        );
    }
    let inspect = bed.host.cli(&["network", "inspect", "nosuch"]);
    assert_eq!(
        (inspect.code, inspect.stdout.trim()),
        (2, "[]"),
        "{inspect:#?}"
    );
    assert!(
        inspect.stderr.contains("network nosuch: not found"),
        "{inspect:#?}"
    );
    assert_eq!(bed.ok(&["network", "rm", "--force", "nosuch"]), "");
    bed.end();
}

#[test]
fn containers_that_cannot_be_on_a_network() {
    require_root!();
    let bed = Bed::new();
    bed.join("bridge", "b1", &[]);
    let own = std::process::id().to_string();
    let sleep = bed.host.start({
        let mut sleep = std::process::Command::new("sleep");
        sleep.arg("600");
        sleep
    });
    let on_host = sleep.pid().to_string();
    bed.shell("touch /run/netns/odd");
    for (container, why) in [
        ("nosuch", "not found"),
        ("", "has no name"),
        ("/proc/self/ns/net", "the host's own network"),
        (&on_host, "the host's own network"),
        ("/proc/self/ns/mnt", "namespace"),
        ("/run/nosuch", "no such file"),
        ("odd", "namespace"),
        ("b1", "is on network bridge already"),
        ("/run/netns/b1", "is on network bridge already"),
    ] {
        let connect = ["network", "connect", "bridge", "--", container];
        bed.fails(
            2,
            &connect,
            &[
                &format!("container {container}").replace("/run/netns/b1", "b1"),
                why,
            ],
        );
    }
    bed.shell("rm /run/netns/odd");
    bed.namespace("b2");
    let connect = ["network", "connect", "bridge", "b2", "--name", "b1"];
    bed.fails(
        2,
        &connect,
        &["container b1", "is on network bridge already"],
    );
    let disconnect = ["network", "disconnect", "bridge", "b2"];
    bed.fails(
        2,
        &disconnect,
        &[
            "container b2",
            "is not on network bridge",
            "network inspect bridge",
        ],
    );
    bed.ok(&["network", "disconnect", "--force", "bridge", "b2"]);
    assert_ne!(own, on_host);
    drop(sleep);
    bed.end();
}

#[test]
fn ports_that_cannot_be_published() {
    require_root!();
    let bed = Bed::new();
    bed.join(
        "bridge",
        "b1",
        &["-p", "8080:80", "-p", "127.0.0.1:8081:81"],
    );
    let server = Server::any(bed.host.netns(), 9000);
    bed.namespace("b2");
    let connect = ["network", "connect", "bridge", "b2"];
    for (ports, wanted) in [
        (
            &["8080:80"][..],
            &[
                "0.0.0.0:8080->80/tcp",
                "published for container b1 on network bridge",
            ][..],
        ),
        (&["127.0.0.1:8080:80"], &["published for container b1"]),
        (&["8081:80"], &["published for container b1"]),
        (&["8070-8085:70-85"], &["published for container b1"]),
        (
            &["9000:80"],
            &[
                "a process of the host listens on port 9000",
                "choose another",
            ],
        ),
        (&["90:80", "90:81"], &["named twice"]),
    ] {
        let flags: Vec<&str> = ports.iter().flat_map(|ports| ["-p", ports]).collect();
        bed.fails(2, &[&connect[..], &flags].concat(), wanted);
    }
    for ports in [
        "x",
        "80:",
        "1:2:3:4",
        "80:80/icmp",
        "0:80",
        "70000:80",
        "80-82:80-81",
    ] {
        let output = bed.host.cli(&[&connect[..], &["-p", ports]].concat());
        assert_eq!(output.code, 2, "{ports}: {output:#?}");
        assert!(
            output.stderr.contains(ports) && output.stderr.contains("8080:80"),
            "{output:#?}"
        );
    }
    // Nothing of what failed is left, and what is free is published.
    assert_eq!(bed.shell("ip -n b2 -o link").lines().count(), 1);
    bed.ok(&[
        &connect[..],
        &["-p", "8080:80/udp", "-p", "127.0.0.2:8081:80"],
    ]
    .concat());
    drop(server);
    bed.end();
}

#[test]
fn addresses_that_no_container_can_have() {
    require_root!();
    let bed = Bed::new();
    bed.join("bridge", "b1", &[]);
    bed.namespace("b2");
    let connect = ["network", "connect", "bridge", "b2"];
    for (args, wanted) in [
        (&["--ip", "172.17.0.2"][..], "172.17.0.2 is taken by b1"),
        (&["--ip", "172.17.0.1"], "taken by the gateway"),
        (&["--ip", "10.0.0.1"], "172.17.0.0/16"),
        (&["--ip", "ten"], "ten"),
        (&["--ip6", "fd00::1"], "fd00::1"),
        (
            &["--mac-address", "ff:ff:ff:ff:ff:ff"],
            "no station's address",
        ),
        (
            &["--mac-address", "00:00:00:00:00:00"],
            "no station's address",
        ),
        (
            &["--mac-address", "02:42:ac:11:00:02"],
            "that of container b1",
        ),
        (&["--mac-address", "02:42"], "02:42"),
        (
            &["--driver-opt", "netbridge.rate=much"],
            "netbridge.rate=much",
        ),
    ] {
        bed.fails(2, &[&connect[..], args].concat(), &[wanted]);
    }
    assert_eq!(bed.on_network("bridge"), ["b1"]);
    bed.end();
}

#[test]
fn commands_that_cannot_be_run() {
    require_root!();
    let bed = Bed::new();
    let run = |args: &[&str]| {
        bed.host
            .cli(&[&["network", "run", "bridge"][..], args].concat())
    };
    let output = run(&["--", "/nosuch"]);
    is_refused(&output, 127, &["run"], &["run /nosuch: not found"]);
    assert_eq!(run(&["--", "sh", "-c", "exit 7"]).code, 7);
    assert_eq!(run(&["--", "sh", "-c", "kill -9 $$"]).code, 137);
    let output = run(&["--", "/dev/null"]);
    is_refused(&output, 126, &["run"], &["/dev/null"]);
    bed.namespace("b1");
    for (name, why) in [
        ("b1", "exists already"),
        ("a/b", "no name for a container"),
        ("..", "no name"),
    ] {
        let run = ["network", "run", "bridge", "--name", name, "--", "true"];
        bed.fails(2, &run, &[&format!("container {name}"), why]);
    }
    assert_eq!(bed.on_network("bridge"), [""; 0]);
    assert_eq!(bed.shell("ls /run/netns"), "b1\n");
    bed.end();
}
