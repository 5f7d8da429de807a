//! Bridges, ports and FDB entries as programs read them; names follow `bridge -j`.

use std::collections::HashMap;

use netbridge_common::{
    FdbEntry, FdbKey, LoopGuard, PortFlags, PortId, PortVlans, ProxyMode, vlan::AcceptFrames,
};
use serde::Serialize;

use super::LimitsView;
use crate::{
    bridge::{Bridge, BridgeError, Port, VlanProtocol},
    datapath,
};

/// A bridge, as `bridge show` tells of it.
#[derive(Clone, Debug, Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "independent settings")]
pub struct BridgeView {
    /// Its name.
    pub bridge: String,
    /// `bridge` or `hub`.
    pub mode: &'static str,
    /// Seconds after which a silent station is forgotten.
    pub ageing_time: u32,
    /// Most addresses learned at a time; 0 for no limit.
    pub learn_limit: u32,
    /// Addresses learned, those that have aged but were not swept yet among them.
    pub learned: u64,
    /// Whether ports may have different MTUs.
    pub mixed_mtu: bool,
    /// Whether the bridge filters VLANs.
    pub vlan_filtering: bool,
    /// The kind of tag that names its VLANs.
    pub vlan_protocol: &'static str,
    /// Reserved groups that are relayed.
    pub group_fwd_mask: u16,
    /// Whether frames for nobody known are flooded.
    pub flood: bool,
    /// Moves within `flap_window` seconds by which a station flaps; 0 for never.
    pub flap_moves: u16,
    /// The window, in seconds.
    pub flap_window: u16,
    /// Seconds for which a flapping station is held on its port; 0 for none.
    pub flap_hold: u16,
    /// What happens where a probe of the bridge's own comes back: `off`, `report` or `disable`.
    pub loop_guard: &'static str,
    /// Whether multicast goes only to members and routers.
    pub mcast_snooping: bool,
    /// Whether neighbours that are bound to ports are answered for: `off`, `on` or `only`.
    pub arp_proxy: &'static str,
    /// Ports that there is room for.
    pub max_ports: u32,
    /// FDB entries that there is room for.
    pub fdb_entries: u32,
    /// Whether XDP can flood; otherwise TC does it for XDP ports too.
    pub xdp_floods: bool,
    /// Events lost because nobody read them or they came too fast.
    pub events_lost: u64,
    /// Version of the layout of the maps.
    pub abi_version: u32,
    /// Its ports' interfaces.
    pub ports: Vec<String>,
}

impl BridgeView {
    /// Looks at a bridge.
    pub fn of(bridge: &Bridge) -> Result<Self, BridgeError> {
        let settings = bridge.settings()?;
        let ports = bridge.ports()?;
        Ok(Self {
            bridge: bridge.name().to_owned(),
            mode: settings.mode().name(),
            ageing_time: settings.ageing_secs,
            learn_limit: settings.learn_limit,
            learned: bridge.maps().learned(PortId::NONE)?,
            mixed_mtu: settings.mixed_mtu != 0,
            vlan_filtering: settings.vlan_filtering != 0,
            vlan_protocol: VlanProtocol::from(settings.vlan_protocol).name(),
            group_fwd_mask: settings.group_fwd_mask,
            flood: settings.drop_unknown == 0,
            flap_moves: settings.flap_moves,
            flap_window: settings.flap_window,
            flap_hold: settings.flap_hold,
            loop_guard: LoopGuard::from_raw(settings.loop_guard).name(),
            mcast_snooping: settings.mcast_snooping != 0,
            arp_proxy: ProxyMode::from_raw(settings.proxy).name(),
            max_ports: settings.port_slots.saturating_sub(1),
            fdb_entries: bridge.maps().fdb_capacity(),
            xdp_floods: settings.xdp_floods != 0,
            events_lost: bridge.maps().events_lost()?,
            abi_version: settings.abi_version,
            ports: ports.into_iter().map(|port| port.ifname).collect(),
        })
    }
}

