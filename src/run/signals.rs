//! SIGINT and SIGTERM in two stages: the first stops admitting rows, the second stops waiting.
//!
//! A terminal that goes away (SIGHUP) is the first stage too, and never the second: the system and the
//! shell may both say so.

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use futures::FutureExt as _;
use futures::future::select_all;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

/// Asks a run to end, in two stages, as signals do. Cheap to clone; all clones are one.
#[derive(Debug, Clone, Default)]
pub struct StopSignals {
    /// The first: begin nothing more; what is in flight ends and is recorded.
    pub admitting: CancellationToken,
    /// The second: wait for nothing any more; what is in flight is in doubt.
    pub waiting: CancellationToken,
    first: Arc<OnceLock<SignalKind>>,
}

impl StopSignals {
    /// The code that the first signal ends a run with; `None`: none came.
    pub fn code(&self) -> Option<u8> {
        self.first.get().copied().map(code)
    }

    /// Takes note of `signal`. The meaning of the first one is `notice`.
    fn note(&self, signal: SignalKind, notice: &str) {
        if self.first.set(signal).is_ok() {
            tracing::warn!("{notice}");
            self.admitting.cancel();
        } else if signal != SignalKind::hangup() {
            tracing::warn!("stopping now; missing answers are not waited for");
            self.waiting.cancel();
        }
    }

    /// Listens for signals from here on, on a task of the current runtime. Before, a signal ends
    /// the process. The meaning of the first one is `notice`.
    pub fn listen(&self, notice: &'static str) -> io::Result<()> {
        let mut signals = signals()?;
        let noting = self.clone();
        tokio::spawn(async move {
            // Ends with the second signal; a third changes nothing.
            while !noting.waiting.is_cancelled() {
                match next(&mut signals).await {
                    Some(signal) => noting.note(signal, notice),
                    None => break,
                }
            }
        });
        Ok(())
    }
}

/// Has a signal that ends the process take the file at `path` away first, until what is returned is
/// dropped. A thread does it: whoever waits for an answer at a terminal takes no signal.
pub fn take_away(path: PathBuf) -> oneshot::Sender<()> {
    let (over, ended) = oneshot::channel::<()>();
    // The descriptors for listening are open before this returns: no later count of descriptors misses them.
    let listening = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()
        .and_then(|runtime| {
            let in_runtime = runtime.enter();
            let signals = signals()?;
            drop(in_runtime);
            Ok((runtime, signals))
        });
    // Without it, or without the thread, the file stays, and the next command says so.
    if let Ok((runtime, mut signals)) = listening {
        let wait = move || {
            let signal = runtime.block_on(async {
                tokio::select! {
                    _ = ended => None,
                    signal = next(&mut signals) => signal,
                }
            });
            if let Some(signal) = signal {
                let _ = std::fs::remove_file(&path);
                let _ = writeln!(io::stderr(), "\nnothing was sent");
                end(code(signal));
            }
        };
        let thread = std::thread::Builder::new().name("signals".to_owned());
        let _ = thread.spawn(wait);
    }
    over
}

#[expect(clippy::exit, reason = "nothing is begun that has to end in order")]
fn end(code: u8) {
    std::process::exit(i32::from(code));
}

/// The code that a process ends with which `signal` ended: shells expect 128 and the number. A terminal
/// that goes away is told as SIGTERM.
fn code(signal: SignalKind) -> u8 {
    if signal == SignalKind::interrupt() {
        130
    } else {
        143
    }
}

/// Lets a write beyond the limit on the size of files fail, which is told as a full disk is. By
/// default a signal ends the process without a word.
pub fn outlive_file_limit() {
    // Whoever listens has taken the default away for good.
    let _ = signal(SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw()));
}

/// Listens for every signal that ends a run.
fn signals() -> io::Result<Vec<(SignalKind, Signal)>> {
    let mut kinds = vec![SignalKind::interrupt(), SignalKind::terminate()];
    // Else whoever started us wants us to outlive the terminal, or there is no telling.
    if hang_up_counts() {
        kinds.push(SignalKind::hangup());
    }
    let listen = |kind| Ok((kind, signal(kind)?));
    kinds.into_iter().map(listen).collect()
}

/// Waits for the next of `signals`.
async fn next(signals: &mut [(SignalKind, Signal)]) -> Option<SignalKind> {
    let come = signals.iter_mut().map(|(it, signal)| {
        let come = async move { signal.recv().await.map(|()| *it) };
        come.boxed()
    });
    select_all(come).await.0
}

/// Whether SIGHUP is not ignored, as `nohup` has it: to listen for it would undo that.
fn hang_up_counts() -> bool {
    // proc(5): a mask in hexadecimal, the lowest bit of which is signal 1.
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    ignored
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .is_some_and(|mask| mask & 1 == 0)
}
