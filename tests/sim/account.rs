//! An account of a case as the program has it: its policy, its provider, its limits, and what earlier
//! processes have left of them.

use std::num::NonZeroU32;
use std::sync::Arc;

use secrecy::SecretString;
use url::Url;
use userpurge::domain::{AccountLimits, AccountName, AccountPolicy, ProviderKind, Time};
use userpurge::lane::limits::{Earlier, PriorRequest};
use userpurge::ledger::LedgerState;
use userpurge::provider::{
    self, FileSettings, Provider, ProviderFile, ProviderSettings, SuncoSettings,
    ZendeskCredentials, ZendeskSettings, ZohoSettings,
};
use userpurge::sandbox::Sandbox;

use crate::case::AccountCase;
use crate::files;
use crate::pairs::FIRST;

/// How rows of an account are judged.
pub(crate) fn policy(account: &AccountCase) -> AccountPolicy {
    let kind = account.provider;
    AccountPolicy {
        name: AccountName::new(account.name.clone()),
        provider: kind,
        tenant: account.is_told_apart().then(|| account.tenant.clone()),
        action: None,
        check_id: provider::check_id(kind),
        blanks_count: provider::blanks_count(kind),
        id_pattern: files::file(kind).and_then(|file| file.id_pattern()),
        ids_alike: provider::ids_alike(kind),
    }
}

/// The limits of an account. `states_them`: its configuration states them, and not its provider file.
pub(crate) fn limits_of(account: &AccountCase, states_them: bool) -> AccountLimits {
    let own = files::file(account.provider).and_then(|file| file.defaults());
    let requests = account.requests.parse().ok();
    let requests = requests.filter(|_| states_them || own.is_none());
    let defaults = own.unwrap_or_else(|| provider::defaults(account.provider));
    let requests = requests.unwrap_or(defaults.requests);
    let mut steps = defaults.steps;
    if let Some(quota) = account.permanent.as_ref().and_then(|it| it.parse().ok()) {
        for (step, it) in &mut steps {
            if step.name() == "permanently-delete" {
                *it = quota;
            }
        }
    }
    AccountLimits {
        concurrency: NonZeroU32::new(account.concurrency).unwrap_or(NonZeroU32::MIN),
        requests,
        steps,
        share: 1.0,
        many: None,
        asked_alone: None,
    }
}

/// The provider of an account, with its credentials.
pub(crate) fn provider_of(account: &AccountCase) -> Result<Arc<dyn Provider>, String> {
    let base: Url = format!("http://127.0.0.1:1/t/{}", account.tenant)
        .parse()
        .map_err(|_| "a url")?;
    let secret = |text: &str| SecretString::from(text.to_owned());
    if let Some(file) = files::file(account.provider) {
        return file_provider(file, &base);
    }
    let settings = match account.provider {
        ProviderKind::Zendesk => ProviderSettings::Zendesk(ZendeskSettings {
            base_url: base,
            credentials: if account.has_pair {
                let [token, refresh] = FIRST.map(secret);
                ZendeskCredentials::Refresh {
                    token,
                    refresh,
                    id: Some("sandbox-client".to_owned()),
                    secret: Some(secret("sandbox-secret")),
                }
            } else if account.has_tokens {
                ZendeskCredentials::Client {
                    id: "sandbox-client".to_owned(),
                    secret: secret("sandbox-secret"),
                }
            } else {
                ZendeskCredentials::ApiToken {
                    email: "ops@acme.example".to_owned(),
                    token: secret("sandbox-token"),
                }
            },
        }),
        ProviderKind::Sunco => ProviderSettings::Sunco(SuncoSettings {
            base_url: base,
            app_id: "5963c0d619a30a2e00de36b8".to_owned(),
            brand_id: None,
            key_id: "app_sandbox".to_owned(),
            key_secret: secret("sandbox-secret"),
            is_jwt: false,
        }),
        ProviderKind::Zoho | ProviderKind::Own(_) => ProviderSettings::Zoho(ZohoSettings {
            accounts_url: base.clone(),
            base_url: Some(base),
            version: "v8".to_owned(),
            client_id: "1000.SANDBOX".to_owned(),
            client_secret: secret("sandbox-secret"),
            refresh_token: secret("1000.sandbox-refresh"),
        }),
    };
    Ok(provider::build(settings).into())
}

/// An account of a provider file, every key of which has the one secret that is taken.
fn file_provider(file: &Arc<ProviderFile>, base: &Url) -> Result<Arc<dyn Provider>, String> {
    let (plain, secrets) = file.keys();
    let key = |key: &str| (key.to_owned(), Sandbox::SECRET.to_owned());
    let secret = |key: &str| (key.to_owned(), SecretString::from(Sandbox::SECRET));
    let settings = FileSettings {
        base_url: format!("{base}/file/{}", file.name)
            .parse()
            .map_err(|_| "a url")?,
        plain: plain.into_iter().map(key).collect(),
        secrets: secrets.into_iter().map(secret).collect(),
        file: Arc::clone(file),
    };
    Ok(provider::build(ProviderSettings::File(settings)).into())
}

/// The requests of earlier processes that may still hold a slot of `spec`.
pub(crate) fn still_counted(
    state: &LedgerState,
    spec: &AccountLimits,
    accounts: &[AccountName],
    now: Time,
) -> Vec<PriorRequest> {
    let known = accounts.iter().filter_map(|name| state.concurrency(name));
    let sent = accounts.iter().flat_map(|name| state.sent(name));
    let pauses = state.pauses.iter().map(|pause| pause.until);
    let last_at = pauses.fold(state.last_at, Time::max);
    let earlier = Earlier {
        sent: sent.map(|it| (it.step, it.sent_at, it.replied_at())),
        permits: known.max().unwrap_or(spec.concurrency.get()),
        silent: (!state.ended_in_order()).then(|| now.saturating_since(last_at)),
        cut_off: state.cut_off.clone(),
    };
    earlier.still_counted(spec, now)
}
