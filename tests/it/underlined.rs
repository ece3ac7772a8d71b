//! Every mistake in a file is shown where it stands: the file, the line, and the offending text
//! underlined.

use crate::support::World;

const ACME: [&str; 4] = ["--account", "acme", "--action", "delete"];

/// What `plan` says of bad rows in `text`, without what comes before and behind.
fn rows(name: &str, text: impl AsRef<[u8]>, args: &[&str]) -> String {
    let world = World::new();
    world.write(name, text);
    let done = world.call(&[&["plan", name, "-v"][..], args].concat());
    assert!(matches!(done.code, 0 | 1), "{}", done.err);
    let from = done
        .out
        .find("\ninvalid")
        .unwrap_or_else(|| panic!("{}", done.out));
    let to = ["\nnext:", "\nNothing in this"].map(|end| done.out.find(end));
    let to = to.into_iter().flatten().min().unwrap();
    done.out[from..to].trim_start().to_owned()
}

/// What `plan` says of a file that it cannot read.
fn refused(name: &str, text: impl AsRef<[u8]>, args: &[&str]) -> String {
    let world = World::new();
    world.write(name, text);
    world
        .call(&[&["plan", name][..], args].concat())
        .code(2)
        .err
}

#[test]
fn the_cell_of_a_bad_row_is_underlined_wherever_it_stands_and_each_reason_once() {
    let text = "name,id,account,action\n\
        Kim,361808351001,acme,delete\n\
        \"Lee, Bo\nand Co\",5.54E+17,acme,delete\n\
        A,5.54E+17,acme,delete\n\
        田中太郎,bo,acme,delete\n\
        A,361,00,acme,delete\n\
        B\n\
        C,\"12\",acmee,delete\n\
        D,13,acme,purg\n\
        E,14,acme,\n\
        F,15,,delete\n\
        H,\u{1b}[2J9,acme,delete\n\
        G,,acme,delete\n\
        Z,\"17,acme,delete\n18,x\n";
    insta::assert_snapshot!(rows("users.csv", text, &[]), @r#"
    invalid, not sent:
      lines 3, 5: id: the id is in scientific notation, so its last digits are lost;
        format the column as text and export again
         --> users.csv:3:1
        3 | …
          | ^
      line 6: id: an id of this provider is digits only; name the column of the ids
        with --id-column
         --> users.csv:6:6
        6 | …,bo,…
          |   ^^
      line 7: id: the id looks like a number that was torn apart at its decimal
        comma, or between its thousands; format the column as text and export again
         --> users.csv:7:3
        7 | …,361,…
          |   ^^^
      line 8: id: the row ends after 1 of its columns, before the id in column 2;
        check for a line end inside a cell, or another delimiter
         --> users.csv:8:1
        8 | …
          | ^
      line 9: account: no account has the name in the row; did you mean `acme`?
        (accounts: acme, chat, crm)
         --> users.csv:9:8
        9 | …,acmee,…
          |   ^^^^^
      line 10: action: no action has the name in the row; did you mean `purge`?
        (zendesk offers: delete, permanently-delete, purge)
          --> users.csv:10:11
        10 | …,purg,…
           |   ^^^^
      line 11: action: the row names no action, and deleting is never a default;
        give one with `--action` (delete: soft delete at Zendesk, elsewhere for
        good; permanently-delete: soft-deleted users for good; purge: soft delete,
        then for good), or a column of actions
          --> users.csv:11:11
        11 | …,,…
           |   ^
      line 12: account: the row names no account; give one with `--account` (acme,
        chat, crm), or a column of accounts
          --> users.csv:12:6
        12 | …,,…
           |   ^
      line 13: id: the id holds a character that cannot be seen; type the id anew,
        or export it again
          --> users.csv:13:3
        13 | …,\u001b[2J9,…
           |   ^^^^^^^^^^
      line 14: id: the id is blank
          --> users.csv:14:3
        14 | …,,…
           |   ^
      line 15: a quote opened in this row is never closed, so everything to the end
        of the file (line 17) was taken as part of it; close the quote
          --> users.csv:15:1
        15 | …
           | ^
    "#);
}

#[test]
fn bytes_that_are_no_text_and_cells_behind_many_others_are_underlined_too() {
    let mut text = b"id;note;account;action\n1\xff2;x;acme;delete\n7;".to_vec();
    text.extend("wörd ".repeat(60).into_bytes());
    text.extend_from_slice(b";nobody;delete\n");
    insta::assert_snapshot!(rows("users.csv", text, &[]), @r#"
    invalid, not sent:
      line 2: id: the id holds bytes that are not UTF-8; export the file again as
        UTF-8
         --> users.csv:2:1
        2 | …;1�2;…
          |   ^^^
      line 3: account: no account has the name in the row (accounts: acme, chat,
        crm)
         --> users.csv:3:304
        3 | …;nobody;…
          |   ^^^^^^
    "#);
}

#[test]
fn a_line_that_is_no_json_is_underlined_where_it_breaks_off_and_a_value_where_it_stands() {
    let text = "{\"id\":361808351001}\n\
        {\"who\":\"é\", \"id\": 12\n\
        {\"id\":5.54E+17}\n\
        {\"name\":\"x\"}\n\
        {\"id\":\"7\",\"account\":[\"a\"]}\n\
        {\"id\":8,\"account\":\"acmee\"}\n";
    insta::assert_snapshot!(rows("users.jsonl", text, &ACME), @r#"
    invalid, not sent:
      line 2: the row is not JSON; check for a missing quote or bracket
         --> users.jsonl:2:1
        2 | {"who":…, "id": …
          | ^^^^^^^^^^^^^^^^^
      line 3: id: the id `5.54E+17` is in scientific notation, so its last digits
        are lost; export ids as text
         --> users.jsonl:3:1
        3 | {"id":5.54E+17}
          | ^^^^^^^^^^^^^^^
      line 4: id: the row has no key that is known to hold the id
         --> users.jsonl:4:1
        4 | {"name":…}
          | ^^^^^^^^^^
      line 5: account: the account is neither a text nor a number
         --> users.jsonl:5:1
        5 | {"id":…,"account":["a"]}
          | ^^^^^^^^^^^^^^^^^^^^^^^^
      line 6: account: no account has the name in the row; did you mean `acme`?
        (accounts: acme, chat, crm)
         --> users.jsonl:6:1
        6 | {"id":…,"account":"acmee"}
          | ^^^^^^^^^^^^^^^^^^^^^^^^^^
    "#);
    let nested = "{\"user\":{\"key\":\"7\"}}\n{\"user\":{\"mail\":\"x@y.z\",\"key\":\"x@y.z\"}}\n";
    let args = [&ACME[..], &["--id-column", "user.key"]].concat();
    insta::assert_snapshot!(rows("users.jsonl", nested, &args), @r#"
    invalid, not sent:
      line 2: id: this is an e-mail address, not an id; name the column of the ids
        with --id-column
         --> users.jsonl:2:1
        2 | {"user":{"mail":…,"key":"x@y.z"}}
          | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    "#);
}

#[test]
fn an_element_of_an_array_is_underlined_on_the_line_on_which_it_is_wrong() {
    let text = "[{\"id\":361808351001},\n  {\"id\":\"x1\",\n   \"action\":\"delete\"}, {\"id\":12,\n \
        \"action\":\n \"nuke\"},\n {\"id\":12 \"a\":1},3]";
    insta::assert_snapshot!(rows("users.json", text, &ACME), @r#"
    invalid, not sent:
      line 2: id: an id of this provider is digits only; name the column of the ids
        with --id-column
         --> users.json:2:3
        2 |   {"id":"x1",
          |   ^^^^^^^^^^^
      line 3: action: no action has the name in the row (zendesk offers: delete,
        permanently-delete, purge)
         --> users.json:3:4
        3 |    "action":"delete"}, {"id":…,
          |    ^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      line 6: the row is not JSON; check for a missing quote or bracket
         --> users.json:6:2
        6 |  {"id":… "a":…},…]
          |  ^^^^^^^^^^^^^^^^^
    "#);
}

#[test]
fn a_list_is_underlined_as_far_as_it_would_be_taken() {
    let text = "# those who left\n361\nkim 12\n5,54E+17\n";
    insta::assert_snapshot!(rows("users.ids", text, &ACME), @r"
    invalid, not sent:
      line 3: id: the line holds several words, which are not ids of the same
        length, so none is taken; give each id a line of its own
         --> users.ids:3:1
        3 | kim 12
          | ^^^^^^
      line 4: id: the id looks like a number with a decimal comma, of which only the
        first part would be taken; format the column as text and export again
         --> users.ids:4:1
        4 | 5,54E+17
          | ^^^^^^^^
    ");
}

#[test]
fn a_file_that_cannot_be_read_is_shown_at_its_place_with_the_nearest_column() {
    let near = refused("users.csv", "name,usr_id,mail\nKim,1,x\n", &ACME);
    insta::assert_snapshot!(near, @r#"
    error: no column of `users.csv` is known to hold user ids; name one with `--id-column`, or give `--format ids` if each line begins with an id (columns seen: `name`, `usr_id`, `mail`)
     --> users.csv:1:6
    1 | name,usr_id,mail
      |      ^^^^^^ if this holds them, name it with `--id-column`
    help: `userpurge lookup users.csv --by email --account acme --id-column mail -o users.csv.ids.csv` asks for their ids
    "#);
    let named = [&ACME[..], &["--id-column", "user-uid"]].concat();
    insta::assert_snapshot!(refused("users.csv", "name,user_uid2,mail\nKim,1,x\n", &named), @r"
    error: `users.csv` has no column `user-uid`, which `--id-column` names; did you mean `user_uid2`? (columns seen: `name`, `user_uid2`, `mail`)
     --> users.csv:1:6
    1 | name,user_uid2,mail
      |      ^^^^^^^^^ this one is nearest
    ");
    insta::assert_snapshot!(refused("users.csv", "sep=;\nname;mail\n1;2\n", &named), @r#"
    error: `users.csv` has no column `user-uid`, which `--id-column` names (columns seen: `name`, `mail`)
     --> users.csv:2:1
    2 | name;mail
      | ^^^^^^^^^ these are the columns
    "#);
    insta::assert_snapshot!(refused("users.csv", "User ID,userid\n1,1\n", &ACME), @r#"
    error: `users.csv` has several columns that may hold the user ids: `User ID`, `userid`; name the right one with `--id-column`
     --> users.csv:1:1
    1 | User ID,userid
      | ^^^^^^^^^^^^^^ more than one of these may be meant
    help: `userpurge plan users.csv --account acme --action delete --id-column 'User ID'`
    "#);
    insta::assert_snapshot!(refused("users.csv", "Title\n\nUser ID,mail\n1,x\n", &ACME), @r#"
    error: line 1 of `users.csv` is no header, and line 3 looks like it; `--header-line 3` reads on from there
     --> users.csv:3:1
    3 | User ID,mail
      | ^^^^^^^^^^^^ this looks like the header
    "#);
    insta::assert_snapshot!(refused("users.json", "[\n  {\"uid\":1,\"name\":\"x\"}]\n", &ACME), @r#"
    error: no column of `users.json` is known to hold user ids; name one with `--id-column`, or give `--format ids` if each line begins with an id (columns seen: `name`, `uid`)
     --> users.json:2:5
    2 |   {"uid":…,"name":…}]
      |     ^^^ if this holds them, name it with `--id-column`
    "#);
    insta::assert_snapshot!(refused("users.json", "[{\"id\":1},\n  {\"id\":12}},3]", &ACME), @r#"
    error: `users.json` is no whole JSON: a `}` closes nothing (line 2); fetch it again, or fix it there
     --> users.json:2:3
    2 |   {"id":12}},3]
      |   ^^^^^^^^^^^^^ here
    "#);
    insta::assert_snapshot!(refused("users.json", "[{\"id\":1},\n  {\"id\":12}", &ACME), @r#"
    error: `users.json` is no whole JSON: it ends before its last bracket (line 2); fetch it again, or fix it there
     --> users.json:2:3
    2 |   {"id":12}
      |   ^^^^^^^^^ here
    "#);
    insta::assert_snapshot!(refused("users.json", "{\"a\":\n 1}", &ACME), @r#"
    error: no column of `users.json` is known to hold user ids; name one with `--id-column`, or give `--format ids` if each line begins with an id (columns seen: `a`)
     --> users.json:1:3
    1 | {"a":
      |   ^ none of these is known to hold user ids
    "#);
}

#[test]
fn a_row_of_the_protect_list_that_protects_nobody_is_underlined() {
    let world = World::new();
    world.write("users.ids", "361\n");
    world.write("vips.csv", "name,user_id\nthe boss,12\nKim,1.2E+11\n");
    let args = [&["plan", "users.ids", "--protect", "vips.csv"][..], &ACME].concat();
    let done = world.call(&args).code(2);
    let folder = world.folder.path().display().to_string();
    insta::assert_snapshot!(done.err.replace(&folder, "/home/ops"), @r#"
    error: line 3 of the protect list `/home/ops/vips.csv` protects nobody: the id is in scientific notation, so its last digits are lost; fix or remove it
     --> /home/ops/vips.csv:3:5
    3 | …,1.2E+11,…
      |   ^^^^^^^
    "#);
}

#[test]
fn what_is_no_file_is_called_by_what_it_is() {
    let world = World::new();
    let args = [&["plan", "-"][..], &ACME].concat();
    let done = world.call_with(&args, b"id,who\nbob,Bob\n").code(1);
    insta::assert_snapshot!(done.out, @r#"
    standard input: 1 row, 0 to delete, 1 invalid
    id from `id`

    Not sent (more with `-v` and `--json`):
      invalid, line 2: id: an id of this provider is digits only; name the column of the ids with --id-column

    Nothing in this file can be sent.
    "#);
}

#[test]
fn a_line_of_the_file_is_shown_to_who_plans_and_written_nowhere() {
    let world = World::new();
    world.zendesk_users([12]);
    world.write(
        "users.csv",
        "id,who,account,action\n12,Kim Ko,acme,delete\nx,Kim Ko,acme,delete\n",
    );
    let plan = world.call(&["plan", "users.csv"]).code(0);
    assert!(!plan.out.contains("Kim Ko"), "{}", plan.out);
    let plan = world.call(&["plan", "users.csv", "-v"]).code(0);
    let plan = plan.says("3 | …,x,…");
    assert!(!plan.out.contains("Kim Ko"), "{}", plan.out);
    let plan = world.call(&["plan", "users.csv", "--json"]).code(0);
    assert!(!plan.out.contains("Kim Ko"), "{}", plan.out);
    let save = ["plan", "users.csv", "-o", "purge.ledger.jsonl"];
    world.call(&save).code(0);
    assert!(!world.read("purge.ledger.jsonl").contains("Kim Ko"));
    let run = world.call(&["run", "users.csv", "--yes"]).code(1);
    assert!(
        !run.err.contains("Kim Ko") && !run.out.contains("Kim Ko"),
        "{run:?}"
    );
    assert!(!world.read("users.csv.ledger.jsonl").contains("Kim Ko"));
}
