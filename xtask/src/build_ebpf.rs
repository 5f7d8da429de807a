//! Runs cargo a second time, inside the outer build, for the eBPF programs alone.

use std::{
    env,
    ffi::{OsStr, OsString},
    io::{self, Write as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::{
    error::Error,
    toolchain::{Core, Toolchain, bpf_target},
};

const PACKAGE: &str = "netbridge-ebpf";

/// Builds the eBPF objects of `workspace` with all that cargo makes under `out_dir`, and returns
/// the folder that holds them, each under the name of its binary target.
///
/// Prints nothing, except what the inner build had to say if it fails.
pub fn build_ebpf(workspace: &Path, out_dir: &Path) -> Result<PathBuf, Error> {
    let toolchain = Toolchain::detect()?;
    build_with(&toolchain, workspace, out_dir)
}

pub(crate) fn build_with(
    toolchain: &Toolchain,
    workspace: &Path,
    out_dir: &Path,
) -> Result<PathBuf, Error> {
    // A folder of its own: the outer cargo holds the lock of its own target folder.
    let target_dir = out_dir.join("ebpf-target");
    let mut cargo = cargo(toolchain);
    cargo
        .current_dir(workspace)
        .args(["build", "--release", "--package", PACKAGE, "--bins"])
        .args(["--features", "bpf", "--target", bpf_target()])
        .arg("--target-dir")
        .arg(&target_dir);
    if workspace.join("Cargo.lock").is_file() {
        cargo.arg("--locked");
    }
    if toolchain.rustc.core == Core::Source {
        cargo.args(["-Z", "build-std=core"]);
    }
    let output = cargo.output().map_err(|source| Error::Io {
        verb: "run",
        path: PathBuf::from(cargo.get_program()),
        source,
    })?;
    if !output.status.success() {
        // Nothing better can be done if stderr is closed: the status is reported in any case.
        drop(io::stderr().write_all(&output.stderr));
        return Err(Error::Build {
            status: output.status.to_string(),
        });
    }
    Ok(target_dir.join(bpf_target()).join("release"))
}

/// A cargo which uses the toolchain and knows nothing of the build around it.
fn cargo(toolchain: &Toolchain) -> Command {
    let outer = env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let program = match (toolchain.rustc.core, &toolchain.rustc.cargo) {
        (Core::Source, Some(cargo)) => cargo.clone().into_os_string(),
        _ => outer,
    };
    let mut cargo = Command::new(program);
    for (name, _) in env::vars_os() {
        if belongs_to_outer_build(&name) {
            cargo.env_remove(name);
        }
    }
    cargo
        .env("RUSTC", &toolchain.rustc.path)
        .env("CARGO_ENCODED_RUSTFLAGS", rustflags(&toolchain.linker.path))
        .stdin(Stdio::null());
    if toolchain.rustc.core == Core::Prebuilt {
        // A stable compiler must let these two crates, and no others, use unstable features.
        cargo.env("RUSTC_BOOTSTRAP", "aya_ebpf,netbridge_ebpf");
    }
    cargo
}

/// Whether a variable comes from the outer cargo, rustup or clippy, or was meant for the host's
/// code, such as flags and wrappers of the compiler.
fn belongs_to_outer_build(name: &OsStr) -> bool {
    const USERS_OWN: [&str; 6] = [
        "CARGO_HOME",
        "CARGO_HTTP_",
        "CARGO_NET_",
        "CARGO_REGISTR",
        "CARGO_SOURCE_",
        "CARGO_TERM_",
    ];
    const OUTER: [&str; 10] = [
        "CARGO",
        "CLIPPY_",
        "MAKEFLAGS",
        "MFLAGS",
        "RUSTC",
        "RUSTDOC",
        "RUSTFLAGS",
        "RUSTUP_TOOLCHAIN",
        "__CARGO",
        "OUT_DIR",
    ];
    let name = name.to_string_lossy();
    let starts = |prefix: &&str| name.starts_with(*prefix);
    OUTER.iter().any(starts) && !USERS_OWN.iter().any(starts)
}

fn rustflags(linker: &Path) -> OsString {
    let arch = env::var("CARGO_CFG_TARGET_ARCH").unwrap_or_else(|_| env::consts::ARCH.to_owned());
    // The separator is the one that cargo documents: paths may hold spaces.
    let mut flags = OsString::from(format!(
        "--cfg=bpf_target_arch=\"{arch}\"\x1f-Cdebuginfo=2\x1f-Clink-arg=--btf\x1f\
         -Ctarget-cpu=v3\x1f-Clinker="
    ));
    flags.push(linker);
    flags
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_outer_build_does_not_leak_in() {
        for name in [
            "RUSTC",
            "RUSTC_WORKSPACE_WRAPPER",
            "RUSTFLAGS",
            "CARGO_TARGET_DIR",
        ] {
            assert!(belongs_to_outer_build(OsStr::new(name)), "{name}");
        }
        for name in [
            "CARGO_BUILD_TARGET",
            "CARGO_MAKEFLAGS",
            "CARGO_PROFILE_RELEASE_LTO",
        ] {
            assert!(belongs_to_outer_build(OsStr::new(name)), "{name}");
        }
        for name in [
            "CARGO_HOME",
            "CARGO_NET_OFFLINE",
            "PATH",
            "RUSTUP_HOME",
            "HOME",
        ] {
            assert!(!belongs_to_outer_build(OsStr::new(name)), "{name}");
        }
    }

    #[test]
    fn the_linker_is_one_flag_whatever_its_path() {
        let flags = rustflags(Path::new("/a b/bpf-linker"));
        let flags = flags.to_string_lossy();
        assert_eq!(flags.split('\x1f').count(), 5, "{flags}");
        assert!(flags.ends_with("-Clinker=/a b/bpf-linker"), "{flags}");
    }
}
