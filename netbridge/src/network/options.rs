//! What `-o KEY=VALUE` can say: Docker's keys for its bridge, and netbridge's own.

use std::{collections::BTreeMap, net::IpAddr};

use netbridge_common::{Features, Mode, ProxyMode};

use super::NetworkError;
use crate::{
    bridge::{HookChoice, LimitChange, VIDS},
    quantity,
};

/// Docker's keys, and the last word of each.
const BRIDGE: &str = "com.docker.network.bridge.";
const DRIVER: &str = "com.docker.network.driver.";

/// The keys that `docker network inspect` shows of a default network.
pub const NAME: &str = "com.docker.network.bridge.name";
/// Whether containers may talk to each other.
pub const ICC: &str = "com.docker.network.bridge.enable_icc";
/// Whether what leaves has the host's address.
pub const MASQUERADE: &str = "com.docker.network.bridge.enable_ip_masquerade";
/// Where published ports listen.
pub const HOST_BINDING: &str = "com.docker.network.bridge.host_binding_ipv4";
/// MTU of both ends.
pub const MTU: &str = "com.docker.network.driver.mtu";
/// Whether it is the network that containers are on unless told otherwise.
pub const DEFAULT_BRIDGE: &str = "com.docker.network.bridge.default_bridge";

/// netbridge's own keys, each with what it takes.
pub const OWN: [(&str, &str); 18] = [
    (
        "netbridge.hook",
        "auto, tc or xdp: which hook serves the containers' ports",
    ),
    ("netbridge.mode", "bridge or hub: how the bridge decides"),
    (
        "netbridge.antispoof",
        "true or false: containers use no address but their own",
    ),
    (
        "netbridge.ra_guard",
        "true or false: no router advertisements from containers",
    ),
    (
        "netbridge.dhcp_guard",
        "true or false: no DHCP servers in containers",
    ),
    (
        "netbridge.seed",
        "true or false: the FDB knows containers from the start",
    ),
    (
        "netbridge.arp_proxy",
        "on, off or only: the bridge answers for containers",
    ),
    (
        "netbridge.learning",
        "true or false: addresses are learned from what containers send",
    ),
    (
        "netbridge.learn_limit",
        "most addresses learned of a container; 0 for no limit",
    ),
    (
        "netbridge.ageing_time",
        "seconds after which a silent station is forgotten",
    ),
    (
        "netbridge.mcast_snooping",
        "true or false: multicast goes to members alone",
    ),
    (
        "netbridge.vlan",
        "VID: the VLAN that containers are in, untagged",
    ),
    (
        "netbridge.rate",
        "as 100mbit: what a container may send, and receive",
    ),
    (
        "netbridge.rate_ingress",
        "as 100mbit: what a container may send",
    ),
    (
        "netbridge.rate_egress",
        "as 100mbit: what a container may receive",
    ),
    (
        "netbridge.storm_broadcast",
        "broadcast frames per second that a container may send",
    ),
    ("netbridge.storm_multicast", "the same for multicast"),
    (
        "netbridge.storm_unknown",
        "the same for unicast to nobody known",
    ),
];

/// What the options of a network or an endpoint say.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "independent options")]
pub struct Options {
    /// Name of the bridge.
    pub bridge_name: Option<String>,
    /// Whether containers may talk to each other.
    pub icc: bool,
    /// Whether what leaves has the host's address.
    pub masquerade: bool,
    /// Where published ports listen unless they say.
    pub host_binding: Option<IpAddr>,
    /// MTU of both ends.
    pub mtu: Option<u32>,
    /// Which hook serves the containers' ports.
    pub hook: HookChoice,
    /// How the bridge decides.
    pub mode: Mode,
    /// Whether containers may use no address but their own.
    pub antispoof: bool,
    /// Whether no router advertisement may come from a container.
    pub ra_guard: bool,
    /// Whether no DHCP server may be in a container.
    pub dhcp_guard: bool,
    /// Whether the FDB knows containers from the start.
    pub seed: bool,
    /// Whether the bridge answers for containers.
    pub arp_proxy: ProxyMode,
    /// Whether addresses are learned from what containers send.
    pub learning: bool,
    /// Most addresses learned of a container.
    pub learn_limit: u32,
    /// Seconds after which a silent station is forgotten.
    pub ageing_secs: Option<u32>,
    /// Whether multicast goes to members alone.
    pub mcast_snooping: bool,
    /// The VLAN of the containers.
    pub vlan: Option<u16>,
    /// Rates and storm limits of a container's port.
    pub limits: LimitChange,
    /// The interface that macvlan interfaces are on.
    pub parent: Option<String>,
    /// How macvlan interfaces see each other.
    pub macvlan_mode: String,
}