/// A port, as `port show` tells of it.
#[derive(Clone, Debug, Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "independent settings")]
pub struct PortView {
    /// Interface name.
    pub port: String,
    /// Interface index.
    pub ifindex: u32,
    /// Name of the container behind it.
    pub name: Option<String>,
    /// `tc` or `xdp`.
    pub hook: &'static str,
    /// Why it is that one.
    pub hook_reason: &'static str,
    /// What the port may do, as `bridge link` names it.
    pub state: &'static str,
    /// Largest payload of a frame, in octets.
    pub mtu: u32,
    /// Most addresses learned at a time; 0 for no limit.
    pub learn_limit: u32,
    /// Addresses learned, those that have aged but were not swept yet among them.
    pub learned: u64,
    /// Address of the station at the other end of a veth.
    pub peer_mac: Option<String>,
    /// Whether frames for the station go straight into its namespace.
    pub redirect_peer: bool,
    /// Whether XDP can send frames here.
    pub xdp_target: bool,
    /// Whether addresses are learned here.
    pub learning: bool,
    /// Whether unknown unicast goes out here.
    pub flood: bool,
    /// Whether multicast goes out here.
    pub mcast_flood: bool,
    /// Whether broadcast goes out here.
    pub bcast_flood: bool,
    /// Whether nothing passes between this port and others that are isolated.
    pub isolated: bool,
    /// Whether frames may go out where they came in.
    pub hairpin: bool,
    /// Whether only stations that the FDB has here may send.
    pub locked: bool,
    /// Reserved groups that are relayed from here.
    pub group_fwd_mask: u16,
    /// VLAN of frames that come without one; 0 where such frames are not taken.
    pub pvid: u16,
    /// Which frames the port takes on a bridge that filters VLANs: `all`, `tagged` or `untagged`.
    pub accept_frames: &'static str,
    /// Whether frames of VLANs that the port is no member of are dropped as they come in.
    pub ingress_filter: bool,
    /// Storm and rate limits.
    #[serde(flatten)]
    pub limits: LimitsView,
    /// Addresses bound to the port.
    pub bindings: usize,
    /// Whether router advertisements and redirects are dropped as they come in.
    pub ra_guard: bool,
    /// Whether what only a DHCP server sends is dropped as it comes in.
    pub dhcp_guard: bool,
    /// Whether a multicast router is behind the port: `auto`, `permanent` or `off`.
    pub mcast_router: &'static str,
    /// Whether who leaves a multicast group was the last member behind the port.
    pub mcast_fast_leave: bool,
}

impl PortView {
    /// Looks at a port, but not at what is bound to it.
    pub fn of(bridge: &Bridge, port: &Port) -> Result<Self, BridgeError> {
        let has = |flag| port.conf.flags.contains(flag);
        Ok(Self {
            port: port.ifname.clone(),
            ifindex: port.conf.ifindex,
            name: port.name.clone(),
            hook: port.hook.name(),
            hook_reason: port.hook_reason.text(),
            state: port.conf.state().name(),
            mtu: port.conf.mtu,
            learn_limit: port.conf.learn_limit,
            learned: bridge.maps().learned(port.id)?,
            peer_mac: Some(port.conf.peer_mac)
                .filter(|mac| !mac.is_zero())
                .map(|m| m.to_string()),
            redirect_peer: has(PortFlags::PEER),
            xdp_target: has(PortFlags::XDP_TARGET),
            learning: !has(PortFlags::NO_LEARNING),
            flood: !has(PortFlags::NO_FLOOD),
            mcast_flood: !has(PortFlags::NO_MCAST_FLOOD),
            bcast_flood: !has(PortFlags::NO_BCAST_FLOOD),
            isolated: has(PortFlags::ISOLATED),
            hairpin: has(PortFlags::HAIRPIN),
            locked: has(PortFlags::LOCKED),
            group_fwd_mask: port.conf.group_fwd_mask,
            pvid: port.conf.pvid,
            accept_frames: AcceptFrames::from_raw(port.conf.accept_frames).name(),
            ingress_filter: !has(PortFlags::NO_INGRESS_FILTER),
            limits: LimitsView::of(&bridge.limits(port)?),
            bindings: 0,
            ra_guard: has(PortFlags::RA_GUARD),
            dhcp_guard: has(PortFlags::DHCP_GUARD),
            mcast_router: match (
                has(PortFlags::NO_MCAST_ROUTER),
                has(PortFlags::MCAST_ROUTER),
            ) {
                (true, _) => "off",
                (false, true) => "permanent",
                (false, false) => "auto",
            },
            mcast_fast_leave: has(PortFlags::FAST_LEAVE),
        })
    }
}

