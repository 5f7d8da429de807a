//! Builds the eBPF object and leaves it where the datapath module embeds it from.

use std::{env, path::Path, process::ExitCode};

fn main() -> ExitCode {
    let out_dir = env::var_os("OUT_DIR").unwrap_or_default();
    match xtask::embed(Path::new(&out_dir)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("cargo::error={error}");
            ExitCode::FAILURE
        }
    }
}
