//! All findings of one examination, and how people read them.

use std::fmt;

use serde::Serialize;

use super::{Finding, Status};

/// What an examination found.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The worst status among the findings.
    pub worst: Status,
    /// The findings; those of one subject stand together.
    pub findings: Vec<Finding>,
}

impl Report {
    /// A report of `findings`.
    pub fn new(findings: Vec<Finding>) -> Self {
        let statuses = findings.iter().map(|finding| finding.status);
        Self {
            worst: statuses.max().unwrap_or(Status::Ok),
            findings,
        }
    }

    /// The worst status among the findings; [`Status::Ok`] without any.
    pub const fn worst(&self) -> Status {
        self.worst
    }

    fn count(&self, status: Status) -> usize {
        let has = |finding: &&Finding| finding.status == status;
        self.findings.iter().filter(has).count()
    }
}

/// One finding per line under its subject, each remedy on a line of its own, the sums last.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let widths = self.findings.iter().map(|finding| finding.check.len());
        let width = widths.max().unwrap_or(0);
        let mut subject = None;
        for finding in &self.findings {
            if subject != Some(&finding.subject) {
                if subject.is_some() {
                    writeln!(f)?;
                }
                writeln!(f, "{}:", finding.subject)?;
                subject = Some(&finding.subject);
            }
            let (status, check) = (finding.status, finding.check);
            writeln!(f, "  {status:<7}  {check:<width$}  {}", finding.found)?;
            if let Some(remedy) = &finding.remedy {
                writeln!(f, "           -> {remedy}")?;
            }
        }
        write!(
            f,
            "\nok: {}, notes: {}, warnings: {}, problems: {}",
            self.count(Status::Ok),
            self.count(Status::Note),
            self.count(Status::Warning),
            self.count(Status::Problem),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(
        subject: &str,
        check: &'static str,
        status: Status,
        remedy: Option<&str>,
    ) -> Finding {
        Finding {
            subject: subject.to_owned(),
            check,
            status,
            found: format!("state of {check}"),
            remedy: remedy.map(str::to_owned),
        }
    }

    #[test]
    fn a_report_is_as_bad_as_its_worst_finding() {
        assert_eq!(Report::new(Vec::new()).worst(), Status::Ok);
        let findings = vec![
            finding("machine", "kernel", Status::Warning, None),
            finding("machine", "btf", Status::Note, None),
        ];
        assert_eq!(Report::new(findings).worst(), Status::Warning);
    }

    #[test]
    fn text_has_a_line_per_finding_and_per_remedy() {
        let report = Report::new(vec![
            finding("machine", "kernel", Status::Ok, None),
            finding("machine", "jit", Status::Problem, Some("switch it on")),
            finding("veth0", "mtu", Status::Ok, None),
        ]);
        let expected = "\
machine:
  ok       kernel  state of kernel
  problem  jit     state of jit
           -> switch it on

veth0:
  ok       mtu     state of mtu

ok: 2, notes: 0, warnings: 0, problems: 1";
        assert_eq!(report.to_string(), expected);
    }

    #[test]
    fn json_has_the_worst_status_and_every_field() {
        let report = Report::new(vec![finding("eth0", "mtu", Status::Note, None)]);
        let expected = concat!(
            r#"{"worst":"note","findings":[{"subject":"eth0","check":"mtu","#,
            r#""status":"note","found":"state of mtu","remedy":null}]}"#
        );
        assert_eq!(serde_json::to_string(&report).unwrap(), expected);
    }
}
