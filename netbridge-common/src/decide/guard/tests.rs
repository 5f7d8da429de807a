//! One row for each rule, and for each way around it.

use std::collections::HashMap;

use super::*;

const PORT: PortId = PortId(1);
const OTHER: PortId = PortId(2);
const MAC: [u8; 6] = [2, 0, 0, 0, 0, 1];
/// Another station's, bound to another port.
const VICTIM: [u8; 6] = [2, 0, 0, 0, 0, 9];
const IP: [u8; 4] = [10, 9, 0, 2];
const VICTIM_IP: [u8; 4] = [10, 9, 0, 9];
const IP6: [u8; 16] = [0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2];
const VICTIM_IP6: [u8; 16] = [0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9];
/// The link-local addresses that are made of `MAC` and `VICTIM`.
const LINK: [u8; 16] = [0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xfe, 0, 0, 1];
const VICTIM_LINK: [u8; 16] = [0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xfe, 0, 0, 9];
const NOBODY: [u8; 16] = [0; 16];

const SPOOFED: Result<(), DropReason> = Err(DropReason::SpoofedIp);
const POISON: Result<(), DropReason> = Err(DropReason::SpoofedArp);
const BOUND: PortFlags = PortFlags::BOUND_MAC.with(PortFlags::BOUND_IP);

struct Table(HashMap<BindingKey, Binding>);

impl Bindings for Table {
    fn get(&self, key: &BindingKey) -> Binding {
        self.0.get(key).copied().unwrap_or_default()
    }
}

fn table() -> Table {
    let bind = |port, mac| Binding {
        port,
        mac: MacAddr(mac),
        native: 1,
    };
    Table(HashMap::from([
        (BindingKey::mac(MacAddr(MAC), 0), bind(PORT, [0; 6])),
        (
            BindingKey::mac(MacAddr([2, 0, 0, 0, 0, 7]), 0),
            bind(PORT, [0; 6]),
        ),
        (BindingKey::mac(MacAddr(VICTIM), 0), bind(OTHER, [0; 6])),
        (BindingKey::ipv4(IP, 0), bind(PORT, MAC)),
        (BindingKey::ipv4(VICTIM_IP, 0), bind(OTHER, VICTIM)),
        (BindingKey::ipv6(IP6, 0), bind(PORT, [0; 6])),
        (BindingKey::ipv6(VICTIM_IP6, 0), bind(OTHER, [0; 6])),
    ]))
}

fn ask(frame: &[u8], flags: PortFlags, vid: u16, tags_beside: u16) -> Result<(), DropReason> {
    let from = Origin {
        port: PORT,
        flags,
        vid,
        tags_beside,
    };
    guard(frame, &table(), &mut Scratch::default(), from)
}

/// The answer to a frame on a port with every binding.
fn bound(frame: &[u8]) -> Result<(), DropReason> {
    ask(frame, BOUND, 0, 0)
}

fn eth(src: [u8; 6], ethertype: u16, payload: &[u8]) -> Vec<u8> {
    [&VICTIM, &src, &ethertype.to_be_bytes()[..], payload].concat()
}

/// `frame` with tags before its type.
fn tagged(frame: &[u8], tags: usize) -> Vec<u8> {
    let mut out = frame[..12].to_vec();
    for tag in 0..tags {
        out.extend(if tag == 0 {
            [0x88, 0xa8, 0, 10]
        } else {
            [0x81, 0, 0, 20]
        });
    }
    out.extend(&frame[12..]);
    out
}

fn arp(src: [u8; 6], operation: u16, sender: ([u8; 6], [u8; 4])) -> Vec<u8> {
    let mut arp = vec![0, 1, 8, 0, 6, 4];
    arp.extend(operation.to_be_bytes());
    arp.extend(sender.0);
    arp.extend(sender.1);
    arp.extend([0; 10]);
    eth(src, 0x0806, &arp)
}

