//! A bridge: its pins, its ports, and what its tables and floods have left.

use std::collections::BTreeSet;

use netbridge_common::{ABI_VERSION, PortId, settings::Settings};

use super::{Finding, Status, finding::Sheet, machine::FLOOD_CHUNK, port, programs::Owners};
use crate::{
    bridge::{Bridge, BridgeError, Hook, Port},
    datapath::{DatapathError, PinDir},
    net::{Links, XdpFeatures, sysctl, xdp_features::xdp_features},
};

/// From this part of the FDB on, in percent, doctor warns.
const FDB_WARNING_PERCENT: u64 = 80;

/// Examines bridge `name` and its ports.
///
/// Of a port, only what is not all right is told on its own; `interface` tells everything.
pub fn bridge(name: &str) -> Result<Vec<Finding>, BridgeError> {
    let missing = || BridgeError::NotFound {
        bridge: name.to_owned(),
    };
    let dir = find(name)?.ok_or_else(missing)?;
    let mut sheet = Sheet::new(&format!("bridge {name}"));
    if !dir.exists() {
        let found = "half made: an earlier command was killed";
        let remedy = format!("`netbridge bridge del {name}`");
        sheet.advise(Status::Problem, "pins", found, remedy);
        return Ok(sheet.into_findings());
    }
    match Bridge::open_dir(dir) {
        Ok(bridge) => Ok(opened(&bridge)),
        Err(error) => {
            let check = match error {
                BridgeError::OtherNamespace { .. } => "namespace",
                _ => "pins",
            };
            let status = match error {
                BridgeError::Datapath(DatapathError::Privilege { .. }) => Status::Note,
                _ => Status::Problem,
            };
            sheet.failed(status, check, &error);
            Ok(sheet.into_findings())
        }
    }
}

/// The folder of bridge `name`, whole or not.
pub(super) fn find(name: &str) -> Result<Option<PinDir>, BridgeError> {
    let dirs = PinDir::all()?;
    Ok(dirs.into_iter().find(|dir| dir.bridge() == name))
}

/// Examines an open bridge, which may be a private one.
pub(super) fn opened(bridge: &Bridge) -> Vec<Finding> {
    let mut sheet = Sheet::new(&format!("bridge {}", bridge.name()));
    sheet.ok("pins", format!("readable, layout {ABI_VERSION}"));
    let result = tables(&mut sheet, bridge).and_then(|ports| {
        let links = Links::new()?;
        let mut findings = Vec::new();
        let owners = Owners::look().with(bridge);
        for port in &ports {
            findings.extend(port::check(bridge, &links, &owners, port));
        }
        Ok(findings)
    });
    let ports = match result {
        Ok(findings) => findings,
        Err(error) => {
            sheet.failed(Status::Problem, "pins", &error);
            Vec::new()
        }
    };
    let mut findings = sheet.into_findings();
    findings.extend(ports);
    findings
}

/// Writes what concerns the whole bridge and returns its ports.
fn tables(sheet: &mut Sheet, bridge: &Bridge) -> Result<Vec<Port>, BridgeError> {
    let settings = bridge.settings()?;
    let ports = bridge.ports()?;
    sheet.ok("namespace", format!("this one, net:[{}]", settings.netns));
    let mode = settings.mode().name();
    sheet.ok(
        "mode",
        format!("{mode}, ageing time {} s", settings.ageing_secs),
    );
    slots(sheet, bridge.name(), &settings, ports.len());
    mtu(sheet, bridge.name(), &settings, &ports);
    flood(sheet, bridge.name(), &settings, &ports);
    fdb(sheet, bridge, &settings)?;
    events(sheet, bridge)?;
    backlog(sheet, ports.len());
    Ok(ports)
}

fn slots(sheet: &mut Sheet, name: &str, settings: &Settings, ports: usize) {
    let room = settings.port_slots.saturating_sub(1);
    let found = format!("{ports} of {room}");
    if ports < room as usize {
        return sheet.ok("ports", found);
    }
    let remedy = format!("add {name} again with a larger --max-ports before the next port");
    sheet.advise(Status::Note, "ports", found, remedy);
}

