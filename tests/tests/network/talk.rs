//! Connections between namespaces, and web pages.

use std::{
    io::{Read as _, Write as _},
    net::SocketAddr,
};

use netbridge::net::Netns;
pub(crate) use netbridge_tests::talk::{SILENCE, Server, connect, is_closed};
use netbridge_tests::traffic::PATIENCE;

use super::bed::eventually;

/// What a web server answers at `to`.
pub(crate) fn page(from: &Netns, to: SocketAddr) -> String {
    let mut stream = None;
    eventually("the web server", || {
        stream = connect(from, to, PATIENCE);
        stream.is_some()
    });
    let mut stream = stream.expect("connected");
    stream.set_read_timeout(Some(PATIENCE)).expect("timeout");
    stream
        .write_all(b"GET /index.html HTTP/1.0\r\n\r\n")
        .expect("ask");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("be answered");
    answer
}
