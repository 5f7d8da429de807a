//! What a session comes to: a table, JSON, and a folder for people.

mod folder;
mod markdown;

use std::fmt;

use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;

pub use self::folder::Folder;
use super::{Datapath, Environment, Outcome, series::Series};

/// The results of a session.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The machine.
    pub environment: Environment,
    /// How long the session took.
    pub seconds: f64,
    /// Datapaths that cannot run here, and why.
    pub unavailable: Vec<(&'static str, String)>,
    /// The figures.
    pub results: Vec<Outcome>,
    /// Tests that failed; they have no figures.
    pub failures: Vec<Failure>,
}

/// A test that failed on a datapath.
#[derive(Clone, Debug, Serialize)]
pub struct Failure {
    /// Name of the test.
    pub test: &'static str,
    /// Name of the datapath.
    pub datapath: &'static str,
    /// Why.
    pub reason: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            test,
            datapath,
            reason,
        } = self;
        write!(f, "{test} failed on {datapath}: {reason}")
    }
}

/// The outcomes of each figure, in the order in which they were measured.
pub(super) fn by_test(outcomes: &[Outcome]) -> Vec<(&str, &[Outcome])> {
    outcomes
        .chunk_by(|one, next| one.test == next.test)
        .filter_map(|outcomes| Some((outcomes.first()?.test.as_str(), outcomes)))
        .collect()
}

/// The same, where only the ends stand for a series.
pub(super) fn main_figures(outcomes: &[Outcome]) -> Vec<(&str, &[Outcome])> {
    let series = Series::all(outcomes);
    let mut figures = by_test(outcomes);
    figures.retain(|(test, _)| !series.iter().any(|series| series.is_inside(test)));
    figures
}

/// A number with four digits that mean something.
pub(super) fn figure(value: f64) -> String {
    let decimals = match value.abs() {
        value if value >= 999.95 => 0,
        value if value >= 99.995 => 1,
        value if value >= 9.9995 => 2,
        _ => 3,
    };
    format!("{value:.decimals$}")
}

/// Heads of the columns of [`cells`].
const COLUMNS: [&str; 8] = [
    "datapath", "median", "min", "max", "noise", "lost", "vs linux", "vs limit",
];

/// A ratio to the Linux bridge or to a limit, marked where it may be noise.
const NOISE_MARK: &str = "≈";

fn cells(outcome: &Outcome) -> [String; 8] {
    let lost = outcome.lost.map(|lost| lost.to_string());
    [
        outcome.datapath.to_owned(),
        format!("{} {}", figure(outcome.median), outcome.unit),
        figure(outcome.min),
        figure(outcome.max),
        noise(outcome),
        lost.unwrap_or_default(),
        vs_linux(outcome),
        ratio(outcome.vs_limit),
    ]
}

fn ratio(ratio: Option<f64>) -> String {
    ratio.map_or_else(String::new, |ratio| format!("{ratio:.2}"))
}

/// The ratio to the Linux bridge, as noise where it may be no more.
fn vs_linux(outcome: &Outcome) -> String {
    let mark = if outcome.within_noise == Some(true) {
        NOISE_MARK
    } else {
        ""
    };
    format!("{mark}{}", ratio(outcome.vs_linux_bridge))
}

/// How far runs were from the median: half of the range; a single run does not tell.
fn noise(outcome: &Outcome) -> String {
    if outcome.runs < 2 {
        return "?".to_owned();
    }
    format!("±{:.0}%", outcome.noise * 50.0)
}

/// What the columns mean.
fn legend(results: &[Outcome]) -> String {
    let mut datapaths = results
        .iter()
        .filter_map(|one| Datapath::from_name(one.datapath));
    let of_docker = if datapaths.any(Datapath::is_docker) {
        let bridge = Datapath::DockerBridge.name();
        format!(" ({bridge} for networks of Docker's)")
    } else {
        String::new()
    };
    let mut text = format!(
        "noise: half of the range over the median. {NOISE_MARK}: the ranges of the datapath and of \
         {}{of_docker} overlap, so that the difference may be noise.",
        Datapath::LinuxBridge.name()
    );
    if results.iter().any(|outcome| outcome.runs < 2) {
        text += " ?: one run says nothing about noise.";
    }
    text
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.results.is_empty() {
            let mut table = Table::new();
            let header = ["test"].into_iter().chain(COLUMNS);
            table.load_style(presets::NOTHING).set_header(header);
            for column in table.column_iter_mut().skip(2) {
                column.set_cell_alignment(CellAlignment::Right);
            }
            for (test, outcomes) in by_test(&self.results) {
                for outcome in outcomes {
                    table.add_row([test.to_owned()].into_iter().chain(cells(outcome)));
                }
            }
            writeln!(f, "{table}")?;
            writeln!(f, "{}", legend(&self.results))?;
        }
        for (datapath, reason) in &self.unavailable {
            writeln!(f, "{datapath} cannot run here: {reason}")?;
        }
        for failure in &self.failures {
            writeln!(f, "{failure}")?;
        }
        for warning in &self.environment.warnings {
            writeln!(f, "warning: {warning}")?;
        }
        write!(f, "{:.0} s", self.seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_four_digits() {
        let texts = [0.0, 0.12345, 9.9999, 12.345, 234.56, 99_999.5].map(figure);
        assert_eq!(
            texts,
            ["0.000", "0.123", "10.00", "12.35", "234.6", "100000"]
        );
    }
}
