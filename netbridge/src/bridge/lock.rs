//! One writer at a time: a lock file per bridge, and one for networks.

use std::{
    fs::{self, File, OpenOptions},
    os::unix::fs::MetadataExt as _,
    path::Path,
};

use nix::fcntl::{Flock, FlockArg};

use super::BridgeError;

/// Where lock files are.
const LOCK_DIR: &str = "/run/netbridge";

/// Held while a bridge is changed; given back when dropped, also by the end of the process.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: Flock<File>,
}

impl Lock {
    /// Waits for the lock of bridge `name`.
    pub(super) fn take(name: &str) -> Result<Self, BridgeError> {
        Self::at(&Path::new(LOCK_DIR).join(format!("{name}.lock")))
    }

    /// Says whether bridge `name` has a lock file.
    pub(super) fn is_there(name: &str) -> bool {
        Path::new(LOCK_DIR).join(format!("{name}.lock")).exists()
    }

    /// Waits for the lock that is the file `path`, made where it is not, and its folder.
    pub(crate) fn at(path: &Path) -> Result<Self, BridgeError> {
        loop {
            let failed = |error| BridgeError::Lock {
                path: path.display().to_string(),
                error,
            };
            if let Some(folder) = path.parent() {
                fs::create_dir_all(folder).map_err(failed)?;
            }
            let file = OpenOptions::new()
                .create(true)
                .truncate(false)
                .write(true)
                .open(path)
                .map_err(failed)?;
            let file = Flock::lock(file, FlockArg::LockExclusive)
                .map_err(|(_, errno)| failed(errno.into()))?;
            // The one before us may have removed the bridge, and its lock file: then others lock
            // another file of that name already.
            let locked = file.metadata().map_err(failed)?.ino();
            if fs::metadata(path).is_ok_and(|found| found.ino() == locked) {
                return Ok(Self { _file: file });
            }
        }
    }

    /// Removes the lock file of a bridge that is no more, and the folder after the last.
    pub(super) fn remove(self, name: &str) {
        // Given back only after the file is gone, so that a waiting process makes a new one.
        let _held = self;
        let dir = Path::new(LOCK_DIR);
        if let Err(error) = fs::remove_file(dir.join(format!("{name}.lock"))) {
            tracing::debug!("remove lock file of {name}: {error}");
        }
        if let Err(error) = fs::remove_dir(dir) {
            tracing::trace!("keep {LOCK_DIR}: {error}");
        }
    }
}
