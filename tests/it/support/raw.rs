//! A server made by hand, byte by byte: whatever a provider, a proxy or an attacker can put on a
//! wire. It stands before the sandbox, so that what truly happened is still asked there.

use std::fmt::Write as _;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustls::{ServerConfig, ServerConnection, StreamOwned};
use socket2::SockRef;

use super::PATIENCE;

/// The longest head of a request that is read.
const HEAD_BYTES_MAX: usize = 64 * 1024;

/// No write waits longer for a client that reads nothing.
const WRITE_TIME_MAX: Duration = Duration::from_secs(20);

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Heard {
    /// Which connection it came on, from 0.
    pub(crate) connection: usize,
    pub(crate) method: String,
    /// Path and query; of a CONNECT, host and port.
    pub(crate) target: String,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// What becomes of the connection after an answer.
pub(crate) enum After {
    /// The next request may come on it.
    Keep,
    /// It is closed, TLS without a word.
    Close,
    /// It is reset.
    Reset,
    /// It goes on in TLS, as after a CONNECT.
    Tls(Arc<ServerConfig>),
}

type Answer = dyn Fn(&Heard, &mut Wire) -> After + Send + Sync;

/// A server on loopback that answers as its closure says, each connection on a thread of its own.
pub(crate) struct Raw {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    answer: Box<Answer>,
    /// The certificate of each connection in turn, the last for all others; empty: plain.
    tls: Vec<Arc<ServerConfig>>,
    heard: Mutex<Vec<Heard>>,
    connections: AtomicUsize,
    over: AtomicBool,
}

impl Raw {
    pub(crate) fn start(
        answer: impl Fn(&Heard, &mut Wire) -> After + Send + Sync + 'static,
    ) -> Self {
        Self::start_with(Vec::new(), answer)
    }

    /// The same over TLS: connection by connection another certificate, the last for all others.
    pub(crate) fn start_with(
        tls: Vec<Arc<ServerConfig>>,
        answer: impl Fn(&Heard, &mut Wire) -> After + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            answer: Box::new(answer),
            tls,
            heard: Mutex::default(),
            connections: AtomicUsize::new(0),
            over: AtomicBool::new(false),
        });
        let serving = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if serving.over.load(Ordering::SeqCst) {
                    break;
                }
                let (Ok(stream), serving) = (stream, Arc::clone(&serving)) else {
                    continue;
                };
                // Ends when the client does, which every test waits for.
                std::thread::spawn(move || serving.serve(stream));
            }
        });
        Self { address, shared }
    }

    pub(crate) fn base(&self) -> String {
        let scheme = if self.shared.tls.is_empty() {
            "http"
        } else {
            "https"
        };
        format!("{scheme}://{}", self.address)
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// Every request so far.
    pub(crate) fn heard(&self) -> Vec<Heard> {
        self.shared.heard.lock().unwrap().clone()
    }

    /// How many connections were made so far.
    pub(crate) fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::SeqCst);
        // Wakes the thread that accepts.
        let _ = TcpStream::connect(self.address);
    }
}

impl Shared {
    fn serve(&self, stream: TcpStream) {
        let connection = self.connections.fetch_add(1, Ordering::SeqCst);
        let _ = stream.set_nodelay(true);
        let _ = stream.set_write_timeout(Some(WRITE_TIME_MAX));
        let mut wire = Wire::Plain(stream);
        if let Some(config) = self.tls.get(connection).or(self.tls.last()) {
            wire = wire.into_tls(config);
        }
        while let Some(heard) = wire.hear(connection) {
            self.heard.lock().unwrap().push(heard.clone());
            match (self.answer)(&heard, &mut wire) {
                After::Keep => {}
                After::Close => return wire.close(),
                After::Reset => return wire.reset(),
                After::Tls(config) => wire = wire.into_tls(&config),
            }
        }
    }
}

/// One connection.
pub(crate) enum Wire {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ServerConnection, TcpStream>>),
}

