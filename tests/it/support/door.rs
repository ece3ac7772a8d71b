//! A door before the sandbox that can be shut: connections are refused then, those that stand are cut.

use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// How often the door looks whether it is to be shut.
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// A door to a server on loopback.
pub(crate) struct Door {
    to: SocketAddr,
    address: SocketAddr,
    is_open: Arc<AtomicBool>,
    streams: Arc<Mutex<Vec<TcpStream>>>,
    listening: Option<JoinHandle<()>>,
}

impl Door {
    /// An open door to the server at `to`.
    pub(crate) fn before(to: SocketAddr) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let mut door = Self {
            to,
            address,
            is_open: Arc::new(AtomicBool::new(true)),
            streams: Arc::default(),
            listening: None,
        };
        door.listen(listener);
        door
    }

    /// Host and port.
    pub(crate) fn host(&self) -> String {
        self.address.to_string()
    }

    pub(crate) fn base(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Refuses connections from now on, and cuts those that stand.
    pub(crate) fn shut(&mut self) {
        self.is_open.store(false, Ordering::SeqCst);
        if let Some(listening) = self.listening.take() {
            listening.join().unwrap();
        }
        for stream in self.streams.lock().unwrap().drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// Takes connections again.
    pub(crate) fn open(&mut self) {
        self.is_open.store(true, Ordering::SeqCst);
        self.listen(TcpListener::bind(self.address).unwrap());
    }

    fn listen(&mut self, listener: TcpListener) {
        listener.set_nonblocking(true).unwrap();
        let (to, is_open) = (self.to, Arc::clone(&self.is_open));
        let streams = Arc::clone(&self.streams);
        self.listening = Some(std::thread::spawn(move || {
            while is_open.load(Ordering::SeqCst) {
                let Ok((client, _)) = listener.accept() else {
                    std::thread::sleep(LOOK_EVERY);
                    continue;
                };
                client.set_nonblocking(false).unwrap();
                let server = TcpStream::connect(to).unwrap();
                for (from, to) in [(&client, &server), (&server, &client)] {
                    let (from, to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                    std::thread::spawn(move || carry(from, to));
                }
                streams.lock().unwrap().extend([client, server]);
            }
        }));
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.shut();
    }
}

/// Carries what comes until nothing more does. Ends with either of the two.
fn carry(mut from: TcpStream, mut to: TcpStream) {
    let _ = from.set_nodelay(true);
    let _ = to.set_nodelay(true);
    let _ = io::copy(&mut from, &mut to);
    let _ = to.shutdown(Shutdown::Both);
}
