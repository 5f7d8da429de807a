//! What is checked before an interface becomes a port, and what port it will be.

use std::collections::{HashMap, HashSet};

use netbridge_common::{
    MacAddr, PortConf, PortFlags, PortId, PortInfo, PortLimits, PortState, vlan::DEFAULT_PVID,
};

use super::{
    Bridge, BridgeError, Hook, HookChoice, PortSpec, container, hook, limit,
    name::MAX_LEN,
    port::{check_name, padded},
};
use crate::{
    datapath::PinDir,
    net::{Link, LinkKind, Links, Netns, netns, peer, xdp_features::xdp_features},
};

/// A port that is about to be: everything checked, nothing changed.
pub(super) struct Plan {
    pub(super) id: PortId,
    pub(super) link: Link,
    pub(super) hook: Hook,
    pub(super) info: PortInfo,
    pub(super) conf: PortConf,
    pub(super) limits: PortLimits,
}

/// What the ports of a batch are checked against, looked at once for all of them.
pub(super) struct Planner {
    /// Interfaces that are ports, or are about to be, and of which bridge.
    owners: HashMap<u32, String>,
    /// Slots that are free.
    slots: Box<dyn Iterator<Item = PortId>>,
    /// The MTU that ports must have, where they must all have the same and there is one.
    mtu: Option<u32>,
    mixed_mtu: bool,
    /// Where the other ends are.
    pub(super) peers: peer::Search,
}

impl Planner {
    pub(super) fn new(bridge: &Bridge) -> Result<Self, BridgeError> {
        let here = Netns::current()?.inode();
        let mut owners = HashMap::new();
        for dir in PinDir::all()? {
            let Ok(other) = Bridge::open_dir(dir) else {
                continue;
            };
            if other.settings()?.netns == here {
                for (ifindex, _) in other.maps.port_ids()? {
                    owners.insert(ifindex, other.name().to_owned());
                }
            }
        }
        let own = bridge.maps.port_ids()?;
        for (ifindex, _) in &own {
            owners.insert(*ifindex, bridge.name().to_owned());
        }
        let settings = bridge.maps.settings()?;
        let first = own.iter().map(|(_, id)| *id).min();
        let used: HashSet<PortId> = own.into_iter().map(|(_, id)| id).collect();
        let slots = (1..settings.port_slots).map(PortId);
        Ok(Self {
            owners,
            slots: Box::new(slots.filter(move |id| !used.contains(id))),
            mtu: first
                .map(|id| bridge.maps.port_conf(id))
                .transpose()?
                .map(|conf| conf.mtu),
            mixed_mtu: settings.mixed_mtu != 0,
            peers: peer::Search::default(),
        })
    }

    /// Plans the next port of the batch.
    pub(super) fn plan(&mut self, bridge: &Bridge, spec: &PortSpec) -> Result<Plan, BridgeError> {
        check_name(spec.name.as_deref().unwrap_or_default())?;
        let link = bridge.find(&spec.ifname)?;
        self.check_free(bridge, &link)?;
        self.check_mtu(bridge, &link)?;
        let end = match self.peers.container_end(&bridge.links, &link) {
            Ok(end) => end,
            // TC does without the other end; XDP must prepare it.
            Err(error) if spec.hook == HookChoice::Xdp => {
                let reason = error.to_string();
                return Err(BridgeError::ContainerEnd {
                    ifname: link.name,
                    reason,
                });
            }
            Err(error) => {
                tracing::debug!("{error}");
                None
            }
        };
        let features = xdp_features(link.ifindex)?;
        let (hook, reason) = hook::choose(spec.hook, &link, end.as_ref(), features)?;
        let station = end.as_ref().and_then(|end| container::station(end).ok());
        let elsewhere = spec.peer_moves || end.as_ref().is_some_and(|end| !end.same_namespace);
        let peer = hook == Hook::Tc && elsewhere && station.is_some_and(|s| !s.xdp);
        let mut conf = PortConf {
            ifindex: link.ifindex,
            flags: if peer {
                PortFlags::PEER
            } else {
                PortFlags::default()
            },
            mtu: link.mtu,
            learn_limit: spec.learn_limit,
            peer_mac: station.map_or_else(MacAddr::default, |station| MacAddr(station.mac)),
            state: PortState::Forwarding as u8,
            pvid: DEFAULT_PVID,
            ..PortConf::default()
        };
        let info = PortInfo {
            ifname: padded(&link.name),
            name: padded(spec.name.as_deref().unwrap_or_default()),
            hook: hook.to_raw(),
            reason: reason as u8,
            peer_ifindex: end.as_ref().map_or(0, |end| end.ifindex),
            peer_netns: end.as_ref().map_or(0, |end| end.netns.inode()),
            ..PortInfo::default()
        };
        let limits = spec.limits.apply(&conf, PortLimits::default())?;
        conf.flags = conf.flags.with(limit::switches(&limits));
        let id = self.slots.next().ok_or_else(|| bridge.full())?;
        self.owners.insert(link.ifindex, bridge.name().to_owned());
        Ok(Plan {
            id,
            link,
            hook,
            info,
            conf,
            limits,
        })
    }

