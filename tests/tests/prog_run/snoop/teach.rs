//! What reports and queries teach, and what does not.
#![expect(
    clippy::expect_used,
    reason = "a test stops where it fails, and says so"
)]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use netbridge::datapath;
use netbridge_common::{
    MdbEntry, MdbKey, MdbKind, PortFlags, PortId, maps::MDB_ENTRIES, mdb::MAX_GROUPS,
};
use netbridge_tests::{
    groups::{self, data, igmp, igmp3, mld, mld2, pim_hello, query, query3},
    program::{Action, Bench, Hook},
    require_root,
};

use super::{A, GROUP, GROUP6, goes, on_each, querier};

/// Has a frame come in on port `n` of a bridge that snoops.
fn hear(bench: &mut Bench, hook: Hook, n: u32, frame: &[u8]) {
    bench.set(|settings| settings.mcast_snooping = 1);
    if hook == Hook::Tc {
        bench.change(n, |port| port.flags.0 &= !PortFlags::XDP_FIRST.0);
    }
    let action = bench.run(hook, bench.ifindex(n), frame, None);
    assert!(matches!(action, Action::Redirect | Action::Drop));
}

/// The keys in the database, in order.
fn keys(bench: &Bench) -> Vec<MdbKey> {
    let mut keys: Vec<MdbKey> = bench.groups().into_iter().map(|(key, _)| key).collect();
    keys.sort_unstable();
    keys
}

/// Asserts that the database has these members, and nothing else.
fn members(bench: &Bench, expected: &[(IpAddr, u32)], about: &str) {
    let mut expected: Vec<MdbKey> = expected
        .iter()
        .map(|(group, port)| MdbKey::ip(*group, 0, PortId(*port)))
        .collect();
    expected.sort_unstable();
    assert_eq!(keys(bench), expected, "{about}");
    for n in 1..=4 {
        let learned = bench.bridge.maps().mdb_learned(PortId(n));
        let count = expected.iter().filter(|key| key.port.0 == n).count();
        assert_eq!(
            learned.expect("read what was learned"),
            count as u64,
            "{about}"
        );
    }
}

#[test]
fn reports_of_every_version_teach_members() {
    require_root!();
    let local = Ipv4Addr::new(224, 0, 0, 251);
    let source = Ipv4Addr::new(239, 5, 5, 5);
    on_each(|bench, hook| {
        for frame in [
            igmp(A, 0x12, GROUP),
            igmp(A, 0x16, GROUP),
            igmp3(A, &[(4, GROUP, 0)]),
            igmp3(A, &[(2, GROUP, 2)]),
            igmp3(
                A,
                &[(6, source, 1), (4, local, 0), (1, GROUP, 3), (5, source, 0)],
            ),
        ] {
            bench.reset();
            hear(bench, hook, 2, &frame);
            members(bench, &[(GROUP.into(), 2)], "a report");
            hear(bench, hook, 2, &frame);
            hear(bench, hook, 3, &frame);
            members(
                bench,
                &[(GROUP.into(), 2), (GROUP.into(), 3)],
                "two members",
            );
        }
        for frame in [
            mld(A, 131, GROUP6, 0),
            mld2(A, &[(4, GROUP6, 0)]),
            mld2(
                A,
                &[
                    (4, "ff02::5".parse().expect("an address"), 3),
                    (3, GROUP6, 1),
                ],
            ),
        ] {
            bench.reset();
            hear(bench, hook, 2, &frame);
            members(bench, &[(GROUP6.into(), 2)], "a report");
        }
        bench.reset();
        hear(bench, hook, 2, &igmp(A, 0x16, local));
        members(bench, &[], "a group of the link");
    });
}

