//! `providers`: lists the providers that are known, prints the file of one, and judges the examples of a
//! file.

use std::path::Path;
use std::sync::Arc;

use serde_json::json;

use crate::cli::terminal::{put, put_page};
use crate::cli::{CliError, ExitCode};
use crate::config::own_provider;
use crate::domain::{Action, FindBy, ProviderKind};
use crate::input::{closest, did_you_mean};
use crate::provider::{ProviderFile, consequence};

/// Lists all, or tells of the one that `about` names or describes.
pub(in crate::cli) fn execute(about: Option<&str>, is_json: bool) -> Result<ExitCode, CliError> {
    let shipped = ProviderFile::shipped_names().filter_map(ProviderFile::shipped);
    let own = |file: &ProviderFile| file.register().then(|| file.kind());
    let kinds = match about {
        None => {
            let files = shipped.filter_map(|file| own(&file));
            ProviderKind::ALL.into_iter().chain(files).collect()
        }
        Some(name) => match (name.parse(), ProviderFile::shipped_text(name)) {
            (Ok(kind), _) => vec![kind],
            (Err(()), Some(text)) if !is_json => {
                put_page(text)?;
                return Ok(ExitCode::Success);
            }
            (Err(()), _) => vec![provider_file(name)?.0],
        },
    };
    let as_json = |kind: &ProviderKind, action: &Action| json!({"action": action, "does": consequence(*kind, *action)});
    let finds = |kind: &ProviderKind| -> Vec<FindBy> {
        let all = FindBy::ALL.into_iter();
        all.filter(|by| kind.finds(*by)).collect()
    };
    if is_json {
        let all = kinds.iter().map(|kind| {
            let actions = kind.actions().iter();
            let actions: Vec<_> = actions.map(|action| as_json(kind, action)).collect();
            json!({"name": kind, "title": kind.title(), "actions": actions, "finds": finds(kind)})
        });
        put(&json!({"providers": all.collect::<Vec<_>>()}).to_string())?;
        return Ok(ExitCode::Success);
    }
    for kind in kinds {
        put_page(&format!("{kind} ({})", kind.title()))?;
        for action in kind.actions() {
            put_page(&format!("  {action}: {}", consequence(kind, *action)))?;
        }
        for by in finds(&kind) {
            put_page(&format!("  lookup --by {by}"))?;
        }
    }
    Ok(ExitCode::Success)
}

/// The provider from a file that is shipped as `name`, or stands there.
pub(super) fn provider_file(name: &str) -> Result<(ProviderKind, Arc<ProviderFile>), CliError> {
    let found = own_provider(name, Path::new(""));
    let found = found.map_err(|why| CliError::refuse(why, "see `userpurge help providers`"))?;
    found.ok_or_else(|| {
        let known = ProviderKind::ALL.map(ProviderKind::name).into_iter();
        let meant = did_you_mean(closest(name, known.chain(ProviderFile::shipped_names())));
        CliError::refuse(
            format!("no provider is called `{name}`{meant}"),
            "`userpurge providers` lists them; a file is named by its path, such as ./ours.toml",
        )
    })
}
