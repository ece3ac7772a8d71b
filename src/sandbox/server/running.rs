//! Starting a sandbox, asking it, and stopping it.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::serve::ListenerExt as _;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::exchange::{Shared, serve};
use crate::sandbox::error::SandboxError;
use crate::sandbox::faults::PlannedFault;
use crate::sandbox::hub::Sandbox;
use crate::sandbox::log::LogEntry;
use crate::sandbox::options::SandboxOptions;
use crate::sandbox::seed::{Seed, UserState};
use crate::sandbox::settings::Settings;

/// How long a shutdown waits for answers under way.
const SHUTDOWN_MAX: Duration = Duration::from_secs(5);

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
        let clock = options.clock.clone();
        let sandbox = Self::new(options, clock.now())?;
        let shared = Arc::new(Shared::new(sandbox, clock));
        let listen = |source| SandboxError::Listen {
            addr: wanted,
            source,
        };
        let listener = TcpListener::bind(wanted).await.map_err(listen)?;
        let addr = listener.local_addr().map_err(listen)?;
        let router = Router::new().fallback(serve).with_state(shared.clone());
        let stop = shared.stop().clone();
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
        self.shared.sandbox().log(tenant)
    }

    /// How many requests were carried out since the start, at all tenants: also those that the log
    /// has forgotten.
    pub fn requests(&self) -> u64 {
        self.shared.sandbox().requests()
    }

    /// Waits until at least `count` requests were carried out since the start or the last reset,
    /// at whichever tenant. Bound it with a time-out.
    pub async fn carried_out(&self, count: usize) {
        self.shared.carried_out(count).await;
    }

    /// The users of one tenant or (`None`) of all, as they stand.
    pub fn users(&self, tenant: Option<&str>) -> Vec<UserState> {
        self.shared.sandbox().users(tenant, self.shared.now())
    }

    /// See [`Sandbox::settings`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn settings(&self, name: &str) -> Result<Settings, SandboxError> {
        self.shared.sandbox().settings(name, self.shared.now())
    }

    /// See [`Sandbox::change`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn change_settings(&self, name: &str, change: Value) -> Result<(), SandboxError> {
        self.shared
            .sandbox()
            .change(name, change, self.shared.now())
    }

    /// See [`Sandbox::seed`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn seed(&self, seed: &Seed) -> Result<(), SandboxError> {
        self.shared.sandbox().seed(seed, self.shared.now())
    }

    /// See [`Sandbox::plan`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn plan_fault(&self, name: &str, fault: PlannedFault) -> Result<(), SandboxError> {
        self.shared.sandbox().plan(name, fault, self.shared.now())
    }

    /// See [`Sandbox::reset`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn reset(&self, tenant: Option<&str>) -> Result<(), SandboxError> {
        self.shared.sandbox().reset(tenant, self.shared.now())
    }

    /// Stops serving: answers under way are sent, for some seconds at most.
    pub async fn shutdown(mut self) {
        self.shared.stop().cancel();
        if let Some(mut task) = self.task.take()
            && tokio::time::timeout(SHUTDOWN_MAX, &mut task).await.is_err()
        {
            task.abort();
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.shared.stop().cancel();
    }
}
