//! A raw socket on an interface: frames out as they are given, frames in as they were on the wire.
#![expect(
    unsafe_code,
    reason = "packet sockets have addresses, options and messages of their own"
)]

use std::{
    io,
    os::fd::{AsRawFd as _, OwnedFd},
    ptr,
    time::{Duration, Instant},
};

use netbridge::net::{Links, Netns};
use netbridge_common::MacAddr;
use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::socket::{
        AddressFamily, SockFlag, SockType, send, setsockopt, socket, sockopt::RcvBufForce,
    },
};

/// Longest wait for a frame that has to come.
pub const SOON: Duration = Duration::from_secs(5);

/// Wait for frames that must not come, after those that must have.
pub const SILENCE: Duration = Duration::from_millis(60);

/// Ethertype of the frames of tests (IEEE Std 802, local experimental 1): no stack listens to it.
pub const TEST_ETHERTYPE: u16 = 0x88b5;

/// An untagged frame with `text` in it, padded to the least that Ethernet allows.
pub fn frame(dst: MacAddr, src: MacAddr, text: &str) -> Vec<u8> {
    typed_frame(dst, src, TEST_ETHERTYPE, text.as_bytes())
}

/// An untagged frame, padded to 60 octets.
pub fn typed_frame(dst: MacAddr, src: MacAddr, ethertype: u16, payload: &[u8]) -> Vec<u8> {
    let ethertype = ethertype.to_be_bytes();
    let mut frame = [&dst.0[..], &src.0[..], &ethertype[..], payload].concat();
    frame.resize(frame.len().max(60), 0);
    frame
}

/// A raw socket that sees every frame an interface receives, for whomever it is.
pub struct Wire {
    fd: OwnedFd,
}

impl Wire {
    /// Opens interface `ifname` for sending, and for receiving what others send.
    pub fn open(netns: &Netns, ifname: &str) -> Self {
        Self::make(netns, ifname, true)
    }

    /// Opens interface `ifname` for watching both directions.
    pub fn watch(netns: &Netns, ifname: &str) -> Self {
        Self::make(netns, ifname, false)
    }

    fn make(netns: &Netns, ifname: &str, ignore_outgoing: bool) -> Self {
        let open = || {
            let links = Links::new().expect("open the interfaces");
            let ifindex = links.by_name(ifname).expect("find the interface").ifindex;
            // Protocol 0 hears nothing yet, so nothing of another interface gets in before bind.
            let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
            let fd = socket(AddressFamily::Packet, SockType::Raw, flags, None)
                .expect("open a packet socket");
            setsockopt(&fd, RcvBufForce, &(8 << 20)).expect("set the receive buffer");
            set_option(&fd, libc::PACKET_AUXDATA, 1);
            set_option(&fd, libc::PACKET_IGNORE_OUTGOING, ignore_outgoing.into());
            bind(&fd, ifindex);
            fd
        };
        let fd = netns.run(open).expect("enter the namespace");
        Self { fd }
    }

    /// Sends a frame as it is.
    pub fn send(&self, frame: &[u8]) {
        let deadline = Instant::now() + SOON;
        loop {
            match send(
                self.fd.as_raw_fd(),
                frame,
                nix::sys::socket::MsgFlags::empty(),
            ) {
                Ok(sent) => return assert_eq!(sent, frame.len(), "octets of the frame sent"),
                // The interface's queue is full for a moment.
                Err(Errno::EAGAIN | Errno::ENOBUFS) if Instant::now() < deadline => {}
                Err(errno) => panic!("send a frame of {} octets: {errno}", frame.len()),
            }
        }
    }

    /// The next frame, if one comes `within` a time; tags that the kernel took out are back in.
    pub fn receive(&self, within: Duration) -> Option<Vec<u8>> {
        let deadline = Instant::now() + within;
        loop {
            if let Some(frame) = read(&self.fd) {
                return Some(frame);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return None;
            }
            let mut ready = [PollFd::new(
                std::os::fd::AsFd::as_fd(&self.fd),
                PollFlags::POLLIN,
            )];
            // Rounded up, so as not to spin through the last millisecond.
            let millis = u16::try_from(left.as_millis() + 1).unwrap_or(u16::MAX);
            match poll(&mut ready, PollTimeout::from(millis)) {
                Ok(_) | Err(Errno::EINTR) => {}
                Err(errno) => panic!("wait for a frame: {errno}"),
            }
        }
    }

