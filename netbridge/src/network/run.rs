//! A command in a namespace of its own on a network: a container without an engine.

use std::{
    ffi::OsString,
    fs, io,
    os::unix::process::ExitStatusExt as _,
    path::{Path, PathBuf},
    process::{Command, ExitStatus},
    sync::mpsc::{Sender, channel},
    thread,
};

use nix::{
    mount::{MsFlags, mount},
    sched::{CloneFlags, setns, unshare},
    sys::signal::kill,
    unistd::{Pid, sethostname},
};

use super::{
    ConnectSpec, Container, Driver, Endpoint, EndpointConfig, EndpointSpec, NetworkError, Networks,
    Phase,
    container::NAMED,
    create::new_id,
    model::{Runner, short},
};
use crate::{
    daemon::Stop,
    net::{Netns, Refusal, netns},
};

/// A command, and the network that it runs on.
#[derive(Clone, Debug)]
pub struct RunSpec {
    /// The network.
    pub network: String,
    /// The container's name; one is made up where there is none.
    pub name: Option<String>,
    /// What it has there.
    pub config: EndpointConfig,
    /// The command and its arguments.
    pub command: Vec<OsString>,
}

/// Runs a command to its end, and removes what was made for it; returns its exit code. `say` gets what the
/// user should know.
///
/// A command whose netbridge is killed ends with it; what was made for it goes with the next command.
pub fn run(spec: &RunSpec, mut say: impl FnMut(&str)) -> Result<u8, NetworkError> {
    let (endpoint, place) = {
        let mut networks = Networks::open()?;
        networks.ensure_defaults(false)?;
        let made = start(&mut networks, spec);
        networks.take_said().iter().for_each(|line| say(line));
        made?
    };
    let outcome = in_place(&place, &spec.command);
    let mut networks = Networks::open()?;
    let removed = networks.take_out_everywhere(&endpoint.container);
    remove_leftover(&endpoint);
    let code = outcome?;
    removed?;
    Ok(code)
}

/// Where a command runs.
struct Place {
    netns: Option<Netns>,
    hosts: Option<PathBuf>,
    name: String,
}

/// Makes the namespace and puts it on the network.
fn start(networks: &mut Networks, spec: &RunSpec) -> Result<(Endpoint, Place), NetworkError> {
    let network = networks.find(&spec.network)?.clone();
    let name = match &spec.name {
        Some(name) => name.clone(),
        None => format!("c-{}", &short(&new_id()?)[..6]),
    };
    check_name(&name)?;
    if network.driver == Driver::Host {
        if !spec.config.published.is_empty() {
            networks.say(
                "published ports are discarded: the container has the host's own network"
                    .to_owned(),
            );
        }
        let noted = EndpointSpec {
            name: name.clone(),
            container: new_id()?,
            ipv4: spec.config.ip,
            ipv6: spec.config.ip6,
            mac: spec.config.mac,
            runner: Some(Runner::current()),
            ..EndpointSpec::default()
        };
        let endpoint = networks.note(&network.name, &noted, Phase::Ready, true)?;
        let place = Place {
            netns: None,
            hosts: None,
            name,
        };
        return Ok((endpoint, place));
    }
    let path = Path::new(NAMED).join(&name);
    if path.exists() {
        return Err(NetworkError::Container {
            name,
            reason: format!(
                "{} exists already; choose another name with --name",
                path.display()
            ),
        });
    }
    let netns = Netns::anonymous()?;
    let endpoint = connect(networks, spec, &network.name, &netns, &path, &name)?;
    let hosts = networks.new_hosts(&endpoint);
    if hosts.is_err() {
        networks.take_out(&network.name, &endpoint.id)?;
        unbind(&path);
    }
    let hosts = hosts?;
    let place = Place {
        netns: Some(netns),
        hosts: Some(hosts),
        name,
    };
    Ok((endpoint, place))
}

fn connect(
    networks: &mut Networks,
    spec: &RunSpec,
    network: &str,
    netns: &Netns,
    path: &Path,
    name: &str,
) -> Result<Endpoint, NetworkError> {
    let container = Container {
        name: name.to_owned(),
        id: None,
        path: path.to_owned(),
        netns: netns.clone(),
    };
    networks.connect(
        network,
        &ConnectSpec {
            container,
            config: spec.config.clone(),
            runner: Some(Runner::current()),
        },
    )
}