impl Options {
    /// What all of `options` say, the later going before the earlier.
    pub fn read(
        network: &str,
        options: &[&BTreeMap<String, String>],
    ) -> Result<Self, NetworkError> {
        let mut read = Self::default();
        for (key, value) in options.iter().copied().flatten() {
            read.set(key, value).map_err(|reason| NetworkError::Bad {
                name: network.to_owned(),
                reason: format!("option {key}={value}: {reason}"),
            })?;
        }
        read.limits
            .check(read.mtu.unwrap_or(1500))
            .map_err(|error| NetworkError::Bad {
                name: network.to_owned(),
                reason: format!("option netbridge.rate or netbridge.storm: {error}"),
            })?;
        // Who does not want containers known does not want them answered for, unless he says so.
        let told = options
            .iter()
            .any(|all| all.contains_key("netbridge.arp_proxy"));
        if !read.seed && !told {
            read.arp_proxy = ProxyMode::Off;
        }
        Ok(read)
    }

    /// Those of Docker's keys that do nothing here.
    pub fn without_effect(options: &BTreeMap<String, String>) -> Vec<&str> {
        let known = [NAME, ICC, MASQUERADE, HOST_BINDING, MTU, DEFAULT_BRIDGE];
        let dockers = options.keys().map(String::as_str);
        dockers
            .filter(|key| key.starts_with("com.docker.network.") && !known.contains(key))
            .collect()
    }

    /// What the programs of the bridge must be able to do.
    pub fn features(&self) -> Features {
        let limited = self.limits != LimitChange::default();
        let wanted = [
            (
                self.antispoof || self.ra_guard || self.dhcp_guard,
                Features::GUARD,
            ),
            (self.arp_proxy != ProxyMode::Off, Features::PROXY),
            (limited, Features::LIMIT),
            (self.vlan.is_some(), Features::VLAN),
            (self.mcast_snooping, Features::SNOOP),
        ];
        wanted
            .into_iter()
            .filter(|(on, _)| *on)
            .fold(Features::default(), |all, (_, feature)| all.with(feature))
    }

    fn set(&mut self, key: &str, value: &str) -> Result<(), String> {
        if let Some(word) = key.strip_prefix("netbridge.") {
            return self.set_own(word, value);
        }
        let word = key
            .strip_prefix(BRIDGE)
            .or_else(|| key.strip_prefix(DRIVER));
        match word.unwrap_or(key) {
            "name" => self.bridge_name = Some(value.to_owned()),
            "enable_icc" => self.icc = boolean(value)?,
            "enable_ip_masquerade" => self.masquerade = boolean(value)?,
            "host_binding_ipv4" => {
                let ip: IpAddr = value
                    .parse()
                    .map_err(|_error| "no address; write it as 0.0.0.0")?;
                self.host_binding = Some(ip).filter(|ip| !ip.is_unspecified());
            }
            "mtu" => {
                let mtu = value.parse().ok().filter(|mtu| (68..=65_535).contains(mtu));
                self.mtu = Some(mtu.ok_or("no MTU; give 68 to 65535")?);
            }
            "default_bridge" => drop(boolean(value)?),
            "parent" => self.parent = Some(value.to_owned()),
            "macvlan_mode" => {
                let known = ["bridge", "private", "vepa", "passthru"];
                if !known.contains(&value) {
                    return Err(format!("unknown; there are {}", known.join(", ")));
                }
                value.clone_into(&mut self.macvlan_mode);
            }
            // Docker has more of them, for its own bridge.
            _ if key.starts_with("com.docker.network.") => {}
            _ => {
                return Err(
                    "unknown; netbridge's own begin with `netbridge.`, Docker's with `com.docker.network.`"
                        .to_owned(),
                );
            }
        }
        Ok(())
    }

    fn set_own(&mut self, word: &str, value: &str) -> Result<(), String> {
        match word {
            "hook" => self.hook = hook(value)?,
            "mode" => {
                self.mode = match value {
                    "bridge" => Mode::Bridge,
                    "hub" => Mode::Hub,
                    _ => return Err("give bridge or hub".to_owned()),
                }
            }
            "antispoof" => {
                self.antispoof = boolean(value)?;
                (self.ra_guard, self.dhcp_guard) = (self.antispoof, self.antispoof);
            }
            "ra_guard" => self.ra_guard = boolean(value)?,
            "dhcp_guard" => self.dhcp_guard = boolean(value)?,
            "seed" => self.seed = boolean(value)?,
            "arp_proxy" => {
                self.arp_proxy = match value {
                    "only" => ProxyMode::Only,
                    _ if boolean(value)? => ProxyMode::On,
                    _ => ProxyMode::Off,
                }
            }
            "learning" => self.learning = boolean(value)?,
            "learn_limit" => self.learn_limit = number(value)?,
            "ageing_time" => self.ageing_secs = Some(number(value)?),
            "mcast_snooping" => self.mcast_snooping = boolean(value)?,
            "vlan" => {
                let vid = value.parse().ok().filter(|vid| VIDS.contains(vid));
                self.vlan = Some(vid.ok_or("no VID; give 1 to 4094")?);
            }
            _ => return self.set_limit(word, value),
        }
        Ok(())
    }

