//! What each feature costs a frame, off and on: the programs by themselves, as in [`super::cost`].

use std::{net::Ipv4Addr, time::Duration};

use anyhow::{Context as _, Result, ensure};
use netbridge_common::{Features, LoopGuard, MacAddr, PortFlags, ProxyMode};

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
    bridge::{
        Addresses, Bridge, BridgeChange, Direction, LimitChange, Membership, MirrorSource,
        PortChange, WatchChange,
    },
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
            // XDP hands what is mirrored up, and what that costs is not here to see.
            if feature.name == "mirror" && datapath == Datapath::NetbridgeXdp {
                continue;
            }
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
    /// Stations: those that frames are between, and one more where copies need a place.
    stations: u32,
    /// Makes the bridge use it.
    switch_on: fn(&mut Bridge, &[Station]) -> Result<()>,
}

/// What is sent, from the first station.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Frames {
    /// A small UDP datagram to the second station, which is known.
    Unicast,
    /// The same to everybody.
    Broadcast,
    /// The same to a group.
    Multicast,
    /// An ARP request for the second station.
    Question,
}

impl Frames {
    /// How often a program is run on one buffer: a question that was answered is none any more.
    const fn repeat(self) -> u32 {
        match self {
            Self::Question => 1,
            _ => REPEAT,
        }
    }

    /// How often that is done, for a figure; the least time counts.
    const fn rounds(self) -> u32 {
        match self {
            Self::Question => 4_000,
            _ => 1,
        }
    }
}

/// A bridge that does nothing but bridge.
const PLAIN: Feature = Feature {
    name: "off",
    loaded: Features(0),
    frames: Frames::Unicast,
    stations: 2,
    switch_on: |_, _| Ok(()),
};

/// A limit that nothing here reaches: what it costs to ask for it.
const WIDE: u64 = 400_000_000_000;
const MANY_FRAMES: u64 = 100_000_000;

