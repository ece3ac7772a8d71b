//! The contents of the page: the values for its template beside the report's own fields.

use std::borrow::Borrow;
use std::time::Duration;

use askama::Template;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest as _, Sha256};

use super::charts::{self, Area, Part};
use crate::domain::{
    AccountHeader, AgreedBy, Counted, Counts, Outcome, RunState, Time, Verified, escape_controls,
};
use crate::report::pauses::Stretch;
use crate::report::text::{self, ON_LIST, UNSEEN, again, counted, known};
use crate::report::{BadRow, Caller, Point, Reason, Report};
use crate::words::{count, cut_middle, duration, grouped, shell_path, utc};

/// The looks.
const STYLE: &str = include_str!("style.css");

/// How many accounts are told, in the chart and in the table.
const ACCOUNTS_MAX: usize = 50;

/// How many outcomes have a column each in the width of a section; more take the page's.
const COLUMNS_MAX: usize = 8;

/// How many callers are told.
const CALLERS_MAX: usize = 50;

/// How many of them are told at the top.
const WHOM_MAX: usize = 4;

/// How much of an account's name fits above its bar on a phone, in characters.
const NAME_CHARS_MAX: usize = 22;

/// How many stretches of pauses are told; the chart has all.
const PAUSES_MAX: usize = 20;

/// How many rows of a reason may be told without being asked for.
const OPEN_MAX: usize = 5;

/// The report as a page.
pub fn render(report: &Report) -> String {
    escape_controls(&part(report, false, 0)).into_owned()
}

/// The page, or the part of it that run `number` has. The brief one becomes Markdown. What a terminal
/// would obey is not written out yet.
pub(in crate::report) fn part(report: &Report, is_brief: bool, number: usize) -> String {
    // Writing to a string cannot fail, and nothing else in the template can.
    let page = Page {
        report,
        is_brief,
        number,
    };
    page.render().unwrap_or_default()
}

#[derive(Template)]
#[template(path = "page.html", config = "src/report/html/askama.toml")]
struct Page<'a> {
    report: &'a Report,
    is_brief: bool,
    /// The number of the run that this is a part about, on a page of several; 0: it is a whole page.
    number: usize,
}

