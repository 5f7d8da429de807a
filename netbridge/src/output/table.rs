//! Tables for people.

use comfy_table::{CellAlignment, Table, presets};

use super::{BridgeView, FdbView, PortView, VlanView, settings};
use crate::stats::{BridgeStats, PortStats};

pub(super) fn table(header: &[&str], numbers_from: usize) -> Table {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_header(header.to_vec());
    for column in table.column_iter_mut().skip(numbers_from) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

/// Bridges and their settings.
pub fn bridges(views: &[BridgeView]) -> String {
    if views.is_empty() {
        return "no bridges; add one with `netbridge bridge add NAME`".to_owned();
    }
    let mut table = table(
        &[
            "bridge", "mode", "ports", "ageing", "learned", "fdb room", "limit", "settings",
        ],
        2,
    );
    if let Some(column) = table.column_mut(7) {
        column.set_cell_alignment(CellAlignment::Left);
    }
    for view in views {
        table.add_row([
            view.bridge.clone(),
            view.mode.to_owned(),
            format!("{} of {}", view.ports.len(), view.max_ports),
            format!("{} s", view.ageing_time),
            view.learned.to_string(),
            view.fdb_entries.to_string(),
            limit(view.learn_limit),
            settings::of_bridge(view),
        ]);
    }
    table.to_string()
}

fn limit(limit: u32) -> String {
    if limit == 0 {
        "none".to_owned()
    } else {
        limit.to_string()
    }
}

/// Ports and their VLANs, a line for each.
pub fn vlans(views: &[VlanView]) -> String {
    let mut table = table(&["port", "name", "vlan", "flags"], 4);
    for view in views {
        let (mut port, mut name) = (view.ifname.clone(), view.name.clone().unwrap_or_default());
        if view.vlans.is_empty() {
            table.add_row([port.clone(), name.clone(), "none".to_owned(), String::new()]);
        }
        for vlan in &view.vlans {
            table.add_row([
                std::mem::take(&mut port),
                std::mem::take(&mut name),
                vlan.vlan.to_string(),
                vlan.flags.join(", "),
            ]);
        }
    }
    table.to_string()
}

/// What a port became when it was added.
pub fn port_added(port: &PortView) -> String {
    format!(
        "port {}: hook {} ({})",
        port.port, port.hook, port.hook_reason
    )
}

/// Ports and how they are served.
pub fn ports(views: &[PortView]) -> String {
    if views.is_empty() {
        return "no ports; add one with `netbridge port add BRIDGE IF`".to_owned();
    }
    let mut header = vec![
        "port",
        "name",
        "hook",
        "state",
        "mtu",
        "learned",
        "limit",
        "why this hook",
    ];
    // Most ports are as they come, and their table has no such column.
    let set = views.iter().any(|view| !settings::text(view).is_empty());
    if set {
        header.push("settings");
    }
    let mut table = table(&header, 4);
    for column in table.column_iter_mut().skip(7) {
        column.set_cell_alignment(CellAlignment::Left);
    }
    for view in views {
        let mut row = vec![
            view.port.clone(),
            view.name.clone().unwrap_or_default(),
            view.hook.to_owned(),
            view.state.to_owned(),
            view.mtu.to_string(),
            view.learned.to_string(),
            limit(view.learn_limit),
            view.hook_reason.to_owned(),
        ];
        if set {
            row.push(settings::text(view));
        }
        table.add_row(row);
    }
    table.to_string()
}

/// FDB entries.
pub fn fdb(views: &[FdbView]) -> String {
    let vlans = views.iter().any(|view| view.vlan.is_some());
    let mut header = vec!["mac", "port", "name", "state", "age"];
    if vlans {
        header.push("vlan");
    }
    let mut table = table(&header, 4);
    for view in views {
        let age = if matches!(view.state, "permanent" | "static") {
            "-".to_owned()
        } else {
            format!("{} s", view.age)
        };
        let marks = [&[view.state], view.flags.as_slice()].concat();
        let mut row = vec![
            view.mac.clone(),
            view.ifname.clone(),
            view.name.clone().unwrap_or_default(),
            marks.join(", "),
            age,
        ];
        if vlans {
            row.push(view.vlan.map_or_else(String::new, |vlan| vlan.to_string()));
        }
        table.add_row(row);
    }
    table.to_string()
}

/// Counters per port; with `before`, taken `secs` seconds earlier, also rates.
pub fn stats(stats: &BridgeStats, before: Option<&BridgeStats>, secs: u32) -> String {
    let header = [
        "port",
        "name",
        "hook",
        "rx frames",
        "rx bytes",
        "tx frames",
        "tx bytes",
        "forwarded",
        "flooded",
        "learned",
        "wasted",
        "dropped",
    ];
    let mut table = table(&header, 3);
    for port in &stats.ports {
        table.add_row([
            port.port.clone(),
            port.name.clone().unwrap_or_default(),
            port.hook.to_owned(),
            port.rx.frames.to_string(),
            bytes(port.rx.bytes),
            port.tx.frames.to_string(),
            bytes(port.tx.bytes),
            port.forwarded.to_string(),
            port.flooded.to_string(),
            port.learned.to_string(),
            port.wasted.to_string(),
            drops(port),
        ]);
    }
    let title = format!("bridge {}{}", stats.bridge, rates(stats, before, secs));
    format!("{title}\n{table}")
}

/// Drops with their reasons, as in `3 (same_port 2, too_big 1)`.
fn drops(port: &PortStats) -> String {
    if port.dropped.total == 0 {
        return "0".to_owned();
    }
    let reasons: Vec<String> = port
        .dropped
        .reasons
        .iter()
        .filter(|(_, count)| **count > 0)
        .map(|(reason, count)| format!("{reason} {count}"))
        .collect();
    format!("{} ({})", port.dropped.total, reasons.join(", "))
}

fn rates(stats: &BridgeStats, before: Option<&BridgeStats>, secs: u32) -> String {
    let Some(before) = before else {
        return String::new();
    };
    let sum = |stats: &BridgeStats| {
        stats
            .ports
            .iter()
            .fold((0_u64, 0_u64), |(frames, bytes), port| {
                (
                    frames.saturating_add(port.rx.frames),
                    bytes.saturating_add(port.rx.bytes),
                )
            })
    };
    let ((frames, octets), (old_frames, old_octets)) = (sum(stats), sum(before));
    let per_sec = |new: u64, old: u64| new.saturating_sub(old) / u64::from(secs.max(1));
    format!(
        ": {} frames/s, {}/s",
        per_sec(frames, old_frames),
        bytes(per_sec(octets, old_octets))
    )
}

/// Octets in the unit that keeps them short, with one decimal.
fn bytes(octets: u64) -> String {
    const UNITS: [(u64, &str); 4] = [
        (1 << 40, "TiB"),
        (1 << 30, "GiB"),
        (1 << 20, "MiB"),
        (1 << 10, "KiB"),
    ];
    for (size, unit) in UNITS {
        if octets >= size {
            let tenths = u128::from(octets) * 10 / u128::from(size);
            return format!("{}.{} {unit}", tenths / 10, tenths % 10);
        }
    }
    format!("{octets} B")
}

#[cfg(test)]
mod tests {
    use super::bytes;

    #[test]
    fn octets_are_shown_in_the_largest_unit_that_fits() {
        assert_eq!(bytes(1023), "1023 B");
        assert_eq!(bytes(1536), "1.5 KiB");
        assert_eq!(bytes(3 << 30), "3.0 GiB");
        assert_eq!(bytes(u64::MAX), "16777215.9 TiB");
    }
}
