//! Every command that stands in the program's own texts is one: in its words on the screen, its help, its
//! documentation and the files that it ships. So are the options, topics and keys that they name.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use clap::error::ErrorKind;
use clap::{CommandFactory as _, Parser as _};
use serde_json::Value;
use userpurge::cli::args::{Cli, Command};
use userpurge::help::TOPICS;
use userpurge::provider::ProviderFile;

use crate::support::World;

/// What may stand in the place of what a text leaves open. The longer ones come first.
const FILLED: [(&str, &str); 20] = [
    ("--head {}", HEAD_OPTION),
    ("--head {noted}", HEAD_OPTION),
    ("--head HASH", HEAD_OPTION),
    ("--confirm N", "--confirm 3"),
    ("--canary N", "--canary 3"),
    ("--max-delete N", "--max-delete 3"),
    ("--max-rows N", "--max-rows 3"),
    ("--until HH:MM", "--until 05:30"),
    ("userpurge {command}", "userpurge retry"),
    ("--by {by}", "--by email -o users.csv.ids.csv"),
    ("--notify COMMAND", "--notify 'mail ops'"),
    // Options that may follow, each tried by a test that has the program print them.
    ("{named}", ""),
    ("{more}", ""),
    ("{closing}", ""),
    ("{again}", LEDGER),
    ("{ledger}", LEDGER),
    ("{name}", LEDGER),
    ("{saved}", LEDGER),
    ("{resume}", LEDGER),
    ("{}", LEDGER),
];
const HEAD_OPTION: &str = "--head 5f0c5f0c5f0c5f0c5f0c5f0c5f0c5f0c5f0c5f0c5f0c5f0c5f0c5f0c5f0c5f0c";
const LEDGER: &str = "users.csv.ledger.jsonl";

/// A text of the program and the file that it is in.
#[derive(Debug)]
struct Text {
    file: String,
    text: String,
}

fn files_below(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files_below(&path, found);
        } else {
            found.push(path);
        }
    }
}

/// All texts: string literals and comments of the sources, and the other files as they are.
fn texts() -> Vec<Text> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = vec![
        root.join("README.md"),
        root.join("tests/README.md"),
        root.join(".dist/Containerfile"),
    ];
    files_below(&root.join("src"), &mut files);
    let mut all = Vec::new();
    for path in files {
        let file = path.strip_prefix(root).unwrap().display().to_string();
        let content = fs::read_to_string(&path).unwrap();
        let texts = match path.extension().and_then(|it| it.to_str()) {
            Some("rs") => spoken(&content),
            Some("css") => Vec::new(),
            _ => vec![content],
        };
        all.extend(texts.into_iter().map(|text| Text {
            file: file.clone(),
            text,
        }));
    }
    all
}

/// The string literals of a Rust source, and its comments, those in a row as one.
fn spoken(source: &str) -> Vec<String> {
    let mut texts = Vec::new();
    let mut comment = String::new();
    let mut rest = source;
    while let Some(c) = rest.chars().next() {
        if rest.starts_with("//") {
            let (line, behind) = rest.split_once('\n').unwrap_or((rest, ""));
            comment.push_str(line.trim_start_matches(['/', '!']));
            comment.push('\n');
            rest = behind.trim_start();
            continue;
        }
        if !comment.is_empty() && !c.is_whitespace() {
            texts.push(std::mem::take(&mut comment));
        }
        let raw = rest.strip_prefix("r#\"").map(|it| (it, "\"#"));
        let raw = raw.or_else(|| rest.strip_prefix("r\"").map(|it| (it, "\"")));
        rest = if let Some((it, end)) = raw {
            let (text, behind) = it.split_once(end).unwrap();
            texts.push(text.to_owned());
            behind
        } else if let Some(it) = rest.strip_prefix('"') {
            let (text, behind) = literal(it);
            texts.push(text);
            behind
        } else if rest.starts_with("'\"'") || rest.starts_with("'\\") {
            // A quote or an escape as a character.
            let end = rest[2..].find('\'').unwrap() + 3;
            &rest[end..]
        } else if c.is_alphanumeric() || c == '_' {
            // An `r` within a name begins no literal.
            rest.trim_start_matches(|c: char| c.is_alphanumeric() || c == '_')
        } else {
            &rest[c.len_utf8()..]
        };
    }
    texts.push(comment);
    texts
}

/// The text of a literal up to its closing quote, and what stands behind.
fn literal(source: &str) -> (String, &str) {
    let mut text = String::new();
    let mut rest = source;
    loop {
        let end = rest.find(['"', '\\']).unwrap();
        text.push_str(&rest[..end]);
        rest = &rest[end..];
        if let Some(behind) = rest.strip_prefix('"') {
            return (text, behind);
        }
        let escaped = rest[1..].chars().next().unwrap();
        rest = &rest[1 + escaped.len_utf8()..];
        match escaped {
            'n' => text.push('\n'),
            '\n' => rest = rest.trim_start(),
            other => text.push(other),
        }
    }
}

