//! A real Docker engine on a host of namespaces, which leaves nothing on the machine.
//!
//! `dockerd` runs in the network and the mounts of a [`Host`], and in a namespace of processes
//! which ends with the test, however that ends. Containers are made of the machine's busybox.

mod cell;
mod containers;
mod image;
mod options;
mod trace;

use std::{
    env,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use nix::sys::signal::Signal;

use self::cell::Cell;
pub use self::{image::IMAGE, options::EngineOptions, trace::Trace};
use crate::topology::{Host, Output, Running};

/// Where the engine looks for the sockets of plugins, `NAME.sock`.
pub const PLUGINS: &str = "/run/docker/plugins";

/// The client that comes with the engine; one in `/usr/local/bin` may be of another version.
const CLIENT: &str = "/usr/bin/docker";
const BUSYBOX: &str = "/bin/busybox";
const SOCKET: &str = "unix:///run/docker.sock";
const DATA: &str = "/var/lib/docker";
const LOG: &str = "/run/dockerd.log";
/// Names the engine in the environment of all that it starts, but for containers.
const MARK: &str = "NETBRIDGE_ENGINE";
/// The programs that an engine takes, besides its client and busybox.
const PROGRAMS: [&str; 6] = [
    "dockerd",
    "containerd",
    "runc",
    "iptables",
    "setpriv",
    "unshare",
];
/// Where programs for root are, which `PATH` may lack.
const SBIN: [&str; 2] = ["/usr/sbin", "/sbin"];

/// Longest that the engine may take to start, to end, or to do what its client is told.
const PATIENCE: Duration = Duration::from_mins(1);
/// How often is looked whether the engine is up.
const PAUSE: Duration = Duration::from_millis(20);

/// Leaves the test, with a `SKIP` line, unless a Docker engine can be started here.
#[macro_export]
macro_rules! require_engine {
    () => {
        $crate::require_root!();
        if !$crate::engine::ready() {
            return;
        }
    };
}

/// Says whether all is there that an engine takes; where not, prints how to get it.
pub fn ready() -> bool {
    let path = path();
    let found = |program: &str| env::split_paths(&path).any(|dir| dir.join(program).is_file());
    let files = [CLIENT, BUSYBOX].into_iter();
    let missing = PROGRAMS
        .into_iter()
        .find(|program| !found(program))
        .or_else(|| files.clone().find(|file| !Path::new(file).is_file()));
    missing.is_none_or(|missing| {
        crate::require::skip(&format!(
            "needs a Docker engine, and there is no {missing}: `cargo xtask setup --docker` gets it"
        ))
    })
}

/// A Docker engine; it ends with all of its containers when dropped.
///
/// It stops them one by one as `dockerd` does; after [`Engine::kill`] they end at once.
pub struct Engine<'h> {
    host: &'h Host,
    args: Vec<String>,
    daemon: Option<Running>,
    // After the daemon, which it would end without asking.
    cell: Cell,
}

impl<'h> Engine<'h> {
    /// Starts an engine on `host`, with an image named [`IMAGE`] and `docker0` at 172.17.0.1/16.
    pub fn start(host: &'h Host) -> Self {
        Self::options().start(host)
    }

    /// Starts an engine with the arguments that `args` makes of its name.
    fn with(host: &'h Host, args: impl FnOnce(&str) -> Vec<String>) -> Self {
        let cell = Cell::new(host);
        let mut engine = Self {
            host,
            args: args(cell.id()),
            daemon: None,
            cell,
        };
        engine.launch();
        image::build(&engine);
        engine
    }

    /// The usual ways of an engine, to be varied before it starts.
    pub fn options() -> EngineOptions {
        EngineOptions::default()
    }

