//! Which parts of XDP a driver offers, from the generic netlink family `netdev` (Linux 6.3).

use nix::errno::Errno;
use rtnetlink::sys::protocols::NETLINK_GENERIC;

use super::{
    NetError, Refusal,
    generic::{Message, family_id},
    socket::NetlinkSocket,
};

// include/uapi/linux/netdev.h
const NETDEV_CMD_DEV_GET: u8 = 1;
const NETDEV_A_DEV_IFINDEX: u16 = 1;
const NETDEV_A_DEV_XDP_FEATURES: u16 = 3;

/// What a driver can do with XDP (`enum netdev_xdp_act`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct XdpFeatures(u64);

impl XdpFeatures {
    /// Programs can be attached and may abort, drop, pass and send back (`NETDEV_XDP_ACT_BASIC`).
    pub fn basic(self) -> bool {
        self.has(0)
    }

    /// Programs may redirect (`NETDEV_XDP_ACT_REDIRECT`).
    pub fn redirect(self) -> bool {
        self.has(1)
    }

    /// Frames can be redirected to this interface (`NETDEV_XDP_ACT_NDO_XMIT`).
    ///
    /// A veth has this only while its other end has GRO on or a program attached.
    pub fn ndo_xmit(self) -> bool {
        self.has(2)
    }

    /// Programs are given frames of several buffers (`NETDEV_XDP_ACT_RX_SG`).
    pub fn rx_sg(self) -> bool {
        self.has(5)
    }

    /// Frames of several buffers can be redirected to it (`NETDEV_XDP_ACT_NDO_XMIT_SG`).
    pub fn ndo_xmit_sg(self) -> bool {
        self.has(6)
    }

    fn has(self, bit: u32) -> bool {
        self.0 & (1 << bit) != 0
    }
}

/// Reads XDP features in the namespace of the thread that made it.
#[derive(Debug)]
pub struct XdpFeatureReader {
    socket: NetlinkSocket,
    family: Option<u16>,
}

impl XdpFeatureReader {
    /// Opens a generic netlink socket and looks the family up.
    pub fn new() -> Result<Self, NetError> {
        let socket = NetlinkSocket::new(NETLINK_GENERIC)
            .map_err(|error| NetError::refused("open a generic netlink socket", error))?;
        let family = family_id(&socket, c"netdev")
            .map_err(|refusal| NetError::refused("look up netlink family netdev", refusal))?;
        Ok(Self { socket, family })
    }

    /// The features of an interface; `None` if the kernel is older than 6.3.
    pub fn read(&self, ifindex: u32) -> Result<Option<XdpFeatures>, NetError> {
        let Some(family) = self.family else {
            return Ok(None);
        };
        let failed = |refusal: Refusal| match refusal.errno {
            Errno::ENODEV => NetError::NoSuchIndex { ifindex },
            _ => NetError::refused(format!("read xdp features of interface {ifindex}"), refusal),
        };
        let ifindex = ifindex.to_ne_bytes();
        let request = Message::new(family, NETDEV_CMD_DEV_GET, NETDEV_A_DEV_IFINDEX, &ifindex);
        let replies = self.socket.request(request, 0).map_err(failed)?;
        let features = replies
            .iter()
            .find_map(|reply| reply.attribute(NETDEV_A_DEV_XDP_FEATURES));
        match features {
            Some(bytes) => Ok(Some(XdpFeatures(u64::from_ne_bytes(bytes)))),
            None => Err(failed(Errno::EBADMSG.into())),
        }
    }
}

/// The features of one interface; make an [`XdpFeatureReader`] to ask for several.
pub fn xdp_features(ifindex: u32) -> Result<Option<XdpFeatures>, NetError> {
    XdpFeatureReader::new()?.read(ifindex)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_those_of_the_kernel() {
        assert!(XdpFeatures(1).basic());
        assert!(XdpFeatures(2).redirect());
        assert!(XdpFeatures(4).ndo_xmit());
        assert!(XdpFeatures(32).rx_sg());
        assert!(XdpFeatures(64).ndo_xmit_sg());
        assert!(!XdpFeatures(!4).ndo_xmit());
    }
}
