//! The life of a port: added, refused, removed, and gone with the process that held its bridge.
#![expect(
    clippy::expect_used,
    reason = "a test stops where it fails, and says so"
)]

use std::{
    thread,
    time::{Duration, Instant},
};

use aya::programs::{SchedClassifier, TcAttachType};
use netbridge::{
    bridge::{BridgeError, BridgeOptions, HookChoice, PortSpec},
    net::{BridgeOptions as KernelBridge, Links, Netns, VethSpec},
};
use netbridge_tests::{
    require::note,
    require_root,
    topology::{HOOKS, Lab, PortOptions, hook_mixes},
    traffic::{ping, tcp, udp},
};

fn spec(ifname: &str, hook: HookChoice) -> PortSpec {
    PortSpec {
        ifname: ifname.to_owned(),
        hook,
        ..PortSpec::default()
    }
}

/// Programs at TC ingress and at XDP of interface `ifname`.
fn programs(netns: &Netns, ifname: &str) -> (usize, bool) {
    let count = || {
        let (_, programs) =
            SchedClassifier::query_tcx(ifname, TcAttachType::Ingress).expect("ask for programs");
        let link = Links::new().expect("open the interfaces").by_name(ifname);
        (programs.len(), link.expect("find it").xdp.is_some())
    };
    netns.run(count).expect("enter the namespace")
}

fn assert_refused(lab: &Lab, spec: &PortSpec, expected: &str) {
    let outcome = lab.bridge(|bridge| bridge.add_port(spec).map(drop).map_err(|e| e.to_string()));
    let error = outcome.expect_err("the port is refused");
    assert!(error.contains(expected), "{error}");
}

#[test]
fn a_bridge_that_ends_leaves_no_program_behind() {
    require_root!();
    let outside = Netns::anonymous().expect("make a namespace");
    for hook in HOOKS {
        let lab = Lab::new(&[hook; 2]);
        let host = lab.host().clone();
        // The far ends must outlive the lab, or the ports would go with them.
        let far: Vec<Netns> = lab.containers().iter().map(|c| c.netns.clone()).collect();
        assert_eq!(programs(&host, "v1"), (1, hook == HookChoice::Xdp));
        drop(lab);
        let deadline = Instant::now() + Duration::from_secs(5);
        while ["v1", "v2"]
            .iter()
            .any(|port| programs(&host, port) != (0, false))
        {
            assert!(Instant::now() < deadline, "{:?}", programs(&host, "v1"));
            thread::park_timeout(Duration::from_millis(5));
        }
        drop(far);
    }
    drop(outside);
}

#[test]
fn a_port_that_is_removed_has_no_program_and_can_be_added_again() {
    require_root!();
    for hooks in hook_mixes(2) {
        note(format_args!("on {hooks:?}"));
        let lab = Lab::new(&hooks);
        for round in 0..5 {
            lab.bridge(|bridge| bridge.del_port("v1").expect("remove the port"));
            assert_eq!(programs(lab.host(), "v1"), (0, false), "round {round}");
            assert_eq!(lab.all_stats().len(), 1);
            lab.bridge(|bridge| bridge.add_port(&spec("v1", hooks[0])).map(drop))
                .expect("add it again");
            let pings = ping(&lab.container(1).netns, lab.container(2).ip, 1);
            assert!(pings.all_answered(), "round {round}");
        }
    }
}

#[test]
fn a_port_changes_its_hook_by_being_added_again() {
    require_root!();
    let lab = Lab::new(&[HookChoice::Auto; 2]);
    assert_eq!(lab.stats(1).hook, "tc", "a stack is best served at TC");
    for hook in [HookChoice::Xdp, HookChoice::Tc, HookChoice::Xdp] {
        lab.bridge(|bridge| {
            bridge.del_port("v1").expect("remove the port");
            bridge
                .add_port(&spec("v1", hook))
                .map(drop)
                .expect("add it");
        });
        let (from, to) = (lab.container(1), lab.container(2));
        tcp(&from.netns, &to.netns, to.ip, 500_000);
        tcp(&to.netns, &from.netns, from.ip, 500_000);
    }
}

#[test]
fn an_interface_whose_index_is_huge_is_a_port_like_any_other() {
    require_root!();
    const HUGE: u32 = 2_000_000_000;
    for hooks in hook_mixes(3) {
        note(format_args!("on {hooks:?}"));
        let lab = Lab::builder(&hooks)
            .port(1, |port| port.ifindex = Some(HUGE))
            .port(2, |port| port.ifindex = Some(i32::MAX.cast_unsigned()))
            .build();
        assert_eq!(lab.stats(1).ifindex, HUGE);
        for (from, to) in [(1, 2), (2, 3), (3, 1)] {
            let (from, to) = (lab.container(from), lab.container(to));
            assert!(ping(&from.netns, to.ip, 2).all_answered());
            assert_eq!(udp(&from.netns, &to.netns, to.ip, 16, 1000), 16);
        }
        lab.assert_accounts();
        lab.assert_no_drops();
    }
}

