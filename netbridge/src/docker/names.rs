//! The names of Docker's networks and containers, which its calls do not tell.

use std::{collections::BTreeMap, path::Path, sync::Arc, time::Duration};

use anyhow::{Context as _, Result, ensure};
use http_body_util::{BodyExt as _, Empty};
use hyper::{Request, body::Bytes, client::conn::http1, header::HOST};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::{
    net::UnixStream,
    sync::Notify,
    task::spawn_blocking,
    time::{sleep, timeout},
};

use crate::network::{Networks, Owner};

/// Where Docker answers.
const SOCKET: &str = "/var/run/docker.sock";
/// How long after a call Docker knows what it was for, tried one after the other.
const DELAYS: [Duration; 3] = [
    Duration::from_millis(300),
    Duration::from_secs(2),
    Duration::from_secs(10),
];
/// How often it is asked at least.
const INTERVAL: Duration = Duration::from_secs(30);
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Asks Docker for names, after the calls that bring new ones.
#[derive(Clone)]
pub(super) struct Names(Arc<Notify>);

impl Names {
    /// Starts the task that asks; it ends with the runtime.
    pub(super) fn start() -> Self {
        let asked = Arc::new(Notify::new());
        let names = Self(Arc::clone(&asked));
        // There may be some already.
        asked.notify_one();
        tokio::spawn(async move {
            loop {
                // Now and then unasked: Docker may have removed what nobody was told of.
                let waited = timeout(INTERVAL, asked.notified()).await;
                if waited.is_err() && !has_networks() {
                    continue;
                }
                let mut tries = DELAYS.iter();
                while let Some(delay) = tries.next() {
                    let again = tokio::select! {
                        () = sleep(*delay) => false,
                        () = asked.notified() => true,
                    };
                    if again {
                        // Newer ones begin anew, after those that are under way.
                        sleep(DELAYS[0]).await;
                        tries = DELAYS[1..].iter();
                    }
                    if let Err(error) = learn().await {
                        tracing::debug!("ask Docker for names: {error:#}");
                    }
                }
            }
        });
        names
    }

    /// Says that there may be new names.
    pub(super) fn ask(&self) {
        self.0.notify_one();
    }
}

/// Says whether there are networks of Docker's.
fn has_networks() -> bool {
    let networks = Networks::look().unwrap_or_default();
    networks
        .iter()
        .any(|network| network.owner == Owner::Docker)
}

/// Takes over the names that Docker has.
async fn learn() -> Result<()> {
    let networks = get("/networks").await?;
    let containers = get("/containers/json").await?;
    let titles: BTreeMap<String, String> = each(&networks)
        .filter_map(|network| Some((text(&network["Id"])?, text(&network["Name"])?)))
        .collect();
    let named = each(&containers).flat_map(endpoints).collect();
    spawn_blocking(move || Networks::open_as_is()?.learn_names(&titles, &named)).await??;
    Ok(())
}

/// The endpoints of a container, each with the container's id and name.
fn endpoints(container: &Value) -> Vec<(String, (String, String))> {
    let id = text(&container["Id"]);
    let name = each(&container["Names"]).find_map(text);
    let (Some(id), Some(name)) = (id, name) else {
        return Vec::new();
    };
    let name = name.trim_start_matches('/').to_owned();
    let networks = container["NetworkSettings"]["Networks"].as_object();
    let networks = networks.into_iter().flat_map(serde_json::Map::values);
    networks
        .filter_map(|network| text(&network["EndpointID"]))
        .map(|endpoint| (endpoint, (id.clone(), name.clone())))
        .collect()
}

fn each(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> Option<String> {
    value
        .as_str()
        .filter(|text| !text.is_empty())
        .map(str::to_owned)
}

/// What Docker's API answers.
async fn get(path: &str) -> Result<Value> {
    let ask = async {
        let stream = UnixStream::connect(Path::new(SOCKET))
            .await
            .context(SOCKET)?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let connection = tokio::spawn(connection);
        let request = Request::get(path)
            .header(HOST, "docker")
            .body(Empty::<Bytes>::new())?;
        let response = sender.send_request(request).await?;
        ensure!(
            response.status().is_success(),
            "{path}: {}",
            response.status()
        );
        let body = response.into_body().collect().await?.to_bytes();
        connection.abort();
        Ok(serde_json::from_slice(&body)?)
    };
    timeout(PATIENCE, ask)
        .await
        .context("Docker does not answer")?
}
