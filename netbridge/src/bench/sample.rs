//! Results of one test on one datapath, and what they come to.

use std::time::Duration;

use serde::Serialize;

/// What a figure is counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Million frames per second.
    Mpps,
    /// Million addresses per second.
    MegaAddressesPerSecond,
    /// Thousand million bits per second.
    GigabitsPerSecond,
    /// Connections per second.
    ConnectsPerSecond,
    /// Microseconds.
    Micros,
    /// Nanoseconds.
    Nanos,
    /// Milliseconds.
    Millis,
    /// Seconds of CPU for a gigabyte.
    CpuSecondsPerGigabyte,
    /// Seconds of CPU for a million frames.
    CpuSecondsPerMillion,
    /// Mebibytes.
    Mebibytes,
    /// Things, of which more are better.
    Count,
    /// Frames that got lost.
    Lost,
    /// A share of something lost, in per cent.
    LossPercent,
    /// Load, in per cent of the maximum forwarding rate.
    LoadPercent,
}

impl Unit {
    /// As it is written behind a figure.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mpps => "Mpps",
            Self::MegaAddressesPerSecond => "M addresses/s",
            Self::GigabitsPerSecond => "Gb/s",
            Self::ConnectsPerSecond => "connects/s",
            Self::Micros => "µs",
            Self::Nanos => "ns",
            Self::Millis => "ms",
            Self::CpuSecondsPerGigabyte => "CPU s/GB",
            Self::CpuSecondsPerMillion => "CPU s/M frames",
            Self::Mebibytes => "MiB",
            Self::Count => "",
            Self::Lost => "frames",
            Self::LossPercent | Self::LoadPercent => "%",
        }
    }

    /// Says whether more of it is better.
    pub const fn more_is_better(self) -> bool {
        matches!(
            self,
            Self::Mpps
                | Self::MegaAddressesPerSecond
                | Self::GigabitsPerSecond
                | Self::ConnectsPerSecond
                | Self::Count
                | Self::LoadPercent
        )
    }

    /// How many there are of the unit in one of its base unit: bits, frames or addresses a second.
    const fn per_second(self) -> f64 {
        match self {
            Self::GigabitsPerSecond => 1e9,
            Self::Mpps | Self::MegaAddressesPerSecond => 1e6,
            _ => 1.0,
        }
    }
}

/// One figure of one run.
#[derive(Clone, Debug)]
pub(super) struct Sample {
    /// Name of the figure, with its parameter: `throughput_64`.
    pub(super) test: String,
    /// Unit of the figure.
    pub(super) unit: Unit,
    /// The figure.
    pub(super) value: f64,
    /// Frames that were sent and did not arrive, where the test counts them.
    pub(super) lost: Option<u64>,
}

impl Sample {
    /// A figure.
    pub(super) fn new(test: &str, unit: Unit, value: f64) -> Self {
        Self {
            test: test.to_owned(),
            unit,
            value,
            lost: None,
        }
    }

    /// A rate of `count` frames, addresses or bits in `elapsed`.
    pub(super) fn rate(test: &str, unit: Unit, count: u64, elapsed: Duration) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "counts below 2^52")]
        let value = count as f64 / elapsed.as_secs_f64() / unit.per_second();
        Self::new(test, unit, value)
    }

    /// The figure under another name.
    pub(super) fn named(self, test: &str) -> Self {
        Self {
            test: test.to_owned(),
            ..self
        }
    }

    /// The figure, with the frames that were lost on the way.
    pub(super) fn lost(self, lost: u64) -> Self {
        Self {
            lost: Some(lost),
            ..self
        }
    }
}

/// One test on one datapath over all runs, as it is reported.
#[derive(Clone, Debug, Serialize)]
pub struct Outcome {
    /// Name of the figure, with its parameter.
    pub test: String,
    /// The test that it is a figure of: what to type to measure it again.
    pub group: &'static str,
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
    /// The range over the median: what of a difference is noise.
    pub noise: f64,
    /// How many runs.
    pub runs: usize,
    /// Frames lost in all runs together, where the test counts them.
    pub lost: Option<u64>,
    /// The median over that of the Linux bridge in the same session; among containers of Docker's,
    /// of Docker's own bridge.
    pub vs_linux_bridge: Option<f64>,
    /// Whether the difference to the Linux bridge may be noise: the ranges of both overlap. Not known
    /// of a single run.
    pub within_noise: Option<bool>,
    /// The datapath that is this one's limit in this test.
    pub limit: Option<&'static str>,
    /// The median over that of the limit.
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
