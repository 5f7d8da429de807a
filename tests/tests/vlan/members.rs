//! Who is in a VLAN: what a port takes, where floods go, what is learned.

use netbridge::bridge::{PortChange, VlanProtocol};
use netbridge_common::{FdbKey, Mode, PortFlags, vlan::AcceptFrames};
use netbridge_tests::{
    frame::{BROADCAST, station},
    require::note,
    require_root,
    topology::{Lab, PortOptions, hook_mixes},
};

use super::{ACCESS, Net, TRUNK, Tag, access_and_trunks, on_every_net, tag};

#[test]
fn frames_that_belong_to_no_vlan_of_the_port_are_refused() {
    require_root!();
    on_every_net(4, |net| {
        access_and_trunks(net);
        let (one, four) = (station(1), station(4));
        net.announce(4, four, &[tag(0, 20)]);
        for dst in [BROADCAST, four] {
            net.refused(1, (dst, one), &[tag(0, 4095)], "vlan_reserved");
            net.refused(1, (dst, one), &[tag(7, 20)], "vlan_not_member");
            net.refused(3, (dst, one), &[tag(0, 21)], "vlan_not_member");
        }
        assert!(!net.lab.fdb().iter().any(|(key, _)| key.mac == one));

        // Without the filter, the frame goes where the VLAN is.
        let off = PortChange {
            set: PortFlags::NO_INGRESS_FILTER,
            ..PortChange::default()
        };
        net.set(1, &off);
        let twenty = tag(3, 20);
        net.pass(1, (four, one), &[twenty], &[(4, &[twenty])]);
        net.pass(
            1,
            (BROADCAST, one),
            &[twenty],
            &[(3, &[twenty]), (4, &[twenty])],
        );
        net.refused(1, (four, one), &[tag(0, 4095)], "vlan_reserved");
        // There is no way back: the port is no member.
        net.refused(4, (one, four), &[twenty], "vlan_egress");
    });
}

#[test]
fn a_port_takes_the_kinds_of_frames_that_it_accepts() {
    require_root!();
    on_every_net(3, |net| {
        net.add(1, 10, 10, TRUNK);
        net.add(2, 10, 10, TRUNK);
        let to = (BROADCAST, station(1));
        let (ten, priority) = (tag(2, 10), tag(4, 0));
        net.pass(1, to, &[ten], &[(2, &[ten])]);
        net.pass(1, to, &[priority], &[(2, &[]), (3, &[])]);

        net.accept(1, AcceptFrames::Tagged);
        net.refused(1, to, &[], "vlan_untagged");
        net.refused(1, to, &[priority], "vlan_untagged");
        net.pass(1, to, &[ten], &[(2, &[ten])]);

        net.accept(1, AcceptFrames::Untagged);
        net.refused(1, to, &[ten], "vlan_tagged");
        net.pass(1, to, &[], &[(2, &[]), (3, &[])]);
        net.pass(1, to, &[priority], &[(2, &[]), (3, &[])]);

        net.accept(1, AcceptFrames::All);
        net.del(1, 1);
        net.refused(1, to, &[], "vlan_untagged");
        net.refused(1, to, &[priority], "vlan_untagged");
        net.pass(1, to, &[ten], &[(2, &[ten])]);
    });
}

#[test]
fn each_copy_of_a_flood_has_the_tag_of_its_port() {
    require_root!();
    on_every_net(6, |net| {
        // Tagged and untagged members in turns, and one that is none.
        net.access(1, 10);
        net.add(2, 10, 10, TRUNK);
        net.access(3, 10);
        net.add(4, 10, 10, TRUNK);
        net.access(5, 10);
        for (dst, src) in [(BROADCAST, station(1)), (station(77), station(1))] {
            let ten = [tag(0, 10)];
            let copies: [(usize, &[Tag]); 4] = [(2, &ten), (3, &[]), (4, &ten), (5, &[])];
            net.pass(1, (dst, src), &[], &copies);
            let five = [tag(5, 10)];
            let copies: [(usize, &[Tag]); 4] = [(2, &five), (3, &[]), (4, &five), (5, &[])];
            net.pass(1, (dst, src), &[tag(5, 0)], &copies);
            net.pass(1, (dst, src), &[tag(5, 10)], &copies);
            let copies: [(usize, &[Tag]); 4] = [(1, &[]), (3, &[]), (4, &five), (5, &[])];
            net.pass(2, (dst, station(2)), &five, &copies);
            net.pass(2, (dst, station(2)), &[], &[(4, &[]), (6, &[])]);
            net.pass(6, (dst, station(6)), &[tag(5, 0)], &[(2, &[]), (4, &[])]);
        }
        net.lab.assert_no_drops();
    });
}