/// An FDB entry, as `fdb show` tells of it.
#[derive(Clone, Debug, Serialize)]
pub struct FdbView {
    /// The address.
    pub mac: String,
    /// Interface of the port that it is behind.
    pub ifname: String,
    /// Name of the container behind that port.
    pub name: Option<String>,
    /// The entry's VLAN, on a bridge that filters them.
    pub vlan: Option<u16>,
    /// The bridge.
    pub master: String,
    /// `permanent`, `static`, `sticky`, `blackhole` or `reachable`.
    pub state: &'static str,
    /// Further marks of the entry: `held` on its port, because the station has flapped.
    pub flags: Vec<&'static str>,
    /// Seconds since a frame from the address last arrived; 0 for one that never ages.
    pub age: u32,
}

impl FdbView {
    /// Looks at entries.
    pub fn of(bridge: &Bridge, entries: &[(FdbKey, FdbEntry)]) -> Result<Vec<Self>, BridgeError> {
        let (now, settings) = (datapath::now(), bridge.settings()?);
        let ports: HashMap<PortId, Port> = bridge
            .ports()?
            .into_iter()
            .map(|port| (port.id, port))
            .collect();
        let view = |(key, entry): &(FdbKey, FdbEntry)| {
            let port = ports.get(&entry.port);
            let age = if entry.is_permanent() {
                0
            } else {
                now.since(entry.last_seen).as_secs()
            };
            Self {
                mac: key.mac.to_string(),
                ifname: match port {
                    Some(port) => port.ifname.clone(),
                    None if entry.port == PortId::NONE => "-".to_owned(),
                    None => "?".to_owned(),
                },
                name: port.and_then(|port| port.name.clone()),
                vlan: Some(key.vid).filter(|vid| *vid != 0),
                master: bridge.name().to_owned(),
                state: entry.flags.state(),
                flags: if entry.is_held(now, &settings) {
                    vec!["held"]
                } else {
                    Vec::new()
                },
                age,
            }
        };
        Ok(entries.iter().map(view).collect())
    }
}

/// The VLANs of a port, as `bridge -j vlan show` tells of them.
#[derive(Clone, Debug, Serialize)]
pub struct VlanView {
    /// Interface of the port.
    pub ifname: String,
    /// Name of the container behind it.
    pub name: Option<String>,
    /// Its VLANs, in order.
    pub vlans: Vec<VlanMember>,
}

/// A VLAN that a port is a member of.
#[derive(Clone, Debug, Serialize)]
pub struct VlanMember {
    /// The VID.
    pub vlan: u16,
    /// `PVID` where frames without a VLAN belong to it, `Egress Untagged` where they leave without.
    pub flags: Vec<&'static str>,
}

impl VlanView {
    /// Looks at a port.
    pub fn of(port: &Port, vlans: &PortVlans) -> Self {
        let member = |vid: u16| {
            let marks = [
                (vid == port.conf.pvid, "PVID"),
                (vlans.untagged.contains(vid), "Egress Untagged"),
            ];
            let marks = marks.into_iter().filter(|(is, _)| *is);
            VlanMember {
                vlan: vid,
                flags: marks.map(|(_, name)| name).collect(),
            }
        };
        Self {
            ifname: port.ifname.clone(),
            name: port.name.clone(),
            vlans: vlans.member.iter().map(member).collect(),
        }
    }
}