/// What stands between single backticks, on one line each. Fences are left out.
fn ticked(text: &str) -> Vec<String> {
    let mut fenced = false;
    let mut plain = String::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if !fenced {
            plain.push_str(line.trim());
            plain.push(' ');
        }
    }
    let parts = plain.split('`').skip(1).step_by(2);
    parts.map(str::to_owned).collect()
}

/// The names of the commands.
fn names() -> BTreeSet<String> {
    let command = Cli::command();
    let names = command.get_subcommands().map(|it| it.get_name().to_owned());
    names.collect()
}

/// The commands in `text`: all that begins with the program's name between backticks, and elsewhere what
/// names a command or an option behind it, up to the end of its line.
fn commands(text: &str) -> Vec<String> {
    let names = names();
    let mut found: Vec<String> = ticked(text)
        .into_iter()
        .filter(|it| it.starts_with("userpurge "))
        .collect();
    for line in text.lines() {
        for (at, _) in line.match_indices("userpurge ") {
            let before = line[..at].chars().next_back();
            if !before.is_none_or(|c| " /\">".contains(c)) {
                continue;
            }
            let command = &line[at..];
            let quote = if before == Some('"') { "\"" } else { "`" };
            let ends = ["   ", "`", quote, "</code>"];
            let end = ends.iter().filter_map(|it| command.find(it)).min();
            let command = &command[..end.unwrap_or(command.len())];
            let next = command.split(' ').nth(1).unwrap();
            if names.contains(next) || next.starts_with('-') || next == "{command}" {
                found.push(command.to_owned());
            }
        }
    }
    found
}

