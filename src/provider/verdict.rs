//! What a reply means, and the verdicts that a status alone decides, the same at every provider. Who
//! calls these and when is each provider's rule; nothing here looks into a provider's JSON.

use std::time::Duration;

use url::Url;

use super::body::Body;
use super::rate_hint::retry_after;
use super::{Detail, Reply};
use crate::domain::{Outcome, StopKind, UserState};

/// What a reply means: about this row, about the account, or about the moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The step ended, for this row.
    Row(RowEnd, Detail),
    /// The whole account is condemned: stop the lane, leave its rows pending.
    Account(StopKind, Detail),
    /// It may go better later.
    Moment(Moment, Detail),
    /// The token is not taken (any more): get another and repeat, which costs no attempt.
    TokenRejected(Detail),
    /// The answer alone cannot say. Look at the user; if they still stand as they did, this is
    /// the end of the step.
    Look(RowEnd, Detail),
}

/// How a step ended for its row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowEnd {
    /// The provider confirmed it.
    Deleted,
    /// The provider says it had been done before.
    AlreadyGone,
    /// The provider knows no such user.
    NotFound,
    /// The provider will not.
    Refused,
}

impl RowEnd {
    /// The outcome of a row whose last step ended so.
    pub const fn outcome(self) -> Outcome {
        match self {
            Self::Deleted => Outcome::Deleted,
            Self::AlreadyGone => Outcome::AlreadyGone,
            Self::NotFound => Outcome::NotFound,
            Self::Refused => Outcome::Refused,
        }
    }

    /// The end of a step that was answered with [`Verdict::Look`], by the lookup for
    /// [`LookupFor::UnclearAnswer`](super::LookupFor::UnclearAnswer). `standing`: the end if the user
    /// stands as they did.
    pub const fn after_lookup(state: &UserState, standing: Self) -> Self {
        match state {
            UserState::Active { .. } | UserState::Cleared | UserState::NotListed => standing,
            UserState::Unknown => Self::NotFound,
            // A permanent delete that was answered "no such deleted user" of a user who is not
            // active either: they were permanently deleted before.
            UserState::SoftDeleted { .. } | UserState::Erasing | UserState::Gone => {
                Self::AlreadyGone
            }
        }
    }
}

/// A passing state of the provider, the network between, or a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// Too many requests. Nothing was done. `wait`: as long as the server asks, from now; `None`:
    /// it does not say.
    Throttled {
        /// What has to wait.
        scope: Scope,
        /// How long; `None`: the server does not say.
        wait: Option<Duration>,
    },
    /// The provider is unwell (5xx). Whether the step had its effect is not known.
    Unwell {
        /// How long the server asks to wait; `None`: it does not say.
        wait: Option<Duration>,
    },
    /// Another request to the same user was under way (409). Nothing was done.
    Conflict,
    /// The answer is not the provider's: HTML, cut short, another user's id. Whether the step had
    /// its effect is not known.
    Unrecognised,
}

impl Moment {
    /// The stable word that ledgers use.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Throttled { .. } => "throttled",
            Self::Unwell { .. } => "server_error",
            Self::Conflict => "conflict",
            Self::Unrecognised => "unrecognised",
        }
    }

    /// The wait that the server asks for; `None`: it asks for none, or does not say how long.
    pub const fn asks_for(self) -> Option<Duration> {
        match self {
            Self::Throttled { wait, .. } | Self::Unwell { wait } => wait,
            Self::Conflict | Self::Unrecognised => None,
        }
    }

    /// Whether the step may have had its effect all the same.
    pub const fn in_doubt(self) -> bool {
        match self {
            Self::Throttled { .. } | Self::Conflict => false,
            Self::Unwell { .. } | Self::Unrecognised => true,
        }
    }
}

/// Which limit a throttling speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The endpoint's that was called.
    Endpoint,
    /// The whole account's.
    Account,
    /// How many of the account's requests may be under way at once.
    AtOnce,
}

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
pub(super) fn server_error(reply: &Reply, detail: Detail) -> Verdict {
    let wait = reply.retry_after();
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

#[cfg(test)]
mod tests {
    use super::RowEnd;
    use crate::domain::UserState;

    /// In the order of [`UserState::ALL`].
    #[test]
    fn a_lookup_settles_what_the_answer_left_open() {
        for standing in [RowEnd::Refused, RowEnd::NotFound] {
            let ends = UserState::ALL.map(|state| RowEnd::after_lookup(&state, standing));
            let (gone, unknown) = (RowEnd::AlreadyGone, RowEnd::NotFound);
            let expected = [standing, standing, gone, standing, gone, gone, unknown];
            assert_eq!(ends, expected);
        }
    }
}
