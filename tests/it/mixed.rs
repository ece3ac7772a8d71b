//! One file with everything in it: rows of all three providers in random order, good and bad in
//! every way there is. Every row ends as INTERFACE says, and just the right users are left.

use std::collections::BTreeMap;

use serde_json::json;

use crate::support::World;
use crate::support::usual::LEDGER;

/// A row of the file, how it must end, and what its user must be at the end.
struct Case {
    row: &'static str,
    outcome: &'static str,
    code: Option<&'static str>,
}

const fn case(row: &'static str, outcome: &'static str, code: Option<&'static str>) -> Case {
    Case { row, outcome, code }
}

/// id, account, action, ref.
const CASES: &[Case] = &[
    case("1001,acme,delete,T-1", "deleted", None),
    case("5725767000000412001,crm,delete,T-2", "deleted", None),
    case("5fe0a0f0b5e2a4001c8d0001,chat,delete,T-3", "deleted", None),
    case("1002,acme,purge,T-4", "deleted", None),
    case("1003,acme,permanently-delete,T-5", "deleted", None),
    case(
        "5fe0a0f0b5e2a4001c8d0002,chat,delete-personal-information,T-6",
        "deleted",
        None,
    ),
    // An external id of any characters.
    case("\"kim@a/b?c#d e\",chat,delete,T-7", "deleted", None),
    case("zcrm_5725767000000412002,crm,delete,T-8", "deleted", None),
    // By provider name, with blanks, in capitals.
    case(" 1004 ,Zendesk,Delete,T-9", "deleted", None),
    // Deleted before.
    case("1005,acme,delete,T-10", "already_gone", None),
    case("1006,acme,purge,T-11", "deleted", None),
    case(
        "5725767000000412003,crm,delete,T-12",
        "already_gone",
        Some("ID_ALREADY_DELETED"),
    ),
    // Unknown.
    case(
        "999001,acme,delete,T-13",
        "not_found",
        Some("RecordNotFound"),
    ),
    case(
        "999002,acme,purge,T-14",
        "not_found",
        Some("RecordNotFound"),
    ),
    case(
        "999003,acme,permanently-delete,T-15",
        "not_found",
        Some("no_such_user"),
    ),
    case(
        "5fe0a0f0b5e2a4001c8dffff,chat,delete,T-16",
        "not_found",
        Some("user_not_found"),
    ),
    case(
        "5725767000000999999,crm,delete,T-17",
        "not_found",
        Some("INVALID_DATA"),
    ),
    // Refused.
    case("1007,acme,delete,T-18", "refused", Some("RecordInvalid")),
    case("1008,acme,purge,T-19", "refused", Some("RecordInvalid")),
    case("1009,acme,permanently-delete,T-20", "refused", None),
    // Protected.
    case(
        "5725767000000412004,crm,delete,T-21",
        "protected",
        Some("protected_role"),
    ),
    case(
        "5725767000000412005,crm,delete,T-22",
        "protected",
        Some("protected_role"),
    ),
    case(
        "5725767000000412006,crm,delete,T-23",
        "protected",
        Some("protected_role"),
    ),
    case("1010,acme,delete,T-24", "protected", Some("protected_role")),
    case("1011,acme,purge,T-25", "protected", Some("protected_role")),
    // Duplicates.
    case("1001,acme,delete,T-26", "duplicate", None),
    case("5725767000000412001,zoho,delete,T-27", "duplicate", None),
    // Invalid.
    case(",acme,delete,T-28", "invalid", None),
    case("5.54023E+17,crm,delete,T-29", "invalid", None),
    case("../1001,acme,delete,T-30", "invalid", None),
    case("..,chat,delete,T-31", "invalid", None),
    case(
        "1012,nowhere,delete,T-32",
        "invalid",
        Some("unknown_account"),
    ),
    case(
        "1012,acme,obliterate,T-33",
        "invalid",
        Some("unknown_action"),
    ),
    case("5725767000000412001,crm,purge,T-34", "invalid", None),
    case("1012,acme,,T-35", "invalid", Some("no_action")),
    case("1012,,delete,T-36", "invalid", Some("no_account")),
    // Another org's id.
    case("1111130000000071587,crm,delete,T-37", "invalid", None),
];

