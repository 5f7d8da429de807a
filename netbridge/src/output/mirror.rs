//! Mirrors, as `mirror show` tells of them.

use serde::Serialize;

use super::table::table;
use crate::bridge::{Mirror, MirrorSource};

/// A mirror of a port or of a VLAN.
#[derive(Clone, Debug, Serialize)]
pub struct MirrorView {
    /// Interface of the port that is mirrored; only where it is a port.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<String>,
    /// The VLAN that is mirrored; only where it is a VLAN.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vlan: Option<u16>,
    /// Name of the container behind the port that is mirrored.
    pub name: Option<String>,
    /// `ingress`, `egress` or `both`.
    pub direction: &'static str,
    /// Interface of the port that gets the copies.
    pub to: String,
    /// Name of the container behind that port.
    pub to_name: Option<String>,
}

impl MirrorView {
    /// Looks at a mirror.
    pub fn of(mirror: &Mirror) -> Self {
        let (port, vlan) = match &mirror.source {
            MirrorSource::Port(ifname) => (Some(ifname.clone()), None),
            MirrorSource::Vlan(vid) => (None, Some(*vid)),
        };
        Self {
            port,
            vlan,
            name: mirror.name.clone(),
            direction: mirror.direction.name(),
            to: mirror.to.ifname.clone(),
            to_name: mirror.to.name.clone(),
        }
    }
}

/// Mirrors, a line for each.
pub fn mirrors(views: &[MirrorView]) -> String {
    if views.is_empty() {
        return "no mirrors; add one with `netbridge mirror add BRIDGE --port IF --to IF`"
            .to_owned();
    }
    let mut table = table(&["source", "name", "direction", "to", "name"], 5);
    for view in views {
        let source = match (&view.port, view.vlan) {
            (Some(port), _) => port.clone(),
            (None, vlan) => format!("vlan {}", vlan.unwrap_or_default()),
        };
        table.add_row([
            source,
            view.name.clone().unwrap_or_default(),
            view.direction.to_owned(),
            view.to.clone(),
            view.to_name.clone().unwrap_or_default(),
        ]);
    }
    table.to_string()
}
