//! From the near end of a veth pair to its far end, in whatever namespace that is.

use std::{collections::HashMap, path::PathBuf};

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
    Search::default().container_end(links, link)
}

/// A search for the far ends of many pairs: all namespaces are walked once, not once for each.
///
/// What was seen is kept as paths, since a process may hold fewer descriptors than there are
/// containers.
pub struct Search {
    known: HashMap<i32, PathBuf>,
    rest: Box<dyn Iterator<Item = (PathBuf, Netns)>>,
}

impl Default for Search {
    /// A search that has not looked anywhere yet.
    fn default() -> Self {
        Self {
            known: HashMap::new(),
            rest: Box::new(netns::all()),
        }
    }
}

impl Search {
    /// Finds the far end of `link`, as [`container_end`] does; `links` must always be of the same
    /// namespace.
    pub fn container_end(
        &mut self,
        links: &Links,
        link: &Link,
    ) -> Result<Option<ContainerEnd>, NetError> {
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
        // The kernel gives an nsid when it reports the link, so an unequal answer is final. -1
        // would mean that it could give none.
        if nsid < 0 {
            return Err(missing());
        }
        let netns = self.namespace(links, nsid).ok_or_else(missing)?;
        Ok(Some(ContainerEnd {
            netns,
            ifindex: peer.ifindex,
            same_namespace: false,
        }))
    }

    fn namespace(&mut self, links: &Links, nsid: i32) -> Option<Netns> {
        let is_it = |netns: &Netns| matches!(links.nsid_of(netns), Ok(Some(id)) if id == nsid);
        if let Some(path) = self.known.get(&nsid) {
            let netns = Netns::open(path).ok().filter(is_it);
            // The file may be that of a thread that has ended; another may still lead there.
            return netns.or_else(|| netns::find(is_it));
        }
        for (path, netns) in &mut self.rest {
            if let Ok(Some(id)) = links.nsid_of(&netns) {
                self.known.insert(id, path);
                if id == nsid {
                    return Some(netns);
                }
            }
        }
        None
    }
}
