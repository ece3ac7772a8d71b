//! Protected roles: Zoho's administrators among them.

use serde_json::json;

use crate::support::World;
use crate::support::usual::{LEDGER, id, run};

#[test]
fn zohos_administrators_are_protected_unless_their_role_is_included() {
    let world = World::new();
    world.wide();
    let user = |n, kind: &str| json!({"id": id("crm", n), "kind": kind});
    let users = [
        user(1, "regular"),
        user(2, "administrator"),
        user(3, "regular"),
    ];
    world.seed(json!({ "zoho": users }));
    world.write(
        "users.csv",
        format!("id\n{}\n{}\n{}\n", id("crm", 1), id("crm", 2), id("crm", 3)),
    );
    let run = run("users.csv", "crm", "delete");
    world.call(&run).code(1);
    let outcomes = world.outcomes(LEDGER);
    assert_eq!(outcomes[&2]["outcome"], "protected");
    assert_eq!(outcomes[&2]["message"], "this user's role is administrator");
    let sent: Vec<_> = world
        .deletions()
        .into_iter()
        .filter_map(|it| it.user)
        .collect();
    assert!(!sent.contains(&id("crm", 2)), "{sent:?}");

    let again = ["--include-role", "Administrator", "--ledger", "again.jsonl"];
    world.call(&[&run[..], &again].concat()).code(0);
    assert_eq!(world.outcomes("again.jsonl")[&2]["outcome"], "deleted");
}
