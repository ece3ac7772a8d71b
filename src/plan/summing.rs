//! All decisions summed up while they are taken.

use std::ops::Range;
use std::sync::Arc;

use roaring::RoaringTreemap;

use super::column;
use super::damage::Tally;
use super::decision::{Ended, Fit};
use super::outline::{Group, PROBLEMS_MAX, Plan, Problem};
use super::planner::DUPLICATE;
use super::seen::{ACTIONS, Told};
use crate::domain::{AccountName, Action, Outcome, Position, UserId};
use crate::input::{Asides, Field, Row};

/// Sums decisions up to a [`Plan`].
#[derive(Debug)]
pub(super) struct Summing {
    /// What is summed up over all accounts.
    plan: Plan,
    /// In the order of the judge's.
    accounts: Vec<OfAccount>,
}

#[derive(Debug)]
struct OfAccount {
    name: AccountName,
    /// The rows that would be sent, but for those of `run`.
    rows: RoaringTreemap,
    /// The last of them that stand behind one another: most do.
    run: Range<u64>,
    /// The rows that are done before.
    done: RoaringTreemap,
    groups: [Option<OfGroup>; ACTIONS],
    tally: Tally,
}

/// What would be sent of one account and action.
#[derive(Debug)]
struct OfGroup {
    rows: u64,
    first: UserId,
    last: String,
    /// The row of `last`; `None`: it was a duplicate, and another is looked for.
    last_row: Option<u64>,
}

