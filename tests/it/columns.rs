//! The column that ids are taken from: never another object's, another system's, a row's number or a
//! cell that slipped there.

use std::collections::BTreeSet;

use rstest::rstest;
use serde_json::json;

use crate::lists::{plan, touched};
use crate::support::World;
use crate::support::usual::run;

/// The user that each file means.
const MEANT: &str = "361808351050";

/// `MEANT` and another stand, and so does whoever a wrong column names.
fn world() -> World {
    let world = World::new();
    world.wide();
    world.zendesk_users([
        1,
        2,
        6,
        777,
        361_808_351_050,
        361_808_351_061,
        15_551_234_567,
    ]);
    world
}

#[rstest]
#[case("users.csv", "id,user_id\n777,361808351050\n", "user_id")]
#[case(
    "users.csv",
    "ID,Name,Zendesk User ID\n1,Ada,361808351050\n",
    "Zendesk User ID"
)]
#[case(
    "users.csv",
    "id,subject,requester_id\n777,x,361808351050\n",
    "requester_id"
)]
#[case("users.tsv", "Record ID\tUser ID\n777\t361808351050\n", "User ID")]
#[case("users.jsonl", "{\"id\":777,\"user_id\":361808351050}\n", "user_id")]
#[case(
    "users.jsonl",
    "{\"id\":777,\"submitter_id\":361808351050}\n",
    "submitter_id"
)]
// Objects of several kinds in one file.
#[case(
    "users.jsonl",
    "{\"user_id\":361808351050}\n{\"id\":777,\"user_id\":361808351050}\n",
    "user_id"
)]
fn of_several_columns_that_may_hold_ids_none_is_guessed(
    #[case] name: &str,
    #[case] text: &str,
    #[case] column: &str,
) {
    let world = world();
    world.write(name, text);
    world
        .call(&run(name, "acme", "delete"))
        .code(2)
        .says("--id-column")
        .says(&format!("`{column}`"));
    assert!(world.sandbox().log(None).is_empty(), "nobody was asked");
    // What the message advises leads on.
    let args = [&run(name, "acme", "delete")[..], &["--id-column", column]].concat();
    world.call(&args).code(0);
    assert_eq!(touched(&world), BTreeSet::from([MEANT.to_owned()]));
}

#[test]
fn rows_far_down_are_read_by_the_key_of_the_first() {
    let world = world();
    // More than is looked at before the reading begins.
    let mut text = "{\"user_id\":361808351050}\n".repeat(4_000);
    text.push_str("{\"id\":777}\n{\"id\":777,\"user_id\":361808351061}\n");
    world.write("users.jsonl", text);
    world.call(&run("users.jsonl", "acme", "delete")).code(1);
    assert_eq!(touched(&world), BTreeSet::from([MEANT.to_owned()]));
    let outcomes = world.outcomes("users.jsonl.ledger.jsonl");
    assert_eq!(outcomes[&4_001]["code"], "no_id");
    assert_eq!(outcomes[&4_002]["code"], "ambiguous");
}

#[rstest]
#[case("users.csv", "external_id,name\n361808351050,Ada\n")]
#[case("users.jsonl", "{\"externalId\":361808351050}\n")]
fn external_ids_are_taken_at_sunshine_conversations_alone(#[case] name: &str, #[case] text: &str) {
    let world = world();
    world.seed(json!({"sunco": [
        {"id": "5fe0a0f0b5e2a4001c8d0001", "external_id": MEANT},
    ]}));
    world.write(name, text);
    for account in ["acme", "crm"] {
        world
            .call(&run(name, account, "delete"))
            .code(2)
            .says("external ids")
            .says("--id-column");
    }
    assert!(world.deletions().is_empty());
    world.call(&run(name, "chat", "delete")).code(0);
    assert_eq!(touched(&world), BTreeSet::from([MEANT.to_owned()]));
}

