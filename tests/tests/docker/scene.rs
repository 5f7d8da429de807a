//! A host with `netbridge serve --docker` and a Docker engine, an outside, and what is left of networks.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    os::unix::net::UnixStream,
    path::Path,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use netbridge::{docker::SOCKET, net::Netns};
use netbridge_tests::{
    engine::{Engine, IMAGE},
    topology::{Host, Output, Running},
};
use nix::sys::signal::Signal;
use serde_json::Value;

/// Longest that what has to come may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
/// How long what must not come is waited for.
pub(crate) const SILENCE: Duration = Duration::from_millis(400);
/// The host's address towards the outside, and that of the outside.
pub(crate) const HOST: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
pub(crate) const OUTSIDE: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);

/// `netbridge serve --docker`.
pub(crate) struct Serve<'h> {
    host: &'h Host,
    running: Option<Running>,
}

impl<'h> Serve<'h> {
    /// Starts it, and waits until it answers.
    pub(crate) fn start(host: &'h Host) -> Self {
        let mut serve = Self {
            host,
            running: None,
        };
        serve.launch();
        serve
    }

    /// Starts it again.
    pub(crate) fn launch(&mut self) {
        assert!(self.running.is_none(), "it serves already");
        self.running = Some(self.host.spawn(&["serve", "--docker"]));
        eventually("serve answers", || {
            let up = self.running.as_mut().is_some_and(Running::is_up);
            assert!(up, "serve has ended: {:#?}", self.end(None));
            self.host.run(|| answers(Path::new(SOCKET)))
        });
    }

    /// Ends it as `SIGTERM` does; returns what it said.
    pub(crate) fn stop(&mut self) -> Output {
        let output = self.end(Some(Signal::SIGTERM));
        assert_eq!(output.code, 0, "serve: {output:#?}");
        output
    }

    /// Ends it as `SIGKILL` does; returns what it said.
    pub(crate) fn kill(&mut self) -> Output {
        self.end(Some(Signal::SIGKILL))
    }

    fn end(&mut self, signal: Option<Signal>) -> Output {
        let running = self.running.take().expect("it serves");
        if let Some(signal) = signal {
            running.signal(signal);
        }
        running.finish(PATIENCE)
    }

    /// Says whether it still runs.
    pub(crate) fn is_up(&mut self) -> bool {
        self.running.as_mut().is_some_and(Running::is_up)
    }
}

fn answers(socket: &Path) -> bool {
    let Ok(mut stream) = UnixStream::connect(socket) else {
        return false;
    };
    let request = "POST /Plugin.Activate HTTP/1.0\r\nHost: x\r\nContent-Length: 0\r\n\r\n";
    let mut answer = String::new();
    stream.write_all(request.as_bytes()).is_ok()
        && stream.read_to_string(&mut answer).is_ok()
        && answer.contains("NetworkDriver")
}

/// Makes a network with netbridge as driver and as address management.
pub(crate) fn network(engine: &Engine<'_>, name: &str, options: &[&str]) {
    let args = ["network", "create", "-d", "netbridge"];
    let ipam = ["--ipam-driver", "netbridge"];
    engine.docker_ok(&[&args[..], &ipam, options, &[name]].concat());
}

/// The bridge of a network.
pub(crate) fn bridge(engine: &Engine<'_>, network: &str) -> String {
    let id = engine.docker_ok(&["network", "inspect", "--format", "{{.Id}}", network]);
    format!("nb-{}", &id[..10])
}

/// The address of a container on a network.
pub(crate) fn address_on(engine: &Engine<'_>, container: &str, network: &str) -> Ipv4Addr {
    let format = format!("{{{{(index .NetworkSettings.Networks \"{network}\").IPAddress}}}}");
    let text = engine.docker_ok(&["inspect", "--format", &format, container]);
    text.parse()
        .unwrap_or_else(|error| panic!("{container} on {network}: {text:?}: {error}"))
}

/// What `docker inspect` says of something.
pub(crate) fn inspect(engine: &Engine<'_>, args: &[&str]) -> Value {
    let text = engine.docker_ok(args);
    let all: Value = serde_json::from_str(&text).expect("JSON");
    all[0].clone()
}

/// What `netbridge` prints as JSON.
pub(crate) fn json(host: &Host, args: &[&str]) -> Value {
    let text = host.ok(&[args, &["--json"]].concat());
    serde_json::from_str(&text).expect("JSON")
}

/// Runs a line of the shell in a container.
pub(crate) fn inside(engine: &Engine<'_>, container: &str, line: &str) -> Output {
    engine.docker(&["exec", container, "sh", "-c", line])
}

/// The same, which has to succeed; returns what it printed.
pub(crate) fn inside_ok(engine: &Engine<'_>, container: &str, line: &str) -> String {
    engine.docker_ok(&["exec", container, "sh", "-c", line])
}

/// Starts a container that does nothing.
pub(crate) fn idle(engine: &Engine<'_>, name: &str, options: &[&str]) {
    let args = ["run", "--detach", "--name", name];
    let sleep = [IMAGE, "sleep", "1000000"];
    engine.docker_ok(&[&args[..], options, &sleep].concat());
}

