//! Traffic as containers make it: pings, TCP and UDP between the stacks of two namespaces.
//!
//! Sockets stay in the namespace that they were made in, whichever thread uses them.

use std::{
    fs,
    io::{ErrorKind, IoSlice, Read as _, Write as _},
    net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket},
    os::fd::{AsRawFd as _, OwnedFd},
    thread,
    time::{Duration, Instant},
};

use netbridge::net::Netns;
use nix::{
    errno::Errno,
    sys::{
        socket::{
            AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, SockaddrIn, recv, sendmsg,
            setsockopt, socket, sockopt,
        },
        time::TimeVal,
    },
};

/// Longest wait for one answer. Nothing should take long; machines that are busy with other tests
/// may.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// What became of some pings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pings {
    /// Requests sent.
    pub sent: u32,
    /// Answers received, each for another request.
    pub received: u32,
    /// Answers that came again.
    pub duplicates: u32,
    /// Time to live of the last answer; a bridge leaves it alone.
    pub ttl: u8,
}

impl Pings {
    /// Says whether every request had one answer.
    pub const fn all_answered(&self) -> bool {
        self.sent > 0 && self.received == self.sent && self.duplicates == 0
    }
}

/// Sends `count` ICMP echo requests with 56 octets of data, each after the answer to the last.
pub fn ping(from: &Netns, to: Ipv4Addr, count: u16) -> Pings {
    ping_with(from, to, count, 56, PATIENCE)
}

/// Sends ICMP echo requests with `octets` of data, and waits `patience` for each answer.
pub fn ping_with(
    from: &Netns,
    to: Ipv4Addr,
    count: u16,
    octets: usize,
    patience: Duration,
) -> Pings {
    let open = || {
        let protocol = SockProtocol::Icmp;
        socket(
            AddressFamily::Inet,
            SockType::Raw,
            SockFlag::SOCK_CLOEXEC,
            protocol,
        )
        .expect("open an ICMP socket")
    };
    let socket = from.run(open).expect("enter the namespace");
    let mut pings = Pings::default();
    for sequence in 1..=count {
        let request = echo_request(sequence, octets);
        let address = SockaddrIn::from(std::net::SocketAddrV4::new(to, 0));
        let data = [IoSlice::new(&request)];
        let fd = socket.as_raw_fd();
        sendmsg(fd, &data, &[], MsgFlags::empty(), Some(&address)).expect("send a ping");
        pings.sent += 1;
        await_answer(&socket, &request, to, patience, &mut pings);
    }
    pings
}

fn await_answer(
    socket: &OwnedFd,
    request: &[u8],
    from: Ipv4Addr,
    patience: Duration,
    pings: &mut Pings,
) {
    const IP_HEADER: usize = 20;
    let deadline = Instant::now() + patience;
    let mut buffer = vec![0; 70_000];
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return;
        }
        let left = TimeVal::new(
            i64::try_from(left.as_secs()).expect("a short time"),
            i64::from(left.subsec_micros()).max(1),
        );
        setsockopt(socket, sockopt::ReceiveTimeout, &left).expect("set a timeout");
        let length = match recv(socket.as_raw_fd(), &mut buffer, MsgFlags::empty()) {
            Ok(length) => length,
            Err(Errno::EAGAIN | Errno::EINTR) => continue,
            Err(errno) => panic!("wait for an answer from {from}: {errno}"),
        };
        let packet = &buffer[..length];
        if packet.len() != IP_HEADER + request.len() || packet[12..16] != from.octets() {
            continue;
        }
        let answer = &packet[IP_HEADER..];
        // Type 0 is the answer; identifier, number and data come back as they were.
        if answer[0] != 0 || answer[4..6] != request[4..6] || answer[8..] != request[8..] {
            continue;
        }
        if answer[6..8] == request[6..8] {
            pings.received += 1;
            pings.ttl = packet[8];
            return;
        }
        pings.duplicates += 1;
    }
}

fn echo_request(sequence: u16, octets: usize) -> Vec<u8> {
    let identifier = std::process::id().to_be_bytes();
    let mut request = vec![8, 0, 0, 0, identifier[2], identifier[3]];
    request.extend(sequence.to_be_bytes());
    request.extend((0..=u8::MAX).cycle().take(octets));
    let sum = checksum(&request).to_be_bytes();
    request[2..4].copy_from_slice(&sum);
    request
}

/// The internet checksum (RFC 1071).
fn checksum(octets: &[u8]) -> u16 {
    let words = octets.chunks(2).map(|word| {
        let low = word.get(1).copied().unwrap_or(0);
        u32::from(u16::from_be_bytes([word[0], low]))
    });
    let mut sum: u32 = words.sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).expect("the carries are folded in")
}