#[rstest]
// A cell too few, and one too many.
#[case("name,id,phone,ref\n361808351050,15551234567,R2\n", "short_row")]
#[case("name,phone,id\nTest, Ada,15551234567,361808351050\n", "decimal_comma")]
#[case(
    "name,phone,id,ref\nTest, Ada,15551234567,361808351050,R-1\n",
    "decimal_comma"
)]
#[case("name,id,phone\nTest,361808351061,x,361808351050\n", "long_row")]
#[case("id,name,action\n361808351050,permanently-delete\n", "short_row")]
fn a_cell_that_may_have_slipped_into_a_column_is_not_taken(#[case] text: &str, #[case] code: &str) {
    let world = world();
    world.write("users.csv", text);
    world.call(&run("users.csv", "acme", "delete")).code(1);
    assert!(touched(&world).is_empty());
    let outcomes = world.outcomes("users.csv.ledger.jsonl");
    assert_eq!(
        (&outcomes[&1]["outcome"], &outcomes[&1]["code"]),
        (&json!("invalid"), &json!(code))
    );
}

#[test]
fn a_total_below_ids_is_no_id() {
    let world = world();
    let rows = "Ada,361808351050\nBo,361808351061\nCy,361808351072\nTotal,6\n";
    world.write("users.csv", format!("name,id\n{rows}"));
    let planned = plan(&world, "users.csv", &[]);
    assert_eq!(
        (&planned["to_delete"], &planned["invalid"]),
        (&json!(3), &json!(1))
    );
    assert_eq!(planned["problems"][0]["line"], 5);
    world.call(&run("users.csv", "acme", "delete")).code(1);
    let outcomes = world.outcomes("users.csv.ledger.jsonl");
    assert_eq!(outcomes[&4]["code"], "far_too_short");
    assert!(!touched(&world).contains("6"));
}

#[rstest]
#[case("3.6E+11", "broken_number")]
#[case("3", "far_too_short")]
fn a_number_among_hexadecimal_ids_is_no_external_id(#[case] odd: &str, #[case] code: &str) {
    let world = World::new();
    world.wide();
    let ids: Vec<String> = (1..=3)
        .map(|n| format!("5fe0a0f0b5e2a4001c8d000{n}"))
        .collect();
    let mut users: Vec<_> = ids.iter().map(|id| json!({"id": id})).collect();
    users.push(json!({"id": "5fe0a0f0b5e2a4001c8d0009", "external_id": odd}));
    world.seed(json!({"sunco": users}));
    world.write("users.csv", format!("id\n{}\n{odd}\n", ids.join("\n")));
    world.call(&run("users.csv", "chat", "delete")).code(1);
    assert_eq!(touched(&world), ids.into_iter().collect());
    assert_eq!(world.outcomes("users.csv.ledger.jsonl")[&4]["code"], code);
}

#[test]
fn rows_that_were_cleared_are_no_rows() {
    let world = world();
    let text = ";;;\r\nid;name;;\r\n361808351050;Ada;;\r\n;;;\r\n ;\u{a0};;\r\n361808351061;Bo;;\r\n;;;\r\n";
    world.write("users.csv", text);
    let planned = plan(&world, "users.csv", &[]);
    assert_eq!(
        (&planned["rows"], &planned["invalid"]),
        (&json!(2), &json!(0))
    );
    world.call(&run("users.csv", "acme", "delete")).code(0);
    assert_eq!(touched(&world).len(), 2);
}

#[rstest]
#[case(
    "users.csv",
    "\"id,name\"\n\"361808351050,Ada\"\n",
    "quoted as a whole"
)]
#[case(
    "users.txt",
    "{'id': 361808351050}\n{'id': 361808351061}\n",
    "as a script prints them"
)]
fn a_file_that_cannot_be_read_is_called_what_it_is(
    #[case] name: &str,
    #[case] text: &str,
    #[case] says: &str,
) {
    let world = world();
    world.write(name, text);
    let done = world.call(&run(name, "acme", "delete")).code(2).says(says);
    assert!(!done.err.contains("--id-column"), "{}", done.err);
}
