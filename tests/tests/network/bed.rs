//! A host on which networks are tried, the containers on it, and something outside.

use std::{
    fs,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use netbridge::net::{Netns, netns};
use netbridge_tests::{
    snapshot::Snapshot,
    topology::{Host, Output, Running, binary},
};
use serde_json::Value;

/// Longest that a command may take.
pub(crate) const LONG: Duration = Duration::from_mins(1);

/// The outside, and the host's address towards it.
pub(crate) const OUTSIDE: &str = "192.0.2.2";
pub(crate) const HOST: &str = "192.0.2.1";

pub(crate) struct Bed {
    pub(crate) host: Host,
    before: (Snapshot, String),
}

/// What one container is on one network.
pub(crate) struct Place {
    pub(crate) ip: Ipv4Addr,
    /// The host's end.
    pub(crate) port: String,
}

impl Bed {
    pub(crate) fn new() -> Self {
        Self::on(Host::new())
    }

    /// Tries networks on a host that has something already.
    pub(crate) fn on(host: Host) -> Self {
        // `ip netns` mounts this folder on itself at the first use.
        let before = (Snapshot::of(&host), ruleset(&host));
        Self { host, before }
    }

    /// A host with a neighbour in a network outside.
    pub(crate) fn with_outside() -> (Self, Netns) {
        let host = Host::new();
        let outside = host.container("out0", None, Some("192.0.2.2/24"));
        let links = host.links();
        let out0 = links.by_name("out0").expect("find it").ifindex;
        let address = "192.0.2.1/24".parse().expect("an address");
        links.add_address(out0, address).expect("add an address");
        (Self::on(host), outside)
    }

    pub(crate) fn ok(&self, args: &[&str]) -> String {
        self.host.ok(args)
    }

    /// Runs a line of the shell on the host; what it printed.
    pub(crate) fn shell(&self, line: &str) -> String {
        let mut command = Command::new("sh");
        command.args(["-ec", line]);
        let output = self.host.start(command).finish(LONG);
        assert_eq!(output.code, 0, "{line}: {output:#?}");
        output.stdout
    }

    /// Makes a namespace under `/run/netns`.
    pub(crate) fn namespace(&self, name: &str) -> Netns {
        let path = named(name);
        self.host.run(move || {
            let netns = Netns::anonymous().expect("make a namespace");
            netns.bind(&path).expect("name it");
            netns
        })
    }

    /// Makes a namespace and puts it on a network.
    pub(crate) fn join(&self, network: &str, name: &str, args: &[&str]) -> Netns {
        let netns = self.namespace(name);
        self.ok(&[&["network", "connect", network, name][..], args].concat());
        netns
    }

    /// Removes the name of a namespace, and with it what nobody else holds.
    pub(crate) fn forget(&self, name: &str) {
        let path = named(name);
        self.host.run(move || {
            netns::unbind(&path).expect("take the name");
            fs::remove_file(&path).expect("remove its file");
        });
    }

    /// The namespace of a name.
    pub(crate) fn open(&self, name: &str) -> Netns {
        let path = named(name);
        self.host.run(move || Netns::open(&path).expect("open it"))
    }

    pub(crate) fn json(&self, args: &[&str]) -> Value {
        serde_json::from_str(&self.ok(args)).expect("JSON")
    }

    /// One network, as `inspect` has it.
    pub(crate) fn inspect(&self, network: &str) -> Value {
        self.json(&["network", "inspect", network])[0].clone()
    }

    /// All networks, as `inspect` has them.
    pub(crate) fn views(&self) -> Vec<Value> {
        let names = self.names();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        if names.is_empty() {
            return Vec::new();
        }
        let views = self.json(&[&["network", "inspect"][..], &names].concat());
        views.as_array().expect("an array").clone()
    }

    /// Names of the containers on a network, in order of the alphabet.
    pub(crate) fn on_network(&self, network: &str) -> Vec<String> {
        containers(&self.inspect(network))
    }

    /// IPv4 addresses of the containers on a network.
    pub(crate) fn addresses(&self, network: &str) -> Vec<String> {
        let view = self.inspect(network);
        let all = view["Containers"].as_object().expect("an object").values();
        let all = all.map(|one| text(&one["IPv4Address"]));
        all.map(|cidr| cidr.split('/').next().unwrap_or_default().to_owned())
            .collect()
    }

    /// A container's place on a network.
    pub(crate) fn place(&self, network: &str, name: &str) -> Place {
        let view = self.inspect(network);
        let mut all = view["Containers"].as_object().expect("an object").values();
        let one = all.find(|one| one["Name"] == name);
        let one = one.unwrap_or_else(|| panic!("no {name} on {network}: {view}"));
        let cidr = text(&one["IPv4Address"]);
        let ip = cidr.split('/').next().and_then(|ip| ip.parse().ok());
        Place {
            ip: ip.expect("an address"),
            port: text(&one["Interface"]),
        }
    }

    /// Counters of the port of a container.
    pub(crate) fn stats(&self, bridge: &str, name: &str) -> Value {
        let all = self.json(&["stats", bridge, "--json"]);
        let mut ports = all["ports"].as_array().expect("an array").iter();
        let port = ports.find(|port| port["name"] == name);
        port.unwrap_or_else(|| panic!("no port of {name}: {all}"))
            .clone()
    }

    /// Expects a command to fail with this code, and with one line that has all of `wanted`.
    pub(crate) fn fails(&self, code: i32, args: &[&str], wanted: &[&str]) {
        let output = self.host.cli(args);
        is_refused(&output, code, args, wanted);
    }

    /// Starts `serve`, with its log on the output.
    pub(crate) fn serve(&self) -> Running {
        let mut shell = Command::new("sh");
        shell.args(["-c", r#"exec "$0" serve 2>&1"#]).arg(binary());
        shell.env("NETBRIDGE_LOG", "info");
        self.host.start(shell)
    }

    /// Starts `network run` with a name, and waits until it is on its network.
    pub(crate) fn run(
        &self,
        network: &str,
        name: &str,
        args: &[&str],
        command: &[&str],
    ) -> Running {
        let run = ["network", "run", network, "--name", name];
        let running = self
            .host
            .spawn(&[&run[..], args, &["--"], command].concat());
        eventually("the container's network", || {
            let is_there = self.names().contains(&network.to_owned());
            is_there && self.on_network(network).contains(&name.to_owned())
        });
        running
    }

    /// Takes all containers off and all networks away, as a user would, and expects that nothing is left.
    pub(crate) fn end(self) {
        let views = self.views();
        for view in &views {
            for container in containers(view) {
                self.ok(&["network", "disconnect", &text(&view["Name"]), &container]);
            }
        }
        let names: Vec<&str> = views
            .iter()
            .filter_map(|view| view["Name"].as_str())
            .collect();
        if !names.is_empty() {
            self.ok(&[&["network", "rm", "--force"][..], &names].concat());
        }
        for name in self.shell("ls /run/netns").lines() {
            self.forget(name);
        }
        self.is_as_before();
    }

    /// Expects that nothing of networks is left: interfaces, programs, files, rules.
    pub(crate) fn is_as_before(&self) {
        let after = (Snapshot::of(&self.host), ruleset(&self.host));
        assert_eq!(after, self.before, "something was left behind");
    }

    /// Names of all networks.
    pub(crate) fn names(&self) -> Vec<String> {
        let names = self.ok(&["network", "ls", "--format", "{{.Name}}"]);
        names.lines().map(str::to_owned).collect()
    }
}

/// Names of the containers on a network, in order of the alphabet.
fn containers(view: &Value) -> Vec<String> {
    let all = view["Containers"].as_object().expect("an object").values();
    let mut names: Vec<String> = all.map(|one| text(&one["Name"])).collect();
    names.sort_unstable();
    names
}

/// Expects that a command was refused so, in one line.
pub(crate) fn is_refused(output: &Output, code: i32, args: &[&str], wanted: &[&str]) {
    assert_eq!(output.code, code, "{args:?}: {output:#?}");
    assert_eq!(output.stdout, "", "{args:?}");
    let notes = "netbridge: note: ";
    let mut lines = output
        .stderr
        .lines()
        .filter(|line| !line.starts_with(notes));
    let line = lines.next().unwrap_or_default();
    assert_eq!(lines.next(), None, "one line: {args:?}: {output:#?}");
    for wanted in wanted {
        assert!(line.contains(wanted), "{args:?}: no `{wanted}` in: {line}");
    }
}

fn ruleset(host: &Host) -> String {
    let mut command = Command::new("nft");
    command.args(["list", "ruleset"]);
    host.start(command).finish(LONG).stdout
}

fn named(name: &str) -> PathBuf {
    PathBuf::from("/run/netns").join(name)
}

pub(crate) fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

pub(crate) fn ip(text: &str) -> Ipv4Addr {
    text.parse().expect("an address")
}

pub(crate) fn at(address: &str, port: u16) -> SocketAddr {
    let ip: IpAddr = address.parse().expect("an address");
    SocketAddr::new(ip, port)
}

/// Waits until `done`, at most twenty seconds.
pub(crate) fn eventually(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !done() {
        assert!(Instant::now() < deadline, "{what} did not come to pass");
        thread::park_timeout(Duration::from_millis(20));
    }
}
