//! The limits in Zendesk's headers, in the spellings of all the years: `x-rate-limit`,
//! `rate-limit`, `ratelimit-limit`; `zendesk-rate-limit-…`, `zendesk-ratelimit-…`.

use std::num::NonZeroU32;
use std::time::Duration;

use ::http::HeaderMap;

use crate::domain::{Quota, Step};
use crate::provider::body::Body;
use crate::provider::rate_hint::{composed, number, retry_after};
use crate::provider::{RateHint, RateHints, Reply, Scope, Transient};

/// The account's limit is counted per minute.
pub(super) const ACCOUNT_SPAN: Duration = Duration::from_mins(1);
/// Permanent deletions are counted per ten minutes.
pub(super) const PERMANENT_SPAN: Duration = Duration::from_mins(10);

const LIMIT: [&str; 3] = ["x-rate-limit", "ratelimit-limit", "rate-limit"];
const REMAINING: [&str; 3] = [
    "x-rate-limit-remaining",
    "ratelimit-remaining",
    "rate-limit-remaining",
];
const RESET: [&str; 2] = ["ratelimit-reset", "rate-limit-reset"];

/// The limits in the headers; `step`: of which request, `None`: a read.
pub(super) fn hints(step: Option<Step>, headers: &HeaderMap) -> RateHints {
    RateHints {
        account: account(headers),
        endpoint: endpoint(headers).map(|(name, (total, hint))| RateHint {
            limit: span_of(step, name).and_then(|span| quota(total?, span)),
            ..hint
        }),
        day_left: None,
    }
}

/// The wait that a 429 (or a refusal of a job) asks for. The endpoint's limit is meant if its own
/// header says that nothing is left, or if the account's says that something is. A text for an
/// answer speaks of an endpoint as well; the account's limit is told in JSON.
pub(super) fn throttled(reply: &Reply, body: &Body<'_>) -> Transient {
    let account = account(&reply.headers);
    let endpoint = endpoint(&reply.headers).map(|(_, (_, hint))| hint);
    let left = account.and_then(|hint| hint.remaining);
    let endpoint_is_empty = endpoint.is_some_and(|said| said.remaining == Some(0));
    let scope = match left {
        _ if endpoint_is_empty => Scope::Endpoint,
        Some(0) => Scope::Account,
        Some(_) => Scope::Endpoint,
        None if matches!(body, Body::Text(text) if speaks_of_an_endpoint(text)) => Scope::Endpoint,
        None => Scope::Account,
    };
    let wait = retry_after(&reply.headers).or_else(|| match scope {
        Scope::Endpoint if endpoint_is_empty => endpoint?.resets_in,
        Scope::Account if left == Some(0) => account?.resets_in,
        Scope::Endpoint | Scope::Account | Scope::Concurrency => None,
    });
    Transient::Throttled { scope, wait }
}

fn account(headers: &HeaderMap) -> Option<RateHint> {
    let hint = RateHint {
        limit: number(headers, &LIMIT).and_then(|limit| quota(limit, ACCOUNT_SPAN)),
        remaining: number(headers, &REMAINING),
        // More than any limit's span is no number of seconds, but a date or nonsense.
        resets_in: number(headers, &RESET)
            .map(Duration::from_secs)
            .filter(|wait| *wait <= Quota::SPAN_MAX),
    };
    (hint != RateHint::default()).then_some(hint)
}

/// The composed header of the endpoint called, of several the one with the least left.
fn endpoint(headers: &HeaderMap) -> Option<(&str, (Option<u64>, RateHint))> {
    headers
        .iter()
        .filter_map(|(name, value)| {
            let name = name.as_str();
            let of = name
                .strip_prefix("zendesk-ratelimit-")
                .or_else(|| name.strip_prefix("zendesk-rate-limit-"))?;
            let said = composed(value.to_str().ok()?)?;
            (of != "inflight-jobs").then_some((of, said))
        })
        .min_by_key(|(_, (_, hint))| hint.remaining.unwrap_or(u64::MAX))
}

/// The span that an endpoint's total is for; `None`: it is not known.
fn span_of(step: Option<Step>, name: &str) -> Option<Duration> {
    match step? {
        Step::PermanentlyDelete if name.contains("deleted-user") => Some(PERMANENT_SPAN),
        _ => None,
    }
}

fn speaks_of_an_endpoint(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    text.contains("rate limit for") && !text.contains("account")
}

fn quota(requests: u64, span: Duration) -> Option<Quota> {
    let requests = NonZeroU32::new(u32::try_from(requests).ok()?)?;
    Quota::try_new(requests, span)
}