    fn check_free(&self, bridge: &Bridge, link: &Link) -> Result<(), BridgeError> {
        let taken = |owner: String, remedy: String| {
            Err(BridgeError::Taken {
                ifname: link.name.clone(),
                owner,
                remedy,
            })
        };
        if let Some(master) = link.master {
            let kind = link.master_kind.as_deref().unwrap_or("master");
            let name = bridge
                .links
                .by_index(master)
                .map_or_else(|_| "?".to_owned(), |m| m.name);
            let owner = format!("{kind} {name} of the kernel");
            return taken(
                owner,
                format!("free it with `ip link set {} nomaster`", link.name),
            );
        }
        self.check_loop(bridge, link)?;
        let Some(owner) = self.owners.get(&link.ifindex) else {
            return Ok(());
        };
        let remedy = if owner == bridge.name() {
            format!("`netbridge port show {owner}` shows it")
        } else {
            let port = &link.name;
            format!("free it with `netbridge port del {owner} {port}`")
        };
        taken(format!("bridge {owner}"), remedy)
    }

    /// Refuses the second end of a pair on one bridge, that of the bridge's own interface too: what goes
    /// out at one end comes in at the other, for ever.
    fn check_loop(&self, bridge: &Bridge, link: &Link) -> Result<(), BridgeError> {
        let near = link.peer.filter(|peer| peer.nsid.is_none());
        let other = near.filter(|peer| {
            let owner = self.owners.get(&peer.ifindex);
            owner.is_some_and(|owner| owner == bridge.name())
        });
        let Some(other) = other else {
            return Ok(());
        };
        let other = bridge
            .links
            .by_index(other.ifindex)
            .map_or_else(|_| "?".to_owned(), |link| link.name);
        let reason = format!(
            "its other end, {other}, is a port of bridge {} already, and frames would go round; move one end into a container",
            bridge.name()
        );
        Err(BridgeError::BadPort {
            ifname: link.name.clone(),
            reason,
        })
    }

    fn check_mtu(&mut self, bridge: &Bridge, link: &Link) -> Result<(), BridgeError> {
        let expected = *self.mtu.get_or_insert(link.mtu);
        if self.mixed_mtu || expected == link.mtu {
            return Ok(());
        }
        Err(BridgeError::MtuMismatch {
            ifname: link.name.clone(),
            mtu: link.mtu,
            bridge: bridge.name().to_owned(),
            expected,
        })
    }
}

impl Bridge {
    /// The interface, or an error that tells where it is.
    fn find(&self, ifname: &str) -> Result<Link, BridgeError> {
        let bad = |reason: &str| {
            Err(BridgeError::BadPort {
                ifname: ifname.to_owned(),
                reason: reason.to_owned(),
            })
        };
        if ifname.is_empty() || ifname.len() > MAX_LEN {
            return bad("is no interface name; they have 1 to 15 characters");
        }
        let link = match self.links.by_name(ifname) {
            Ok(link) => link,
            Err(error) if is_elsewhere(ifname) => {
                tracing::debug!("{error}");
                return bad(
                    "is in another network namespace; a port is an end that is in this one",
                );
            }
            Err(error) => return Err(error.into()),
        };
        match link.kind {
            LinkKind::Loopback => return bad("is the loopback interface, which cannot be a port"),
            LinkKind::Bridge => {
                return bad("is a Linux bridge, which cannot be a port; use its ports");
            }
            _ if !link.ethernet => {
                return bad("carries no Ethernet frames, so it cannot be a port");
            }
            _ => {}
        }
        Ok(link)
    }

    fn full(&self) -> BridgeError {
        let slots = self
            .maps
            .settings()
            .map_or(0, |settings| settings.port_slots);
        BridgeError::Full {
            bridge: self.name().to_owned(),
            max: slots.saturating_sub(1),
        }
    }
}

/// Says whether an interface of this name is in any other namespace.
fn is_elsewhere(ifname: &str) -> bool {
    let has = |netns: &Netns| {
        let look = || Links::new()?.by_name(ifname).map(|_| ());
        matches!(netns.run(look), Ok(Ok(())))
    };
    netns::find(has).is_some()
}
