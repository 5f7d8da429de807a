//! What an engine leaves on the machine, which is to be nothing.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::MARK;

/// The name by which all that belongs to one engine can be found.
#[derive(Clone, Debug)]
pub struct Trace(String);

impl Trace {
    /// Of the engine with this name, as [`Trace::id`] says it.
    pub fn of(id: impl Into<String>) -> Self {
        Self(id.into())
    }

    /// The engine's name.
    pub fn id(&self) -> &str {
        &self.0
    }

    /// The engine's processes and cgroups that are there, one a line.
    pub fn left(&self) -> Vec<String> {
        let mut left = Vec::new();
        for entry in fs::read_dir("/proc").expect("read /proc").flatten() {
            let process = entry.path();
            if self.owns(&process) {
                let name = fs::read_to_string(process.join("comm")).unwrap_or_default();
                left.push(format!("{} {}", process.display(), name.trim_end()));
            }
        }
        self.cgroups(&PathBuf::from("/sys/fs/cgroup"), 2, &mut left);
        left
    }

    /// Whether a process is the keeper or the engine, which name it, was started by the engine,
    /// which hands its environment on, or is in a container.
    fn owns(&self, process: &Path) -> bool {
        let says = |file: &str, what: &str| {
            // One that ends while it is looked at is not there.
            let text = fs::read(process.join(file)).unwrap_or_default();
            text.windows(what.len())
                .any(|part| part == what.as_bytes())
                .then_some(())
        };
        let number = process.file_name().unwrap_or_default().to_string_lossy();
        let is_process = number.bytes().all(|byte| byte.is_ascii_digit());
        let mark = format!("{MARK}={}\0", self.0);
        is_process
            && says("cmdline", &format!("{}\0", self.0))
                .or_else(|| says("environ", &mark))
                .or_else(|| says("cgroup", &format!("/{}/", self.0)))
                .is_some()
    }

    fn cgroups(&self, dir: &Path, depth: u32, left: &mut Vec<String>) {
        for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
            if entry.file_name() == self.0.as_str() {
                left.push(entry.path().display().to_string());
            } else if depth > 1 && entry.path().is_dir() {
                self.cgroups(&entry.path(), depth - 1, left);
            }
        }
    }
}