    /// Waits for a frame that `wanted` likes; others are skipped.
    pub fn expect(&self, wanted: impl Fn(&[u8]) -> bool, within: Duration) -> Vec<u8> {
        let deadline = Instant::now() + within;
        let mut others = 0;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.receive(left) {
                Some(frame) if wanted(&frame) => return frame,
                Some(_) => others += 1,
                None => panic!("the frame did not come within {within:?}; {others} others did"),
            }
        }
    }

    /// Waits for `frame`, as it is.
    pub fn expect_frame(&self, frame: &[u8]) {
        self.expect(|received| received == frame, SOON);
    }

    /// Waits for `frame` and asserts that it comes once.
    pub fn expect_once(&self, frame: &[u8]) {
        self.expect_frame(frame);
        self.expect_no(|received| received == frame, SILENCE);
    }

    /// Asserts that no frame of a test comes within a time.
    pub fn expect_silence(&self, within: Duration) {
        self.expect_no(is_test_frame, within);
    }

    /// Asserts that no frame that `unwanted` knows comes within a time.
    pub fn expect_no(&self, unwanted: impl Fn(&[u8]) -> bool, within: Duration) {
        let deadline = Instant::now() + within;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.receive(left) {
                Some(frame) => assert!(!unwanted(&frame), "this came: {frame:02x?}"),
                None => return,
            }
        }
    }
}

/// Asserts that `frame` arrives once at each of `at`, and at none of `not_at`.
pub fn expect_delivery(frame: &[u8], at: &[&Wire], not_at: &[&Wire]) {
    for wire in at {
        wire.expect_frame(frame);
    }
    let deadline = Instant::now() + SILENCE;
    for wire in at.iter().chain(not_at) {
        let left = deadline.saturating_duration_since(Instant::now());
        wire.expect_no(|received| received == frame, left);
    }
}

/// Says whether a frame is one of a test's own.
pub fn is_test_frame(frame: &[u8]) -> bool {
    frame.get(12..14) == Some(&TEST_ETHERTYPE.to_be_bytes())
}

fn set_option(fd: &OwnedFd, option: libc::c_int, value: libc::c_int) {
    let length = libc::socklen_t::try_from(size_of::<libc::c_int>()).expect("a small size");
    // SAFETY: the value is an integer of the length given, and lives through the call.
    let result = unsafe {
        libc::setsockopt(
            fd.as_raw_fd(),
            libc::SOL_PACKET,
            option,
            (&raw const value).cast(),
            length,
        )
    };
    Errno::result(result).expect("set an option of a packet socket");
}

fn bind(fd: &OwnedFd, ifindex: u32) {
    // SAFETY: all zeros is a value of this structure of integers.
    let mut address: libc::sockaddr_ll = unsafe { std::mem::zeroed() };
    address.sll_family = u16::try_from(libc::AF_PACKET).expect("a small number");
    address.sll_protocol = u16::try_from(libc::ETH_P_ALL)
        .expect("a small number")
        .to_be();
    address.sll_ifindex = i32::try_from(ifindex).expect("an index below 2^31");
    let length = libc::socklen_t::try_from(size_of_val(&address)).expect("a small size");
    // SAFETY: the address is of the length given, and lives through the call.
    let result = unsafe { libc::bind(fd.as_raw_fd(), (&raw const address).cast(), length) };
    Errno::result(result).expect("bind a packet socket");
}

/// The next frame that waits.
fn read(fd: &OwnedFd) -> Option<Vec<u8>> {
    let mut octets = vec![0; 70_000];
    // Aligned as control messages must be.
    let mut control = [0_u64; 32];
    let mut part = libc::iovec {
        iov_base: octets.as_mut_ptr().cast(),
        iov_len: octets.len(),
    };
    // SAFETY: all zeros is a value of this structure of integers and pointers.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_iov = &raw mut part;
    message.msg_iovlen = 1;
    message.msg_control = control.as_mut_ptr().cast();
    message.msg_controllen = size_of_val(&control);
    // SAFETY: the message names buffers of the lengths given, and they live through the call.
    let length = unsafe { libc::recvmsg(fd.as_raw_fd(), &raw mut message, 0) };
    let Ok(length) = usize::try_from(length) else {
        let error = io::Error::last_os_error();
        return match error.raw_os_error() {
            Some(libc::EAGAIN | libc::EINTR | libc::ENETDOWN) => None,
            _ => panic!("receive a frame: {error}"),
        };
    };
    octets.truncate(length);
    if let Some(aux) = auxiliary(&message)
        && aux.tp_status & libc::TP_STATUS_VLAN_VALID != 0
    {
        let tag = [
            aux.tp_vlan_tpid.to_be_bytes(),
            aux.tp_vlan_tci.to_be_bytes(),
        ];
        octets.splice(12..12, tag.into_iter().flatten());
    }
    Some(octets)
}

/// What the kernel says about the frame beside its octets.
fn auxiliary(message: &libc::msghdr) -> Option<libc::tpacket_auxdata> {
    // SAFETY: the kernel filled the message, and its control buffer is still there.
    let header = unsafe { libc::CMSG_FIRSTHDR(message) };
    // SAFETY: it is null, or points into that buffer, which is aligned for it.
    let header = unsafe { header.as_ref() }?;
    if (header.cmsg_level, header.cmsg_type) != (libc::SOL_PACKET, libc::PACKET_AUXDATA) {
        return None;
    }
    // SAFETY: messages have their data behind the header.
    let data = unsafe { libc::CMSG_DATA(header) };
    // SAFETY: a message of this type holds one such structure of integers.
    Some(unsafe { ptr::read_unaligned(data.cast()) })
}
