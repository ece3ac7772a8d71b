//! The rows: what each asks, how it must end, and what its user must be then. Every thousand rows
//! have the same make-up, in an order drawn once, so that nothing need be kept for a row.

use std::io::{self, Write};

use userpurge::domain::{Outcome, ProviderKind};
use userpurge::sandbox::{Seed, UserRecord, UserSeed};

/// Rows of one make-up.
const BLOCK: usize = 1_000;
/// Users whom no row names, at each provider.
const BYSTANDERS: usize = 10;
/// Users handed to the sandbox at once.
const SEEDED_AT_ONCE: usize = 50_000;

/// What one sort of row is like.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sort {
    account: &'static str,
    action: &'static str,
    /// How it must end, in the light of no doubt.
    pub(crate) outcome: Outcome,
    user: User,
    /// What the user must be in the end, and how often requests must have changed it; `None`:
    /// there is no such user.
    left: Option<(&'static str, u32)>,
}

/// What the provider knows of the user at the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum User {
    None,
    Zendesk(&'static str),
    ZendeskTickets,
    ZendeskAgent,
    Sunco,
    Zoho(&'static str, &'static str),
}

/// A row's sort, and the row whose user it names: its own, but for a duplicate.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Case {
    pub(crate) sort: Sort,
    number: usize,
}

/// The rows of a run.
#[derive(Debug)]
pub(crate) struct Input {
    pub(crate) rows: usize,
    block: Vec<Sort>,
}

const ACTIVE: User = User::Zendesk("active");
const SOFT: User = User::Zendesk("soft-deleted");
const REGULAR: User = User::Zoho("active", "regular");
const SOFTLY: Option<(&str, u32)> = Some(("soft-deleted", 1));
const GONE: Option<(&str, u32)> = Some(("permanently-deleted", 1));
const UNTOUCHED: Option<(&str, u32)> = Some(("active", 0));

