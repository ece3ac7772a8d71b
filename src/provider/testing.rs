//! Helpers of this module's tests: replies from a few words, and verdicts in a few words.

use ::http::{HeaderMap, HeaderName, HeaderValue};

use super::{Detail, Moment, Reply, RowEnd, Verdict};
use crate::domain::StopKind;

/// Headers from `name: value` pairs with ` | ` between.
pub(super) fn headers(lines: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in lines.split(" | ").filter(|line| !line.is_empty()) {
        let (name, value) = line.split_once(": ").unwrap();
        let name: HeaderName = name.trim().parse().unwrap();
        headers.append(name, HeaderValue::from_str(value).unwrap());
    }
    headers
}

/// A reply.
pub(super) fn reply(status: u16, lines: &str, body: impl Into<String>) -> Reply {
    Reply {
        status,
        headers: headers(lines),
        body: body.into().into(),
    }
}

/// A verdict in a few words, without its detail: `row deleted`, `account not_permitted`,
/// `moment throttled endpoint 27s`.
pub(super) fn told(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Row(end, _) => format!("row {}", end_told(*end)),
        Verdict::Look(end, _) => format!("look {}", end_told(*end)),
        Verdict::Account(kind, _) => format!("account {}", stop_told(*kind)),
        Verdict::TokenRejected(_) => "token rejected".to_owned(),
        Verdict::Moment(moment, _) => {
            let (scope, wait) = match moment {
                Moment::Throttled { scope, wait } => (format!(" {scope:?}").to_lowercase(), *wait),
                Moment::Unwell { wait } => (String::new(), *wait),
                Moment::Conflict | Moment::Unrecognised => (String::new(), None),
            };
            let wait = wait.map_or_else(String::new, |wait| format!(" {}s", wait.as_secs()));
            format!("moment {}{scope}{wait}", moment.name())
        }
    }
}

/// The detail of a verdict.
pub(super) fn detail(verdict: &Verdict) -> &Detail {
    match verdict {
        Verdict::Row(_, detail)
        | Verdict::Look(_, detail)
        | Verdict::Account(_, detail)
        | Verdict::Moment(_, detail)
        | Verdict::TokenRejected(detail) => detail,
    }
}

fn end_told(end: RowEnd) -> &'static str {
    end.outcome().name()
}

fn stop_told(kind: StopKind) -> String {
    let json = serde_json::to_string(&kind).unwrap();
    json.trim_matches('"').to_owned()
}
