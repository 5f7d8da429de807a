//! Where an engine lives: namespaces and cgroups that end with it, however the test ends.
#![expect(unsafe_code, reason = "Command::pre_exec has no safe form")]

use std::{
    fs::{self, File},
    io,
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::Duration,
};

use nix::{
    mount::{MntFlags, MsFlags, mount, umount2},
    sched::{CloneFlags, setns},
};

use super::DATA;
use crate::topology::{Host, Running};

const KEEPER: &str = include_str!("keeper.sh");
/// Where changes to the machine's folders go instead; that it is there says that it was done.
const UPPER: &str = "/run/engine";
/// Longest that it may take to begin and to end.
const PATIENCE: Duration = Duration::from_secs(30);

/// A namespace of processes with its own `/proc`, in a host's network.
///
/// Its mounts are those of the host when it began; what is mounted below `/run` later is seen on
/// both sides, such as `/run/docker/netns`.
pub(super) struct Cell {
    id: String,
    /// The first process, as it is numbered outside.
    init: u32,
    /// Ends when it is hung up on, and all processes of the namespace with it.
    keeper: Option<Running>,
}

impl Cell {
    pub(super) fn new(host: &Host) -> Self {
        static ENGINES: AtomicU32 = AtomicU32::new(0);
        let engine = ENGINES.fetch_add(1, Ordering::Relaxed);
        // The keeper reads the process from it.
        let id = format!("netbridge-engine-{}-{engine}", std::process::id());
        host.run(prepare);
        let mut command = Command::new("sh");
        // In a group of its own, out of reach of an interrupt from the terminal.
        command
            .args(["-c", KEEPER, "keeper", &id])
            .stdin(Stdio::piped())
            .process_group(0);
        let keeper = host.start_by(command, Command::spawn);
        let init = keeper.line(PATIENCE, |line| line.parse::<u32>().is_ok());
        let init = init.parse().expect("a process");
        Self {
            id,
            init,
            keeper: Some(keeper),
        }
    }

    /// Name of the cgroup for all containers, which no other engine has.
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// A file as it is seen inside, such as one of the `/proc` there.
    pub(super) fn inside(&self, path: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/root{path}", self.init))
    }

    /// What starts a process inside; to be called on the host.
    pub(super) fn entrance(
        &self,
    ) -> impl FnOnce(&mut Command) -> io::Result<Child> + Send + 'static {
        let open = |kind: &str| {
            let path = format!("/proc/{}/ns/{kind}", self.init);
            File::open(&path).unwrap_or_else(|error| panic!("open {path}: {error}"))
        };
        let (processes, mounts) = (open("pid"), open("mnt"));
        move |command| {
            let enter = move || setns(&mounts, CloneFlags::CLONE_NEWNS).map_err(io::Error::from);
            // SAFETY: setns(2) alone is called between fork and exec; nothing is allocated or
            // locked.
            unsafe { command.pre_exec(enter) };
            // It is for the thread's children; the thread itself stays where it is.
            let own = File::open("/proc/thread-self/ns/pid")?;
            setns(processes, CloneFlags::CLONE_NEWPID)?;
            let child = command.spawn();
            setns(own, CloneFlags::CLONE_NEWPID)?;
            child
        }
    }

    /// Ends all processes inside and clears away.
    pub(super) fn end(&mut self) {
        if let Some(mut keeper) = self.keeper.take() {
            keeper.hang_up();
            let output = keeper.finish(PATIENCE);
            let quiet = output.stderr.is_empty() || thread::panicking();
            assert!(quiet, "the keeper of {}: {}", self.id, output.stderr);
        }
    }
}

impl Drop for Cell {
    fn drop(&mut self) {
        self.end();
    }
}

/// Keeps what an engine and its plugins write from the machine; runs on the host.
fn prepare() {
    let none: Option<&str> = None;
    if !Path::new(UPPER).exists() {
        fs::create_dir(UPPER).expect("create a folder");
        tmpfs(UPPER);
        for place in ["/etc", "/var/lib"] {
            let dir = |use_: &str| {
                let dir = format!("{UPPER}{place}/{use_}");
                fs::create_dir_all(&dir).expect("create a folder");
                dir
            };
            let (upper, work) = (dir("upper"), dir("work"));
            let options = format!("lowerdir={place},upperdir={upper},workdir={work}");
            let overlay = Some("overlay");
            let options = Some(options.as_str());
            mount(overlay, place, overlay, MsFlags::empty(), options)
                .unwrap_or_else(|errno| panic!("mount an overlay at {place}: {errno}"));
        }
        // The overlays hold it.
        umount2(UPPER, MntFlags::MNT_DETACH).expect("unmount a tmpfs");
        mount(none, "/run", none, MsFlags::MS_SHARED, none).expect("share /run with the engine");
    }
    for place in ["/etc/docker", DATA] {
        fs::create_dir_all(place).unwrap_or_else(|error| panic!("create {place}: {error}"));
        tmpfs(place);
    }
}

fn tmpfs(place: &str) {
    let tmpfs = Some("tmpfs");
    let none: Option<&str> = None;
    mount(tmpfs, place, tmpfs, MsFlags::empty(), none)
        .unwrap_or_else(|errno| panic!("mount a tmpfs at {place}: {errno}"));
}
