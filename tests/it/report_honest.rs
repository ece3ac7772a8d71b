//! What the reader of a report would believe: each word of it holds for every row that it is said of.

use serde_json::{Value, json};

use crate::signals::send;
use crate::support::usual::{LEDGER, PERMANENTLY, RUN, run};
use crate::support::{World, csv, ids};

/// The report of `ledgers` in Markdown, which has the words of the page.
fn told(world: &World, ledgers: &[&str]) -> String {
    let args = [&["report"], ledgers, &["--format", "md"]].concat();
    world.call(&args).code(0).out
}

/// What `report` says in JSON.
fn json_of(world: &World, ledger: &str) -> Value {
    let done = world.call(&["report", ledger, "--format", "json"]).code(0);
    serde_json::from_str(&done.out).unwrap()
}

#[test]
fn rows_done_since_a_verification_are_not_called_verified() {
    let world = World::of_users(4);
    world.seed(json!({"zendesk": [{"id": "4", "open_tickets": 1}]}));
    world.call(&RUN).code(1);
    world.call(&["verify", LEDGER]).code(0);
    assert!(told(&world, &[LEDGER]).contains("**verified with the provider**"));
    world.zendesk_users([4]);
    world
        .call(&["retry", LEDGER, "--only", "refused", "--yes"])
        .code(0);
    let words = told(&world, &[LEDGER]);
    assert!(
        words.contains("**3 of 4 done rows verified with the provider**"),
        "{words}"
    );
    let next = format!("userpurge verify {LEDGER}");
    world
        .call(&["status", LEDGER])
        .code(0)
        .says("asked about 3 of 4 rows")
        .says(&format!("next {next}"));
    assert_eq!(json_of(&world, LEDGER)["next"], *next);
    world.call(&["verify", LEDGER]).code(0);
    world.call(&["status", LEDGER]).says("nothing to do");

    // One who stood again and was sent again is not seen gone by that.
    world.zendesk_users([1]);
    world.call(&["verify", LEDGER]).code(1);
    world
        .call(&["retry", LEDGER, "--only", "standing", "--yes"])
        .code(0)
        .says(&next);
    let words = told(&world, &[LEDGER]);
    assert!(words.contains("**3 of 4 done rows verified"), "{words}");
}

#[test]
fn a_plan_that_nobody_agreed_to_has_rows_to_send() {
    let world = World::of_users(3);
    let plan = [
        "plan",
        "users.csv",
        "--account",
        "acme",
        "--action",
        "delete",
    ];
    world
        .call(&[&plan[..], &["-o", "saved.ledger.jsonl"]].concat())
        .code(0);
    let words = told(&world, &["saved.ledger.jsonl"]);
    assert!(
        words.contains("Nothing has been sent for this plan."),
        "{words}"
    );
    assert!(
        words.contains("No row is done, so there is nothing to ask"),
        "{words}"
    );
    for untrue in [
        "No account had a row to send",
        "| not recorded |",
        "userpurge verify",
    ] {
        assert!(!words.contains(untrue), "{words}");
    }
}

/// The requests are fewer than those that the ledger has, or as many: each is there before it leaves.
#[test]
fn a_killed_run_tells_the_answers_that_are_missing() {
    let world = World::of_soft_deleted(9);
    world.settings(json!({"latency": "500ms"}));
    let child = world.start(&[&PERMANENTLY[..], &["--concurrency", "3"]].concat());
    world.until("requests are under way", || world.deletions().len() == 3);
    send("-KILL", &child);
    world.finish(child).code(-1);
    let arrived = world.sandbox().log(None).len() as u64;
    let json = json_of(&world, LEDGER);
    assert!(json["requests"].as_u64().unwrap() >= arrived, "{json}");
    let words = told(&world, &[LEDGER]);
    let heading = "0 of 9 rows done, 9 still to do (3 sent, answer missing)";
    assert!(words.contains(heading), "{words}");
    assert!(
        words.contains("has not ended yet (3 sent, answer missing)"),
        "{words}"
    );
    assert!(words.contains("| not recorded |"), "{words}");
    assert!(words.contains("| Requests recorded |"), "{words}");
}

