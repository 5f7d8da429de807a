//! The report for people, with its pictures.

use std::collections::BTreeMap;

use anyhow::Result;

use super::{COLUMNS, Report, by_test, cells, figure, legend, main_figures, ratio, vs_linux};
use crate::bench::{Datapath, Outcome, Test, plot, series::Series};

const OVERVIEW: &str = "overview.svg";

/// Tables of the summary: the bridges that they compare, and the columns beside them.
const MAIN: [(Datapath, &[Datapath]); 2] = [
    (
        Datapath::LinuxBridge,
        &[Datapath::NetbridgeTc, Datapath::NetbridgeXdp],
    ),
    (
        Datapath::DockerBridge,
        &[Datapath::DockerUserBridge, Datapath::DockerNetbridge],
    ),
];

/// SVG by the name of its file.
type Pictures = BTreeMap<String, String>;

impl Report {
    /// A picture for every figure, for every series, and one of all.
    pub(super) fn pictures(&self) -> Result<Pictures> {
        let mut pictures = Pictures::new();
        for (test, outcomes) in by_test(&self.results) {
            pictures.insert(picture_of(test), plot::bars(outcomes)?);
        }
        for series in Series::all(&self.results) {
            pictures.insert(picture_of(&series.name), plot::lines(&series)?);
        }
        if let Some(svg) = plot::overview(&self.results)? {
            pictures.insert(OVERVIEW.to_owned(), svg);
        }
        Ok(pictures)
    }

    pub(super) fn markdown(&self, pictures: &Pictures) -> String {
        let mut lines = vec!["# netbridge bench".to_owned(), String::new()];
        for warning in &self.environment.warnings {
            lines.extend([format!("> **Warning:** {warning}."), String::new()]);
        }
        lines.extend(self.summary(pictures));
        lines.extend(self.machine());
        lines.extend(self.method());
        for group in self.results.chunk_by(|one, next| one.group == next.group) {
            lines.extend(of_group(group));
        }
        lines.extend(list(
            "Not available here",
            self.unavailable
                .iter()
                .map(|(name, why)| format!("{name}: {why}")),
        ));
        lines.extend(list(
            "Failures",
            self.failures.iter().map(ToString::to_string),
        ));
        lines.join("\n") + "\n"
    }

    /// The main ratios, and the picture of them.
    fn summary(&self, pictures: &Pictures) -> Vec<String> {
        let mut lines = heading("Summary");
        if pictures.contains_key(OVERVIEW) {
            lines.extend([picture("overview", OVERVIEW), String::new()]);
        }
        for (base, beside) in MAIN {
            lines.extend(self.main_ratios(base, beside));
        }
        lines.push(legend(&self.results));
        lines
    }

    /// A table of the figures that have `base` to compare with; none where none has.
    fn main_ratios(&self, base: Datapath, beside: &[Datapath]) -> Vec<String> {
        let mut header = format!("| test | better | {} |", base.name());
        let mut rule = "|---|---|--:|".to_owned();
        for datapath in beside {
            let (name, base) = (datapath.name(), base.name());
            header = format!("{header} {name} | of {base} | of its limit |");
            rule += "--:|--:|--:|";
        }
        let mut rows = Vec::new();
        for (test, outcomes) in main_figures(&self.results) {
            let of = |datapath: Datapath| {
                let found = |one: &&Outcome| one.datapath == datapath.name();
                outcomes.iter().find(found)
            };
            let compares = |one: &Outcome| {
                Datapath::from_name(one.datapath).is_some_and(|one| one.baseline() == base)
            };
            if !outcomes.iter().any(compares) {
                continue;
            }
            let value = |one: &Outcome| format!("{} {}", figure(one.median), one.unit);
            let better = outcomes.first().map_or("", |one| one.better);
            let base = of(base).map_or_else(String::new, value);
            let mut row = format!("| {test} | {better} | {base} |");
            for datapath in beside {
                let cells = of(*datapath).map_or_else(Default::default, |one| {
                    [value(one), vs_linux(one), ratio(one.vs_limit)]
                });
                row = format!("{row} {} |", cells.join(" | "));
            }
            rows.push(row);
        }
        if rows.is_empty() {
            return rows;
        }
        let head = [header, rule].into_iter();
        head.chain(rows).chain([String::new()]).collect()
    }

    fn machine(&self) -> Vec<String> {
        let mut lines = heading("Machine");
        lines.extend(["| | |".to_owned(), "|---|---|".to_owned()]);
        for (what, value) in self.environment.facts() {
            lines.push(format!("| {what} | {value} |"));
        }
        let offloads = &self.environment.offload_state;
        if !offloads.is_empty() {
            lines.extend([
                String::new(),
                "Offloads, as read back from each datapath's interfaces:".to_owned(),
                String::new(),
                "| datapath | interface | on | off |".to_owned(),
                "|---|---|---|---|".to_owned(),
            ]);
        }
        for state in offloads {
            let (on, off) = state.on_and_off();
            let (datapath, end) = (state.datapath, &state.interface);
            let (on, off) = (on.join(", "), off.join(", "));
            lines.push(format!("| {datapath} | {end} | {on} | {off} |"));
        }
        lines
    }

    fn method(&self) -> Vec<String> {
        let runs = self.results.iter().map(|outcome| outcome.runs).max();
        let mut lines = heading("Method");
        lines.push(format!(
            "Medians of up to {} runs, datapaths interleaved test by test, every other run in the \
             opposite order. Frames are counted where they arrive. {}. The limit of generated frames is \
             the hook's redirect without a lookup, that of stacks the bare veth pair. The session took \
             {:.0} s.",
            runs.unwrap_or(0),
            self.environment.pinning,
            self.seconds
        ));
        lines
    }
}

/// A test's figures: the picture of a series first, then each.
fn of_group(group: &[Outcome]) -> Vec<String> {
    let Some(first) = group.first() else {
        return Vec::new();
    };
    let mut lines = heading(first.group);
    if let Some(test) = Test::from_name(first.group) {
        lines.extend([format!("{}.", capital(test.about)), String::new()]);
    }
    for series in Series::all(group) {
        lines.extend([
            picture(&series.name, &picture_of(&series.name)),
            String::new(),
        ]);
    }
    for (test, outcomes) in by_test(group) {
        lines.extend([
            format!("### {test}"),
            String::new(),
            picture(test, &picture_of(test)),
            String::new(),
            format!("| {} |", COLUMNS.join(" | ")),
            format!("|---{}|", "|--:".repeat(COLUMNS.len() - 1)),
        ]);
        let row = |outcome| format!("| {} |", cells(outcome).join(" | "));
        lines.extend(outcomes.iter().map(row));
        lines.push(String::new());
    }
    lines
}

fn heading(text: &str) -> Vec<String> {
    vec![String::new(), format!("## {text}"), String::new()]
}

fn list(title: &str, items: impl Iterator<Item = String>) -> Vec<String> {
    let items: Vec<String> = items.map(|item| format!("- {item}")).collect();
    if items.is_empty() {
        return items;
    }
    heading(title).into_iter().chain(items).collect()
}

fn picture(name: &str, file: &str) -> String {
    format!("![{name}]({file})")
}

fn picture_of(test: &str) -> String {
    format!("{test}.svg")
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(char::to_uppercase);
    first.into_iter().flatten().chain(letters).collect()
}
