//! The image of the containers, from the machine's own busybox: no registry is needed.

use std::{fs, os::unix::fs::symlink, path::Path, process::Command};

use super::{BUSYBOX, Engine};
use crate::vm::libraries;

/// The image that every engine has: busybox under all its names, with an empty `/www`.
///
/// With `-T`, the `wget` of Debian 12 crashes.
pub const IMAGE: &str = "busybox";

/// What the image is made from, in the host's `/run`.
const CONTEXT: &str = "/run/engine/image";

/// A container that is stopped is not to wait for programs that ignore SIGTERM as first process.
const DOCKERFILE: &str = "FROM scratch\nCOPY root /\nSTOPSIGNAL SIGKILL\nCMD [\"sh\"]\n";

/// Makes the image.
pub(super) fn build(engine: &Engine<'_>) {
    engine.host.run(lay_out);
    engine.docker_ok(&["build", "--quiet", "--tag", IMAGE, CONTEXT]);
    engine.host.run(|| {
        fs::remove_dir_all(CONTEXT).expect("remove what the image was made from");
    });
}

/// Writes the image's files: busybox under all of its names, and the libraries it is linked with.
fn lay_out() {
    let context = Path::new(CONTEXT);
    let root = context.join("root");
    for dir in ["bin", "etc", "tmp", "www"] {
        fs::create_dir_all(root.join(dir)).expect("create a folder");
    }
    fs::write(context.join("Dockerfile"), DOCKERFILE).expect("write the Dockerfile");
    fs::copy(BUSYBOX, root.join("bin/busybox")).expect("copy busybox");
    for name in applets().lines().filter(|name| *name != "busybox") {
        symlink("busybox", root.join("bin").join(name)).expect("link a name of busybox");
    }
    if is_dynamic() {
        for library in libraries(Path::new(BUSYBOX)) {
            let to = root.join(library.strip_prefix("/").unwrap_or(&library));
            fs::create_dir_all(to.parent().expect("a folder")).expect("create a folder");
            fs::copy(&library, to).expect("copy a library");
        }
    }
}

fn applets() -> String {
    let output = Command::new(BUSYBOX).arg("--list").output();
    let output = output.expect("ask busybox what it is");
    String::from_utf8(output.stdout).expect("names in ASCII")
}

/// Whether busybox needs libraries; `ldd` fails for a program that needs none.
fn is_dynamic() -> bool {
    let ldd = Command::new("ldd").arg(BUSYBOX).output();
    ldd.expect("run ldd").status.success()
}
