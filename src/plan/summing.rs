//! All decisions summed up while they are taken.

use std::ops::Range;
use std::sync::Arc;

use roaring::RoaringTreemap;

use super::column;
use super::damage::Tally;
use super::decision::{Ended, Fit};
use super::duplicates::ACTIONS;
use super::outline::{Group, PROBLEMS_MAX, Plan, Problem};
use super::parts::SharedUsers;
use crate::domain::{AccountName, Action, Outcome, UserId};
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

    /// Adds a row that would be sent.
    pub(super) fn add_fit(&mut self, fit: &Fit<'_>, row: u64) {
        self.plan.to_delete += 1;
        let account = &mut self.accounts[fit.place];
        account.add(row);
        match &mut account.groups[fit.action as usize] {
            Some(group) => {
                group.rows += 1;
                group.last.clear();
                group.last.push_str(fit.id);
            }
            group @ None => {
                *group = Some(OfGroup {
                    rows: 1,
                    first: UserId::new(fit.id),
                    last: fit.id.to_owned(),
                });
            }
        }
    }

    /// Adds a row that is done before.
    pub(super) fn add_done_before(&mut self, fit: &Fit<'_>, row: u64) {
        self.plan.done_before += 1;
        self.accounts[fit.place].done.insert(row);
    }

    /// Adds a row whose user another account at the same tenant has.
    pub(super) fn add_elsewhere(&mut self, ended: &Ended) {
        self.plan.elsewhere.insert(ended.position.row);
        self.note(ended);
    }

    /// Adds a row that is a duplicate.
    pub(super) fn add_duplicate(&mut self, ended: &Ended) {
        self.plan.duplicates.insert(ended.position.row);
        self.note(ended);
    }

    /// Counts and adds a row that can never be sent.
    pub(super) fn add_end(&mut self, row: &Row<'_>, ended: &Ended) {
        let place = |account: &AccountName| self.accounts.iter().position(|it| it.name == *account);
        let place = ended.account.as_ref().and_then(place);
        let id = ended.id.as_ref().map(UserId::as_str);
        self.count(row, place.zip(id));
        self.note(ended);
    }

    /// Keeps why a row is not sent.
    fn note(&mut self, ended: &Ended) {
        let plan = &mut self.plan;
        let counter = match ended.outcome {
            Outcome::Protected => &mut plan.protected,
            Outcome::Duplicate => &mut plan.duplicate,
            // Rows end in no other way before anything is sent.
            Outcome::Invalid
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

    /// All that was added; `shared`: the users who have rows of several actions.
    pub(super) fn plan(mut self, shared: SharedUsers) -> Plan {
        let plan = &mut self.plan;
        plan.shared = Arc::new(shared);
        let all = plan.invalid + plan.protected + plan.duplicate;
        plan.problems_left_out = all - plan.problems.len() as u64;
        for mut account in self.accounts {
            account.end_run();
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
                let OfGroup { rows, first, last } = group?;
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
