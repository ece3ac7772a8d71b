//! What headers say of limits and waiting, in every spelling the providers have used.
//!
//! Pure: a date is read against the answer's own `Date`, never against a clock of ours.

use std::time::Duration;

use ::http::{HeaderMap, header};

use super::RateHint;

/// The longest wait read from a header, a hundred years: times can be reckoned with, and no server asks
/// for more in earnest.
pub(super) const WAIT_MAX: Duration = Duration::from_hours(24 * 365 * 100);

/// The longest header value looked at, in bytes.
const VALUE_BYTES_MAX: usize = 256;

/// What `Retry-After` asks for, of several the longest: seconds, or an HTTP date less the answer's
/// `Date`, which the transport puts there. A date in the past is zero. See
/// <https://www.rfc-editor.org/rfc/rfc9110#field.retry-after>.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    headers
        .get_all(header::RETRY_AFTER)
        .into_iter()
        .filter_map(|value| value.to_str().ok())
        .filter_map(|value| seconds(value).or_else(|| until(value, headers)))
        .max()
}

/// A number of seconds; a part of one counts as a whole.
pub(super) fn seconds(text: &str) -> Option<Duration> {
    let text = bounded(text)?;
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(part) {
        return None;
    }
    let rest = u64::from(part.bytes().any(|byte| byte != b'0'));
    // More digits than a u64 holds are more seconds than anyone waits.
    let whole = whole.parse::<u64>().unwrap_or(u64::MAX);
    Some(Duration::from_secs(whole.saturating_add(rest)).min(WAIT_MAX))
}

/// How far the HTTP date `text` lies after the answer's `Date`.
fn until(text: &str, headers: &HeaderMap) -> Option<Duration> {
    let date = |text: &str| httpdate::parse_http_date(bounded(text)?).ok();
    let now = date(headers.get(header::DATE)?.to_str().ok()?)?;
    let wait = date(text)?.duration_since(now).unwrap_or_default();
    Some(wait.min(WAIT_MAX))
}

/// The number in the first of `names` that holds one. A window behind the number is left.
pub(super) fn number(headers: &HeaderMap, names: &[&str]) -> Option<u64> {
    names
        .iter()
        .filter_map(|name| headers.get(*name)?.to_str().ok())
        .find_map(leading_number)
}

/// Reads one of Zendesk's composed headers: `total=700; remaining=699; resets=41`. The total stands
/// beside the hint, since its span is not said. `None`: it says nothing known.
pub(super) fn composed(text: &str) -> Option<(Option<u64>, RateHint)> {
    let (mut total, mut hint) = (None, RateHint::default());
    for part in bounded(text)?.split([';', ',']) {
        let Some((name, value)) = part.split_once('=') else {
            continue;
        };
        let value = value.trim();
        match name.trim().to_ascii_lowercase().as_str() {
            "total" | "limit" => total = leading_number(value),
            "remaining" => hint.remaining = leading_number(value),
            "resets" | "reset" => hint.resets_in = seconds(value),
            _ => {}
        }
    }
    (total.is_some() || hint != RateHint::default()).then_some((total, hint))
}

fn leading_number(text: &str) -> Option<u64> {
    let text = bounded(text)?;
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, rest) = text.split_at(end);
    if !(rest.is_empty() || rest.starts_with([',', ';', ' '])) {
        return None;
    }
    number.parse().ok()
}

