//! Rules of the plan: how long rows take at the limits, and whom the caller and the protect list spare.

use std::io::Write as _;
use std::num::NonZeroU32;

use userpurge::domain::Action::{Delete, PermanentlyDelete, Purge};
use userpurge::domain::{
    AccountLimits, AccountName, AccountPolicy, Action, ProviderKind, Step, UserId,
};
use userpurge::plan::{CallerRule, ProtectList, time_at_limit};
use userpurge::provider::{check_id, defaults};

fn limits(account: &str) -> AccountLimits {
    AccountLimits {
        requests: account.parse().unwrap(),
        share: 1.0,
        concurrency: NonZeroU32::MIN,
        steps: vec![(Step::PermanentlyDelete, "700/10m".parse().unwrap())],
        many: None,
        asked_alone: None,
    }
}

type Rows = &'static [(Action, u64)];

#[test]
fn the_slowest_limit_decides() {
    // Rows, the account's limit, which endpoint is another, and the seconds they take.
    let table: [(Rows, &str, &str, u64); 16] = [
        // Within every limit.
        (&[], "400/1m", "", 0),
        (&[(Delete, 400)], "400/1m", "", 0),
        (&[(PermanentlyDelete, 700)], "9999/1s", "", 0),
        // The endpoint's window decides.
        (&[(PermanentlyDelete, 701)], "9999/1s", "", 600),
        (&[(PermanentlyDelete, 5000)], "400/1m", "", 4200),
        // The account's window decides: two requests a purge.
        (&[(Delete, 401)], "400/1m", "", 60),
        (&[(Delete, 301), (Purge, 150)], "60/1m", "", 600),
        // Who is asked about alone takes two requests, but by the endpoint, or before a purge.
        (&[(PermanentlyDelete, 600)], "400/1m", "alone", 120),
        (&[(PermanentlyDelete, 1_400)], "400/1m", "alone", 600),
        (&[(Purge, 400)], "400/1m", "alone", 60),
        // Too few for a job: each a request, and one read.
        (&[(Delete, 24)], "25/1m", "many", 0),
        (&[(Delete, 25)], "25/1m", "many", 5),
        // 1,000 jobs, 30 at once, each of 13 seconds and some waiting; and 2,104 requests.
        (&[(Delete, 100_000)], "400/1m", "many", 656),
        (&[(Delete, 100_000)], "100/1m", "many", 1_260),
        // The permanent steps follow the first job.
        (&[(Purge, 700)], "1000/1m", "many", 13),
        (&[(Purge, 7_000)], "1000/1m", "many", 5_413),
    ];
    // As Zendesk has it.
    let many = defaults(ProviderKind::Zendesk).many.unwrap();
    for (rows, account, other, secs) in table {
        let limits = AccountLimits {
            many: (other == "many").then_some(many),
            asked_alone: (other == "alone").then_some(Step::PermanentlyDelete),
            ..limits(account)
        };
        assert_eq!(time_at_limit(rows, &limits).as_secs(), secs, "{rows:?}");
    }
    // Of no number of requests it overflows.
    let rows = [(Purge, u64::MAX), (Delete, u64::MAX)];
    time_at_limit(&rows, &limits("1/31d"));
}

#[test]
fn the_caller_and_ids_of_another_org_are_spared() {
    for (id, takes_foreign, code) in [
        ("5542", false, None),
        ("5541", false, Some("caller")),
        ("5541", true, Some("caller")),
        ("6642", false, Some("foreign_id")),
        ("6642", true, None),
        ("542", false, Some("lost_leading_digits")),
        ("542", true, None),
    ] {
        let rule = CallerRule {
            account: AccountName::new("crm"),
            caller: Some(UserId::new("5541")),
            id_prefix: Some("554".to_owned()),
            ids_alike: true,
            takes_foreign,
        };
        assert_eq!(rule.end(&UserId::new(id)).map(|(_, code, _)| code), code);
    }
}

#[test]
fn an_id_among_other_things_in_a_protect_list_is_seen() {
    // A provider that takes any text.
    let policy = AccountPolicy {
        name: AccountName::new("chat"),
        provider: ProviderKind::Sunco,
        tenant: None,
        action: None,
        check_id: check_id(ProviderKind::Sunco),
        blanks_count: |_| true,
        id_pattern: None,
        ids_alike: false,
    };
    for (text, is_taken) in [
        ("“361808351050”", false),
        ("1:361808351050", false),
        ("ID: 361808351050", false),
        ("https://acme.example/users/361808351050/tickets", false),
        ("'5963c0d619a30a2e00de36b8", false),
        ("361808351050", true),
        ("zcrm_4876876000000225001", true),
        ("cust-20260131-17", true),
        ("jane.361808351050@example.com", true),
        ("jane doe 12", true),
    ] {
        let mut file = tempfile::Builder::new().suffix(".csv").tempfile().unwrap();
        write!(file, "id\n{text}\n").unwrap();
        let list = ProtectList::read(file.path(), &[], std::slice::from_ref(&policy), None);
        assert_eq!(list.is_ok(), is_taken, "{text}: {list:?}");
    }
}
