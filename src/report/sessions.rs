//! The processes of a run and their times: each that worked on it, and each that verified it.

use serde::Serialize;

use crate::domain::{
    AccountHeader, LaneStop, RunEnd, RunHeader, RunState, SessionStart, Sums, Time,
};

/// How many sessions are kept: the first, and the newest. Nobody takes a run up so often by hand.
const SESSIONS_MAX: usize = 100;

/// How many callers are told.
const CALLERS_MAX: usize = 200;

/// A process that worked on the run.
#[derive(Debug, Clone, Default, Serialize)]
pub struct SessionTold {
    /// Its number, from 1.
    pub number: u64,
    /// `run`, `resume`, `retry` or `verify`.
    pub command: String,
    /// The values of `retry --only`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub only: Vec<String>,
    /// The program's version.
    pub version: String,
    /// How many rows it set out to send, or to ask about.
    pub rows: u64,
    /// When it began.
    pub started_at: Time,
    /// How it ended; `None`: it left no word of that, or it verified.
    pub ended: Option<RunState>,
    /// When it ended; `None`: it left no word of that.
    pub ended_at: Option<Time>,
    /// When its newest entry was written.
    pub last_at: Time,
    /// How many rows ended in it. A verification ends none.
    #[serde(flatten)]
    pub sums: Sums,
    /// The accounts that were stopped in it, and why.
    pub stops: Vec<LaneStop>,
    /// How long the run had been at work before, in milliseconds.
    pub worked_before_ms: u64,
}

impl SessionTold {
    /// Whether it asked about rows, and deleted nobody.
    pub fn is_verification(&self) -> bool {
        self.command == "verify"
    }
}

/// The caller that the program was at an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Caller {
    /// The account, its tenant, and the user whose credentials were used.
    #[serde(flatten)]
    pub account: AccountHeader,
    /// The first session in which it was so.
    pub first_session: u64,
    /// The last one.
    pub last_session: u64,
}

/// The name for the making of a plan, until somebody agrees to it: then it is a part of its run.
const PLAN: &str = "plan";

/// Collects the sessions.
#[derive(Debug)]
pub(super) struct Sessions {
    /// Those that are kept, oldest first.
    pub(super) kept: Vec<SessionTold>,
    /// The caller that the program was in them.
    pub(super) callers: Vec<Caller>,
    /// How many there were.
    pub(super) count: u64,
}

impl Sessions {
    /// The process that began the run.
    pub(super) fn new(header: &RunHeader) -> Self {
        Self {
            kept: vec![begun(PLAN, &header.version, header.started_at)],
            callers: Vec::new(),
            count: 1,
        }
    }

    /// A later process took the run up, or verified it, which had been at work for so long.
    pub(super) fn begin(&mut self, session: &SessionStart, worked_ms: u64) {
        let is_first = self.count == 1;
        let planned = self.kept.pop_if(|only| is_first && only.command == PLAN);
        self.count += u64::from(planned.is_none());
        let sums = planned.map(|plan| plan.sums).unwrap_or_default();
        for account in &session.accounts {
            let full = self.callers.len() == CALLERS_MAX;
            let known = self.callers.iter_mut().find(|it| it.account == *account);
            match known {
                Some(caller) => caller.last_session = self.count,
                None if !full => self.callers.push(Caller {
                    account: account.clone(),
                    first_session: self.count,
                    last_session: self.count,
                }),
                None => {}
            }
        }
        if self.kept.len() == SESSIONS_MAX {
            self.kept.remove(1);
        }
        self.kept.push(SessionTold {
            number: self.count,
            only: session.only.clone(),
            rows: session.rows,
            sums,
            worked_before_ms: worked_ms,
            ..begun(&session.command, &session.version, session.at)
        });
    }

    pub(super) fn seen(&mut self, at: Time) {
        let last = self.last();
        last.last_at = last.last_at.max(at);
    }

    pub(super) fn stop(&mut self, stop: &LaneStop) {
        let stops = &mut self.last().stops;
        stops.retain(|it| it.account != stop.account);
        stops.push(stop.clone());
    }

    pub(super) fn end(&mut self, end: &RunEnd) {
        let last = self.last();
        (last.ended, last.ended_at) = (Some(end.state), Some(end.at));
    }

    /// The one that is at work.
    pub(super) fn last(&mut self) -> &mut SessionTold {
        let last = self.kept.len() - 1;
        &mut self.kept[last]
    }
}

/// The first session, as it begins.
fn begun(command: &str, version: &str, at: Time) -> SessionTold {
    SessionTold {
        number: 1,
        command: command.to_owned(),
        version: version.to_owned(),
        started_at: at,
        last_at: at,
        ..SessionTold::default()
    }
}
