//! The multicast database as programs and people read it; names follow `bridge -j mdb show`.

use std::collections::HashMap;

use netbridge_common::{MdbEntry, MdbKey, MdbKind, PortFlags, PortId, mdb::MEMBERSHIP};
use serde::Serialize;

use super::table::table;
use crate::{
    bridge::{Bridge, BridgeError, Port},
    datapath,
    mdb::Group,
};

/// The multicast database of a bridge.
#[derive(Clone, Debug, Serialize)]
pub struct MdbView {
    /// The bridge.
    pub bridge: String,
    /// Whether it snoops.
    pub mcast_snooping: bool,
    /// Members of groups.
    pub mdb: Vec<MemberView>,
    /// Ports with routers behind them.
    pub router_ports: Vec<RouterView>,
    /// Queriers that were heard; where there is none, multicast goes to all ports.
    pub queriers: Vec<QuerierView>,
}

/// A member of a group.
#[derive(Clone, Debug, Serialize)]
pub struct MemberView {
    /// The bridge.
    pub dev: String,
    /// Interface of the port.
    pub port: String,
    /// Name of the container behind it.
    pub name: Option<String>,
    /// The group.
    pub grp: String,
    /// `permanent`, or `temp`.
    pub state: &'static str,
    /// Its VLAN, on a bridge that filters them.
    pub vid: Option<u16>,
    /// Seconds since the last report; 0 for one that never ages.
    pub age: u32,
    /// Seconds for which it counts without another report; none for one that never ages.
    pub timer: Option<u32>,
}

/// A port with a router behind it.
#[derive(Clone, Debug, Serialize)]
pub struct RouterView {
    /// Interface of the port.
    pub port: String,
    /// Name of the container behind it.
    pub name: Option<String>,
    /// `permanent`, or `temp`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// `ipv4` or `ipv6`; none where it is for both.
    pub family: Option<&'static str>,
    /// Its VLAN, on a bridge that filters them.
    pub vid: Option<u16>,
    /// Seconds for which it counts without being heard of again.
    pub timer: Option<u32>,
}

/// A querier.
#[derive(Clone, Debug, Serialize)]
pub struct QuerierView {
    /// `ipv4` or `ipv6`.
    pub family: &'static str,
    /// Its VLAN, on a bridge that filters them.
    pub vid: Option<u16>,
    /// Whether all members have had the time to answer it; until then multicast goes to all ports.
    pub settled: bool,
    /// Seconds for which it counts without being heard of again.
    pub timer: Option<u32>,
}

impl MdbView {
    /// Looks at a bridge.
    pub fn of(bridge: &Bridge) -> Result<Self, BridgeError> {
        let now = datapath::now();
        let ports: HashMap<PortId, Port> = bridge
            .ports()?
            .into_iter()
            .map(|port| (port.id, port))
            .collect();
        let mut view = Self {
            bridge: bridge.name().to_owned(),
            mcast_snooping: bridge.settings()?.mcast_snooping != 0,
            mdb: Vec::new(),
            router_ports: Vec::new(),
            queriers: Vec::new(),
        };
        for (key, entry) in bridge.mdb()? {
            let timer = (!entry.is_permanent()).then(|| entry.until.since(now).as_secs());
            let vid = Some(key.vid).filter(|vid| *vid != 0);
            if key.is(MdbKind::Querier4) || key.is(MdbKind::Querier6) {
                view.queriers.push(QuerierView {
                    family: family(&key),
                    vid,
                    settled: entry.counts(now),
                    timer,
                });
            }
            let Some(port) = ports.get(&key.port) else {
                continue;
            };
            if key.is_member() {
                view.mdb.push(view.member(port, &key, &entry));
            } else if key.is(MdbKind::Router4) || key.is(MdbKind::Router6) {
                view.router_ports.push(RouterView {
                    family: Some(family(&key)),
                    vid,
                    timer,
                    ..RouterView::of(port, "temp")
                });
            }
        }
        let mut permanent: Vec<&Port> = ports
            .values()
            .filter(|port| port.conf.flags.contains(PortFlags::MCAST_ROUTER))
            .collect();
        permanent.sort_by_key(|port| port.id);
        let permanent = permanent
            .into_iter()
            .map(|port| RouterView::of(port, "permanent"));
        view.router_ports.extend(permanent);
        Ok(view)
    }

    fn member(&self, port: &Port, key: &MdbKey, entry: &MdbEntry) -> MemberView {
        let now = datapath::now();
        let permanent = entry.is_permanent();
        MemberView {
            dev: self.bridge.clone(),
            port: port.ifname.clone(),
            name: port.name.clone(),
            grp: Group::of(key).to_string(),
            state: if permanent { "permanent" } else { "temp" },
            vid: Some(key.vid).filter(|vid| *vid != 0),
            age: if permanent {
                0
            } else {
                now.since(entry.last_seen)
                    .as_secs()
                    .min(MEMBERSHIP.as_secs())
            },
            timer: (!permanent).then(|| entry.until.since(now).as_secs()),
        }
    }
}

impl RouterView {
    fn of(port: &Port, kind: &'static str) -> Self {
        Self {
            port: port.ifname.clone(),
            name: port.name.clone(),
            kind,
            family: None,
            vid: None,
            timer: None,
        }
    }
}

const fn family(key: &MdbKey) -> &'static str {
    if key.is(MdbKind::Querier6) || key.is(MdbKind::Router6) {
        "ipv6"
    } else {
        "ipv4"
    }
}

/// The database, as tables.
pub fn mdb(views: &[MdbView]) -> String {
    let texts: Vec<String> = views.iter().map(text).collect();
    texts.join("\n")
}

fn text(view: &MdbView) -> String {
    let secs =
        |timer: Option<u32>| timer.map_or_else(|| "-".to_owned(), |secs| format!("{secs} s"));
    let vlan = |vid: Option<u16>| vid.map_or_else(String::new, |vid| vid.to_string());
    let mut members = table(&["group", "port", "name", "vlan", "state", "left"], 5);
    for member in &view.mdb {
        members.add_row([
            member.grp.clone(),
            member.port.clone(),
            member.name.clone().unwrap_or_default(),
            vlan(member.vid),
            member.state.to_owned(),
            secs(member.timer),
        ]);
    }
    let mut routers = table(
        &["router port", "name", "vlan", "family", "state", "left"],
        5,
    );
    for router in &view.router_ports {
        routers.add_row([
            router.port.clone(),
            router.name.clone().unwrap_or_default(),
            vlan(router.vid),
            router.family.unwrap_or("both").to_owned(),
            router.kind.to_owned(),
            secs(router.timer),
        ]);
    }
    let mut lines = vec![members.to_string(), routers.to_string()];
    for querier in &view.queriers {
        let vlan = querier
            .vid
            .map_or_else(String::new, |vid| format!(" in VLAN {vid}"));
        let settled = if querier.settled {
            ""
        } else {
            ", whose first answers are still awaited"
        };
        let left = secs(querier.timer);
        lines.push(format!(
            "{} querier heard{vlan}{settled}, counts for {left}",
            querier.family
        ));
    }
    if !view.mcast_snooping {
        let bridge = &view.bridge;
        lines.push(format!(
            "snooping is off; `netbridge bridge set {bridge} --mcast-snooping on` switches it on"
        ));
    } else if view.queriers.is_empty() {
        lines.push("no querier heard: IP multicast goes to all ports".to_owned());
    }
    lines.join("\n")
}
