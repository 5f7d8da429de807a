//! The engine, `serve`, or both end and start again.

use std::time::{Duration, Instant};

use netbridge_tests::{
    engine::{Engine, IMAGE},
    require::note,
    require_engine,
    topology::Host,
};

use crate::{
    raw,
    scene::{
        HOST, Serve, Traces, address_on, eventually, idle, inspect, network, outside, page, shell,
        state,
    },
};

/// Longest that Docker may try to reach a plugin that is not there.
const GIVES_UP: Duration = Duration::from_secs(35);

#[test]
fn containers_talk_on_while_serve_is_away_and_docker_says_what_it_misses() {
    require_engine!();
    let host = Host::new();
    let mut serve = Serve::start(&host);
    let mut engine = Engine::options().live_restore(true).start(&host);
    let lan = outside(&host);
    let before = Traces::of(&host);
    network(&engine, "net", &[]);
    engine.webs(&["aa", "bb"], &["--network", "net"]);
    engine.web("pp", &["--network", "net", "-p", "8080:80"]);
    let talk = |engine: &Engine<'_>| {
        let a = engine.container_netns("aa");
        assert_eq!(page(&a, engine.address("bb"), 80).as_deref(), Some("bb"));
        assert_eq!(page(&lan, HOST, 8080).as_deref(), Some("pp"));
    };
    talk(&engine);
    serve.stop();
    talk(&engine);
    let net = inspect(&engine, &["network", "inspect", "net"]);
    assert_eq!(
        net["Containers"].as_object().map(serde_json::Map::len),
        Some(3)
    );

    let begin = Instant::now();
    let run = engine.docker(&["run", "--name", "late", "--network", "net", IMAGE, "true"]);
    let took = begin.elapsed();
    note(format_args!("docker run gave up after {took:?}"));
    assert_ne!(run.code, 0, "{run:#?}");
    assert!(took < GIVES_UP, "{took:?}");
    assert!(run.stderr.contains("netbridge"), "{run:#?}");

    serve.launch();
    talk(&engine);
    engine.docker_ok(&["rm", "--force", "late"]);
    engine.web("late", &["--network", "net"]);
    assert_ne!(engine.address("late"), engine.address("bb"));

    // Both end, one by one, and start in either order.
    serve.kill();
    engine.kill();
    serve.launch();
    engine.launch();
    talk(&engine);
    engine.terminate();
    serve.stop();
    serve.launch();
    engine.launch();
    talk(&engine);
    engine.web("last", &["--network", "net"]);
    let last = address_on(&engine, "last", "net");
    assert_eq!(
        page(&engine.container_netns("aa"), last, 80).as_deref(),
        Some("last")
    );
    engine.docker_ok(&["rm", "--force", "aa", "bb", "pp", "late", "last"]);
    engine.docker_ok(&["network", "rm", "net"]);
    before.expect(&host);
}

#[test]
fn an_engine_that_was_killed_finds_its_networks_and_starts_its_containers_again() {
    require_engine!();
    let host = Host::new();
    let _serve = Serve::start(&host);
    let mut engine = Engine::start(&host);
    let lan = outside(&host);
    let before = Traces::of(&host);
    network(&engine, "net", &["--subnet", "10.54.0.0/24"]);
    let again = ["--network", "net", "--restart", "always"];
    engine.web("aa", &[&again[..], &["-p", "8080:80"]].concat());
    engine.web("bb", &["--network", "net"]);
    for end in [Engine::kill, Engine::terminate] {
        end(&mut engine);
        engine.launch();
        eventually("a runs again", || {
            let format = "{{.State.Running}}";
            engine.docker_ok(&["inspect", "--format", format, "aa"]) == "true"
        });
        engine.wait_for_webs(&["aa"]);
        engine.docker_ok(&["start", "bb"]);
        engine.wait_for_webs(&["bb"]);
        let (a, b) = (engine.address("aa"), engine.address("bb"));
        assert_ne!(a, b);
        let from = engine.container_netns("aa");
        assert_eq!(page(&from, b, 80).as_deref(), Some("bb"));
        assert_eq!(page(&lan, HOST, 8080).as_deref(), Some("aa"));
    }
    idle(&engine, "cc", &["--network", "net"]);
    engine.docker_ok(&["rm", "--force", "aa", "bb", "cc"]);
    engine.docker_ok(&["network", "rm", "net"]);
    before.expect(&host);
}

