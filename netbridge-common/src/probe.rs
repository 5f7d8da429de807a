//! Frames that a bridge sends to find loops, and knows again when they come back.

use crate::{
    MacAddr, PortId,
    frame::ETH_HEADER_LEN,
    octets::{Octets, Payload},
};

/// Where probes go: a group of our own, locally administered, which other bridges flood.
pub const PROBE_GROUP: MacAddr = MacAddr([0x03, 0x6e, 0x62, 0x6c, 0x70, 0x01]);

/// `EtherType` that IEEE 802 sets aside for local experiments.
pub const PROBE_ETHERTYPE: u16 = 0x88b5;

/// What a probe's payload begins with; its last octet is the version.
const MAGIC: [u8; 8] = *b"nb-loop\x01";

/// Octets of a probe, those that Ethernet wants at least.
pub const PROBE_LEN: usize = 60;

/// The probe that a bridge with this nonce sends out of a port.
pub fn probe(nonce: u64, port: PortId) -> [u8; PROBE_LEN] {
    let [.., a, b, c] = nonce.to_be_bytes();
    let source = [0x02, 0x6e, 0x62, a, b, c];
    let parts = [
        PROBE_GROUP.0.as_slice(),
        &source,
        &PROBE_ETHERTYPE.to_be_bytes(),
        &MAGIC,
        &nonce.to_be_bytes(),
        &port.0.to_be_bytes(),
    ];
    let mut frame = [0; PROBE_LEN];
    let octets = parts.into_iter().flatten();
    for (slot, octet) in frame.iter_mut().zip(octets) {
        *slot = *octet;
    }
    frame
}

/// The port that a probe of the bridge with this nonce went out of; [`PortId::NONE`] where the frame is
/// no such probe.
#[inline(always)]
pub fn origin(frame: &(impl Octets + ?Sized), nonce: u64) -> PortId {
    let payload = Payload::of(frame);
    let mut octets = [0; MAGIC.len() + 12];
    if payload.ethertype != PROBE_ETHERTYPE || !frame.read(payload.at, &mut octets) {
        return PortId::NONE;
    }
    let [
        m0,
        m1,
        m2,
        m3,
        m4,
        m5,
        m6,
        m7,
        n0,
        n1,
        n2,
        n3,
        n4,
        n5,
        n6,
        n7,
        p0,
        p1,
        p2,
        p3,
    ] = octets;
    let magic = u64::from_be_bytes([m0, m1, m2, m3, m4, m5, m6, m7]);
    let found = u64::from_be_bytes([n0, n1, n2, n3, n4, n5, n6, n7]);
    if magic != u64::from_be_bytes(MAGIC) || found != nonce {
        return PortId::NONE;
    }
    PortId(u32::from_be_bytes([p0, p1, p2, p3]))
}

const _: () = assert!(PROBE_LEN >= ETH_HEADER_LEN as usize + MAGIC.len() + 12);

#[cfg(test)]
mod tests {
    use super::*;

    const NONCE: u64 = 0x0123_4567_89ab_cdef;

    #[test]
    fn a_probe_is_known_again_by_the_bridge_that_sent_it_and_no_other() {
        let frame = probe(NONCE, PortId(7));
        assert_eq!(origin(&frame[..], NONCE), PortId(7));
        assert_eq!(origin(&frame[..], NONCE + 1), PortId::NONE);
        assert!(PROBE_GROUP.is_group() && !PROBE_GROUP.is_reserved_group());
        assert_eq!(frame[6] & 1, 0, "the source is an individual address");
    }

    #[test]
    fn tags_in_front_do_not_hide_it() {
        let frame = probe(NONCE, PortId(7));
        let tagged = [&frame[..12], &[0x81, 0, 0, 10], &frame[12..]].concat();
        assert_eq!(origin(tagged.as_slice(), NONCE), PortId(7));
    }

    #[test]
    fn anything_else_is_no_probe() {
        let frame = probe(NONCE, PortId(7));
        for at in (12..14).chain(14..30) {
            let mut other = frame;
            other[at] ^= 1;
            assert_eq!(origin(&other[..], NONCE), PortId::NONE, "octet {at}");
        }
        for len in 0..34 {
            assert_eq!(origin(&frame[..len], NONCE), PortId::NONE, "{len} octets");
        }
    }
}
