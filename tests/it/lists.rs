//! Lists of ids as people have them: several on a line, numbered, quoted, behind a `#`. Whoever the
//! file means is sent, nobody else is, and nobody is dropped without a word.

use std::collections::BTreeSet;

use rstest::rstest;
use serde_json::{Value, json};

use crate::support::World;
use crate::support::usual::{plan_of, run};

/// The six users of the lists, beside whom users 1 to 6 stand.
const USERS: [u64; 6] = [
    361_808_351_050,
    361_808_351_061,
    361_808_351_072,
    361_808_351_083,
    361_808_351_094,
    361_808_351_105,
];

fn world() -> World {
    let world = World::new();
    world.wide();
    world.zendesk_users((1..=6).chain(USERS));
    world
}

/// The users whom any deleting request named.
pub(crate) fn touched(world: &World) -> BTreeSet<String> {
    let calls = world.deletions().into_iter();
    calls
        .flat_map(|it| it.users.into_iter().chain(it.user))
        .collect()
}

fn users() -> BTreeSet<String> {
    USERS.iter().map(u64::to_string).collect()
}

/// `plan --json` of `name`.
pub(crate) fn plan(world: &World, name: &str, more: &[&str]) -> Value {
    let args = [
        &[
            "plan",
            name,
            "--account",
            "acme",
            "--action",
            "delete",
            "--json",
        ],
        more,
    ]
    .concat();
    let done = world.call(&args);
    serde_json::from_str(&done.out).unwrap_or_else(|error| panic!("{error}: {done:?}"))
}

/// A list of the six users, each written as `each` says and parted by `between`.
fn list(each: impl Fn(u64) -> String, between: &str) -> String {
    USERS.map(each).join(between)
}

#[rstest]
#[case("users.txt", list(|id| id.to_string(), ","))]
#[case("users.txt", list(|id| id.to_string(), ", ") + ",\n")]
#[case("users.txt", list(|id| id.to_string(), " "))]
#[case("users.ids", list(|id| id.to_string(), "\t") + "\n")]
#[case("users.ids", list(|id| id.to_string(), "; "))]
#[case("users.txt", "361808351050,361808351061\n361808351072 361808351083\n361808351094;361808351105\n".to_owned())]
#[case("users.txt", list(|id| format!("\"{id}\""), "\n"))]
#[case("users.txt", list(|id| format!("\"{id}\""), ", "))]
#[case("users.txt", list(|id| format!("{id}, 2026-01-31"), "\n"))]
fn every_id_of_a_list_is_sent(#[case] name: &str, #[case] text: String) {
    let world = world();
    world.write(name, &text);
    let planned = plan(&world, name, &[]);
    assert_eq!(
        (&planned["to_delete"], &planned["invalid"]),
        (&json!(6), &json!(0)),
        "{text}"
    );
    world.call(&run(name, "acme", "delete")).code(0);
    assert_eq!(touched(&world), users(), "{text}");
    let outcomes = world.outcomes(&format!("{name}.ledger.jsonl"));
    let ids: BTreeSet<_> = outcomes
        .values()
        .filter_map(|it| it["id"].as_str())
        .collect();
    assert_eq!(ids.len(), 6, "{outcomes:?}");
}

#[rstest]
#[case("users.txt", "\t", "running number")]
#[case("users.ids", "\t", "running number")]
#[case("users.txt", ":", "running number")]
#[case("users.ids", ". ", "running number")]
#[case("users.txt", ",", "running number")]
fn a_numbered_list_is_refused(#[case] name: &str, #[case] sign: &str, #[case] says: &str) {
    let world = world();
    let lines: Vec<String> = (1..)
        .zip(USERS)
        .map(|(number, id)| format!("{number:>6}{sign}{id}"))
        .collect();
    world.write(name, lines.join("\n"));
    for more in [&[][..], &["--format", "ids"]] {
        let args = [&run(name, "acme", "delete"), more].concat();
        let done = world.call(&args).code(2).says(says);
        assert!(!done.err.contains("--format"), "{}", done.err);
        assert!(!done.err.contains("--id-column"), "{}", done.err);
    }
    assert!(world.sandbox().log(None).is_empty(), "nobody was asked");
    // The command that the message names leads on.
    if sign == "\t" {
        let cut: Vec<_> = lines
            .iter()
            .filter_map(|line| line.split_once('\t'))
            .collect();
        let cut: Vec<_> = cut.into_iter().map(|(_, id)| id).collect();
        world.write("cut.txt", cut.join("\n"));
        assert_eq!(plan(&world, "cut.txt", &[])["to_delete"], 6);
    }
}

