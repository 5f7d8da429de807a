//! Published ports: how they are written, and which are free.

use std::{fmt, net::IpAddr, ops::RangeInclusive, str::FromStr};

use serde::{Deserialize, Serialize};

use super::{Endpoint, Network, NetworkError};
use crate::firewall::{Family, Protocol, Published, port_in_use};

/// Ports that the kernel gives out by itself (`net.ipv4.ip_local_port_range`), and so does this.
const EPHEMERAL: RangeInclusive<u16> = 32_768..=60_999;

/// Ports of the host that lead to as many of a container, one for one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Publication {
    /// `tcp`, `udp` or `sctp`.
    pub protocol: String,
    /// The host's address; all where none is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_ip: Option<IpAddr>,
    /// First of the host's ports; 0 for any that are free.
    pub host_port: u16,
    /// Last of the host's ports that may be taken, where one port may be any of several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_port_end: Option<u16>,
    /// First of the container's ports.
    pub container_port: u16,
    /// How many.
    pub count: u16,
}

impl Publication {
    /// One port for one.
    pub fn one(protocol: &str, host_ip: Option<IpAddr>, host: u16, container: u16) -> Self {
        Self {
            protocol: protocol.to_owned(),
            host_ip: host_ip.filter(|ip| !ip.is_unspecified()),
            host_port: host,
            host_port_end: None,
            container_port: container,
            count: 1,
        }
    }

    fn hosts(&self) -> RangeInclusive<u16> {
        self.host_port..=self.host_port.saturating_add(self.count - 1)
    }

    /// Says whether both would take the same port.
    fn clashes(&self, other: &Self) -> bool {
        let (one, two) = (self.hosts(), other.hosts());
        let addresses = match (self.host_ip, other.host_ip) {
            (Some(one), Some(two)) => one == two,
            _ => true,
        };
        addresses
            && self.protocol == other.protocol
            && one.start() <= two.end()
            && two.start() <= one.end()
    }

    /// What the firewall is to do for it, for each address of the container.
    pub(super) fn rules(&self, endpoint: &Endpoint) -> Vec<Published> {
        let last = self.container_port.saturating_add(self.count - 1);
        let fits = |ip: &IpAddr| {
            let wanted = self.host_ip;
            wanted.is_none_or(|wanted| wanted.is_ipv4() == ip.is_ipv4())
        };
        let rule = |container_ip| Published {
            protocol: protocol(&self.protocol),
            host_ip: self.host_ip,
            host_ports: self.hosts(),
            container_ip,
            container_ports: self.container_port..=last,
        };
        endpoint.addresses().filter(fits).map(rule).collect()
    }
}

fn protocol(name: &str) -> Protocol {
    match name {
        "udp" => Protocol::Udp,
        "sctp" => Protocol::Sctp,
        _ => Protocol::Tcp,
    }
}

/// Finds ports for what an endpoint is to publish, each of which must be free.
pub(super) fn settle(
    wanted: &[Publication],
    default_ip: Option<IpAddr>,
    networks: &[Network],
) -> Result<Vec<Publication>, NetworkError> {
    let mut settled: Vec<Publication> = Vec::new();
    for publication in wanted {
        let mut publication = publication.clone();
        publication.host_ip = publication.host_ip.or(default_ip);
        let free = |candidate: &Publication, settled: &[Publication]| {
            is_free(candidate, settled, networks)
        };
        let candidates = match (publication.host_port, publication.host_port_end) {
            (0, _) => EPHEMERAL,
            (first, Some(end)) => first..=end,
            (first, None) => first..=first,
        };
        let mut reason = None;
        let found = candidates.into_iter().find_map(|port| {
            let candidate = Publication {
                host_port: port,
                host_port_end: None,
                ..publication.clone()
            };
            match free(&candidate, &settled) {
                Ok(()) => Some(candidate),
                Err(taken) => {
                    reason.get_or_insert(taken);
                    None
                }
            }
        });
        match found {
            Some(found) => settled.push(found),
            None => {
                return Err(NetworkError::Publish {
                    what: publication.to_string(),
                    reason: reason.unwrap_or_default(),
                });
            }
        }
    }
    Ok(settled)
}

/// Why ports of the host are not free.
fn is_free(
    candidate: &Publication,
    settled: &[Publication],
    networks: &[Network],
) -> Result<(), String> {
    let ports = match candidate.count {
        1 => format!("port {} of the host is", candidate.host_port),
        _ => format!("ports {} of the host are", range(&candidate.hosts())),
    };
    if candidate
        .host_port
        .checked_add(candidate.count - 1)
        .is_none()
    {
        return Err("the range goes beyond port 65535".to_owned());
    }
    if settled.iter().any(|other| other.clashes(candidate)) {
        return Err(format!("{ports} named twice; leave one out"));
    }
    for network in networks {
        for endpoint in network.endpoints.values() {
            if endpoint
                .published
                .iter()
                .any(|other| other.clashes(candidate))
            {
                let (owner, network) = (endpoint.label(), network.label());
                return Err(format!(
                    "{ports} published for container {owner} on network {network} already; choose another"
                ));
            }
        }
    }
    let kind = protocol(&candidate.protocol);
    let families = match candidate.host_ip {
        Some(IpAddr::V4(_)) => &[Family::V4][..],
        Some(IpAddr::V6(_)) => &[Family::V6],
        None => &[Family::V4, Family::V6],
    };
    let in_use = |port: &u16| {
        let mut families = families.iter();
        families.any(|family| port_in_use(kind, candidate.host_ip, *family, *port))
    };
    let busy = candidate.hosts().find(in_use);
    match busy {
        Some(port) => Err(format!(
            "a process of the host listens on port {port}; choose another, or end that process"
        )),
        None => Ok(()),
    }
}

