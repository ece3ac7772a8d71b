//! The commands, and the options of those that plan and send. Those of the others are in
//! [`looking`](super::looking).

use std::fmt::Write;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use super::looking::{
    AuditArgs, CheckArgs, CompletionsArgs, InitArgs, ManArgs, ReportArgs, SandboxArgs, StatusArgs,
    VerifyArgs,
};
use super::options::{
    ConfigArgs, ConsentArgs, DiagnosticsArgs, PaceArgs, ProgressArgs, RoleArgs, RowsArgs,
};
use super::values::parse_head;
use crate::cli::ExitCode;
use crate::config::VARIABLES;
use crate::ledger::Head;

/// Delete users at Zendesk Support, Sunshine Conversations and Zoho CRM, from a file, under each
/// provider's rate limits, with a ledger that answers for every row
#[derive(Debug, Parser)]
#[command(name = "userpurge", version, max_term_width = 100)]
#[command(arg_required_else_help = true, subcommand_required = true)]
#[command(after_help = "Begin with `userpurge demo`, then `userpurge plan INPUT`.")]
#[command(after_long_help = after_long_help())]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,

    /// Diagnostics.
    #[command(flatten)]
    pub diagnostics: DiagnosticsArgs,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Read the whole file and say what a run would do; needs neither credentials nor a network
    #[command(after_help = "\
Examples:
  userpurge plan users.csv
  userpurge plan users.csv --account acme --action purge -o users.ledger.jsonl
  zcat export.jsonl.gz | userpurge plan - --format jsonl --json")]
    Plan(Box<PlanArgs>),

    /// Delete the users of a file, or carry a saved plan out, after asking
    #[command(after_help = "\
Examples:
  userpurge run users.csv --dry-run --live
  userpurge run users.csv --account acme --action delete --protect staff.txt
  userpurge run users.ledger.jsonl --confirm 4812 --progress plain")]
    Run(Box<RunArgs>),

    /// Go on where an interrupted run stopped
    #[command(after_help = "\
Examples:
  userpurge resume
  userpurge resume users.csv.ledger.jsonl --yes")]
    Resume(Box<GoOnArgs>),

    /// Try rows again that ended failed or in doubt
    #[command(after_help = "\
Examples:
  userpurge retry
  userpurge retry users.csv.ledger.jsonl --only refused --only TOO_MANY_REQUESTS")]
    Retry(Box<RetryArgs>),

    /// Say where a run stands, also while another process is at it
    #[command(after_help = "\
Examples:
  userpurge status --follow
  userpurge status users.csv.ledger.jsonl --json")]
    Status(StatusArgs),

    /// Give an account of a run to people who were not there, or its rows back
    #[command(
        long_about = "\
Give an account of a run to people who were not there, or its rows back

html, json and md tell who ran what, where and when, how every row ended and why, and how to prove
it. An html page goes to INPUT.report.html beside the ledger unless -o names another file; json and
md go to standard output. json has everything that `status --json` has, and more.

csv gives the rows back, in three files in DIR, each with all columns of the input and four more
(userpurge_outcome, userpurge_code, userpurge_message, userpurge_line):

  deleted.csv      deleted, already_gone, done_before
  failed.csv       not_found, refused, failed, in_doubt, invalid, protected
  unprocessed.csv  pending, and duplicate: another row stands for it

Every row of the input is in exactly one of them. Any of them can be an INPUT again; with
--done-in LEDGER, rows that ended well are passed over.

Files of these names are replaced, but never an input or a ledger.",
        after_help = "\
Examples:
  userpurge report latest --format html
  userpurge report users.csv.ledger.jsonl --format md -o ticket.md
  userpurge report latest --format json | jq .reasons
  userpurge report latest --format csv --out report
  userpurge run report/failed.csv --done-in users.csv.ledger.jsonl"
    )]
    Report(ReportArgs),

    /// Ask the provider about the rows that ended well, and keep what it says; reads only
    #[command(after_help = "\
Examples:
  userpurge verify
  userpurge verify users.csv.ledger.jsonl --sample 500
  userpurge verify users.csv.ledger.jsonl --json

Exit code 1: somebody still stands, or no clear answer came. A deletion that the provider has taken
and is still at is counted apart, and is no trouble.")]
    Verify(VerifyArgs),

    /// Prove that no line of a ledger was changed, dropped, moved or added; needs no network
    #[command(after_help = "\
Examples:
  userpurge audit
  userpurge audit users.csv.ledger.jsonl --head 5f0c… --json

