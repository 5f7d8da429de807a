//! The plugin's calls without Docker, repeated and out of order.

use netbridge_tests::{require_root, topology::Host};
use serde_json::{Value, json};

use crate::{
    calls::{ENDPOINT, NET, plugin, unharmed},
    raw::{Answer, call, fails, ok, refused},
    scene::{Traces, collect_lost_pools, outside},
};

/// Another network.
const OTHER: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

/// The call that makes a network with a subnet.
fn create(host: &Host, id: &str, subnet: &str, gateway: &str) -> Answer {
    let data =
        json!([{"AddressSpace": "x", "Pool": subnet, "Gateway": gateway, "AuxAddresses": {}}]);
    let body =
        json!({"NetworkID": id, "Options": {}, "IPv4Data": data, "IPv6Data": null, "New": 1});
    call(host, "NetworkDriver.CreateNetwork", &body)
}

/// The object that names an endpoint.
fn endpoint(more: &Value) -> Value {
    let mut body = json!({"NetworkID": NET, "EndpointID": ENDPOINT, "Unknown": [1, {}]});
    let own = body.as_object_mut().expect("an object");
    own.extend(more.as_object().expect("an object").clone());
    body
}

#[test]
fn repeated_calls_are_answered_alike() {
    require_root!();
    let host = Host::new();
    let (mut serve, before) = plugin(&host);
    let asked =
        json!({"AddressSpace": "x", "Pool": "10.60.0.0/24", "SubPool": "", "V6": false, "New": {}});
    let pool = ok(&host, "IpamDriver.RequestPool", &asked);
    assert_eq!(ok(&host, "IpamDriver.RequestPool", &asked), pool);
    let id = &pool["PoolID"];
    let gateway = json!({"RequestAddressType": "com.docker.network.gateway"});
    let gateway = json!({"PoolID": id, "Address": "", "Options": gateway});
    let gateway = ok(&host, "IpamDriver.RequestAddress", &gateway);
    assert_eq!(gateway["Address"], "10.60.0.1/24");
    for _ in 0..2 {
        let answer = create(&host, NET, "10.60.0.0/24", "10.60.0.1/24");
        assert_eq!((answer.status, answer.body), (200, json!({})));
    }
    let given = ok(&host, "IpamDriver.RequestAddress", &json!({"PoolID": id}));
    assert_eq!(given["Address"], "10.60.0.2/24");
    let interface = json!({"Interface": {"Address": "10.60.0.2/24", "MacAddress": ""}});
    let first = ok(&host, "NetworkDriver.CreateEndpoint", &endpoint(&interface));
    assert_eq!(
        first,
        json!({"Interface": {"MacAddress": "02:42:0a:3c:00:02"}})
    );
    let again = ok(&host, "NetworkDriver.CreateEndpoint", &endpoint(&interface));
    assert_eq!(again, first);
    let sandbox = json!({"SandboxKey": "/var/run/docker/netns/1234567890ab", "Options": null});
    let joined = ok(&host, "NetworkDriver.Join", &endpoint(&sandbox));
    assert_eq!(joined["Gateway"], "10.60.0.1");
    let source = joined["InterfaceName"]["SrcName"].as_str().expect("a name");
    let link = host.links().by_name(source).expect("it is there");
    assert_eq!(ok(&host, "NetworkDriver.Join", &endpoint(&sandbox)), joined);
    assert_eq!(
        host.links().by_name(source).expect("it is there").ifindex,
        link.ifindex
    );
    let ports = json!([{"Proto": 6, "IP": "", "Port": 80, "HostIP": "", "HostPort": 8080, "HostPortEnd": 8080}]);
    let ports = json!({"Options": {"com.docker.network.portmap": ports}});
    for _ in 0..2 {
        ok(
            &host,
            "NetworkDriver.ProgramExternalConnectivity",
            &endpoint(&ports),
        );
    }
    let info = ok(
        &host,
        "NetworkDriver.EndpointOperInfo",
        &endpoint(&json!({})),
    );
    assert_eq!(
        info["Value"]["netbridge.published"],
        json!(["0.0.0.0:8080->80/tcp"])
    );
    let none = endpoint(&json!({}));
    for name in ["RevokeExternalConnectivity", "Leave", "DeleteEndpoint"] {
        for _ in 0..2 {
            ok(&host, &format!("NetworkDriver.{name}"), &none);
        }
    }
    for _ in 0..2 {
        ok(
            &host,
            "NetworkDriver.DeleteNetwork",
            &json!({"NetworkID": NET}),
        );
    }
    for address in ["10.60.0.2", "10.60.0.2", "10.60.0.1"] {
        ok(
            &host,
            "IpamDriver.ReleaseAddress",
            &json!({"PoolID": id, "Address": address}),
        );
    }
    for _ in 0..2 {
        ok(&host, "IpamDriver.ReleasePool", &json!({"PoolID": id}));
    }
    unharmed(&host, &mut serve, &before);
}