fn bounded(text: &str) -> Option<&str> {
    (text.len() <= VALUE_BYTES_MAX).then(|| text.trim())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use ::http::{HeaderMap, HeaderName, HeaderValue};
    use proptest::prelude::*;
    use rstest::rstest;

    use super::{WAIT_MAX, composed, number, retry_after};
    use crate::provider::RateHint;

    fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
        let mut all = HeaderMap::new();
        for (name, value) in pairs {
            let name: HeaderName = name.parse().unwrap();
            all.append(name, HeaderValue::from_str(value).unwrap());
        }
        all
    }

    const NOW: &str = "Sun, 22 Nov 2026 09:00:00 GMT";

    #[rstest]
    #[case("93", Some(93))]
    #[case(" 0 ", Some(0))]
    #[case("1.2", Some(2))]
    #[case("99999999999999999999999999", Some(WAIT_MAX.as_secs()))]
    #[case("Sun, 22 Nov 2026 09:01:33 GMT", Some(93))]
    #[case("Wed, 22 Nov 2028 09:00:00 GMT", Some(731 * 86_400))]
    #[case("Sunday, 22-Nov-26 09:01:33 GMT", Some(93))]
    #[case("Sun Nov 22 09:01:33 2026", Some(93))]
    #[case("Sun, 22 Nov 2026 08:00:00 GMT", Some(0))]
    #[case("-5", None)]
    #[case("+5", None)]
    #[case("", None)]
    #[case("soon", None)]
    #[case("1e3", None)]
    #[case("1 2", None)]
    #[case("Fri, 31 Dec 9999 23:59:59 GMT", Some(WAIT_MAX.as_secs()))]
    #[case("Sun, 06 Nov 1994 08:49:37 GMT", Some(0))]
    #[case("Sun, 32 Foo 99999 08:49:37 GMT", None)]
    fn retry_after_is_seconds_or_a_date(#[case] value: &str, #[case] secs: Option<u64>) {
        let headers = headers(&[("retry-after", value), ("date", NOW)]);
        assert_eq!(retry_after(&headers), secs.map(Duration::from_secs));
    }

    #[test]
    fn a_date_without_the_servers_own_time_is_unknown() {
        for date in [None, Some("yesterday")] {
            let mut pairs = vec![("retry-after", "Sun, 22 Nov 2026 09:01:33 GMT")];
            pairs.extend(date.map(|date| ("date", date)));
            assert_eq!(retry_after(&headers(&pairs)), None);
        }
    }

    #[test]
    fn of_several_waits_the_longest_counts() {
        let headers = headers(&["5", "x", "7"].map(|wait| ("retry-after", wait)));
        assert_eq!(retry_after(&headers), Some(Duration::from_secs(7)));
    }

    #[test]
    fn the_first_name_that_holds_a_number_is_taken() {
        let headers = headers(&[
            ("x-rate-limit", "many"),
            ("ratelimit-limit", "700, 700;w=60"),
            ("rate-limit", "1"),
        ]);
        let names = ["x-rate-limit", "ratelimit-limit", "rate-limit"];
        assert_eq!(number(&headers, &names), Some(700));
        assert_eq!(number(&headers, &["absent"]), None);
    }

    #[rstest]
    #[case("total=700; remaining=0; resets=41", Some((Some(700), Some(0), Some(41))))]
    #[case("Total = 30 ;REMAINING=29;x=1", Some((Some(30), Some(29), None)))]
    #[case("remaining=-1; total=a", None)]
    #[case("700", None)]
    #[case("", None)]
    fn a_composed_header_is_read(
        #[case] value: &str,
        #[case] said: Option<(Option<u64>, Option<u64>, Option<u64>)>,
    ) {
        let said = said.map(|(total, remaining, resets)| {
            let hint = RateHint {
                remaining,
                resets_in: resets.map(Duration::from_secs),
                ..RateHint::default()
            };
            (total, hint)
        });
        assert_eq!(composed(value), said);
    }

    proptest! {
        #[test]
        fn no_header_breaks_the_reading_and_no_wait_is_endless(value in "[ -~]{0,300}") {
            let headers = headers(&[("retry-after", &value), ("date", NOW), ("x-rate-limit", &value)]);
            prop_assert!(retry_after(&headers).is_none_or(|wait| wait <= WAIT_MAX));
            let _ = number(&headers, &["x-rate-limit"]);
            let _ = composed(&value);
        }
    }
}
