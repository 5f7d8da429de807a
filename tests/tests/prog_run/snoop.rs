//! Multicast snooping: whom a frame for a group is for.
#![expect(
    clippy::expect_used,
    reason = "a test stops where it fails, and says so"
)]

mod teach;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use netbridge::{
    bridge::{BridgeOptions, HookChoice},
    datapath::LoadOptions,
};
use netbridge_common::{Features, MacAddr, MdbKey, MdbKind, PortFlags, PortId};
use netbridge_tests::{
    frame::{Frame, SHORTEST, VLAN},
    groups::{data, igmp, igmp3, mac_of, mld, mld2, pim_hello, query, query3},
    program::{Before, Bench, Case, Expect, Hook},
    require_root,
};

use super::{A, nothing_learned, to};

const GROUP: Ipv4Addr = Ipv4Addr::new(239, 1, 2, 3);
/// One of the 31 others with the same Ethernet address.
const TWIN: Ipv4Addr = Ipv4Addr::new(239, 129, 2, 3);
const GROUP6: Ipv6Addr = Ipv6Addr::new(0xff05, 0, 0, 0, 0, 0, 0, 3);
/// No IP group: its frames are of another kind.
const OTHER: MacAddr = MacAddr([3, 0, 0, 0, 0, 9]);

/// Ticks that something counts for in a test, should the clock go on.
const LONG: u32 = 50;

const fn querier(kind: MdbKind) -> Before {
    Before::Group(MdbKey::of(kind, 0, PortId::NONE), LONG)
}

const fn router(kind: MdbKind, port: u32) -> Before {
    Before::Group(MdbKey::of(kind, 0, PortId(port)), LONG)
}

const fn member(group: IpAddr, port: u32) -> Before {
    Before::Group(MdbKey::ip(group, 0, PortId(port)), LONG)
}

const fn member_mac(port: u32) -> Before {
    Before::Group(MdbKey::mac(OTHER, 0, PortId(port)), LONG)
}

/// Runs `check` on both hooks, with the flow cache and without, on a bridge of four ports that can snoop.
fn on_each(check: impl Fn(&mut Bench, Hook) + Sync) {
    for flow_cache in [false, true] {
        let load = LoadOptions {
            max_ports: 7,
            fdb_entries: 64,
            flow_cache,
            features: Features::SNOOP,
        };
        let options = BridgeOptions {
            load,
            ..BridgeOptions::default()
        };
        Bench::alone(|| {
            let mut bench = Bench::new(4, HookChoice::Xdp, &options);
            for hook in Hook::ALL {
                check(&mut bench, hook);
            }
        });
    }
}

/// A frame that goes to these ports where the bridge snoops and this was before.
fn goes(frame: Vec<u8>, before: &[Before], ports: &[u32], about: &'static str) -> Case {
    let dst = MacAddr(*frame.first_chunk().expect("a frame"));
    Case {
        before: [&[Before::Snoops], before].concat(),
        frame,
        expect: Expect::Flood(ports.to_vec()),
        ..to(dst, about)
    }
}

#[test]
fn groups_go_to_members_and_routers_once_a_querier_is_heard() {
    require_root!();
    let mut cases = Vec::new();
    for (group, twin, asks, routes) in [
        (
            IpAddr::V4(GROUP),
            IpAddr::V4(TWIN),
            MdbKind::Querier4,
            MdbKind::Router4,
        ),
        (
            IpAddr::V6(GROUP6),
            "ff0e::3".parse().expect("a group"),
            MdbKind::Querier6,
            MdbKind::Router6,
        ),
    ] {
        assert_eq!(mac_of(group), mac_of(twin));
        let stream = data(A, group, "stream");
        let (asked, there) = (querier(asks), member(group, 3));
        let case =
            |before: &[Before], ports: &[u32], about| goes(stream.clone(), before, ports, about);
        let aged = Before::Group(MdbKey::ip(group, 0, PortId(3)), 0);
        let silent = Before::Group(MdbKey::of(asks, 0, PortId::NONE), 0);
        let unsettled = Before::Asked(MdbKey::of(asks, 0, PortId::NONE), 20);
        let no_flood = |n| Before::Switch(n, PortFlags::NO_MCAST_FLOOD);
        cases.extend([
            case(&[there], &[2, 3, 4], "no querier: all"),
            case(&[there, silent], &[2, 3, 4], "none any more: all"),
            case(
                &[there, unsettled],
                &[2, 3, 4],
                "members may still answer: all",
            ),
            case(&[asked, there], &[3], "to a member alone"),
            case(&[asked, aged], &[], "not to one who aged"),
            case(
                &[asked, member(twin, 3)],
                &[],
                "not to a group with the same address",
            ),
            case(
                &[asked, there, router(routes, 4)],
                &[3, 4],
                "and to a router",
            ),
            case(
                &[asked, router(routes, 4)],
                &[4],
                "unregistered: to routers",
            ),
            case(&[asked, there, member(group, 1)], &[3], "never back"),
            case(&[asked, Before::GroupsFull(10)], &[2, 3, 4], "no room: all"),
            case(&[asked, Before::GroupsFull(300)], &[], "room again"),
            nothing_learned(case(
                &[asked, Before::Hub],
                &[2, 3, 4],
                "a hub does not snoop",
            )),
            case(
                &[asked, Before::Switch(2, PortFlags::MCAST_ROUTER)],
                &[2],
                "a permanent router",
            ),
            case(
                &[
                    asked,
                    router(routes, 2),
                    Before::Switch(2, PortFlags::NO_MCAST_ROUTER),
                ],
                &[],
                "a router that is none",
            ),
            case(
                &[asked, there, no_flood(3)],
                &[3],
                "mcast_flood is about others",
            ),
            case(&[no_flood(3)], &[2, 4], "and about all without a querier"),
        ]);
    }
    // One IP's querier does not know the other's members.
    let stream = data(A, IpAddr::V6(GROUP6), "stream");
    let other = querier(MdbKind::Querier4);
    cases.push(goes(
        stream,
        &[other],
        &[2, 3, 4],
        "a querier for IPv4 alone",
    ));
    on_each(|bench, hook| cases.iter().for_each(|case| case.check(bench, hook)));
}

