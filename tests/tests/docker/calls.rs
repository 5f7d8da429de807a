//! The plugin's calls without Docker, malformed, and many at once.

use std::{
    io::{Read as _, Write as _},
    thread,
};

use netbridge_tests::{frame::Dice, require::note, require_root, topology::Host};
use serde_json::json;

use crate::{
    raw::{connect, fails, ok, parse, post, refused, request, send, send_and_end},
    scene::{Serve, Traces},
};

/// Every call that reads what it is told, and changes something.
const CALLS: [&str; 12] = [
    "NetworkDriver.CreateNetwork",
    "NetworkDriver.DeleteNetwork",
    "NetworkDriver.CreateEndpoint",
    "NetworkDriver.EndpointOperInfo",
    "NetworkDriver.DeleteEndpoint",
    "NetworkDriver.Join",
    "NetworkDriver.Leave",
    "NetworkDriver.ProgramExternalConnectivity",
    "NetworkDriver.RevokeExternalConnectivity",
    "IpamDriver.ReleasePool",
    "IpamDriver.RequestAddress",
    "IpamDriver.ReleaseAddress",
];

pub(crate) const NET: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
pub(crate) const ENDPOINT: &str =
    "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc";

/// A host with the plugin, and what is there of networks at first.
pub(crate) fn plugin(host: &Host) -> (Serve<'_>, Traces) {
    let serve = Serve::start(host);
    (serve, Traces::of(host))
}

/// The plugin answers the next call, and nothing has come of the last ones.
pub(crate) fn unharmed(host: &Host, serve: &mut Serve<'_>, before: &Traces) {
    assert!(serve.is_up(), "serve has ended");
    let implements = ok(host, "Plugin.Activate", &json!({}));
    assert_eq!(
        implements["Implements"],
        json!(["NetworkDriver", "IpamDriver"])
    );
    assert_eq!(&Traces::of(host), before);
}

#[test]
fn malformed_calls_fail_in_the_field_that_docker_reads() {
    require_root!();
    let host = Host::new();
    let (mut serve, before) = plugin(&host);
    for name in CALLS.into_iter().chain(["IpamDriver.RequestPool"]) {
        note(name);
        for body in [
            "{\"NetworkID\":\"aaaaaaaaaaaaaa\",\"PoolID\":\"x\",\"Pool\":\"1",
            "{",
            "[]x",
            "\"text\"",
            "17",
            "nul",
            "{\"NetworkID\":7,\"PoolID\":7,\"Pool\":7}",
            "{\"NetworkID\":{},\"EndpointID\":[],\"PoolID\":[],\"Pool\":{}}",
            "{\"NetworkID\":\"a\",\"NetworkID\":\"a\",\"Pool\":\"no\",\"PoolID\":true}",
            "\u{0}\u{1}\u{2}",
        ] {
            fails(&host, name, body.as_bytes());
        }
        fails(
            &host,
            name,
            b"{\"NetworkID\":\"\xff\",\"PoolID\":\"\xff\",\"Pool\":\"\xff\"}",
        );
        let deep = "[".repeat(100_000);
        fails(&host, name, deep.as_bytes());
        let wide = format!("{{\"NetworkID\":\"{}\"}}", "x".repeat(900_000));
        if !name.ends_with("RequestPool") && !name.ends_with("DeleteNetwork") {
            fails(&host, name, wide.as_bytes());
        }
    }
    // Docker repeats a call that was cut off, but not what it said.
    for name in CALLS.into_iter().chain(["IpamDriver.RequestPool"]) {
        let text = fails(&host, name, b"");
        assert!(text.contains("empty"), "{name}: {text}");
    }
    for name in CALLS {
        let text = fails(&host, name, b"{}");
        assert!(text.contains("missing field"), "{name}: {text}");
    }
    unharmed(&host, &mut serve, &before);
}

