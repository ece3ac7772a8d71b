//! `check`: who we are at every account, what that is enough for, and what is to be seen to.

use std::fmt::Write as _;
use std::sync::Arc;

use futures::future::join_all;
use serde_json::{Value, json};

use crate::cli::accounts::{Connection, open_connections, way_out};
use crate::cli::args::CheckArgs;
use crate::cli::earlier::Before;
use crate::cli::error::describe;
use crate::cli::setup::Setup;
use crate::cli::terminal::{put, put_page};
use crate::cli::{CliError, ExitCode};
use crate::config::{AccountSettings, process_variable};
use crate::domain::{RunOptions, UserId};
use crate::lane::RequestError;
use crate::provider::{Identity, RateHint, RateHints, key_owner, rights, token_warning};
use crate::run::StopSignals;

/// The account's own statement; and a note where it does not tell whom nobody should delete. Or why
/// it could not be asked, and a hint.
type Facts = Result<(Identity, RateHints, Option<&'static str>), (String, Option<&'static str>)>;

/// Tries the credentials of every account.
pub(in crate::cli) async fn execute(args: &CheckArgs) -> Result<ExitCode, CliError> {
    let setup = Setup::new(args.config.as_deref(), RunOptions::default(), None)?;
    let (outline, options) = (&setup.outline, &setup.options);
    let before = Before::default();
    let recorder = (&Arc::default(), &StopSignals::default());
    let (mut accounts, mut failures) = (Vec::new(), Vec::new());
    for read in outline.read(|_| true, &process_variable)? {
        failures.push(read.map(|account| accounts.push(account)).err());
    }
    let lines = open_connections(outline, options, accounts, before, recorder)?;
    // All at once: none waits for another that is out of reach.
    let mut asked = join_all(lines.iter().map(ask)).await.into_iter();
    let mut exit = ExitCode::Success;
    let (mut text, mut json) = (String::new(), serde_json::Map::new());
    for (account, failure) in outline.accounts.iter().zip(failures) {
        let unread = failure.map(|error| Err((describe(&error), None)));
        let Some(facts) = unread.or_else(|| asked.next()) else {
            break;
        };
        match &facts {
            Ok((identity, ..)) if !identity.lacks.is_empty() && exit == ExitCode::Success => {
                exit = ExitCode::SomeRowsBad;
            }
            Ok(_) => {}
            Err(_) => exit = ExitCode::Refused,
        }
        let notice = facts.as_ref().ok().and_then(|(.., notice)| *notice);
        let token = token_warning(&account.provider);
        let warnings: Vec<String> = token.into_iter().chain(notice.map(str::to_owned)).collect();
        let object = as_json(account, &facts, &warnings);
        json.insert(account.name.to_string(), object);
        say(&mut text, account, &facts);
        for warning in warnings.iter().filter(|_| facts.is_ok()) {
            let _ = writeln!(text, "  warning: {warning}");
        }
    }
    if args.json {
        put(&json!({"ok": exit == ExitCode::Success, "accounts": json}).to_string())?;
    } else {
        put_page(&text)?;
    }
    Ok(exit)
}

async fn ask(line: &Connection) -> Facts {
    let asked = async {
        let _silence = line.tell_of_silence();
        let (identity, seen) = line.client.identify().await?;
        let notice = line.client.find_primary_contact(&[]).await?;
        Ok((identity, seen, notice))
    };
    asked
        .await
        .map_err(|error: RequestError| (describe(&error), way_out(&error)))
}

fn say(text: &mut String, account: &AccountSettings, facts: &Facts) {
    let (kind, key) = (account.kind(), key_owner(&account.provider));
    let _ = write!(text, "{}: {}", account.name, kind.title());
    match facts {
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
            let _ = writeln!(text, "\n  rights: {}", rights(kind, identity));
            for lack in &identity.lacks {
                let _ = writeln!(text, "  missing: {lack}");
            }
            let _ = writeln!(text, "  limits: {}", describe_limits(seen));
        }
        Err((error, hint)) => {
            let _ = writeln!(text, "\n  error: {error}");
            if let Some(hint) = hint {
                let _ = writeln!(text, "  help: {hint}");
            }
        }
    }
}

/// The limits in the answer's headers.
fn describe_limits(seen: &RateHints) -> String {
    let in_words = |(what, hint): (&str, Option<RateHint>)| {
        let hint = hint?;
        let limit = hint.limit.map(|limit| limit.to_string());
        let remaining = hint.remaining.map(|left| format!("{left} requests left"));
        let resets = hint.resets_in.map(|span| span.as_secs());
        let resets = resets.map(|secs| format!("anew in {secs} s"));
        let parts: Vec<_> = [limit, remaining, resets].into_iter().flatten().collect();
        (!parts.is_empty()).then(|| format!("{what}{}", parts.join(", ")))
    };
    let hints = [("", seen.account), ("of this endpoint, ", seen.endpoint)];
    let in_words: Vec<_> = hints.into_iter().filter_map(in_words).collect();
    if in_words.is_empty() {
        return "the answer does not tell any".to_owned();
    }
    in_words.join("; ")
}

fn as_json(account: &AccountSettings, facts: &Facts, warnings: &[String]) -> Value {
    let (kind, key) = (account.kind(), key_owner(&account.provider));
    let limit = |hint: RateHint| {
        json!({
            "limit": hint.limit.map(|limit| limit.to_string()),
            "remaining": hint.remaining,
            "resets_in_seconds": hint.resets_in.map(|span| span.as_secs()),
        })
    };
    match facts {
        Ok((identity, seen, _)) => json!({
            "provider": kind,
            "ok": identity.lacks.is_empty(),
            "tenant": identity.tenant,
            "caller": identity.caller,
            "name": identity.name,
            "role": identity.role.as_deref().or(key),
            "rights": rights(kind, identity),
            "lacks": identity.lacks,
            "limits": {"account": seen.account.map(limit), "endpoint": seen.endpoint.map(limit)},
            "warnings": warnings,
        }),
        Err((error, _)) => json!({
            "provider": kind,
            "ok": false,
            "error": error,
            "warnings": warnings,
        }),
    }
}
