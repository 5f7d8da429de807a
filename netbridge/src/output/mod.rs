//! What commands print: views with stable JSON fields, and tables of them.
#![expect(clippy::print_stdout, reason = "this is where output goes out")]

mod table;
mod view;

use anyhow::Result;
use serde::Serialize;

pub use self::{
    table::{CLEAR, bridges, fdb, port_added, ports, stats},
    view::{BridgeView, FdbView, PortView},
};

/// Prints `views` as one JSON array, or as `table` shows them.
pub fn print<T: Serialize>(
    views: &[T],
    json: bool,
    table: impl FnOnce(&[T]) -> String,
) -> Result<()> {
    if json {
        println!("{}", serde_json::to_string(views)?);
    } else {
        println!("{}", table(views));
    }
    Ok(())
}
