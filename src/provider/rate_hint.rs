//! The statements of headers on limits and waiting, in every spelling the providers have used.
//!
//! Pure: a date is read against the answer's own `Date`, never against a clock of ours.

use std::time::Duration;

use ::http::{HeaderMap, header};

use super::RateHint;
use super::digits::is_digits;

/// The longest wait read from a header, a hundred years: times can be reckoned with, and no server asks
/// for more in earnest.
pub(super) const WAIT_MAX: Duration = Duration::from_hours(24 * 365 * 100);

/// The longest header value looked at, in bytes.
const VALUE_BYTES_MAX: usize = 256;

/// The wait that `Retry-After` asks for, of several the longest: seconds, or an HTTP date less the
/// answer's `Date`, which the transport puts there. A date in the past is zero. See
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
    if !is_digits(whole) || !is_digits(part) {
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
