//! DHCP: which datagrams only a server sends.

/// Port that DHCP servers, and relays, are reached at and speak from (RFC 2131).
pub(super) const SERVER: u16 = 67;
/// Port that clients are reached at and speak from.
pub(super) const CLIENT: u16 = 68;
/// The same in `DHCPv6` (RFC 8415).
const SERVER_V6: u16 = 547;
const CLIENT_V6: u16 = 546;

/// Source and destination port, as they stand in a datagram.
#[derive(Clone, Copy)]
pub(super) struct Ports {
    pub(super) from: u16,
    pub(super) to: u16,
}

impl Ports {
    #[inline(always)]
    pub(super) const fn new([f0, f1, t0, t1]: [u8; 4]) -> Self {
        Self {
            from: u16::from_be_bytes([f0, f1]),
            to: u16::from_be_bytes([t0, t1]),
        }
    }

    /// What a server sends; clients take it from any port, so what goes to theirs counts too.
    #[inline(always)]
    pub(super) const fn is_server(self) -> bool {
        self.from == SERVER || self.to == CLIENT
    }

    /// The same in `DHCPv6`.
    #[inline(always)]
    pub(super) const fn is_server_v6(self) -> bool {
        self.from == SERVER_V6 || self.to == CLIENT_V6
    }

    /// What a client sends that has no address yet.
    #[inline(always)]
    pub(super) const fn is_client(self) -> bool {
        self.from == CLIENT && self.to == SERVER
    }
}
