//! The topics of help: each is shown and is a man page, and their tables say what the program knows.

use std::fmt::Write as _;
use std::fs;

use serde_json::Value;
use userpurge::config::variables;
use userpurge::domain::{Counted, Outcome, ProviderKind};
use userpurge::help::TOPICS;
use userpurge::provider::{KNOWN_ROLES, ProviderFile, defaults};

use crate::support::World;

fn topic(name: &str) -> &'static str {
    TOPICS.iter().find(|(it, ..)| *it == name).unwrap().2
}

/// The rows of a topic's tables whose first cells are these.
fn has_row(text: &str, cells: &[&str]) -> bool {
    let begin = format!("| {} |", cells.join(" | "));
    text.lines().any(|line| line.starts_with(&begin))
}

#[test]
fn every_topic_is_shown_listed_and_a_man_page() {
    let world = World::new();
    let list = world.call(&["help"]).code(0).out;
    let short = world.call(&["-h"]).code(0).out;
    world.call(&["man", "--out", "share/man1"]).code(0);
    for (name, section, text) in TOPICS {
        let title = text.lines().next().unwrap().strip_prefix("# ").unwrap();
        assert!(title.starts_with(&format!("{name}: ")), "{title}");
        assert!(list.contains(&format!("  {name}")) && short.contains(name));
        let shown = world.call(&["help", name]).code(0).out;
        assert!(shown.starts_with(title), "{shown}");
        let mut long = shown.lines().filter(|line| line.chars().count() > 80);
        let broken = long.find(|line| !line.starts_with("  {\"kind\":"));
        assert_eq!(broken, None, "{name}: a terminal would break it");
        let page = format!("share/man{section}/userpurge-{name}.{section}");
        let page = fs::read_to_string(world.path(&page)).unwrap();
        assert!(page.starts_with(".TH userpurge-"), "{page}");
    }
}

#[test]
fn help_helps_with_commands_and_itself_and_names_the_nearest() {
    let world = World::new();
    let run = world.call(&["help", "run"]).code(0).out;
    assert!(run.contains("Usage: userpurge run"), "{run}");
    let help = world.call(&["help", "help"]).code(0).out;
    assert!(help.contains("userpurge help outcomes"), "{help}");
    world.call(&["help", "outcoms"]).code(2).says("`outcomes`");
}

#[test]
fn the_service_of_the_topic_runs_every_night() {
    let world = World::of_users(2);
    let rows = "id,account,action\n1,acme,delete\n2,acme,delete\n";
    world.write("export.csv", rows);
    let text = topic("systemd").replace("\\\n  ", "");
    let mut lines = text.lines();
    let service = lines.find_map(|it| it.strip_prefix("ExecStart=")).unwrap();
    let begin = "/bin/sh -c 'exec /usr/local/bin/userpurge ";
    let command = service.strip_prefix(begin).unwrap();
    let command = command.strip_suffix('\'').unwrap();
    for night in ["2026-01-30", "2026-01-31"] {
        let command = command.replace("$$(date +%%F)", night).replace('"', "");
        let words: Vec<_> = command.split(' ').collect();
        world.call(&words).code(0);
        let status = world.status(&format!("export-{night}.ledger.jsonl"));
        let ended = ["deleted", "already_gone"].map(|it| status["outcomes"][it].as_u64());
        assert_eq!(ended.into_iter().flatten().sum::<u64>(), 2, "{status}");
    }
}

#[test]
fn outcomes_and_exit_codes_are_those_of_the_program() {
    let text = topic("outcomes");
    let readme = include_str!("../../README.md");
    assert!(
        readme.lines().count() <= 250,
        "README is longer than 250 lines"
    );
    for (outcome, text) in Outcome::ALL
        .into_iter()
        .flat_map(|it| [(it, text), (it, readme)])
    {
        let row = format!("| `{outcome}` |");
        let row = text.lines().find(|line| line.starts_with(&row));
        let counted = match outcome.counted() {
            Counted::Good => "| done |",
            Counted::Bad => "| not done |",
            Counted::Skipped => "| skipped |",
        };
        assert!(row.is_some_and(|row| row.ends_with(counted)), "{outcome}");
    }
    let help = World::new().call(&["--help"]).code(0).out;
    let (_, codes) = help.split_once("Exit codes:\n").unwrap();
    for line in codes.lines().take_while(|line| !line.is_empty()) {
        let (code, means) = line.trim().split_once(' ').unwrap();
        let row = format!("| {code} | {} |", means.trim());
        assert!(text.replace('`', "").contains(&row), "{row}");
        let is_signal = code.len() > 1;
        assert!(is_signal || readme.replace('`', "").contains(&row), "{row}");
    }
}

