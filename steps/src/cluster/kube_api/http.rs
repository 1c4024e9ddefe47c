//! One request, one answer, and what an answer that is not a success means to kup.

use std::error::Error;
use std::fmt::Write;

use http::{Method, Request, header};
use serde_json::Value;

use super::KubeApi;
use super::objects::text;
use crate::cluster::ClusterError;

/// How many objects one answer to a list may hold.
const CHUNK: usize = 500;
/// How many chunks a list may have before it is not believed any more.
const MAX_CHUNKS: usize = 2000;
/// How often a list starts anew after its continuation has expired.
const MAX_LISTINGS: usize = 3;
/// How much of an answer that is not the API's own JSON is shown.
const SHOWN: usize = 500;

/// The body of a request and what it is.
pub(super) struct Payload<'a> {
    /// `Content-Type`.
    pub(super) kind: &'static str,
    /// What is sent.
    pub(super) body: &'a Value,
}

/// An answer of the API server.
#[derive(Debug)]
pub(super) struct Reply {
    /// The HTTP status.
    pub(super) status: u16,
    /// The body, whatever it is.
    pub(super) body: Vec<u8>,
}

impl Reply {
    /// Returns whether what was asked is done.
    pub(super) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Returns the body as text.
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Returns the body as JSON; null where it is none.
    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// Returns what the server says: the message of its Status, or the beginning of the text where it is none.
    pub(super) fn message(&self) -> String {
        let message = text(&self.json(), "/message");
        if message.is_empty() {
            return self.text().trim().chars().take(SHOWN).collect();
        }
        message
    }
}

impl KubeApi {
    /// Returns a GET for a path.
    pub(super) fn get_request(path: &str) -> http::Result<Request<Vec<u8>>> {
        Request::get(path).body(Vec::new())
    }

    /// Sends a request and returns the answer, whatever its status.
    pub(super) async fn call(
        &self,
        doing: &str,
        request: http::Result<Request<Vec<u8>>>,
    ) -> Result<Reply, ClusterError> {
        let request = request.map_err(|error| self.failed(doing, &error.to_string()))?;
        let response = self.client.send(request.map(Into::into)).await;
        let response = response.map_err(|error| self.unanswered(error))?;
        let status = response.status().as_u16();
        let body = response.into_body().collect_bytes().await;
        Ok(Reply { status, body: body.map_err(|error| self.unanswered(error))?.to_vec() })
    }

    /// Sends a body.
    pub(super) async fn write(
        &self,
        doing: &str,
        method: Method,
        path: &str,
        payload: Payload<'_>,
    ) -> Result<Reply, ClusterError> {
        let request = Request::builder().method(method).uri(path);
        let request = request.header(header::CONTENT_TYPE, payload.kind);
        self.call(doing, request.body(payload.body.to_string().into_bytes())).await
    }

    /// Returns an object, `None` when there is none.
    pub(super) async fn find(
        &self,
        doing: &str,
        path: &str,
    ) -> Result<Option<Value>, ClusterError> {
        let reply = self.call(doing, Self::get_request(path)).await?;
        if reply.status == 404 {
            return Ok(None);
        }
        self.read(doing, &reply).map(Some)
    }

    /// Returns an object that every cluster has.
    pub(super) async fn need(&self, doing: &str, path: &str) -> Result<Value, ClusterError> {
        let found = self.find(doing, path).await?;
        found.ok_or_else(|| self.failed(doing, "it is not there"))
    }

    /// Returns all objects of a list, fetched in chunks; from the start again when its continuation has expired.
    pub(super) async fn list(
        &self,
        doing: &str,
        path: &str,
        query: &str,
    ) -> Result<Vec<Value>, ClusterError> {
        for _ in 0..MAX_LISTINGS {
            if let Some(items) = self.list_once(doing, path, query).await? {
                return Ok(items);
            }
        }
        Err(self.failed(doing, "the list changes faster than it can be read"))
    }

    /// Returns `None` when the server has forgotten the version of the list that is being read (410).
    async fn list_once(
        &self,
        doing: &str,
        path: &str,
        query: &str,
    ) -> Result<Option<Vec<Value>>, ClusterError> {
        let mut items = Vec::new();
        let mut from = String::new();
        for _ in 0..MAX_CHUNKS {
            let url = format!("{path}?limit={CHUNK}&continue={}&{query}", escape(&from));
            let url = url.trim_end_matches('&');
            let reply = self.call(doing, Self::get_request(url)).await?;
            if reply.status == 410 {
                return Ok(None);
            }
            let mut page = self.read(doing, &reply)?;
            from = text(&page, "/metadata/continue");
            if let Some(Value::Array(more)) = page.get_mut("items").map(Value::take) {
                items.extend(more);
            }
            if from.is_empty() {
                return Ok(Some(items));
            }
        }
        Err(self.failed(doing, "the list does not end"))
    }

