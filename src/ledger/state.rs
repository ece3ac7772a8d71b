//! The state of a ledger, small: a few bits per row, whatever its length.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use roaring::RoaringTreemap;

use super::bulks::Bulks;
use super::chain::LedgerHead;
use super::error::LedgerError;
use super::plan_rows::PlanIndex;
use super::reader::{LedgerReader, Link, TornTail};
use super::sent_log::{SentLog, SentRequest};
use crate::domain::{
    AccountHeader, AccountName, Action, Agreed, Counted, Counts, Entry, Finding, LaneStop,
    LeftOpen, Outcome, Paused, PlanEnd, RunEnd, RunHeader, SessionStart, Step, Time, Uptime,
};

/// How many sessions are kept, the newest. Nobody resumes a run so often by hand; a script may.
pub(super) const SESSIONS_MAX: usize = 1_000;

/// Row numbers by outcome, in the order of [`Outcome::ALL`].
pub(super) type Rows = [RoaringTreemap; Outcome::ALL.len()];

/// The state of a ledger: `status` shows it, and `resume` and `retry` go on from it.
#[derive(Debug, Clone, Default)]
pub struct LedgerState {
    /// The ledger that this comes from.
    pub path: PathBuf,
    /// How many whole lines it had.
    pub lines: u64,
    /// The chain of the last of them.
    pub head: LedgerHead,
    /// The bytes that followed it without a line feed; `None`: nothing.
    pub torn: Option<TornTail>,
    /// The run's header.
    pub header: RunHeader,
    /// The processes that took the run up again, the newest 1,000 of them, oldest first.
    pub sessions: Vec<SessionStart>,
    /// The latest time at which each process was over that ended in no orderly way and was followed
    /// by another one. They are the newest 1,000, oldest first.
    pub cut_off: Vec<Time>,
    /// How the last process ended; `None`: it is at work, or it ended in no orderly way.
    pub end: Option<RunEnd>,
    /// How many requests left, or were about to when the process ended.
    pub requests: u64,
    /// How many of them the server turned away because of their pace.
    pub throttled: u64,
    /// The lanes that the last process stopped, one entry for each account.
    pub stops: Vec<LaneStop>,
    /// The newest pause of each limit, over or not, see [`LedgerState::pauses_at`].
    pub pauses: Vec<Paused>,
    /// The last verification; `None`: there was none.
    pub verification: Option<VerificationState>,
    /// When the newest entry was written.
    pub last_at: Time,
    /// The end of the plan; `None`: the plan is not complete.
    pub planned: Option<PlanEnd>,
    /// The agreement to the plan; `None`: nobody agreed yet.
    pub agreed: Option<Agreed>,
    /// The plan's rows to send.
    pub(super) plan: PlanIndex,
    /// Ended rows by account and outcome; `None`: rows that name no account that exists.
    pub(super) rows: BTreeMap<Option<AccountName>, Rows>,
    /// The numbers of all rows that ended.
    pub ended: RoaringTreemap,
    /// Rows by the steps that ended well and that no outcome has followed.
    pub(super) steps: BTreeMap<Step, RoaringTreemap>,
    /// Those of them whose soft deletion was this run's.
    pub(super) soft_deleted: RoaringTreemap,
    /// The rows that are not done but for their first step, which leaves the user soft-deleted.
    pub half_done: RoaringTreemap,
    /// Rows with an intent that nothing has answered.
    pub(super) unanswered: RoaringTreemap,
    /// Rows of which an earlier request may have had its effect.
    pub(super) doubtful: RoaringTreemap,
    /// Those of them whose requests can have deleted nobody.
    pub(super) harmless: RoaringTreemap,
    pub(super) bulks: Bulks,
    /// How many rows count in another ledger, see [`LedgerState::leave_out`].
    left_out: u64,
    /// The rows that a verification asked about since they ended, by what was last seen clearly.
    pub found: [RoaringTreemap; Finding::ALL.len()],
    /// Protected rows whose users are on the protect list: they are skipped.
    pub(super) on_protect_list: RoaringTreemap,
    /// The rows that were settled as deleted although nobody saw the user before.
    pub settled_unseen: RoaringTreemap,
    pub(super) sent: BTreeMap<AccountName, SentLog>,
    /// Whether a process has asked something since the last one ended in order, and not begun to work.
    pub(super) is_asking: bool,
    /// The accounts of which a process was told who it is, and has not begun to work.
    pub(super) identified: BTreeSet<AccountName>,
    /// Whether the last process verifies, or did.
    pub verifying: bool,
    /// When the last process began, and how long the machine had been up then; `None`: not told.
    pub(super) began: Option<(Time, Uptime)>,
    /// How many requests any process may have had under way at once, by account.
    pub(super) concurrency: BTreeMap<AccountName, u32>,
}

