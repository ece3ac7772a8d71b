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
    let from = said.find("\ninvalid").unwrap_or(said.len());
    let text = &said[from..];
    let to = text.find("\nNext:").unwrap_or(text.len());
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
    let done = plan(&world, "users.csv", text, &["--action", "delete"]).code(0);
    insta::assert_snapshot!(problems(&done.out), @"");
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
    insta::assert_snapshot!(problems(&done.out), @"");

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
    insta::assert_snapshot!(problems(&done.out), @"");
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
        the user at Sunshine Conversations, who is deleted there
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
