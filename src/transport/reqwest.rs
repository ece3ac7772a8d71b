//! The real transport, over `reqwest`.

use std::error::Error;
use std::io;
use std::iter::successors;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::OnceLock;
use std::time::{Duration, UNIX_EPOCH};

use ::http::header::DATE;
use ::http::{HeaderMap, HeaderValue};
use bytes::BytesMut;
use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::time::{Instant, sleep};
use url::Url;

use super::{BODY_BYTES_MAX, CONNECT_TIME_MAX, Failure, Transport, TransportError};
use crate::domain::Time;
use crate::provider::{Reply, Request, is_loopback};

/// Idle connections are closed sooner than load balancers do (often after 60 seconds). A request
/// that leaves on a connection which the server is closing is in doubt.
const IDLE_TIME_MAX: Duration = Duration::from_secs(30);

/// The one name of this machine that plain HTTP goes to.
const LOCALHOST: &str = "localhost";

/// Where that is, whatever a name server says: RFC 6761, section 6.3. The port is the URL's.
const LOOPBACK: [SocketAddr; 2] = [
    SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0),
    SocketAddr::new(IpAddr::V6(Ipv6Addr::LOCALHOST), 0),
];

/// How long a request waits for a descriptor before it asks for one again.
const DESCRIPTOR_WAIT: Duration = Duration::from_millis(50);

/// `EMFILE` and `ENFILE`, which have these numbers on every Unix.
const EMFILE: i32 = 24;
const ENFILE: i32 = 23;

/// How many causes of an error are looked at; a chain that is longer goes round in circles.
const CAUSES_MAX: usize = 16;

/// Carries requests over the network, with two clients that are built when first needed: each reads all
/// certificates that the system trusts.
#[derive(Debug, Clone)]
pub struct ReqwestTransport {
    /// For the providers: HTTPS only, through the system's proxy if there is one. A proxy learns the
    /// host's name and carries TLS that it cannot read, so it may be anyone's.
    outward: OnceLock<reqwest::Client>,
    /// For loopback: plain HTTP allowed, and no proxy, which could read the credentials.
    loopback: OnceLock<reqwest::Client>,
    reply_time_max: Duration,
}

impl ReqwestTransport {
    /// A transport with its own connection pools, each exchange within `reply_time_max`, from connecting to
    /// the last byte.
    pub const fn new(reply_time_max: Duration) -> Self {
        Self {
            outward: OnceLock::new(),
            loopback: OnceLock::new(),
            reply_time_max,
        }
    }

    /// Makes ready for requests to `url`, so that what is wrong with this machine is known before any
    /// is sent.
    pub fn prepare(&self, url: &Url) -> Result<(), TransportError> {
        self.client(url).map(|_| ())
    }