Without --head, lines cut off at the end do not show, nor does a ledger that was rewritten whole:
note the head that a run prints at its end, somewhere else.")]
    Audit(AuditArgs),

    /// Try the credentials of every account and say who they belong to and what they lack
    #[command(after_help = "\
Examples:
  userpurge check
  userpurge check --config prod.toml --json")]
    Check(CheckArgs),

    /// Ask a few questions, write a commented configuration, and check it
    #[command(
        long_about = "\
Ask a few questions, write a commented configuration, and check it

Secrets are not asked for: the file says in which variable, file or password manager each is kept.
A file that is there already is replaced only after asking. Without a terminal the answers are read
from standard input, one a line; with none left, nothing is written.",
        after_help = "\
Examples:
  userpurge init
  userpurge init --config prod.toml
  printf '%s\\n' zendesk acme client userpurge acme env ACME_SECRET | userpurge init"
    )]
    Init(InitArgs),

    /// Serve the three providers' behaviour on this machine, for trying things out
    #[command(after_help = "\
Examples:
  userpurge sandbox
  userpurge sandbox --users users.csv --write-config userpurge.toml
  userpurge sandbox --listen 127.0.0.1:9000 --latency 50ms --faults error500=2% --scale-limits 10")]
    Sandbox(SandboxArgs),

    /// Purge a sample file against a sandbox inside this program, end to end
    #[command(after_help = "\
Examples:
  userpurge demo")]
    Demo,

    /// Print the completions of a shell
    #[command(after_help = "\
Examples:
  userpurge completions bash > ~/.local/share/bash-completion/completions/userpurge
  userpurge completions zsh > ~/.zfunc/_userpurge
  userpurge completions fish > ~/.config/fish/completions/userpurge.fish
  userpurge completions powershell >> $PROFILE")]
    Completions(CompletionsArgs),

    /// Print the man pages, one after the other, or write one for each command
    #[command(after_help = "\
Examples:
  userpurge man | man -l -
  userpurge man --out ~/.local/share/man/man1")]
    Man(ManArgs),
}

/// `plan`.
#[derive(Debug, Args)]
pub struct PlanArgs {
    /// The file with the users' ids; - is standard input
    #[arg(value_name = "INPUT")]
    pub input: PathBuf,

    /// Save the plan as a ledger, which `run` carries out
    #[arg(short, long, value_name = "LEDGER")]
    pub output: Option<PathBuf>,

    /// One JSON object on standard output
    #[arg(long)]
    pub json: bool,

    /// The ledger that `run` would write [default: INPUT with .ledger.jsonl appended]
    #[arg(long, value_name = "PATH")]
    pub ledger: Option<PathBuf>,

    /// Accounts.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// How rows are read and chosen.
    #[command(flatten)]
    pub rows: RowsArgs,
    /// How fast, and when to give up.
    #[command(flatten)]
    pub pace: PaceArgs,
    /// Taken and not needed, so that a `run` line becomes a `plan` line by its first word.
    #[command(flatten)]
    pub consent: ConsentArgs,
    /// Progress.
    #[command(flatten)]
    pub progress: ProgressArgs,
}

/// `run`.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// The file with the users' ids, or a saved plan; - is standard input
    #[arg(value_name = "INPUT")]
    pub input: PathBuf,

    /// The ledger, which must not exist yet [default: INPUT with .ledger.jsonl appended]
    #[arg(long, value_name = "PATH")]
    pub ledger: Option<PathBuf>,

    /// Go up to the question, then stop
    #[arg(long)]
    pub dry_run: bool,

    /// With --dry-run: read each user's state at the provider
    #[arg(long, requires = "dry_run")]
    pub live: bool,

    /// Accounts.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// How rows are read and chosen.
    #[command(flatten)]
    pub rows: RowsArgs,
    /// How fast, and when to give up.
    #[command(flatten)]
    pub pace: PaceArgs,
    /// The question.
    #[command(flatten)]
    pub consent: ConsentArgs,
    /// Progress.
    #[command(flatten)]
    pub progress: ProgressArgs,
}

/// What `resume` and `retry` have in common.
#[derive(Debug, Args)]
pub struct GoOnArgs {
    /// The ledger; left out, it is the newest in this folder
    #[arg(value_name = "LEDGER")]
    pub ledger: Option<PathBuf>,

    /// Refuse a ledger whose last line has another head than this, as a run or status printed it
    #[arg(long, value_name = "HASH", value_parser = parse_head)]
    pub head: Option<Head>,

