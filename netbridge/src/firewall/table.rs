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
