//! An interface: what it is, and what serves it as a port, before or after it is one.

use netbridge_common::PortFlags;

use super::{
    Finding, Status, card,
    far::{self, Far},
    finding::Sheet,
    hooks,
    programs::Owners,
};
use crate::{
    bridge::{BridgeError, Hook, HookChoice, HookReason, Port, choose_hook},
    net::{Link, LinkKind, Links, NetError, XdpFeatures, ethtool, xdp_features::xdp_features},
};

/// Features that a driver may have, by the words of the kernel.
type Feature = (&'static str, fn(XdpFeatures) -> bool);

/// An interface and what is known around it.
pub(super) struct Subject<'a> {
    /// The interface.
    pub(super) link: Link,
    /// What its driver can do with XDP; `None` where the kernel does not tell.
    pub(super) features: Option<XdpFeatures>,
    /// The bridge it is a port of, and the port.
    pub(super) port: Option<(&'a str, &'a Port)>,
    /// The bridge whose own interface, the host's end, it is.
    pub(super) host_of: Option<&'a str>,
    /// What `auto` would choose.
    pub(super) choice: Result<(Hook, HookReason), BridgeError>,
    /// The other end of a veth.
    pub(super) far: Result<Option<Far>, NetError>,
    /// The bridges of this namespace.
    pub(super) owners: &'a Owners,
}

/// Examines interface `name` of the calling thread's namespace.
pub fn interface(name: &str) -> Result<Vec<Finding>, BridgeError> {
    let links = Links::new()?;
    let link = links.by_name(name)?;
    let owners = Owners::look();
    let subject = Subject::new(&links, link, &owners);
    let mut sheet = Sheet::new(&format!("interface {}", subject.link.name));
    check(&mut sheet, &links, &subject);
    Ok(sheet.into_findings())
}

/// Writes everything about an interface.
pub(super) fn check(sheet: &mut Sheet, links: &Links, subject: &Subject<'_>) {
    if !kind(sheet, subject) {
        return;
    }
    carrier(sheet, subject);
    master(sheet, links, subject);
    sheet.ok("mtu", subject.link.mtu.to_string());
    if subject.host_of.is_some() {
        // Its port, at the other end, is where the hooks are.
        return;
    }
    xdp_features_of(sheet, subject);
    hooks::check(sheet, subject);
    match &subject.far {
        Ok(Some(far)) => far::check(sheet, subject, far),
        Ok(None) => card::check(sheet, subject),
        Err(error @ NetError::PeerNotFound { .. }) => {
            sheet.failed(subject.if_xdp(Status::Warning), "peer", error);
        }
        Err(error) => sheet.note("peer", format!("not checked: {error}; run as root")),
    }
}

impl<'a> Subject<'a> {
    pub(super) fn new(links: &Links, link: Link, owners: &'a Owners) -> Self {
        let features = xdp_features(link.ifindex).ok().flatten();
        let far = far::look(links, &link);
        let end = far
            .as_ref()
            .ok()
            .and_then(Option::as_ref)
            .map(|far| &far.end);
        Self {
            choice: choose_hook(HookChoice::Auto, &link, end, features),
            port: owners.port(link.ifindex),
            host_of: owners.host_of(link.ifindex),
            link,
            features,
            far,
            owners,
        }
    }

    /// Says whether it is a port that XDP serves.
    pub(super) fn is_xdp_port(&self) -> bool {
        self.port.is_some_and(|(_, port)| port.hook == Hook::Xdp)
    }

    /// Says whether it is the host's own port, which has both ends in one namespace.
    pub(super) fn is_host_port(&self) -> bool {
        self.port
            .is_some_and(|(_, port)| port.conf.flags.contains(PortFlags::HOST))
    }

    /// Says whether frames for the station behind the port enter its namespace directly.
    pub(super) fn uses_redirect_peer(&self) -> bool {
        self.port
            .is_some_and(|(_, port)| port.conf.flags.contains(PortFlags::PEER))
    }

    /// `status` if XDP serves the interface, or would by `auto`; else only a note.
    pub(super) fn if_xdp(&self, status: Status) -> Status {
        let would = self.port.is_none() && matches!(self.choice, Ok((Hook::Xdp, _)));
        if would || self.is_xdp_port() {
            status
        } else {
            Status::Note
        }
    }

    /// The command that adds the interface to `bridge` as `port` was.
    pub(super) fn add(&self, bridge: &str, port: &Port) -> String {
        let hook = match (port.hook_reason, port.hook) {
            (HookReason::Asked, hook) => format!(" --hook {}", hook.name()),
            _ => String::new(),
        };
        format!("`netbridge port add {bridge} {}{hook}`", self.link.name)
    }

