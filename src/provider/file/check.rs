//! The refusals of a provider file: parts that could send an id astray or pass for a success, and parts missing
//! from its examples. Each with its line, and a reason of `reasons.txt` that says what to do.

use std::collections::BTreeSet;
use std::ops::Range;
use std::time::Duration;

use ::http::{HeaderName, HeaderValue};
use serde_json::Value;
use thiserror::Error;
use toml::Spanned;
use toml::de::{DeTable, DeValue};
use url::Url;

use super::answers::{meaning, word, words};
use super::format::{FileCall, FileExample, FileRule, ID, KEY, ProviderFile, keys_in, strings};
use crate::domain::{
    Action, FindBy, Name, ProviderKind, Quota, Step, Time, UserId, UserState, escape_controls,
};
use crate::provider::{Reply, Verdict, base_url};
use crate::words::behind;

/// The words that say that a user is deleted, or going to be.
const SUCCESSES: [&str; 2] = ["row.deleted", "row.ordered"];

/// The reasons, each behind its word, or behind what a message of the parser says.
const REASONS: &str = include_str!("reasons.txt");

/// The most actions a provider may have.
const ACTIONS_MAX: usize = 8;

/// The keys of every account, which no file may bring again, and what stands for the user's.
const TAKEN_KEYS: [&str; 5] = ["provider", "action", "limits", "base_url", "id"];

/// The facts that headers of limits may tell.
const LIMIT_HEADERS: [&str; 5] = ["remaining", "limit", "reset", "reset_is", "retry_after"];

/// The headers that belong to the connection or the request, or give it another method.
const SET_ELSEWHERE: &str = "host connection content-length expect keep-alive proxy-authorization te \
    proxy-connection trailer transfer-encoding upgrade x-http-method x-http-method-override \
    x-method-override";

/// No right clock is before the day on which this program's own files were read.
const WRITTEN: &str = "2026-11-30";

/// Why a provider file is refused.
#[derive(Debug, Error)]
#[error("line {line}: {why}")]
pub struct FileProblem {
    /// The line, from 1.
    pub line: usize,
    /// The reason, and what to do.
    pub why: String,
}

/// A place in a file, by its keys parted by dots, and why that cannot be.
pub(super) type Refusal = (String, String);

/// Refuses what stands at `place` for a reason.
fn refuse<T>(place: &str, why: impl Into<String>) -> Result<T, Refusal> {
    Err((place.to_owned(), why.into()))
}

/// Refuses what stands at `place`, unless it is fit. `reason`: a word of [`REASONS`].
pub(super) fn fit(is_fit: bool, place: impl AsRef<str>, reason: &str) -> Result<(), Refusal> {
    if is_fit {
        return Ok(());
    }
    refuse(place.as_ref(), behind(REASONS, reason).unwrap_or(reason))
}

impl ProviderFile {
    /// The provider that `text` describes.
    pub fn parse(text: &str) -> Result<Self, FileProblem> {
        let problem = |at: usize, why| {
            let before = text.get(..at).unwrap_or(text);
            let line = 1 + before.bytes().filter(|it| *it == b'\n').count();
            FileProblem { line, why }
        };
        let syntax = |error: &toml::de::Error| {
            let at = error.span().map_or(0, |span| span.start);
            let words = error.message().trim_end().replace('\n', ", ");
            // The parser names the types of its own language.
            let (what, type_) = words.rsplit_once(", expected ").unwrap_or((&words, &words));
            let plain = behind(REASONS, type_).map(|why| format!("{what}; {why}"));
            problem(at, plain.unwrap_or_else(|| words.clone()))
        };
        let root = DeTable::parse(text).map_err(|error| syntax(&error))?;
        let file: Self = toml::from_str(text).map_err(|error| syntax(&error))?;
        match file.check(text) {
            Ok(()) => Ok(file),
            Err((place, why)) => Err(problem(
                span_of(root.get_ref(), place.split('.')).start,
                why,
            )),
        }
    }

