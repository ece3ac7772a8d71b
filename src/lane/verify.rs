//! Verification: how the users of rows that ended well stand, asked in the largest reads there are.
//!
//! Every row gets one [`Entry::Verify`]; a row whose answer never came clearly is unknown, and says
//! why. It judges nothing but its own reads: no outcome follows.

use std::collections::{HashMap, HashSet};

use super::requests::Purpose;
use super::{Effect, Lane, Now, RequestError};
use crate::domain::{Entry, Finding, Said, Task, UserId, UserState, Verified, bound};
use crate::provider::LookupFor;

/// How many rows may be asked about at once, in reads: more than may be in flight.
const READS_MAX: usize = 64;

impl Lane {
    /// Asks about as many rows as may be asked about at once.
    pub(super) fn feed_verify(&mut self, index: usize, now: Now) {
        let account = &mut self.accounts[index];
        let users_max = account.provider.lookup_max(LookupFor::Verification).max(1);
        let Some(queue) = &mut account.verify else {
            return;
        };
        if queue.runs_low(users_max) {
            let rows = Effect::Rows(account.name.clone(), None);
            return self.output.push_back(rows);
        }
        if !queue.is_enough(users_max) || queue.in_hand >= bound("reads", 1, READS_MAX) * users_max
        {
            return;
        }
        let count = queue.loaded.len().min(users_max);
        let rows: Vec<Task> = queue.loaded.drain(..count).collect();
        queue.in_hand += rows.len();
        // A user with two rows is asked about once.
        let mut known = HashSet::new();
        let ids = rows.iter().map(|row| row.id.clone());
        let ids: Vec<UserId> = ids.filter(|id| known.insert(id.clone())).collect();
        let purpose = Purpose::Verify(LookupFor::Verification, rows, ids);
        self.request(index, purpose, now);
        self.feed_verify(index, now);
    }

    /// How users stand was answered. Where that is not enough, a closer look follows, if there is one.
    pub(super) fn verification_answered(
        &mut self,
        account: usize,
        purpose: LookupFor,
        rows: Vec<Task>,
        (ids, states): (Vec<UserId>, Vec<UserState>),
        now: Now,
    ) {
        let provider = &self.accounts[account].provider;
        let closer = match purpose {
            LookupFor::Verification => Some(LookupFor::CloserVerification),
            LookupFor::CloserVerification => Some(LookupFor::ClosestVerification),
            _ => None,
        };
        let closer = closer.filter(|it| provider.lookup_max(*it) > 0);
        let states: HashMap<UserId, UserState> = ids.into_iter().zip(states).collect();
        for row in rows {
            let state = states.get(&row.id).cloned().unwrap_or(UserState::NotListed);
            match closer.filter(|_| state.finding(row.action).is_none()) {
                None => self.record_verified(account, &row, state, now),
                Some(closer) => {
                    let ids = vec![row.id.clone()];
                    self.request(account, Purpose::Verify(closer, vec![row], ids), now);
                }
            }
        }
    }

    /// How users stand could not be asked.
    pub(super) fn not_verified(
        &mut self,
        account: usize,
        rows: Vec<Task>,
        error: RequestError,
        now: Now,
    ) {
        if let Some((class, said)) = self.condemn(account, error, now) {
            let code = said.code.or_else(|| Some(class.to_owned()));
            let said = Said { code, ..said };
            for row in rows {
                let unknown = (Finding::Unknown, None);
                self.record_finding(account, &row, unknown, said.clone(), now);
            }
        }
    }

    /// Records what was seen of a row's user.
    fn record_verified(&mut self, account: usize, row: &Task, state: UserState, now: Now) {
        let finding = state.finding(row.action);
        let unclear = "the provider's answers do not tell how this user stands";
        let said = finding.map_or_else(|| Said::own("not_told", unclear), |_| Said::default());
        let found = (finding.unwrap_or(Finding::Unknown), Some(state));
        self.record_finding(account, row, found, said, now);
    }

    fn record_finding(
        &mut self,
        account: usize,
        row: &Task,
        (finding, seen): (Finding, Option<UserState>),
        said: Said,
        now: Now,
    ) {
        let account = &mut self.accounts[account];
        if let Some(queue) = &mut account.verify {
            queue.in_hand = queue.in_hand.saturating_sub(1);
        }
        let verified = Verified {
            position: row.position,
            account: account.name.clone(),
            action: row.action,
            id: row.id.clone(),
            finding,
            // Of a user who was deleted, that nobody is known by the id says the same.
            seen: seen.map(|state| match state {
                UserState::Unknown => UserState::Gone,
                state => state,
            }),
            said,
            at: now.wall,
        };
        self.record(Entry::Verify(verified));
    }
}
