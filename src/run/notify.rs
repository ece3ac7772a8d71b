//! The command that a person asked to be run when a run ends or stops.
//!
//! It has no say in the run: whatever it does, the ledger and the exit code are what they are. It
//! is waited for no longer than [`TIME_MAX`].

use std::io::{self, Seek as _, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};

/// How long the command may take; help says so too.
const TIME_MAX: Duration = Duration::from_mins(1);

/// How often it is asked whether it has ended.
const POLL: Duration = Duration::from_millis(20);

/// Runs `command` in a shell with the line `summary` on its standard input, and waits for its end. Returns
/// what went wrong, in words; `None`: nothing.
///
/// # Errors
///
/// The shell cannot be started or followed.
pub fn run_notify_command(command: &str, summary: &str) -> io::Result<Option<String>> {
    // From a file, so that nobody waits for a command that does not read.
    let mut input = tempfile::tempfile()?;
    writeln!(input, "{summary}")?;
    input.rewind()?;
    let mut shell = Command::new("sh");
    // A group of its own, so that all of it can be stopped.
    shell.arg("-c").arg(command).stdin(input).process_group(0);
    // Its output is no data of this program, and whoever reads that must not wait for its leftovers.
    shell.stdout(io::stderr());
    let mut child = shell.spawn()?;
    for _ in 0..TIME_MAX.as_millis() / POLL.as_millis() {
        match child.try_wait()? {
            Some(status) if status.success() => return Ok(None),
            Some(status) => return Ok(Some(format!("failed ({status})"))),
            None => thread::sleep(POLL),
        }
    }
    stop(&mut child)?;
    Ok(Some(format!("was stopped after {} s", TIME_MAX.as_secs())))
}

/// Stops `child` and all that it started, which is one group of processes. It takes its exit status
/// so that nothing of it is left behind.
///
/// # Errors
///
/// Its end cannot be waited for.
fn stop(child: &mut Child) -> io::Result<()> {
    let id = i32::try_from(child.id()).ok();
    if let Some(group) = id.and_then(Pid::from_raw) {
        // It may have ended meanwhile.
        let _ = kill_process_group(group, Signal::KILL);
    }
    child.wait()?;
    Ok(())
}
