//! The stock of a sandbox: the demo's users, those of an input file, and a configuration that leads there.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use super::hub::Sandbox;
use super::settings::SandboxError;
use super::user::{Seed, UserSeed};
use crate::domain::{Action, ProviderKind, Quota, Record};
use crate::provider::{ProviderFile, check_id, defaults};

/// The demo's input file. It names the accounts `support` (Zendesk), `chat` (Sunshine Conversations) and
/// `crm` (Zoho). Its 316 rows, in shuffled order, end so:
///
/// | outcome | support | chat | crm | which |
/// | --- | --- | --- | --- | --- |
/// | `deleted` | 114 | 85 | 54 | among them 4 purges of users softly deleted already, 5 external ids with awkward characters, 4 ids with the export's `zcrm_` |
/// | `already_gone` | 6 | – | 5 | softly deleted, deleted |
/// | `not_found` | 4 | 7 | 3 | unknown ids; 4 of chat's were deleted before, which it cannot tell |
/// | `refused` | 6 | – | – | open tickets |
/// | `protected` | 7 | – | 5 | the callers, 3 agents, 2 light agents, an admin; primary contact, support and system user, digital employee |
/// | `duplicate` | 3 | 2 | 1 | |
///
/// and 14 are `invalid`: 7 malformed or empty ids, 2 unknown accounts, 3 unknown actions, 2 without
/// one. Zoho would refuse its own four itself.
pub const DEMO_CSV: &str = include_str!("../../fixtures/input/demo.csv");

/// The demo's users, at the tenant `default`. A user that no row of [`DEMO_CSV`] names must still stand at the
/// end.
pub(super) fn demo_users() -> Result<Seed, SandboxError> {
    let users = serde_json::from_str(include_str!("../../fixtures/sandbox/demo.json"));
    users.map_err(|error| SandboxError::unread("the demo's users", &error))
}

/// The users of an input, as the sandbox takes them.
#[derive(Debug)]
pub struct Stock {
    /// The users to put in.
    pub seed: Seed,
    /// The accounts that the file names. Each has the provider that its first id looks like.
    pub accounts: BTreeMap<String, ProviderKind>,
    /// Rows that hold no id of their provider's.
    pub rows_without: u64,
    /// A provider from a file, and what its ids look like; they go before those of others.
    own: Option<(ProviderKind, regex_lite::Regex)>,
}

impl Stock {
    /// No users yet. `file`: the provider from a file that may have some.
    pub fn new(file: Option<&ProviderFile>) -> Self {
        Self {
            seed: Seed::default(),
            accounts: BTreeMap::new(),
            rows_without: 0,
            own: file.and_then(|file| Some((file.kind(), file.id_pattern()?))),
        }
    }

    /// Adds the user of a row; `None`: the row cannot be read. A row of an account is a user there; any other
    /// is a user of each provider whose ids look like its own. Users to be permanently deleted are
    /// soft-deleted already.
    pub fn add_row(&mut self, record: Option<&Record<'_>>) {
        let is_stocked = record.is_some_and(|record| self.has_added(record));
        self.rows_without += u64::from(!is_stocked);
    }

    fn has_added(&mut self, record: &Record<'_>) -> bool {
        let mut alike = self.kinds_of(&record.id);
        if let Some(account) = record.account.as_deref() {
            let mut known = DEMO_ACCOUNTS.iter().filter(|(name, _)| *name == account);
            let known = account.parse().ok().or(known.next().map(|(_, kind)| *kind));
            let mut file = self.own.iter().map(|(kind, _)| *kind);
            let known = known.or(file.find(|kind| kind.name() == account));
            let own = self.accounts.get(account).copied();
            let Some(kind) = known.or(own).or(alike.first().copied()) else {
                return false;
            };
            if known.is_none() {
                self.accounts.entry(account.to_owned()).or_insert(kind);
            }
            alike = vec![kind];
        }
        let to_clear = Action::PermanentlyDelete.name();
        let is_soft_deleted = record.action.as_deref() == Some(to_clear);
        let mut is_stocked = false;
        for kind in alike {
            if let Some(id) = self.id_at(kind, &record.id) {
                self.add(kind, id, is_soft_deleted);
                is_stocked = true;
            }
        }
        is_stocked
    }

