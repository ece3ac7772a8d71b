//! The questions of a person's command outside of any row: who we are, who the primary contact is,
//! how users stand.

use super::lookups::{Batch, For};
use super::requests::{Meaning, Purpose, RequestId};
use super::{Effect, Lane, Now, RequestError};
use crate::domain::{AccountName, Action, FindBy, StopKind, UserId};
use crate::provider::PRIMARY_CONTACT;

/// A question of a person's about an account.
#[derive(Debug, Clone)]
pub enum Inquiry {
    /// The identity of the caller.
    Identity,
    /// The rights that the caller with this role lacks, see
    /// [`Provider::rights`](crate::provider::Provider::rights).
    Rights(String),
    /// The user with the role that no list of users tells ([`PRIMARY_CONTACT`]), so that lists show
    /// that user from then on. It is not asked if it is one of these roles, which protect nobody.
    PrimaryContact(Vec<String>),
    /// How users stand.
    Users(Vec<UserId>),
    /// The users with these keys, a page of the answer from 1.
    Find(FindBy, Vec<String>, u32),
}

impl Lane {
    /// Asks about an account; the answer comes as [`Effect::Answer`].
    pub fn ask(&mut self, name: &AccountName, inquiry: Inquiry, now: Now) -> RequestId {
        let id = self.new_id();
        let Some(account) = self.index_of(name) else {
            self.answer(id, Err(RequestError::Stopping));
            return id;
        };
        match inquiry {
            Inquiry::Identity => self.request(account, Purpose::Identify(id), now),
            Inquiry::Rights(role) => self.request(account, Purpose::Rights(id, role), now),
            Inquiry::PrimaryContact(included) => {
                let note = self.accounts[account].provider.no_primary_contact();
                let is_it = |role: &String| role.eq_ignore_ascii_case(PRIMARY_CONTACT);
                if note.is_some() && !included.iter().any(is_it) {
                    self.request(account, Purpose::PrimaryContact(id), now);
                } else {
                    self.answer(id, Ok(Meaning::PrimaryContact(None)));
                }
            }
            Inquiry::Find(by, keys, page) => {
                self.request(account, Purpose::Find(id, by, keys, page), now);
            }
            Inquiry::Users(ids) => {
                let mut together = ids.clone();
                together.sort_unstable();
                together.dedup();
                let alone = together.clone();
                let batch = Batch::new(account, For::Question(id, ids), together, alone);
                self.look_up(batch, now);
            }
        }
        id
    }

    /// See [`Provider::find_max`](crate::provider::Provider::find_max).
    pub fn find_max(&self, name: &AccountName, by: FindBy, key: &str) -> usize {
        let account = self.index_of(name).map(|index| &self.accounts[index]);
        account.map_or(0, |it| it.provider.find_max(by, key))
    }

    /// Whether users of the account are looked for before `action` is sent.
    pub fn looks_before(&self, name: &AccountName, action: Action) -> bool {
        let account = self.index_of(name).map(|index| &self.accounts[index]);
        let mut steps = action.steps().iter();
        account.is_some_and(|it| steps.any(|step| it.provider.lookup_before(*step).is_some()))
    }

    pub(super) fn answer(&mut self, id: RequestId, answer: Result<Meaning, RequestError>) {
        self.output.push_back(Effect::Answer(id, answer));
    }

    /// A question of a person's was answered.
    pub(super) fn question_answered(&mut self, account: usize, id: RequestId, meaning: Meaning) {
        let answer = match meaning {
            Meaning::PrimaryContact(None) => self.no_primary_contact(account),
            Meaning::PrimaryContact(Some(contact)) => {
                // The first answer stands.
                let known = &mut self.accounts[account].primary_contact;
                Meaning::PrimaryContact(Some(known.get_or_insert(contact).clone()))
            }
            meaning => meaning,
        };
        self.answer(id, Ok(answer));
    }

    /// A question of a person's brought nothing. That nobody tells the primary contact is an answer.
    pub(super) fn question_failed(
        &mut self,
        account: usize,
        (id, purpose): (RequestId, &Purpose),
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
            Ok(self.no_primary_contact(account))
        } else {
            Err(error)
        };
        self.answer(id, answer);
    }

    fn no_primary_contact(&self, account: usize) -> Meaning {
        let note = self.accounts[account].provider.no_primary_contact();
        Meaning::NoPrimaryContact(note.unwrap_or_default())
    }
}
