//! The meaning of answers by a provider file. The rule of the request comes first, then `answers`,
//! then the rules of the status that hold at every provider.

use std::collections::BTreeSet;
use std::time::Duration;

use ::http::HeaderMap;
use serde_json::Value;
use url::Url;

use super::check::{Refusal, fit};
use super::format::{FileCall, FileExample, FileRule, ProviderFile};
use crate::domain::{FindBy, Quota, StopKind, UserId, UserState};
use crate::provider::body::{Body, id_text, json};
use crate::provider::http::{number, place, retry_after, seconds};
use crate::provider::{
    Identity, RateHint, RateHints, Reply, RowEnd, Said, Scope, Transient, Verdict, verdict,
};

/// The passing states that an answer may show.
const MOMENTS: [Transient; 4] = [
    Transient::Throttled {
        scope: Scope::Account,
        wait: None,
    },
    Transient::ServerError { wait: None },
    Transient::Conflict,
    Transient::Unrecognised,
];

/// The reasons for which an answer may stop an account.
const STOPS: [StopKind; 6] = [
    StopKind::CredentialsRejected,
    StopKind::NotPermitted,
    StopKind::WrongTenant,
    StopKind::PaymentRequired,
    StopKind::OrgCap,
    StopKind::QuotaGone,
];

/// All that an answer may mean, as files write it, each behind its word.
fn meanings() -> impl Iterator<Item = (String, Verdict)> {
    let rows = RowEnd::ALL.map(|end| Verdict::Row(end, Said::default()));
    let moments = MOMENTS.map(|moment| Verdict::Transient(moment, Said::default()));
    let stops = STOPS.map(|kind| Verdict::Account(kind, Said::default()));
    let all = rows.into_iter().chain(moments).chain(stops);
    all.map(|verdict| (word(&verdict), verdict))
}

/// The meaning of `word`; `None`: it is none of the words.
pub(super) fn meaning(word: &str) -> Option<Verdict> {
    let known = meanings().find(|(name, _)| name == word);
    known.map(|(_, verdict)| verdict)
}

/// All words that [`meaning`] knows.
pub(super) fn words() -> impl Iterator<Item = String> {
    meanings().map(|(name, _)| name)
}

/// The word for `verdict`.
pub(super) fn word(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Row(end, _) => format!("row.{end}"),
        Verdict::Transient(moment, _) => format!("transient.{}", moment.name()),
        Verdict::Account(kind, _) => format!("account.{kind}"),
        Verdict::TokenRejected(_) => format!("account.{}", StopKind::CredentialsRejected),
        Verdict::Look(..) => "row.unclear".to_owned(),
    }
}

impl FileRule {
    /// Whether an answer is what this rule says. A page is nobody's answer.
    pub(super) fn fits(&self, id: &str, body: &Body<'_>, status: u16) -> bool {
        if status != self.status || matches!(body, Body::Markup) {
            return false;
        }
        if self.empty {
            return matches!(body, Body::Empty);
        }
        let Some(equals) = &self.equals else {
            return true;
        };
        let pointer = equals["pointer"].as_str().unwrap_or_default();
        let Some(found) = at(body, pointer).filter(|found| !found.is_null()) else {
            return false;
        };
        if equals["id"] == true {
            return id_text(Some(&found)).as_deref() == Some(id);
        }
        equals["any"] == true || [&equals["text"], &equals["number"]].contains(&&found)
    }

    /// Whether it fits an example, whatever rule comes before it.
    pub(super) fn takes(&self, example: &FileExample) -> bool {
        let reply = example.reply();
        self.fits(&example.id, &Body::of(&reply), reply.status)
    }

    /// Refuses what may be anybody's answer as one about a user: of the look, or of `answers`.
    pub(super) fn check_is_of_user(&self, place: &str) -> Result<(), Refusal> {
        let means = self.means.as_deref().unwrap_or("row.");
        let is_of_user = match self.status {
            _ if !means.starts_with("row.") => return Ok(()),
            401 | 407 | 408 | 429 => false,
            300..=399 => means == "row.refused",
            403 => means != "row.",
            status => (200..=499).contains(&status),
        };
        fit(self.equals.is_some() || self.empty, place, "alone-row")?;
        fit(is_of_user, place, "nobodys")
    }
}

/// The value at `pointer` in a body that is an object.
fn at(body: &Body<'_>, pointer: &str) -> Option<Value> {
    let mut keys = pointer.strip_prefix('/')?.split('/');
    let first = body.object()?.get(keys.next()?)?;
    let rest = keys.fold(String::new(), |path, key| path + "/" + key);
    first.pointer(&rest).cloned()
}