/// Sends `octets` by TCP from one namespace to address `ip` in another, and checks each of them.
pub fn tcp(from: &Netns, to: &Netns, ip: Ipv4Addr, octets: usize) {
    let listen = || TcpListener::bind((ip, 0)).expect("listen");
    let listener = to.run(listen).expect("enter the server's namespace");
    let address = listener.local_addr().expect("read the server's address");
    let connect = || TcpStream::connect_timeout(&address, PATIENCE).expect("connect");
    let mut client = from.run(connect).expect("enter the client's namespace");
    let (mut server, _) = listener.accept().expect("accept");
    for stream in [&client, &server] {
        stream.set_read_timeout(Some(PATIENCE)).expect("timeout");
        stream.set_write_timeout(Some(PATIENCE)).expect("timeout");
    }
    let sent = pattern(octets);
    thread::scope(|scope| {
        scope.spawn(|| {
            client.write_all(&sent).expect("send");
            client.shutdown(Shutdown::Write).expect("end the stream");
        });
        let mut received = Vec::with_capacity(octets);
        server.read_to_end(&mut received).expect("receive");
        assert_eq!(received.len(), octets, "octets of the stream");
        assert!(received == sent, "the stream changed on its way");
    });
}

/// Octets whose order shows: no stretch of them comes again soon.
fn pattern(octets: usize) -> Vec<u8> {
    let numbers = (0_u32..).map(|n| n.wrapping_mul(2_654_435_761));
    let mut all: Vec<u8> = numbers
        .take(octets.div_ceil(4))
        .flat_map(u32::to_be_bytes)
        .collect();
    all.truncate(octets);
    all
}

/// Sends `count` datagrams of `octets` from one namespace to address `ip` in another; returns how
/// many arrived as they were, each counted once.
///
/// They go in small groups, each after the last has arrived, so that no queue and no socket
/// overflows.
pub fn udp(from: &Netns, to: &Netns, ip: Ipv4Addr, count: u32, octets: usize) -> u32 {
    let group = (65_536 / octets).clamp(1, 16);
    let group = u32::try_from(group).expect("16 at most");
    let bind = |ip: Ipv4Addr| move || UdpSocket::bind((ip, 0)).expect("bind");
    let server = to.run(bind(ip)).expect("enter the server's namespace");
    let any = Ipv4Addr::UNSPECIFIED;
    let client = from.run(bind(any)).expect("enter the client's namespace");
    let address = server.local_addr().expect("read the server's address");
    let mut received = 0;
    for start in (0..count).step_by(group as usize) {
        let group = start..count.min(start + group);
        for number in group.clone() {
            let sent = client.send_to(&datagram(number, octets), address);
            assert_eq!(sent.expect("send a datagram"), octets);
        }
        received += collect(&server, group, octets, address.ip());
    }
    received
}

/// Datagrams of the group that arrive, until all have or none has for a while.
fn collect(server: &UdpSocket, group: std::ops::Range<u32>, octets: usize, at: IpAddr) -> u32 {
    server.set_read_timeout(Some(PATIENCE)).expect("timeout");
    let mut missing: Vec<u32> = group.clone().collect();
    let mut buffer = vec![0; 70_000];
    while !missing.is_empty() {
        let length = match server.recv_from(&mut buffer) {
            Ok((length, SocketAddr::V4(_))) => length,
            Ok((_, from)) => panic!("a datagram from {from}"),
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(error) => panic!("receive at {at}: {error}"),
        };
        let found = missing
            .iter()
            .position(|number| buffer[..length] == datagram(*number, octets));
        let found = found.unwrap_or_else(|| panic!("a datagram at {at} twice, or changed"));
        missing.remove(found);
    }
    u32::try_from(group.len() - missing.len()).expect("a small group")
}

fn datagram(number: u32, octets: usize) -> Vec<u8> {
    let mut datagram: Vec<u8> = number.to_be_bytes().to_vec();
    datagram.resize(octets, 0xa5);
    datagram
}

/// Packets that the stack of a namespace threw away for a bad TCP, UDP or ICMP checksum.
pub fn checksum_errors(netns: &Netns) -> u64 {
    // Of this thread: /proc/net is that of the process.
    let read = || fs::read_to_string("/proc/thread-self/net/snmp").expect("read snmp");
    let text = netns.run(read).expect("enter the namespace");
    let lines: Vec<Vec<&str>> = text.lines().map(|l| l.split(' ').collect()).collect();
    let counters = lines.chunks_exact(2).flat_map(|pair| {
        let named = pair[0].iter().zip(&pair[1]);
        named.filter(|(name, _)| **name == "InCsumErrors")
    });
    let counters = counters.map(|(_, count)| count.parse::<u64>().expect("a count"));
    counters.sum()
}
