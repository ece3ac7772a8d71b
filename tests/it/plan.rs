//! What becomes of rows: from a file to the entries of a plan and what people read of it.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::io::Write as _;
use std::path::Path;

use proptest::prelude::*;
use rstest::rstest;
use tempfile::NamedTempFile;

use userpurge::domain::{
    AccountName, AccountPolicy, Action, Entry, IdProblem, Outcome, ProviderKind, RunOptions,
    TaskKey,
};
use userpurge::input::{Columns, InputSource, InputTable, ReadOptions};
use userpurge::plan::{PROBLEMS_MAX, Plan, PlanError, Planner, ProtectList, likely_id_column};

/// Takes digits, with or without the prefix of an export.
fn check_id(text: &str) -> Result<&str, IdProblem> {
    let id = text.strip_prefix("zcrm_").unwrap_or(text);
    if id.bytes().all(|b| b.is_ascii_digit()) {
        return Ok(id);
    }
    Err(IdProblem {
        code: "not_digits",
        reason: "it has other characters than digits",
    })
}

/// `acme` and `beta` at Zendesk, of which `acme` deletes by default, and `crm` at Zoho.
fn policies() -> Vec<AccountPolicy> {
    let policy = |name: &str, provider, action| AccountPolicy {
        name: AccountName::new(name),
        provider,
        tenant: None,
        action,
        check_id,
        blanks_count: |id| id.starts_with('7'),
        id_pattern: None,
        ids_alike: provider == ProviderKind::Zoho,
    };
    vec![
        policy("acme", ProviderKind::Zendesk, Some(Action::Delete)),
        policy("beta", ProviderKind::Zendesk, None),
        policy("crm", ProviderKind::Zoho, None),
    ]
}

fn file(text: &str) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

/// How each row ends, by its number: its account, action and id with `send`, or `again` if the user
/// has another action; or its outcome and code.
type Ends = BTreeMap<u64, String>;

/// The plan of the file at `path`, and how its rows end.
fn plan_of(
    accounts: Vec<AccountPolicy>,
    path: &Path,
    defaults: &RunOptions,
    done: &[&str],
    protect: ProtectList,
) -> (Plan, Ends) {
    let acme = AccountName::new("acme");
    let done = done.iter().map(|id| TaskKey::new(&acme, Action::Purge, id));
    let planner = Planner::try_new(accounts, defaults, protect, done.collect()).unwrap();
    let open = || InputSource::open(path, &ReadOptions::default()).unwrap();
    let mut ends = Ends::new();
    let mut take = |entry: Entry| {
        match entry {
            Entry::Plan(block) => ends.extend(block.rows.into_iter().map(|row| {
                let how = if row.again { "again" } else { "send" };
                let told = format!("{how} {} {} {}", block.account, block.action, row.id);
                (row.position.row, told)
            })),
            Entry::Unsent(block) => {
                assert!(!block.message.contains("bob"), "{}", block.message);
                let told = format!("{} {}", block.outcome, block.code);
                ends.extend(block.rows.into_iter().map(|it| (it.row, told.clone())));
            }
            other => panic!("{other:?}"),
        }
        Ok(())
    };
    let plan = planner.plan(&mut open(), Some(&mut take)).unwrap();
    let unwritten = planner.plan(&mut open(), None).unwrap();
    assert_eq!(unwritten, plan, "without a sink");
    (plan, ends)
}

/// The same of rows of id, account and action.
fn planned(done: &[&str], rows: &str) -> (Plan, Ends) {
    let file = file(&format!("id,account,action\n{rows}"));
    plan_of(
        policies(),
        file.path(),
        &RunOptions::default(),
        done,
        ProtectList::default(),
    )
}

/// Checks that each row of `table` ends as stands beside it.
fn check(defaults: &RunOptions, protect: &str, table: &[(&str, &str)]) -> Plan {
    let list = match protect {
        "" => ProtectList::default(),
        text => ProtectList::read(file(text).path(), &[], &policies(), None).unwrap(),
    };
    let rows: Vec<_> = table.iter().map(|(cells, _)| *cells).collect();
    let file = file(&format!("id,account,action,ref\n{}\n", rows.join("\n")));
    let (plan, ends) = plan_of(policies(), file.path(), defaults, &["99"], list);
    for (number, (cells, expected)) in (1..).zip(table) {
        assert!(
            ends[&number].ends_with(expected),
            "{cells}: {}",
            ends[&number]
        );
    }
    plan
}

