//! The harness of a real Docker engine: it works, and leaves nothing on the machine.

#![expect(
    clippy::expect_used,
    reason = "a test stops where it fails, and says so"
)]

use std::{
    env, fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    os::unix::net::UnixListener,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use netbridge::net::{Links, Netns};
use netbridge_tests::{
    engine::{Engine, IMAGE, PLUGINS, Trace},
    require::note,
    require_engine,
    topology::Host,
};

/// Longest that what ends by itself may take.
const SOON: Duration = Duration::from_secs(20);
/// Set for the process that a test starts to be killed.
const VICTIM: &str = "NETBRIDGE_ENGINE_VICTIM";

/// What an engine may not change: the machine's interfaces, mounts, rules and folders.
#[derive(Debug, PartialEq, Eq)]
struct Machine {
    links: Vec<String>,
    mounts: Vec<String>,
    rules: String,
    folders: Vec<String>,
}

impl Machine {
    fn look() -> Self {
        let links = Links::new().and_then(|links| links.list());
        let links = links.expect("list the machine's interfaces");
        let mounts = fs::read_to_string("/proc/self/mountinfo").expect("read the mounts");
        let rules = Command::new("nft").args(["list", "ruleset"]).output();
        let rules = rules.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
        let folders = [
            "/etc/docker",
            "/run/docker",
            "/run/engine",
            "/run/containerd",
            "/var/lib/docker",
            "/var/lib/containerd",
            "/var/lib/netbridge",
        ];
        let list = |folder: &str| {
            let entries = fs::read_dir(folder).into_iter().flatten().flatten();
            let mut names: Vec<_> = entries.map(|entry| entry.file_name()).collect();
            names.sort();
            format!("{folder}: {names:?}")
        };
        Self {
            links: links.into_iter().map(|link| link.name).collect(),
            mounts: mounts.lines().map(str::to_owned).collect(),
            rules: rules.unwrap_or_default(),
            folders: folders.into_iter().map(list).collect(),
        }
    }
}

fn assert_nothing_left(trace: &Trace) {
    let deadline = Instant::now() + SOON;
    loop {
        let left = trace.left();
        if left.is_empty() {
            return;
        }
        assert!(Instant::now() < deadline, "{left:#?}");
        thread::park_timeout(Duration::from_millis(20));
    }
}

/// The page of the container at `address`, as another one gets it.
fn page(engine: &Engine<'_>, from: &str, address: &str) -> String {
    let url = format!("http://{address}/");
    engine.docker_ok(&["exec", from, "wget", "-q", "-O", "-", &url])
}

#[test]
fn containers_reach_each_other_on_docker0() {
    require_engine!();
    let before = Machine::look();
    let host = Host::new();
    let begin = Instant::now();
    let engine = Engine::start(&host);
    note(format_args!("the engine took {:?}", begin.elapsed()));
    let begin = Instant::now();
    engine.web("one", &[]);
    note(format_args!("a container took {:?}", begin.elapsed()));
    engine.web("two", &[]);
    let two = engine.address("two").to_string();
    assert_eq!(two, "172.17.0.3");
    engine.docker_ok(&["exec", "one", "ping", "-c", "1", "-W", "5", &two]);
    assert_eq!(page(&engine, "one", &two), "two");

    let names = |netns: &Netns| {
        let links = Links::within(netns).and_then(|links| links.list());
        let links = links.expect("list the interfaces").into_iter();
        links.map(|link| link.name).collect::<Vec<_>>()
    };
    assert_eq!(names(&engine.container_netns("two")), ["lo", "eth0"]);
    assert!(names(host.netns()).contains(&"docker0".to_owned()));

    let trace = engine.trace();
    let left = trace.left();
    for part in [
        "dockerd",
        "containerd",
        "containerd-shim",
        "httpd",
        "/sys/fs/cgroup",
    ] {
        note(part);
        assert!(left.iter().any(|line| line.contains(part)), "{left:#?}");
    }
    let begin = Instant::now();
    drop(engine);
    note(format_args!("the end took {:?}", begin.elapsed()));
    assert_eq!(trace.left(), Vec::<String>::new());
    drop(host);
    assert_eq!(Machine::look(), before);
}

#[test]
fn containers_live_on_while_the_engine_does_not() {
    require_engine!();
    let host = Host::new();
    let mut engine = Engine::options().live_restore(true).start(&host);
    engine.web("one", &[]);
    engine.web("two", &[]);
    let started = |engine: &Engine<'_>| {
        engine.docker_ok(&["inspect", "--format", "{{.State.StartedAt}}", "one", "two"])
    };
    let before = started(&engine);
    let netns = engine.container_netns("one");
    let two = engine.address("two").to_string();
    engine.restart();
    assert_eq!(started(&engine), before);
    assert_eq!(page(&engine, "one", &two), "two");
    engine.kill();
    assert_ne!(engine.docker(&["version"]).code, 0);
    engine.launch();
    assert_eq!(started(&engine), before);
    assert_eq!(engine.container_netns("one"), netns);
    assert_eq!(page(&engine, "one", &two), "two");
    let trace = engine.trace();
    drop(engine);
    assert_eq!(trace.left(), Vec::<String>::new());
}

