//! One request: its way there, being carried out, and its answer's way back.

use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::http::Response;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::wire::{closed, cut, whole};
use crate::domain::{Time, WallClock};
use crate::sandbox::control;
use crate::sandbox::error::SandboxError;
use crate::sandbox::hub::{Delivery, Sandbox};
use crate::sandbox::message::{Reply, Request};

/// How large a request's body may be.
const BODY_BYTES_MAX: usize = 8 << 20;
/// How long the fault `slow` takes.
const SLOW: Duration = Duration::from_mins(1);

/// What all connections share.
#[derive(Debug)]
pub(super) struct Shared {
    sandbox: Mutex<Sandbox>,
    clock: WallClock,
    stop: CancellationToken,
    /// Notified whenever a request was carried out.
    progress: Notify,
}

impl Shared {
    /// What connections to `sandbox` share.
    pub(super) fn new(sandbox: Sandbox, clock: WallClock) -> Self {
        Self {
            sandbox: Mutex::new(sandbox),
            clock,
            stop: CancellationToken::new(),
            progress: Notify::new(),
        }
    }

    /// Cancelled when the sandbox is to end.
    pub(super) fn stop(&self) -> &CancellationToken {
        &self.stop
    }

    /// Waits until at least `count` requests were carried out.
    pub(super) async fn carried_out(&self, count: usize) {
        loop {
            let mut notified = pin!(self.progress.notified());
            // Before the look, so that nothing is missed between it and the wait.
            notified.as_mut().enable();
            if self.sandbox().log_len() >= count {
                return;
            }
            notified.await;
        }
    }

    /// The time.
    pub(super) fn now(&self) -> Time {
        self.clock.now()
    }

    /// The sandbox. Never held across a wait.
    pub(super) fn sandbox(&self) -> MutexGuard<'_, Sandbox> {
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
    async fn exchange(&self, tenant: &str, mut request: Request) -> Result<Delivery, SandboxError> {
        let journey = self.sandbox().arrive(tenant, &mut request, self.now())?;
        self.wait(journey.there).await;
        let delivery = self.sandbox().carry_out(tenant, &request, self.now());
        self.progress.notify_waiters();
        self.wait(journey.back).await;
        if let Ok(Delivery::Late(_)) = &delivery {
            self.wait(SLOW).await;
        }
        self.sandbox().leave(tenant, &request);
        delivery
    }
}

/// Answers one request.
pub(super) async fn serve(
    State(shared): State<Arc<Shared>>,
    request: axum::extract::Request,
) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, BODY_BYTES_MAX).await else {
        return whole(&Reply::empty(413));
    };
    let sent = axum::http::Request::from_parts(parts, body);
    let (tenant, request) = Request::of(&sent);
    if request.path.starts_with(control::PREFIX) {
        let now = shared.now();
        let mut sandbox = shared.sandbox();
        return whole(&control::handle(
            &mut sandbox,
            tenant.as_deref(),
            &request,
            now,
        ));
    }
    // A task of its own: a client that hangs up does not undo what it asked for.
    let exchange = tokio::spawn(async move {
        let tenant = tenant.as_deref().unwrap_or(Sandbox::DEFAULT);
        shared.exchange(tenant, request).await
    });
    match exchange.await {
        Ok(Ok(Delivery::Whole(reply) | Delivery::Late(reply))) => whole(&reply),
        Ok(Ok(Delivery::Cut(reply))) => cut(&reply),
        Ok(Ok(Delivery::Closed)) => closed(),
        Ok(Err(error)) => whole(&error.reply()),
        Err(_) => whole(&Reply::text(500, "text/plain", "the sandbox itself failed")),
    }
}
