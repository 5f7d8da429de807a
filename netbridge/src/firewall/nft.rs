//! What the program `nft` is asked for, in JSON.

use std::process::Output;

use nftables::{
    expr::Expression,
    schema::{NfListObject, NfObject, Nftables},
    types::NfFamily,
};

use super::{FirewallError, run, table::NETWORKS, words::TABLE};

/// The table that `iptables` and `ip6tables` keep their rules in.
const FILTER: &str = "filter";

/// What there is already.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Whether netbridge's table is there.
    pub(super) has_table: bool,
    /// The interfaces of the networks in it.
    pub(super) networks: Vec<String>,
    /// Whether `iptables` may have rules that filter.
    pub(super) filter4: bool,
    /// Whether `ip6tables` may have rules that filter.
    pub(super) filter6: bool,
}

/// Looks at what there is; changes nothing.
pub(super) fn found() -> Result<Found, FirewallError> {
    let mut found = Found {
        filter4: has_legacy("ip_tables_names"),
        filter6: has_legacy("ip6_tables_names"),
        ..Found::default()
    };
    for object in list(&["tables"])? {
        if let NfListObject::Table(table) = object {
            match table.family {
                NfFamily::INet if table.name == TABLE => found.has_table = true,
                NfFamily::IP if table.name == FILTER => found.filter4 = true,
                NfFamily::IP6 if table.name == FILTER => found.filter6 = true,
                _ => {}
            }
        }
    }
    if found.has_table {
        found.networks = networks()?;
    }
    Ok(found)
}

/// Says whether the iptables of before nftables filter; asking them would make them begin to.
fn has_legacy(file: &str) -> bool {
    // Of this thread: /proc/net is that of the process.
    let names = std::fs::read_to_string(format!("/proc/thread-self/net/{file}"));
    names.is_ok_and(|names| names.lines().any(|name| name == FILTER))
}

fn networks() -> Result<Vec<String>, FirewallError> {
    let sets = list(&["sets", "table", "inet", TABLE])?;
    let elements = sets.into_iter().find_map(|object| match object {
        NfListObject::Set(set) if set.name == NETWORKS => set.elem,
        _ => None,
    });
    let names = elements.iter().flat_map(|elements| elements.iter());
    Ok(names
        .filter_map(|element| match element {
            Expression::String(name) => Some(name.to_string()),
            _ => None,
        })
        .collect())
}

fn list(what: &[&str]) -> Result<Vec<NfListObject<'static>>, FirewallError> {
    let args: Vec<&str> = ["-j", "list"].iter().chain(what).copied().collect();
    let output = nft("list nftables", &args, b"")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let answer: Nftables<'static> = serde_json::from_str(&text).map_err(unreadable)?;
    let objects = answer.objects.into_owned().into_iter();
    Ok(objects
        .filter_map(|object| match object {
            NfObject::ListObject(object) => Some(object),
            NfObject::CmdObject(_) => None,
        })
        .collect())
}

/// Carries out commands in one transaction.
pub(super) fn replace(commands: Vec<NfObject<'static>>) -> Result<(), FirewallError> {
    let batch = Nftables {
        objects: commands.into(),
    };
    let batch = serde_json::to_vec(&batch).map_err(unreadable)?;
    nft("set up table inet netbridge", &["-j", "-f", "-"], &batch).map(drop)
}

fn nft(action: &'static str, args: &[&str], input: &[u8]) -> Result<Output, FirewallError> {
    let output = run::run("nft", "nftables", args, input)?;
    if output.status.success() {
        return Ok(output);
    }
    let message = run::complaint(&output);
    Err(FirewallError::Nft { action, message })
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
