//! Files that hold more than one list, are torn, or say in words what a careless reader does not heed. A file
//! of which it is not sure whom it means is refused, and a row of which it is not sure is invalid.

use std::fmt::Write as _;

use rstest::rstest;
use serde_json::json;

use crate::kinds::{USERS, users, world};
use crate::lists::{plan, touched};
use crate::support::usual::run;

/// A table of the three users below `header`, each row with a number in place of `#`, and the id of `@`.
fn table(header: &str, row: &str) -> String {
    let mut text = format!("{header}\n");
    for (number, id) in (1..).zip(USERS) {
        let number: u32 = number;
        let row = row.replace('#', &number.to_string());
        writeln!(text, "{}", row.replace('@', &id.to_string())).unwrap();
    }
    text
}

#[rstest]
// A counter or a ticket's number, beside users.
#[case(
    "a.csv",
    table("ID,Name,Kundennummer", "#,x,@"),
    "`ID`, `Kundennummer`"
)]
#[case("a.csv", table("ID;Benutzer-ID", "#;@"), "`ID`, `Benutzer-ID`")]
#[case("a.csv", table("id,uid", "#,@"), "`id`, `uid`")]
#[case("a.csv", table("id,id_user", "#,@"), "`id`, `id_user`")]
#[case("a.csv", table("id,user_ids", "#,@"), "`id`, `user_ids`")]
#[case("a.csv", table("id,user", "36161100010#,@"), "`id`, `user`")]
#[case(
    "a.csv",
    table("Id,Requester,Status", "3543#,Ada,Open"),
    "`Id`, `Requester`"
)]
#[case(
    "a.csv",
    table("id,source_id,source_type", "#,@,user"),
    "`id`, `source_id`"
)]
#[case("a.csv", "sep=;\n".to_owned() + &table("id;key", "#;@"), "`id`, `key`")]
#[case(
    "a.jsonl",
    table("", r#"{"id":3543#,"requester":{"id":@}}"#),
    "`id`, `requester`"
)]
#[case(
    "a.jsonl",
    table("", r#"{"id":36172200020#,"user":{"id":@}}"#),
    "`id`, `user.id`"
)]
#[case(
    "a.jsonl",
    table("", r##"{"_id":"#","_source":{"user_id":@}}"##),
    "`_id`, `_source.user_id`"
)]
#[case(
    "a.jsonl",
    table("", r#"{"id":57979#,"source_id":@}"#),
    "`id`, `source_id`"
)]
#[case(
    "a.jsonl",
    table("{\"id\":361808353001}", r#"{"id":77#,"user":@}"#),
    "`id`, `user`"
)]
#[case("a.json", "{\"users\":[{\"id\":361808353001}],\"id\":5}".to_owned(), "`id`, `users.id`")]
// Another table below.
#[case("a.csv", table("id,name", "@,x") + "Groups\n\nid,name\n77,y\n", "(line 7)")]
#[case("a.csv", table("id,org", "@,77") + "org,id\n77,361808353001\n", "(line 5)")]
// Words that say no.
#[case("a.csv", table("id,action", "@,keep"), "`keep`")]
#[case("a.csv", table("id,action", "@,yes") + "77,No\n", "`--action-column none`")]
// Numbered lines.
#[case("a.md", "1. 361808353001\n2. 361808353012\n".to_owned(), "a running number")]
// Columns without a header, of users and of something else.
#[case("a.txt", table("", "@\t36150000000#"), "columns of ids")]
#[case("a.txt", table("", "@ 361808353099"), "columns of ids")]
#[case("a.ids", table("user org", "@,49170123456#"), "columns of ids")]
// Two lists in a page.
#[case("a.json", r#"{"users":[{"id":361808353001}],"deleted_users":[{"id":77}]}"#.to_owned(), "`jq .users`")]
// No header.
#[case("a.csv", table("Zoe,114200", "x,@"), "no header")]
fn a_file_that_may_mean_others_is_refused(
    #[case] name: &str,
    #[case] text: String,
    #[case] says: &str,
) {
    let world = world();
    world.write(name, text);
    world.call(&run(name, "acme", "delete")).code(2).says(says);
    let args = ["plan", name, "--account", "acme", "--action", "delete"];
    world.call(&args).code(2);
    assert!(world.sandbox().log(None).is_empty(), "nobody was asked");
}

#[rstest]
#[case(table("ID,Name,Kundennummer", "#,x,@"), "Kundennummer")]
#[case(table("id,user", "36161100010#,@"), "user")]
fn the_column_that_is_named_is_taken(#[case] text: String, #[case] column: &str) {
    let world = world();
    world.write("a.csv", text);
    let args = [
        &run("a.csv", "acme", "delete")[..],
        &["--id-column", column],
    ]
    .concat();
    world.call(&args).code(0);
    assert_eq!(touched(&world), users(3));
}

#[rstest]
// Numbers that hold no user, or stand beside ids that are no shorter.
#[case("a.csv", table("id,created", "@,20260105"))]
#[case("a.csv", table("id,phone,user", "@,49170123456#,Ada"))]
#[case("a.csv", table("id,external_id", "@,36161100010#"))]
#[case(
    "a.jsonl",
    table(
        "",
        r#"{"id":@,"photo":{"id":36161100010#},"organization_id":36161100010#}"#
    )
)]
#[case("a.csv", table("id,action", "@,update"))]
// An organisation called Total, and a list with words on each line.
#[case("a.csv", table("org,id", "Total,@"))]
#[case("a.ids", table("", "@ Ada"))]
// The last row ends in no line end, and is whole.
#[case("a.csv", table("id,name", "@,x").trim_end().to_owned())]
#[case("a.txt", table("", "@").trim().to_owned())]
fn a_file_that_means_its_users_is_read(#[case] name: &str, #[case] text: String) {
    let world = world();
    world.write(name, text);
    world.call(&run(name, "acme", "delete")).code(0);
    assert_eq!(touched(&world), users(3));
}

