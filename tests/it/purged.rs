//! A purge is good only when the user is permanently deleted: while the provider does not yet list
//! whom it has just soft-deleted, its "not found" is about the moment.

use rstest::rstest;
use serde_json::{Value, json};

use crate::signals::send;
use crate::support::World;
use crate::support::raw::{After, Heard, Raw, Wire, answer};
use crate::support::usual::{LEDGER, PERMANENTLY, run};

const PURGE: [&str; 7] = run("users.csv", "acme", "purge");
const NOBODY: &str = r#"{"error":"RecordNotFound","description":"Not found"}"#;

/// How each row ended: the outcome, its code if it has one, and a `+` if it was settled.
fn ends(world: &World) -> Vec<String> {
    let told = |entry: &Value| {
        let settled = if entry["settled"] == true { "+" } else { "" };
        let code = entry["code"].as_str().map(|code| format!(" {code}"));
        let outcome = entry["outcome"].as_str().unwrap();
        format!("{outcome}{settled}{}", code.unwrap_or_default())
    };
    world.outcomes(LEDGER).values().map(told).collect()
}

/// How the users of the file stand at the provider.
fn states(world: &World, count: u64) -> Vec<String> {
    let users = world.users();
    let ours = users.into_iter().filter(|user| {
        let id: Result<u64, _> = user.id.parse();
        id.is_ok_and(|id| id <= count)
    });
    ours.map(|user| user.state).collect()
}

/// Has `acme` ask at a server before the sandbox that answers permanent deletions as `first` says,
/// the first of each user, and carries all else.
fn before_permanent(
    world: &World,
    first: impl Fn(&Heard, &mut Wire) -> Option<After> + Send + Sync + 'static,
) -> Raw {
    let sandbox = world.sandbox().addr();
    let seen = std::sync::Mutex::new(std::collections::HashSet::new());
    let front = Raw::start(move |heard, wire| {
        let is_permanent = heard.is_deletion() && heard.target.contains("/deleted_users/");
        if is_permanent
            && seen.lock().unwrap().insert(heard.target.clone())
            && let Some(after) = first(heard, wire)
        {
            return after;
        }
        wire.send(heard.carry(sandbox));
        After::Keep
    });
    world.ask_acme_at(&front.base());
    front
}

#[rstest]
fn users_who_are_listed_as_deleted_only_after_a_while_are_purged(
    #[values("300ms", "1s")] delay: &str,
    #[values(5, 30)] count: u64,
) {
    let world = World::of_users(count);
    world.settings(json!({"zendesk": {"listing_delay": delay}, "scale_limits": 20.0}));
    world.call(&PURGE).code(0);
    assert!(
        ends(&world).iter().all(|end| end == "deleted"),
        "{:?}",
        ends(&world)
    );
    assert!(
        states(&world, count)
            .iter()
            .all(|state| state == "permanently-deleted")
    );
}

#[test]
fn who_is_never_listed_fails_and_can_be_tried_again() {
    let world = World::of_users(4);
    world.settings(json!({"zendesk": {"listing_delay": "1h"}}));
    world
        .call(&[&PURGE[..], &["--attempts", "2"]].concat())
        .code(1);
    assert_eq!(ends(&world), ["failed not_listed_yet"; 4]);
    assert_eq!(states(&world, 4), ["soft-deleted"; 4]);

    world.settings(json!({"zendesk": {"listing_delay": "0s"}}));
    world.call(&["retry", LEDGER, "--yes"]).code(0);
    assert_eq!(ends(&world), ["deleted"; 4]);
    assert_eq!(states(&world, 4), ["permanently-deleted"; 4]);
}

/// The rows are interrupted between the two steps; the next process knows the first from the ledger.
#[rstest]
#[case::a_purge("id,action\n1,purge\n2,purge\n3,purge\n", "failed not_listed_yet", 0)]
#[case::a_row_behind_another(
    "id,action\n1,delete\n2,delete\n3,delete\n1,permanently-delete\n2,permanently-delete\n3,permanently-delete\n",
    "failed not_listed_yet",
    3
)]
fn what_an_earlier_process_soft_deleted_is_not_taken_for_gone(
    #[case] rows: &str,
    #[case] end: &str,
    #[case] ended: usize,
) {
    let world = World::of_users(3);
    world.write("users.csv", rows);
    world.settings(json!({"zendesk": {"listing_delay": "1h"}}));
    let run = [
        "run",
        "users.csv",
        "--account",
        "acme",
        "--yes",
        "--attempts",
        "20",
    ];
    let child = world.start(&run);
    world.until("all are soft-deleted, and asked for again", || {
        let permanent = world
            .deletions()
            .into_iter()
            .filter(|it| it.path.contains("deleted_users"));
        states(&world, 3)
            .iter()
            .all(|state| state == "soft-deleted")
            && permanent.count() >= 3
    });
    send("-INT", &child);
    world.finish(child).code(130);
    assert_eq!(ends(&world), vec!["deleted"; ended]);

    world.call(&["resume", LEDGER, "--attempts", "1"]).code(1);
    assert_eq!(ends(&world)[ended..], [end; 3]);
    assert_eq!(states(&world, 3), ["soft-deleted"; 3]);
}

