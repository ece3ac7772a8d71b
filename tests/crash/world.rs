//! A round's world: a sandbox, a witness before it, a folder with input and configuration, and the
//! ways to start the program in it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use userpurge::sandbox::{Fault, PlannedFault, Running, Sandbox, SandboxOptions, Seed};

use crate::disk::{CHANCE, NUMBER, POINT};
use crate::input::Input;
use crate::points::Point;
use crate::witness::Witness;

/// Tells the test's own binary that it is to be the program.
pub(crate) const CHILD: &str = "CRASH_CHILD";

const LEDGER: &str = "users.ledger.jsonl";

/// Where the rows come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum From {
    File,
    StandardInput,
    SavedPlan,
}

/// How a process is to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Process {
    /// The program itself. What it wrote stays, synced or not.
    Real,
    /// The program on a disk that loses what was not synced.
    Mortal,
    /// The same; it dies at the point when it comes by it for the so-manieth time.
    At(Point, u32),
}

/// How a ledger lies on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lies {
    Nowhere,
    /// There is a file, and not one whole line in it.
    Headless,
    Whole,
    Torn,
}

pub(crate) struct World {
    runtime: Runtime,
    sandbox: Option<Running>,
    witness: Option<Witness>,
    folder: Option<TempDir>,
    from: From,
    pub(crate) input: Input,
}

impl World {
    pub(crate) fn new(rows: usize, random: &mut fastrand::Rng) -> Self {
        let runtime = Runtime::new().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let sandbox = runtime
            .block_on(Sandbox::start(SandboxOptions::default()))
            .unwrap();
        let ledger = folder.path().join(LEDGER);
        let witness = runtime.block_on(Witness::before(sandbox.addr(), &ledger));
        let from = match random.usize(0..5) {
            0 => From::StandardInput,
            1 => From::SavedPlan,
            _ => From::File,
        };
        let input = Input::new(rows, random);
        let world = Self {
            runtime,
            sandbox: Some(sandbox),
            witness: Some(witness),
            folder: Some(folder),
            from,
            input,
        };
        world.populate(random);
        world.write("userpurge.toml", &world.config());
        world.write("users.csv", &world.input.csv());
        if from == From::SavedPlan {
            let planned = world.call(&["plan", "users.csv", "-o", LEDGER]);
            assert_eq!(planned.0, Some(0), "{}", planned.1);
        }
        world
    }

    /// Users, quotas that refuse what is beyond them, and weather.
    fn populate(&self, random: &mut fastrand::Rng) {
        let mode = if random.bool() { "rolling" } else { "fixed" };
        let seed = random.u32(..);
        let settings = json!({
            "latency": "2ms..25ms",
            "quota_mode": mode,
            "faults": format!(
                "error500=1.5%,error503=0.2%,throttle=0.2%,html=1%,reset=1.5%,reset-after=1.5%,\
                 cut=1%,wrong-id=0.5%,seed={seed}"
            ),
            // Jobs take a twentieth of their time, and so does every span here.
            "scale_limits": 20.0,
            "zendesk": {"quota": "120/20s", "permanent_quota": "40/20s"},
            "sunco": {"quota": "90/20s"},
            "zoho": {"credits": "90/20s", "concurrency": 1000, "token_quota": "20000/10m"},
        });
        self.sandbox()
            .with(|sandbox, now| sandbox.change("", settings, now))
            .unwrap();
        let seed: Seed = serde_json::from_value(self.input.seed()).unwrap();
        self.sandbox()
            .with(|sandbox, now| sandbox.seed(&seed, now))
            .unwrap();
        // What chance may leave out: each of these befalls somebody for sure.
        let faults = [
            Fault::ResetAfter,
            Fault::Cut,
            Fault::Slow,
            Fault::Error500,
            Fault::Html,
            Fault::Reset,
        ];
        let users = self.input.some_good(random, 2 * faults.len());
        for (user, fault) in users.into_iter().zip(faults.into_iter().cycle()) {
            let times = 1 + u32::from(fault != Fault::Slow && random.bool());
            let planned = PlannedFault { user, fault, times };
            self.sandbox()
                .with(|sandbox, now| sandbox.plan("", planned, now))
                .unwrap();
        }
    }

    /// The quotas of the sandbox, to the last request.
    fn config(&self) -> String {
        let base = self.witness().base_url();
        format!(
            r#"
[accounts.acme]
provider = "zendesk"
base_url = "{base}"
email = "ops@acme.example"
api_token = "sandbox-token"
[accounts.acme.limits]
requests = "120/1s"
permanently-delete = "40/1s"

[accounts.chat]
provider = "sunco"
base_url = "{base}"
app_id = "5963c0d619a30a2e00de36b8"
key_id = "app_sandbox"
key_secret = "sandbox-secret"
[accounts.chat.limits]
requests = "90/1s"

[accounts.crm]
provider = "zoho"
accounts_url = "{base}"
client_id = "1000.SANDBOX"
client_secret = "sandbox-secret"
refresh_token = "1000.sandbox-refresh"
[accounts.crm.limits]
requests = "90/1s"
"#
        )
    }