impl Summing {
    /// Sums up over rows of `accounts`.
    pub(super) fn of<'a>(accounts: impl Iterator<Item = &'a AccountName>) -> Self {
        let of_account = |name: &AccountName| OfAccount {
            name: name.clone(),
            rows: RoaringTreemap::new(),
            run: 0..0,
            done: RoaringTreemap::new(),
            groups: Default::default(),
            tally: Tally::default(),
        };
        Self {
            plan: Plan::default(),
            accounts: accounts.map(of_account).collect(),
        }
    }

    /// Counts a row, whatever becomes of it. `user`: the place of its account and the id it names,
    /// if that passed its provider's check.
    pub(super) fn count(&mut self, row: &Row<'_>, user: Option<(usize, &str)>) {
        self.plan.rows += 1;
        let record = row.content.as_ref().ok();
        self.plan.trimmed += u64::from(record.is_some_and(|record| record.trimmed));
        if let Some((place, id)) = user {
            let is_bare = record.is_some_and(|record| record.id.len() == id.len());
            self.plan.unprefixed += u64::from(!is_bare);
            self.accounts[place].tally.add(id);
        }
    }

    /// Adds a row that would be sent, unless [`Summing::heed`] says otherwise.
    pub(super) fn add_fit(&mut self, fit: &Fit<'_>, row: u64) {
        self.plan.to_delete += 1;
        let account = &mut self.accounts[fit.place];
        account.add(row);
        match &mut account.groups[fit.action as usize] {
            Some(group) => {
                group.rows += 1;
                group.last.clear();
                group.last.push_str(fit.id);
                group.last_row = Some(row);
            }
            group @ None => {
                *group = Some(OfGroup {
                    rows: 1,
                    first: UserId::new(fit.id),
                    last: fit.id.to_owned(),
                    last_row: Some(row),
                });
            }
        }
    }

    /// Adds a row that is done before, unless [`Summing::heed`] says otherwise.
    pub(super) fn add_done_before(&mut self, fit: &Fit<'_>, row: u64) {
        self.plan.done_before += 1;
        self.accounts[fit.place].done.insert(row);
    }

    /// Adds a row that is a duplicate.
    pub(super) fn add_duplicate(&mut self, row: u64) {
        self.plan.duplicates.insert(row);
    }

    /// Counts and adds a row that can never be sent.
    pub(super) fn add_end(&mut self, row: &Row<'_>, ended: &Ended) {
        let place = |account: &AccountName| self.accounts.iter().position(|it| it.name == *account);
        let place = ended.account.as_ref().and_then(place);
        let id = ended.id.as_ref().map(UserId::as_str);
        self.count(row, place.zip(id));
        let plan = &mut self.plan;
        let counter = match ended.outcome {
            Outcome::Protected => &mut plan.protected,
            // The judge ends rows in no other way.
            Outcome::Invalid
            | Outcome::Duplicate
            | Outcome::DoneBefore
            | Outcome::Deleted
            | Outcome::AlreadyGone
            | Outcome::NotFound
            | Outcome::Refused
            | Outcome::Failed
            | Outcome::InDoubt => &mut plan.invalid,
        };
        *counter += 1;
        let is_kept = *counter <= PROBLEMS_MAX as u64;
        plan.reasons.add(ended);
        if ended.field == Field::Id && column::is_another_thing(ended.code) {
            plan.other_things += 1;
            if let Some(account) = ended.account.as_ref()
                && !plan.misread.contains(account)
            {
                plan.misread.insert(account.clone());
            }
        }
        if is_kept {
            plan.problems.push(Problem {
                line: ended.position.line,
                row: ended.position.row,
                outcome: ended.outcome,
                field: ended.field.name(),
                code: ended.code,
                reason: ended.reason.clone(),
            });
        }
    }

    /// Takes in what a list holds beside its ids.
    pub(super) fn pass_over(&mut self, asides: Asides) {
        self.plan.asides = asides;
    }

    /// Takes in what all rows together tell, when each was added.
    pub(super) fn heed(&mut self, told: Told) {
        let plan = &mut self.plan;
        plan.shared = Arc::new(told.shared);
        for (account, duplicates) in self.accounts.iter_mut().zip(told.duplicates) {
            account.end_run();
            for (group, rows) in account.groups.iter_mut().zip(duplicates) {
                // What is the same was added alike: to be sent, or as done before.
                let to_send = rows.intersection_len(&account.rows);
                plan.to_delete -= to_send;
                plan.done_before -= rows.len() - to_send;
                account.rows -= &rows;
                account.done -= &rows;
                if let Some(group) = group {
                    group.rows -= to_send;
                    group.last_row = group.last_row.filter(|row| !rows.contains(*row));
                }
                plan.duplicates |= rows;
            }
        }
        plan.duplicate = plan.duplicates.len();
        // Whoever was shown a duplicate kept its line.
        let position = |row| Position {
            row,
            line: told.lines.of(row).unwrap_or(row),
        };
        let (code, reason) = DUPLICATE;
        for row in plan.duplicates.iter().take(PROBLEMS_MAX) {
            plan.problems.push(Problem {
                line: position(row).line,
                row,
                outcome: Outcome::Duplicate,
                field: Field::Row.name(),
                code,
                reason: reason.to_owned(),
            });
        }
        plan.problems.sort_by_key(|problem| problem.row);
        let rows = plan.duplicates.iter().map(position);
        plan.reasons
            .add_all(Outcome::Duplicate, DUPLICATE, plan.duplicate, rows);
        let all = plan.invalid + plan.protected + plan.duplicate;
        plan.problems_left_out = all - plan.problems.len() as u64;
    }

    /// Whether the last id of a group is not known.
    pub(super) fn misses_last(&self) -> bool {
        let mut groups = self.accounts.iter().flat_map(|account| &account.groups);
        groups.any(|group| group.as_ref().is_some_and(|group| group.last_row.is_none()))
    }

    /// Looks whether a row is the last of its group, whose last id is not known. It is shown all rows
    /// once more, and then the last that would be sent is right.
    pub(super) fn look_for_last(&mut self, fit: &Fit<'_>, row: u64) {
        let account = &mut self.accounts[fit.place];
        if let Some(group) = &mut account.groups[fit.action as usize]
            && group.last_row.is_none()
            && account.rows.contains(row)
        {
            group.last.clear();
            group.last.push_str(fit.id);
        }
    }

    /// All that was added.
    pub(super) fn plan(mut self) -> Plan {
        for account in self.accounts {
            if account.tally != Tally::default() {
                let tally = account.tally;
                self.plan.tallies.insert(account.name.clone(), tally);
            }
            if !account.done.is_empty() {
                let done = account.done;
                self.plan.done.insert(account.name.clone(), done);
            }
            let groups = Action::ALL.into_iter().zip(account.groups);
            if account.rows.is_empty() {
                continue;
            }
            let groups = groups.filter_map(|(action, group)| {
                let OfGroup {
                    rows, first, last, ..
                } = group?;
                let last = UserId::new(last);
                Some((action, Group { rows, first, last }))
            });
            self.plan
                .accounts
                .insert(account.name.clone(), groups.collect());
            self.plan.to_send.insert(account.name, account.rows);
        }
        self.plan
    }
}

impl OfAccount {
    fn add(&mut self, row: u64) {
        if self.run.end != row {
            self.end_run();
            self.run = row..row;
        }
        self.run.end += 1;
    }

    fn end_run(&mut self) {
        self.rows
            .insert_range(std::mem::replace(&mut self.run, 0..0));
    }
}
