//! The table `inet netbridge`, as nftables wants it.
//!
//! The number of rules does not grow with the number of ports, and only those for masquerading grow
//! with the number of networks: what a rule is about stands in sets and maps.

use std::net::Ipv6Addr;

use ipnet::IpNet;
use nftables::{
    expr::{FibFlag, MetaKey},
    schema::{NfCmd, NfObject, SetType},
    stmt::Statement,
    types::{NfChainType, NfHook},
};

use super::{
    NetworkRules, Rules, published,
    words::{
        Object, Step, Word, base_chain, chain, concat, connection, field, interfaces, is, is_not,
        jump, kind_of, meta, prefix, rule, set, table, text,
    },
};

/// Interfaces of networks; also how a later run learns which networks there were.
pub(super) const NETWORKS: &str = "networks";
/// Pairs of each of these interfaces with itself.
const WITHIN: &str = "within";
const INTERNAL: &str = "internal";
const ISOLATED: &str = "isolated";
const MASQUERADED: &str = "masqueraded";

const GUARD: &str = "guard";
const PREROUTING: &str = "prerouting";
const OUTPUT: &str = "output";
const FORWARD: &str = "forward";
const POSTROUTING: &str = "postrouting";

// Priorities, as `nft` names them.
const RAW: i32 = -300;
const DSTNAT: i32 = -100;
const FILTER: i32 = 0;
const SRCNAT: i32 = 100;

/// The commands of the one transaction that puts the table in the place of the old one.
pub(super) fn commands(rules: &Rules) -> Vec<NfObject<'static>> {
    // Added first, so that there is one to delete.
    let mut commands = vec![NfCmd::Add(table()), NfCmd::Delete(table())];
    if !rules.networks.is_empty() {
        commands.push(NfCmd::Add(table()));
        commands.extend(content(rules).into_iter().map(NfCmd::Add));
    }
    commands.into_iter().map(NfObject::CmdObject).collect()
}

fn content(rules: &Rules) -> Vec<Object> {
    let mut content = sets(rules);
    content.extend(published::maps(rules));
    content.extend([
        base_chain(GUARD, NfChainType::Filter, NfHook::Prerouting, RAW),
        chain(published::CHAIN),
        base_chain(PREROUTING, NfChainType::NAT, NfHook::Prerouting, DSTNAT),
        base_chain(OUTPUT, NfChainType::NAT, NfHook::Output, DSTNAT),
        base_chain(FORWARD, NfChainType::Filter, NfHook::Forward, FILTER),
        base_chain(POSTROUTING, NfChainType::NAT, NfHook::Postrouting, SRCNAT),
    ]);
    content.extend(guard());
    content.extend(published::rules());
    // From elsewhere nothing is for 127.0.0.1, whatever route_localnet is for other interfaces.
    let loopback = is(field("ip", "daddr"), prefix(&loopback()));
    content.push(rule(PREROUTING, vec![loopback, Statement::Return(None)]));
    content.push(rule(PREROUTING, vec![jump(published::CHAIN)]));
    // No answer to ::1 finds its way back, and what is refused at once is tried with 127.0.0.1.
    let loopback6 = is(field("ip6", "daddr"), text(Ipv6Addr::LOCALHOST));
    content.push(rule(OUTPUT, vec![loopback6, Statement::Return(None)]));
    content.push(rule(OUTPUT, vec![jump(published::CHAIN)]));
    content.extend(forward());
    content.extend(postrouting(rules));
    content
}

fn sets(rules: &Rules) -> Vec<Object> {
    let names = |wanted: fn(&NetworkRules) -> bool| -> Vec<Word> {
        let networks = rules.networks.iter().filter(|network| wanted(network));
        networks.map(|network| text(&network.ifname)).collect()
    };
    let pair = |name: Word| concat(vec![name.clone(), name]);
    let within = names(|_| true).into_iter().map(pair).collect();
    let name = [SetType::Ifname];
    vec![
        set(NETWORKS, &name, names(|_| true)),
        set(WITHIN, &[SetType::Ifname; 2], within),
        set(INTERNAL, &name, names(|network| network.internal)),
        set(ISOLATED, &name, names(|network| !network.icc)),
        set(MASQUERADED, &name, names(NetworkRules::is_masqueraded)),
    ]
}

/// With `route_localnet`, the kernel no longer keeps a container's packets from 127.0.0.1.
fn guard() -> impl Iterator<Item = Object> {
    let addresses = ["daddr", "saddr"].into_iter();
    addresses.map(|address| {
        let loopback = is(field("ip", address), prefix(&loopback()));
        rule(
            GUARD,
            vec![comes_by(NETWORKS), loopback, Statement::Drop(None)],
        )
    })
}

fn forward() -> Vec<Object> {
    let leaves = || is_not(interfaces(), reference(WITHIN));
    let stays = || is(interfaces(), reference(WITHIN));
    let rules = [
        // Before connections that were there when the network was open.
        vec![comes_by(INTERNAL), leaves(), Statement::Drop(None)],
        vec![leaves_by(INTERNAL), leaves(), Statement::Drop(None)],
        // What no connection explains is not translated, and would show addresses of containers.
        vec![
            comes_by(MASQUERADED),
            leaves(),
            connection("state", &["invalid"]),
            Statement::Drop(None),
        ],
        vec![
            connection("state", &["established", "related"]),
            Statement::Accept(None),
        ],
        vec![connection("status", &["dnat"]), Statement::Accept(None)],
        vec![stays(), comes_by(ISOLATED), Statement::Drop(None)],
        vec![stays(), Statement::Accept(None)],
        vec![leaves_by(NETWORKS), Statement::Drop(None)],
    ];
    rules.map(|steps| rule(FORWARD, steps)).into()
}

