//! Calls of the plugin's socket, as bytes.

use std::{
    io::{Read as _, Write as _},
    net::Shutdown,
    os::unix::net::UnixStream,
    time::{Duration, Instant},
};

use netbridge::docker::SOCKET;
use netbridge_tests::topology::Host;
use serde_json::Value;

/// Longest that an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a call was answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
}

/// A connection to the plugin.
pub(crate) fn connect(host: &Host) -> UnixStream {
    let stream = host.run(|| UnixStream::connect(SOCKET));
    let stream = stream.expect("reach the plugin");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    stream.set_write_timeout(Some(PATIENCE)).expect("a timeout");
    stream
}

/// Sends a request, and returns what is answered until the end.
pub(crate) fn send(host: &Host, request: &[u8]) -> Vec<u8> {
    let mut stream = connect(host);
    // The plugin may answer and hang up in the middle of what is too long.
    let written = stream.write_all(request);
    answer_of(&mut stream, &format!("{written:?}"))
}

/// Sends what is none of HTTP, perhaps, and hangs up; returns what is answered.
pub(crate) fn send_and_end(host: &Host, request: &[u8]) -> Vec<u8> {
    let mut stream = connect(host);
    let written = stream.write_all(request);
    let ended = stream.shutdown(Shutdown::Write);
    answer_of(&mut stream, &format!("{written:?} {ended:?}"))
}

fn answer_of(stream: &mut UnixStream, how: &str) -> Vec<u8> {
    let mut answer = Vec::new();
    let begin = Instant::now();
    let read = stream.read_to_end(&mut answer);
    assert!(begin.elapsed() < PATIENCE, "no answer: {how} {read:?}");
    answer
}

/// A request, as Docker writes it.
pub(crate) fn request(method: &str, call: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "{method} /{call} HTTP/1.1\r\nHost: %2Frun%2Fdocker%2Fplugins%2Fnetbridge.sock\r\nAccept: \
         application/vnd.docker.plugins.v1.2+json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// Makes a call with any body.
pub(crate) fn post(host: &Host, call: &str, body: &[u8]) -> Answer {
    parse(&send(host, &request("POST", call, body)))
}

/// Makes a call.
pub(crate) fn call(host: &Host, name: &str, body: &Value) -> Answer {
    post(host, name, body.to_string().as_bytes())
}

/// Makes a call that must succeed; returns its answer.
pub(crate) fn ok(host: &Host, name: &str, body: &Value) -> Value {
    let answer = call(host, name, body);
    assert_eq!(answer.status, 200, "{name} {body}: {answer:?}");
    for field in ["Err", "Error"] {
        assert_eq!(answer.body[field], Value::Null, "{name} {body}");
    }
    answer.body
}

/// Makes a call that must fail; returns the error, from the field that Docker reads.
pub(crate) fn fails(host: &Host, name: &str, body: &[u8]) -> String {
    let answer = post(host, name, body);
    refused(name, &answer)
}

/// The error of an answer that must be one.
pub(crate) fn refused(name: &str, answer: &Answer) -> String {
    assert!(answer.status >= 400, "{name}: {answer:?}");
    let field = if name.starts_with("IpamDriver.") {
        "Error"
    } else {
        "Err"
    };
    let text = answer.body[field].as_str();
    let text = text.unwrap_or_else(|| panic!("{name}: no {field} in {answer:?}"));
    assert!(!text.is_empty() && !text.contains('\n'), "{name}: {text}");
    text.to_owned()
}

/// Reads an answer.
pub(crate) fn parse(answer: &[u8]) -> Answer {
    let text = String::from_utf8_lossy(answer);
    let (head, body) = text.split_once("\r\n\r\n").expect("an answer of HTTP");
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
    Answer {
        status: status.expect("a status"),
        body: serde_json::from_str(body).unwrap_or(Value::Null),
    }
}
