//! What netbridge's build script does: leave the eBPF object where the crate embeds it from.

#![expect(
    clippy::print_stdout,
    reason = "a build script speaks to cargo on stdout"
)]

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use crate::{
    build_ebpf::build_with,
    error::Error,
    toolchain::{LINKER_VAR, RUSTC_VAR, Toolchain},
};

/// Binary targets of the eBPF crate, and the file names of their objects in `OUT_DIR`.
pub const OBJECTS: [(&str, &str); 2] = [
    ("netbridge-ebpf", "netbridge.bpf.o"),
    ("netbridge-bench", "netbridge-bench.bpf.o"),
];
/// The variable that, set to 1, makes an empty file of each object: enough to check and to document.
pub const SKIP: &str = "NETBRIDGE_SKIP_EBPF";

/// Builds the eBPF objects, or their stubs, and leaves them in `out_dir` as [`OBJECTS`] names them.
///
/// To be called by a build script of a member of the workspace; tells cargo when to run it again.
pub fn embed(out_dir: &Path) -> Result<(), Error> {
    for var in [SKIP, RUSTC_VAR, LINKER_VAR] {
        println!("cargo::rerun-if-env-changed={var}");
    }
    if env::var_os(SKIP).is_some_and(|skip| skip == "1") {
        // Cargo would watch the whole package if no file were named.
        println!("cargo::rerun-if-changed=build.rs");
        for (_, name) in OBJECTS {
            let object = out_dir.join(name);
            fs::write(&object, []).map_err(io_error("write", &object))?;
        }
        return Ok(());
    }
    let workspace = workspace()?;
    let toolchain = Toolchain::detect()?;
    emit_rerun(&workspace, &toolchain);
    let built = build_with(&toolchain, &workspace, out_dir)?;
    for (target, name) in OBJECTS {
        let from = built.join(target);
        fs::copy(&from, out_dir.join(name)).map_err(io_error("copy", &from))?;
    }
    Ok(())
}

fn workspace() -> Result<PathBuf, Error> {
    const VAR: &str = "CARGO_MANIFEST_DIR";
    let manifest_dir = env::var_os(VAR).ok_or(Error::Variable(VAR))?;
    let parent = Path::new(&manifest_dir).parent();
    Ok(parent.ok_or(Error::Variable(VAR))?.to_path_buf())
}

/// Tells cargo that the object depends on the eBPF crate, on what it uses, and on the toolchain.
fn emit_rerun(workspace: &Path, toolchain: &Toolchain) {
    let sources = [
        "netbridge-ebpf",
        "netbridge-common/src",
        "netbridge-common/Cargo.toml",
        "Cargo.toml",
        "Cargo.lock",
    ];
    let sources = sources.map(|source| workspace.join(source));
    // Cargo takes a file that is not there for one that always changes.
    let sources = sources.iter().filter(|source| source.exists());
    let tools = [&toolchain.rustc.path, &toolchain.linker.path];
    for path in sources.chain(tools) {
        println!("cargo::rerun-if-changed={}", path.display());
    }
}

fn io_error(verb: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Error {
    let path = path.to_path_buf();
    move |source| Error::Io { verb, path, source }
}
