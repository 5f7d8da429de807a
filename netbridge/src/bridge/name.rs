//! Names of bridges.

use super::BridgeError;

/// Longest name of an interface, without the terminating zero (`IFNAMSIZ`).
pub(super) const MAX_LEN: usize = 15;

/// Checks that `name` can name a bridge: a folder of bpffs, and an interface of the host.
pub(crate) fn check(name: &str) -> Result<(), BridgeError> {
    let reason = if name.is_empty() {
        "is empty; give 1 to 15 characters"
    } else if name.len() > MAX_LEN {
        "is too long; 15 characters at most"
    } else if name.starts_with(['.', '-'])
        || !name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
    {
        // bpffs refuses dots in names, and interfaces refuse slashes and white space.
        "has a character that it cannot have; use letters, digits, `-` and `_`"
    } else if name.contains('.') {
        "has a dot, which bpffs does not allow; use letters, digits, `-` and `_`"
    } else {
        return Ok(());
    };
    Err(BridgeError::BadName {
        name: name.to_owned(),
        reason,
    })
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn names_that_the_kernel_takes_are_taken() {
        for good in ["br0", "br-0123456789ab", "a", "my_bridge"] {
            assert!(check(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "..",
            "a/b",
            "br 0",
            "br-0123456789abc",
            "-x",
            "br.5",
            "brücke",
        ] {
            assert!(check(bad).is_err(), "{bad}");
        }
    }
}