    pub(crate) fn sandbox(&self) -> &Running {
        self.sandbox.as_ref().unwrap()
    }

    pub(crate) fn witness(&self) -> &Witness {
        self.witness.as_ref().unwrap()
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.as_ref().unwrap().path()
    }

    /// Leaves the folder for a look, and says where it lies.
    pub(crate) fn keep(mut self) -> PathBuf {
        self.folder.take().unwrap().keep()
    }

    pub(crate) fn from(&self) -> From {
        self.from
    }

    pub(crate) fn ledger(&self) -> PathBuf {
        self.folder().join(LEDGER)
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "a test's own input needs no atomic write"
    )]
    fn write(&self, name: &str, text: &str) {
        fs::write(self.folder().join(name), text).unwrap();
    }

    pub(crate) fn lies(&self) -> Lies {
        let Ok(bytes) = fs::read(self.ledger()) else {
            return Lies::Nowhere;
        };
        match (bytes.contains(&b'\n'), bytes.last()) {
            (false, _) => Lies::Headless,
            (true, Some(b'\n')) => Lies::Whole,
            (true, _) => Lies::Torn,
        }
    }

    /// Whether the ledger has an entry of this kind.
    fn has(&self, kind: &str) -> bool {
        let text = fs::read_to_string(self.ledger()).unwrap_or_default();
        text.contains(&format!("{{\"kind\":\"{kind}\""))
    }

    /// Takes away what a process left that died before its plan was complete, as it is told to.
    pub(crate) fn clear_away(&self) {
        if self.lies() != Lies::Nowhere && !self.has("planned") {
            fs::remove_file(self.ledger()).unwrap();
        }
    }

    /// The command line that begins the run, or goes on with it.
    pub(crate) fn args(&self) -> Vec<&'static str> {
        let mut args = match (self.lies(), self.from) {
            (Lies::Whole | Lies::Torn, _) if self.has("agreed") => vec!["resume", LEDGER],
            (Lies::Whole | Lies::Torn, _) | (_, From::SavedPlan) => vec!["run", LEDGER],
            (_, From::File) => vec!["run", "users.csv", "--ledger", LEDGER],
            (_, From::StandardInput) => vec!["run", "-", "--ledger", LEDGER],
        };
        args.extend(["--yes", "--progress", "none"]);
        args
    }

    /// Starts a process that begins the run, or goes on with it. Its words go to two files.
    pub(crate) fn start(&self, process: Process, seed: u64) -> Child {
        let binary = match process {
            Process::Real => PathBuf::from(env!("CARGO_BIN_EXE_userpurge")),
            Process::Mortal | Process::At(..) => std::env::current_exe().unwrap(),
        };
        let mut command = self.command(&binary, &self.args());
        if process != Process::Real {
            command.env(CHILD, "1").env(CHANCE, seed.to_string());
        }
        if let Process::At(point, number) = process {
            command
                .env(POINT, point.name())
                .env(NUMBER, number.to_string());
        }
        command.spawn().unwrap()
    }

    fn command(&self, binary: &Path, args: &[&str]) -> Command {
        let folder = self.folder();
        let words = |name: &str| Stdio::from(File::create(folder.join(name)).unwrap());
        let stdin = if args.get(1) == Some(&"-") {
            Stdio::from(File::open(folder.join("users.csv")).unwrap())
        } else {
            Stdio::null()
        };
        let mut command = Command::new(binary);
        command
            .args(args)
            .current_dir(folder)
            .env_clear()
            .env("HOME", folder)
            .env("XDG_CACHE_HOME", folder.join("cache"))
            .env("XDG_CONFIG_HOME", folder.join("xdg"))
            .env("TZ", "UTC")
            .stdin(stdin)
            .stdout(words("out.txt"))
            .stderr(words("err.txt"));
        command
    }

    /// Calls the program and waits for its end: its exit code and its words.
    pub(crate) fn call(&self, args: &[&str]) -> (Option<i32>, String) {
        let binary = PathBuf::from(env!("CARGO_BIN_EXE_userpurge"));
        let code = self.command(&binary, args).status().unwrap().code();
        (code, self.words())
    }

    /// What the last process said.
    pub(crate) fn words(&self) -> String {
        let read = |name| fs::read_to_string(self.folder().join(name)).unwrap_or_default();
        format!("{}{}", read("out.txt"), read("err.txt"))
    }

    pub(crate) fn status(&self) -> Value {
        let (_, words) = self.call(&["status", LEDGER, "--json"]);
        serde_json::from_str(&words).unwrap_or_else(|error| panic!("{error}: {words}"))
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let _in_runtime = self.runtime.enter();
        self.witness.take();
        self.sandbox.take();
    }
}
