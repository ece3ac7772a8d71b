//! A program that prints a secret: run without a shell, with a time limit and a cap on its output.

use std::io;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use super::secret::{SECRET_BYTES_MAX, SecretError, read_capped};

/// How often a command that has closed its output is asked whether it has ended.
const EXIT_POLL: Duration = Duration::from_millis(10);

/// What `words` print, run without a shell: at most [`SECRET_BYTES_MAX`]. Their standard error is the caller's, so that a password manager
/// can speak to the person.
pub(super) fn run(words: &[String], limit: Duration) -> Result<Vec<u8>, SecretError> {
    let Some((program, arguments)) = words.split_first() else {
        return Ok(Vec::new());
    };
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|source| SecretError::Start {
            program: program.clone(),
            source,
        })?;
    let ended = follow(&mut child, limit);
    if !matches!(ended, Ok(Ended::Whole(..))) {
        // It may have ended meanwhile, and then there is nothing to stop.
        let _ = child.kill();
        let _ = child.wait();
    }
    match ended {
        Ok(Ended::Whole(bytes, status)) if status.success() => Ok(bytes),
        Ok(Ended::Whole(_, status)) => Err(SecretError::Failed {
            program: program.clone(),
            status,
        }),
        Ok(Ended::TooLong) => Err(SecretError::TooLong {
            from: format!("the output of `{program}`"),
            bytes_max: SECRET_BYTES_MAX,
        }),
        Ok(Ended::TimedOut) => Err(SecretError::TimedOut {
            program: program.clone(),
            limit,
        }),
        Err(source) => Err(SecretError::Follow {
            program: program.clone(),
            source,
        }),
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

/// Reads the output of `child` and awaits its end, for `limit` each at most.
fn follow(child: &mut Child, limit: Duration) -> io::Result<Ended> {
    let Some(stdout) = child.stdout.take() else {
        return Err(io::Error::other("its output is not connected"));
    };
    let output = match read_aside(stdout).recv_timeout(limit) {
        Ok(output) => output?,
        Err(_) => return Ok(Ended::TimedOut),
    };
    if output.len() > SECRET_BYTES_MAX {
        return Ok(Ended::TooLong);
    }
    let polls = limit.as_millis() / EXIT_POLL.as_millis();
    for _ in 0..=polls {
        if let Some(status) = child.try_wait()? {
            return Ok(Ended::Whole(output, status));
        }
        thread::sleep(EXIT_POLL);
    }
    Ok(Ended::TimedOut)
}

/// Reads on a thread of its own, since a pipe cannot be read with a time limit. A grandchild that
/// keeps the pipe open keeps the thread too, until this program ends.
fn read_aside(stdout: ChildStdout) -> mpsc::Receiver<io::Result<Vec<u8>>> {
    let (sender, receiver) = mpsc::sync_channel(1);
    thread::spawn(move || {
        // Nobody listens any more after the time limit.
        let _ = sender.send(read_capped(stdout));
    });
    receiver
}
