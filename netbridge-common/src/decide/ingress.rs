//! Whether a frame may enter the bridge.

use super::DropReason;
use crate::{FdbEntry, FdbFlags, FrameHead, PortConf, frame::ETHERTYPE_MAC_CONTROL};

/// Checks what the port and the header alone can tell.
///
/// Reserved groups are 802.1Q table 8-1, MAC control is 802.3 clause 31, sources are 802.1Q 8.8 and
/// `br_handle_frame()`. A port in state learning passes here, see [`crate::PortState::learns`].
#[inline(always)]
pub fn admit(port: &PortConf, head: &FrameHead) -> Result<(), DropReason> {
    if !port.state().learns() {
        return Err(DropReason::PortDisabled);
    }
    if head.dst.is_reserved_group() || head.ethertype == ETHERTYPE_MAC_CONTROL {
        return Err(DropReason::ReservedGroup);
    }
    if head.src.is_group() || head.src.is_zero() {
        return Err(DropReason::InvalidSource);
    }
    Ok(())
}

/// Checks what the FDB knows of the source: the bridge's own address comes only from its own port.
#[inline(always)]
pub fn admit_source(source: Option<&FdbEntry>, port: crate::PortId) -> Result<(), DropReason> {
    match source {
        Some(entry) if entry.flags.intersects(FdbFlags::OWN) && entry.port != port => {
            Err(DropReason::OwnSource)
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{MacAddr, PortId, PortState, Ticks};

    const STATION: MacAddr = MacAddr([2, 0, 0, 0, 0, 1]);

    fn head(dst: MacAddr, src: MacAddr, ethertype: u16) -> FrameHead {
        FrameHead {
            dst,
            src,
            ethertype,
        }
    }

    fn port(state: PortState) -> PortConf {
        PortConf {
            state: state as u8,
            ..PortConf::default()
        }
    }

    #[test]
    fn each_rule_has_its_reason() {
        let forwarding = port(PortState::Forwarding);
        let ok = head(MacAddr::BROADCAST, STATION, 0x0806);
        assert_eq!(admit(&forwarding, &ok), Ok(()));
        assert_eq!(admit(&port(PortState::Learning), &ok), Ok(()));
        for state in [
            PortState::Disabled,
            PortState::Listening,
            PortState::Blocking,
        ] {
            assert_eq!(admit(&port(state), &ok), Err(DropReason::PortDisabled));
        }
        let bpdu = head(MacAddr([1, 0x80, 0xc2, 0, 0, 0]), STATION, 0x0026);
        assert_eq!(admit(&forwarding, &bpdu), Err(DropReason::ReservedGroup));
        let pause = head(STATION, STATION, ETHERTYPE_MAC_CONTROL);
        assert_eq!(admit(&forwarding, &pause), Err(DropReason::ReservedGroup));
        for src in [
            MacAddr::BROADCAST,
            MacAddr([1, 0, 0x5e, 0, 0, 1]),
            MacAddr([0; 6]),
        ] {
            let frame = head(STATION, src, 0x0800);
            assert_eq!(admit(&forwarding, &frame), Err(DropReason::InvalidSource));
        }
    }

    #[test]
    fn the_own_address_comes_only_from_the_own_port() {
        let own = FdbEntry {
            flags: FdbFlags::OWN,
            ..FdbEntry::learned(PortId(1), Ticks(0))
        };
        assert_eq!(admit_source(Some(&own), PortId(1)), Ok(()));
        assert_eq!(
            admit_source(Some(&own), PortId(2)),
            Err(DropReason::OwnSource)
        );
        let other = FdbEntry::learned(PortId(1), Ticks(0));
        assert_eq!(admit_source(Some(&other), PortId(2)), Ok(()));
        assert_eq!(admit_source(None, PortId(2)), Ok(()));
    }
}
