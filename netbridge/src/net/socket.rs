//! One blocking netlink exchange: a request, its replies, its acknowledgement.
//!
//! rtnetlink's own connection needs an async runtime and a task beside it, and a runtime cannot be
//! started from within another. Its message types are used here over a plain socket, so that
//! callers may sit in a runtime or not.

use std::{cell::Cell, io};

use nix::errno::Errno;
use rtnetlink::{
    packet_core::{
        NLM_F_ACK, NLM_F_DUMP, NLM_F_DUMP_INTR, NLM_F_REQUEST, NetlinkDeserializable,
        NetlinkHeader, NetlinkMessage, NetlinkPayload, NetlinkSerializable, NlasIterator,
    },
    sys::{Socket, SocketAddr},
};

use super::Refusal;

/// More than the kernel puts into one datagram (32 KiB, `netlink_recvmsg`).
pub(super) const DATAGRAM_BYTES: usize = 64 * 1024;
/// A dump is repeated this often when the tables changed under it.
const DUMP_ATTEMPTS: usize = 8;
const NLMSG_HEADER_BYTES: usize = 16;
const NLMSGERR_ATTR_MSG: u16 = 1;

/// A netlink socket in the namespace of the thread that made it.
#[derive(Debug)]
pub(super) struct NetlinkSocket {
    socket: Socket,
    sequence: Cell<u32>,
}

impl NetlinkSocket {
    /// Opens a socket of a protocol such as `NETLINK_ROUTE`.
    pub(super) fn new(protocol: isize) -> io::Result<Self> {
        let socket = Socket::new(protocol)?;
        socket.set_ext_ack(true)?;
        socket.set_cap_ack(true)?;
        Ok(Self {
            socket,
            sequence: Cell::new(0),
        })
    }

    /// Sends `message` and returns what the kernel answered before its acknowledgement.
    pub(super) fn request<I>(&self, message: I, flags: u16) -> Result<Vec<I>, Refusal>
    where
        I: NetlinkSerializable + NetlinkDeserializable,
    {
        let sequence = self.send(message, NLM_F_ACK | flags)?;
        Ok(self.receive(sequence)?.messages)
    }

    /// Asks for all objects that `message` describes.
    pub(super) fn dump<I>(&self, message: I) -> Result<Vec<I>, Refusal>
    where
        I: NetlinkSerializable + NetlinkDeserializable + Clone,
    {
        for _ in 1..DUMP_ATTEMPTS {
            let sequence = self.send(message.clone(), NLM_F_DUMP)?;
            let replies = self.receive(sequence)?;
            if !replies.interrupted {
                return Ok(replies.messages);
            }
        }
        let sequence = self.send(message, NLM_F_DUMP)?;
        Ok(self.receive(sequence)?.messages)
    }

    fn send<I: NetlinkSerializable>(&self, message: I, flags: u16) -> Result<u32, Refusal> {
        let sequence = self.sequence.get().wrapping_add(1);
        self.sequence.set(sequence);
        let mut header = NetlinkHeader::default();
        header.flags = NLM_F_REQUEST | flags;
        header.sequence_number = sequence;
        let mut packet = NetlinkMessage::new(header, NetlinkPayload::InnerMessage(message));
        packet.finalize();
        let mut bytes = vec![0; packet.buffer_len()];
        packet.serialize(&mut bytes);
        retry_interrupted(|| self.socket.send_to(&bytes, &SocketAddr::new(0, 0), 0))?;
        Ok(sequence)
    }

    fn receive<I: NetlinkDeserializable>(&self, sequence: u32) -> Result<Replies<I>, Refusal> {
        let mut replies = Replies {
            messages: Vec::new(),
            interrupted: false,
        };
        let mut datagram = Vec::with_capacity(DATAGRAM_BYTES);
        loop {
            datagram.clear();
            let (length, from) =
                retry_interrupted(|| self.socket.recv_from(&mut datagram, libc::MSG_TRUNC))?;
            if length > datagram.len() {
                return Err(Errno::EMSGSIZE.into());
            }
            if from.port_number() != 0 {
                continue; // Another process: only the kernel is believed.
            }
            for message in messages::<I>(&datagram) {
                let (header, payload) = message.into_parts();
                if header.sequence_number != sequence {
                    continue; // Left over from a request that failed half way.
                }
                replies.interrupted |= header.flags & NLM_F_DUMP_INTR != 0;
                let (code, attributes) = match payload {
                    NetlinkPayload::InnerMessage(inner) => {
                        replies.messages.push(inner);
                        continue;
                    }
                    NetlinkPayload::Error(error) => (
                        error.raw_code(),
                        error.header.get(NLMSG_HEADER_BYTES..).map(<[_]>::to_vec),
                    ),
                    NetlinkPayload::Done(done) => (done.code, Some(done.extended_ack)),
                    _ => continue,
                };
                return match code {
                    0.. => Ok(replies),
                    _ => Err(refusal(code, &attributes.unwrap_or_default())),
                };
            }
        }
    }
}

struct Replies<I> {
    messages: Vec<I>,
    /// The objects changed during the dump, so that some may be missing.
    interrupted: bool,
}

/// The messages of a datagram. One that this build cannot decode is logged and left out, so that a
/// strange interface does not hide the others.
pub(super) fn messages<I: NetlinkDeserializable>(
    datagram: &[u8],
) -> impl Iterator<Item = NetlinkMessage<I>> {
    split(datagram).filter_map(|bytes| {
        NetlinkMessage::deserialize(bytes)
            .inspect_err(|error| tracing::warn!(%error, "skip an unreadable netlink message"))
            .ok()
    })
}

/// Cuts a datagram at the length fields of its message headers; stops at the first bad one.
fn split(datagram: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = datagram;
    std::iter::from_fn(move || {
        let length = usize::try_from(u32::from_ne_bytes(*rest.first_chunk()?)).ok()?;
        if length < NLMSG_HEADER_BYTES {
            return None;
        }
        let message = rest.get(..length)?;
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some(message)
    })
}

fn refusal(code: i32, attributes: &[u8]) -> Refusal {
    let message = NlasIterator::new(attributes)
        .map_while(Result::ok)
        .find(|attribute| attribute.kind() == NLMSGERR_ATTR_MSG)
        .map(|attribute| {
            String::from_utf8_lossy(attribute.value())
                .trim_end_matches('\0')
                .to_owned()
        });
    Refusal {
        errno: Errno::from_raw(code.wrapping_neg()),
        message,
    }
}

fn retry_interrupted<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_datagram_is_cut_at_aligned_headers() {
        let mut datagram = vec![0; 20 + 16];
        datagram[0] = 18; // Padded to 20.
        datagram[20] = 16;
        let lengths: Vec<_> = split(&datagram).map(<[u8]>::len).collect();
        assert_eq!(lengths, [18, 16]);
    }

    #[test]
    fn a_bad_length_ends_the_datagram() {
        for length in [0, 15, 17] {
            let mut datagram = vec![0; 16];
            datagram[0] = length;
            assert_eq!(split(&datagram).count(), 0, "length {length}");
        }
        assert_eq!(split(&[16, 0, 0]).count(), 0);
    }

    #[test]
    fn a_refusal_carries_the_kernels_words() {
        let refusal = refusal(-22, b"\x08\0\x01\0bad\0");
        assert_eq!(refusal.errno, Errno::EINVAL);
        assert_eq!(refusal.message.as_deref(), Some("bad"));
    }
}
