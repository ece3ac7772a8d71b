//! README's first purge, word for word: its files are written, its commands typed at a terminal, and
//! what they print is held against what README shows. So it stays true.
//!
//! `REWRITE=1` writes what was printed into README, where it differs.
//!
//! README leaves lines out with `…`; what no two runs share (times, ids of runs, heads, how far a run
//! was when somebody pressed Ctrl-C) is taken out of both before they are compared.

use std::process::Child;

use crate::support::World;
use crate::support::terminal::Terminal;
use crate::support::usual::LEDGER;

/// The port that README's sandbox listens on.
const PORT: &str = "8787";

/// How many rows had ended when somebody pressed Ctrl-C for README.
const ENDED_AT_CTRL_C: usize = 3;

/// Where README lies.
const README: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");

/// The configuration that README's sandbox writes.
const CONFIG: &str = "userpurge.toml";

/// A block of README: what it is, and its lines.
struct Block {
    language: String,
    lines: Vec<String>,
}

/// A command of README, and what README shows of its output.
struct Step {
    command: String,
    shown: Vec<String>,
}

/// The blocks between two headings of README.
fn blocks() -> Vec<Block> {
    let readme = std::fs::read_to_string(README).unwrap();
    let from = readme.find("## A first purge").unwrap();
    let to = readme[from..].find("\n## Configuration").unwrap();
    let mut blocks: Vec<Block> = Vec::new();
    let mut open = false;
    for line in readme[from..from + to].lines() {
        match line.strip_prefix("```") {
            Some(language) if !open => blocks.push(Block {
                language: language.to_owned(),
                lines: Vec::new(),
            }),
            None if open => blocks.last_mut().unwrap().lines.push(line.to_owned()),
            Some(_) | None => {}
        }
        open ^= line.starts_with("```");
    }
    blocks
}

/// The commands of a block, each with the lines behind it.
fn steps(block: &Block) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for line in &block.lines {
        match line.strip_prefix("$ ") {
            Some(command) => steps.push(Step {
                command: command.to_owned(),
                shown: Vec::new(),
            }),
            None => steps.last_mut().unwrap().shown.push(line.clone()),
        }
    }
    steps
}

/// A sandbox as the program serves it, until it is dropped.
struct Served(Child, String);

