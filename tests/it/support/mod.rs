//! A world for one test: a sandbox on loopback, a folder of its own, a configuration, and the
//! program as a person would call it. What happened is asked of the sandbox and of the ledger.

#![allow(dead_code, reason = "each test uses what it needs of the world")]

pub(crate) mod witness;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use userpurge::sandbox::{Call, LogEntry, Running, Sandbox, SandboxOptions, Seed, UserRecord};
use wiremock::matchers::{method, path, path_regex};
use wiremock::{Mock, MockServer, Respond, ResponseTemplate};
use witness::Witness;

pub(crate) mod browser;
pub(crate) mod certificates;
pub(crate) mod door;
pub(crate) mod raw;
pub(crate) mod shifted;
pub(crate) mod terminal;
pub(crate) mod usual;

/// No test waits longer for anything than this: several times what the longest takes beside others, since
/// it only bounds a test that fails.
pub(crate) const PATIENCE: Duration = Duration::from_mins(4);

/// The most memory, in KiB, that the program may ever have held in a test of its memory. Some 25 MiB are its
/// own pages, as it is built for tests.
pub(crate) const PEAK_KIB_MAX: u64 = 38 * 1024;

pub(crate) struct World {
    runtime: Runtime,
    sandbox: Option<Running>,
    pub(crate) folder: TempDir,
}

