//! The command line: JSON whose fields stay, and changes that live traffic feels.
#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops where it fails, and says so"
)]

mod binding;
mod help;
mod json;
mod life;
mod limits;
mod live;
mod mdb;
mod mirror;
mod proxy;
mod switches;

use std::{
    thread,
    time::{Duration, Instant},
};

use netbridge::net::Netns;
use netbridge_common::MacAddr;
use netbridge_tests::{
    topology::Host,
    wire::{Wire, frame},
};
use serde_json::Value;

/// Both hooks, as they are typed.
const HOOKS: [&str; 2] = ["tc", "xdp"];

/// A station that no container is.
const STRANGER: MacAddr = MacAddr([0x02, 0, 0, 0, 0, 0x77]);

/// A host with bridge br0 and containers on ports v1 to vn, called c1 to cn.
struct Scene {
    host: Host,
    containers: Vec<Netns>,
}

impl Scene {
    fn new(n: u8, hook: &str) -> Self {
        let host = Host::new();
        host.ok(&["bridge", "add", "br0"]);
        let mut scene = Self {
            host,
            containers: Vec::new(),
        };
        (1..=n).for_each(|_| scene.add("br0", hook));
        scene
    }

    /// Puts the next container on `bridge`: address 10.9.0.n, Ethernet address [`station`] n.
    fn add(&mut self, bridge: &str, hook: &str) {
        let n = u8::try_from(self.containers.len() + 1).expect("a few");
        self.containers.push(container(&self.host, n));
        let (port, name) = (format!("v{n}"), format!("c{n}"));
        let add = ["port", "add", bridge, &port, "--hook", hook, "--name"];
        self.host.ok(&[&add[..], &[&name]].concat());
    }

    /// A raw socket in each container.
    fn wires(&self) -> Vec<Wire> {
        let open = |netns| Wire::open(netns, "eth0");
        self.containers.iter().map(open).collect()
    }

    /// What a command prints as JSON.
    fn json(&self, args: &[&str]) -> Value {
        let text = self.host.ok(&[args, &["--json"]].concat());
        assert_eq!(text.lines().count(), 1, "one line of JSON: {text}");
        serde_json::from_str(&text).expect("JSON")
    }

    /// The counters of port `ifname` of br0.
    fn stats(&self, ifname: &str) -> Value {
        pick(&self.json(&["stats", "br0"])["ports"], "port", ifname)
    }

    /// The addresses in the FDB of br0, by its order.
    fn macs(&self) -> Vec<String> {
        let entries = self.json(&["fdb", "show", "br0"]);
        let entries = entries.as_array().expect("an array").iter();
        let mac = |entry: &Value| entry["mac"].as_str().expect("an address").to_owned();
        entries.map(mac).collect()
    }
}

/// Makes the veth pair of container `n`.
fn container(host: &Host, n: u8) -> Netns {
    let address = format!("10.9.0.{n}/24");
    host.container(&format!("v{n}"), Some(station(n).0), Some(&address))
}

/// The Ethernet address of container `n`.
const fn station(n: u8) -> MacAddr {
    MacAddr([0x02, 0x42, 0x0a, 0x09, 0, n])
}

/// A frame from `src` that everybody hears.
fn hello(src: MacAddr) -> Vec<u8> {
    frame(MacAddr::BROADCAST, src, "hello")
}

/// Sends a broadcast from `src` on wire `at`, from 0; all others must hear it.
fn announce(wires: &[Wire], at: usize, src: MacAddr) {
    wires[at].send(&hello(src));
    for (_, wire) in wires.iter().enumerate().filter(|(n, _)| *n != at) {
        wire.expect_frame(&hello(src));
    }
}

/// The object in an array whose `field` is `value`.
fn pick(array: &Value, field: &str, value: &str) -> Value {
    let array = array.as_array().expect("an array");
    let found = array.iter().find(|object| object[field] == value);
    let found = found.unwrap_or_else(|| panic!("no {field} {value} in {array:?}"));
    found.clone()
}

/// Names of the fields of an object, in order of the alphabet.
fn fields(object: &Value) -> Vec<&str> {
    let object = object.as_object().expect("an object");
    let mut names: Vec<&str> = object.keys().map(String::as_str).collect();
    names.sort_unstable();
    names
}

/// Expects that the object has these fields; there may be more.
fn assert_has(object: &Value, wanted: &[&str]) {
    let names = fields(object);
    for field in wanted {
        assert!(names.contains(field), "no {field} in {object}");
    }
}

/// Waits until `done`, at most ten seconds.
fn eventually(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !done() {
        assert!(Instant::now() < deadline, "{what} did not come to pass");
        thread::park_timeout(Duration::from_millis(50));
    }
}
