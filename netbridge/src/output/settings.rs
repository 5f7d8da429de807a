//! What bridges and ports are set to, where that is not as they come: for people.

use super::{BridgeView, PortView};

/// The settings of a port that differ from those of a new one, as they are typed; empty where none does.
pub(super) fn text(view: &PortView) -> String {
    let switches = [
        (view.isolated, "isolated"),
        (view.hairpin, "hairpin"),
        (view.locked, "locked"),
        (!view.learning, "learning off"),
        (!view.flood, "flood off"),
        (!view.mcast_flood, "mcast-flood off"),
        (!view.bcast_flood, "bcast-flood off"),
        (!view.ingress_filter, "ingress-filter off"),
        (view.ra_guard, "ra-guard"),
        (view.dhcp_guard, "dhcp-guard"),
        (view.mcast_fast_leave, "mcast-fast-leave"),
    ];
    let mut settings: Vec<String> = switches
        .into_iter()
        .filter(|(differs, _)| *differs)
        .map(|(_, name)| name.to_owned())
        .collect();
    if view.accept_frames != "all" {
        settings.push(format!("accepts {}", view.accept_frames));
    }
    if view.mcast_router != "auto" {
        settings.push(format!("mcast-router {}", view.mcast_router));
    }
    if view.group_fwd_mask != 0 {
        settings.push(format!("group-fwd-mask {:#x}", view.group_fwd_mask));
    }
    match view.bindings {
        0 => {}
        1 => settings.push("1 address bound".to_owned()),
        more => settings.push(format!("{more} addresses bound")),
    }
    settings.extend(Some(view.limits.text()).filter(|limits| !limits.is_empty()));
    settings.join(", ")
}

/// The settings of a bridge that differ from those of a new one.
pub(super) fn of_bridge(view: &BridgeView) -> String {
    let switches = [
        (view.mixed_mtu, "mixed-mtu"),
        (!view.flood, "flood off"),
        (view.mcast_snooping, "mcast-snooping"),
    ];
    let mut settings: Vec<String> = switches
        .into_iter()
        .filter(|(differs, _)| *differs)
        .map(|(_, name)| name.to_owned())
        .collect();
    if view.vlan_filtering {
        settings.push(format!("vlan-filtering {}", view.vlan_protocol));
    }
    for (name, value) in [
        ("arp-proxy", view.arp_proxy),
        ("loop-guard", view.loop_guard),
    ] {
        if value != "off" {
            settings.push(format!("{name} {value}"));
        }
    }
    if view.flap_hold != 0 {
        settings.push(format!("flap-hold {}", view.flap_hold));
    }
    if view.group_fwd_mask != 0 {
        settings.push(format!("group-fwd-mask {:#x}", view.group_fwd_mask));
    }
    settings.join(", ")
}
