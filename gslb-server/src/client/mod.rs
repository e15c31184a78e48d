//! Talking to a running server over HTTP: one request, one answer, or a stream of events.

use std::time::Duration;

use gslb_api::auth::Role;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, ETAG, HOST, HeaderName, HeaderValue};
use hyper::{Method, Response, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

mod address;
mod connect;
mod error;
pub mod events;

pub use address::{Address, InvalidAddress};
pub use connect::{Trust, TrustError};
pub use error::{Error, Refusal};

/// How long an answer may take to begin. A document of a hundred thousand services takes seconds.
const PATIENCE: Duration = Duration::from_secs(300);

/// Octets of the longest answer: a document has 64 MiB at most, and more as JSON than as TOML.
const ANSWER_OCTETS: usize = 256 << 20;

/// The media type of a document in TOML.
pub const TOML: &str = "application/toml";

/// A server, and the credentials for it.
pub struct Client {
    address: Address,
    token: Option<HeaderValue>,
    /// The role that the whole command needs, named when its first request is refused.
    needs: Option<Role>,
    /// How long an answer may take to begin.
    patience: Duration,
    tls: Option<TlsConnector>,
    runtime: Runtime,
}

/// A request.
#[derive(Debug, Clone)]
pub struct Request {
    method: Method,
    /// Path and query.
    path: String,
    headers: Vec<(HeaderName, String)>,
    body: Vec<u8>,
}

impl Request {
    /// A request without a body. `path` begins with a slash, and may have a query.
    pub fn new(method: Method, path: impl Into<String>) -> Self {
        Self { method, path: path.into(), headers: Vec::new(), body: Vec::new() }
    }

    /// Gets `path`.
    pub fn get(path: impl Into<String>) -> Self {
        Self::new(Method::GET, path)
    }

    /// With a header field.
    pub fn with(mut self, name: HeaderName, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// With a body of JSON.
    pub fn json(self, body: &impl Serialize) -> Self {
        self.json_as("application/json", body)
    }

    /// With a body of TOML.
    pub fn toml(mut self, text: &str) -> Self {
        self.body = text.as_bytes().to_vec();
        self.with(CONTENT_TYPE, TOML)
    }

    /// With a JSON body of this media type.
    pub fn json_as(mut self, media_type: &str, body: &impl Serialize) -> Self {
        // Writing into memory cannot fail.
        self.body = serde_json::to_vec(body).unwrap_or_default();
        self.with(CONTENT_TYPE, media_type)
    }
}

/// A response.
#[derive(Debug)]
pub struct Answer {
    /// Status code.
    pub status: StatusCode,
    /// The entity tag, as it is written.
    pub etag: Option<String>,
    /// The body.
    pub body: Bytes,
}

impl Answer {
    /// The body as text.
    ///
    /// # Errors
    /// [`Error::Broken`].
    pub fn text(&self) -> Result<String, Error> {
        String::from_utf8(self.body.to_vec()).map_err(|_| Error::Broken("it is not UTF-8 text".to_owned()))
    }

    /// The body as a type of the API. Unknown members are ignored.
    ///
    /// # Errors
    /// [`Error::Broken`].
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, Error> {
        serde_json::from_slice(&self.body).map_err(|cause| Error::Broken(cause.to_string()))
    }

    /// The body as JSON; null if it is empty.
    ///
    /// # Errors
    /// [`Error::Broken`].
    pub fn json(&self) -> Result<Value, Error> {
        if self.body.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&self.body).map_err(|cause| Error::Broken(cause.to_string()))
    }
}

impl Client {
    /// A client of the server at `address`. Nothing is sent yet.
    ///
    /// # Errors
    /// [`Error::Readable`] if a token would be sent unencrypted, [`Error::Token`] if it is invalid,
    /// [`Error::Trust`] and [`Error::System`].
    pub fn new(address: Address, token: Option<&str>, trust: &Trust) -> Result<Self, Error> {
        if token.is_some() && !address.secure && !address.is_loopback() {
            return Err(Error::Readable(address.to_string()));
        }
        let token = token.map(bearer).transpose()?;
        let tls = address.secure.then(|| connect::tls(trust)).transpose()?;
        let runtime = Builder::new_current_thread().enable_all().build().map_err(Error::System)?;
        Ok(Self { address, token, needs: None, patience: PATIENCE, tls, runtime })
    }

    /// The same for work that needs this role in the end, whatever its first requests need.
    #[must_use]
    pub fn needing(self, role: Role) -> Self {
        Self { needs: Some(role), ..self }
    }

    /// The same for requests whose answers may take this long to begin.
    #[must_use]
    pub fn within(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// The server's address.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Asks, and waits for the whole answer.
    ///
    /// # Errors
    /// [`Error::Refused`] for a status of 400 and above; the others if there is no response.
    pub fn ask(&self, request: Request) -> Result<Answer, Error> {
        self.runtime.block_on(async { self.read(self.send(request).await?).await })
    }

    /// Sends a request; the body of the answer is still to come.
    async fn send(&self, request: Request) -> Result<Response<Incoming>, Error> {
        let mut sender = connect::connect(&self.address, self.tls.as_ref()).await?;
        let mut http = hyper::Request::builder().method(request.method).uri(request.path);
        http = http.header(HOST, self.address.authority());
        if !request.headers.iter().any(|(name, _)| name == ACCEPT) {
            http = http.header(ACCEPT, "application/json, application/problem+json");
        }
        if let Some(token) = &self.token {
            http = http.header(AUTHORIZATION, token);
        }
        http = request.headers.into_iter().fold(http, |http, (name, value)| http.header(name, value));
        let http =
            http.body(Full::new(Bytes::from(request.body))).map_err(|cause| Error::Unsendable(cause.to_string()))?;
        match timeout(self.patience, sender.send_request(http)).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(cause)) => Err(connect::unanswered(&cause, &self.address).await),
            Err(_) => Err(Error::Broken(format!("no answer for {} seconds", self.patience.as_secs()))),
        }
    }

    async fn read(&self, response: Response<Incoming>) -> Result<Answer, Error> {
        let (head, body) = response.into_parts();
        let etag = head.headers.get(ETAG).and_then(|tag| tag.to_str().ok()).map(str::to_owned);
        let body = Limited::new(body, ANSWER_OCTETS).collect().await;
        let body = body.map_err(|cause| Error::Broken(cause.to_string()))?.to_bytes();
        if head.status.is_client_error() || head.status.is_server_error() {
            let refusal = Refusal::read(head.status, &body);
            return Err(self.needs.into_iter().fold(refusal, Refusal::needing).into());
        }
        Ok(Answer { status: head.status, etag, body })
    }
}

fn bearer(token: &str) -> Result<HeaderValue, Error> {
    let mut value = HeaderValue::from_str(&format!("Bearer {}", token.trim())).map_err(|_| Error::Token)?;
    // Not shown by `Debug`.
    value.set_sensitive(true);
    Ok(value)
}
