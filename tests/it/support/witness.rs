//! A witness on the way: a proxy between the program and the sandbox that looks into the ledger's
//! file before it lets a deleting request on.
//!
//! What it holds against the program is the order of things as seen from outside: when a request
//! arrives, and before it can have any effect, its intent stands in the file. It shares no code
//! with the program.

use std::collections::BTreeMap;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use userpurge::domain::Time;

/// The longest head of a request.
const HEAD_BYTES_MAX: usize = 64 * 1024;

/// A user's id and the name of the step.
pub(crate) type Target = (String, String);

/// A deletion of one user that was on its way.
#[derive(Debug, Clone)]
pub(crate) struct Passed {
    pub(crate) target: Target,
    pub(crate) at: Time,
    /// How many intents for it the ledger's file held then.
    pub(crate) intents: usize,
}

/// What was seen.
#[derive(Debug, Default)]
struct Seen {
    ledger: Tail,
    passed: Vec<Passed>,
    /// How often each target passed.
    times: BTreeMap<Target, usize>,
    /// Users with a request that had no intent of its own, or none that could be read.
    wrong: Vec<(String, String)>,
}

/// The whole lines of a file that grows.
#[derive(Debug, Default)]
struct Tail {
    path: PathBuf,
    read: u64,
    intents: BTreeMap<Target, usize>,
}

/// A proxy that serves until it is dropped.
#[derive(Debug)]
pub(crate) struct Witness {
    addr: SocketAddr,
    seen: Arc<Mutex<Seen>>,
    task: JoinHandle<()>,
}

