//! What a network and its containers are in the kernel: a bridge, the host's interface, and ports.

use netbridge_common::{MacAddr, PortFlags, PortId, ProxyMode};

use super::{Driver, Endpoint, Network, NetworkError, model::mac_of, options::Options};
use crate::{
    bridge::{
        Addresses, Bridge, BridgeChange, BridgeError, BridgeOptions, HostInterface, Membership,
        PortChange, PortSpec,
    },
    datapath::LoadOptions,
    fdb::EntryKind,
    net::{Links, sysctl},
};

/// Longest name of a container that a port can have.
const NAME_BYTES_MAX: usize = 64;

/// Says whether there is such a bridge.
pub(super) fn bridge_exists(name: &str) -> bool {
    Bridge::exists(name)
}

/// Makes a network's bridge and the host's interface; or takes the bridge that is there.
pub(super) fn make_bridge(network: &Network) -> Result<(), NetworkError> {
    let options = Options::read(network.label(), &[&network.options])?;
    if network.foreign_bridge {
        return take_bridge(network);
    }
    let mut settings = BridgeOptions {
        mode: options.mode,
        load: LoadOptions {
            features: options.features(),
            ..LoadOptions::default()
        },
        ..BridgeOptions::default()
    };
    settings.ageing_secs = options.ageing_secs.unwrap_or(settings.ageing_secs);
    // What a killed process left there has no file that knows it.
    let bridge = Bridge::create(&network.ifname, &settings)?;
    let made = furnish(bridge, network, &options);
    if made.is_err()
        && let Err(error) = Bridge::delete(&network.ifname)
    {
        tracing::warn!("{error}");
    }
    made
}

fn furnish(mut bridge: Bridge, network: &Network, options: &Options) -> Result<(), NetworkError> {
    bridge.change(&BridgeChange {
        proxy: (options.arp_proxy != ProxyMode::Off).then_some(options.arp_proxy),
        mcast_snooping: options.mcast_snooping.then_some(true),
        vlan_filtering: options.vlan.is_some().then_some(true),
        ..BridgeChange::default()
    })?;
    let gateways = network.subnets.iter();
    let gateways = gateways.filter_map(|subnet| Some(subnet.with_prefix(subnet.gateway?)));
    let (v4, v6): (Vec<_>, Vec<_>) = gateways.partition(super::create::is_v4);
    let mac = host_mac(network);
    let port = bridge.add_host_interface(&HostInterface {
        addresses: v4,
        mtu: options.mtu,
        mac: Some(mac),
    })?;
    let links = Links::new()?;
    let ifindex = links.by_name(&network.ifname)?.ifindex;
    if !v6.is_empty() {
        set_ipv6(&network.ifname, true)?;
    }
    for address in v6 {
        links.add_address(ifindex, address)?;
    }
    set_ipv6(&port.ifname, false)?;
    join_vlan(&mut bridge, &port.ifname, options.vlan)?;
    if options.arp_proxy != ProxyMode::Off {
        let ips = network.subnets.iter().filter_map(|subnet| subnet.gateway);
        let known = Addresses {
            macs: vec![MacAddr(mac)],
            ips: ips.collect(),
            vlan: None,
        };
        bridge.add_bindings(&port.ifname, &known)?;
    }
    Ok(())
}

/// Takes a bridge that is there already: its host interface must be, and gets the network's gateways.
fn take_bridge(network: &Network) -> Result<(), NetworkError> {
    let bridge = Bridge::open(&network.ifname)?;
    if bridge.host_port()? == PortId::NONE {
        let name = &network.ifname;
        return Err(network.bad(format!(
            "bridge {name} has no interface for the host; add it with `netbridge bridge add {name} --address CIDR`"
        )));
    }
    let links = Links::new()?;
    let ifindex = links.by_name(&network.ifname)?.ifindex;
    let there = links.addresses(ifindex)?;
    for subnet in &network.subnets {
        let Some(gateway) = subnet.gateway else {
            continue;
        };
        let address = subnet.with_prefix(gateway);
        if !there.contains(&address) {
            if !super::create::is_v4(&address) {
                set_ipv6(&network.ifname, true)?;
            }
            links.add_address(ifindex, address)?;
        }
    }
    Ok(())
}

