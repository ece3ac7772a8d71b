//! The numbers of a run, in the shape that scripts rely on.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Serialize, Serializer};

use super::verification::VerificationSummary;
use crate::domain::{
    AccountName, Counts, Finding, LaneStop, Outcome, ProviderKind, RunId, RunOptions, RunState,
    Time,
};
use crate::ledger::{LedgerHead, LedgerState};

/// Where a run stands. Serialised it is `status --json`, field by field in this order; what is
/// marked as left out is for [`text`](super::text) alone.
#[derive(Debug, Clone, Serialize)]
pub struct Summary {
    /// The run's id.
    pub run_id: RunId,
    /// Where it stands.
    pub state: RunState,
    /// How many rows the input has.
    pub rows: u64,
    /// Where they stand; they add up to [`Summary::rows`].
    pub outcomes: Counts,
    /// How many of the pending rows have steps behind them: their user is soft-deleted, and not
    /// permanently deleted yet.
    #[serde(rename = "steps_done", serialize_with = "steps_done")]
    pub soft_deleted: u64,
    /// How many rows ended otherwise than well behind such a step.
    pub half_done: u64,
    /// The accounts with rows.
    pub accounts: BTreeMap<AccountName, AccountSummary>,
    /// How many requests the ledger records: a deleting one before it leaves, another once it is answered.
    pub requests: u64,
    /// How many of them the servers turned away because of their pace.
    pub throttled: u64,
    /// How many of the deleted rows had no clear answer, and their user not there afterwards, whom
    /// nobody saw before.
    pub settled_unseen: u64,
    /// When the run began.
    pub started_at: Time,
    /// When it ended in an orderly way; `None`: it is at work, or it did not.
    pub ended_at: Option<Time>,
    /// The chain of the ledger's last line, which stands for the whole ledger.
    pub head: LedgerHead,

    /// The last verification; left out if there was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verification: Option<VerificationSummary>,

    /// The ledger. Left out of the JSON.
    #[serde(skip)]
    pub ledger: PathBuf,
    /// The configuration that `--config` named, which the next command has to name again; `None`: it lay in
    /// a documented place. Left out of the JSON.
    #[serde(skip)]
    pub config: Option<String>,
    /// The path of the input. Left out of the JSON.
    #[serde(skip)]
    pub input: String,
    /// The lanes that the last process stopped, and why.
    pub stops: Vec<LaneStop>,
    /// The pending rows of which a request left that nothing has answered: under way if the run is
    /// running, in doubt otherwise. Left out of the JSON.
    #[serde(skip)]
    pub unanswered: u64,
    /// The pending rows in jobs of a provider's whose result was not read; not among the above.
    /// Left out of the JSON.
    #[serde(skip)]
    pub in_jobs: u64,
    /// How many rows ended well whose users were seen standing since. Left out of the JSON.
    #[serde(skip)]
    pub standing: u64,
    /// Why rows are not done, as [`why`](super::why) says; empty: it was not asked. Left out of the JSON.
    #[serde(skip)]
    pub why: String,
    /// When the newest entry was written. Left out of the JSON.
    #[serde(skip)]
    pub last_at: Time,
}

/// The rows of one account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AccountSummary {
    /// Its provider; `None`: the account never introduced itself, because none of its rows could
    /// be sent.
    pub provider: Option<ProviderKind>,
    /// How its rows ended; the JSON has no pending ones.
    #[serde(serialize_with = "ended")]
    pub outcomes: Counts,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn steps_done<S: Serializer>(soft_deleted: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map([("soft_deleted", soft_deleted)])
}

fn ended<S: Serializer>(counts: &Counts, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(Outcome::ALL.map(|outcome| (outcome.name(), counts.of(outcome))))
}

impl Summary {
    /// Sums up what a ledger says. `is_locked`: whether a process is at work on it. Find that out
    /// *before* the ledger is read, so that a run which ends in between is not called interrupted.
    pub fn new(state: &LedgerState, is_locked: bool) -> Self {
        let end = state.end.as_ref().filter(|_| !is_locked);
        let counts = state.counts();
        let run_state = match end {
            _ if state.is_saved_plan() => RunState::Planned,
            _ if is_locked => RunState::Running,
            // A retry ends although other rows are still to do.
            Some(end) if end.state != RunState::Finished || counts.pending == 0 => end.state,
            Some(_) | None => RunState::Interrupted,
        };
        let input = state.planned.as_ref();
        Self {
            run_id: state.header.run_id.clone(),
            state: run_state,
            rows: counts.total(),
            outcomes: counts,
            soft_deleted: state.half_done.difference_len(&state.ended),
            half_done: state.half_done.intersection_len(&state.ended),
            settled_unseen: state.settled_unseen.len(),
            accounts: accounts(state),
            requests: state.requests,
            throttled: state.throttled,
            started_at: state.header.started_at,
            ended_at: end.map(|end| end.at),
            verification: VerificationSummary::new(state),
            head: state.head,
            ledger: state.path.clone(),
            config: named_config(&state.header.options).map(str::to_owned),
            input: input.map(|it| it.input.path.clone()).unwrap_or_default(),
            stops: state.stops.clone(),
            unanswered: (state.in_doubt() - &state.ended).len() - state.in_jobs(),
            in_jobs: state.in_jobs(),
            standing: state.found(Finding::Standing).len(),
            why: String::new(),
            last_at: state.last_at,
        }
    }

    /// Adds the counts of another run. The state is the one that needs a person most.
    pub(super) fn add(&mut self, other: &Self) {
        let urgency = |state| match state {
            RunState::Finished => 0,
            RunState::Planned => 1,
            RunState::Interrupted => 2,
            RunState::Stopped => 3,
            RunState::Running => 4,
        };
        if urgency(other.state) > urgency(self.state) {
            self.state = other.state;
        }
        self.rows += other.rows;
        self.outcomes.add(&other.outcomes);
        for (name, account) in &other.accounts {
            let own = self.accounts.entry(name.clone()).or_insert(AccountSummary {
                provider: account.provider,
                outcomes: Counts::default(),
            });
            own.outcomes.add(&account.outcomes);
        }
        self.soft_deleted += other.soft_deleted;
        self.half_done += other.half_done;
        self.requests += other.requests;
        self.throttled += other.throttled;
        self.settled_unseen += other.settled_unseen;
        self.unanswered += other.unanswered;
        self.in_jobs += other.in_jobs;
        self.standing += other.standing;
        self.started_at = self.started_at.min(other.started_at);
        self.ended_at = self
            .ended_at
            .zip(other.ended_at)
            .map(|(own, it)| own.max(it));
        self.last_at = self.last_at.max(other.last_at);
        self.stops.extend(other.stops.iter().cloned());
        // Each run has its own.
        self.verification = None;
    }
}

/// The configuration that `--config` named when the run began; `None`: none was named.
pub(crate) fn named_config(options: &RunOptions) -> Option<&str> {
    options.config.as_deref().filter(|_| options.config_named)
}

fn accounts(state: &LedgerState) -> BTreeMap<AccountName, AccountSummary> {
    let counts = state.account_counts();
    let known = state.accounts();
    // The header of a plan names every account of the configuration.
    let configured = known.keys().filter(|_| state.planned.is_none());
    let names = configured.chain(counts.keys()).cloned();
    let accounts = names.map(|name| {
        let summary = AccountSummary {
            provider: known.get(&name).map(|it| it.provider),
            outcomes: counts.get(&name).copied().unwrap_or_default(),
        };
        (name, summary)
    });
    accounts.collect()
}