/// IPv4 with `options` words of options and a fragment field.
fn ipv4(source: [u8; 4], protocol: u8, options: u8, fragment: u16, payload: &[u8]) -> Vec<u8> {
    let mut ip = vec![0x45 + options, 0, 0, 0, 0, 0];
    ip.extend(fragment.to_be_bytes());
    ip.extend([64, protocol, 0, 0]);
    ip.extend(source);
    ip.extend([255; 4]);
    ip.extend(vec![1; usize::from(options) * 4]);
    ip.extend(payload);
    eth(MAC, 0x0800, &ip)
}

fn udp(from: u16, to: u16) -> Vec<u8> {
    [from, to, 8, 0].map(u16::to_be_bytes).concat()
}

/// IPv6 from `MAC`, whose header says so much of its length.
fn ipv6_of_len(source: [u8; 16], next: u8, len: usize, payload: &[u8]) -> Vec<u8> {
    let mut ip = vec![0x60, 0, 0, 0];
    ip.extend(u16::try_from(len).unwrap().to_be_bytes());
    ip.extend([next, 255]);
    ip.extend(source);
    ip.extend(VICTIM_LINK);
    ip.extend(payload);
    eth(MAC, 0x86dd, &ip)
}

fn ipv6(source: [u8; 16], next: u8, payload: &[u8]) -> Vec<u8> {
    ipv6_of_len(source, next, payload.len(), payload)
}

/// A message of neighbour discovery: type, fixed part with a target, options.
fn nd(kind: u8, target: [u8; 16], options: &[u8]) -> Vec<u8> {
    let mut message = vec![kind, 0, 0, 0, 0, 0, 0, 0];
    match kind {
        133 => {}
        134 => message.extend([0; 8]),
        137 => message.extend([target, target].concat()),
        _ => message.extend(target),
    }
    message.extend(options);
    message
}

/// The option that names a link-layer address.
fn names(kind: u8, mac: [u8; 6]) -> Vec<u8> {
    [&[kind, 1], &mac[..]].concat()
}

/// `payload` behind a chain of extension headers.
fn behind(chain: &[u8], last: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for (at, kind) in chain.iter().enumerate() {
        let next = chain.get(at + 1).copied().unwrap_or(last);
        // The authentication header counts in words, less two.
        let len = u8::from(*kind == 51) * 2;
        out.extend([next, len, 0, 0, 0, 0, 0, 0]);
        out.extend(vec![0; usize::from(len) * 4]);
    }
    out.extend(payload);
    out
}

/// A fragment header before `payload`.
fn fragment(next: u8, offset: u16, payload: &[u8]) -> Vec<u8> {
    let [o0, o1] = (offset << 3 | 1).to_be_bytes();
    [&[next, 0, o0, o1, 0, 0, 0, 1], payload].concat()
}

#[test]
fn the_ethernet_source_must_be_bound_here_in_its_vlan() {
    let frame = |src| eth(src, 0x88b5, &[0; 46]);
    let spoofed = Err(DropReason::SpoofedMac);
    assert_eq!(bound(&frame(MAC)), Ok(()));
    assert_eq!(bound(&frame(VICTIM)), spoofed);
    assert_eq!(bound(&frame([2, 0, 0, 0, 0, 3])), spoofed);
    // The same address in another VLAN is another.
    assert_eq!(ask(&frame(MAC), BOUND, 20, 0), spoofed);
    // Without bindings of such addresses, any may send.
    assert_eq!(ask(&frame(VICTIM), PortFlags::BOUND_IP, 0, 0), Ok(()));
    // Short frames, too.
    assert_eq!(bound(&frame(MAC)[..14]), Ok(()));
    assert_eq!(bound(&frame(VICTIM)[..14]), spoofed);
    // LLC and SNAP are no IP to any station.
    assert_eq!(bound(&eth(MAC, 40, &[0xaa; 46])), Ok(()));
}

