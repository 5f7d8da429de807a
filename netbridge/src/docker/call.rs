//! What a call is: a name, a JSON object, and an answer or an error that Docker shows.

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use crate::network::NetworkError;

/// Why a call failed, in one line.
#[derive(Debug)]
pub(super) struct Failure(pub(super) String);

impl From<NetworkError> for Failure {
    fn from(error: NetworkError) -> Self {
        Self(format!("netbridge: {error}"))
    }
}

/// What a call answers.
pub(super) type Answer = Result<Value, Failure>;

/// An answer without anything in it.
pub(super) fn nothing() -> Value {
    Value::Object(Map::new())
}

/// Reads the object of a call.
///
/// A call that was cut off is repeated by Docker without what it said: the first try has used that up. Nobody
/// knows then what was meant.
pub(super) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Failure> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Err(Failure(
            "netbridge: the request is empty, as when Docker repeats one that was cut off by a restart; try again"
                .to_owned(),
        ));
    }
    serde_json::from_slice(body)
        .map_err(|error| Failure(format!("netbridge: the request cannot be read: {error}")))
}

/// A text that may be null or missing, and is empty then.
pub(super) fn nullable<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// Refuses an id that is none: it becomes part of names.
pub(super) fn check_id(what: &str, id: &str) -> Result<(), Failure> {
    if id.len() >= 10 && id.len() <= 128 && id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Ok(());
    }
    Err(Failure(format!(
        "netbridge: {what} `{id}` is no id; ids are 10 letters and digits at least"
    )))
}