/// Whether the headers name a next page (RFC 8288).
fn leads_on(headers: &HeaderMap) -> bool {
    let links = headers.get_all(::http::header::LINK).into_iter();
    let mut links = links.filter_map(|link| Some(link.to_str().ok()?.replace('"', "")));
    let is_next = |part: &str| {
        let (name, relations) = part.split_once('=').unwrap_or_default();
        let is_it = |it: &str| it.eq_ignore_ascii_case("next");
        name.trim().eq_ignore_ascii_case("rel") && relations.split_whitespace().any(is_it)
    };
    links.any(|link| link.split([';', ',']).any(is_next))
}

impl ProviderFile {
    /// The place in `answers` of the first rule that fits.
    pub(super) fn answer(&self, id: &str, reply: &Reply) -> Option<usize> {
        let body = Body::of(reply);
        let mut rules = self.answers.iter();
        rules.position(|rule| rule.fits(id, &body, reply.status))
    }

    /// The statement of an answer, for the ledger: a plain word where `answers` look for one, and no more.
    fn said(&self, body: &Body<'_>) -> Said {
        let equals = self.answers.iter().filter_map(|rule| rule.equals.as_ref());
        let pointers = equals.filter(|equals| equals.get("text").is_some());
        let pointers = pointers.filter_map(|equals| equals["pointer"].as_str());
        let mut texts = pointers.filter_map(|pointer| at(body, pointer));
        let text = texts.find_map(|text| text.as_str().map(str::to_owned));
        Said::of(text.as_deref(), None)
    }

    /// The meaning of an answer that its request has no rule for.
    fn refusal(&self, id: &str, reply: &Reply) -> Verdict {
        let body = Body::of(reply);
        let said = self.said(&body);
        let rule = self.answer(id, reply).map(|place| &self.answers[place]);
        let known = rule.and_then(|rule| meaning(rule.means.as_deref()?));
        let said = match rule {
            // Known by its form, which is the provider's own, or by a text of several words.
            Some(rule) if said.code.is_none() && rule.equals.is_some() => {
                let form = || format!("HTTP {} in the provider's form", reply.status);
                Said::ours("known_answer", said.message.unwrap_or_else(form))
            }
            _ => said,
        };
        match known.unwrap_or_else(|| verdict::by_status(reply, &body, said.clone())) {
            Verdict::Row(end, _) => Verdict::Row(end, said),
            // Where tokens are fetched, another may be taken.
            Verdict::Account(StopKind::CredentialsRejected, _) => Verdict::TokenRejected(said),
            Verdict::Account(kind, known) if known.is_empty() => Verdict::Account(kind, said),
            Verdict::Transient(Transient::Throttled { scope, .. }, _) => {
                let wait = self.wait(&reply.headers);
                Verdict::Transient(Transient::Throttled { scope, wait }, said)
            }
            Verdict::Transient(moment, known) if known.is_empty() => {
                Verdict::Transient(moment, said)
            }
            other => other,
        }
    }

    /// The meaning of the answer to a step.
    pub(super) fn judge(&self, call: &FileCall, id: &UserId, reply: &Reply) -> Verdict {
        let body = Body::of(reply);
        match &call.success {
            Some(rule) if rule.fits(id.as_str(), &body, reply.status) => {
                let end = if rule.accepted {
                    RowEnd::Ordered
                } else {
                    RowEnd::Deleted
                };
                Verdict::Row(end, Said::default())
            }
            // It is of the right kind, and about somebody else.
            Some(rule)
                if rule.names_user() && rule.status == reply.status && body.object().is_some() =>
            {
                verdict::other_user()
            }
            _ => self.refusal(id.as_str(), reply),
        }
    }

    /// How a user stands by the answer to the look: active or unknown.
    pub(super) fn state(&self, id: &UserId, reply: &Reply) -> Result<UserState, Verdict> {
        let body = Body::of(reply);
        let is = |rule: &Option<FileRule>| {
            let rule = rule.as_ref();
            rule.is_some_and(|rule| rule.fits(id.as_str(), &body, reply.status))
        };
        if is(&self.look.standing) {
            return Ok(UserState::Active { role: None });
        }
        if is(&self.look.unknown) {
            return Ok(UserState::Unknown);
        }
        Err(verdict::of_read(self.refusal(id.as_str(), reply)))
    }

