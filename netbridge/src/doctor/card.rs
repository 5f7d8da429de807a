//! A network card, or another interface that is no veth.

use super::{
    Status,
    finding::Sheet,
    interface::{Subject, on_off},
};
use crate::net::ethtool;

/// Writes what matters of an interface that is no veth.
pub(super) fn check(sheet: &mut Sheet, subject: &Subject<'_>) {
    let link = &subject.link;
    let name = &link.name;
    if subject.port.is_none() || link.promiscuous {
        let found = if link.promiscuous {
            "on"
        } else {
            "off; netbridge switches it on for a port"
        };
        sheet.ok("promisc", found);
    } else {
        let found = "off: the card drops frames for others";
        let remedy = format!("`ip link set {name} promisc on`");
        sheet.advise(Status::Problem, "promisc", found, remedy);
    }
    if let Ok(channels) = ethtool::channels(name) {
        let (rx, tx) = (
            channels.rx + channels.combined,
            channels.tx + channels.combined,
        );
        sheet.ok("queues", format!("{rx} receive, {tx} transmit"));
    }
    let Ok(offloads) = ethtool::offloads(name) else {
        return;
    };
    sheet.ok("gro", on_off(offloads.gro));
    sheet.ok(
        "tx_checksum",
        format!(
            "{}, tso {}",
            on_off(offloads.tx_checksum),
            on_off(offloads.tso)
        ),
    );
    let found = format!(
        "txvlan {}, rxvlan {}",
        on_off(offloads.tx_vlan),
        on_off(offloads.rx_vlan)
    );
    if offloads.rx_vlan && subject.if_xdp(Status::Warning) == Status::Warning {
        let found = format!("{found}: XDP does not see the VLAN tags of received frames");
        let remedy = format!("`ethtool -K {name} rxvlan off` where frames are tagged");
        sheet.advise(Status::Warning, "vlan_offload", found, remedy);
    } else {
        sheet.ok("vlan_offload", found);
    }
}
