//! Docker's chain for the rules of others, `DOCKER-USER` of `iptables` and `ip6tables`.
//!
//! Docker drops by policy what is forwarded and not its own, and no table can overrule another that
//! drops. So what goes into netbridge's networks and out of them is accepted there; whether it may
//! pass is still decided by netbridge's own table.

use super::{FirewallError, NetworkRules, Rules, nft::Found, run};

const CHAIN: &str = "DOCKER-USER";
/// How netbridge knows its own rules again.
const COMMENT: &str = "netbridge";
/// Docker's last rule of the chain in some versions; nothing behind it is looked at.
const RETURN: &str = "-A DOCKER-USER -j RETURN";

/// `iptables` or `ip6tables`.
#[derive(Debug)]
struct Tool {
    program: &'static str,
    restore: &'static str,
    listing: &'static str,
    v6: bool,
}

const TOOLS: [Tool; 2] = [
    Tool {
        program: "iptables",
        restore: "iptables-restore",
        listing: "iptables -w -S DOCKER-USER",
        v6: false,
    },
    Tool {
        program: "ip6tables",
        restore: "ip6tables-restore",
        listing: "ip6tables -w -S DOCKER-USER",
        v6: true,
    },
];

/// What has to change in the chains, to be carried out around the exchange of netbridge's table.
#[derive(Debug)]
pub(super) struct Plan(Vec<(&'static Tool, Change)>);

/// What has to change in one chain.
#[derive(Debug, Default, PartialEq, Eq)]
struct Change {
    stale: Vec<String>,
    missing: Vec<String>,
}

/// Compares the chains with `rules`; changes nothing.
pub(super) fn plan(found: &Found, rules: &Rules) -> Result<Plan, FirewallError> {
    let mut plan = Vec::new();
    for tool in TOOLS.iter().filter(|tool| tool.is_in_use(found)) {
        let listing = tool.list()?;
        plan.push((tool, Change::between(&listing, &tool.interfaces(rules))));
    }
    Ok(Plan(plan))
}

impl Plan {
    /// Removes rules for networks that are no more.
    pub(super) fn remove_stale(&self) -> Result<(), FirewallError> {
        let action = "remove rules from Docker's chain DOCKER-USER";
        let mut changes = self.0.iter();
        changes.try_for_each(|(tool, change)| tool.carry_out(action, &change.stale))
    }

    /// Adds rules for networks that have none.
    pub(super) fn add_missing(&self) -> Result<(), FirewallError> {
        let action = "let networks through Docker's chain DOCKER-USER";
        let mut changes = self.0.iter();
        changes.try_for_each(|(tool, change)| tool.carry_out(action, &change.missing))
    }
}

/// Says where a policy drops what is forwarded and there is no chain to make an exception in.
pub(super) fn warnings(found: &Found, rules: &Rules) -> Result<Vec<String>, FirewallError> {
    let mut warnings = Vec::new();
    for tool in TOOLS.iter().filter(|tool| tool.is_in_use(found)) {
        let (interfaces, listing) = (tool.interfaces(rules), tool.list()?);
        if !has_chain(&listing) && listing.lines().any(|line| line == "-P FORWARD DROP") {
            let program = tool.program;
            warnings.extend(interfaces.iter().map(|ifname| {
                format!(
                    "{program} drops what is forwarded (policy of FORWARD) and has no chain \
                     DOCKER-USER; let network {ifname} through with `{program} -I FORWARD -i \
                     {ifname} -j ACCEPT` and `{program} -I FORWARD -o {ifname} -j ACCEPT`"
                )
            }));
        }
    }
    Ok(warnings)
}

impl Tool {
    /// Says whether the program is there and has rules; asked without any, it may make tables.
    fn is_in_use(&self, found: &Found) -> bool {
        let has_rules = if self.v6 {
            found.filter6
        } else {
            found.filter4
        };
        has_rules && run::is_installed(self.program) && run::is_installed(self.restore)
    }

    fn interfaces<'a>(&self, rules: &'a Rules) -> Vec<&'a str> {
        let networks = rules.networks.iter();
        networks
            .filter(|network| network.has_family(self.v6))
            .map(|network: &NetworkRules| network.ifname.as_str())
            .collect()
    }

    /// All rules that filter, as the program's own arguments.
    fn list(&self) -> Result<String, FirewallError> {
        let output = run::run(self.program, "iptables", &["-w", "-S"], b"")?;
        let message = run::complaint(&output);
        // A table `filter` that nft made is none of the program's, and has no chain of Docker's.
        if output.status.success() || message.contains("incompatible") {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        Err(self.failed("look for Docker's chain DOCKER-USER", message))
    }

    /// Carries out all `lines` or none: `iptables-restore` has transactions, `iptables` has not.
    fn carry_out(&self, action: &'static str, lines: &[String]) -> Result<(), FirewallError> {
        if lines.is_empty() {
            return Ok(());
        }
        let input = format!("*filter\n{}\nCOMMIT\n", lines.join("\n"));
        let args = ["-w", "--noflush"];
        let output = run::run(self.restore, "iptables", &args, input.as_bytes())?;
        if output.status.success() {
            return Ok(());
        }
        Err(self.failed(action, run::complaint(&output)))
    }

    fn failed(&self, action: &'static str, message: String) -> FirewallError {
        FirewallError::Iptables {
            action,
            program: self.program,
            message,
            listing: self.listing,
        }
    }
}

impl Change {
    fn between(listing: &str, interfaces: &[&str]) -> Self {
        if !has_chain(listing) {
            return Self::default();
        }
        let mut missing: Vec<String> = interfaces.iter().flat_map(|name| own_rules(name)).collect();
        let mut change = Self::default();
        let (mut kept, mut position) = (0, None);
        for line in listing.lines().filter_map(in_chain) {
            let line = line.replace('"', "");
            if let Some(index) = missing.iter().position(|rule| *rule == line) {
                missing.remove(index);
            } else if is_own(&line) {
                change.stale.push(format!("-D {CHAIN} {line}"));
                continue;
            }
            kept += 1;
            if position.is_none() && RETURN.ends_with(&line) && line.starts_with("-j") {
                position = Some(kept);
            }
        }
        // Behind the rules of the user, who may want to drop something before.
        let place = position.map_or_else(
            || format!("-A {CHAIN}"),
            |position| format!("-I {CHAIN} {position}"),
        );
        let added = missing.iter().map(|rule| format!("{place} {rule}"));
        change.missing = added.collect();
        change
    }
}

fn has_chain(listing: &str) -> bool {
    listing.lines().any(|line| {
        line.strip_prefix("-N ")
            .is_some_and(|chain| chain.trim() == CHAIN)
    })
}

/// What a rule of the chain says.
fn in_chain(line: &str) -> Option<&str> {
    line.strip_prefix("-A ")?
        .strip_prefix(CHAIN)?
        .strip_prefix(' ')
}

fn own_rules(ifname: &str) -> [String; 2] {
    ["-i", "-o"].map(|side| format!("{side} {ifname} {}", own_end()))
}

fn own_end() -> String {
    format!("-m comment --comment {COMMENT} -j ACCEPT")
}

fn is_own(rule: &str) -> bool {
    let sided = rule.starts_with("-i ") || rule.starts_with("-o ");
    sided && rule.ends_with(&own_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LISTING: &str = "-P INPUT ACCEPT
-P FORWARD DROP
-N DOCKER-USER
-A FORWARD -j DOCKER-USER
-A DOCKER-USER -s 192.0.2.0/24 -j DROP
-A DOCKER-USER -i old0 -m comment --comment netbridge -j ACCEPT
-A DOCKER-USER -o old0 -m comment --comment \"netbridge\" -j ACCEPT
-A DOCKER-USER -i br0 -m comment --comment netbridge -j ACCEPT
-A DOCKER-USER -i mine -m comment --comment other -j ACCEPT
-A DOCKER-USER -j RETURN
";

    #[test]
    fn what_is_there_stays_what_is_gone_goes_what_is_new_comes_before_return() {
        let change = Change::between(LISTING, &["br0", "br1"]);
        let stale = [
            "-D DOCKER-USER -i old0 -m comment --comment netbridge -j ACCEPT",
            "-D DOCKER-USER -o old0 -m comment --comment netbridge -j ACCEPT",
        ];
        let missing = [
            "-I DOCKER-USER 4 -o br0 -m comment --comment netbridge -j ACCEPT",
            "-I DOCKER-USER 4 -i br1 -m comment --comment netbridge -j ACCEPT",
            "-I DOCKER-USER 4 -o br1 -m comment --comment netbridge -j ACCEPT",
        ];
        assert_eq!(change.stale, stale);
        assert_eq!(change.missing, missing);
    }

    #[test]
    fn without_return_rules_come_last_and_twice_is_once_too_often() {
        let listing = "-N DOCKER-USER
-A DOCKER-USER -i br0 -m comment --comment netbridge -j ACCEPT
-A DOCKER-USER -i br0 -m comment --comment netbridge -j ACCEPT
";
        let change = Change::between(listing, &["br0"]);
        assert_eq!(change.stale.len(), 1);
        let added = "-A DOCKER-USER -o br0 -m comment --comment netbridge -j ACCEPT";
        assert_eq!(change.missing, [added]);
    }

    #[test]
    fn without_the_chain_there_is_nothing_to_do() {
        let listing = "-P FORWARD DROP\n-N DOCKER\n";
        assert_eq!(Change::between(listing, &["br0"]), Change::default());
    }
}
