//! Network namespaces: making, finding and entering them.
#![expect(
    unsafe_code,
    reason = "an ioctl(2) and Command::pre_exec have no safe form"
)]

use std::{
    collections::HashSet,
    fs::File,
    io,
    os::{
        fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd},
        unix::process::CommandExt as _,
    },
    panic,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    thread,
};

use nix::{
    errno::Errno,
    mount::{MntFlags, MsFlags, mount, umount2},
    sched::{CloneFlags, setns, unshare},
    sys::{
        stat::fstat,
        statfs::{NSFS_MAGIC, fstatfs},
    },
};
use rustix::process::{Signal, getpid, getppid, set_parent_process_death_signal};

use super::{Links, NetError, Refusal};

const CURRENT: &str = "/proc/thread-self/ns/net";
/// Loopback always has the first index of its namespace (`LOOPBACK_IFINDEX`).
const LOOPBACK_IFINDEX: u32 = 1;

/// Asks a namespace file for its `CLONE_NEW*` flag (`_IO(0xb7, 3)`).
const NS_GET_NSTYPE: libc::Ioctl = 0xb703;

/// A network namespace, held open by a file descriptor.
///
/// An anonymous one vanishes with its last holder, so that a killed process leaves none behind.
#[derive(Debug, Clone)]
pub struct Netns {
    fd: Arc<OwnedFd>,
    inode: u64,
}

impl Netns {
    /// The namespace of the calling thread.
    pub fn current() -> Result<Self, NetError> {
        Self::open(Path::new(CURRENT))
    }

    /// Makes a namespace that has no name, with the loopback interface up.
    pub fn anonymous() -> Result<Self, NetError> {
        let make = || {
            unshare(CloneFlags::CLONE_NEWNET)
                .map_err(|errno| NetError::refused("create a network namespace", errno))?;
            let netns = Self::current()?;
            Links::new()?.set_up(LOOPBACK_IFINDEX, true)?;
            Ok(netns)
        };
        on_a_fresh_thread(make)?
    }

    /// Opens a namespace by its file, such as `/run/netns/blue` or `/proc/4711/ns/net`.
    pub fn open(path: &Path) -> Result<Self, NetError> {
        let failed =
            |refusal: Refusal| NetError::refused(format!("open {}", path.display()), refusal);
        let file = File::open(path).map_err(|error| failed(error.into()))?;
        Self::from_file(file)
            .map_err(|errno| failed(errno.into()))?
            .ok_or_else(|| NetError::NotANamespace {
                path: path.to_owned(),
            })
    }

    /// The namespace that `file` stands for, if it is one of the network.
    fn from_file(file: File) -> nix::Result<Option<Self>> {
        if fstatfs(&file)?.filesystem_type() != NSFS_MAGIC {
            return Ok(None);
        }
        // SAFETY: the descriptor is open and of nsfs, where this request takes no argument.
        let kind = unsafe { libc::ioctl(file.as_raw_fd(), NS_GET_NSTYPE) };
        if Errno::result(kind)? != CloneFlags::CLONE_NEWNET.bits() {
            return Ok(None);
        }
        let inode = fstat(&file)?.st_ino;
        Ok(Some(Self {
            fd: Arc::new(file.into()),
            inode,
        }))
    }

    /// The inode number, which tells namespaces apart; `ls -l /proc/self/ns/net` shows it.
    pub fn inode(&self) -> u64 {
        self.inode
    }

    /// Runs `f` on a fresh thread inside this namespace and returns its result.
    ///
    /// A panic of `f` continues in the caller.
    pub fn run<T: Send>(&self, f: impl FnOnce() -> T + Send) -> Result<T, NetError> {
        on_a_fresh_thread(|| {
            setns(&self.fd, CloneFlags::CLONE_NEWNET)
                .map_err(|errno| NetError::refused("enter a network namespace", errno))?;
            Ok(f())
        })?
    }

    /// Gives the namespace a file, such as `/run/netns/blue`, which holds it until [`unbind`].
    pub fn bind(&self, path: &Path) -> Result<(), NetError> {
        let action = format!("bind a network namespace to {}", path.display());
        let failed = |refusal: Refusal| NetError::refused(action.clone(), refusal);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(|error| failed(error.into()))?;
        }
        File::create_new(path).map_err(|error| failed(error.into()))?;
        let source = format!("/proc/self/fd/{}", self.fd.as_raw_fd());
        let none: Option<&str> = None;
        mount(Some(source.as_str()), path, none, MsFlags::MS_BIND, none).map_err(|errno| {
            if let Err(error) = std::fs::remove_file(path) {
                tracing::debug!("remove {}: {error}", path.display());
            }
            failed(errno.into())
        })
    }

    /// Makes `command` start its process inside this namespace.
    ///
    /// Its view of `/sys` stays that of the caller's namespace, unlike with `ip netns exec`.
    pub fn command_in<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        let fd = Arc::clone(&self.fd);
        let enter = move || setns(&fd, CloneFlags::CLONE_NEWNET).map_err(io::Error::from);
        // SAFETY: setns(2) alone is called between fork and exec; nothing is allocated or locked.
        unsafe { command.pre_exec(enter) }
    }
}