    fn check(&self, text: &str) -> Result<(), Refusal> {
        self.check_names()?;
        self.check_facts(text)?;
        self.check_actions()?;
        self.check_address()?;
        self.check_auth()?;
        self.check_calls()?;
        self.check_searches()?;
        for (place, rule) in self.answers.iter().enumerate() {
            let place = format!("answers.{place}");
            rule.check(&place)?;
            if meaning(rule.means.as_deref().unwrap_or_default()).is_none() {
                let known: Vec<String> = words().collect();
                let why = format!("`means` must be one of {}", known.join(", "));
                return refuse(&place, why);
            }
            rule.check_is_of_user(&place)?;
            if SUCCESSES.map(Some).contains(&rule.means.as_deref()) {
                rule.check_confirms(&place)?;
            }
        }
        self.check_limits()?;
        self.check_examples()?;
        self.check_pattern()?;
        self.check_shown()
    }

    fn check_names(&self) -> Result<(), Refusal> {
        let mut own = ProviderKind::ALL.iter();
        let is_taken = own.any(|kind| kind.name() == self.name);
        let (count, sources) = (self.actions.len(), &self.source);
        fit(!is_taken && Name::new(&self.name).is_some(), "name", "name")?;
        fit(is_line(&self.title), "title", "title")?;
        fit(sources.iter().any(|it| is_line(it)), "source", "source")?;
        fit((1..=ACTIONS_MAX).contains(&count), "actions", "actions")
    }

    /// Refuses what seems to be another file, another day or another pace. `text`: the whole file.
    fn check_facts(&self, text: &str) -> Result<(), Refusal> {
        let shipped = Self::shipped_text(&self.name);
        let is_free = shipped.is_none_or(|shipped| shipped.trim_end() == text.trim_end());
        fit(is_free, "name", "shipped")?;
        let read = self.read.date.map(|date| date.to_string());
        // A day begins in the east.
        let tomorrow = Time::now().after(Duration::from_hours(24));
        let is_past = |read: String| read <= tomorrow.to_string() || &*read <= WRITTEN;
        fit(read.is_some_and(is_past), "read", "read")?;
        let is_few = (self.limits.concurrency).is_none_or(|it| it.get() <= 1_000);
        fit(is_few, "limits.concurrency", "concurrency")
    }

    /// Refuses a pattern that would also take what is no single word.
    fn check_pattern(&self) -> Result<(), Refusal> {
        let id = self.example("look", "standing").map_or("", |it| &it.id);
        let stem = id.get(1..).unwrap_or_default();
        let others = ["/", " ", "\n"].map(|sign| format!("{stem}{sign}"));
        let is_narrow = |it: regex_lite::Regex| !others.iter().any(|other| it.is_match(other));
        fit(
            self.id_pattern().is_some_and(is_narrow),
            "ids.pattern",
            "pattern-wide",
        )
    }

    fn check_actions(&self) -> Result<(), Refusal> {
        let mut steps = BTreeSet::new();
        for (name, action) in &self.actions {
            let place = format!("actions.{name}");
            for (key, text) in [("says", &action.says), ("undo", &action.undo)] {
                fit(is_line(text), format!("{place}.{key}"), "blank")?;
            }
            let (known, count) = (Action::named(name), action.steps.len());
            let is_delete = known == Some(Action::Delete);
            let is_own = is_delete || matches!(known, Some(Action::Own(_)));
            let is_later = action.steps.iter().any(FileCall::is_later);
            fit(is_own, &place, "action")?;
            fit(count > 0, &place, "no-steps")?;
            fit(!is_delete || count == 1, &place, "one-request")?;
            fit(!is_delete || !is_later, &place, "later")?;
            for (step, call) in self.steps(name) {
                let is_named = count == 1 || call.name.is_some();
                let is_fit = matches!(Step::named(step), Some(Step::Delete | Step::Own(_)));
                let is_step = is_named && is_fit && steps.insert(step);
                fit(is_step, format!("{place}.steps"), "steps")?;
            }
        }
        Ok(())
    }

