//! `IpamDriver`: Docker's pools and addresses.

use std::{collections::BTreeMap, net::IpAddr};

use ipnet::IpNet;
use serde::Deserialize;
use serde_json::json;

use super::call::{Answer, Failure, nothing, nullable, read};
use crate::network::Networks;

/// The option that says what an address is for, and what it says for a gateway.
const ADDRESS_TYPE: &str = "RequestAddressType";
const GATEWAY: &str = "com.docker.network.gateway";

/// A call of `IpamDriver`; `None` where there is no such.
pub(super) fn answer(method: &str, body: &[u8]) -> Option<Answer> {
    Some(match method {
        "GetCapabilities" => {
            Ok(json!({ "RequiresMACAddress": false, "RequiresRequestReplay": false }))
        }
        "GetDefaultAddressSpaces" => Ok(json!({
            "LocalDefaultAddressSpace": "netbridge-local",
            "GlobalDefaultAddressSpace": "netbridge-global",
        })),
        "RequestPool" => request_pool(body),
        "ReleasePool" => release_pool(body),
        "RequestAddress" => request_address(body),
        "ReleaseAddress" => release_address(body),
        _ => return None,
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PoolRequest {
    #[serde(default, deserialize_with = "nullable")]
    pool: String,
    #[serde(default, deserialize_with = "nullable")]
    sub_pool: String,
    #[serde(default, deserialize_with = "nullable")]
    v6: bool,
}

fn request_pool(body: &[u8]) -> Answer {
    let request: PoolRequest = read(body)?;
    let wanted = network(&request.pool)?;
    let range = network(&request.sub_pool)?;
    let mut networks = Networks::open_as_is()?;
    let pool = networks.request_pool(wanted, range, request.v6)?;
    Ok(json!({ "PoolID": pool.id, "Pool": pool.subnet.subnet.to_string(), "Data": {} }))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PoolName {
    #[serde(rename = "PoolID")]
    pool_id: String,
}

fn release_pool(body: &[u8]) -> Answer {
    let request: PoolName = read(body)?;
    Networks::open_as_is()?.release_pool(&request.pool_id)?;
    Ok(nothing())
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct AddressRequest {
    #[serde(rename = "PoolID")]
    pool_id: String,
    #[serde(default, deserialize_with = "nullable")]
    address: String,
    #[serde(default, deserialize_with = "nullable")]
    options: BTreeMap<String, String>,
}

fn request_address(body: &[u8]) -> Answer {
    let request: AddressRequest = read(body)?;
    let wanted = address(&request.address)?;
    let gateway = request
        .options
        .get(ADDRESS_TYPE)
        .is_some_and(|kind| kind == GATEWAY);
    let mut networks = Networks::open_as_is()?;
    let given = networks.request_address(&request.pool_id, wanted, gateway)?;
    Ok(json!({ "Address": given.to_string(), "Data": {} }))
}

fn release_address(body: &[u8]) -> Answer {
    let request: AddressRequest = read(body)?;
    let Some(ip) = address(&request.address)? else {
        return Err(Failure("netbridge: no address is named".to_owned()));
    };
    Networks::open_as_is()?.release_address(&request.pool_id, ip)?;
    Ok(nothing())
}

fn network(text: &str) -> Result<Option<IpNet>, Failure> {
    let bad = |_error| Failure(format!("netbridge: `{text}` is no network"));
    (!text.is_empty())
        .then(|| text.parse().map_err(bad))
        .transpose()
}

/// An address, with the length of a prefix behind it or without.
fn address(text: &str) -> Result<Option<IpAddr>, Failure> {
    let bad = |_error| Failure(format!("netbridge: `{text}` is no address"));
    let ip = text.split('/').next().unwrap_or_default();
    (!text.is_empty())
        .then(|| ip.parse().map_err(bad))
        .transpose()
}