    fn set_limit(&mut self, word: &str, value: &str) -> Result<(), String> {
        let limits = &mut self.limits;
        match word {
            "rate" => {
                let rate = Some(quantity::rate(value)?);
                (limits.rate_ingress, limits.rate_egress) = (rate, rate);
            }
            "rate_ingress" => limits.rate_ingress = Some(quantity::rate(value)?),
            "rate_egress" => limits.rate_egress = Some(quantity::rate(value)?),
            "storm_broadcast" => limits.storm_broadcast = Some(quantity::frames(value)?),
            "storm_multicast" => limits.storm_multicast = Some(quantity::frames(value)?),
            "storm_unknown" => limits.storm_unknown = Some(quantity::frames(value)?),
            _ => {
                let known: Vec<&str> = OWN.iter().map(|(key, _)| *key).collect();
                return Err(format!("unknown; there are {}", known.join(", ")));
            }
        }
        Ok(())
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            bridge_name: None,
            icc: true,
            masquerade: true,
            host_binding: None,
            mtu: None,
            hook: HookChoice::Auto,
            mode: Mode::Bridge,
            antispoof: true,
            ra_guard: true,
            dhcp_guard: true,
            seed: true,
            arp_proxy: ProxyMode::On,
            learning: true,
            learn_limit: 0,
            ageing_secs: None,
            mcast_snooping: false,
            vlan: None,
            limits: LimitChange::default(),
            parent: None,
            macvlan_mode: "bridge".to_owned(),
        }
    }
}

fn hook(value: &str) -> Result<HookChoice, String> {
    match value {
        "auto" => Ok(HookChoice::Auto),
        "tc" => Ok(HookChoice::Tc),
        "xdp" => Ok(HookChoice::Xdp),
        _ => Err("give auto, tc or xdp".to_owned()),
    }
}

/// Reads a switch as Docker does (Go's `strconv.ParseBool`), and as netbridge's own commands do.
fn boolean(value: &str) -> Result<bool, String> {
    match value {
        "1" | "t" | "T" | "true" | "TRUE" | "True" | "on" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" | "off" => Ok(false),
        _ => Err("give true or false".to_owned()),
    }
}

fn number(value: &str) -> Result<u32, String> {
    value.parse().map_err(|_error| "no number".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Options, String> {
        let pairs = pairs
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        Options::read("net", &[&pairs.collect()]).map_err(|error| error.to_string())
    }

    #[test]
    fn addresses_are_bound_and_known_unless_told_otherwise() {
        let options = read(&[]).unwrap();
        assert!(options.antispoof && options.seed && options.ra_guard && options.icc);
        assert_eq!(options.arp_proxy, ProxyMode::On);
        let options = read(&[("netbridge.antispoof", "false"), ("netbridge.seed", "0")]).unwrap();
        assert!(!options.antispoof && !options.seed && !options.dhcp_guard);
        assert_eq!(options.arp_proxy, ProxyMode::Off);
        assert_eq!(options.features(), Features::default());
    }

    #[test]
    fn every_key_of_the_list_is_known_and_no_other() {
        for (key, _) in OWN {
            let error = read(&[(key, "?")]).unwrap_err();
            assert!(!error.contains("unknown; there are netbridge"), "{error}");
        }
        let error = read(&[("netbridge.rats", "1mbit")]).unwrap_err();
        assert!(error.contains("netbridge.rate"), "{error}");
        assert!(read(&[("com.docker.network.container_iface_prefix", "x")]).is_ok());
    }

    #[test]
    fn an_endpoints_options_go_before_the_networks() {
        let one = BTreeMap::from([("netbridge.rate".to_owned(), "1mbit".to_owned())]);
        let two = BTreeMap::from([("netbridge.rate".to_owned(), "2mbit".to_owned())]);
        let options = Options::read("net", &[&one, &two]).unwrap();
        assert_eq!(options.limits.rate_ingress, Some(2_000_000));
    }
}