#[test]
fn groups_of_the_link_and_what_is_no_ip_go_to_all() {
    require_root!();
    let asked = [querier(MdbKind::Querier4), querier(MdbKind::Querier6)];
    let all = [2, 3, 4];
    let mut cases = Vec::new();
    for group in [
        "224.0.0.1",
        "224.0.0.251",
        "ff02::1",
        "ff02::1:ff00:1",
        "ff01::1",
    ] {
        let group = group.parse().expect("an address");
        let frame = data(A, group, "for all");
        cases.push(goes(frame, &asked, &all, "a group of the link"));
    }
    let mut unicast = data(A, GROUP.into(), "unicast in a group");
    unicast[30] = 10;
    cases.push(goes(unicast, &asked, &all, "an address that is no group"));
    let plain = Frame::new(OTHER, A).of_len(SHORTEST);
    let registered = Before::Group(MdbKey::mac(OTHER, 0, PortId::NONE), LONG);
    cases.extend([
        goes(
            plain.clone(),
            &asked,
            &all,
            "no IP, and nobody said who wants it",
        ),
        goes(
            plain,
            &[registered, member_mac(2)],
            &[2],
            "to whom an operator named",
        ),
    ]);
    let stream = data(A, GROUP.into(), "stream");
    let tagged = |tags: usize| {
        let mut frame = stream.clone();
        for _ in 0..tags {
            let [high, low] = VLAN.to_be_bytes();
            frame.splice(12..12, [high, low, 0, 5]);
        }
        frame
    };
    cases.extend([
        goes(tagged(1), &asked, &[], "behind a tag"),
        goes(tagged(2), &asked, &all, "behind two"),
    ]);
    on_each(|bench, hook| cases.iter().for_each(|case| case.check(bench, hook)));
}

#[test]
fn reports_go_to_routers_and_queries_to_all() {
    require_root!();
    let before = |asks, routes| [querier(asks), router(routes, 4), member(GROUP.into(), 2)];
    let v4 = before(MdbKind::Querier4, MdbKind::Router4);
    let v6 = before(MdbKind::Querier6, MdbKind::Router6);
    let group = |n: u8| Ipv4Addr::new(239, 0, 0, n);
    let mut cases: Vec<Case> = [
        (igmp(A, 0x12, GROUP), v4),
        (igmp(A, 0x16, GROUP), v4),
        (igmp(A, 0x17, GROUP), v4),
        (igmp3(A, &[(4, group(1), 0), (3, group(2), 0)]), v4),
        (mld(A, 131, GROUP6, 0), v6),
        (mld(A, 132, GROUP6, 0), v6),
        (mld2(A, &[(4, GROUP6, 0)]), v6),
    ]
    .into_iter()
    .flat_map(|(frame, before)| {
        let all = [2, 3, 4];
        [
            goes(frame.clone(), &before, &[4], "a report"),
            goes(frame, &before[1..], &all, "a report without a querier"),
        ]
    })
    .collect();
    for (frame, before) in [
        (query(A, None, 100), v4),
        (query(A, Some(GROUP), 10), v4),
        (query3(A, 100), v4),
        (pim_hello(A), v4),
        (mld(A, 130, Ipv6Addr::UNSPECIFIED, 10_000), v6),
        (mld(A, 130, GROUP6, 1000), v6),
    ] {
        cases.push(goes(
            frame,
            &before,
            &[2, 3, 4],
            "a query, or a router's word",
        ));
    }
    on_each(|bench, hook| cases.iter().for_each(|case| case.check(bench, hook)));
}
