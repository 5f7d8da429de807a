//! `NetworkDriver`: networks made and removed, endpoints announced, joined, left and forgotten.

use std::{collections::BTreeMap, net::IpAddr};

use ipnet::IpNet;
use netbridge_common::MacAddr;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::call::{Answer, Failure, check_id, nothing, nullable, read};
use crate::network::{
    Driver, EndpointSpec, NetworkSpec, Networks, Owner, Publication, ipam::Subnet, model::short,
};

/// Docker's labels.
const GENERIC: &str = "com.docker.network.generic";
const INTERNAL: &str = "com.docker.network.internal";
const IPV6: &str = "com.docker.network.enable_ipv6";
const PORTMAP: &str = "com.docker.network.portmap";
/// What a container's interfaces are called, with a number behind it.
const PREFIX: &str = "eth";

/// A call of `NetworkDriver`; `None` where there is no such.
pub(super) fn answer(method: &str, body: &[u8]) -> Option<Answer> {
    Some(match method {
        "GetCapabilities" => Ok(json!({ "Scope": "local", "ConnectivityScope": "local" })),
        "CreateNetwork" => create_network(body),
        "DeleteNetwork" => on_network(body, Networks::delete_docker_network),
        "CreateEndpoint" => create_endpoint(body),
        "EndpointOperInfo" => endpoint_info(body),
        "DeleteEndpoint" => on_endpoint(body, Networks::forget),
        "Join" => join(body),
        "Leave" => on_endpoint(body, Networks::leave),
        "ProgramExternalConnectivity" => program(body),
        "RevokeExternalConnectivity" => on_endpoint(body, Networks::revoke),
        // Other nodes are none of a local driver's business.
        "DiscoverNew" | "DiscoverDelete" => read::<Map<String, Value>>(body).map(|_| nothing()),
        "AllocateNetwork" | "FreeNetwork" => Err(Failure(
            "netbridge: networks are local to a host; make one without a swarm's scope".to_owned(),
        )),
        _ => return None,
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct NetworkRequest {
    #[serde(rename = "NetworkID")]
    network_id: String,
    #[serde(default, deserialize_with = "nullable")]
    options: Map<String, Value>,
    #[serde(default, deserialize_with = "nullable", rename = "IPv4Data")]
    ipv4_data: Vec<IpamData>,
    #[serde(default, deserialize_with = "nullable", rename = "IPv6Data")]
    ipv6_data: Vec<IpamData>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct IpamData {
    #[serde(default, deserialize_with = "nullable")]
    pool: String,
    #[serde(default, deserialize_with = "nullable")]
    gateway: String,
    #[serde(default, deserialize_with = "nullable")]
    aux_addresses: BTreeMap<String, String>,
}

fn create_network(body: &[u8]) -> Answer {
    let request: NetworkRequest = read(body)?;
    check_id("network", &request.network_id)?;
    let data = request.ipv4_data.iter().chain(&request.ipv6_data);
    let subnets = data
        .filter(|data| !data.pool.is_empty())
        .map(subnet)
        .collect::<Result<Vec<_>, _>>()?;
    if subnets.is_empty() {
        return Err(Failure(
            "netbridge: the network has no subnet; make it with an address management that gives one".to_owned(),
        ));
    }
    let on = |key: &str| {
        request
            .options
            .get(key)
            .and_then(Value::as_bool)
            .unwrap_or(false)
    };
    let options = generic(&request.options);
    let driver = match options.get("parent") {
        Some(_) => Driver::Macvlan,
        None => Driver::Bridge,
    };
    // Here is time to put right what others left.
    let mut networks = Networks::open()?;
    if networks.has_docker_network(&request.network_id) {
        return Ok(nothing());
    }
    networks.create(&NetworkSpec {
        id: Some(request.network_id.clone()),
        owner: Owner::Docker,
        internal: on(INTERNAL),
        ipv6: on(IPV6),
        subnets,
        options,
        ..NetworkSpec::named(short(&request.network_id), driver)
    })?;
    Ok(nothing())
}

fn subnet(data: &IpamData) -> Result<Subnet, Failure> {
    let bad = |text: &str| Failure(format!("netbridge: `{text}` is no network"));
    let net: IpNet = data.pool.parse().map_err(|_error| bad(&data.pool))?;
    let mut subnet = Subnet::new(net);
    if !data.gateway.is_empty() {
        subnet.gateway = Some(host(&data.gateway)?);
    }
    for (name, address) in &data.aux_addresses {
        subnet.reserved.insert(name.clone(), host(address)?);
    }
    Ok(subnet)
}

/// The address of what may have the length of a prefix behind it.
fn host(text: &str) -> Result<IpAddr, Failure> {
    let ip = text.split('/').next().unwrap_or_default();
    ip.parse()
        .map_err(|_error| Failure(format!("netbridge: `{text}` is no address")))
}

/// What was given with `-o`.
fn generic(options: &Map<String, Value>) -> BTreeMap<String, String> {
    let given = options.get(GENERIC).and_then(Value::as_object);
    let pairs = given.into_iter().flatten();
    pairs
        .filter_map(|(key, value)| Some((key.clone(), text(value)?)))
        .collect()
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        _ => None,
    }
}

fn on_network(
    body: &[u8],
    act: impl FnOnce(&mut Networks, &str) -> Result<(), crate::network::NetworkError>,
) -> Answer {
    #[derive(Deserialize)]
    struct Request {
        #[serde(rename = "NetworkID")]
        network_id: String,
    }
    let request: Request = read(body)?;
    act(&mut Networks::open_as_is()?, &request.network_id)?;
    Ok(nothing())
}

#[derive(Deserialize)]
struct EndpointRequest {
    #[serde(rename = "NetworkID")]
    network_id: String,
    #[serde(rename = "EndpointID")]
    endpoint_id: String,
    #[serde(default, deserialize_with = "nullable", rename = "Interface")]
    interface: Interface,
    #[serde(default, deserialize_with = "nullable", rename = "SandboxKey")]
    sandbox_key: String,
    #[serde(default, deserialize_with = "nullable", rename = "Options")]
    options: Map<String, Value>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Interface {
    #[serde(default, deserialize_with = "nullable")]
    address: String,
    #[serde(default, deserialize_with = "nullable", rename = "AddressIPv6")]
    address_ipv6: String,
    #[serde(default, deserialize_with = "nullable")]
    mac_address: String,
}

fn on_endpoint(
    body: &[u8],
    act: impl FnOnce(&mut Networks, &str, &str) -> Result<(), crate::network::NetworkError>,
) -> Answer {
    let request: EndpointRequest = read(body)?;
    act(
        &mut Networks::open_as_is()?,
        &request.network_id,
        &request.endpoint_id,
    )?;
    Ok(nothing())
}

fn create_endpoint(body: &[u8]) -> Answer {
    let request: EndpointRequest = read(body)?;
    check_id("endpoint", &request.endpoint_id)?;
    let interface = &request.interface;
    let mut spec = EndpointSpec {
        id: Some(request.endpoint_id.clone()),
        options: own_options(&request.options),
        ..EndpointSpec::default()
    };
    for address in [&interface.address, &interface.address_ipv6] {
        if address.is_empty() {
            continue;
        }
        match host(address)? {
            IpAddr::V4(ip) => spec.ipv4 = Some(ip),
            IpAddr::V6(ip) => spec.ipv6 = Some(ip),
        }
    }
    if !interface.mac_address.is_empty() {
        let mac: MacAddr = interface
            .mac_address
            .parse()
            .map_err(|error| Failure(format!("netbridge: `{}`: {error}", interface.mac_address)))?;
        spec.mac = Some(mac);
    }
    let endpoint = Networks::open_as_is()?.announce(&request.network_id, &spec)?;
    // Only what was left empty may be answered: else Docker takes the endpoint back.
    let mut chosen = Map::new();
    if interface.mac_address.is_empty() {
        chosen.insert("MacAddress".to_owned(), endpoint.mac.into());
    }
    Ok(json!({ "Interface": chosen }))
}

/// netbridge's own options of an endpoint (`docker network connect --driver-opt`).
fn own_options(options: &Map<String, Value>) -> BTreeMap<String, String> {
    let top = options
        .iter()
        .filter(|(key, _)| key.starts_with("netbridge."));
    let mut own: BTreeMap<String, String> = top
        .filter_map(|(key, value)| Some((key.clone(), text(value)?)))
        .collect();
    let nested = generic(options).into_iter();
    own.extend(nested.filter(|(key, _)| key.starts_with("netbridge.")));
    own
}

fn endpoint_info(body: &[u8]) -> Answer {
    let request: EndpointRequest = read(body)?;
    let networks = Networks::open_as_is()?;
    let endpoint = networks.docker_endpoint(&request.network_id, &request.endpoint_id)?;
    let published = endpoint
        .published
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>();
    Ok(json!({ "Value": { "netbridge.port": endpoint.ifname, "netbridge.published": published } }))
}

fn join(body: &[u8]) -> Answer {
    let request: EndpointRequest = read(body)?;
    let mut networks = Networks::open_as_is()?;
    let (network, endpoint, source) = networks.join(
        &request.network_id,
        &request.endpoint_id,
        &request.sandbox_key,
    )?;
    let addresses: Vec<String> = endpoint.addresses().map(|ip| ip.to_string()).collect();
    tracing::info!(
        network = network.label(),
        port = endpoint.ifname,
        addresses = addresses.join(" "),
        "container joined"
    );
    let mut answer = json!({ "InterfaceName": { "SrcName": source, "DstPrefix": PREFIX } });
    if network.internal {
        // Else Docker gives the container a way out of its own.
        answer["DisableGatewayService"] = true.into();
        return Ok(answer);
    }
    for subnet in &network.subnets {
        match subnet.gateway {
            Some(IpAddr::V4(gateway)) => answer["Gateway"] = gateway.to_string().into(),
            Some(IpAddr::V6(gateway)) => answer["GatewayIPv6"] = gateway.to_string().into(),
            None => {}
        }
    }
    Ok(answer)
}

/// A published port as Docker has it; of IP protocol `Proto`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PortBinding {
    proto: u8,
    port: u16,
    #[serde(default, deserialize_with = "nullable", rename = "HostIP")]
    host_ip: String,
    #[serde(default, deserialize_with = "nullable")]
    host_port: u16,
    #[serde(default, deserialize_with = "nullable")]
    host_port_end: u16,
}

impl PortBinding {
    fn publication(&self) -> Result<Publication, Failure> {
        let protocol = match self.proto {
            6 => "tcp",
            17 => "udp",
            132 => "sctp",
            other => {
                return Err(Failure(format!(
                    "netbridge: IP protocol {other} has no ports"
                )));
            }
        };
        let host_ip = match self.host_ip.as_str() {
            "" => None,
            text => Some(host(text)?),
        };
        let mut publication = Publication::one(protocol, host_ip, self.host_port, self.port);
        publication.host_port_end = Some(self.host_port_end).filter(|end| *end > self.host_port);
        Ok(publication)
    }
}

fn program(body: &[u8]) -> Answer {
    let request: EndpointRequest = read(body)?;
    let bindings: Vec<PortBinding> = match request.options.get(PORTMAP) {
        None | Some(Value::Null) => Vec::new(),
        Some(bindings) => serde_json::from_value(bindings.clone())
            .map_err(|error| Failure(format!("netbridge: {PORTMAP} cannot be read: {error}")))?,
    };
    let wanted = bindings
        .iter()
        .map(PortBinding::publication)
        .collect::<Result<Vec<_>, _>>()?;
    let mut networks = Networks::open_as_is()?;
    networks.publish(&request.network_id, &request.endpoint_id, &wanted)?;
    Ok(nothing())
}
