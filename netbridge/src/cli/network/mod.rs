//! `netbridge network`.

mod create;
mod list;
mod member;

use std::io::{BufRead as _, IsTerminal as _, Write as _};

use anyhow::{Result, bail};
use clap::Subcommand;

use super::UsageError;
use crate::{
    network::{Driver, Networks},
    output,
};

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Make a network; prints its id.
    #[command(after_help = create::after_help())]
    Create(Box<create::Args>),
    /// List networks.
    #[command(
        visible_alias = "list",
        after_help = "Example:\n  netbridge network ls --filter driver=bridge"
    )]
    Ls(list::Args),
    /// Show networks whole, and the containers on them.
    #[command(
        after_help = "Examples:\n  netbridge network inspect bridge\n  netbridge network inspect bridge --format '{{range .IPAM.Config}}{{.Subnet}}{{end}}'"
    )]
    Inspect(list::InspectArgs),
    /// Put a container on a network.
    #[command(
        after_help = "A container is a name under /run/netns, a path, a process id, or a name of Docker's.

Examples:
  netbridge network connect web b1
  netbridge network connect web b1 --ip 172.18.0.9 -p 8080:80"
    )]
    Connect(member::ConnectArgs),
    /// Take a container off a network.
    #[command(after_help = "Example:\n  netbridge network disconnect web b1")]
    Disconnect {
        /// The network.
        network: String,
        /// The container.
        container: String,
        /// Be content where it is not on the network.
        #[arg(long, short)]
        force: bool,
    },
    /// Remove networks that no container is on.
    #[command(
        visible_alias = "remove",
        after_help = "Example:\n  netbridge network rm web"
    )]
    Rm {
        /// The networks.
        #[arg(value_name = "NETWORK", required = true)]
        networks: Vec<String>,
        /// Also one that is always there or Docker's, and be content where there is none.
        #[arg(long, short)]
        force: bool,
    },
    /// Remove all networks that no container is on, but for those that are always there.
    #[command(after_help = "Example:\n  netbridge network prune --force")]
    Prune {
        /// Do not ask.
        #[arg(long, short)]
        force: bool,
    },
    /// Run a command in a fresh namespace on a network, to its end.
    #[command(after_help = "Examples:
  netbridge network run bridge --name b1 -- busybox httpd -f -p 80
  netbridge network run bridge --name b2 -p 8080:80 -- busybox httpd -f -p 80
  netbridge network run none -- ip addr")]
    Run(member::RunArgs),
}

/// Runs a verb; returns the exit code of what it ran.
pub(super) fn run(verb: Verb, json: bool) -> Result<u8> {
    match verb {
        Verb::Create(args) => create::run(&args, json)?,
        Verb::Ls(args) => list::run(&args, json)?,
        Verb::Inspect(args) => list::inspect(&args)?,
        Verb::Connect(args) => member::connect(&args)?,
        Verb::Disconnect {
            network,
            container,
            force,
        } => disconnect(&network, &container, force)?,
        Verb::Rm { networks, force } => remove(&networks, force)?,
        Verb::Prune { force } => prune(force, json)?,
        Verb::Run(args) => return member::run(&args),
    }
    Ok(0)
}

/// Tells the user what was done besides, on standard error.
#[expect(clippy::print_stderr, reason = "a command speaks to its user")]
fn note(line: &str) {
    eprintln!("netbridge: note: {line}");
}

/// Opens the networks, does something, and tells what was done besides, also where it failed.
fn change<T>(
    act: impl FnOnce(&mut Networks) -> Result<T, crate::network::NetworkError>,
) -> Result<T> {
    let mut networks = Networks::open()?;
    let outcome = act(&mut networks);
    networks.take_said().iter().for_each(|line| note(line));
    Ok(outcome?)
}

fn disconnect(network: &str, container: &str, force: bool) -> Result<()> {
    use crate::network::NetworkError;
    change(
        |networks| match networks.disconnect(network, container, force) {
            Err(NetworkError::Container { .. }) if force => Ok(()),
            outcome => outcome,
        },
    )
}

fn remove(names: &[String], force: bool) -> Result<()> {
    use crate::network::NetworkError;
    let mut first = None;
    for name in names {
        match change(|networks| networks.remove(name, force)) {
            Ok(removed) => output::say(removed)?,
            Err(error) => {
                let missing = error
                    .downcast_ref::<NetworkError>()
                    .is_some_and(|error| matches!(error, NetworkError::NotFound { .. }));
                if !(missing && force) {
                    match first {
                        None => first = Some(error),
                        Some(_) => note(&format!("{error:#}")),
                    }
                }
            }
        }
    }
    first.map_or(Ok(()), Err)
}

fn prune(force: bool, json: bool) -> Result<()> {
    if !force && !agreed()? {
        bail!("prune: nothing removed; agree with y, or give --force");
    }
    let names = change(Networks::prune)?;
    if json {
        return output::say(serde_json::json!({ "NetworksDeleted": names }));
    }
    if names.is_empty() {
        return Ok(());
    }
    output::say(format!("Deleted Networks:\n{}", names.join("\n")))
}

fn agreed() -> Result<bool> {
    let mut stderr = std::io::stderr().lock();
    write!(
        stderr,
        "WARNING! This removes all networks that no container is on.\nAre you sure you want to continue? [y/N] "
    )?;
    stderr.flush()?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    if !std::io::stdin().is_terminal() {
        writeln!(stderr)?;
    }
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

/// Reads a driver's name.
fn driver(name: &str) -> Result<Driver, UsageError> {
    let reason = match name {
        "bridge" => return Ok(Driver::Bridge),
        "macvlan" => return Ok(Driver::Macvlan),
        "host" | "none" | "null" => "there is one network of it, and it is there already",
        "overlay" => {
            "containers on several hosts are not yet possible; use bridge or macvlan on each"
        }
        _ => "unknown; there are bridge and macvlan",
    };
    Err(UsageError(format!("driver {name}: {reason}")))
}

/// Reads `KEY=VALUE`, or `KEY` alone.
fn pairs(texts: &[String]) -> std::collections::BTreeMap<String, String> {
    let pair = |text: &String| {
        let (key, value) = text.split_once('=').unwrap_or((text, ""));
        (key.to_owned(), value.to_owned())
    };
    texts.iter().map(pair).collect()
}
