//! A port of a bridge: whether what the maps say of it is still so.

use netbridge_common::{PortFlags, decide::DropReason};

use super::{
    Finding, Status,
    far::Far,
    finding::Sheet,
    interface::{self, Subject},
    programs::Owners,
};
use crate::{
    bridge::{Bridge, Port},
    datapath::Programs,
    net::{Links, XdpFeatures},
};

/// Drops that no rule of the bridge asks for.
const DROPS: [DropReason; 3] = [
    DropReason::TooBig,
    DropReason::EgressDown,
    DropReason::RedirectFailed,
];

/// Examines a port; of its interface, tells only what is not all right.
pub(super) fn check(bridge: &Bridge, links: &Links, owners: &Owners, port: &Port) -> Vec<Finding> {
    let name = format!("port {}", port.ifname);
    let mut sheet = Sheet::new(&name);
    let Ok(link) = links.by_index(port.conf.ifindex) else {
        let found = format!("its interface, ifindex {}, is gone", port.conf.ifindex);
        let remedy = format!(
            "the next change of {} forgets it; `netbridge serve` does at once",
            bridge.name()
        );
        sheet.advise(Status::Problem, "port", found, remedy);
        return sheet.into_findings();
    };
    let subject = Subject::new(links, link, owners);
    served(&mut sheet, port, &subject);
    if !pinned(&mut sheet, bridge, port, &subject) {
        return sheet.into_findings();
    }
    taken_over(&mut sheet, port, &subject);
    drops(&mut sheet, bridge, port);
    let mut findings = sheet.into_findings();
    let mut sheet = Sheet::new(&name);
    interface::check(&mut sheet, links, &subject);
    let rest = sheet.into_findings().into_iter();
    // What GRO means for floods is told once, with the bridge.
    let telling = |finding: &Finding| match finding.status {
        Status::Ok => false,
        Status::Note => finding.check != "gro",
        Status::Warning | Status::Problem => true,
    };
    findings.extend(rest.filter(telling));
    findings
}

fn served(sheet: &mut Sheet, port: &Port, subject: &Subject<'_>) {
    let flags = port.conf.flags;
    let mut ways = vec!["redirect"];
    for (flag, way) in [
        (PortFlags::PEER, "redirect_peer"),
        (PortFlags::XDP_TARGET, "XDP redirect"),
        (PortFlags::HOST, "the host's ingress"),
    ] {
        if flags.contains(flag) {
            ways.push(way);
        }
    }
    let (hook, state) = (port.hook.name(), port.conf.state().name());
    let found = format!("{hook}, {state}, reached by {}", ways.join(", "));
    if !port.conf.state().forwards() {
        return sheet.note("port", found);
    }
    sheet.ok("port", found);
    if subject.link.name != port.ifname {
        let found = format!("its interface is called {} now", subject.link.name);
        sheet.note("name", found);
    }
}

/// Says whether the port's attachment outlives the process that made it.
fn pinned(sheet: &mut Sheet, bridge: &Bridge, port: &Port, subject: &Subject<'_>) -> bool {
    match Programs::open(bridge.dir()) {
        Ok(programs) if programs.is_attached(port.id) => return true,
        Ok(_) => {
            let found = "its link at TC has no pin: the next change of the bridge forgets the port";
            sheet.advise(
                Status::Problem,
                "pins",
                found,
                subject.add(bridge.name(), port),
            );
        }
        Err(error) => sheet.failed(Status::Problem, "pins", &error),
    }
    false
}

/// Compares what the datapath believes with what is.
fn taken_over(sheet: &mut Sheet, port: &Port, subject: &Subject<'_>) {
    let conf = &port.conf;
    let mut stale = Vec::new();
    if conf.mtu != subject.link.mtu {
        stale.push(format!("MTU {} is {} now", conf.mtu, subject.link.mtu));
    }
    let reachable = subject.features.is_some_and(XdpFeatures::ndo_xmit);
    match (conf.flags.contains(PortFlags::XDP_TARGET), reachable) {
        (true, false) => stale.push("XDP redirect to it fails now".to_owned()),
        (false, true) => stale.push("XDP can redirect to it now".to_owned()),
        _ => {}
    }
    if let Ok(Some(far)) = &subject.far
        && is_other_station(port, far)
    {
        stale.push("the other end has another address now".to_owned());
    }
    if stale.is_empty() {
        return;
    }
    let found = format!("not taken over yet: {}", stale.join(", "));
    let remedy = "any change of a port of this bridge takes it over; `netbridge serve` always does";
    sheet.advise(Status::Warning, "stale", found, remedy);
}

fn is_other_station(port: &Port, far: &Far) -> bool {
    let host = port.conf.flags.contains(PortFlags::HOST);
    !host && far.link.mac.is_some_and(|mac| mac != port.conf.peer_mac.0)
}

fn drops(sheet: &mut Sheet, bridge: &Bridge, port: &Port) {
    let Ok(counters) = bridge.maps().counters(port.id) else {
        return;
    };
    let counts = DROPS.map(|reason| (reason.name(), counters.dropped(reason)));
    let counts: Vec<String> = counts
        .iter()
        .filter(|(_, count)| *count != 0)
        .map(|(reason, count)| format!("{reason} {count}"))
        .collect();
    if counts.is_empty() {
        return;
    }
    let found = format!("frames were dropped so far: {}", counts.join(", "));
    let remedy = format!(
        "`netbridge stats {} --watch` shows whether more are",
        bridge.name()
    );
    sheet.advise(Status::Note, "drops", found, remedy);
}