#[test]
fn calls_out_of_order_fail_or_do_nothing() {
    require_root!();
    let host = Host::new();
    let _lan = outside(&host);
    let (mut serve, before) = plugin(&host);
    let none = endpoint(&json!({}));
    for name in [
        "Join",
        "CreateEndpoint",
        "EndpointOperInfo",
        "ProgramExternalConnectivity",
    ] {
        let text = fails(
            &host,
            &format!("NetworkDriver.{name}"),
            none.to_string().as_bytes(),
        );
        assert!(text.contains("not found"), "{name}: {text}");
    }
    for name in [
        "Leave",
        "DeleteEndpoint",
        "RevokeExternalConnectivity",
        "DeleteNetwork",
    ] {
        ok(&host, &format!("NetworkDriver.{name}"), &none);
    }
    let unknown = json!({"PoolID": "nowhere", "Address": "10.61.0.9"});
    let text = fails(
        &host,
        "IpamDriver.RequestAddress",
        unknown.to_string().as_bytes(),
    );
    assert!(text.contains("not known"), "{text}");
    ok(&host, "IpamDriver.ReleaseAddress", &unknown);
    ok(&host, "IpamDriver.ReleasePool", &unknown);
    unharmed(&host, &mut serve, &before);

    assert_eq!(
        create(&host, NET, "10.61.0.0/24", "10.61.0.1/24").status,
        200
    );
    let there = Traces::of(&host);
    // Join before CreateEndpoint.
    fails(&host, "NetworkDriver.Join", none.to_string().as_bytes());
    for (id, subnet, gateway) in [
        (OTHER, "10.61.0.0/25", "10.61.0.1/25"),
        (OTHER, "10.0.0.0/8", "10.0.0.1/8"),
        (OTHER, "127.0.0.0/8", "127.0.0.1/8"),
        (OTHER, "224.0.0.0/8", "224.0.0.1/8"),
        (OTHER, "0.0.0.0/0", "1.0.0.1/0"),
        (OTHER, "10.62.0.0/24", "10.63.0.1/24"),
        (OTHER, "10.62.0.0/24", "10.62.0.0/24"),
        (OTHER, "10.62.0.0/24", "no"),
        (OTHER, "10.62.0.0", "10.62.0.1"),
        // The host has a route to it.
        (OTHER, "192.0.2.0/25", "192.0.2.1/25"),
        (OTHER, "", ""),
        ("../../../../etc/x", "10.62.0.0/24", "10.62.0.1/24"),
        ("aaaaaaaaaaaa/bbbbbbbbbb", "10.62.0.0/24", "10.62.0.1/24"),
        ("..............", "10.62.0.0/24", "10.62.0.1/24"),
        ("", "10.62.0.0/24", "10.62.0.1/24"),
        ("short", "10.62.0.0/24", "10.62.0.1/24"),
        (&"x".repeat(4096), "10.62.0.0/24", "10.62.0.1/24"),
        // Of the same first digits: names of interfaces would be the same.
        ("aaaaaaaaaaaa0000", "10.62.0.0/24", "10.62.0.1/24"),
    ] {
        let answer = create(&host, id, subnet, gateway);
        let text = refused("NetworkDriver.CreateNetwork", &answer);
        assert!(text.starts_with("netbridge: "), "{text}");
        assert_eq!(Traces::of(&host), there, "{id} {subnet} {gateway}");
    }
    for (id, interface) in [
        ("../../../../etc/x", json!({"Address": "10.61.0.2/24"})),
        (ENDPOINT, json!({"Address": "not/24"})),
        (ENDPOINT, json!({"Address": "10.99.0.2/24"})),
        (ENDPOINT, json!({"Address": "10.61.0.1/24"})),
        (
            ENDPOINT,
            json!({"Address": "10.61.0.2/24", "MacAddress": "x"}),
        ),
        (
            ENDPOINT,
            json!({"Address": "10.61.0.2/24", "MacAddress": "01:00:5e:00:00:01"}),
        ),
        (
            ENDPOINT,
            json!({"Address": "10.61.0.2/24", "MacAddress": "00:00:00:00:00:00"}),
        ),
    ] {
        let body = json!({"NetworkID": NET, "EndpointID": id, "Interface": interface});
        let answer = call(&host, "NetworkDriver.CreateEndpoint", &body);
        refused("NetworkDriver.CreateEndpoint", &answer);
        let gone = call(&host, "NetworkDriver.EndpointOperInfo", &none);
        assert!(gone.status >= 400, "{body} made {gone:?}");
    }
    ok(
        &host,
        "NetworkDriver.DeleteNetwork",
        &json!({"NetworkID": NET}),
    );
    unharmed(&host, &mut serve, &before);
}

#[test]
fn what_docker_never_heard_of_is_collected() {
    require_root!();
    let host = Host::new();
    let (mut serve, before) = plugin(&host);
    let asked = json!({"AddressSpace": "x", "Pool": "10.63.0.0/24"});
    let gateway = json!({"RequestAddressType": "com.docker.network.gateway"});
    // The answer to CreateNetwork was lost: Docker gives all back but the network.
    let pool = ok(&host, "IpamDriver.RequestPool", &asked);
    let address = json!({"PoolID": pool["PoolID"], "Address": "10.63.0.1", "Options": gateway});
    ok(&host, "IpamDriver.RequestAddress", &address);
    let made = create(&host, NET, "10.63.0.0/24", "10.63.0.1/24");
    assert_eq!(made.status, 200, "{made:?}");
    ok(&host, "IpamDriver.ReleaseAddress", &address);
    assert_ne!(Traces::of(&host), before);
    ok(&host, "IpamDriver.ReleasePool", &pool);
    unharmed(&host, &mut serve, &before);
    // The answer to RequestPool was lost; one that has a gateway is Docker's.
    ok(&host, "IpamDriver.RequestPool", &asked);
    collect_lost_pools(&host);
    unharmed(&host, &mut serve, &before);
    let pool = ok(&host, "IpamDriver.RequestPool", &asked);
    ok(
        &host,
        "IpamDriver.RequestAddress",
        &json!({"PoolID": pool["PoolID"], "Options": gateway}),
    );
    let there = Traces::of(&host);
    collect_lost_pools(&host);
    unharmed(&host, &mut serve, &there);
    ok(
        &host,
        "IpamDriver.ReleaseAddress",
        &json!({"PoolID": pool["PoolID"], "Address": "10.63.0.1"}),
    );
    ok(&host, "IpamDriver.ReleasePool", &pool);
    unharmed(&host, &mut serve, &before);
}