#[test]
fn what_cannot_be_a_port_is_refused_with_its_reason() {
    require_root!();
    let lab = Lab::new(&[HookChoice::Tc]);
    let links = Links::within(lab.host()).expect("open the interfaces");
    let kernel = links
        .add_bridge("kbr", &KernelBridge::default())
        .expect("add a bridge");
    let veth = links.add_veth(&VethSpec {
        name: "taken",
        peer_name: "far",
        ..VethSpec::default()
    });
    let veth = veth.expect("add a veth pair");
    links
        .set_master(veth.ifindex, Some(kernel.ifindex))
        .expect("make it a port");
    for (ifname, expected) in [
        ("nowhere", "nowhere: not found"),
        ("", "is no interface name"),
        ("a-name-much-too-long", "is no interface name"),
        ("lo", "loopback"),
        ("kbr", "is a Linux bridge"),
        ("taken", "is a port of bridge kbr of the kernel already"),
        ("eth0", "is in another network namespace"),
        ("v1", "is a port of bridge br0 already"),
    ] {
        assert_refused(&lab, &spec(ifname, HookChoice::Auto), expected);
    }
    let names: Vec<String> = lab.all_stats().into_iter().map(|port| port.port).collect();
    assert_eq!(names, ["v1"]);
}

#[test]
fn mixed_mtus_are_refused_unless_they_are_allowed() {
    require_root!();
    let lab = Lab::new(&[HookChoice::Tc]);
    let other = PortOptions {
        mtu: Some(1400),
        ..PortOptions::default()
    };
    let container = lab.attach_container(&other);
    let spec = spec(&container.port, HookChoice::Tc);
    assert_refused(
        &lab,
        &spec,
        "its MTU is 1400, that of the ports of bridge br0 is 1500",
    );
    let change = netbridge::bridge::BridgeChange {
        mixed_mtu: Some(true),
        ..Default::default()
    };
    lab.bridge(|bridge| {
        bridge.change(&change).expect("allow them");
        bridge.add_port(&spec).map(drop).expect("add the port");
    });
}

#[test]
fn a_bridge_that_is_full_says_so() {
    require_root!();
    let netns = Netns::anonymous().expect("make a namespace");
    let fill = || {
        let links = Links::new().expect("open the interfaces");
        let mut options = BridgeOptions::default();
        options.load.max_ports = 2;
        let mut bridge =
            netbridge::bridge::Bridge::create_private("br0", &options).expect("make the bridge");
        let names = [["a", "x"], ["b", "y"], ["c", "z"]];
        for [name, peer_name] in names {
            let pair = VethSpec {
                name,
                peer_name,
                ..VethSpec::default()
            };
            links.add_veth(&pair).expect("add a veth pair");
        }
        bridge.add_port(&spec("a", HookChoice::Tc)).expect("first");
        bridge.add_port(&spec("b", HookChoice::Tc)).expect("second");
        let third = bridge.add_port(&spec("c", HookChoice::Tc));
        assert!(matches!(third, Err(BridgeError::Full { max: 2, .. })));
        bridge.del_port("a").expect("remove one");
        bridge
            .add_port(&spec("c", HookChoice::Tc))
            .expect("now it fits");
    };
    netns.run(fill).expect("enter the namespace");
}

#[test]
fn a_port_whose_container_vanished_is_cleared_away() {
    require_root!();
    for hooks in hook_mixes(3) {
        note(format_args!("on {hooks:?}"));
        let lab = Lab::new(&hooks);
        assert!(ping(&lab.container(3).netns, lab.container(1).ip, 1).all_answered());
        let links = Links::within(lab.host()).expect("open the interfaces");
        let gone = links.by_name("v3").expect("find it").ifindex;
        links.delete(gone).expect("delete the pair");
        // The others are not disturbed, cleared away or not.
        assert!(ping(&lab.container(1).netns, lab.container(2).ip, 3).all_answered());
        lab.bridge(|bridge| bridge.reconcile().expect("reconcile"));
        let names: Vec<String> = lab.all_stats().into_iter().map(|port| port.port).collect();
        assert_eq!(names, ["v1", "v2"]);
        assert!(lab.entry(lab.container(3).mac).is_none());
        assert!(ping(&lab.container(1).netns, lab.container(2).ip, 3).all_answered());
    }
}

#[test]
fn a_batch_of_ports_is_added_whole_or_not_at_all() {
    require_root!();
    for hook in HOOKS {
        let lab = Lab::new(&[hook]);
        let links = Links::within(lab.host()).expect("open the interfaces");
        for (name, mtu) in [("a", 1500), ("b", 1500), ("c", 1400)] {
            let pair = VethSpec {
                name,
                peer_name: &format!("{name}-far"),
                mtu: Some(mtu),
                ..VethSpec::default()
            };
            links.add_veth(&pair).expect("add a veth pair");
        }
        let before = lab.all_stats().len();
        let add = |names: &[&str]| {
            let specs: Vec<PortSpec> = names.iter().map(|name| spec(name, hook)).collect();
            let outcome = lab.bridge(|bridge| bridge.add_ports(&specs).map(|ports| ports.len()));
            outcome.map_err(|error| error.to_string())
        };
        let refused = |names: &[&str], word: &str| {
            let error = add(names).expect_err("the batch is refused");
            assert!(error.contains(word), "{error}");
            for name in ["a", "b"] {
                assert_eq!(programs(lab.host(), name), (0, false), "{names:?}");
            }
            assert_eq!(lab.all_stats().len(), before);
        };
        // Found before anything is done: a name, the MTU, an interface named twice.
        refused(&["a", "nobody", "b"], "nobody");
        refused(&["a", "b", "c"], "interface c");
        refused(&["a", "b", "a"], "interface a");
        assert_eq!(add(&["a", "b"]), Ok(2));
        assert_eq!(lab.all_stats().len(), before + 2);
        assert_eq!(programs(lab.host(), "b"), (1, hook == HookChoice::Xdp));
    }
}
