//! SIGKILL at random moments: nothing lost, nothing unrecorded.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use serde_json::{Value, json};
use userpurge::sandbox::Call;

use crate::support::World;

const ROWS: u64 = 240;
const KILLS: usize = 30;
const ROUNDS_MAX: usize = 60;
const LEDGER: &str = "users.csv.ledger.jsonl";

fn seed(world: &World) -> String {
    let mut text = "id,account,action\n".to_owned();
    let (mut zendesk, mut sunco, mut zoho) = (Vec::new(), Vec::new(), Vec::new());
    for n in 1..=ROWS {
        let (row, users, id) = match n % 3 {
            0 => ("acme,purge", &mut zendesk, format!("{n}")),
            1 => (
                "chat,delete",
                &mut sunco,
                format!("5fe0a0f0b5e2a4001c8d{n:04}"),
            ),
            _ => ("crm,delete", &mut zoho, format!("5725767000000{n:06}")),
        };
        users.push(json!({"id": id}));
        writeln!(text, "{id},{row}").unwrap();
    }
    world.seed(json!({"zendesk": zendesk, "sunco": sunco, "zoho": zoho}));
    text
}

#[test]
fn thirty_kills_lose_nothing_and_leave_no_request_without_its_intent() {
    let world = World::new();
    let text = seed(&world);
    world.write("users.csv", text);
    world.wide();
    world.settings(json!({"latency": "5ms..40ms", "scale_limits": 100.0}));
    let mut random = fastrand::Rng::new();
    let mut kills = 0;
    let run = [
        "run",
        "users.csv",
        "--yes",
        "--concurrency",
        "2",
        "--progress",
        "none",
    ];
    let resume = [
        "resume",
        LEDGER,
        "--yes",
        "--concurrency",
        "2",
        "--progress",
        "none",
    ];
    for _ in 0..ROUNDS_MAX {
        let begun = world.path(LEDGER).exists();
        let mut child = world.start(if begun { &resume } else { &run });
        let before = world.deletions().len();
        // Killed once it has sent a few more, at no particular point of any of them.
        let more = random.usize(1..8);
        let mut ended = false;
        world.until("it has sent some more, or ended", || {
            ended = child.try_wait().unwrap().is_some();
            ended || world.deletions().len() >= before + more
        });
        if ended {
            break;
        }
        std::thread::sleep(Duration::from_micros(random.u64(0..20_000)));
        child.kill().unwrap();
        kills += usize::from(child.wait().unwrap().code().is_none());
        if kills == KILLS {
            break;
        }
    }
    assert!(kills >= KILLS, "only {kills} kills hit a running process");
    world.call(&resume).code(0);

    let standing = world.users().into_iter();
    let standing = standing.filter(|user| user.state == "active" || user.state == "soft-deleted");
    let standing: Vec<String> = standing
        .map(|user| user.id)
        .filter(|id| is_ours(id))
        .collect();
    assert!(standing.is_empty(), "still there: {standing:?}");

    let entries = world.ledger(LEDGER);
    every_request_has_its_intent(&world, &entries);
    let outcomes = world.outcomes(LEDGER);
    assert_eq!(outcomes.len() as u64, ROWS);
    assert!(
        outcomes.values().all(|entry| entry["outcome"] == "deleted"),
        "{outcomes:?}"
    );
    let status = world.status(LEDGER);
    assert_eq!(status["state"], "finished");
    assert_eq!(status["outcomes"]["deleted"], ROWS);
}

fn is_ours(id: &str) -> bool {
    match id.len() {
        1..=3 => id.parse::<u64>().is_ok_and(|n| n <= ROWS && n % 3 == 0),
        24 => true,
        _ => id
            .strip_prefix("5725767000000")
            .is_some_and(|n| n.parse::<u64>().is_ok_and(|n| n <= ROWS)),
    }
}

/// Requests and intents, counted per user and step: never more of the first than of the second.
fn every_request_has_its_intent(world: &World, entries: &[Value]) {
    let mut arrived: BTreeMap<(String, String), usize> = BTreeMap::new();
    for call in world.deletions() {
        let step = match call.step {
            Call::DeleteMany => json!(Call::Delete),
            step => json!(step),
        };
        let step = step.as_str().unwrap().to_owned();
        for user in call.users.into_iter().chain(call.user) {
            *arrived.entry((user, step.clone())).or_default() += 1;
        }
    }
    for ((user, step), arrived) in arrived {
        let intended = entries
            .iter()
            .filter(|entry| entry["kind"] == "intent")
            .filter(|entry| entry["id"] == user.as_str() && entry["step"].as_str() == Some(&step))
            .count();
        assert!(
            arrived <= intended,
            "{user} {step}: {arrived} arrived, {intended} intended"
        );
    }
}
