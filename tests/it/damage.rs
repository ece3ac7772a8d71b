//! What spreadsheets do to ids: each damage is named for what it is, with the mend, and refused
//! rather than guessed.

use std::fmt::Write as _;

use serde_json::json;

use crate::support::{Done, World};

const CRM: [&str; 4] = ["--account", "crm", "--action", "delete"];
const ACME: [&str; 4] = ["--account", "acme", "--action", "delete"];

/// What `plan` says of `text`, with the paths' folder left out.
fn plan(world: &World, name: &str, text: &str, args: &[&str]) -> Done {
    world.write(name, text);
    world.call(&[&["plan", name][..], args].concat())
}

/// The part of a plan behind `heading`, without what comes before and the next command.
fn problems(said: &str) -> String {
    let from = said.find("\nNot sent").or_else(|| said.find("\ninvalid"));
    let text = &said[from.expect("rows that are not sent")..];
    let to = text.find("\nnext:").unwrap_or(text.len());
    text[..to].trim_start().to_owned()
}

#[test]
fn each_damage_of_a_single_id_has_its_own_name_and_mend() {
    let world = World::new();
    let text = "id;account\n361808351001;acme\n\
        5.54023E+17;acme\n5,54023E+17;acme\n361808351000,00;acme\n361808351000.0;acme\n\
        361.808.351.000;acme\n361 808 351 000;acme\n6164068886040000;acme\n0361808351000;acme\n\
        =\"361808351000\";acme\nbo@acme.example;acme\n654023691;crm\n\
        767000000411001;crm\n67000000411001;crm\nzcrm_5725767000000411002;crm\n";
    let done = plan(&world, "users.csv", text, &["--action", "delete", "-v"]).code(0);
    insta::assert_snapshot!(problems(&done.out), @r#"
    invalid, not sent:
      lines 3, 4: id: the id is in scientific notation, so its last digits are lost;
        format the column as text and export again
         --> users.csv:3:1
        3 | …;5.54023E+17;…
          |   ^^^^^^^^^^^
      lines 5, 6: id: the id has decimals, so it went through a number; format the
        column as text and export again
         --> users.csv:5:1
        5 | …;361808351000,00;…
          |   ^^^^^^^^^^^^^^^
      lines 7, 8: id: the id has thousands separators; format the column as text and
        export again
         --> users.csv:7:1
        7 | …;361.808.351.000;…
          |   ^^^^^^^^^^^^^^^
      line 9: id: the id is longer than a spreadsheet's fifteen digits and ends in
        zeros, so its last digits are lost; format the column as text and export
        again
         --> users.csv:9:1
        9 | …;6164068886040000;…
          |   ^^^^^^^^^^^^^^^^
      line 10: id: the id begins with 0, which no id of this provider does; look at
        how the file was made
          --> users.csv:10:1
        10 | …;0361808351000;…
           |   ^^^^^^^^^^^^^
      line 11: id: the id is wrapped as a spreadsheet's formula or text; export the
        bare value
          --> users.csv:11:1
        11 | …;="361808351000";…
           |   ^^^^^^^^^^^^^^^
      line 12: id: this is an e-mail address, not an id; name the column of the ids
        with --id-column
          --> users.csv:12:1
        12 | …;bo@acme.example;…
           |   ^^^^^^^^^^^^^^^
      line 13: id: the id looks like a ZUID, the id of a Zoho account; the CRM's
        user id has 15 to 19 digits and is in the column `id` of the users API
          --> users.csv:13:1
        13 | …;654023691;…
           |   ^^^^^^^^^
      line 15: id: a Zoho CRM user id has 15 to 19 digits, and this has fewer: a
        part of it was lost, or it is another number; export the column `id` again,
        as text
          --> users.csv:15:1
        15 | …;67000000411001;…
           |   ^^^^^^^^^^^^^^
    "#);
    assert!(
        done.out
            .contains("(1 id has an export's prefix `zcrm_`, which was taken off)")
    );
    assert!(world.sandbox().log(None).is_empty());
}

#[test]
fn ids_rounded_to_fifteen_digits_show_in_the_column_and_are_not_sent() {
    let world = World::new();
    let mut text = "Record Id\n".to_owned();
    for n in 0..20 {
        writeln!(text, "57257670000004{n:02}001").unwrap();
    }
    // A true id may end so: one of twenty says nothing.
    let one = format!("{text}5725767000000430000\n");
    let done = plan(&world, "one.csv", &one, &CRM).code(0);
    assert!(done.out.contains("21 rows, 21 to delete"), "{}", done.out);
    let two = format!("{one}5725767000000440000\n");
    let done = plan(&world, "two.csv", &two, &CRM).code(0);
    insta::assert_snapshot!(problems(&done.out), @r#"
    Not sent (more with `-v` and `--json`):
      invalid, lines 22, 23: id: the id ends in zeros, as more ids of this file do than true ones would: it was rounded to a spreadsheet's fifteen digits, and may be another user's now; format the column as text and export again (if it is right, delete it from a file of its own)
    "#);

    // A run judges them alike, and another user's id is not deleted.
    let users: Vec<_> = [
        "5725767000000430000",
        "5725767000000440000",
        "5725767000000400001",
    ]
    .map(|id| json!({"id": id}))
    .into();
    world.seed(json!({ "zoho": users }));
    world
        .call(&[&["run", "two.csv", "--yes"][..], &CRM].concat())
        .code(1);
    let outcomes = world.outcomes("two.csv.ledger.jsonl");
    assert_eq!(outcomes[&21]["outcome"], "invalid");
    assert_eq!(outcomes[&21]["code"], "rounded");
    assert_eq!(outcomes[&22]["code"], "rounded");
    assert_eq!(outcomes[&1]["outcome"], "deleted");
    let asked: Vec<_> = world
        .deletions()
        .into_iter()
        .filter_map(|call| call.user)
        .collect();
    assert!(!asked.iter().any(|id| id.ends_with("0000")), "{asked:?}");
    // A session that goes on comes to the same decisions.
    world.call(&["resume", "two.csv.ledger.jsonl"]).code(1);
    assert_eq!(
        world.status("two.csv.ledger.jsonl")["outcomes"]["invalid"],
        2
    );
}

#[test]
fn an_id_shorter_than_all_others_lost_its_first_digits() {
    let world = World::new();
    let mut text = "id\n".to_owned();
    for n in 0..8 {
        writeln!(text, "572576700000041{n:04}").unwrap();
    }
    text.push_str("5767000000411009\n");
    let done = plan(&world, "users.csv", &text, &CRM).code(0);
    insta::assert_snapshot!(problems(&done.out), @r#"
    Not sent (more with `-v` and `--json`):
      invalid, line 10: id: the id has fewer digits than the 19 of the ids of `crm`: its first were lost, or it is another org's; format the column as text and export again
    "#);
}

#[test]
fn an_id_of_another_org_is_refused_unless_forced() {
    let world = World::new();
    world.seed(json!({"zoho": [{"id": "5725767000000412001"}]}));
    world.write(
        "users.csv",
        "id\n5725767000000412001\n1111130000000071587\n767000000412001\n",
    );
    let run = [&["run", "users.csv", "--yes"][..], &CRM].concat();
    let done = world.call(&run).code(1);
    // The number that is typed is the plan's; how many are another org's is said before.
    done.says("crm: 2 ids of another org, which do not begin with 5725767; nothing is sent")
        .says("delete 3 users");
    let outcomes = world.outcomes("users.csv.ledger.jsonl");
    assert_eq!(outcomes[&2]["code"], "foreign_id");
    assert_eq!(outcomes[&3]["code"], "lost_leading_digits");
    assert_eq!(world.deletions().len(), 1);

    let forced = ["--force-foreign-ids", "--ledger", "forced.ledger.jsonl"];
    world.call(&[&run[..], &forced].concat()).code(1);
    let outcomes = world.outcomes("forced.ledger.jsonl");
    assert_eq!(outcomes[&2]["outcome"], "not_found");
    assert_eq!(outcomes[&3]["outcome"], "not_found");
    let asked = |id: &str| {
        world
            .deletions()
            .iter()
            .any(|call| call.user.as_deref() == Some(id))
    };
    assert!(asked("1111130000000071587") && asked("767000000412001"));
}

#[test]
fn a_header_below_a_title_is_found_and_named() {
    let world = World::new();
    let text =
        "Users to delete,,\nexported on 2026-11-22,,\n\nName,User ID,Ticket\nBo,361808351000,T-1\n";
    let done = plan(&world, "users.csv", text, &ACME).code(2);
    insta::assert_snapshot!(done.err, @r#"
    error: line 1 of `users.csv` is no header, and line 4 looks like it; `--header-line 4` reads on from there
     --> users.csv:4:1
    4 | Name,User ID,Ticket
      | ^^^^^^^^^^^^^^^^^^^ this looks like the header
    "#);
    let done = plan(
        &world,
        "users.csv",
        text,
        &[&ACME[..], &["--id-column", "User ID"]].concat(),
    );
    done.code(2).says("line 4 looks like it");
}

#[test]
fn a_wrong_id_column_is_named_with_the_right_one_and_a_run_refuses_it() {
    let world = World::new();
    let mut text = "id,name,uid\n".to_owned();
    for n in 0..6 {
        writeln!(text, "user-{n},Name {n},36180835100{n}").unwrap();
    }
    text.push_str("7,Kim,361808351006\n");
    let done = plan(&world, "users.csv", &text, &ACME).code(0);
    let host = world.base().replace("http://", "");
    insta::assert_snapshot!(done.out.replace(&host, "HOST"), @r#"
    users.csv: 7 rows, 1 to delete, 6 invalid
    id from `id`

    acme: Zendesk Support at HOST
      delete 1 user: soft delete, queued for good after 30 days; no call undoes it;
        no wait
        7
      left after it: the text in closed tickets (redact or delete those first), and
        the user at Sunshine Conversations (delete that user there)
    No limit makes this wait.

    Not sent (more with `-v` and `--json`):
      invalid, lines 2, 3, 4, … (6 in all): id: an id of this provider is digits only; name the column of the ids with --id-column

    warning: 6 of 7 rows hold no valid id in column `id`, and those of column `uid`
      look like ids; name it with `--id-column`

    next: userpurge plan users.csv --account acme --action delete --id-column uid
    "#);
    let run = [&["run", "users.csv", "--yes"][..], &ACME].concat();
    let done = world.call(&run).code(2);
    insta::assert_snapshot!(done.err, @r"
    error: `users.csv`: 6 of 7 rows hold no valid id in column `id`, and those of column `uid` look like ids; name it with `--id-column`; nothing was sent
     --> users.csv:1:9
    1 | id,name,uid
      |         ^^^ these look like ids
    help: `--id-column uid`
    ");
    assert!(world.sandbox().log(None).is_empty(), "nobody was asked");

    // A column of zuids where user ids belong is refused at once.
    let zuids = "id,crm_user\n654023691,5725767000000412001\n654023692,5725767000000412002\n\
        654023693,5725767000000412003\n";
    plan(&world, "zuids.csv", zuids, &CRM)
        .code(2)
        .says("`id`, `crm_user`; name the right one");
}

#[test]
fn a_number_torn_at_its_comma_deletes_nobody() {
    let world = World::new();
    world.zendesk_users([5, 361]);
    world.write(
        "users.csv",
        "id,account,action\n5,54E+17,acme,delete\n361,00,acme,delete\n",
    );
    world.write("users.ids", "5,54E+17\n361 808 351\n361,00\n");
    for (name, args) in [("users.csv", &[][..]), ("users.ids", &ACME[..])] {
        world
            .call(&[&["run", name, "--yes"][..], args].concat())
            .code(1)
            .says("decimal comma");
        assert_eq!(world.deletions().len(), 0, "{name}");
    }
}