#[test]
fn a_container_that_went_while_all_were_dead_is_collected_and_logged() {
    require_engine!();
    let host = Host::new();
    let mut serve = Serve::start(&host);
    let mut engine = Engine::options().live_restore(true).start(&host);
    let before = Traces::of(&host);
    network(&engine, "net", &[]);
    idle(&engine, "gone", &["--network", "net", "-p", "8080:80"]);
    idle(&engine, "stays", &["--network", "net"]);
    let address = engine.address("gone").to_string();
    let key = |name: &str| {
        let format = "{{.NetworkSettings.SandboxKey}} {{.State.Pid}}";
        engine.docker_ok(&["inspect", "--format", format, name])
    };
    let text = key("gone");
    let (key, pid) = text.split_once(' ').expect("a sandbox and a process");
    let key = key.replace("/var/run/", "/run/");
    let mut end = std::process::Command::new("sh");
    end.args(["-c", &format!("umount {key}; rm -f {key}; kill -9 {pid}")]);
    eventually("netbridge knows the names", || {
        host.ok(&["network", "inspect", "net"]).contains("gone")
    });
    serve.kill();
    engine.kill();
    let ended = engine.start_beside(end).finish(crate::scene::PATIENCE);
    assert_eq!(ended.code, 0, "{ended:#?}");
    // The kernel takes namespaces down in its own time.
    eventually("its interface is gone", || {
        let links = host.links().list().expect("list the interfaces");
        links
            .iter()
            .filter(|link| link.name.starts_with("nb") && !link.name.starts_with("nb-"))
            .count()
            == 1
    });
    serve.launch();
    let said = serve.stop();
    let line = said.stderr.lines().find(|line| line.contains("is gone"));
    let line = line.unwrap_or_else(|| panic!("no line about it: {said:#?}"));
    assert!(line.contains("gone") && line.contains(&address), "{line}");
    let table = shell(&host, "nft list table inet netbridge");
    assert!(!table.contains("8080"), "{table}");
    serve.launch();
    engine.launch();
    engine.docker_ok(&["rm", "--force", "gone", "stays"]);
    engine.docker_ok(&["network", "rm", "net"]);
    before.expect(&host);
}

#[test]
fn what_docker_removed_while_nobody_took_its_calls_is_taken_back() {
    require_engine!();
    let host = Host::new();
    let mut serve = Serve::start(&host);
    let engine = Engine::start(&host);
    let before = Traces::of(&host);
    network(&engine, "net", &[]);
    idle(&engine, "stays", &["--network", "net", "-p", "8080:80"]);
    // As Docker leaves it that removes a container and finds nobody to tell: an endpoint with a port that no
    // container of its has.
    let net = inspect(&engine, &["network", "inspect", "net"]);
    let id = "e".repeat(64);
    let mut request = serde_json::json!({
        "NetworkID": net["Id"], "EndpointID": id, "SandboxKey": "/run/docker/netns/gone",
        "Interface": {},
    });
    let subnet = net["IPAM"]["Config"][0]["Subnet"]
        .as_str()
        .expect("a subnet");
    let octets: Vec<&str> = subnet.split('.').collect();
    request["Interface"]["Address"] = format!("{}.{}.200.9/16", octets[0], octets[1]).into();
    raw::ok(&host, "NetworkDriver.CreateEndpoint", &request);
    raw::ok(&host, "NetworkDriver.Join", &request);
    request["Options"] = serde_json::json!({
        "com.docker.network.portmap": [{"Proto": 6, "Port": 80, "HostPort": 8081}],
    });
    raw::ok(&host, "NetworkDriver.ProgramExternalConnectivity", &request);
    let rules = || shell(&host, "nft list table inet netbridge");
    assert!(rules().contains("8081"));
    // It is given half a minute; here that has passed.
    serve.kill();
    let files = format!("{}/networks/*.json", state(&host));
    shell(
        &host,
        &format!("sed -i 's/\"since\": [0-9]*/\"since\": 0/' {files}"),
    );
    serve.launch();
    eventually("its port is taken back", || !rules().contains("8081"));
    assert!(rules().contains("8080"), "the other container's port stays");
    let said = serve.stop();
    let line = said
        .stderr
        .lines()
        .find(|line| line.contains("gone from Docker"));
    line.unwrap_or_else(|| panic!("no line about it: {said:#?}"));
    serve.launch();
    engine.docker_ok(&["rm", "--force", "stays"]);
    engine.docker_ok(&["network", "rm", "net"]);
    before.expect(&host);
}
