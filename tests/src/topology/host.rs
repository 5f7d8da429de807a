//! A host for the program itself: its own network, its own bpffs, its own `/run`.
#![expect(unsafe_code, reason = "sets what a signal does before anything runs")]

use std::{
    env, fs,
    io::{self, BufRead as _, BufReader, Read as _},
    path::PathBuf,
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc::{Receiver, Sender, channel},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use netbridge::net::{Links, Netns, VethSpec};
use nix::{
    mount::{MsFlags, mount},
    sched::{CloneFlags, setns, unshare},
    sys::signal::{SigHandler, Signal, kill, signal},
    unistd::Pid,
};

/// Longest that a command may take which is to end by itself.
const PATIENCE: Duration = Duration::from_mins(1);

/// A namespace of the network and one of mounts, in which every command of one value runs.
///
/// A thread holds the mounts, and processes are started by it: namespaces are per thread, and a
/// new process is in those of the thread that started it. They vanish with the last of both.
pub struct Host {
    netns: Netns,
    jobs: Option<Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

type Job = Box<dyn FnOnce() + Send>;

/// What a command that has ended said.
#[derive(Debug)]
pub struct Output {
    /// Its exit code; -1 where a signal ended it.
    pub code: i32,
    /// What it printed.
    pub stdout: String,
    /// What it complained about.
    pub stderr: String,
}

/// A command that runs until it is told to end; killed and reaped when dropped.
pub struct Running {
    child: Child,
    lines: Receiver<String>,
    stderr: Option<JoinHandle<String>>,
}

impl Host {
    /// Makes the namespaces; `/sys/fs/bpf` and `/run` start empty.
    pub fn new() -> Self {
        let netns = Netns::anonymous().expect("make a namespace");
        super::disable_ipv6(&netns);
        let (jobs, inbox) = channel::<Job>();
        let inner = netns.clone();
        let hold = move || {
            enter(&inner);
            for job in inbox {
                job();
            }
        };
        let thread = thread::Builder::new()
            .name("host".to_owned())
            .spawn(hold)
            .expect("start the host's thread");
        Self {
            netns,
            jobs: Some(jobs),
            thread: Some(thread),
        }
    }

    /// The host's network.
    pub const fn netns(&self) -> &Netns {
        &self.netns
    }

    /// The host's interfaces.
    pub fn links(&self) -> Links {
        Links::within(&self.netns).expect("open the host's interfaces")
    }

    /// Makes a container: a namespace with `eth0`, up, the other end of `name` on the host.
    pub fn container(&self, name: &str, mac: Option<[u8; 6]>, address: Option<&str>) -> Netns {
        let netns = Netns::anonymous().expect("make a namespace");
        super::disable_ipv6(&netns);
        let spec = VethSpec {
            name,
            peer_name: "eth0",
            peer_netns: Some(&netns),
            peer_mac: mac,
            ..VethSpec::default()
        };
        let links = self.links();
        let near = links.add_veth(&spec).expect("add a veth pair");
        links.set_up(near.ifindex, true).expect("set it up");
        let inside = Links::within(&netns).expect("look into the container");
        let eth0 = inside.by_name("eth0").expect("find eth0").ifindex;
        if let Some(address) = address {
            let address = address.parse().expect("an address");
            inside.add_address(eth0, address).expect("add an address");
        }
        inside.set_up(eth0, true).expect("set it up");
        netns
    }

    /// Runs `f` on the host: in its network, and with its mounts.
    pub fn run<T: Send + 'static>(&self, f: impl FnOnce() -> T + Send + 'static) -> T {
        let (answer, result) = channel();
        let job = Box::new(move || answer.send(f()).expect("answer the test"));
        let jobs = self.jobs.as_ref().expect("the host is up");
        jobs.send(job).expect("reach the host's thread");
        result.recv().expect("a job on the host panicked")
    }

    /// Runs `netbridge` with `args` and waits for its end.
    pub fn cli(&self, args: &[&str]) -> Output {
        self.spawn(args).finish(PATIENCE)
    }

    /// Runs `netbridge` with `args`, expects success, and returns what it printed.
    pub fn ok(&self, args: &[&str]) -> String {
        let output = self.cli(args);
        assert_eq!(output.code, 0, "netbridge {args:?}: {output:#?}");
        output.stdout
    }

    /// Starts `netbridge` with `args`.
    pub fn spawn(&self, args: &[&str]) -> Running {
        let mut command = Command::new(binary());
        command.args(args);
        self.start(command)
    }

    /// Starts any program on the host.
    pub fn start(&self, mut command: Command) -> Running {
        command.stdin(Stdio::null());
        self.start_by(command, Command::spawn)
    }

    /// Starts any program on the host, with the input that `command` says, by `spawn`.
    pub(crate) fn start_by(
        &self,
        mut command: Command,
        spawn: impl FnOnce(&mut Command) -> io::Result<Child> + Send + 'static,
    ) -> Running {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        // A shell that runs the tests in the background has its children ignore interrupts.
        // SAFETY: no handler is set, here or elsewhere in the tests.
        unsafe { signal(Signal::SIGINT, SigHandler::SigDfl) }.expect("reset a signal");
        let program = command.get_program().to_owned();
        let spawned = self.run(move || spawn(&mut command));
        Running::new(spawned.unwrap_or_else(|error| panic!("start {}: {error}", program.display())))
    }
}

impl Default for Host {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        drop(self.jobs.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
            && !thread::panicking()
        {
            panic!("the host's thread panicked");
        }
    }
}

impl Running {
    fn new(mut child: Child) -> Self {
        let stdout = child.stdout.take().expect("stdout is piped");
        let mut stderr = child.stderr.take().expect("stderr is piped");
        let (send, lines) = channel();
        // Both end with the pipes, that is with the process.
        thread::spawn(move || {
            let mut lines = BufReader::new(stdout).lines().map_while(Result::ok);
            lines.try_for_each(|line| send.send(line))
        });
        let complaints = move || {
            let mut text = Vec::new();
            stderr.read_to_end(&mut text).expect("read stderr");
            String::from_utf8_lossy(&text).into_owned()
        };
        Self {
            child,
            lines,
            stderr: Some(thread::spawn(complaints)),
        }
    }

    /// The process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends the process a signal.
    pub fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).expect("a process id");
        kill(Pid::from_raw(pid), signal).expect("send a signal");
    }

    /// Ends the input of a process that has one.
    pub(crate) fn hang_up(&mut self) {
        drop(self.child.stdin.take());
    }

    /// Whether the process still runs.
    pub fn is_up(&mut self) -> bool {
        let status = self.child.try_wait().expect("look after the process");
        status.is_none()
    }

    /// The next line of output that `wanted` likes; those before it are skipped.
    pub fn line(&self, within: Duration, wanted: impl Fn(&str) -> bool) -> String {
        let deadline = Instant::now() + within;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let line = self.lines.recv_timeout(left);
            let line = line.unwrap_or_else(|error| panic!("wait for a line: {error}"));
            if wanted(&line) {
                return line;
            }
        }
    }

    /// Waits for the end of the process, and returns what is left of its output.
    pub fn finish(mut self, within: Duration) -> Output {
        let deadline = Instant::now() + within;
        let mut stdout = String::new();
        // The output ends before the process does, and there is something to wait for.
        let left = || deadline.saturating_duration_since(Instant::now());
        while let Ok(line) = self.lines.recv_timeout(left()) {
            stdout.push_str(&line);
            stdout.push('\n');
        }
        let status = self.reap(deadline);
        let stderr = self.stderr.take().expect("finish comes once");
        let stderr = stderr.join().expect("read stderr");
        let Some(status) = status else {
            panic!("still running after {within:?}; it said {stdout}{stderr}");
        };
        Output {
            code: status.code().unwrap_or(-1),
            stdout,
            stderr,
        }
    }

    /// The exit status; kills the process where there is none by the deadline.
    fn reap(&mut self, deadline: Instant) -> Option<ExitStatus> {
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait().expect("wait for the process") {
                return Some(status);
            }
            thread::park_timeout(Duration::from_millis(5));
        }
        self.child.kill().expect("kill the process");
        self.child.wait().expect("reap the process");
        None
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            self.child.kill().expect("kill the process");
            self.child.wait().expect("reap the process");
        }
    }
}

