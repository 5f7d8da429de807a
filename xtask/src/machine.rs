//! The questions that the search for a toolchain asks of the machine, so that a test can answer them.

use std::{
    env,
    ffi::OsString,
    fs::{self, File},
    io::Read as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// What the search for a toolchain may look at.
pub(crate) trait Machine {
    /// The value of an environment variable, if it is set to something.
    fn var(&self, name: &str) -> Option<OsString>;
    /// Whether this is a file.
    fn is_file(&self, path: &Path) -> bool;
    /// The names of a folder's entries; none if it is not there.
    fn entries(&self, dir: &Path) -> Vec<OsString>;
    /// The first `limit` bytes of a file.
    fn head(&self, path: &Path, limit: u64) -> Vec<u8>;
    /// What a program prints, if it ends well.
    fn output(&self, program: &Path, args: &[&str]) -> Option<String>;

    /// Every file of this name in the folders of `PATH`, in their order.
    fn on_path(&self, name: &str) -> Vec<PathBuf> {
        let path = self.var("PATH").unwrap_or_default();
        let mut found = Vec::new();
        for dir in env::split_paths(&path) {
            let file = dir.join(name);
            if self.is_file(&file) && !found.contains(&file) {
                found.push(file);
            }
        }
        found
    }
}

/// The machine this runs on.
pub(crate) struct ThisMachine;

impl Machine for ThisMachine {
    fn var(&self, name: &str) -> Option<OsString> {
        env::var_os(name).filter(|value| !value.is_empty())
    }

    fn is_file(&self, path: &Path) -> bool {
        path.is_file()
    }

    fn entries(&self, dir: &Path) -> Vec<OsString> {
        let Ok(entries) = fs::read_dir(dir) else {
            return Vec::new();
        };
        entries.flatten().map(|entry| entry.file_name()).collect()
    }

    fn head(&self, path: &Path, limit: u64) -> Vec<u8> {
        let mut bytes = Vec::new();
        let read = File::open(path).and_then(|file| file.take(limit).read_to_end(&mut bytes));
        if read.is_err() {
            bytes.clear();
        }
        bytes
    }

    fn output(&self, program: &Path, args: &[&str]) -> Option<String> {
        let output = Command::new(program)
            .args(args)
            // A look must never make rustup download a toolchain, nor ask the one of the outer build.
            .env("RUSTUP_AUTO_INSTALL", "0")
            .env_remove("RUSTUP_TOOLCHAIN")
            .stdin(Stdio::null())
            .output()
            .ok()?;
        if !output.status.success() {
            return None;
        }
        String::from_utf8(output.stdout).ok()
    }
}