const fn sort(
    account: &'static str,
    action: &'static str,
    outcome: Outcome,
    user: User,
    left: Option<(&'static str, u32)>,
) -> Sort {
    Sort {
        account,
        action,
        outcome,
        user,
        left,
    }
}

/// How many of a thousand rows are of each sort. The bad ones are few, so that no failure limit is
/// met; the first sort is the one that duplicates repeat.
fn sorts() -> [(usize, Sort); 20] {
    use Outcome::{AlreadyGone, Deleted, Duplicate, Invalid as Bad, NotFound, Protected, Refused};
    let crm = "crm";
    let support = User::Zoho("active", "support");
    let was_deleted = User::Zoho("deleted", "regular");
    [
        (380, sort("acme", "delete", Deleted, ACTIVE, SOFTLY)),
        (
            160,
            sort(
                "acme",
                "purge",
                Deleted,
                ACTIVE,
                Some(("permanently-deleted", 2)),
            ),
        ),
        (20, sort("acme", "purge", Deleted, SOFT, GONE)),
        (80, sort("acme", "permanently-delete", Deleted, SOFT, GONE)),
        (
            110,
            sort("chat", "delete", Deleted, User::Sunco, Some(("deleted", 1))),
        ),
        (
            70,
            sort(
                "chat",
                "delete-personal-information",
                Deleted,
                User::Sunco,
                Some(("cleared", 1)),
            ),
        ),
        (
            150,
            sort(crm, "delete", Deleted, REGULAR, Some(("deleted", 1))),
        ),
        (3, sort("acme", "delete", NotFound, User::None, None)),
        (2, sort("acme", "purge", NotFound, User::None, None)),
        (
            3,
            sort("acme", "delete", Refused, User::ZendeskTickets, UNTOUCHED),
        ),
        (
            2,
            sort("acme", "purge", Refused, User::ZendeskTickets, UNTOUCHED),
        ),
        (
            2,
            sort("acme", "permanently-delete", Refused, ACTIVE, UNTOUCHED),
        ),
        (
            3,
            sort(
                "acme",
                "delete",
                AlreadyGone,
                SOFT,
                Some(("soft-deleted", 0)),
            ),
        ),
        (
            2,
            sort("acme", "purge", Protected, User::ZendeskAgent, UNTOUCHED),
        ),
        (3, sort("chat", "delete", NotFound, User::None, None)),
        (2, sort(crm, "delete", NotFound, User::None, None)),
        (
            3,
            sort(
                crm,
                "delete",
                AlreadyGone,
                was_deleted,
                Some(("deleted", 0)),
            ),
        ),
        (2, sort(crm, "delete", Protected, support, UNTOUCHED)),
        (2, sort(crm, "obliterate", Bad, REGULAR, UNTOUCHED)),
        (1, sort("acme", "delete", Duplicate, User::None, None)),
    ]
}

impl Input {
    /// `rows` rows; `seed` gives their order.
    pub(crate) fn new(rows: usize, seed: u64) -> Self {
        let each = sorts().into_iter();
        let mut block: Vec<Sort> = each
            .flat_map(|(count, sort)| std::iter::repeat_n(sort, count))
            .collect();
        assert_eq!(block.len(), BLOCK, "the sorts make up a thousand");
        // The first stays where it is: a duplicate stands behind what it repeats.
        fastrand::Rng::with_seed(seed).shuffle(&mut block[1..]);
        Self { rows, block }
    }

    /// The row `number`, from 0.
    pub(crate) fn case(&self, number: usize) -> Case {
        let sort = self.block[number % BLOCK];
        let number = if sort.outcome == Outcome::Duplicate {
            number - number % BLOCK
        } else {
            number
        };
        Case { sort, number }
    }

    /// Writes the file.
    pub(crate) fn write(&self, mut file: impl Write) -> io::Result<()> {
        writeln!(file, "id,account,action,ref")?;
        for number in 0..self.rows {
            let case = self.case(number);
            let Sort {
                account, action, ..
            } = case.sort;
            writeln!(file, "{},{account},{action},T-{number}", case.id())?;
        }
        file.flush()
    }

    /// The users, in portions that a sandbox takes.
    pub(crate) fn seeds(&self) -> impl Iterator<Item = Seed> {
        let everybody = self.rows + 3 * BYSTANDERS;
        (0..everybody).step_by(SEEDED_AT_ONCE).map(move |first| {
            let mut seed = Seed::default();
            for number in first..everybody.min(first + SEEDED_AT_ONCE) {
                self.anybody(number).put(&mut seed);
            }
            seed
        })
    }

    /// A row, or a bystander: their numbers come after those of the rows.
    fn anybody(&self, number: usize) -> Case {
        if number < self.rows {
            return self.case(number);
        }
        let (account, user) = [("acme", ACTIVE), ("chat", User::Sunco), ("crm", REGULAR)]
            [(number - self.rows) / BYSTANDERS];
        let sort = sort(account, "", Outcome::Invalid, user, UNTOUCHED);
        Case { sort, number }
    }

    /// How many users there must be in the end, rows and bystanders together.
    pub(crate) fn users(&self) -> usize {
        let everybody = 0..self.rows + 3 * BYSTANDERS;
        everybody
            .filter(|number| self.anybody(*number).sort.left.is_some())
            .count()
    }

    /// Whether a user stands in the end as they must, or what is wrong. `None`: it is none of ours.
    pub(crate) fn stands_right(&self, user: &UserRecord) -> Option<Result<(), String>> {
        let everybody = self.rows + 3 * BYSTANDERS;
        let number = number_of(&user.id).filter(|number| *number < everybody)?;
        let sort = self.anybody(number).sort;
        let found = Some((user.state.as_str(), user.changes));
        let right = found == sort.left;
        Some(if right {
            Ok(())
        } else {
            Err(format!("{}: {found:?}, not {sort:?}", user.id))
        })
    }
}

impl Case {
    fn id(self) -> String {
        let number = self.number;
        match self.sort.account {
            "acme" => format!("361808{number:08}"),
            "chat" => format!("5fe0a0f0b5e2a400{number:08}"),
            _ => format!("57257670001{number:08}"),
        }
    }

    fn put(self, seed: &mut Seed) {
        let id = self.id();
        let zendesk = |state: &str, role: &str, open_tickets| UserSeed {
            id: self.id(),
            state: state.to_owned(),
            role: role.to_owned(),
            open_tickets,
            ..UserSeed::default()
        };
        match self.sort.user {
            User::None => {}
            User::Zendesk(state) => seed.of(ProviderKind::Zendesk).push(zendesk(state, "", 0)),
            User::ZendeskTickets => seed.of(ProviderKind::Zendesk).push(zendesk("", "", 2)),
            User::ZendeskAgent => seed.of(ProviderKind::Zendesk).push(zendesk("", "agent", 0)),
            User::Sunco => seed.of(ProviderKind::Sunco).push(UserSeed {
                id,
                ..UserSeed::default()
            }),
            User::Zoho(state, kind) => seed.of(ProviderKind::Zoho).push(UserSeed {
                id,
                role: kind.to_owned(),
                state: state.to_owned(),
                ..UserSeed::default()
            }),
        }
    }
}

/// The number in an id of ours: its last eight digits. The sandbox's own users have shorter or other
/// ids.
fn number_of(id: &str) -> Option<usize> {
    let prefixes = ["361808", "5fe0a0f0b5e2a400", "57257670001"];
    let digits = prefixes
        .into_iter()
        .find_map(|prefix| id.strip_prefix(prefix).filter(|rest| rest.len() == 8))?;
    digits.parse().ok()
}
