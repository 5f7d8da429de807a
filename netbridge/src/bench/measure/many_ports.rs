//! Many interfaces that are ports to be: veth pairs whose far ends share a namespace.

use anyhow::{Context as _, Result};

use crate::{
    bench::{Datapath, rig::quiet},
    bridge::{Bridge, BridgeOptions as NetbridgeOptions, HookChoice, PortSpec},
    datapath::LoadOptions,
    net::{BridgeOptions, Links, Netns, VethSpec},
};

/// Interfaces, all up, in a namespace of their own; gone with the value.
pub(super) struct ManyPorts {
    pub(super) host: Netns,
    /// Where the far ends are.
    pub(super) far: Netns,
    pub(super) names: Vec<String>,
    indexes: Vec<u32>,
    /// The far ends.
    pub(super) peers: Vec<u32>,
}

/// A bridge without ports; gone with the value, or with the namespace of its ports.
pub(super) enum Empty {
    Linux(u32),
    Netbridge(Box<Bridge>),
}

impl Empty {
    /// A bridge of a datapath in the namespace of the calling thread, which must also use it; `pinned`
    /// where other processes find it, for a caller with mounts of its own.
    pub(super) fn new(datapath: Datapath, load: LoadOptions, pinned: bool) -> Result<Self> {
        if datapath == Datapath::LinuxBridge {
            let links = Links::new()?;
            let bridge = links.add_bridge("br0", &BridgeOptions::default())?;
            links.set_up(bridge.ifindex, true)?;
            return Ok(Self::Linux(bridge.ifindex));
        }
        let options = NetbridgeOptions {
            load,
            ..NetbridgeOptions::default()
        };
        let bridge = if pinned {
            Bridge::create("br0", &options)?
        } else {
            Bridge::create_private("br0", &options)?
        };
        Ok(Self::Netbridge(Box::new(bridge)))
    }
}

impl ManyPorts {
    /// Makes `count` veth pairs.
    pub(super) fn new(count: usize) -> Result<Self> {
        let (host, far) = (Netns::anonymous()?, Netns::anonymous()?);
        quiet(&host)?;
        quiet(&far)?;
        let (links, far_links) = (Links::within(&host)?, Links::within(&far)?);
        let names: Vec<String> = (1..=count).map(|number| format!("p{number}")).collect();
        let (mut indexes, mut peers) = (Vec::new(), Vec::new());
        for name in &names {
            let link = links.add_veth(&VethSpec {
                name,
                peer_name: name,
                peer_netns: Some(&far),
                ..VethSpec::default()
            })?;
            links.set_up(link.ifindex, true)?;
            let peer = link.peer.context("a veth without a peer")?;
            far_links.set_up(peer.ifindex, true)?;
            indexes.push(link.ifindex);
            peers.push(peer.ifindex);
        }
        Ok(Self {
            host,
            far,
            names,
            indexes,
            peers,
        })
    }

    /// Makes all interfaces ports of `bridge`.
    pub(super) fn attach(&self, datapath: Datapath, bridge: &mut Empty) -> Result<()> {
        let bridge = match bridge {
            Empty::Linux(bridge) => {
                let links = Links::new()?;
                for ifindex in &self.indexes {
                    links.set_master(*ifindex, Some(*bridge))?;
                }
                return Ok(());
            }
            Empty::Netbridge(bridge) => bridge,
        };
        let hook = match datapath {
            Datapath::NetbridgeXdp => HookChoice::Xdp,
            _ => HookChoice::Tc,
        };
        let spec = |name: &String| PortSpec {
            ifname: name.clone(),
            hook,
            ..PortSpec::default()
        };
        let specs: Vec<PortSpec> = self.names.iter().map(spec).collect();
        bridge.add_ports(&specs)?;
        Ok(())
    }
}
