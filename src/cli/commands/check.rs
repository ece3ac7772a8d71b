//! `check`: who we are at every account, and what that is not enough for.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::cli::accounts::{Line, Wiring};
use crate::cli::args::CheckArgs;
use crate::cli::failure::mend;
use crate::cli::recorder::Recorder;
use crate::cli::setting;
use crate::cli::terminal::put;
use crate::cli::{ExitCode, Failure};
use crate::domain::RunOptions;
use crate::pipeline::{ClientError, Stop};
use crate::provider::Identity;

/// Tries the credentials of every account.
pub(in crate::cli) async fn execute(args: &CheckArgs) -> Result<ExitCode, Failure> {
    let source = setting::locate(args.config.config.as_deref())?;
    let settings = setting::settings(&source)?;
    let wiring = Wiring::new(&RunOptions::default(), Recorder::new(), Stop::default());
    let lines = wiring.lines(settings, |_| true, None)?;
    let mut exit = ExitCode::Success;
    let mut text = String::new();
    let mut accounts = serde_json::Map::new();
    for line in &lines {
        let told = line.client.identify().await;
        match &told {
            Ok(identity) if !identity.lacks.is_empty() && exit == ExitCode::Success => {
                exit = ExitCode::SomeRowsBad;
            }
            Ok(_) => {}
            Err(_) => exit = ExitCode::Refused,
        }
        accounts.insert(line.name.to_string(), as_json(line, &told));
        say(&mut text, line, &told);
    }
    if args.json {
        put(&json!({"ok": exit == ExitCode::Success, "accounts": accounts}).to_string())?;
    } else {
        put(&text)?;
    }
    Ok(exit)
}

fn say(text: &mut String, line: &Line, told: &Result<Identity, ClientError>) {
    let _ = write!(text, "{}: {}", line.name, line.kind.title());
    match told {
        Ok(identity) => {
            let _ = write!(text, " at {}", identity.tenant);
            if let Some(name) = &identity.name {
                let _ = write!(text, ", as {name}");
            }
            if let Some(caller) = &identity.caller {
                let _ = write!(text, ", user {caller}");
            }
            if let Some(role) = &identity.role {
                let _ = write!(text, ", role {role}");
            }
            text.push('\n');
            for lack in &identity.lacks {
                let _ = writeln!(text, "  warning: {lack}");
            }
        }
        Err(error) => {
            let _ = writeln!(text, "\n  refused: {}", crate::cli::failure::told(error));
            if let ClientError::Account { reason, .. } = error {
                let _ = writeln!(text, "  hint: {}", mend(*reason));
            }
        }
    }
}

fn as_json(line: &Line, told: &Result<Identity, ClientError>) -> Value {
    match told {
        Ok(identity) => json!({
            "provider": line.kind,
            "ok": identity.lacks.is_empty(),
            "tenant": identity.tenant,
            "caller": identity.caller,
            "name": identity.name,
            "role": identity.role,
            "lacks": identity.lacks,
        }),
        Err(error) => json!({
            "provider": line.kind,
            "ok": false,
            "error": crate::cli::failure::told(error),
        }),
    }
}