/// README's table says of every provider and action what `providers` says, and the limits by default.
#[test]
fn readme_names_every_provider_with_its_actions_and_limits() {
    let readme = include_str!("../../README.md");
    let run = World::new().call(&["providers", "--json"]).code(0);
    let said: Value = serde_json::from_str(&run.out).unwrap();
    for provider in said["providers"].as_array().unwrap() {
        let name = provider["name"].as_str().unwrap();
        let limits = match name.parse() {
            Ok(kind) => defaults(kind),
            Err(()) => ProviderFile::shipped(name).unwrap().defaults().unwrap(),
        };
        for action in provider["actions"].as_array().unwrap() {
            let (does, undone) = action["does"].as_str().unwrap().rsplit_once("; ").unwrap();
            let action = action["action"].as_str().unwrap();
            let mut row = format!(
                "| `{name}` | `{action}` | {does} | {undone} | {}",
                limits.requests
            );
            for (_, quota) in limits.steps.iter().filter(|_| action.starts_with('p')) {
                write!(row, ", {quota} of these").unwrap();
            }
            assert!(readme.contains(&format!("{row} |\n")), "{row}");
        }
    }
}

#[test]
fn actions_limits_roles_and_variables_are_those_of_the_program() {
    for kind in ProviderKind::ALL {
        let kind_cell = format!("`{kind}`");
        for action in kind.actions() {
            let action = format!("`{action}`");
            assert!(
                has_row(topic("providers"), &[&kind_cell, &action]),
                "{kind} {action}"
            );
        }
        let limits = defaults(kind);
        let requests = limits.requests.to_string();
        let steps = limits.steps.iter();
        let steps: Vec<_> = steps
            .map(|(step, quota)| format!("`{step}` {quota} "))
            .collect();
        let row = format!(
            "| {kind_cell} | {requests} | {}| {} |",
            steps.concat(),
            limits.concurrency
        );
        assert!(topic("limits").contains(&row), "{row}");
    }
    for role in KNOWN_ROLES {
        let plain = role.replace('-', " ");
        let safety = topic("safety").to_lowercase();
        assert!(safety.contains(role) || safety.contains(&plain), "{role}");
    }
    for (name, _) in variables() {
        assert!(topic("config").contains(&format!("`{name}`")), "{name}");
    }
}

#[test]
fn the_configuration_of_the_topic_is_read_and_the_schema_is_json() {
    let world = World::new();
    let (_, rest) = topic("config").split_once("```toml\n").unwrap();
    world.configure(rest.split_once("```").unwrap().0);
    world.write("users.csv", "id,account\n361808351050,acme\n");
    world.call(&["plan", "users.csv"]).code(0);
    let schema = world.call(&["schema"]).code(0).out;
    let schema: serde_json::Value = serde_json::from_str(&schema).unwrap();
    assert_eq!(schema["title"], "userpurge.toml");
}

/// Holds `value` against a part of a JSON schema, as far as ours say anything: types, keys, words, references.
fn fits(schema: &Value, part: &Value, value: &Value) -> Result<(), String> {
    if let Some(name) = part["$ref"].as_str() {
        return fits(
            schema,
            schema.pointer(name.trim_start_matches('#')).unwrap(),
            value,
        );
    }
    let is_type = match part["type"].as_str() {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("boolean") => value.is_boolean(),
        Some("integer" | "number") => value.is_number(),
        _ => true,
    };
    let is_word = part["enum"]
        .as_array()
        .is_none_or(|words| words.contains(value));
    if !is_type || !is_word || part.get("const").is_some_and(|it| it != value) {
        return Err(format!("{value} is no {part}"));
    }
    for item in value.as_array().into_iter().flatten() {
        fits(schema, part.get("items").unwrap_or(&Value::Null), item)?;
    }
    for key in part["required"].as_array().into_iter().flatten() {
        value
            .get(key.as_str().unwrap())
            .ok_or_else(|| format!("{value} lacks {key}"))?;
    }
    for (key, item) in value.as_object().into_iter().flatten() {
        let known = part["properties"]
            .get(key)
            .or(part.get("additionalProperties"));
        match known.unwrap_or(&Value::Null) {
            Value::Bool(false) => return Err(format!("no `{key}` in {part}")),
            known => fits(schema, known, item)?,
        }
    }
    Ok(())
}

#[test]
fn the_schema_of_provider_files_takes_those_that_are_shipped_and_no_other_key() {
    let schema = World::new().call(&["schema", "provider"]).code(0).out;
    let schema: Value = serde_json::from_str(&schema).unwrap();
    for name in ProviderFile::shipped_names() {
        let text = ProviderFile::shipped_text(name).unwrap();
        let file: toml::Table = text.parse().unwrap();
        let file = serde_json::to_value(file).unwrap();
        assert_eq!(fits(&schema, &schema, &file), Ok(()), "{name}");
        for place in [
            "",
            "/auth",
            "/look",
            "/limits",
            "/ids",
            "/replies/0",
            "/look/standing",
        ] {
            let mut other = file.clone();
            let object = other.pointer_mut(place).unwrap().as_object_mut().unwrap();
            object.insert("zzz".to_owned(), 1.into());
            assert!(fits(&schema, &schema, &other).is_err(), "{name} {place}");
        }
    }
}
