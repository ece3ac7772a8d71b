//! `lookup`: whom a file names by e-mail address or external id is found by reads alone, and stands in the
//! file that it writes, and nowhere else.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use rstest::rstest;
use serde_json::{Value, json};
use userpurge::help::TOPICS;
use userpurge::sandbox::{Call, LogEntry};

use wiremock::matchers::path;
use wiremock::{Mock, ResponseTemplate};

use crate::signals::send;
use crate::support::{World, zendesk_that};

const LOOKUP: [&str; 4] = ["lookup", "people.csv", "-o", "found.csv"];

/// The address of the `n`th person.
fn email(n: u64) -> String {
    format!("Person.{n}@Shop.example")
}

/// A world that never refuses, in which `people.csv` names `n` users of `acme` by their addresses.
fn people(n: u64) -> World {
    let world = World::new();
    world.wide();
    let user = |n: u64| json!({"id": n.to_string(), "email": email(n)});
    world.seed(json!({"zendesk": (1..=n).map(user).collect::<Vec<_>>()}));
    let rows = (1..=n).map(|n| format!("acme,\"Name, {n}\",{}\n", email(n)));
    let text: String = rows.collect();
    world.write("people.csv", format!("account,name,email\n{text}"));
    world
}

/// The reads that brought somebody's id, or nobody's.
fn searches(world: &World) -> Vec<LogEntry> {
    let reads = world.calls(Call::Read).into_iter();
    reads
        .filter(|read| !read.users.is_empty() || read.path.ends_with("/users"))
        .collect()
}

/// Everything below `folder`, but for the files named so.
fn all_text(folder: &Path, but: &[&str]) -> String {
    let mut text = String::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            text += &all_text(&path, but);
        } else if !but.iter().any(|name| path.ends_with(name)) {
            text += &String::from_utf8_lossy(&fs::read(&path).unwrap());
        }
    }
    text
}