impl Served {
    /// With README's command, but for the port, which is any free one.
    fn start(world: &World, command: &str) -> Self {
        std::fs::remove_file(world.path(CONFIG)).unwrap();
        let words = command.split(' ').skip(1);
        let words: Vec<&str> = words.chain(["--listen", "127.0.0.1:0"]).collect();
        let child = world.command(&words).spawn().unwrap();
        let mut port = String::new();
        world.until("it writes a configuration for itself", || {
            let said = std::fs::read_to_string(world.path(CONFIG)).unwrap_or_default();
            let behind = said.split_once("base_url = \"http://127.0.0.1:");
            port = behind.map_or_else(String::new, |(_, behind)| {
                behind.chars().take_while(char::is_ascii_digit).collect()
            });
            !port.is_empty()
        });
        Self(child, port)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to end.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Types a command, answers its question, presses Ctrl-C if README does, and gives what it printed
/// and its exit code.
fn typed(world: &World, terminal: &Terminal<'_>, step: &Step, port: &str) -> (Vec<String>, i32) {
    terminal.types("clear");
    terminal.until("there is room", |screen| screen == "$");
    terminal.forget();
    let command = step.command.replace(PORT, port);
    terminal.types(&format!("{command}; echo =$?="));
    let question = step
        .shown
        .iter()
        .find_map(|line| line.split_once(" to go on: "));
    if let Some((asks, answer)) = question {
        let asks = format!("{asks} to go on:");
        terminal.until("it asks", |screen| screen.ends_with(&asks));
        terminal.types(answer);
    }
    if step.shown.iter().any(|line| line.starts_with("^C")) {
        // As README's run was: those that have a request of their own have ended, and a job goes on.
        world.until("a job is all that is left", || {
            world.path(LEDGER).exists()
                && world.outcomes(LEDGER).len() == ENDED_AT_CTRL_C
                && world.read(LEDGER).contains(r#""kind":"job""#)
        });
        terminal.key("C-c");
    }
    terminal.until("it has ended", |screen| {
        screen.lines().any(|it| ended(it).is_some())
    });
    let history = terminal.history();
    let mut lines = Vec::new();
    let mut code = -1;
    for line in history.lines().skip(1) {
        let Some((last, exit)) = ended(line) else {
            lines.push(line.to_owned());
            continue;
        };
        lines.push(last.to_owned());
        code = exit;
        break;
    }
    (lines, code)
}

/// The exit code that a line ends with, and what the program left before it.
fn ended(line: &str) -> Option<(&str, i32)> {
    let (last, code) = line.strip_suffix('=')?.rsplit_once('=')?;
    Some((last, code.parse().ok()?))
}

/// Lines without what no two runs share. Where somebody pressed Ctrl-C, no number is shared.
fn comparable(lines: &[String], world: &World, port: &str, is_cut: bool) -> Vec<String> {
    let folder = world.folder.path().display().to_string();
    let mut told = Vec::new();
    for line in lines {
        let line = line.replace(port, PORT).replace(&folder, "/tmp/first");
        // A terminal shows it before whatever is printed next.
        let line = line.trim_start_matches("^C");
        // How a run goes on is not the same twice.
        let is_progress = ["chat: ", "crm: ", "support: "].iter().any(|name| {
            line.strip_prefix(name)
                .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
        });
        if is_progress || line.trim().is_empty() {
            continue;
        }
        let words = line.trim_end().split(' ');
        let words: Vec<_> = words
            .map(|word| if is_head(word) { "HEAD" } else { word })
            .collect();
        let mut line = words.join(" ");
        for (before, after) in [
            ("run          ", ", "),
            ("time         ", ""),
            ("ends about ", " "),
            ("input had ", " rows"),
        ] {
            blank(&mut line, before, after);
        }
        let numbers = ["limits: ", "whole: ", "gone  ", "erasing", "(byte "];
        if is_cut || numbers.iter().any(|it| line.contains(it)) {
            line = without_numbers(&line);
        }
        told.push(line);
    }
    told
}

/// Takes out what stands behind `before`, up to `after` or the end.
fn blank(line: &mut String, before: &str, after: &str) {
    let Some(from) = line
        .find(before.trim_end())
        .map(|at| at + before.trim_end().len())
    else {
        return;
    };
    if before.ends_with("  ") && !line.starts_with(before.trim_end()) {
        return;
    }
    let to = match after {
        "" => line.len(),
        _ => line[from + 1..]
            .find(after)
            .map_or(line.len(), |at| from + 1 + at),
    };
    line.replace_range(from..to, "");
}

/// Whether a word is the hash of a ledger's line.
fn is_head(word: &str) -> bool {
    word.len() == 64 && word.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn without_numbers(line: &str) -> String {
    line.chars()
        .filter(|c| !c.is_ascii_digit() && *c != ' ')
        .collect()
}

/// Whether `printed` is what README shows, in which `…` stands for anything: for lines on a line of
/// its own, else for a part of its line.
fn shows(shown: &[String], printed: &[String]) -> bool {
    let Some((first, rest)) = shown.split_first() else {
        return printed.is_empty();
    };
    if first == "…" {
        return (0..=printed.len()).any(|left_out| shows(rest, &printed[left_out..]));
    }
    printed
        .split_first()
        .is_some_and(|(line, behind)| is_like(first, line) && shows(rest, behind))
}

fn is_like(shown: &str, line: &str) -> bool {
    let mut parts = shown.split('…');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = line.strip_prefix(first) else {
        return false;
    };
    let mut last = first;
    for part in parts {
        let Some(at) = rest.find(part) else {
            return false;
        };
        rest = &rest[at + part.len()..];
        last = part;
    }
    rest.is_empty() || (shown.ends_with('…') && last.is_empty())
}

/// The exit code that README names for a command, or means by what it shows.
fn code_of(command: &str) -> i32 {
    match command {
        "userpurge run users.csv --progress plain" => 130,
        "userpurge resume --progress plain" => 1,
        _ => 0,
    }
}

/// Puts what was printed in the place of what README shows.
#[expect(
    clippy::disallowed_methods,
    reason = "a file that is under version control needs no atomic write"
)]
fn rewrite(step: &Step, printed: &[String]) {
    let readme = std::fs::read_to_string(README).unwrap();
    let shown = |lines: &[String]| format!("$ {}\n{}\n", step.command, lines.join("\n"));
    let [before, after] = [&step.shown[..], printed].map(shown);
    let before = before.replace("\n\n```", "\n```");
    std::fs::write(
        README,
        readme.replacen(before.trim_end(), after.trim_end(), 1),
    )
    .unwrap();
}

#[test]
fn a_first_purge_goes_as_readme_shows_it() {
    let world = World::new();
    let blocks = blocks();
    let of = |language: &'static str| blocks.iter().filter(move |it| it.language == language);
    let sandbox = of("sh").next().unwrap().lines.join(" ");
    let sandbox = Served::start(&world, &sandbox);
    let port = sandbox.1.as_str();
    let input = of("sh").find(|it| it.lines[0] == "{").unwrap();
    world.write("input.sh", input.lines.join("\n"));
    let terminal = world.terminal_of((300, 50), "");
    terminal.types("sh input.sh");
    let mut differ = Vec::new();
    for step in of("console").flat_map(steps) {
        let (printed, code) = typed(&world, &terminal, &step, port);
        let is_cut = step.shown.iter().any(|line| line.starts_with("^C"));
        let [shown, told] =
            [&step.shown, &printed].map(|lines| comparable(lines, &world, port, is_cut));
        if !shows(&shown, &told) || code != code_of(&step.command) {
            differ.push(format!(
                "$ {}\n--- README\n{}\n--- printed, and ended with {code}\n{}\n",
                step.command,
                step.shown.join("\n"),
                printed.join("\n")
            ));
            if std::env::var_os("REWRITE").is_some() {
                rewrite(&step, &printed);
            }
        }
    }
    assert!(differ.is_empty(), "{}", differ.join("\n"));
}
