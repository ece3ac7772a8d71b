//! The loopback server over the state machines: sockets, latency, broken connections.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::http::{Response, StatusCode, header, request::Parts};
use axum::serve::ListenerExt as _;
use bytes::Bytes;
use futures::stream::{self, StreamExt as _};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::control;
use super::error::SandboxError;
use super::faults::PlannedFault;
use super::hub::{Delivery, Hub};
use super::log::LogEntry;
use super::message::{Reply, Request};
use super::options::SandboxOptions;
use super::seed::{Seed, UserState};
use super::settings::Settings;

/// How large a request's body may be.
const BODY_BYTES_MAX: usize = 8 << 20;
/// How long the fault `slow` takes.
const SLOW: Duration = Duration::from_secs(60);
/// How long a cut answer waits before it breaks, so that its first half is on its way.
const CUT_AFTER: Duration = Duration::from_millis(20);
/// How long a shutdown waits for answers under way.
const SHUTDOWN_MAX: Duration = Duration::from_secs(5);

/// Starts sandboxes.
#[derive(Debug)]
pub struct Sandbox;

impl Sandbox {
    /// Serves the three providers on the current tokio runtime until the returned handle is shut
    /// down or dropped.
    ///
    /// # Errors
    ///
    /// If the address is not on loopback or cannot be had, or the settings make no sense.
    pub async fn start(options: SandboxOptions) -> Result<Running, SandboxError> {
        let wanted = options.listen;
        if !wanted.ip().is_loopback() {
            return Err(SandboxError::NotLoopback { addr: wanted });
        }
        let shared = Arc::new(Shared {
            hub: Mutex::new(Hub::new(options)?),
            stop: CancellationToken::new(),
        });
        let listen = |source| SandboxError::Listen {
            addr: wanted,
            source,
        };
        let listener = TcpListener::bind(wanted).await.map_err(listen)?;
        let addr = listener.local_addr().map_err(listen)?;
        let router = Router::new().fallback(serve).with_state(shared.clone());
        let stop = shared.stop.clone();
        let listener = listener.tap_io(|socket| {
            // Without this, small answers wait for acknowledgements; failing is no harm.
            let _ = socket.set_nodelay(true);
        });
        let task = tokio::spawn(async move {
            axum::serve(listener, router)
                .with_graceful_shutdown(stop.cancelled_owned())
                .await
        });
        Ok(Running {
            addr,
            shared,
            task: Some(task),
        })
    }
}

/// A sandbox that serves. It stops when this is dropped.
#[derive(Debug)]
pub struct Running {
    addr: SocketAddr,
    shared: Arc<Shared>,
    /// The server; `None`: it has been waited for.
    task: Option<JoinHandle<io::Result<()>>>,
}

impl Running {
    /// The address it listens on.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The base url of all three providers at the tenant `default`, without a slash at the end.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// The base url of the tenant `name`, without a slash at the end.
    pub fn tenant_url(&self, name: &str) -> String {
        format!("http://{}/t/{name}", self.addr)
    }

    /// What arrived so far, at one tenant or (`None`) at all, in the order it was carried out.
    pub fn log(&self, tenant: Option<&str>) -> Vec<LogEntry> {
        self.shared.hub().log(tenant)
    }

    /// The users of one tenant or (`None`) of all, as they stand.
    pub fn users(&self, tenant: Option<&str>) -> Vec<UserState> {
        self.shared.hub().users(tenant)
    }

    /// What the tenant `name` goes by.
    ///
    /// # Errors
    ///
    /// If there are too many tenants or the name does not fit.
    pub fn settings(&self, name: &str) -> Result<Settings, SandboxError> {
        self.shared.hub().settings(name)
    }

    /// Lays `change`, an object with some of the fields of [`Settings`], over the settings of the
    /// tenant `name`.
    ///
    /// # Errors
    ///
    /// If the change cannot be read or makes no sense; then nothing is changed.
    pub fn change_settings(&self, name: &str, change: Value) -> Result<(), SandboxError> {
        self.shared.hub().change(name, change)
    }

    /// Puts users into the tenant that `seed` names.
    ///
    /// # Errors
    ///
    /// If one of them cannot be; those before it are in.
    pub fn seed(&self, seed: &Seed) -> Result<(), SandboxError> {
        self.shared.hub().seed(seed)
    }

    /// Has `fault` befall the next deleting requests for its user at the tenant `name`.
    ///
    /// # Errors
    ///
    /// If there are too many tenants or the name does not fit.
    pub fn plan_fault(&self, name: &str, fault: PlannedFault) -> Result<(), SandboxError> {
        self.shared.hub().plan(name, fault)
    }

    /// Brings one tenant or (`None`) all back to the start: users, quotas, settings and log.
    ///
    /// # Errors
    ///
    /// Never in practice: what could be started can be started again.
    pub fn reset(&self, tenant: Option<&str>) -> Result<(), SandboxError> {
        self.shared.hub().reset(tenant)
    }

