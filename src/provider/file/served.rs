//! The other side of a provider file: which request one is that arrives, and what is answered, by the
//! file's own examples. The sandbox serves files by this.

use ::http::{HeaderMap, Method};
use percent_encoding::percent_decode_str;
use serde_json::Value;
use url::form_urlencoded;

use super::format::{FileCall, ProviderFile, keys_in};
use crate::domain::Quota;

impl FileCall {
    /// The user whom a request is about that is this one; `None`: it is another. Empty: it is about nobody.
    fn asked(&self, method: &Method, path: &str, query: &str, body: &[u8]) -> Option<String> {
        let (own_method, segments, pairs) = self.parts()?;
        let given: Vec<&str> = path.strip_prefix('/')?.split('/').collect();
        if own_method != *method || given.len() != segments.len() {
            return None;
        }
        let mut user = String::new();
        let mut fits = |own: &str, given: &str| {
            let slot = own.split_once('{');
            let slot = slot.and_then(|(before, rest)| Some((before, rest.rsplit_once('}')?.1)));
            let Some((before, after)) = slot else {
                return own == given;
            };
            let rest = given.strip_prefix(before);
            let inner = rest.and_then(|rest| rest.strip_suffix(after));
            inner.unwrap_or_default().clone_into(&mut user);
            inner.is_some()
        };
        for (own, given) in segments.into_iter().zip(given) {
            if !fits(own, &percent_decode_str(given).decode_utf8_lossy()) {
                return None;
            }
        }
        let mut given = form_urlencoded::parse(query.as_bytes());
        for (key, own) in pairs {
            let (given_key, value) = given.next()?;
            if given_key != key || !fits(own, &value) {
                return None;
            }
        }
        match &self.json {
            Some(own) if self.form.is_none() => {
                let body: Value = serde_json::from_slice(body).unwrap_or_default();
                has_strings(own, &body, &mut fits).then_some(user)
            }
            _ => Some(user),
        }
    }
}

/// Whether `given` has what stands in `own`, of texts as they `fit`.
fn has_strings(own: &Value, given: &Value, fit: &mut impl FnMut(&str, &str) -> bool) -> bool {
    match (own, given) {
        (Value::String(own), Value::String(given)) => fit(own, given),
        (Value::Object(own), _) => {
            (own.iter()).all(|(key, own)| has_strings(own, &given[key], fit))
        }
        (Value::Array(own), Value::Array(given)) => {
            let mut pairs = own.iter().zip(given);
            own.len() == given.len() && pairs.all(|(own, given)| has_strings(own, given, fit))
        }
        _ => own == given,
    }
}

impl ProviderFile {
    /// The possible meanings of a request that arrives, `token`, `identify`, `look`, a search or a
    /// step, and the user or the key it is about.
    pub fn asked(
        &self,
        (method, path, query): (&Method, &str, &str),
        body: &[u8],
    ) -> Vec<(&str, String)> {
        let token = self.auth.client_credentials.as_ref();
        if token.is_some_and(|call| call.asked(method, path, query, body).is_some()) {
            return vec![("token", String::new())];
        }
        let reads = [("identify", &self.identify), ("look", &self.look)];
        let steps = self.all_steps().map(|(name, call, ..)| (name, call));
        let searches = self.searches().map(|(name, _, call)| (name, call));
        let all = reads.into_iter().chain(searches).chain(steps);
        all.filter_map(|(name, call)| Some((name, call.asked(method, path, query, body)?)))
            .collect()
    }

    /// The step called `name`: its place in its action, whether it is the last, and whether its success is
    /// that the order was taken. `None`: it is none.
    pub fn place_of(&self, name: &str) -> Option<(usize, bool, bool)> {
        let (_, call, action, is_last) = self.step_named(name)?;
        let mut steps = action.steps.iter();
        let index = steps.position(|step| std::ptr::eq(step, call))?;
        Some((index, is_last, call.is_later()))
    }

    /// Status and body of the example that `means` so in answer to `to`, or to any step, about the user `id`.
    pub fn example_reply(&self, to: &str, means: &str, id: &str) -> Option<(u16, String)> {
        let any = || self.replies.iter().find(|it| it.means == means);
        let own = self.example(to, means);
        let example = match means {
            "row.not_found" | "unknown" => own?,
            _ => own.or_else(any)?,
        };
        let body = match example.id.as_str() {
            "" => example.body.clone(),
            example_id => example.body.replace(example_id, id),
        };
        Some((example.status, body))
    }

    /// Status and body of the answer to the search `to` that shows these users, each by id and key.
    pub fn listed(&self, to: &str, users: &[(&str, &str)]) -> Option<(u16, String)> {
        let (.., call) = self.searches().find(|(name, ..)| *name == to)?;
        let example = self.example(to, if users.is_empty() { "none" } else { "one" })?;
        let mut answer: Value = serde_json::from_str(&example.body).ok()?;
        let items = answer.pointer_mut(call.items.as_deref()?)?.as_array_mut()?;
        if let Some(like) = items.pop() {
            let item = |(id, key): &(&str, &str)| {
                let mut item = like.clone();
                let own = item.pointer_mut(call.id.as_deref()?)?;
                *own = match id.parse::<u64>() {
                    Ok(number) if own.is_number() => number.into(),
                    _ => (*id).into(),
                };
                *item.pointer_mut(call.equals.as_deref()?)? = (*key).into();
                Some(item)
            };
            *items = users.iter().map(item).collect::<Option<_>>()?;
        }
        Some((example.status, answer.to_string()))
    }

    /// Whether `headers` show credentials that are `secret` throughout, or such a token.
    pub fn opens(&self, headers: &HeaderMap, secret: &str) -> bool {
        let own = self.auth.header.as_ref();
        let name = own.map_or("authorization", |[name, _]| name);
        let wanted = match self.auth.client_credentials {
            Some(_) => crate::provider::auth::token("Bearer", &secret.into()),
            None => self.auth.authorization(|template| {
                let keys = keys_in(template).into_iter();
                let keys = keys.map(|key| format!("{{{key}}}"));
                keys.fold(template.to_owned(), |text, key| text.replace(&key, secret))
            }),
        };
        headers.get(name) == Some(&wanted)
    }

    /// The headers that tell of the account's limit how many requests it has, how many are left, and in how
    /// many seconds it begins anew; the last number is the time, in seconds of the epoch.
    pub fn limit_headers(&self, [limit, remaining, reset, now]: [u64; 4]) -> Vec<(&str, u64)> {
        let names = &self.limits.headers;
        let is_epoch = names.get("reset_is").is_some_and(|it| it == "epoch");
        let reset = if is_epoch { now + reset } else { reset };
        let told = [("limit", limit), ("remaining", remaining), ("reset", reset)];
        let told = told.into_iter();
        told.filter_map(|(what, value)| Some((names.get(what)?.as_str(), value)))
            .collect()
    }

    /// The header that tells how long to wait.
    pub fn wait_header(&self) -> &str {
        let own = self.limits.headers.get("retry_after");
        own.map_or("retry-after", String::as_str)
    }

    /// The account's limit, and as how many requests a deletion counts.
    pub fn stated_limit(&self) -> Option<(Quota, u32)> {
        Some((self.limits.requests.parse().ok()?, self.weight()))
    }
}
