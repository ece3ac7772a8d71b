//! `check`: who we are at every account, what that is enough for, and what is to be seen to.

use std::fmt::Write as _;
use std::sync::Arc;

use futures::future::join_all;
use serde_json::{Value, json};

use crate::cli::accounts::{Connection, open_connections};
use crate::cli::args::CheckArgs;
use crate::cli::earlier::Before;
use crate::cli::error::describe;
use crate::cli::setup::Setup;
use crate::cli::terminal::{put, put_page};
use crate::cli::{CliError, ExitCode};
use crate::domain::{RunOptions, UserId};
use crate::lane::RequestError;
use crate::provider::{Identity, RateHint, RateHints, key_owner, rights, token_warning};
use crate::report::mend;
use crate::run::StopSignals;

/// What an account said of itself; and what to say where it does not tell whom nobody should delete.
type Told = Result<(Identity, RateHints, Option<&'static str>), RequestError>;

/// Tries the credentials of every account.
pub(in crate::cli) async fn execute(args: &CheckArgs) -> Result<ExitCode, CliError> {
    let setup = Setup::new(args.config.as_deref(), RunOptions::default(), None)?;
    let Setup { outline, options } = &setup;
    let before = Before::default();
    let recorder = (&Arc::default(), &StopSignals::default());
    let lines = open_connections(outline, options, |_| true, before, recorder)?;
    let mut exit = ExitCode::Success;
    let mut text = String::new();
    let mut accounts = serde_json::Map::new();
    // All at once: none waits for another that is out of reach.
    let told = join_all(lines.iter().map(ask)).await;
    for (line, told) in lines.iter().zip(told) {
        match &told {
            Ok((identity, ..)) if !identity.lacks.is_empty() && exit == ExitCode::Success => {
                exit = ExitCode::SomeRowsBad;
            }
            Ok(_) => {}
            Err(_) => exit = ExitCode::Refused,
        }
        let settings = outline.accounts.iter().find(|it| it.name == line.name);
        let settings = settings.map(|account| &account.provider);
        let untold = told.as_ref().ok().and_then(|(.., untold)| *untold);
        let token = settings.and_then(token_warning);
        let warnings: Vec<String> = token.into_iter().chain(untold.map(str::to_owned)).collect();
        let key = settings.and_then(key_owner);
        accounts.insert(line.name.to_string(), as_json(line, key, &told, &warnings));
        say(&mut text, line, key, &told);
        for warning in warnings.iter().filter(|_| told.is_ok()) {
            let _ = writeln!(text, "  warning: {warning}");
        }
    }
    if args.json {
        put(&json!({"ok": exit == ExitCode::Success, "accounts": accounts}).to_string())?;
    } else {
        put_page(&text)?;
    }
    Ok(exit)
}

async fn ask(line: &Connection) -> Told {
    let (identity, seen) = line.answers(line.client.identify()).await?;
    let untold = line.answers(line.client.acquaint(&[])).await?;
    Ok((identity, seen, untold))
}

fn say(text: &mut String, line: &Connection, key: Option<&str>, told: &Told) {
    let _ = write!(text, "{}: {}", line.name, line.kind.title());
    match told {
        Ok((identity, seen, _)) => {
            let said = [
                (" at ", Some(identity.tenant.as_str())),
                (", as ", identity.name.as_deref()),
                (", user ", identity.caller.as_ref().map(UserId::as_str)),
                (", role ", identity.role.as_deref().or(key)),
            ];
            for (what, value) in said {
                let _ = value.map(|value| write!(text, "{what}{value}"));
            }
            let _ = writeln!(text, "\n  rights: {}", rights(line.kind, identity));
            for lack in &identity.lacks {
                let _ = writeln!(text, "  missing: {lack}");
            }
            let _ = writeln!(text, "  limits: {}", limits_told(seen));
        }
        Err(error) => {
            let _ = writeln!(text, "\n  refused: {}", describe(error));
            if let RequestError::Account { reason, .. } = error {
                let _ = writeln!(text, "  hint: {}", mend(*reason));
            }
        }
    }
}

/// What the answer's headers said.
fn limits_told(seen: &RateHints) -> String {
    let told = |(what, hint): (&str, Option<RateHint>)| {
        let hint = hint?;
        let limit = hint.limit.map(|limit| limit.to_string());
        let remaining = hint.remaining.map(|left| format!("{left} requests left"));
        let resets = hint
            .resets_in
            .map(|span| format!("anew in {} s", span.as_secs()));
        let parts: Vec<_> = [limit, remaining, resets].into_iter().flatten().collect();
        (!parts.is_empty()).then(|| format!("{what}{}", parts.join(", ")))
    };
    let hints = [("", seen.account), ("of this endpoint, ", seen.endpoint)];
    let told: Vec<_> = hints.into_iter().filter_map(told).collect();
    if told.is_empty() {
        return "the answer does not tell any".to_owned();
    }
    told.join("; ")
}

fn as_json(line: &Connection, key: Option<&str>, told: &Told, warnings: &[String]) -> Value {
    let limit = |hint: RateHint| {
        json!({
            "limit": hint.limit.map(|limit| limit.to_string()),
            "remaining": hint.remaining,
            "resets_in_seconds": hint.resets_in.map(|span| span.as_secs()),
        })
    };
    match told {
        Ok((identity, seen, _)) => json!({
            "provider": line.kind,
            "ok": identity.lacks.is_empty(),
            "tenant": identity.tenant,
            "caller": identity.caller,
            "name": identity.name,
            "role": identity.role.as_deref().or(key),
            "rights": rights(line.kind, identity),
            "lacks": identity.lacks,
            "limits": {"account": seen.account.map(limit), "endpoint": seen.endpoint.map(limit)},
            "warnings": warnings,
        }),
        Err(error) => json!({
            "provider": line.kind,
            "ok": false,
            "error": describe(error),
            "warnings": warnings,
        }),
    }
}
