//! Sending whole frames out of interfaces.
#![expect(unsafe_code, reason = "nix has no safe way to name an interface")]

use std::{
    io,
    os::fd::{AsRawFd as _, OwnedFd},
};

use nix::sys::socket::{
    AddressFamily, LinkAddr, MsgFlags, SockFlag, SockType, SockaddrLike as _, sendto, socket,
};

/// A packet socket that receives nothing, in the namespace of the thread that made it.
#[derive(Debug)]
pub struct PacketSocket(OwnedFd);

impl PacketSocket {
    /// Opens it.
    pub fn new() -> io::Result<Self> {
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        Ok(Self(socket(
            AddressFamily::Packet,
            SockType::Raw,
            flags,
            None,
        )?))
    }

    /// Sends a frame out of interface `ifindex`.
    pub fn send(&self, ifindex: u32, frame: &[u8]) -> io::Result<()> {
        let mut address = libc::sockaddr_ll {
            sll_family: u16::try_from(libc::AF_PACKET).unwrap_or_default(),
            sll_protocol: 0,
            sll_ifindex: i32::try_from(ifindex).map_err(io::Error::other)?,
            sll_hatype: 0,
            sll_pkttype: 0,
            sll_halen: 6,
            sll_addr: [0; 8],
        };
        if let Some(dst) = frame.first_chunk::<6>() {
            address.sll_addr[..6].copy_from_slice(dst);
        }
        let length = libc::socklen_t::try_from(size_of_val(&address)).ok();
        // SAFETY: the pointer is to an address of a packet socket, of the length given.
        let to = unsafe { LinkAddr::from_raw((&raw const address).cast(), length) };
        let to = to.ok_or_else(|| io::Error::other("no address of a packet socket"))?;
        sendto(self.0.as_raw_fd(), frame, &to, MsgFlags::empty())?;
        Ok(())
    }
}
