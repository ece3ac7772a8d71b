//! A program that prints a secret: run without a shell, with a time limit and a cap on its output.

use std::io::{self, Read as _};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use super::error::Problem;
use super::secret::{SECRET_BYTES_MAX, describe_program, too_long};

/// How often a command is asked whether it has ended.
const EXIT_POLL: Duration = Duration::from_millis(10);

/// How long the output of a command that has ended may be held open by what it left behind.
const GRACE: Duration = Duration::from_millis(500);

/// How much is read at a time.
const PIECE_BYTES: usize = 4 * 1024;

/// What `words` print, run without a shell: at most [`SECRET_BYTES_MAX`]. Their standard error is the caller's, so that a password manager
/// can speak to the person.
pub(super) fn run(words: &[String], limit: Duration) -> Result<Vec<u8>, Problem> {
    let Some((program, arguments)) = words.split_first() else {
        return Ok(Vec::new());
    };
    let (name, program) = (program, describe_program(words));
    let mut child = Command::new(name)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|source| {
            let why = format!(
                "{program} cannot be started; check that it is installed and on the `PATH`"
            );
            Problem::of_system(why, source)
        })?;
    let ended = follow(&mut child, limit);
    if !matches!(ended, Ok(Ended::Whole(..))) {
        // It may have ended meanwhile, and then there is nothing to stop.
        let _ = child.kill();
        let _ = child.wait();
    }
    match ended {
        Ok(Ended::Whole(bytes, status)) if status.success() => Ok(bytes),
        Ok(Ended::Whole(_, status)) => Err(Problem::from(format!(
            "{program} failed ({status}); run it by hand to see why"
        ))),
        Ok(Ended::TooLong) => Err(too_long(&format!("the output of {program}"))),
        Ok(Ended::TimedOut) => Err(Problem::from(format!(
            "{program} was stopped after {} s; it must print the secret and end",
            limit.as_secs_f64()
        ))),
        Err(source) => {
            let why = format!("{program} cannot be followed to its end; run it by hand to see why");
            Err(Problem::of_system(why, source))
        }
    }
}

/// How following a command ended.
enum Ended {
    /// It ended by itself, with this output.
    Whole(Vec<u8>, ExitStatus),
    /// It printed more than a secret can be.
    TooLong,
    /// It did not end in time.
    TimedOut,
}

/// Reads the output of `child` and awaits its end, for `limit` at most. Its end is enough: what it leaves
/// behind, an agent say, may hold the output open for as long as it likes.
fn follow(child: &mut Child, limit: Duration) -> io::Result<Ended> {
    let Some(stdout) = child.stdout.take() else {
        return Err(io::Error::other("its output is not connected"));
    };
    let mut output = Output::of(stdout);
    let polls = limit.as_millis() / EXIT_POLL.as_millis();
    for _ in 0..=polls {
        if let Some(status) = child.try_wait()? {
            output.gather(GRACE)?;
            return Ok(if output.is_too_long() {
                Ended::TooLong
            } else {
                Ended::Whole(output.bytes, status)
            });
        }
        let is_closed = output.gather(EXIT_POLL)?;
        if output.is_too_long() {
            return Ok(Ended::TooLong);
        }
        if is_closed {
            thread::sleep(EXIT_POLL);
        }
    }
    Ok(Ended::TimedOut)
}

/// What was printed so far.
struct Output {
    bytes: Vec<u8>,
    pieces: Receiver<io::Result<Vec<u8>>>,
}

impl Output {
    /// Reads on a thread of its own, since a pipe cannot be read with a time limit. Whoever keeps the
    /// pipe open keeps the thread too, until this program ends.
    fn of(stdout: ChildStdout) -> Self {
        let (sender, pieces) = mpsc::channel();
        thread::spawn(move || {
            let mut stdout = stdout.take(SECRET_BYTES_MAX as u64 + 1);
            let mut piece = [0; PIECE_BYTES];
            loop {
                let read = match stdout.read(&mut piece) {
                    Ok(0) => return,
                    Ok(count) => Ok(piece[..count].to_vec()),
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    Err(error) => Err(error),
                };
                let is_last = read.is_err();
                // Nobody listens any more after the time limit.
                if sender.send(read).is_err() || is_last {
                    return;
                }
            }
        });
        Self {
            bytes: Vec::new(),
            pieces,
        }
    }

    /// Takes what is printed until nothing has been for `patience`, or until it is closed: `true`.
    fn gather(&mut self, patience: Duration) -> io::Result<bool> {
        loop {
            match self.pieces.recv_timeout(patience) {
                Ok(piece) => self.bytes.extend(piece?),
                Err(RecvTimeoutError::Timeout) => return Ok(false),
                Err(RecvTimeoutError::Disconnected) => return Ok(true),
            }
            if self.is_too_long() {
                return Ok(false);
            }
        }
    }

    const fn is_too_long(&self) -> bool {
        self.bytes.len() > SECRET_BYTES_MAX
    }
}