#[test]
fn a_count_before_an_id_is_nobodys_id() {
    let world = world();
    // As `uniq -c` writes it.
    world.write(
        "users.txt",
        "      3 361808351050\n      1 361808351061\n      2 361808351072\n",
    );
    let planned = plan(&world, "users.txt", &[]);
    assert_eq!(
        (&planned["to_delete"], &planned["invalid"]),
        (&json!(0), &json!(3))
    );
    world
        .call(&run("users.txt", "acme", "delete"))
        .code(1)
        .says("a number stands before the id");
    assert!(touched(&world).is_empty());
}

#[test]
fn a_line_that_cannot_be_taken_whole_is_not_taken_in_part() {
    let world = world();
    let text = "361808351050\n361808351061 2\n361808351072,jane 3\n361808351083 15551234\n";
    world.write("users.ids", text);
    world.call(&run("users.ids", "acme", "delete")).code(1);
    assert_eq!(touched(&world), BTreeSet::from(["361808351050".to_owned()]));
    let outcomes = world.outcomes("users.ids.ledger.jsonl");
    for row in 2..=4 {
        assert_eq!(outcomes[&row]["code"], "several_words", "{row}");
    }
}

#[test]
fn ids_that_are_comments_are_counted_and_said() {
    let world = world();
    world.write("users.txt", list(|id| format!("#{id}"), "\n"));
    let planned = plan(&world, "users.txt", &[]);
    assert_eq!(
        (&planned["to_delete"], &planned["comments"]),
        (&json!(0), &json!(6))
    );
    world
        .call(&plan_of("users.txt"))
        .says("6 lines begin with # and were passed over, as comments are");
}

#[test]
fn several_ids_in_a_cell_are_sent_neither_first_nor_last() {
    let world = world();
    let cells = "id,ref\n\"361808351050,361808351061\",R-1\n361808351072 361808351083,R-2\n\
        361808351094,R-3\n";
    let json = "{\"id\":\"361808351050; 361808351061\"}\n{\"id\":\"361808351094\"}\n";
    for (name, text, row) in [("users.csv", cells, 3), ("users.jsonl", json, 2)] {
        world.write(name, text);
        world
            .call(&run(name, "acme", "delete"))
            .code(1)
            .says("the cell holds several ids");
        let outcomes = world.outcomes(&format!("{name}.ledger.jsonl"));
        assert_eq!(outcomes[&1]["code"], "several_ids");
        assert_ne!(outcomes[&row]["outcome"], "invalid");
    }
    assert_eq!(touched(&world), BTreeSet::from(["361808351094".to_owned()]));
    // Nor are they one external id.
    let pair = "5fe0a0f0b5e2a4001c8d0001,5fe0a0f0b5e2a4001c8d0002";
    world.write("chat.csv", format!("id\n\"{pair}\"\n"));
    world.call(&run("chat.csv", "chat", "delete")).code(1);
    assert_eq!(touched(&world).len(), 1);
}

#[rstest]
#[case("ID: 361808351050", "other text stands beside the id")]
#[case("https://acme.example/agent/users/361808351050/tickets", "web address")]
#[case(
    "\"=HYPERLINK(\"\"https://acme.example/1\"\",\"\"361808351050\"\")\"",
    "formula"
)]
#[case("“361808351050”", "quotation marks")]
fn what_stands_round_an_id_is_named_and_no_column_is_advised(
    #[case] cell: &str,
    #[case] says: &str,
) {
    let world = world();
    world.write("users.csv", format!("id\n{cell}\n{cell}\n{cell}\n{cell}\n"));
    let args = plan_of("users.csv");
    let done = world.call(&args).says(says).says("0 to delete, 4 invalid");
    assert!(!done.out.contains("--id-column"), "{}", done.out);
}
