//! Whether a frame may enter the bridge.

use super::DropReason;
use crate::{
    FdbEntry, FdbFlags, FrameHead, MacAddr, PortConf, PortFlags, PortId, Settings, Ticks,
    frame::ETHERTYPE_MAC_CONTROL,
};

/// Bits of a `group_fwd_mask` that mean nothing: spanning tree, MAC control and link aggregation are
/// never relayed (`BR_GROUPFWD_RESTRICTED`).
pub const GROUP_FWD_RESTRICTED: u16 = 0b111;

/// Checks what the port and the header alone can tell.
///
/// Reserved groups are 802.1Q table 8-1, MAC control is 802.3 clause 31, sources are 802.1Q 8.8 and
/// `br_handle_frame()`. A port in state learning passes here, see [`crate::PortState::learns`].
#[inline(always)]
pub fn admit(port: &PortConf, head: &FrameHead, settings: &Settings) -> Result<(), DropReason> {
    if !port.state().learns() {
        return Err(DropReason::PortDisabled);
    }
    let relayed = port.group_fwd_mask | settings.group_fwd_mask;
    if !may_be_relayed(head.dst, relayed) || head.ethertype == ETHERTYPE_MAC_CONTROL {
        return Err(DropReason::ReservedGroup);
    }
    if head.src.is_group() || head.src.is_zero() {
        return Err(DropReason::InvalidSource);
    }
    Ok(())
}

/// Says whether a frame to `dst` may be relayed where the reserved groups in `mask` may.
#[inline(always)]
fn may_be_relayed(dst: MacAddr, mask: u16) -> bool {
    if !dst.is_reserved_group() {
        return true;
    }
    let MacAddr([.., last]) = dst;
    (mask & !GROUP_FWD_RESTRICTED) >> (last & 0xf) & 1 != 0
}

/// Checks what the FDB knows of the source: the bridge's own address comes only from its own port,
/// and a locked port lets in only whom the FDB has there (`br_handle_frame_finish()`).
#[inline(always)]
pub fn admit_source(
    source: Option<&FdbEntry>,
    id: PortId,
    port: &PortConf,
    now: Ticks,
    ageing: Ticks,
) -> Result<(), DropReason> {
    if let Some(entry) = source
        && entry.flags.intersects(FdbFlags::OWN)
        && entry.port != id
    {
        return Err(DropReason::OwnSource);
    }
    if port.flags.contains(PortFlags::LOCKED) {
        let known = source.is_some_and(|entry| entry.port == id && entry.is_fresh(now, ageing));
        if !known {
            return Err(DropReason::Locked);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PortState;

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
        let settings = Settings::default();
        let ok = head(MacAddr::BROADCAST, STATION, 0x0806);
        assert_eq!(admit(&forwarding, &ok, &settings), Ok(()));
        assert_eq!(admit(&port(PortState::Learning), &ok, &settings), Ok(()));
        for state in [
            PortState::Disabled,
            PortState::Listening,
            PortState::Blocking,
        ] {
            let outcome = admit(&port(state), &ok, &settings);
            assert_eq!(outcome, Err(DropReason::PortDisabled));
        }
        let bpdu = head(MacAddr([1, 0x80, 0xc2, 0, 0, 0]), STATION, 0x0026);
        let pause = head(STATION, STATION, ETHERTYPE_MAC_CONTROL);
        for reserved in [bpdu, pause] {
            let outcome = admit(&forwarding, &reserved, &settings);
            assert_eq!(outcome, Err(DropReason::ReservedGroup));
        }
        for src in [
            MacAddr::BROADCAST,
            MacAddr([1, 0, 0x5e, 0, 0, 1]),
            MacAddr([0; 6]),
        ] {
            let outcome = admit(&forwarding, &head(STATION, src, 0x0800), &settings);
            assert_eq!(outcome, Err(DropReason::InvalidSource));
        }
    }

    #[test]
    fn a_mask_lets_reserved_groups_through_but_never_the_restricted_ones() {
        let group = |last| MacAddr([1, 0x80, 0xc2, 0, 0, last]);
        for last in 0..16 {
            assert!(!may_be_relayed(group(last), 0));
            assert_eq!(may_be_relayed(group(last), 1 << last), last > 2, "{last}");
            assert!(!may_be_relayed(group(last), !(1 << last)), "{last}");
        }
        assert!(may_be_relayed(group(16), 0));
        // The port's mask and the bridge's count together.
        let lldp = head(group(14), STATION, 0x88cc);
        let open = PortConf {
            group_fwd_mask: 1 << 14,
            ..port(PortState::Forwarding)
        };
        assert_eq!(admit(&open, &lldp, &Settings::default()), Ok(()));
        let settings = Settings {
            group_fwd_mask: 1 << 14,
            ..Settings::default()
        };
        assert_eq!(
            admit(&port(PortState::Forwarding), &lldp, &settings),
            Ok(())
        );
    }

    #[test]
    fn the_own_address_comes_only_from_the_own_port() {
        let own = FdbEntry {
            flags: FdbFlags::OWN,
            ..FdbEntry::learned(PortId(1), Ticks(0))
        };
        let other = FdbEntry::learned(PortId(1), Ticks(0));
        let check = |entry, id| {
            let conf = port(PortState::Forwarding);
            admit_source(entry, PortId(id), &conf, Ticks(0), Ticks(300))
        };
        assert_eq!(check(Some(&own), 1), Ok(()));
        assert_eq!(check(Some(&own), 2), Err(DropReason::OwnSource));
        assert_eq!(check(Some(&other), 2), Ok(()));
        assert_eq!(check(None, 2), Ok(()));
    }

    #[test]
    fn a_locked_port_lets_in_whom_the_fdb_has_there() {
        let conf = PortConf {
            flags: PortFlags::LOCKED,
            ..port(PortState::Forwarding)
        };
        let entry = FdbEntry::learned(PortId(1), Ticks(100));
        let check = |entry, id, now| admit_source(entry, PortId(id), &conf, Ticks(now), Ticks(300));
        assert_eq!(check(Some(&entry), 1, 400), Ok(()));
        assert_eq!(check(Some(&entry), 1, 401), Err(DropReason::Locked));
        assert_eq!(check(Some(&entry), 2, 100), Err(DropReason::Locked));
        assert_eq!(check(None, 1, 100), Err(DropReason::Locked));
    }
}
