//! Containers: network namespaces, however they are named.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use super::NetworkError;
use crate::net::Netns;

/// Where namespaces have names.
pub(super) const NAMED: &str = "/run/netns";

/// A network namespace that can be on a network.
#[derive(Clone, Debug)]
pub struct Container {
    /// What people call it.
    pub name: String,
    /// Its id, where an engine gave it one.
    pub id: Option<String>,
    /// The file of its namespace.
    pub path: PathBuf,
    /// Its namespace.
    pub netns: Netns,
}

impl Container {
    /// The container that `text` means: a name under `/run/netns`, a path, the id of a process, or the name
    /// or id that Docker knows it by.
    pub fn find(text: &str) -> Result<Self, NetworkError> {
        let bad = |reason: String| NetworkError::Container {
            name: text.to_owned(),
            reason,
        };
        if text.is_empty() {
            return Err(bad(
                "has no name; give one under /run/netns, a path, a process id, or one of Docker's"
                    .to_owned(),
            ));
        }
        let open = |path: PathBuf, name: String, id| {
            let netns = Netns::open(&path).map_err(|error| bad(error.to_string()))?;
            let current = Netns::current()?;
            if netns == current {
                return Err(bad(
                    "is in the host's own network; give a container with one of its own".to_owned(),
                ));
            }
            Ok(Self {
                name,
                id,
                path,
                netns,
            })
        };
        if text.contains('/') {
            let path = Path::new(text);
            let name = path
                .file_name()
                .map(|name| name.to_string_lossy().into_owned());
            return open(path.to_owned(), name.unwrap_or_default(), None);
        }
        let named = Path::new(NAMED).join(text);
        if named.exists() {
            return open(named, text.to_owned(), None);
        }
        let of_process = |pid: &str| PathBuf::from(format!("/proc/{pid}/ns/net"));
        if text.bytes().all(|byte| byte.is_ascii_digit()) && of_process(text).exists() {
            return open(of_process(text), format!("pid-{text}"), None);
        }
        match inspect(text) {
            Some((pid, id, name)) if pid != "0" => open(of_process(&pid), name, Some(id)),
            Some(_) => Err(bad("does not run; start it with `docker start`".to_owned())),
            None => Err(bad(
                "not found: no namespace under /run/netns, no process, and no container of Docker's has that name"
                    .to_owned(),
            )),
        }
    }
}

/// Asks Docker for a container's process, id and name.
fn inspect(name: &str) -> Option<(String, String, String)> {
    let output = Command::new("docker")
        .args([
            "container",
            "inspect",
            "--format",
            "{{.State.Pid}} {{.Id}} {{.Name}}",
            "--",
            name,
        ])
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let mut words = text.split_whitespace();
    let (pid, id, name) = (words.next()?, words.next()?, words.next()?);
    Some((
        pid.to_owned(),
        id.to_owned(),
        name.trim_start_matches('/').to_owned(),
    ))
}
