//! What a session comes to: a table, JSON, and a folder for people.

use std::{fmt, fs, path::Path};

use anyhow::{Context as _, Result};
use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;

use super::{Environment, Outcome};

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

impl Report {
    /// Writes `results.json` and `report.md` into `dir`, which is made where it does not exist.
    pub fn write(&self, dir: &Path) -> Result<()> {
        fs::create_dir_all(dir).with_context(|| format!("create {}", dir.display()))?;
        let json = serde_json::to_string_pretty(self)?;
        for (name, text) in [("results.json", json), ("report.md", self.markdown())] {
            let path = dir.join(name);
            fs::write(&path, text).with_context(|| format!("write {}", path.display()))?;
        }
        Ok(())
    }

    /// The figures of each test, in the order in which they were measured.
    fn by_test(&self) -> Vec<(&str, &[Outcome])> {
        self.results
            .chunk_by(|one, next| one.test == next.test)
            .filter_map(|outcomes| Some((outcomes.first()?.test.as_str(), outcomes)))
            .collect()
    }

    fn markdown(&self) -> String {
        let env = &self.environment;
        let mut lines = vec![
            "# netbridge bench".to_owned(),
            String::new(),
            format!(
                "Kernel {}, {} ({} CPUs), netbridge {}.",
                env.kernel, env.cpu, env.cpus, env.netbridge
            ),
            format!("Offloads: {}. Pinning: {}.", env.offloads, env.pinning),
            format!("The session took {:.0} s.", self.seconds),
        ];
        for (test, outcomes) in self.by_test() {
            lines.extend([
                String::new(),
                format!("## {test}"),
                String::new(),
                "| datapath | median | min | max | lost | vs linux-bridge | vs limit |".to_owned(),
                "|---|---|---|---|---|---|---|".to_owned(),
            ]);
            for outcome in outcomes {
                lines.push(format!("| {} |", cells(outcome).join(" | ")));
            }
        }
        for (datapath, reason) in &self.unavailable {
            lines.push(format!("\n{datapath} cannot run here: {reason}."));
        }
        lines.join("\n") + "\n"
    }
}

fn cells(outcome: &Outcome) -> [String; 7] {
    let ratio = |ratio: Option<f64>| ratio.map_or_else(String::new, |ratio| format!("{ratio:.2}"));
    [
        outcome.datapath.to_owned(),
        format!("{:.3} {}", outcome.median, outcome.unit),
        format!("{:.3}", outcome.min),
        format!("{:.3}", outcome.max),
        outcome
            .lost
            .map_or_else(String::new, |lost| lost.to_string()),
        ratio(outcome.vs_linux_bridge),
        ratio(outcome.vs_limit),
    ]
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = Table::new();
        let header = [
            "test",
            "datapath",
            "median",
            "min",
            "max",
            "lost",
            "vs linux-bridge",
            "vs limit",
        ];
        table
            .load_style(presets::NOTHING)
            .set_header(header.to_vec());
        for column in table.column_iter_mut().skip(2) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        for (test, outcomes) in self.by_test() {
            for outcome in outcomes {
                let mut row = vec![test.to_owned()];
                row.extend(cells(outcome));
                table.add_row(row);
            }
        }
        writeln!(f, "{table}")?;
        for (datapath, reason) in &self.unavailable {
            writeln!(f, "{datapath} cannot run here: {reason}")?;
        }
        for failure in &self.failures {
            writeln!(
                f,
                "{} failed on {}: {}",
                failure.test, failure.datapath, failure.reason
            )?;
        }
        write!(f, "{:.0} s", self.seconds)
    }
}