#[test]
fn whoever_leaves_is_gone_at_once_or_soon() {
    require_root!();
    let leaves = [
        (
            igmp(A, 0x16, GROUP),
            igmp(A, 0x17, GROUP),
            IpAddr::V4(GROUP),
        ),
        (
            igmp(A, 0x16, GROUP),
            igmp3(A, &[(3, GROUP, 0)]),
            IpAddr::V4(GROUP),
        ),
        (
            mld(A, 131, GROUP6, 0),
            mld(A, 132, GROUP6, 0),
            IpAddr::V6(GROUP6),
        ),
        (
            mld(A, 131, GROUP6, 0),
            mld2(A, &[(1, GROUP6, 0)]),
            IpAddr::V6(GROUP6),
        ),
    ];
    on_each(|bench, hook| {
        for (join, leave, group) in &leaves {
            for fast in [false, true] {
                bench.reset();
                bench.change(2, |port| {
                    port.flags = port.flags.set(PortFlags::FAST_LEAVE, fast);
                });
                for n in [2, 3] {
                    hear(bench, hook, n, join);
                }
                hear(bench, hook, 2, leave);
                hear(bench, hook, 4, leave);
                let key = MdbKey::ip(*group, 0, PortId(2));
                let left = bench.bridge.maps().mdb_entry(&key).map(|entry| {
                    let now = datapath::now();
                    entry.until.since(now).0
                });
                if fast {
                    assert_eq!(left, None);
                    members(bench, &[(*group, 3)], "fast leave");
                } else {
                    assert!(left.is_some_and(|left| left <= 2), "{left:?}");
                    // Another one answers.
                    hear(bench, hook, 2, join);
                    let entry = bench.bridge.maps().mdb_entry(&key).expect("a member");
                    assert!(entry.until.since(datapath::now()).0 > 200);
                }
            }
        }
        // What an operator says stays.
        bench.reset();
        let key = MdbKey::ip(GROUP.into(), 0, PortId(2));
        let maps = bench.bridge.maps_mut();
        maps.set_mdb_entry(key, MdbEntry::PERMANENT).expect("write");
        bench.change(2, |port| {
            port.flags = port.flags.with(PortFlags::FAST_LEAVE);
        });
        hear(bench, hook, 2, &leaves[0].1);
        assert!(
            bench
                .bridge
                .maps()
                .mdb_entry(&key)
                .is_some_and(|e| e.is_permanent())
        );
    });
}

#[test]
fn queries_make_queriers_and_router_ports() {
    require_root!();
    let (asks4, asks6) = (MdbKind::Querier4, MdbKind::Querier6);
    let (routes4, routes6) = (MdbKind::Router4, MdbKind::Router6);
    let any = Ipv6Addr::UNSPECIFIED;
    let frames = [
        (query(A, None, 100), Some(asks4), routes4),
        (query3(A, 100), Some(asks4), routes4),
        (query(A, Some(GROUP), 10), None, routes4),
        (pim_hello(A), None, routes4),
        (mld(A, 130, any, 10_000), Some(asks6), routes6),
        (mld(A, 130, GROUP6, 1000), None, routes6),
    ];
    on_each(|bench, hook| {
        for (frame, asks, routes) in &frames {
            for off in [false, true] {
                bench.reset();
                bench.change(3, |port| {
                    port.flags = port.flags.set(PortFlags::NO_MCAST_ROUTER, off);
                });
                hear(bench, hook, 3, frame);
                let router = (!off).then_some(MdbKey::of(*routes, 0, PortId(3)));
                let querier = asks.map(|kind| MdbKey::of(kind, 0, PortId::NONE));
                let mut expected: Vec<MdbKey> = router.into_iter().chain(querier).collect();
                expected.sort_unstable();
                assert_eq!(keys(bench), expected, "{hook:?}");
                if let Some(key) = querier {
                    let entry = bench.bridge.maps().mdb_entry(&key).expect("a querier");
                    let now = datapath::now();
                    assert!(!entry.counts(now), "members may still answer");
                    assert!(entry.from.since(now).0 <= 10);
                }
            }
        }
    });
}