#[test]
fn ipv4_speaks_for_bound_addresses() {
    let tcp = |source| ipv4(source, 6, 0, 0, &[0; 20]);
    assert_eq!(bound(&tcp(IP)), Ok(()));
    assert_eq!(bound(&tcp(VICTIM_IP)), SPOOFED);
    assert_eq!(bound(&tcp([10, 9, 0, 3])), SPOOFED);
    assert_eq!(bound(&tcp([255; 4])), SPOOFED);
    // Options, fragments, tags.
    assert_eq!(bound(&ipv4(IP, 6, 10, 0, &[])), Ok(()));
    assert_eq!(bound(&ipv4(VICTIM_IP, 6, 10, 0, &[])), SPOOFED);
    assert_eq!(bound(&ipv4(IP, 17, 0, 0x0100, &[1; 8])), Ok(()));
    assert_eq!(bound(&ipv4(VICTIM_IP, 17, 0, 0x0100, &[1; 8])), SPOOFED);
    for tags in 1..=2 {
        assert_eq!(bound(&tagged(&tcp(IP), tags)), Ok(()));
        assert_eq!(bound(&tagged(&tcp(VICTIM_IP), tags)), SPOOFED);
    }
    // A third tag is one too many, wherever it is.
    assert_eq!(bound(&tagged(&tcp(IP), 3)), SPOOFED);
    assert_eq!(ask(&tagged(&tcp(IP), 2), BOUND, 0, 1), SPOOFED);
    assert_eq!(ask(&tagged(&tcp(IP), 1), BOUND, 0, 1), Ok(()));
    // What no stack would take, and what is cut off.
    let mut odd = tcp(IP);
    for first in [0x44, 0x55, 0x65] {
        odd[14] = first;
        assert_eq!(bound(&odd), SPOOFED, "{first:#x}");
    }
    assert_eq!(bound(&tcp(IP)[..33]), SPOOFED);
    assert_eq!(bound(&tagged(&tcp(IP), 1)[..37]), SPOOFED);
}

#[test]
fn an_address_goes_with_its_station() {
    let mut frame = ipv4(IP, 6, 0, 0, &[0; 20]);
    // This one is bound to the port as well.
    frame[11] = 7;
    assert_eq!(bound(&frame), SPOOFED);
    let mut frame = ipv6(IP6, 6, &[0; 20]);
    frame[11] = 7;
    assert_eq!(bound(&frame), Ok(()));
}

#[test]
fn who_has_no_address_yet_may_ask_for_one() {
    let from_nobody =
        |protocol, fragment, payload: &[u8]| bound(&ipv4([0; 4], protocol, 0, fragment, payload));
    assert_eq!(from_nobody(17, 0, &udp(68, 67)), Ok(()));
    assert_eq!(
        bound(&tagged(&ipv4([0; 4], 17, 3, 0, &udp(68, 67)), 1)),
        Ok(())
    );
    for (from, to) in [(67, 68), (68, 53), (5000, 67)] {
        assert_eq!(from_nobody(17, 0, &udp(from, to)), SPOOFED);
    }
    assert_eq!(from_nobody(6, 0, &udp(68, 67)), SPOOFED);
    assert_eq!(from_nobody(17, 1, &udp(68, 67)), SPOOFED);
    assert_eq!(from_nobody(17, 0, &[0, 68]), SPOOFED);
}