impl Witness {
    /// Stands before `sandbox` and looks into `ledger`.
    pub(crate) async fn before(sandbox: SocketAddr, ledger: &Path) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let addr = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Seen {
            ledger: Tail {
                path: ledger.to_owned(),
                ..Tail::default()
            },
            ..Seen::default()
        }));
        let shared = Arc::clone(&seen);
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(pass_on(client, sandbox, Arc::clone(&shared)));
            }
        });
        Self { addr, seen, task }
    }

    /// Where the program is to send its requests.
    pub(crate) fn base_url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// The deletions that passed, in the order in which they did.
    pub(crate) fn passed(&self) -> Vec<Passed> {
        locked(&self.seen).passed.clone()
    }

    /// How many deletions passed.
    pub(crate) fn count(&self) -> usize {
        locked(&self.seen).passed.len()
    }

    /// What must not have been seen, with the user it is about.
    pub(crate) fn wrong(&self) -> Vec<(String, String)> {
        locked(&self.seen).wrong.clone()
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Seen {
    fn see(&mut self, targets: Vec<Target>) {
        if targets.is_empty() {
            return;
        }
        if let Err(error) = self.ledger.read_on() {
            let what = format!("{targets:?} arrived, and the ledger cannot be read: {error}");
            self.wrong.push((targets[0].0.clone(), what));
        }
        for target in targets {
            let intents = self.ledger.intents.get(&target).copied().unwrap_or(0);
            let times = self.times.entry(target.clone()).or_default();
            *times += 1;
            if *times > intents {
                let step = &target.1;
                let what = format!("{step} arrived {times} times, with {intents} intents on disk");
                self.wrong.push((target.0.clone(), what));
            }
            let at = Time::now();
            self.passed.push(Passed {
                target,
                at,
                intents,
            });
        }
    }
}

impl Tail {
    /// Reads what has been added. A line without its end is left for the next time.
    fn read_on(&mut self) -> io::Result<()> {
        let mut file = std::fs::File::open(&self.path)?;
        if file.metadata()?.len() < self.read {
            return Err(io::Error::other("whole lines are gone from it"));
        }
        file.seek(SeekFrom::Start(self.read))?;
        let mut added = Vec::new();
        file.read_to_end(&mut added)?;
        let whole = added.iter().rposition(|byte| *byte == b'\n');
        let whole = whole.map_or(0, |end| end + 1);
        self.read += whole as u64;
        for line in added[..whole].split_inclusive(|byte| *byte == b'\n') {
            let entry: Value = serde_json::from_slice(line)?;
            if entry["kind"] == "intent"
                && let (Some(id), Some(step)) = (entry["id"].as_str(), entry["step"].as_str())
            {
                let target = (id.to_owned(), step.to_owned());
                *self.intents.entry(target).or_default() += 1;
            }
        }
        Ok(())
    }
}

fn locked(seen: &Mutex<Seen>) -> MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Passes a connection on, each request as a whole. When either side ends, so does the other.
async fn pass_on(client: TcpStream, sandbox: SocketAddr, seen: Arc<Mutex<Seen>>) {
    let Ok(server) = TcpStream::connect(sandbox).await else {
        return;
    };
    let _ = client.set_nodelay(true);
    let _ = server.set_nodelay(true);
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let answers = tokio::spawn(async move {
        let _ = tokio::io::copy(&mut from_server, &mut to_client).await;
        let _ = to_client.shutdown().await;
    });
    let mut bytes = Vec::new();
    while let Some(len) = request(&mut from_client, &mut bytes).await {
        locked(&seen).see(targets(&bytes));
        if to_server.write_all(&bytes[..len]).await.is_err() {
            break;
        }
        bytes.drain(..len);
    }
    // What the program sent arrives, whatever became of the program since.
    let _ = to_server.shutdown().await;
    let _ = answers.await;
}

/// Reads until `bytes` begins with a whole request; how long that is.
async fn request(client: &mut (impl AsyncReadExt + Unpin), bytes: &mut Vec<u8>) -> Option<usize> {
    loop {
        if let Some(head) = bytes.windows(4).position(|it| it == b"\r\n\r\n") {
            let len = head + 4 + body_bytes(&bytes[..head]);
            if bytes.len() >= len {
                return Some(len);
            }
        } else if bytes.len() > HEAD_BYTES_MAX {
            return None;
        }
        if client.read_buf(bytes).await.ok()? == 0 {
            return None;
        }
    }
}

/// How long the body is that this head announces. The program sends none in chunks.
fn body_bytes(head: &[u8]) -> usize {
    let head = String::from_utf8_lossy(head).to_lowercase();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length:"));
    length.map_or(0, |length| length.trim().parse().unwrap())
}

/// Whom a request deletes, and by which step.
fn targets(request: &[u8]) -> Vec<Target> {
    let line = request.split(|byte| *byte == b'\r').next();
    let line = String::from_utf8_lossy(line.unwrap_or_default());
    let Some(target) = line
        .strip_prefix("DELETE ")
        .and_then(|rest| rest.split(' ').next())
    else {
        return Vec::new();
    };
    of_path(target)
}

/// Whom a `DELETE` of this path deletes, and by which step.
pub(crate) fn of_path(target: &str) -> Vec<Target> {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let path = path.strip_suffix(".json").unwrap_or(path);
    let segments: Vec<&str> = path.split('/').skip(1).collect();
    let one = |id: &str, step: &str| vec![(id.to_owned(), step.to_owned())];
    match segments.as_slice() {
        ["api", "v2", "users", "destroy_many"] => query
            .split('&')
            .filter_map(|pair| pair.strip_prefix("ids="))
            .flat_map(|ids| ids.split(',').flat_map(|ids| ids.split("%2C")))
            .flat_map(|id| one(id, "delete"))
            .collect(),
        ["api", "v2", "users", id] | ["crm", _, "users", id] | [.., "apps", _, "users", id] => {
            one(id, "delete")
        }
        ["api", "v2", "deleted_users", id] => one(id, "permanently-delete"),
        [.., "apps", _, "users", id, "personalinformation"] => {
            one(id, "delete-personal-information")
        }
        _ => Vec::new(),
    }
}
