//! What stands in the page, word by word.

use std::borrow::Borrow;
use std::fmt::Write as _;
use std::time::Duration;

use askama::Template;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest as _, Sha256};

use super::charts::{self, Progress, Segment};
use super::words::{axis, ticked, time};
use crate::domain::{Counted, Counts, Outcome, RunState, Stand, Step, Verified, shown};
use crate::report::pauses::Stretch;
use crate::report::text::{SOFT_DELETED, UNSEEN, again, stop_told};
use crate::report::{AccountSummary, Advice, Caller, Reason, Report, SessionTold, Summary};
use crate::words::{count, cut_middle, duration, grouped, utc};

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

/// How many reasons are told.
const REASONS_MAX: usize = 60;

/// How many rows of a reason may be told without being asked for.
const OPEN_MAX: usize = 5;

/// How many spans of lines are told.
const SPANS_MAX: usize = 24;

/// How many rows that are not as asked are told.
const VERIFIED_MAX: usize = 25;

/// The report as a page.
pub fn render(report: &Report) -> String {
    // Writing to a string cannot fail, and nothing else in the template can.
    let page = Page::of(report).render().unwrap_or_default();
    shown(&page).into_owned()
}

#[derive(Template)]
#[template(path = "page.html", config = "src/report/html/askama.toml")]
struct Page<'a> {
    report: &'a Report,
    style: &'static str,
    /// The hash of `style`, as a content security policy wants it.
    style_hash: String,
    file: &'a str,
    verdict: String,
    state: State,
    proof: State,
    began: String,
    ended: String,
    lasted: String,
    bar: Vec<Segment>,
    sum: Vec<Summand>,
    outcomes: Vec<Named>,
    accounts: Vec<Account>,
    account_rows: Vec<AccountRow>,
    account_columns: Vec<&'static str>,
    account_sums: Vec<String>,
    progress: Progress,
    points: Vec<PointRow>,
    /// From when to when the chart of the progress is.
    span: (String, String),
    pauses: Vec<PauseRow>,
    /// How many pauses are left out of the table.
    pauses_more: u64,
    heaps: Vec<Heap<'a>>,
    reasons_more: u64,
    callers: &'a [Caller],
    /// The same, each tenant, caller and role once.
    whom: Vec<&'a Caller>,
    sessions: Vec<SessionRow<'a>>,
    options: Vec<(String, String)>,
    verified: Vec<VerifiedRow<'a>>,
    verified_more: u64,
    sha256sum: String,
    verify: String,
    made_at: String,
    stops: Vec<String>,
}

/// A word with how it is meant.
struct State {
    /// The name of a class: `good`, `bad` or `plain`.
    class: &'static str,
    /// What says the same without colour.
    sign: &'static str,
    text: String,
}

/// A part of the sum of all rows.
struct Summand {
    class: &'static str,
    name: &'static str,
    rows: String,
}

/// An outcome with its meaning.
struct Named {
    class: &'static str,
    name: &'static str,
    means: String,
    rows: String,
}

/// An account in the chart.
struct Account {
    name: String,
    told: String,
    bar: Vec<Segment>,
}

/// An account in the table.
struct AccountRow {
    name: String,
    provider: &'static str,
    cells: Vec<String>,
    all: String,
}

/// Reasons about which the same is to be done.
struct Heap<'a> {
    outcome: Outcome,
    rows: u64,
    advice: &'a Advice,
    reasons: &'a [Reason],
}

fn alike(one: &Reason, next: &Reason) -> bool {
    one.outcome == next.outcome && one.advice == next.advice
}

impl<'a> Heap<'a> {
    /// `reasons`: at least one, and all [`alike`].
    fn of(reasons: &'a [Reason]) -> Self {
        Self {
            outcome: reasons[0].outcome,
            rows: reasons.iter().map(|it| it.rows).sum(),
            advice: &reasons[0].advice,
            reasons,
        }
    }
}

struct PointRow {
    at: String,
    good: String,
    bad: String,
    duplicate: String,
    share: charts::Percent,
}

struct PauseRow {
    from: String,
    until: String,
    pauses: String,
    waited: String,
    what: String,
    reason: String,
}

struct SessionRow<'a> {
    told: &'a SessionTold,
    from: String,
    until: String,
    ended: &'static str,
    stops: Vec<String>,
}

struct VerifiedRow<'a> {
    row: &'a Verified,
    seen: &'static str,
    why: String,
}