/// The words of a command as a shell takes it, up to what pipes it on; what it leaves open is filled.
fn words(command: &str) -> Vec<String> {
    let mut filled = command.to_owned();
    for (open, with) in FILLED {
        filled = filled.replace(open, with);
    }
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    for c in filled.chars() {
        match (quote, c) {
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (Some(open), c) if open == c => quote = None,
            (None, ' ') => words.extend(word.take()),
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    let is_end = |word: &String| {
        ["|", "#", "&&", "\\"].contains(&&**word) || word.contains('>') || word == ";"
    };
    let end = words.iter().position(is_end).unwrap_or(words.len());
    words.truncate(end);
    words
}

/// Why these words are no command; `may_lack`: something that has to be named may be missing.
fn refused(words: &[String], may_lack: bool) -> Option<String> {
    let cli = match Cli::try_parse_from(words) {
        Ok(cli) => cli,
        Err(error) => {
            let is_shown = !error.use_stderr();
            let lacks = may_lack && error.kind() == ErrorKind::MissingRequiredArgument;
            return (!is_shown && !lacks).then(|| error.to_string());
        }
    };
    let topics = TOPICS.map(|(name, ..)| name);
    match cli.command {
        Command::Help { about: Some(about) } => {
            let placeholder = ["TOPIC", "COMMAND"].contains(&&*about);
            let is_known = topics.contains(&&*about) || names().contains(&about);
            (!is_known && !placeholder).then(|| format!("no topic `{about}`"))
        }
        Command::Providers {
            about: Some(about), ..
        } => {
            let is_file = about.contains(['.', '/']);
            let is_known = ProviderFile::shipped(&about).is_some();
            (!is_known && !is_file).then(|| format!("no provider `{about}`"))
        }
        _ => None,
    }
}

#[test]
fn each_is_understood() {
    let mut tried = BTreeSet::new();
    let mut wrong = BTreeSet::new();
    for Text { file, text } in texts() {
        for command in commands(&text) {
            let words = words(&command);
            // A command's name alone is a name.
            if let Some(why) = refused(&words, words.len() == 2) {
                wrong.insert(format!("{file}: `{command}`: {why}"));
            }
            tried.insert(words);
        }
    }
    assert!(tried.len() > 90, "{} commands: {tried:#?}", tried.len());
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Such as `retry --only standing` in the middle of a sentence.
#[test]
fn each_without_the_program_s_name_is_understood() {
    let mut tried = BTreeSet::new();
    let mut wrong = BTreeSet::new();
    let names = names();
    for Text { file, text } in texts() {
        for part in ticked(&text) {
            let name = part.split(' ').next().unwrap();
            // `man` is the system's as well.
            if let Some(page) = part.strip_prefix("man userpurge-") {
                let is_topic = TOPICS.iter().any(|(name, ..)| *name == page);
                assert!(is_topic || names.contains(page), "{file}: `{part}`");
                continue;
            }
            if part == name || !names.contains(name) || part.starts_with("man -l") {
                continue;
            }
            let mut words = words(&format!("userpurge {part}"));
            // An option at the end is named without its value.
            if options().contains(words.last().unwrap()) && refused(&words, true).is_some() {
                words.push("1".to_owned());
            }
            if let Some(why) = refused(&words, true) {
                wrong.insert(format!("{file}: `{part}`: {why}"));
            }
            tried.insert(part);
        }
    }
    assert!(tried.len() >= 5, "{tried:#?}");
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The long options of all commands.
fn options() -> BTreeSet<String> {
    let command = Cli::command();
    let all = command.get_subcommands().chain([&command]);
    let long = all.flat_map(|it| it.get_arguments().filter_map(clap::Arg::get_long));
    let mut long: BTreeSet<String> = long.map(|it| format!("--{it}")).collect();
    long.extend(["--help".to_owned(), "--version".to_owned()]);
    long
}

#[test]
fn every_option_that_is_named_exists() {
    let (known, commands) = (options(), names());
    let mut named = BTreeSet::new();
    let mut wrong = BTreeSet::new();
    for Text { file, text } in texts() {
        for part in ticked(&text) {
            let name = part.split(' ').next().unwrap();
            let is_ours = name == "userpurge" || name.starts_with('-') || commands.contains(name);
            for word in part.split([' ', '=', '(', ')']).filter(|_| is_ours) {
                if word.starts_with("--") && word.len() > 2 {
                    named.insert(word.to_owned());
                    if !known.contains(word) {
                        wrong.insert(format!("{file}: `{part}`"));
                    }
                }
            }
        }
    }
    assert!(named.len() > 35, "{named:#?}");
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The names of properties in a part of a JSON schema.
fn properties(schema: &Value, found: &mut BTreeSet<String>) {
    if let Some(object) = schema["properties"].as_object() {
        found.extend(object.keys().cloned());
    }
    let parts = schema.as_object().into_iter().flat_map(|it| it.values());
    let items = schema.as_array().into_iter().flatten();
    for part in parts.chain(items) {
        properties(part, found);
    }
}

/// The keys of a table and of the tables in it, with the path to each.
fn keys(path: &str, table: &toml::Table, found: &mut Vec<String>) {
    for (key, value) in table {
        let path = format!("{path}/{key}");
        let tables: Vec<&toml::Table> = match value {
            toml::Value::Table(table) => vec![table],
            toml::Value::Array(items) => items.iter().filter_map(toml::Value::as_table).collect(),
            _ => Vec::new(),
        };
        for table in tables {
            keys(&path, table, found);
        }
        found.push(path);
    }
}

/// The keys that a line of TOML sets; `None`: it is none.
fn keys_of(line: &str) -> Option<Vec<String>> {
    // What a text leaves open is a value of any kind.
    let line = line.replace("…", "\"x\"").replace("\"\"x\"\"", "\"x\"");
    let table: toml::Table = line.parse().ok()?;
    let mut found = Vec::new();
    keys("", &table, &mut found);
    Some(found)
}

#[test]
fn every_key_that_is_told_to_be_written_is_in_a_schema() {
    let world = World::new();
    let mut known = BTreeSet::new();
    for about in ["config", "provider"] {
        let schema = world.call(&["schema", about]).code(0).out;
        properties(&serde_json::from_str(&schema).unwrap(), &mut known);
    }
    for name in ProviderFile::shipped_names() {
        let file = ProviderFile::shipped(name).unwrap();
        let (plain, secret) = file.keys();
        known.extend(plain.into_iter().chain(secret).map(str::to_owned));
    }
    let mut named = BTreeSet::new();
    let mut wrong = BTreeSet::new();
    for Text { file, text } in texts() {
        let fences = text.split("```toml\n").skip(1);
        let fences = fences.map(|it| it.split_once("```").unwrap().0);
        let lines: Vec<String> = fences
            .flat_map(|it| it.lines().map(str::to_owned))
            .chain(ticked(&text))
            .collect();
        let is_set = |line: &&String| line.contains(" = ") && !line.contains("{}");
        for line in lines.iter().filter(is_set) {
            for path in keys_of(line).into_iter().flatten() {
                let key = path.rsplit('/').next().unwrap().to_owned();
                if !known.contains(&key) {
                    wrong.insert(format!("{file}: {line}"));
                }
                named.insert(key);
            }
        }
    }
    assert!(named.len() > 30, "{named:#?}");
    assert!(wrong.is_empty(), "{wrong:#?}");
}
