//! Bindings, as programs and people read them.

use std::collections::HashMap;

use netbridge_common::PortId;
use serde::Serialize;

use super::table::table;
use crate::bridge::{Bridge, BridgeError, Port};

/// An address bound to a port, as `binding show` tells of it.
#[derive(Clone, Debug, Serialize)]
pub struct BindingView {
    /// Interface of the port.
    pub port: String,
    /// Interface index.
    pub ifindex: u32,
    /// Name of the container behind it.
    pub name: Option<String>,
    /// The address.
    pub address: String,
    /// `mac`, `ipv4` or `ipv6`.
    pub kind: &'static str,
    /// The Ethernet address that goes with an IP address; none where any that is bound to the port does.
    pub mac: Option<String>,
    /// The VLAN, on a bridge that filters them.
    pub vlan: Option<u16>,
    /// Whether the binding follows the PVID of its port.
    pub native: bool,
}

impl BindingView {
    /// Looks at the bindings of a port, or of all.
    pub fn of(bridge: &Bridge, port: Option<PortId>) -> Result<Vec<Self>, BridgeError> {
        let ports = bridge.ports()?.into_iter();
        let ports: HashMap<PortId, Port> = ports.map(|port| (port.id, port)).collect();
        let mut views = Vec::new();
        for (key, binding) in bridge.bindings(port)? {
            let Some(port) = ports.get(&binding.port) else {
                continue;
            };
            views.push(Self {
                port: port.ifname.clone(),
                ifindex: port.conf.ifindex,
                name: port.name.clone(),
                address: key.to_string(),
                kind: match key.ip() {
                    None => "mac",
                    Some(ip) if ip.is_ipv4() => "ipv4",
                    Some(_) => "ipv6",
                },
                mac: Some(binding.mac)
                    .filter(|mac| !mac.is_zero())
                    .map(|mac| mac.to_string()),
                vlan: Some(key.vid).filter(|vid| *vid != 0),
                native: binding.native != 0,
            });
        }
        Ok(views)
    }
}

/// Bindings, a line for each.
pub fn bindings(views: &[BindingView]) -> String {
    if views.is_empty() {
        return "no bindings; bind addresses with `netbridge binding add BRIDGE IF --mac MAC --ip ADDR`"
            .to_owned();
    }
    let mut table = table(&["port", "name", "vlan", "address", "mac"], 5);
    for view in views {
        let vlan = view
            .vlan
            .map_or_else(|| "-".to_owned(), |vid| vid.to_string());
        table.add_row([
            view.port.clone(),
            view.name.clone().unwrap_or_default(),
            vlan,
            view.address.clone(),
            view.mac.clone().unwrap_or_else(|| "-".to_owned()),
        ]);
    }
    table.to_string()
}
