//! `serve` is killed in the middle of whatever Docker is at, and all comes right again.

use std::{
    process::Command,
    thread,
    time::{Duration, Instant},
};

use netbridge_tests::{engine::Engine, frame::Dice, require::note, require_engine, topology::Host};

use crate::scene::{PATIENCE, Serve, Traces, collect_lost_pools, eventually, network, page};

/// What Docker does in one round, from nothing to nothing; commands that fail are not told again.
const LIFE: &str = "
    docker network create -d netbridge --ipam-driver netbridge $POOL net
    for c in aa bb; do
        docker run -d --name $c --network net -p 80 busybox httpd -f -p 80 -h /www
    done
    docker network disconnect net bb
    docker network connect net bb
    docker rm -f aa
    docker rm -f bb
    docker network rm net
";

/// What takes away whatever such a round has left.
const CLEAR: &str = "
    docker rm -f aa bb
    docker network rm net
    ! docker network inspect net && ! docker container inspect aa && ! docker container inspect bb
";

fn start(engine: &Engine<'_>, script: &str, pool: &str) -> netbridge_tests::topology::Running {
    let mut command = Command::new("sh");
    let script = script.replace("$POOL", pool);
    command.args(["-c", &format!("export PATH=/usr/bin:$PATH; {script}")]);
    engine.start_beside(command)
}

/// The whole of a life with nothing in its way: what was left by the last one does not matter.
fn live(engine: &Engine<'_>, pool: &str) {
    let net = [
        "network",
        "create",
        "-d",
        "netbridge",
        "--ipam-driver",
        "netbridge",
    ];
    let pool: Vec<_> = pool.split_whitespace().collect();
    engine.docker_ok(&[&net[..], &pool, &["net"]].concat());
    engine.webs(&["aa", "bb"], &["--network", "net", "-p", "80"]);
    let (a, b) = (engine.address("aa"), engine.address("bb"));
    assert_ne!(a, b, "two have the same address");
    assert_eq!(
        page(&engine.container_netns("aa"), b, 80).as_deref(),
        Some("bb")
    );
}

/// `serve` killed at `kills` points of the time that a life takes.
fn kill_serve(seed: u64, kills: u32, pool: &str) {
    let host = Host::new();
    let mut serve = Serve::start(&host);
    let engine = Engine::start(&host);
    let before = Traces::of(&host);
    note(format_args!("seed {seed:#x}"));
    let mut dice = Dice(seed);
    let begin = Instant::now();
    start(&engine, LIFE, pool).finish(3 * PATIENCE);
    let life = begin.elapsed();
    before.expect(&host);
    for kill in 1..=kills {
        let delay = life * u32::try_from(dice.below(1000)).expect("small") / 1000;
        let begin = Instant::now();
        let rest = start(&engine, LIFE, pool);
        park_until(begin + delay);
        serve.kill();
        serve.launch();
        let said = rest.finish(4 * PATIENCE);
        note(format_args!("kill {kill} after {delay:?}: {}", said.stderr));
        eventually("all is taken away", || {
            start(&engine, CLEAR, pool).finish(2 * PATIENCE).code == 0
        });
        if kill % 4 == 0 {
            live(&engine, pool);
            start(&engine, CLEAR, pool).finish(2 * PATIENCE);
        }
        collect_lost_pools(&host);
        before.expect(&host);
    }
    live(&engine, pool);
    assert_eq!(start(&engine, CLEAR, pool).finish(2 * PATIENCE).code, 0);
    before.expect(&host);
}

fn park_until(when: Instant) {
    loop {
        let left = when.saturating_duration_since(Instant::now());
        if left == Duration::ZERO {
            return;
        }
        thread::park_timeout(left);
    }
}

#[test]
fn serve_is_killed_ten_times_with_a_subnet_that_is_named() {
    require_engine!();
    kill_serve(0x6b69_6c6c, 10, "--subnet 10.56.0.0/24");
}

#[test]
fn serve_is_killed_ten_times_with_a_subnet_that_is_found() {
    require_engine!();
    kill_serve(0x6b69_6c6d, 10, "");
}

/// Containers that were on their way when the engine was killed are forgotten, and their addresses free.
#[test]
fn the_engine_is_killed_while_it_starts_containers() {
    require_engine!();
    let host = Host::new();
    let _serve = Serve::start(&host);
    let mut engine = Engine::start(&host);
    let before = Traces::of(&host);
    let seed = 0x646f_636b;
    note(format_args!("seed {seed:#x}"));
    let mut dice = Dice(seed);
    // With the subnets that are found, this engine has none left for docker0 when it starts.
    network(&engine, "net", &["--subnet", "10.57.0.0/24"]);
    for kill in 1..=5 {
        let delay = Duration::from_millis(dice.below(900).try_into().expect("small"));
        let begin = Instant::now();
        let run = "docker run -d --name $c --network net -p 80 busybox sleep 1000";
        let both = format!("for c in aa bb; do {run} & done; wait");
        let rest = start(&engine, &both, "");
        park_until(begin + delay);
        engine.kill();
        engine.launch();
        let said = rest.finish(2 * PATIENCE);
        note(format_args!("kill {kill} after {delay:?}: {}", said.stderr));
        eventually("the containers are removed", || {
            let clear = "docker rm -f aa bb; test -z \"$(docker ps -aq)\"";
            start(&engine, clear, "").finish(2 * PATIENCE).code == 0
        });
    }
    engine.webs(&["aa", "bb"], &["--network", "net", "-p", "80"]);
    let (one, two) = (engine.address("aa"), engine.address("bb"));
    assert_ne!(one, two, "two have the same address");
    assert_eq!(
        page(&engine.container_netns("aa"), two, 80).as_deref(),
        Some("bb")
    );
    assert_eq!(start(&engine, CLEAR, "").finish(2 * PATIENCE).code, 0);
    collect_lost_pools(&host);
    before.expect(&host);
}
