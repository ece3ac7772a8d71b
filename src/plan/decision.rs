//! What becomes of a row, and what is said of one that is not sent.

use crate::domain::{AccountName, Action, LeftOpen, Outcome, Position, Task, UserId};
use crate::input::Field;

/// What becomes of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// It is sent.
    Send(Task),
    /// It ends here, and nothing is sent for it.
    End(Ended),
}

/// A row that ends before anything is sent for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// Where the row stands.
    pub position: Position,
    /// How it ends: [`Outcome::Invalid`], [`Outcome::Protected`], [`Outcome::Duplicate`] or
    /// [`Outcome::DoneBefore`].
    pub outcome: Outcome,
    /// Its account; `None`: it names none that exists.
    pub account: Option<AccountName>,
    /// Its action; `None`: it names none that its provider offers, or its account is not known.
    pub action: Option<Action>,
    /// Its user; `None`: the cell holds no id of the provider's, or was not looked at.
    pub id: Option<UserId>,
    /// The admin's own reference; `None`: the row has none, or it cannot be read.
    pub reference: Option<String>,
    /// The field that decided.
    pub field: Field,
    /// A stable word for the reason, e.g. `unknown_account`.
    pub code: &'static str,
    /// The reason and how to mend it, as a lower-case fragment. It repeats no cell's text.
    pub reason: String,
}

/// A row that can be sent, as it stands in the file: nothing of it has been copied.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fit<'a> {
    /// The place of its account among the judge's.
    pub(super) place: usize,
    pub(super) account: &'a AccountName,
    pub(super) action: Action,
    /// The user, as the provider names them.
    pub(super) id: &'a str,
    pub(super) reference: Option<&'a str>,
}

impl Fit<'_> {
    /// What is to be sent for the row, which stands at `position`.
    pub(super) fn task(&self, position: Position) -> Task {
        Task {
            position,
            account: self.account.clone(),
            action: self.action,
            id: UserId::new(self.id),
            reference: self.reference.map(str::to_owned),
            steps_done: 0,
            left_open: LeftOpen::Nothing,
            again: false,
            shares_user: false,
            soft_deleted: false,
        }
    }

    /// The row's end, at `position`, for a reason that other rows give.
    pub(super) fn ended(
        &self,
        position: Position,
        outcome: Outcome,
        code: &'static str,
        reason: &str,
    ) -> Ended {
        Ended {
            position,
            outcome,
            account: Some(self.account.clone()),
            action: Some(self.action),
            id: Some(UserId::new(self.id)),
            reference: self.reference.map(str::to_owned),
            field: Field::Row,
            code,
            reason: reason.to_owned(),
        }
    }
}