#[test]
fn a_row_is_sent_or_ends_for_its_first_reason() {
    let long = format!("81,acme,purge,{}", "x".repeat(2000));
    check(
        &RunOptions::default(),
        "",
        &[
            // Account: by name, by case, by provider, by default.
            ("12,acme,purge,T-1", "send acme purge 12"),
            ("13,ACME,purge,", "send acme purge 13"),
            ("5542,zoho,delete,", "send crm delete 5542"),
            ("5543,Zoho,delete,", "send crm delete 5543"),
            ("12,zendesk,purge,", "ambiguous_account"),
            ("12,sunco,delete,", "unknown_account"),
            ("12,bob@example.com,purge,", "unknown_account"),
            ("12,,purge,", "no_account"),
            // Action: from the row, else the account's default.
            ("14,acme,,", "send acme delete 14"),
            ("12,beta,,", "no_action"),
            (
                "15,acme,Permanently Delete,",
                "send acme permanently-delete 15",
            ),
            ("12,acme,bob@example.com,", "unknown_action"),
            ("5542,crm,purge,", "action_not_offered"),
            // Id: by the provider's rule.
            ("bob@example.com,acme,purge,", "not_digits"),
            ("361808351050;361808351051,acme,purge,", "several_ids"),
            (",acme,purge,", "no_id"),
            (" 71,acme,purge,", "blanks_around"),
            ("zcrm_5544,crm,delete,", "send crm delete 5544"),
            (&long, "reference_too_long"),
            // Other rows and an earlier ledger.
            ("12,acme,purge,", "duplicate duplicate"),
            ("12,acme,delete,", "again acme delete 12"),
            ("12,beta,purge,", "send beta purge 12"),
            ("012,acme,purge,", "send acme purge 012"),
            ("012,acme,purge,", "duplicate duplicate"),
            (
                "18446744073709551615,acme,purge,",
                "purge 18446744073709551615",
            ),
            (
                "18446744073709551616,acme,purge,",
                "purge 18446744073709551616",
            ),
            ("18446744073709551616,acme,purge,", "duplicate duplicate"),
            ("00,acme,purge,", "send acme purge 00"),
            ("0,acme,purge,", "send acme purge 0"),
            ("99,acme,purge,", "done_before done_before"),
            ("99,acme,purge,", "duplicate duplicate"),
            ("99,acme,delete,", "again acme delete 99"),
            ("13,acme,\"purge,", "unclosed_quote"),
        ],
    );
}

#[test]
fn the_options_speak_for_rows_that_do_not() {
    let defaults = RunOptions {
        account: Some("Beta".to_owned()),
        action: Some(Action::Purge),
        ..RunOptions::default()
    };
    let table = [
        ("12,,,", "send beta purge 12"),
        ("12,acme,,", "send acme purge 12"),
        ("13,acme,delete,", "send acme delete 13"),
        ("5542,crm,,", "action_not_offered"),
        ("12,nobody,,", "unknown_account"),
    ];
    check(&defaults, "", &table);
}

#[rstest]
#[case("zoho", "")]
#[case(
    "acne",
    "no account has the name `acne` of `--account`; did you mean `acme`? (accounts: acme, beta, crm)"
)]
#[case(
    "sunco",
    "no account has the name `sunco` of `--account` (accounts: acme, beta, crm)"
)]
#[case(
    "zendesk",
    "the name `zendesk` of `--account` is zendesk, which several accounts have: acme, beta; name the account itself"
)]
fn an_account_option_that_fits_none_is_an_error(#[case] name: &str, #[case] message: &str) {
    let defaults = RunOptions {
        account: Some(name.to_owned()),
        ..RunOptions::default()
    };
    let list = ProtectList::default();
    let judge = Planner::try_new(policies(), &defaults, list, HashSet::new());
    assert_eq!(
        judge.map_or_else(|e| e.to_string(), |_| String::new()),
        message
    );
}

