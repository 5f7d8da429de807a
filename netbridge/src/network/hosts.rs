//! Names of containers, in the `hosts` files that containers see.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
};

use super::{Endpoint, NetworkError, Networks, container::NAMED};

/// Where `ip netns exec` finds files that a namespace sees in `/etc`.
const ETC: &str = "/etc/netns";
/// What is between these lines is netbridge's.
const BEGIN: &str = "# netbridge: containers on the same networks";
const END: &str = "# netbridge: end";

impl Networks {
    /// Makes the `hosts` file of a container that `network run` is about to start.
    pub(super) fn new_hosts(&self, endpoint: &Endpoint) -> Result<PathBuf, NetworkError> {
        let folder = self.store.hosts();
        let path = folder.join(&endpoint.container);
        let make = || -> io::Result<()> {
            fs::create_dir_all(&folder)?;
            let localhost = "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n";
            fs::write(&path, localhost)
        };
        make().map_err(|error| NetworkError::File {
            path: path.clone(),
            kind: error.kind(),
            reason: error.to_string(),
        })?;
        self.write_hosts();
        Ok(path)
    }

    /// Writes the names of containers into the `hosts` files of those that have one. What fails is said in
    /// the log: a container without names still has its network.
    pub(super) fn write_hosts(&self) {
        let all = self.endpoints();
        let containers: BTreeSet<&str> = all.map(|endpoint| endpoint.container.as_str()).collect();
        for container in containers {
            let files = self.files(container);
            if files.is_empty() {
                continue;
            }
            let names = self.names(container);
            for path in files {
                if let Err(error) = replace_block(&path, &names) {
                    tracing::warn!("{}: {error}", path.display());
                }
            }
        }
    }

    /// Takes the names out of the files of a container that is on no network any more.
    pub(super) fn forget_hosts(&self, gone: &Endpoint) {
        let mut all = self.endpoints();
        if all.any(|endpoint| endpoint.container == gone.container) {
            return;
        }
        if let Some(path) = etc_hosts(gone)
            && let Err(error) = replace_block(&path, "")
        {
            tracing::warn!("{}: {error}", path.display());
        }
        if let Err(error) = fs::remove_file(self.store.hosts().join(&gone.container))
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!("remove the hosts file of {}: {error}", gone.label());
        }
    }

    /// The files that a container sees names in, of those that are there.
    fn files(&self, container: &str) -> Vec<PathBuf> {
        let all = self.endpoints();
        let own = all.filter(|endpoint| endpoint.container == container);
        let mut files: BTreeSet<PathBuf> = own.filter_map(etc_hosts).collect();
        files.insert(self.store.hosts().join(container));
        files.into_iter().filter(|path| path.is_file()).collect()
    }

    /// The names that a container is told: of itself, and of those on its networks.
    fn names(&self, container: &str) -> String {
        let mut lines = BTreeSet::new();
        for network in &self.all {
            let endpoints = || network.endpoints.values();
            if !endpoints().any(|endpoint| endpoint.container == container) {
                continue;
            }
            for endpoint in endpoints().filter(|endpoint| !endpoint.name.is_empty()) {
                let line = |ip| format!("{ip}\t{}\n", endpoint.name);
                lines.extend(endpoint.addresses().map(line));
            }
        }
        lines.into_iter().collect()
    }
}

/// The `hosts` file that `ip netns exec` shows to a container with a named namespace.
fn etc_hosts(endpoint: &Endpoint) -> Option<PathBuf> {
    let netns = Path::new(endpoint.netns.as_deref()?);
    let name = netns.strip_prefix(NAMED).ok()?;
    let path = Path::new(ETC).join(name).join("hosts");
    path.is_file().then_some(path)
}

/// Writes `names` into a file in place of those that are there; in place, since it may be mounted elsewhere.
fn replace_block(path: &Path, names: &str) -> io::Result<()> {
    let before = fs::read_to_string(path)?;
    let after = with_block(&before, names);
    if after == before {
        return Ok(());
    }
    fs::write(path, after)
}

fn with_block(text: &str, names: &str) -> String {
    let mut kept = String::new();
    let mut ours = false;
    for line in text.lines() {
        match line {
            BEGIN => ours = true,
            END => ours = false,
            _ if ours => {}
            _ => {
                kept.push_str(line);
                kept.push('\n');
            }
        }
    }
    if !names.is_empty() {
        kept = format!("{kept}{BEGIN}\n{names}{END}\n");
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_wrote_stays() {
        let before = "127.0.0.1\tlocalhost\n10.0.0.9\tmine\n";
        let one = with_block(before, "172.17.0.2\tb1\n");
        assert!(
            one.starts_with(before) && one.contains("172.17.0.2\tb1\n"),
            "{one}"
        );
        let two = with_block(&one, "172.17.0.3\tb2\n");
        assert!(two.starts_with(before) && !two.contains("b1"), "{two}");
        assert_eq!(with_block(&two, ""), before);
    }
}
