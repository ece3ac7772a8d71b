//! Verification: how the users of rows that ended well stand, asked in the largest reads there are.
//!
//! Every row gets one [`Entry::Verify`]; a row whose answer never came clearly is unknown, and says
//! why. It judges nothing but its own reads: no outcome follows.

use std::collections::{HashMap, HashSet, VecDeque};

use super::requests::Purpose;
use super::tokens::own;
use super::{Lane, Now, Output, Queue, RequestError};
use crate::domain::{Entry, Finding, ToVerify, UserId, UserState, Verified};
use crate::provider::{Detail, LookupFor};

/// How many rows may be asked about at once, in reads: more than may be in flight, so that none of those
/// waits for a row; bounded, so that memory is.
const READS_MAX: usize = 64;

/// Rows to be verified.
#[derive(Debug, Default)]
pub(super) struct VerifyQueue {
    pub(super) loaded: VecDeque<ToVerify>,
    pub(super) is_asked: bool,
    pub(super) is_over: bool,
    /// Rows that are asked about.
    pub(super) open: usize,
}

impl VerifyQueue {
    pub(super) fn is_read(&self) -> bool {
        self.is_over && self.loaded.is_empty()
    }

    pub(super) const fn is_through(&self) -> bool {
        self.open == 0
    }
}

impl Lane {
    /// Asks about as many rows as may be asked about at once.
    pub(super) fn feed_verify(&mut self, place: usize, now: Now) {
        let account = &mut self.accounts[place];
        let users_max = account.provider.lookup_max(LookupFor::Verification).max(1);
        let Some(queue) = &mut account.verify else {
            return;
        };
        if !queue.is_over && !queue.is_asked && queue.loaded.len() < users_max {
            queue.is_asked = true;
            let name = account.name.clone();
            self.output.push_back(Output::Rows(name, Queue::Verify));
            return;
        }
        let is_enough = queue.loaded.len() >= users_max || queue.is_over;
        if !is_enough || queue.loaded.is_empty() || queue.open >= READS_MAX * users_max {
            return;
        }
        let count = queue.loaded.len().min(users_max);
        let rows: Vec<ToVerify> = queue.loaded.drain(..count).collect();
        queue.open += rows.len();
        // A user with two rows is asked about once.
        let mut known = HashSet::new();
        let ids = rows.iter().map(|row| row.id.clone());
        let ids: Vec<UserId> = ids.filter(|id| known.insert(id.clone())).collect();
        self.request(place, Purpose::Standing(rows, ids), now);
        self.feed_verify(place, now);
    }

    /// How users stand was answered.
    pub(super) fn verification_told(
        &mut self,
        place: usize,
        rows: Vec<ToVerify>,
        (ids, states): (Vec<UserId>, Vec<UserState>),
        now: Now,
    ) {
        let states: HashMap<UserId, UserState> = ids.into_iter().zip(states).collect();
        for row in rows {
            let state = states.get(&row.id).cloned().unwrap_or(UserState::NotListed);
            let provider = &self.accounts[place].provider;
            let has_closer = provider.lookup_max(LookupFor::CloserVerification) > 0;
            if state.finding(row.action).is_some() || !has_closer {
                self.record_verified(place, &row, state, now);
            } else {
                self.request(place, Purpose::Closer(row), now);
            }
        }
    }

    /// How a user stands was answered more closely.
    pub(super) fn closer_told(&mut self, place: usize, row: ToVerify, state: UserState, now: Now) {
        let provider = &self.accounts[place].provider;
        let has_closest = provider.lookup_max(LookupFor::ClosestVerification) > 0;
        if state.finding(row.action).is_none() && has_closest {
            self.request(place, Purpose::Closest(row), now);
        } else {
            self.record_verified(place, &row, state, now);
        }
    }

    /// How users stand could not be asked.
    pub(super) fn not_verified(
        &mut self,
        place: usize,
        rows: Vec<ToVerify>,
        error: RequestError,
        now: Now,
    ) {
        match error {
            RequestError::Stopping => {}
            error @ RequestError::Account { .. } => self.condemn(place, error, now),
            RequestError::Passing {
                class,
                status,
                detail,
                ..
            } => {
                let code = detail.code.or_else(|| Some(class.to_owned()));
                let why = (status, Detail { code, ..detail });
                for row in rows {
                    let unknown = (Finding::Unknown, None);
                    self.record_finding(place, &row, unknown, why.clone(), now);
                }
            }
        }
    }

    /// Records what was seen of a row's user.
    pub(super) fn record_verified(
        &mut self,
        place: usize,
        row: &ToVerify,
        state: UserState,
        now: Now,
    ) {
        let finding = state.finding(row.action);
        let untold = "the provider's answers do not tell how this user stands";
        let why = finding.map_or_else(|| own("not_told", untold), |_| Detail::default());
        let found = (finding.unwrap_or(Finding::Unknown), Some(state));
        self.record_finding(place, row, found, (None, why), now);
    }

    fn record_finding(
        &mut self,
        place: usize,
        row: &ToVerify,
        (finding, seen): (Finding, Option<UserState>),
        (status, why): (Option<u16>, Detail),
        now: Now,
    ) {
        let account = &mut self.accounts[place];
        if let Some(queue) = &mut account.verify {
            queue.open = queue.open.saturating_sub(1);
        }
        let verified = Verified {
            row: row.position.row,
            line: row.position.line,
            account: account.name.clone(),
            action: row.action,
            id: row.id.clone(),
            finding,
            // Of a user who was deleted, that nobody is known by the id says the same.
            seen: seen.map(|state| match state {
                UserState::Unknown => UserState::Gone,
                state => state,
            }),
            status,
            code: why.code,
            message: why.message,
            at: now.wall,
        };
        self.record(Entry::Verify(verified));
    }
}