impl<'a> Page<'a> {
    fn of(report: &'a Report) -> Self {
        let summary = &report.summary;
        let (counts, rows) = (&summary.outcomes, summary.rows);
        let to = summary.ended_at.unwrap_or(summary.last_at);
        let columns = columns(counts);
        let reasons = &report.reasons[..report.reasons.len().min(REASONS_MAX)];
        let verified = report.not_as_asked.iter().take(VERIFIED_MAX);
        let stretches = Stretch::all(&report.pauses);
        let untold = stretches.iter().skip(PAUSES_MAX).map(|it| it.pauses as u64);
        let not_as_asked = summary
            .verification
            .as_ref()
            .map_or(0, |it| it.standing + it.unknown);
        Self {
            style: STYLE,
            style_hash: BASE64_STANDARD.encode(Sha256::digest(STYLE)),
            file: file_name(&report.input.path),
            verdict: verdict(report),
            state: state(summary.state),
            proof: proof(report),
            began: utc(summary.started_at),
            ended: utc(to),
            lasted: duration(to.saturating_since(summary.started_at)),
            bar: charts::bar(&charts::parts(counts), rows),
            sum: sum(counts),
            outcomes: outcomes(summary),
            accounts: accounts(report),
            account_rows: account_rows(report, &columns),
            account_sums: columns.iter().map(|it| grouped(counts.of(*it))).collect(),
            account_columns: columns.iter().map(|it| it.name()).collect(),
            progress: Progress::of(&report.progress, &report.pauses, &report.sessions, rows),
            points: points(report),
            span: axis(report.summary.started_at, report.progress.last()),
            pauses: stretches.iter().take(PAUSES_MAX).map(pause).collect(),
            pauses_more: report.pauses_left_out + untold.sum::<u64>(),
            heaps: reasons.chunk_by(alike).map(Heap::of).collect(),
            reasons_more: report.reasons[reasons.len()..]
                .iter()
                .map(|it| it.rows)
                .sum(),
            callers: &report.callers[..report.callers.len().min(CALLERS_MAX)],
            whom: whom(report),
            sessions: report.sessions.iter().map(session).collect(),
            options: report.options_told(),
            verified: verified.map(seen).collect(),
            verified_more: not_as_asked
                .saturating_sub(report.not_as_asked.len().min(VERIFIED_MAX) as u64),
            sha256sum: format!("sha256sum {}", quoted(&report.input.path)),
            verify: format!(
                "userpurge verify {}",
                again(&report.ledger.path, summary.config.as_deref())
            ),
            made_at: utc(report.made_at),
            stops: summary.stops.iter().map(stop_told).collect(),
            report,
        }
    }

    fn callers_more(&self) -> usize {
        self.report.callers.len() - self.callers.len()
    }

    /// The height of the chart of accounts, in pixels.
    fn accounts_height(&self) -> usize {
        self.accounts.len() * 48
    }

    /// Whether the rows of `reason` are told without being asked for.
    #[expect(clippy::unused_self, reason = "a template calls nothing but methods")]
    fn is_open(&self, reason: &Reason) -> bool {
        reason.listed.len() <= OPEN_MAX
    }

    #[expect(clippy::unused_self, reason = "so above")]
    fn places(&self, reason: &Reason) -> String {
        reason.places.told(SPANS_MAX)
    }

    #[expect(clippy::unused_self, reason = "so above")]
    fn number(&self, n: impl Borrow<u64>) -> String {
        grouped(*n.borrow())
    }

    #[expect(clippy::unused_self, reason = "so above")]
    fn number_of(&self, n: impl Borrow<u64>, what: &str) -> String {
        count(*n.borrow(), what)
    }

    #[expect(clippy::unused_self, reason = "so above")]
    fn ticked<'t>(&self, text: &'t str) -> Vec<(bool, &'t str)> {
        ticked(text)
    }

    /// In which sessions the program was `caller`.
    #[expect(clippy::unused_self, reason = "so above")]
    fn when(&self, caller: &Caller) -> String {
        match (caller.first_session, caller.last_session) {
            (first, last) if first == last => first.to_string(),
            (first, last) => format!("{first}–{last}"),
        }
    }
}

/// The run in one sentence.
fn verdict(report: &Report) -> String {
    let counts = &report.summary.outcomes;
    let (rows, good) = (report.summary.rows, report.good);
    let all = count(rows, "row");
    if report.summary.state == RunState::Running {
        let done = grouped(rows - counts.pending);
        return format!("At work: {done} of {all} done so far");
    }
    if report.bad == 0 && counts.pending == 0 {
        return format!("{} of {all} ended well, none to look at", grouped(good));
    }
    let mut text = format!("{} of {all} ended well", grouped(good));
    if report.bad > 0 {
        // Writing to a string cannot fail; so below.
        let _ = write!(text, ", {} to look at", grouped(report.bad));
    }
    if counts.pending > 0 {
        let _ = write!(text, ", {} still to do", grouped(counts.pending));
    }
    let soft_deleted = report.summary.steps_done.soft_deleted;
    if soft_deleted > 0 {
        let _ = write!(text, " ({} {SOFT_DELETED})", grouped(soft_deleted));
    }
    text
}

