//! The plan as a page that people read: every part of it, as it is shown.

use std::fmt::Write as _;

use crate::support::World;

/// The page without the time of day, which no two runs share.
fn page(out: &str) -> String {
    let mut page = String::new();
    for line in out.lines() {
        assert!(
            line.chars().count() <= 80 || line.contains("Next: "),
            "wider than a terminal: {line}"
        );
        // Of another day's end, which is longer.
        if line.starts_with("  ") && line.ends_with("started now.") {
            continue;
        }
        match line.split_once(" and ends about ") {
            Some((before, _)) => writeln!(page, "{before} and ends about HH:MM …"),
            None => writeln!(page, "{line}"),
        }
        .unwrap();
    }
    page
}

#[test]
fn a_plan_says_what_will_be_done_to_whom_what_will_not_and_what_to_type_next() {
    let world = World::new();
    let wide = "permanently-delete = \"100000/1s\"";
    let real = "permanently-delete = \"700/10m\"";
    world.configure(&world.config().replace(wide, real));
    let mut text = "User ID,Account,Operation,Ticket\n".to_owned();
    for n in 0..5_200 {
        writeln!(text, "{},acme,purge,T-{n}", 361_808_351_000_u64 + n).unwrap();
    }
    for n in 0..40 {
        writeln!(text, "57257670000004{n:02}001,crm,delete,").unwrap();
    }
    text.push_str(
        "5fe0a0f0b5e2a4001c8d0001,chat,delete,\n5fe0a0f0b5e2a4001c8d0002,chat,delete,\n\
         kim@example.com,chat,delete-personal-information,\n \
         361808359999,acme,delete,\nzcrm_5725767000000499001,crm,delete,\n",
    );
    text.push_str(&"5.54023E+17,acme,purge,\n".repeat(1_212));
    text.push_str("361808351000,acme,purge,\n361808351001,acme,purge,\n7,acmee,purge,\n8,acme,,\n");
    world.write("my users.csv", &text);
    world.write("vips.txt", "361808351002\n");
    let args = [
        "plan",
        "my users.csv",
        "--protect",
        "vips.txt",
        "--canary",
        "5",
    ];
    let done = world.call(&args).code(0);
    insta::assert_snapshot!(page(&done.out), @r#"
    my users.csv: 6,461 rows, 5,244 to delete, 1,214 invalid, 2 duplicate, 1
      protected
    id from `User ID`, account from `Account`, action from `Operation`, ref from
      `Ticket`
    (1 id has blanks around, which were taken off)
    (1 id has an export's prefix `zcrm_`, which was taken off)
    (protect list vips.txt: 1 id)

     account  action                        rows  at the quota
     acme     delete                           1       at once
       361808359999
     acme     purge                        5,199    1 h 10 min
       361808351000 to 361808356199
     acme     all                          5,200    1 h 10 min
     chat     delete                           2       at once
       5fe0a0f0b5e2a4001c8d0001 to 5fe0a0f0b5e2a4001c8d0002
     chat     delete-personal-information      1       at once
       kim@example.com
     chat     all                              3       at once
     crm      delete                          41       at once
       5725767000000400001 to 5725767000000499001

    delete at Zendesk Support: soft delete, which no call undoes; after 30 days
      Zendesk queues the user to be deleted for good
    left after it: the text in closed tickets (redact or delete those first), and
      the user at Sunshine Conversations, who is deleted there
    purge at Zendesk Support: soft delete, then at once for good; cannot be undone
    delete at Sunshine Conversations: for good, with the conversations; cannot be
      undone
    left after it: the user at Zendesk Support, who is deleted there
    delete-personal-information at Sunshine Conversations: clears the profile, keeps
      the conversations; cannot be undone
    delete at Zoho CRM: for good, the user's records stay; cannot be undone
    left after it: the records, which stay the deleted user's, and the licence

    At the quota this takes 1 h 10 min and ends about HH:MM …

    invalid, not sent:
      lines 5247, 5248, 5249, 5250, 5251, 5252, 5253, 5254 and 1,204 more: id: the
        id is in scientific notation, so its last digits are lost; format the column
        as text and export again
            --> my users.csv:5247:1
        5247 | 5.54023E+17,acme,purge,
             | ^^^^^^^^^^^
      line 6461: account: no account has the name in the row; did you mean `acme`?
        (accounts: acme, chat, crm)
            --> my users.csv:6461:3
        6461 | 7,acmee,purge,
             |   ^^^^^
      line 6462: action: the row names no action, and deleting is never a default;
        give one with `--action` (delete: soft delete at Zendesk, elsewhere for
        good; permanently-delete: soft-deleted users for good; purge: soft delete,
        then for good), or a column of actions
            --> my users.csv:6462:8
        6462 | 8,acme,,
             |        ^

    protected, not sent:
      line 4: id: the id stands in the protect list

    duplicate, not sent:
      lines 6459, 6460: the same account, action and id stands earlier in the file
    The first 5 of each account go alone, as a canary; the others follow only if all
    of them end well.

    Next: userpurge run 'my users.csv' --protect vips.txt --canary 5
    "#);
    assert!(world.sandbox().log(None).is_empty());

    let done = world.call(&[&args[..], &["--json"]].concat()).code(0);
    let plan: serde_json::Value = serde_json::from_str(&done.out).unwrap();
    assert_eq!(plan["accounts"]["acme"]["purge"]["rows"], 5_199);
    assert_eq!(plan["reasons"][0]["rows"], 1_212);
    assert_eq!(plan["reasons"][0]["lines"].as_array().unwrap().len(), 8);
    assert_eq!(plan["unprefixed"], 1);
}

#[test]
fn a_plan_of_nothing_says_so_too() {
    let world = World::new();
    world.write("users.csv", "id\nbob\n");
    let args = [
        "plan",
        "users.csv",
        "--account",
        "acme",
        "--action",
        "delete",
    ];
    insta::assert_snapshot!(page(&world.call(&args).code(1).out), @r"
    users.csv: 1 row, 0 to delete, 1 invalid
    id from `id`

    invalid, not sent:
      line 2: id: an id of this provider is digits only; name the column of the ids
        with --id-column
         --> users.csv:2:1
        2 | bob
          | ^^^

    Nothing in this file can be sent.
    ");
}
