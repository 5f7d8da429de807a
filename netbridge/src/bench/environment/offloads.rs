//! Offloads of the interfaces between which frames go, read back from the kernel.

use anyhow::Result;
use serde::Serialize;

use crate::{
    bench::{
        Datapath,
        rig::{Rig, RigOptions},
    },
    net::{
        Netns,
        ethtool::{self, Offloads},
        sysctl,
    },
};

/// An interface of a datapath, and what it leaves to its driver.
#[derive(Clone, Debug, Serialize)]
pub struct OffloadState {
    /// Name of the datapath.
    pub datapath: &'static str,
    /// `station`, or the interface of the host.
    pub interface: String,
    /// What is on and off.
    #[serde(flatten)]
    pub offloads: Offloads,
    /// `net.bridge.bridge-nf-call-iptables` in the namespace of the interface.
    pub bridge_nf_call_iptables: Option<String>,
}

impl OffloadState {
    fn read(datapath: Datapath, netns: &Netns, interface: &str, ifname: &str) -> Result<Self> {
        netns.run(|| {
            Ok(Self {
                datapath: datapath.name(),
                interface: interface.to_owned(),
                offloads: ethtool::offloads(ifname)?,
                bridge_nf_call_iptables: sysctl::read("net/bridge/bridge-nf-call-iptables"),
            })
        })?
    }

    /// Names of those that are on, and of those that are off.
    pub(in crate::bench) fn on_and_off(&self) -> (Vec<&'static str>, Vec<&'static str>) {
        let nf = self.bridge_nf_call_iptables.as_deref() == Some("1");
        // It matters where there is a bridge of the kernel.
        let linux = self.datapath.starts_with("linux-bridge") && self.interface != "station";
        let all = [
            ("gro", self.offloads.gro),
            ("tx checksum", self.offloads.tx_checksum),
            ("tso", self.offloads.tso),
            ("gso", self.offloads.gso),
            ("tx vlan", self.offloads.tx_vlan),
            ("rx vlan", self.offloads.rx_vlan),
            ("bridge-nf-call-iptables", nf),
        ];
        let all = if linux { &all[..] } else { &all[..6] };
        let names = |wanted: bool| {
            let some = all.iter().filter(move |(_, on)| *on == wanted);
            some.map(|(name, _)| *name).collect()
        };
        (names(true), names(false))
    }
}

/// Builds each of `datapaths` once, and looks. One that cannot be built fails its tests.
pub(super) fn of(datapaths: &[Datapath]) -> Vec<OffloadState> {
    let look = |datapath: &Datapath| look(*datapath).unwrap_or_default();
    datapaths.iter().flat_map(look).collect()
}

fn look(datapath: Datapath) -> Result<Vec<OffloadState>> {
    let rig = Rig::build(datapath, RigOptions::stations(2))?;
    let station = &rig.stations[0];
    let mut states = vec![OffloadState::read(
        datapath,
        &station.netns,
        "station",
        "eth0",
    )?];
    if let Some(port) = rig.host_end() {
        let interface = format!("host ({port})");
        states.push(OffloadState::read(datapath, &rig.host, &interface, &port)?);
    }
    Ok(states)
}

/// What differs, in a line: datapaths by what is off at their interfaces.
pub(super) fn in_short(states: &[OffloadState]) -> String {
    let mut groups: Vec<(String, Vec<String>)> = Vec::new();
    for state in states {
        let on = [
            ("gro", state.offloads.gro),
            ("tx checksum", state.offloads.tx_checksum),
            ("tso", state.offloads.tso),
            ("gso", state.offloads.gso),
        ];
        let on = on.map(|(name, on)| format!("{name} {}", if on { "on" } else { "off" }));
        let text = on.join(", ");
        let who = format!("{} {}", state.datapath, state.interface);
        match groups.iter_mut().find(|(known, _)| *known == text) {
            Some((_, all)) => all.push(who),
            None => groups.push((text, vec![who])),
        }
    }
    let groups = groups.into_iter();
    let texts: Vec<String> = groups
        .map(|(text, all)| format!("{text}: {}", all.join(", ")))
        .collect();
    texts.join("; ")
}
