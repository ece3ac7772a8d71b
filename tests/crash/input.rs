//! The rows of a round: what each asks, how it must end, and what its user must be then.

use std::fmt::Write as _;

use serde_json::{Value, json};
use userpurge::domain::Outcome;

/// A row of the file, and what is known beforehand.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    pub(crate) id: String,
    account: &'static str,
    action: &'static str,
    /// How it must end, in the light of no doubt.
    pub(crate) outcome: Outcome,
    /// What the user must be in the end; `None`: there is no such user.
    pub(crate) left: Option<&'static str>,
    /// How often requests must have changed the user.
    pub(crate) changes: u32,
    user: User,
}

/// What the provider knows of the user at the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum User {
    /// Nothing of its own: unknown, or an earlier row's.
    None,
    Zendesk(&'static str),
    ZendeskTickets,
    ZendeskAgent,
    Sunco,
    Zoho(&'static str, &'static str),
}

/// What one sort of row is like: account, action, outcome, what is left, changes, the user.
type Sort = (
    &'static str,
    &'static str,
    Outcome,
    Option<&'static str>,
    u32,
    User,
);

const ACTIVE: User = User::Zendesk("active");
const SOFT: User = User::Zendesk("soft-deleted");

/// Rows that end as `deleted`, and how many of a hundred are of each sort.
const GOOD: [(usize, Sort); 7] = [
    (
        20,
        (
            "acme",
            "delete",
            Outcome::Deleted,
            Some("soft-deleted"),
            1,
            ACTIVE,
        ),
    ),
    (
        16,
        (
            "acme",
            "purge",
            Outcome::Deleted,
            Some("permanently-deleted"),
            2,
            ACTIVE,
        ),
    ),
    (
        4,
        (
            "acme",
            "purge",
            Outcome::Deleted,
            Some("permanently-deleted"),
            1,
            SOFT,
        ),
    ),
    (
        8,
        (
            "acme",
            "permanently-delete",
            Outcome::Deleted,
            Some("permanently-deleted"),
            1,
            SOFT,
        ),
    ),
    (
        18,
        (
            "chat",
            "delete",
            Outcome::Deleted,
            Some("deleted"),
            1,
            User::Sunco,
        ),
    ),
    (
        12,
        (
            "chat",
            "delete-personal-information",
            Outcome::Deleted,
            Some("cleared"),
            1,
            User::Sunco,
        ),
    ),
    (
        22,
        (
            "crm",
            "delete",
            Outcome::Deleted,
            Some("deleted"),
            1,
            User::Zoho("active", "regular"),
        ),
    ),
];

/// Rows that end otherwise. Few, so that no failure limit is met.
const BAD: [Sort; 12] = [
    ("acme", "delete", Outcome::NotFound, None, 0, User::None),
    ("acme", "purge", Outcome::NotFound, None, 0, User::None),
    (
        "acme",
        "delete",
        Outcome::Refused,
        Some("active"),
        0,
        User::ZendeskTickets,
    ),
    (
        "acme",
        "purge",
        Outcome::Refused,
        Some("active"),
        0,
        User::ZendeskTickets,
    ),
    (
        "acme",
        "permanently-delete",
        Outcome::Refused,
        Some("active"),
        0,
        ACTIVE,
    ),
    (
        "acme",
        "delete",
        Outcome::AlreadyGone,
        Some("soft-deleted"),
        0,
        SOFT,
    ),
    (
        "acme",
        "purge",
        Outcome::Protected,
        Some("active"),
        0,
        User::ZendeskAgent,
    ),
    ("chat", "delete", Outcome::NotFound, None, 0, User::None),
    ("crm", "delete", Outcome::NotFound, None, 0, User::None),
    (
        "crm",
        "delete",
        Outcome::AlreadyGone,
        Some("deleted"),
        0,
        User::Zoho("deleted", "regular"),
    ),
    (
        "crm",
        "delete",
        Outcome::Protected,
        Some("active"),
        0,
        User::Zoho("active", "support"),
    ),
    (
        "crm",
        "obliterate",
        Outcome::Invalid,
        Some("active"),
        0,
        User::Zoho("active", "regular"),
    ),
];

/// How many rows there are of each sort in [`BAD`].
const BAD_EACH: usize = 2;
/// Rows that say again what an earlier row said.
const REPEATED: usize = 4;
/// Users whom no row names, at each provider.
const BYSTANDERS: usize = 10;

