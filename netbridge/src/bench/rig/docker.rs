//! A Docker engine of the bench's own, and containers on its networks.
//!
//! It runs in namespaces of the network, of mounts and of processes, with its data on a tmpfs, and
//! ends with the bench, however that ends. The machine's own engine is neither asked nor touched.

mod image;

use std::{
    env, fs,
    net::Ipv4Addr,
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};

use super::Station;
use crate::{
    bench::{
        Datapath,
        daemon::{Daemon, PLACES},
        mounts, programs,
    },
    net::{Links, Netns},
};

const KEEPER: &str = include_str!("docker/keeper.sh");
const SOCKET: &str = "unix:///run/docker.sock";
/// An empty configuration: that of the machine's engine is not what Docker ships.
const CONFIG: &str = "/run/docker.json";
const LOG: &str = "/run/dockerd.log";
/// The network that is made, where it is not Docker's default.
const NETWORK: &str = "bench";
/// How long the engine may take to come up.
const PATIENCE: Duration = Duration::from_mins(1);
const PAUSE: Duration = Duration::from_millis(20);

/// What it takes, and the Debian packages that have it.
const PROGRAMS: [(&str, &str); 7] = [
    ("dockerd", "docker.io"),
    ("docker", "docker.io or docker-cli"),
    ("containerd", "containerd"),
    ("runc", "runc"),
    ("iptables", "iptables"),
    ("unshare", "util-linux"),
    ("setpriv", "util-linux"),
];

/// A running engine; it ends with all of its containers when dropped.
pub(in crate::bench) struct Engine {
    /// The client's program.
    client: PathBuf,
    /// The network that containers join; Docker's default where there is none.
    network: Option<&'static str>,
    /// Ends when its standard input does, and the engine with it.
    keeper: Child,
    _plugin: Option<Daemon>,
    _host: Netns,
}

impl Engine {
    /// Why it cannot run here, where it cannot.
    pub(in crate::bench) fn unavailable() -> Option<String> {
        let missing = PROGRAMS
            .into_iter()
            .find(|(name, _)| programs::find(name).is_none());
        if let Some((name, package)) = missing {
            return Some(format!(
                "{name} is not installed (Debian package {package})"
            ));
        }
        image::unavailable()
    }

    /// Starts an engine with the network of `datapath`.
    ///
    /// The calling thread gets mounts of its own for it, and is to call its methods too, or threads
    /// that it starts.
    pub(in crate::bench) fn start(datapath: Datapath) -> Result<Self> {
        mounts::make_private(&PLACES)?;
        // The namespaces of containers are mounted there.
        mounts::share("/run")?;
        let host = Netns::anonymous()?;
        let ours = datapath == Datapath::DockerNetbridge;
        let plugin = ours
            .then(|| Daemon::start_with(&host, &["--docker"]))
            .transpose()?;
        let mut engine = Self {
            client: programs::find("docker").context("docker: not installed")?,
            network: (datapath != Datapath::DockerBridge).then_some(NETWORK),
            keeper: start_keeper(&host)?,
            _plugin: plugin,
            _host: host,
        };
        engine.wait_until_up()?;
        image::import(&engine)?;
        if let Some(network) = engine.network {
            let mut create = engine.docker(&["network", "create"])?;
            if ours {
                create.args(["--driver", "netbridge", "--ipam-driver", "netbridge"]);
            }
            programs::run(create.arg(network), "")?;
        }
        Ok(engine)
    }

    /// Runs a container that does nothing; when this returns, it is up.
    pub(in crate::bench) fn run(&self, name: &str) -> Result<()> {
        let mut run = self.docker(&["run", "--detach", "--name", name])?;
        if let Some(network) = self.network {
            run.args(["--network", network]);
        }
        run.args([image::NAME, image::BUSYBOX, "sleep", "86400"]);
        programs::run(&mut run, "").with_context(|| format!("run {name}"))
    }