#[test]
fn arp_speaks_for_the_frames_source_and_a_bound_address() {
    for operation in [1, 2] {
        let says = |src, sender| bound(&arp(src, operation, sender));
        assert_eq!(says(MAC, (MAC, IP)), Ok(()));
        assert_eq!(says(MAC, (MAC, VICTIM_IP)), POISON);
        assert_eq!(says(MAC, (VICTIM, IP)), POISON);
        assert_eq!(says(MAC, (VICTIM, VICTIM_IP)), POISON);
        // A probe asks, and answers nothing.
        let probe = says(MAC, (MAC, [0; 4]));
        assert_eq!(probe, if operation == 1 { Ok(()) } else { POISON });
    }
    let honest = arp(MAC, 1, (MAC, IP));
    for len in [15, 20, 34, 41] {
        assert_eq!(bound(&honest[..len]), POISON, "{len} octets");
    }
    // Hardware type, protocol, lengths.
    for (at, value) in [(15, 6), (16, 0x86), (18, 8), (19, 16)] {
        let mut odd = honest.clone();
        odd[at] = value;
        assert_eq!(bound(&odd), POISON, "octet {at}");
    }
    let poison = arp(MAC, 2, (MAC, VICTIM_IP));
    assert_eq!(bound(&tagged(&honest, 2)), Ok(()));
    for tags in 1..=2 {
        assert_eq!(bound(&tagged(&poison, tags)), POISON);
    }
    assert_eq!(bound(&eth(MAC, 0x8035, &[0; 46])), POISON);
    // Who has only Ethernet addresses bound speaks for any other.
    assert_eq!(ask(&poison, PortFlags::BOUND_MAC, 0, 0), Ok(()));
}

#[test]
fn ipv6_speaks_for_bound_addresses_and_the_stations_own() {
    for next in [6, 17, 58, 59] {
        let echo = [128; 20];
        assert_eq!(bound(&ipv6(IP6, next, &echo)), Ok(()));
        assert_eq!(bound(&ipv6(LINK, next, &echo)), Ok(()));
        for source in [VICTIM_IP6, VICTIM_LINK, NOBODY] {
            assert_eq!(bound(&ipv6(source, next, &echo)), SPOOFED);
            assert_eq!(bound(&tagged(&ipv6(source, next, &echo), 2)), SPOOFED);
        }
    }
    let honest = ipv6(IP6, 6, &[0; 20]);
    assert_eq!(bound(&honest[..53]), SPOOFED);
    let mut odd = honest;
    odd[14] = 0x40;
    assert_eq!(bound(&odd), SPOOFED);
}

#[test]
fn neighbours_are_asked_and_told_in_the_ports_own_name() {
    let says = |source, message: &[u8]| bound(&ipv6(source, 58, message));
    // Solicitations ask for anybody, and advertisements speak for the sender.
    let (own, foreign) = (names(1, MAC), names(1, VICTIM));
    assert_eq!(says(IP6, &nd(135, VICTIM_IP6, &own)), Ok(()));
    assert_eq!(says(IP6, &nd(135, VICTIM_IP6, &foreign)), POISON);
    assert_eq!(says(VICTIM_IP6, &nd(135, VICTIM_IP6, &own)), SPOOFED);
    assert_eq!(says(IP6, &nd(136, IP6, &names(2, MAC))), Ok(()));
    assert_eq!(says(LINK, &nd(136, LINK, &[])), Ok(()));
    assert_eq!(says(IP6, &nd(136, VICTIM_IP6, &names(2, MAC))), POISON);
    assert_eq!(says(IP6, &nd(136, IP6, &names(2, VICTIM))), POISON);
    assert_eq!(says(IP6, &nd(136, VICTIM_LINK, &[])), POISON);
    // Detection of duplicates claims an address.
    assert_eq!(says(NOBODY, &nd(135, IP6, &[])), Ok(()));
    assert_eq!(
        says(NOBODY, &nd(135, LINK, &[14, 1, 0, 0, 0, 0, 0, 0])),
        Ok(())
    );
    assert_eq!(says(NOBODY, &nd(135, VICTIM_IP6, &[])), POISON);
    assert_eq!(says(NOBODY, &nd(136, IP6, &[])), SPOOFED);
    assert_eq!(says(NOBODY, &nd(133, NOBODY, &[])), Ok(()));
    for report in [131, 132, 143] {
        let chain = behind(&[0], 58, &[report; 8]);
        assert_eq!(bound(&ipv6(NOBODY, 0, &chain)), Ok(()));
    }
    // Routers and redirects name their own address, or none.
    for (kind, option) in [(133, 1), (134, 1), (137, 2)] {
        assert_eq!(says(IP6, &nd(kind, IP6, &names(option, MAC))), Ok(()));
        assert_eq!(says(IP6, &nd(kind, IP6, &names(option, VICTIM))), POISON);
    }
}

