//! The container end of an XDP port: made fit for XDP, and put back exactly as it was.
#![expect(
    clippy::expect_used,
    reason = "a test stops where it fails, and says so"
)]

use netbridge::{
    bridge::{HookChoice, PortSpec},
    net::{NetError, ethtool, ethtool::Offloads},
};
use netbridge_tests::{
    require::note,
    require_root,
    topology::{Container, Lab},
};

/// One of ethtool's setters, and what to call it with.
type Setting = (fn(&str, bool) -> Result<(), NetError>, bool);

fn xdp(ifname: &str) -> PortSpec {
    PortSpec {
        ifname: ifname.to_owned(),
        hook: HookChoice::Xdp,
        ..PortSpec::default()
    }
}

/// A lab with a port at TC and a container whose veth is no port yet.
fn lab() -> (Lab, Container) {
    let lab = Lab::new(&[HookChoice::Tc]);
    let container = lab.attach_container(&netbridge_tests::topology::PortOptions::default());
    (lab, container)
}

/// Sets an offload of `eth0` of a container.
fn set(container: &Container, (setter, on): Setting) {
    let set = || setter("eth0", on).expect("set an offload");
    container.netns.run(set).expect("enter the container");
}

fn assert_prepared(offloads: Offloads) {
    let Offloads {
        gro,
        tx_checksum,
        tx_vlan,
        rx_vlan,
        ..
    } = offloads;
    assert!(gro, "frames that are redirected need it: {offloads:?}");
    assert!(!tx_checksum && !tx_vlan && !rx_vlan, "{offloads:?}");
}

#[test]
fn offloads_are_set_for_xdp_and_restored_exactly() {
    require_root!();
    let (lab, container) = lab();
    // The kernel's defaults, and every other state in which a container may come.
    let states: [&[Setting]; 5] = [
        &[],
        &[(ethtool::set_gro, true)],
        &[(ethtool::set_tx_checksum, false)],
        &[(ethtool::set_tx_vlan, false), (ethtool::set_rx_vlan, false)],
        &[(ethtool::set_tso, false), (ethtool::set_gso, false)],
    ];
    for state in states {
        for (setter, on) in state {
            set(&container, (*setter, *on));
        }
        let before = container.offloads();
        note(format_args!("from {before:?}"));
        lab.bridge(|bridge| bridge.add_port(&xdp(&container.port)).map(drop))
            .expect("add the port");
        assert_prepared(container.offloads());
        lab.bridge(|bridge| bridge.del_port(&container.port).expect("remove the port"));
        assert_eq!(container.offloads(), before);
        for (setter, on) in state {
            set(&container, (*setter, !on));
        }
    }
}

#[test]
fn a_tc_port_leaves_its_container_alone() {
    require_root!();
    let (lab, container) = lab();
    let before = container.offloads();
    let spec = PortSpec {
        hook: HookChoice::Tc,
        ..xdp(&container.port)
    };
    lab.bridge(|bridge| bridge.add_port(&spec).map(drop).expect("add the port"));
    assert_eq!(container.offloads(), before);
    lab.bridge(|bridge| bridge.del_port(&container.port).expect("remove the port"));
    assert_eq!(container.offloads(), before);
}

#[test]
fn a_port_that_cannot_be_added_leaves_its_container_as_it_was() {
    require_root!();
    let (first, container) = lab();
    first
        .bridge(|bridge| bridge.add_port(&xdp(&container.port)).map(drop))
        .expect("add the port");
    // Somebody puts the offloads back behind the first bridge, whose program stays.
    set(&container, (ethtool::set_gro, false));
    set(&container, (ethtool::set_tx_checksum, true));
    set(&container, (ethtool::set_tx_vlan, true));
    let before = container.offloads();
    let second = Lab::builder(&[]).beside(&first, "br1", "w").build();
    let refused = second.bridge(|bridge| {
        let outcome = bridge.add_port(&xdp(&container.port));
        outcome.map(drop).map_err(|error| error.to_string())
    });
    let error = refused.expect_err("there is an XDP program already");
    assert!(
        error.contains(&format!("attach xdp_ingress to {}", container.port)),
        "{error}"
    );
    assert_eq!(container.offloads(), before);
    assert_eq!(second.all_stats().len(), 0);
    second.bridge(|bridge| assert!(bridge.port_named(&container.port).is_err()));
}

#[test]
fn a_bridge_that_lets_its_ports_go_restores_them_all() {
    require_root!();
    let lab = Lab::builder(&[HookChoice::Tc; 3]).build();
    let before: Vec<Offloads> = lab.containers().iter().map(Container::offloads).collect();
    lab.bridge(|bridge| {
        for container in lab.containers() {
            bridge.del_port(&container.port).expect("remove the port");
            bridge
                .add_port(&xdp(&container.port))
                .map(drop)
                .expect("add it at XDP");
        }
    });
    lab.containers()
        .iter()
        .for_each(|c| assert_prepared(c.offloads()));
    lab.bridge(netbridge::bridge::Bridge::release_ports);
    let after: Vec<Offloads> = lab.containers().iter().map(Container::offloads).collect();
    assert_eq!(after, before);
}

#[test]
fn a_batch_that_fails_half_way_leaves_all_containers_as_they_were() {
    require_root!();
    let first = Lab::builder(&[HookChoice::Tc; 3]).build();
    let specs: Vec<PortSpec> = first.containers().iter().map(|c| xdp(&c.port)).collect();
    first.bridge(|bridge| {
        for spec in &specs {
            bridge.del_port(&spec.ifname).expect("remove the port");
        }
        // Its XDP program is in the way of the second bridge's.
        bridge.add_port(&specs[1]).map(drop).expect("add the port");
    });
    let offloads =
        || -> Vec<Offloads> { first.containers().iter().map(Container::offloads).collect() };
    let before = offloads();
    let second = Lab::builder(&[]).beside(&first, "br1", "w").build();
    let add = |specs: &[PortSpec]| {
        second.bridge(|bridge| {
            let outcome = bridge.add_ports(specs);
            outcome.map(drop).map_err(|error| error.to_string())
        })
    };
    let error = add(&specs).expect_err("one has an XDP program already");
    let expected = format!("attach xdp_ingress to {}", specs[1].ifname);
    assert!(error.contains(&expected), "{error}");
    assert_eq!(offloads(), before);
    assert_eq!(second.all_stats().len(), 0);
    add(&[specs[0].clone(), specs[2].clone()]).expect("the others can be added");
    assert_prepared(offloads()[0]);
    second.bridge(netbridge::bridge::Bridge::release_ports);
    assert_eq!(offloads(), before);
}
