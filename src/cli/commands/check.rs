//! `check`: who we are at every account, what that is enough for, and what is to be seen to.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use futures::future::join_all;
use serde_json::{Value, json};

use crate::cli::accounts::{Line, Wiring};
use crate::cli::args::CheckArgs;
use crate::cli::earlier::Before;
use crate::cli::failure::mend;
use crate::cli::recorder::Recorder;
use crate::cli::setup;
use crate::cli::terminal::{put, put_page};
use crate::cli::{ExitCode, Failure};
use crate::config::AccountOutline;
use crate::domain::{AccountName, ProviderKind, RunOptions};
use crate::lane::RequestError;
use crate::provider::{Identity, ProviderSettings, RateHint, RateHints, ZendeskCredentials};
use crate::run::Stop;

/// The day from which Zendesk takes no API token, see
/// <https://developer.zendesk.com/documentation/api-basics/authentication/oauth-migration/>.
const API_TOKENS_END: &str = "2027-04-30";

/// The OAuth way, for who signs in with an API token.
const OAUTH_WAY: &str = "make an OAuth client with the grant `client_credentials` in Admin Center > \
    Apps and integrations > APIs > OAuth clients, and write `client_id` and `client_secret` instead \
    of `email` and `api_token`";

/// What an account said of itself; and what to say where it does not tell whom nobody should delete.
type Told = Result<(Identity, RateHints, Option<&'static str>), RequestError>;

/// Tries the credentials of every account.
pub(in crate::cli) async fn execute(args: &CheckArgs) -> Result<ExitCode, Failure> {
    let source = setup::locate(args.config.config.as_deref())?;
    let outline = setup::outline(&source)?;
    let accounts = outline.accounts.iter();
    let notes: BTreeMap<_, _> = accounts
        .map(|account| (account.name.clone(), Note::of(account)))
        .collect();
    let wiring = Wiring::new(
        &RunOptions::default(),
        Recorder::without_ledger(),
        Stop::default(),
    );
    let lines = wiring.lines(&outline, |_| true, Before::default())?;
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
        let note = note(&notes, &line.name);
        accounts.insert(line.name.to_string(), as_json(line, note, &told));
        say(&mut text, line, note, &told);
    }
    if args.json {
        put(&json!({"ok": exit == ExitCode::Success, "accounts": accounts}).to_string())?;
    } else {
        put_page(&text)?;
    }
    Ok(exit)
}

async fn ask(line: &Line) -> Told {
    let (identity, seen) = line.answers(line.client.introduce()).await?;
    let untold = line.answers(line.client.acquaint(&[])).await?;
    Ok((identity, seen, untold))
}

/// What the configuration alone tells of an account.
#[derive(Debug, Clone, Copy, Default)]
struct Note {
    /// It signs in with a Zendesk API token.
    api_token: bool,
    /// Whose key it is; `None`: the provider has no such keys.
    key: Option<&'static str>,
}

impl Note {
    fn of(account: &AccountOutline) -> Self {
        match &account.provider {
            ProviderSettings::Zendesk(settings) => Self {
                api_token: matches!(settings.credentials, ZendeskCredentials::ApiToken { .. }),
                key: None,
            },
            ProviderSettings::Sunco(settings) => Self {
                api_token: false,
                key: Some(if settings.key_id.starts_with("app_") {
                    "key of this app"
                } else {
                    "key of the whole account"
                }),
            },
            ProviderSettings::Zoho(_) => Self::default(),
        }
    }

    /// What is to be seen to in time.
    fn warning(self) -> Option<String> {
        let text = format!("Zendesk takes no API tokens from {API_TOKENS_END} on; {OAUTH_WAY}");
        self.api_token.then_some(text)
    }
}

/// What is to be seen to in time, and what is less safe than it could be.
fn warnings(note: Note, untold: Option<&str>) -> Vec<String> {
    let untold = untold.map(str::to_owned);
    note.warning().into_iter().chain(untold).collect()
}

