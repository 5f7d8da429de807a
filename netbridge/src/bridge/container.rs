//! The other end of a veth: what XDP needs of it, and how it is put back.

use netbridge_common::info::{
    RESTORE_GRO, RESTORE_RX_VLAN, RESTORE_TSO, RESTORE_TX_CHECKSUM, RESTORE_TX_VLAN,
};

use super::BridgeError;
use crate::net::{ContainerEnd, Links, NetError, ethtool};

/// What the datapath wants to know of the other end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Station {
    /// Its address.
    pub(super) mac: [u8; 6],
    /// Whether it runs an XDP program itself.
    pub(super) xdp: bool,
}

/// Looks at the other end.
pub(super) fn station(end: &ContainerEnd) -> Result<Station, NetError> {
    end.netns.run(|| {
        let link = Links::new()?.by_index(end.ifindex)?;
        Ok(Station {
            mac: link.mac.unwrap_or_default(),
            xdp: link.xdp.is_some(),
        })
    })?
}

/// Makes the other end fit for XDP at this one, and returns what `restore` must set back.
///
/// GRO makes it take redirected frames (NAPI); checksums must be complete and tags in the frame,
/// because an XDP frame has no place for a socket buffer's notes about them. Each setting is read
/// back; where one does not take, those before it are undone.
pub(super) fn prepare(ifname: &str, end: &ContainerEnd) -> Result<u8, BridgeError> {
    let failed = |error: NetError| BridgeError::ContainerEnd {
        ifname: ifname.to_owned(),
        reason: error.to_string(),
    };
    let outcome = end.netns.run(|| {
        let name = Links::new()?.by_index(end.ifindex)?.name;
        let mut done = 0;
        let outcome = apply(&name, &mut done);
        if outcome.is_err() {
            set_back(&name, done);
        }
        outcome.map(|()| done)
    });
    outcome.and_then(|inner| inner).map_err(failed)
}

fn apply(name: &str, done: &mut u8) -> Result<(), NetError> {
    let before = ethtool::offloads(name)?;
    if !before.gro {
        ethtool::set_gro(name, true)?;
        *done |= RESTORE_GRO;
    }
    if before.tx_checksum {
        ethtool::set_tx_checksum(name, false)?;
        *done |= RESTORE_TX_CHECKSUM;
        if before.tso {
            *done |= RESTORE_TSO;
        }
    }
    if before.tx_vlan {
        ethtool::set_tx_vlan(name, false)?;
        *done |= RESTORE_TX_VLAN;
    }
    if before.rx_vlan {
        ethtool::set_rx_vlan(name, false)?;
        *done |= RESTORE_RX_VLAN;
    }
    Ok(())
}

/// Puts the other end back as `prepare` found it; says in the log what it could not.
pub(super) fn restore(end: &ContainerEnd, done: u8) {
    let outcome = end.netns.run(|| {
        let name = Links::new()?.by_index(end.ifindex)?.name;
        set_back(&name, done);
        Ok::<_, NetError>(())
    });
    if let Err(error) | Ok(Err(error)) = outcome {
        tracing::warn!("restore the container end: {error}");
    }
}

fn set_back(name: &str, done: u8) {
    type Set = fn(&str, bool) -> Result<(), NetError>;
    let steps: [(u8, Set, bool); 5] = [
        (RESTORE_RX_VLAN, ethtool::set_rx_vlan, true),
        (RESTORE_TX_VLAN, ethtool::set_tx_vlan, true),
        (RESTORE_TX_CHECKSUM, ethtool::set_tx_checksum, true),
        // Comes back with the checksum, but only if the other end has no XDP any more.
        (RESTORE_TSO, ethtool::set_tso, true),
        (RESTORE_GRO, ethtool::set_gro, false),
    ];
    for (bit, set, on) in steps {
        if done & bit != 0
            && let Err(error) = set(name, on)
        {
            tracing::warn!("restore the container end: {error}");
        }
    }
}
