//! A provider on loopback that says "deleted" to everything, and remembers when it was first asked to
//! and how much memory the program had used by then.

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::time::Instant;

/// The app of Sunshine Conversations that it has.
pub(crate) const APP: &str = "5963c0d619a30a2e00de36b8";

/// It answers as long as the process lives.
#[derive(Debug)]
pub(crate) struct Provider {
    port: u16,
    watched: Arc<Mutex<Watched>>,
}

/// The process that is measured.
#[derive(Debug, Default)]
struct Watched {
    process: u32,
    first: Option<First>,
}

/// The first deletion.
#[derive(Debug, Clone, Copy)]
pub(crate) struct First {
    pub(crate) at: Instant,
    /// The most memory the process had resident so far, in bytes; `None`: the system does not tell.
    pub(crate) resident_bytes: Option<u64>,
}

impl Provider {
    pub(crate) fn start() -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let provider = Self {
            port: listener.local_addr()?.port(),
            watched: Arc::default(),
        };
        let watched = Arc::clone(&provider.watched);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let watched = Arc::clone(&watched);
                // A client that breaks off is served no more.
                std::thread::spawn(move || serve(&stream, &watched));
            }
        });
        Ok(provider)
    }

    /// The tenant, as a ledger names it.
    pub(crate) fn tenant(&self) -> String {
        format!("127.0.0.1:{}/{APP}", self.port)
    }

    /// A configuration in which the account `chat` is here.
    pub(crate) fn configuration(&self) -> String {
        let port = self.port;
        format!(
            "[accounts.chat]\nprovider = \"sunco\"\nbase_url = \"http://127.0.0.1:{port}\"\n\
             app_id = \"{APP}\"\nkey_id = \"none\"\nkey_secret = \"none\"\n"
        )
    }

    /// From now on it is `process` that sends.
    pub(crate) fn watch(&self, process: u32) {
        let mut watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        watched.process = process;
    }

    /// The first deletion since this was last asked.
    pub(crate) fn first_deletion(&self) -> Option<First> {
        let watched = self.watched.lock();
        watched.unwrap_or_else(PoisonError::into_inner).first.take()
    }
}

fn serve(stream: &TcpStream, watched: &Mutex<Watched>) -> io::Result<()> {
    let (mut requests, mut answers) = (BufReader::new(stream), stream);
    loop {
        let mut request = String::new();
        if requests.read_line(&mut request)? == 0 {
            return Ok(());
        }
        let mut header = String::new();
        // Nobody sends a body here.
        while requests.read_line(&mut header)? > 2 {
            header.clear();
        }
        let body = if request.starts_with("DELETE ") {
            let at = Instant::now();
            let mut watched = watched.lock().unwrap_or_else(PoisonError::into_inner);
            let resident_bytes = resident_bytes(watched.process);
            watched.first.get_or_insert(First { at, resident_bytes });
            "{}".to_owned()
        } else {
            format!("{{\"app\":{{\"id\":\"{APP}\"}}}}")
        };
        let length = body.len();
        let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length";
        answers.write_all(format!("{head}: {length}\r\n\r\n{body}").as_bytes())?;
    }
}

/// The most memory that `process` had resident so far, as Linux tells it.
fn resident_bytes(process: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let most = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = most.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}
