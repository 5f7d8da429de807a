//! Results of one test on one datapath, and what they come to.

use serde::Serialize;

/// Whether more or less of something is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Better {
    /// Rates.
    Higher,
    /// Times.
    Lower,
}

/// One figure of one run.
#[derive(Clone, Debug)]
pub(super) struct Sample {
    /// Name of the test, with its parameter: `throughput_64`.
    pub(super) test: String,
    /// Unit of the figure.
    pub(super) unit: &'static str,
    /// Which direction is better.
    pub(super) better: Better,
    /// The figure.
    pub(super) value: f64,
    /// Frames that were sent and did not arrive, where the test counts them.
    pub(super) lost: u64,
}

/// One test on one datapath over all runs, as it is reported.
#[derive(Clone, Debug, Serialize)]
pub struct Outcome {
    /// Name of the test.
    pub test: String,
    /// Name of the datapath.
    pub datapath: &'static str,
    /// Unit of the figures.
    pub unit: &'static str,
    /// `higher` or `lower`.
    pub better: &'static str,
    /// Middle of all runs.
    pub median: f64,
    /// Lowest.
    pub min: f64,
    /// Highest.
    pub max: f64,
    /// How many runs.
    pub runs: usize,
    /// Frames lost in all runs together, where the test counts them.
    pub lost: u64,
    /// The median over that of the Linux bridge in the same session.
    pub vs_linux_bridge: Option<f64>,
    /// The median over that of the limit: the bare veth pair, or the static redirect.
    pub vs_limit: Option<f64>,
}

/// The middle of `values`; the mean of the two in the middle where their number is even.
pub(super) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match (sorted.get(middle), sorted.len() % 2) {
        (Some(value), 1) => *value,
        (Some(value), _) => f64::midpoint(*value, sorted[middle - 1]),
        (None, _) => f64::NAN,
    }
}

/// The value below which `percent` of the sorted `values` are.
pub(super) fn percentile(values: &[u64], percent: f64) -> f64 {
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rank within some million values"
    )]
    let rank = (values.len() as f64 * percent / 100.0) as usize;
    let value = values
        .get(rank.min(values.len().saturating_sub(1)))
        .copied()
        .unwrap_or(0);
    #[expect(clippy::cast_precision_loss, reason = "nanoseconds below 2^52")]
    let value = value as f64;
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        assert!((median(&[3.0, 1.0, 2.0]) - 2.0).abs() < 1e-9);
        assert!((median(&[4.0, 1.0, 2.0, 3.0]) - 2.5).abs() < 1e-9);
        assert!(median(&[]).is_nan());
    }

    #[test]
    fn percentiles_are_ranks() {
        let values: Vec<u64> = (0..1000).collect();
        assert!((percentile(&values, 50.0) - 500.0).abs() < 1e-9);
        assert!((percentile(&values, 99.9) - 999.0).abs() < 1e-9);
        assert!(percentile(&[], 50.0).abs() < 1e-9);
    }
}