    fn check_address(&self) -> Result<(), Refusal> {
        let (plain, secret) = self.keys();
        let is_key = |key: &&str| {
            let fits = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
            !key.is_empty() && key.bytes().all(fits) && !TAKEN_KEYS.contains(key)
        };
        fit(plain.iter().all(is_key), "base_url", "key")?;
        fit(secret.iter().all(is_key), "auth", "key")?;
        let braced = plain.iter().map(|key| format!("{{{key}}}"));
        let filled = braced.fold(self.base_url.clone(), |text, key| text.replace(&key, "key"));
        base_url(&filled).or_else(|why| refuse("base_url", why))?;
        let has_body = self.all_steps().any(|(_, call, ..)| call.json.is_some());
        for (name, value) in &self.headers {
            let lower = &*name.to_ascii_lowercase();
            let is_ours = lower == "authorization" || has_body && lower == "content-type";
            let is_header = is_free_header(name) && !is_ours && keys_in(value).is_empty();
            let is_fit = is_header && value.parse::<HeaderValue>().is_ok();
            fit(is_fit, format!("headers.{name}"), "header")?;
        }
        Ok(())
    }

    fn check_auth(&self) -> Result<(), Refusal> {
        let auth = &self.auth;
        let pairs = [auth.basic.is_some(), auth.header.is_some()];
        let others = [auth.bearer.is_some(), auth.client_credentials.is_some()];
        let ways = pairs.into_iter().chain(others).map(usize::from);
        fit(ways.sum::<usize>() == 1, "auth", "auth")?;
        fit(!self.keys().1.is_empty(), "auth", "secret")?;
        let is_fit = (auth.header.iter()).all(|[name, _]| is_free_header(name));
        fit(is_fit, "auth.header", "header-name")?;
        let Some(call) = &auth.client_credentials else {
            return Ok(());
        };
        let place = "auth.client_credentials";
        call.only(place, &["json", "form"])?;
        let is_one = call.json.is_some() != call.form.is_some();
        fit(is_one && call.request.starts_with("POST "), place, "token")?;
        // Its values are the account's.
        call.check_places(place, (ID, 0), false)
    }

    fn check_calls(&self) -> Result<(), Refusal> {
        let (identify, look) = (&self.identify, &self.look);
        identify.only("identify", &["tenant", "caller"])?;
        identify.check_places("identify", (ID, 0), false)?;
        look.only("look", &["standing", "unknown"])?;
        look.check_places("look", (ID, 1), false)?;
        for (place, call) in [("identify", identify), ("look", look)] {
            let place = format!("{place}.request");
            fit(call.request.starts_with("GET "), &place, "get")?;
        }
        let mut pointers = [&identify.tenant, &identify.caller].into_iter().flatten();
        let are_pointers = pointers.all(|it| it.starts_with('/'));
        fit(are_pointers, "identify", "pointer")?;
        let (Some(standing), Some(unknown)) = (&look.standing, &look.unknown) else {
            return fit(false, "look", "look");
        };
        let is_other = unknown.equals.is_some() && !unknown.names_user() || unknown.empty;
        for (place, rule, is_proof) in [
            ("look.standing", standing, standing.names_user()),
            ("look.unknown", unknown, is_other),
        ] {
            rule.check(place)?;
            let is_alone = !rule.accepted && rule.means.is_none();
            fit(is_proof && is_alone, place, "proof")?;
            rule.check_is_of_user(place)?;
        }
        for (name, action) in &self.actions {
            for (place, call) in action.steps.iter().enumerate() {
                let place = format!("actions.{name}.steps.{place}");
                call.only(&place, &["name", "json", "success"])?;
                call.check_places(&place, (ID, 1), false)?;
                let changes = !call.request.starts_with("GET ");
                fit(changes, format!("{place}.request"), "changes")?;
                match &call.success {
                    Some(success) => success.check_success(&format!("{place}.success"))?,
                    None => fit(false, &place, "success")?,
                }
            }
        }
        Ok(())
    }

    fn check_searches(&self) -> Result<(), Refusal> {
        for (place, by, call) in self.searches() {
            call.only(place, &["json", "items", "id", "equals", "more"])?;
            let method = call.json.as_ref().map_or("GET ", |_| "POST ");
            let is_read = call.request.starts_with(method);
            fit(is_read, format!("{place}.request"), "search")?;
            call.check_places(place, (KEY, 1), by == FindBy::Email)?;
            let is_pointer =
                |it: &Option<String>| it.as_ref().is_some_and(|it| it.starts_with('/'));
            let is_list = call.items.as_deref() == Some("") || is_pointer(&call.items);
            fit(is_list, format!("{place}.items"), "items")?;
            for (key, pointer) in [("id", &call.id), ("equals", &call.equals)] {
                fit(is_pointer(pointer), format!("{place}.{key}"), "items")?;
            }
            let is_more = call.more.is_none() || is_pointer(&call.more);
            fit(is_more, format!("{place}.more"), "pointer")?;
        }
        Ok(())
    }

