//! Reading and changing the interfaces of one namespace.

use nix::errno::Errno;
use rtnetlink::{
    packet_route::{
        RouteNetlinkMessage,
        link::{LinkAttribute, LinkExtentMask, LinkFlags, LinkMessage},
        nsid::{NsidAttribute, NsidMessage},
    },
    sys::protocols::NETLINK_ROUTE,
};
use std::os::fd::{AsFd as _, AsRawFd as _};

use super::{Link, NetError, Netns, Refusal, socket::NetlinkSocket};

/// `IFNAMSIZ` without the terminating zero.
const NAME_BYTES_MAX: usize = 15;

/// The interfaces of the namespace that the thread was in when it made this handle.
#[derive(Debug)]
pub struct Links {
    socket: NetlinkSocket,
    netns: Netns,
}

impl Links {
    /// Opens a route netlink socket in the namespace of the calling thread.
    pub fn new() -> Result<Self, NetError> {
        let socket = NetlinkSocket::new(NETLINK_ROUTE)
            .map_err(|error| NetError::refused("open a route netlink socket", error))?;
        Ok(Self {
            socket,
            netns: Netns::current()?,
        })
    }

    /// Opens a socket in another namespace; the handle stays there wherever it is used.
    pub fn within(netns: &Netns) -> Result<Self, NetError> {
        netns.run(Self::new)?
    }

    /// The namespace that this handle works in.
    pub fn netns(&self) -> &Netns {
        &self.netns
    }

    /// All interfaces, in no particular order.
    pub fn list(&self) -> Result<Vec<Link>, NetError> {
        let replies = self.dump("list interfaces", RouteNetlinkMessage::GetLink(query()))?;
        Ok(replies.into_iter().filter_map(as_link).collect())
    }

    /// The interface called `name`, which may be an alternative name.
    pub fn by_name(&self, name: &str) -> Result<Link, NetError> {
        let missing = || NetError::NoSuchInterface {
            name: name.to_owned(),
        };
        if name.is_empty() || name.len() > NAME_BYTES_MAX {
            return Err(missing());
        }
        let mut message = query();
        message
            .attributes
            .push(LinkAttribute::IfName(name.to_owned()));
        self.get(message, name, missing)
    }

    /// The interface with the given index.
    pub fn by_index(&self, ifindex: u32) -> Result<Link, NetError> {
        let missing = || NetError::NoSuchIndex { ifindex };
        if ifindex == 0 {
            return Err(missing());
        }
        let mut message = query();
        message.header.index = ifindex;
        self.get(message, &format!("interface {ifindex}"), missing)
    }

    fn get(
        &self,
        message: LinkMessage,
        object: &str,
        missing: impl Fn() -> NetError,
    ) -> Result<Link, NetError> {
        let failed = |refusal: Refusal| match refusal.errno {
            Errno::ENODEV => missing(),
            _ => NetError::refused(format!("read {object}"), refusal),
        };
        let replies = self
            .socket
            .request(RouteNetlinkMessage::GetLink(message), 0)
            .map_err(failed)?;
        replies
            .into_iter()
            .find_map(as_link)
            .ok_or_else(|| NetError::refused(format!("read {object}"), Errno::EBADMSG))
    }

    /// Deletes an interface; a veth takes its other end with it.
    pub fn delete(&self, ifindex: u32) -> Result<(), NetError> {
        let mut message = LinkMessage::default();
        message.header.index = ifindex;
        self.change(ifindex, "delete", RouteNetlinkMessage::DelLink(message))
    }

    /// Makes an interface a port of `master`, or of nothing.
    pub fn set_master(&self, ifindex: u32, master: Option<u32>) -> Result<(), NetError> {
        let master = LinkAttribute::Controller(master.unwrap_or(0));
        self.set(ifindex, "set master of", master)
    }

    /// Sets an interface up or down.
    pub fn set_up(&self, ifindex: u32, up: bool) -> Result<(), NetError> {
        let verb = if up { "set up" } else { "set down" };
        self.set_flag(ifindex, verb, LinkFlags::Up, up)
    }

    /// Sets the largest payload, in bytes.
    pub fn set_mtu(&self, ifindex: u32, mtu: u32) -> Result<(), NetError> {
        self.set(ifindex, "set mtu of", LinkAttribute::Mtu(mtu))
    }

    /// Sets the hardware address.
    pub fn set_mac(&self, ifindex: u32, mac: [u8; 6]) -> Result<(), NetError> {
        self.set(
            ifindex,
            "set address of",
            LinkAttribute::Address(mac.to_vec()),
        )
    }