#[test]
fn each_vlan_learns_for_itself() {
    require_root!();
    on_every_net(4, |net| {
        net.access(1, 10);
        net.access(2, 20);
        net.add(3, 10, 20, TRUNK);
        net.add(4, 10, 20, TRUNK);
        let (twin, asker) = (station(7), station(8));
        net.announce(1, twin, &[]);
        net.announce(2, twin, &[]);
        net.pass(3, (twin, asker), &[tag(0, 10)], &[(1, &[])]);
        net.pass(3, (twin, asker), &[tag(0, 20)], &[(2, &[])]);
        let entries = net.lab.fdb();
        let mut vids: Vec<u16> = entries
            .iter()
            .filter(|(key, _)| key.mac == twin)
            .map(|(key, _)| key.vid)
            .collect();
        vids.sort_unstable();
        assert_eq!(vids, [10, 20]);

        // A port that leaves a VLAN leaves nothing behind in it.
        net.del(1, 10);
        let left = FdbKey { mac: twin, vid: 10 };
        assert!(!net.lab.fdb().iter().any(|(key, _)| *key == left));
        net.pass(3, (twin, asker), &[tag(0, 10)], &[(4, &[tag(0, 10)])]);
        net.pass(3, (twin, asker), &[tag(0, 20)], &[(2, &[])]);
        net.refused(1, (BROADCAST, twin), &[], "vlan_untagged");
    });
}

#[test]
fn a_hub_floods_within_the_vlan() {
    require_root!();
    for hooks in hook_mixes(4) {
        note(format_args!("on {hooks:?}"));
        let lab = Lab::builder(&hooks).mode(Mode::Hub).build();
        let net = Net::new(lab, VlanProtocol::Customer);
        access_and_trunks(&net);
        net.add(2, 20, 20, ACCESS);
        net.del(2, 10);
        let ten = [tag(0, 10)];
        let to = (net.lab.container(2).mac, net.lab.container(1).mac);
        net.pass(1, to, &[], &[(3, &ten), (4, &ten)]);
        net.pass(3, to, &ten, &[(1, &[]), (4, &ten)]);
        net.pass(3, to, &[tag(1, 0)], &[(4, &[])]);
        net.refused(1, to, &[tag(0, 20)], "vlan_not_member");
        net.lab.assert_accounts();
    }
}

#[test]
fn ports_that_come_later_are_members_of_vlan_1() {
    require_root!();
    for hooks in hook_mixes(2) {
        note(format_args!("on {hooks:?}"));
        let Net { mut lab, .. } = Net::new(Lab::new(&hooks), VlanProtocol::Customer);
        for hook in hooks {
            lab.add_container(&PortOptions {
                hook,
                ..PortOptions::default()
            });
        }
        let net = Net::new(lab, VlanProtocol::Customer);
        net.pass(
            3,
            (BROADCAST, station(3)),
            &[],
            &[(1, &[]), (2, &[]), (4, &[])],
        );
        net.access(3, 10);
        net.add(4, 10, 10, TRUNK);
        let (one, ten) = (station(1), tag(5, 10));
        net.pass(4, (BROADCAST, one), &[ten], &[(3, &[])]);
        net.pass(3, (one, station(3)), &[tag(5, 0)], &[(4, &[ten])]);
        net.pass(1, (BROADCAST, station(5)), &[], &[(2, &[]), (4, &[])]);
        net.lab.assert_accounts();
        net.lab.assert_no_drops();
    }
}