/// What a call of the program left behind.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl World {
    /// A sandbox with nobody in it, and a configuration for its three providers.
    pub(crate) fn new() -> Self {
        Self::with(SandboxOptions::default())
    }

    pub(crate) fn with(options: SandboxOptions) -> Self {
        let runtime = Runtime::new().unwrap();
        let sandbox = runtime.block_on(Sandbox::start(options)).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let world = Self {
            runtime,
            sandbox: Some(sandbox),
            folder,
        };
        world.configure(&world.config());
        world
    }

    /// Runs `future` on the world's own runtime.
    pub(crate) fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.runtime.block_on(future)
    }

    /// A witness that stands before the sandbox and looks into `ledger`.
    pub(crate) fn witness(&self, ledger: &str) -> Witness {
        let ledger = self.path(ledger);
        let witness = Witness::before(self.sandbox().addr(), &ledger);
        self.runtime.block_on(witness)
    }

    pub(crate) fn sandbox(&self) -> &Running {
        self.sandbox.as_ref().unwrap()
    }

    pub(crate) fn base(&self) -> String {
        self.sandbox().base_url()
    }

    /// Accounts `acme`, `chat` and `crm` with limits that do not get in the way.
    pub(crate) fn config(&self) -> String {
        let base = self.base();
        format!(
            r#"
[accounts.acme]
provider = "zendesk"
base_url = "{base}"
email = "ops@acme.example"
api_token = "sandbox-token"
[accounts.acme.limits]
requests = "100000/1s"
permanently-delete = "100000/1s"

[accounts.chat]
provider = "sunco"
base_url = "{base}"
app_id = "5963c0d619a30a2e00de36b8"
key_id = "app_sandbox"
key_secret = "sandbox-secret"
[accounts.chat.limits]
requests = "100000/1s"

[accounts.crm]
provider = "zoho"
accounts_url = "{base}"
client_id = "1000.SANDBOX"
client_secret = "sandbox-secret"
refresh_token = "1000.sandbox-refresh"
[accounts.crm.limits]
requests = "100000/1s"
"#
        )
    }

    pub(crate) fn configure(&self, text: &str) {
        self.write("userpurge.toml", text);
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "a test's own input needs no atomic write"
    )]
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, content).unwrap();
        path
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    /// Changes the weather of the tenant `default`; quotas of the sandbox are wide by default here.
    pub(crate) fn settings(&self, change: Value) {
        self.sandbox()
            .with(|sandbox, now| sandbox.change("", change, now))
            .unwrap();
    }

    /// Quotas that never refuse.
    pub(crate) fn wide(&self) {
        self.settings(json!({
            "zendesk": {"quota": "1000000/1m", "permanent_quota": "1000000/1m"},
            "sunco": {"quota": "1000000/1m"},
            "zoho": {"credits": "1000000/24h", "concurrency": 1000, "token_quota": "1000/10m"},
        }));
    }

    pub(crate) fn seed(&self, seed: Value) {
        let seed: Seed = serde_json::from_value(seed).unwrap();
        self.sandbox()
            .with(|sandbox, now| sandbox.seed(&seed, now))
            .unwrap();
    }

    /// Active end users of Zendesk with these ids.
    pub(crate) fn zendesk_users(&self, ids: impl IntoIterator<Item = u64>) {
        let users: Vec<Value> = ids
            .into_iter()
            .map(|id| json!({"id": id.to_string()}))
            .collect();
        self.seed(json!({"zendesk": users}));
    }

    /// The same, soft-deleted: each is a request of its own when deleted for good.
    pub(crate) fn soft_deleted_users(&self, ids: impl IntoIterator<Item = u64>) {
        let users: Vec<Value> = ids
            .into_iter()
            .map(|id| json!({"id": id.to_string(), "state": "soft-deleted"}))
            .collect();
        self.seed(json!({"zendesk": users}));
    }

    /// What arrived, deletions only.
    pub(crate) fn deletions(&self) -> Vec<LogEntry> {
        let log = self.sandbox().log(None);
        log.into_iter()
            .filter(|entry| entry.step.deletes())
            .collect()
    }

    pub(crate) fn calls(&self, call: Call) -> Vec<LogEntry> {
        self.sandbox()
            .log(None)
            .into_iter()
            .filter(|entry| entry.step == call)
            .collect()
    }

    pub(crate) fn users(&self) -> Vec<UserRecord> {
        self.sandbox().with(|sandbox, now| sandbox.users(None, now))
    }

    /// The program, to be called in the world's folder and with nothing of this machine's
    /// environment that could change what it does.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_userpurge"));
        command
            .args(args)
            .current_dir(self.folder.path())
            .env_clear()
            .env("HOME", self.folder.path())
            .env("XDG_CACHE_HOME", self.path("cache"))
            .env("XDG_CONFIG_HOME", self.path("xdg"))
            .env("TZ", "UTC")
            .stdin(Stdio::null());
        command
    }

    /// Calls the program and waits for its end.
    pub(crate) fn call(&self, args: &[&str]) -> Done {
        self.finish(self.start(args))
    }

    /// Calls the program with `input` on its standard input.
    pub(crate) fn call_with(&self, args: &[&str], input: &[u8]) -> Done {
        use std::io::Write as _;

        let mut command = self.command(args);
        let mut child = piped(command.stdin(Stdio::piped()));
        child.stdin.take().unwrap().write_all(input).unwrap();
        self.finish(child)
    }

    /// Starts the program and leaves it running.
    pub(crate) fn start(&self, args: &[&str]) -> Child {
        piped(&mut self.command(args))
    }

    pub(crate) fn finish(&self, child: Child) -> Done {
        let id = child.id().to_string();
        let wait = async {
            let output = tokio::task::spawn_blocking(move || child.wait_with_output());
            tokio::time::timeout(PATIENCE, output).await
        };
        let output = self
            .runtime
            .block_on(wait)
            .unwrap_or_else(|_| {
                // Else the test would hang with it.
                let _ = Command::new("kill").args(["-KILL", &id]).status();
                panic!("the program does not end")
            })
            .unwrap()
            .unwrap();
        Done {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Calls the program and sees how much memory it had at most, in KiB. A call that ends before
    /// anybody can look is made again, so it must be one that changes nothing for the next.
    pub(crate) fn measured(&self, args: &[&str]) -> (Done, u64) {
        const CALLS_MAX: usize = 20;
        (0..CALLS_MAX)
            .find_map(|_| self.measured_once(args))
            .expect("the high-water mark is seen once")
    }

    fn measured_once(&self, args: &[&str]) -> Option<(Done, u64)> {
        let file = |name: &str| File::create(self.path(name)).unwrap();
        let mut child = self
            .command(args)
            .stdout(Stdio::from(file("stdout")))
            .stderr(Stdio::from(file("stderr")))
            .spawn()
            .unwrap();
        let status = format!("/proc/{}/status", child.id());
        let mut peak = None;
        let mut code = None;
        self.until("the program ends", || {
            // The high-water mark only ever rises; a process that has ended shows none.
            peak = high_water(&status).or(peak);
            code = child.try_wait().unwrap().map(|status| status.code());
            code.is_some()
        });
        let done = Done {
            code: code.flatten().unwrap_or(-1),
            out: self.read("stdout"),
            err: self.read("stderr"),
        };
        peak.map(|peak| (done, peak))
    }

    /// Waits until `level` holds; checked often, bounded.
    #[expect(
        clippy::unused_self,
        reason = "reads as what it is: the world is waited for"
    )]
    pub(crate) fn until(&self, what: &str, mut level: impl FnMut() -> bool) {
        const REST: Duration = Duration::from_millis(5);
        for _ in 0..PATIENCE.as_millis() / REST.as_millis() {
            if level() {
                return;
            }
            std::thread::sleep(REST);
        }
        panic!("waited in vain until {what}");
    }

    /// The lines of a ledger. A torn last line is left out.
    pub(crate) fn ledger(&self, name: &str) -> Vec<Value> {
        let text = fs::read_to_string(self.path(name)).unwrap();
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        whole
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// The last outcome of each row, those of the plan among them.
    pub(crate) fn outcomes(&self, ledger: &str) -> BTreeMap<u64, Value> {
        let mut outcomes = BTreeMap::new();
        for entry in self.ledger(ledger) {
            if entry["kind"] == "outcome" {
                outcomes.insert(entry["row"].as_u64().unwrap(), entry);
            } else if entry["kind"] == "unsent" {
                for row in entry["rows"].as_array().unwrap() {
                    let mut end = entry.clone();
                    end["line"] = row["line"].clone();
                    outcomes.insert(row["row"].as_u64().unwrap(), end);
                }
            }
        }
        outcomes
    }

    pub(crate) fn status(&self, ledger: &str) -> Value {
        let done = self.call(&["status", ledger, "--json"]);
        serde_json::from_str(&done.out).unwrap_or_else(|error| panic!("{error}: {done:?}"))
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let _in_runtime = self.runtime.enter();
        self.sandbox.take();
    }
}

