//! Where a bridge's kernel objects live.

use std::{
    fs, io,
    os::fd::{AsRawFd as _, OwnedFd},
    path::{Path, PathBuf},
    sync::Arc,
};

use nix::{
    mount::{MsFlags, mount},
    sys::statfs::statfs,
};
use rustix::mount::{FsMountFlags, FsOpenFlags, MountAttrFlags, fsconfig_create, fsmount, fsopen};

use super::DatapathError;

/// Where bpffs is mounted.
pub const BPFFS: &str = "/sys/fs/bpf";

/// The folder with one folder per bridge.
pub const PIN_ROOT: &str = "/sys/fs/bpf/netbridge";

/// `BPF_FS_MAGIC` of `linux/magic.h`.
const BPF_FS_MAGIC: i64 = 0xcafe_4a11;

/// A folder of bpffs that holds one bridge's maps, programs and links.
///
/// As long as it exists, the bridge forwards. A private one is a mount of its own that no path
/// leads to: it goes, and the bridge with it, when the last holder is closed, however that dies.
#[derive(Clone, Debug)]
pub struct PinDir {
    path: PathBuf,
    bridge: String,
    mount: Option<Arc<OwnedFd>>,
}

impl PinDir {
    /// The folder of bridge `name`, whether it exists or not.
    pub fn named(name: &str) -> Self {
        Self {
            path: Path::new(PIN_ROOT).join(name),
            bridge: name.to_owned(),
            mount: None,
        }
    }

    /// A folder that only this process, and those it passes the value to, can use.
    pub fn private(bridge: &str) -> Result<Self, DatapathError> {
        let open = || -> rustix::io::Result<OwnedFd> {
            let fs = fsopen("bpf", FsOpenFlags::FSOPEN_CLOEXEC)?;
            fsconfig_create(&fs)?;
            fsmount(&fs, FsMountFlags::FSMOUNT_CLOEXEC, MountAttrFlags::empty())
        };
        let mount =
            open().map_err(|errno| bpffs_error("mount", Path::new("bpffs"), errno.into()))?;
        let path = PathBuf::from(format!("/proc/self/fd/{}", mount.as_raw_fd()));
        Ok(Self {
            path,
            bridge: bridge.to_owned(),
            mount: Some(Arc::new(mount)),
        })
    }

    /// Name of the bridge that lives here.
    pub fn bridge(&self) -> &str {
        &self.bridge
    }

    /// The path of a pinned object.
    pub fn object(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Says whether the folder goes away with the process.
    pub const fn is_private(&self) -> bool {
        self.mount.is_some()
    }

    /// Says whether a bridge lives here.
    pub fn exists(&self) -> bool {
        self.object(netbridge_common::maps::name::SETTINGS).exists()
    }

    /// Makes the folder, mounting bpffs where it is not mounted.
    pub(super) fn make(&self) -> Result<(), DatapathError> {
        if self.is_private() {
            return Ok(());
        }
        mount_bpffs()?;
        fs::create_dir_all(&self.path).map_err(|error| bpffs_error("create", &self.path, error))
    }

    /// Removes every pin, links first so that no frame meets half a bridge. A private folder is
    /// left to its end.
    pub fn clear(&self) -> Result<(), DatapathError> {
        if self.is_private() {
            return Ok(());
        }
        let entries = match fs::read_dir(&self.path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(bpffs_error("read", &self.path, error)),
        };
        let mut paths: Vec<PathBuf> = entries.filter_map(|e| Some(e.ok()?.path())).collect();
        paths.sort_by_key(|path| !is_link(path));
        for path in paths {
            fs::remove_file(&path).map_err(|error| bpffs_error("remove", &path, error))?;
        }
        fs::remove_dir(&self.path).map_err(|error| bpffs_error("remove", &self.path, error))?;
        // Leave bpffs as it was found once the last bridge is gone.
        match fs::remove_dir(PIN_ROOT) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => Ok(()),
            Err(error) => Err(bpffs_error("remove", Path::new(PIN_ROOT), error)),
        }
    }

    /// The bridges that have a folder, in order of their names.
    pub fn all() -> Result<Vec<Self>, DatapathError> {
        let entries = match fs::read_dir(PIN_ROOT) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(bpffs_error("read", Path::new(PIN_ROOT), error)),
        };
        let mut names: Vec<String> = entries
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .collect();
        names.sort_unstable();
        Ok(names.iter().map(|name| Self::named(name)).collect())
    }
}

/// Says whether a pin is a port's link, by its name: see `attach`.
fn is_link(path: &Path) -> bool {
    path.file_name()
        .is_some_and(|name| name.to_string_lossy().starts_with("port-"))
}

/// Says whether bpffs is mounted at [`BPFFS`]; fails where there is no such folder.
pub(crate) fn bpffs_is_mounted() -> nix::Result<bool> {
    Ok(statfs(BPFFS)?.filesystem_type().0 == BPF_FS_MAGIC)
}

/// Mounts bpffs at [`BPFFS`] where it is not.
pub fn mount_bpffs() -> Result<(), DatapathError> {
    let path = Path::new(BPFFS);
    if bpffs_is_mounted().unwrap_or(false) {
        return Ok(());
    }
    tracing::info!("mounting bpffs at {BPFFS}");
    let none: Option<&str> = None;
    mount(
        Some("bpf"),
        path,
        Some("bpf"),
        MsFlags::MS_NOSUID | MsFlags::MS_NODEV,
        none,
    )
    .map_err(|errno| bpffs_error("mount bpffs at", path, errno.into()))
}

fn bpffs_error(op: &'static str, path: &Path, source: io::Error) -> DatapathError {
    if source.kind() == io::ErrorKind::PermissionDenied {
        let what = format!("{op} {}", path.display());
        return DatapathError::Privilege { what };
    }
    DatapathError::Bpffs {
        op,
        path: path.to_owned(),
        source,
    }
}