#[test]
fn users_are_found_by_their_own_address_and_the_file_goes_into_plan_and_run() {
    let world = World::new();
    world.wide();
    world.seed(json!({
        "zendesk": [
            {"id": "101", "email": "ada@shop.example"},
            // Like what is asked for: another person.
            {"id": "102", "email": "nevada@shop.example"},
            {"id": "103", "email": "nancy@shop.example"},
            {"id": "104", "email": "gone@shop.example", "state": "soft-deleted"},
        ],
        "sunco": [
            {"id": "5fe0a0f0b5e2a4001c8d0001", "email": "ada@shop.example"},
            {"id": "5fe0a0f0b5e2a4001c8d0002", "email": "two@shop.example"},
            {"id": "5fe0a0f0b5e2a4001c8d0003", "email": "two@shop.example"},
        ],
        "zoho": [{"id": "5725767000000000001", "email": "ada@shop.example"}],
    }));
    world.write(
        "people.csv",
        "id,account,email,note\n\
         7,acme,ADA@shop.example,\"a, b\"\n\
         8,acme,cy@shop.example,=1+1\n\
         9,acme,gone@shop.example,\n\
         9,chat,ada@shop.example,\n\
         9,chat,two@shop.example,\n\
         9,crm,ada@shop.example,\n\
         9,crm,,\n\
         9,acme,no address,\n\
         9,acme,ada@shop.example,again\n",
    );
    world
        .call(&LOOKUP)
        .code(1)
        .says("one user for 4 rows, none for 4, several for 1");
    assert_eq!(
        world.read("found.csv"),
        "id,account,found,id (input),account (input),email,note\n\
         101,acme,one,7,acme,ADA@shop.example,\"a, b\"\n\
         ,acme,none,8,acme,cy@shop.example,=1+1\n\
         ,acme,none,9,acme,gone@shop.example,\n\
         5fe0a0f0b5e2a4001c8d0001,chat,one,9,chat,ada@shop.example,\n\
         ,chat,several,9,chat,two@shop.example,\n\
         5725767000000000001,crm,one,9,crm,ada@shop.example,\n\
         ,crm,none,9,crm,,\n\
         ,acme,none,9,acme,no address,\n\
         101,acme,one,9,acme,ada@shop.example,again\n"
    );
    let mode = fs::metadata(world.path("found.csv"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(world.deletions().is_empty());
    let asked: Vec<String> = searches(&world)
        .into_iter()
        .map(|read| read.users.join(" "))
        .collect();
    // Each once, and nobody for what is no address; Zoho's list names nobody.
    assert_eq!(asked.len(), 3 + 2 + 1 + 1, "{asked:?}");

    let plan = world
        .call(&["plan", "found.csv", "--action", "delete", "--json"])
        .code(0);
    let plan: Value = serde_json::from_str(&plan.out).unwrap();
    assert_eq!(
        (&plan["to_delete"], &plan["invalid"]),
        (&json!(3), &json!(5))
    );
    world
        .call(&["plan", "found.csv", "--action", "delete"])
        .code(0)
        .says("the id is blank");
    world
        .call(&["run", "found.csv", "--action", "delete", "--yes"])
        .code(1);
    let users = world.users().into_iter();
    let gone = users.filter(|user| user.changes > 0).map(|user| user.id);
    let mut gone: Vec<String> = gone.collect();
    gone.sort();
    assert_eq!(
        gone,
        ["101", "5725767000000000001", "5fe0a0f0b5e2a4001c8d0001"]
    );
}

#[test]
fn external_ids_are_asked_for_a_hundred_at_once_and_alone_where_a_comma_is_in_them() {
    let world = World::new();
    world.wide();
    let id = |n: u64| {
        if n == 7 {
            "Shop,7".to_owned()
        } else {
            format!("Shop-{n}")
        }
    };
    let user = |n: u64| json!({"id": n.to_string(), "external_id": id(n)});
    world.seed(json!({
        "zendesk": (1..=250).map(user).collect::<Vec<_>>(),
        "sunco": [{"id": "5fe0a0f0b5e2a4001c8d0001", "external_id": "a/b?c ü"}],
    }));
    let rows = (1..=250).map(|n| json!({"externalId": id(n).to_lowercase(), "account": "acme"}));
    let chat = ["a/b?c ü", "../x", "A/B?C Ü"];
    let chat = chat.map(|id| json!({"externalId": id, "account": "chat"}));
    let lines: Vec<String> = rows.chain(chat).map(|row| row.to_string()).collect();
    world.write("people.jsonl", lines.join("\n"));
    let lookup = [
        "lookup",
        "people.jsonl",
        "--by",
        "external-id",
        "-o",
        "found.csv",
    ];
    world
        .call(&lookup)
        .code(1)
        .says("one user for 251 rows, none for 2");
    let counts: Vec<usize> = searches(&world)
        .iter()
        .map(|read| read.users.len())
        .collect();
    assert_eq!(counts.iter().sum::<usize>(), 250);
    assert_eq!(counts.len(), 4, "{counts:?}");
    let found = world.read("found.csv");
    assert!(
        found.starts_with("id,account,found,account (input),externalId\n"),
        "{found}"
    );
    assert!(found.contains("\n7,acme,one,acme,\"shop,7\"\n"));
    assert!(found.contains("\n5fe0a0f0b5e2a4001c8d0001,chat,one,chat,a/b?c ü\n"));
    let read = world
        .call(&["plan", "found.csv", "--action", "delete", "--json"])
        .code(0);
    assert!(read.out.contains("\"to_delete\":251"), "{}", read.out);
}

#[test]
fn all_pages_of_zohos_users_are_read_once_for_all_rows() {
    let world = World::new();
    world.wide();
    let user = |n: u64| {
        let state = if n == 3 { "deleted" } else { "active" };
        json!({"id": format!("5725767000000{n:06}"), "email": email(n), "state": state})
    };
    world.seed(json!({"zoho": (1..=450).map(user).collect::<Vec<_>>()}));
    let rows: Vec<String> = (1..=450).map(email).collect();
    world.write("people.csv", format!("E-Mail Address\n{}", rows.join("\n")));
    world
        .call(&[&LOOKUP[..], &["--account", "crm"]].concat())
        .code(1)
        .says("one user for 449 rows, none for 1");
    // Who is deleted is in no list; the caller is.
    assert_eq!(searches(&world).len(), 3);
}

#[test]
fn addresses_of_standard_input_are_found_and_no_copy_is_left() {
    let world = people(2);
    let list = format!("{}\n{}\n", email(1), email(2));
    let lookup = ["lookup", "-", "--account", "acme", "-o", "found.csv"];
    world.call_with(&lookup, list.as_bytes()).code(0);
    assert_eq!(
        written(&world),
        [
            format!("1,acme,one,{}", email(1)),
            format!("2,acme,one,{}", email(2))
        ]
    );
}

#[test]
fn the_example_of_the_topic_runs() {
    let world = people(2);
    let (_, _, text) = TOPICS.iter().find(|(name, ..)| *name == "input").unwrap();
    let (_, rest) = text.split_once("```sh\nuserpurge lookup ").unwrap();
    let (commands, _) = rest.split_once("\n```").unwrap();
    let commands = format!("userpurge lookup {commands}");
    for command in commands.lines() {
        let words: Vec<&str> = command.split(' ').skip(1).collect();
        world.call(&words).code(0);
    }
}

#[test]
fn an_address_is_asked_for_as_it_is_or_not_at_all_and_filtered_rows_stay_out() {
    let world = people(1);
    let taken = ["Anna.Müller+vip@customers.example", "o/b=x{y}@a-b.example"];
    let other = [
        "anna",
        "@x",
        "a@",
        "a@b@c",
        "a@b role:admin",
        "a*@b",
        "\"\"a b\"\"@c",
        "a@b,c@d",
    ];
    let long = format!("{}@x", "a".repeat(300));
    let other = other.into_iter().chain([long.as_str()]);
    let rows = taken
        .into_iter()
        .chain(other)
        .map(|it| format!("acme,\"{it}\",no\n"));
    let rows: String = rows
        .chain(["acme,away@shop.example,yes\n".to_owned()])
        .collect();
    world.write("people.csv", format!("account,email,away\n{rows}"));
    let done = world.call(&[&LOOKUP[..], &["--where-not", "away = yes"]].concat());
    done.code(1).says("one user for 0 rows, none for 11");
    let asked = searches(&world)
        .into_iter()
        .map(|read| read.users.join(" "));
    let mut asked: Vec<String> = asked.collect();
    asked.sort();
    assert_eq!(asked, taken.map(|it| format!("email:{it}")));
}

/// Rows of the output, without its header.
fn written(world: &World) -> Vec<String> {
    let text = fs::read_to_string(world.path("found.csv")).unwrap_or_default();
    text.lines().skip(1).map(str::to_owned).collect()
}

#[rstest]
// What was answered and not written yet is asked again; no more than this at a time.
#[case("-KILL", -1, 32)]
#[case("-INT", 130, 0)]
fn a_lookup_that_was_stopped_goes_on_behind_the_rows_that_it_wrote(
    #[case] signal: &str,
    #[case] code: i32,
    #[case] again_max: usize,
) {
    let world = people(200);
    world.settings(json!({"latency": "15ms"}));
    let child = world.start(&LOOKUP);
    world.until("rows are written", || !written(&world).is_empty());
    send(signal, &child);
    let stopped = world.finish(child);
    assert_eq!(stopped.code, code, "{stopped:?}");
    let before = (written(&world).len(), searches(&world).len());
    assert!(before.0 < 200 && before.1 < 200, "{before:?}");
    // A last row that a power cut tore.
    let mut torn = fs::read(world.path("found.csv")).unwrap();
    torn.extend(b"7,acme,one,acme,\"Name, ");
    world.write("found.csv", torn);
    world.settings(json!({"latency": "0ms"}));
    world
        .call(&LOOKUP)
        .code(0)
        .says("one user for 200 rows, none for 0");
    let ids = written(&world).into_iter().enumerate();
    for (at, row) in ids {
        let n = at as u64 + 1;
        assert_eq!(row, format!("{n},acme,one,acme,\"Name, {n}\",{}", email(n)));
    }
    assert_eq!(written(&world).len(), 200);
    let again = searches(&world).len() - before.1 - (200 - before.0);
    assert!(again <= again_max, "{again} are asked for again");
    // Nothing is left to ask for.
    let asked = world.sandbox().log(None).len();
    world.call(&LOOKUP).code(0);
    assert_eq!(world.sandbox().log(None).len(), asked);
}

#[test]
fn no_quota_is_overrun_by_a_lookup_that_was_killed_and_what_comes_after_it() {
    let world = people(100);
    world.settings(json!({"zendesk": {"quota": "30/2s"}, "latency": "5ms"}));
    world.limit_acme("requests = \"30/2s\"");
    let child = world.start(&LOOKUP);
    world.until("rows are written", || !written(&world).is_empty());
    send("-KILL", &child);
    world.finish(child);
    world.call(&LOOKUP).code(0);
    world
        .call(&["run", "found.csv", "--action", "delete", "--yes"])
        .code(0);
    let refused = world.sandbox().log(None).into_iter();
    assert_eq!(refused.filter(|it| it.status == Some(429)).count(), 0);
    assert!(world.users().iter().filter(|it| it.changes > 0).count() == 100);
}

#[test]
fn nobody_who_is_asked_for_stands_anywhere_but_in_the_file() {
    let world = people(25);
    let faults = "throttle=4%,error500=4%,html=4%,reads=on,seed=3";
    world.settings(json!({"faults": faults}));
    let done = world.call(&[&LOOKUP[..], &["-vv", "--progress", "json"]].concat());
    assert!(done.out.is_empty(), "{done:?}");
    world.settings(json!({"faults": ""}));
    world.call(&LOOKUP).code(0);
    let told = done.err + &all_text(world.folder.path(), &["people.csv", "found.csv"]);
    assert!(
        told.contains("\"what\":\"search\""),
        "requests are counted: {told}"
    );
    for what in ["shop.example", "Shop.example", "%40", "Name,"] {
        assert!(!told.contains(what), "{what} in {told}");
    }
    assert!(!world.path("found.csv.ledger.jsonl").exists());
}

#[rstest]
#[case("email\nada@shop.example\n", "acme", "people.csv", "--by email")]
#[case(
    "ada@shop.example\nbo@shop.example\n",
    "acme",
    "people.txt",
    "--by email"
)]
#[case(
    "id\nada@shop.example\n",
    "crm",
    "people.csv",
    "--by email --id-column id"
)]
#[case("external_id,name\n12,x\n", "acme", "people.csv", "--by external-id")]
#[case(
    "external_id,email\n12,a@b.example\n",
    "crm",
    "people.csv",
    "--by email"
)]
fn a_plan_of_other_keys_names_the_lookup_that_works(
    #[case] text: &str,
    #[case] account: &str,
    #[case] name: &str,
    #[case] by: &str,
) {
    let world = World::new();
    world.wide();
    world.write(name, text);
    let plan = ["plan", name, "--account", account, "--action", "delete"];
    let typed = by.strip_prefix("--by email --id-column ");
    let options: Vec<&str> = typed.map_or(vec![], |column| vec!["--id-column", column]);
    let told = world.call(&[&plan[..], &options].concat()).code(2);
    let command = told
        .err
        .split('`')
        .find(|part| part.starts_with("userpurge lookup"));
    let words = command
        .unwrap_or_else(|| panic!("{told:?}"))
        .split(' ')
        .skip(1);
    let command: Vec<&str> = words.collect();
    assert!(
        command
            .join(" ")
            .contains(by.split(" --id").next().unwrap()),
        "{command:?}"
    );
    assert!(world.sandbox().log(None).is_empty());
    world.call(&command).code(1).says("one user for");
}

