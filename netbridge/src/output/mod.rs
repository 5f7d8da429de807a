//! What commands print: views with stable JSON fields, and tables of them.

mod binding;
mod limit;
mod mdb;
mod mirror;
mod network;
mod settings;
mod table;
mod view;

use std::{
    fmt::Display,
    io::{IsTerminal as _, Write as _, stdout},
};

use anyhow::{Context as _, Result};
use serde::Serialize;

pub use self::{
    binding::{BindingView, bindings},
    limit::LimitsView,
    mdb::{MdbView, MemberView, QuerierView, RouterView, mdb},
    mirror::{MirrorView, mirrors},
    network::{
        ConfigFrom, ContainerView, InspectView, IpamView, ListView, SubnetView, networks, render,
    },
    table::{bridges, fdb, port_added, ports, stats, vlans},
    view::{BridgeView, FdbView, PortView, VlanMember, VlanView},
};

/// Prints `views` as one JSON array, or as `table` shows them.
pub fn print<T: Serialize>(
    views: &[T],
    json: bool,
    table: impl FnOnce(&[T]) -> String,
) -> Result<()> {
    if json {
        say(serde_json::to_string(views)?)?;
    } else {
        say(table(views))?;
    }
    Ok(())
}

/// Prints a line; fails where nobody reads it any more, so that a command can end in order.
pub fn say(line: impl Display) -> Result<()> {
    writeln!(stdout().lock(), "{line}").context("write to standard output")
}

/// Text that is replaced by newer text: in place on a terminal, line after line elsewhere.
#[derive(Debug, Default)]
pub struct Redraw {
    /// Lines that stand on the terminal.
    lines: usize,
}

impl Redraw {
    /// Shows `text` in the place of what was shown before.
    pub fn show(&mut self, text: &str) -> Result<()> {
        self.erase()?;
        self.lines = text.lines().count();
        say(text)
    }

    /// Removes what was shown, where it is on a terminal.
    pub fn erase(&mut self) -> Result<()> {
        let lines = std::mem::take(&mut self.lines);
        if lines > 0 && stdout().is_terminal() {
            // Up to the first line, and clear from there.
            write!(stdout().lock(), "\x1b[{lines}A\x1b[J").context("write to standard output")?;
        }
        Ok(())
    }
}
