//! What this process may do.

use std::fs;

use super::DatapathError;

/// What netbridge needs, by the kernel's numbers (`linux/capability.h`).
const NEEDED: [(u32, &str); 4] = [
    (12, "CAP_NET_ADMIN"),
    (21, "CAP_SYS_ADMIN"),
    (38, "CAP_PERFMON"),
    (39, "CAP_BPF"),
];

/// A set of capabilities.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Capabilities(u64);

impl Capabilities {
    /// The effective ones of this process.
    pub(crate) fn effective() -> Option<Self> {
        Self::parse(&fs::read_to_string("/proc/self/status").ok()?)
    }

    /// Those in the text of `/proc/PID/status`.
    fn parse(status: &str) -> Option<Self> {
        let line = status.lines().find_map(|l| l.strip_prefix("CapEff:"))?;
        u64::from_str_radix(line.trim(), 16).ok().map(Self)
    }

    /// Those that netbridge needs and that are not in the set.
    pub(crate) fn missing(self) -> Vec<&'static str> {
        let lacks = |number: u32| self.0 & (1 << number) == 0;
        let missing = NEEDED.into_iter().filter(|(number, _)| lacks(*number));
        missing.map(|(_, name)| name).collect()
    }

    /// Fails, before the kernel does with less to say, where `what` needs more than there is.
    pub(crate) fn require(what: &str) -> Result<(), DatapathError> {
        match Self::effective() {
            Some(set) if !set.missing().is_empty() => Err(DatapathError::Privilege {
                what: what.to_owned(),
            }),
            _ => Ok(()),
        }
    }

    /// Those that netbridge needs, as one text.
    pub(crate) fn needed() -> String {
        NEEDED.map(|(_, name)| name).join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_effective_set_is_read_from_its_line() {
        let status = "Name:\tx\nCapPrm:\t0000000000000000\nCapEff:\t000001ffffffffff\nCapBnd:\t0\n";
        let all = Capabilities::parse(status).unwrap();
        assert_eq!(all, Capabilities(0x1ff_ffff_ffff));
        assert!(all.missing().is_empty());
        assert_eq!(Capabilities::parse("CapEff:\tx"), None);
        assert_eq!(Capabilities::parse(""), None);
    }

    #[test]
    fn what_is_missing_is_named() {
        let all = ["CAP_NET_ADMIN", "CAP_SYS_ADMIN", "CAP_PERFMON", "CAP_BPF"];
        assert_eq!(Capabilities(0).missing(), all);
        let network_only = Capabilities(1 << 12);
        assert_eq!(network_only.missing(), all[1..]);
    }
}
