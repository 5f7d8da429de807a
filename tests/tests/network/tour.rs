//! The walkthrough on the default network: rows 1 to 7.

use netbridge_tests::{
    require_root, require_tool,
    topology::Running,
    traffic::{ping, tcp},
};

use super::{
    bed::{Bed, LONG, at, eventually, ip, text},
    talk::page,
};

/// Containers b1 and b2 on the default network, each with a web server of its own on port 80.
fn two_web_servers(bed: &Bed) -> [Running; 2] {
    bed.shell("mkdir -p /run/www/b1 /run/www/b2; echo I am b1 > /run/www/b1/index.html; echo I am b2 > /run/www/b2/index.html");
    ["b1", "b2"].map(|name| {
        let folder = format!("/run/www/{name}");
        let httpd = ["busybox", "httpd", "-f", "-p", "80", "-h", &folder];
        bed.run("bridge", name, &[], &httpd)
    })
}

/// Ends them as Ctrl-C does, and expects that the networks are as if they had never been.
fn end(bed: Bed, servers: [Running; 2]) {
    for server in servers {
        server.signal(nix::sys::signal::Signal::SIGINT);
        let output = server.finish(LONG);
        assert_eq!(output.code, 130, "ended by the interrupt: {output:#?}");
    }
    assert_eq!(bed.on_network("bridge"), [""; 0]);
    assert_eq!(bed.shell("ls /run/netns"), "", "their namespaces are gone");
    bed.shell("rm -r /run/www");
    bed.end();
}

#[test]
fn row_1_two_containers_listen_on_port_80_and_each_has_a_network_of_its_own() {
    require_root!();
    require_tool!("busybox");
    let bed = Bed::new();
    let servers = two_web_servers(&bed);
    for (address, greeting) in [("172.17.0.2", "I am b1"), ("172.17.0.3", "I am b2")] {
        let answer = page(bed.host.netns(), at(address, 80));
        assert!(answer.contains(greeting), "{answer}");
    }
    // From one container to the other, and to itself by loopback.
    let b1 = bed.open("b1");
    assert!(page(&b1, at("172.17.0.3", 80)).contains("I am b2"));
    assert!(page(&b1, at("127.0.0.1", 80)).contains("I am b1"));
    for name in ["b1", "b2"] {
        let links = bed.shell(&format!("ip -n {name} -o link"));
        let names: Vec<_> = links.lines().filter_map(|l| l.split(": ").nth(1)).collect();
        assert!(
            matches!(names[..], ["lo", eth0] if eth0.starts_with("eth0@if")),
            "{links}"
        );
    }
    drop(b1);
    end(bed, servers);
}

#[test]
fn row_2_the_first_two_containers_have_172_17_0_2_and_3() {
    require_root!();
    let bed = Bed::new();
    for (name, address) in [("b1", "172.17.0.2/16"), ("b2", "172.17.0.3/16")] {
        bed.join("bridge", name, &[]);
        let shown = bed.shell(&format!("ip -n {name} -4 -o addr show eth0"));
        assert!(shown.contains(&format!(" {address} ")), "{shown}");
    }
    let config = &bed.inspect("bridge")["IPAM"]["Config"][0];
    assert_eq!(config["Gateway"], "172.17.0.1");
    bed.end();
}

#[test]
fn row_3_ip_addr_shows_lo_and_one_end_of_a_veth() {
    require_root!();
    let bed = Bed::new();
    bed.join("bridge", "b1", &[]);
    let shown = bed.shell("ip -n b1 addr");
    for wanted in [
        "lo: <LOOPBACK,UP,LOWER_UP>",
        "inet 127.0.0.1/8",
        ": eth0@if",
        "state UP",
        "mtu 1500",
        "link/ether 02:42:ac:11:00:02",
        "inet 172.17.0.2/16 brd 172.17.255.255 scope global eth0",
    ] {
        assert!(shown.contains(wanted), "no `{wanted}` in {shown}");
    }
    let place = bed.place("bridge", "b1");
    let port = bed.host.links().by_name(&place.port).expect("its port");
    assert!(
        shown.contains(&format!("eth0@if{}: ", port.ifindex)),
        "{} is the other end: {shown}",
        port.ifindex
    );
    let near = bed.shell(&format!("ip -d link show {}", place.port));
    assert!(
        near.contains("veth") && near.contains("link-netns b1"),
        "{near}"
    );
    bed.end();
}

#[test]
fn row_4_ip_route_leads_out_through_the_gateway() {
    require_root!();
    let bed = Bed::new();
    bed.join("bridge", "b1", &[]);
    let shown = bed.shell("ip -n b1 route");
    let lines: Vec<_> = shown
        .lines()
        .map(|line| line.replace(" proto kernel", "").trim().to_owned())
        .collect();
    assert_eq!(
        lines,
        [
            "default via 172.17.0.1 dev eth0",
            "172.17.0.0/16 dev eth0 scope link src 172.17.0.2"
        ]
    );
    bed.end();
}

