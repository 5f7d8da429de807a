//! Adding a port: everything is checked before anything is changed, and undone where it fails.

use netbridge_common::{
    MacAddr, PortConf, PortFlags, PortId, PortInfo, PortState, info::RESTORE_PROMISC,
};

use super::{
    Bridge, BridgeError, Hook, HookChoice, HookReason, Port, PortSpec, container, hook,
    name::MAX_LEN,
    port::{check_name, padded},
};
use crate::{
    datapath::PinDir,
    net::{
        ContainerEnd, Link, LinkKind, Links, Netns, XdpFeatures, netns, peer,
        xdp_features::xdp_features,
    },
};

/// A port that is about to be: everything checked, nothing changed.
struct Plan {
    id: PortId,
    link: Link,
    end: Option<ContainerEnd>,
    hook: Hook,
    info: PortInfo,
    conf: PortConf,
}

impl Bridge {
    /// Makes an interface a port: checks everything, then does it, or undoes what was done.
    pub fn add_port(&mut self, spec: &PortSpec) -> Result<Port, BridgeError> {
        let plan = self.plan(spec)?;
        self.apply(plan)
    }

    fn plan(&self, spec: &PortSpec) -> Result<Plan, BridgeError> {
        check_name(spec.name.as_deref().unwrap_or_default())?;
        let link = self.find(&spec.ifname)?;
        self.check_free(&link)?;
        self.check_mtu(&link)?;
        let end = match peer::container_end(&self.links, &link) {
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
        let elsewhere = end.as_ref().is_some_and(|end| !end.same_namespace);
        let peer = hook == Hook::Tc && elsewhere && station.is_some_and(|s| !s.xdp);
        let conf = PortConf {
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
        Ok(Plan {
            id: self.free_slot()?,
            link,
            end,
            hook,
            info,
            conf,
        })
    }

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

    fn check_free(&self, link: &Link) -> Result<(), BridgeError> {
        let taken = |owner: String, remedy: String| {
            Err(BridgeError::Taken {
                ifname: link.name.clone(),
                owner,
                remedy,
            })
        };
        if let Some(master) = link.master {
            let kind = link.master_kind.as_deref().unwrap_or("master");
            let name = self
                .links
                .by_index(master)
                .map_or_else(|_| "?".to_owned(), |m| m.name);
            let owner = format!("{kind} {name} of the kernel");
            return taken(
                owner,
                format!("free it with `ip link set {} nomaster`", link.name),
            );
        }
        if self.maps.port_of(link.ifindex).is_some() {
            let remedy = format!("`netbridge port show {}` shows it", self.name());
            return taken(format!("bridge {}", self.name()), remedy);
        }
        let here = Netns::current()?.inode();
        for dir in PinDir::all()? {
            let Ok(other) = Self::open_dir(dir) else {
                continue;
            };
            if other.settings()?.netns == here && other.maps.port_of(link.ifindex).is_some() {
                let remedy = format!(
                    "free it with `netbridge port del {} {}`",
                    other.name(),
                    link.name
                );
                return taken(format!("bridge {}", other.name()), remedy);
            }
        }
        Ok(())
    }

    fn check_mtu(&self, link: &Link) -> Result<(), BridgeError> {
        if self.maps.settings()?.mixed_mtu != 0 {
            return Ok(());
        }
        match self.ports()?.first() {
            Some(first) if first.conf.mtu != link.mtu => Err(BridgeError::MtuMismatch {
                ifname: link.name.clone(),
                mtu: link.mtu,
                bridge: self.name().to_owned(),
                expected: first.conf.mtu,
            }),
            _ => Ok(()),
        }
    }

    fn free_slot(&self) -> Result<PortId, BridgeError> {
        let used: std::collections::HashSet<u32> = self
            .maps
            .port_ids()?
            .into_iter()
            .map(|(_, id)| id.0)
            .collect();
        let slots = self.maps.settings()?.port_slots;
        let full = || BridgeError::Full {
            bridge: self.name().to_owned(),
            max: slots - 1,
        };
        (1..slots)
            .find(|slot| !used.contains(slot))
            .map(PortId)
            .ok_or_else(full)
    }

    fn apply(&mut self, mut plan: Plan) -> Result<Port, BridgeError> {
        if plan.hook == Hook::Xdp
            && let Some(end) = &plan.end
        {
            plan.info.restore = container::prepare(&plan.link.name, end)?;
        }
        let done = self.connect(&mut plan);
        if let Err(error) = done {
            let port = Port {
                id: plan.id,
                ifname: plan.link.name,
                name: None,
                hook: plan.hook,
                hook_reason: HookReason::from_raw(plan.info.reason),
                conf: plan.conf,
                info: plan.info,
            };
            if let Err(error) = self.remove_port(&port) {
                tracing::warn!("{error}");
            }
            return Err(error);
        }
        self.port(plan.id)
    }

    /// Writes the maps, then attaches the programs: the first frame finds everything in place.
    fn connect(&mut self, plan: &mut Plan) -> Result<(), BridgeError> {
        let id = plan.id;
        if plan.link.kind != LinkKind::Veth && !plan.link.promiscuous {
            self.links.set_promisc(plan.link.ifindex, true)?;
            plan.info.restore |= RESTORE_PROMISC;
        }
        self.maps.clear_counters(id)?;
        self.maps.set_port_info(id, plan.info)?;
        self.maps.set_port_conf(id, plan.conf)?;
        self.maps.set_port_id(plan.link.ifindex, id)?;
        self.programs.attach_tc(id, &plan.link.name)?;
        if plan.hook == Hook::Xdp {
            self.programs
                .attach_xdp(id, &plan.link.name, plan.link.ifindex)?;
            plan.conf.flags = plan.conf.flags.with(PortFlags::XDP_FIRST);
        }
        // Only now does the driver say whether redirected frames can reach the interface.
        if xdp_features(plan.link.ifindex)?.is_some_and(XdpFeatures::ndo_xmit) {
            plan.conf.flags = plan.conf.flags.with(PortFlags::XDP_TARGET);
            self.maps.set_xdp_port(id, plan.link.ifindex)?;
        }
        self.maps.set_port_conf(id, plan.conf)?;
        Ok(self.write_flood_lists()?)
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