    /// Whether `text` can be an id here.
    pub(super) fn is_id(&self, text: &str) -> bool {
        let pattern = self.id_pattern();
        pattern.is_some_and(|it| it.is_match(text)) && super::check_id(text).is_ok()
    }

    fn check_limits(&self) -> Result<(), Refusal> {
        let (limits, ids) = (&self.limits, &self.ids);
        if let Err(why) = limits.requests.parse::<Quota>() {
            return refuse("limits.requests", why);
        }
        for key in limits.headers.keys() {
            let is_known = LIMIT_HEADERS.contains(&key.as_str());
            fit(is_known, format!("limits.headers.{key}"), "limit-header")?;
        }
        let reset = limits.headers.get("reset_is").map(String::as_str);
        let has_reset = limits.headers.contains_key("reset");
        let is_reset = reset.map_or(!has_reset, |unit| ["seconds", "epoch"].contains(&unit));
        fit(is_reset, "limits.headers.reset_is", "reset")?;
        let mut weights = limits.weight.keys();
        let is_weight = weights.all(|key| key == "write") && self.defaults().is_some();
        fit(is_weight, "limits.weight", "weight")?;
        if let Err(error) = regex_lite::Regex::new(&ids.pattern) {
            return refuse("ids.pattern", format!("it is no pattern: {error}"));
        }
        let is_whole = ids.pattern.starts_with('^') && ids.pattern.ends_with('$');
        fit(is_whole, "ids.pattern", "pattern")?;
        let is_column = ids.columns.iter().all(|column| !column.trim().is_empty());
        fit(is_column, "ids.columns", "column")
    }

    /// Judges every example, and looks for answers that none of them reaches.
    fn check_examples(&self) -> Result<(), Refusal> {
        let mut reached = BTreeSet::new();
        for (place, example) in self.replies.iter().enumerate() {
            let place = format!("replies.{place}");
            let is_search = example.to.starts_with("find.");
            fit(is_search != example.key.is_empty(), &place, "example-key")?;
            let is_free = example.to == "identify" || is_search && example.means != "one";
            fit(is_free || self.is_id(&example.id), &place, "example-id")?;
            let meant = self.meant(example).or_else(|why| refuse(&place, why))?;
            let is_lost = example.means == "row.not_found" && SUCCESSES.contains(&meant.as_str());
            fit(!is_lost, &place, "look-first")?;
            if meant != example.means {
                let said = &example.means;
                let why = format!(
                    "the file says that this means `{said}`, and by its rules it means `{meant}`; fix the rules or the example"
                );
                return refuse(&place, why);
            }
            let mut reads = "standing unknown identified one none several".split(' ');
            let step = self.step_named(&example.to);
            let success = step.and_then(|(_, call, ..)| call.success.as_ref());
            let is_confirmed = success.is_some_and(|rule| rule.takes(example));
            if !reads.any(|read| read == meant) && !is_confirmed {
                reached.extend(self.answer(&example.id, &example.reply()));
            }
        }
        for (place, rule) in self.answers.iter().enumerate() {
            let is_taken = self.replies.iter().any(|example| rule.takes(example));
            let why = if is_taken { "taken" } else { "unreached" };
            fit(reached.contains(&place), format!("answers.{place}"), why)?;
        }
        Ok(())
    }

