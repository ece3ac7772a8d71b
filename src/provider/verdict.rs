//! The meaning of a reply, and the verdicts that a status alone decides, the same at every provider.
//! Each provider's rule decides when these are called; nothing here looks into a provider's JSON.

use std::collections::HashMap;
use std::time::Duration;

use url::Url;

use super::body::Body;
use super::http::retry_after;
use super::{Reply, Said};
use crate::domain::{Outcome, StopKind, UserId, UserState, named};

/// The meaning of a reply: about this row, about the account, or about the moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The step ended, for this row.
    Row(RowEnd, Said),
    /// The whole account is condemned: stop the lane, leave its rows pending.
    Account(StopKind, Said),
    /// It may go better later.
    Transient(Transient, Said),
    /// The token is not taken (any more): get another and repeat, which costs no attempt.
    TokenRejected(Said),
    /// The answer alone cannot say. If the user still stands as they did, this is the step's end.
    Look(RowEnd, Said),
}

impl Verdict {
    /// The same with nothing of an answer but its code.
    #[must_use]
    pub fn without_words(mut self) -> Self {
        let (Self::Row(_, said)
        | Self::Account(_, said)
        | Self::Transient(_, said)
        | Self::TokenRejected(said)
        | Self::Look(_, said)) = &mut self;
        said.message = None;
        self
    }
}

named! {
    /// How a step ended for its row. The name is the word for it in provider files.
    pub enum RowEnd {
        /// The provider confirmed it.
        Deleted = "deleted",
        /// The provider says it had been done before.
        AlreadyGone = "already_gone",
        /// The provider took the order and does it later.
        Ordered = "ordered",
        /// The provider knows no such user.
        NotFound = "not_found",
        /// The provider will not.
        Refused = "refused",
    }
}

impl RowEnd {
    /// The outcome of a row whose last step ended so.
    pub const fn outcome(self) -> Outcome {
        match self {
            Self::Deleted => Outcome::Deleted,
            Self::AlreadyGone => Outcome::AlreadyGone,
            Self::Ordered => Outcome::Ordered,
            Self::NotFound => Outcome::NotFound,
            Self::Refused => Outcome::Refused,
        }
    }

    /// The end of a step that was answered with [`Verdict::Look`], by the lookup for an unclear answer.
    /// `standing`: the end if the user stands as they did.
    pub const fn after_lookup(state: &UserState, standing: Self) -> Self {
        match state {
            UserState::Active { .. } | UserState::Cleared | UserState::NotListed => standing,
            UserState::Unknown => Self::NotFound,
            // A permanent delete of a user who is neither soft-deleted nor active: it was done before.
            UserState::SoftDeleted { .. } | UserState::Erasing | UserState::Gone => {
                Self::AlreadyGone
            }
        }
    }
}

/// A passing state of the provider, the network between, or a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transient {
    /// Too many requests. Nothing was done.
    Throttled {
        /// The scope that has to wait.
        scope: Scope,
        /// How long; `None`: the server does not say.
        wait: Option<Duration>,
    },
    /// The provider has an error (5xx). Whether the step had its effect is not known.
    ServerError {
        /// How long the server asks to wait; `None`: it does not say.
        wait: Option<Duration>,
    },
    /// Another request to the same user was under way (409). Nothing was done.
    Conflict,
    /// The answer is not the provider's: HTML, another user's id. The effect is not known.
    Unrecognised,
}

