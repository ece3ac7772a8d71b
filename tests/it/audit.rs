//! `audit`: a ledger of a real run, whole, and after something was done to it.

use std::fs;

use serde_json::{Value, json};
use userpurge::ledger::{LedgerHead, seal};

use crate::support::usual::{LEDGER, RUN};
use crate::support::{Done, World, ids};

/// A world with the ledger of a run that ended: 20 rows, 10 of them unknown there.
fn after_a_run() -> World {
    let world = World::new();
    world.wide();
    world.zendesk_users(1..=10);
    world.write("users.csv", ids(1..=20));
    world.call(&RUN).code(1);
    world
}

fn audit(world: &World, more: &[&str]) -> Done {
    world.call(&[&["audit", LEDGER], more].concat())
}

fn object(done: &Done) -> Value {
    serde_json::from_str(&done.out).unwrap_or_else(|error| panic!("{error}: {done:?}"))
}

fn head(world: &World) -> String {
    world.status(LEDGER)["head"].as_str().unwrap().to_owned()
}

/// The lines of the ledger, each with its line feed.
fn lines(world: &World) -> Vec<String> {
    let text = world.read(LEDGER);
    text.split_inclusive('\n').map(str::to_owned).collect()
}

#[test]
fn the_ledger_of_a_run_is_whole_and_its_head_is_the_one_that_was_printed() {
    let world = World::of_users(3);
    let run = world.call(&RUN).code(0);
    let head = head(&world);
    let status = world.call(&["status", "latest"]).code(0);
    for printed in [run, status] {
        printed.says(&format!("fingerprint {head}"));
    }

    let length = lines(&world).len();
    let done = world.call(&["audit", "latest"]).code(0);
    done.says(&format!("`{LEDGER}` is whole: {length} lines"))
        .says(&format!("fingerprint {head}"))
        .says("--head");
    audit(&world, &["--head", &head])
        .code(0)
        .says("nothing was cut off");
    let found = object(&audit(&world, &["--head", &head.to_uppercase(), "--json"]).code(0));
    let expected = json!({
        "ok": true, "ledger": LEDGER, "run_id": world.status(LEDGER)["run_id"],
        "lines": length, "bytes": world.read(LEDGER).len(), "head": head, "torn": null,
        "noted": {"line": length, "grown": 0}, "damage": null,
    });
    assert_eq!(found, expected);
}

/// `lines` chained anew, as whoever knows the format can.
fn chained(lines: &[String]) -> Vec<String> {
    let mut head = LedgerHead::GENESIS;
    let chain = |line: &String| {
        let (open, _) = line.rsplit_once(",\"chain\":").unwrap();
        let mut bytes = Vec::new();
        head = seal(head, format!("{open}}}").as_bytes(), &mut bytes);
        String::from_utf8(bytes).unwrap()
    };
    lines.iter().map(chain).collect()
}

#[test]
fn what_was_done_to_a_line_is_told_with_the_line_the_byte_and_exit_code_4() {
    let world = after_a_run();
    let whole = lines(&world);
    let outcome = whole
        .iter()
        .position(|line| line.contains("\"outcome\":\"not_found\""))
        .unwrap();
    let forged = whole[outcome].replace("\"not_found\"", "\"deleted\"");
    let mistyped = whole[outcome].replacen("\"row\":", "\"roW\":", 1);
    let mut cases = Vec::new();
    let mut case = |reason: &'static str, line: usize, change: &dyn Fn(&mut Vec<String>)| {
        let mut lines = whole.clone();
        change(&mut lines);
        cases.push((reason, line, lines));
    };
    case("unfit", outcome, &|lines| {
        lines[outcome].clone_from(&forged);
    });
    case("unfit", outcome, &|lines| {
        lines[outcome].clone_from(&mistyped);
    });
    case("unfit", outcome, &|lines| {
        drop(lines.remove(outcome));
    });
    case("unfit", 3, &|lines| lines.swap(3, outcome));
    case("unfit", 5, &|lines| {
        lines.insert(5, "{\"kind\":\"step\"}\n".to_owned());
    });
    case("unfit", 7, &|lines| {
        lines.insert(7, lines[outcome].clone());
    });
    case("not_a_header", 0, &|lines| {
        lines.splice(.., ["id\n".to_owned()]).for_each(drop);
    });
    let agreed = whole.iter().position(|line| line.contains("\"agreed\""));
    let agreed = agreed.unwrap();
    case("second_plan", agreed + 1, &|lines| {
        lines.insert(agreed, lines[agreed].clone());
        *lines = chained(lines);
    });
    for (reason, line, lines) in cases {
        world.write(LEDGER, lines.concat());
        let byte = lines[..line].concat().len();
        let found = object(&audit(&world, &["--json"]).code(4));
        assert_eq!(found["ok"], false);
        assert_eq!(
            (&found["lines"], &found["bytes"]),
            (&json!(line), &json!(byte))
        );
        let damage = &found["damage"];
        assert_eq!(damage["reason"], reason, "{damage}");
        assert_eq!(
            (&damage["line"], &damage["byte"]),
            (&json!(line + 1), &json!(byte))
        );
        let message = damage["message"].as_str().unwrap();
        audit(&world, &[])
            .code(4)
            .says(&format!(
                "`{LEDGER}` is damaged at line {} (byte {byte})",
                line + 1
            ))
            .says(message);
        assert_eq!(world.read(LEDGER), lines.concat(), "nothing is mended");
    }
}

