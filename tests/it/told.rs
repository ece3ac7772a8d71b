//! What a person is told before a run and at its end: why rows are not done, how long it takes by what the
//! provider says, what becomes of answers that are missing, and one advice for one fault.

use std::sync::atomic::{AtomicBool, Ordering};

use rstest::rstest;
use serde_json::{Value, json};

use crate::support::raw::{After, Heard, Raw};
use crate::support::usual::{LEDGER, RUN, id, plan_of, run};
use crate::support::{World, ids};

/// The closing words' line of that label.
fn line<'o>(out: &'o str, label: &str) -> &'o str {
    let mut lines = out.lines().filter_map(|line| line.split_once("  "));
    let (_, text) = lines.find(|(it, _)| *it == label).unwrap();
    text.trim_start()
}

/// Nine users with open tickets, who cannot be deleted, one whom nobody knows, and ones who can.
fn busy() -> World {
    let world = World::new();
    let users = (1..=9).map(|id| json!({"id": id.to_string(), "open_tickets": 1}));
    world.seed(json!({"zendesk": users.collect::<Vec<_>>()}));
    world.zendesk_users(10..=20);
    world.write("users.csv", ids((1..=20).chain([999])));
    world
}

#[test]
fn the_end_says_why_rows_are_not_done_in_the_words_of_the_report() {
    let world = busy();
    let done = world.call(&RUN).code(1);
    assert!(done.out.lines().count() <= 10, "{}", done.out);
    let report = ["report", LEDGER, "--format", "json", "-o", "-"];
    let report: Value = serde_json::from_str(&world.call(&report).code(0).out).unwrap();
    let reasons = report["reasons"].as_array().unwrap();
    let told = ["refused", "not_found"].map(|outcome| {
        let reason = reasons.iter().find(|it| it["outcome"] == outcome).unwrap();
        let words = reason["message"].as_str().unwrap();
        format!(
            "{} {outcome}: {}",
            reason["rows"],
            words.trim_end_matches('.')
        )
    });
    assert_eq!(line(&done.out, "why"), told.join("; "));
    // Nothing is left of a reason once its rows are done.
    let users = (1..=9).map(|id| json!({"id": id.to_string()}));
    world.seed(json!({"zendesk": users.collect::<Vec<_>>()}));
    let retry = ["retry", LEDGER, "--only", "refused", "--yes"];
    let done = world.call(&retry).code(1);
    assert_eq!(line(&done.out, "why"), told[1]);
    world.zendesk_users([999]);
    let retry = ["retry", LEDGER, "--only", "not_found", "--yes"];
    let done = world.call(&retry).code(0);
    assert!(!done.out.contains("\nwhy "), "{}", done.out);
}

#[test]
fn the_reason_is_as_wide_as_the_terminal() {
    let world = busy();
    let terminal = world.terminal(60);
    terminal.types(&format!(
        "userpurge {} --progress none; echo =$?=",
        RUN.join(" ")
    ));
    let screen = terminal.until("it has ended", |screen| screen.contains("=1="));
    let why: Vec<&str> = screen.lines().filter(|it| it.starts_with("why ")).collect();
    assert_eq!(why.len(), 1, "{screen}");
    assert!(
        why[0].contains("9 refused: ") && why[0].ends_with('…'),
        "{screen}"
    );
    assert!(why[0].chars().count() <= 60, "{screen}");
}

#[test]
fn the_time_is_that_of_the_limit_that_the_provider_states() {
    let world = World::new();
    world.soft_deleted_users(1..=300);
    world.write("users.csv", ids(1..=300));
    world.wide();
    world.limit_acme("requests = \"300/1m\"");
    let plan = [
        "run",
        "users.csv",
        "--account",
        "acme",
        "--action",
        "permanently-delete",
    ];
    // Without a terminal and a word of consent it ends behind the plan.
    let ours = world.call(&plan).code(2).says("at least 1 min 0 s");
    ours.says("the configuration allows 300 requests in 1 min");
    world.settings(json!({"zendesk": {"quota": "100/1m"}}));
    let theirs = world.call(&plan).code(2).says("at least 5 min 0 s");
    theirs.says("Zendesk Support allows 100 requests in 1 min");
    assert!(world.deletions().is_empty());
    // Where nobody states a limit, it is this program's own.
    world.settings(json!({"zendesk": {"quota": "100000/1m"}}));
    world.limit_acme("");
    world.soft_deleted_users(1..=500);
    world.write("users.csv", ids(1..=500));
    let nobody = world.call(&plan).code(2).says("at least 2 min 0 s");
    nobody.says("userpurge keeps to 400 requests in 1 min");
}