#[expect(
    clippy::unused_self,
    clippy::trivially_copy_pass_by_ref,
    reason = "a template calls nothing but methods"
)]
impl<'a> Page<'a> {
    /// The first items of a list: as many as a page has, or as a ticket has.
    fn first<'l, T>(&self, all: &'l [T], page: usize, brief: usize) -> &'l [T] {
        let most = if self.is_brief { brief } else { page };
        &all[..all.len().min(most)]
    }

    /// The parts that each run alone has to tell, on a page of several.
    fn run_parts(&self) -> Vec<String> {
        let parts = (1..).zip(&self.report.runs);
        let parts = parts.map(|(number, run)| part(run, self.is_brief, number));
        parts.collect()
    }

    /// The suffix that tells the ids of a part from those of the others.
    fn tail(&self) -> String {
        match self.number {
            0 => String::new(),
            number => format!("-{number}"),
        }
    }

    fn number(&self, n: impl Borrow<u64>) -> String {
        grouped(*n.borrow())
    }

    fn number_of(&self, n: impl Borrow<u64>, noun: &str) -> String {
        count(*n.borrow(), noun)
    }

    fn utc(&self, at: impl Borrow<Time>) -> String {
        utc(*at.borrow())
    }

    /// The style sheet, with the run in the foot of each printed page.
    fn style(&self) -> String {
        let run = match self.report.runs.len() {
            0 => format!("run {}", self.report.summary.run_id),
            runs => format!("{runs} runs"),
        };
        let run: String = run
            .chars()
            .filter(|c| c.is_ascii_alphanumeric() || "- ".contains(*c))
            .collect();
        format!("{STYLE}@page {{ @bottom-left {{ content: \"userpurge {run}\"; }} }}\n")
    }

    /// Its hash, as a content security policy wants it.
    fn style_hash(&self) -> String {
        BASE64_STANDARD.encode(Sha256::digest(self.style()))
    }

    /// The time of day, with its day if the run began on another.
    fn clock(&self, at: &Time) -> String {
        axis(self.report.summary.started_at, *at).1
    }

    fn lasts(&self, millis: impl Borrow<u64>) -> String {
        duration(Duration::from_millis(*millis.borrow()))
    }

    fn ended(&self) -> Time {
        let summary = &self.report.summary;
        summary.ended_at.unwrap_or(summary.last_at)
    }

    fn lasted(&self) -> String {
        duration(
            self.ended()
                .saturating_since(self.report.summary.started_at),
        )
    }

    /// The parts of the sum of all rows.
    fn parts(&self) -> [Part; 4] {
        charts::parts(&self.report.sums, self.report.summary.outcomes.pending)
    }

    fn bar(&self) -> Vec<Area> {
        charts::bar(&self.parts(), self.report.summary.rows)
    }

    /// The callers who did it, and where: each tenant, caller and role once.
    fn whom(&self) -> Vec<&'a Caller> {
        let mut whom: Vec<&Caller> = Vec::new();
        for caller in &self.report.callers {
            let new = &caller.account;
            let is_new = |it: &AccountHeader| {
                (&it.tenant, &it.caller, &it.role) != (&new.tenant, &new.caller, &new.role)
            };
            if whom.iter().all(|it| is_new(&it.account)) {
                whom.push(caller);
            }
        }
        whom
    }

    /// The outcomes that have rows: class, name, meaning, rows.
    fn outcomes(&self) -> Vec<(&'static str, &'static str, String, u64)> {
        let summary = &self.report.summary;
        let mut parts = Vec::new();
        for outcome in self.columns() {
            // Protected rows are skipped where the protect list has them, and bad else.
            for counted in Counted::ALL {
                let rows = summary.outcomes.of_counted(outcome, counted);
                if rows > 0 {
                    let means = match (outcome, counted) {
                        (Outcome::Protected, Counted::Skipped) => format!("skipped: {ON_LIST}"),
                        (Outcome::Deleted, _) => {
                            let unseen = text::counted([(summary.settled_unseen, UNSEEN)]);
                            text::with(means(outcome).to_owned(), &unseen)
                        }
                        _ => means(outcome).to_owned(),
                    };
                    parts.push((counted.name(), outcome.name(), means, rows));
                }
            }
        }
        let pending = summary.outcomes.pending;
        if pending > 0 {
            let means = text::with("has not ended yet".to_owned(), &known(summary, None));
            parts.push(("pending", "pending", means, pending));
        }
        parts
    }

    /// The outcomes that have rows.
    fn columns(&self) -> Vec<Outcome> {
        let counts = &self.report.summary.outcomes;
        let all = Outcome::ALL.into_iter();
        all.filter(|outcome| counts.of(*outcome) > 0).collect()
    }

    /// The accounts of the chart: name, its rows in words, its bar.
    fn accounts(&self) -> Vec<(String, String, Vec<Area>)> {
        let accounts = self.report.summary.accounts.iter().take(ACCOUNTS_MAX);
        let most = accounts.clone().map(|(_, it)| it.outcomes.total()).max();
        accounts
            .map(|(name, account)| {
                let parts = charts::parts(&account.outcomes.sums(), account.outcomes.pending);
                let ended = parts[..3].iter().map(|(_, name, rows)| (*rows, *name));
                let mut text = counted(ended);
                if text.is_empty() {
                    "no row ended".clone_into(&mut text);
                }
                let bar = charts::bar(&parts, most.unwrap_or(0));
                (cut_middle(name.as_str(), NAME_CHARS_MAX), text, bar)
            })
            .collect()
    }

    /// The accounts of the table, then the rows that name none, so that the columns add up: name,
    /// provider, rows.
    fn account_rows(&self) -> Vec<(String, &'static str, Counts)> {
        let summary = &self.report.summary;
        let accounts = summary.accounts.iter().take(ACCOUNTS_MAX);
        let mut rows: Vec<_> = accounts
            .map(|(name, account)| {
                let provider = account.provider.map_or("", |it| it.title());
                (name.to_string(), provider, account.outcomes)
            })
            .collect();
        let (mut further, mut nowhere) = (Counts::default(), summary.outcomes);
        for (index, account) in summary.accounts.values().enumerate() {
            if index >= ACCOUNTS_MAX {
                further.add(&account.outcomes);
            }
            for outcome in Outcome::ALL {
                *nowhere.slot(outcome) -= account.outcomes.of(outcome);
            }
        }
        nowhere.pending = 0;
        for (name, counts) in [("further accounts", further), ("no account", nowhere)] {
            if counts.total() > 0 {
                rows.push((name.to_owned(), "", counts));
            }
        }
        rows
    }

    /// From when to when the chart of the progress is.
    fn span(&self) -> (String, String) {
        let from = self.report.summary.started_at;
        let last = self.report.progress.last();
        axis(from, last.map_or(from, |point| point.at))
    }

    fn share(&self, point: &Point) -> String {
        charts::percent(charts::share(point.sums.total(), self.report.input.rows))
    }

    fn pauses(&self) -> Vec<Stretch<'a>> {
        Stretch::all(&self.report.pauses)
    }

    /// How many pauses are left out of the table.
    fn pauses_more(&self) -> u64 {
        let pauses = self.pauses();
        let more = pauses.iter().skip(PAUSES_MAX).map(|it| it.pauses as u64);
        self.report.pauses_left_out + more.sum::<u64>()
    }

    /// Reasons, those together about which the same is to be done.
    fn heaps(&self) -> Vec<&'a [Reason]> {
        let to_do = |it: &Reason| (it.outcome, it.what_to_do, it.command.clone());
        let alike = |one: &Reason, next: &Reason| to_do(one) == to_do(next);
        self.reasons().chunk_by(alike).collect()
    }

    fn reasons(&self) -> &'a [Reason] {
        self.first(&self.report.reasons, 60, 30)
    }

    fn reasons_more(&self) -> &'a [Reason] {
        &self.report.reasons[self.reasons().len()..]
    }

    fn rows_of(&self, reasons: &[Reason]) -> u64 {
        reasons.iter().map(|it| it.rows).sum()
    }

    fn listed<'r>(&self, reason: &'r Reason) -> &'r [BadRow] {
        self.first(&reason.listed, 20, 10)
    }

    fn places(&self, reason: &Reason) -> String {
        reason.places.describe(if self.is_brief { 12 } else { 24 })
    }

    fn verified(&self) -> &'a [Verified] {
        self.first(&self.report.not_as_asked, 25, 10)
    }

    fn verified_more(&self) -> u64 {
        let verification = self.report.summary.verification.as_ref();
        let all = verification.map_or(0, |it| it.standing + it.unknown);
        all.saturating_sub(self.verified().len() as u64)
    }
}

