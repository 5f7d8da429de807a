//! What becomes of tables: netbridge's own, the user's, Docker's.

use netbridge::firewall::{self, Protocol, Published, Rules};
use netbridge_tests::{require_root, require_tool};

use crate::world::{
    HOST, HOST6, OUTSIDE, OUTSIDE6, Server, World, at, container_ip, ip, is_closed, publish, rules,
};

const OWN: &str = "nft list table inet netbridge";

fn full() -> Rules {
    let mut rules = rules();
    rules.networks[0].published = vec![
        publish(Protocol::Tcp, None, 8080, container_ip(1), 80),
        publish(Protocol::Udp, Some(HOST), 53, container_ip(2), 53),
        publish(Protocol::Sctp, Some("127.0.0.1"), 99, container_ip(2), 9),
    ];
    rules.networks[1].icc = false;
    rules
}

#[test]
fn the_same_rules_again_make_the_same_table_and_none_remove_it() {
    require_root!();
    require_tool!("nft");
    let world = World::new();
    world.apply(&Rules::default());
    assert_eq!(world.shell("nft list ruleset"), "");
    world.apply(&full());
    let once = world.shell("nft -s list ruleset | sort");
    world.apply(&full());
    assert_eq!(world.shell("nft -s list ruleset | sort"), once);
    // What nft prints can be read in again, as by those who save the ruleset at shutdown.
    world.shell("nft list ruleset > /run/saved; nft flush ruleset; nft -f /run/saved");
    assert_eq!(world.shell("nft -s list ruleset | sort"), once);
    world.apply(&Rules::default());
    assert_eq!(world.shell("nft list ruleset"), "");
}

#[test]
fn tables_of_others_are_left_alone() {
    require_root!();
    require_tool!("nft");
    let world = World::new();
    world.shell(
        "nft -f - <<END
table ip nat {
    chain prerouting { type nat hook prerouting priority dstnat; tcp dport 22 counter accept; }
}
table inet mine {
    set s { type ipv4_addr; flags interval; elements = { 10.0.0.0/8 }; }
    chain forward { type filter hook forward priority filter; ip saddr @s counter; }
}
END",
    );
    let others = "nft -a list table ip nat; nft -a list table inet mine; nft list tables | grep -v netbridge";
    let before = world.shell(others);
    for rules in [full(), rules(), Rules::default()] {
        world.apply(&rules);
        assert_eq!(world.shell(others), before);
    }
}

#[test]
fn rules_that_cannot_be_leave_the_table_as_it_was() {
    require_root!();
    require_tool!("nft");
    let world = World::new();
    world.apply(&full());
    let before = world.shell(OWN);
    let mut twice = full();
    twice.networks[1].published = twice.networks[0].published.clone();
    let error = world.try_apply(&twice).expect_err("is refused");
    assert_eq!(error.exit_code(), 2, "{error}");
    assert_eq!(world.shell(OWN), before);
}

#[test]
fn thousands_of_ports_are_as_many_rules_as_none() {
    require_root!();
    require_tool!("nft");
    let world = World::new();
    let count = "nft list table inet netbridge | sed -n '/chain/,$p' | wc -l";
    world.apply(&rules());
    let none = world.shell(count);
    let mut rules = rules();
    rules.networks[0].published = vec![Published {
        host_ports: 20_000..=39_999,
        container_ports: 10_000..=29_999,
        ..publish(Protocol::Tcp, None, 1, container_ip(1), 1)
    }];
    world.apply(&rules);
    assert_eq!(world.shell(count), none);
    let server = Server::new(world.container(1), at("0.0.0.0", 29_999));
    let seen = server.sees(&world.outside, at(HOST, 39_999));
    assert_eq!(seen, Some(ip(OUTSIDE)));
}

/// What Docker makes, with a rule of the user.
const DOCKER: &str = "for program in iptables ip6tables; do \
    $program -P FORWARD DROP; $program -N DOCKER-USER; $program -A FORWARD -j DOCKER-USER; \
    $program -A DOCKER-USER -p tcp --dport 25 -j DROP; $program -A DOCKER-USER -j RETURN; done";
const LIST: &str = "iptables -S; ip6tables -S";

#[test]
fn dockers_policy_does_not_keep_networks_from_working() {
    require_root!();
    require_tool!("nft");
    require_tool!("iptables");
    let world = World::new();
    world.shell(DOCKER);
    let before = world.shell(LIST);
    world.apply(&full());
    let chain = world.shell("iptables -S DOCKER-USER");
    assert_eq!(chain.matches("--comment netbridge").count(), 4, "{chain}");
    let rules: Vec<&str> = chain.lines().collect();
    assert!(rules[1].contains("--dport 25 -j DROP"), "{chain}");
    assert_eq!(rules.last(), Some(&"-A DOCKER-USER -j RETURN"), "{chain}");
    let both = world.shell(LIST);
    assert_eq!(both.matches("--comment netbridge").count(), 8, "{both}");
    world.apply(&full());
    assert_eq!(world.shell(LIST), both);
    let inside = Server::new(world.container(1), at("0.0.0.0", 80));
    let seen = inside.sees(&world.outside, at(HOST, 8080));
    assert_eq!(seen, Some(ip(OUTSIDE)));
    let outside = Server::new(&world.outside, at(OUTSIDE, 80));
    let seen = outside.sees(world.container(1), at(OUTSIDE, 80));
    assert_eq!(seen, Some(ip(HOST)));
    drop(outside);
    let outside = Server::new(&world.outside, at(OUTSIDE6, 80));
    let seen = outside.sees(world.container(1), at(OUTSIDE6, 80));
    assert_eq!(seen, Some(ip(HOST6)));
    // What Docker's chain lets through is still netbridge's to decide.
    world.add_rogue_routes();
    assert!(is_closed(
        &world.outside,
        std::net::SocketAddr::new(container_ip(1), 80)
    ));
    let mut less = full();
    less.networks.pop();
    world.apply(&less);
    let chain = world.shell("iptables -S DOCKER-USER");
    assert_eq!(chain.matches("nb0").count(), 2, "{chain}");
    assert_eq!(chain.matches("nb1").count(), 0, "{chain}");
    world.apply(&Rules::default());
    assert_eq!(world.shell(LIST), before);
}

#[test]
fn a_policy_that_drops_without_dockers_chain_is_reported() {
    require_root!();
    require_tool!("nft");
    require_tool!("iptables");
    let world = World::new();
    let warnings = || {
        let warn = || firewall::warnings(&rules());
        world.host.run(warn).expect("look for policies")
    };
    assert!(warnings().is_empty());
    world.shell("iptables -P FORWARD DROP; ip6tables -P FORWARD ACCEPT");
    let said = warnings();
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(said[0].contains("`iptables -I FORWARD -i nb0 -j ACCEPT`"));
    let before = world.shell(LIST);
    world.apply(&rules());
    assert_eq!(world.shell(LIST), before);
    world.shell("iptables -N DOCKER-USER");
    assert!(warnings().is_empty());
}
