//! Whether a port of the host is free to be published.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use rustix::{
    io::Errno,
    net::{AddressFamily, SocketFlags, SocketType, bind, ipproto, listen, socket_with, sockopt},
};

use super::Protocol;

/// The families of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Family {
    /// The family of an address.
    pub const fn of(ip: IpAddr) -> Self {
        match ip {
            IpAddr::V4(_) => Self::V4,
            IpAddr::V6(_) => Self::V6,
        }
    }

    const fn unspecified(self) -> IpAddr {
        match self {
            Self::V4 => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            Self::V6 => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        }
    }
}

/// Says whether somebody on the host has this port, at `ip`, or without one at any address of
/// `family`.
///
/// It is tried with a socket that is closed at once; what cannot be tried, for want of a privilege,
/// an address or a kernel that has SCTP, counts as free. Ports published by netfilter's rules, also
/// by those of netbridge, have no socket and are not seen.
pub fn port_in_use(protocol: Protocol, ip: Option<IpAddr>, family: Family, port: u16) -> bool {
    let ip = ip.unwrap_or_else(|| family.unspecified());
    try_out(protocol, SocketAddr::new(ip, port)) == Err(Errno::ADDRINUSE)
}

fn try_out(protocol: Protocol, address: SocketAddr) -> Result<(), Errno> {
    let family = match Family::of(address.ip()) {
        Family::V4 => AddressFamily::INET,
        Family::V6 => AddressFamily::INET6,
    };
    let (kind, number) = match protocol {
        Protocol::Tcp => (SocketType::STREAM, ipproto::TCP),
        Protocol::Udp => (SocketType::DGRAM, ipproto::UDP),
        Protocol::Sctp => (SocketType::STREAM, ipproto::SCTP),
    };
    let socket = socket_with(family, kind, SocketFlags::CLOEXEC, Some(number))?;
    if address.is_ipv6() {
        // A listener of IPv4 alone is no reason.
        sockopt::set_ipv6_v6only(&socket, true)?;
    }
    if protocol == Protocol::Tcp {
        // Connections that linger after their listener are no reason either.
        sockopt::set_socket_reuseaddr(&socket, true)?;
    }
    bind(&socket, &address)?;
    match protocol {
        Protocol::Udp => Ok(()),
        Protocol::Tcp | Protocol::Sctp => listen(&socket, 1),
    }
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, UdpSocket};

    use super::*;

    #[test]
    fn a_listener_has_its_port_at_its_address_and_at_all() {
        let here = IpAddr::from([127, 0, 0, 1]);
        let other = IpAddr::from([127, 0, 0, 2]);
        let tcp = TcpListener::bind((here, 0)).unwrap();
        let port = tcp.local_addr().unwrap().port();
        let in_use = |ip| port_in_use(Protocol::Tcp, ip, Family::V4, port);
        assert!(in_use(Some(here)) && in_use(None) && !in_use(Some(other)));
        drop(tcp);
        assert!(!in_use(Some(here)));
    }

    #[test]
    fn udp_and_families_are_told_apart() {
        let here = IpAddr::from([127, 0, 0, 1]);
        let udp = UdpSocket::bind((here, 0)).unwrap();
        let port = udp.local_addr().unwrap().port();
        assert!(port_in_use(Protocol::Udp, None, Family::V4, port));
        assert!(!port_in_use(Protocol::Udp, None, Family::V6, port));
    }
}
