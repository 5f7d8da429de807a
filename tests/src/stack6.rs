//! IPv6 stacks in containers: addresses, and datagrams between them.

use std::{
    fs,
    net::{Ipv6Addr, UdpSocket},
    thread,
    time::Duration,
};

use netbridge::net::{Links, Netns};

/// The address of container `n`.
pub fn ipv6(n: u16) -> Ipv6Addr {
    Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, n)
}

/// Gives a container an address, which its stack looks for first.
pub fn add_ipv6(netns: &Netns, ip: Ipv6Addr) {
    let enable = || fs::write("/proc/sys/net/ipv6/conf/eth0/disable_ipv6", "0");
    let enabled = netns.run(enable).expect("enter the namespace");
    enabled.expect("enable IPv6");
    let links = Links::within(netns).expect("open the interfaces");
    let eth0 = links.by_name("eth0").expect("find eth0").ifindex;
    let prefix = format!("{ip}/64").parse().expect("make a prefix");
    links.add_address(eth0, prefix).expect("add the address");
}

/// A socket, as soon as the address has been found to be nobody else's.
pub fn socket(netns: &Netns, ip: Ipv6Addr) -> UdpSocket {
    let open = || {
        (0..100)
            .find_map(|_| {
                thread::park_timeout(Duration::from_millis(50));
                UdpSocket::bind((ip, 4000)).ok()
            })
            .expect("bind a socket")
    };
    let socket = netns.run(open).expect("enter the namespace");
    let patience = Some(Duration::from_millis(500));
    socket.set_read_timeout(patience).expect("set a timeout");
    socket
}

/// Says whether a datagram comes from one socket to another, within ten times half a second.
pub fn reaches(from: &UdpSocket, to: &UdpSocket) -> bool {
    let address = to.local_addr().expect("an address");
    (0..10).any(|_| {
        from.send_to(b"hello", address).expect("send");
        to.recv_from(&mut [0; 16]).is_ok()
    })
}