fn state(state: RunState) -> State {
    let (class, sign, text) = match state {
        RunState::Planned => ("plain", "…", "plan that nobody agreed to yet"),
        RunState::Finished => ("good", "✓", "run finished"),
        RunState::Running => ("plain", "…", "run at work: these numbers still change"),
        RunState::Interrupted => ("bad", "!", "run interrupted"),
        RunState::Stopped => ("bad", "!", "run stopped by a safety"),
    };
    State {
        class,
        sign,
        text: text.to_owned(),
    }
}

/// What the provider said when it was asked afterwards.
fn proof(report: &Report) -> State {
    let (class, sign, text) = match &report.summary.verification {
        None => ("plain", "–", "not verified with the provider".to_owned()),
        Some(it) if it.is_ok() && it.under_way > 0 => {
            let users = count(it.under_way, "user");
            let text = format!("verified; {users} still being deleted by the provider");
            ("plain", "…", text)
        }
        Some(it) if it.is_ok() && it.sample.is_some() => (
            "good",
            "✓",
            "a sample verified with the provider".to_owned(),
        ),
        Some(it) if it.is_ok() => ("good", "✓", "verified with the provider".to_owned()),
        Some(it) if it.standing > 0 => {
            let standing = count(it.standing, "user");
            (
                "bad",
                "!",
                format!("verification found {standing} standing"),
            )
        }
        Some(_) => ("bad", "!", "verification has open ends".to_owned()),
    };
    State { class, sign, text }
}

fn sum(counts: &Counts) -> Vec<Summand> {
    let names = ["ended well", "to look at", "duplicate", "still to do"];
    let parts = charts::parts(counts).into_iter().zip(names);
    parts
        .map(|((class, rows), name)| Summand {
            class,
            name,
            rows: grouped(rows),
        })
        .collect()
}

/// How rows are counted, as the name of a class.
const fn class(outcome: Outcome) -> &'static str {
    match outcome.counted() {
        Counted::Good => "good",
        Counted::Bad => "bad",
        Counted::Neither => "duplicate",
    }
}

const fn means(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Deleted => "the provider confirmed the deletion",
        Outcome::AlreadyGone => "the provider says that the user had been deleted before",
        Outcome::NotFound => "the provider knows no such user",
        Outcome::Refused => "the provider will not delete this user until somebody acts",
        Outcome::Failed => "every attempt met an error that passes",
        Outcome::InDoubt => "a request left, and its answer never came",
        Outcome::Invalid => "the row could not be sent",
        Outcome::Protected => "not sent: on the protect list, the caller, or of a protected role",
        Outcome::DoneBefore => "ended well in an earlier run; nothing was sent",
        Outcome::Duplicate => "stands earlier in the file; nothing was sent",
    }
}

fn outcomes(summary: &Summary) -> Vec<Named> {
    let counts = &summary.outcomes;
    let means = |outcome| match (outcome, summary.settled_unseen) {
        (Outcome::Deleted, rows @ 1..) => {
            let deleted = means(outcome);
            format!("{deleted}; {} of them: {UNSEEN}", grouped(rows))
        }
        _ => means(outcome).to_owned(),
    };
    let mut named: Vec<_> = Outcome::ALL
        .into_iter()
        .filter(|outcome| counts.of(*outcome) > 0)
        .map(|outcome| Named {
            class: class(outcome),
            name: outcome.name(),
            means: means(outcome),
            rows: grouped(counts.of(outcome)),
        })
        .collect();
    if counts.pending > 0 {
        named.push(Named {
            class: "pending",
            name: "pending",
            means: match summary.steps_done.soft_deleted {
                0 => "has not ended yet".to_owned(),
                rows => format!("has not ended yet; {} {SOFT_DELETED}", grouped(rows)),
            },
            rows: grouped(counts.pending),
        });
    }
    named
}

/// The outcomes that have rows.
fn columns(counts: &Counts) -> Vec<Outcome> {
    let all = Outcome::ALL.into_iter();
    all.filter(|outcome| counts.of(*outcome) > 0).collect()
}

