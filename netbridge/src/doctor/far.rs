//! The other end of a veth, which is usually inside a container.

use super::{
    Status, enter,
    finding::Sheet,
    interface::{Subject, on_off},
};
use crate::net::{
    ContainerEnd, Link, Links, NetError, XdpFeatures,
    ethtool::{self, Offloads},
    peer,
};

/// The other end as it was when looked at.
pub(super) struct Far {
    /// Where it is.
    pub(super) end: ContainerEnd,
    /// What the kernel tells of it.
    pub(super) link: Link,
    offloads: Result<Offloads, NetError>,
    /// Transmit queues in use.
    tx_queues: Option<u32>,
    /// Frames that found its receive ring full.
    ring_drops: u64,
    /// What runs a command there.
    prefix: Option<String>,
}

impl Far {
    /// How to run a command where the other end is.
    pub(super) fn command(&self, command: &str) -> String {
        match &self.prefix {
            Some(prefix) => format!("`{prefix}{command}`"),
            None => format!("`{command}` in its namespace"),
        }
    }
}

/// Looks at the other end of `link`; `None` if it is no veth.
pub(super) fn look(links: &Links, link: &Link) -> Result<Option<Far>, NetError> {
    let Some(end) = peer::container_end(links, link)? else {
        return Ok(None);
    };
    let prefix = if end.same_namespace {
        Some(String::new())
    } else {
        enter::prefix(end.netns.inode())
    };
    let far = end.netns.run(|| {
        let link = Links::new()?.by_index(end.ifindex)?;
        let name = &link.name;
        Ok::<_, NetError>(Far {
            offloads: ethtool::offloads(name),
            tx_queues: ethtool::channels(name).ok().map(|c| c.tx.max(c.combined)),
            ring_drops: ring_drops(&ethtool::statistics(name).unwrap_or_default()),
            end: end.clone(),
            prefix,
            link,
        })
    })??;
    Ok(Some(far))
}

/// Frames lost because a receive ring of a veth was full, by the names of its counters.
fn ring_drops(statistics: &[(String, u64)]) -> u64 {
    let is_ring = |name: &str| {
        name.starts_with("rx_queue_") && name.ends_with("_drops") && !name.ends_with("_xdp_drops")
    };
    let drops = statistics.iter().filter(|(name, _)| is_ring(name));
    drops.map(|(_, count)| count).sum()
}

/// Writes what the other end means for the subject.
pub(super) fn check(sheet: &mut Sheet, subject: &Subject<'_>, far: &Far) {
    place(sheet, subject, far);
    mtu(sheet, subject, far);
    queues(sheet, subject, far);
    match &far.offloads {
        Ok(offloads) => {
            gro(sheet, subject, far, *offloads);
            tx_checksum(sheet, subject, far, *offloads);
            vlan_offload(sheet, subject, far, *offloads);
        }
        Err(error) => sheet.failed(Status::Note, "gro", error),
    }
    ring(sheet, far);
}

fn place(sheet: &mut Sheet, subject: &Subject<'_>, far: &Far) {
    let (name, ifindex) = (&far.link.name, far.end.ifindex);
    if far.end.same_namespace {
        let found = format!("{name}, ifindex {ifindex}, in the same network namespace");
        if subject.is_host_port() {
            return sheet.ok("peer", found);
        }
        let found = format!("{found}: frames take the backlog, for redirect_peer needs two");
        let remedy = format!("move {name} to its container: `ip link set {name} netns NAME`");
        return sheet.advise(Status::Note, "peer", found, remedy);
    }
    let inode = far.end.netns.inode();
    let found = format!("{name}, ifindex {ifindex}, in namespace net:[{inode}]");
    if far.link.xdp.is_some() && subject.uses_redirect_peer() {
        let found = format!("{found}; frames enter by redirect_peer, past its XDP program");
        sheet.advise(Status::Warning, "peer", found, subject.add_again(""));
    } else {
        sheet.ok("peer", found);
    }
}

fn mtu(sheet: &mut Sheet, subject: &Subject<'_>, far: &Far) {
    let (near, there) = (subject.link.mtu, far.link.mtu);
    let (name, far_name) = (&subject.link.name, &far.link.name);
    if near == there {
        return sheet.ok("peer_mtu", format!("{there} at {far_name}, as here"));
    }
    let found = format!("{there} at {far_name}, {near} here: larger frames are lost one way");
    let remedy = format!(
        "{}, or `ip link set {name} mtu {there}`",
        far.command(&format!("ip link set {far_name} mtu {near}"))
    );
    sheet.advise(Status::Warning, "peer_mtu", found, remedy);
}