fn mtu(sheet: &mut Sheet, name: &str, settings: &Settings, ports: &[Port]) {
    let mtus: BTreeSet<u32> = ports.iter().map(|port| port.conf.mtu).collect();
    let list: Vec<String> = mtus.iter().map(u32::to_string).collect();
    let list = list.join(", ");
    match mtus.len() {
        0 => {}
        1 => sheet.ok("mtu", format!("{list} on all ports")),
        _ if settings.mixed_mtu != 0 => {
            let found = format!("{list}, as allowed: a frame too big for a port is dropped");
            sheet.note("mtu", found);
        }
        _ => {
            let found = format!("{list}: frames that a port cannot take are dropped (too_big)");
            let remedy = format!(
                "`ip link set IF mtu N` at both ends, or `netbridge bridge set {name} --mixed-mtu \
                 on`"
            );
            sheet.advise(Status::Warning, "mtu", found, remedy);
        }
    }
}

fn flood(sheet: &mut Sheet, name: &str, settings: &Settings, ports: &[Port]) {
    if !ports.iter().any(|port| port.hook == Hook::Xdp) {
        return sheet.ok("xdp_flood", "not needed: no XDP port; TC floods");
    }
    if settings.xdp_floods != 0 {
        return sheet.ok("xdp_flood", "XDP floods: every port takes its frames");
    }
    let deaf = ports.iter().filter(|port| {
        let features = xdp_features(port.conf.ifindex).ok().flatten();
        !features.is_some_and(XdpFeatures::ndo_xmit)
    });
    let deaf: Vec<&str> = deaf.map(|port| port.ifname.as_str()).collect();
    if deaf.is_empty() {
        let found = "XDP leaves floods to TC, though every port takes its frames now";
        let remedy = format!("`netbridge serve`, or any change of a port of {name}, takes it over");
        return sheet.advise(Status::Note, "xdp_flood", found, remedy);
    }
    let found = format!(
        "floods of XDP ports take TC: {} take no XDP frames",
        deaf.join(", ")
    );
    let remedy = "switch on GRO at their container ends (`ethtool -K eth0 gro on` there)";
    sheet.advise(Status::Warning, "xdp_flood", found, remedy);
}

fn fdb(sheet: &mut Sheet, bridge: &Bridge, settings: &Settings) -> Result<(), BridgeError> {
    let (maps, name) = (bridge.maps(), bridge.name());
    let capacity = u64::from(maps.fdb_capacity());
    let entries = maps.fdb_entries().map_or(0, |all| all.len() as u64);
    let percent = entries * 100 / capacity.max(1);
    let found = format!("{entries} of {capacity} entries, {percent} %");
    if percent > FDB_WARNING_PERCENT {
        let remedy = format!(
            "`netbridge serve` removes aged entries, `netbridge fdb flush {name}` all; or add \
             {name} again with a larger --fdb-entries"
        );
        sheet.advise(Status::Warning, "fdb", found, remedy);
    } else {
        sheet.ok("fdb", found);
    }
    let (learned, limit) = (maps.learned(PortId::NONE)?, u64::from(settings.learn_limit));
    if limit != 0 && learned >= limit {
        let found = format!("{learned} addresses, the limit of the bridge: no more are learned");
        let remedy = format!("`netbridge bridge set {name} --learn-limit N` with a larger number");
        sheet.advise(Status::Warning, "learn_limit", found, remedy);
    }
    Ok(())
}

fn events(sheet: &mut Sheet, bridge: &Bridge) -> Result<(), BridgeError> {
    match bridge.maps().events_lost()? {
        0 => sheet.ok("events", "none lost"),
        lost => {
            let found = format!("{lost} lost so far: they came too fast, or nobody read them");
            let remedy = "`netbridge serve` reads them; forwarding is not concerned";
            sheet.advise(Status::Note, "events", found, remedy);
        }
    }
    Ok(())
}

fn backlog(sheet: &mut Sheet, ports: usize) {
    let frames = sysctl::read("net/core/netdev_max_backlog").and_then(|v| v.parse::<u32>().ok());
    // Where it cannot be seen, the examination of the machine says so.
    let Some(frames) = frames else { return };
    if frames < FLOOD_CHUNK && ports > frames as usize {
        let found = format!("net.core.netdev_max_backlog is {frames}, for {ports} ports");
        let remedy = "`sysctl -w net.core.netdev_max_backlog=1000`, else floods lose frames";
        sheet.advise(Status::Warning, "backlog", found, remedy);
    } else {
        sheet.ok(
            "backlog",
            format!("net.core.netdev_max_backlog is {frames}"),
        );
    }
}