/// The run in one sentence.
pub(in crate::report) fn verdict(report: &Report) -> String {
    let summary = &report.summary;
    let parts = charts::parts(&report.sums, summary.outcomes.pending);
    let counted = Counted::ALL.into_iter().map(Some).chain([None]);
    let parts = counted.zip(parts).filter_map(|(counted, (_, name, rows))| {
        let known = known(summary, counted);
        let rows = match (counted, grouped(rows)) {
            (Some(Counted::Good), rows) => format!("{rows} of {}", count(summary.rows, "row")),
            (_, rows) => Some(rows).filter(|it| it != "0")?,
        };
        Some(text::with(format!("{rows} {name}"), &known))
    });
    let at_work = ["", "At work: "][usize::from(summary.state == RunState::Running)];
    at_work.to_owned() + &parts.collect::<Vec<_>>().join(", ")
}

const fn means(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Deleted => "the provider confirmed the deletion",
        Outcome::AlreadyGone => "the provider says that the user had been deleted before",
        Outcome::Ordered => "the provider took the order, and deletes on its own time",
        Outcome::NotFound => "the provider knows no such user",
        Outcome::Refused => "the provider will not delete this user until somebody acts",
        Outcome::Failed => "every attempt met an error that passes",
        Outcome::InDoubt => "a request left, and its answer never came",
        Outcome::Invalid => "the row could not be sent",
        Outcome::Protected => "the caller, or of a protected role: not deleted for good",
        Outcome::DoneBefore => "done in an earlier run; nothing was sent",
        Outcome::Duplicate => "stands earlier in the file; nothing was sent",
        Outcome::Filtered => {
            "left out by `--where`, `--where-not` or `--max-rows`; nothing was sent"
        }
    }
}

pub(in crate::report) fn file_name(path: &str) -> &str {
    path.rsplit(['/', '\\']).next().unwrap_or(path)
}

/// The ends of the axis of time, short enough to stand below a narrow chart.
fn axis(from: Time, to: Time) -> (String, String) {
    let began = time(from);
    let to = text::clock_after(from, to);
    let to = to.trim_end_matches(" UTC");
    let minute = |at: &str| at.rsplit_once(':').map_or(at, |(it, _)| it).to_owned();
    if to.contains(' ') {
        return (minute(&began), minute(to));
    }
    (format!("{began} UTC"), to.to_owned())
}

/// A time in a column whose head says that it is UTC.
fn time(at: impl Borrow<Time>) -> String {
    utc(*at.borrow()).trim_end_matches(" UTC").to_owned()
}

/// `text` in pieces, with whether each stood between backticks; whole if those do not pair up round
/// words.
fn ticked(text: &str) -> Vec<(bool, &str)> {
    let pieces = [false, true].into_iter().cycle().zip(text.split('`'));
    let pieces: Vec<_> = pieces.collect();
    let is_word = |piece: &str| !piece.is_empty() && piece.trim() == piece;
    let mut ticked = pieces.iter().filter(|(is_ticked, _)| *is_ticked);
    if pieces.len().is_multiple_of(2) || !ticked.all(|(_, piece)| is_word(piece)) {
        return vec![(false, text)];
    }
    pieces
        .into_iter()
        .filter(|(_, piece)| !piece.is_empty())
        .collect()
}
