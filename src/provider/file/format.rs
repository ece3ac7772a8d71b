//! The contents of a provider file, as it is read. The further demands on it stand in `check`.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;

use ::http::Method;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use toml::value::Datetime;

use crate::domain::{
    AccountLimits, Action, FindBy, Name, ProviderFacts, ProviderKind, Quota, Step,
};
use crate::provider::contract;

/// A provider as a file describes it: the requests it takes, the meaning of its answers, and
/// examples of them. The examples were judged when the file was read.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProviderFile {
    /// The name in configurations, rows and ledgers.
    pub name: String,
    /// The name people know it by.
    pub title: String,
    /// Where each fact is from.
    pub source: Vec<String>,
    /// The day on which the sources were read.
    pub read: Datetime,
    /// Where the API is. Each `{key}` in it is a key of the account.
    pub base_url: String,
    /// Headers of every request.
    #[serde(default)]
    pub(super) headers: BTreeMap<String, String>,
    pub(super) auth: FileAuth,
    pub(super) identify: FileCall,
    pub(super) look: FileCall,
    /// The searches for users by keys that are no ids.
    #[serde(default)]
    pub(super) find: BTreeMap<FindBy, FileCall>,
    pub(super) actions: BTreeMap<String, FileAction>,
    #[serde(default)]
    pub(super) answers: Vec<FileRule>,
    pub(super) limits: FileLimits,
    pub(super) ids: FileIds,
    pub(super) replies: Vec<FileExample>,
}

/// How requests are authorized: one of these. Each `{key}` is a key of the account.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileAuth {
    /// The token.
    pub(super) bearer: Option<String>,
    /// User and password.
    #[serde(default, deserialize_with = "pair")]
    pub(super) basic: Option<[String; 2]>,
    /// A header's name and value.
    #[serde(default, deserialize_with = "pair")]
    pub(super) header: Option<[String; 2]>,
    /// The request for a token.
    pub(super) client_credentials: Option<FileCall>,
}

/// A request, and what its own answers are known by. Not every key may stand at every request.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct FileCall {
    /// Of a step: its name; left out where it is its action's only one.
    pub(super) name: Option<String>,
    /// Method, path and query. `{id}`, in a search `{key}`, is a whole segment or value.
    pub(super) request: String,
    /// A JSON body. `{id}` is a whole string in it.
    pub(super) json: Option<Value>,
    /// A form as the body, of a request for a token.
    pub(super) form: Option<BTreeMap<String, String>>,
    /// Of a step: the answer that confirms it.
    pub(super) success: Option<FileRule>,
    /// Of the look: the answer of a user who is there.
    pub(super) standing: Option<FileRule>,
    /// Of the look: the answer of a user whom nobody knows.
    pub(super) unknown: Option<FileRule>,
    /// Of `identify`: where the tenant stands in the answer; `None`: the address tells it.
    pub(super) tenant: Option<String>,
    /// Of `identify`: where the caller's user id stands.
    pub(super) caller: Option<String>,
    /// Of a search: where the list of users stands in the answer; empty: the answer is the list. No search
    /// is in the digest of a file, and plans from before there were any go on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) items: Option<String>,
    /// Of a search: where the user's id stands in an item.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<String>,
    /// Of a search: where the user's own key stands in an item.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) equals: Option<String>,
    /// Of a search: what the answer holds if another page follows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) more: Option<String>,
}

/// The marks of an answer: its status, and one thing more.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileRule {
    pub(super) status: u16,
    /// `pointer` into its JSON, and what stands there: the user's `id`, a `text` or a `number`.
    pub(super) equals: Option<Value>,
    /// It has no body.
    #[serde(default)]
    pub(super) empty: bool,
    /// The order was taken, and nothing is done yet.
    #[serde(default)]
    pub(super) accepted: bool,
    /// Of `answers`: what it means.
    pub(super) means: Option<String>,
}