impl FromStr for Publication {
    type Err = String;

    /// Reads `[HOST-IP:][HOST-PORT[-LAST]:]PORT[-LAST][/PROTOCOL]`, as `docker run -p` does.
    fn from_str(text: &str) -> Result<Self, String> {
        let form =
            "write it as 8080:80, 127.0.0.1:8080:80, [::1]:8080:80, 8000-8010:80-90 or 53:53/udp";
        let bad = |what: &str| format!("{what}; {form}");
        let (ports, protocol) = text.rsplit_once('/').unwrap_or((text, "tcp"));
        let protocol = protocol.to_ascii_lowercase();
        if !["tcp", "udp", "sctp"].contains(&protocol.as_str()) {
            return Err(bad("unknown protocol"));
        }
        let (rest, container) = match ports.rsplit_once(':') {
            Some((rest, container)) => (Some(rest), container),
            None => (None, ports),
        };
        let container = port_range(container).ok_or_else(|| bad("no port"))?;
        let (ip, host) = match rest {
            None => (None, None),
            Some(rest) => {
                let (ip, host) = match rest.rsplit_once(':') {
                    Some((ip, host)) => (Some(ip), host),
                    None => (None, rest),
                };
                let host = match host {
                    "" => None,
                    host => Some(port_range(host).ok_or_else(|| bad("no port of the host"))?),
                };
                (ip, host)
            }
        };
        let host_ip: Option<IpAddr> = match ip.map(|ip| ip.trim_matches(['[', ']'])) {
            None | Some("") => None,
            Some(ip) => Some(ip.parse().map_err(|_error| bad("no address of the host"))?),
        };
        let length = |range: &RangeInclusive<u16>| range.end() - range.start();
        let count = length(&container)
            .checked_add(1)
            .ok_or_else(|| bad("too many ports"))?;
        let (host_port, host_port_end) = match host {
            None if count > 1 => return Err(bad("a range needs one of the host")),
            None => (0, None),
            Some(host) if length(&host) == length(&container) => (*host.start(), None),
            Some(host) if count == 1 => (*host.start(), Some(*host.end())),
            Some(_) => return Err(bad("the ranges differ in length")),
        };
        Ok(Self {
            protocol,
            host_ip: host_ip.filter(|ip| !ip.is_unspecified()),
            host_port,
            host_port_end,
            container_port: *container.start(),
            count,
        })
    }
}

fn port_range(text: &str) -> Option<RangeInclusive<u16>> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let port = |text: &str| text.parse::<u16>().ok().filter(|port| *port > 0);
    let (first, last) = (port(first)?, port(last)?);
    (first <= last).then_some(first..=last)
}

fn range(ports: &RangeInclusive<u16>) -> String {
    if ports.start() == ports.end() {
        ports.start().to_string()
    } else {
        format!("{}-{}", ports.start(), ports.end())
    }
}

impl fmt::Display for Publication {
    /// As `docker port` shows it: `0.0.0.0:8080->80/tcp`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host_ip {
            Some(IpAddr::V6(ip)) => write!(f, "[{ip}]:")?,
            Some(ip) => write!(f, "{ip}:")?,
            None => write!(f, "0.0.0.0:")?,
        }
        let host = match self.host_port_end {
            Some(end) => self.host_port..=end,
            None => self.hosts(),
        };
        let last = self.container_port.saturating_add(self.count - 1);
        let container = range(&(self.container_port..=last));
        write!(f, "{}->{container}/{}", range(&host), self.protocol)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn publications_are_read_as_docker_reads_them() {
        for (text, shown) in [
            ("8080:80", "0.0.0.0:8080->80/tcp"),
            ("0.0.0.0:8080:80", "0.0.0.0:8080->80/tcp"),
            ("127.0.0.1:8080:80/tcp", "127.0.0.1:8080->80/tcp"),
            ("[::1]:53:53/udp", "[::1]:53->53/udp"),
            ("8000-8010:80-90", "0.0.0.0:8000-8010->80-90/tcp"),
            ("8000-8010:80", "0.0.0.0:8000-8010->80/tcp"),
            ("80", "0.0.0.0:0->80/tcp"),
            ("127.0.0.1::80", "127.0.0.1:0->80/tcp"),
            ("9:9/SCTP", "0.0.0.0:9->9/sctp"),
        ] {
            let read: Publication = text.parse().unwrap();
            assert_eq!(read.to_string(), shown, "{text}");
        }
        for text in [
            "",
            ":",
            "0:80",
            "80:0",
            "x:80",
            "80:80/icmp",
            "1.2.3:80:80",
            "90-80:80",
            "1-3:1-2",
            "80-82",
            "65536:80",
            "-1:80",
            "80:80:80:80",
            "1-65535:1-65536",
        ] {
            assert!(text.parse::<Publication>().is_err(), "{text}");
        }
    }

    #[test]
    fn ports_clash_where_addresses_and_ranges_meet() {
        let read = |text: &str| text.parse::<Publication>().unwrap();
        for (one, other, clash) in [
            ("8080:80", "8080:81", true),
            ("8080:80", "8080:80/udp", false),
            ("127.0.0.1:8080:80", "8080:80", true),
            ("127.0.0.1:8080:80", "127.0.0.2:8080:80", false),
            ("8000-8010:80-90", "8010:80", true),
            ("8000-8010:80-90", "8011:80", false),
        ] {
            assert_eq!(read(one).clashes(&read(other)), clash, "{one} {other}");
        }
    }
}
