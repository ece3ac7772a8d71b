//! What Zendesk's headers say of its limits, in the spellings of all the years:
//! `x-rate-limit`, `rate-limit`, `ratelimit-limit`; `zendesk-rate-limit-…`, `zendesk-ratelimit-…`.

use std::num::NonZeroU32;
use std::time::Duration;

use ::http::HeaderMap;

use crate::domain::{Quota, Step};
use crate::provider::body::Body;
use crate::provider::rate_hint::{Composed, composed, number, retry_after};
use crate::provider::{Moment, RateHint, RateHints, Reply, Scope};

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

/// What the headers say; `step`: of which request, `None`: a read.
pub(super) fn hints(step: Option<Step>, headers: &HeaderMap) -> RateHints {
    RateHints {
        account: account(headers),
        endpoint: endpoint(headers).map(|(name, said)| RateHint {
            limit: span_of(step, &name).and_then(|span| quota(said.total?, span)),
            remaining: said.remaining,
            resets_in: said.resets,
        }),
        day_left: None,
    }
}

/// What a 429 (or a refusal of a job) asks for. The endpoint's limit is meant if its own header
/// says that nothing is left, or if the account's says that something is; a text for an answer
/// speaks of an endpoint as well, the account's limit is told in JSON.
pub(super) fn throttled(reply: &Reply, body: &Body<'_>) -> Moment {
    let account = account(&reply.headers);
    let endpoint = endpoint(&reply.headers).map(|(_, said)| said);
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
        Scope::Endpoint if endpoint_is_empty => endpoint?.resets,
        Scope::Account if left == Some(0) => account?.resets_in,
        Scope::Endpoint | Scope::Account | Scope::AtOnce => None,
    });
    Moment::Throttled { scope, wait }
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

/// The composed header of the endpoint called; of several, the one with the least left. The limit
/// on jobs under way is none of an endpoint.
fn endpoint(headers: &HeaderMap) -> Option<(String, Composed)> {
    headers
        .iter()
        .filter_map(|(name, value)| {
            let name = name.as_str();
            let of = name
                .strip_prefix("zendesk-ratelimit-")
                .or_else(|| name.strip_prefix("zendesk-rate-limit-"))?;
            let said = composed(value.to_str().ok()?)?;
            (of != "inflight-jobs").then(|| (of.to_owned(), said))
        })
        .min_by_key(|(_, said)| said.remaining.unwrap_or(u64::MAX))
}

/// The span that an endpoint's total is for; `None`: it is not known.
fn span_of(step: Option<Step>, name: &str) -> Option<Duration> {
    match step? {
        Step::PermanentlyDelete if name.contains("deleted-user") => Some(PERMANENT_SPAN),
        Step::PermanentlyDelete | Step::Delete | Step::DeletePersonalInformation => None,
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rstest::rstest;

    use super::{hints, throttled};
    use crate::domain::Step;
    use crate::provider::body::Body;
    use crate::provider::testing::{headers, reply};
    use crate::provider::{Moment, RateHint, Scope};

    #[rstest]
    #[case("x-rate-limit: 400 | x-rate-limit-remaining: 399", Some(("400/1m", 399, None)))]
    #[case("rate-limit: 700 | rate-limit-remaining: 0 | rate-limit-reset: 48", Some(("700/1m", 0, Some(48))))]
    #[case("ratelimit-limit: 2500 | ratelimit-remaining: 7 | ratelimit-reset: 3", Some(("2500/1m", 7, Some(3))))]
    #[case("ratelimit-limit: 400 | ratelimit-remaining: 0 | ratelimit-reset: 1795339800", Some(("400/1m", 0, None)))]
    #[case("ratelimit-limit: 400 | ratelimit-remaining: 0 | ratelimit-reset: 18446744073709551615", Some(("400/1m", 0, None)))]
    #[case("content-type: text/plain", None)]
    fn every_spelling_of_the_accounts_limit_is_read(
        #[case] lines: &str,
        #[case] said: Option<(&str, u64, Option<u64>)>,
    ) {
        let hint = said.map(|(limit, remaining, resets)| RateHint {
            limit: Some(limit.parse().unwrap()),
            remaining: Some(remaining),
            resets_in: resets.map(Duration::from_secs),
        });
        assert_eq!(hints(None, &headers(lines)).account, hint);
    }

    #[rstest]
    #[case(
        "zendesk-ratelimit-deleted-users-destroy: total=700; remaining=3; resets=41",
        Some("700/10m")
    )]
    #[case(
        "zendesk-rate-limit-deleted-users-destroy: total=700; remaining=3; resets=41",
        Some("700/10m")
    )]
    #[case(
        "zendesk-ratelimit-per-user-updates: total=30; remaining=3; resets=41",
        None
    )]
    fn an_endpoints_limit_is_read_and_its_span_not_guessed(
        #[case] line: &str,
        #[case] limit: Option<&str>,
    ) {
        let hint = hints(Some(Step::PermanentlyDelete), &headers(line))
            .endpoint
            .unwrap();
        assert_eq!(hint.limit, limit.map(|limit| limit.parse().unwrap()));
        assert_eq!(hint.remaining, Some(3));
        assert_eq!(hint.resets_in, Some(Duration::from_secs(41)));
    }

    #[test]
    fn of_several_endpoint_headers_the_tightest_counts_and_jobs_are_none() {
        let headers = headers(
            "zendesk-ratelimit-inflight-jobs: total=30; remaining=0; resets=60 | \
             zendesk-ratelimit-a: total=9; remaining=5; resets=1 | \
             zendesk-ratelimit-b: total=9; remaining=2; resets=2",
        );
        let hint = hints(Some(Step::Delete), &headers).endpoint.unwrap();
        assert_eq!((hint.limit, hint.remaining), (None, Some(2)));
    }

    #[rstest]
    #[case("retry-after: 93", "{}", Scope::Account, Some(93))]
    #[case(
        "retry-after: 27 | x-rate-limit-remaining: 668",
        "",
        Scope::Endpoint,
        Some(27)
    )]
    #[case(
        "x-rate-limit-remaining: 0 | ratelimit-reset: 12",
        "",
        Scope::Account,
        Some(12)
    )]
    #[case(
        "x-rate-limit-remaining: 5 | zendesk-ratelimit-x: total=9; remaining=0; resets=8",
        "",
        Scope::Endpoint,
        Some(8)
    )]
    #[case(
        "x-rate-limit-remaining: 0 | zendesk-ratelimit-x: total=9; remaining=0; resets=8 | retry-after: 2",
        "",
        Scope::Endpoint,
        Some(2)
    )]
    #[case(
        "zendesk-ratelimit-x: total=9; remaining=4; resets=8",
        "",
        Scope::Account,
        None
    )]
    #[case(
        "retry-after: 4",
        "Rate limit for user updates exceeded, please wait",
        Scope::Endpoint,
        Some(4)
    )]
    #[case(
        "retry-after: 4",
        "Rate limit for the account exceeded",
        Scope::Account,
        Some(4)
    )]
    #[case("a: b", "", Scope::Account, None)]
    fn what_has_to_wait_is_read_from_the_headers_first(
        #[case] lines: &str,
        #[case] body: &str,
        #[case] scope: Scope,
        #[case] secs: Option<u64>,
    ) {
        let reply = reply(429, lines, body);
        let wait = secs.map(Duration::from_secs);
        assert_eq!(
            throttled(&reply, &Body::of(&reply)),
            Moment::Throttled { scope, wait }
        );
    }
}
