//! One account of a lane: what it does not share with others at its tenant.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::num::NonZeroU32;
use std::sync::Arc;

use roaring::RoaringTreemap;

use super::breaker::{Breaker, Canary, FailureLimit};
use super::jobs::Jobs;
use super::queues::RowQueue;
use super::tokens::Tokens;
use super::{AccountEnd, AccountSpec, Lane, Now, SourceError, Until, WorkSpec};
use crate::domain::{AccountName, Action, LaneStop, Said, Step, StopKind, UserId};
use crate::provider::{Bulk, LookupFor, Provider};

/// One account of a lane.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(super) struct Account {
    pub(super) name: AccountName,
    pub(super) provider: Arc<dyn Provider>,
    pub(super) attempts: NonZeroU32,
    pub(super) seed: u64,
    pub(super) tokens: Tokens,
    pub(super) jobs: Jobs,
    pub(super) breaker: Breaker,
    pub(super) canary: Canary,
    /// Protected roles that may be deleted all the same.
    pub(super) include_roles: Vec<String>,
    pub(super) queues: Vec<RowQueue>,
    pub(super) verify: Option<RowQueue>,
    /// The rows in hand of each user, by their numbers: the first goes first.
    pub(super) users: HashMap<UserId, BTreeSet<u64>>,
    /// Rows that wait for others: of their users, or that queues may still hold.
    pub(super) held: BTreeSet<u64>,
    /// Rows that are ready to begin with a step, in order: no queue waits for the end of another.
    pub(super) ready: BTreeMap<Step, VecDeque<u64>>,
    /// How many rows have begun with a step and not ended it.
    pub(super) begun: BTreeMap<Step, usize>,
    /// Steps whose next request waits until roles were read again.
    pub(super) reading_roles: BTreeSet<Step>,
    /// Users whom this process has soft-deleted, where later rows may be about them as well.
    pub(super) soft_deleted: RoaringTreemap,
    /// The user of the role that no list of users tells, as lists know them; `None`: not known.
    pub(super) primary_contact: Option<String>,
    /// Whether requests for many rows are not taken here.
    pub(super) bulk_disabled: bool,
    pub(super) until: Option<Until>,
    pub(super) is_out_of_time: bool,
    /// Whether rows are sent, or looked at.
    pub(super) is_working: bool,
    /// Nothing more is begun.
    pub(super) is_stopping: bool,
    /// Why a safety stopped it.
    pub(super) stop: Option<LaneStop>,
    /// Why its rows cannot be read on.
    pub(super) broken: Option<SourceError>,
    pub(super) end: Option<AccountEnd>,
}

impl Account {
    pub(super) fn new(spec: AccountSpec, now: Now) -> Self {
        let tokens = Tokens::new(Arc::clone(&spec.provider), spec.kept, now.wall);
        Self {
            name: spec.name,
            provider: spec.provider,
            attempts: spec.attempts,
            seed: spec.seed,
            tokens,
            jobs: Jobs::default(),
            breaker: Breaker::new(FailureLimit::Default, 0),
            canary: Canary::default(),
            include_roles: Vec::new(),
            queues: Vec::new(),
            verify: None,
            users: HashMap::new(),
            held: BTreeSet::new(),
            ready: BTreeMap::new(),
            begun: BTreeMap::new(),
            reading_roles: BTreeSet::new(),
            soft_deleted: RoaringTreemap::new(),
            primary_contact: None,
            bulk_disabled: false,
            until: None,
            is_out_of_time: false,
            is_working: false,
            is_stopping: false,
            stop: None,
            broken: None,
            end: None,
        }
    }

    /// Whether `role` protects no user of this run.
    pub(super) fn includes(&self, role: &str) -> bool {
        let mut included = self.include_roles.iter();
        included.any(|included| included.eq_ignore_ascii_case(role))
    }
}

impl Lane {
    /// The index of the account `name`.
    pub(super) fn index_of(&self, name: &AccountName) -> Option<usize> {
        self.accounts.iter().position(|it| it.name == *name)
    }