impl LedgerState {
    /// Whether the last process ended in an orderly way, and none has asked anything since: what was sent is
    /// all there.
    pub fn ended_in_order(&self) -> bool {
        self.is_over() && !self.is_asking
    }

    /// Whether the last process that began to work ended in an orderly way.
    pub(super) fn is_over(&self) -> bool {
        // Which of the two came later is told by their order: a clock may have been set back in between.
        let verification = self.verification.as_ref().filter(|_| self.verifying);
        self.end.is_some() && verification.is_none_or(VerificationState::is_complete)
    }

    /// Reads the ledger at `path`, also while a process is writing it.
    pub fn read(path: &Path) -> Result<Self, LedgerError> {
        Self::collect(LedgerReader::open(path)?)
    }

    /// The state by all lines of `reader`.
    pub(super) fn collect<R: Read>(mut reader: LedgerReader<R>) -> Result<Self, LedgerError> {
        let mut state = Self::new(reader.header.clone());
        reader.each_entry(|link, entry| {
            state.apply(link, entry);
            Ok::<_, LedgerError>(())
        })?;
        reader.path.clone_into(&mut state.path);
        state.lines = reader.lines;
        state.head = reader.head;
        state.torn = reader.torn();
        Ok(state)
    }

    /// Reads the ledger once more, as far as it was read for this state, checking every line.
    pub fn read_again(&self, mut see: impl FnMut(&Link, &Entry)) -> Result<(), LedgerError> {
        LedgerReader::open(&self.path)?.each_entry(|link, entry| {
            if link.line <= self.lines {
                see(link, entry);
            }
            Ok(())
        })
    }

    /// The state of a ledger that has a header and nothing else.
    pub fn new(header: RunHeader) -> Self {
        let uptime = header.uptime.clone();
        let accounts = header.accounts.clone();
        let mut state = Self {
            lines: 1,
            last_at: header.started_at,
            header,
            ..Self::default()
        };
        state.process(state.last_at, uptime.as_ref(), &accounts);
        state
    }

    pub(super) fn process(
        &mut self,
        at: Time,
        uptime: Option<&Uptime>,
        accounts: &[AccountHeader],
    ) {
        self.is_asking = false;
        self.identified.clear();
        // By a clock that was set ahead since the last process, all of that would be older than it is.
        let expected = self.now(at, uptime);
        let is_before = |it: &Time| *it <= expected;
        let jump = at.saturating_since(expected);
        for it in self.pauses.iter_mut().filter(|it| is_before(&it.at)) {
            (it.at, it.until) = (it.at.after(jump), it.until.after(jump));
        }
        let cut_off = self.cut_off.iter_mut().filter(|it| is_before(it));
        // Also what processes have sent that never began to work: nothing tells how their clock was set.
        for it in self
            .sent
            .values_mut()
            .flat_map(SentLog::times)
            .chain(cut_off)
        {
            *it = it.after(jump);
        }
        self.began = uptime.map(|uptime| (at, uptime.clone()));
        for account in accounts {
            let most = account.concurrency.unwrap_or(0);
            let known = self.concurrency.entry(account.name.clone()).or_default();
            *known = most.max(*known);
        }
    }

    /// How late it is for what this ledger tells: no later than the clock or the uptime says. A clock
    /// that jumped ahead makes no request older than it is, and no pause shorter.
    pub fn now(&self, clock: Time, uptime: Option<&Uptime>) -> Time {
        let of_this_boot =
            |(_, then): &&(Time, Uptime)| uptime.is_some_and(|it| it.boot == then.boot);
        let by_uptime = self.began.as_ref().filter(of_this_boot).map(|(at, then)| {
            let ms = uptime.map_or(0, |it| it.ms.saturating_sub(then.ms));
            at.after(Duration::from_millis(ms))
        });
        by_uptime.map_or(clock, |it| clock.min(it))
    }

    /// How many requests of `account` any process may have had under way at once; `None`: not told.
    pub fn concurrency(&self, account: &AccountName) -> Option<u32> {
        let known = self.concurrency.get(account).copied();
        known.filter(|most| *most > 0)
    }

