//! What each feature costs a frame, off and on: the programs by themselves, as in [`super::cost`].

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use netbridge_common::Features;

use super::{
    cost::{REDIRECT, REPEAT, best, run_once, sample},
    pin,
};
use crate::{
    bench::{
        Datapath,
        rig::{Rig, RigOptions, Station, port_name},
        sample::Sample,
        test::Test,
    },
    bridge::{Bridge, BridgeChange, Membership},
};

/// A feature at a time, on the frames that it is about; `off` is a bridge that has never had any, `idle` one
/// whose programs have all of them and whose ports use none.
pub(in crate::bench) const TEST: Test = Test {
    name: "features",
    about: "time in the program for a frame, with each feature on, with none, and with all there but \
            unused",
    quick: false,
    between_stacks: false,
    applies: |datapath| matches!(datapath, Datapath::NetbridgeTc | Datapath::NetbridgeXdp),
    run: |datapath, _| {
        let mut samples = Vec::new();
        for feature in FEATURES {
            for flow_cache in feature.flow_caches() {
                samples.push(feature.measure(datapath, *flow_cache)?);
            }
        }
        Ok(samples)
    },
};

/// A feature in use.
struct Feature {
    /// Its name in the figures.
    name: &'static str,
    /// What the programs are loaded with.
    loaded: Features,
    /// The frames.
    frames: Frames,
    /// Makes the bridge use it.
    switch_on: fn(&mut Bridge) -> Result<()>,
}

/// What is sent, from the first station.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Frames {
    /// A small UDP datagram to the second station, which is known.
    Unicast,
    /// The same to everybody.
    Broadcast,
}

static FEATURES: &[Feature] = &[
    Feature {
        name: "off",
        loaded: Features(0),
        frames: Frames::Unicast,
        switch_on: |_| Ok(()),
    },
    Feature {
        name: "idle",
        loaded: Features::ALL,
        frames: Frames::Unicast,
        switch_on: |_| Ok(()),
    },
    Feature {
        name: "vlan",
        loaded: Features::VLAN,
        frames: Frames::Unicast,
        switch_on: |bridge| filter_vlans(bridge, &[]),
    },
    Feature {
        name: "vlan_push",
        loaded: Features::VLAN,
        frames: Frames::Unicast,
        // The second station's frames have a tag.
        switch_on: |bridge| filter_vlans(bridge, &[2]),
    },
    Feature {
        name: "broadcast_off",
        loaded: Features(0),
        frames: Frames::Broadcast,
        switch_on: |_| Ok(()),
    },
    Feature {
        name: "broadcast_idle",
        loaded: Features::ALL,
        frames: Frames::Broadcast,
        switch_on: |_| Ok(()),
    },
    Feature {
        name: "broadcast_vlan",
        loaded: Features::VLAN,
        frames: Frames::Broadcast,
        switch_on: |bridge| filter_vlans(bridge, &[]),
    },
];

/// Filters VLANs, with all ports in VLAN 1, where those of `tagged` get a tag on what leaves by them.
fn filter_vlans(bridge: &mut Bridge, tagged: &[u32]) -> Result<()> {
    bridge.change(&BridgeChange {
        vlan_filtering: Some(true),
        ..BridgeChange::default()
    })?;
    for number in tagged {
        let membership = Membership {
            pvid: true,
            untagged: false,
        };
        bridge.add_vlans(&port_name(*number), &[1..=1], membership)?;
    }
    Ok(())
}

impl Feature {
    /// Known flows, and new ones; what is flooded is never known.
    fn flow_caches(&self) -> &'static [bool] {
        match self.frames {
            Frames::Unicast => &[true, false],
            Frames::Broadcast => &[false],
        }
    }

    fn measure(&self, datapath: Datapath, flow_cache: bool) -> Result<Sample> {
        let options = RigOptions {
            flow_cache,
            features: self.loaded,
            ..RigOptions::stations(2)
        };
        let rig = Rig::build(datapath, options)?;
        let took = self.time(&rig, datapath == Datapath::NetbridgeXdp);
        let took = took.with_context(|| format!("feature {}", self.name))?;
        let new = if self.frames == Frames::Unicast && !flow_cache {
            "_new"
        } else {
            ""
        };
        Ok(sample(&format!("feature_{}{new}", self.name), took))
    }

    fn time(&self, rig: &Rig, xdp: bool) -> Result<Duration> {
        let dir = rig.bridge.clone().context("no bridge")?;
        let (one, two) = (&rig.stations[0], &rig.stations[1]);
        let frame = match self.frames {
            Frames::Unicast => datagram(one, two, two.mac),
            Frames::Broadcast => datagram(one, two, [0xff; 6]),
        };
        let back = datagram(two, one, one.mac);
        rig.host.run(|| -> Result<Duration> {
            pin(0)?;
            let mut bridge = Bridge::open_dir(dir)?;
            (self.switch_on)(&mut bridge)?;
            let programs = bridge.programs_mut();
            let mut run =
                |frame: &[u8], ifindex, repeat| run_once(programs, xdp, frame, ifindex, repeat);
            // Both stations are learned.
            run(&frame, one.ifindex, 1)?;
            run(&back, two.ifindex, 1)?;
            best(|| {
                let (action, took) = run(&frame, one.ifindex, REPEAT)?;
                ensure!(
                    REDIRECT.contains(&action),
                    "the program returned {action}, not a redirect"
                );
                Ok(took)
            })
        })?
    }
}

/// A small UDP datagram from one station to another, to this Ethernet address.
fn datagram(from: &Station, to: &Station, dst: [u8; 6]) -> Vec<u8> {
    const UDP: u8 = 17;
    const PAYLOAD: u16 = 18;
    let (udp_len, ip_len) = (8 + PAYLOAD, 28 + PAYLOAD);
    let mut frame = [dst, from.mac].concat();
    frame.extend([0x08, 0x00, 0x45, 0]);
    frame.extend(ip_len.to_be_bytes());
    frame.extend([0, 0, 0, 0, 64, UDP, 0, 0]);
    frame.extend(from.address.octets());
    frame.extend(to.address.octets());
    frame.extend([0x10, 0x00, 0x14, 0x51]);
    frame.extend(udp_len.to_be_bytes());
    frame.resize(frame.len() + 2 + usize::from(PAYLOAD), 0);
    frame
}