impl Wire {
    /// Sends all of `bytes`; whether the client still took them.
    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        let all = |to: &mut dyn Write| to.write_all(bytes.as_ref()).and_then(|()| to.flush());
        match self {
            Self::Plain(stream) => all(stream),
            Self::Tls(stream) => all(stream.as_mut()),
        }
        .is_ok()
    }

    /// Says in TLS that nothing more comes.
    pub(crate) fn close_notify(&mut self) {
        if let Self::Tls(stream) = self {
            stream.conn.send_close_notify();
            let _ = stream.flush();
        }
    }

    /// Reads what comes, whatever it is; `None`: nothing more does.
    pub(crate) fn read(&mut self, most: usize) -> Option<Vec<u8>> {
        let mut bytes = vec![0; most];
        let read = match self {
            Self::Plain(stream) => stream.read(&mut bytes),
            Self::Tls(stream) => stream.read(&mut bytes),
        };
        bytes.truncate(read.ok().filter(|read| *read > 0)?);
        Some(bytes)
    }

    fn tcp(&self) -> &TcpStream {
        match self {
            Self::Plain(stream) => stream,
            Self::Tls(stream) => &stream.sock,
        }
    }

    fn into_tls(self, config: &Arc<ServerConfig>) -> Self {
        let stream = self.tcp().try_clone().unwrap();
        let session = ServerConnection::new(Arc::clone(config)).unwrap();
        Self::Tls(Box::new(StreamOwned::new(session, stream)))
    }

    fn close(&self) {
        let _ = self.tcp().shutdown(Shutdown::Both);
    }

    fn reset(self) {
        // A socket that does not linger is reset when it is closed.
        let _ = SockRef::from(self.tcp()).set_linger(Some(Duration::ZERO));
    }

    fn hear(&mut self, connection: usize) -> Option<Heard> {
        let mut bytes = Vec::new();
        let end = loop {
            if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
            if bytes.len() > HEAD_BYTES_MAX {
                return None;
            }
            bytes.extend(self.read(4_096)?);
        };
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let mut body = bytes.split_off(end);
        let mut lines = head.lines();
        let mut words = lines.next()?.split(' ');
        let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
        let headers: Vec<(String, String)> = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        let length = headers.iter().find(|(name, _)| name == "content-length");
        let length: usize = length.map_or(0, |(_, value)| value.parse().unwrap());
        while body.len() < length {
            body.extend(self.read(4_096)?);
        }
        Some(Heard {
            connection,
            method,
            target,
            headers,
            body,
        })
    }
}

impl Heard {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers.find_map(|(known, value)| (known == name).then_some(value.as_str()))
    }

    pub(crate) fn is_deletion(&self) -> bool {
        self.method == "DELETE"
    }

    /// Whether a token is asked for.
    pub(crate) fn is_token(&self) -> bool {
        self.target.contains("/oauth/")
    }

    /// Whether it asks who we are.
    pub(crate) fn is_identity(&self) -> bool {
        let places = ["/users/me", "type=CurrentUser"];
        let app = self.target.contains("/v2/apps/") && !self.target.contains("/users");
        self.method == "GET" && (app || places.iter().any(|it| self.target.ends_with(it)))
    }

    /// Whether roles are asked for.
    pub(crate) fn is_roles(&self) -> bool {
        self.target.contains("/users/show_many") || self.target.contains("/users?ids=")
    }

    /// Whether it asks what Zoho's organisation says of itself.
    pub(crate) fn is_org(&self) -> bool {
        self.target.ends_with("/org")
    }

    /// Whether it asks how one user stands.
    pub(crate) fn is_look(&self) -> bool {
        let of_many = self.is_identity() || self.is_org() || self.is_roles();
        self.method == "GET" && !of_many
    }

    /// The user it is about: the last part of its path.
    pub(crate) fn user(&self) -> &str {
        let path = self.target.split('?').next().unwrap();
        path.rsplit('/').next().unwrap()
    }

    /// Carries the request to the server at `to` and brings its whole answer back, which leaves
    /// open whether more come on the connection.
    pub(crate) fn carry(&self, to: SocketAddr) -> Vec<u8> {
        self.try_carry(to).unwrap()
    }

    fn try_carry(&self, to: SocketAddr) -> io::Result<Vec<u8>> {
        let mut stream = TcpStream::connect(to)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut head = format!("{} {} HTTP/1.1\r\n", self.method, self.target);
        for (name, value) in &self.headers {
            if !matches!(name.as_str(), "connection" | "accept-encoding") {
                write!(head, "{name}: {value}\r\n").unwrap();
            }
        }
        head.push_str("connection: close\r\n\r\n");
        stream.write_all(head.as_bytes())?;
        stream.write_all(&self.body)?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        let text = String::from_utf8_lossy(&answer).into_owned();
        Ok(text.replacen("connection: close\r\n", "", 1).into_bytes())
    }
}

/// A whole answer with `body`, its length stated.
pub(crate) fn answer(status: &str, headers: &[&str], body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let mut all = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n", body.len());
    for header in headers {
        all.push_str(header);
        all.push_str("\r\n");
    }
    all.push_str("\r\n");
    [all.as_bytes(), body].concat()
}
