//! What the judge says of rows, one by one.

use rstest::rstest;

use super::super::testing::{policies, record, row};
use super::{Decision, Defaults, ForeignIds, Judge, ProtectList, without_cell};
use crate::domain::{Action, Outcome, UserId};
use crate::input::Row;

fn judge(defaults: &Defaults, foreign_ids: ForeignIds) -> Judge {
    Judge::try_new(policies(), defaults, foreign_ids, ProtectList::default()).unwrap()
}

/// `account action id` of a row that is sent, else the code of its end.
fn told(judge: &Judge, row: &Row<'_>) -> String {
    match judge.judge(row) {
        Decision::Send(task) => format!("{} {} {}", task.account, task.action, task.id),
        Decision::End(ended) => ended.code.to_owned(),
    }
}

// The accounts: `acme` and `beta` at Zendesk (`acme` with the default action `delete`), `crm`
// at Zoho with the prefix 554 and the caller 5541.
#[rstest]
// Account: by name, by case, by provider, by default.
#[case("12,acme,purge", "acme purge 12")]
#[case("12,ACME,purge", "acme purge 12")]
#[case("5542,zoho,delete", "crm delete 5542")]
#[case("5542,Zoho,delete", "crm delete 5542")]
#[case("12,zendesk,purge", "ambiguous_account")]
#[case("12,sunco,delete", "unknown_account")]
#[case("12,acne,purge", "unknown_account")]
#[case("12,,purge", "no_account")]
// Action: from the row, else the account's default.
#[case("12,acme,", "acme delete 12")]
#[case("12,beta,", "no_action")]
#[case("12,acme,Permanently Delete", "acme permanently-delete 12")]
#[case("12,acme,remove", "unknown_action")]
#[case("5542,crm,purge", "action_not_offered")]
// Id: by the provider's rule, by the org's prefix, not the caller.
#[case("x12,acme,purge", "not_digits")]
#[case("361808351050;361808351051,acme,purge", "several_ids")]
#[case(",acme,purge", "no_id")]
#[case("zcrm_5542,crm,delete", "crm delete 5542")]
#[case("6642,crm,delete", "foreign_id")]
#[case("5541,crm,delete", "caller")]
#[case("zcrm_5541,crm,delete", "caller")]
#[case("5541,acme,delete", "acme delete 5541")]
fn a_row_is_sent_or_ends_for_its_first_reason(#[case] cells: &str, #[case] expected: &str) {
    let judge = judge(&Defaults::default(), ForeignIds::Refused);
    assert_eq!(told(&judge, &row(1, cells)), expected);
}

#[rstest]
#[case("12,,", "beta purge 12")]
#[case("12,acme,", "acme purge 12")]
#[case("12,acme,delete", "acme delete 12")]
#[case("5542,crm,", "action_not_offered")]
#[case("12,nobody,", "unknown_account")]
fn the_options_speak_for_rows_that_do_not(#[case] cells: &str, #[case] expected: &str) {
    let defaults = Defaults {
        account: Some("Beta".to_owned()),
        action: Some(Action::Purge),
    };
    let judge = judge(&defaults, ForeignIds::Refused);
    assert_eq!(told(&judge, &row(1, cells)), expected);
}

#[rstest]
#[case("zoho", None)]
#[case(
    "acne",
    Some(
        "the configuration has no account `acne`, which `--account` names; did you mean `acme`? (accounts: acme, beta, crm)"
    )
)]
#[case(
    "sunco",
    Some(
        "the configuration has no account `sunco`, which `--account` names (accounts: acme, beta, crm)"
    )
)]
#[case(
    "zendesk",
    Some("`--account zendesk` may be any of acme, beta; name the account itself")
)]
fn an_account_option_that_fits_none_is_an_error(#[case] name: &str, #[case] message: Option<&str>) {
    let defaults = Defaults {
        account: Some(name.to_owned()),
        action: None,
    };
    let judge = Judge::try_new(
        policies(),
        &defaults,
        ForeignIds::Refused,
        ProtectList::default(),
    );
    assert_eq!(judge.err().map(|e| e.to_string()).as_deref(), message);
}

#[test]
fn foreign_ids_pass_when_forced() {
    let judge = judge(&Defaults::default(), ForeignIds::Allowed);
    assert_eq!(told(&judge, &row(1, "6642,crm,delete")), "crm delete 6642");
}

#[test]
fn an_end_knows_what_had_passed_before_it() {
    let judge = judge(&Defaults::default(), ForeignIds::Refused);
    let Decision::End(ended) = judge.judge(&row(7, "5541,crm,delete")) else {
        panic!("the caller is protected");
    };
    assert_eq!(ended.outcome, Outcome::Protected);
    assert_eq!(ended.position.row, 7);
    assert_eq!(ended.id, Some(UserId::new("5541")));
    let Decision::End(ended) = judge.judge(&row(8, "bob@example.com,crm,delete")) else {
        panic!("an address is no id");
    };
    assert_eq!(ended.outcome, Outcome::Invalid);
    assert_eq!(ended.action, Some(Action::Delete));
    assert_eq!(ended.id, None);
}

#[rstest]
#[case("bob@example.com,acme,purge")]
#[case("12,bob@example.com,purge")]
#[case("12,acme,bob@example.com")]
fn no_reason_repeats_a_cell(#[case] cells: &str) {
    let judge = judge(&Defaults::default(), ForeignIds::Refused);
    let Decision::End(ended) = judge.judge(&row(1, cells)) else {
        panic!("an address is neither");
    };
    assert!(!ended.reason.contains("bob"), "{}", ended.reason);
}

#[test]
fn a_reason_may_repeat_a_number_and_nothing_else() {
    let kept = "`5.54E+17` has lost its digits";
    assert_eq!(without_cell(kept.to_owned(), "5.54E+17"), kept);
    assert_eq!(
        without_cell("`Bob` is no id".to_owned(), "Bob"),
        "`…` is no id"
    );
}

#[test]
fn a_reference_is_carried_along_unless_it_is_a_text() {
    let judge = judge(&Defaults::default(), ForeignIds::Refused);
    let mut row = row(1, "12,acme,purge");
    let mut with = record("12,acme,purge");
    with.reference = Some("T-1".into());
    row.content = Ok(with.clone());
    let Decision::Send(task) = judge.judge(&row) else {
        panic!("the row is sent");
    };
    assert_eq!(task.reference.as_deref(), Some("T-1"));
    with.reference = Some("x".repeat(2000).into());
    row.content = Ok(with);
    assert_eq!(told(&judge, &row), "reference_too_long");
}
