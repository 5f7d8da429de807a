//! Whether a frame may leave by a port.

use super::{DropReason, FloodKind};
use crate::{
    FrameSize, MacAddr, PortConf, PortFlags, PortId,
    frame::{ETH_HEADER_LEN, VLAN_TAG_LEN},
};

/// Checks the one port that a unicast frame goes to, from a port with flags `from`.
#[inline(always)]
pub fn egress(from: PortFlags, port: &PortConf, size: FrameSize) -> Result<(), DropReason> {
    if port.ifindex == 0 || !port.state().forwards() {
        return Err(DropReason::EgressDown);
    }
    if from.contains(PortFlags::ISOLATED) && port.flags.contains(PortFlags::ISOLATED) {
        return Err(DropReason::Isolated);
    }
    if size.largest > largest_frame(port) {
        return Err(DropReason::TooBig);
    }
    Ok(())
}

/// The largest frame that may leave by a port, in octets.
///
/// A tag does not count against the MTU, as in the kernel's `is_skb_forwardable()`.
#[inline(always)]
pub const fn largest_frame(port: &PortConf) -> u32 {
    port.mtu
        .saturating_add(ETH_HEADER_LEN)
        .saturating_add(VLAN_TAG_LEN)
}

/// How a frame is handed to a port.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Out of the port's interface.
    Wire = 0,
    /// Straight into the namespace of the station at the other end of the port's veth.
    Peer = 1,
    /// Into the host, at the ingress of its own interface.
    Host = 2,
}

impl Way {
    /// The way of a number found in a map; unknown ones count as `Wire`.
    #[inline(always)]
    pub const fn from_raw(raw: u32) -> Self {
        match raw {
            1 => Self::Peer,
            2 => Self::Host,
            _ => Self::Wire,
        }
    }
}

/// Decides how a frame to `dst` is handed to a port, and to which interface.
///
/// Only what is for the station itself may enter its namespace directly, for there it is taken
/// for the station's own; a frame for a bridge or a virtual machine behind it goes by the wire.
#[inline(always)]
pub fn way(port: &PortConf, dst: MacAddr) -> (Way, u32) {
    if port.flags.contains(PortFlags::HOST) {
        (Way::Host, port.deliver_ifindex)
    } else if port.flags.contains(PortFlags::PEER) && port.peer_mac == dst {
        (Way::Peer, port.ifindex)
    } else {
        (Way::Wire, port.ifindex)
    }
}

