//! Whether a frame may leave by a port.

use super::DropReason;
use crate::{
    FrameSize, PortConf, PortId,
    frame::{ETH_HEADER_LEN, VLAN_TAG_LEN},
};

/// Checks the one port that a unicast frame goes to.
///
/// A tag does not count against the MTU, as in the kernel's `is_skb_forwardable()`.
#[inline(always)]
pub fn egress(port: &PortConf, size: FrameSize) -> Result<(), DropReason> {
    if port.ifindex == 0 || !port.state().forwards() {
        return Err(DropReason::EgressDown);
    }
    let limit = port
        .mtu
        .saturating_add(ETH_HEADER_LEN)
        .saturating_add(VLAN_TAG_LEN);
    if size.largest > limit {
        return Err(DropReason::TooBig);
    }
    Ok(())
}

/// Checks one port of a flood: `Ok(false)` where the port is not in the flood domain, which is no
/// drop, since the frame was not for it.
#[inline(always)]
pub fn flood_egress(
    ingress: PortId,
    port_id: PortId,
    port: &PortConf,
    size: FrameSize,
) -> Result<bool, DropReason> {
    if port_id == ingress {
        return Ok(false);
    }
    match egress(port, size) {
        Ok(()) => Ok(true),
        Err(DropReason::EgressDown) => Ok(false),
        Err(reason) => Err(reason),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PortState;

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
        assert_eq!(egress(&up, FrameSize::single(1518)), Ok(()));
        assert_eq!(
            egress(&up, FrameSize::single(1519)),
            Err(DropReason::TooBig)
        );
        let gso = FrameSize {
            frames: 40,
            bytes: 60_000,
            largest: 1514,
        };
        assert_eq!(egress(&up, gso), Ok(()));
        for state in [
            PortState::Disabled,
            PortState::Learning,
            PortState::Blocking,
        ] {
            assert_eq!(
                egress(&port(state), FrameSize::single(60)),
                Err(DropReason::EgressDown)
            );
        }
        let gone = PortConf { ifindex: 0, ..up };
        assert_eq!(
            egress(&gone, FrameSize::single(60)),
            Err(DropReason::EgressDown)
        );
    }

    #[test]
    fn a_flood_leaves_out_the_ingress_port_and_ports_that_are_down() {
        let up = port(PortState::Forwarding);
        let small = FrameSize::single(60);
        assert_eq!(flood_egress(PortId(1), PortId(1), &up, small), Ok(false));
        assert_eq!(flood_egress(PortId(1), PortId(2), &up, small), Ok(true));
        let down = port(PortState::Disabled);
        assert_eq!(flood_egress(PortId(1), PortId(2), &down, small), Ok(false));
        let big = FrameSize::single(9000);
        assert_eq!(
            flood_egress(PortId(1), PortId(2), &up, big),
            Err(DropReason::TooBig)
        );
    }
}
