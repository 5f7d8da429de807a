//! `cargo xtask test`: all that is checked before a change goes in, the cheap before the dear.

use std::process::ExitCode;

use anyhow::{Result, bail};

use crate::{
    cargo::build_netbridge,
    cmd::{docker, lint, setup, suites::Suites, verify, vm},
    report::Report,
    root::Root,
};

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Run only the tests whose names contain this
    filter: Option<String>,
}

pub(crate) fn run(options: &Options) -> ExitCode {
    let mut report = Report::default();
    let ready = report.step("setup", setup::ensure).is_some();
    report.step("lint", || lint::run(&lint::Options {}));
    if ready && let Some(netbridge) = report.step("build", || build_netbridge(false)) {
        let root = Root::of_this_process();
        report.step("verify", || match root {
            Root::Own | Root::QuietSudo => verify::verify(root, &netbridge),
            Root::Sudo | Root::Never => skip("the verifier check"),
        });
        // Elsewhere the tests that need these say how to get them, and are skipped.
        let kernel = report.step("vm", || vm::ensure(is_ci())).flatten();
        report.step("docker", || docker::ensure(is_ci()));
        let suites = Suites {
            netbridge,
            kernel,
            filter: options.filter.clone(),
            root,
            strict: is_ci(),
        };
        if let Some(counts) = report.step("test", || suites.run()) {
            report.add(counts);
        }
    }
    report.finish()
}

/// Says that something which needs root is left out; in continuous integration that is an error.
pub(crate) fn skip(what: &str) -> Result<()> {
    let text = format!("{what} needs root, or a sudo that asks for no password");
    if is_ci() {
        bail!("run as root: {text}");
    }
    eprintln!("SKIPPED: {text}");
    Ok(())
}

fn is_ci() -> bool {
    std::env::var_os("CI").is_some_and(|ci| ci == "true")
}