fn note(notes: &BTreeMap<AccountName, Note>, name: &AccountName) -> Note {
    notes.get(name).copied().unwrap_or_default()
}

/// What the caller may do, as far as the provider tells before a deletion is tried.
fn rights(kind: ProviderKind, identity: &Identity) -> &'static str {
    match kind {
        _ if !identity.lacks.is_empty() => "not enough",
        ProviderKind::Zendesk if identity.role.as_deref() == Some("admin") => {
            "an admin may delete users, also for good; an OAuth token needs the scopes users:read and users:write as well"
        }
        ProviderKind::Zendesk => {
            "a custom role, which does not say; it needs to manage end users, and for the permanent deletion as well"
        }
        ProviderKind::Sunco => "a key that is taken may delete users of its app",
        ProviderKind::Zoho => {
            "not told beforehand; needed are the scopes ZohoCRM.users.DELETE and ZohoCRM.users.READ, and a profile that may manage users"
        }
    }
}

fn say(text: &mut String, line: &Line, note: Note, told: &Told) {
    let _ = write!(text, "{}: {}", line.name, line.kind.title());
    match told {
        Ok((identity, seen, untold)) => {
            let _ = write!(text, " at {}", identity.tenant);
            if let Some(name) = &identity.name {
                let _ = write!(text, ", as {name}");
            }
            if let Some(caller) = &identity.caller {
                let _ = write!(text, ", user {caller}");
            }
            if let Some(role) = identity.role.as_deref().or(note.key) {
                let _ = write!(text, ", role {role}");
            }
            text.push('\n');
            let _ = writeln!(text, "  rights: {}", rights(line.kind, identity));
            for lack in &identity.lacks {
                let _ = writeln!(text, "  missing: {lack}");
            }
            let _ = writeln!(text, "  limits: {}", limits_told(seen));
            for warning in warnings(note, *untold) {
                let _ = writeln!(text, "  warning: {warning}");
            }
        }
        Err(error) => {
            let _ = writeln!(text, "\n  refused: {}", crate::cli::failure::told(error));
            if let RequestError::Account { reason, .. } = error {
                let _ = writeln!(text, "  hint: {}", mend(*reason));
            }
        }
    }
}

/// What the answer's headers said.
fn limits_told(seen: &RateHints) -> String {
    let told: Vec<_> = [("", seen.account), ("of this endpoint, ", seen.endpoint)]
        .into_iter()
        .filter_map(|(what, hint)| Some(format!("{what}{}", limit_told(hint?)?)))
        .collect();
    if told.is_empty() {
        return "the answer does not tell any".to_owned();
    }
    told.join("; ")
}

/// `None`: it says nothing.
fn limit_told(hint: RateHint) -> Option<String> {
    let limit = hint.limit.map(|limit| limit.to_string());
    let remaining = hint.remaining.map(|left| format!("{left} requests left"));
    let resets = hint
        .resets_in
        .map(|span| format!("anew in {} s", span.as_secs()));
    let parts: Vec<_> = [limit, remaining, resets].into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

fn as_json(line: &Line, note: Note, told: &Told) -> Value {
    let limit = |hint: RateHint| {
        json!({
            "limit": hint.limit.map(|limit| limit.to_string()),
            "remaining": hint.remaining,
            "resets_in_seconds": hint.resets_in.map(|span| span.as_secs()),
        })
    };
    match told {
        Ok((identity, seen, untold)) => json!({
            "provider": line.kind,
            "ok": identity.lacks.is_empty(),
            "tenant": identity.tenant,
            "caller": identity.caller,
            "name": identity.name,
            "role": identity.role.as_deref().or(note.key),
            "rights": rights(line.kind, identity),
            "lacks": identity.lacks,
            "limits": {"account": seen.account.map(limit), "endpoint": seen.endpoint.map(limit)},
            "warnings": warnings(note, *untold),
        }),
        Err(error) => json!({
            "provider": line.kind,
            "ok": false,
            "error": crate::cli::failure::told(error),
            "warnings": warnings(note, None),
        }),
    }
}
