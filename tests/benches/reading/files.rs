//! The files that are read: made row by row, so that making them takes no memory either.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use userpurge::domain::{
    AccountHeader, AccountName, Action, Entry, InputHeader, Intent, Outcome, OutcomeEntry,
    Position, ProviderKind, RunHeader, RunId, RunOptions, Step, Time, UserId,
};
use userpurge::ledger::{Durability, LedgerWriter};

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
}

impl Kind {
    pub(crate) const ALL: [Self; 4] = [Self::Numbers, Self::Texts, Self::Json, Self::Ledger];

    /// The name on the command line, and what the file's name ends in.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Numbers => "numbers.csv",
            Self::Texts => "texts.csv",
            Self::Json => "numbers.jsonl",
            Self::Ledger => "ledger.jsonl",
        }
    }

    /// Makes a file of `rows` at `path`.
    pub(crate) fn make(self, rows: u64, path: &Path) -> io::Result<()> {
        if self == Self::Ledger {
            return ledger(rows, path);
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
                Self::Ledger => {}
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

/// A finished run over `rows` rows but for its end, written by the program's own writer.
fn ledger(rows: u64, path: &Path) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    runtime.block_on(async {
        let writer = LedgerWriter::create(path, header(rows)).map_err(io::Error::other)?;
        let handle = writer.handle();
        for row in 1..=rows {
            for entry in [intent(row), outcome(row)] {
                let queued = handle.append(entry.clone(), Durability::Queued).await;
                queued.map_err(io::Error::other)?;
            }
        }
        writer.finish().await.map_err(io::Error::other)?;
        Ok(())
    })
}

/// The time at which row `row` is at it.
fn at(row: u64) -> Time {
    Time::from_millis(1_795_339_800_000 + i64::try_from(row).unwrap_or(0))
}

fn header(rows: u64) -> RunHeader {
    RunHeader {
        run_id: RunId::new("01934f2e-0000-7000-8000-000000000000"),
        format: RunHeader::FORMAT,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        input: InputHeader {
            path: "/data/numbers.csv".to_owned(),
            size: rows * 40,
            sha256: "0".repeat(64),
            rows,
            format: "csv".to_owned(),
            delimiter: Some(','),
        },
        options: RunOptions::default(),
        accounts: vec![AccountHeader {
            name: AccountName::new("support"),
            provider: ProviderKind::Zendesk,
            tenant: "acme.zendesk.com".to_owned(),
            caller: Some(UserId::new("36179999999999")),
            role: Some("admin".to_owned()),
        }],
        ahead: Vec::new(),
        started_at: at(0),
    }
}

fn position(row: u64) -> Position {
    Position { row, line: row + 1 }
}

fn intent(row: u64) -> Entry {
    Entry::Intent(Intent {
        position: position(row),
        account: AccountName::new("support"),
        action: Action::PermanentlyDelete,
        id: UserId::new(number(row).to_string()),
        step: Step::PermanentlyDelete,
        attempt: 1,
        with: None,
        at: at(row),
    })
}

fn outcome(row: u64) -> Entry {
    Entry::Outcome(OutcomeEntry {
        position: position(row),
        account: Some(AccountName::new("support")),
        action: Some(Action::PermanentlyDelete),
        id: Some(UserId::new(number(row).to_string())),
        reference: Some(format!("REQ-{row}")),
        outcome: Outcome::Deleted,
        status: Some(200),
        code: None,
        message: None,
        attempts: 1,
        settled: false,
        at: at(row + 5),
        elapsed_ms: 5,
        request_id: Some(format!("{row:016x}-FRA")),
    })
}
