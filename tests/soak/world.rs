//! The world of a soak: a sandbox, a folder with input and configuration, and the ways to start the
//! program in it.

use std::fs::{self, File};
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::time::Instant;
use userpurge::sandbox::{Running, Sandbox, SandboxOptions};

use crate::input::Input;

/// Requests under way at once at each account, so chosen that none has done its rows long before
/// the others.
const ACME: usize = 8;
const CHAT: usize = 5;
const CRM: usize = 4;
/// Requests under way at once, at all accounts together.
pub(crate) const CONNECTIONS: usize = ACME + CHAT + CRM;

const INPUT: &str = "users.csv";
const LEDGER: &str = "users.ledger.jsonl";

pub(crate) struct World {
    runtime: Runtime,
    sandbox: Option<Running>,
    folder: TempDir,
    pub(crate) input: Input,
}

/// A call of the program that has ended.
#[derive(Debug)]
pub(crate) struct Called {
    pub(crate) code: Option<i32>,
    pub(crate) took: Duration,
    pub(crate) out: String,
}

impl World {
    pub(crate) fn new(input: Input, latency: &str, faults: &str) -> Self {
        let runtime = Runtime::new().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let sandbox = runtime
            .block_on(Sandbox::start(SandboxOptions::default()))
            .unwrap();
        let settings = json!({
            "latency": latency,
            "faults": faults,
            // A job of a hundred users takes 65 ms.
            "scale_limits": 200.0,
            "zendesk": {"quota": "4000000/1m", "permanent_quota": "4000000/1m"},
            "sunco": {"quota": "4000000/1m"},
            "zoho": {"credits": "4000000/1m", "concurrency": 1000, "token_quota": "1000/10m"},
        });
        sandbox
            .with(|sandbox, now| sandbox.change("", settings, now))
            .unwrap();
        for seed in input.seeds() {
            sandbox
                .with(|sandbox, now| sandbox.seed(&seed, now))
                .unwrap();
        }
        let file = File::create(folder.path().join(INPUT)).unwrap();
        input.write(BufWriter::new(file)).unwrap();
        let world = Self {
            runtime,
            sandbox: Some(sandbox),
            folder,
            input,
        };
        world.configure();
        world
    }

    /// Quotas that are never met: what is looked at here is what time does to the program.
    #[expect(
        clippy::disallowed_methods,
        reason = "a test's own configuration needs no atomic write"
    )]
    fn configure(&self) {
        let base = self.sandbox().base_url();
        let limits =
            |connections| format!("concurrency = {connections}\nrequests = \"1000000/1s\"");
        let (acme, chat, crm) = (limits(ACME), limits(CHAT), limits(CRM));
        let text = format!(
            r#"
[accounts.acme]
provider = "zendesk"
base_url = "{base}"
email = "ops@acme.example"
api_token = "sandbox-token"
[accounts.acme.limits]
{acme}
permanently-delete = "1000000/1s"

[accounts.chat]
provider = "sunco"
base_url = "{base}"
app_id = "5963c0d619a30a2e00de36b8"
key_id = "app_sandbox"
key_secret = "sandbox-secret"
[accounts.chat.limits]
{chat}

[accounts.crm]
provider = "zoho"
accounts_url = "{base}"
client_id = "1000.SANDBOX"
client_secret = "sandbox-secret"
refresh_token = "1000.sandbox-refresh"
[accounts.crm.limits]
{crm}
"#
        );
        fs::write(self.folder.path().join("userpurge.toml"), text).unwrap();
    }

    pub(crate) fn sandbox(&self) -> &Running {
        self.sandbox.as_ref().unwrap()
    }

    pub(crate) fn ledger(&self) -> PathBuf {
        self.folder.path().join(LEDGER)
    }

    /// Starts a process that begins the run, or goes on with it.
    pub(crate) fn start(&self) -> Child {
        let begun = self.ledger().exists();
        let args: &[&str] = if begun {
            &["resume", LEDGER]
        } else {
            &["run", INPUT, "--ledger", LEDGER]
        };
        let mut args = args.to_vec();
        args.extend(["--yes", "--progress", "plain"]);
        self.command(&args).spawn().unwrap()
    }

    /// Calls the program on the ledger and waits for its end.
    pub(crate) fn call(&self, command: &str, options: &[&str]) -> Called {
        let mut args = vec![command, LEDGER];
        args.extend(options);
        let begun = Instant::now();
        let code = self.command(&args).status().unwrap().code();
        Called {
            code,
            took: begun.elapsed(),
            out: self.read("out.txt"),
        }
    }

    pub(crate) fn status(&self, called: &Called) -> Value {
        serde_json::from_str(&called.out)
            .unwrap_or_else(|error| panic!("{error}: {}", self.words()))
    }

    fn command(&self, args: &[&str]) -> Command {
        let folder = self.folder.path();
        let words = |name: &str| Stdio::from(File::create(folder.join(name)).unwrap());
        let mut command = Command::new(env!("CARGO_BIN_EXE_userpurge"));
        command
            .args(args)
            .current_dir(folder)
            .env_clear()
            .env("HOME", folder)
            .env("XDG_CACHE_HOME", folder.join("cache"))
            .env("XDG_CONFIG_HOME", folder.join("xdg"))
            .env("TZ", "UTC")
            .stdin(Stdio::null())
            .stdout(words("out.txt"))
            .stderr(words("err.txt"));
        command
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.folder.path().join(name)).unwrap_or_default()
    }

    /// The last of what the last process said.
    pub(crate) fn words(&self) -> String {
        let all = format!("{}{}", self.read("out.txt"), self.read("err.txt"));
        let lines: Vec<&str> = all.lines().collect();
        lines[lines.len().saturating_sub(30)..].join("\n")
    }

    /// How large the ledger is.
    pub(crate) fn ledger_bytes(&self) -> io::Result<u64> {
        fs::metadata(self.ledger()).map(|it| it.len())
    }

    /// The folder, for texts.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let _in_runtime = self.runtime.enter();
        self.sandbox.take();
    }
}
