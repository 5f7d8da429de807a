//! Connections of TCP between namespaces, and that there are none.

use std::{
    io::{ErrorKind, Read as _, Write as _},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream},
    thread,
    time::{Duration, Instant},
};

use netbridge::net::Netns;

use crate::traffic::PATIENCE;

/// How long a connection that must not come to be is waited for.
pub const SILENCE: Duration = Duration::from_millis(400);

/// A server of TCP that greets each client.
pub struct Server(TcpListener);

impl Server {
    /// A server at one address.
    pub fn new(netns: &Netns, address: SocketAddr) -> Self {
        let listen = || TcpListener::bind(address).expect("listen");
        Self::of(netns.run(listen).expect("enter the namespace"))
    }

    /// A server at all addresses of a namespace, of IPv6 too where there is that.
    pub fn any(netns: &Netns, port: u16) -> Self {
        let listen = || {
            TcpListener::bind((Ipv6Addr::UNSPECIFIED, port))
                .or_else(|_| TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)))
        };
        let listener = netns.run(listen).expect("enter the namespace");
        Self::of(listener.expect("listen"))
    }

    fn of(listener: TcpListener) -> Self {
        listener.set_nonblocking(true).expect("set nonblocking");
        Self(listener)
    }

    /// The address that a client in `from` has for the server when it connects to `to`; `None` if the
    /// connection does not come here.
    pub fn sees(&self, from: &Netns, to: SocketAddr) -> Option<IpAddr> {
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
pub fn is_closed(from: &Netns, to: SocketAddr) -> bool {
    connect(from, to, SILENCE).is_none()
}

/// Connects to `to`; `None` where that is refused or gets no answer.
pub fn connect(from: &Netns, to: SocketAddr, patience: Duration) -> Option<TcpStream> {
    let connect = || TcpStream::connect_timeout(&to, patience).ok();
    from.run(connect).expect("enter the namespace")
}