fn postrouting(rules: &Rules) -> Vec<Object> {
    let masquerade = || Statement::Masquerade(None);
    let translated = || connection("status", &["dnat"]);
    let mut postrouting = vec![
        // Else the other container would answer its neighbour directly, from its own address.
        vec![
            is(interfaces(), reference(WITHIN)),
            translated(),
            masquerade(),
        ],
        // The host's addresses, 127.0.0.1 among them, need not mean the host to a container.
        vec![
            leaves_by(NETWORKS),
            translated(),
            is(kind_of(FibFlag::Saddr), text("local")),
            masquerade(),
        ],
    ];
    for network in rules.networks.iter().filter(|n| n.is_masqueraded()) {
        for subnet in &network.subnets {
            let header = match subnet {
                IpNet::V4(_) => "ip",
                IpNet::V6(_) => "ip6",
            };
            postrouting.push(vec![
                is(field(header, "saddr"), prefix(subnet)),
                is_not(meta(MetaKey::Oifname), text(&network.ifname)),
                masquerade(),
            ]);
        }
    }
    let rules = postrouting.into_iter();
    rules.map(|steps| rule(POSTROUTING, steps)).collect()
}

impl NetworkRules {
    const fn is_masqueraded(&self) -> bool {
        self.masquerade && !self.internal
    }
}

fn comes_by(set: &'static str) -> Step {
    is(meta(MetaKey::Iifname), reference(set))
}

fn leaves_by(set: &'static str) -> Step {
    is(meta(MetaKey::Oifname), reference(set))
}

fn reference(set: &'static str) -> Word {
    text(format_args!("@{set}"))
}

fn loopback() -> IpNet {
    IpNet::V4(ipnet::Ipv4Net::new_assert([127, 0, 0, 0].into(), 8))
}

#[cfg(test)]
mod tests {
    use nftables::schema::NfListObject;

    use super::*;
    use crate::firewall::{Protocol, Published};

    fn network(n: u8) -> NetworkRules {
        NetworkRules {
            ifname: format!("br{n}"),
            subnets: vec![format!("10.{n}.0.0/16").parse().unwrap()],
            internal: false,
            icc: true,
            masquerade: true,
            published: Vec::new(),
        }
    }

    fn rules_of(rules: &Rules) -> usize {
        let is_rule = |object: &Object| matches!(object, NfListObject::Rule(_));
        content(rules).iter().filter(|o| is_rule(o)).count()
    }

    fn json(object: &Object) -> String {
        serde_json::to_string(object).unwrap()
    }

    #[test]
    fn without_networks_a_table_is_made_only_to_be_deleted() {
        let commands = commands(&Rules::default());
        let text: Vec<String> = commands
            .iter()
            .map(|command| serde_json::to_string(command).unwrap())
            .collect();
        let table = r#"{"table":{"family":"inet","name":"netbridge"}}"#;
        let wanted = [
            format!(r#"{{"add":{table}}}"#),
            format!(r#"{{"delete":{table}}}"#),
        ];
        assert_eq!(text, wanted);
    }

    #[test]
    fn rules_grow_with_masqueraded_subnets_and_nothing_else() {
        let mut rules = Rules {
            networks: vec![network(1)],
        };
        let one = rules_of(&rules);
        rules.networks[0].published.push(Published {
            protocol: Protocol::Tcp,
            host_ip: None,
            host_ports: 1..=1000,
            container_ip: "10.1.0.2".parse().unwrap(),
            container_ports: 1001..=2000,
        });
        assert_eq!(rules_of(&rules), one);
        rules.networks.push(network(2));
        assert_eq!(rules_of(&rules), one + 1);
        rules.networks[1].internal = true;
        assert_eq!(rules_of(&rules), one);
    }

    #[test]
    fn sets_hold_the_networks_that_they_are_about() {
        let mut rules = Rules {
            networks: vec![network(1), network(2)],
        };
        rules.networks[0].internal = true;
        rules.networks[1].icc = false;
        let text: Vec<String> = sets(&rules).iter().map(json).collect();
        let elements = [
            r#""elem":["br1","br2"]"#,
            r#""elem":[{"concat":["br1","br1"]},{"concat":["br2","br2"]}]"#,
            r#""elem":["br1"]"#,
            r#""elem":["br2"]"#,
            r#""elem":["br2"]"#,
        ];
        for (set, elements) in text.iter().zip(elements) {
            assert!(set.contains(elements), "{set}");
        }
    }

    #[test]
    fn a_range_becomes_ports_with_their_own_targets() {
        let mut rules = Rules {
            networks: vec![network(1)],
        };
        rules.networks[0].published.push(Published {
            protocol: Protocol::Udp,
            host_ip: Some("192.0.2.1".parse().unwrap()),
            host_ports: 80..=81,
            container_ip: "10.1.0.2".parse().unwrap(),
            container_ports: 8080..=8081,
        });
        let maps: Vec<String> = published::maps(&rules).map(|map| json(&map)).collect();
        let key = |port: u16| format!(r#"{{"concat":["192.0.2.1","udp",{port}]}}"#);
        let (first, second) = (key(80), key(81));
        let addresses = format!(r#"[[{first},"10.1.0.2"],[{second},"10.1.0.2"]]"#);
        let ports = format!("[[{first},8080],[{second},8081]]");
        let both = maps.iter().filter(|map| map.contains("elem"));
        let both: Vec<bool> = both
            .zip([addresses, ports])
            .map(|(map, elements)| map.contains(&elements))
            .collect();
        assert_eq!(both, [true, true], "{maps:#?}");
    }
}
