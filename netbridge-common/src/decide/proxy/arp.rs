//! ARP requests for IPv4 addresses, and their answers.

use super::put;
use crate::MacAddr;

/// Length of an ARP packet for Ethernet and IPv4.
pub const LEN: usize = 28;

/// An ARP packet for Ethernet and IPv4.
pub type Packet = [u8; LEN];

/// Ethernet, IPv4, addresses of 6 and of 4 octets; request.
const REQUEST: [u8; 8] = [0, 1, 8, 0, 6, 4, 0, 1];

/// Ethernet, IPv4, addresses of 6 and of 4 octets; reply.
const REPLY: [u8; 8] = [0, 1, 8, 0, 6, 4, 0, 2];

/// The address that is asked for; `None` where this is no request that its sender, with the address
/// `src` in the Ethernet header, asks for itself.
#[inline(always)]
pub fn question(packet: &Packet, src: MacAddr) -> Option<[u8; 4]> {
    let (head, rest) = packet.split_first_chunk::<8>()?;
    let (sender, rest) = rest.split_first_chunk::<6>()?;
    let target = *rest.last_chunk::<4>()?;
    (*head == REQUEST && *sender == src.0).then_some(target)
}

/// Says whether it is a request, whoever asks.
#[inline(always)]
pub fn is_request(packet: &Packet) -> bool {
    packet.first_chunk() == Some(&REQUEST)
}

/// Makes the reply to a request, in the name of `owner`.
#[inline(always)]
pub fn answer(packet: &Packet, owner: &MacAddr, answer: &mut Packet) {
    let Some((asker, target)) = asker(packet) else {
        return;
    };
    let rest = put(answer, &REPLY);
    let rest = put(rest, &owner.0);
    let rest = put(rest, target);
    put(rest, asker);
}

/// Both addresses of who asks, and the IPv4 address that is asked for.
#[inline(always)]
fn asker(packet: &Packet) -> Option<(&[u8; 10], &[u8; 4])> {
    let (_, rest) = packet.split_first_chunk::<8>()?;
    Some((rest.first_chunk()?, rest.last_chunk()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ASKER: MacAddr = MacAddr([2, 0, 0, 0, 0, 1]);
    const OWNER: MacAddr = MacAddr([2, 0, 0, 0, 0, 2]);

    fn packet(operation: u8, from: (MacAddr, [u8; 4]), to: (MacAddr, [u8; 4])) -> Packet {
        let mut packet = vec![0, 1, 8, 0, 6, 4, 0, operation];
        packet.extend(from.0.0);
        packet.extend(from.1);
        packet.extend(to.0.0);
        packet.extend(to.1);
        packet.try_into().unwrap()
    }

    #[test]
    fn a_request_and_a_probe_are_answered_as_the_owner_would() {
        for sender in [[10, 0, 0, 1], [0; 4]] {
            let zero = MacAddr([0; 6]);
            let request = packet(1, (ASKER, sender), (zero, [10, 0, 0, 2]));
            assert_eq!(question(&request, ASKER), Some([10, 0, 0, 2]));
            let reply = packet(2, (OWNER, [10, 0, 0, 2]), (ASKER, sender));
            let mut made = [0xff; LEN];
            answer(&request, &OWNER, &mut made);
            assert_eq!(made, reply);
        }
    }

    #[test]
    fn what_is_no_question_is_not_taken_for_one() {
        let request = packet(1, (ASKER, [10, 0, 0, 1]), (OWNER, [10, 0, 0, 2]));
        assert_eq!(question(&request, OWNER), None, "another Ethernet source");
        assert!(is_request(&request));
        // Every octet of the fixed part counts; among them the operation.
        for at in 0..8 {
            let mut other = request;
            other[at] ^= 3;
            assert_eq!(question(&other, ASKER), None, "octet {at}");
            assert!(!is_request(&other), "octet {at}");
        }
    }
}
