//! `audit`: whether a ledger is what was written, proved offline.

use std::path::Path;

use serde_json::{Value, json};

use crate::cli::args::AuditArgs;
use crate::cli::ledgers;
use crate::cli::terminal::{put, put_page, tell};
use crate::cli::{CliError, ExitCode};
use crate::ledger::{Audit, LedgerError};

/// Audits a ledger and names the first line that does not fit.
pub(in crate::cli) fn execute(args: &AuditArgs) -> Result<ExitCode, CliError> {
    let ledger = ledgers::named(args.ledger.as_deref())?;
    let audit = Audit::of(&ledger, args.head)?;
    if args.json {
        put(&as_json(&audit).to_string())?;
        return Ok(match audit.damage {
            Some(_) => ExitCode::Ledger,
            None => ExitCode::Success,
        });
    }
    if let Some(damage) = audit.damage {
        return Err(CliError::from(damage));
    }
    put_page(&describe(&ledger, &audit))?;
    if let Some(torn) = audit.torn {
        tell(&format!(
            "warning: {} bytes without an end follow the last line, at byte {}: a crash left them, or a process is \
             writing them now; nobody relied on them, and `resume` cuts them off",
            torn.bytes, torn.byte
        ));
    }
    Ok(ExitCode::Success)
}

fn describe(ledger: &Path, audit: &Audit) -> String {
    let text = format!(
        "ledger `{}` is whole: {} lines, {} bytes; none was changed, dropped, moved or added\nfingerprint {}",
        ledger.display(),
        audit.lines,
        audit.bytes,
        audit.head
    );
    let noted = match (audit.noted_at, audit.grown()) {
        (Some(_), Some(0)) => {
            "this is the fingerprint that was noted: nothing was cut off".to_owned()
        }
        (Some(line), Some(more)) => format!(
            "the fingerprint that was noted is that of line {line}: the ledger has grown since, by {more} lines"
        ),
        (_, _) => {
            "lines cut off at the end show only against a fingerprint that was noted: `--head HASH`"
                .to_owned()
        }
    };
    format!("{text}\n{noted}")
}

fn as_json(audit: &Audit) -> Value {
    let damage = match &audit.damage {
        Some(LedgerError::Damaged {
            line, byte, reason, ..
        }) => json!({
            "line": line,
            "byte": byte,
            "reason": reason.name(),
            "message": reason.to_string(),
        }),
        _ => Value::Null,
    };
    json!({
        "ok": damage.is_null(),
        "ledger": audit.path,
        "run_id": audit.run_id,
        "lines": audit.lines,
        "bytes": audit.bytes,
        "head": audit.head,
        "torn": audit.torn.map(|torn| json!({"byte": torn.byte, "bytes": torn.bytes})),
        "noted": audit.noted_at.map(|line| json!({"line": line, "grown": audit.grown()})),
        "damage": damage,
    })
}