/// There is no file of it whose digest a command could print.
#[test]
fn of_what_came_on_standard_input_no_file_is_named() {
    let world = World::of_users(3);
    let run = [&run("-", "acme", "delete")[..], &["--ledger", LEDGER]].concat();
    world.call_with(&run, ids(1..=3).as_bytes()).code(0);
    let words = told(&world, &[LEDGER]);
    assert!(!words.contains("sha256sum"), "{words}");
    let digest = json_of(&world, LEDGER)["input"]["sha256"].clone();
    assert!(words.contains(digest.as_str().unwrap()), "{words}");
}

#[test]
fn a_report_of_several_ledgers_names_them_all_where_it_says_what_lists_the_rest() {
    let world = World::of_users(40);
    let mut ledgers = Vec::new();
    for (name, users) in [("a.csv", 1..=20), ("b.csv", 15..=40)] {
        let rows = users.map(|id| [id.to_string(), format!("REQ-{id}")]);
        world.write(name, csv("id,ref", rows));
        world.call(&run(name, "acme", "delete")).code(0);
        ledgers.push(format!("{name}.ledger.jsonl"));
    }
    let ledgers: Vec<_> = ledgers.iter().map(String::as_str).collect();
    let words = told(&world, &ledgers);
    let note = "6 rows of this run count in another one.";
    assert!(words.contains(note), "{words}");
    let (_, lists) = words.split_once("and 10 references more, which `").unwrap();
    let command = lists.split_once('`').unwrap().0;
    let args: Vec<_> = command.split(' ').skip(1).collect();
    world.call(&args).code(0);
    assert_eq!(world.read("report/refs.csv").lines().count(), 1 + 40);
}

#[test]
fn a_session_at_work_has_not_been_cut_off() {
    let world = World::of_users(3);
    world.limit_acme("delete = \"1/1h\"");
    let child = world.start(&RUN);
    world.until("a row is deleted", || !world.deletions().is_empty());
    world.until("its end is recorded", || !world.outcomes(LEDGER).is_empty());
    let words = told(&world, &[LEDGER]);
    send("-INT", &child);
    world.finish(child).code(130);
    assert!(words.contains("| at work |"), "{words}");
    assert!(!words.contains("| not recorded |"), "{words}");
}

#[test]
fn a_reason_of_several_rows_names_no_number_that_differs() {
    let world = World::of_users(4);
    world.seed(json!({"zendesk": [
        {"id": "1", "open_tickets": 2}, {"id": "2", "open_tickets": 17},
    ]}));
    world.call(&RUN).code(1);
    let of = |n: &str| format!("is requester on {n} ticket(s) that are not closed.");
    let reason = |world: &World| json_of(world, LEDGER)["reasons"][0].clone();
    assert_eq!(reason(&world)["rows"], 2);
    assert_eq!(reason(&world)["message"], of("…"));
    world.call(&["status", LEDGER]).code(0);
    // Of one row it is told as it was said.
    let single = World::of_users(2);
    single.seed(json!({"zendesk": [{"id": "1", "open_tickets": 17}]}));
    single.call(&RUN).code(1);
    assert_eq!(reason(&single)["message"], of("17"));
}

#[test]
fn the_options_of_a_run_are_those_that_were_typed() {
    let world = World::of_users(1);
    world
        .call(&[&RUN[..], &["--config", "userpurge.toml"]].concat())
        .code(0);
    let words = told(&world, &[LEDGER]);
    assert!(words.contains("| `--config` |"), "{words}");
    assert!(!words.contains("--config-named"), "{words}");
}

