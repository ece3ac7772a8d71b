//! What a person's command asks outside of any row: who we are, who the primary contact is, how users
//! stand.

use super::lookups::{Batch, For};
use super::requests::{Purpose, Told};
use super::{Lane, Now, Output, RequestError};
use crate::domain::{AccountName, StopKind, UserId, UserState};
use crate::provider::{Identity, PrimaryContact, RateHints};

/// Tells a question from all others of its lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct QuestionId(pub(super) u64);

/// A question about an account.
#[derive(Debug, Clone)]
pub enum Question {
    /// Who are we.
    Identity,
    /// Who has the role that no list of users tells ([`PrimaryContact`]), so that lists show that user
    /// from then on; not, if it is one of these roles, which protect nobody.
    PrimaryContact(Vec<String>),
    /// How users stand.
    Users(Vec<UserId>),
}

/// What was answered.
#[derive(Debug)]
pub enum Answer {
    /// Who we are, and what the answer's headers said of limits.
    Identity(Box<(Identity, RateHints)>),
    /// What to tell a person where the provider does not tell it to this caller, or in no attempt. That
    /// user is one whom the provider itself keeps.
    PrimaryContact(Option<&'static str>),
    /// How users stand, in the order of the question.
    Users(Vec<UserState>),
}

impl Lane {
    /// Asks about an account; the answer comes as [`Output::Answer`].
    pub fn ask(&mut self, name: &AccountName, question: Question, now: Now) -> QuestionId {
        self.last_question += 1;
        let id = QuestionId(self.last_question);
        let Some(place) = self.place(name) else {
            self.answer(id, Err(RequestError::Stopping));
            return id;
        };
        match question {
            Question::Identity => {
                self.request(place, Purpose::Identify(id), now);
            }
            Question::PrimaryContact(included) => {
                let contact = self.accounts[place].provider.primary_contact();
                let asked = contact.filter(|contact| {
                    let mut included = included.iter();
                    !included.any(|role| role.eq_ignore_ascii_case(contact.role()))
                });
                if asked.is_some() {
                    self.request(place, Purpose::PrimaryContact(id), now);
                } else {
                    self.answer(id, Ok(Answer::PrimaryContact(None)));
                }
            }
            Question::Users(ids) => {
                let mut together = ids.clone();
                together.sort_unstable();
                together.dedup();
                let alone = together.clone();
                let batch = Batch::new(place, For::Question(id, ids), together, alone);
                self.look_up(batch, now);
            }
        }
        id
    }

    pub(super) fn answer(&mut self, id: QuestionId, answer: Result<Answer, RequestError>) {
        self.output.push_back(Output::Answer(id, answer));
    }

    /// A question of a person's was answered.
    pub(super) fn question_told(&mut self, place: usize, id: QuestionId, told: Told) {
        let answer = match told {
            Told::Identity(it) => Answer::Identity(it),
            Told::PrimaryContact(Some(contact)) => {
                // The first answer stands.
                let known = &mut self.accounts[place].primary_contact;
                known.get_or_insert(contact);
                Answer::PrimaryContact(None)
            }
            _ => self.untold(place),
        };
        self.answer(id, Ok(answer));
    }

    /// A question of a person's brought nothing. That nobody tells the primary contact is an answer.
    pub(super) fn question_failed(
        &mut self,
        place: usize,
        (id, purpose): (QuestionId, &Purpose),
        error: RequestError,
    ) {
        let is_untold = matches!(
            error,
            RequestError::Passing { .. }
                | RequestError::Account {
                    reason: StopKind::NotPermitted,
                    ..
                }
        );
        let answer = if is_untold && matches!(purpose, Purpose::PrimaryContact(_)) {
            Ok(self.untold(place))
        } else {
            Err(error)
        };
        self.answer(id, answer);
    }

    fn untold(&self, place: usize) -> Answer {
        let contact = self.accounts[place].provider.primary_contact();
        Answer::PrimaryContact(contact.map(PrimaryContact::unknown_note))
    }
}
