//! The files that are read: made row by row, so that making them takes no memory either.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use super::table::grouped;
use userpurge::domain::{
    AccountHeader, AccountName, Action, Agreed, AgreedBy, Counts, Entry, Intent, Outcome,
    OutcomeEntry, PlanEnd, PlannedInput, PlannedRow, PlannedRows, Position, ProviderKind,
    RunHeader, RunId, RunOptions, Said, Step, Time, UserId,
};
use userpurge::input::{Fingerprint, fingerprint};
use userpurge::ledger::{Durability, LedgerWriter, RealDisk};

/// What a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// CSV, ids that are numbers and lie together, as Zendesk gives them out.
    Numbers,
    /// CSV, ids of 24 hexadecimal digits, as Sunshine Conversations gives them out.
    Texts,
    /// JSON Lines with the rows of [`Kind::Numbers`].
    Json,
    /// The ledger of a run over them: an intent and an outcome for each row.
    Ledger,
    /// The ledger of a run over [`Kind::Texts`], which lies beside it, that lacks the last row.
    Unfinished,
}

impl Kind {
    pub(crate) const ALL: [Self; 5] = [
        Self::Numbers,
        Self::Texts,
        Self::Json,
        Self::Ledger,
        Self::Unfinished,
    ];

    /// The name on the command line, and what the file's name ends in.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Numbers => "numbers.csv",
            Self::Texts => "texts.csv",
            Self::Json => "numbers.jsonl",
            Self::Ledger => "ledger.jsonl",
            Self::Unfinished => "unfinished.jsonl",
        }
    }

    /// What a table calls a file of `rows` and so many `bytes`.
    pub(crate) fn title(self, rows: u64, bytes: u64) -> String {
        match self {
            Self::Numbers => "CSV, ids that are numbers".to_owned(),
            Self::Texts => "CSV, ids of 24 hex digits".to_owned(),
            Self::Json => "JSON Lines, numbers".to_owned(),
            Self::Ledger => {
                let (lines, megabytes) = (grouped(2 * rows + 1), bytes / 1_000_000);
                format!("ledger, {lines} lines, {megabytes} MB")
            }
            Self::Unfinished => {
                "such a ledger, one row left to do, ids of 24 hex digits".to_owned()
            }
        }
    }

    /// The input beside it that it makes no sense without; `None`: it stands alone.
    pub(crate) fn input(self, path: &Path) -> Option<PathBuf> {
        (self == Self::Unfinished).then(|| path.with_file_name(Self::Texts.name()))
    }

    /// Makes a file of `rows` at `path`. The unfinished run was at `tenant`.
    pub(crate) fn make(self, rows: u64, path: &Path, tenant: &str) -> io::Result<()> {
        if let Some(input) = self.input(path) {
            Self::Texts.make(rows, &input, tenant)?;
            let found = fingerprint(&input).map_err(io::Error::other)?;
            let begun = begun(&input, found, ("chat", ProviderKind::Sunco, tenant));
            return ledger(begun, (rows, rows - 1), path, chat);
        }
        if self == Self::Ledger {
            let found = Fingerprint {
                size: rows * 40,
                sha256: "0".repeat(64),
            };
            let account = ("support", ProviderKind::Zendesk, "acme.zendesk.com");
            let begun = begun(Path::new("/data/numbers.csv"), found, account);
            return ledger(begun, (rows, rows), path, support);
        }
        let mut file = BufWriter::with_capacity(1 << 20, File::create(path)?);
        if self != Self::Json {
            writeln!(file, "id,account,action,ref")?;
        }
        for row in 1..=rows {
            let id = number(row);
            match self {
                Self::Numbers => writeln!(file, "{id},support,purge,REQ-{row}")?,
                Self::Texts => writeln!(file, "{:024x},chat,delete,REQ-{row}", scattered(row))?,
                Self::Json => writeln!(
                    file,
                    r#"{{"id":{id},"account":"support","action":"purge","ref":"REQ-{row}"}}"#
                )?,
                Self::Ledger | Self::Unfinished => {}
            }
        }
        file.flush()
    }
}

/// The configuration that the files' accounts stand in.
pub(crate) const CONFIGURATION: &str = r#"
[accounts.support]
provider = "zendesk"
subdomain = "acme"
oauth_token = "none"

[accounts.chat]
provider = "sunco"
app_id = "5963c0d619a30a2e00de36b8"
region = "us"
key_id = "none"
key_secret = "none"
"#;

fn number(row: u64) -> u64 {
    36_180_000_000_000 + row
}

/// A number of 96 bits that no other row has, its digits all over the place.
fn scattered(row: u64) -> u128 {
    // The odd factor is the golden ratio's; it makes of different rows different numbers.
    let low = row.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (u128::from(low.rotate_left(31) & 0xFFFF_FFFF) << 64) | u128::from(low)
}

/// The users of an account, and what is done to them.
struct Whom {
    account: &'static str,
    action: Action,
    step: Step,
    id: String,
}

