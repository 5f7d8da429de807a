//! Rates, sizes and numbers of frames, as people write them.

/// Units of rates, in bit/s, as `tc` has them.
const RATE_UNITS: [(&str, u64); 5] = [
    ("", 1),
    ("bit", 1),
    ("kbit", 1_000),
    ("mbit", 1_000_000),
    ("gbit", 1_000_000_000),
];

/// Units of sizes, in octets, as `tc` has them.
const SIZE_UNITS: [(&str, u64); 6] = [
    ("", 1),
    ("b", 1),
    ("k", 1 << 10),
    ("kb", 1 << 10),
    ("m", 1 << 20),
    ("mb", 1 << 20),
];

/// Reads a rate in bit/s; 0 for `off`.
pub(crate) fn rate(text: &str) -> Result<u64, String> {
    let form = "write it as 100mbit (bit, kbit, mbit or gbit), or off";
    quantity(text, &RATE_UNITS, form)
}

/// Reads a size in octets.
pub(crate) fn size(text: &str) -> Result<u64, String> {
    let form = "write it as 64k (octets, k or m)";
    if text == "off" {
        return Err(format!("no size; {form}"));
    }
    quantity(text, &SIZE_UNITS, form)
}

/// Reads frames per second; 0 for `off`.
pub(crate) fn frames(text: &str) -> Result<u64, String> {
    let form = "write frames per second as 100, or off";
    if text.contains('.') {
        return Err(format!("no whole number; {form}"));
    }
    quantity(text, &[("", 1)], form)
}

/// Reads a number with a unit behind it, which may have a fraction; 0 for `off` alone.
fn quantity(text: &str, units: &[(&str, u64)], form: &str) -> Result<u64, String> {
    if text == "off" {
        return Ok(0);
    }
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    if number.is_empty() {
        return Err(format!("no number; {form}"));
    }
    let unit = unit.to_ascii_lowercase();
    let factor = units.iter().find(|(name, _)| *name == unit);
    let (_, factor) = factor.ok_or_else(|| format!("unknown unit; {form}"))?;
    let value = scaled(number, *factor).ok_or_else(|| format!("no number; {form}"))?;
    if value == 0 {
        return Err(format!("nothing would pass; {form}"));
    }
    Ok(value)
}

/// `number` times `factor`, rounded down; what is larger than any limit comes out as large as can be.
fn scaled(number: &str, factor: u64) -> Option<u64> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole) || !digits(fraction) || fraction.len() > 9 {
        return None;
    }
    let whole: u64 = whole.parse().unwrap_or(u64::MAX);
    let parts = fraction.parse::<u64>().ok()?;
    let scale = 10_u64.pow(u32::try_from(fraction.len()).ok()?);
    let part = u128::from(parts) * u128::from(factor) / u128::from(scale);
    let part = u64::try_from(part).ok()?;
    Some(whole.saturating_mul(factor).saturating_add(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_and_sizes_are_read_as_tc_writes_them() {
        for (text, bits) in [
            ("8000", 8_000),
            ("64kbit", 64_000),
            ("100mbit", 100_000_000),
            ("100Mbit", 100_000_000),
            ("1.5gbit", 1_500_000_000),
            ("0.1mbit", 100_000),
            ("9bit", 9),
            ("off", 0),
        ] {
            assert_eq!(rate(text), Ok(bits), "{text}");
        }
        for (text, octets) in [
            ("1500", 1500),
            ("64k", 65_536),
            ("64kb", 65_536),
            ("1m", 1 << 20),
        ] {
            assert_eq!(size(text), Ok(octets), "{text}");
        }
        assert_eq!((frames("100"), frames("off")), (Ok(100), Ok(0)));
    }

    #[test]
    fn what_is_no_quantity_is_refused() {
        for text in [
            "",
            "0",
            "0mbit",
            "-1",
            "-1mbit",
            "mbit",
            "1mbyte",
            "1 mbit",
            "1.2.3mbit",
            ".5mbit",
            "1.mbit",
            "0.0mbit",
            "1e6",
            "OFF",
            "100mbps",
            "1.0123456789gbit",
        ] {
            assert!(rate(text).is_err(), "{text}");
        }
        for text in ["", "0", "off", "-1", "64kbit", "64g"] {
            assert!(size(text).is_err(), "{text}");
        }
        for text in ["", "0", "-1", "1.5", "100/s", "1k"] {
            assert!(frames(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_too_large_to_count_is_too_large_for_a_limit() {
        assert_eq!(rate("99999999999999999999999999gbit"), Ok(u64::MAX));
        assert_eq!(frames("99999999999999999999999999"), Ok(u64::MAX));
    }
}