#[test]
fn a_protected_id_is_so_at_every_account_and_however_it_is_written() {
    let table = [
        ("zcrm_5542,crm,delete,", "protected protect_list"),
        ("5542,crm,delete,", "protected protect_list"),
        ("12,acme,purge,", "protected protect_list"),
        ("12,beta,delete,", "protected protect_list"),
        ("012,acme,purge,", "send acme purge 012"),
        ("121,acme,purge,", "send acme purge 121"),
    ];
    check(&RunOptions::default(), "12\nzcrm_5542\n", &table);
}

fn protect_list(text: &str) -> Result<ProtectList, PlanError> {
    ProtectList::read(file(text).path(), &[], &policies(), None)
}

#[test]
fn a_list_may_have_any_format_an_input_has() {
    for text in [
        "12\n13\n",
        "# the board\n12\nzcrm_13\n",
        "name,user_id\nBob,12\nAnn,13\n",
        "[12,\"13\"]",
        "{\"id\":12}\n{\"id\":\" 13 \"}\n",
        "\"12\"\n'13'\n",
    ] {
        let list = protect_list(text).unwrap();
        let known = ["12", "13", "1", "zcrm_12"].map(|id| list.contains(id));
        assert_eq!((list.count(), known), (Some(2), [true, true, false, false]));
    }
}

#[test]
fn a_list_that_protects_less_than_it_says_is_an_error() {
    for (text, message) in [
        ("", "could not read the protect list"),
        ("id\n", "holds no id"),
        ("[]", "holds no id"),
        ("# nobody\n", "holds no id"),
        (
            "name,mail\nBob,bob@example.com\n",
            "could not read the protect list",
        ),
        ("id\n12\n\"\"\n", "line 3 of the protect list"),
        ("id\n12\n5.54E+17\n", "line 3 of the protect list"),
        ("[12,1e5]", "line 1 of the protect list"),
        ("12\n#361808351050\n", "line 2 of the protect list"),
        ("12\n361808351050 Ada\n", "line 2 of the protect list"),
        ("12\n“361808351050”\n", "line 2 of the protect list"),
        ("12\n3 361808351050\n", "line 2 of the protect list"),
        (
            "1\t361808351050\n2\t361808351051\n",
            "could not read the protect list",
        ),
        ("id,user_id\n1,12\n", "could not read the protect list"),
        ("external_id\n12\n", "holds external ids"),
    ] {
        let error = protect_list(text).unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    }
}

#[test]
fn damage_takes_rows_and_their_duplicates_out_at_the_end() {
    let first = [
        "4000000000000000000",
        "5000000000000000000",
        "4000000000000000000",
        "6",
    ];
    let whole = (0..20).map(|n| format!("57257670000004{n:02}001"));
    let ids = first.map(str::to_owned).into_iter().chain(whole);
    let rows: Vec<_> = ids
        .chain(["5725767000000401001".to_owned()])
        .map(|id| format!("{id},crm,delete"))
        .collect();
    let (plan, ends) = planned(&[], &rows.join("\n"));
    for (row, end) in [
        (1, "invalid rounded"),
        (2, "invalid rounded"),
        (3, "invalid rounded"),
        (4, "invalid far_too_short"),
        (25, "duplicate duplicate"),
    ] {
        assert_eq!(ends[&row], end);
    }
    let outcomes = plan.outcomes;
    assert_eq!(
        (plan.to_delete(), outcomes.invalid, outcomes.duplicate),
        (20, 4, 1)
    );
    let group = &plan.accounts[&AccountName::new("crm")][&Action::Delete];
    assert_eq!(
        (group.rows, group.first.as_str()),
        (20, "5725767000000400001")
    );
    let reasons = plan.reasons();
    let rounded = reasons.iter().find(|it| it.why.code == "rounded").unwrap();
    assert_eq!(
        (rounded.rows, rounded.lines.as_slice()),
        (3, &[2, 3, 4][..])
    );
}

const WHOLE: &str = "5725767000000411001";
const ROUNDED: &str = "5725767000000410000";
const SHORT: &str = "25767000000411001";
const HEX: &str = "5963c0d619a30a2e00de36b8";

