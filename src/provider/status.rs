//! Verdicts that a status alone decides, the same at every provider, and the words for them.
//!
//! Who calls these and when is each provider's rule; nothing here looks into a provider's JSON.

use url::Url;

use super::body::Body;
use super::rate_hint::retry_after;
use super::{Detail, Moment, Reply, Scope, Verdict};
use crate::domain::StopKind;

/// Any 3xx. None of the APIs redirects, so the address is not the API's; and a deletion is never
/// sent on to where an answer points.
pub(super) fn redirected(reply: &Reply) -> Verdict {
    let target = reply
        .header("location")
        .and_then(|location| Url::parse(location).ok())
        .and_then(|url| url.host_str().map(str::to_owned));
    let to = target.map_or_else(String::new, |host| format!(" to {host}"));
    Verdict::Account(
        StopKind::WrongTenant,
        Detail::ours(
            "redirect",
            format!(
                "HTTP {} redirects{to}, which the API never does; set the address that answers itself",
                reply.status
            ),
        ),
    )
}

/// 5xx, and 408. A 503 that names a time to wait is a database that gave up, or a gateway: neither
/// says that nothing was done.
pub(super) fn unwell(reply: &Reply, detail: Detail) -> Verdict {
    let wait = (reply.status == 503)
        .then(|| retry_after(&reply.headers))
        .flatten();
    Verdict::Moment(Moment::Unwell { wait }, detail)
}

/// Too many requests, for the whole account.
pub(super) fn throttled_account(reply: &Reply, detail: Detail) -> Verdict {
    let wait = retry_after(&reply.headers);
    let scope = Scope::Account;
    Verdict::Moment(Moment::Throttled { scope, wait }, detail)
}

/// Whether a refusal for too many requests says that it was a day's limit, and nothing else: Zoho
/// has a sentence that leaves open whether it was the day's or the number at once.
pub(super) fn speaks_of_a_day(said: &Detail) -> bool {
    ["per day", "daily", "24 hour", "24-hour"]
        .into_iter()
        .any(|words| said.mentions(words))
        && !said.mentions("concurren")
}

/// An answer that is not recognisably the provider's. `detail`: what it says in the provider's
/// form, if anything.
pub(super) fn unrecognised(reply: &Reply, body: &Body<'_>, detail: Detail) -> Verdict {
    let detail = if detail.is_empty() || matches!(body, Body::Markup | Body::Other) {
        not_the_providers(reply, body)
    } else {
        detail
    };
    Verdict::Moment(Moment::Unrecognised, detail)
}

/// An answer that names another user than the one asked for.
pub(super) fn other_user() -> Verdict {
    Verdict::Moment(
        Moment::Unrecognised,
        Detail::ours(
            "other_user",
            "the answer does not name the user it was asked for; something in between mixes answers up",
        ),
    )
}

/// An answer about many users that is only a part: who is missing in it may stand on the rest.
pub(super) fn part_of_answer() -> Verdict {
    Verdict::Moment(
        Moment::Unrecognised,
        Detail::ours(
            "part_of_answer",
            "the answer is one page of several, though all of the users asked for fit on one",
        ),
    )
}

/// A verdict on a deletion, turned into one on a read: what would be about the row is not
/// recognisable there.
pub(super) fn of_read(verdict: Verdict) -> Verdict {
    match verdict {
        Verdict::Row(_, detail) | Verdict::Look(_, detail) => {
            Verdict::Moment(Moment::Unrecognised, detail)
        }
        Verdict::Account(..) | Verdict::Moment(..) | Verdict::TokenRejected(_) => verdict,
    }
}

fn not_the_providers(reply: &Reply, body: &Body<'_>) -> Detail {
    let (code, what) = match body {
        Body::Markup => (
            "html",
            "a page instead of the API's JSON; a proxy or a sign-in page may stand in between",
        ),
        Body::Empty => ("empty_answer", "no body"),
        Body::Object(_) => ("unknown_answer", "JSON that is not in the API's form"),
        Body::Text(_) | Body::Other => ("unknown_answer", "something that is not the API's JSON"),
    };
    Detail::ours(code, format!("HTTP {} with {what}", reply.status))
}
