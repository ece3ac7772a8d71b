//! `deny_tenants`: words that name the tenants which nothing may be deleted at.

use super::accounts::{self, Line};
use super::recorder::Recorder;
use super::setup::Setup;
use super::{ExitCode, Failure};
use crate::config::{AccountOutline, Endpoint};
use crate::domain::AccountName;

/// Refuses accounts of which the configuration alone shows that their tenant is denied; `has_rows`
/// picks those that would be asked.
pub(super) fn refuse_configured(
    setup: &Setup,
    has_rows: impl Fn(&AccountName) -> bool,
) -> Result<(), Failure> {
    let accounts = setup.outline.accounts.iter();
    for account in accounts.filter(|account| has_rows(&account.name)) {
        for name in names(account) {
            refuse(setup, &account.name, &name)?;
        }
    }
    Ok(())
}

/// Asks every line who we are, and refuses those whose provider says that their tenant is a denied
/// one; then who has a role that no list of users will tell.
pub(super) async fn identify(
    setup: &Setup,
    lines: &mut [Line],
    recorder: &Recorder,
) -> Result<(), Failure> {
    accounts::identify(lines, recorder).await?;
    let identified = lines.iter().filter_map(|line| {
        let identity = line.identity.as_ref()?;
        Some((&line.name, &identity.tenant))
    });
    identified
        .into_iter()
        .try_for_each(|(account, tenant)| refuse(setup, account, tenant))?;
    accounts::acquaint(lines, &setup.options.include_roles).await
}

/// What names the account's tenant: its own name, its host and path, and its app.
fn names(account: &AccountOutline) -> Vec<String> {
    let place = |url: &url::Url| format!("{}{}", url.authority(), url.path());
    let mut names = vec![account.name.to_string()];
    match &account.endpoint() {
        Endpoint::Zendesk { base_url } => names.push(place(base_url)),
        Endpoint::Sunco { base_url, app_id } => {
            names.extend([place(base_url), app_id.clone()]);
        }
        Endpoint::Zoho {
            accounts_url,
            base_url,
            ..
        } => {
            names.push(place(accounts_url));
            names.extend(base_url.as_ref().map(place));
        }
    }
    names
}

fn refuse(setup: &Setup, account: &AccountName, name: &str) -> Result<(), Failure> {
    let lower = name.to_lowercase();
    let mut words = setup.outline.deny_tenants.iter();
    let Some(word) = words.find(|word| lower.contains(&word.to_lowercase())) else {
        return Ok(());
    };
    let text = format!(
        "account `{account}` is at a tenant that the configuration denies: `{name}` holds the word `{word}` of `deny_tenants`; nothing was sent that deletes"
    );
    let help = "take the account's rows out of the input, or mean another account; to delete there all the same, take the word out of the configuration";
    Err(Failure::message(ExitCode::Refused, text, Some(help)))
}
