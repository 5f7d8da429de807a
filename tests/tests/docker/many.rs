//! Many containers, started and removed several at once.

use std::{
    collections::{BTreeSet, VecDeque},
    time::Instant,
};

use netbridge_tests::{engine::Engine, require::note, require_engine, topology::Host};

use crate::scene::{PATIENCE, Serve, Traces, network, page};

const COUNT: usize = 100;

#[test]
fn a_hundred_containers_come_and_go_and_leave_nothing() {
    require_engine!();
    let host = Host::new();
    let _serve = Serve::start(&host);
    let engine = Engine::start(&host);
    let before = Traces::of(&host);
    network(&engine, "net", &["--subnet", "10.55.0.0/24"]);
    let names: Vec<_> = (1..=COUNT).map(|n| format!("web{n}")).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let begin = Instant::now();
    engine.webs(&names, &["--network", "net", "-p", "80"]);
    note(format_args!(
        "{COUNT} containers took {:?}",
        begin.elapsed()
    ));
    let format = "{{.NetworkSettings.Networks.net.IPAddress}}";
    let inspect = ["inspect", "--format", format];
    let addresses = engine.docker_ok(&[&inspect[..], &names].concat());
    let different: BTreeSet<_> = addresses.lines().collect();
    assert_eq!(different.len(), COUNT, "{addresses}");
    let from = engine.container_netns("web1");
    for (name, address) in names.iter().zip(addresses.lines()) {
        let address = address.parse().expect("an address");
        let pages = [page(&from, address, 80), page(host.netns(), address, 80)];
        assert_eq!(
            pages.map(|page| page.as_deref() == Some(*name)),
            [true; 2],
            "{name}"
        );
    }
    let begin = Instant::now();
    remove(&engine, &names);
    note(format_args!("their end took {:?}", begin.elapsed()));
    engine.docker_ok(&["network", "rm", "net"]);
    before.expect(&host);
}

/// Removes containers, several at once.
fn remove(engine: &Engine<'_>, names: &[&str]) {
    let mut started = VecDeque::new();
    for names in names.chunks(10) {
        if started.len() == 4 {
            finish(started.pop_front());
        }
        started.push_back(engine.start_docker(&[&["rm", "--force"], names].concat()));
    }
    while !started.is_empty() {
        finish(started.pop_front());
    }
}

fn finish(removal: Option<netbridge_tests::topology::Running>) {
    let output = removal.expect("one was started").finish(3 * PATIENCE);
    assert_eq!(output.code, 0, "{output:#?}");
}
