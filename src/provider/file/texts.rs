//! The refusals of a provider file beyond its form: taken names, words that are no single line, headers that
//! are not the file's to set. Also ids that are no single word, and words that may be anybody's answer.

use std::time::Duration;

use ::http::HeaderName;

use super::check::{Refusal, fit};
use super::format::{FileExample, FileRule, ProviderFile};
use crate::domain::{Time, escape_controls};
use crate::provider::body::Body;

/// The headers that belong to the connection or the request, or give it another method.
const SET_ELSEWHERE: &str = "host connection content-length expect keep-alive proxy-authorization te \
    proxy-connection trailer transfer-encoding upgrade x-http-method x-http-method-override \
    x-method-override";

/// No right clock is before the day on which this program's own files were read.
const WRITTEN: &str = "2026-11-30";

/// Whether `text` is shown as it stands, on one line, and is not blank.
pub(super) fn is_line(text: &str) -> bool {
    !text.trim().is_empty() && !text.contains(['\n', '\t']) && escape_controls(text) == *text
}

/// Whether a file may say what stands in the header `name`.
pub(super) fn is_free_header(name: &str) -> bool {
    let is_other = |name: HeaderName| SET_ELSEWHERE.split(' ').all(|other| name != *other);
    name.parse().is_ok_and(is_other)
}

impl ProviderFile {
    /// Refuses what seems to be another file, another day or another pace. `text`: the whole file.
    pub(super) fn check_facts(&self, text: &str) -> Result<(), Refusal> {
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
    pub(super) fn check_pattern(&self) -> Result<(), Refusal> {
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
}

impl FileRule {
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
