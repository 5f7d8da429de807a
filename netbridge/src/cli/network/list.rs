//! `netbridge network ls` and `inspect`.

use anyhow::Result;

use super::{UsageError, note};
use crate::{
    network::{self, Network, Networks},
    output::{self, InspectView, ListView, render},
};

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// Only those that match: driver=, name=, id=, label=, scope=, type= or dangling=.
    #[arg(long, short, value_name = "KEY=VALUE")]
    filter: Vec<String>,
    /// A Go template for each, `table` and one, or `json`.
    #[arg(long)]
    format: Option<String>,
    /// Ids alone.
    #[arg(long, short)]
    quiet: bool,
    /// Whole ids.
    #[arg(long)]
    no_trunc: bool,
}

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct InspectArgs {
    /// The networks.
    #[arg(value_name = "NETWORK", required = true)]
    networks: Vec<String>,
    /// A Go template for each, or `json`.
    #[arg(long, short)]
    format: Option<String>,
    /// As `docker network inspect --verbose`, which tells more of services alone.
    #[arg(long, short, hide = true)]
    verbose: bool,
}

pub(super) fn run(args: &Args, json: bool) -> Result<()> {
    let mut networks = Networks::look()?;
    if networks.is_empty() && !json && !args.quiet {
        note(
            "none yet; the first `network create`, `connect` or `run`, or `serve`, makes bridge, host and none",
        );
    }
    for filter in &args.filter {
        let wanted = matcher(filter)?;
        networks.retain(wanted);
    }
    networks.sort_by(|one, other| one.label().cmp(other.label()));
    let views: Vec<ListView> = networks
        .iter()
        .map(|n| ListView::of(n, args.no_trunc))
        .collect();
    if json {
        return output::say(serde_json::to_string(&views)?);
    }
    if args.quiet {
        return views.iter().try_for_each(|view| output::say(&view.id));
    }
    match args.format.as_deref() {
        None => output::say(output::networks(&views)),
        Some(format) => {
            let text = render::each(format, &views).map_err(UsageError)?;
            text.iter().try_for_each(output::say)
        }
    }
}

/// What a filter wants of a network.
fn matcher(filter: &str) -> Result<impl FnMut(&Network) -> bool + use<>, UsageError> {
    let bad = |reason: &str| UsageError(format!("filter `{filter}`: {reason}"));
    let (key, value) = filter
        .split_once('=')
        .ok_or_else(|| bad("write it as driver=bridge"))?;
    let known = ["driver", "name", "id", "label", "scope", "type", "dangling"];
    if !known.contains(&key) {
        return Err(bad(&format!("unknown; there are {}", known.join(", "))));
    }
    let (key, value) = (key.to_owned(), value.to_owned());
    Ok(move |network: &Network| {
        let predefined = ["bridge", "host", "none"].contains(&network.name.as_str());
        match key.as_str() {
            "driver" => network.driver.name() == value,
            "name" => network.label().contains(&value),
            "id" => network.id.starts_with(&value),
            "label" => match value.split_once('=') {
                Some((key, value)) => network.labels.get(key).is_some_and(|has| has == value),
                None => network.labels.contains_key(&value),
            },
            "scope" => value == "local",
            "type" => value == if predefined { "builtin" } else { "custom" },
            _ => (value == "true" || value == "1") == (network.endpoints.is_empty() && !predefined),
        }
    })
}

pub(super) fn inspect(args: &InspectArgs) -> Result<()> {
    // Who may put right what containers left that are gone does so first; who may not sees what is written.
    let networks = match Networks::open() {
        Ok(mut networks) => {
            networks.take_said().iter().for_each(|line| note(line));
            networks.all().to_vec()
        }
        Err(_) => Networks::look()?,
    };
    let mut views = Vec::new();
    let mut missing = None;
    for name in &args.networks {
        match network::find(&networks, name) {
            Ok(network) => views.push(InspectView::of(network)),
            Err(error) => drop(missing.get_or_insert(error)),
        }
    }
    match args.format.as_deref() {
        None => output::say(render::pretty(&views)?)?,
        Some(format) => {
            let text = render::each(format, &views).map_err(UsageError)?;
            text.iter().try_for_each(output::say)?;
        }
    }
    missing.map_or(Ok(()), |error| Err(error.into()))
}
