//! A program that prints a secret: run without a shell, with a time limit and a cap on its output.

use std::io::{self, BufReader, Read as _};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use super::error::Mistake;
use super::secret::{SECRET_BYTES_MAX, describe_program, too_long};

/// How often a command is asked whether it has ended.
const EXIT_POLL: Duration = Duration::from_millis(10);

/// How long the output of a command that has ended may be held open by what it left behind.
const GRACE: Duration = Duration::from_millis(500);

/// The output of `words`, run without a shell: at most [`SECRET_BYTES_MAX`]. Their standard error
/// is the caller's, so that a password manager can speak to the person.
pub(super) fn run(words: &[String], limit: Duration) -> Result<Vec<u8>, Mistake> {
    let Some((name, arguments)) = words.split_first() else {
        return Ok(Vec::new());
    };
    let program = describe_program(words);
    let mut command = Command::new(name);
    command.args(arguments);
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
    let mut child = child.map_err(|source| {
        let why =
            format!("{program} cannot be started; check that it is installed and on the `PATH`");
        Mistake::of_system(why, source)
    })?;
    let followed = follow(&mut child, limit);
    // Of one that has ended there is nothing to stop.
    let _ = child.kill();
    let _ = child.wait();
    match followed {
        Ok((bytes, _)) if bytes.len() > SECRET_BYTES_MAX => {
            Err(too_long(&format!("the output of {program}")))
        }
        Ok((bytes, Some(status))) if status.success() => Ok(bytes),
        Ok((_, Some(status))) => Err(Mistake::from(format!(
            "{program} failed ({status}); run it by hand to see why"
        ))),
        Ok((_, None)) => Err(Mistake::from(format!(
            "{program} was stopped after {} s; it must print the secret and end",
            limit.as_secs_f64()
        ))),
        Err(source) => {
            let why = format!("{program} cannot be followed to its end; run it by hand to see why");
            Err(Mistake::of_system(why, source))
        }
    }
}

/// Reads the output of `child`, at most a byte too much, and awaits its end for `limit` at most. A
/// process that it leaves behind, an agent say, may hold the output open for as long as it likes.
fn follow(child: &mut Child, limit: Duration) -> io::Result<(Vec<u8>, Option<ExitStatus>)> {
    let Some(stdout) = child.stdout.take() else {
        return Err(io::Error::other("its output is not connected"));
    };
    let (sender, printed) = mpsc::channel();
    // A pipe cannot be read with a time limit. Whoever keeps it open keeps the thread too.
    thread::spawn(move || {
        for byte in BufReader::new(stdout.take(SECRET_BYTES_MAX as u64 + 1)).bytes() {
            let is_last = byte.is_err();
            // Nobody listens any more after the time limit.
            if sender.send(byte).is_err() || is_last {
                return;
            }
        }
    });
    let mut bytes = Vec::new();
    for _ in 0..=limit.as_millis() / EXIT_POLL.as_millis() {
        let ended = child.try_wait()?;
        let patience = if ended.is_some() { GRACE } else { EXIT_POLL };
        let silence = loop {
            match printed.recv_timeout(patience) {
                Ok(byte) => bytes.push(byte?),
                Err(silence) => break silence,
            }
        };
        if ended.is_some() {
            return Ok((bytes, ended));
        }
        if silence == RecvTimeoutError::Disconnected {
            thread::sleep(EXIT_POLL);
        }
    }
    Ok((bytes, None))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    #[test]
    fn a_command_is_stopped_after_its_time() {
        for does in ["exec sleep 600", "echo x; exec >&-; exec sleep 600"] {
            let words = ["sh", "-c", does].map(str::to_owned);
            let why = super::run(&words, Duration::from_secs(2)).unwrap_err();
            assert!(why.to_string().contains("was stopped after 2 s"), "{why}");
        }
    }
}