#[rstest]
#[case("a.csv", "id,name\n3,61808E+11\n", 0, "torn apart")]
#[case("a.csv", "id,name,email\n3,61808E+11,Ada\n", 0, "torn apart")]
#[case(
    "a.csv",
    "id,name,email,phone,org\n77,808,353,001,Ada\n",
    0,
    "torn apart"
)]
#[case(
    "a.csv",
    "id,name\n361808353001,x\nid,name\n361808353012,y\n",
    2,
    "the header again"
)]
#[case(
    "a.csv",
    "id,name,email\n361808353001,x,y\n114200",
    1,
    "in the middle of this row"
)]
#[case(
    "a.txt",
    "361808353001\n361808353012\n114200",
    2,
    "in the middle of this row"
)]
#[case(
    "a.txt",
    "361808353001\n361808353012\n361808353023 DO NOT DELETE\n",
    2,
    "words stand behind"
)]
#[case("a.csv", "id\n361808353001\n#REF!\n", 1, "there is no id")]
// A row that sums others up, whatever the others are.
#[case(
    "a.csv",
    "Name,Mail,id\nAda,a@x,361808353001\nTOTAL:,,6\n",
    1,
    "the row sums others up"
)]
#[case(
    "a.csv",
    "id,org\n361808353001,A\n1,Zwischensumme A\n",
    1,
    "the row sums others up"
)]
#[case(
    "a.txt",
    "361808353001\n361808353012 DO NOT DELETE\n",
    1,
    "words stand behind"
)]
fn a_row_that_may_mean_another_is_invalid(
    #[case] name: &str,
    #[case] text: &str,
    #[case] count: usize,
    #[case] says: &str,
) {
    let world = world();
    world.write(name, text);
    let planned = plan(&world, name, &[]);
    let found = (&planned["to_delete"], &planned["invalid"]);
    assert_eq!(found, (&json!(count), &json!(1)), "{planned}");
    let reason = planned["reasons"][0]["reason"].as_str().unwrap();
    assert!(reason.contains(says), "{planned}");
    world.call(&run(name, "acme", "delete"));
    assert_eq!(touched(&world), users(count));
}

#[rstest]
#[case("null")]
#[case("undefined")]
#[case("None")]
#[case("NaN")]
#[case("#N/A")]
#[case("#DIV/0!")]
#[case("id")]
#[case("\"=\"\"5fe0a0f0b5e2a4001c8d0001\"\"\"")]
#[case("“5fe0a0f0b5e2a4001c8d0001”")]
#[case("ObjectId(5fe0a0f0b5e2a4001c8d0001)")]
fn what_is_no_id_is_none_where_any_text_may_be_one(#[case] cell: &str) {
    let world = world();
    world.write("a.csv", format!("id\n{cell}\n"));
    let args = [
        "plan",
        "a.csv",
        "--account",
        "chat",
        "--action",
        "delete",
        "--json",
    ];
    world.call(&args).code(1).says("\"invalid\":1");
}

#[rstest]
#[case("Phone", 2)]
#[case("Phone Number", 2)]
#[case("tel", 2)]
#[case("mobile_user", 0)]
fn telephone_numbers_beside_short_ids_are_no_users(#[case] column: &str, #[case] count: u64) {
    let world = world();
    let rows = "4711,491701234561\n4712,491701234562\n";
    world.write("a.csv", format!("id,{column}\n{rows}"));
    let args = ["plan", "a.csv", "--account", "acme", "--action", "delete"];
    if count == 0 {
        world.call(&args).code(2).says("`id`, `mobile_user`");
    } else {
        assert_eq!(plan(&world, "a.csv", &[])["to_delete"], count);
    }
}

#[test]
fn a_page_that_is_not_the_last_says_that_users_are_missing() {
    let world = world();
    let page = |more: &str| format!("{{\"users\":[{{\"id\":361808353001}}],{more}}}");
    let next = page("\"next_page\":\"https://acme.example/2\"");
    let args = ["plan", "a.json", "--account", "acme", "--action", "delete"];
    for (text, is_missing) in [
        (next.clone(), true),
        (page("\"meta\":{\"has_more\": true}"), true),
        (page("\"meta\":{\"hasMore\":false}"), false),
        (next + &page("\"next_page\":null"), false),
    ] {
        world.write("a.json", text);
        let told = world.call(&args).code(0).out.contains("users are missing");
        assert_eq!(told, is_missing);
        assert_eq!(plan(&world, "a.json", &[])["lacks_pages"], is_missing);
    }
    let text = r#"{"users":[{"email":"ada@shop.example"}],"meta":{"has_more":true}}"#;
    world.write("mails.json", text);
    let lookup = [
        "lookup",
        "mails.json",
        "--account",
        "acme",
        "-o",
        "found.csv",
    ];
    world.call(&lookup).code(1).says("users are missing");
}

#[test]
fn a_column_named_by_an_id_is_none() {
    let world = world();
    world.write(
        "a.txt",
        "\u{a0}361808353001\n\u{a0}361808353012\n\u{a0}361808353023\n",
    );
    let named = ["--id-column", "361808353001"];
    let args = [&run("a.txt", "acme", "delete")[..], &named].concat();
    world.call(&args).code(2).says("`--format ids`");
    world.call(&run("a.txt", "acme", "delete")).code(0);
    assert_eq!(touched(&world), users(3));
}
