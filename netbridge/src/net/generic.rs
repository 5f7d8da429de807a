//! Generic netlink messages, as far as asking a family one thing needs them.
//!
//! The crate netlink-packet-generic is tied to another version of the traits than rtnetlink is.

use std::{convert::Infallible, ffi::CStr};

use nix::errno::Errno;
use rtnetlink::packet_core::{
    DefaultNla, Emitable as _, NetlinkDeserializable, NetlinkHeader, NetlinkSerializable,
    NlasIterator,
};

use super::{Refusal, socket::NetlinkSocket};

/// `struct genlmsghdr`: command, version and two reserved bytes.
const HEADER_BYTES: usize = 4;
const VERSION: u8 = 1;

// include/uapi/linux/genetlink.h
const GENL_ID_CTRL: u16 = 16;
const CTRL_CMD_GETFAMILY: u8 = 3;
const CTRL_ATTR_FAMILY_ID: u16 = 1;
const CTRL_ATTR_FAMILY_NAME: u16 = 2;

/// A message of any family.
#[derive(Debug, Clone)]
pub(super) struct Message {
    family: u16,
    command: u8,
    attributes: Vec<u8>,
}

impl Message {
    /// A request with one attribute.
    pub(super) fn new(family: u16, command: u8, kind: u16, value: &[u8]) -> Self {
        let attribute = DefaultNla::new(kind, value.to_vec());
        let mut attributes = vec![0; attribute.buffer_len()];
        attribute.emit(&mut attributes);
        Self {
            family,
            command,
            attributes,
        }
    }

    /// The value of the first attribute of this kind that has the expected size.
    pub(super) fn attribute<const N: usize>(&self, kind: u16) -> Option<[u8; N]> {
        NlasIterator::new(self.attributes.as_slice())
            .map_while(Result::ok)
            .filter(|attribute| attribute.kind() == kind)
            .find_map(|attribute| attribute.value().try_into().ok())
    }
}

impl NetlinkSerializable for Message {
    fn message_type(&self) -> u16 {
        self.family
    }

    fn buffer_len(&self) -> usize {
        HEADER_BYTES + self.attributes.len()
    }

    fn serialize(&self, buffer: &mut [u8]) {
        let (header, attributes) = buffer.split_at_mut(HEADER_BYTES);
        header.copy_from_slice(&[self.command, VERSION, 0, 0]);
        attributes.copy_from_slice(&self.attributes);
    }
}

impl NetlinkDeserializable for Message {
    type Error = Infallible;

    fn deserialize(header: &NetlinkHeader, payload: &[u8]) -> Result<Self, Infallible> {
        let command = payload.first().copied().unwrap_or(0);
        let attributes = payload.get(HEADER_BYTES..).unwrap_or_default().to_vec();
        Ok(Self {
            family: header.message_type,
            command,
            attributes,
        })
    }
}

/// The number of a family; `None` if the kernel has no such family.
pub(super) fn family_id(socket: &NetlinkSocket, name: &CStr) -> Result<Option<u16>, Refusal> {
    let name = name.to_bytes_with_nul();
    let request = Message::new(
        GENL_ID_CTRL,
        CTRL_CMD_GETFAMILY,
        CTRL_ATTR_FAMILY_NAME,
        name,
    );
    match socket.request(request, 0) {
        Ok(replies) => {
            let id = replies
                .iter()
                .find_map(|reply| reply.attribute(CTRL_ATTR_FAMILY_ID));
            Ok(id.map(u16::from_ne_bytes))
        }
        Err(refusal) if refusal.errno == Errno::ENOENT => Ok(None),
        Err(refusal) => Err(refusal),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_found_by_kind_and_size() {
        let message = Message::new(20, 1, 3, &7_u64.to_ne_bytes());
        assert_eq!(message.attribute(3), Some(7_u64.to_ne_bytes()));
        assert_eq!(message.attribute::<4>(3), None);
        assert_eq!(message.attribute::<8>(1), None);
    }

    #[test]
    fn a_message_survives_the_wire() {
        let message = Message::new(20, 1, 1, &[9, 8, 7]);
        let mut bytes = vec![0; message.buffer_len()];
        message.serialize(&mut bytes);
        assert_eq!(bytes, [1, 1, 0, 0, 7, 0, 1, 0, 9, 8, 7, 0]);
        let Ok(read) = Message::deserialize(&NetlinkHeader::default(), &bytes);
        assert_eq!(read.attribute(1), Some([9, 8, 7]));
    }
}