/// Moves the thread into the host's network and into mounts of its own.
fn enter(netns: &Netns) {
    setns(netns, CloneFlags::CLONE_NEWNET).expect("enter the host's network");
    unshare(CloneFlags::CLONE_NEWNS).expect("make a namespace of mounts");
    let none: Option<&str> = None;
    let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
    mount(none, "/", none, private, none).expect("keep mounts from the real host");
    for (kind, place) in [("bpf", "/sys/fs/bpf"), ("tmpfs", "/run")] {
        mount(Some(kind), place, Some(kind), MsFlags::empty(), none)
            .unwrap_or_else(|errno| panic!("mount {kind} at {place}: {errno}"));
    }
    fs::create_dir("/run/netns").expect("create /run/netns");
}

/// The program: that of `NETBRIDGE_BIN`, else the one built beside this test.
pub fn binary() -> PathBuf {
    if let Some(path) = env::var_os("NETBRIDGE_BIN") {
        return path.into();
    }
    // target/debug/deps/test-0123456789abcdef
    let test = env::current_exe().expect("find this test's file");
    let beside = test.parent().and_then(|deps| deps.parent());
    let path = beside.expect("a test is in a folder").join("netbridge");
    assert!(
        path.is_file(),
        "{} is missing; build it with `cargo build -p netbridge`, or name one in NETBRIDGE_BIN",
        path.display()
    );
    path
}