#[test]
fn what_a_live_dry_run_asks_counts_for_the_run_that_follows() {
    let world = World::of_users(3);
    world.limit_acme("requests = \"1000/1h\"");
    let live = [&RUN[..], &["--dry-run", "--live"]].concat();
    world.call(&live).code(0);
    assert!(!world.path(LEDGER).exists());
    let asked = world
        .sandbox()
        .with(|it, _| it.last().map_or(0, |it| it.seq));
    assert!(asked > 1, "{asked}");
    world.call(&RUN).code(0);
    let ledger = world.ledger(LEDGER);
    let session = ledger.iter().find(|it| it["kind"] == "session").unwrap();
    let limits = session["ahead"][0]["limits"].as_array().unwrap();
    let of_all = limits.iter().find(|it| it["step"].is_null()).unwrap();
    // And its own question who we are.
    assert_eq!(of_all["taken"], asked + 1, "{session}");
}

#[rstest]
#[case("zendesk", "acme", "checked first")]
#[case("sunco", "chat", "sent again")]
fn what_becomes_of_a_missing_answer_is_said_as_it_is(
    #[case] provider: &str,
    #[case] account: &str,
    #[case] told: &str,
) {
    let world = World::of_ids(provider, [id(account, 1)]);
    let (sandbox, is_first) = (world.sandbox().addr(), AtomicBool::new(true));
    let front = Raw::start(move |heard, wire| {
        if heard.is_deletion() && is_first.swap(false, Ordering::Relaxed) {
            // Until the client is gone.
            while wire.read(1).is_some() {}
            return After::Close;
        }
        wire.send(heard.carry(sandbox));
        After::Keep
    });
    world.ask_at(&front.base());
    let mut child = world.start(&run("users.csv", account, "delete"));
    world.until("the deletion is under way", || {
        front.heard().iter().any(Heard::is_deletion)
    });
    child.kill().unwrap();
    world.finish(child);
    let done = world.call(&["resume", LEDGER]).code(0);
    done.says(&format!("1 of 1 row to send; 1 answer missing: {told}"));
}

#[test]
fn a_misspelt_account_has_one_advice() {
    let world = World::of_users(1);
    let plan = |account: &str| {
        world.write("users.csv", format!("id,account\n1,{account}\n2,acme\n"));
        let plan = [&plan_of("users.csv")[..], &["-v"]].concat();
        world.call(&plan).code(0).out
    };
    let misspelt = plan("acmee");
    assert!(misspelt.contains("did you mean `acme`?"), "{misspelt}");
    assert!(!misspelt.contains("--account-column"), "{misspelt}");
    let other = plan("marketing");
    assert!(other.contains("--account-column none"), "{other}");
    assert!(!other.contains("did you mean"), "{other}");
}

#[test]
fn a_protect_list_that_cannot_be_read_says_what_makes_it_one() {
    let world = World::of_users(3);
    let plan = [&plan_of("users.csv")[..], &["--protect", "staff.csv"]].concat();
    for text in [
        "number,name\n2,Ada\n",
        "id,user_id\n1,2\n",
        "Staff\nid,name\n2,Ada\n",
        "Ada\nBo\n",
    ] {
        world.write("staff.csv", text);
        let done = world.call(&plan).code(2);
        let help = done
            .says("help: give the list one column called `id` below a header in line 1")
            .err;
        assert!(
            !help.contains("--id-column") && !help.contains("--header-line"),
            "{help}"
        );
    }
    // As the advice has it.
    for text in ["id,name\n2,Ada\n", "2\n"] {
        world.write("staff.csv", text);
        world.call(&plan).code(0).says("2 to delete, 1 protected");
    }
}

#[test]
fn a_verification_ends_with_the_ledger_s_new_fingerprint_as_a_note() {
    let world = World::of_users(2);
    world.call(&RUN).code(0);
    let done = world
        .call(&["verify", LEDGER, "--progress", "none"])
        .code(0);
    let head = &world.status(LEDGER)["head"];
    let note = format!(
        "note: {LEDGER} has now the fingerprint {}",
        head.as_str().unwrap()
    );
    assert_eq!(done.err.lines().last(), Some(&*note));
}