/// Runs a line of the shell on the host, and returns what it printed.
pub(crate) fn shell(host: &Host, line: &str) -> String {
    let mut command = Command::new("sh");
    command.args(["-ec", line]);
    let output = host.start(command).finish(PATIENCE);
    assert_eq!(output.code, 0, "{line}: {output:#?}");
    output.stdout
}

/// Makes a namespace that plays the outside world: the host is [`HOST`] there.
pub(crate) fn outside(host: &Host) -> Netns {
    let netns = host.container("out0", None, Some(&format!("{OUTSIDE}/24")));
    shell(host, &format!("ip address add {HOST}/24 dev out0"));
    netns
}

/// The page at an address as somebody gets it; `None` where nobody answers.
pub(crate) fn page(from: &Netns, to: Ipv4Addr, port: u16) -> Option<String> {
    let to = SocketAddr::from((to, port));
    let connect = || TcpStream::connect_timeout(&to, 4 * SILENCE).ok();
    let mut stream = from.run(connect).expect("enter the namespace")?;
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n").ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    let (_, body) = text.split_once("\r\n\r\n")?;
    Some(body.trim().to_owned())
}

/// Whether nobody listens there, or nothing gets there.
pub(crate) fn is_closed(from: &Netns, to: Ipv4Addr, port: u16) -> bool {
    let to = SocketAddr::from((to, port));
    let connect = || TcpStream::connect_timeout(&to, SILENCE).is_err();
    from.run(connect).expect("enter the namespace")
}

/// The address that a server in `server` sees of a client in `from`; `None` where it sees none.
pub(crate) fn seen_by(server: &Netns, at: Ipv4Addr, from: &Netns) -> Option<IpAddr> {
    let listen = || TcpListener::bind((at, 0)).expect("listen");
    let listener = server.run(listen).expect("enter the namespace");
    let to = listener.local_addr().expect("an address");
    let connect = || TcpStream::connect_timeout(&to, 4 * SILENCE).ok();
    let mut client = from.run(connect).expect("enter the namespace")?;
    let (stream, peer) = listener.accept().expect("accept");
    drop(stream);
    let mut nothing = String::new();
    client.read_to_string(&mut nothing).ok()?;
    Some(peer.ip())
}

/// Waits until `done`.
pub(crate) fn eventually(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !done() {
        assert!(Instant::now() < deadline, "{what}: did not come to pass");
        thread::park_timeout(Duration::from_millis(20));
    }
}

/// What networks have on a host: interfaces, pins, files and rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Traces {
    links: Vec<String>,
    pins: Vec<String>,
    files: Vec<String>,
    /// Addresses that pools have given away.
    leases: usize,
    table: Vec<String>,
}

impl Traces {
    /// Looks at a host.
    pub(crate) fn of(host: &Host) -> Self {
        let links = host.links().list().expect("list the interfaces");
        let links = links.into_iter().map(|link| link.name);
        let links = links.filter(|name| name.starts_with("nb") || name.starts_with("nc"));
        let mut links: Vec<_> = links.collect();
        links.sort();
        let table = shell(
            host,
            "nft -s list table inet netbridge 2>/dev/null | sort || true",
        );
        let pins = host.run(|| names("/sys/fs/bpf/netbridge"));
        let root = state(host);
        let (files, leases) = host.run(move || {
            let kinds = ["networks", "pools"];
            let files = kinds.map(|kind| names(&format!("{root}/{kind}"))).concat();
            let pools = names(&format!("{root}/pools")).into_iter();
            let leases = pools.filter_map(|name| {
                let text = fs::read_to_string(format!("{root}/pools/{name}")).ok()?;
                let pool: Value = serde_json::from_str(&text).ok()?;
                Some(pool["leases"].as_array()?.len())
            });
            (files, leases.sum())
        });
        Self {
            links,
            pins,
            files,
            leases,
            table: table.lines().map(str::to_owned).collect(),
        }
    }

    /// Waits until a host has just these.
    pub(crate) fn expect(&self, host: &Host) {
        let deadline = Instant::now() + PATIENCE;
        while &Self::of(host) != self {
            if Instant::now() > deadline {
                assert_eq!(&Self::of(host), self, "left and right: there, expected");
            }
            thread::park_timeout(Duration::from_millis(100));
        }
    }
}

/// A pool whose name was lost on its way to Docker is kept for two minutes; here they have passed.
pub(crate) fn collect_lost_pools(host: &Host) {
    let pools = format!("{}/pools", state(host));
    let age = "-exec sed -i 's/\"since\": [0-9]*/\"since\": 0/' {} +";
    shell(
        host,
        &format!("test ! -d {pools} || find {pools} -name '*.json' {age}"),
    );
    host.ok(&["network", "prune", "--force"]);
}

/// The folder of the networks' files.
pub(crate) fn state(host: &Host) -> String {
    format!("/run/netbridge/netns-{}", host.netns().inode())
}

fn names(folder: &str) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<_> = entries
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}