    /// Sets or clears the administrator's promiscuous flag (`IFF_PROMISC`).
    ///
    /// Other holders, such as packet captures and kernel bridges, are counted apart and keep an
    /// interface [`promiscuous`](Link::promiscuous).
    pub fn set_promisc(&self, ifindex: u32, promiscuous: bool) -> Result<(), NetError> {
        self.set_flag(
            ifindex,
            "set promiscuous mode of",
            LinkFlags::Promisc,
            promiscuous,
        )
    }

    /// Renames an interface; before 6.2 the kernel wants it down for that.
    pub fn rename(&self, ifindex: u32, name: &str) -> Result<(), NetError> {
        self.set(ifindex, "rename", LinkAttribute::IfName(name.to_owned()))
    }

    /// Moves an interface to another namespace, where it arrives down and without addresses.
    pub fn move_to(&self, ifindex: u32, netns: &Netns) -> Result<(), NetError> {
        let fd = netns.as_fd().as_raw_fd();
        self.set(
            ifindex,
            "change network namespace of",
            LinkAttribute::NetNsFd(fd),
        )
    }

    /// The id by which this namespace knows another (`RTM_GETNSID`), if it has one.
    pub fn nsid_of(&self, netns: &Netns) -> Result<Option<i32>, NetError> {
        let mut message = NsidMessage::default();
        let fd = u32::try_from(netns.as_fd().as_raw_fd()).unwrap_or(u32::MAX);
        message.attributes.push(NsidAttribute::Fd(fd));
        let replies = self.request(
            "read the id of a network namespace",
            RouteNetlinkMessage::GetNsId(message),
            0,
        )?;
        let attributes = replies.into_iter().find_map(|reply| match reply {
            RouteNetlinkMessage::NewNsId(message) => Some(message.attributes),
            _ => None,
        });
        Ok(attributes
            .into_iter()
            .flatten()
            .find_map(|attribute| match attribute {
                NsidAttribute::Id(id) => (id >= 0).then_some(id),
                _ => None,
            }))
    }

    fn set(&self, ifindex: u32, verb: &str, attribute: LinkAttribute) -> Result<(), NetError> {
        let mut message = LinkMessage::default();
        message.header.index = ifindex;
        message.attributes.push(attribute);
        self.change(ifindex, verb, RouteNetlinkMessage::SetLink(message))
    }

    fn set_flag(
        &self,
        ifindex: u32,
        verb: &str,
        flag: LinkFlags,
        on: bool,
    ) -> Result<(), NetError> {
        let mut message = LinkMessage::default();
        message.header.index = ifindex;
        message.header.change_mask = flag;
        message.header.flags.set(flag, on);
        self.change(ifindex, verb, RouteNetlinkMessage::SetLink(message))
    }

    /// Sends a change of one interface; a failure names the verb and the interface.
    pub(super) fn change(
        &self,
        ifindex: u32,
        verb: &str,
        message: RouteNetlinkMessage,
    ) -> Result<(), NetError> {
        self.change_with(ifindex, verb, message, 0)
    }

    /// Like [`Self::change`], with netlink flags such as `NLM_F_CREATE`.
    pub(super) fn change_with(
        &self,
        ifindex: u32,
        verb: &str,
        message: RouteNetlinkMessage,
        flags: u16,
    ) -> Result<(), NetError> {
        let Err(refusal) = self.socket.request(message, flags) else {
            return Ok(());
        };
        // The kernel says ENODEV for other missing objects as well, so look.
        let name = match self.by_index(ifindex) {
            Ok(link) => link.name,
            Err(missing @ NetError::NoSuchIndex { .. }) => return Err(missing),
            Err(_) => format!("interface {ifindex}"),
        };
        Err(NetError::refused(format!("{verb} {name}"), refusal))
    }

    /// Sends a request whose failure is told as `action`.
    pub(super) fn request(
        &self,
        action: &str,
        message: RouteNetlinkMessage,
        flags: u16,
    ) -> Result<Vec<RouteNetlinkMessage>, NetError> {
        self.socket
            .request(message, flags)
            .map_err(|refusal| NetError::refused(action, refusal))
    }

    /// Asks for all objects of a sort.
    pub(super) fn dump(
        &self,
        action: &str,
        message: RouteNetlinkMessage,
    ) -> Result<Vec<RouteNetlinkMessage>, NetError> {
        self.socket
            .dump(message)
            .map_err(|refusal| NetError::refused(action, refusal))
    }
}

/// A link query that leaves out the counters, by far the largest attributes.
fn query() -> LinkMessage {
    let mut message = LinkMessage::default();
    message
        .attributes
        .push(LinkAttribute::ExtMask(vec![LinkExtentMask::SkipStats]));
    message
}

fn as_link(message: RouteNetlinkMessage) -> Option<Link> {
    match message {
        RouteNetlinkMessage::NewLink(message) => Some(message.into()),
        _ => None,
    }
}
