//! Ports: looking at them, changing and removing one.

use std::collections::HashSet;

use netbridge_common::{
    Features, PortConf, PortFlags, PortId, PortInfo, PortState, PortVlans,
    decide::GROUP_FWD_RESTRICTED, info::RESTORE_PROMISC, vlan::AcceptFrames,
};

use super::{Bridge, BridgeError, Hook, HookChoice, HookReason, LimitChange, container, limit};
use crate::{fdb::Selection, net::peer};

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
    /// Storm and rate limits.
    pub limits: LimitChange,
    /// Whether the other end is about to move into another namespace, and nothing comes before it has.
    pub peer_moves: bool,
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
    /// Switches to set.
    pub set: PortFlags,
    /// Switches to clear.
    pub clear: PortFlags,
    /// Reserved groups that are relayed from here.
    pub group_fwd_mask: Option<u16>,
    /// Which frames the port takes, on a bridge that filters VLANs.
    pub accept_frames: Option<AcceptFrames>,
    /// VLAN of frames that come without one, of which the port must be a member; 0 for none.
    pub pvid: Option<u16>,
    /// Storm and rate limits.
    pub limits: LimitChange,
}

impl Port {
    pub(super) fn new(id: PortId, conf: PortConf, info: PortInfo) -> Self {
        Self {
            id,
            ifname: text(&info.ifname),
            name: Some(text(&info.name)).filter(|name| !name.is_empty()),
            hook: Hook::from_raw(info.hook),
            hook_reason: HookReason::from_raw(info.reason),
            conf,
            info,
        }
    }

    /// Its interface, and its container where one is known: `veth1 (web)`.
    pub fn label(&self) -> String {
        match &self.name {
            Some(name) => format!("{} ({name})", self.ifname),
            None => self.ifname.clone(),
        }
    }
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
        Ok(Port::new(id, self.maps.port_conf(id)?, info))
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

    pub(super) fn remove_port(&mut self, port: &Port) -> Result<(), BridgeError> {
        self.remove_ports(std::slice::from_ref(port))
    }

    /// Takes ports out: no frame goes to them, then none comes from them, then all is put back.
    ///
    /// A port that cannot be detached stays, disabled, and the others go; the first error is
    /// returned, the log has them all.
    pub(super) fn remove_ports(&mut self, ports: &[Port]) -> Result<(), BridgeError> {
        if ports.is_empty() {
            return Ok(());
        }
        // First, so that no mirror ever waits for the next port in the slot.
        self.forget_mirrors_to(ports)?;
        let mut outcome = Ok(());
        let mut detached = Vec::with_capacity(ports.len());
        for port in ports {
            match self.detach(port) {
                Ok(()) => detached.push(port),
                Err(error) if outcome.is_ok() => outcome = Err(error),
                Err(error) => tracing::warn!("{error}"),
            }
        }
        self.write_flood_lists()?;
        let ids: HashSet<PortId> = detached.iter().map(|port| port.id).collect();
        self.flush_ports(&ids)?;
        self.unbind_ports(&ids)?;
        self.flush_mdb_ports(&ids)?;
        let mut peers = peer::Search::default();
        for port in detached {
            self.maps.set_port_conf(port.id, PortConf::default())?;
            self.maps.set_port_vlans(port.id, PortVlans::default())?;
            self.put_back(port, &mut peers);
            self.maps.set_port_info(port.id, PortInfo::default())?;
        }
        outcome
    }

    fn detach(&mut self, port: &Port) -> Result<(), BridgeError> {
        // Not `port.conf`, which may name a mirror that is gone.
        let conf = PortConf {
            state: PortState::Disabled as u8,
            ..self.maps.port_conf(port.id)?
        };
        self.maps.set_port_conf(port.id, conf)?;
        self.programs.detach(port.id)?;
        Ok(self.maps.clear_port_id(port.conf.ifindex)?)
    }