#[test]
fn options_of_discovery_are_looked_at_one_by_one() {
    let says = |options: &[u8]| bound(&ipv6(IP6, 58, &nd(136, IP6, options)));
    let other = [[14, 2].as_slice(), &[0; 14]].concat();
    assert_eq!(says(&[other.clone(), names(2, MAC)].concat()), Ok(()));
    assert_eq!(says(&[other, names(2, VICTIM)].concat()), POISON);
    assert_eq!(says(&[names(2, MAC), names(2, VICTIM)].concat()), POISON);
    // An option without length, one cut off, and more than there are.
    assert_eq!(says(&[0; 8]), POISON);
    assert_eq!(says(&[2, 1, 2, 0]), POISON);
    assert_eq!(says(&[14, 1, 0, 0, 0, 0, 0, 0].repeat(16)), Ok(()));
    assert_eq!(says(&[14, 1, 0, 0, 0, 0, 0, 0].repeat(17)), POISON);
    // A length that says less than there is, as a jumbogram's does, and a message cut off.
    let message = nd(136, IP6, &names(2, VICTIM));
    assert_eq!(bound(&ipv6_of_len(IP6, 58, 0, &message)), POISON);
    assert_eq!(bound(&ipv6_of_len(IP6, 58, 20, &message)), POISON);
    assert_eq!(bound(&ipv6_of_len(IP6, 58, 32, &message[..20])), POISON);
}

#[test]
fn extension_headers_hide_nothing() {
    let poison = nd(136, VICTIM_IP6, &[]);
    for chain in [
        &[0][..],
        &[43],
        &[60],
        &[51],
        &[0, 60, 43, 51, 60],
        &[60; 8],
    ] {
        let first = chain[0];
        let hidden = behind(chain, 58, &poison);
        assert_eq!(bound(&ipv6(IP6, first, &hidden)), POISON, "{chain:?}");
        let honest = behind(chain, 6, &[0; 20]);
        assert_eq!(bound(&ipv6(IP6, first, &honest)), Ok(()), "{chain:?}");
    }
    // A chain without an end, within the frame or within reason.
    assert_eq!(
        bound(&ipv6(IP6, 60, &behind(&[60; 9], 6, &[0; 20]))),
        SPOOFED
    );
    assert_eq!(bound(&ipv6(IP6, 60, &behind(&[60; 3], 43, &[]))), SPOOFED);
    assert_eq!(bound(&ipv6(IP6, 58, &[])), SPOOFED);
    // Nobody fragments discovery; other fragments have their source alone.
    let whole = nd(136, IP6, &[]);
    assert_eq!(bound(&ipv6(IP6, 44, &fragment(58, 0, &whole))), POISON);
    assert_eq!(
        bound(&ipv6(IP6, 44, &fragment(60, 0, &[58, 9, 0, 0]))),
        SPOOFED
    );
    assert_eq!(bound(&ipv6(IP6, 44, &fragment(58, 9, &[1; 16]))), Ok(()));
    assert_eq!(bound(&ipv6(IP6, 44, &fragment(6, 0, &[1; 16]))), Ok(()));
    assert_eq!(
        bound(&ipv6(VICTIM_IP6, 44, &fragment(58, 9, &[1; 16]))),
        SPOOFED
    );
    assert_eq!(
        bound(&ipv6(NOBODY, 44, &fragment(58, 9, &[135; 16]))),
        SPOOFED
    );
}