#[test]
fn a_head_tells_a_tail_that_was_cut_off_from_a_ledger_that_has_grown() {
    let world = after_a_run();
    let noted = head(&world);
    let length = lines(&world).len();
    let retry = ["retry", LEDGER, "--only", "not_found", "--yes"];
    world.call(&retry).code(1);
    let grown = lines(&world).len() - length;
    audit(&world, &["--head", &noted]).code(0).says(&format!(
        "is that of line {length}: the ledger has grown since, by {grown} lines"
    ));
    let found = object(&audit(&world, &["--head", &noted, "--json"]).code(0));
    assert_eq!(found["noted"], json!({"line": length, "grown": grown}));

    let kept = lines(&world)[..length - 2].concat();
    world.write(LEDGER, &kept);
    audit(&world, &[]).code(0);
    audit(&world, &["--head", &noted])
        .code(4)
        .says(&format!("line {} (byte {})", length - 1, kept.len()))
        .says("cut off")
        .says(&noted);
    let found = object(&audit(&world, &["--head", &noted, "--json"]).code(4));
    assert_eq!(found["damage"]["reason"], "cut_off");
    assert_eq!(found["damage"]["line"], length - 1);
}

#[test]
fn a_torn_last_line_is_a_warning() {
    let world = after_a_run();
    let text = world.read(LEDGER);
    world.write(LEDGER, &text[..text.len() - 9]);
    let whole = text[..text.len() - 1].rfind('\n').unwrap() + 1;
    audit(&world, &[])
        .code(0)
        .says(&format!("follow the last line, at byte {whole}"))
        .says("`resume` cuts them off");
    let torn = object(&audit(&world, &["--json"]).code(0))["torn"].clone();
    assert_eq!(
        torn,
        json!({"byte": whole, "bytes": text.len() - 9 - whole})
    );
}

#[test]
fn what_cannot_be_a_head_or_a_ledger_is_refused() {
    let world = after_a_run();
    audit(&world, &["--head", "5f0c"])
        .code(2)
        .says("64 hexadecimal digits");
    world.call(&["audit", "nothing.ledger.jsonl"]).code(2);
    world.write(LEDGER, "");
    audit(&world, &[]).code(4).says("no header");
    world.write(LEDGER, "{\"kind\":\"run\",\"format\":3}\n");
    audit(&world, &[]).code(4).says("has format 3");
}

#[test]
fn a_run_that_is_under_way_is_audited_and_goes_on_undisturbed() {
    let world = World::of_users(100);
    world.settings(json!({"latency": "20ms"}));
    let run = world.start(&RUN);
    world.until("it deletes", || !world.deletions().is_empty());
    for _ in 0..5 {
        let found = object(&audit(&world, &["--json"]).code(0));
        assert_eq!(found["damage"], Value::Null);
    }
    world.finish(run).code(0);
    let mut permissions = fs::metadata(world.path(LEDGER)).unwrap().permissions();
    permissions.set_readonly(true);
    fs::set_permissions(world.path(LEDGER), permissions).unwrap();
    audit(&world, &[]).code(0);
}
