//! Every screen as a person sees it, in a real terminal of 80 and of 120 columns, held against the one that
//! was looked at. `INSTA_UPDATE=always` writes them anew; then look at what changed.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;

use insta::{assert_snapshot, with_settings};

use crate::question::ordinary;
use crate::support::World;
use crate::support::terminal::Terminal;

/// What is typed, one after another; behind a tab stands the answer to the question that it asks.
const COMMANDS: [&str; 22] = [
    "check",
    "plan users.csv",
    "plan users.csv -v",
    "plan users.csv --include-role agent",
    "plan users.csv --where 'account = chat' --max-rows 4",
    "run users.csv --progress none\t42\t43",
    "status",
    "run users.csv",
    "resume",
    "retry --progress none --yes",
    "retry --only invalid",
    "verify --progress none",
    "audit",
    "report",
    "report --format csv --out rows",
    "providers",
    "providers nobody",
    "help",
    "run -h",
    "plan nothing.csv",
    "lookup users.csv -o found.csv",
    "plan users.csv --action undo",
];

/// Types one command with its answers, and gives all that stood on the screen until it ended.
pub(crate) fn screen(terminal: &Terminal<'_>, typed: &str) -> String {
    let mut words = typed.split('\t');
    let command = words.next().unwrap();
    terminal.types("clear");
    terminal.until("there is room", |screen| screen == "$");
    terminal.forget();
    terminal.types(&format!("userpurge {command}; echo =$?="));
    for (asked, answer) in words.enumerate() {
        terminal.until("it asks", |screen| {
            screen.ends_with(':') && screen.matches(" to go on:").count() > asked
        });
        terminal.types(answer);
    }
    terminal.until("it has ended", |screen| {
        screen.ends_with("=\n$") && !screen.contains("=$?=\n$")
    });
    let history = terminal.history();
    let lines = history.lines().map(str::trim_end);
    lines
        .filter(|line| *line != "$")
        .collect::<Vec<_>>()
        .join("\n")
}

/// Holds all screens of a terminal so wide against those that were looked at.
fn all_are_as_looked_at(columns: u16) {
    let world = ordinary();
    for_its_owner(&world);
    let terminal = world.terminal_of((columns, 50), "");
    let all = COMMANDS.map(|typed| screen(&terminal, typed)).join("\n\n");
    hold("all_are_as_looked_at", columns, &world, &all);
}

/// Gives the configuration the mode that the program asks for.
pub(crate) fn for_its_owner(world: &World) {
    let owners = Permissions::from_mode(0o600);
    fs::set_permissions(world.path("userpurge.toml"), owners).unwrap();
}

/// Holds what stood on the terminals against what was looked at, but for what no two runs share.
pub(crate) fn hold(name: &str, columns: u16, world: &World, all: &str) {
    let folder = world.folder.path().display().to_string();
    let filters = [
        (r"127\.0\.0\.1:\d+", "HOST"),
        (&*folder, "FOLDER"),
        // The terminal may break it.
        (
            r"userpurge-demo-[0-9a-f-]+(\n?)[0-9a-f-]*",
            "userpurge-demo-FOLDER$1",
        ),
        (r"\b[0-9a-f]{64}\b", "FINGERPRINT"),
        (r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", "RUN"),
        (
            r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2})?(\.\d+)?Z?",
            "TIME",
        ),
        // Behind midnight the day stands before it.
        (r"\b([MTWFS][a-z]{2} )?\d{2}:\d{2}(:\d{2})?\b", "TIME"),
        // How fast it went is only said of a run that took long enough.
        (r", [\d,]+/min", ""),
        (r"\b\d+(\.\d+)? m?s\b", "SPAN"),
        (
            r"(waits |[,:] |in )\d+[hms]( \d+[ms])?( left| so far|:|\n)",
            "${1}SPAN$3",
        ),
        (r"\b\d+ requests\b", "N requests"),
        (r"\b\d+ lines, \d+ bytes", "N lines, N bytes"),
    ];
    with_settings!({filters => filters, omit_expression => true, snapshot_suffix => columns.to_string()}, {
        assert_snapshot!(name, all);
    });
}

#[test]
fn at_80_columns_each_is_as_it_was_looked_at() {
    all_are_as_looked_at(80);
}

#[test]
fn at_120_columns_each_is_as_it_was_looked_at() {
    all_are_as_looked_at(120);
}
