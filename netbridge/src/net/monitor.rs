//! Events of interfaces, as they happen.

use std::{collections::VecDeque, io};

use nix::sys::socket::{
    setsockopt,
    sockopt::{RcvBuf, RcvBufForce},
};
use rtnetlink::{
    packet_core::NetlinkPayload,
    packet_route::{AddressFamily, RouteNetlinkMessage},
    sys::{
        AsyncSocket as _, AsyncSocketExt as _, SocketAddr, TokioSocket, protocols::NETLINK_ROUTE,
    },
};

use super::{
    Link, NetError,
    socket::{DATAGRAM_BYTES, messages},
};

/// `RTMGRP_LINK`, the bind mask of `RTNLGRP_LINK`.
const LINK_GROUP_MASK: u32 = 1;
/// Room for some thousands of events.
const RECEIVE_BUFFER_BYTES: usize = 4 * 1024 * 1024;

/// Something happened to an interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkEvent {
    /// An interface appeared or changed; the kernel does not tell which.
    New(Link),
    /// An interface was deleted, or moved to another namespace.
    Deleted {
        /// Its index.
        ifindex: u32,
        /// The name it had.
        name: String,
    },
    /// Events came faster than they were read. All up to this moment are lost: read the interfaces
    /// again.
    Overrun,
}

/// The events of the namespace that the thread was in when it made the monitor.
pub struct LinkMonitor {
    socket: TokioSocket,
    datagram: Vec<u8>,
    pending: VecDeque<LinkEvent>,
}

impl LinkMonitor {
    /// Subscribes to the events. Must be called within a tokio runtime.
    ///
    /// To miss nothing, subscribe first and read the interfaces then.
    pub fn new() -> Result<Self, NetError> {
        let socket = subscribe().map_err(|error| NetError::refused("monitor interfaces", error))?;
        let datagram = Vec::with_capacity(DATAGRAM_BYTES);
        Ok(Self {
            socket,
            datagram,
            pending: VecDeque::new(),
        })
    }

    /// Waits for the next event. Nothing is lost if the future is dropped.
    pub async fn next(&mut self) -> Result<LinkEvent, NetError> {
        loop {
            if let Some(event) = self.pending.pop_front() {
                return Ok(event);
            }
            self.datagram.clear();
            match self.socket.recv_from(&mut self.datagram).await {
                Ok(from) if from.port_number() == 0 => {
                    let messages = messages(&self.datagram);
                    self.pending
                        .extend(messages.filter_map(|message| as_event(message.payload)));
                }
                Ok(_) => {} // Another process: only the kernel is believed.
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if is_overrun(&error) => {
                    self.drain();
                    return Ok(LinkEvent::Overrun);
                }
                Err(error) => return Err(NetError::refused("read interface events", error)),
            }
        }
    }

    /// Throws away what is queued, which would be older than what the caller reads next.
    fn drain(&mut self) {
        loop {
            self.datagram.clear();
            match self.socket.socket_ref().recv_from(&mut self.datagram, 0) {
                Ok(_) => {}
                Err(error) if is_overrun(&error) => {}
                Err(_) => return,
            }
        }
    }
}

/// The kernel had no room for an event.
fn is_overrun(error: &io::Error) -> bool {
    error.raw_os_error() == Some(libc::ENOBUFS)
}

fn subscribe() -> io::Result<TokioSocket> {
    let mut socket = TokioSocket::new(NETLINK_ROUTE)?;
    // Only CAP_NET_ADMIN may go beyond net.core.rmem_max.
    if setsockopt(socket.socket_ref(), RcvBufForce, &RECEIVE_BUFFER_BYTES).is_err() {
        setsockopt(socket.socket_ref(), RcvBuf, &RECEIVE_BUFFER_BYTES)?;
    }
    socket
        .socket_mut()
        .bind(&SocketAddr::new(0, LINK_GROUP_MASK))?;
    Ok(socket)
}

fn as_event(payload: NetlinkPayload<RouteNetlinkMessage>) -> Option<LinkEvent> {
    let NetlinkPayload::InnerMessage(message) = payload else {
        return None;
    };
    match message {
        // A kernel bridge announces its ports on the same group, and one that left as deleted.
        RouteNetlinkMessage::NewLink(link) | RouteNetlinkMessage::DelLink(link)
            if link.header.interface_family != AddressFamily::Unspec =>
        {
            None
        }
        RouteNetlinkMessage::NewLink(link) => Some(LinkEvent::New(link.into())),
        RouteNetlinkMessage::DelLink(link) => {
            let Link { ifindex, name, .. } = link.into();
            Some(LinkEvent::Deleted { ifindex, name })
        }
        _ => None,
    }
}
