//! What the program `nft` is asked for, in JSON.

use std::process::Output;

use nftables::{
    expr::Expression,
    schema::{NfListObject, NfObject, Nftables},
};

use super::{FirewallError, run, table::NETWORKS, words::TABLE};

/// What there is already.
#[derive(Debug)]
pub(super) struct Found {
    /// The interfaces of the networks in netbridge's table.
    pub(super) networks: Vec<String>,
    /// Whether `iptables` may filter what is forwarded.
    pub(super) filter4: bool,
    /// Whether `ip6tables` may filter what is forwarded.
    pub(super) filter6: bool,
}

/// Looks at what there is; changes nothing.
///
/// Single chains and sets are asked for: with lists of them, nft reads every element there is, which
/// takes a second with ten thousands of published ports.
pub(super) fn found() -> Result<Found, FirewallError> {
    let forward = |family| list(&["chain", family, "filter", "FORWARD"]);
    Ok(Found {
        networks: networks()?,
        filter4: has_legacy("ip_tables_names") || forward("ip")?.is_some(),
        filter6: has_legacy("ip6_tables_names") || forward("ip6")?.is_some(),
    })
}

/// Says whether the iptables of before nftables filter; asking them would make them begin to.
fn has_legacy(file: &str) -> bool {
    // Of this thread: /proc/net is that of the process.
    let names = std::fs::read_to_string(format!("/proc/thread-self/net/{file}"));
    names.is_ok_and(|names| names.lines().any(|name| name == "filter"))
}

pub(super) fn networks() -> Result<Vec<String>, FirewallError> {
    let Some(text) = list(&["set", "inet", TABLE, NETWORKS])? else {
        return Ok(Vec::new());
    };
    let answer: Nftables<'static> = serde_json::from_str(&text).map_err(unreadable)?;
    let elements = answer.objects.iter().find_map(|object| match object {
        NfObject::ListObject(NfListObject::Set(set)) => set.elem.as_deref(),
        _ => None,
    });
    let names = elements.unwrap_or_default().iter();
    let names = names.filter_map(|element| match element {
        Expression::String(name) => Some(name.to_string()),
        _ => None,
    });
    Ok(names.collect())
}

/// The description of an object; `None` if there is no such thing.
fn list(what: &[&str]) -> Result<Option<String>, FirewallError> {
    let args: Vec<&str> = ["-j", "list"].iter().chain(what).copied().collect();
    let output = run::run("nft", "nftables", &args, b"")?;
    if output.status.success() {
        return Ok(Some(String::from_utf8_lossy(&output.stdout).into_owned()));
    }
    let message = run::complaint(&output);
    if message.contains("No such file or directory") {
        return Ok(None);
    }
    Err(failed("look for rules", message))
}

/// Carries out commands in one transaction.
pub(super) fn replace(commands: Vec<NfObject<'static>>) -> Result<(), FirewallError> {
    let batch = Nftables {
        objects: commands.into(),
    };
    let batch = serde_json::to_vec(&batch).map_err(unreadable)?;
    let output: Output = run::run("nft", "nftables", &["-j", "-f", "-"], &batch)?;
    if output.status.success() {
        return Ok(());
    }
    let message = run::complaint(&output);
    Err(failed("set up table inet netbridge", message))
}

const fn failed(action: &'static str, message: String) -> FirewallError {
    FirewallError::Nft { action, message }
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "is given to map_err, which passes a value"
)]
fn unreadable(error: serde_json::Error) -> FirewallError {
    FirewallError::Answer {
        reason: error.to_string(),
    }
}
