//! The maps from ports of the host to ports of containers.

use std::net::IpAddr;

use nftables::{
    expr::{Expression, FibFlag, MetaKey},
    schema::SetType,
    stmt::{NATFamily, Statement},
};

use super::{
    Protocol, Published, Rules,
    words::{
        Object, Word, any_of, concat, dnat, field, is, is_not, kind_of, map, meta, port, rule, text,
    },
};

/// The chain that translates.
pub(super) const CHAIN: &str = "publish";

/// A map, once for the addresses of containers and once for their ports: the JSON of nft 1.0.6
/// knows no map to both at once.
struct Pair {
    addresses: &'static str,
    ports: &'static str,
    family: NATFamily,
    /// Whether the host's address is part of the key.
    bound: bool,
}

/// A certain address comes before all of them.
const PAIRS: [Pair; 4] = [
    Pair {
        addresses: "bound4",
        ports: "bound4_port",
        family: NATFamily::IP,
        bound: true,
    },
    Pair {
        addresses: "bound6",
        ports: "bound6_port",
        family: NATFamily::IP6,
        bound: true,
    },
    Pair {
        addresses: "published4",
        ports: "published4_port",
        family: NATFamily::IP,
        bound: false,
    },
    Pair {
        addresses: "published6",
        ports: "published6_port",
        family: NATFamily::IP6,
        bound: false,
    },
];

impl Pair {
    fn takes(&self, published: &Published) -> bool {
        let v4 = self.family == NATFamily::IP;
        published.container_ip.is_ipv4() == v4 && published.bound_to().is_some() == self.bound
    }

    const fn address(&self) -> (SetType, &'static str) {
        match self.family {
            NATFamily::IP => (SetType::Ipv4Addr, "ip"),
            NATFamily::IP6 => (SetType::Ipv6Addr, "ip6"),
        }
    }

    /// Both maps. A range is taken apart, so that each port is found in one step.
    fn maps(&self, rules: &Rules) -> [Object; 2] {
        let (mut addresses, mut ports) = (Vec::new(), Vec::new());
        let all = rules.networks.iter().flat_map(|n| &n.published);
        for published in all.filter(|published| self.takes(published)) {
            let pairs = published.host_ports.clone();
            for (host, container) in pairs.zip(published.container_ports.clone()) {
                let key = key(published.bound_to(), published.protocol, host);
                let address = text(published.container_ip);
                addresses.push(Expression::List(vec![key.clone(), address]));
                ports.push(Expression::List(vec![key, port(container)]));
            }
        }
        let (address, _) = self.address();
        let mut types = vec![SetType::InetProto, SetType::InetService];
        if self.bound {
            types.insert(0, address);
        }
        [
            map(self.addresses, &types, address, addresses),
            map(self.ports, &types, SetType::InetService, ports),
        ]
    }

    fn rule(&self) -> Object {
        let (_, header) = self.address();
        let family = match self.family {
            NATFamily::IP => "ipv4",
            NATFamily::IP6 => "ipv6",
        };
        let mut key = vec![meta(MetaKey::L4proto), field("th", "dport")];
        if self.bound {
            key.insert(0, field(header, "daddr"));
        }
        let protocols = [Protocol::Tcp, Protocol::Udp, Protocol::Sctp].map(Protocol::name);
        let reference = |name| text(format_args!("@{name}"));
        let translate = dnat(
            self.family,
            &concat(key),
            reference(self.addresses),
            reference(self.ports),
        );
        let steps = vec![
            is(meta(MetaKey::Nfproto), text(family)),
            is(meta(MetaKey::L4proto), any_of(&protocols)),
            translate,
        ];
        rule(CHAIN, steps)
    }
}

fn key(host: Option<IpAddr>, protocol: Protocol, number: u16) -> Word {
    let bound = host.map(text);
    let rest = [text(protocol), port(number)];
    concat(bound.into_iter().chain(rest).collect())
}

/// The maps of all published ports.
pub(super) fn maps(rules: &Rules) -> impl Iterator<Item = Object> {
    PAIRS.iter().flat_map(|pair| pair.maps(rules))
}

/// The rules of the chain: what is for this host is translated, where there is a port for it.
pub(super) fn rules() -> impl Iterator<Item = Object> {
    let foreign = is_not(kind_of(FibFlag::Daddr), text("local"));
    let first = rule(CHAIN, vec![foreign, Statement::Return(None)]);
    std::iter::once(first).chain(PAIRS.iter().map(Pair::rule))
}
