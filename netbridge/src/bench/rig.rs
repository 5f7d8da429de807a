//! What a test runs on: a host and stations in namespaces of their own, joined by a datapath.

mod docker;
mod linux;
mod ovs;

use std::{fs, net::Ipv4Addr};

use anyhow::{Context as _, Result, bail};
use ipnet::Ipv4Net;
use netbridge_common::{Features, PortFlags};

pub(super) use self::{docker::Engine, ovs::Ovs};
use super::{Datapath, tools::Tools};
use crate::{
    bridge::{Bridge, BridgeOptions as NetbridgeOptions, HookChoice, PortSpec},
    datapath::{LoadOptions, PinDir},
    net::{Links, MacvlanSpec, Netns, VethSpec, ethtool},
};

/// Interface index of the first port and of the first station's interface; even, so that the two
/// of a pair differ in the last bit.
const FIRST_IFINDEX: u32 = 10;

/// A station: a namespace with `eth0`.
pub(super) struct Station {
    pub(super) netns: Netns,
    pub(super) mac: [u8; 6],
    pub(super) address: Ipv4Addr,
    pub(super) ifindex: u32,
}

/// What a rig is made of.
#[derive(Clone, Copy, Debug)]
pub(super) struct RigOptions {
    /// Stations, at most 250.
    pub(super) stations: u32,
    /// Capacity of netbridge's FDB.
    pub(super) fdb_entries: u32,
    /// Whether netbridge's bridge is pinned where other processes find it; the caller has mounts of
    /// its own then.
    pub(super) pinned: bool,
    /// Whether netbridge keeps verdicts.
    pub(super) flow_cache: bool,
    /// What netbridge's programs can do.
    pub(super) features: Features,
}

impl RigOptions {
    /// So many stations, and room for more addresses than most tests have.
    pub(super) const fn stations(stations: u32) -> Self {
        Self {
            stations,
            fdb_entries: 1 << 18,
            pinned: false,
            flow_cache: true,
            features: Features(0),
        }
    }
}

/// Stations joined by a datapath; everything goes when the value does.
pub(super) struct Rig {
    pub(super) datapath: Datapath,
    pub(super) host: Netns,
    pub(super) stations: Vec<Station>,
    pub(super) tools: Tools,
    /// The bridge, where it is ours.
    pub(super) bridge: Option<PinDir>,
    /// The daemons, where it is Open vSwitch.
    ovs: Option<Ovs>,
}

impl Rig {
    /// Joins stations by `datapath`.
    pub(super) fn build(datapath: Datapath, options: RigOptions) -> Result<Self> {
        let host = Netns::anonymous()?;
        quiet(&host)?;
        let stations = (0..options.stations)
            .map(Station::new)
            .collect::<Result<Vec<_>>>()?;
        let mut rig = Self {
            datapath,
            host,
            stations,
            tools: Tools::load()?,
            bridge: None,
            ovs: None,
        };
        if datapath == Datapath::Veth {
            rig.pair()?;
        } else if datapath == Datapath::Macvlan {
            rig.macvlans()?;
        } else {
            rig.ports()?;
        }
        for station in &rig.stations {
            station.configure(&rig.stations)?;
        }
        rig.join(options)
            .with_context(|| format!("set up {}", datapath.name()))?;
        Ok(rig)
    }

    fn pair(&self) -> Result<()> {
        let (one, two) = (&self.stations[0], &self.stations[1]);
        let spec = VethSpec {
            name: "eth0",
            peer_name: "eth0",
            peer_netns: Some(&two.netns),
            mac: Some(one.mac),
            peer_mac: Some(two.mac),
            ifindex: Some(one.ifindex),
            peer_ifindex: Some(two.ifindex),
            ..VethSpec::default()
        };
        one.netns
            .run(|| Links::new()?.add_veth(&spec).map(drop))??;
        Ok(())
    }

    fn macvlans(&self) -> Result<()> {
        let links = Links::within(&self.host)?;
        let spec = VethSpec {
            name: "parent",
            peer_name: "parent-p",
            ..VethSpec::default()
        };
        let parent = links.add_veth(&spec)?;
        links.set_up(parent.ifindex, true)?;
        links.set_up(links.by_name("parent-p")?.ifindex, true)?;
        for station in &self.stations {
            links.add_macvlan(&MacvlanSpec {
                name: "eth0",
                parent: parent.ifindex,
                netns: &station.netns,
                mac: station.mac,
                mode: "bridge",
                mtu: None,
                ifindex: Some(station.ifindex),
            })?;
        }
        Ok(())
    }

    /// A pair of interfaces per station, its near end on the host.
    fn ports(&self) -> Result<()> {
        let links = Links::within(&self.host)?;
        for (station, number) in self.stations.iter().zip(1..) {
            let name = port_name(number);
            let spec = VethSpec {
                name: &name,
                peer_name: "eth0",
                peer_netns: Some(&station.netns),
                peer_mac: Some(station.mac),
                ifindex: Some(station.ifindex),
                peer_ifindex: Some(station.ifindex),
                ..VethSpec::default()
            };
            if self.datapath == Datapath::Netkit {
                links.add_netkit(&spec)?;
            } else {
                links.add_veth(&spec)?;
            }
            links.set_up(station.ifindex, true)?;
        }
        if self.datapath == Datapath::Netkit {
            return Ok(());
        }
        self.ports_take_in(true)
    }

    /// Whether ports let the generator's frames in where no XDP program is attached; they then merge
    /// segments of a TCP stream as well.
    pub(super) fn ports_take_in(&self, generated: bool) -> Result<()> {
        for (_, number) in self.stations.iter().zip(1..) {
            self.host
                .run(|| ethtool::set_gro(&port_name(number), generated))??;
        }
        Ok(())
    }