#[test]
fn routers_are_kept_out_where_they_are_not_wanted() {
    let says = |frame: &[u8]| ask(frame, PortFlags::RA_GUARD, 0, 0);
    let rogue = Err(DropReason::RogueRa);
    for (kind, expected) in [
        (133, Ok(())),
        (134, rogue),
        (135, Ok(())),
        (136, Ok(())),
        (137, rogue),
    ] {
        let message = nd(kind, VICTIM_IP6, &names(1, VICTIM));
        assert_eq!(says(&ipv6(VICTIM_LINK, 58, &message)), expected, "{kind}");
        let hidden = ipv6(LINK, 0, &behind(&[0, 60, 43], 58, &message));
        assert_eq!(says(&hidden), expected, "{kind}");
        assert_eq!(says(&tagged(&hidden, 2)), expected, "{kind}");
        let first = ipv6(LINK, 44, &fragment(58, 0, &message));
        assert_eq!(says(&first), expected, "{kind}");
    }
    assert_eq!(says(&ipv6(LINK, 44, &fragment(60, 0, &[58, 1]))), rogue);
    assert_eq!(
        says(&ipv6(
            LINK,
            44,
            &fragment(60, 0, &[58, 1, 0, 0, 0, 0, 0, 0])
        )),
        rogue
    );
    assert_eq!(says(&ipv4([8; 4], 58, 0, 0, &[134; 8])), Ok(()));
    assert_eq!(says(&arp(MAC, 2, (VICTIM, VICTIM_IP))), Ok(()));
}

#[test]
fn dhcp_servers_are_kept_out_where_they_are_not_wanted() {
    let says = |frame: &[u8]| ask(frame, PortFlags::DHCP_GUARD, 0, 0);
    let rogue = Err(DropReason::RogueDhcp);
    let rows = [
        (67, 68, rogue),
        (67, 67, rogue),
        (5000, 68, rogue),
        (68, 67, Ok(())),
        (5000, 53, Ok(())),
    ];
    for (from, to, expected) in rows {
        for options in [0, 10] {
            let frame = ipv4([10, 0, 0, 1], 17, options, 0, &udp(from, to));
            assert_eq!(says(&frame), expected, "{from} to {to}");
            assert_eq!(says(&tagged(&frame, 2)), expected, "{from} to {to}");
        }
        // The rest of a datagram has no ports.
        assert_eq!(says(&ipv4([10, 0, 0, 1], 17, 0, 8, &udp(from, to))), Ok(()));
        let (from, to) = (from + 480 * u16::from(from < 99), to);
        let to = if to == 68 { 546 } else { to };
        let six = ipv6(LINK, 60, &behind(&[60], 17, &udp(from, to)));
        let expected = if from == 547 || to == 546 {
            rogue
        } else {
            Ok(())
        };
        assert_eq!(says(&six), expected, "{from} to {to}");
    }
    // A first fragment that is too short for them hides them.
    assert_eq!(says(&ipv4([10, 0, 0, 1], 17, 0, 0x2000, &[0, 67])), rogue);
    assert_eq!(says(&ipv6(LINK, 44, &fragment(17, 0, &[0, 1]))), rogue);
    // The guard holds for addresses that are bound, too.
    let flags = BOUND.with(PortFlags::DHCP_GUARD);
    assert_eq!(ask(&ipv4(IP, 17, 0, 0, &udp(67, 68)), flags, 0, 0), rogue);
    assert_eq!(
        ask(&ipv4([0; 4], 17, 0, 0, &udp(68, 67)), flags, 0, 0),
        Ok(())
    );
}

#[test]
fn answers_survive_as_numbers() {
    let reasons = [
        DropReason::Malformed,
        DropReason::SpoofedMac,
        DropReason::SpoofedIp,
        DropReason::SpoofedArp,
        DropReason::RogueRa,
        DropReason::RogueDhcp,
    ];
    assert_eq!(outcome(PASS), Ok(()));
    for reason in reasons {
        assert_eq!(outcome(reason as u32), Err(reason));
    }
}
