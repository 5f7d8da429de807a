//! Which programs are attached to an interface, and whose they are.

use aya::programs::{ProgramInfo, SchedClassifier, TcAttachType, loaded_programs};
use netbridge_common::maps::program;

use crate::{
    bridge::{Bridge, BridgeError, Port},
    datapath::PinDir,
};

/// A bridge whose ports are in this namespace.
pub(super) struct Owner {
    /// Its name.
    bridge: String,
    /// Its ports.
    ports: Vec<Port>,
    /// Index of its own interface; 0 without one.
    host: u32,
    /// Id of its program at TC.
    tc: Option<u32>,
    /// Id of its program at XDP.
    xdp: Option<u32>,
}

/// A program at a hook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Attached {
    /// Its id, as `bpftool prog` shows it.
    pub(super) id: u32,
    /// Its name; empty where it has none or it could not be read.
    pub(super) name: String,
    /// The bridge it belongs to.
    pub(super) bridge: Option<String>,
}

/// The bridges of this namespace.
pub(super) struct Owners {
    /// Those that can be read.
    pub(super) list: Vec<Owner>,
    /// Whether these are all.
    pub(super) complete: bool,
}

impl Owners {
    /// Looks at all pins.
    pub(super) fn look() -> Self {
        let mut owners = Self {
            list: Vec::new(),
            complete: true,
        };
        match PinDir::all() {
            Ok(dirs) => dirs.into_iter().for_each(|dir| owners.add(dir)),
            Err(_) => owners.complete = false,
        }
        owners
    }

    fn add(&mut self, dir: PinDir) {
        match Bridge::open_dir(dir) {
            Ok(bridge) => self.list.push(Owner::of(&bridge)),
            Err(BridgeError::OtherNamespace { .. } | BridgeError::NotFound { .. }) => {}
            Err(_) => self.complete = false,
        }
    }

    /// Adds `bridge` where it is a private one, which no pins lead to.
    pub(super) fn with(mut self, bridge: &Bridge) -> Self {
        let own = Owner::of(bridge);
        let is_own = |owner: &Owner| owner.bridge == own.bridge && owner.tc == own.tc;
        if !self.list.iter().any(is_own) {
            self.list.insert(0, own);
        }
        self
    }

    /// The bridge and the port that interface `ifindex` is.
    pub(super) fn port(&self, ifindex: u32) -> Option<(&str, &Port)> {
        self.list.iter().find_map(|owner| {
            let mut ports = owner.ports.iter();
            let port = ports.find(|port| port.conf.ifindex == ifindex)?;
            Some((owner.bridge.as_str(), port))
        })
    }

    /// The bridge whose own interface, the host's end, `ifindex` is.
    pub(super) fn host_of(&self, ifindex: u32) -> Option<&str> {
        let owner = self.list.iter().find(|owner| owner.host == ifindex)?;
        Some(owner.bridge.as_str())
    }
}

impl Owner {
    /// What there is of `bridge`.
    fn of(bridge: &Bridge) -> Self {
        let id = |name| {
            let info = ProgramInfo::from_pin(bridge.dir().object(name)).ok()?;
            Some(info.id())
        };
        Self {
            bridge: bridge.name().to_owned(),
            ports: bridge.ports().unwrap_or_default(),
            host: bridge
                .settings()
                .map_or(0, |settings| settings.host_ifindex),
            tc: id(program::TC_INGRESS),
            xdp: id(program::XDP_INGRESS),
        }
    }
}

impl Attached {
    fn new(id: u32, info: Option<&ProgramInfo>, owners: &Owners) -> Self {
        let name = info.and_then(ProgramInfo::name_as_str);
        let own = |owner: &&Owner| owner.tc == Some(id) || owner.xdp == Some(id);
        Self {
            id,
            name: name.unwrap_or_default().to_owned(),
            bridge: owners
                .list
                .iter()
                .find(own)
                .map(|owner| owner.bridge.clone()),
        }
    }

    /// How to call it.
    pub(super) fn describe(&self) -> String {
        let name = match self.name.as_str() {
            "" => "a program without a name",
            name => name,
        };
        match &self.bridge {
            Some(bridge) => format!("{name} of bridge {bridge}"),
            None if [program::TC_INGRESS, program::XDP_INGRESS].contains(&name) => {
                format!("{name} of another netbridge (id {})", self.id)
            }
            None => format!("{name} (id {})", self.id),
        }
    }
}

/// The programs at TC ingress of an interface, in the order they run; an error names its remedy.
pub(super) fn at_tc(ifname: &str, owners: &Owners) -> Result<Vec<Attached>, String> {
    let (_, infos) =
        SchedClassifier::query_tcx(ifname, TcAttachType::Ingress).map_err(|error| {
            tracing::debug!("query tcx of {ifname}: {error}");
            "not checked: the kernel does not list programs at TC; run as root".to_owned()
        })?;
    let attached = |info: &ProgramInfo| Attached::new(info.id(), Some(info), owners);
    Ok(infos.iter().map(attached).collect())
}

/// The program with this id, which is attached to XDP.
pub(super) fn with_id(id: u32, owners: &Owners) -> Attached {
    let info = loaded_programs()
        .map_while(Result::ok)
        .find(|info| info.id() == id);
    Attached::new(id, info.as_ref(), owners)
}
