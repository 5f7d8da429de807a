//! Open vSwitch with its datapath in userspace: the two daemons, private to a rig.

use std::{
    fs,
    path::Path,
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, Sender, channel},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};

use crate::{
    bench::{cpus, mounts, programs},
    net::{Netns, netns::end_with_thread},
};

/// Where the daemons keep what they have: on a file system that goes with them.
const DIR: &str = "/run/openvswitch";
/// What the package brings along for `ovsdb-tool create`.
const SCHEMA: &str = "/usr/share/openvswitch/vswitch.ovsschema";
/// How long a daemon may take to come up.
const PATIENCE: Duration = Duration::from_secs(10);

/// Running daemons, and the thread that they end with.
pub(in crate::bench) struct Ovs {
    stop: Option<Sender<()>>,
    keeper: Option<JoinHandle<Result<()>>>,
}

impl Ovs {
    /// Why it cannot run here, where it cannot.
    pub(in crate::bench) fn unavailable() -> Option<String> {
        let programs = ["ovsdb-tool", "ovsdb-server", "ovs-vswitchd", "ovs-vsctl"];
        let missing = programs
            .into_iter()
            .find(|name| programs::find(name).is_none());
        if let Some(name) = missing {
            return Some(format!(
                "{name} is not installed (Debian package openvswitch-switch)"
            ));
        }
        (!Path::new("/dev/net/tun").exists())
            .then(|| "there is no /dev/net/tun, which its own interfaces need".to_owned())
    }

    /// Starts the daemons in the namespace of `host`, with a bridge of `ports`.
    pub(super) fn start(host: &Netns, ports: Vec<String>) -> Result<Self> {
        let (ready, up) = channel();
        let (stop, stopped) = channel();
        let host = host.clone();
        let keeper = thread::Builder::new()
            .name("ovs".to_owned())
            .spawn(move || host.run(move || keep(&ports, &ready, &stopped))?)
            .context("start a thread")?;
        let mut ovs = Self {
            stop: Some(stop),
            keeper: Some(keeper),
        };
        if up.recv().is_ok() {
            return Ok(ovs);
        }
        ovs.end()?;
        bail!("open vswitch ended early")
    }

    fn end(&mut self) -> Result<()> {
        drop(self.stop.take());
        match self.keeper.take().map(JoinHandle::join) {
            Some(Ok(result)) => result,
            Some(Err(panic)) => std::panic::resume_unwind(panic),
            None => Ok(()),
        }
    }
}

impl Drop for Ovs {
    fn drop(&mut self) {
        if let Err(error) = self.end() {
            tracing::warn!("{error:#}");
        }
    }
}

/// Processes that are killed when the value goes.
struct Daemons(Vec<Child>);

impl Drop for Daemons {
    fn drop(&mut self) {
        for child in self.0.iter_mut().rev() {
            if let Err(error) = child.kill().and_then(|()| child.wait()) {
                tracing::warn!("end a daemon of open vswitch: {error}");
            }
        }
    }
}

/// Runs the daemons until the rig goes.
fn keep(ports: &[String], ready: &Sender<()>, stopped: &Receiver<()>) -> Result<()> {
    cpus::unpin()?;
    mounts::make_private(&[("tmpfs", "/run")])?;
    fs::create_dir(DIR).with_context(|| format!("create {DIR}"))?;
    let (database, socket) = (format!("{DIR}/conf.db"), format!("{DIR}/db.sock"));
    programs::run(
        program("ovsdb-tool")?.args(["create", &database, SCHEMA]),
        "",
    )?;
    let mut daemons = Daemons(Vec::new());
    let remote = format!("--remote=punix:{socket}");
    daemons.start(program("ovsdb-server")?.args([&remote, &database]))?;
    let end = Instant::now() + PATIENCE;
    while !Path::new(&socket).exists() {
        if Instant::now() > end {
            bail!("ovsdb-server did not open its socket");
        }
        thread::sleep(Duration::from_millis(2));
    }
    programs::run(program("ovs-vsctl")?.args(["--no-wait", "init"]), "")?;
    daemons.start(program("ovs-vswitchd")?.arg(format!("unix:{socket}")))?;
    // Waits until the other daemon has done it.
    let mut setup = program("ovs-vsctl")?;
    setup.arg(format!("--timeout={}", PATIENCE.as_secs()));
    setup.args(["add-br", "br0", "--", "set", "bridge", "br0"]);
    setup.arg("datapath_type=netdev");
    for port in ports {
        setup.args(["--", "add-port", "br0", port]);
    }
    programs::run(&mut setup, "")?;
    if ready.send(()).is_ok() {
        // Nothing is ever sent: it ends when the rig does.
        while stopped.recv().is_ok() {}
    }
    Ok(())
}

impl Daemons {
    fn start(&mut self, command: &mut Command) -> Result<()> {
        let name = command.get_program().to_string_lossy().into_owned();
        let child = end_with_thread(command)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("start {name}"))?;
        self.0.push(child);
        Ok(())
    }
}

/// A command that finds the rig's own daemons.
fn program(name: &str) -> Result<Command> {
    let mut command = programs::command(name)?;
    for variable in ["OVS_RUNDIR", "OVS_DBDIR", "OVS_LOGDIR"] {
        command.env(variable, DIR);
    }
    Ok(command)
}