fn support(row: u64) -> Whom {
    Whom {
        account: "support",
        action: Action::PermanentlyDelete,
        step: Step::PermanentlyDelete,
        id: number(row).to_string(),
    }
}

fn chat(row: u64) -> Whom {
    Whom {
        account: "chat",
        action: Action::Delete,
        step: Step::Delete,
        id: format!("{:024x}", scattered(row)),
    }
}

/// A run of a plan of `rows` rows with `done` of them behind it, without an end, written by the program's
/// own writer.
fn ledger(
    (header, input): (RunHeader, PlannedInput),
    (rows, done): (u64, u64),
    path: &Path,
    whom: impl Fn(u64) -> Whom,
) -> io::Result<()> {
    let blocks = (1..=rows).step_by(PlannedRows::MAX).map(|first| {
        let last = rows.min(first + PlannedRows::MAX as u64 - 1);
        block((first..=last).map(|row| (row, whom(row))))
    });
    let counts = Counts {
        pending: rows,
        ..Counts::default()
    };
    let planned = Entry::Planned(Box::new(PlanEnd {
        rows,
        outcomes: counts,
        input,
        protect: None,
        done_in: Vec::new(),
    }));
    let agreed = Entry::Agreed(Box::new(Agreed {
        user: "ops".to_owned(),
        host: "bench".to_owned(),
        how: AgreedBy::Yes,
        at: at(0),
        accounts: BTreeMap::new(),
        protect: None,
        done_in: Vec::new(),
        options: None,
    }));
    let work = (1..=done).flat_map(|row| {
        let whom = whom(row);
        [intent(row, &whom), outcome(row, &whom)]
    });
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    runtime.block_on(async {
        let writer = LedgerWriter::create_on(&RealDisk, path, header).map_err(io::Error::other)?;
        let handle = writer.handle();
        for entry in blocks.chain([planned, agreed]).chain(work) {
            let queued = handle.append(entry, Durability::Queued).await;
            queued.map_err(io::Error::other)?;
        }
        writer.finish().await.map_err(io::Error::other)?;
        Ok(())
    })
}

/// A block of a plan that holds `rows`, of which there is one at least.
fn block(rows: impl Iterator<Item = (u64, Whom)>) -> Entry {
    let mut rows = rows.peekable();
    let (account, action) = rows
        .peek()
        .map_or(("", Action::Delete), |(_, it)| (it.account, it.action));
    let row = |(row, whom): (u64, Whom)| PlannedRow {
        position: position(row),
        id: UserId::new(whom.id),
        reference: Some(format!("REQ-{row}")),
        again: false,
    };
    Entry::Plan(PlannedRows {
        account: AccountName::new(account),
        action,
        rows: rows.map(row).collect(),
    })
}

/// The time at which row `row` is at it.
fn at(row: u64) -> Time {
    Time::from_millis(1_795_339_800_000 + i64::try_from(row).unwrap_or(0))
}

/// The header of a run over `input` at one account, and what its plan says of the input.
fn begun(
    input: &Path,
    found: Fingerprint,
    (account, provider, tenant): (&str, ProviderKind, &str),
) -> (RunHeader, PlannedInput) {
    let header = RunHeader {
        run_id: RunId::new("01934f2e-0000-7000-8000-000000000000"),
        format: RunHeader::FORMAT,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        options: RunOptions::default(),
        accounts: vec![AccountHeader {
            rules: None,
            does: BTreeMap::new(),
            name: AccountName::new(account),
            provider,
            tenant: tenant.to_owned(),
            caller: None,
            role: None,
            action: None,
            concurrency: None,
        }],
        started_at: at(0),
        uptime: None,
    };
    let input = PlannedInput {
        path: input.to_string_lossy().into_owned(),
        size: found.size,
        sha256: found.sha256,
        format: "csv".to_owned(),
        delimiter: Some(','),
        columns: BTreeMap::new(),
    };
    (header, input)
}

fn position(row: u64) -> Position {
    Position { row, line: row + 1 }
}

fn intent(row: u64, whom: &Whom) -> Entry {
    Entry::Intent(Intent {
        position: position(row),
        account: AccountName::new(whom.account),
        action: whom.action,
        id: UserId::new(whom.id.as_str()),
        step: whom.step,
        attempt: 1,
        with: None,
        nobody: false,
        at: at(row),
    })
}

fn outcome(row: u64, whom: &Whom) -> Entry {
    Entry::Outcome(OutcomeEntry {
        position: position(row),
        account: Some(AccountName::new(whom.account)),
        action: Some(whom.action),
        id: Some(UserId::new(whom.id.as_str())),
        reference: Some(format!("REQ-{row}")),
        outcome: Outcome::Deleted,
        said: Said {
            status: Some(200),
            ..Said::default()
        },
        attempts: 1,
        settled: false,
        at: at(row + 5),
        elapsed_ms: 5,
        request_id: Some(format!("{row:016x}-FRA")),
    })
}