#[test]
fn what_cannot_be_looked_up_is_refused_before_anybody_is_asked_for() {
    let world = people(2);
    for (text, args, says) in [
        (
            "email\nada@shop.example\n",
            &[][..],
            "line 2: the row names no account",
        ),
        ("email,account\nada@shop.example,acme\na\n", &[], "line 3"),
        ("name\nAda\n", &["--account", "acme"], "is known to hold"),
        (
            "id\n12\n",
            &["--account", "acme"],
            "is known to hold what `--by email` means",
        ),
        (
            "external_id\n12\n",
            &["--by", "external-id", "--account", "crm"],
            "finds nobody by external-id",
        ),
    ] {
        world.write("people.csv", text);
        world.call(&[&LOOKUP[..], args].concat()).code(2).says(says);
        assert!(!world.path("found.csv").exists(), "{text}");
    }
    world.write(
        "people.csv",
        "account,email\nacme,a@shop.example\nacme,b@shop.example\n",
    );
    for text in [
        "mine\n",
        "mine",
        "id,account,found,account (input),email\n1,acme,one,acme,b@shop.example\n",
        "id,account,found,account (input),email\n1,acme,maybe,acme,a@shop.example\n",
    ] {
        world.write("found.csv", text);
        world
            .call(&LOOKUP)
            .code(2)
            .says("is not what `lookup` made of this input");
        assert_eq!(world.read("found.csv"), text);
    }
    // Nobody writes to it, and nobody is waited for.
    fs::remove_file(world.path("found.csv")).unwrap();
    let mut pipe = std::process::Command::new("mkfifo");
    assert!(
        pipe.arg(world.path("found.csv"))
            .status()
            .unwrap()
            .success()
    );
    world.call(&LOOKUP).code(2).says("exists already");
    // What is wrong with a file is told without its lines.
    world.write(
        "people.json",
        "[{\"email\":\"a@shop.example\"}\n{\"email\":\"b@shop.example\"}]",
    );
    let lookup = [
        "lookup",
        "people.json",
        "--account",
        "acme",
        "-o",
        "other.csv",
    ];
    let done = world
        .call(&lookup)
        .code(2)
        .says("`people.json` is no whole JSON: a comma is missing");
    assert!(!done.err.contains('@'), "{done:?}");
    assert!(world.sandbox().log(None).is_empty());
}