    /// Refuses a request that lacks one of the examples that show it.
    fn check_shown(&self) -> Result<(), Refusal> {
        let shows = |place: &str, to: &str, means: &str| {
            let look = match means {
                "row.not_found" => {
                    ", or `look_first = true` if an unknown user is answered like a deleted one"
                }
                _ => "",
            };
            let why = format!(
                "there is no example of `{means}`; add it: `[[replies]]` with to = \"{to}\"{look}"
            );
            let example = self.example(to, means);
            example.map_or_else(|| refuse(place, why), |_| Ok(()))
        };
        shows("identify", "identify", "identified")?;
        shows("look", "look", "standing")?;
        shows("look", "look", "unknown")?;
        for (place, ..) in self.searches() {
            shows(place, place, "one")?;
            shows(place, place, "none")?;
        }
        for (name, action) in &self.actions {
            let place = format!("actions.{name}");
            let first = self.steps(name).next().map_or("", |(step, _)| step);
            for (step, call) in self.steps(name) {
                shows(&place, step, call.confirms())?;
            }
            if !action.look_first {
                shows(&place, first, "row.not_found")?;
            }
            shows(&place, first, "account.credentials_rejected")?;
        }
        Ok(())
    }

    /// The word for what an example means by the rules.
    fn meant(&self, example: &FileExample) -> Result<String, String> {
        let (id, reply) = (UserId::new(example.id.as_str()), example.reply());
        let base = Url::parse("https://example.invalid").map_err(|error| error.to_string())?;
        let kind = |found: Result<&str, Verdict>| match found {
            Ok(found) => found.to_owned(),
            Err(verdict) => word(&verdict),
        };
        match example.to.as_str() {
            "identify" => Ok(kind(self.who(&base, &reply).map(|_| "identified"))),
            "look" => Ok(kind(self.state(&id, &reply).map(|state| match state {
                UserState::Unknown => "unknown",
                _ => "standing",
            }))),
            to => match (self.step_named(to), self.searches().find(|it| it.0 == to)) {
                (Some((_, call, ..)), _) => Ok(word(&self.judge(call, &id, &reply))),
                (None, Some((_, by, call))) => {
                    let found = self.found((by, call), &example.key, &reply);
                    match found.as_deref() {
                        Ok([one]) if *one != id => Err(format!("by its rules this finds `{one}`")),
                        Ok([]) => Ok("none".to_owned()),
                        Ok([_]) => Ok("one".to_owned()),
                        Ok(_) => Ok("several".to_owned()),
                        Err(verdict) => Ok(word(verdict)),
                    }
                }
                _ => Err("`to` must be identify, look, a search of `[find]` or a step".to_owned()),
            },
        }
    }

    /// The first example of what `means` in answer to `to`.
    pub(super) fn example(&self, to: &str, means: &str) -> Option<&FileExample> {
        let mut all = self.replies.iter();
        all.find(|example| example.to == to && example.means == means)
    }
}

impl FileExample {
    pub(super) fn reply(&self) -> Reply {
        Reply {
            status: self.status,
            body: self.body.clone().into(),
            ..Reply::default()
        }
    }
}

impl FileCall {
    /// Refuses keys that say nothing here, beside `request` and those `known`.
    fn only(&self, place: &str, known: &[&str]) -> Result<(), Refusal> {
        let all = serde_json::to_value(self).unwrap_or_default();
        let given = all.as_object().into_iter().flatten();
        let given = given.filter(|(key, value)| !value.is_null() && *key != "request");
        let mut unknown = given.filter(|(key, _)| !known.contains(&key.as_str()));
        unknown.next().map_or(Ok(()), |(key, _)| {
            let known = known.join("`, `");
            let why = format!("unknown key `{key}`, expected `request`, `{known}`");
            refuse(&format!("{place}.{key}"), why)
        })
    }

