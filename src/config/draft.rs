//! The text of a new configuration, as `userpurge init` writes it: what is asked of each provider, which
//! key an answer gives, and the table of an account. It asks nobody, and reads and writes no file.

use std::fmt::Write as _;

use crate::provider::ZOHO_DATA_CENTERS;

const NO_SUBDOMAIN: &str = "letters, digits and hyphens, or an address that begins with https://";

/// What the file begins with.
pub const HEAD: &str = "\
# userpurge: the accounts whose users may be deleted. `userpurge check` tries them; it only reads.
# No secret stands here: each key below says where its secret is kept.

# deny_tenants = [\"prod\"]                    # nothing is deleted at a tenant whose name holds such a word
";

/// The words of the interview and the ends of the accounts' tables, a line each: what it belongs to, a
/// word, and what is asked or said of it.
const TEXTS: &str = include_str!("init.txt");

/// The key and the value that the `answer` to the question of `asked` gives. For an address something
/// shorter may stand, and the other way round.
/// `not_among` words the error where an answer is none of the words that are taken.
pub fn take(
    asked: &'static str,
    answer: &str,
    not_among: impl Fn(&str, &[&str]) -> String,
) -> Result<(&'static str, String), String> {
    let is_address = answer.contains("://");
    let (key, value) = match asked {
        "region" if matches!(answer, "us" | "eu") => (asked, answer),
        "subdomain" | "region" => {
            let host = answer.strip_prefix("https://");
            let host = host.map(|rest| rest.trim_end_matches('/'));
            let subdomain = host.and_then(|host| host.strip_suffix(".zendesk.com"));
            let is_label = |c: char| c.is_ascii_alphanumeric() || c == '-';
            match subdomain.unwrap_or(answer) {
                text if text.chars().all(is_label) => ("subdomain", text),
                _ if is_address => ("base_url", answer),
                _ => return Err(NO_SUBDOMAIN.to_owned()),
            }
        }
        "data_center" if is_address => ("accounts_url", answer),
        "data_center" => {
            let centers = ZOHO_DATA_CENTERS.map(|(center, ..)| center);
            let center = centers.iter().find(|it| it.eq_ignore_ascii_case(answer));
            (asked, *center.ok_or_else(|| not_among(answer, &centers))?)
        }
        key => (key, answer),
    };
    Ok((key, value.to_owned()))
}

/// A TOML string.
pub fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

/// The table of account `name` at a provider of `kind`, from lines with what is said of them.
pub fn account_table(kind: &str, name: &str, mut lines: Vec<(String, &str)>) -> String {
    let table = match name {
        name if name.contains('.') => quoted(name),
        name => name.to_owned(),
    };
    for (line, comment) in texts(&format!("{kind} file")) {
        if line.starts_with("# [") {
            lines.push((String::new(), ""));
        }
        lines.push((line.replace("NAME", &table), comment));
    }
    let mut text = format!("\n[accounts.{table}]\n");
    for (line, comment) in lines {
        // Writing to a string cannot fail.
        let _ = match comment {
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