    /// The remedy that makes netbridge prepare the port anew, or `by_hand`.
    pub(super) fn add_again(&self, by_hand: &str) -> String {
        let name = &self.link.name;
        let Some((bridge, port)) = self.port else {
            return by_hand.to_owned();
        };
        let add = self.add(bridge, port);
        let again = format!("`netbridge port del {bridge} {name}`, then {add}");
        if by_hand.is_empty() {
            return again;
        }
        format!("{by_hand}; or {again}")
    }
}

/// Says whether an interface of this kind can be a port at all.
fn kind(sheet: &mut Sheet, subject: &Subject<'_>) -> bool {
    let link = &subject.link;
    let driver = ethtool::driver(&link.name);
    let mut found = format!("{}, ifindex {}", link.kind, link.ifindex);
    if let Ok(driver) = &driver {
        found = format!("{found}, driver {driver}");
    }
    let refuse = |reason: &str| match link.kind {
        LinkKind::Bridge => (format!("{found}: {reason}"), "add its ports instead"),
        _ => (
            format!("{found}: {reason}"),
            "use a veth end or a network card",
        ),
    };
    let (found, remedy) = match link.kind {
        LinkKind::Loopback => refuse("the loopback interface cannot be a port"),
        LinkKind::Bridge => refuse("a Linux bridge cannot be a port"),
        _ if !link.ethernet => refuse("no Ethernet, so it cannot be a port"),
        _ => {
            sheet.ok("driver", found);
            return true;
        }
    };
    sheet.advise(Status::Problem, "driver", found, remedy);
    false
}

fn carrier(sheet: &mut Sheet, subject: &Subject<'_>) {
    let link = &subject.link;
    if link.up && link.carrier {
        return sheet.ok("carrier", "up, with carrier");
    }
    if !link.up {
        let remedy = format!("`ip link set {} up`", link.name);
        return sheet.advise(Status::Problem, "carrier", "down", remedy);
    }
    let remedy = match &subject.far {
        Ok(Some(far)) => far.command(&format!("ip link set {} up", far.link.name)),
        _ => "plug it in, or set the other side up".to_owned(),
    };
    sheet.advise(
        Status::Problem,
        "carrier",
        "up, but without carrier",
        remedy,
    );
}

fn master(sheet: &mut Sheet, links: &Links, subject: &Subject<'_>) {
    let link = &subject.link;
    if let Some(ifindex) = link.master {
        let kind = link.master_kind.as_deref().unwrap_or("interface");
        let master = links.by_index(ifindex);
        let name = master.map_or_else(|_| ifindex.to_string(), |master| master.name);
        let found = format!("port of {kind} {name} of the kernel, so it cannot be one here");
        let remedy = format!("`ip link set {} nomaster`", link.name);
        return sheet.advise(Status::Problem, "master", found, remedy);
    }
    match (subject.port, subject.host_of) {
        (Some((bridge, _)), _) => sheet.ok("master", format!("port of bridge {bridge}")),
        (None, Some(bridge)) => {
            sheet.ok("master", format!("the host's own end of bridge {bridge}"));
        }
        (None, None) if !subject.owners.complete => {
            let found = "none of the kernel; bridges of netbridge were not checked: run as root";
            sheet.note("master", found);
        }
        (None, None) => sheet.ok("master", "none: free to become a port"),
    }
}

fn xdp_features_of(sheet: &mut Sheet, subject: &Subject<'_>) {
    const NAMES: [Feature; 5] = [
        ("basic", XdpFeatures::basic),
        ("redirect", XdpFeatures::redirect),
        ("ndo_xmit", XdpFeatures::ndo_xmit),
        ("rx_sg", XdpFeatures::rx_sg),
        ("ndo_xmit_sg", XdpFeatures::ndo_xmit_sg),
    ];
    let Some(features) = subject.features else {
        return sheet.note("xdp_features", "not checked: the kernel does not tell");
    };
    let has = NAMES.iter().filter(|(_, has)| has(features));
    let names: Vec<&str> = has.map(|(name, _)| *name).collect();
    if features.basic() && features.redirect() {
        sheet.ok("xdp_features", names.join(", "));
    } else {
        let found = match subject.link.kind {
            LinkKind::Veth => "no native XDP: the other end has too many transmit queues",
            _ => "no native XDP in this driver",
        };
        let status = subject.if_xdp(Status::Warning);
        sheet.advise(status, "xdp_features", found, "stay with --hook tc");
    }
}

pub(super) const fn on_off(on: bool) -> &'static str {
    if on { "on" } else { "off" }
}
