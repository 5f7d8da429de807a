//! Ports: adding one, looking at them, changing and removing one.

use netbridge_common::{
    MacAddr, PortConf, PortFlags, PortId, PortInfo, PortState, info::RESTORE_PROMISC,
};

use super::{Bridge, BridgeError, Hook, HookChoice, HookReason, container, hook, name::MAX_LEN};
use crate::{
    datapath::PinDir,
    net::{
        ContainerEnd, Link, LinkKind, Netns, XdpFeatures, netns, peer, xdp_features::xdp_features,
    },
};

/// What a port is added with.
#[derive(Clone, Debug, Default)]
pub struct PortSpec {
    /// Name of the interface.
    pub ifname: String,
    /// The hook asked for.
    pub hook: HookChoice,
    /// Name of the container behind it.
    pub name: Option<String>,
    /// Most addresses learned here at a time; 0 for no limit.
    pub learn_limit: u32,
}

/// A port of a bridge.
#[derive(Clone, Debug)]
pub struct Port {
    /// Its slot.
    pub id: PortId,
    /// Interface name, as it was when the port was added.
    pub ifname: String,
    /// Name of the container behind it, where one was given.
    pub name: Option<String>,
    /// The hook that serves it.
    pub hook: Hook,
    /// Why it is that one.
    pub hook_reason: HookReason,
    /// What the datapath knows of it.
    pub conf: PortConf,
    /// What userspace remembers of it.
    pub(super) info: PortInfo,
}

/// Changes to a port; what is `None` stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PortChange {
    /// What the port may do.
    pub state: Option<PortState>,
    /// Most addresses learned here at a time; 0 for no limit.
    pub learn_limit: Option<u32>,
    /// Name of the container behind it.
    pub name: Option<String>,
}

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
    /// The ports, in order of their slots.
    pub fn ports(&self) -> Result<Vec<Port>, BridgeError> {
        let mut ports = Vec::new();
        for (_, id) in self.maps.port_ids()? {
            ports.push(self.port(id)?);
        }
        ports.sort_by_key(|port| port.id);
        Ok(ports)
    }

    /// The port in slot `id`.
    pub fn port(&self, id: PortId) -> Result<Port, BridgeError> {
        let info = self.maps.port_info(id)?;
        Ok(Port {
            id,
            ifname: text(&info.ifname),
            name: Some(text(&info.name)).filter(|name| !name.is_empty()),
            hook: Hook::from_raw(info.hook),
            hook_reason: HookReason::from_raw(info.reason),
            conf: self.maps.port_conf(id)?,
            info,
        })
    }

    /// The port on interface `ifname`.
    pub fn port_named(&self, ifname: &str) -> Result<Port, BridgeError> {
        let missing = || BridgeError::NoSuchPort {
            ifname: ifname.to_owned(),
            bridge: self.name().to_owned(),
        };
        if let Ok(link) = self.links.by_name(ifname) {
            let id = self.maps.port_of(link.ifindex).ok_or_else(missing)?;
            return self.port(id);
        }
        self.ports()?
            .into_iter()
            .find(|port| port.ifname == ifname)
            .ok_or_else(missing)
    }

    /// Makes an interface a port: checks everything, then does it, or undoes what was done.
    pub fn add_port(&mut self, spec: &PortSpec) -> Result<Port, BridgeError> {
        let plan = self.plan(spec)?;
        self.apply(plan)
    }

    fn plan(&self, spec: &PortSpec) -> Result<Plan, BridgeError> {
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

    /// Removes the port on interface `ifname`.
    pub fn del_port(&mut self, ifname: &str) -> Result<(), BridgeError> {
        if self.gone.iter().any(|gone| gone == ifname) {
            return Ok(());
        }
        let port = self.port_named(ifname)?;
        if port.conf.flags.contains(PortFlags::HOST) {
            let reason = format!(
                "is the bridge's own interface; it goes with `netbridge bridge del {}`",
                self.name()
            );
            return Err(BridgeError::BadPort {
                ifname: ifname.to_owned(),
                reason,
            });
        }
        self.remove_port(&port)
    }

    /// Takes a port out: no frame goes to it, then none comes from it, then all is put back.
    pub(super) fn remove_port(&mut self, port: &Port) -> Result<(), BridgeError> {
        let conf = PortConf {
            state: PortState::Disabled as u8,
            ..port.conf
        };
        self.maps.set_port_conf(port.id, conf)?;
        self.programs.detach(port.id)?;
        self.maps.clear_port_id(port.conf.ifindex)?;
        self.write_flood_lists()?;
        self.flush_port(port.id)?;
        self.maps.set_port_conf(port.id, PortConf::default())?;
        self.put_back(port);
        self.maps.set_port_info(port.id, PortInfo::default())?;
        Ok(())
    }

    fn put_back(&self, port: &Port) {
        let Ok(link) = self.links.by_index(port.conf.ifindex) else {
            return;
        };
        if port.info.restore & RESTORE_PROMISC != 0
            && let Err(error) = self.links.set_promisc(link.ifindex, false)
        {
            tracing::warn!("{error}");
        }
        if port.info.restore & !RESTORE_PROMISC == 0 {
            return;
        }
        match peer::container_end(&self.links, &link) {
            Ok(Some(end)) => container::restore(&end, port.info.restore),
            Ok(None) => {}
            Err(error) => tracing::warn!("{error}"),
        }
    }

    /// Changes a port.
    pub fn change_port(&mut self, ifname: &str, change: &PortChange) -> Result<(), BridgeError> {
        let port = self.port_named(ifname)?;
        let (mut conf, mut info) = (port.conf, port.info);
        if let Some(limit) = change.learn_limit {
            conf.learn_limit = limit;
        }
        if let Some(state) = change.state {
            conf.state = state as u8;
        }
        if let Some(name) = &change.name {
            info.name = padded(name);
        }
        self.maps.set_port_info(port.id, info)?;
        self.maps.set_port_conf(port.id, conf)?;
        if !conf.state().learns() {
            self.flush_port(port.id)?;
        }
        Ok(())
    }
}

/// Says whether an interface of this name is in any other namespace.
fn is_elsewhere(ifname: &str) -> bool {
    let has = |netns: &Netns| {
        let look = || crate::net::Links::new()?.by_name(ifname).map(|_| ());
        matches!(netns.run(look), Ok(Ok(())))
    };
    netns::find(has).is_some()
}

/// The text in a zero-padded field.
fn text(field: &[u8]) -> String {
    let end = field.iter().position(|&b| b == 0).unwrap_or(field.len());
    String::from_utf8_lossy(&field[..end]).into_owned()
}

/// A field with `text` in it, cut where it does not fit.
fn padded<const N: usize>(text: &str) -> [u8; N] {
    let mut field = [0; N];
    for (slot, byte) in field.iter_mut().zip(text.bytes()) {
        *slot = byte;
    }
    field
}