    /// Returns the object in an answer.
    pub(super) fn read(&self, doing: &str, reply: &Reply) -> Result<Value, ClusterError> {
        if !reply.is_success() {
            return Err(self.refused(doing, reply));
        }
        match reply.json() {
            object @ Value::Object(_) => Ok(object),
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Array(_) => {
                Err(self
                    .failed(doing, &format!("the answer is not an object: {}", reply.message())))
            }
        }
    }

    /// Returns the error for an answer that is not a success.
    pub(super) fn refused(&self, doing: &str, reply: &Reply) -> ClusterError {
        let said = reply.message();
        match reply.status {
            401 => self.denied(format!("{said} ({})", self.credentials)),
            403 => self.denied(format!("cannot {doing}: {said}")),
            408 | 429 | 500..=599 => ClusterError::Unavailable {
                endpoint: self.endpoint.clone(),
                source: format!("cannot {doing}: HTTP {}: {said}", reply.status).into(),
            },
            status => self.failed(doing, &format!("HTTP {status}: {said}")),
        }
    }

    /// Returns the error of a request that another attempt will not cure.
    pub(super) fn failed(&self, doing: &str, why: &str) -> ClusterError {
        ClusterError::Failed { doing: doing.to_owned(), why: why.to_owned() }
    }

    fn denied(&self, why: String) -> ClusterError {
        ClusterError::Denied { endpoint: self.endpoint.clone(), why }
    }

    /// Returns the error for a request without an answer.
    fn unanswered(&self, error: kube::Error) -> ClusterError {
        if matches!(error, kube::Error::Auth(_)) {
            return self.denied(error.to_string());
        }
        if let Some(why) = certificate_trouble(&chain(&error)) {
            return self.denied(why);
        }
        ClusterError::Unavailable { endpoint: self.endpoint.clone(), source: bare(error) }
    }
}

/// Returns the cause itself where kube only wraps it, so that no message is shown twice.
fn bare(error: kube::Error) -> Box<dyn Error + Send + Sync> {
    if let kube::Error::Service(inner) = error {
        return inner;
    }
    Box::new(error)
}

/// Returns an error and everything behind it in a line.
fn chain(error: &dyn Error) -> String {
    let mut said = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        said = format!("{said}: {cause}");
        next = cause.source();
    }
    said
}

/// Returns what is wrong with a certificate, where a handshake failed for that: waiting will not cure it. This is the
/// one place that reads the TLS library's words, since kube gives no types for them.
fn certificate_trouble(said: &str) -> Option<String> {
    if let Some((_, why)) = said.split_once("invalid peer certificate: ") {
        return Some(format!("its certificate cannot be trusted: {why}"));
    }
    let (_, alert) = said.split_once("received fatal alert: ")?;
    let about_ours = ["ertificate", "UnknownCA", "AccessDenied"];
    let is_ours = about_ours.iter().any(|word| alert.contains(word));
    is_ours.then(|| format!("it does not accept the client certificate: {alert}"))
}

/// Returns a name as it may stand in a path or a query.
pub(super) fn escape(name: &str) -> String {
    let mut escaped = String::new();
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            let _always_fits = write!(escaped, "%{byte:02X}");
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::{certificate_trouble, escape};

    fn check_trouble(said: &str, expected: Option<&str>) {
        let found = certificate_trouble(said);
        assert_eq!(found.is_some(), expected.is_some(), "{said}");
        assert!(found.unwrap_or_default().contains(expected.unwrap_or_default()), "{said}");
    }

    #[test]
    fn certificates_that_fail_are_not_a_server_that_is_away() {
        check_trouble("a: invalid peer certificate: UnknownIssuer", Some("trusted: UnknownIssuer"));
        check_trouble("received fatal alert: CertificateExpired", Some("client certificate"));
        check_trouble("received fatal alert: UnknownCA", Some("client certificate"));
        check_trouble("received fatal alert: InternalError", None);
        check_trouble("tcp connect error: Connection refused (os error 111)", None);
        check_trouble("connection reset by peer", None);
    }

    #[test]
    fn a_name_cannot_leave_its_place_in_the_path() {
        assert_eq!(escape("node-1.example"), "node-1.example");
        assert_eq!(escape("../x?y=ü"), "..%2Fx%3Fy%3D%C3%BC");
    }
}
