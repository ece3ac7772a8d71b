//! While it runs: what stands on a terminal, what another terminal shows, and what a log gets.

use serde_json::json;

use crate::signals::send;
use crate::support::World;
use crate::support::usual::LEDGER;

const RUN: &str = "userpurge run users.csv --account acme --action permanently-delete --yes";

/// Where 300 users stand who take about a minute, and four seconds of them are a pause.
fn world(latency: &str) -> World {
    let world = World::of_soft_deleted(300);
    world.settings(json!({"latency": latency}));
    world
}

/// A sandbox that takes so few requests that the program has to wait half a minute.
fn throttled() -> World {
    let world = world("1ms");
    world.settings(json!({"zendesk": {"quota": "100000/1m", "permanent_quota": "40/30s"}}));
    world
}

fn lines_of(screen: &str, account: &str) -> Vec<String> {
    let lines = screen.lines().filter(|line| line.starts_with(account));
    lines.map(str::to_owned).collect()
}

#[test]
fn a_terminal_of_80_columns_shows_one_line_an_account_that_stays_where_it_is() {
    let world = world("300ms");
    let terminal = world.terminal(80);
    terminal.record("stream");
    terminal.types(RUN);
    let screen = terminal.until("it is under way", |screen| {
        screen.contains("ends about") && screen.contains("/min")
    });
    let line = lines_of(&screen, "acme [");
    assert_eq!(line.len(), 1, "one line, not one for each state:\n{screen}");
    assert!(
        line[0].contains("/300, ") && line[0].contains(" left"),
        "{screen}"
    );
    assert!(
        screen.lines().all(|line| line.chars().count() <= 80),
        "{screen}"
    );
    terminal.key("C-c");
    let screen = terminal.until("it has said how it ended", |screen| {
        screen.contains("next         userpurge resume")
    });
    assert_eq!(lines_of(&screen, "acme [").len(), 1, "{screen}");
    assert!(
        !screen.contains("ends about"),
        "that it ended is known:\n{screen}"
    );
    let drawn = world.read("stream");
    let begun = drawn.find("acme [").unwrap();
    let ended = drawn.find("^C").unwrap();
    let cleared = drawn[begun..ended].matches("\u{1b}[2K").count()
        + drawn[begun..ended].matches("\u{1b}[J").count();
    assert_eq!(cleared, 0, "a line is written over, not cleared first");
}

#[test]
fn a_terminal_that_shows_progress_itself_is_told_it_and_no_other() {
    let world = world("5ms");
    for (name, variables) in [("told", "TERM_PROGRAM=WezTerm"), ("untold", "")] {
        let terminal = world.terminal_with(80, variables);
        terminal.record(name);
        terminal.types(&format!("{RUN} --ledger {name}.jsonl"));
        terminal.until("it has said how it ended", |screen| {
            screen.contains("next         userpurge")
        });
        let is_told = |what: &str| world.read(name).contains(&format!("\u{1b}]9;4;{what}"));
        world.until("all is recorded", || world.read(name).contains("next  "));
        assert_eq!(is_told("1;"), !variables.is_empty());
        assert_eq!(is_told("0;"), !variables.is_empty(), "it is told the end");
    }
}

/// What a terminal has to break itself is a command, which is copied as it is typed, or a word that
/// is too long for it, such as a hash or a path.
#[test]
fn no_screen_is_broken_by_its_terminal_where_words_end() {
    let world = World::new();
    let name = "support-germany-and-austria-second-level-escalations";
    let config = world.config();
    world.configure(&config.replace("accounts.acme", &format!("accounts.{name}")));
    world.zendesk_users(1..=3);
    let folder = "exports-of-the-last-year/2026-11-24-quarterly-clean-up";
    std::fs::create_dir_all(world.path(folder)).unwrap();
    let input = format!("{folder}/users.csv");
    let rows = format!(
        "id,account,action\n1,{name},delete\n2,{name},purge\n9,{name},delete\n5.5E+17,{name},delete\n"
    );
    world.write(&input, rows);
    world.call(&["run", &input, "--yes"]).code(1);
    let ledger = format!("{input}.ledger.jsonl");
    for columns in [80, 60] {
        let terminal = world.terminal(columns);
        let columns = usize::from(columns);
        let commands = [
            format!("plan {input}"),
            format!("run {input}"),
            format!("run {input} --ledger other.ledger.jsonl --max-delete 1"),
            format!("status {ledger}"),
            format!("resume {ledger}"),
            format!("verify {ledger} --progress none"),
            format!("audit {ledger}"),
            "check".to_owned(),
        ];
        for (number, command) in commands.into_iter().enumerate() {
            // Each ends in words of its own: those of the one before may stand until it clears them.
            let end = format!("over-{number}-");
            terminal.types(&format!("clear; userpurge {command}; echo {end}$?"));
            let over = |screen: &str| {
                screen
                    .lines()
                    .any(|line| line.starts_with(&end) && !line.contains('$'))
            };
            terminal.until("it is over", over);
            let screen = terminal.unbroken();
            terminal.forget();
            let lines = screen.lines().map(str::trim_end);
            for line in lines.filter(|line| !line.starts_with('$')) {
                let longest = line.split(' ').map(|word| word.chars().count()).max();
                let is_broken_in_a_word =
                    longest.is_some_and(|it| it + "fingerprint  ".len() > columns);
                assert!(
                    line.chars().count() <= columns
                        || line.contains("userpurge ")
                        || is_broken_in_a_word,
                    "{command} at {columns}: {line}\n{screen}"
                );
            }
            if command.starts_with("status") {
                let input = screen
                    .lines()
                    .find(|line| line.starts_with("input "))
                    .unwrap();
                assert!(
                    input.contains("/…/") && input.trim_end().ends_with("/users.csv, 4 rows"),
                    "{input}"
                );
            }
        }
    }
    let plain = world.call(&["status", &ledger]).out;
    let whole = format!("input        {}, 4 rows", world.path(&input).display());
    assert!(plain.lines().any(|line| line == whole), "{plain}");
}

