//! The HTTP server.

use std::{path::Path, thread, time::Duration};

use anyhow::{Context as _, Result, anyhow};
use axum::{
    Router,
    body::Bytes,
    extract::{DefaultBodyLimit, rejection::BytesRejection},
    http::{Method, StatusCode, Uri, header::CONTENT_TYPE},
    response::{IntoResponse as _, Response},
};
use serde_json::{Value, json};
use tokio::{net::UnixListener, sync::oneshot, task::spawn_blocking};

use super::{
    call::{Answer, Failure},
    ipam,
    listen::Socket,
    names::Names,
    network,
};

/// What Docker calls the content of a call and of its answer.
const CONTENT: &str = "application/vnd.docker.plugins.v1.2+json";
/// Longest request that is read; Docker's have some hundred octets.
const REQUEST_BYTES_MAX: usize = 1 << 20;

/// The plugin, served by a thread of its own; ends with the value.
pub(crate) struct Plugin {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Plugin {
    /// Opens the socket and starts to serve.
    pub(crate) fn start(path: &Path) -> Result<Self> {
        let socket = Socket::open(path)?;
        socket
            .listener
            .set_nonblocking(true)
            .context("set up the plugin's socket")?;
        let (stop, stopped) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("start the plugin")?;
        let thread = thread::Builder::new()
            .name("docker".to_owned())
            .spawn(move || {
                if let Err(error) = runtime.block_on(serve(socket, stopped)) {
                    tracing::error!("serve the plugin: {error:#}");
                }
                // A call that is under way ends; nobody waits for what asks Docker for names.
                runtime.shutdown_timeout(Duration::from_secs(5));
            });
        Ok(Self {
            stop: Some(stop),
            thread: Some(thread.context("start the plugin's thread")?),
        })
    }
}

impl Drop for Plugin {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the plugin's thread panicked");
        }
    }
}

async fn serve(socket: Socket, stopped: oneshot::Receiver<()>) -> Result<()> {
    let listener = UnixListener::from_std(socket.listener.try_clone()?)?;
    let names = Names::start();
    let router = Router::new()
        .fallback(move |method: Method, uri: Uri, body: Body| {
            let names = names.clone();
            async move {
                let (call, response) = answer(&method, &uri, body).await;
                // Now that Docker is answered, it can be asked.
                if call.ends_with(".Join") || call.ends_with(".CreateNetwork") {
                    names.ask();
                }
                response
            }
        })
        .layer(DefaultBodyLimit::max(REQUEST_BYTES_MAX));
    let end = async {
        drop(stopped.await);
    };
    axum::serve(listener, router)
        .with_graceful_shutdown(end)
        .await
        .context("serve HTTP")?;
    drop(socket);
    Ok(())
}

/// What a request carries, or why that is not taken.
type Body = Result<Bytes, BytesRejection>;

/// Does what a request asks; returns the name of the call as well.
async fn answer(method: &Method, uri: &Uri, body: Body) -> (String, Response) {
    let call = uri.path().trim_start_matches('/').to_owned();
    let body = match body {
        Ok(body) => body,
        Err(error) => {
            let text = format!(
                "netbridge: the request cannot be read: {}",
                error.body_text()
            );
            let response = failed(&call, error.status(), &text);
            return (call, response);
        }
    };
    if method != Method::POST {
        let text = "calls are made with POST";
        return (
            call.clone(),
            failed(&call, StatusCode::METHOD_NOT_ALLOWED, text),
        );
    }
    let asked = call.clone();
    // Changes wait for locks and for the kernel, and other calls must not wait for them.
    let outcome = spawn_blocking(move || dispatch(&asked, &body)).await;
    let response = match outcome {
        Ok(Some(Ok(value))) => {
            tracing::debug!(call, "answered");
            with(StatusCode::OK, &value)
        }
        Ok(Some(Err(Failure(text)))) => {
            tracing::warn!(call, "{text}");
            failed(&call, StatusCode::INTERNAL_SERVER_ERROR, &text)
        }
        Ok(None) => {
            let text = format!("netbridge: there is no call `{call}`");
            failed(&call, StatusCode::NOT_FOUND, &text)
        }
        Err(error) => {
            let error = anyhow!(error);
            tracing::error!(call, "{error:#}");
            failed(
                &call,
                StatusCode::INTERNAL_SERVER_ERROR,
                "netbridge: the call failed",
            )
        }
    };
    (call, response)
}

fn dispatch(call: &str, body: &[u8]) -> Option<Answer> {
    match call.split_once('.')? {
        ("Plugin", "Activate") => {
            Some(Ok(json!({ "Implements": ["NetworkDriver", "IpamDriver"] })))
        }
        ("NetworkDriver", method) => network::answer(method, body),
        ("IpamDriver", method) => ipam::answer(method, body),
        _ => None,
    }
}

/// An error, in the field that Docker reads: `Err`, and for addresses `Error`.
fn failed(call: &str, status: StatusCode, text: &str) -> Response {
    let value = if call.starts_with("IpamDriver.") {
        json!({ "Error": text, "Err": text })
    } else {
        json!({ "Err": text })
    };
    with(status, &value)
}

fn with(status: StatusCode, value: &Value) -> Response {
    (status, [(CONTENT_TYPE, CONTENT)], value.to_string()).into_response()
}
