//! How a row ended, and how ends are counted.

use serde::{Deserialize, Serialize};

use super::names::named;

named! {
    /// How an [`Outcome`] counts towards a run's success.
    pub enum Counted {
        /// The user is gone, as ordered.
        Good = "good",
        /// Somebody has to look at this row.
        Bad = "bad",
        /// Nothing is to be done: another row stands for this one, or a person said to skip it.
        Skipped = "skipped",
    }
}

/// Defines [`Outcome`] and [`Counts`]: variant, counter, name, and how it counts.
macro_rules! outcomes {
    ($($(#[$doc:meta])* $Variant:ident $name:ident $literal:literal $counted:ident,)+) => {
        named! {
            /// How a row of the input ended. A row without one is *pending*.
            pub enum Outcome {
                $($(#[$doc])* $Variant = $literal,)+
            }
        }

        impl Outcome {
            /// How it counts.
            pub const fn counted(self) -> Counted {
                match self {
                    $(Self::$Variant => Counted::$counted,)+
                }
            }
        }

        /// How many rows ended in each way, and how many are pending.
        #[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
        #[serde(default)]
        pub struct Counts {
            $($(#[$doc])* pub $name: u64,)+
            /// Rows with no outcome yet.
            pub pending: u64,
            /// Of the protected rows, those on the protect list, which are skipped. Not in JSON.
            #[serde(skip)]
            pub on_protect_list: u64,
        }

        impl Counts {
            /// How many rows ended as `outcome`.
            pub const fn of(mut self, outcome: Outcome) -> u64 {
                *self.slot(outcome)
            }

            /// The counter of `outcome`.
            pub const fn slot(&mut self, outcome: Outcome) -> &mut u64 {
                match outcome {
                    $(Outcome::$Variant => &mut self.$name,)+
                }
            }
        }
    };
}

outcomes! {
    /// The provider confirmed it, for this row, in this ledger.
    Deleted deleted "deleted" Good,
    /// The provider says that this user had been deleted before.
    AlreadyGone already_gone "already_gone" Good,
    /// The provider took the order and does it later; a verification tells when it is done.
    Ordered ordered "ordered" Good,
    /// The provider knows no such user: a wrong id, or a wrong account.
    NotFound not_found "not_found" Bad,
    /// The provider will not delete this user; trying again changes nothing until someone acts.
    Refused refused "refused" Bad,
    /// Every attempt met a passing error.
    Failed failed "failed" Bad,
    /// A request went out, its answer never came, and nothing has settled it yet.
    InDoubt in_doubt "in_doubt" Bad,
    /// The row cannot be sent; the reason says why.
    Invalid invalid "invalid" Bad,
    /// The caller itself, or of a protected role; skipped where the protect list has the user.
    Protected protected "protected" Bad,
    /// Good in an earlier ledger that `--done-in` names; nothing was sent.
    DoneBefore done_before "done_before" Skipped,
    /// The same account, action and id stands earlier in the file; nothing was sent.
    Duplicate duplicate "duplicate" Skipped,
    /// `--where`, `--where-not` or `--max-rows` left it out; nothing was sent.
    Filtered filtered "filtered" Skipped,
}

impl Outcome {
    /// Whether it says that the user is gone, by this ledger or by an earlier one.
    pub fn is_gone(self) -> bool {
        self == Self::DoneBefore || self.counted() == Counted::Good
    }
}

/// How many rows count as what. Every count that is shown is made here.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Sums {
    /// How many are done.
    pub good: u64,
    /// How many ended otherwise: somebody has to look at them.
    pub bad: u64,
    /// How many were skipped.
    pub skipped: u64,
}

impl Sums {
    /// The counter of rows that count as `counted`.
    pub const fn slot(&mut self, counted: Counted) -> &mut u64 {
        match counted {
            Counted::Good => &mut self.good,
            Counted::Bad => &mut self.bad,
            Counted::Skipped => &mut self.skipped,
        }
    }

    /// How many ended.
    pub const fn total(&self) -> u64 {
        self.good + self.bad + self.skipped
    }
}

impl Counts {
    /// How the rows that ended count.
    pub fn sums(&self) -> Sums {
        Sums {
            good: self.counted(Counted::Good),
            bad: self.counted(Counted::Bad),
            skipped: self.counted(Counted::Skipped),
        }
    }

    /// Adds those of `other`.
    pub fn add(&mut self, other: &Self) {
        for outcome in Outcome::ALL {
            *self.slot(outcome) += other.of(outcome);
        }
        self.on_protect_list += other.on_protect_list;
        self.pending += other.pending;
    }

    /// All rows counted, pending ones too.
    pub fn total(&self) -> u64 {
        let each = Outcome::ALL.into_iter();
        each.map(|outcome| self.of(outcome)).sum::<u64>() + self.pending
    }

    /// Rows that count as `counted`; pending rows count as nothing.
    pub fn counted(&self, counted: Counted) -> u64 {
        let each = Outcome::ALL.into_iter();
        each.map(|outcome| self.of_counted(outcome, counted)).sum()
    }

    /// Rows that ended as `outcome` and count as `counted`.
    pub fn of_counted(&self, outcome: Outcome, counted: Counted) -> u64 {
        let listed = u64::from(outcome == Outcome::Protected) * self.on_protect_list;
        match counted {
            _ if outcome.counted() == counted => self.of(outcome) - listed,
            Counted::Skipped => listed,
            Counted::Good | Counted::Bad => 0,
        }
    }
}

impl PartialEq for Counts {
    fn eq(&self, other: &Self) -> bool {
        let mut all = Outcome::ALL.into_iter();
        all.all(|it| self.of(it) == other.of(it)) && self.pending == other.pending
    }
}

impl Eq for Counts {}