#[test]
fn a_permanent_deletion_behind_a_soft_one_of_the_same_user_waits_for_it() {
    let world = World::of_users(3);
    world.write(
        "users.csv",
        "id,action\n1,delete\n2,delete\n1,permanently-delete\n3,delete\n2,permanently-delete\n3,purge\n",
    );
    world.settings(json!({"zendesk": {"listing_delay": "700ms"}}));
    world
        .call(&["run", "users.csv", "--account", "acme", "--yes"])
        .code(0);
    assert_eq!(ends(&world), ["deleted"; 6]);
    assert_eq!(states(&world, 3), ["permanently-deleted"; 3]);
}

/// The provider has just listed the user as soft-deleted, so that one "not found" is no proof.
#[test]
fn who_was_listed_a_moment_before_is_not_gone_by_one_not_found() {
    let world = World::of_soft_deleted(3);
    let _front = before_permanent(&world, |_, wire| {
        wire.send(answer(
            "404 Not Found",
            &["content-type: application/json"],
            NOBODY,
        ));
        Some(After::Keep)
    });
    world.call(&PERMANENTLY).code(0);
    assert_eq!(ends(&world), ["deleted"; 3]);
    assert_eq!(states(&world, 3), ["permanently-deleted"; 3]);
}

/// Whoever was permanently deleted long ago is so, whether or not their name was erased yet.
#[rstest]
fn who_was_permanently_deleted_before_is_already_gone(
    #[values("0s", "1h")] rename_delay: &str,
    #[values("purge", "permanently-delete")] action: &str,
) {
    let world = World::of_users(2);
    world.settings(json!({"zendesk": {"rename_delay": rename_delay}}));
    let gone = |id: &str| json!({"id": id, "state": "permanently-deleted"});
    world.seed(json!({"zendesk": [gone("1"), gone("2")]}));
    world.call(&run("users.csv", "acme", action)).code(0);
    assert_eq!(ends(&world), ["already_gone already_deleted"; 2]);
}

/// The answer to the permanent deletion is lost. Whether it was done, Zendesk's record of the erasure
/// tells: the user's name stands for an hour.
#[rstest]
#[case::done(true, "deleted+ settled")]
#[case::not_done(false, "deleted")]
fn a_lost_answer_to_the_permanent_deletion_is_settled_by_the_record_of_it(
    #[case] is_done: bool,
    #[case] end: &str,
) {
    let world = World::of_users(3);
    world.settings(json!({"zendesk": {"rename_delay": "1h", "listing_delay": "400ms"}}));
    let sandbox = world.sandbox().addr();
    let _front = before_permanent(&world, move |heard, _| {
        // Until they are listed, so that it can be done.
        while is_done && !String::from_utf8_lossy(&heard.carry(sandbox)).contains("200 OK") {
            std::thread::yield_now();
        }
        Some(After::Reset)
    });
    world.call(&PURGE).code(0);
    assert_eq!(ends(&world), [end; 3]);
    assert_eq!(states(&world, 3), ["permanently-deleted"; 3]);
}

/// Between the two steps somebody else permanently deletes the users, and the provider forgets them.
#[test]
fn who_is_gone_behind_our_soft_deletion_is_already_gone() {
    let world = World::of_ids("zendesk", (1..=4).map(|n| n.to_string()));
    let sandbox = world.sandbox().addr();
    let gone = std::sync::Mutex::new(std::collections::HashSet::new());
    let front = Raw::start(move |heard, wire| {
        let id = heard.user().to_owned();
        let is_permanent = heard.is_deletion() && heard.target.contains("/deleted_users/");
        if is_permanent {
            gone.lock().unwrap().insert(id.clone());
        }
        if gone.lock().unwrap().contains(&id) {
            let json = ["content-type: application/json"];
            wire.send(answer("404 Not Found", &json, NOBODY));
        } else {
            wire.send(heard.carry(sandbox));
        }
        After::Keep
    });
    world.ask_acme_at(&front.base());
    world.call(&PURGE).code(0);
    assert_eq!(ends(&world), ["already_gone already_deleted"; 4]);
    assert_eq!(states(&world, 4), ["soft-deleted"; 4]);
}