    /// The host's interface towards the first station, where it has one.
    pub(super) fn host_end(&self) -> Option<String> {
        match self.datapath {
            Datapath::Veth => None,
            Datapath::Macvlan => Some("parent".to_owned()),
            _ => Some(port_name(1)),
        }
    }

    fn join(&mut self, options: RigOptions) -> Result<()> {
        match self.datapath {
            Datapath::Veth | Datapath::Macvlan => Ok(()),
            Datapath::XdpStatic => self.static_redirect(true),
            Datapath::TcStatic | Datapath::Netkit => self.static_redirect(false),
            Datapath::LinuxBridge => self.linux_bridge(false),
            Datapath::LinuxBridgeNf => self.linux_bridge(true),
            Datapath::Ovs => self.open_vswitch(),
            Datapath::NetbridgeTc => self.netbridge(HookChoice::Tc, true, options),
            Datapath::NetbridgeTcNoPeer => self.netbridge(HookChoice::Tc, false, options),
            Datapath::NetbridgeXdp => self.netbridge(HookChoice::Xdp, true, options),
            Datapath::DockerBridge | Datapath::DockerUserBridge | Datapath::DockerNetbridge => {
                bail!("an engine joins containers")
            }
        }
    }

    fn static_redirect(&mut self, xdp: bool) -> Result<()> {
        let indexes: Vec<u32> = self
            .stations
            .iter()
            .map(|station| station.ifindex)
            .collect();
        for station in self.stations.iter().filter(|_| xdp) {
            station.bare_frames()?;
        }
        let tools = &mut self.tools;
        self.host.run(move || {
            for (ifindex, number) in indexes.into_iter().zip(1..) {
                tools.attach_static(xdp, &port_name(number), ifindex)?;
            }
            Ok(())
        })?
    }

    /// Its userspace reads and writes the ports by packet sockets, without their offloads, and
    /// drops frames above the MTU.
    fn open_vswitch(&mut self) -> Result<()> {
        for station in &self.stations {
            station.bare_frames()?;
        }
        self.ports_take_in(false)?;
        let count = u32::try_from(self.stations.len())?;
        let ports = (1..=count).map(port_name).collect();
        self.ovs = Some(Ovs::start(&self.host, ports)?);
        Ok(())
    }

    fn netbridge(&mut self, hook: HookChoice, peer: bool, rig: RigOptions) -> Result<()> {
        let count = u32::try_from(self.stations.len())?;
        let dir = self.host.run(|| -> Result<PinDir> {
            let load = LoadOptions {
                fdb_entries: rig.fdb_entries,
                flow_cache: rig.flow_cache,
                features: rig.features,
                ..LoadOptions::default()
            };
            let options = NetbridgeOptions {
                load,
                ..NetbridgeOptions::default()
            };
            let mut bridge = if rig.pinned {
                Bridge::create("br0", &options)?
            } else {
                Bridge::create_private("br0", &options)?
            };
            let spec = |number| PortSpec {
                ifname: port_name(number),
                hook,
                ..PortSpec::default()
            };
            let specs: Vec<PortSpec> = (1..=count).map(spec).collect();
            for port in bridge.add_ports(&specs)? {
                if !peer {
                    let mut conf = port.conf;
                    conf.flags = PortFlags(conf.flags.0 & !PortFlags::PEER.0);
                    bridge.maps_mut().set_port_conf(port.id, conf)?;
                }
            }
            Ok(bridge.dir().clone())
        })??;
        self.bridge = Some(dir);
        Ok(())
    }
}

impl Station {
    /// Whole frames with whole checksums: what `Bridge::add_port` does for an XDP port, for others
    /// that do not carry a stack's offloads.
    fn bare_frames(&self) -> Result<()> {
        self.netns.run(|| {
            ethtool::set_gro("eth0", true)?;
            ethtool::set_tx_checksum("eth0", false)
        })??;
        Ok(())
    }

    fn new(number: u32) -> Result<Self> {
        let netns = Netns::anonymous()?;
        quiet(&netns)?;
        let last = u8::try_from(number + 1)?;
        Ok(Self {
            netns,
            // Octet 3 tells stations apart, octets 2, 4 and 5 flows: `netbridge_ebpf::bench`.
            mac: [0x02, 0, 0, last, 0, 0],
            address: Ipv4Addr::new(10, 9, 0, last),
            ifindex: FIRST_IFINDEX + number,
        })
    }

    /// Address, and the others as permanent neighbours: no ARP disturbs a measurement.
    fn configure(&self, all: &[Self]) -> Result<()> {
        let links = Links::within(&self.netns)?;
        links.add_address(self.ifindex, Ipv4Net::new(self.address, 16)?.into())?;
        links.set_up(self.ifindex, true)?;
        for other in all.iter().filter(|other| other.ifindex != self.ifindex) {
            links.add_neighbour(self.ifindex, other.address.into(), other.mac)?;
        }
        Ok(())
    }
}

pub(super) fn port_name(number: u32) -> String {
    format!("p{number}")
}

/// Keeps the kernel from sending frames of its own.
pub(super) fn quiet(netns: &Netns) -> Result<()> {
    netns.run(|| {
        write_sysctl("net/ipv6/conf/all/disable_ipv6", "1")?;
        write_sysctl("net/ipv6/conf/default/disable_ipv6", "1")
    })?
}

fn write_sysctl(name: &str, value: &str) -> Result<()> {
    let path = format!("/proc/sys/{name}");
    if fs::metadata(&path).is_err() {
        return Ok(());
    }
    fs::write(&path, value).with_context(|| format!("write {path}"))
}
