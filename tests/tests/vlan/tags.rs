//! Tags that come, stay and go.

use netbridge::bridge::VlanProtocol;
use netbridge_common::MacAddr;
use netbridge_tests::{
    frame::{BROADCAST, SVLAN, VLAN, station},
    require::note,
    require_root,
    topology::{Lab, hook_mixes},
};

use super::{ACCESS, Net, access_and_trunks, on_every_net, tag};

#[test]
fn tags_come_and_go_between_access_ports_and_trunks() {
    require_root!();
    on_every_net(4, |net| {
        access_and_trunks(net);
        let macs: Vec<MacAddr> = net.lab.containers().iter().map(|c| c.mac).collect();
        // Where a frame is for the container itself, and where for a station behind it.
        let own = [macs[0], macs[1], macs[2], macs[3]];
        let behind = [station(1), station(2), station(3), station(4)];
        for [one, two, three, four] in [own, behind] {
            net.announce(1, one, &[]);
            net.announce(2, two, &[]);
            net.announce(3, three, &[tag(0, 10)]);
            net.announce(4, four, &[tag(0, 10)]);
            net.pass(1, (two, one), &[], &[(2, &[])]);
            net.pass(1, (three, one), &[], &[(3, &[tag(0, 10)])]);
            net.pass(3, (one, three), &[tag(5, 10)], &[(1, &[])]);
            let dei = (VLAN, 0xd00a);
            net.pass(3, (four, three), &[dei], &[(4, &[dei])]);
            // Priority tags: PVID, and PCP stays.
            net.pass(1, (two, one), &[tag(6, 0)], &[(2, &[])]);
            net.pass(
                1,
                (three, one),
                &[(VLAN, 0xf000)],
                &[(3, &[(VLAN, 0xf00a)])],
            );
            net.pass(1, (three, one), &[tag(0, 0)], &[(3, &[tag(0, 10)])]);
            // A member may tag its frames.
            net.pass(1, (three, one), &[tag(1, 10)], &[(3, &[tag(1, 10)])]);
            net.pass(1, (two, one), &[tag(1, 10)], &[(2, &[])]);
        }
        net.lab.assert_no_drops();
    });
}

#[test]
fn only_the_outer_of_two_tags_counts() {
    require_root!();
    on_every_net(4, |net| {
        access_and_trunks(net);
        net.add(2, 20, 20, ACCESS);
        net.del(2, 10);
        let (one, two, three) = (station(1), station(2), station(3));
        net.announce(2, two, &[]);
        net.announce(3, three, &[tag(0, 10)]);
        let inner = tag(3, 20);
        net.pass(
            4,
            (three, one),
            &[tag(1, 10), inner],
            &[(3, &[tag(1, 10), inner])],
        );
        net.pass(
            1,
            (three, one),
            &[tag(0, 10), inner],
            &[(3, &[tag(0, 10), inner])],
        );
        net.pass(
            4,
            (BROADCAST, one),
            &[tag(0, 10), inner],
            &[(1, &[inner]), (3, &[tag(0, 10), inner])],
        );
        // The outer tag names the native VLAN: the inner VLAN is not reached.
        let both = [tag(0, 1), inner];
        net.pass(4, (two, one), &both, &[(3, &[inner])]);
        net.pass(4, (BROADCAST, one), &both, &[(3, &[inner])]);
        // A priority tag outside counts as the port's own VLAN.
        let both = [tag(6, 0), inner];
        net.pass(
            1,
            (BROADCAST, one),
            &both,
            &[(3, &[tag(6, 10), inner]), (4, &[tag(6, 10), inner])],
        );
        // Tags of the other kind are payload, and get one of the bridge's kind outside.
        let service = (SVLAN, 0x200a);
        net.pass(1, (three, one), &[service], &[(3, &[tag(0, 10), service])]);
        net.pass(4, (BROADCAST, one), &[service], &[(3, &[service])]);
        net.lab.assert_no_drops();
    });
}

#[test]
fn a_service_bridge_carries_customer_tags() {
    require_root!();
    for hooks in hook_mixes(4) {
        note(format_args!("on {hooks:?}"));
        let net = Net::new(Lab::new(&hooks), VlanProtocol::Service);
        access_and_trunks(&net);
        let (one, two, three) = (station(1), station(2), station(3));
        let (customer, service) = (tag(5, 4000), (SVLAN, 0x600a));
        let outer = (SVLAN, 10);
        net.announce(2, two, &[]);
        net.announce(3, three, &[outer]);
        net.pass(1, (two, one), &[customer], &[(2, &[customer])]);
        net.pass(1, (three, one), &[customer], &[(3, &[outer, customer])]);
        net.pass(1, (three, one), &[], &[(3, &[outer])]);
        net.pass(4, (two, one), &[service, customer], &[(2, &[customer])]);
        net.pass(4, (three, one), &[service], &[(3, &[service])]);
        net.pass(
            4,
            (BROADCAST, one),
            &[service, customer],
            &[
                (1, &[customer]),
                (2, &[customer]),
                (3, &[service, customer]),
            ],
        );
        net.pass(
            1,
            (BROADCAST, one),
            &[customer],
            &[
                (2, &[customer]),
                (3, &[outer, customer]),
                (4, &[outer, customer]),
            ],
        );
        net.refused(4, (two, one), &[(SVLAN, 30)], "vlan_not_member");
        net.lab.assert_accounts();
    }
}
