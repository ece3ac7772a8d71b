//! The text of a new configuration, as `userpurge init` writes it. It holds the questions for each provider,
//! the key that an answer gives, and the table of an account. It asks nobody, and reads and writes no file.

use std::fmt::Write as _;
use std::path::Path;

use toml::de::{DeTable, DeValue};

use super::load::check_account;
use crate::domain::ProviderKind;

/// The first lines of the file.
pub const HEAD: &str = "\
# userpurge: the accounts whose users may be deleted. `userpurge check` tries them; it only reads.
# No secret stands here: each key below says where its secret is kept.

# deny_tenants = [\"prod\"]                    # nothing is deleted at a tenant whose name holds such a word
";

/// The words of the interview and the ends of the accounts' tables, a line each. A line holds the
/// thing it belongs to, a word, and the question or remark.
const TEXTS: &str = include_str!("init.txt");

/// The key and the value that the `answer` to the question of `asked` gives. For an address something
/// shorter may stand, and the other way round.
pub fn take<'a>(asked: &'a str, answer: &'a str) -> (&'a str, &'a str) {
    let host = answer.strip_prefix("https://").unwrap_or(answer);
    let label = host.trim_end_matches('/').strip_suffix(".zendesk.com");
    let is_address = answer.contains("://");
    match asked {
        "region" if matches!(answer, "us" | "eu") => (asked, answer),
        "subdomain" | "region" if is_address && label.is_none() => ("base_url", answer),
        "subdomain" | "region" => ("subdomain", label.unwrap_or(answer)),
        "data_center" if is_address => ("accounts_url", answer),
        key => (key, answer),
    }
}

/// Why the account `name` cannot have the line `more` after its `lines`, in a configuration in `folder`. That
/// it still lacks keys is no reason: they are asked for next.
pub fn judge(
    name: &str,
    lines: &[(String, String)],
    more: &str,
    folder: &Path,
) -> Result<(), String> {
    let lines = lines.iter().map(|(line, _)| line.as_str());
    let text = lines.fold(more.to_owned(), |text, line| format!("{text}\n{line}"));
    let table = DeTable::parse(&text).map_err(|error| error.message().to_owned())?;
    match check_account(name, &DeValue::Table(table.into_inner()), folder) {
        Err(mistake) if !mistake.is_lack => Err(mistake.to_string()),
        Ok(_) | Err(_) => Ok(()),
    }
}

/// A TOML string.
pub fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

/// The table of account `name` at a provider of `kind`, from lines with what is said of them.
pub fn account_table(kind: ProviderKind, name: &str, mut lines: Vec<(String, String)>) -> String {
    let table = match name {
        name if name.contains('.') => quoted(name),
        name => name.to_owned(),
    };
    let end = match kind {
        ProviderKind::Own(_) => "own file".to_owned(),
        kind => format!("{kind} file"),
    };
    let action = kind.actions().first().map_or("", |action| action.name());
    for (line, comment) in texts(&end) {
        if line.starts_with("# [") {
            lines.push(Default::default());
        }
        let line = line.replace("NAME", &table).replace("ACTION", action);
        lines.push((line, comment.to_owned()));
    }
    let mut text = format!("\n[accounts.{table}]\n");
    for (line, comment) in lines {
        // Writing to a string cannot fail.
        let _ = match &*comment {
            "" => writeln!(text, "{line}"),
            comment => writeln!(text, "{line:<44} # {comment}"),
        };
    }
    text
}

/// The lines of the interview that belong to `part`: a word, and what is said of it.
pub fn texts(part: &str) -> Vec<(&'static str, &'static str)> {
    let said = |line: &'static str| {
        let (of, rest) = line.split_once(" | ")?;
        rest.split_once(" | ").filter(|_| of == part)
    };
    TEXTS.lines().filter_map(said).collect()
}
