//! Counts of passed, failed and ignored tests, read from what the test programs print.

use std::fmt;

/// How many tests passed, failed and were skipped.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) skipped: u64,
}

impl Counts {
    /// The counts in a line such as `test result: ok. 3 passed; 0 failed; 1 ignored; ...`.
    pub(crate) fn of_line(line: &str) -> Option<Self> {
        let rest = line.trim_start().strip_prefix("test result: ")?;
        let counts = rest.split_once(". ")?.1;
        let mut found = Self::default();
        for part in counts.split("; ") {
            match part.split_once(' ') {
                Some((number, "passed")) => found.passed = number.parse().ok()?,
                Some((number, "failed")) => found.failed = number.parse().ok()?,
                Some((number, "ignored")) => found.skipped = number.parse().ok()?,
                _ => {}
            }
        }
        Some(found)
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            passed,
            failed,
            skipped,
        } = self;
        write!(
            f,
            "total: {passed} passed, {failed} failed, {skipped} skipped"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn result_lines_are_added_up() {
        let lines = [
            "running 4 tests",
            "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s",
            "test result: FAILED. 5 passed; 2 failed; 0 ignored; 0 measured; 7 filtered out; finished in 1.00s",
            "test a::test_result ... ok",
        ];
        let mut counts = Counts::default();
        for line in lines {
            counts.add(Counts::of_line(line).unwrap_or_default());
        }
        assert_eq!(counts.to_string(), "total: 8 passed, 2 failed, 1 skipped");
        assert_eq!(Counts::of_line(lines[0]), None);
        assert_eq!(Counts::of_line(lines[3]), None);
    }
}
