//! A purge that is stopped between its two steps: the users who are soft-deleted by then are no
//! untouched rows, and everything that tells of the run says so.

use serde_json::Value;

use crate::signals::send;
use crate::support::World;
use crate::support::usual::{LEDGER, run};

const ROWS: u64 = 60;
const PURGED: u64 = 5;

#[test]
fn the_soft_deleted_rows_of_a_stopped_purge_are_told_everywhere() {
    let world = World::of_users(ROWS);
    world.settings(serde_json::json!({"scale_limits": 20.0}));
    let wide = "permanently-delete = \"100000/1s\"";
    let narrow = format!("permanently-delete = \"{PURGED}/1h\"");
    world.configure(&world.config().replacen(wide, &narrow, 1));
    let child = world.start(&run("users.csv", "acme", "purge"));
    world.until(
        "all are soft-deleted, and as many purged as the quota lets",
        || {
            let in_file = |user: &userpurge::sandbox::UserRecord| {
                user.id.parse::<u64>().is_ok_and(|id| id <= ROWS)
            };
            let users: Vec<_> = world.users().into_iter().filter(in_file).collect();
            let purged = users
                .iter()
                .filter(|user| user.state == "permanently-deleted");
            users.iter().all(|user| user.changes > 0) && purged.count() as u64 == PURGED
        },
    );
    world.until("both steps stand in the ledger", || {
        let entries = world.ledger(LEDGER);
        let count = |kind: &str| entries.iter().filter(|it| it["kind"] == kind).count() as u64;
        count("step") == ROWS && count("outcome") == PURGED
    });
    send("-INT", &child);
    let left = ROWS - PURGED;
    let told = format!("{left} soft-deleted so far");
    world
        .finish(child)
        .code(130)
        .says(&format!("{left} ({told}"));

    let status = world.status(LEDGER);
    assert_eq!(status["outcomes"]["pending"], left);
    assert_eq!(
        status["steps_done"],
        serde_json::json!({"soft_deleted": left})
    );
    world.call(&["status", LEDGER]).code(0).says(&told);
    for format in ["md", "html", "json"] {
        let out = format!("report.{format}");
        world
            .call(&["report", LEDGER, "--format", format, "-o", &out])
            .code(0);
    }
    assert!(world.read("report.md").contains(&told));
    assert!(world.read("report.html").contains(&told));
    let json: Value = serde_json::from_str(&world.read("report.json")).unwrap();
    assert_eq!(json["steps_done"]["soft_deleted"], left);

    let csv = ["report", LEDGER, "--format", "csv", "--out", "rows"];
    world.call(&csv).code(0).says(&told);
    let rows = world.read("rows/unprocessed.csv");
    let soft = rows
        .lines()
        .filter(|line| line.contains(",pending,soft_deleted,"));
    assert_eq!(soft.count() as u64, left, "{rows}");

    // Once they have ended, none is on its way.
    world.configure(&world.config());
    world.call(&["resume", LEDGER]).code(0);
    let status = world.status(LEDGER);
    assert_eq!(status["outcomes"]["deleted"], ROWS);
    assert_eq!(status["steps_done"]["soft_deleted"], 0);
}