    /// The host that it runs on.
    pub const fn host(&self) -> &'h Host {
        self.host
    }

    /// What tells the engine's processes and cgroups from others.
    pub fn trace(&self) -> Trace {
        Trace::of(self.cell.id())
    }

    /// Runs `docker` with `args` and waits for its end.
    pub fn docker(&self, args: &[&str]) -> Output {
        self.start_docker(args).finish(PATIENCE)
    }

    /// Starts `docker` with `args`, such as `events`, or one of several commands at once.
    pub fn start_docker(&self, args: &[&str]) -> Running {
        let mut command = Command::new(CLIENT);
        command.args(args);
        client_environment(&mut command);
        self.host.start(command)
    }

    /// Runs `docker` with `args`, expects success, and returns what it printed, trimmed.
    pub fn docker_ok(&self, args: &[&str]) -> String {
        let output = self.docker(args);
        assert_eq!(output.code, 0, "docker {args:?}: {output:#?}");
        output.stdout.trim().to_owned()
    }

    /// Starts a program where the engine runs: process numbers are those which the engine says.
    ///
    /// Programs that [`Host::start`] starts see the same files, network and sockets, but numbers
    /// of the machine. The program is to end, or be dropped, before the engine is, which else
    /// waits for it in vain.
    pub fn start_beside(&self, mut command: Command) -> Running {
        command.stdin(Stdio::null());
        client_environment(&mut command);
        self.host.start_by(command, self.cell.entrance())
    }

    /// What the engine has said since its first start.
    pub fn log(&self) -> String {
        self.host
            .run(|| fs::read_to_string(LOG).unwrap_or_default())
    }

    /// Ends `dockerd` as `SIGTERM` does; its containers end too, unless they are to be restored.
    pub fn terminate(&mut self) {
        if let Some(daemon) = self.daemon.take() {
            daemon.signal(Signal::SIGTERM);
            let output = daemon.finish(PATIENCE);
            assert_eq!(output.code, 0, "dockerd: {}", self.log());
        }
    }

    /// Ends `dockerd` as `SIGKILL` does.
    pub fn kill(&mut self) {
        // Dropped, it is killed and reaped.
        drop(self.daemon.take());
    }

    /// Starts `dockerd` with the data it had, and waits until it answers.
    pub fn launch(&mut self) {
        assert!(self.daemon.is_none(), "the engine is up");
        let mut command = Command::new("sh");
        command
            .args([
                "-c",
                &format!("exec dockerd \"$@\" >>{LOG} 2>&1"),
                "dockerd",
            ])
            .args(&self.args)
            .env("PATH", path())
            .env(MARK, self.cell.id())
            .stdin(Stdio::null());
        let daemon = self.host.start_by(command, self.cell.entrance());
        self.daemon = Some(daemon);
        self.wait_until_up();
    }

    /// Ends `dockerd` as `SIGTERM` does, and starts it with the data it had.
    pub fn restart(&mut self) {
        self.terminate();
        self.launch();
    }

    fn wait_until_up(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        while self.docker(&["version"]).code != 0 {
            let up = self.daemon.as_mut().is_some_and(Running::is_up);
            let waits = up && Instant::now() < deadline;
            assert!(waits, "dockerd does not answer: {}", self.log());
            thread::park_timeout(PAUSE);
        }
    }
}

impl Drop for Engine<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            let log = self.log();
            let lines: Vec<_> = log.lines().rev().take(30).collect();
            let lines = lines.into_iter().rev().collect::<Vec<_>>().join("\n");
            eprintln!("at last the engine said:\n{lines}");
            self.kill();
        } else {
            self.terminate();
        }
        self.cell.end();
    }
}

/// What a client needs to find the engine, and nothing that the user has set for another.
fn client_environment(command: &mut Command) {
    for (name, _) in env::vars_os() {
        if name.to_string_lossy().starts_with("DOCKER_") {
            command.env_remove(name);
        }
    }
    command
        .env("DOCKER_HOST", SOCKET)
        .env("DOCKER_CONFIG", "/etc/docker/client")
        // The builder that needs nothing but the engine.
        .env("DOCKER_BUILDKIT", "0")
        .env("PATH", path());
}

fn path() -> OsString {
    let path = env::var_os("PATH").unwrap_or_default();
    let dirs = env::split_paths(&path).chain(SBIN.map(PathBuf::from));
    env::join_paths(dirs).expect("a path")
}