    /// Refuses a request that does not hold `slot` in `count` places, each a whole segment, value or string.
    /// `within`: also with a few other signs around it in a value, which no e-mail address that is searched
    /// for has.
    fn check_places(
        &self,
        place: &str,
        (slot, count): (&str, usize),
        within: bool,
    ) -> Result<(), Refusal> {
        let place = format!("{place}.request");
        let Some((_, segments, query)) = self.parts() else {
            return fit(false, &place, "request");
        };
        fit(!segments.contains(&""), &place, "empty-segment")?;
        let mut keys = keys_in(&self.request).into_iter();
        fit(slot != ID || keys.all(|key| key == "id"), &place, "no-key")?;
        let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~:".contains(&byte);
        let plain = |text: &str| text == slot || text.bytes().all(is_part);
        let is_segment = |it: &&str| plain(it) && !matches!(*it, "" | "." | "..");
        let is_around = |byte: u8| is_part(byte) || b" \"()".contains(&byte);
        let is_value =
            |text: &str| plain(text) || within && text.replacen(slot, "", 1).bytes().all(is_around);
        let is_pair = |(key, value): &(&str, &str)| *key != slot && plain(key) && is_value(value);
        let mut texts = Vec::new();
        strings(self.json.as_ref().filter(|_| count > 0), &mut texts);
        let is_text = |text: &&str| *text == slot || !text.contains(['{', '}']);
        let is_fit = segments.iter().all(is_segment) && query.iter().all(is_pair);
        fit(is_fit && texts.iter().all(is_text), &place, "one-place")?;
        let values = query.iter().map(|(_, value)| value);
        let found = segments.iter().chain(values).chain(&texts);
        match found.filter(|text| text.contains(slot)).count() {
            found if found == count => Ok(()),
            found => refuse(
                &place,
                format!("`{slot}` stands {found} times in it, and must {count} times"),
            ),
        }
    }
}

impl FileRule {
    fn check(&self, place: &str) -> Result<(), Refusal> {
        let kinds = [self.equals.is_some(), self.empty, self.accepted];
        let kinds = kinds.into_iter().filter(|is_there| *is_there);
        fit(kinds.count() <= 1, place, "one-kind")?;
        let Some(equals) = &self.equals else {
            return Ok(());
        };
        let others = equals.as_object().into_iter().flatten();
        let others = others.filter(|(key, _)| *key != "pointer");
        let others: Vec<_> = others.map(|(key, value)| (key.as_str(), value)).collect();
        let is_fit = match others[..] {
            [("id" | "any", value)] => *value == true,
            [("text", Value::String(_)) | ("number", Value::Number(_))] => true,
            _ => false,
        };
        let pointer = equals["pointer"].as_str().unwrap_or_default();
        fit(is_fit && pointer.starts_with('/'), place, "equals")
    }

    fn check_success(&self, place: &str) -> Result<(), Refusal> {
        self.check(place)?;
        fit(self.means.is_none(), place, "means")?;
        let is_success = (200..=299).contains(&self.status);
        fit(self.equals.is_none() || is_success, place, "status")?;
        self.check_confirms(place)
    }

    /// Refuses what may be the answer of anybody who has deleted nothing.
    fn check_confirms(&self, place: &str) -> Result<(), Refusal> {
        let equals = self.equals.as_ref();
        let is_any = equals.is_some_and(|equals| equals.get("any").is_some());
        fit(!is_any, place, "any")?;
        fit(!self.empty || self.status == 204, place, "status")?;
        fit(!self.accepted || self.status == 202, place, "status")?;
        fit(
            equals.is_some() || self.empty || self.accepted,
            place,
            "alone",
        )
    }
}

/// Whether `text` is shown as it stands, on one line, and is not blank.
fn is_line(text: &str) -> bool {
    !text.trim().is_empty() && !text.contains(['\n', '\t']) && escape_controls(text) == *text
}

/// Whether a file may say what stands in the header `name`.
fn is_free_header(name: &str) -> bool {
    let is_other = |name: HeaderName| SET_ELSEWHERE.split(' ').all(|other| name != *other);
    name.parse().is_ok_and(is_other)
}

/// The span in a TOML file of the thing at `place`, or the nearest thing around it: a key, or an
/// element of a list.
pub fn span_of<'p>(root: &DeTable<'_>, place: impl IntoIterator<Item = &'p str>) -> Range<usize> {
    let (mut span, mut table) = (0..0, Some(root));
    let mut list: Option<&[Spanned<DeValue<'_>>]> = None;
    for key in place {
        let found = match (table, list) {
            (Some(table), _) => {
                let found = table.get_key_value(key);
                found.map(|(key, value)| (key.span(), value))
            }
            (None, list) => {
                let value = key.parse().ok().and_then(|place: usize| list?.get(place));
                value.map(|value| (value.span(), value))
            }
        };
        let Some((at, value)) = found else {
            break;
        };
        span = at;
        table = value.get_ref().as_table();
        list = value.get_ref().as_array().map(|list| &list[..]);
    }
    span
}