    /// Gives an account its work. Rows are asked for from now on.
    pub fn work(&mut self, name: &AccountName, work: WorkSpec) {
        let Some(index) = self.index_of(name) else {
            return;
        };
        self.reach.at_work = true;
        let bulk = self.accounts[index].provider.bulk();
        let jobs_max = bulk.map_or(0, |bulk| bulk.many().jobs_max);
        let jobs_max = self.limits.share_of(jobs_max);
        let size = self.rows_begun_max();
        let account = &mut self.accounts[index];
        account.jobs = Jobs::new(jobs_max);
        let lookup_max = account.provider.lookup_max(LookupFor::Roles);
        account.breaker = Breaker::new(work.failure_limit, lookup_max);
        account.canary = Canary::new(work.canary);
        account.include_roles = work.include_roles;
        account.until = work.until;
        account.is_working = true;
        for action in work.queues {
            let queue = RowQueue::new(action, size, account.provider.as_ref());
            if action.is_some() {
                account.queues.push(queue);
            } else {
                account.verify = Some(queue);
            }
        }
    }

    /// Says how many rows of each action are to be sent, or users verified (`None`), which sets the pace.
    pub fn expect(
        &mut self,
        name: &AccountName,
        rows: impl IntoIterator<Item = (Option<Action>, u64)>,
    ) {
        let Some(index) = self.index_of(name) else {
            return;
        };
        let provider = Arc::clone(&self.accounts[index].provider);
        let mut requests = BTreeMap::<Option<Step>, u64>::new();
        let mut more = |step, count| *requests.entry(step).or_default() += count;
        for (action, rows) in rows {
            let Some(action) = action else {
                let users_max = provider.lookup_max(LookupFor::Verification).max(1);
                more(None, rows.div_ceil(users_max as u64));
                continue;
            };
            for step in action.steps() {
                let many = provider.bulk().map(Bulk::many);
                let many = many.filter(|many| many.step == *step);
                // One lookup, and one job, is for this many users.
                let users = many.map_or(1, |many| many.users_max as u64);
                more(Some(*step), rows.div_ceil(users));
                if many.is_some() {
                    more(None, rows.div_ceil(users));
                }
            }
            let first = action.steps().first();
            let lookup = first.and_then(|step| provider.lookup_before(*step));
            if lookup == Some(LookupFor::SoftDeletedRoles) {
                more(None, rows);
            }
        }
        self.limits.expect(requests);
    }

    /// Ends accounts that have nothing left to do.
    pub(super) fn end_accounts(&mut self, now: Now) {
        for index in 0..self.accounts.len() {
            let account = &self.accounts[index];
            if !account.is_working {
                continue;
            }
            let is_read = account.is_read();
            if !(account.is_stopping || is_read && self.is_through(index)) {
                continue;
            }
            if !self.has_requests(index) {
                self.end_account(index, is_read, now);
            }
        }
    }

    /// Whether no row of the account is in hand.
    fn is_through(&self, index: usize) -> bool {
        let account = &self.accounts[index];
        let mut queues = account.queues.iter().chain(&account.verify);
        queues.all(|queue| queue.in_hand == 0) && account.jobs.is_empty()
    }

    fn end_account(&mut self, index: usize, is_read: bool, now: Now) {
        let is_left = !is_read || !self.is_through(index);
        let account = &self.accounts[index];
        let until = account.until.clone().filter(|_| account.is_out_of_time);
        if let Some(until) = until.filter(|_| is_left) {
            let words = format!("stopped at {} as --until asked", until.typed);
            let said = Said::own("until", words);
            self.stop_account(index, StopKind::UntilReached, said, now);
        }
        let account = &mut self.accounts[index];
        account.is_working = false;
        account.end = Some(match (account.broken.take(), account.stop.clone()) {
            (Some(error), _) => AccountEnd::SourceFailed(error),
            (None, Some(stop)) => AccountEnd::Stopped(stop),
            (None, None) if is_left => AccountEnd::Interrupted,
            (None, None) => AccountEnd::Done,
        });
        account.queues.clear();
        self.rows.retain(|_, row| row.account != index);
    }
}

impl Account {
    /// Whether every row was taken from its queues.
    fn is_read(&self) -> bool {
        let mut queues = self.queues.iter().chain(&self.verify);
        queues.all(RowQueue::is_empty)
    }
}