#[test]
fn what_is_said_of_a_lookup_is_about_the_lookup() {
    let world = people(1);
    world.write("plain.csv", "name,email\nKim,nobody@shop.example\n");
    let plain = ["lookup", "plain.csv", "-o", "found.csv"];
    let done = world.call(&plain).code(2).says("`--account`");
    assert!(!done.err.contains("action"), "{}", done.err);
    world
        .call(&[&LOOKUP[..], &["--by", "external-id"]].concat())
        .code(2)
        .says("`people.csv` has no column that is known to hold what `--by external-id` means");
    let acme = [&plain[..], &["--account", "acme"]].concat();
    let done = world.call(&acme).code(1).says("none for 1");
    let done = done.says("look whether the column holds what `--by email` means");
    assert!(!done.err.contains("userpurge plan"), "{}", done.err);
}

#[test]
fn an_answer_about_others_gives_nobody_an_id_and_a_refusal_stops() {
    let world = people(3);
    let refusal = json!({"error": "Forbidden", "description": "person.1@shop.example may not"});
    // The third has a sign that is no K: another person.
    let other = json!({"users": [
        {"id": 4711, "email": "eve@shop.example", "active": true},
        {"id": 4712, "email": "\u{212a}ai@shop.example", "active": true},
    ]});
    world.write(
        "people.csv",
        world.read("people.csv") + "acme,x,kai@shop.example\n",
    );
    for (status, answer, code, rows) in [(403, refusal, 3, 0), (200, other, 1, 4)] {
        let server = world.block_on(zendesk_that(ResponseTemplate::new(500)));
        let answer = ResponseTemplate::new(status).set_body_json(answer);
        let search = Mock::given(path("/api/v2/users/search")).respond_with(answer);
        world.block_on(search.with_priority(1).mount(&server));
        world.ask_acme_at(&server.uri());
        let done = world.call(&LOOKUP).code(code);
        assert!(!done.err.contains("shop.example"), "{done:?}");
        assert_eq!(written(&world).len(), rows);
    }
    assert!(
        written(&world)
            .iter()
            .all(|row| row.starts_with(",acme,none,"))
    );
}