impl AsFd for Netns {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl PartialEq for Netns {
    fn eq(&self, other: &Self) -> bool {
        self.inode == other.inode
    }
}

impl Eq for Netns {}

/// Takes a namespace from its file, which stays.
pub fn unbind(path: &Path) -> Result<(), NetError> {
    umount2(path, MntFlags::MNT_DETACH)
        .map_err(|errno| NetError::refused(format!("unmount {}", path.display()), errno))
}

/// Makes the process of `command` end, by SIGKILL, with the thread that starts it, however that ends.
pub fn end_with_thread(command: &mut Command) -> &mut Command {
    let parent = Some(getpid());
    let follow = move || {
        set_parent_process_death_signal(Some(Signal::KILL))?;
        // A parent that was gone before sends no signal any more.
        if getppid() == parent {
            Ok(())
        } else {
            Err(io::Error::from(Errno::ESRCH))
        }
    };
    // SAFETY: prctl(2) and getppid(2) alone are called between fork and exec; nothing is allocated
    // or locked.
    unsafe { command.pre_exec(follow) }
}

fn on_a_fresh_thread<T: Send>(f: impl FnOnce() -> T + Send) -> Result<T, NetError> {
    thread::scope(|scope| {
        let thread = thread::Builder::new()
            .name("netns".to_owned())
            .spawn_scoped(scope, f)
            .map_err(|error| NetError::refused("start a thread", error))?;
        match thread.join() {
            Ok(value) => Ok(value),
            Err(payload) => panic::resume_unwind(payload),
        }
    })
}

/// The first namespace that `accept` wants, among all that can be seen.
///
/// Named ones come first, then those of processes, of single threads, and of descriptors that a
/// process holds. Each is offered once.
pub fn find(mut accept: impl FnMut(&Netns) -> bool) -> Option<Netns> {
    all().map(|(_, netns)| netns).find(|netns| accept(netns))
}

/// All namespaces that can be seen, with their files, in the order of [`find`]; looked for only as
/// far as they are asked for.
pub fn all() -> impl Iterator<Item = (PathBuf, Netns)> {
    let mut seen = HashSet::new();
    let named = ["/run/netns", "/run/docker/netns"]
        .into_iter()
        .flat_map(entries);
    let processes = || entries("/proc").filter(|path| is_number(path));
    let links =
        processes()
            .map(|process| process.join("ns/net"))
            .chain(processes().flat_map(|process| {
                entries(process.join("task")).map(|thread| thread.join("ns/net"))
            }))
            .chain(processes().flat_map(|process| entries(process.join("fd"))))
            .filter_map(|path| Some((linked_inode(&path)?, path)));
    named
        .map(|path| (None, path))
        .chain(links.map(|(inode, path)| (Some(inode), path)))
        .filter_map(move |(inode, path)| {
            // A link tells the inode without being opened, and most lead to a namespace seen.
            if inode.is_some_and(|inode| seen.contains(&inode)) {
                return None;
            }
            let netns = Netns::open(&path).ok()?;
            seen.insert(netns.inode).then_some((path, netns))
        })
}

/// The paths in a directory; none if it cannot be read, as when a process ended.
fn entries(directory: impl AsRef<Path>) -> impl Iterator<Item = PathBuf> {
    let entries = std::fs::read_dir(directory).into_iter().flatten();
    entries.map_while(Result::ok).map(|entry| entry.path())
}

fn is_number(path: &Path) -> bool {
    path.file_name()
        .and_then(|name| name.to_str())
        .is_some_and(|name| name.bytes().all(|byte| byte.is_ascii_digit()))
}

fn linked_inode(path: &Path) -> Option<u64> {
    parse_link(std::fs::read_link(path).ok()?.to_str()?)
}

/// The inode in the text of a link to a namespace, `net:[4026531840]`.
fn parse_link(text: &str) -> Option<u64> {
    text.strip_prefix("net:[")?.strip_suffix(']')?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_links_to_network_namespaces_are_taken() {
        assert_eq!(parse_link("net:[4026531840]"), Some(4_026_531_840));
        assert_eq!(parse_link("mnt:[4026531840]"), None);
        assert_eq!(parse_link("/dev/null"), None);
        assert_eq!(parse_link("net:[]"), None);
    }

    #[test]
    fn only_process_directories_are_walked() {
        assert!(is_number(Path::new("/proc/1")));
        assert!(!is_number(Path::new("/proc/self")));
    }
}
