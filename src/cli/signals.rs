//! SIGINT and SIGTERM in two stages: the first stops admitting rows, the second stops waiting.
//!
//! A terminal that goes away (SIGHUP: a window is closed, a connection over ssh breaks) is the first
//! stage too, and never the second: the system and the shell may both say so of one and the same.

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use tokio::signal::unix::{self, SignalKind, signal};
use tokio::sync::oneshot;

use super::ExitCode;
use crate::run;

/// A signal that ends a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Signal {
    /// SIGINT: Ctrl-C.
    Interrupt,
    /// SIGTERM.
    Terminate,
    /// SIGHUP: the terminal is gone.
    HangUp,
}

impl Signal {
    /// The code of a run that this signal ended.
    pub(super) const fn exit_code(self) -> ExitCode {
        match self {
            Self::Interrupt => ExitCode::Interrupted,
            Self::Terminate | Self::HangUp => ExitCode::Terminated,
        }
    }
}

/// What signals have asked for so far. Cheap to clone; all clones are one.
#[derive(Debug, Clone, Default)]
pub(super) struct Stop {
    /// The same as lanes know it. The first signal lets no more rows in: what is under way is finished
    /// and recorded. The second ends the waiting: what was sent and not answered is in doubt.
    pub(super) run: run::Stop,
    first: Arc<OnceLock<Signal>>,
}

impl Stop {
    /// The first signal; `None`: none came.
    pub(super) fn signal(&self) -> Option<Signal> {
        self.first.get().copied()
    }

    /// Takes note of `signal`.
    pub(super) fn note(&self, signal: Signal) {
        if self.first.set(signal).is_ok() {
            tracing::warn!(
                "stopping: requests under way are being finished and recorded; once more stops now"
            );
            self.run.admitting.cancel();
        } else if signal != Signal::HangUp {
            tracing::warn!("stopping now: what was sent and not answered is in doubt");
            self.run.waiting.cancel();
        }
    }

    /// Listens for signals from here on, on a task of the current runtime. Before, and again after
    /// the runtime has ended, a signal ends the process: at a question, say, where there is nothing
    /// to finish.
    pub(super) fn listen(&self) -> io::Result<()> {
        let mut signals = Signals::new()?;
        let noting = self.clone();
        tokio::spawn(async move {
            // Ends with the second signal; a third changes nothing.
            while !noting.run.waiting.is_cancelled() {
                match signals.next().await {
                    Some(signal) => noting.note(signal),
                    None => break,
                }
            }
        });
        Ok(())
    }
}

/// Until it is dropped, a signal that ends the process takes a file away first.
#[derive(Debug)]
pub(super) struct TakeAway {
    /// Nothing is ever sent: its end is what is waited for.
    _over: oneshot::Sender<()>,
}

impl TakeAway {
    /// Takes the file at `path` away when a signal comes, on a thread of its own: whoever waits for an
    /// answer at a terminal takes no signal.
    pub(super) fn of(path: PathBuf) -> Self {
        let (over, ended) = oneshot::channel::<()>();
        // What is listened with is open before this returns: no later count of descriptors misses it.
        let listening = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .build()
            .and_then(|runtime| {
                let in_runtime = runtime.enter();
                let signals = Signals::new()?;
                drop(in_runtime);
                Ok((runtime, signals))
            });
        // Without it, or without the thread, the file stays, and the next command says so.
        if let Ok((runtime, mut signals)) = listening {
            let wait = move || {
                let signal = runtime.block_on(async {
                    tokio::select! {
                        _ = ended => None,
                        signal = signals.next() => signal,
                    }
                });
                if let Some(signal) = signal {
                    let _ = std::fs::remove_file(&path);
                    end(signal);
                }
            };
            let _ = std::thread::Builder::new()
                .name("signals".to_owned())
                .spawn(wait);
        }
        Self { _over: over }
    }
}

#[expect(clippy::exit, reason = "nothing is under way that has to end in order")]
fn end(signal: Signal) {
    std::process::exit(signal.exit_code() as i32);
}

/// Lets a write beyond the limit on the size of files fail, which is told as a full disk is: by default a
/// signal ends the process without a word.
pub(super) fn outlive_file_limit() {
    // Whoever listens has taken the default away for good, also when nobody does any more. A system that
    // does not let us is one where the process may end so.
    let _ = signal(SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw()));
}

struct Signals {
    interrupt: unix::Signal,
    terminate: unix::Signal,
    /// `None`: whoever started us wants us to outlive the terminal, or there is no telling.
    hang_up: Option<unix::Signal>,
}

impl Signals {
    fn new() -> io::Result<Self> {
        let hang_up = hang_up_counts().then(|| signal(SignalKind::hangup()));
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: hang_up.transpose()?,
        })
    }

    async fn next(&mut self) -> Option<Signal> {
        let hang_up = async {
            match &mut self.hang_up {
                Some(hang_up) => hang_up.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            come = self.interrupt.recv() => come.map(|()| Signal::Interrupt),
            come = self.terminate.recv() => come.map(|()| Signal::Terminate),
            come = hang_up => come.map(|()| Signal::HangUp),
        }
    }
}

/// Whether SIGHUP is not ignored, as `nohup` has it: to listen for it would undo that. Where there is no
/// asking, SIGHUP does what it always did.
fn hang_up_counts() -> bool {
    // proc(5): a mask in hexadecimal, the lowest bit of which is signal 1.
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    ignored
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .is_some_and(|mask| mask & 1 == 0)
}

#[cfg(test)]
mod tests {
    use super::{ExitCode, Signal, Stop};

    #[test]
    fn the_first_signal_drains_and_gives_the_code_and_the_second_stops_the_waiting() {
        let cases = [
            (
                Signal::Interrupt,
                Signal::Terminate,
                ExitCode::Interrupted,
                true,
            ),
            (
                Signal::Terminate,
                Signal::Interrupt,
                ExitCode::Terminated,
                true,
            ),
            (
                Signal::HangUp,
                Signal::Interrupt,
                ExitCode::Terminated,
                true,
            ),
            (
                Signal::Interrupt,
                Signal::HangUp,
                ExitCode::Interrupted,
                false,
            ),
            (Signal::HangUp, Signal::HangUp, ExitCode::Terminated, false),
        ];
        for (first, second, code, stops) in cases {
            let stop = Stop::default();
            stop.note(first);
            assert!(stop.run.admitting.is_cancelled());
            assert!(!stop.run.waiting.is_cancelled());
            stop.note(second);
            assert_eq!(
                stop.run.waiting.is_cancelled(),
                stops,
                "{first:?}, {second:?}"
            );
            assert_eq!(stop.signal().map(Signal::exit_code), Some(code));
        }
    }
}