    /// The client for `url`.
    fn client(&self, url: &Url) -> Result<&reqwest::Client, TransportError> {
        let is_loopback = is_loopback(url);
        let client = if is_loopback {
            &self.loopback
        } else {
            &self.outward
        };
        if let Some(client) = client.get() {
            return Ok(client);
        }
        // An error says that there is a provider already: the one of an earlier client.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let base = reqwest::Client::builder()
            .user_agent(concat!("userpurge/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            // Sending again is the lane's, under the quota and with an intent.
            .retry(reqwest::retry::never())
            .connect_timeout(CONNECT_TIME_MAX)
            .timeout(self.reply_time_max)
            .pool_idle_timeout(IDLE_TIME_MAX);
        let built = if is_loopback {
            base.no_proxy().resolve_to_addrs(LOCALHOST, &LOOPBACK)
        } else {
            base.https_only(true)
        };
        let built = built.build().map_err(transport_error)?;
        Ok(client.get_or_init(|| built))
    }
}

/// Sends `request`. While this machine lacks a descriptor for the connection nothing has been sent,
/// and it is tried again. Another request's may be closed in a moment.
async fn execute(
    client: reqwest::Client,
    mut request: reqwest::Request,
    patience: Duration,
) -> Result<reqwest::Response, reqwest::Error> {
    let give_up = Instant::now() + patience;
    loop {
        let again = request.try_clone();
        let error = match client.execute(request).await {
            Ok(response) => return Ok(response),
            Err(error) => error,
        };
        match again {
            Some(again) if lacks_descriptor(&error) && Instant::now() < give_up => request = again,
            Some(_) | None => return Err(error),
        }
        sleep(DESCRIPTOR_WAIT).await;
    }
}

/// Whether `error` is about a certificate: the server's, or that this machine trusts none.
fn is_certificate(error: &reqwest::Error) -> bool {
    let is_servers = |tls: &rustls::Error| {
        use rustls::Error::{InvalidCertificate, NoCertificatesPresented};
        matches!(tls, InvalidCertificate(_) | NoCertificatesPresented)
    };
    let mut tls = causes(error).filter_map(tls);
    // A client is built once it is known whom this machine trusts, and TLS has no other reason then.
    error.is_builder() && tls.next().is_some() || error.is_connect() && tls.any(is_servers)
}

/// The error of TLS in `cause`.
fn tls<'a>(cause: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    // An error within one of input and output is not its source.
    let within = successors(Some(cause), |cause| {
        let inner = cause.downcast_ref::<io::Error>()?.get_ref()?;
        Some(inner as &(dyn Error + 'static))
    });
    within
        .take(CAUSES_MAX)
        .find_map(|cause| cause.downcast_ref::<rustls::Error>())
}

/// Whether this process, or this machine, has as many files and connections open as it may.
fn lacks_descriptor(error: &reqwest::Error) -> bool {
    let is_lack = |code| matches!(code, EMFILE | ENFILE);
    error.is_connect()
        && causes(error).any(|cause| {
            let io = cause.downcast_ref::<io::Error>();
            io.and_then(io::Error::raw_os_error).is_some_and(is_lack)
        })
}

/// The causes of `error`, from the outside in.
fn causes(error: &reqwest::Error) -> impl Iterator<Item = &(dyn Error + 'static)> {
    successors(error.source(), |cause| (*cause).source()).take(CAUSES_MAX)
}

impl Transport for ReqwestTransport {
    /// The state that is kept while the answer is out is small: the rest is done with before.
    fn send(&self, request: Request) -> BoxFuture<'_, Result<Reply, TransportError>> {
        let client = self.client(&request.url);
        let mut outgoing = reqwest::Request::new(request.method, request.url);
        *outgoing.headers_mut() = request.headers;
        *outgoing.body_mut() = request.body.map(Into::into);
        let client = client.cloned();
        let patience = self.reply_time_max;
        async move {
            let sent = execute(client?, outgoing, patience).await;
            let mut response = sent.map_err(transport_error)?;
            let mut body = BytesMut::new();
            while let Some(chunk) = response.chunk().await.map_err(transport_error)? {
                if body.len() + chunk.len() > BODY_BYTES_MAX {
                    let reason = format!("it has more than {BODY_BYTES_MAX} bytes");
                    return Err(TransportError {
                        failure: Failure::TooLarge,
                        reason,
                    });
                }
                body.extend_from_slice(&chunk);
            }
            let status = response.status().as_u16();
            let mut headers = std::mem::take(response.headers_mut());
            put_date(&mut headers, Time::now());
            Ok(Reply {
                status,
                headers,
                body: body.freeze(),
            })
        }
        .boxed()
    }
}

/// Puts the date `now` into headers without a readable one: a Retry-After may count from it.
pub fn put_date(headers: &mut HeaderMap, now: Time) {
    let date = headers.get(DATE).and_then(|date| date.to_str().ok());
    if date.is_none_or(|date| httpdate::parse_http_date(date.trim()).is_err()) {
        let now = UNIX_EPOCH + Duration::from_millis(now.as_millis().unsigned_abs());
        if let Ok(date) = HeaderValue::from_str(&httpdate::fmt_http_date(now)) {
            headers.insert(DATE, date);
        }
    }
}

/// The meaning of a `reqwest` error, with the innermost reason and without the URL.
fn transport_error(error: reqwest::Error) -> TransportError {
    let error = error.without_url();
    let reason = causes(&error).last();
    let reason = reason.map_or_else(|| error.to_string(), ToString::to_string);
    let failure = if is_certificate(&error) {
        Failure::Certificate
    } else if error.is_connect() || error.is_builder() {
        Failure::Connect
    } else if error.is_timeout() {
        Failure::TimedOut
    } else {
        Failure::Broken
    };
    TransportError { failure, reason }
}