fn accounts(report: &Report) -> Vec<Account> {
    let accounts = report.summary.accounts.iter().take(ACCOUNTS_MAX);
    let most = accounts.clone().map(|(_, it)| it.outcomes.0.total()).max();
    accounts
        .map(|(name, account)| {
            let counts = &account.outcomes.0;
            let parts = charts::parts(counts);
            let told = parts.iter().zip(["well", "to look at", "duplicate"]);
            let told = told.filter(|((_, rows), _)| *rows > 0);
            let told: Vec<_> = told
                .map(|((_, rows), name)| format!("{} {name}", grouped(*rows)))
                .collect();
            Account {
                name: cut_middle(name.as_str(), NAME_CHARS_MAX),
                told: if told.is_empty() {
                    "no row ended".to_owned()
                } else {
                    told.join(", ")
                },
                bar: charts::bar(&parts, most.unwrap_or(0)),
            }
        })
        .collect()
}

/// The accounts of the table, then the rows that name none, so that the columns add up.
fn account_rows(report: &Report, columns: &[Outcome]) -> Vec<AccountRow> {
    let counts = &report.summary.outcomes;
    let of = |name: String, provider, it: &Counts| AccountRow {
        name,
        provider,
        cells: columns
            .iter()
            .map(|outcome| grouped(it.of(*outcome)))
            .collect(),
        all: grouped(it.total()),
    };
    let told = report.summary.accounts.iter().take(ACCOUNTS_MAX);
    let mut rows: Vec<_> = told
        .map(|(name, account)| {
            let provider = account.provider.map_or("", |it| it.title());
            of(name.to_string(), provider, &account.outcomes.0)
        })
        .collect();
    let rest = |all: &mut dyn Iterator<Item = &AccountSummary>| {
        all.fold(Counts::default(), |mut sum, account| {
            for outcome in Outcome::ALL {
                *sum.slot(outcome) += account.outcomes.0.of(outcome);
            }
            sum
        })
    };
    let further = rest(&mut report.summary.accounts.values().skip(ACCOUNTS_MAX));
    if further.total() > 0 {
        rows.push(of("further accounts".to_owned(), "", &further));
    }
    let named = rest(&mut report.summary.accounts.values());
    let mut nowhere = *counts;
    for outcome in Outcome::ALL {
        *nowhere.slot(outcome) -= named.of(outcome);
    }
    nowhere.pending = 0;
    if nowhere.total() > 0 {
        rows.push(of("no account that exists".to_owned(), "", &nowhere));
    }
    rows
}

/// Who did it where. Accounts at one tenant have one caller.
fn whom(report: &Report) -> Vec<&Caller> {
    let mut whom: Vec<&Caller> = Vec::new();
    for caller in &report.callers {
        let of = |it: &Caller| {
            let account = &it.account;
            (&account.tenant, &account.caller, &account.role)
                == (
                    &caller.account.tenant,
                    &caller.account.caller,
                    &caller.account.role,
                )
        };
        if !whom.iter().any(|it| of(it)) {
            whom.push(caller);
        }
    }
    whom
}

fn points(report: &Report) -> Vec<PointRow> {
    let rows = report.summary.rows;
    let points = report.progress.iter();
    points
        .map(|point| PointRow {
            at: time(point.at),
            good: grouped(point.good),
            bad: grouped(point.bad),
            duplicate: grouped(point.duplicate),
            share: charts::Percent::of(point.ended(), rows),
        })
        .collect()
}

fn pause(stretch: &Stretch<'_>) -> PauseRow {
    let first = stretch.first;
    let step = first.step.map_or("every request", Step::name);
    let waited = Duration::from_millis(stretch.waited_ms);
    PauseRow {
        from: time(first.from),
        until: time(stretch.until),
        pauses: grouped(stretch.pauses as u64),
        waited: duration(waited),
        what: format!("{}, {step}", first.account),
        reason: first.reason.clone(),
    }
}

fn session(told: &SessionTold) -> SessionRow<'_> {
    SessionRow {
        told,
        from: time(told.started_at),
        until: time(told.ended_at.unwrap_or(told.last_at)),
        ended: match told.ended {
            Some(state) => state.name(),
            None if told.is_verification() => "–",
            None => "left no word",
        },
        stops: told.stops.iter().map(stop_told).collect(),
    }
}

fn seen(row: &Verified) -> VerifiedRow<'_> {
    let status = row.status.map(|status| format!("HTTP {status}"));
    let why = [
        status.as_deref(),
        row.code.as_deref(),
        row.message.as_deref(),
    ];
    VerifiedRow {
        row,
        seen: row.seen.map_or("unknown", Stand::name),
        why: why.into_iter().flatten().collect::<Vec<_>>().join(", "),
    }
}

fn file_name(path: &str) -> &str {
    path.rsplit(['/', '\\']).next().unwrap_or(path)
}

fn quoted(path: &str) -> String {
    crate::words::shell_path(path)
}
