//! From the near end of a veth pair to its far end, in whatever namespace that is.

use super::{Link, Links, NetError, Netns, netns};

/// The far end of a veth pair.
#[derive(Debug, Clone)]
pub struct ContainerEnd {
    /// Its namespace.
    pub netns: Netns,
    /// Its index there.
    pub ifindex: u32,
    /// Whether that is the namespace of the near end.
    pub same_namespace: bool,
}

/// Finds the far end of `link`, which `links` read; `None` if it is no veth.
pub fn container_end(links: &Links, link: &Link) -> Result<Option<ContainerEnd>, NetError> {
    let Some(peer) = link.peer else {
        return Ok(None);
    };
    let Some(nsid) = peer.nsid else {
        let netns = links.netns().clone();
        return Ok(Some(ContainerEnd {
            netns,
            ifindex: peer.ifindex,
            same_namespace: true,
        }));
    };
    let missing = || NetError::PeerNotFound {
        name: link.name.clone(),
        nsid,
    };
    // The kernel gives an nsid when it reports the link, so an unequal answer is final. -1 would
    // mean that it could give none.
    if nsid < 0 {
        return Err(missing());
    }
    let netns = netns::find(|netns| matches!(links.nsid_of(netns), Ok(Some(id)) if id == nsid))
        .ok_or_else(missing)?;
    Ok(Some(ContainerEnd {
        netns,
        ifindex: peer.ifindex,
        same_namespace: false,
    }))
}