impl Done {
    #[track_caller]
    pub(crate) fn code(self, code: i32) -> Self {
        assert_eq!(
            self.code, code,
            "exit code\n--- out\n{}\n--- err\n{}",
            self.out, self.err
        );
        self
    }

    #[track_caller]
    pub(crate) fn says(self, text: &str) -> Self {
        let all = format!("{}{}", self.out, self.err);
        // A terminal's width must not decide a test.
        let flat = all.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(flat.contains(text), "`{text}` is not in\n{all}");
        self
    }
}

/// Starts a command whose output is wanted, for [`World::finish`].
pub(crate) fn piped(command: &mut Command) -> Child {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

/// `VmHWM` in KiB.
fn high_water(status: &str) -> Option<u64> {
    let status = fs::read_to_string(status).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// A CSV of `header` and rows.
pub(crate) fn csv<R: AsRef<[String]>>(header: &str, rows: impl IntoIterator<Item = R>) -> String {
    let mut text = format!("{header}\n");
    for row in rows {
        writeln!(text, "{}", row.as_ref().join(",")).unwrap();
    }
    text
}

/// A client for servers on this machine.
pub(crate) fn client() -> reqwest::Client {
    // An error says that there is a provider already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::new()
}

/// A CSV of ids.
pub(crate) fn ids(ids: impl IntoIterator<Item = u64>) -> String {
    csv("id", ids.into_iter().map(|id| [id.to_string()]))
}

/// A Zendesk that knows who is asking, knows nobody when asked for roles, and answers deletions as
/// `deletions` says: for answers that the sandbox does not give.
pub(crate) async fn zendesk_that(deletions: impl Respond + 'static) -> MockServer {
    let server = MockServer::start().await;
    let me = json!({"user": {"id": 9, "name": "Ops", "role": "admin", "active": true}});
    for (place, answer) in [("me", me), ("show_many", json!({"users": []}))] {
        Mock::given(path(format!("/api/v2/users/{place}")))
            .respond_with(ResponseTemplate::new(200).set_body_json(answer))
            .mount(&server)
            .await;
    }
    let nobody = json!({"error": "RecordNotFound", "description": "Not found"});
    Mock::given(method("GET"))
        .and(path_regex("^/api/v2/(deleted_)?users/"))
        .respond_with(ResponseTemplate::new(404).set_body_json(nobody))
        .mount(&server)
        .await;
    Mock::given(method("DELETE"))
        .respond_with(deletions)
        .mount(&server)
        .await;
    server
}
