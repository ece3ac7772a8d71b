//! A purge whose second step failed: the user is soft-deleted, and all that shows the row says so.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use crate::support::raw::{After, Raw, answer};
use crate::support::usual::{LEDGER, run};
use crate::support::{World, ids};

const TOLD: &str = "soft-deleted so far";

/// Users 1 to 5, of whom 5 cannot be deleted, and a purge that nothing but 4 gets to the end of: the
/// permanent deletion of 1 and 2 fails, and that of 3 is refused. As long as the value is unset.
fn purged() -> (World, Raw, Arc<AtomicBool>) {
    let world = World::new();
    world.wide();
    world.zendesk_users(1..=4);
    world.seed(json!({"zendesk": [{"id": "5", "open_tickets": 1}]}));
    world.write(
        "users.csv",
        ids(1..=5)
            .replace("id\n", "id,ref\n")
            .replace("3\n", "3,REQ-3\n"),
    );
    let sandbox = world.sandbox().addr();
    let is_well = Arc::new(AtomicBool::new(false));
    let well = Arc::clone(&is_well);
    let front = Raw::start(move |heard, wire| {
        let is_permanent = heard.is_deletion() && heard.target.contains("/deleted_users/");
        let user = heard.target.trim_end_matches(".json").rsplit('/').next();
        let refusal = r#"{"error":"RecordInvalid","description":"Record validation errors","details":{"base":[{"description":"Ann cannot be permanently deleted: legal hold","error":"Hold"}]}}"#;
        let (status, body) = match user.filter(|_| is_permanent && !well.load(Ordering::SeqCst)) {
            Some("1" | "2") => ("503 Service Unavailable", ""),
            Some("3") => ("422 Unprocessable Entity", refusal),
            _ => {
                wire.send(heard.carry(sandbox));
                return After::Keep;
            }
        };
        let headers = ["content-type: application/json"];
        wire.send(answer(status, &headers, body));
        After::Keep
    });
    world.ask_acme_at(&front.base());
    let purge = run("users.csv", "acme", "purge");
    world
        .call(&[&purge[..], &["--attempts", "1"]].concat())
        .code(1)
        .says(&format!(
            "not done 4 (2 refused, 2 failed), of them 3 {TOLD}"
        ));
    (world, front, is_well)
}

/// How the users of the file stand at the provider.
fn soft_deleted(world: &World) -> Vec<String> {
    let users = world.users().into_iter();
    let soft = users
        .filter(|it| it.state == "soft-deleted")
        .map(|it| it.id);
    let mut ids: Vec<_> = soft.filter(|id| id.len() == 1).collect();
    ids.sort();
    ids
}

/// What `report` says in this format.
fn told(world: &World, format: &str) -> String {
    let args = ["report", LEDGER, "--format", format, "-o", "-"];
    world.call(&args).code(0).out
}

fn counted(world: &World) -> (Value, Value) {
    let status = world.status(LEDGER);
    let so_far = status["steps_done"]["soft_deleted"].clone();
    (so_far, status["half_done"].clone())
}

#[test]
fn every_form_of_the_report_says_that_the_user_is_soft_deleted() {
    let (world, _front, is_well) = purged();
    assert_eq!(soft_deleted(&world), ["1", "2", "3"]);
    assert_eq!(counted(&world), (json!(0), json!(3)));
    world
        .call(&["status", LEDGER])
        .says(&format!("of them 3 {TOLD}"));

    let verdict = format!("1 of 5 rows done, 4 not done (3 {TOLD})");
    for format in ["md", "html"] {
        let words = told(&world, format);
        assert!(words.contains(&verdict), "{words}");
        // The reason of two rows, that of one, and nothing about the one that stands.
        let reasons = words.matches(&format!("{TOLD}; ")).count();
        assert_eq!(reasons, 2, "{words}");
        assert!(
            words.contains(&format!("{TOLD}; cannot be permanently deleted")),
            "{words}"
        );
    }
    let json: Value = serde_json::from_str(&told(&world, "json")).unwrap();
    let rows = json["reasons"].as_array().unwrap().iter();
    let mut rows: Vec<_> = rows
        .flat_map(|it| it["listed"].as_array().unwrap())
        .map(|it| (it["id"].as_str().unwrap(), it["soft_deleted"] == true))
        .collect();
    rows.sort_unstable();
    let half = [("1", true), ("2", true), ("3", true), ("5", false)];
    assert_eq!(rows, half);

    let csv = ["report", LEDGER, "--format", "csv", "--out", "rows"];
    world
        .call(&csv)
        .code(0)
        .says(&format!("rows/failed.csv: 4 rows (3 {TOLD})"));
    let failed = world.read("rows/failed.csv");
    for (id, is_half) in half {
        let row = failed
            .lines()
            .find(|line| line.starts_with(&format!("{id},")));
        assert_eq!(row.unwrap().contains(TOLD), is_half, "{failed}");
    }
    let by_ref = [&csv[..], &["--by", "ref"]].concat();
    world.call(&by_ref).code(0);
    assert!(world.read("rows/refs.csv").contains("REQ-3,partly,"));

    // Once it is done, nobody is half deleted.
    is_well.store(true, Ordering::SeqCst);
    world.call(&["retry", LEDGER, "--yes"]).code(1);
    assert_eq!(soft_deleted(&world), ["3"]);
    assert_eq!(counted(&world), (json!(0), json!(1)));
    let retry = ["retry", LEDGER, "--only", "refused", "--yes"];
    world.call(&retry).code(1);
    assert_eq!(soft_deleted(&world), [""; 0]);
    assert_eq!(counted(&world), (json!(0), json!(0)));
    assert!(!told(&world, "md").contains(TOLD));
}

/// Somebody restored the user in between, and their soft deletion is refused as well.
#[test]
fn who_was_restored_since_is_not_called_soft_deleted() {
    let (world, _front, _) = purged();
    world.seed(json!({"zendesk": [{"id": "3", "open_tickets": 1}]}));
    assert_eq!(soft_deleted(&world), ["1", "2"]);
    world
        .call(&["retry", LEDGER, "--only", "refused", "--yes"])
        .code(1);
    assert_eq!(counted(&world), (json!(0), json!(2)));
}