#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileAction {
    pub(super) says: String,
    /// `never`, or how long and how.
    pub(super) undo: String,
    /// Whether an unknown user is answered like a deleted one, so that each is looked for before.
    #[serde(default)]
    pub(super) look_first: bool,
    pub(super) steps: Vec<FileCall>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileLimits {
    pub(super) requests: String,
    pub(super) concurrency: Option<NonZeroU32>,
    /// The names of the headers that tell `remaining`, `limit`, `reset` and `retry_after`, and in
    /// `reset_is` whether the reset is `seconds` or an `epoch`.
    #[serde(default)]
    pub(super) headers: BTreeMap<String, String>,
    /// As how many requests a `write` counts.
    #[serde(default)]
    pub(super) weight: BTreeMap<String, NonZeroU32>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileIds {
    /// The pattern of an id.
    pub(super) pattern: String,
    /// Columns that hold ids.
    #[serde(default)]
    pub(super) columns: Vec<String>,
}

/// An answer, and what it means.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileExample {
    /// The request that is answered: `identify`, `look`, a search, or a step.
    pub(super) to: String,
    pub(super) status: u16,
    #[serde(default)]
    pub(super) body: String,
    /// The user who was asked about.
    #[serde(default)]
    pub(super) id: String,
    /// The key that was searched for.
    #[serde(default)]
    pub(super) key: String,
    pub(super) means: String,
}

/// Method, segments of the path, and pairs of the query.
pub(super) type Parts<'c> = (Method, Vec<&'c str>, Vec<(&'c str, &'c str)>);

/// The placeholder for the user's id.
pub(super) const ID: &str = "{id}";

/// The placeholder for the key in a search.
pub(super) const KEY: &str = "{key}";

impl FileRule {
    /// Whether `equals` names the user.
    pub(super) fn names_user(&self) -> bool {
        let equals = self.equals.as_ref();
        equals.is_some_and(|it| it.get("id").is_some())
    }
}

impl FileCall {
    /// Whether its success is only that the order was taken.
    pub(super) fn is_later(&self) -> bool {
        self.success.as_ref().is_some_and(|it| it.accepted)
    }

    /// The word for its success.
    pub(super) fn confirms(&self) -> &'static str {
        if self.is_later() {
            "row.ordered"
        } else {
            "row.deleted"
        }
    }

    /// Method, segments of the path, and pairs of the query; `None`: it is no request.
    pub(super) fn parts(&self) -> Option<Parts<'_>> {
        let (method, target) = self.request.split_once(' ')?;
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let segments = path.strip_prefix('/')?.split('/').collect();
        let pairs = query.split('&').filter(|pair| !pair.is_empty());
        let pairs = pairs.map(|pair| pair.split_once('='));
        let known = ["GET", "POST", "PUT", "PATCH", "DELETE"].contains(&method);
        let method = method.parse().ok().filter(|_| known)?;
        Some((method, segments, pairs.collect::<Option<_>>()?))
    }
}

impl ProviderFile {
    /// Its kind. [`ProviderFile::register`] says what that is, and refuses a file without a name.
    pub fn kind(&self) -> ProviderKind {
        Name::new(&self.name).map_or(ProviderKind::Zendesk, ProviderKind::Own)
    }

    /// Whether only an answer tells which tenant it is.
    pub fn asks_for_tenant(&self) -> bool {
        self.identify.tenant.is_some()
    }

    /// Its actions, by name.
    pub fn actions(&self) -> Vec<Action> {
        let names = self.actions.keys();
        names.filter_map(|name| Action::named(name)).collect()
    }

