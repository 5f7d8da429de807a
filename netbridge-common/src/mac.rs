//! Ethernet addresses and the classes of them that a bridge treats differently.

/// An Ethernet address, six octets in the order of the wire.
#[repr(transparent)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MacAddr(pub [u8; 6]);

impl MacAddr {
    /// ff:ff:ff:ff:ff:ff.
    pub const BROADCAST: Self = Self([0xff; 6]);

    /// Says whether the address names a group (multicast or broadcast): bit 0 of the first octet.
    #[inline(always)]
    pub const fn is_group(self) -> bool {
        let [first, ..] = self.0;
        first & 1 != 0
    }

    /// Says whether this is the broadcast address.
    #[inline(always)]
    pub fn is_broadcast(self) -> bool {
        self.bits() == 0xffff_ffff_ffff
    }

    /// Says whether all octets are zero, which no station may use as its address.
    #[inline(always)]
    pub fn is_zero(self) -> bool {
        self.bits() == 0
    }

    /// Says whether a customer bridge must not relay frames to this group:
    /// 01:80:c2:00:00:00 to 01:80:c2:00:00:0f (802.1Q table 8-1).
    #[inline(always)]
    pub fn is_reserved_group(self) -> bool {
        self.bits() & !0xf == 0x0180_c200_0000
    }

    /// The address as a number, first octet most significant.
    #[inline(always)]
    pub const fn bits(self) -> u64 {
        let [o0, o1, o2, o3, o4, o5] = self.0;
        u64::from_be_bytes([0, 0, o0, o1, o2, o3, o4, o5])
    }
}

#[cfg(any(test, feature = "user"))]
mod text {
    use std::{fmt, str::FromStr};

    use super::MacAddr;

    impl fmt::Display for MacAddr {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            let [o0, o1, o2, o3, o4, o5] = self.0;
            write!(f, "{o0:02x}:{o1:02x}:{o2:02x}:{o3:02x}:{o4:02x}:{o5:02x}")
        }
    }

    /// The text is not six octets of two hexadecimal digits, separated by colons.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct ParseMacError;

    impl fmt::Display for ParseMacError {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("not a MAC address; write it as 02:42:ac:11:00:02")
        }
    }

    impl std::error::Error for ParseMacError {}

    impl FromStr for MacAddr {
        type Err = ParseMacError;

        fn from_str(text: &str) -> Result<Self, Self::Err> {
            let mut mac = [0; 6];
            let mut octets = text.split(':');
            for slot in &mut mac {
                let octet = octets.next().ok_or(ParseMacError)?;
                if octet.len() != 2 || !octet.bytes().all(|b| b.is_ascii_hexdigit()) {
                    return Err(ParseMacError);
                }
                *slot = u8::from_str_radix(octet, 16).or(Err(ParseMacError))?;
            }
            match octets.next() {
                None => Ok(Self(mac)),
                Some(_) => Err(ParseMacError),
            }
        }
    }
}

#[cfg(any(test, feature = "user"))]
pub use text::ParseMacError;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_round_trips_and_bad_text_is_refused() {
        let mac: MacAddr = "02:42:ac:11:00:0F".parse().unwrap();
        assert_eq!(mac.to_string(), "02:42:ac:11:00:0f");
        for bad in [
            "",
            "02:42:ac:11:00",
            "02:42:ac:11:00:0f:01",
            "2:42:ac:11:0:f",
            "02-42-ac-11-00-0f",
            "+2:42:ac:11:00:0f",
        ] {
            assert_eq!(bad.parse::<MacAddr>(), Err(ParseMacError), "{bad}");
        }
    }

    #[test]
    fn classes_of_addresses() {
        assert!(MacAddr::BROADCAST.is_group() && MacAddr::BROADCAST.is_broadcast());
        assert!(MacAddr([1, 0, 0x5e, 0, 0, 1]).is_group());
        assert!(!MacAddr([2, 0, 0, 0, 0, 1]).is_group());
        assert!(MacAddr([0; 6]).is_zero());
        for last in 0..=0xff {
            let mac = MacAddr([0x01, 0x80, 0xc2, 0, 0, last]);
            assert_eq!(mac.is_reserved_group(), last < 0x10, "{mac}");
        }
        assert!(!MacAddr([0x01, 0x80, 0xc2, 0, 1, 0]).is_reserved_group());
        assert!(!MacAddr([0x00, 0x80, 0xc2, 0, 0, 0]).is_reserved_group());
    }
}