    /// The id as `kind` knows it; `None`: it is none of its own.
    fn id_at<'a>(&self, kind: ProviderKind, id: &'a str) -> Option<&'a str> {
        let mut own = self.own.iter().filter(|(own, _)| *own == kind);
        let is_fit = own.all(|(_, pattern)| pattern.is_match(id));
        check_id(kind)(id).ok().filter(|_| is_fit)
    }

    fn add(&mut self, kind: ProviderKind, id: &str, is_soft_deleted: bool) {
        let mut user = UserSeed::of(id);
        let users = self.seed.of(kind);
        let is_hex = id.len() == 24 && id.bytes().all(|it| it.is_ascii_hexdigit());
        match kind {
            ProviderKind::Zendesk if is_soft_deleted => "soft-deleted".clone_into(&mut user.state),
            ProviderKind::Sunco if !is_hex => {
                let made = format!("{:024x}", users.len());
                user.external_id = Some(std::mem::replace(&mut user.id, made));
            }
            _ => {}
        }
        users.push(user);
    }

    /// How many users there are.
    pub fn describe(&self) -> String {
        let stocked = self.seed.users.iter();
        let stocked = stocked.map(|(kind, users)| format!("{} at {}", users.len(), kind.title()));
        let stocked = match stocked.collect::<Vec<_>>() {
            none if none.is_empty() => "none".to_owned(),
            stocked => stocked.join(", "),
        };
        match self.rows_without {
            0 => format!("users: {stocked}"),
            rows => format!("users: {stocked}; rows without an id: {rows}"),
        }
    }

    /// The providers whose ids look like `id`, the likeliest first. An id that is no number is one
    /// of Sunshine Conversations, and only Zoho's numbers are so long.
    fn kinds_of(&self, id: &str) -> Vec<ProviderKind> {
        const ZOHO_DIGITS: usize = 16;
        let own = self.own.iter().map(|(kind, _)| *kind);
        let own: Vec<_> = own.filter(|kind| self.id_at(*kind, id).is_some()).collect();
        if !own.is_empty() {
            return own;
        }
        let mut kinds = vec![ProviderKind::Zendesk, ProviderKind::Zoho];
        if id.len() >= ZOHO_DIGITS {
            kinds.reverse();
        }
        kinds.retain(|kind| check_id(*kind)(id).is_ok());
        if kinds.is_empty() && check_id(ProviderKind::Sunco)(id).is_ok() {
            kinds.push(ProviderKind::Sunco);
        }
        kinds
    }
}

/// The accounts of the demo's file.
pub const DEMO_ACCOUNTS: [(&str, ProviderKind); 3] = [
    ("support", ProviderKind::Zendesk),
    ("chat", ProviderKind::Sunco),
    ("crm", ProviderKind::Zoho),
];

/// A configuration of `accounts` at `base`, whose limits are as much quicker as the sandbox's are. `file`:
/// the provider from a file that some are at, and what a configuration calls it.
pub fn config(
    base: &str,
    accounts: &[(String, ProviderKind)],
    file: Option<(&ProviderFile, &str)>,
    scale: f64,
) -> String {
    let mut text = String::new();
    for (name, kind) in accounts {
        let own = file.filter(|(file, _)| file.kind() == *kind);
        let own_base = format!("{base}/file/{kind}");
        let Some(keys) = keys(*kind, own.map(|(file, _)| file), (base, &own_base)) else {
            continue;
        };
        let is_bare = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
        let plain = name.chars().all(is_bare).then(|| name.clone());
        let header = plain.unwrap_or_else(|| toml::Value::from(name.as_str()).to_string());
        // Writing to a string cannot fail; so below.
        let provider = toml::Value::from(own.map_or(kind.name(), |(_, named)| named));
        let _ = writeln!(text, "[accounts.{header}]\nprovider = {provider}");
        for (key, value) in keys {
            let _ = writeln!(text, "{key} = \"{value}\"");
        }
        if (scale - 1.0).abs() > f64::EPSILON {
            let _ = write!(text, "\n[accounts.{header}.limits]\n");
            let stated = own.and_then(|(file, _)| file.defaults());
            let limits = stated.unwrap_or_else(|| defaults(*kind));
            let _ = writeln!(text, "requests = \"{}\"", quicker(limits.requests, scale));
            for (step, quota) in &limits.steps {
                let _ = writeln!(text, "{} = \"{}\"", step.name(), quicker(*quota, scale));
            }
        }
        text.push('\n');
    }
    text.truncate(text.trim_end().len() + 1);
    text
}

/// The keys of an account of `kind` at `base`, or of the file `own` at `own_base`; `None`: nothing tells them.
fn keys<'a>(
    kind: ProviderKind,
    own: Option<&'a ProviderFile>,
    (base, own_base): (&'a str, &'a str),
) -> Option<Vec<(&'a str, &'a str)>> {
    Some(match kind {
        ProviderKind::Own(_) => {
            let (plain, secret) = own?.keys();
            let keys = plain.into_iter().chain(secret);
            let keys = keys.map(|key| (key, Sandbox::SECRET));
            keys.chain([("base_url", own_base)]).collect()
        }
        ProviderKind::Zendesk => vec![
            ("base_url", base),
            ("client_id", Sandbox::ZENDESK_CLIENT_ID),
            ("client_secret", Sandbox::SECRET),
        ],
        ProviderKind::Sunco => vec![
            ("base_url", base),
            ("app_id", Sandbox::SUNCO_APP_ID),
            ("key_id", Sandbox::SUNCO_KEY_ID),
            ("key_secret", Sandbox::SECRET),
        ],
        ProviderKind::Zoho => vec![
            ("accounts_url", base),
            ("client_id", Sandbox::ZOHO_CLIENT_ID),
            ("client_secret", Sandbox::SECRET),
            ("refresh_token", Sandbox::ZOHO_REFRESH_TOKEN),
        ],
    })
}

/// A quota whose span is so many times shorter, but at least one millisecond long.
fn quicker(quota: Quota, scale: f64) -> Quota {
    let span = quota.span().div_f64(scale).max(Duration::from_millis(1));
    Quota::try_new(quota.requests(), span).unwrap_or(quota)
}
