//! What each eBPF program may cost the verifier, and what it does cost.

use std::fmt;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

const HEADING: &str = "## Verifier budget";

/// What a program costs, or may cost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cost {
    pub(crate) program: String,
    /// Instructions that the verifier walks.
    pub(crate) instructions: u64,
    /// Bytes of stack.
    pub(crate) stack: u64,
}

/// The rows `| program | instructions | stack |` under the heading of the budget.
pub(crate) fn parse_budget(markdown: &str) -> Result<Vec<Cost>> {
    let mut lines = markdown.lines();
    if !lines.any(|line| line.trim_end() == HEADING) {
        bail!("read the budget: there is no heading `{HEADING}`");
    }
    let section = lines.take_while(|line| !line.starts_with("## "));
    Ok(section.filter_map(budget_row).collect())
}

/// A row of the budget; nothing for the head of the table and for other text.
fn budget_row(line: &str) -> Option<Cost> {
    let cells = line.trim().strip_prefix('|')?.strip_suffix('|')?;
    let mut cells = cells.split('|').map(|cell| cell.trim().trim_matches('`'));
    let number = |cell: &str| cell.replace(['_', ','], "").parse().ok();
    Some(Cost {
        program: cells.next()?.to_owned(),
        instructions: number(cells.next()?)?,
        stack: number(cells.next()?)?,
    })
}

/// The lines of JSON which `netbridge debug verify --json` prints.
pub(crate) fn parse_costs(json_lines: &str) -> Result<Vec<Cost>> {
    let lines = json_lines.lines().filter(|line| !line.trim().is_empty());
    lines
        .map(|line| cost(line).with_context(|| format!("read the verifier's counts: `{line}`")))
        .collect()
}

fn cost(line: &str) -> Result<Cost> {
    let value: Value = serde_json::from_str(line)?;
    let number = |name: &str| {
        let number = value[name].as_u64();
        number.with_context(|| format!("`{name}` is not a number"))
    };
    let program = value["program"].as_str();
    Ok(Cost {
        program: program.context("`program` is not a text")?.to_owned(),
        instructions: number("verified_instructions")?,
        stack: number("stack")?,
    })
}

/// How a program stands to its budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Within,
    Past,
    NoRow,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Within => "ok",
            Self::Past => "past the budget",
            Self::NoRow => "no row in the budget",
        })
    }
}

/// The budget's row for a program, and how the program stands to it.
pub(crate) fn judge<'budget>(
    cost: &Cost,
    budget: &'budget [Cost],
) -> (Verdict, Option<&'budget Cost>) {
    let Some(row) = budget.iter().find(|row| row.program == cost.program) else {
        return (Verdict::NoRow, None);
    };
    let within = cost.instructions <= row.instructions && cost.stack <= row.stack;
    let verdict = if within {
        Verdict::Within
    } else {
        Verdict::Past
    };
    (verdict, Some(row))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# Datapath\n| no | 1 | 2 |\n## Verifier budget\n\nWords.\n\n\
        | program | instructions | stack |\n|---|---|---|\n| tc_ingress | 60000 | 512 |\n\
        | `xdp_port` | 70_000 | 256 |\n## Next\n| other | 1 | 2 |\n";

    fn row(program: &str, instructions: u64, stack: u64) -> Cost {
        let program = program.to_owned();
        Cost {
            program,
            instructions,
            stack,
        }
    }

    #[test]
    fn the_budget_is_the_table_under_its_heading() {
        let expected = [row("tc_ingress", 60_000, 512), row("xdp_port", 70_000, 256)];
        assert_eq!(parse_budget(TEXT).unwrap(), expected);
        assert!(parse_budget("# Datapath\n").is_err());
    }

    #[test]
    fn counts_are_read_from_json_lines() {
        let line =
            r#"{"program":"tc_ingress","instructions":9,"verified_instructions":7,"stack":5}"#;
        assert_eq!(parse_costs(line).unwrap(), [row("tc_ingress", 7, 5)]);
        assert!(parse_costs(r#"{"program":"tc_ingress"}"#).is_err());
        assert!(parse_costs("words").is_err());
    }

    #[test]
    fn a_program_is_judged_by_both_numbers_and_needs_a_row() {
        let budget = [row("a", 10, 10)];
        assert_eq!(judge(&row("a", 10, 10), &budget).0, Verdict::Within);
        assert_eq!(judge(&row("a", 11, 1), &budget).0, Verdict::Past);
        assert_eq!(judge(&row("a", 1, 11), &budget).0, Verdict::Past);
        assert_eq!(judge(&row("b", 1, 1), &budget).0, Verdict::NoRow);
    }
}