    /// The caller's identity by the answer to `identify`. The caller is an id, and never an address.
    pub(super) fn who(&self, base: &Url, reply: &Reply) -> Result<Identity, Verdict> {
        let body = Body::of(reply);
        let text = |pointer: &Option<String>| id_text(at(&body, pointer.as_deref()?).as_ref());
        let named = text(&self.identify.tenant).filter(|name| !name.is_empty());
        let is_whole = self.identify.tenant.is_none() || named.is_some();
        if reply.status != 200 || body.object().is_none() || !is_whole {
            return Err(verdict::of_read(self.refusal("", reply)));
        }
        let place = place(base);
        let caller = text(&self.identify.caller).filter(|caller| !caller.contains('@'));
        Ok(Identity {
            tenant: named.map_or_else(|| place.clone(), |name| format!("{place}/{name}")),
            caller: caller.map(UserId::new),
            ..Identity::default()
        })
    }

    /// The users whom the answer to a search shows to have `key`, an e-mail address in any case. It is no
    /// answer if it is no list, or one that goes on: whom it does not show may be there all the same.
    pub(super) fn found(
        &self,
        (by, call): (FindBy, &FileCall),
        key: &str,
        reply: &Reply,
    ) -> Result<Vec<UserId>, Verdict> {
        let at =
            |value: &Value, pointer: &Option<String>| value.pointer(pointer.as_deref()?).cloned();
        let answer = json(reply).filter(|_| reply.status == 200);
        let answer = answer.unwrap_or_default();
        let Some(Value::Array(items)) = at(&answer, &call.items) else {
            return Err(verdict::of_read(self.refusal("", reply)));
        };
        let form = |key: &str| match by {
            FindBy::Email => key.to_ascii_lowercase(),
            FindBy::ExternalId => key.to_owned(),
        };
        let mut users = BTreeSet::new();
        for item in &items {
            let id = id_text(at(item, &call.id).as_ref()).filter(|id| self.is_id(id));
            let (Some(id), Some(own)) = (id, at(item, &call.equals)) else {
                let why = "the answer names a user without an id, or without a word of what was asked for";
                return Err(verdict::unclear("unknown_answer", why));
            };
            if id_text(Some(&own)).is_some_and(|own| form(&own) == form(key)) {
                users.insert(UserId::new(id));
            }
        }
        let nothing = [Value::Null, false.into(), "".into()];
        let is_part = at(&answer, &call.more).is_some_and(|more| !nothing.contains(&more));
        if users.len() < 2 && (is_part || leads_on(&reply.headers)) {
            return Err(verdict::part_of_answer());
        }
        Ok(users.into_iter().collect())
    }

    fn header<'h>(&self, what: &str, headers: &'h HeaderMap) -> Option<&'h str> {
        let name = self.limits.headers.get(what)?;
        headers.get(name.as_str())?.to_str().ok()
    }

    /// Until the limit begins anew, as its header says, seconds or an epoch less the answer's `Date`.
    fn resets_in(&self, headers: &HeaderMap) -> Option<Duration> {
        let text = self.header("reset", headers)?;
        if self.limits.headers.get("reset_is").map(String::as_str) != Some("epoch") {
            return seconds(text);
        }
        let date = headers.get(::http::header::DATE)?.to_str().ok()?;
        let now = httpdate::parse_http_date(date).ok()?;
        let now = now.duration_since(std::time::UNIX_EPOCH).ok()?;
        Some(seconds(text)?.saturating_sub(now))
    }

    /// How long a refusal for too many requests asks to wait.
    fn wait(&self, headers: &HeaderMap) -> Option<Duration> {
        let own = || self.header("retry_after", headers).and_then(seconds);
        let own = || own().or_else(|| self.resets_in(headers));
        retry_after(headers).or_else(own)
    }

    /// The account's limit by the headers of any answer.
    pub(super) fn hints(&self, headers: &HeaderMap) -> RateHints {
        let read = |what| {
            let name = self.limits.headers.get(what)?;
            Some(number(headers, &[name.as_str()])? / u64::from(self.weight()))
        };
        let span = self.limits.requests.parse::<Quota>().ok().map(Quota::span);
        let limit = read("limit").and_then(|limit| u32::try_from(limit).ok()?.try_into().ok());
        let hint = RateHint {
            limit: limit
                .zip(span)
                .and_then(|(limit, span)| Quota::try_new(limit, span)),
            remaining: read("remaining"),
            resets_in: self.resets_in(headers),
        };
        RateHints {
            account: (hint != RateHint::default()).then_some(hint),
            ..RateHints::default()
        }
    }
}
