//! What a reply means.

use std::time::Duration;

use super::Detail;
use crate::domain::{Outcome, Step, StopKind};

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
    /// The provider is unwell (5xx). Whether the step had its effect is not known, unless `wait`
    /// is set: then the server turned the request away.
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

    /// Whether the step may have had its effect all the same.
    pub const fn in_doubt(self) -> bool {
        match self {
            Self::Throttled { .. } | Self::Conflict => false,
            Self::Unwell { wait } => wait.is_none(),
            Self::Unrecognised => true,
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
}

/// How a user stands when looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// Not deleted. `role`: in the provider's words, if it is one that is protected by default.
    Standing {
        /// The protected role; `None`: an ordinary user.
        role: Option<String>,
    },
    /// Zendesk: soft-deleted, not permanently deleted as far as this answer tells.
    SoftDeleted,
    /// Deleted for good.
    Gone,
    /// The provider knows no such user.
    Unknown,
}

/// The code of a [`Verdict::Look`] after a permanent deletion that found no soft-deleted user.
pub(super) const NOT_SOFT_DELETED: &str = "not_soft_deleted";

impl Verdict {
    /// Settles a [`Verdict::Look`] of `step` by what was seen.
    pub fn after_look(step: Step, seen: &Seen, standing: RowEnd, detail: Detail) -> Self {
        let end = match (step, seen) {
            (_, Seen::Standing { .. }) => standing,
            (_, Seen::Unknown) => RowEnd::NotFound,
            // A soft-deleted user is what a permanent deletion begins with. Only if it found no
            // such user is one who is inactive all the same deleted permanently already, and not
            // renamed yet; any other refusal stands, or it would pass for a success.
            (Step::PermanentlyDelete, Seen::SoftDeleted) if !detail.has_code(NOT_SOFT_DELETED) => {
                standing
            }
            (_, Seen::SoftDeleted | Seen::Gone) => RowEnd::AlreadyGone,
        };
        Self::Row(end, detail)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::{Detail, NOT_SOFT_DELETED, RowEnd, Seen, Verdict};
    use crate::domain::Step;

    const STANDING: Seen = Seen::Standing { role: None };

    #[rstest]
    #[case(Step::Delete, STANDING, RowEnd::Refused, "", RowEnd::Refused)]
    #[case(Step::Delete, STANDING, RowEnd::NotFound, "", RowEnd::NotFound)]
    #[case(
        Step::Delete,
        Seen::SoftDeleted,
        RowEnd::Refused,
        "",
        RowEnd::AlreadyGone
    )]
    #[case(
        Step::Delete,
        Seen::SoftDeleted,
        RowEnd::NotFound,
        "",
        RowEnd::AlreadyGone
    )]
    #[case(Step::Delete, Seen::Gone, RowEnd::Refused, "", RowEnd::AlreadyGone)]
    #[case(Step::Delete, Seen::Unknown, RowEnd::Refused, "", RowEnd::NotFound)]
    #[case(
        Step::PermanentlyDelete,
        STANDING,
        RowEnd::Refused,
        NOT_SOFT_DELETED,
        RowEnd::Refused
    )]
    #[case(
        Step::PermanentlyDelete,
        Seen::SoftDeleted,
        RowEnd::Refused,
        NOT_SOFT_DELETED,
        RowEnd::AlreadyGone
    )]
    #[case(
        Step::PermanentlyDelete,
        Seen::SoftDeleted,
        RowEnd::Refused,
        "RecordInvalid",
        RowEnd::Refused
    )]
    #[case(
        Step::PermanentlyDelete,
        Seen::Gone,
        RowEnd::Refused,
        "RecordInvalid",
        RowEnd::AlreadyGone
    )]
    #[case(
        Step::PermanentlyDelete,
        Seen::Unknown,
        RowEnd::Refused,
        NOT_SOFT_DELETED,
        RowEnd::NotFound
    )]
    fn a_look_settles_what_the_answer_left_open(
        #[case] step: Step,
        #[case] seen: Seen,
        #[case] standing: RowEnd,
        #[case] code: &str,
        #[case] end: RowEnd,
    ) {
        let detail = Detail::said(Some(code), None);
        let settled = Verdict::after_look(step, &seen, standing, detail.clone());
        assert_eq!(settled, Verdict::Row(end, detail));
    }
}
