//! What was agreed to when a run began is what `resume` and `retry` do: the configuration may have
//! changed since, and rows that say little are read through it.

use std::collections::BTreeMap;
use std::path::Path;

use roaring::RoaringTreemap;

use crate::cli::Failure;
use crate::cli::outline_text;
use crate::cli::planning::{Planned, Planning};
use crate::domain::{AccountName, Outcome};
use crate::ledger::LedgerState;
use crate::plan::{Decision, Ended};

/// How rows end for which nothing was ever to be sent.
const NEVER_SENT: [Outcome; 4] = [
    Outcome::Invalid,
    Outcome::Protected,
    Outcome::DoneBefore,
    Outcome::Duplicate,
];

/// The rows of `wanted` that the run was to send.
fn owed(state: &LedgerState, wanted: &RoaringTreemap) -> RoaringTreemap {
    let agreed = &state.header.agreed;
    if !agreed.is_empty() {
        let none = RoaringTreemap::new();
        return agreed
            .values()
            .fold(none, |rows, of| rows | (wanted & &of.0));
    }
    // A version before this field: what has ended otherwise is known, no more.
    NEVER_SENT
        .into_iter()
        .fold(wanted.clone(), |rows, outcome| {
            rows - state.rows_of(outcome)
        })
}

/// Refuses to send rows that were not agreed to: the protect list or the configuration may have
/// changed since, before the ends of all rows that were not to be sent stood in the ledger.
pub(super) fn check_agreed(
    ledger: &Path,
    state: &LedgerState,
    rows: &BTreeMap<AccountName, RoaringTreemap>,
) -> Result<(), Failure> {
    let agreed = &state.header.agreed;
    for (name, rows) in rows {
        let others = match agreed.get(name) {
            Some(agreed) => rows - &agreed.0 - state.in_doubt(),
            None if agreed.is_empty() => more_than_told(state, name, rows),
            None => rows.clone(),
        };
        if let Some(row) = others.min() {
            let what = format!(
                "{} of its rows for account `{name}`, row {row} first, would be sent now, and the run \
                 that was agreed to was not to send them; nothing was sent",
                others.len()
            );
            let help = format!(
                "put the configuration and the protect list back as they were, or agree to the rows \
                 anew: `userpurge run INPUT --done-in {} --ledger NEW.ledger.jsonl`",
                outline_text::shell(ledger)
            );
            return Err(Failure::foreign(ledger, &what, Some(&help)));
        }
    }
    Ok(())
}

/// Of a ledger that keeps no rows but their number: all `rows`, if they are more.
fn more_than_told(
    state: &LedgerState,
    name: &AccountName,
    rows: &RoaringTreemap,
) -> RoaringTreemap {
    let ahead = state.header.ahead.iter().find(|it| it.name == *name);
    match ahead {
        Some(ahead) if rows.len() > ahead.rows => rows.clone(),
        Some(_) | None => RoaringTreemap::new(),
    }
}

/// Refuses rows that would go to another account than the run had, or of which something else would be
/// done than was agreed to. Rows that were never to be sent may be mended at will.
pub(super) fn check_accounts(
    ledger: &Path,
    state: &LedgerState,
    planning: &Planning,
    planned: &Planned,
    wanted: &RoaringTreemap,
) -> Result<(), Failure> {
    let owed = owed(state, wanted);
    let known = state.accounts();
    for (name, rows) in &planned.plan.to_send {
        let Some(row) = (rows & &owed).min() else {
            continue;
        };
        let Some(then) = known.get(name) else {
            let names: Vec<_> = known.keys().map(AccountName::as_str).collect();
            let what = format!(
                "its row {row} would now go to account `{name}`, which the run did not have \
                 (accounts then: {}); nothing was sent",
                names.join(", ")
            );
            let help = "give the accounts of the configuration the names that they had, or name the \
                        configuration of the run with `--config PATH`";
            return Err(Failure::foreign(ledger, &what, Some(help)));
        };
        let now = planning.account(name).and_then(|account| account.action);
        let is_used = |action| {
            let groups = planned.plan.accounts.get(name);
            planning.options.action.is_none() && groups.is_some_and(|it| it.contains_key(&action))
        };
        if let (Some(then), Some(now)) = (then.action, now)
            && then != now
            && is_used(now)
        {
            let what = format!(
                "account `{name}` had `action = \"{then}\"` when the run began, and the \
                 configuration now has `action = \"{now}\"`; nothing was sent"
            );
            return Err(Failure::foreign(ledger, &what, Some(&way_on(ledger))));
        }
    }
    Ok(())
}

/// Refuses an input that is read differently from when the run began, and to end rows as invalid that
/// the run was to send: they would be lost to every `resume`.
pub(super) fn check_rows(
    ledger: &Path,
    state: &LedgerState,
    planning: &Planning,
    planned: &Planned,
    wanted: &RoaringTreemap,
) -> Result<(), Failure> {
    let plan = &planned.plan;
    let (then, now) = (state.header.input.rows, plan.rows);
    if then != now {
        let what = format!("its input had {then} rows and now reads as {now}");
        return Err(Failure::foreign(ledger, &what, None));
    }
    let to_send = plan
        .to_send
        .values()
        .fold(RoaringTreemap::new(), |all, rows| all | rows);
    let missing = owed(state, wanted) - &to_send;
    if missing.is_empty() {
        return Ok(());
    }
    let decider = planning.planner(&planned.judge);
    let mut lost: Option<Ended> = None;
    planning
        .open()?
        .each_row(|row| {
            if lost.is_none()
                && missing.contains(row.position.row)
                && let Some(Decision::End(end)) = decider.decide(plan, row)
                && matches!(end.outcome, Outcome::Invalid | Outcome::Duplicate)
            {
                lost = Some(end);
            }
        })
        .map_err(Failure::refused)?;
    let Some(lost) = lost else {
        return Ok(());
    };
    let what = format!(
        "its row {} was to be sent when the run began, and is none to be sent now: {}; nothing was \
         sent",
        lost.position.row, lost.reason
    );
    Err(Failure::foreign(ledger, &what, Some(&way_on(ledger))))
}

fn way_on(ledger: &Path) -> String {
    format!(
        "put the configuration back as it was, or purge what is left with `userpurge run NEW --done-in {}`",
        outline_text::shell(ledger)
    )
}
