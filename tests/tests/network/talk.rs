//! Connections between namespaces, and that there are none.

use std::{
    io::{ErrorKind, Read as _, Write as _},
    net::{IpAddr, SocketAddr, TcpListener, TcpStream},
    thread,
    time::{Duration, Instant},
};

use netbridge::net::Netns;
use netbridge_tests::traffic::PATIENCE;

use super::bed::{at, eventually};

/// How long a connection that must not come to be is waited for.
pub(crate) const SILENCE: Duration = Duration::from_millis(400);

/// A server of TCP, on all addresses of a namespace, that greets each client.
pub(crate) struct Server(TcpListener);

impl Server {
    pub(crate) fn new(netns: &Netns, port: u16) -> Self {
        let listen = || {
            TcpListener::bind(at("::", port)).or_else(|_| TcpListener::bind(at("0.0.0.0", port)))
        };
        let listener = netns.run(listen).expect("enter the namespace");
        let listener = listener.expect("listen");
        listener.set_nonblocking(true).expect("set nonblocking");
        Self(listener)
    }

    /// The address that a client in `from` has for the server when it connects to `to`; `None` if the
    /// connection does not come here.
    pub(crate) fn sees(&self, from: &Netns, to: SocketAddr) -> Option<IpAddr> {
        let mut client = connect(from, to, PATIENCE)?;
        let deadline = Instant::now() + PATIENCE;
        let (mut stream, peer) = loop {
            match self.0.accept() {
                Ok(accepted) => break accepted,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    if Instant::now() > deadline {
                        return None;
                    }
                    thread::park_timeout(Duration::from_millis(2));
                }
                Err(error) => panic!("accept: {error}"),
            }
        };
        stream.write_all(b"hello").expect("greet");
        drop(stream);
        let mut greeting = String::new();
        client.set_read_timeout(Some(PATIENCE)).expect("timeout");
        client.read_to_string(&mut greeting).expect("be greeted");
        assert_eq!(greeting, "hello");
        Some(peer.ip().to_canonical())
    }
}

/// Says whether a connection to `to` is refused or gets no answer.
pub(crate) fn is_closed(from: &Netns, to: SocketAddr) -> bool {
    connect(from, to, SILENCE).is_none()
}

pub(crate) fn connect(from: &Netns, to: SocketAddr, patience: Duration) -> Option<TcpStream> {
    let connect = || TcpStream::connect_timeout(&to, patience).ok();
    from.run(connect).expect("enter the namespace")
}

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
