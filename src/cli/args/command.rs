//! The commands, and the options of those that plan and send. Those of the others are in
//! [`looking`](super::looking).

use std::fmt::Write;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use super::looking::{
    AuditArgs, CheckArgs, CompletionsArgs, InitArgs, ManArgs, ReportArgs, SandboxArgs, StatusArgs,
    VerifyArgs, parse_head,
};
use super::options::{
    ConfigArgs, ConsentArgs, DiagnosticsArgs, MappingArgs, PaceArgs, ProgressArgs, ProtectionArgs,
    RoleArgs, reading_option, run_options,
};
use crate::cli::Failure;
use crate::cli::exit::ExitCode;
use crate::config::VARIABLES;
use crate::domain::RunOptions;
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
    Resume(Box<ResumeArgs>),

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
    /// How rows are read.
    #[command(flatten)]
    pub mapping: MappingArgs,
    /// What must not be touched.
    #[command(flatten)]
    pub protection: ProtectionArgs,
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
    /// How rows are read.
    #[command(flatten)]
    pub mapping: MappingArgs,
    /// What must not be touched.
    #[command(flatten)]
    pub protection: ProtectionArgs,
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

/// `resume`.
#[derive(Debug, Args)]
pub struct ResumeArgs {
    /// What `retry` has too.
    #[command(flatten)]
    pub go_on: GoOnArgs,
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

impl PlanArgs {
    /// The options that a ledger keeps.
    pub(in crate::cli) fn run_options(&self) -> Result<RunOptions, Failure> {
        let folder = std::env::current_dir()?;
        Ok(run_options(
            &self.mapping,
            &self.protection,
            &self.pace,
            &folder,
        ))
    }
}

impl RunArgs {
    /// The options that a ledger keeps.
    pub(in crate::cli) fn run_options(&self) -> Result<RunOptions, Failure> {
        let folder = std::env::current_dir()?;
        Ok(run_options(
            &self.mapping,
            &self.protection,
            &self.pace,
            &folder,
        ))
    }

    /// The first option that only makes sense with an input; `None`: none was typed.
    pub(in crate::cli) fn reading_option(&self) -> Option<&'static str> {
        let ledger = self.ledger.as_ref().map(|_| "--ledger");
        ledger.or_else(|| reading_option(&self.mapping, &self.protection))
    }
}

