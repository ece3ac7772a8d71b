//! The question before a run, and the record of who agreed. The person types how many users will be
//! deleted, or, of more than a thousand, where.

use std::io::{self, BufRead, Read, Write};

use rustix::system::uname;

use super::CliError;
use super::accounts::Connection;
use super::args::ConsentArgs;
use super::terminal::{weighted_for_stderr, wrapped};
use crate::config::user_name;
use crate::domain::{Agreed, AgreedAccount, AgreedBy, RunOptions, Time};
use crate::ledger::LedgerState;
use crate::words::count;

/// The longest answer read, in bytes: a path may be long.
const ANSWER_BYTES_MAX: u64 = 2048;

/// With more rows than this the tenant's name is typed: a large number is copied without being read.
const NUMBER_ROWS_MAX: u64 = 1_000;

/// How often an answer is read before nothing is sent.
const ANSWERS_MAX: u32 = 3;

/// The text behind a Zendesk subdomain; the subdomain alone is name enough.
const ZENDESK_DOMAIN: &str = ".zendesk.com";

impl ConsentArgs {
    /// How a run that would send `rows` rows is agreed to; `None`: a person has to be asked. Of no rows
    /// there is nothing to ask.
    pub(super) fn decide(
        self,
        rows: u64,
        max_delete: Option<u64>,
        can_ask: bool,
    ) -> Result<Option<AgreedBy>, CliError> {
        let refused = |why: String, help: String| {
            let rows = count(rows, "row");
            let message = format!("{rows} would be sent and {why}; nothing was sent");
            Err(CliError::refuse(message, help))
        };
        match (max_delete, self.confirm) {
            (Some(max), _) if rows > max => refused(
                format!("`--max-delete` allows {max}"),
                format!("if the plan is right, give `--max-delete {rows}`"),
            ),
            (_, Some(confirmed)) if confirmed != rows => refused(
                format!("`--confirm` says {confirmed}"),
                format!("if the plan above is right, give `--confirm {rows}`"),
            ),
            (_, Some(_)) => Ok(Some(AgreedBy::Confirm)),
            (_, None) if self.yes || rows == 0 => Ok(Some(AgreedBy::Yes)),
            (_, None) if can_ask => Ok(None),
            (_, None) => refused(
                "there is no terminal to ask at".to_owned(),
                format!("if the plan above is right, give `--confirm {rows}`, or `--yes`"),
            ),
        }
    }
}

/// Asks on `output`, in the words `asks`, for an answer on `input`, and refuses what was not agreed to.
/// `tenants`: where the rows would be sent, each once.
pub(super) fn ask(
    rows: u64,
    asks: &str,
    tenants: &[&str],
    input: &mut dyn BufRead,
    output: &mut dyn Write,
) -> Result<(), CliError> {
    writeln!(output, "{}", weighted_for_stderr(&wrapped(asks, 0)))?;
    // A number is wanted and not a `y`, because fingers type that by themselves.
    let number = rows.to_string();
    let wanted = match tenants {
        [_, ..] if rows > NUMBER_ROWS_MAX => tenants,
        _ => &[number.as_str()],
    };
    for (place, name) in (1..).zip(wanted) {
        let of_all = match wanted.len() {
            1 => String::new(),
            all => format!(" ({place} of {all})"),
        };
        let prompt = format!("Type {name} to go on{of_all}: ");
        if !is_typed(name, &prompt, input, output)? {
            let message = format!("`{name}` was not typed; nothing was sent");
            let help = format!(
                "if the plan above is right, run it again and type `{name}`, or give `--confirm {rows}`"
            );
            return Err(CliError::refuse(message, help));
        }
    }
    Ok(())
}

/// Asks for `wanted` until it is typed; `false`: it was not, or there is nobody who types.
fn is_typed(
    wanted: &str,
    prompt: &str,
    input: &mut dyn BufRead,
    output: &mut dyn Write,
) -> io::Result<bool> {
    for attempt in 1..=ANSWERS_MAX {
        let Some(answer) = answer(prompt, input, output)? else {
            return Ok(false);
        };
        let subdomain = wanted.strip_suffix(ZENDESK_DOMAIN).unwrap_or(wanted);
        let digits = answer.replace([',', '_', '.', '\''], "");
        let is_number = wanted.parse::<u64>().is_ok() && digits.parse() == wanted.parse::<u64>();
        let is = |name: &str| answer.eq_ignore_ascii_case(name);
        if is_number || is(wanted) || is(subdomain) {
            return Ok(true);
        }
        if attempt < ANSWERS_MAX {
            writeln!(
                output,
                "That is not {wanted}; nothing was sent. Ctrl-C gives up."
            )?;
        }
    }
    Ok(false)
}

/// Shows `question` and reads a line; `None`: there is no more.
pub(super) fn answer(
    question: &str,
    input: &mut dyn BufRead,
    output: &mut dyn Write,
) -> io::Result<Option<String>> {
    write!(output, "{question}")?;
    output.flush()?;
    let mut answer = Vec::new();
    let read = input
        .take(ANSWER_BYTES_MAX)
        .read_until(b'\n', &mut answer)?;
    if read == 0 {
        // The next line is to begin on its own.
        writeln!(output)?;
    }
    // An answer that is no text is not the one that is wanted.
    Ok((read > 0).then(|| String::from_utf8_lossy(&answer).trim().to_owned()))
}

/// The agreement to the plan that `state` holds, with the `options` of this run.
pub(super) fn agreed(
    state: &LedgerState,
    lines: &[Connection],
    how: AgreedBy,
    options: &RunOptions,
) -> Agreed {
    let account = |line: &Connection| {
        let identity = line.identity.as_ref()?;
        let account = AgreedAccount {
            tenant: identity.tenant.clone(),
            caller: identity.caller.clone(),
            rules: line.rules.clone(),
        };
        Some((line.name.clone(), account))
    };
    let planned = state.planned.as_ref();
    Agreed {
        user: user_name(),
        host: uname().nodename().to_string_lossy().into_owned(),
        how,
        at: Time::now(),
        accounts: lines.iter().filter_map(account).collect(),
        protect: planned.and_then(|planned| planned.protect.clone()),
        done_in: planned.map_or_else(Vec::new, |planned| planned.done_in.clone()),
        options: (*options != state.header.options).then(|| options.clone()),
    }
}