fn queues(sheet: &mut Sheet, subject: &Subject<'_>, far: &Far) {
    let name = &subject.link.name;
    let channels = ethtool::channels(name).ok();
    let (Some(channels), Some(tx)) = (channels, far.tx_queues) else {
        return sheet.note("queues", "not checked: the driver does not tell");
    };
    let rx = channels.rx.max(channels.combined);
    let found = format!("{rx} receive here, {tx} transmit at {}", far.link.name);
    if rx >= tx {
        return sheet.ok("queues", found);
    }
    let found = format!("{found}: XDP cannot be attached");
    let fewer = || far.command(&format!("ethtool -L {} tx {rx}", far.link.name));
    let remedy = if subject.link.num_rx_queues >= tx {
        format!("`ethtool -L {name} rx {tx}`, or stay with --hook tc")
    } else {
        format!("{}, or stay with --hook tc", fewer())
    };
    sheet.advise(subject.if_xdp(Status::Warning), "queues", found, remedy);
}

fn gro(sheet: &mut Sheet, subject: &Subject<'_>, far: &Far, offloads: Offloads) {
    let far_name = &far.link.name;
    let reached = subject.features.is_some_and(XdpFeatures::ndo_xmit);
    if offloads.gro {
        let found = format!("on at {far_name}: frames of XDP ports can be redirected here");
        return sheet.ok("gro", found);
    }
    if reached {
        let found = format!("off at {far_name}, whose XDP program takes redirected frames as well");
        return sheet.ok("gro", found);
    }
    let found = format!("off at {far_name}: frames of XDP ports cannot be redirected here");
    let by_hand = far.command(&format!("ethtool -K {far_name} gro on"));
    if subject.is_xdp_port() {
        let remedy = subject.add_again(&by_hand);
        sheet.advise(Status::Problem, "gro", found, remedy);
    } else {
        let remedy = format!("{by_hand}, which costs nothing; --hook xdp does it itself");
        sheet.advise(Status::Note, "gro", found, remedy);
    }
}

fn tx_checksum(sheet: &mut Sheet, subject: &Subject<'_>, far: &Far, offloads: Offloads) {
    let far_name = &far.link.name;
    let tso = on_off(offloads.tso);
    match (subject.is_xdp_port(), offloads.tx_checksum) {
        (true, false) => {
            let found = format!("off at {far_name}, as XDP needs it");
            sheet.ok("tx_checksum", found);
        }
        (true, true) => {
            let found = format!("on at {far_name}: its TCP and UDP leave with wrong checksums");
            let by_hand = far.command(&format!("ethtool -K {far_name} tx off"));
            let remedy = subject.add_again(&by_hand);
            sheet.advise(Status::Problem, "tx_checksum", found, remedy);
        }
        (false, true) if offloads.tso => {
            let found =
                format!("on at {far_name}, tso too: TC keeps both, --hook xdp gives them up");
            sheet.ok("tx_checksum", found);
        }
        (false, true) if subject.link.xdp.is_some() => {
            let found = format!("on at {far_name}, tso off while XDP is attached here");
            sheet.note("tx_checksum", found);
        }
        (false, checksum) => {
            let found = format!(
                "{} at {far_name}, tso {tso}: its TCP is slower than TC allows",
                on_off(checksum)
            );
            let remedy = far.command(&format!("ethtool -K {far_name} tx on tso on"));
            sheet.advise(Status::Note, "tx_checksum", found, remedy);
        }
    }
}

fn vlan_offload(sheet: &mut Sheet, subject: &Subject<'_>, far: &Far, offloads: Offloads) {
    let far_name = &far.link.name;
    let (tx, rx) = (on_off(offloads.tx_vlan), on_off(offloads.rx_vlan));
    let found = format!("txvlan {tx}, rxvlan {rx} at {far_name}");
    if subject.is_xdp_port() && (offloads.tx_vlan || offloads.rx_vlan) {
        let found = format!("{found}: XDP does not see its VLAN tags");
        let by_hand = far.command(&format!("ethtool -K {far_name} txvlan off rxvlan off"));
        let remedy = subject.add_again(&by_hand);
        sheet.advise(Status::Problem, "vlan_offload", found, remedy);
    } else {
        sheet.ok("vlan_offload", found);
    }
}

fn ring(sheet: &mut Sheet, far: &Far) {
    let far_name = &far.link.name;
    match far.ring_drops {
        0 => sheet.ok(
            "ring",
            format!("no frame was lost in the ring of {far_name}"),
        ),
        lost => {
            let found = format!("{lost} frames were lost so far in the full ring of {far_name}");
            let remedy = "give the receiver more CPU, or its senders --hook tc";
            sheet.advise(Status::Note, "ring", found, remedy);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drops_of_programs_are_no_drops_of_the_ring() {
        let counter = |name: &str, count| (name.to_owned(), count);
        let statistics = [
            counter("peer_ifindex", 7),
            counter("rx_queue_0_drops", 3),
            counter("rx_queue_0_xdp_drops", 50),
            counter("rx_queue_1_drops", 4),
            counter("tx_queue_0_xdp_xmit_errors", 9),
        ];
        assert_eq!(ring_drops(&statistics), 7);
        assert_eq!(ring_drops(&[]), 0);
    }
}