static FEATURES: &[Feature] = &[
    PLAIN,
    Feature {
        name: "idle",
        loaded: Features::ALL,
        ..PLAIN
    },
    Feature {
        name: "vlan",
        switch_on: |bridge, _| filter_vlans(bridge, &[]),
        ..PLAIN
    },
    Feature {
        // The second station's frames have a tag.
        name: "vlan_push",
        switch_on: |bridge, _| filter_vlans(bridge, &[2]),
        ..PLAIN
    },
    Feature {
        name: "rate_ingress",
        switch_on: |bridge, _| {
            limit(
                bridge,
                1,
                LimitChange {
                    rate_ingress: Some(WIDE),
                    ..LimitChange::default()
                },
            )
        },
        ..PLAIN
    },
    Feature {
        name: "rate_both",
        switch_on: |bridge, _| {
            let ingress = LimitChange {
                rate_ingress: Some(WIDE),
                ..LimitChange::default()
            };
            let egress = LimitChange {
                rate_egress: Some(WIDE),
                ..LimitChange::default()
            };
            limit(bridge, 1, ingress)?;
            limit(bridge, 2, egress)
        },
        ..PLAIN
    },
    Feature {
        name: "bound",
        switch_on: |bridge, stations| {
            let addresses = Addresses {
                macs: vec![MacAddr(stations[0].mac)],
                ips: vec![stations[0].address.into()],
                vlan: None,
            };
            Ok(bridge.add_bindings(&port_name(1), &addresses)?)
        },
        ..PLAIN
    },
    Feature {
        name: "ra_and_dhcp_guard",
        switch_on: |bridge, _| {
            let change = PortChange {
                set: PortFlags::RA_GUARD.with(PortFlags::DHCP_GUARD),
                ..PortChange::default()
            };
            Ok(bridge.change_port(&port_name(1), &change)?)
        },
        ..PLAIN
    },
    Feature {
        name: "loop_guard",
        switch_on: |bridge, _| {
            let watch = WatchChange {
                loop_guard: Some(LoopGuard::Report),
                ..WatchChange::default()
            };
            Ok(bridge.change(&BridgeChange {
                watch,
                ..BridgeChange::default()
            })?)
        },
        ..PLAIN
    },
    Feature {
        name: "mirror_of_others",
        stations: 3,
        switch_on: |bridge, _| mirror(bridge, 3, 2),
        ..PLAIN
    },
    Feature {
        name: "mirror",
        stations: 3,
        switch_on: |bridge, _| mirror(bridge, 1, 3),
        ..PLAIN
    },
    Feature {
        name: "broadcast_off",
        frames: Frames::Broadcast,
        ..PLAIN
    },
    Feature {
        name: "broadcast_idle",
        loaded: Features::ALL,
        frames: Frames::Broadcast,
        ..PLAIN
    },
    Feature {
        name: "broadcast_vlan",
        frames: Frames::Broadcast,
        switch_on: |bridge, _| filter_vlans(bridge, &[]),
        ..PLAIN
    },
    Feature {
        name: "broadcast_storm_limit",
        frames: Frames::Broadcast,
        switch_on: |bridge, _| {
            let storm = LimitChange {
                storm_broadcast: Some(MANY_FRAMES),
                ..LimitChange::default()
            };
            limit(bridge, 1, storm)
        },
        ..PLAIN
    },
    Feature {
        name: "question_off",
        frames: Frames::Question,
        ..PLAIN
    },
    Feature {
        name: "question_answered",
        frames: Frames::Question,
        switch_on: |bridge, stations| {
            let addresses = Addresses {
                macs: vec![MacAddr(stations[1].mac)],
                ips: vec![stations[1].address.into()],
                vlan: None,
            };
            bridge.add_bindings(&port_name(2), &addresses)?;
            Ok(bridge.change(&BridgeChange {
                proxy: Some(ProxyMode::On),
                ..BridgeChange::default()
            })?)
        },
        ..PLAIN
    },
    Feature {
        name: "multicast_off",
        frames: Frames::Multicast,
        ..PLAIN
    },
    Feature {
        name: "multicast_snooping",
        frames: Frames::Multicast,
        switch_on: |bridge, _| {
            Ok(bridge.change(&BridgeChange {
                mcast_snooping: Some(true),
                ..BridgeChange::default()
            })?)
        },
        ..PLAIN
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

fn limit(bridge: &mut Bridge, number: u32, limits: LimitChange) -> Result<()> {
    let change = PortChange {
        limits,
        ..PortChange::default()
    };
    Ok(bridge.change_port(&port_name(number), &change)?)
}

/// Copies what comes in by a port to another one.
fn mirror(bridge: &mut Bridge, from: u32, to: u32) -> Result<()> {
    let source = MirrorSource::Port(port_name(from));
    Ok(bridge.add_mirror(&source, Direction::Ingress, &port_name(to))?)
}

impl Feature {
    /// Known flows, and new ones; what is flooded is never known.
    fn flow_caches(&self) -> &'static [bool] {
        match self.frames {
            Frames::Unicast => &[true, false],
            Frames::Broadcast | Frames::Multicast | Frames::Question => &[false],
        }
    }

    fn measure(&self, datapath: Datapath, flow_cache: bool) -> Result<Sample> {
        let options = RigOptions {
            flow_cache,
            features: self.loaded,
            ..RigOptions::stations(self.stations)
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
            Frames::Unicast => datagram(one, two.address, two.mac),
            Frames::Broadcast => datagram(one, two.address, [0xff; 6]),
            Frames::Multicast => datagram(one, GROUP, GROUP_MAC),
            Frames::Question => question(one, two.address),
        };
        let back = datagram(two, one.address, one.mac);
        rig.host.run(|| -> Result<Duration> {
            pin(0)?;
            let mut bridge = Bridge::open_dir(dir)?;
            (self.switch_on)(&mut bridge, &rig.stations)?;
            let programs = bridge.programs_mut();
            let mut run =
                |frame: &[u8], ifindex, repeat| run_once(programs, xdp, frame, ifindex, repeat);
            // Both stations are learned.
            run(&frame, one.ifindex, 1)?;
            run(&back, two.ifindex, 1)?;
            best(|| {
                let mut least = Duration::MAX;
                for _ in 0..self.frames.rounds() {
                    let (action, took) = run(&frame, one.ifindex, self.frames.repeat())?;
                    ensure!(
                        REDIRECT.contains(&action),
                        "the program returned {action}, not a redirect"
                    );
                    least = least.min(took);
                }
                Ok(least)
            })
        })?
    }
}

/// A group, and its Ethernet address.
const GROUP: Ipv4Addr = Ipv4Addr::new(239, 1, 2, 3);
const GROUP_MAC: [u8; 6] = [0x01, 0, 0x5e, 1, 2, 3];

/// A small UDP datagram from a station.
fn datagram(from: &Station, to: Ipv4Addr, dst: [u8; 6]) -> Vec<u8> {
    const UDP: u8 = 17;
    const PAYLOAD: u16 = 18;
    let (udp_len, ip_len) = (8 + PAYLOAD, 28 + PAYLOAD);
    let mut frame = [dst, from.mac].concat();
    frame.extend([0x08, 0x00, 0x45, 0]);
    frame.extend(ip_len.to_be_bytes());
    frame.extend([0, 0, 0, 0, 64, UDP, 0, 0]);
    frame.extend(from.address.octets());
    frame.extend(to.octets());
    frame.extend([0x10, 0x00, 0x14, 0x51]);
    frame.extend(udp_len.to_be_bytes());
    frame.resize(frame.len() + 2 + usize::from(PAYLOAD), 0);
    frame
}

/// An ARP request from a station for an address.
fn question(from: &Station, target: Ipv4Addr) -> Vec<u8> {
    let mut frame = [[0xff; 6], from.mac].concat();
    frame.extend([0x08, 0x06, 0, 1, 0x08, 0, 6, 4, 0, 1]);
    frame.extend(from.mac);
    frame.extend(from.address.octets());
    frame.extend([0; 6]);
    frame.extend(target.octets());
    frame.resize(60, 0);
    frame
}