/// What may name a namespace, a host and a container.
fn check_name(name: &str) -> Result<(), NetworkError> {
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    if name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.chars().all(good)
        && name.len() <= 64
    {
        return Ok(());
    }
    Err(NetworkError::Container {
        name: name.to_owned(),
        reason: "no name for a container; use letters, digits, `_`, `.` and `-`, 64 at most"
            .to_owned(),
    })
}

/// Runs a command in its place, passing signals on, and returns its exit code.
fn in_place(place: &Place, command: &[OsString]) -> Result<u8, NetworkError> {
    let [program, args @ ..] = command else {
        return Ok(0);
    };
    let failed = |reason: String| NetworkError::Program {
        what: format!("run {}", program.display()),
        reason,
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| failed(error.to_string()))?;
    let (send_pid, pid) = channel();
    let (send_end, end) = tokio::sync::oneshot::channel();
    thread::scope(|scope| {
        // Before there is a child: no signal may find only half of it.
        let mut stop = {
            let _entered = runtime.enter();
            Stop::new().map_err(|error| failed(error.to_string()))?
        };
        scope.spawn(move || {
            let status = enter(place).and_then(|()| spawn(program, args, &send_pid));
            drop(send_pid);
            // Nobody waits where the process is about to end.
            drop(send_end.send(status));
        });
        let child = pid.recv().ok();
        let status = runtime.block_on(async {
            let mut end = end;
            loop {
                tokio::select! {
                    status = &mut end => break status,
                    signal = stop.next() => {
                        if let Some(pid) = child.and_then(|pid| i32::try_from(pid).ok())
                            && let Err(errno) = kill(Pid::from_raw(pid), signal)
                        {
                            tracing::debug!("pass {signal} on: {errno}");
                        }
                    }
                }
            }
        });
        match status {
            Ok(Ok(status)) => Ok(code_of(status)),
            // As shells answer.
            Ok(Err(error)) if child.is_none() => {
                let (code, reason) = match error.kind() {
                    io::ErrorKind::NotFound => (127, "not found".to_owned()),
                    _ => (126, Refusal::from(error).to_string()),
                };
                Err(NetworkError::Command {
                    program: program.display().to_string(),
                    code,
                    reason,
                })
            }
            Ok(Err(error)) => Err(failed(error.to_string())),
            Err(_) => Err(failed("its thread ended".to_owned())),
        }
    })
}

fn code_of(status: ExitStatus) -> u8 {
    let code = status
        .code()
        .or_else(|| status.signal().map(|signal| 128 + signal));
    u8::try_from(code.unwrap_or(1)).unwrap_or(u8::MAX)
}

fn spawn(program: &OsString, args: &[OsString], pid: &Sender<u32>) -> io::Result<ExitStatus> {
    let mut command = Command::new(program);
    command.args(args);
    let mut child = netns::end_with_thread(&mut command).spawn()?;
    if pid.send(child.id()).is_err() {
        tracing::debug!("nobody waits for {}", program.display());
    }
    child.wait()
}

/// Moves the thread into its container: network, `/sys`, `hosts` and name.
fn enter(place: &Place) -> io::Result<()> {
    let Some(netns) = &place.netns else {
        return Ok(());
    };
    setns(netns, CloneFlags::CLONE_NEWNET)?;
    unshare(CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWUTS)?;
    let none: Option<&str> = None;
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none)?;
    mount(Some("sysfs"), "/sys", Some("sysfs"), MsFlags::empty(), none)?;
    if let Some(hosts) = &place.hosts
        && Path::new("/etc/hosts").exists()
    {
        mount(
            Some(hosts.as_path()),
            "/etc/hosts",
            none,
            MsFlags::MS_BIND,
            none,
        )?;
    }
    sethostname(&place.name)?;
    Ok(())
}

/// Removes the namespace of a container whose `network run` has ended, however it did.
pub(super) fn remove_leftover(endpoint: &Endpoint) {
    if let (Some(_), Some(path)) = (&endpoint.runner, &endpoint.netns) {
        unbind(Path::new(path));
    }
}

fn unbind(path: &Path) {
    if let Err(error) = netns::unbind(path) {
        tracing::debug!("{error}");
    }
    if let Err(error) = fs::remove_file(path)
        && error.kind() != io::ErrorKind::NotFound
    {
        tracing::warn!("remove {}: {error}", path.display());
    }
}