#[test]
fn what_lies_teaches_nothing() {
    require_root!();
    let good = [
        igmp(A, 0x16, GROUP),
        igmp3(A, &[(4, GROUP, 0)]),
        query3(A, 100),
        mld(A, 131, GROUP6, 0),
        mld2(A, &[(4, GROUP6, 0)]),
        mld(A, 130, Ipv6Addr::UNSPECIFIED, 1000),
    ];
    // A record with more sources than there are, and more records than there are.
    let mut sources = igmp3(A, &[(4, GROUP, 0)]);
    let at = sources.len() - 6;
    sources[at..at + 2].copy_from_slice(&[0xff, 0xff]);
    let mut records = igmp3(A, &[]);
    let at = records.len() - 2;
    records[at..].copy_from_slice(&[0xff, 0xff]);
    let mut sources6 = mld2(A, &[(4, GROUP6, 0)]);
    let at = sources6.len() - 18;
    sources6[at..at + 2].copy_from_slice(&[0xff, 0xff]);
    on_each(|bench, hook| {
        for frame in &good {
            // The kernel runs no program at TC on a shorter one.
            let ipv4 = frame[12] == 8;
            let shortest = if ipv4 { 34 } else { 54 };
            for len in shortest..frame.len() {
                bench.reset();
                hear(bench, hook, 2, &frame[..len]);
                assert_eq!(keys(bench), [], "{hook:?}, {len} octets of {frame:02x?}");
            }
            // Another TTL, and a fragment.
            let (ttl, octet) = if ipv4 { (22, 64) } else { (21, 64) };
            let mut far = frame.clone();
            far[ttl] = octet;
            bench.reset();
            hear(bench, hook, 2, &far);
            if ipv4 {
                let mut part = frame.clone();
                part[20] = 0x20;
                hear(bench, hook, 2, &part);
            }
            assert_eq!(keys(bench), [], "{hook:?}: {frame:02x?}");
        }
        for frame in [&sources, &records, &sources6] {
            bench.reset();
            hear(bench, hook, 2, frame);
            assert_eq!(keys(bench), [], "{hook:?}: {frame:02x?}");
        }
    });
}

#[test]
fn a_port_has_512_groups_and_the_others_have_room() {
    require_root!();
    let group = |n: u32| Ipv4Addr::from(0xef00_0000 | n);
    on_each(|bench, hook| {
        bench.reset();
        let mut n = 0;
        while n < MAX_GROUPS + 100 {
            let records: Vec<groups::Record<Ipv4Addr>> =
                (n..n + 100).map(|n| (4, group(n), 0)).collect();
            hear(bench, hook, 2, &igmp3(A, &records));
            n += 100;
        }
        assert_eq!(bench.groups().len(), MAX_GROUPS as usize);
        let refused = u64::from(n - MAX_GROUPS);
        assert_eq!(bench.counters(2).refused, refused);
        hear(bench, hook, 3, &igmp(A, 0x16, group(MAX_GROUPS)));
        assert_eq!(bench.groups().len(), MAX_GROUPS as usize + 1);
        // One that goes makes room for one.
        bench.change(2, |port| {
            port.flags = port.flags.with(PortFlags::FAST_LEAVE);
        });
        hear(bench, hook, 2, &igmp(A, 0x17, group(5)));
        hear(bench, hook, 2, &igmp(A, 0x16, group(MAX_GROUPS)));
        hear(bench, hook, 2, &igmp(A, 0x16, group(5)));
        assert_eq!(bench.counters(2).refused, refused + 1);
    });
}

#[test]
fn a_full_database_floods() {
    require_root!();
    on_each(|bench, hook| {
        bench.reset();
        let asked = querier(MdbKind::Querier4);
        let case = goes(
            data(A, GROUP.into(), "stream"),
            &[asked],
            &[],
            "nobody wants it",
        );
        case.check(bench, hook);
        let far = |n: u32| MdbKey::ip(Ipv4Addr::from(0xee00_0000 | n).into(), 0, PortId(7));
        let entry = MdbEntry::PERMANENT;
        let maps = bench.bridge.maps_mut();
        let full = (0..MDB_ENTRIES).any(|n| maps.set_mdb_entry(far(n), entry).is_err());
        assert!(full, "the database is full");
        hear(bench, hook, 3, &igmp(A, 0x16, GROUP));
        let before = [2, 3, 4].map(|n| bench.counters(n).tx_frames);
        hear(bench, hook, 1, &data(A, GROUP.into(), "stream"));
        if hook == Hook::Tc {
            let after = [2, 3, 4].map(|n| bench.counters(n).tx_frames);
            assert_eq!(after, before.map(|n| n + 1));
        }
    });
}
