//! One request: its way there, being carried out, and its answer's way back.

use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::http::Response;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::wire::{closed, cut, read, whole};
use crate::sandbox::control;
use crate::sandbox::error::SandboxError;
use crate::sandbox::hub::{Delivery, Hub};
use crate::sandbox::message::{Reply, Request};

/// How large a request's body may be.
const BODY_BYTES_MAX: usize = 8 << 20;
/// How long the fault `slow` takes.
const SLOW: Duration = Duration::from_mins(1);

/// What all connections share.
#[derive(Debug)]
pub(super) struct Shared {
    hub: Mutex<Hub>,
    stop: CancellationToken,
    /// Told whenever a request was carried out.
    progress: Notify,
}

impl Shared {
    /// What connections to `hub` share.
    pub(super) fn new(hub: Hub) -> Self {
        Self {
            hub: Mutex::new(hub),
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
            let mut told = pin!(self.progress.notified());
            // Before the look, so that nothing is missed between it and the wait.
            told.as_mut().enable();
            if self.hub().log_len() >= count {
                return;
            }
            told.await;
        }
    }

    /// The hub. Never held across a wait.
    pub(super) fn hub(&self) -> MutexGuard<'_, Hub> {
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
        self.progress.notify_waiters();
        self.wait(journey.back).await;
        if let Ok(Delivery::Late(_)) = &delivery {
            self.wait(SLOW).await;
        }
        self.hub().leave(tenant, &request);
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
