//! Figures that belong together: the same test over a parameter, as `throughput_64` and `throughput_128`.

use super::Outcome;

/// A figure over a parameter.
pub(super) struct Series<'a> {
    /// The figures' names with `N` for what they differ in.
    pub(super) name: String,
    /// A line for each datapath.
    pub(super) lines: Vec<Line<'a>>,
}

/// A datapath's figures, by parameter.
pub(super) struct Line<'a> {
    pub(super) datapath: &'static str,
    pub(super) points: Vec<(f64, &'a Outcome)>,
}

/// The last number in a figure's name, and the name with `N` in its place.
pub(super) fn parameter(test: &str) -> Option<(String, f64)> {
    let words: Vec<&str> = test.split('_').collect();
    let is_number =
        |word: &&str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit());
    let at = words.iter().rposition(is_number)?;
    let value = words[at].parse().ok()?;
    let mut name = words;
    name[at] = "N";
    Some((name.join("_"), value))
}

impl<'a> Series<'a> {
    /// All of them that `outcomes` hold: names that differ in a number alone.
    pub(super) fn all(outcomes: &'a [Outcome]) -> Vec<Self> {
        let mut found: Vec<Self> = Vec::new();
        for outcome in outcomes {
            let Some((name, value)) = parameter(&outcome.test) else {
                continue;
            };
            let at = found.iter().position(|series| series.name == name);
            let at = at.unwrap_or_else(|| {
                let lines = Vec::new();
                found.push(Self { name, lines });
                found.len() - 1
            });
            found[at].add(value, outcome);
        }
        for line in found.iter_mut().flat_map(|series| &mut series.lines) {
            line.points.sort_by(|one, other| one.0.total_cmp(&other.0));
        }
        found.retain(|series| series.lines.iter().any(|line| line.points.len() > 1));
        found
    }

    fn add(&mut self, value: f64, outcome: &'a Outcome) {
        let same = |line: &&mut Line<'a>| line.datapath == outcome.datapath;
        let point = (value, outcome);
        match self.lines.iter_mut().find(same) {
            Some(line) => line.points.push(point),
            None => self.lines.push(Line {
                datapath: outcome.datapath,
                points: vec![point],
            }),
        }
    }

    /// The parameters, in order.
    pub(super) fn parameters(&self) -> Vec<f64> {
        let points = self.lines.iter().flat_map(|line| &line.points);
        let mut values: Vec<f64> = points.map(|point| point.0).collect();
        values.sort_by(f64::total_cmp);
        values.dedup();
        values
    }

    /// Says whether `test` is one of the series, but neither its first nor its last.
    pub(super) fn is_inside(&self, test: &str) -> bool {
        let parameters = self.parameters();
        parameter(test).is_some_and(|(name, value)| {
            let end = [parameters.first(), parameters.last()].contains(&Some(&value));
            name == self.name && !end
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_is_the_last_number() {
        let series = |name: &str, value| Some((name.to_owned(), value));
        assert_eq!(parameter("fdb_size_1000"), series("fdb_size_N", 1000.0));
        assert_eq!(
            parameter("broadcast_4_ports"),
            series("broadcast_N_ports", 4.0)
        );
        assert_eq!(parameter("tcp_rr_p99.9"), None);
        assert_eq!(parameter("udp_small"), None);
        assert_eq!(parameter("latency"), None);
        assert_eq!(parameter("odd_"), None);
    }
}