    /// Where all rows of the input stand; they add up to the plan's rows.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for sets in self.rows.values() {
            add(&mut counts, sets);
        }
        counts.on_protect_list = self.on_protect_list.len();
        let rows = match &self.planned {
            Some(plan) => plan.rows,
            None => (self.plan.all() | &self.ended).len(),
        };
        counts.pending = rows.saturating_sub(self.ended.len() + self.left_out);
        counts
    }

    /// Takes `rows` out of all that is counted, as another ledger has a later word on them.
    pub fn leave_out(&mut self, rows: &RoaringTreemap) {
        self.left_out += rows.len();
        let sets = self
            .rows
            .values_mut()
            .flatten()
            .chain(self.steps.values_mut());
        let more = [
            &mut self.ended,
            &mut self.soft_deleted,
            &mut self.half_done,
            &mut self.unanswered,
            &mut self.doubtful,
            &mut self.on_protect_list,
            &mut self.settled_unseen,
        ];
        let sets = sets.chain(more).chain(&mut self.found);
        sets.for_each(|set| *set -= rows);
        for row in rows {
            self.plan.unplan(row);
            self.bulks.leave(row);
        }
    }

    /// The counts of each account. Rows that name no account are left out.
    pub fn account_counts(&self) -> BTreeMap<AccountName, Counts> {
        let mut all: BTreeMap<AccountName, Counts> = BTreeMap::new();
        for (account, sets) in &self.rows {
            if let Some(account) = account {
                let counts = all.entry(account.clone()).or_default();
                add(counts, sets);
                let protected = &sets[Outcome::Protected.index()];
                counts.on_protect_list += protected.intersection_len(&self.on_protect_list);
            }
        }
        for (account, _, rows) in self.planned_rows() {
            let pending = rows.difference_len(&self.ended);
            all.entry(account.clone()).or_default().pending += pending;
        }
        all
    }

    /// The counts of the rows to send, by account and action.
    pub fn action_counts(&self) -> Vec<(AccountName, Action, Counts)> {
        let counts = |(name, action, rows): (&AccountName, Action, &RoaringTreemap)| {
            let mut counts = Counts::default();
            for outcome in Outcome::ALL {
                let sets = self.rows.values().map(|sets| &sets[outcome.index()]);
                *counts.slot(outcome) = sets.map(|it| it.intersection_len(rows)).sum();
            }
            counts.on_protect_list = self.on_protect_list.intersection_len(rows);
            counts.pending = rows.difference_len(&self.ended);
            (name.clone(), action, counts)
        };
        let planned = self.planned_rows().filter(|(.., rows)| !rows.is_empty());
        planned.map(counts).collect()
    }

    /// Whether the plan is complete and nobody has agreed to it yet.
    pub const fn is_saved_plan(&self) -> bool {
        self.planned.is_some() && self.agreed.is_none()
    }

    /// Whether `row` is to be sent, or was.
    pub fn is_planned(&self, row: u64) -> bool {
        self.planned_rows().any(|(_, _, rows)| rows.contains(row))
    }

    /// How `row` ended last; `None`: it has not.
    pub fn outcome_of(&self, row: u64) -> Option<Outcome> {
        // Most rows that are asked about have not ended.
        if !self.ended.contains(row) {
            return None;
        }
        let ended_as = |it: &Outcome| {
            let mut sets = self.rows.values();
            sets.any(|sets| sets[it.index()].contains(row))
        };
        Outcome::ALL.into_iter().find(ended_as)
    }

    /// How `row` counts by what it ended with last; `None`: it has not ended.
    pub fn counted(&self, row: u64) -> Option<Counted> {
        if self.on_protect_list.contains(row) {
            return Some(Counted::Skipped);
        }
        self.outcome_of(row).map(Outcome::counted)
    }

    /// The rows to send by account and action, ended since or not.
    pub fn planned_rows(&self) -> impl Iterator<Item = (&AccountName, Action, &RoaringTreemap)> {
        let queues = self.plan.rows.iter();
        queues.map(|((account, action), rows)| (account, *action, rows))
    }

    /// Whether the user of `row` is gone, as far as is known. The row ended well here or in an
    /// earlier ledger, and no verification has seen the user standing since.
    pub fn is_gone(&self, row: u64) -> bool {
        let outcome = self.outcome_of(row);
        outcome.is_some_and(Outcome::is_gone) && !self.found(Finding::Standing).contains(row)
    }

    /// The rows of [`Self::found`] with this finding.
    pub fn found(&self, finding: Finding) -> &RoaringTreemap {
        &self.found[finding.index()]
    }

    /// The account of `row`; `None`: it names none that exists.
    pub fn account_of(&self, row: u64) -> Option<&AccountName> {
        let planned = self.planned_rows().find(|(_, _, rows)| rows.contains(row));
        let is_its = |sets: &&Rows| sets.iter().any(|set| set.contains(row));
        let ended = || self.rows.iter().find(|(_, sets)| is_its(sets));
        planned
            .map(|(name, ..)| name)
            .or_else(|| ended()?.0.as_ref())
    }

    /// Whether a deletion of the user of `row` was begun, and may have had an effect.
    pub fn is_begun(&self, row: u64) -> bool {
        self.half_done.contains(row) || self.is_in_doubt(row)
    }

    /// Whether this run deleted the row's user, softly at least, as far as is known.
    pub(super) fn has_deleted(&self, row: u64) -> bool {
        let is_deleted = self.outcome_of(row) == Some(Outcome::Deleted);
        self.soft_deleted.contains(row) || (is_deleted && !self.settled_unseen.contains(row))
    }

    /// The accounts as they introduced themselves last.
    pub fn accounts(&self) -> BTreeMap<AccountName, &AccountHeader> {
        let sessions = self.sessions.iter().flat_map(|session| &session.accounts);
        let all = self.header.accounts.iter().chain(sessions);
        all.map(|account| (account.name.clone(), account)).collect()
    }

    /// The numbers of the rows that ended as `outcome`.
    pub fn rows_of(&self, outcome: Outcome) -> RoaringTreemap {
        let mut rows = RoaringTreemap::new();
        for sets in self.rows.values() {
            rows |= &sets[outcome.index()];
        }
        rows
    }

    /// The numbers of the rows that have no outcome yet.
    pub fn outstanding(&self) -> RoaringTreemap {
        self.plan.all() - &self.ended
    }

    /// How many of the row's steps ended well, if it has not ended, or ended `in_doubt` or `failed`.
    pub fn steps_done(&self, row: u64) -> usize {
        let sets = self.steps.values();
        sets.filter(|rows| rows.contains(row)).count()
    }

    /// The rows of which a request left that nothing has answered or settled: the next step of such
    /// a row may have been done. While a process is at work, rows under way are among them.
    pub fn in_doubt(&self) -> RoaringTreemap {
        &self.unanswered | &self.doubtful
    }

    /// Whether `row` is one of [`LedgerState::in_doubt`].
    pub fn is_in_doubt(&self, row: u64) -> bool {
        self.unanswered.contains(row) || self.doubtful.contains(row)
    }

    /// How many rows stand in jobs of a provider's whose result was never read.
    pub fn in_jobs(&self) -> u64 {
        self.bulks.in_jobs()
    }

    /// The state in which a row's next step was left.
    pub fn left_open(&self, row: u64) -> LeftOpen {
        if !self.is_in_doubt(row) || self.harmless.contains(row) {
            return LeftOpen::Nothing;
        }
        self.bulks.left_open(row)
    }

    /// The rows of each account that ended `deleted`, `already_gone` or `ordered`; accounts without are
    /// left out.
    pub fn verifiable(&self) -> BTreeMap<AccountName, RoaringTreemap> {
        let named = self.rows.iter();
        named
            .filter_map(|(account, sets)| {
                let gone = &sets[Outcome::Deleted.index()] | &sets[Outcome::AlreadyGone.index()];
                let rows = gone | &sets[Outcome::Ordered.index()];
                let account = account.clone().filter(|_| !rows.is_empty())?;
                Some((account, rows))
            })
            .collect()
    }

    /// The account's requests, oldest first, as far back as a quota can reach (31 days before the
    /// newest entry), at most [`SENT_MAX`](super::SENT_MAX).
    pub fn sent(&self, account: &AccountName) -> impl Iterator<Item = SentRequest> {
        let log = self.sent.get(account).into_iter();
        log.flat_map(|log| log.iter(self.last_at))
    }

    /// Gives back the memory of [`LedgerState::sent`] once the windows are filled with it. That is
    /// up to 16 MiB for each account, which a long session would hold to its end.
    pub fn forget_sent(&mut self) {
        self.sent.clear();
    }

    /// The pauses that are not over at `now`.
    pub fn pauses_at(&self, now: Time) -> impl Iterator<Item = &Paused> {
        self.pauses.iter().filter(move |pause| pause.until > now)
    }
}

/// The last verification, as far as it got. The findings, by it and by those before, are
/// [`LedgerState::found`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerificationState {
    /// How it began.
    pub begun: SessionStart,
    /// How many rows it asked about; fewer than it set out to ask about if it was stopped.
    pub asked: u64,
    /// The accounts that were stopped in it.
    pub stops: Vec<LaneStop>,
    /// When the last row was seen; when it began, if none was.
    pub last_at: Time,
}

impl VerificationState {
    /// Whether every row it set out to ask about was asked about.
    pub fn is_complete(&self) -> bool {
        self.asked >= self.begun.rows
    }
}

fn add(counts: &mut Counts, sets: &Rows) {
    for outcome in Outcome::ALL {
        *counts.slot(outcome) += sets[outcome.index()].len();
    }
}