fn seed(world: &World) {
    world.seed(json!({
        "zendesk": [
            {"id": "1001"}, {"id": "1002"}, {"id": "1003", "state": "soft-deleted"},
            {"id": "1004"}, {"id": "1005", "state": "soft-deleted"},
            {"id": "1006", "state": "soft-deleted"},
            {"id": "1007", "open_tickets": 2}, {"id": "1008", "open_tickets": 1},
            {"id": "1009"}, {"id": "1010", "role": "agent"}, {"id": "1011", "role": "admin"},
            {"id": "1012"}, {"id": "1013"},
        ],
        "sunco": [
            {"id": "5fe0a0f0b5e2a4001c8d0001"}, {"id": "5fe0a0f0b5e2a4001c8d0002"},
            {"id": "5fe0a0f0b5e2a4001c8d0003", "external_id": "kim@a/b?c#d e"},
            {"id": "5fe0a0f0b5e2a4001c8d0004"},
        ],
        "zoho": [
            {"id": "5725767000000412001"}, {"id": "5725767000000412002"},
            {"id": "5725767000000412003", "state": "deleted"},
            {"id": "5725767000000412004", "kind": "primary_contact"},
            {"id": "5725767000000412005", "kind": "support"},
            {"id": "5725767000000412006", "kind": "system"},
            {"id": "5725767000000412007"},
        ],
    }));
}

#[test]
fn every_row_ends_as_it_must_and_just_the_right_users_are_left() {
    let world = World::new();
    seed(&world);
    let mut text = "id,account,action,ref\n".to_owned();
    // Shuffled, but for the duplicates, which must stay behind what they repeat.
    let mut order: Vec<usize> = (0..CASES.len()).collect();
    let mut random = fastrand::Rng::with_seed(11);
    random.shuffle(&mut order);
    order.sort_by_key(|place| CASES[*place].outcome == "duplicate");
    for place in &order {
        text.push_str(CASES[*place].row);
        text.push('\n');
    }
    world.write("users.csv", &text);

    let done = world.call(&["run", "users.csv", "--yes"]);
    let done = done.code(1);
    let outcomes = world.outcomes(LEDGER);
    let mut expected: BTreeMap<&str, u64> = BTreeMap::new();
    for (row, place) in (1..).zip(&order) {
        let case = &CASES[*place];
        let entry = &outcomes[&row];
        assert_eq!(entry["outcome"], case.outcome, "{}: {entry}", case.row);
        if let Some(code) = case.code {
            assert_eq!(entry["code"], code, "{}: {entry}", case.row);
        }
        // Of a row that was never to be sent the ledger keeps where it stands, and no cell.
        if entry["kind"] != "unsent" {
            assert_eq!(
                entry["ref"],
                case.row.rsplit(',').next().unwrap(),
                "{entry}"
            );
        }
        assert_eq!(entry["line"], row + 1, "{}", case.row);
        *expected.entry(case.outcome).or_default() += 1;
    }
    assert_eq!(outcomes.len(), CASES.len(), "each row once");

    let status = world.status(LEDGER);
    assert_eq!(status["state"], "finished");
    assert_eq!(status["rows"], CASES.len());
    for (outcome, rows) in expected {
        assert_eq!(status["outcomes"][outcome], rows, "{outcome}");
    }
    assert_eq!(status["outcomes"]["pending"], 0);
    done.says("userpurge retry --only refused users.csv.ledger.jsonl");

    let left: Vec<String> = world
        .users()
        .into_iter()
        .filter(|user| user.state == "active")
        .map(|user| user.id)
        .collect();
    for id in [
        "1007",
        "1008",
        "1009",
        "1010",
        "1011",
        "1012",
        "1013",
        "5fe0a0f0b5e2a4001c8d0004",
        "5725767000000412004",
        "5725767000000412005",
        "5725767000000412006",
        "5725767000000412007",
    ] {
        assert!(left.iter().any(|it| it == id), "{id} must be left");
    }
    let cleared = world
        .users()
        .into_iter()
        .find(|user| user.id == "5fe0a0f0b5e2a4001c8d0002");
    assert!(cleared.is_some_and(|user| user.state != "active" && user.state != "deleted"));
    for id in [
        "1001",
        "1002",
        "1003",
        "1004",
        "1005",
        "1006",
        "5fe0a0f0b5e2a4001c8d0001",
        "5fe0a0f0b5e2a4001c8d0003",
        "5725767000000412001",
        "5725767000000412002",
        "5725767000000412003",
    ] {
        assert!(!left.iter().any(|it| it == id), "{id} must be gone");
    }
}

#[test]
fn a_run_over_a_finished_ledger_is_refused_and_a_resume_of_it_sends_no_deletion() {
    let world = World::new();
    world.zendesk_users(1..=3);
    world.write("users.csv", "id\n1\n2\n3\n");
    let args = ["--account", "acme", "--action", "delete", "--yes"];
    world
        .call(&[&["run", "users.csv"][..], &args].concat())
        .code(0);
    let sent = world.deletions().len();
    assert_eq!(sent, 3);
    world
        .call(&[&["run", "users.csv"][..], &args].concat())
        .code(2)
        .says("resume")
        .says("retry");
    world.call(&["resume", LEDGER, "--yes"]).code(0);
    assert_eq!(world.deletions().len(), sent);
}