    fn put_back(&self, port: &Port, peers: &mut peer::Search) {
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
        match peers.container_end(&self.links, &link) {
            Ok(Some(end)) => container::restore(&end, port.info.restore),
            Ok(None) => {}
            Err(error) => tracing::warn!("{error}"),
        }
    }

    /// Changes a port.
    pub fn change_port(&mut self, ifname: &str, change: &PortChange) -> Result<(), BridgeError> {
        let port = self.port_named(ifname)?;
        if let Some(mask) = change.group_fwd_mask {
            check_group_fwd_mask(mask)?;
        }
        if let Some(name) = &change.name {
            check_name(name)?;
        }
        if change.set.intersects(PortFlags::GUARDED) {
            self.require(Features::GUARD)?;
        }
        let (mut conf, mut info) = (port.conf, port.info);
        if let Some(limit) = change.learn_limit {
            conf.learn_limit = limit;
        }
        if let Some(state) = change.state {
            conf.state = state as u8;
        }
        conf.flags = conf.flags.with(change.set).set(change.clear, false);
        if let Some(mask) = change.group_fwd_mask {
            conf.group_fwd_mask = mask;
        }
        if let Some(accept) = change.accept_frames {
            conf.accept_frames = accept as u8;
        }
        if let Some(pvid) = change.pvid {
            self.check_pvid(&port, pvid)?;
            conf.pvid = pvid;
        }
        if let Some(name) = &change.name {
            info.name = padded(name);
        }
        let limits = change.limits.apply(&conf, self.limits(&port)?)?;
        conf.flags = limit::with_switches(conf.flags, limit::switches(&limits));
        let moves = if conf.pvid == port.conf.pvid {
            Vec::new()
        } else {
            let filtering = self.maps.settings()?.vlan_filtering != 0;
            self.binding_moves(filtering, Some((port.id, conf.pvid)))?
        };
        self.require_limits(&limits)?;
        self.write_limits(&port, limits)?;
        self.write_moves(&moves)?;
        self.maps.set_port_info(port.id, info)?;
        self.maps.set_port_conf(port.id, conf)?;
        self.finish_moves(&moves)?;
        if !conf.state().learns() {
            // Not `flush_port`: the bridge's own address stays its own while its port is down.
            self.flush_fdb(&Selection {
                port: Some(port.id),
                permanent_too: true,
            })?;
            self.flush_mdb_ports(&HashSet::from([port.id]))?;
        }
        Ok(())
    }
}

/// Refuses groups that no bridge relays (`BR_GROUPFWD_RESTRICTED`).
pub(super) fn check_group_fwd_mask(mask: u16) -> Result<(), BridgeError> {
    if mask & GROUP_FWD_RESTRICTED == 0 {
        return Ok(());
    }
    let reason = format!(
        "{mask:#x}: 01:80:c2:00:00:00, :01 and :02 are never relayed; leave out bits 0 to 2"
    );
    Err(BridgeError::BadSetting {
        setting: "group_fwd_mask",
        reason,
    })
}

/// The text in a zero-padded field.
fn text(field: &[u8]) -> String {
    let end = field.iter().position(|&b| b == 0).unwrap_or(field.len());
    String::from_utf8_lossy(&field[..end]).into_owned()
}

/// Checks that a container's name fits [`PortInfo::name`].
pub(super) fn check_name(name: &str) -> Result<(), BridgeError> {
    const MOST: usize = 64;
    if name.len() <= MOST {
        return Ok(());
    }
    let reason = format!("`{name}` is too long; {MOST} octets at most");
    Err(BridgeError::BadSetting {
        setting: "container name",
        reason,
    })
}

/// A field with `text` in it, cut where it does not fit.
pub(super) fn padded<const N: usize>(text: &str) -> [u8; N] {
    let mut field = [0; N];
    for (slot, byte) in field.iter_mut().zip(text.bytes()) {
        *slot = byte;
    }
    field
}
