//! The decide functions, called in the pipeline's order, against the model; and what must hold of
//! each whatever it is given. Needs no root.

use std::collections::HashMap;

use netbridge_common::{
    FdbEntry, FdbFlags, FrameHead, MacAddr, PortConf, PortFlags, PortId, PortState, Settings,
    Ticks,
    decide::{DropReason, Forward, Learn, Refusal, forward, learn},
    gso,
};
use netbridge_tests::{
    frame::{self, Frame, station},
    model::{Model, ModelPort, pipeline::HostPipeline},
};
use proptest::{prelude::*, sample::select};

const STATES: [PortState; 7] = [
    PortState::Forwarding,
    PortState::Forwarding,
    PortState::Forwarding,
    PortState::Disabled,
    PortState::Listening,
    PortState::Learning,
    PortState::Blocking,
];

/// Switches of a port: `HOST`, and `NO_LEARNING` to `LOCKED`, each on one port of four.
fn switches() -> impl Strategy<Value = PortFlags> {
    (any::<u32>(), any::<u32>()).prop_map(|(one, two)| PortFlags(one & two & 0x7f4))
}

fn port() -> impl Strategy<Value = (PortState, u32, u32, PortFlags)> {
    let mtu = select(vec![68_u32, 1500]);
    (select(&STATES[..]), mtu, 0..4_u32, switches())
}

fn entry() -> impl Strategy<Value = (PortId, FdbFlags, u32)> {
    let own = FdbFlags::OWN.with(FdbFlags::STATIC);
    let blackhole = FdbFlags::BLACKHOLE.with(FdbFlags::STATIC);
    let kinds = vec![FdbFlags::STATIC, FdbFlags::STICKY, own, blackhole];
    ((1..5_u32).prop_map(PortId), select(kinds), 95..=100_u32).prop_map(|(port, flags, seen)| {
        let nowhere = flags.intersects(FdbFlags::BLACKHOLE);
        (if nowhere { PortId::NONE } else { port }, flags, seen)
    })
}

prop_compose! {
    fn bridges()(
        hub in prop::bool::weighted(0.1),
        drop_unknown in prop::bool::weighted(0.2),
        ageing in 1..5_u32,
        limit in 0..6_u32,
        capacity in 0..8_usize,
        ports in prop::collection::vec(port(), 4),
        held in prop::collection::hash_map(0..8_u16, entry(), 0..3),
    ) -> (HostPipeline, Model) {
        let mut host = HostPipeline { capacity, ..HostPipeline::default() };
        host.settings.mode = u32::from(hub);
        host.settings.ageing = Ticks(ageing);
        host.settings.learn_limit = limit;
        host.settings.drop_unknown = u16::from(drop_unknown);
        let mut model =
            Model { hub, drop_unknown, ageing, limit: limit as usize, capacity, ..Model::default() };
        for (id, (state, mtu, limit, flags)) in (1..).map(PortId).zip(ports) {
            let (ifindex, learn_limit) = (id.0, limit);
            let state_raw = state as u8;
            let conf = PortConf {
                ifindex, flags, mtu, learn_limit, state: state_raw, ..PortConf::default()
            };
            host.ports.insert(id, conf);
            model.switches.insert(id, flags);
            let (learns, forwards) = match state {
                PortState::Forwarding => (true, true),
                PortState::Learning => (true, false),
                _ => (false, false),
            };
            model.ports.insert(id, ModelPort { learns, forwards, mtu, limit: limit as usize });
        }
        for (n, (port, flags, seen)) in held {
            let last_seen = Ticks(seen);
            let entry = FdbEntry { flags, last_seen, ..FdbEntry::learned(port, last_seen) };
            host.add(station(n), entry);
        }
        model.table = host.table();
        (host, model)
    }
}

fn address() -> impl Strategy<Value = MacAddr> {
    prop_oneof![
        20 => (0..8_u16).prop_map(station),
        1 => Just(frame::BROADCAST),
        1 => Just(frame::ALL_HOSTS),
        1 => Just(MacAddr([0; 6])),
        1 => any::<u8>().prop_map(frame::reserved),
    ]
}

#[derive(Clone, Debug)]
struct Step {
    wait: u32,
    ingress: PortId,
    octets: Vec<u8>,
}

