//! A real Docker engine on a host of namespaces, which leaves nothing on the machine.
//!
//! `dockerd` runs in the network and the mounts of a [`Host`], and in a namespace of processes
//! which ends with the test, however that ends. Containers are made of the machine's busybox.

mod cell;
mod image;
mod trace;

use std::{
    env,
    ffi::OsString,
    fs,
    net::Ipv4Addr,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use netbridge::net::Netns;
use nix::sys::signal::Signal;

use self::cell::Cell;
pub use self::trace::Trace;
use crate::topology::{Host, Output, Running};

/// The image that every engine has: busybox under all its names, with an empty `/www`.
///
/// With `-T`, the `wget` of Debian 12 crashes.
pub const IMAGE: &str = "busybox";
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

/// How an engine is started.
#[derive(Clone, Debug)]
#[must_use]
pub struct EngineOptions {
    bip: String,
    pools: Vec<String>,
    live_restore: bool,
    args: Vec<String>,
}

/// A Docker engine; it ends with all of its containers when dropped.
pub struct Engine<'h> {
    host: &'h Host,
    args: Vec<String>,
    daemon: Option<Running>,
    // After the daemon, which it would end without asking.
    cell: Cell,
}

impl Default for EngineOptions {
    fn default() -> Self {
        Self {
            bip: "172.17.0.1/16".to_owned(),
            pools: vec!["base=172.18.0.0/15,size=24".to_owned()],
            live_restore: false,
            args: Vec::new(),
        }
    }
}

impl EngineOptions {
    /// The address of `docker0`, with its prefix; else 172.17.0.1/16.
    pub fn bip(mut self, bip: &str) -> Self {
        bip.clone_into(&mut self.bip);
        self
    }

    /// The pools that networks without a subnet take theirs from, as `base=172.18.0.0/15,size=24`.
    pub fn pools(mut self, pools: &[&str]) -> Self {
        self.pools = pools.iter().map(|&pool| pool.to_owned()).collect();
        self
    }

    /// Whether containers run on while the engine does not.
    pub const fn live_restore(mut self, live_restore: bool) -> Self {
        self.live_restore = live_restore;
        self
    }

    /// One more argument for `dockerd`.
    pub fn arg(mut self, arg: &str) -> Self {
        self.args.push(arg.to_owned());
        self
    }

    /// Starts the engine on `host`, and makes its image.
    pub fn start(self, host: &Host) -> Engine<'_> {
        let cell = Cell::new(host);
        let mut args = vec![
            format!("--host={SOCKET}"),
            format!("--data-root={DATA}"),
            "--exec-root=/run/docker".to_owned(),
            "--pidfile=/run/docker.pid".to_owned(),
            "--exec-opt=native.cgroupdriver=cgroupfs".to_owned(),
            format!("--cgroup-parent=/{}", cell.id()),
            format!("--live-restore={}", self.live_restore),
            format!("--bip={}", self.bip),
        ];
        args.extend(
            self.pools
                .iter()
                .map(|pool| format!("--default-address-pool={pool}")),
        );
        args.extend(self.args);
        let mut engine = Engine {
            host,
            args,
            daemon: None,
            cell,
        };
        engine.launch();
        image::build(&engine);
        engine
    }
}

impl<'h> Engine<'h> {
    /// Starts an engine on `host`, with an image named [`IMAGE`] and `docker0` at 172.17.0.1/16.
    pub fn start(host: &'h Host) -> Self {
        Self::options().start(host)
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
        let mut command = Command::new(CLIENT);
        command.args(args);
        client_environment(&mut command);
        self.host.start(command).finish(PATIENCE)
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
    /// of the machine.
    pub fn start_beside(&self, mut command: Command) -> Running {
        command.stdin(Stdio::null());
        client_environment(&mut command);
        self.host.start_by(command, self.cell.entrance())
    }

    /// Runs a container that answers on port 80 with its name; `options` are those of `docker run`.
    pub fn web(&self, name: &str, options: &[&str]) {
        let mut args = vec!["run", "--detach", "--name", name, "--hostname", name];
        args.extend(options);
        let serve = "hostname >/www/index.html; exec httpd -f -p 80 -h /www";
        args.extend([IMAGE, "sh", "-c", serve]);
        self.docker_ok(&args);
    }

    /// The address of a container on its first network.
    pub fn address(&self, name: &str) -> Ipv4Addr {
        let format = "{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}";
        let addresses = self.docker_ok(&["inspect", "--format", format, name]);
        let first = addresses.split(' ').next().unwrap_or_default();
        first
            .parse()
            .unwrap_or_else(|error| panic!("{name} has the address {first:?}: {error}"))
    }

    /// The network of a container that runs.
    pub fn container_netns(&self, name: &str) -> Netns {
        let pid = self.docker_ok(&["inspect", "--format", "{{.State.Pid}}", name]);
        assert_ne!(pid, "0", "{name} does not run");
        let path = self.cell.inside(&format!("/proc/{pid}/ns/net"));
        Netns::open(&path).expect("open the container's namespace")
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
