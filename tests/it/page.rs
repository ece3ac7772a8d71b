//! The plan as a page that people read: every part of it, as it is shown.

use std::fmt::Write as _;

use crate::support::World;
use crate::support::usual::plan_of;

/// The page without the time of day, which no two runs share.
fn page(out: &str) -> String {
    let mut page = String::new();
    for line in out.lines() {
        assert!(
            line.chars().count() <= 80 || line.contains("next: ") || line.contains(", line"),
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
    let host = world.base().replace("http://", "");
    insta::assert_snapshot!(page(&done.out).replace(&host, "HOST"), @r#"
    my users.csv: 6,461 rows, 5,244 to delete, 1,214 invalid, 2 duplicate, 1
      protected
    id from `User ID`, account from `Account`, action from `Operation`, ref from
      `Ticket`
    (1 id has blanks around, which were taken off)
    (1 id has an export's prefix `zcrm_`, which was taken off)
    (protect list vips.txt: 1 id)

    acme: Zendesk Support at HOST
      delete 1 user: soft delete, queued for good after 30 days; no call undoes it;
        no wait
        361808359999
      purge 5,199 users: soft delete, then for good; cannot be undone; at least 1 h
        10 min
        first 361808351000, last 361808356199
      left after it: the text in closed tickets (redact or delete those first), and
        the user at Sunshine Conversations (delete that user there)
    chat: Sunshine Conversations at HOST/5963c0d619a30a2e00de36b8
      delete 2 users: for good, with the conversations; cannot be undone; no wait
        first 5fe0a0f0b5e2a4001c8d0001, last 5fe0a0f0b5e2a4001c8d0002
      delete-personal-information of 1 user: clears the profile, keeps the
        conversations; cannot be undone; no wait
        kim@example.com
      left after it: the user at Zendesk Support (delete that user there)
    crm: Zoho CRM at HOST
      delete 41 users: for good, the user's records stay; cannot be undone; no wait
        first 5725767000000400001, last 5725767000000499001
      left after it: the records, which stay the deleted user's, and the licence
    Takes at least 1 h 10 min (Zendesk Support allows 700 permanent deletions in

    Not sent (more with `-v` and `--json`):
      invalid, lines 5247, 5248, 5249, … (1,212 in all): id: the id is in scientific notation, so its last digits are lost; format the column as text and export again
      invalid, line 6461: account: no account has the name in the row; did you mean `acme`? (accounts: acme, chat, crm)
      invalid, line 6462: action: the row names no action, and deleting is never a default; give one with `--action` (delete: soft delete at Zendesk, elsewhere for good; permanently-delete: soft-deleted users for good; purge: soft delete, then for good), or a column of actions
      and 2 more reasons
    A canary goes first: 5 rows of each account; the others follow only if all of
    these are done.

    next: userpurge run 'my users.csv' --protect vips.txt --canary 5
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
    let args = plan_of("users.csv");
    insta::assert_snapshot!(page(&world.call(&args).code(1).out), @r#"
    users.csv: 1 row, 0 to delete, 1 invalid
    id from `id`

    Not sent (more with `-v` and `--json`):
      invalid, line 2: id: an id of this provider is digits only; name the column of the ids with --id-column

    Nothing in this file can be sent.
    "#);
}
