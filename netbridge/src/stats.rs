//! What happened to every frame, per port, as it is reported to people and programs.

use std::collections::{BTreeMap, BTreeSet};

use netbridge_common::{PortCounters, decide::DropReason};
use serde::Serialize;

use crate::bridge::{Bridge, BridgeError, Port};

/// Counters of a bridge.
#[derive(Clone, Debug, Serialize)]
pub struct BridgeStats {
    /// The bridge's name.
    pub bridge: String,
    /// Its ports, in order of their slots.
    pub ports: Vec<PortStats>,
    /// Its VLANs that a port is a member of, in order; none where it filters none.
    pub vlans: Vec<VlanStats>,
}

/// Counters of one VLAN.
#[derive(Clone, Debug, Serialize)]
pub struct VlanStats {
    /// The VID.
    pub vlan: u16,
    /// What came in on all ports, and was not dropped.
    pub rx: Traffic,
    /// What went out on all ports; a copy of a flood counts where it left.
    pub tx: Traffic,
}

/// Counters of one port.
#[derive(Clone, Debug, Serialize)]
pub struct PortStats {
    /// Interface name.
    pub port: String,
    /// Interface index.
    pub ifindex: u32,
    /// Name of the container behind it, where one is known.
    pub name: Option<String>,
    /// The hook that serves it: `tc` or `xdp`.
    pub hook: &'static str,
    /// What came in.
    pub rx: Traffic,
    /// What went out.
    pub tx: Traffic,
    /// Frames that came in here and went to one port.
    pub forwarded: u64,
    /// Frames that came in here and went to all other ports.
    pub flooded: u64,
    /// Addresses learned here.
    pub learned: u64,
    /// Addresses that could not be learned here.
    pub learn_refused: u64,
    /// Unicast frames that went out here for somebody else's address.
    pub wasted: u64,
    /// Requests that the bridge answered itself; they are in `forwarded` too.
    pub answered: u64,
    /// Copies of other ports' or VLANs' frames that went out here for a mirror; not in `tx`.
    pub mirrored: u64,
    /// Frames dropped.
    pub dropped: Drops,
}

/// Frames and their octets.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Traffic {
    /// Frames; a GSO buffer counts as those it stands for.
    pub frames: u64,
    /// Octets, without FCS.
    pub bytes: u64,
}

/// Frames dropped, by reason.
#[derive(Clone, Debug, Serialize)]
pub struct Drops {
    /// All of them.
    pub total: u64,
    /// By name of the reason; every reason is there.
    pub reasons: BTreeMap<&'static str, u64>,
}

impl Bridge {
    /// The counters of all ports.
    pub fn stats(&self) -> Result<BridgeStats, BridgeError> {
        let ports = self.ports()?;
        let ports = ports
            .iter()
            .map(|port| Ok(port_stats(port, &self.maps().counters(port.id)?)))
            .collect::<Result<_, BridgeError>>()?;
        Ok(BridgeStats {
            bridge: self.name().to_owned(),
            ports,
            vlans: self.vlan_stats()?,
        })
    }

    fn vlan_stats(&self) -> Result<Vec<VlanStats>, BridgeError> {
        if self.settings()?.vlan_filtering == 0 {
            return Ok(Vec::new());
        }
        let mut used = BTreeSet::new();
        for port in self.ports()? {
            used.extend(self.vlans(port.id)?.member.iter());
        }
        let stats = |vlan: u16| {
            let counters = self.maps().vlan_counters(vlan)?;
            let traffic = |frames, bytes| Traffic { frames, bytes };
            Ok(VlanStats {
                vlan,
                rx: traffic(counters.rx_frames, counters.rx_bytes),
                tx: traffic(counters.tx_frames, counters.tx_bytes),
            })
        };
        used.into_iter().map(stats).collect()
    }
}

fn port_stats(port: &Port, counters: &PortCounters) -> PortStats {
    let reasons: BTreeMap<&str, u64> = DropReason::ALL
        .into_iter()
        .map(|reason| (reason.name(), counters.dropped(reason)))
        .collect();
    PortStats {
        port: port.ifname.clone(),
        ifindex: port.conf.ifindex,
        name: port.name.clone(),
        hook: port.hook.name(),
        rx: Traffic {
            frames: counters.rx_frames,
            bytes: counters.rx_bytes,
        },
        tx: Traffic {
            frames: counters.tx_frames,
            bytes: counters.tx_bytes,
        },
        forwarded: counters.forwarded,
        flooded: counters.flooded,
        learned: counters.learned,
        learn_refused: counters.refused,
        wasted: counters.wasted,
        answered: counters.answered,
        mirrored: counters.mirrored,
        dropped: Drops {
            total: reasons.values().sum(),
            reasons,
        },
    }
}