#[test]
fn an_engine_keeps_its_containers_over_a_restart() {
    require_engine!();
    let host = Host::new();
    let mut engine = Engine::options().bip("10.9.0.1/24").start(&host);
    engine.web("one", &["--restart", "always"]);
    engine.docker_ok(&["create", "--name", "idle", IMAGE]);
    engine.restart();
    let names = engine.docker_ok(&["ps", "--all", "--format", "{{.Names}}"]);
    let mut names: Vec<_> = names.lines().collect();
    names.sort_unstable();
    assert_eq!(names, ["idle", "one"]);
    engine.wait_for_webs(&["one"]);
    let own = engine.address("one").to_string();
    assert!(own.starts_with("10.9.0."), "{own}");
    assert_eq!(page(&engine, "one", &own), "one");
}

#[test]
fn twenty_containers_run_at_once() {
    require_engine!();
    let host = Host::new();
    let engine = Engine::start(&host);
    let begin = Instant::now();
    let names: Vec<_> = (1..=20).map(|n| format!("web{n}")).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    engine.webs(&names, &[]);
    note(format_args!("20 containers took {:?}", begin.elapsed()));
    let last = engine.address("web20").to_string();
    assert_eq!(page(&engine, "web1", &last), "web20");
    let trace = engine.trace();
    let begin = Instant::now();
    drop(engine);
    note(format_args!("their end took {:?}", begin.elapsed()));
    assert_eq!(trace.left(), Vec::<String>::new());
}

#[test]
fn what_runs_on_the_host_and_the_engine_see_the_same() {
    require_engine!();
    let host = Host::new();
    let engine = Engine::start(&host);
    engine.web("one", &[]);
    // What the engine mounted: /run/docker/netns/1234567890ab.
    let format = "{{.NetworkSettings.SandboxKey}}";
    let key = engine.docker_ok(&["inspect", "--format", format, "one"]);
    let key = key.replace("/var/run/", "/run/");
    let sandbox = host.run(move || Netns::open(key.as_ref()).expect("open the sandbox"));
    assert_eq!(sandbox, engine.container_netns("one"));
    // What a plugin would put there.
    host.run(|| fs::create_dir_all("/var/lib/netbridge").expect("create a plugin's folder"));
    let pid = engine.docker_ok(&["inspect", "--format", "{{.State.Pid}}", "one"]);
    let mut look = Command::new("sh");
    let script =
        format!("ls -d {PLUGINS} /var/lib/netbridge; cat /proc/{pid}/comm; echo $DOCKER_HOST");
    look.args(["-c", &script]);
    let output = engine.start_beside(look).finish(SOON);
    let expected = format!("{PLUGINS}\n/var/lib/netbridge\nhttpd\nunix:///run/docker.sock\n");
    assert_eq!(output.stdout, expected, "{output:#?}");
    assert!(
        !fs::exists("/var/lib/netbridge").expect("look"),
        "it is on the machine"
    );
}

#[test]
fn a_plugin_is_found_by_its_socket() {
    require_engine!();
    let host = Host::new();
    let engine = Engine::start(&host);
    let socket = host.run(|| {
        fs::create_dir_all(PLUGINS).expect("create the folder of plugins");
        UnixListener::bind(format!("{PLUGINS}/refuses.sock")).expect("make a socket")
    });
    let create = engine.start_docker(&["network", "create", "--driver", "refuses", "net"]);
    let (mut stream, _) = socket.accept().expect("hear from the engine");
    let mut request = [0; 4096];
    let length = stream.read(&mut request).expect("read the request");
    let request = String::from_utf8_lossy(&request[..length]);
    assert!(request.starts_with("POST /Plugin.Activate "), "{request}");
    let refusal = "HTTP/1.1 500 no\r\nConnection: close\r\nContent-Length: 7\r\n\r\nnot now";
    stream.write_all(refusal.as_bytes()).expect("answer");
    drop(stream);
    let output = create.finish(SOON);
    assert_ne!(output.code, 0, "{output:#?}");
    assert!(output.stderr.contains("not now"), "{output:#?}");
}

#[test]
fn nothing_is_left_by_a_test_that_is_killed() {
    require_engine!();
    if env::var_os(VICTIM).is_some() {
        let host = Host::new();
        let engine = Engine::options().live_restore(true).start(&host);
        engine.web("one", &[]);
        engine.web("two", &[]);
        note(format_args!("\nengine {}", engine.trace().id()));
        loop {
            thread::park();
        }
    }
    let before = Machine::look();
    let own = "nothing_is_left_by_a_test_that_is_killed";
    let mut victim = Command::new(env::current_exe().expect("find this test's file"))
        .args(["--exact", own, "--nocapture"])
        .env(VICTIM, "1")
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("start a test");
    let lines = BufReader::new(victim.stderr.take().expect("its output")).lines();
    let mut lines = lines.map_while(Result::ok);
    let trace = lines.find_map(|line| line.strip_prefix("engine ").map(Trace::of));
    let trace = trace.expect("the test starts an engine");
    let there = trace.left().len();
    victim.kill().expect("kill the test");
    victim.wait().expect("reap the test");
    assert!(there > 8, "{there} processes and cgroups");
    assert_nothing_left(&trace);
    assert_eq!(Machine::look(), before);
}