#[test]
fn row_5_ping_is_answered_and_counters_and_fdb_show_it() {
    require_root!();
    let bed = Bed::new();
    let b1 = bed.join("bridge", "b1", &[]);
    let b2 = bed.join("bridge", "b2", &[]);
    let before = bed.stats("netbridge0", "b2");
    let pings = ping(&b1, ip("172.17.0.3"), 5);
    assert!(pings.all_answered(), "{pings:?}");
    assert_eq!(pings.ttl, 64);
    tcp(&b2, &b1, ip("172.17.0.2"), 1 << 20);
    let neighbours = bed.shell("ip -n b1 neigh show 172.17.0.3");
    assert!(
        neighbours.contains("lladdr 02:42:ac:11:00:03"),
        "{neighbours}"
    );
    let after = bed.stats("netbridge0", "b2");
    for way in ["rx", "tx"] {
        let frames = |stats: &serde_json::Value| stats[way]["frames"].as_u64().expect("a number");
        assert!(frames(&after) >= frames(&before) + 5, "{way}: {after}");
    }
    assert_eq!(after["dropped"]["total"], 0, "{after}");
    let fdb = bed.json(&["fdb", "show", "netbridge0", "--json"]);
    for (mac, name) in [("02:42:ac:11:00:02", "b1"), ("02:42:ac:11:00:03", "b2")] {
        let mut entries = fdb.as_array().expect("an array").iter();
        let entry = entries.find(|entry| entry["mac"] == mac);
        assert_eq!(entry.expect("an entry")["name"], name);
    }
    bed.end();
}

#[test]
fn row_5_a_container_pings_with_a_program_of_its_own() {
    require_root!();
    require_tool!("busybox");
    let bed = Bed::new();
    bed.join("bridge", "b1", &[]);
    let ping = ["busybox", "ping", "-c", "3", "-i", "0.1", "172.17.0.2"];
    let run = ["network", "run", "bridge", "--"];
    let said = bed.ok(&[&run[..], &ping].concat());
    assert!(said.contains("ttl=64"), "{said}");
    assert!(
        said.contains("3 packets received, 0% packet loss"),
        "{said}"
    );
    assert_eq!(bed.on_network("bridge"), ["b1"], "it is gone with its ping");
    bed.end();
}

#[test]
fn row_6_inspect_prints_what_docker_prints() {
    require_root!();
    let bed = Bed::new();
    bed.join("bridge", "b1", &[]);
    let printed = bed.ok(&["network", "inspect", "bridge"]);
    assert!(printed.starts_with("[\n    {\n        \"Name\": \"bridge\",\n        \"Id\": \""));
    let view = bed.inspect("bridge");
    let wanted = serde_json::json!({
        "Name": "bridge", "Id": view["Id"], "Created": view["Created"], "Scope": "local",
        "Driver": "bridge", "Owner": "netbridge", "Interface": "netbridge0", "EnableIPv6": false,
        "IPAM": {
            "Driver": "default", "Options": {},
            "Config": [{"Subnet": "172.17.0.0/16", "Gateway": "172.17.0.1"}],
        },
        "Internal": false, "Attachable": false, "Ingress": false,
        "ConfigFrom": {"Network": ""}, "ConfigOnly": false,
        "Containers": view["Containers"],
        "Options": {
            "com.docker.network.bridge.default_bridge": "true",
            "com.docker.network.bridge.enable_icc": "true",
            "com.docker.network.bridge.enable_ip_masquerade": "true",
            "com.docker.network.bridge.host_binding_ipv4": "0.0.0.0",
            "com.docker.network.bridge.name": "netbridge0",
            "com.docker.network.driver.mtu": "1500",
        },
        "Labels": {},
    });
    assert_eq!(view, wanted);
    let is_id = |id: &str| id.len() == 64 && id.bytes().all(|digit| digit.is_ascii_hexdigit());
    assert!(is_id(&text(&view["Id"])));
    let containers = view["Containers"].as_object().expect("an object");
    assert_eq!(containers.len(), 1);
    for (id, container) in containers {
        assert!(is_id(id) && is_id(&text(&container["EndpointID"])));
        let wanted = serde_json::json!({
            "Name": "b1", "EndpointID": container["EndpointID"],
            "MacAddress": "02:42:ac:11:00:02", "IPv4Address": "172.17.0.2/16",
            "IPv6Address": "", "Interface": container["Interface"],
        });
        assert_eq!(container, &wanted);
    }
    bed.end();
}

#[test]
fn row_7_the_bridge_stands_on_the_host_between_the_containers() {
    require_root!();
    let bed = Bed::new();
    let b1 = bed.join("bridge", "b1", &[]);
    bed.join("bridge", "b2", &[]);
    let shown = bed.shell("ip addr show netbridge0");
    assert!(
        shown.contains("inet 172.17.0.1/16") && shown.contains("state UP"),
        "{shown}"
    );
    let stats = bed.json(&["stats", "netbridge0", "--json"]);
    let ports = stats["ports"].as_array().expect("an array");
    let names: Vec<_> = ports.iter().map(|port| text(&port["name"])).collect();
    assert_eq!(names, ["host", "b1", "b2"]);
    let pings = ping(&b1, ip("172.17.0.1"), 3);
    assert!(pings.all_answered() && pings.ttl == 64, "{pings:?}");
    let pings = ping(bed.host.netns(), ip("172.17.0.3"), 3);
    assert!(pings.all_answered(), "{pings:?}");
    // Taken off, a container is reached no more.
    bed.ok(&["network", "disconnect", "bridge", "b2"]);
    let gone = bed.shell("ip -n b2 -o link");
    assert!(!gone.contains("eth0"), "{gone}");
    eventually("the port's end", || {
        let stats = bed.json(&["stats", "netbridge0", "--json"]);
        stats["ports"].as_array().map(Vec::len) == Some(2)
    });
    bed.end();
}
