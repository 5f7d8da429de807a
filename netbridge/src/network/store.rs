//! The files of networks: one each, written whole or not at all.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use serde::{Serialize, de::DeserializeOwned};

use super::{Network, NetworkError, model::FILE_VERSION, pool::Pool};
use crate::{
    bridge::Lock,
    net::{Netns, sysctl},
};

/// Where the networks of the machine are.
const STATE: &str = "/var/lib/netbridge";
/// Where those of other namespaces are, which end with the machine's uptime.
const RUN: &str = "/run/netbridge";

/// The folder with the files of one network namespace.
#[derive(Clone, Debug)]
pub(super) struct Store {
    root: PathBuf,
}

impl Store {
    /// The folder of the namespace of the calling thread.
    ///
    /// Only the first one, that of process 1, outlives a boot; others keep their files where they go with it.
    pub(super) fn here() -> Result<Self, NetworkError> {
        let netns = Netns::current()?;
        let is_first = match Netns::open(Path::new("/proc/1/ns/net")) {
            Ok(first) => first == netns,
            // Where process 1 cannot be looked at: this is there in the first one alone.
            Err(_) => sysctl::read("net/core/netdev_max_backlog").is_some(),
        };
        let root = if is_first {
            PathBuf::from(STATE)
        } else {
            PathBuf::from(RUN).join(format!("netns-{}", netns.inode()))
        };
        Ok(Self { root })
    }

    /// Waits for the right to change networks.
    pub(super) fn lock(&self) -> Result<Lock, NetworkError> {
        Ok(Lock::at(&self.root.join("lock"))?)
    }

    /// The folder of files that containers see.
    pub(super) fn hosts(&self) -> PathBuf {
        self.root.join("hosts")
    }

    /// The networks, by name. A file that cannot be read is an error: its addresses would be given away
    /// again.
    pub(super) fn networks(&self) -> Result<Vec<Network>, NetworkError> {
        let networks: Vec<Network> = self.all("networks")?;
        match networks
            .iter()
            .find(|network| network.version > FILE_VERSION)
        {
            Some(network) => Err(NetworkError::State {
                path: self.path("networks", &network.name),
                reason: format!(
                    "is of version {}, this program knows {FILE_VERSION}; use the one that wrote it",
                    network.version
                ),
            }),
            None => Ok(networks),
        }
    }

    /// The pools that Docker asked for.
    pub(super) fn pools(&self) -> Result<Vec<Pool>, NetworkError> {
        self.all("pools")
    }

    /// Writes a network's file.
    pub(super) fn save(&self, network: &Network) -> Result<(), NetworkError> {
        self.write("networks", &network.name, network)
    }

    /// Writes a pool's file.
    pub(super) fn save_pool(&self, pool: &Pool) -> Result<(), NetworkError> {
        self.write("pools", &pool.id, pool)
    }

    /// Removes a network's file.
    pub(super) fn remove(&self, name: &str) -> Result<(), NetworkError> {
        self.unlink("networks", name)
    }

    /// Removes a pool's file.
    pub(super) fn remove_pool(&self, id: &str) -> Result<(), NetworkError> {
        self.unlink("pools", id)
    }

    fn path(&self, kind: &str, name: &str) -> PathBuf {
        self.root.join(kind).join(format!("{name}.json"))
    }

    fn all<T: DeserializeOwned>(&self, kind: &str) -> Result<Vec<T>, NetworkError> {
        let folder = self.root.join(kind);
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(failed(&folder, &error)),
        };
        let mut paths = Vec::new();
        for entry in entries {
            let path = entry.map_err(|error| failed(&folder, &error))?.path();
            // What a killed process was writing ends in `.new`, and counts for nothing.
            if path.extension().is_some_and(|end| end == "json") {
                paths.push(path);
            }
        }
        paths.sort_unstable();
        paths.iter().map(|path| read(path)).collect()
    }

    fn write<T: Serialize>(&self, kind: &str, name: &str, value: &T) -> Result<(), NetworkError> {
        let path = self.path(kind, name);
        let write = || -> io::Result<()> {
            let folder = self.root.join(kind);
            fs::create_dir_all(&folder)?;
            let new = path.with_extension("new");
            let mut text = serde_json::to_vec_pretty(value)?;
            text.push(b'\n');
            let mut file = File::create(&new)?;
            file.write_all(&text)?;
            file.sync_all()?;
            fs::rename(&new, &path)?;
            File::open(&folder)?.sync_all()
        };
        write().map_err(|error| failed(&path, &error))
    }

    fn unlink(&self, kind: &str, name: &str) -> Result<(), NetworkError> {
        let path = self.path(kind, name);
        match fs::remove_file(&path) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed(&path, &error)),
        }
        Ok(())
    }

    /// Removes what killed processes were writing; the lock must be held.
    pub(super) fn sweep(&self) {
        for kind in ["networks", "pools"] {
            let Ok(entries) = fs::read_dir(self.root.join(kind)) else {
                continue;
            };
            for entry in entries.flatten() {
                let path = entry.path();
                if path.extension().is_some_and(|end| end == "new")
                    && let Err(error) = fs::remove_file(&path)
                {
                    tracing::debug!("remove {}: {error}", path.display());
                }
            }
        }
    }

    /// Removes what is empty, and the lock's file with the last network; `lock` is held until then.
    pub(super) fn tidy(&self, lock: Lock) {
        let _held = lock;
        self.sweep();
        let folders = [
            self.root.join("networks"),
            self.root.join("pools"),
            self.hosts(),
        ];
        // Those with something in them stay.
        let emptied = folders
            .iter()
            .all(|folder| fs::remove_dir(folder).is_ok() || !folder.exists());
        if emptied && fs::remove_file(self.root.join("lock")).is_ok() {
            let parents = [self.root.as_path(), Path::new(RUN)];
            for folder in parents {
                if let Err(error) = fs::remove_dir(folder) {
                    tracing::trace!("keep {}: {error}", folder.display());
                }
            }
        }
    }
}

fn read<T: DeserializeOwned>(path: &Path) -> Result<T, NetworkError> {
    let text = fs::read_to_string(path).map_err(|error| failed(path, &error))?;
    serde_json::from_str(&text).map_err(|error| NetworkError::State {
        path: path.to_owned(),
        reason: format!("cannot be read: {error}; mend it, or remove it and the network with it"),
    })
}

fn failed(path: &Path, error: &io::Error) -> NetworkError {
    NetworkError::File {
        path: path.to_owned(),
        kind: error.kind(),
        reason: error.to_string(),
    }
}