/// Those who were protected stay so, and the file is read by its own columns.
#[test]
fn the_command_for_the_failed_rows_works_with_the_file_that_was_written() {
    let world = World::of_users(3);
    world.seed(json!({"zendesk": [{"id": "2", "suspended": true}]}));
    world.write("users.csv", "Kunde,Konto\n1,acme\n2,acme\n3,acme\n");
    let named = ["--id-column", "Kunde", "--account-column", "Konto"];
    let run = [
        "run",
        "users.csv",
        "--action",
        "delete",
        "--protect-suspended",
        "--yes",
    ];
    world.call(&[&run[..], &named].concat()).code(1);
    let rows = ["report", LEDGER, "--format", "csv", "--out"];
    for (folder, has_input) in [("with", true), ("without", false)] {
        if !has_input {
            std::fs::remove_file(world.path("users.csv")).unwrap();
        }
        let done = world.call(&[&rows[..], &[folder]].concat()).code(0);
        let (_, next) = done.err.split_once("next: userpurge ").unwrap();
        assert_eq!(next.contains("--id-column Kunde"), has_input, "{next}");
        let next: Vec<_> = next.split_whitespace().collect();
        let before = world.deletions().len();
        world.call(&[&next[..], &["--yes"]].concat()).code(1);
        let ledger = format!("{folder}/failed.csv.ledger.jsonl");
        assert_eq!(world.outcomes(&ledger)[&1]["code"], "protected_role");
        assert_eq!(world.deletions().len(), before);
    }
}

#[test]
fn an_order_is_not_gone_before_it_was_seen_to_be() {
    let world = World::new();
    world.seed(json!({"helpscout": [{"id": "500600701"}, {"id": "500600702"}]}));
    world.settings(json!({"order_delay": "1h"}));
    world.write("users.csv", "id,ref\n500600701,REQ-1\n500600702,REQ-2\n");
    let base = format!("{}/file/helpscout", world.base());
    world.configure(&format!(
        "[accounts.desk]\nprovider = \"helpscout\"\nclient_id = \"x\"\nclient_secret = \"sandbox-secret\"\nbase_url = \"{base}\"\n"
    ));
    world
        .call(&run("users.csv", "desk", "delete-later"))
        .code(0);
    let verdict = || json_of(&world, LEDGER)["refs"]["listed"][0].clone();
    let ordered =
        json!({"ref": "REQ-1", "verdict": "partly", "rows": 1, "gone": 0, "left": {"desk": 1}});
    assert_eq!(verdict(), ordered);
    // One of them is asked about, and that one is not gone yet.
    world.call(&["verify", LEDGER, "--sample", "1"]).code(0);
    let words = told(&world, &[LEDGER]);
    let sample = "**1 of 2 done rows verified with the provider, some still being erased**";
    assert!(words.contains(sample), "{words}");
    assert_eq!(verdict(), ordered);
    world.call(&["verify", LEDGER]).code(0);
    let words = told(&world, &[LEDGER]);
    assert!(
        words.contains("**verified; 2 users still being erased by the provider**"),
        "{words}"
    );
    assert_eq!(verdict(), ordered);
    world.settings(json!({"order_delay": "0s"}));
    world.call(&["verify", LEDGER]).code(0);
    assert_eq!(verdict()["verdict"], "all gone");
    assert_eq!(verdict()["gone"], 1);
}

/// A provider file's first step as well: its users are no untouched ones.
#[test]
fn users_between_two_steps_are_told_apart_at_every_provider() {
    let world = World::new();
    let ids = ["1", "2", "3"].map(|n| format!("00u{n:b>17}"));
    world.seed(json!({"okta": ids.clone().map(|id| json!({"id": id}))}));
    world.write("users.csv", format!("id\n{}\n", ids.join("\n")));
    let base = format!("{}/file/okta", world.base());
    world.configure(&format!(
        "[accounts.okta]\nprovider = \"okta\"\ndomain = \"x\"\ntoken = \"sandbox-secret\"\nbase_url = \"{base}\"\n\
         [accounts.okta.limits]\nrequests = \"4/1h\"\n"
    ));
    let child = world.start(&run("users.csv", "okta", "deactivate-and-delete"));
    // Who we are, and three deletions.
    world.until("the quota is used up", || world.deletions().len() == 3);
    world.until("every answer is recorded", || {
        let entries = world.ledger(LEDGER);
        let is_answer = |it: &&Value| ["step", "outcome"].iter().any(|kind| it["kind"] == *kind);
        entries.iter().filter(is_answer).count() == 3
    });
    send("-INT", &child);
    world.finish(child).code(130);
    let inactive = world
        .users()
        .into_iter()
        .filter(|it| it.state == "inactive");
    let inactive = inactive.count();
    assert!(inactive > 0);
    assert_eq!(world.status(LEDGER)["steps_done"]["soft_deleted"], inactive);
    let told = format!("{inactive} soft-deleted so far");
    world.call(&["status", LEDGER]).code(0).says(&told);
}

