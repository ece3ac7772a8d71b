//! The other side of a provider file: which request one is that arrives, and what is answered, by the
//! file's own examples. The sandbox serves files by this.

use ::http::{HeaderMap, Method};
use percent_encoding::percent_decode_str;
use serde_json::Value;
use url::{Url, form_urlencoded};

use super::FileSettings;
use super::format::{FileCall, ID, ProviderFile};
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
            if own == ID {
                given.clone_into(&mut user);
            }
            own == ID || own == given
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
                for (key, own) in own.as_object()? {
                    if !fits(own.as_str().unwrap_or_default(), body[key].as_str()?) {
                        return None;
                    }
                }
                Some(user)
            }
            _ => Some(user),
        }
    }
}

impl ProviderFile {
    /// What a request may be that arrives, `token`, `identify`, `look` or a step, and the user it is about.
    pub fn asked(
        &self,
        (method, path, query): (&Method, &str, &str),
        body: &[u8],
    ) -> Vec<(&str, String)> {
        let token = self.auth.client_credentials.as_ref().map(FileCall::bare);
        if token.is_some_and(|call| call.asked(method, path, query, body).is_some()) {
            return vec![("token", String::new())];
        }
        let reads = [("identify", &self.identify), ("look", &self.look)];
        let steps = self.all_steps().map(|(name, call, ..)| (name, call));
        let all = reads.into_iter().chain(steps);
        all.filter_map(|(name, call)| Some((name, call.asked(method, path, query, body)?)))
            .collect()
    }

    /// The step called `name`: its place in its action, whether it is the last, and whether its success is
    /// that the order was taken. `None`: it is none.
    pub fn place_of(&self, name: &str) -> Option<(usize, bool, bool)> {
        let (_, call, action, is_last) = self.step_named(name)?;
        let mut steps = action.steps.iter();
        let place = steps.position(|step| std::ptr::eq(step, call))?;
        Some((place, is_last, call.is_later()))
    }

    /// Status and body of the example that `means` so in answer to `to`, or to any step, about the user `id`.
    pub fn shown(&self, to: &str, means: &str, id: &str) -> Option<(u16, String)> {
        let any = || self.replies.iter().find(|it| it.means == means);
        let own = self.example(to, means);
        let example = match means {
            "row.not_found" | "unknown" => own?,
            _ => own.or_else(any)?,
        };
        let body = match example.id.as_str() {
            "" => example.body.clone(),
            shown => example.body.replace(shown, id),
        };
        Some((example.status, body))
    }

    /// The account of this file with `secret` as each key's value.
    fn with_secret(&self, base_url: Url, secret: &str) -> FileSettings {
        let (plain, secrets) = self.keys();
        let shown = plain.iter().map(|key| (key.to_string(), secret.into()));
        let hidden = secrets.iter().map(|key| (key.to_string(), secret.into()));
        FileSettings {
            file: self.clone().into(),
            base_url,
            plain: shown.collect(),
            secrets: hidden.collect(),
        }
    }

    /// Whether `headers` show credentials that are `secret` throughout, or such a token.
    pub fn opens(&self, headers: &HeaderMap, secret: &str) -> bool {
        let Ok(base) = Url::parse("https://example.invalid") else {
            return false;
        };
        let own = self.auth.header.as_ref();
        let name = own.map_or("authorization", |[name, _]| name);
        let wanted = match self.auth.client_credentials {
            Some(_) => crate::provider::auth::token("Bearer", &secret.into()),
            None => self.with_secret(base, secret).authorization(),
        };
        headers.get(name) == Some(&wanted)
    }

    /// The account's limit, and as how many requests a deletion counts.
    pub fn stated_limit(&self) -> Option<(Quota, u32)> {
        Some((self.limits.requests.parse().ok()?, self.weight()))
    }
}
