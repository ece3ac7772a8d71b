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
const SLOW: Duration = Duration::from_mins(1);
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

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::time::Duration;

    use reqwest::{Client, Method, RequestBuilder};
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::{Running, Sandbox, tenant_of};
    use crate::sandbox::{
        Call, Fault, LogEntry, PlannedFault, Population, SandboxError, SandboxOptions, Seed,
        ZendeskSeed, ZohoSeed,
    };

    async fn start() -> Running {
        let sandbox = Sandbox::start(SandboxOptions::default()).await.unwrap();
        sandbox.seed(&users("default")).unwrap();
        sandbox
    }

    fn users(tenant: &str) -> Seed {
        let user = |id: &str| ZendeskSeed {
            id: id.to_owned(),
            ..ZendeskSeed::default()
        };
        let zoho = |id: &str| ZohoSeed {
            id: id.to_owned(),
            ..ZohoSeed::default()
        };
        Seed {
            tenant: tenant.to_owned(),
            zendesk: vec![user("1001"), user("1002")],
            sunco: Vec::new(),
            zoho: vec![zoho("5725767000000411100"), zoho("5725767000000411101")],
        }
    }

    fn zendesk(base: &str, method: Method, path: &str) -> RequestBuilder {
        Client::new()
            .request(method, format!("{base}/api/v2/{path}"))
            .basic_auth("ops@acme.example/token", Some("sandbox-token"))
    }

    fn delete(sandbox: &Running, id: &str) -> RequestBuilder {
        zendesk(&sandbox.base_url(), Method::DELETE, &format!("users/{id}"))
    }

    async fn body(request: RequestBuilder) -> Value {
        let bytes = request.send().await.unwrap().bytes().await.unwrap();
        serde_json::from_slice(&bytes).unwrap()
    }

    fn state(sandbox: &Running, tenant: &str, id: &str) -> String {
        let users = sandbox.users(Some(tenant));
        users.into_iter().find(|user| user.id == id).unwrap().state
    }

    fn plan(sandbox: &Running, user: &str, fault: Fault) {
        let fault = PlannedFault {
            user: user.to_owned(),
            fault,
            times: 1,
        };
        sandbox.plan_fault("default", fault).unwrap();
    }

    /// Waits, in a bounded number of looks, until `count` requests were carried out.
    async fn carried_out(sandbox: &Running, count: usize) -> Vec<LogEntry> {
        for _ in 0..1_000 {
            let log = sandbox.log(None);
            if log.len() >= count {
                return log;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("{count} requests never came");
    }

    #[tokio::test]
    async fn it_serves_on_loopback_only() {
        let listen: SocketAddr = "0.0.0.0:0".parse().unwrap();
        let options = SandboxOptions {
            listen,
            ..SandboxOptions::default()
        };
        let error = Sandbox::start(options).await.unwrap_err();
        assert!(matches!(error, SandboxError::NotLoopback { addr } if addr == listen));
    }

    #[tokio::test]
    async fn a_taken_port_is_told_with_its_address() {
        let sandbox = start().await;
        let options = SandboxOptions {
            listen: sandbox.addr(),
            ..SandboxOptions::default()
        };
        let error = Sandbox::start(options).await.unwrap_err();
        assert!(error.to_string().contains(&sandbox.addr().to_string()));
    }

    #[tokio::test]
    async fn a_deletion_is_answered_logged_and_done() {
        let sandbox = start().await;
        let answer = body(delete(&sandbox, "1001")).await;
        assert_eq!(answer["user"]["active"], json!(false));
        let url = format!("{}/api/v2/users/1001.json", sandbox.base_url());
        assert_eq!(answer["user"]["url"], json!(url));
        let log = sandbox.log(None);
        assert_eq!(log.len(), 1);
        assert_eq!(
            (log[0].step, log[0].status, log[0].effect),
            (Call::Delete, Some(200), true)
        );
        assert_eq!((log[0].seq, log[0].user.as_deref()), (1, Some("1001")));
        assert_eq!(state(&sandbox, "default", "1001"), "soft-deleted");
        sandbox.shutdown().await;
    }

    #[rstest]
    #[case("/api/v2/users/1", None, "/api/v2/users/1")]
    #[case("/t/acme/api/v2/users/1", Some("acme"), "/api/v2/users/1")]
    #[case("/t/acme", Some("acme"), "/")]
    #[case("/t/", Some(""), "/")]
    fn a_path_names_its_tenant(
        #[case] path: &str,
        #[case] tenant: Option<&str>,
        #[case] rest: &str,
    ) {
        assert_eq!(tenant_of(path), (tenant, rest));
    }

    #[tokio::test]
    async fn tenants_have_users_quotas_and_urls_of_their_own() {
        let sandbox = start().await;
        sandbox.seed(&users("acme")).unwrap();
        sandbox
            .change_settings("acme", json!({"zendesk": {"quota": "1/1m"}}))
            .unwrap();
        let acme = sandbox.tenant_url("acme");
        let answer = body(zendesk(&acme, Method::DELETE, "users/1001")).await;
        assert_eq!(
            answer["user"]["url"],
            json!(format!("{acme}/api/v2/users/1001.json"))
        );
        let second = zendesk(&acme, Method::DELETE, "users/1002")
            .send()
            .await
            .unwrap();
        assert_eq!(second.status(), 429);
        assert_eq!(state(&sandbox, "acme", "1001"), "soft-deleted");
        assert_eq!(state(&sandbox, "default", "1001"), "active");
        assert_eq!(delete(&sandbox, "1002").send().await.unwrap().status(), 200);
        assert_eq!(sandbox.log(Some("acme")).len(), 2);
        assert_eq!(sandbox.log(None).len(), 3);

        let token = Client::new().post(format!("{acme}/oauth/v2/token")).body(
            "client_id=1000.SANDBOX&client_secret=sandbox-secret&grant_type=refresh_token\
             &refresh_token=1000.sandbox-refresh",
        );
        assert_eq!(body(token).await["api_domain"], json!(acme));
    }

    #[tokio::test]
    async fn a_tenant_with_an_unfit_name_is_not_made() {
        let sandbox = start().await;
        let name = "x".repeat(65);
        let reply = zendesk(&sandbox.tenant_url(&name), Method::GET, "users/me");
        assert_eq!(reply.send().await.unwrap().status(), 404);
        assert!(sandbox.settings("a/b").is_err());
    }

    #[rstest]
    #[case(Fault::Reset, false)]
    #[case(Fault::ResetAfter, true)]
    #[tokio::test]
    async fn a_reset_closes_the_connection_without_an_answer(
        #[case] fault: Fault,
        #[case] effect: bool,
    ) {
        let sandbox = start().await;
        plan(&sandbox, "1001", fault);
        let error = delete(&sandbox, "1001").send().await.unwrap_err();
        assert!(error.is_request() && !error.is_timeout(), "{error:?}");
        let entry = &sandbox.log(None)[0];
        assert_eq!((entry.status, entry.effect), (None, effect));
        assert_eq!(entry.fault, Some(fault));
        assert_eq!(state(&sandbox, "default", "1001") == "soft-deleted", effect);
        // Once, as planned: the next one comes through.
        let status = if effect { 422 } else { 200 };
        assert_eq!(
            delete(&sandbox, "1001").send().await.unwrap().status(),
            status
        );
    }

    #[tokio::test]
    async fn a_cut_answer_has_its_status_and_half_of_its_body() {
        let sandbox = start().await;
        plan(&sandbox, "1001", Fault::Cut);
        let mut response = delete(&sandbox, "1001").send().await.unwrap();
        assert_eq!(response.status(), 200);
        let promised = response.content_length().unwrap();
        let mut came = 0;
        let error = loop {
            match response.chunk().await {
                Ok(Some(chunk)) => came += chunk.len() as u64,
                Ok(None) => panic!("the answer came whole"),
                Err(error) => break error,
            }
        };
        assert!(!error.is_timeout());
        assert_eq!(came, promised / 2);
        assert_eq!(state(&sandbox, "default", "1001"), "soft-deleted");
    }

    #[tokio::test]
    async fn what_a_client_hung_up_on_is_done_all_the_same() {
        let sandbox = start().await;
        plan(&sandbox, "1001", Fault::Slow);
        let request = delete(&sandbox, "1001").timeout(Duration::from_millis(300));
        assert!(request.send().await.unwrap_err().is_timeout());
        let log = carried_out(&sandbox, 1).await;
        assert!(log[0].effect);
        // And the minute it would take does not hold the shutdown up.
        tokio::time::timeout(Duration::from_secs(4), sandbox.shutdown())
            .await
            .unwrap();
    }

    #[rstest]
    #[case(Fault::Html, 200, "text/html; charset=utf-8", None)]
    #[case(Fault::Throttle, 429, "text/plain; charset=utf-8", Some("1"))]
    #[case(Fault::Error500, 500, "application/json; charset=utf-8", None)]
    #[case(Fault::Error503, 503, "application/json; charset=utf-8", Some("1"))]
    #[tokio::test]
    async fn a_fault_with_an_answer_has_no_effect(
        #[case] fault: Fault,
        #[case] status: u16,
        #[case] content_type: &str,
        #[case] retry_after: Option<&str>,
    ) {
        let sandbox = start().await;
        plan(&sandbox, "1001", fault);
        let response = delete(&sandbox, "1001").send().await.unwrap();
        assert_eq!(response.status(), status);
        let header = |name: &str| response.headers().get(name).map(|v| v.to_str().unwrap());
        assert_eq!(header("content-type"), Some(content_type));
        assert_eq!(header("retry-after"), retry_after);
        assert_eq!(state(&sandbox, "default", "1001"), "active");
    }

    #[tokio::test]
    async fn faults_spare_reads_unless_told_otherwise() {
        let sandbox = start().await;
        let read = || zendesk(&sandbox.base_url(), Method::GET, "users/1001").send();
        sandbox
            .change_settings("default", json!({"faults": "error500=100%"}))
            .unwrap();
        assert_eq!(read().await.unwrap().status(), 200);
        assert_eq!(delete(&sandbox, "1001").send().await.unwrap().status(), 500);
        sandbox
            .change_settings("default", json!({"faults": "error500=100%,reads=on"}))
            .unwrap();
        assert_eq!(read().await.unwrap().status(), 500);
    }

    #[tokio::test]
    async fn racing_requests_never_get_past_a_quota() {
        let sandbox = start().await;
        sandbox
            .change_settings(
                "default",
                json!({"latency": "1ms..20ms", "zendesk": {"quota": "20/1d"}}),
            )
            .unwrap();
        let client = Client::new();
        let requests = (0..60).map(|_| {
            let request = client.get(format!("{}/api/v2/users/1001", sandbox.base_url()));
            request
                .basic_auth("ops@acme.example/token", Some("sandbox-token"))
                .send()
        });
        let answers = futures::future::join_all(requests).await;
        let accepted = answers
            .into_iter()
            .filter(|a| a.as_ref().unwrap().status() == 200);
        assert_eq!(accepted.count(), 20);
    }

    #[tokio::test]
    async fn zohos_concurrency_counts_requests_that_wait_for_their_answer() {
        let sandbox = start().await;
        sandbox
            .change_settings("default", json!({"zoho": {"concurrency": 1}}))
            .unwrap();
        let base = sandbox.base_url();
        let token = Client::new().post(format!("{base}/oauth/v2/token")).body(
            "client_id=1000.SANDBOX&client_secret=sandbox-secret&grant_type=refresh_token\
             &refresh_token=1000.sandbox-refresh",
        );
        let token = body(token).await["access_token"]
            .as_str()
            .unwrap()
            .to_owned();
        let delete = |id: &str| {
            Client::new()
                .delete(format!("{base}/crm/v8/users/{id}"))
                .header("authorization", format!("Zoho-oauthtoken {token}"))
        };
        plan(&sandbox, "5725767000000411100", Fault::Slow);
        let waiting = tokio::spawn(delete("5725767000000411100").send());
        carried_out(&sandbox, 2).await;
        let response = delete("5725767000000411101").send().await.unwrap();
        assert_eq!(response.status(), 429);
        waiting.abort();
        assert!(waiting.await.is_err());
        assert_eq!(state(&sandbox, "default", "5725767000000411101"), "active");
    }

    #[tokio::test]
    async fn a_path_of_nobodys_is_logged_as_such_and_no_query_ever_is() {
        let sandbox = start().await;
        let get = |path: &str| Client::new().get(format!("{}{path}", sandbox.base_url()));
        let status = get("/nothing?secret=1").send().await.unwrap().status();
        assert_eq!(status, 404);
        let entry = &sandbox.log(None)[0];
        assert_eq!((entry.provider, entry.path.as_str()), (None, "/nothing"));
    }

    #[tokio::test]
    async fn a_judge_in_another_process_seeds_changes_reads_and_resets() {
        let sandbox = start().await;
        let base = sandbox.base_url();
        let get = |path: &str| body(Client::new().get(format!("{base}/_sandbox/{path}")));
        let post = |path: &str, json: Value| {
            let url = format!("{base}/_sandbox/{path}");
            body(Client::new().post(url).body(json.to_string()))
        };
        let ok = json!({"ok": true});
        let seed = json!({
            "tenant": "acme",
            "zendesk": [{"id": "7", "state": "active", "role": "end-user", "open_tickets": 1}],
            "sunco": [{"id": "5fa1c0d619a30a2e00000001", "external_id": "x"}],
            "zoho": [{"id": "9", "kind": "primary_contact", "state": "active"}],
        });
        assert_eq!(post("users", seed).await, ok);
        let change = json!({"tenant": "acme", "zendesk": {"caller_role": "agent"}});
        assert_eq!(post("settings", change).await, ok);
        let fault = json!({"tenant": "acme", "user": "7", "fault": "throttle", "times": 1});
        assert_eq!(post("faults", fault).await, ok);
        let acme = sandbox.tenant_url("acme");
        for status in [429, 403] {
            let request = zendesk(&acme, Method::DELETE, "users/7");
            assert_eq!(request.send().await.unwrap().status(), status);
        }
        let settings = get("settings?tenant=acme").await;
        assert_eq!(settings["zendesk"]["caller_role"], json!("agent"));
        assert_eq!(
            get("settings").await["zendesk"]["caller_role"],
            json!("admin")
        );

        let log = get("requests?tenant=acme&user=7").await;
        assert_eq!(log.as_array().unwrap().len(), 2);
        assert_eq!(log[0]["step"], json!("delete"));
        assert_eq!(
            (&log[0]["status"], &log[1]["status"]),
            (&json!(429), &json!(403))
        );
        assert_eq!(get("requests?user=nobody").await, json!([]));
        let lines = Client::new().get(format!("{base}/_sandbox/requests?format=jsonl"));
        let lines = lines.send().await.unwrap().text().await.unwrap();
        assert_eq!(lines.lines().count(), 2);
        let users = get("users?tenant=acme&provider=zoho&id=9").await;
        assert_eq!(users[0]["role"], json!("primary_contact"));
        let users = get("users?tenant=acme&id=x").await;
        assert_eq!(users[0]["provider"], json!("sunco"));

        assert_eq!(post("reset", json!({"tenant": "acme"})).await, ok);
        assert_eq!(get("requests").await, json!([]));
        assert_eq!(get("users?tenant=acme").await, json!([]));
        assert_eq!(state(&sandbox, "default", "1001"), "active");
        assert_eq!(get("nothing").await, json!({"error": "no such control"}));
    }

    #[rstest]
    #[case("settings", json!({"latencies": "1s"}), "unknown field `latencies`")]
    #[case("users", json!({"zendesk": [{"id": "x"}]}), "its id must be digits")]
    #[case("faults", json!({"user": "7", "fault": "flood", "times": 1}), "unknown variant `flood`")]
    #[tokio::test]
    async fn a_control_that_makes_no_sense_is_told_why(
        #[case] path: &str,
        #[case] json: Value,
        #[case] why: &str,
    ) {
        let sandbox = start().await;
        let url = format!("{}/_sandbox/{path}", sandbox.base_url());
        let response = Client::new()
            .post(url)
            .body(json.to_string())
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), 400);
        let text = response.text().await.unwrap();
        assert!(text.contains(why), "{text}");
    }

    #[tokio::test]
    async fn the_demo_has_its_people_and_gets_them_back_by_a_reset() {
        let options = SandboxOptions {
            population: Population::Demo,
            ..SandboxOptions::default()
        };
        let sandbox = Sandbox::start(options).await.unwrap();
        let all = sandbox.users(None).len();
        assert!(all > 300);
        assert_eq!(
            delete(&sandbox, "361808351000")
                .send()
                .await
                .unwrap()
                .status(),
            200
        );
        sandbox.reset(None).unwrap();
        assert_eq!(state(&sandbox, "default", "361808351000"), "active");
        assert_eq!(sandbox.users(None).len(), all);
        assert!(sandbox.log(None).is_empty());
    }

    #[tokio::test]
    async fn after_a_shutdown_nobody_answers() {
        let sandbox = start().await;
        let request = delete(&sandbox, "1001");
        sandbox.shutdown().await;
        assert!(request.send().await.unwrap_err().is_connect());
    }
}
