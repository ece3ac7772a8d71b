//! A provider on loopback that says "deleted" to everything and remembers when it was first asked to.

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
    first_deletion: Arc<Mutex<Option<Instant>>>,
}

impl Provider {
    pub(crate) fn start() -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let provider = Self {
            port: listener.local_addr()?.port(),
            first_deletion: Arc::default(),
        };
        let first = Arc::clone(&provider.first_deletion);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let first = Arc::clone(&first);
                // A client that breaks off is served no more.
                std::thread::spawn(move || serve(&stream, &first));
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

    /// When the first deletion came since this was last asked.
    pub(crate) fn first_deletion(&self) -> Option<Instant> {
        let first = self.first_deletion.lock();
        first.unwrap_or_else(PoisonError::into_inner).take()
    }
}

fn serve(stream: &TcpStream, first: &Mutex<Option<Instant>>) -> io::Result<()> {
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
            let mut first = first.lock().unwrap_or_else(PoisonError::into_inner);
            first.get_or_insert_with(Instant::now);
            "{}".to_owned()
        } else {
            format!("{{\"app\":{{\"id\":\"{APP}\"}}}}")
        };
        let length = body.len();
        let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length";
        answers.write_all(format!("{head}: {length}\r\n\r\n{body}").as_bytes())?;
    }
}