/// Removes a network's bridge and the host's interface, where they are the network's.
pub(super) fn remove_bridge(network: &Network) -> Result<(), NetworkError> {
    if network.foreign_bridge {
        return Ok(());
    }
    match Bridge::delete(&network.ifname) {
        Ok(()) | Err(BridgeError::NotFound { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    // A process that was killed while it made the bridge may have left the interface alone.
    let links = Links::new()?;
    if let Ok(link) = links.by_name(&network.ifname)
        && link.peer.is_some()
        && link.mac == Some(host_mac(network))
    {
        links.delete(link.ifindex)?;
    }
    Ok(())
}

/// The Ethernet address of the host's interface.
fn host_mac(network: &Network) -> [u8; 6] {
    let gateways = network.subnets.iter().filter_map(|subnet| subnet.gateway);
    let v4 = gateways.filter_map(|ip| match ip {
        std::net::IpAddr::V4(ip) => Some(ip),
        std::net::IpAddr::V6(_) => None,
    });
    v4.map(mac_of)
        .next()
        .unwrap_or_else(|| mac_of_id(&network.id))
}

/// A local Ethernet address made of an id.
pub(super) fn mac_of_id(id: &str) -> [u8; 6] {
    let digit = |at: usize| {
        id.get(at..at + 2)
            .and_then(|two| u8::from_str_radix(two, 16).ok())
    };
    let [a, b, c, d] = [0, 2, 4, 6].map(|at| digit(at).unwrap_or_default());
    [0x02, 0x43, a, b, c, d]
}

/// Does something with a network's bridge as it is; where that fails, because interfaces of other ports are gone,
/// again when they were put right.
fn on_bridge<T>(
    network: &Network,
    act: impl Fn(&mut Bridge) -> Result<T, BridgeError>,
) -> Result<T, BridgeError> {
    // A statement of its own: the bridge's lock goes with it.
    let outcome = act(&mut Bridge::open_as_is(&network.ifname)?);
    match outcome {
        Err(BridgeError::Datapath(error)) => {
            tracing::debug!("{error}");
            act(&mut Bridge::open(&network.ifname)?)
        }
        outcome => outcome,
    }
}

/// Makes the host's end of an endpoint a port, with all that its network wants of it, and then sets it up: no
/// frame passes before.
pub(super) fn plug(
    network: &Network,
    endpoint: &Endpoint,
    peer_moves: bool,
) -> Result<(), NetworkError> {
    let options = Options::read(network.label(), &[&network.options, &endpoint.options])?;
    let spec = PortSpec {
        ifname: endpoint.ifname.clone(),
        hook: options.hook,
        name: port_name(endpoint),
        learn_limit: options.learn_limit,
        limits: options.limits,
        peer_moves,
    };
    on_bridge(network, |bridge| bridge.add_port(&spec))?;
    let mut bridge = Bridge::open_as_is(&network.ifname)?;
    let plugged = guard(&mut bridge, endpoint, &options);
    if plugged.is_err() {
        let removed = bridge.del_port(&endpoint.ifname);
        if let Err(error) = removed {
            tracing::warn!("{error}");
        }
    }
    plugged
}

fn guard(bridge: &mut Bridge, endpoint: &Endpoint, options: &Options) -> Result<(), NetworkError> {
    let ifname = &endpoint.ifname;
    let wanted = [
        (PortFlags::ISOLATED, !options.icc),
        (PortFlags::NO_LEARNING, !options.learning),
        (PortFlags::RA_GUARD, options.ra_guard),
        (PortFlags::DHCP_GUARD, options.dhcp_guard),
    ];
    let set = wanted
        .into_iter()
        .filter(|(_, on)| *on)
        .fold(PortFlags::default(), |all, (flag, _)| all.with(flag));
    bridge.change_port(
        ifname,
        &PortChange {
            set,
            ..PortChange::default()
        },
    )?;
    join_vlan(bridge, ifname, options.vlan)?;
    let mac: MacAddr = endpoint.mac.parse().unwrap_or_default();
    if options.antispoof {
        let own = Addresses {
            macs: vec![mac],
            ips: endpoint.addresses().collect(),
            vlan: None,
        };
        bridge.add_bindings(ifname, &own)?;
    }
    if options.seed {
        let port = bridge.port_named(ifname)?;
        let key = bridge.fdb_key(mac, None, Some(&port))?;
        bridge.add_fdb_entry(key, port.id, EntryKind::Static)?;
    }
    // The host says nothing of its own into a port: no link-local address, no reports of it.
    set_ipv6(ifname, false)?;
    let links = Links::new()?;
    Ok(links.set_up(links.by_name(ifname)?.ifindex, true)?)
}

/// Puts a port into one VLAN, untagged, and into no other.
fn join_vlan(bridge: &mut Bridge, ifname: &str, vlan: Option<u16>) -> Result<(), NetworkError> {
    let Some(vid) = vlan else {
        return Ok(());
    };
    let untagged = Membership {
        pvid: true,
        untagged: true,
    };
    bridge.add_vlans(ifname, &[vid..=vid], untagged)?;
    if vid != netbridge_common::vlan::DEFAULT_PVID {
        let old = netbridge_common::vlan::DEFAULT_PVID;
        bridge.del_vlans(ifname, &[old..=old])?;
    }
    Ok(())
}

/// What the container's end of an endpoint of Docker's is called while it is on the host.
pub(super) fn far_name(endpoint: &Endpoint) -> String {
    endpoint.ifname.replacen("nb", "nc", 1)
}

/// Takes the host's end of an endpoint out of its bridge, and removes it; of one without, the other end where
/// Docker has left it on the host.
pub(super) fn unplug(network: &Network, endpoint: &Endpoint) -> Result<(), NetworkError> {
    if network.driver == Driver::Macvlan {
        let links = Links::new()?;
        return match links.by_name(&far_name(endpoint)) {
            Ok(link) => Ok(links.delete(link.ifindex)?),
            Err(_) => Ok(()),
        };
    }
    if bridge_exists(&network.ifname) {
        match on_bridge(network, |bridge| bridge.del_port(&endpoint.ifname)) {
            Ok(()) | Err(BridgeError::NoSuchPort { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let links = Links::new()?;
    match links.by_name(&endpoint.ifname) {
        Ok(link) => Ok(links.delete(link.ifindex)?),
        Err(_) => Ok(()),
    }
}

/// Says whether the host's end of an endpoint is a port of its network's bridge.
pub(super) fn is_plugged(bridge: &Bridge, endpoint: &Endpoint) -> bool {
    bridge.port_named(&endpoint.ifname).is_ok()
}

/// Tells a port the name of its container.
pub(super) fn rename(network: &Network, endpoint: &Endpoint) -> Result<(), NetworkError> {
    let change = PortChange {
        name: port_name(endpoint),
        ..PortChange::default()
    };
    let mut bridge = Bridge::open_as_is(&network.ifname)?;
    Ok(bridge.change_port(&endpoint.ifname, &change)?)
}

/// As much of a container's name as a port has room for.
fn port_name(endpoint: &Endpoint) -> Option<String> {
    let mut name = endpoint.label().to_owned();
    while name.len() > NAME_BYTES_MAX {
        name.pop();
    }
    Some(name).filter(|name| !name.is_empty())
}

/// Lets an interface have IPv6 addresses, or none.
pub(super) fn set_ipv6(ifname: &str, on: bool) -> Result<(), NetworkError> {
    let path = format!("net/ipv6/conf/{ifname}/disable_ipv6");
    let wanted = if on { "0" } else { "1" };
    if sysctl::read(&path).is_some_and(|disabled| disabled != wanted) {
        sysctl::write(&path, wanted).map_err(|error| NetworkError::Program {
            what: format!("set {} to {wanted}", path.replace('/', ".")),
            reason: error.to_string(),
        })?;
    }
    Ok(())
}