    /// Accounts.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// How fast, and when to give up.
    #[command(flatten)]
    pub pace: PaceArgs,
    /// The question.
    #[command(flatten)]
    pub consent: ConsentArgs,
    /// Progress.
    #[command(flatten)]
    pub progress: ProgressArgs,
}

/// `retry`.
#[derive(Debug, Args)]
pub struct RetryArgs {
    /// Rows that ended so, or with this code, instead of failed and `in_doubt`; standing: rows that
    /// ended well and whose users `verify` saw standing (may be repeated)
    #[arg(long, value_name = "CODE_OR_OUTCOME")]
    pub only: Vec<String>,

    /// What `resume` has too.
    #[command(flatten)]
    pub go_on: GoOnArgs,
    /// Who is let through that the run spared.
    #[command(flatten)]
    pub roles: RoleArgs,
}

/// Variables and exit codes, from the tables that the program itself goes by.
fn after_long_help() -> String {
    let mut text = String::from("Exit codes:\n");
    for (code, meaning) in ExitCode::ALL {
        // Writing to a string cannot fail; so below.
        let _ = writeln!(text, "  {:<4} {meaning}", code as u8);
    }
    text.push_str("\nWithout a configuration file, these variables make the accounts zendesk, sunco and zoho:\n");
    for (variable, holds) in VARIABLES {
        let _ = writeln!(text, "  {variable:<22} {holds}");
    }
    text.push_str("\nBegin with `userpurge demo`, then `userpurge plan INPUT`.");
    text
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::Cli;

    fn parse(line: &str) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(std::iter::once("userpurge").chain(line.split_whitespace()))
    }

    #[test]
    fn the_definitions_fit_together() {
        Cli::command().debug_assert();
        let head = "00000000000000000000000000000000000000000000000000000000000000aF";
        for line in [
            "plan - --format jsonl --delimiter ; --action Permanently_Delete --json",
            "run users.csv --dry-run --live --yes -q --max-failures 2.5% --canary 5 --until 23:59",
            &format!("resume l --head {head} --concurrency 1000 --progress plain"),
            "retry --only refused --only TOO_MANY --include-role agent --confirm 3",
            "verify latest --sample 100 --seed 7 --json --config c --progress none",
            "-v sandbox --listen [::1]:9000 --latency 50ms --faults error500=2% --scale-limits 10",
        ] {
            if let Err(error) = parse(line) {
                panic!("{line}: {error}");
            }
        }
    }

    #[test]
    fn anything_else_is_refused_with_2_and_with_what_to_write() {
        let head = "00000000000000000000000000000000000000000000000000000000000000a";
        for (line, words) in [
            ("run users.csv --live", "--dry-run"),
            ("run users.csv --yes --confirm 3", "--confirm"),
            ("run users.csv --action erase", "the actions are"),
            ("run users.csv --format xml", "possible values"),
            ("run users.csv --delimiter ab", "write one character"),
            ("run users.csv --attempts 101", "1..=100"),
            (
                "run users.csv --concurrency 0",
                "write a number from 1 to 1000",
            ),
            (
                "run users.csv --concurrency 1001",
                "write a number from 1 to 1000",
            ),
            ("run users.csv --confirm 12,480", "in digits alone"),
            ("run users.csv --max-delete 1k", "in digits alone"),
            ("run users.csv -q -v", "--verbose"),
            (
                "run users.csv --canary 0",
                "write a number of rows, 1 at least",
            ),
            ("run users.csv --canary 5%", "write a number of rows"),
            ("run users.csv --until 24:00", "23:59"),
            ("resume l --account acme", "--account"),
            ("resume l --done-in m", "--done-in"),
            ("resume l --include-role agent", "--include-role"),
            ("retry l --protect staff.txt", "--protect"),
            ("report l --format csv", "--out"),
            ("verify l --sample 0", "write a number of rows, 1 at least"),
            ("verify l --seed 7", "--sample"),
            ("verify l --sample 9 --seed x", "write the number that"),
            ("audit l --head 12ab", "64 hexadecimal digits"),
            (&format!("audit l --head g{head}"), "64 hexadecimal digits"),
            (&format!("audit l --head {head}FF"), "64 hexadecimal digits"),
            ("sandbox --listen 0.0.0.0:80", "loopback only"),
            ("sandbox --listen localhost", "write an address"),
            ("sandbox --scale-limits 0", "write a factor"),
        ] {
            let error = parse(line).unwrap_err();
            assert_eq!(error.exit_code(), 2, "{line}: {error}");
            assert!(error.to_string().contains(words), "{line}: {error}");
        }
    }
}