/// The rows of a round and the users at the providers.
#[derive(Debug)]
pub(crate) struct Input {
    /// In the order of the file.
    pub(crate) cases: Vec<Case>,
    bystanders: Vec<Case>,
}

impl Input {
    /// `rows` rows in an order that `random` gives.
    pub(crate) fn new(rows: usize, random: &mut fastrand::Rng) -> Self {
        let mut numbers = 1..;
        let mut case = |sort: Sort| Case::new(sort, numbers.next().unwrap());
        let mut cases: Vec<Case> = Vec::new();
        for sort in BAD {
            cases.extend((0..BAD_EACH).map(|_| case(sort)));
        }
        while cases.len() + REPEATED < rows {
            let mut place = random.usize(0..100);
            let sort = GOOD.into_iter().find(|(share, _)| {
                let found = place < *share;
                place = place.saturating_sub(*share);
                found
            });
            cases.push(case(sort.expect("the shares are a hundred").1));
        }
        random.shuffle(&mut cases);
        for _ in 0..REPEATED {
            let again = random.usize(0..cases.len());
            let again = cases[again].clone();
            if again.outcome != Outcome::Invalid {
                cases.push(Case {
                    outcome: Outcome::Duplicate,
                    user: User::None,
                    ..again
                });
            }
        }
        let stands = [
            ("acme", ACTIVE),
            ("chat", User::Sunco),
            ("crm", User::Zoho("active", "regular")),
        ];
        let bystanders = stands
            .into_iter()
            .cycle()
            .take(BYSTANDERS * stands.len())
            .map(|(account, user)| case((account, "", Outcome::Invalid, Some("active"), 0, user)))
            .collect();
        Self { cases, bystanders }
    }

    /// The file.
    pub(crate) fn csv(&self) -> String {
        let mut text = "id,account,action,ref\n".to_owned();
        for (row, case) in (1..).zip(&self.cases) {
            let Case {
                id,
                account,
                action,
                ..
            } = case;
            writeln!(text, "{id},{account},{action},T-{row}").unwrap();
        }
        text
    }

    /// The users, as a sandbox takes them.
    pub(crate) fn seed(&self) -> Value {
        let (mut zendesk, mut sunco, mut zoho) = (Vec::new(), Vec::new(), Vec::new());
        for case in self.cases.iter().chain(&self.bystanders) {
            let id = &case.id;
            match case.user {
                User::None => {}
                User::Zendesk(state) => zendesk.push(json!({"id": id, "state": state})),
                User::ZendeskTickets => zendesk.push(json!({"id": id, "open_tickets": 2})),
                User::ZendeskAgent => zendesk.push(json!({"id": id, "role": "agent"})),
                User::Sunco => sunco.push(json!({"id": id})),
                User::Zoho(state, kind) => {
                    zoho.push(json!({"id": id, "state": state, "kind": kind}));
                }
            }
        }
        json!({"zendesk": zendesk, "sunco": sunco, "zoho": zoho})
    }

    /// Everybody who is known beforehand, rows of the file and bystanders, each user once.
    pub(crate) fn everybody(&self) -> impl Iterator<Item = &Case> {
        let first = |case: &&Case| case.outcome != Outcome::Duplicate;
        self.cases.iter().filter(first).chain(&self.bystanders)
    }

    /// Whether this id stands in a row.
    pub(crate) fn names(&self, id: &str) -> bool {
        self.cases.iter().any(|case| case.id == id)
    }

    /// Some ids of users that will be deleted.
    pub(crate) fn some_good(&self, random: &mut fastrand::Rng, count: usize) -> Vec<String> {
        let good = self
            .cases
            .iter()
            .filter(|it| it.outcome == Outcome::Deleted);
        let good = good.map(|case| case.id.clone()).collect::<Vec<_>>();
        random.choose_multiple(good, count)
    }
}

impl Case {
    fn new((account, action, outcome, left, changes, user): Sort, number: usize) -> Self {
        let id = match account {
            "acme" => format!("{}", 361_808_351_000_u64 + number as u64),
            "chat" => format!("5fe0a0f0b5e2a4001c8{number:05}"),
            _ => format!("5725767000000{number:06}"),
        };
        Self {
            id,
            account,
            action,
            outcome,
            left,
            changes,
            user,
        }
    }
}
