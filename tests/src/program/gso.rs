//! A raw socket for buffers that are to be segmented later, as a stack hands them to a device.
#![expect(
    unsafe_code,
    reason = "packet sockets have addresses and options of their own"
)]

use std::os::fd::{AsRawFd as _, OwnedFd};

use netbridge::net::{Links, Netns};
use nix::{
    errno::Errno,
    sys::socket::{AddressFamily, MsgFlags, SockFlag, SockType, send, socket},
};

use super::Gso;
use crate::frame::{HEADER_LEN, TAG_LEN, TCP_HEADERS, VLAN};

/// `VIRTIO_NET_HDR_F_NEEDS_CSUM`.
const NEEDS_CHECKSUM: u8 = 1;
/// `VIRTIO_NET_HDR_GSO_TCPV4`.
const TCP_OVER_IPV4: u8 = 1;
/// Octets of an IPv4 header.
const IPV4_LEN: usize = 20;
/// Where the checksum is in a TCP header.
const CHECKSUM_AT: u16 = 16;

/// A raw socket on an interface for buffers larger than its MTU.
pub struct BufferSocket(OwnedFd);

impl BufferSocket {
    /// Opens interface `ifname` of a namespace.
    pub fn open(netns: &Netns, ifname: &str) -> Self {
        Self(netns.run(|| open(ifname)).expect("enter the namespace"))
    }

    /// Sends a TCP segment over IPv4, with a customer tag or without.
    pub fn send(&self, frame: &[u8], gso: Gso) {
        let short = |n: usize| u16::try_from(n).expect("a small number").to_ne_bytes();
        let tagged = frame.get(12..14) == Some(&VLAN.to_be_bytes());
        let tag_len = if tagged { TAG_LEN } else { 0 };
        // struct virtio_net_hdr of linux/virtio_net.h
        let mut buffer = vec![NEEDS_CHECKSUM, TCP_OVER_IPV4];
        buffer.extend(short(TCP_HEADERS + tag_len));
        buffer.extend(short(gso.size as usize));
        buffer.extend(short(HEADER_LEN + IPV4_LEN + tag_len));
        buffer.extend(CHECKSUM_AT.to_ne_bytes());
        buffer.extend(frame);
        let sent = send(self.0.as_raw_fd(), &buffer, MsgFlags::empty()).expect("send a buffer");
        assert_eq!(sent, buffer.len());
    }
}

/// Sends one such segment.
pub fn send_buffer(netns: &Netns, ifname: &str, frame: &[u8], gso: Gso) {
    BufferSocket::open(netns, ifname).send(frame, gso);
}

fn open(ifname: &str) -> OwnedFd {
    let links = Links::new().expect("open the interfaces");
    let ifindex = links.by_name(ifname).expect("find the interface").ifindex;
    let flags = SockFlag::SOCK_CLOEXEC;
    let fd = socket(AddressFamily::Packet, SockType::Raw, flags, None).expect("open a socket");
    let on: libc::c_int = 1;
    let length = libc::socklen_t::try_from(size_of_val(&on)).expect("a small size");
    // SAFETY: the value is an integer of the length given, and lives through the call.
    let result = unsafe {
        libc::setsockopt(
            fd.as_raw_fd(),
            libc::SOL_PACKET,
            libc::PACKET_VNET_HDR,
            (&raw const on).cast(),
            length,
        )
    };
    Errno::result(result).expect("ask for headers of segmentation");
    // SAFETY: all zeros is a value of this structure of integers.
    let mut address: libc::sockaddr_ll = unsafe { std::mem::zeroed() };
    address.sll_family = u16::try_from(libc::AF_PACKET).expect("a small number");
    address.sll_ifindex = i32::try_from(ifindex).expect("an index below 2^31");
    let length = libc::socklen_t::try_from(size_of_val(&address)).expect("a small size");
    // SAFETY: the address is of the length given, and lives through the call.
    let result = unsafe { libc::bind(fd.as_raw_fd(), (&raw const address).cast(), length) };
    Errno::result(result).expect("bind a packet socket");
    fd
}