    /// The containers, once each is up and has its address.
    pub(in crate::bench) fn stations(&self, names: &[String]) -> Result<Vec<Station>> {
        let format = "{{.NetworkSettings.SandboxKey}} {{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}";
        let mut inspect = self.docker(&["inspect", "--format", format])?;
        let said = programs::output(inspect.args(names))?;
        let stations = said.lines().map(station).collect::<Result<Vec<_>>>()?;
        ensure!(stations.len() == names.len(), "docker inspect: {said}");
        Ok(stations)
    }

    /// A command of the client's.
    fn docker(&self, args: &[&str]) -> Result<Command> {
        let mut command = Command::new(&self.client);
        for_docker(&mut command)?;
        command.args(args);
        Ok(command)
    }

    fn wait_until_up(&mut self) -> Result<()> {
        let end = Instant::now() + PATIENCE;
        while let Err(error) = programs::run(&mut self.docker(&["version"])?, "") {
            let log = fs::read_to_string(LOG).unwrap_or_default();
            let last = log.lines().last().unwrap_or_default();
            if self.keeper.try_wait()?.is_some() {
                bail!("dockerd ended early: {last}");
            }
            if Instant::now() > end {
                return Err(error.context(format!("dockerd does not answer: {last}")));
            }
            thread::sleep(PAUSE);
        }
        Ok(())
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        if let Err(error) = self.keeper.wait() {
            tracing::warn!("end dockerd: {error}");
        }
    }
}

/// Starts what starts the engine; in a group of its own, out of reach of an interrupt from the
/// terminal.
fn start_keeper(host: &Netns) -> Result<Child> {
    static ENGINES: AtomicU32 = AtomicU32::new(0);
    let number = ENGINES.fetch_add(1, Ordering::Relaxed);
    let cgroup = format!("netbridge-bench-{}-{number}", std::process::id());
    fs::write(CONFIG, "{}").with_context(|| format!("write {CONFIG}"))?;
    let mut command = programs::command("sh")?;
    command
        .args(["-c", KEEPER, "keeper", &cgroup, "dockerd"])
        .arg(format!("--host={SOCKET}"))
        .arg(format!("--config-file={CONFIG}"))
        .arg(format!("--cgroup-parent=/{cgroup}"))
        .args([
            "--data-root=/run/docker-data",
            "--exec-root=/run/docker",
            "--pidfile=/run/docker.pid",
            "--exec-opt=native.cgroupdriver=cgroupfs",
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0);
    for_docker(&mut command)?;
    host.command_in(&mut command)
        .spawn()
        .context("start dockerd")
}

/// The container of a line of `docker inspect`.
fn station(line: &str) -> Result<Station> {
    let (sandbox, address) = line
        .split_once(' ')
        .with_context(|| format!("docker inspect: {line}"))?;
    let address: Ipv4Addr = address
        .parse()
        .with_context(|| format!("a container has the address `{address}`"))?;
    let netns = Netns::open(Path::new(sandbox))?;
    let links = Links::within(&netns)?;
    let eth0 = links.by_name("eth0")?;
    let addresses = links.addresses(eth0.ifindex)?;
    let known = addresses.iter().any(|net| net.addr() == address);
    ensure!(known && eth0.up && eth0.carrier, "{address} is not up");
    Ok(Station {
        netns,
        mac: eth0.mac.context("eth0 has no address")?,
        address,
        ifindex: eth0.ifindex,
    })
}

/// What engine and client need, and nothing that the user has set for others.
fn for_docker(command: &mut Command) -> Result<()> {
    for (name, _) in env::vars_os() {
        if name.to_string_lossy().starts_with("DOCKER_") {
            command.env_remove(name);
        }
    }
    command
        .env("DOCKER_HOST", SOCKET)
        .env("DOCKER_CONFIG", "/run/docker-client")
        .env("PATH", programs::path()?);
    Ok(())
}