#[test]
fn requests_that_are_none_are_refused_and_the_next_is_answered() {
    require_root!();
    let host = Host::new();
    let (mut serve, before) = plugin(&host);
    for name in [
        "NetworkDriver.Nothing",
        "IpamDriver.Nothing",
        "Plugin.Nothing",
        "VolumeDriver.List",
        "NetworkDriver",
        "",
        "..",
        "NetworkDriver.CreateNetwork/x",
        "NetworkDriver.%2e%2e%2f",
    ] {
        let answer = post(&host, name, b"{}");
        assert_eq!(answer.status, 404, "{name}: {answer:?}");
        refused(name, &answer);
    }
    for method in ["GET", "PUT", "DELETE", "OPTIONS", "BREW"] {
        let answer = parse(&send(&host, &request(method, "Plugin.Activate", b"")));
        assert_eq!(answer.status, 405, "{method}: {answer:?}");
        refused("Plugin.Activate", &answer);
    }
    let huge = vec![b' '; (1 << 20) + 1];
    let answer = parse(&send(
        &host,
        &request("POST", "IpamDriver.RequestPool", &huge),
    ));
    assert_eq!(answer.status, 413, "{answer:?}");
    refused("IpamDriver.RequestPool", &answer);
    for garbage in [
        &b"hello\r\n\r\n"[..],
        b"\0\0\0\0",
        b"GET\r\n\r\n",
        b"POST /Plugin.Activate HTTP/9.9\r\n\r\n",
        b"POST /Plugin.Activate HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST /Plugin.Activate HTTP/1.1\r\nContent-Length: 99999999999999999999999\r\n\r\n",
        b"POST /Plugin.Activate HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ] {
        let answer = String::from_utf8_lossy(&send_and_end(&host, garbage)).into_owned();
        assert!(!answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    // Half a request, and nothing after it.
    let whole = request(
        "POST",
        "IpamDriver.RequestPool",
        b"{\"Pool\":\"10.1.0.0/16\"}",
    );
    for length in [0, 1, 20, whole.len() / 2, whole.len() - 1] {
        let mut stream = connect(&host);
        stream.write_all(&whole[..length]).expect("send");
        drop(stream);
    }
    unharmed(&host, &mut serve, &before);
}

#[test]
fn fifty_connections_at_once_are_all_answered() {
    require_root!();
    let host = Host::new();
    let (mut serve, before) = plugin(&host);
    // Connections that say nothing stop nobody.
    let idle: Vec<_> = (0..50).map(|_| connect(&host)).collect();
    let streams: Vec<_> = (0..50).map(|_| connect(&host)).collect();
    let pools = thread::scope(|scope| {
        let ask = |(n, mut stream): (usize, std::os::unix::net::UnixStream)| {
            scope.spawn(move || {
                let body = json!({"Pool": format!("10.{n}.0.0/16")}).to_string();
                let request = request("POST", "IpamDriver.RequestPool", body.as_bytes());
                stream.write_all(&request).expect("ask");
                let mut answer = Vec::new();
                stream.read_to_end(&mut answer).expect("be answered");
                let answer = parse(&answer);
                assert_eq!(answer.status, 200, "{answer:?}");
                answer.body["PoolID"].as_str().expect("an id").to_owned()
            })
        };
        let asked: Vec<_> = streams.into_iter().enumerate().map(ask).collect();
        let join = |thread: thread::ScopedJoinHandle<'_, String>| thread.join();
        asked.into_iter().map(join).collect::<Result<Vec<_>, _>>()
    });
    let pools = pools.expect("all are answered");
    let mut different = pools.clone();
    different.sort();
    different.dedup();
    assert_eq!(different.len(), 50);
    for pool in &pools {
        ok(&host, "IpamDriver.ReleasePool", &json!({"PoolID": pool}));
    }
    drop(idle);
    unharmed(&host, &mut serve, &before);
}

#[test]
fn bytes_by_chance_do_no_harm() {
    require_root!();
    let host = Host::new();
    let (mut serve, before) = plugin(&host);
    let seed: u64 = 0x0d0c_4e42;
    note(format_args!("seed {seed:#x}"));
    let mut random = Dice(seed);
    let valid = json!({"NetworkID": NET, "EndpointID": ENDPOINT, "PoolID": "x", "Address": "10.1.0.2",
        "Interface": {"Address": "10.1.0.2/24"}, "Options": {}, "SandboxKey": "/var/run/docker/netns/x"})
    .to_string();
    for _ in 0..300 {
        let name = random.pick(&CALLS);
        if name.ends_with("DeleteNetwork") || name.starts_with("IpamDriver.Release") {
            continue;
        }
        let mut body = valid.clone().into_bytes();
        for _ in 0..=random.below(4) {
            let at = random.below(body.len());
            let mut octet = [0];
            random.fill(&mut octet);
            match random.below(3) {
                0 => body[at] = octet[0],
                1 => body.truncate(at.max(1)),
                _ => body.insert(at, octet[0]),
            }
        }
        let answer = post(&host, name, &body);
        assert!([200, 500].contains(&answer.status), "{name} {answer:?}");
        if answer.status == 500 {
            refused(name, &answer);
        }
        let mut whole = request("POST", name, &body);
        let at = random.below(whole.len());
        random.fill(&mut whole[at..][..1]);
        send_and_end(&host, &whole);
    }
    unharmed(&host, &mut serve, &before);
}
