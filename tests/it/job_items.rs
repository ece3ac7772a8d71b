//! What a job says of a user in words that are not known: nothing, and a deletion of its own tells.

use crate::support::World;
use crate::support::raw::{After, Heard, Raw, answer};
use crate::support::usual::{LEDGER, RUN};

const ROWS: u64 = 30;

#[test]
fn an_unknown_error_in_a_job_ends_no_row_that_a_single_deletion_would_settle() {
    let world = World::of_users(ROWS);
    world.settings(serde_json::json!({"scale_limits": 20.0}));
    let sandbox = world.sandbox().addr();
    let front = Raw::start(move |heard, wire| {
        let mut heard = heard.clone();
        let is_job = heard.target.contains("destroy_many");
        if is_job {
            // The job's worker dies before it comes to user 7.
            let whole = heard.target.clone();
            heard.target = whole.replace(",7,", ",").replace("%2C7%2C", "%2C");
            assert_ne!(heard.target, whole);
        }
        let reply = String::from_utf8(heard.carry(sandbox)).unwrap();
        let reply = match reply.split_once("\r\n\r\n") {
            Some((_, body)) if body.contains("\"results\":[{") => {
                let item = "\"results\":[{\"index\":6,\"error\":\"WorkerDied\",\"id\":7},{";
                let body = body.replace("\"results\":[{", item);
                answer("200 OK", &["content-type: application/json"], body)
            }
            _ => reply.into_bytes(),
        };
        wire.send(reply);
        After::Keep
    });
    world.ask_acme_at(&front.base());
    world.call(&RUN).code(0);
    let outcomes = world.outcomes(LEDGER);
    assert_eq!(outcomes.len() as u64, ROWS);
    assert!(
        outcomes.values().all(|it| it["outcome"] == "deleted"),
        "{:?}",
        outcomes[&7]
    );
    let single = front.heard().into_iter().filter(Heard::is_deletion);
    let single = single.filter(|it| !it.target.contains("destroy_many"));
    let single: Vec<String> = single.map(|it| it.user().to_owned()).collect();
    assert_eq!(single, ["7"]);
}