    /// The steps of the action called `name`, each with its own name.
    pub(super) fn steps<'f>(
        &'f self,
        name: &'f str,
    ) -> impl Iterator<Item = (&'f str, &'f FileCall)> {
        let steps = self.actions.get(name).into_iter().flat_map(|it| &it.steps);
        steps.map(move |step| (step.name.as_deref().unwrap_or(name), step))
    }

    /// Every step with its name, its action, and whether it is the action's last.
    pub(super) fn all_steps(&self) -> impl Iterator<Item = (&str, &FileCall, &FileAction, bool)> {
        self.actions.iter().flat_map(|(name, action)| {
            let last = action.steps.len().saturating_sub(1);
            let steps = self.steps(name).enumerate();
            steps.map(move |(index, (name, call))| (name, call, action, index == last))
        })
    }

    /// The meaning of `step` here.
    pub(super) fn step(&self, step: Step) -> Option<(&str, &FileCall, &FileAction, bool)> {
        self.step_named(step.name())
    }

    /// The step called `wanted`.
    pub(super) fn step_named(&self, wanted: &str) -> Option<(&str, &FileCall, &FileAction, bool)> {
        self.all_steps().find(|(name, ..)| *name == wanted)
    }

    /// Each search, with the name that examples have for it.
    pub(super) fn searches(&self) -> impl Iterator<Item = (&'static str, FindBy, &FileCall)> {
        self.find.iter().map(|(by, call)| match by {
            FindBy::Email => ("find.email", *by, call),
            FindBy::ExternalId => ("find.external-id", *by, call),
        })
    }

    /// Makes its names known to the whole process; `false`: another file has other things under one of them.
    pub fn register(&self) -> bool {
        let is_known = |name: &String| {
            let steps = self.steps(name).filter_map(|(step, _)| Step::named(step));
            let steps: Vec<Step> = steps.collect();
            match Action::named(name) {
                Some(Action::Own(own)) => own.set_steps(&steps),
                Some(action) => action.steps() == steps,
                None => false,
            }
        };
        let consequence = |action: &FileAction| match action.undo.as_str() {
            "never" => format!("{}; cannot be undone", action.says),
            undo => format!("{}; can be undone: {undo}", action.says),
        };
        let facts = ProviderFacts {
            title: self.title.clone(),
            actions: self.actions(),
            consequences: self.actions.values().map(consequence).collect(),
            finds: self.find.keys().copied().collect(),
        };
        let name = Name::new(&self.name);
        self.actions.keys().all(is_known) && name.is_some_and(|name| name.set_provider(facts))
    }

    /// The keys of an account: those of the address, and the secret ones.
    pub fn keys(&self) -> (BTreeSet<&str>, BTreeSet<&str>) {
        let plain = keys_in(&self.base_url);
        let auth = &self.auth;
        let pairs = [&auth.basic, &auth.header].into_iter().flatten().flatten();
        let mut texts: Vec<&str> = pairs.chain(&auth.bearer).map(String::as_str).collect();
        if let Some(call) = &auth.client_credentials {
            texts.extend(
                call.form
                    .iter()
                    .flat_map(BTreeMap::values)
                    .map(String::as_str),
            );
            strings(call.json.as_ref(), &mut texts);
        }
        let secret = texts.into_iter().flat_map(keys_in);
        let secret = secret.filter(|key| !plain.contains(key)).collect();
        (plain, secret)
    }

    /// The columns that hold ids without being named, the likeliest first.
    pub fn id_columns(&self) -> &[String] {
        &self.ids.columns
    }

    /// The pattern of the whole id: `^a|b$` anchors each half on one side only.
    pub fn id_pattern(&self) -> Option<regex_lite::Regex> {
        regex_lite::Regex::new(&format!("^(?:{})$", self.ids.pattern)).ok()
    }

    /// The limits of an account whose configuration states none.
    pub fn defaults(&self) -> Option<AccountLimits> {
        let stated: Quota = self.limits.requests.parse().ok()?;
        let requests = NonZeroU32::new(stated.requests().get() / self.weight())?;
        // Nearly all requests are writes.
        let requests = Quota::try_new(requests, stated.span())?;
        let concurrency = self.limits.concurrency.map_or(8, NonZeroU32::get);
        Some(contract::limits(requests, concurrency))
    }

    /// As how many requests a deletion counts.
    pub(super) fn weight(&self) -> u32 {
        self.limits
            .weight
            .get("write")
            .map_or(1, |weight| weight.get())
    }

    /// A digest of all that decides what is sent and what an answer to it means.
    pub fn digest(&self) -> String {
        let address = (&self.name, &self.base_url, &self.headers, &self.auth);
        let requests = (&self.identify, &self.look, &self.actions, &self.answers);
        let parts = serde_json::to_vec(&(address, requests)).unwrap_or_default();
        blake3::hash(&parts).to_hex().to_string()
    }
}

/// Two texts, no more and no fewer.
fn pair<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<[String; 2]>, D::Error> {
    let pair = Vec::deserialize(deserializer)?.try_into().map(Some);
    pair.map_err(|_| D::Error::custom("wrong length, expected two texts"))
}

/// The keys that stand in braces in `text`; of braces that are not closed an empty one.
pub(super) fn keys_in(text: &str) -> BTreeSet<&str> {
    let pieces = text.split('{').skip(1);
    (pieces.map(|piece| piece.split_once('}').map_or("", |it| it.0))).collect()
}

/// Every string within `value`.
pub(super) fn strings<'v>(value: Option<&'v Value>, found: &mut Vec<&'v str>) {
    match value {
        Some(Value::String(text)) => found.push(text),
        Some(Value::Array(values)) => values.iter().for_each(|it| strings(Some(it), found)),
        Some(Value::Object(fields)) => fields.values().for_each(|it| strings(Some(it), found)),
        _ => {}
    }
}