impl Transient {
    /// The stable word that ledgers use.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Throttled { .. } => "throttled",
            Self::ServerError { .. } => "server_error",
            Self::Conflict => "conflict",
            Self::Unrecognised => "unrecognised",
        }
    }

    /// The wait that the server asks for; `None`: it asks for none, or does not say how long.
    pub const fn asks_for(self) -> Option<Duration> {
        match self {
            Self::Throttled { wait, .. } | Self::ServerError { wait } => wait,
            Self::Conflict | Self::Unrecognised => None,
        }
    }

    /// Whether the step may have had its effect all the same.
    pub const fn in_doubt(self) -> bool {
        match self {
            Self::Throttled { .. } | Self::Conflict => false,
            Self::ServerError { .. } | Self::Unrecognised => true,
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
    Concurrency,
}

/// Any 3xx: the address is not the API's, and a deletion is never sent on.
pub(super) fn redirected(reply: &Reply) -> Verdict {
    let target = reply
        .header("location")
        .and_then(|location| Url::parse(location).ok())
        .and_then(|url| url.host_str().map(str::to_owned));
    let to = target.map_or_else(String::new, |host| format!(" to {host}"));
    let status = reply.status;
    let what = format!(
        "HTTP {status} redirects{to}, which the API never does; set the address that answers itself"
    );
    of_account(StopKind::WrongTenant, "redirect", what)
}

/// 5xx, and 408. None of them says that nothing was done, not even a 503 with a time to wait.
pub(super) fn server_error(reply: &Reply, detail: Said) -> Verdict {
    let wait = reply.retry_after();
    Verdict::Transient(Transient::ServerError { wait }, detail)
}

/// The meaning of an answer that no provider has words of its own for, by its status alone, in order:
///
/// | answer | verdict |
/// | --- | --- |
/// | 3xx | account: wrong address; no API redirects |
/// | 5xx, 408 | transient: server error; whether anything was done is not known |
/// | 429 | transient: throttled, the account |
/// | a page | transient: not the API's; a proxy's error says nothing of rows or credentials |
/// | 401, 402, 403 | account: credentials, payment, rights |
/// | 404, 405, 406, 410, 415 | account: what answers there does not speak this API |
/// | 409 | transient: conflict |
/// | other 4xx that says why in JSON | row refused |
/// | anything else | transient: unrecognised |
pub(super) fn by_status(reply: &Reply, body: &Body<'_>, said: Said) -> Verdict {
    match reply.status {
        300..=399 => redirected(reply),
        500..=599 | 408 => server_error(reply, said),
        429 => {
            let (scope, wait) = (Scope::Account, retry_after(&reply.headers));
            Verdict::Transient(Transient::Throttled { scope, wait }, said)
        }
        400..=499 if matches!(body, Body::Markup) => unrecognised(reply, body, said),
        401 => Verdict::Account(StopKind::CredentialsRejected, said),
        402 => Verdict::Account(StopKind::PaymentRequired, said),
        403 => Verdict::Account(StopKind::NotPermitted, said),
        404 | 405 | 406 | 410 | 415 => Verdict::Account(StopKind::WrongTenant, said),
        409 => Verdict::Transient(Transient::Conflict, said),
        400..=499 if body.object().is_some() && !said.is_empty() => {
            Verdict::Row(RowEnd::Refused, said)
        }
        _ => unrecognised(reply, body, said),
    }
}

/// Whether a refusal for too many requests says that it was a day's limit, and nothing else. Zoho
/// has a sentence that leaves open whether it was the day's or the number at once.
pub(super) fn speaks_of_a_day(said: &Said) -> bool {
    ["per day", "daily", "24 hour", "24-hour"]
        .into_iter()
        .any(|words| said.mentions(words))
        && !said.mentions("concurren")
}

/// An answer that is not recognisably the provider's. `detail`: what it says, if anything.
pub(super) fn unrecognised(reply: &Reply, body: &Body<'_>, detail: Said) -> Verdict {
    let detail = if detail.is_empty() || matches!(body, Body::Markup | Body::Other) {
        not_the_providers(reply, body)
    } else {
        detail
    };
    Verdict::Transient(Transient::Unrecognised, detail)
}

/// An answer in the provider's form that does not say what it must; `what`: in our own words.
pub(super) fn unclear(code: &'static str, what: &str) -> Verdict {
    Verdict::Transient(Transient::Unrecognised, Said::ours(code, what))
}

/// The account is condemned for a reason of our own.
pub(super) fn of_account(kind: StopKind, code: &'static str, what: impl AsRef<str>) -> Verdict {
    Verdict::Account(kind, Said::ours(code, what))
}

/// The credentials are not taken, for a reason of our own.
pub(super) fn rejected(code: &'static str, what: impl AsRef<str>) -> Verdict {
    of_account(StopKind::CredentialsRejected, code, what)
}

/// An answer that names another user than the one asked for.
pub(super) fn other_user() -> Verdict {
    unclear(
        "other_user",
        "the answer does not name the user it was asked for; something in between mixes answers up",
    )
}

/// An answer about many users that is only a part: who is missing in it may stand on the rest.
pub(super) fn part_of_answer() -> Verdict {
    unclear(
        "part_of_answer",
        "the answer is one page of several, though all of the users asked for fit on one",
    )
}

/// How each of `ids` stands: as `seen` says, or as `missing` if it names no such user. Of a user who
/// is named twice, a protected role counts.
pub(super) fn in_order(
    ids: &[UserId],
    missing: &UserState,
    seen: impl Iterator<Item = Result<(String, UserState), Verdict>>,
) -> Result<Vec<UserState>, Verdict> {
    let unseen = ids.iter().map(|id| (id.as_str(), missing.clone()));
    let mut states: HashMap<&str, UserState> = unseen.collect();
    for user in seen {
        let (id, state) = user?;
        let known = states.get_mut(id.as_str()).ok_or_else(other_user)?;
        if state != *missing && known.role().is_none() {
            *known = state;
        }
    }
    Ok(ids.iter().map(|id| states[id.as_str()].clone()).collect())
}

/// A verdict on a deletion, turned into one on a read, which is never about a row.
pub(super) fn of_read(verdict: Verdict) -> Verdict {
    match verdict {
        Verdict::Row(_, detail) | Verdict::Look(_, detail) => {
            Verdict::Transient(Transient::Unrecognised, detail)
        }
        Verdict::Account(..) | Verdict::Transient(..) | Verdict::TokenRejected(_) => verdict,
    }
}

/// The same of the question who we are. A 404 of any form condemns the address here, or the app, since no user
/// was asked for.
pub(super) fn of_identity(reply: &Reply, verdict: Verdict) -> Verdict {
    match of_read(verdict) {
        Verdict::Transient(_, said) if reply.status == 404 => {
            Verdict::Account(StopKind::WrongTenant, said)
        }
        verdict => verdict,
    }
}

fn not_the_providers(reply: &Reply, body: &Body<'_>) -> Said {
    let (code, what) = match body {
        Body::Markup => (
            "html",
            "a page instead of the API's JSON; a proxy or a sign-in page may stand in between",
        ),
        Body::Empty => ("empty_answer", "no body"),
        Body::Object(_) => ("unknown_answer", "JSON that is not in the API's form"),
        Body::Text(_) | Body::Other => ("unknown_answer", "something that is not the API's JSON"),
    };
    Said::ours(code, format!("HTTP {} with {what}", reply.status))
}
