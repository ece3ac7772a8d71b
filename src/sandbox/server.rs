//! The loopback server over the state machines: the only part that knows of sockets. It lets a request
//! travel, has it carried out, and sends the reply, broken connections included.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::State;
use axum::http::{Response, StatusCode, header};
use axum::response::IntoResponse as _;
use axum::serve::ListenerExt as _;
use futures::stream::{self, StreamExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::control;
use super::hub::{Delivery, Sandbox};
use super::reply::Reply;
use super::request::LogEntry;
use super::request::SandboxRequest;
use super::settings::{SandboxError, SandboxOptions};
use crate::domain::Time;

/// How large a request's body may be.
const BODY_BYTES_MAX: usize = 8 << 20;
/// How long the fault `slow` takes.
const SLOW: Duration = Duration::from_mins(1);
/// How long a cut answer waits before it breaks, so that its first half is on its way.
const CUT_AFTER: Duration = Duration::from_millis(20);
/// How long a shutdown waits for answers under way.
const SHUTDOWN_MAX: Duration = Duration::from_secs(5);

/// The parts that all connections share.
#[derive(Debug)]
struct Shared {
    sandbox: Mutex<Sandbox>,
    stop: CancellationToken,
}

impl Shared {
    /// The sandbox. Never held across a wait.
    fn sandbox(&self) -> MutexGuard<'_, Sandbox> {
        self.sandbox.lock().unwrap_or_else(PoisonError::into_inner)
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
    async fn exchange(&self, mut request: SandboxRequest) -> Delivery {
        let (there, back) = self.sandbox().arrive(&mut request, Time::now());
        self.wait(there).await;
        let delivery = self.sandbox().carry_out(&request, Time::now());
        self.wait(back).await;
        if let Delivery::Late(_) = &delivery {
            self.wait(SLOW).await;
        }
        self.sandbox().leave(&request, Time::now());
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
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let request = SandboxRequest::of(http::Request::from_parts(parts, body));
    if request.path.starts_with(control::PREFIX) {
        return control::handle(&mut shared.sandbox(), &request, Time::now()).map(Body::from);
    }
    // A task of its own: a client that hangs up does not undo what it asked for.
    let exchange = tokio::spawn(async move { shared.exchange(request).await });
    match exchange.await {
        Ok(Delivery::Whole(reply) | Delivery::Late(reply)) => reply.map(Body::from),
        Ok(Delivery::Cut(reply)) => cut(reply),
        // A body that fails before its first byte closes the connection, the status line unsent.
        Ok(Delivery::Closed) => Response::new(Body::from_stream(stream::once(async { broken() }))),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

fn broken() -> io::Result<Bytes> {
    Err(io::ErrorKind::ConnectionReset.into())
}

/// A reply that promises its whole body and breaks off after half of it.
fn cut(reply: Reply) -> Response<Body> {
    let length = reply.body().len();
    let mut response = reply.map(|body| {
        let half = stream::once(async move { Ok(body.slice(..length / 2)) });
        Body::from_stream(half.chain(stream::once(async {
            tokio::time::sleep(CUT_AFTER).await;
            broken()
        })))
    });
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_LENGTH, length.into());
    response
}

impl Sandbox {
    /// Serves the three providers on this tokio runtime until the handle is shut down or dropped.
    pub async fn start(options: SandboxOptions) -> Result<Running, SandboxError> {
        let wanted = options.listen;
        if !wanted.ip().is_loopback() {
            return Err(SandboxError(format!(
                "the sandbox serves on loopback only and will not listen on {wanted}; name an \
                 address such as 127.0.0.1:8080"
            )));
        }
        let shared = Arc::new(Shared {
            sandbox: Mutex::new(Self::new(options, Time::now())?),
            stop: CancellationToken::new(),
        });
        let listen = |error| {
            SandboxError(format!(
                "listen on {wanted}; choose another port, or port 0 for any free one: {error}"
            ))
        };
        let listener = TcpListener::bind(wanted).await.map_err(listen)?;
        let addr = listener.local_addr().map_err(listen)?;
        let listener = listener.tap_io(|socket| {
            // Without this, small answers wait for acknowledgements; failing is no harm.
            let _ = socket.set_nodelay(true);
        });
        let router = Router::new().fallback(serve).with_state(shared.clone());
        let stop = shared.stop.clone();
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

    /// The requests that arrived so far, at one tenant or (`None`) at all, in the order in which they were
    /// carried out.
    pub fn log(&self, tenant: Option<&str>) -> Vec<LogEntry> {
        self.shared.sandbox().log(tenant)
    }

    /// Asks something of the sandbox, or changes it.
    pub fn with<T>(&self, act: impl FnOnce(&mut Sandbox, Time) -> T) -> T {
        act(&mut self.shared.sandbox(), Time::now())
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
