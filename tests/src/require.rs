//! Whether a test can run here; one that cannot says so loudly instead of passing in silence.

use std::{env, fmt::Display, io::Write as _, thread};

use netbridge::datapath::kernel_features;
use nix::unistd::geteuid;

/// Set to `1`, it makes a test that cannot run fail. CI sets it.
pub const REQUIRE_ROOT: &str = "NETBRIDGE_REQUIRE_ROOT";

/// Leaves the test, with a `SKIP` line, unless it can load programs and make namespaces.
#[macro_export]
macro_rules! require_root {
    () => {
        if !$crate::require::ready() {
            return;
        }
    };
}

/// Leaves the test, with a `SKIP` line, unless `program` is in the path.
#[macro_export]
macro_rules! require_tool {
    ($program:expr) => {
        if !$crate::require::has_tool($program) {
            return;
        }
    };
}

/// Says whether programs can be loaded and namespaces made; where not, prints why.
pub fn ready() -> bool {
    missing().is_none_or(|reason| skip(&reason))
}

/// Says whether `program` is in the path; where not, prints that.
pub fn has_tool(program: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).any(|dir| dir.join(program).is_file())
        || skip(&format!("needs the program {program}"))
}

/// Says what a test is about to try; libtest shows it where the test fails.
pub fn note(what: impl Display) {
    eprintln!("{what}");
}

fn missing() -> Option<String> {
    if !geteuid().is_root() {
        return Some("needs root: `cargo xtask test` asks for it".to_owned());
    }
    kernel_features()
        .require()
        .err()
        .map(|error| error.to_string())
}

/// Prints the line past libtest's capture, so that it is seen although the test passes.
pub(crate) fn skip(reason: &str) -> bool {
    let thread = thread::current();
    let test = thread.name().unwrap_or("test");
    assert!(
        env::var_os(REQUIRE_ROOT).is_none_or(|value| value != "1"),
        "{REQUIRE_ROOT}=1, and {test} cannot run: {reason}"
    );
    writeln!(std::io::stderr(), "SKIP {test}: {reason}").expect("write to stderr");
    false
}