/// What many ids show and few do not: the codes of those that are not sent, duplicates apart.
#[rstest]
// One that ends in zeros may be true, two in a hundred are not.
#[case("crm", &[(WHOLE, 4), (ROUNDED, 1)], "")]
#[case("crm", &[(ROUNDED, 1)], "")]
#[case("crm", &[(ROUNDED, 2)], "rounded")]
#[case("crm", &[(WHOLE, 98), (ROUNDED, 2)], "rounded")]
#[case("crm", &[(WHOLE, 99), (ROUNDED, 2)], "")]
// Lengths tell only where nearly all are alike.
#[case("crm", &[(WHOLE, 4)], "")]
#[case("crm", &[(WHOLE, 4), (SHORT, 1)], "lost_leading_digits")]
#[case("crm", &[(WHOLE, 4), (SHORT, 2)], "")]
// A total below ids of twelve digits.
#[case("acme", &[("361808351050", 6), ("6", 1)], "far_too_short")]
#[case("acme", &[("361808351050", 2), ("12345", 1)], "far_too_short")]
#[case("acme", &[("361808351050", 2), ("123456", 1)], "far_too_short")]
// As old users have among newer ones.
#[case("acme", &[("361808351050", 2), ("1234567", 1)], "")]
// A date says when the list was made, unless ids of its length are usual.
#[case("acme", &[("361808351050", 6), ("20260105", 1)], "date")]
#[case("acme", &[("361808351050", 6), ("31122025", 1), ("20160606", 1)], "date")]
#[case("acme", &[("18008351050123", 2), ("12312025", 1)], "date")]
#[case("crm", &[(WHOLE, 4), ("20260105", 1)], "date")]
#[case("chat", &[(HEX, 4), ("20260105", 1)], "date")]
#[case("acme", &[("36180", 4), ("20260105", 1)], "date")]
#[case("acme", &[("361808351050", 6), ("20261305", 1), ("20260230", 1), ("21260105", 1)], "")]
#[case("acme", &[("361808351050", 12), ("20160105", 1), ("20160399", 1), ("20170000", 1)], "")]
#[case("acme", &[("361808351", 6), ("20160105", 1)], "")]
#[case("acme", &[("361808351050", 1), ("20160105", 1)], "")]
#[case("acme", &[("20160105", 3)], "")]
#[case("acme", &[("361808351050", 1), ("6", 1)], "")]
#[case("acme", &[("361808351050", 6), ("6", 4)], "")]
// Short ids alone say nothing.
#[case("acme", &[("3618083", 50), ("1", 1)], "")]
#[case("chat", &[(HEX, 4), ("6", 1), ("jane", 1)], "far_too_short")]
#[case("chat", &[(HEX, 4), ("3.6E+11", 1)], "broken_number")]
#[case("chat", &[(HEX, 4), ("361808351000.00", 1)], "broken_number")]
#[case("chat", &[("jane", 4), ("3.6E+11", 1)], "")]
#[case("chat", &[(HEX, 4), ("361808351000", 1), ("e", 1)], "")]
fn damage_shows_in_all_ids_together(
    #[case] account: &str,
    #[case] ids: &[(&str, usize)],
    #[case] expected: &str,
) {
    let rows = ids
        .iter()
        .map(|(id, count)| format!("{id},{account},delete\n").repeat(*count));
    let text: String = rows.collect();
    let file = file(&format!("id,account,action\n{text}"));
    let mut accounts = policies();
    // Takes any text, as Sunshine Conversations does.
    accounts.push(AccountPolicy {
        name: AccountName::new("chat"),
        provider: ProviderKind::Sunco,
        check_id: |text| Ok(text),
        ..accounts[1].clone()
    });
    let list = ProtectList::default();
    let (_, ends) = plan_of(accounts, file.path(), &RunOptions::default(), &[], list);
    let codes = ends.values().filter_map(|end| end.strip_prefix("invalid "));
    let codes: BTreeSet<_> = codes.collect();
    assert_eq!(codes.into_iter().collect::<Vec<_>>().join(" "), expected);
}

