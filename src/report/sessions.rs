//! Who was at a run and when: each process that worked on it, and each that verified it.

use serde::Serialize;

use crate::domain::{
    AccountHeader, Counted, LaneStop, RunEnd, RunHeader, RunState, SessionStart, Time,
};

/// How many sessions are kept: the first, and the newest. Nobody takes a run up so often by hand.
const SESSIONS_MAX: usize = 100;

/// How many callers are told.
const CALLERS_MAX: usize = 200;

/// A process that worked on the run.
#[derive(Debug, Clone, Serialize)]
pub struct SessionTold {
    /// Its number, from 1.
    pub number: u64,
    /// `run`, `resume`, `retry` or `verify`.
    pub command: String,
    /// What `retry --only` asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub only: Vec<String>,
    /// The program's version.
    pub version: String,
    /// How many rows it set out to do, or to ask about.
    pub rows: u64,
    /// When it began.
    pub started_at: Time,
    /// How it ended; `None`: it left no word of that, or it verified.
    pub ended: Option<RunState>,
    /// When it ended; `None`: it left no word of that.
    pub ended_at: Option<Time>,
    /// When its newest entry was written.
    pub last_at: Time,
    /// How many rows ended well in it. A verification ends none; so below.
    pub good: u64,
    /// How many ended otherwise.
    pub bad: u64,
    /// How many were known to be duplicates.
    pub duplicate: u64,
    /// The accounts that were stopped in it, and why.
    pub stops: Vec<LaneStop>,
    /// How long the run had been at work before, in milliseconds.
    pub worked_before_ms: u64,
    /// The accounts, as they introduced themselves. Left out of the JSON, which has the callers.
    #[serde(skip)]
    pub accounts: Vec<AccountHeader>,
}

impl SessionTold {
    /// Whether it asked about rows, and deleted nobody.
    pub fn is_verification(&self) -> bool {
        self.command == "verify"
    }
}

/// Who the program was at an account.
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

/// What the making of a plan is called, until somebody agrees to it: then it is a part of its run.
const PLAN: &str = "plan";

/// Collects the sessions.
#[derive(Debug)]
pub(super) struct Sessions {
    kept: Vec<SessionTold>,
    callers: Vec<Caller>,
    count: u64,
}

impl Sessions {
    /// The process that began the run.
    pub(super) fn new(header: &RunHeader) -> Self {
        let mut sessions = Self {
            kept: Vec::new(),
            callers: Vec::new(),
            count: 0,
        };
        sessions.add(SessionTold {
            version: header.version.clone(),
            ..begun(PLAN, 0, header.started_at)
        });
        sessions
    }

    /// The plan with which the ledger begins has so many rows.
    pub(super) fn planned(&mut self, rows: u64) {
        self.last().rows = rows;
    }

    /// A later process took the run up, which had been at work for so long.
    pub(super) fn session(&mut self, session: &SessionStart, worked_ms: u64) {
        let planned = (self.count == 1)
            .then(|| self.kept.pop_if(|only| only.command == PLAN))
            .flatten();
        self.count -= u64::from(planned.is_some());
        let (good, bad, duplicate) =
            planned.map_or((0, 0, 0), |plan| (plan.good, plan.bad, plan.duplicate));
        self.add(SessionTold {
            good,
            bad,
            duplicate,
            worked_before_ms: worked_ms,
            only: session.only.clone(),
            version: session.version.clone(),
            accounts: session.accounts.clone(),
            ..begun(&session.command, session.rows, session.at)
        });
    }

    pub(super) fn verification(&mut self, verification: &SessionStart, worked_ms: u64) {
        self.add(SessionTold {
            worked_before_ms: worked_ms,
            version: verification.version.clone(),
            accounts: verification.accounts.clone(),
            ..begun(&verification.command, verification.rows, verification.at)
        });
    }

    pub(super) fn seen(&mut self, at: Time) {
        let last = self.last();
        last.last_at = last.last_at.max(at);
    }

    pub(super) fn row(&mut self, counted: Counted) {
        let last = self.last();
        let slot = match counted {
            Counted::Good => &mut last.good,
            Counted::Bad => &mut last.bad,
            Counted::Neither => &mut last.duplicate,
        };
        *slot += 1;
    }

    pub(super) fn stop(&mut self, stop: &LaneStop) {
        let stops = &mut self.last().stops;
        stops.retain(|it| it.account != stop.account);
        stops.push(stop.clone());
    }

    pub(super) fn end(&mut self, end: &RunEnd) {
        let last = self.last();
        last.ended = Some(end.state);
        last.ended_at = Some(end.at);
    }

    /// The sessions, oldest first, how many there were, and who the program was in them.
    pub(super) fn finish(self) -> (Vec<SessionTold>, u64, Vec<Caller>) {
        (self.kept, self.count, self.callers)
    }

    fn add(&mut self, mut session: SessionTold) {
        self.count += 1;
        session.number = self.count;
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
        self.kept.push(session);
    }

    fn last(&mut self) -> &mut SessionTold {
        let last = self.kept.len() - 1;
        &mut self.kept[last]
    }
}

fn begun(command: &str, rows: u64, at: Time) -> SessionTold {
    SessionTold {
        number: 0,
        command: command.to_owned(),
        only: Vec::new(),
        version: String::new(),
        rows,
        started_at: at,
        ended: None,
        ended_at: None,
        last_at: at,
        good: 0,
        bad: 0,
        duplicate: 0,
        stops: Vec::new(),
        worked_before_ms: 0,
        accounts: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::{SESSIONS_MAX, Sessions};
    use crate::domain::Entry;
    use crate::ledger::samples::{entry, header};

    #[test]
    fn the_first_session_and_the_newest_are_kept_and_all_are_counted() {
        let mut sessions = Sessions::new(&header());
        let Entry::Session(resume) = entry("session", 10, serde_json::json!({})) else {
            panic!("no session");
        };
        for _ in 0..SESSIONS_MAX + 5 {
            sessions.session(&resume, 0);
        }
        let (kept, count, callers) = sessions.finish();
        assert_eq!(count, SESSIONS_MAX as u64 + 5);
        assert_eq!(kept.len(), SESSIONS_MAX);
        let ends = [
            kept[0].number,
            kept[1].number,
            kept[SESSIONS_MAX - 1].number,
        ];
        assert_eq!(ends, [1, 7, count]);
        let told: Vec<_> = callers
            .iter()
            .map(|it| (it.account.name.as_str(), it.first_session, it.last_session))
            .collect();
        assert_eq!(told, [("acme", 1, count)]);
    }
}