prop_compose! {
    fn step()(
        wait in select(vec![0, 0, 0, 0, 0, 1, 1, 2, 7]),
        ingress in 0..6_u32,
        dst in address(),
        src in address(),
        ethertype in select(vec![frame::IPV4, frame::ARP, frame::VLAN, frame::MAC_CONTROL]),
        len in select(vec![0, 13, 14, 60, 86, 87, 1518, 1519]),
    ) -> Step {
        let payload: usize = len;
        let mut octets = Frame::new(dst, src).raw(ethertype, &vec![0; payload.saturating_sub(14)]);
        octets.truncate(len);
        Step { wait, ingress: PortId(ingress), octets }
    }
}

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config(2000))]

    #[test]
    fn the_pipeline_decides_as_the_model_does(
        (mut host, mut model) in bridges(),
        steps in prop::collection::vec(step(), 1..60),
    ) {
        let mut now = 100;
        for step in steps {
            now += step.wait;
            let len = u32::try_from(step.octets.len()).unwrap();
            let expected = model.receive(step.ingress, &step.octets, len, now);
            let outcome = host.run(step.ingress, &step.octets, Ticks(now));
            prop_assert_eq!(&outcome, &expected, "{:?} at {}", step, now);
            let hairpin = host.ports.get(&step.ingress).is_some_and(|port| port.flags.contains(PortFlags::HAIRPIN));
            let back = outcome.ports().contains(&step.ingress);
            prop_assert!(hairpin || !back, "sent back: {:?}", step);
            let known: HashMap<_, _> =
                model.table.iter().map(|(mac, entry)| (*mac, entry.ageless())).collect();
            prop_assert_eq!(host.table(), known, "after {:?} at {}", step, now);
        }
    }
}

fn entries() -> impl Strategy<Value = FdbEntry> {
    (0..4_u32, 0..8_u32, any::<u32>()).prop_map(|(port, flags, seen)| FdbEntry {
        flags: FdbFlags(flags),
        ..FdbEntry::learned(PortId(port), Ticks(seen))
    })
}

proptest! {
    #![proptest_config(config(20_000))]

    #[test]
    fn learning_twice_is_learning_once(
        entry in prop::option::of(entries()),
        port in 0..4_u32,
        now: u32,
        ageing: u32,
    ) {
        let (port, now, ageing) = (PortId(port), Ticks(now), Ticks(ageing));
        let here = (port, PortFlags::default());
        let again = match learn(entry.as_ref(), here, now, ageing) {
            Learn::Keep => entry,
            Learn::Refresh => entry.map(|entry| FdbEntry { last_seen: now, ..entry }),
            Learn::Insert | Learn::Move { .. } => Some(FdbEntry::learned(port, now)),
            Learn::Refuse(refusal) => {
                prop_assert_eq!(refusal, Refusal::Held);
                prop_assert_eq!(learn(entry.as_ref(), here, now, ageing), Learn::Refuse(refusal));
                return Ok(());
            }
        };
        prop_assert_eq!(learn(again.as_ref(), here, now, ageing), Learn::Keep);
    }

    #[test]
    fn an_aged_entry_is_never_used_and_the_ingress_port_never_chosen(
        entry in entries(),
        dst in address(),
        ingress in 0..4_u32,
        now: u32,
        ageing in 0..1000_u32,
    ) {
        let (ingress, now, ageing) = (PortId(ingress), Ticks(now), Ticks(ageing));
        let aged = !entry.is_permanent() && u64::from(now.0) > u64::from(entry.last_seen.0) + u64::from(ageing.0);
        let settings = Settings { ageing, ..Settings::default() };
        let from = (ingress, PortFlags::default());
        match forward(dst, Some(&entry), from, now, &settings) {
            Ok(Forward::To(port)) => prop_assert!(!aged && port == entry.port && port != ingress),
            Err(reason) => {
                prop_assert_eq!(reason, DropReason::SamePort);
                prop_assert!(!aged && entry.port == ingress);
            }
            Ok(Forward::Flood(_)) => prop_assert!(aged),
        }
    }

    #[test]
    fn any_octets_are_parsed_and_headers_are_never_shorter_than_ethernets(
        mut octets in prop::collection::vec(any::<u8>(), 0..160),
        ethertypes in prop::collection::vec(
            select(vec![frame::VLAN, frame::SVLAN, frame::IPV4, frame::IPV6]), 0..4),
    ) {
        for (at, ethertype) in (12..).step_by(4).zip(ethertypes) {
            if let Some(field) = octets.get_mut(at..at + 2) {
                field.copy_from_slice(&ethertype.to_be_bytes());
            }
        }
        let head = octets.first_chunk().map(FrameHead::parse);
        prop_assert_eq!(head.is_some(), octets.len() >= 14);
        let headers = gso::header_len(|at| octets.get(at as usize).copied());
        prop_assert!(headers.is_none_or(|len| (14..=142).contains(&len)), "{:?}", headers);
    }

    #[test]
    fn a_gso_buffer_loses_no_octet(
        len in 0..600_000_u32,
        gso_size in 0..=65_535_u32,
        gso_segs in 0..=65_535_u32,
        header in 14..=142_u32,
    ) {
        let size = gso::size(len, gso_size, gso_segs, header);
        prop_assert!(size.frames >= 1);
        prop_assert!(size.bytes >= len);
        prop_assert!(size.largest <= len);
        if size.frames > 1 {
            prop_assert_eq!(size.bytes - size.frames * header, len - header);
        }
        if gso_segs == 0 {
            prop_assert!(u64::from(size.frames) * u64::from(size.largest) >= u64::from(size.bytes));
        }
    }
}