/// Checks one port of a flood: `Ok(false)` where the port is not in the flood domain, which is no
/// drop, since the frame was not for it.
#[inline(always)]
pub fn flood_egress(
    (ingress, from): (PortId, PortFlags),
    (port_id, port): (PortId, &PortConf),
    kind: FloodKind,
    size: FrameSize,
) -> Result<bool, DropReason> {
    if port_id == ingress && !from.contains(PortFlags::HAIRPIN) {
        return Ok(false);
    }
    // What the host itself sends to many is for all, or it could not ask for an address (`br_flood()`).
    let from_host = from.contains(PortFlags::HOST) && kind != FloodKind::UnknownUnicast;
    if port.flags.intersects(kind.switch()) && !from_host {
        return Ok(false);
    }
    match egress(from, port, size) {
        Ok(()) => Ok(true),
        Err(DropReason::EgressDown | DropReason::Isolated) => Ok(false),
        Err(reason) => Err(reason),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PortState;

    const PLAIN: PortFlags = PortFlags(0);

    fn port(state: PortState) -> PortConf {
        PortConf {
            ifindex: 7,
            mtu: 1500,
            state: state as u8,
            ..PortConf::default()
        }
    }

    #[test]
    fn size_and_state_are_checked() {
        let up = port(PortState::Forwarding);
        assert_eq!(egress(PLAIN, &up, FrameSize::single(1518)), Ok(()));
        assert_eq!(
            egress(PLAIN, &up, FrameSize::single(1519)),
            Err(DropReason::TooBig)
        );
        let gso = FrameSize {
            frames: 40,
            bytes: 60_000,
            largest: 1514,
        };
        assert_eq!(egress(PLAIN, &up, gso), Ok(()));
        for state in [
            PortState::Disabled,
            PortState::Learning,
            PortState::Blocking,
        ] {
            assert_eq!(
                egress(PLAIN, &port(state), FrameSize::single(60)),
                Err(DropReason::EgressDown)
            );
        }
        let gone = PortConf { ifindex: 0, ..up };
        assert_eq!(
            egress(PLAIN, &gone, FrameSize::single(60)),
            Err(DropReason::EgressDown)
        );
    }

    #[test]
    fn only_the_stations_own_frames_go_straight_to_it() {
        let (own, nested) = (MacAddr([2, 0, 0, 0, 0, 1]), MacAddr([2, 0, 0, 0, 0, 2]));
        let veth = PortConf {
            flags: PortFlags::PEER,
            peer_mac: own,
            ..port(PortState::Forwarding)
        };
        assert_eq!(way(&veth, own), (Way::Peer, 7));
        assert_eq!(way(&veth, nested), (Way::Wire, 7));
        assert_eq!(
            way(
                &PortConf {
                    flags: PortFlags::default(),
                    ..veth
                },
                own
            ),
            (Way::Wire, 7)
        );
        let host = PortConf {
            flags: PortFlags::HOST,
            deliver_ifindex: 9,
            ..veth
        };
        assert_eq!(way(&host, own), (Way::Host, 9));
        for way in [Way::Wire, Way::Peer, Way::Host] {
            assert_eq!(Way::from_raw(way as u32), way);
        }
    }

    #[test]
    fn isolated_ports_do_not_reach_each_other() {
        let isolated = PortConf {
            flags: PortFlags::ISOLATED,
            ..port(PortState::Forwarding)
        };
        let open = port(PortState::Forwarding);
        let small = FrameSize::single(60);
        let outcome = egress(PortFlags::ISOLATED, &isolated, small);
        assert_eq!(outcome, Err(DropReason::Isolated));
        assert_eq!(egress(PortFlags::ISOLATED, &open, small), Ok(()));
        assert_eq!(egress(PLAIN, &isolated, small), Ok(()));
        let from = (PortId(1), PortFlags::ISOLATED);
        let flooded = flood_egress(from, (PortId(2), &isolated), FloodKind::Broadcast, small);
        assert_eq!(flooded, Ok(false));
    }

    #[test]
    fn a_flood_leaves_out_the_ingress_port_and_ports_that_are_down() {
        let small = FrameSize::single(60);
        let flood = |from, id, port: &PortConf, size| {
            flood_egress(
                (PortId(1), from),
                (PortId(id), port),
                FloodKind::Broadcast,
                size,
            )
        };
        let up = port(PortState::Forwarding);
        assert_eq!(flood(PLAIN, 1, &up, small), Ok(false));
        assert_eq!(flood(PortFlags::HAIRPIN, 1, &up, small), Ok(true));
        assert_eq!(flood(PLAIN, 2, &up, small), Ok(true));
        let down = port(PortState::Disabled);
        assert_eq!(flood(PLAIN, 2, &down, small), Ok(false));
        let big = FrameSize::single(9000);
        assert_eq!(flood(PLAIN, 2, &up, big), Err(DropReason::TooBig));
    }

    #[test]
    fn every_kind_of_flood_has_its_switch() {
        let kinds = [
            (FloodKind::UnknownUnicast, PortFlags::NO_FLOOD),
            (FloodKind::Multicast, PortFlags::NO_MCAST_FLOOD),
            (FloodKind::Broadcast, PortFlags::NO_BCAST_FLOOD),
        ];
        for (kind, _) in kinds {
            for (other, flags) in kinds {
                let conf = PortConf {
                    flags,
                    ..port(PortState::Forwarding)
                };
                let small = FrameSize::single(60);
                let outcome = flood_egress((PortId(1), PLAIN), (PortId(2), &conf), kind, small);
                assert_eq!(outcome, Ok(kind != other));
                let host = (PortId(1), PortFlags::HOST);
                let outcome = flood_egress(host, (PortId(2), &conf), kind, small);
                let unknown = kind == FloodKind::UnknownUnicast;
                assert_eq!(outcome, Ok(kind != other || !unknown));
            }
        }
    }
}