/// Variables and exit codes, from the tables that the program itself goes by.
fn after_long_help() -> String {
    let mut text = String::from("Exit codes:\n");
    for code in ExitCode::ALL {
        // Writing to a string cannot fail; so below.
        let _ = writeln!(text, "  {:<4} {}", code.number(), code.meaning());
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
    use rstest::rstest;

    use super::{Cli, Command};

    #[test]
    fn the_definitions_fit_together() {
        Cli::command().debug_assert();
    }
    use crate::cli::args::{InputFormat, LogFormat, Progress};
    use crate::domain::Action;
    use crate::lane::FailureLimit;

    fn parse(line: &str) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(std::iter::once("userpurge").chain(line.split_whitespace()))
    }

    #[rstest]
    #[case("plan users.csv")]
    #[case("plan -")]
    #[case("plan users.csv -o users.ledger.jsonl --json")]
    #[case(
        "plan users.csv --account acme --action purge --protect staff.txt --done-in a --done-in b"
    )]
    #[case("run users.csv --ledger l --config c --account a --action delete")]
    #[case(
        "run users.csv --id-column id --account-column a --action-column b --ref-column user.ref"
    )]
    #[case("run users.csv --format jsonl --delimiter ; --max-delete 10 --max-failures 5%")]
    #[case(
        "run users.csv --attempts 6 --concurrency 1000 --include-role agent --include-role admin"
    )]
    #[case("run users.csv --force-foreign-ids --confirm 8 --progress none --log-format json -vvv")]
    #[case("run users.csv --dry-run --live --yes -q")]
    #[case("run users.csv --canary 5 --until 06:00")]
    #[case("plan users.csv --canary 5 --until 23:59")]
    #[case("retry latest --canary 5 --until 00:00")]
    #[case("resume latest --yes --config c --progress plain --concurrency 2")]
    #[case("resume --concurrency 2")]
    #[case("retry --only protected --include-role agent")]
    #[case("verify")]
    #[case("audit")]
    #[case("retry latest --only refused --only TOO_MANY --confirm 3")]
    #[case("status latest --json --follow")]
    #[case("report latest --format csv --out report")]
    #[case("verify latest --sample 100 --seed 7 --json --config c --concurrency 2 --progress none")]
    #[case("resume l --head 00000000000000000000000000000000000000000000000000000000000000aF")]
    #[case("audit latest")]
    #[case(
        "audit l --json --head 00000000000000000000000000000000000000000000000000000000000000aF"
    )]
    #[case("check --config c --json")]
    #[case("-v check")]
    #[case("sandbox")]
    #[case("sandbox --listen 127.0.0.1:0 --latency 50ms --faults error500=2% --scale-limits 10")]
    #[case("sandbox --listen [::1]:9000")]
    #[case("demo")]
    #[case("completions fish")]
    #[case("man")]
    fn every_promised_line_is_taken(#[case] line: &str) {
        if let Err(error) = parse(line) {
            panic!("{line}: {error}");
        }
    }

    #[rstest]
    #[case("")]
    #[case("plan")]
    #[case("run")]
    #[case("run a b")]
    #[case("run users.csv --live")]
    #[case("run users.csv --yes --confirm 3")]
    #[case("run users.csv --action erase")]
    #[case("run users.csv --format xml")]
    #[case("run users.csv --delimiter ab")]
    #[case("run users.csv --max-failures 0")]
    #[case("run users.csv --attempts 0")]
    #[case("run users.csv --attempts 101")]
    #[case("run users.csv --concurrency 0")]
    #[case("run users.csv --concurrency 1001")]
    #[case("run users.csv --confirm -1")]
    #[case("run users.csv --progress dots")]
    #[case("run users.csv -q -v")]
    #[case("run users.csv --canary 0")]
    #[case("run users.csv --canary 5%")]
    #[case("run users.csv --until 24:00")]
    #[case("run users.csv --until 7:5")]
    #[case("resume l --ledger m")]
    #[case("sandbox --listen 0.0.0.0:80")]
    #[case("sandbox --listen localhost")]
    #[case("sandbox --scale-limits 0")]
    #[case("completions tcsh")]
    #[case("report l --format csv")]
    #[case("report l --format xml --out d")]
    #[case("resume l --account acme")]
    #[case("resume l --done-in m")]
    #[case("resume l --include-role agent")]
    #[case("retry l --protect staff.txt")]
    #[case("verify l --sample 0")]
    #[case("verify l --seed 7")]
    #[case("verify l --yes")]
    #[case("audit l --head 12ab")]
    #[case("audit l --head 00000000000000000000000000000000000000000000000000000000000000aFF")]
    #[case("audit l --head g000000000000000000000000000000000000000000000000000000000000000")]
    #[case("init acme")]
    #[case("init --yes")]
    fn anything_else_is_refused_with_2(#[case] line: &str) {
        let error = parse(line).unwrap_err();
        assert_eq!(error.exit_code(), 2, "{line}: {error}");
    }

    #[rstest]
    #[case("run users.csv --canary x", "write a number of rows")]
    #[case("run users.csv --canary 0", "write a number of rows, 1 at least")]
    #[case("run users.csv --confirm 12,480", "in digits alone")]
    #[case("run users.csv --max-delete 1k", "in digits alone")]
    #[case("run users.csv --concurrency x", "write a number from 1 to 1000")]
    #[case("verify l --sample 0", "write a number of rows, 1 at least")]
    #[case("verify l --sample 9 --seed x", "write the number that")]
    fn a_number_that_is_none_is_refused_with_what_to_write(
        #[case] line: &str,
        #[case] words: &str,
    ) {
        let told = parse(line).unwrap_err().to_string();
        assert!(told.contains(words), "{told}");
    }

    #[test]
    fn values_arrive_in_their_types() {
        let Command::Run(run) = parse(
            "run in.csv --action Permanently_Delete --format ids --delimiter tab --max-failures 2.5% \
             --concurrency 4 --confirm 12 --max-delete 20 --progress json --log-format json",
        )
        .unwrap()
        .command
        else {
            panic!("not run");
        };
        assert_eq!(run.mapping.action, Some(Action::PermanentlyDelete));
        assert_eq!(run.mapping.format, Some(InputFormat::Ids));
        assert_eq!(run.mapping.delimiter.unwrap().byte(), b'\t');
        assert_eq!(run.pace.max_failures, Some(FailureLimit::Percent(2.5)));
        assert_eq!(run.progress.progress, Progress::Json);
        let consent = run.consent.consent(&run.pace);
        assert_eq!((consent.confirm, consent.max_delete), (Some(12), Some(20)));

        let cli = parse("retry l --only in_doubt --log-format json -vv").unwrap();
        assert_eq!(cli.diagnostics.log_format, LogFormat::Json);
        assert_eq!(cli.diagnostics.verbose, 2);
        let Command::Retry(retry) = cli.command else {
            panic!("not retry");
        };
        assert_eq!(retry.only, ["in_doubt"]);
    }
}