/// What only a deletion needs is taken, so that a `plan` line becomes a `lookup` line, and not shown.
#[test]
fn its_help_lists_what_it_heeds() {
    let world = World::new();
    for help in ["-h", "--help"] {
        let told = world.call(&["lookup", help]).code(0).out;
        for option in ["--account", "--by", "--id-column"] {
            assert!(told.contains(option), "{option} in {told}");
        }
        for option in ["--yes", "--protect", "--canary", "--max-delete", "--notify"] {
            assert!(!told.contains(option), "{option} in {told}");
        }
    }
    let told = world.call(&["lookup", "--help"]).code(0).out;
    assert!(told.contains("--where ") && told.contains("--attempts"));
}

/// What a lookup that ended in order has asked is known; of one that was killed, more may be under way, and
/// whoever comes next waits for that.
#[test]
fn a_lookup_that_came_to_its_end_leaves_nobody_to_wait_for() {
    let world = people(1);
    world.call(&LOOKUP).code(0);
    let folder = world.path(".local/state/userpurge/lookups");
    let logs: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let logs = logs.iter().map(std::fs::DirEntry::path);
    let logs: Vec<_> = logs
        .filter(|it| it.extension().is_some_and(|it| it == "jsonl"))
        .collect();
    assert_eq!(logs.len(), 1, "{logs:?}");
    let last = std::fs::read_to_string(&logs[0]).unwrap();
    let last = last.lines().last().unwrap();
    assert!(last.contains(r#""kind":"end""#), "{last}");
}

/// What was found at one account is not what another one was asked for.
#[test]
fn a_file_of_another_accounts_users_is_not_gone_on_with() {
    let world = people(1);
    world.write("people.csv", "email\nperson.1@shop.example\n");
    let lookup = |account| {
        let account = [&LOOKUP[..], &["--account", account]].concat();
        world.call(&account)
    };
    lookup("acme");
    let written = world.read("found.csv");
    assert!(written.contains(",acme,"), "{written}");
    let asked = world
        .sandbox()
        .with(|it, _| it.last().map_or(0, |it| it.seq));
    lookup("crm")
        .code(2)
        .says("is not what `lookup` made of this input");
    assert_eq!(world.read("found.csv"), written);
    assert_eq!(
        world
            .sandbox()
            .with(|it, _| it.last().map_or(0, |it| it.seq)),
        asked
    );
}
