//! One answer of the doctor, and a sheet to write answers about one subject on.

use std::fmt;

use serde::Serialize;

/// How bad an answer is, from best to worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Works.
    Ok,
    /// Worth knowing; nothing is wrong, or it could not be checked.
    Note,
    /// Works worse than it could.
    Warning,
    /// Does not work.
    Problem,
}

impl Status {
    /// The name that the reports use.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Problem => "problem",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What one check found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was looked at: `machine`, a bridge or an interface.
    pub subject: String,
    /// The check, by a name that stays.
    pub check: &'static str,
    /// How bad it is.
    pub status: Status,
    /// What there is.
    pub found: String,
    /// What to do about it, where something can be done.
    pub remedy: Option<String>,
}

/// Findings about one subject, in the order they were made.
pub(super) struct Sheet {
    subject: String,
    findings: Vec<Finding>,
}

impl Sheet {
    pub(super) fn new(subject: &str) -> Self {
        Self {
            subject: subject.to_owned(),
            findings: Vec::new(),
        }
    }

    pub(super) fn ok(&mut self, check: &'static str, found: impl Into<String>) {
        self.add(Status::Ok, check, found.into(), None);
    }

    pub(super) fn note(&mut self, check: &'static str, found: impl Into<String>) {
        self.add(Status::Note, check, found.into(), None);
    }

    /// Writes a finding that something can be done about.
    pub(super) fn advise(
        &mut self,
        status: Status,
        check: &'static str,
        found: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        self.add(status, check, found.into(), Some(remedy.into()));
    }

    /// Writes an error of the library; these name the remedy behind the first semicolon.
    pub(super) fn failed(&mut self, status: Status, check: &'static str, error: &dyn fmt::Display) {
        let text = error.to_string();
        let (found, remedy) = split_remedy(&text);
        self.add(status, check, found.to_owned(), remedy.map(str::to_owned));
    }

    fn add(&mut self, status: Status, check: &'static str, found: String, remedy: Option<String>) {
        self.findings.push(Finding {
            subject: self.subject.clone(),
            check,
            status,
            found,
            remedy,
        });
    }

    pub(super) fn into_findings(self) -> Vec<Finding> {
        self.findings
    }
}

/// Parts an error text into what happened and what to do.
fn split_remedy(text: &str) -> (&str, Option<&str>) {
    match text.split_once("; ") {
        Some((found, remedy)) => (found, Some(remedy)),
        None => (text, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_ordered_from_best_to_worst() {
        let all = [Status::Problem, Status::Ok, Status::Warning, Status::Note];
        assert_eq!(all.into_iter().max(), Some(Status::Problem));
        assert_eq!(all.into_iter().min(), Some(Status::Ok));
        assert!(Status::Note < Status::Warning);
    }

    #[test]
    fn a_status_has_one_name_in_text_and_json() {
        for status in [Status::Ok, Status::Note, Status::Warning, Status::Problem] {
            let json = serde_json::to_string(&status).unwrap();
            assert_eq!(json, format!("\"{status}\""));
        }
    }

    #[test]
    fn the_remedy_of_an_error_stands_behind_its_first_semicolon() {
        let text = "open /x: permission denied; run as root; or not";
        assert_eq!(
            split_remedy(text),
            ("open /x: permission denied", Some("run as root; or not"))
        );
        assert_eq!(split_remedy("no such device"), ("no such device", None));
    }
}