#[test]
fn problems_over_the_limit_are_counted_and_hide_no_other_outcome() {
    let rows = "12,acme,purge\n".repeat(PROBLEMS_MAX + 6);
    let (plan, _) = planned(&[], &format!("{rows}x,acme,purge\n"));
    assert_eq!(plan.outcomes.duplicate, PROBLEMS_MAX as u64 + 5);
    assert_eq!(
        (plan.problems.len(), plan.problems_left_out),
        (PROBLEMS_MAX + 1, 5)
    );
    assert_eq!(plan.problems[PROBLEMS_MAX].line, PROBLEMS_MAX as u64 + 8);
}

#[test]
fn most_ids_failing_hints_at_the_wrong_column() {
    for (rows, is_told) in [
        ("a,acme,purge\nb,acme,purge\n3,acme,purge\n", true),
        ("a,acme,purge\n2,acme,purge\n3,acme,purge\n", false),
        ("a,acme,purge\n", false),
        ("1,x,purge\n2,x,purge\n3,x,purge\n", false),
    ] {
        let mapping = Columns {
            id: Some("id".to_owned()),
            ..Columns::default()
        };
        let hint = planned(&[], rows).0.column_hint(&mapping, None);
        let told = "2 of 3 rows hold no valid id in column `id`, so it may be the wrong one; name another with `--id-column`";
        assert_eq!(hint.as_deref(), is_told.then_some(told));
    }
}

#[test]
fn the_column_whose_cells_are_ids_is_found() {
    for (text, account, column) in [
        ("id,uid,name\nx,1,a\ny,2,b\n", "acme", Some("uid")),
        ("id,name,uid,zip\nx,a,1,2\ny,b,2,\n", "acme", Some("uid")),
        // The column of another field is not it, nor one with too few.
        ("id,ref\nx,1\ny,2\n", "acme", None),
        ("id,uid\nx,1\ny,\n", "acme", None),
        ("id,uid\nx,1\ny,2\n", "nobody", None),
        ("id,uid\n", "acme", None),
    ] {
        let mut table = InputTable::open(file(text).path(), &ReadOptions::default()).unwrap();
        let accounts = BTreeSet::from([AccountName::new(account)]);
        let likely = likely_id_column(&mut table, &policies(), &accounts).unwrap();
        assert_eq!(likely.as_deref(), column);
    }
}

fn any_row() -> impl Strategy<Value = String> {
    let id = "[1-3]|0[1-3]|0{23}[12]|zcrm_[12]|554[12]|bob|";
    let account = "acme|beta|zoho|crm|zendesk|nobody|";
    let action = "delete|purge|remove|";
    let row = (id, account, action);
    let row = row.prop_map(|(id, account, action)| format!("{id},{account},{action}"));
    row.prop_filter("a row of delimiters is none", |row| row != ",,")
}

proptest! {
    #[test]
    fn every_row_stands_in_the_entries_and_is_counted_once(
        cells in prop::collection::vec(any_row(), 0..80)
    ) {
        let (plan, ends) = planned(&["2", "02"], &cells.join("\n"));
        prop_assert_eq!(plan.rows, cells.len() as u64);
        let numbers: Vec<_> = ends.keys().copied().collect();
        prop_assert_eq!(numbers, (1..=plan.rows).collect::<Vec<_>>());
        prop_assert_eq!(plan.outcomes.total(), plan.rows);
        let count = |is_it: &dyn Fn(&str) -> bool| {
            ends.values().filter(|end| is_it(end)).count() as u64
        };
        let sent = |end: &str| end.starts_with("send ") || end.starts_with("again ");
        prop_assert_eq!(plan.to_delete(), count(&sent));
        for outcome in Outcome::ALL {
            let has = |end: &str| end.starts_with(&format!("{outcome} "));
            prop_assert_eq!(plan.outcomes.of(outcome), count(&has));
        }
        let groups = plan.accounts.values().flat_map(|groups| groups.values());
        prop_assert_eq!(groups.map(|group| group.rows).sum::<u64>(), plan.to_delete());
        prop_assert!(plan.problems.is_sorted_by_key(|problem| problem.row));
    }
}