/// Each ledger's files are described by what is in them.
#[test]
fn rows_that_count_in_another_ledger_are_not_told_twice() {
    let world = World::of_users(4);
    let wide = world.config();
    let permanently = "permanently-delete = \"100000/1s\"";
    world.configure(&wide.replacen(permanently, "permanently-delete = \"1/1h\"", 1));
    let child = world.start(&run("users.csv", "acme", "purge"));
    world.until("all are soft-deleted, one for good", || {
        let users = world.users().into_iter();
        users.map(|user| user.changes).sum::<u32>() == 5
    });
    world.until("all of that is recorded", || {
        let entries = world.ledger(LEDGER);
        let count = |kind: &str| entries.iter().filter(|it| it["kind"] == kind).count();
        (count("step"), count("outcome")) == (4, 1)
    });
    send("-INT", &child);
    world.finish(child).code(130);
    world.configure(&wide);
    let other = "other.ledger.jsonl";
    let mut again = run("users.csv", "acme", "purge").to_vec();
    again.extend(["--ledger", other]);
    world.call(&again);
    let csv = ["report", LEDGER, other, "--format", "csv", "--out", "rows"];
    let done = world.call(&csv).code(0);
    assert!(!done.out.contains("soft-deleted"), "{done:?}");
    let words = told(&world, &[LEDGER, other]);
    assert!(!words.contains("soft-deleted so far"), "{words}");
    // The chart of a run has all of its rows, so that is its scale.
    let page = ["report", LEDGER, other, "-o", "page.html"];
    world.call(&page).code(0);
    let page = world.read("page.html");
    assert_eq!(page.matches("up to all 4, with").count(), 2, "{page}");
}

/// What only the whole file shows ends a row after the ledger has told of it.
#[test]
fn a_row_that_turns_out_invalid_keeps_its_reference() {
    let world = World::new();
    let ids = 361_808_351_000..361_808_351_030;
    world.zendesk_users(ids.clone());
    let ids: Vec<_> = ids.map(|id| format!("{id},REQ-{id}\n")).collect();
    world.write("users.csv", format!("id,ref\n{}42,REQ-X\n", ids.concat()));
    world.call(&RUN).code(1);
    assert_eq!(world.outcomes(LEDGER).len(), 31);
    let reasons = json_of(&world, LEDGER)["reasons"].clone();
    let invalid = reasons.as_array().unwrap().iter();
    let listed = invalid
        .filter(|it| it["outcome"] == "invalid")
        .map(|it| it["listed"][0]["ref"].clone());
    assert_eq!(listed.collect::<Vec<_>>(), ["REQ-X"]);
    // Also where the ledger is all that is left.
    std::fs::remove_file(world.path("users.csv")).unwrap();
    let rows = ["report", LEDGER, "--format", "csv", "--out", "rows"];
    world.call(&rows).code(0);
    let failed = world.read("rows/failed.csv");
    let row = failed.lines().find(|line| line.contains("invalid"));
    assert!(row.unwrap().contains("REQ-X"), "{failed}");
}

#[test]
fn a_run_with_rows_to_do_is_not_finished_by_a_retry_of_others() {
    let world = World::of_users(4);
    world.seed(json!({"zendesk": [{"id": "1", "open_tickets": 1}]}));
    let canary = [&RUN[..], &["--canary", "1"]].concat();
    world.call(&canary).code(3);
    world.zendesk_users([1]);
    world
        .call(&["retry", LEDGER, "--only", "refused", "--yes"])
        .says(&format!("next userpurge resume {LEDGER}"));
    let status = world.status(LEDGER);
    assert_eq!(status["outcomes"]["pending"], 3);
    assert_eq!(status["state"], "interrupted");
    let words = told(&world, &[LEDGER]);
    assert!(!words.contains("run finished"), "{words}");
    world.call(&["resume", LEDGER]).code(0);
    assert_eq!(world.status(LEDGER)["state"], "finished");
}