#[test]
fn a_terminal_of_40_columns_shows_the_words_and_follows_its_width() {
    // Long enough for a machine that has other things to do.
    let world = world("2s");
    let terminal = world.terminal(40);
    terminal.types(&format!("clear; {RUN} > out.txt"));
    let screen = terminal.until("it is under way", |screen| screen.contains("ends about"));
    let line = lines_of(&screen, "acme ");
    assert_eq!(line.len(), 1, "{screen}");
    assert!(!line[0].contains('['), "no room for a bar: {screen}");
    assert!(
        screen.lines().all(|line| line.chars().count() <= 40),
        "{screen}"
    );
    terminal.resize(80);
    terminal.until("there is a bar", |screen| screen.contains("acme ["));
    // Narrower or wider, it leaves nothing of the lines that the terminal wrapped, and takes none above.
    for columns in [60, 40, 100, 50, 110] {
        terminal.resize(columns);
        let what = format!("there is one line an account, and one for all, at {columns}");
        let screen = terminal.until(&what, |screen| {
            let lines: Vec<&str> = screen.lines().filter(|it| !it.starts_with('$')).collect();
            let [above @ .., line, foot] = &lines[..] else {
                return false;
            };
            let is_drawn = line.starts_with("acme ") && line.contains('[') == (columns > 64);
            let is_once = !above.iter().any(|it| it.starts_with("acme "));
            let is_whole = above.last().is_some_and(|it| it.starts_with("acme: as "));
            is_drawn && is_once && is_whole && foot.contains("ends about")
        });
        // A terminal that is narrowed in the middle of a drawing keeps what it wrapped: the next is of a line alone.
        terminal.until("the time goes on", |now| now != screen);
    }
    terminal.key("C-c");
    terminal.until("the prompt is back", |screen| screen.ends_with('$'));
}

#[test]
fn a_pause_counts_down_with_its_reason_on_both_terminals_and_colour_is_never_the_only_sign() {
    let world = throttled();
    let colours = world.terminal(80);
    colours.types(RUN);
    // Those under way when the server refused may end a moment later.
    let paused = |screen: &str| {
        ["paused ", "429", "40/300"]
            .iter()
            .all(|it| screen.contains(it))
    };
    let screen = colours.until("it waits", paused);
    let line = lines_of(&screen, "acme [").remove(0);
    assert!(colours.coloured().contains("\u{1b}[33m"), "yellow");
    let shown: Vec<_> = screen.lines().rev().take(2).collect();
    insta::with_settings!({filters => [
        (r"paused \d+s", "paused [n]s"),
        (r"\d+s so far", "[n]s so far"),
        (r"about \d\d:\d\d, in .*", "about [time], in [span]"),
    ]}, {
        insta::assert_snapshot!(format!("{}\n{}", shown[1], shown[0]), @r"
        acme [=>          ]  40/300, paused [n]s: the server answered 429 and asks for 3…
        13%, [n]s so far, ends about [time], in [span]
        ");
    });

    let other = world.start(&["status", LEDGER, "--follow"]);
    let counted = |line: &str| {
        let wait = line.split("paused ").nth(1).unwrap().split('s').next();
        wait.unwrap().parse::<u64>().unwrap()
    };
    let later = colours.until("it counts down", |screen| {
        let lines = lines_of(screen, "acme [");
        lines
            .first()
            .is_some_and(|it| paused(it) && counted(it) < counted(&line))
    });
    drop(later);
    colours.key("C-c");
    colours.until("it has said how it ended", |screen| {
        screen.contains("next       ")
    });
    let told = world.finish(other).code(0);
    let paused = told.err.lines().find(|line| line.contains("paused "));
    let paused = paused.unwrap_or_else(|| panic!("{told:?}"));
    assert!(
        paused.starts_with("acme: 40 of 300 rows, 0 not done, paused "),
        "{paused}"
    );
    assert!(
        paused.contains("429") && paused.contains(", ends "),
        "{paused}"
    );
    assert!(
        told.out.contains("next         userpurge resume"),
        "{told:?}"
    );

    let plain = world.terminal_with(80, "NO_COLOR=1");
    plain.types(&format!("userpurge resume {LEDGER}"));
    plain.until("it waits", |screen| screen.contains("paused "));
    assert!(
        !plain.coloured().contains("\u{1b}[3"),
        "{}",
        plain.coloured()
    );
    plain.key("C-c");
    plain.until("it has said how it ended", |screen| {
        screen.contains("next       ")
    });
}

#[test]
fn a_log_gets_plain_lines_and_a_summary_of_ten_lines_with_the_next_command() {
    let world = throttled();
    let run: Vec<_> = RUN.split(' ').skip(1).collect();
    let child = world.start(&run);
    world.until("it waits", || world.deletions().len() >= 41);
    send("-INT", &child);
    let done = world.finish(child).code(130);
    assert!(
        !done.err.contains('\u{1b}') && !done.err.contains('\r'),
        "{}",
        done.err
    );
    assert!(
        done.err.lines().any(|line| line.starts_with("acme: ")),
        "{}",
        done.err
    );
    assert!(done.out.lines().count() <= 10, "{}", done.out);
    let last = done.out.lines().last();
    assert_eq!(
        last,
        Some(&*format!("next         userpurge resume {LEDGER}"))
    );
}
