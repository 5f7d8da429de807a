//! Containers with something to talk to.

use std::{
    net::{Ipv4Addr, TcpStream},
    thread,
    time::Instant,
};

use netbridge::net::Netns;

use super::{Engine, IMAGE, PATIENCE, PAUSE};

/// How many containers are started at once.
const AT_ONCE: usize = 4;

impl Engine<'_> {
    /// Runs a container that answers on port 80 with its name; `options` are those of `docker run`.
    pub fn web(&self, name: &str, options: &[&str]) {
        self.webs(&[name], options);
    }

    /// Runs containers as [`Engine::web`] does, several at once.
    pub fn webs(&self, names: &[&str], options: &[&str]) {
        let serve = "hostname >/www/index.html; exec httpd -f -p 80 -h /www";
        for names in names.chunks(AT_ONCE) {
            let start = |name: &&str| {
                let mut args = vec!["run", "--detach", "--name", name, "--hostname", name];
                args.extend(options);
                args.extend([IMAGE, "sh", "-c", serve]);
                self.start_docker(&args)
            };
            let started: Vec<_> = names.iter().map(start).collect();
            for (name, run) in names.iter().zip(started) {
                let output = run.finish(PATIENCE);
                assert_eq!(output.code, 0, "run {name}: {output:#?}");
            }
            self.wait_for_webs(names);
        }
    }

    /// Waits until each of the containers answers on port 80.
    pub fn wait_for_webs(&self, names: &[&str]) {
        for (name, netns) in names.iter().zip(self.networks(names)) {
            let up = netns.run(answers).expect("enter the container");
            assert!(up, "{name} does not answer on port 80");
        }
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
        self.networks(&[name]).remove(0)
    }

    fn networks(&self, names: &[&str]) -> Vec<Netns> {
        let mut args = vec!["inspect", "--format", "{{.State.Pid}}"];
        args.extend(names);
        let pids = self.docker_ok(&args);
        let open = |(pid, name): (&str, &&str)| {
            assert_ne!(pid, "0", "{name} does not run");
            let path = self.cell.inside(&format!("/proc/{pid}/ns/net"));
            Netns::open(&path).expect("open the container's namespace")
        };
        pids.lines().zip(names).map(open).collect()
    }
}

/// Whether something listens on port 80 before long; asked on the loopback interface, where it
/// disturbs no counters.
fn answers() -> bool {
    let deadline = Instant::now() + PATIENCE;
    while TcpStream::connect((Ipv4Addr::LOCALHOST, 80)).is_err() {
        if Instant::now() > deadline {
            return false;
        }
        thread::park_timeout(PAUSE);
    }
    true
}