    /// Stops serving: answers under way are sent, for some seconds at most.
    pub async fn shutdown(mut self) {
        self.shared.stop.cancel();
        if let Some(mut task) = self.task.take()
            && tokio::time::timeout(SHUTDOWN_MAX, &mut task).await.is_err()
        {
            task.abort();
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.shared.stop.cancel();
    }
}

/// What all connections share.
#[derive(Debug)]
struct Shared {
    hub: Mutex<Hub>,
    stop: CancellationToken,
}

impl Shared {
    /// The hub. Never held across a wait.
    fn hub(&self) -> MutexGuard<'_, Hub> {
        self.hub.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits, but not beyond the end of the sandbox.
    async fn wait(&self, span: Duration) {
        if !span.is_zero() {
            tokio::select! {
                () = tokio::time::sleep(span) => {}
                () = self.stop.cancelled() => {}
            }
        }
    }

    /// Lets a request travel, carries it out, and lets the answer travel.
    async fn exchange(&self, tenant: &str, mut request: Request) -> Result<Delivery, SandboxError> {
        let journey = self.hub().arrive(tenant, &mut request)?;
        self.wait(journey.there).await;
        let delivery = self.hub().carry_out(tenant, &request);
        self.wait(journey.back).await;
        if let Ok(Delivery::Late(_)) = &delivery {
            self.wait(SLOW).await;
        }
        self.hub().leave(tenant, &request);
        delivery
    }
}

/// Answers one request.
async fn serve(
    State(shared): State<Arc<Shared>>,
    request: axum::extract::Request,
) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, BODY_BYTES_MAX).await else {
        return whole(&Reply::empty(413));
    };
    let (tenant, request) = read(&parts, &body);
    if request.path.starts_with(control::PREFIX) {
        return whole(&control::handle(
            &mut shared.hub(),
            tenant.as_deref(),
            &request,
        ));
    }
    // A task of its own: a client that hangs up does not undo what it asked for.
    let exchange = tokio::spawn(async move {
        let tenant = tenant.as_deref().unwrap_or(Hub::DEFAULT);
        shared.exchange(tenant, request).await
    });
    match exchange.await {
        Ok(Ok(Delivery::Whole(reply) | Delivery::Late(reply))) => whole(&reply),
        Ok(Ok(Delivery::Cut(reply))) => cut(&reply),
        Ok(Ok(Delivery::Closed)) => closed(),
        Ok(Err(error)) => whole(&Reply::text(404, "text/plain", error.to_string())),
        Err(_) => whole(&Reply::text(500, "text/plain", "the sandbox itself failed")),
    }
}

/// A request as the state machines take it, and the tenant its path names.
fn read(parts: &Parts, body: &Bytes) -> (Option<String>, Request) {
    let headers: Vec<(String, String)> = parts
        .headers
        .iter()
        .map(|(name, value)| {
            (
                name.as_str().to_owned(),
                String::from_utf8_lossy(value.as_bytes()).into_owned(),
            )
        })
        .collect();
    let (tenant, path) = tenant_of(parts.uri.path());
    let mut request = Request {
        method: parts.method.as_str().to_owned(),
        path: path.to_owned(),
        query: url::form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes())
            .into_owned()
            .collect(),
        headers,
        body: body.to_vec(),
        base_url: String::new(),
        in_flight: 1,
    };
    let host = request.header("host").unwrap_or("127.0.0.1");
    let prefix = tenant.map(|name| format!("/t/{name}")).unwrap_or_default();
    request.base_url = format!("http://{host}{prefix}");
    (tenant.map(str::to_owned), request)
}

/// Parts `/t/{name}/rest` into the name and `/rest`; the name is `None` without such a prefix.
fn tenant_of(path: &str) -> (Option<&str>, &str) {
    let Some(rest) = path.strip_prefix("/t/") else {
        return (None, path);
    };
    match rest.find('/') {
        Some(end) => (Some(&rest[..end]), &rest[end..]),
        None => (Some(rest), "/"),
    }
}

/// A reply as it is.
fn whole(reply: &Reply) -> Response<Body> {
    sent(reply, Body::from(reply.body.clone()))
}

/// A reply that promises its whole body and breaks off after half of it.
fn cut(reply: &Reply) -> Response<Body> {
    let half = Bytes::copy_from_slice(&reply.body[..reply.body.len() / 2]);
    let broken = stream::once(async {
        tokio::time::sleep(CUT_AFTER).await;
        Err(io::Error::from(io::ErrorKind::ConnectionReset))
    });
    let body = stream::once(async move { Ok(half) }).chain(broken);
    let mut response = sent(reply, Body::from_stream(body));
    response
        .headers_mut()
        .insert(header::CONTENT_LENGTH, reply.body.len().into());
    response
}

/// No reply: a body that fails before its first byte has the connection closed, with the status
/// line still in the buffer.
fn closed() -> Response<Body> {
    let broken =
        stream::once(async { Err::<Bytes, _>(io::Error::from(io::ErrorKind::ConnectionReset)) });
    Response::new(Body::from_stream(broken))
}

fn sent(reply: &Reply, body: Body) -> Response<Body> {
    let mut builder = Response::builder().status(reply.status);
    for (name, value) in &reply.headers {
        builder = builder.header(*name, value);
    }
    builder.body(body).unwrap_or_else(|_| {
        let mut response = Response::new(Body::from("the sandbox itself failed"));
        *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        response
    })
}
