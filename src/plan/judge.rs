//! What the file and the configuration alone say of a row.

use crate::domain::{
    AccountName, AccountPolicy, Action, ColumnDamage, Outcome, ProviderKind, Record, UserId,
    looks_rounded,
};
use crate::input::{Field, Meant, Row, closest, holds_several_ids, is_harmless};

use super::damage::is_broken;
use super::decision::{Decision, Ended, Fit};
use super::error::PlanError;
use super::protect::ProtectList;

/// The longest reference that is carried along, in bytes: it stands in every line of the ledger
/// that speaks of its row.
const REFERENCE_BYTES_MAX: usize = 1024;

/// The shortest text of a cell that is looked for in a reason, in bytes: one or two letters stand
/// in any sentence and name nobody.
const CELL_BYTES_MIN: usize = 3;

/// What is taken for rows that do not say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Defaults {
    /// `--account`: an account's name, or a provider's where just one account has it. `None`: rows
    /// that name no account are invalid.
    pub account: Option<String>,
    /// `--action`. `None`: the account's own default is taken, and without one the row is invalid.
    pub action: Option<Action>,
}

/// What becomes of ids whose leading digits say that they are another org's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ForeignIds {
    /// Their rows are invalid.
    #[default]
    Refused,
    /// They are sent: `--force-foreign-ids`.
    Allowed,
}

/// What is known of a row before it is known whether it can be sent.
#[derive(Debug, Default)]
struct Known<'a> {
    account: Option<&'a AccountName>,
    action: Option<Action>,
    id: Option<&'a str>,
    reference: Option<&'a str>,
}

/// Judges rows one by one, each alike wherever it stands.
#[derive(Debug)]
pub struct Judge {
    accounts: Vec<AccountPolicy>,
    /// The place in `accounts` of `--account`.
    account: Option<usize>,
    action: Option<Action>,
    foreign_ids: ForeignIds,
    protect: ProtectList,
}

/// Why a row ends.
struct Cause {
    outcome: Outcome,
    field: Field,
    code: &'static str,
    reason: String,
}

/// Why a text is no account's name.
enum NoAccount {
    Unknown,
    Several(ProviderKind),
}

impl Judge {
    /// Judges by the accounts of the configuration and the options of the command line.
    ///
    /// # Errors
    ///
    /// `--account` names no account, or several.
    pub fn try_new(
        accounts: Vec<AccountPolicy>,
        defaults: &Defaults,
        foreign_ids: ForeignIds,
        protect: ProtectList,
    ) -> Result<Self, PlanError> {
        let mut judge = Self {
            accounts,
            account: None,
            action: defaults.action,
            foreign_ids,
            protect,
        };
        if let Some(name) = &defaults.account {
            judge.account = Some(
                judge
                    .find(name)
                    .map_err(|why| judge.no_default(name, &why))?,
            );
        }
        Ok(judge)
    }

    /// Takes note of the damage that the ids of each account show together. Returns whether there
    /// is any, so that rows may be judged otherwise than before.
    pub fn heed(&mut self, damage: impl Fn(&AccountName) -> ColumnDamage) -> bool {
        for policy in &mut self.accounts {
            let found = damage(&policy.name);
            policy.damage = ColumnDamage {
                rounded: found.rounded && policy.ids_alike,
                digits: found.digits.filter(|_| policy.ids_alike),
                ..found
            };
        }
        let none = ColumnDamage::default();
        self.accounts.iter().any(|policy| policy.damage != none)
    }

    /// What becomes of `row` if no other row and no earlier ledger speaks against it: it is sent,
    /// invalid or protected.
    pub fn judge(&self, row: &Row<'_>) -> Decision {
        match self.look(row) {
            Ok(fit) => Decision::Send(fit.task(row.position)),
            Err(ended) => Decision::End(*ended),
        }
    }

    /// Likewise, of a row that may never be sent: what its cells say is not copied.
    pub(super) fn look<'a>(&'a self, row: &'a Row<'_>) -> Result<Fit<'a>, Box<Ended>> {
        let mut known = Known::default();
        let cause = match &row.content {
            Ok(record) => match self.examine(record, &mut known) {
                Ok(fit) => return Ok(fit),
                Err(cause) => cause,
            },
            Err(problem) => invalid(problem.field, problem.code, problem.reason.clone()),
        };
        Err(Box::new(Ended {
            position: row.position,
            outcome: cause.outcome,
            account: known.account.cloned(),
            action: known.action,
            id: known.id.map(UserId::new),
            reference: known.reference.map(str::to_owned),
            field: cause.field,
            code: cause.code,
            reason: cause.reason,
        }))
    }

    /// Goes through the checks in order, noting in `known` what has passed.
    fn examine<'a>(
        &'a self,
        record: &'a Record<'_>,
        known: &mut Known<'a>,
    ) -> Result<Fit<'a>, Cause> {
        if let Some(reference) = &record.reference {
            check_reference(reference)?;
            known.reference = Some(reference);
        }
        let place = self.account_of(record)?;
        let policy = &self.accounts[place];
        known.account = Some(&policy.name);
        let action = self.action_of(record, policy)?;
        known.action = Some(action);
        let id = id_of(record, policy)?;
        if record.trimmed && (policy.blanks_count)(id) {
            return Err(invalid(
                Field::Id,
                "blanks_around",
                format!(
                    "there are blanks around the id, and an id of {} may have some: with and without \
                     them are two users; take them out of the file, or use the user's own id",
                    policy.provider
                ),
            ));
        }
        known.id = Some(id);
        self.check_damage(id, policy)?;
        self.check_foreign(id, policy)?;
        self.check_protected(id, policy)?;
        Ok(Fit {
            place,
            account: &policy.name,
            action,
            id,
            reference: known.reference,
        })
    }

    /// The names of the accounts, by their places.
    pub(super) fn accounts(&self) -> impl Iterator<Item = &AccountName> {
        self.accounts.iter().map(|policy| &policy.name)
    }

    /// For each account, the places of the others at the same tenant, as far as that is known.
    pub(super) fn neighbours(&self) -> Vec<Vec<usize>> {
        let of = |policy: &AccountPolicy| (policy.provider, policy.tenant.clone());
        let is_there = |policy: &AccountPolicy, other: &AccountPolicy| {
            policy.name != other.name && policy.tenant.is_some() && of(policy) == of(other)
        };
        let neighbours = |policy| {
            let others = self.accounts.iter().enumerate();
            let there = others.filter(|(_, other)| is_there(policy, other));
            there.map(|(place, _)| place).collect()
        };
        self.accounts.iter().map(neighbours).collect()
    }

    /// The account called `name` with its provider, if that takes its own ids alone.
    pub(super) fn refuses_external_ids(
        &self,
        name: &AccountName,
    ) -> Option<(AccountName, ProviderKind)> {
        let policy = self.accounts.iter().find(|policy| policy.name == *name)?;
        let refuses = !policy.provider.takes_external_ids();
        refuses.then(|| (policy.name.clone(), policy.provider))
    }

    /// How many ids must never be touched, as their list has them; `None`: there is no list.
    pub fn protected(&self) -> Option<usize> {
        self.protect.count()
    }

    /// The place of the account that the row names, or else of `--account`.
    fn account_of(&self, record: &Record<'_>) -> Result<usize, Cause> {
        let Some(text) = &record.account else {
            return self.account.ok_or_else(|| {
                invalid(
                    Field::Account,
                    "no_account",
                    "the row names no account; give one with `--account`, or a column of accounts"
                        .to_owned(),
                )
            });
        };
        self.find(text).map_err(|why| match why {
            NoAccount::Unknown => invalid(
                Field::Account,
                "unknown_account",
                format!(
                    "no account has the name in the row{} (accounts: {})",
                    Meant(closest(text, self.names())),
                    self.names().collect::<Vec<_>>().join(", ")
                ),
            ),
            NoAccount::Several(provider) => invalid(
                Field::Account,
                "ambiguous_account",
                format!(
                    "the row names {provider}, which several accounts have: {}; name the account itself",
                    self.names_at(provider).join(", ")
                ),
            ),
        })
    }

    /// The place of the account called `text`: by its name as it is written, then without regard
    /// to case, then by its provider's name.
    fn find(&self, text: &str) -> Result<usize, NoAccount> {
        let exactly = |policy: &AccountPolicy| policy.name.as_str() == text;
        if let Some(place) = self.accounts.iter().position(exactly) {
            return Ok(place);
        }
        let only = |is_meant: &dyn Fn(&AccountPolicy) -> bool| {
            let mut meant =
                (0..self.accounts.len()).filter(|place| is_meant(&self.accounts[*place]));
            let found = meant.next();
            if meant.next().is_some() { None } else { found }
        };
        let nearly = |policy: &AccountPolicy| policy.name.as_str().eq_ignore_ascii_case(text);
        if let Some(place) = only(&nearly) {
            return Ok(place);
        }
        let provider: ProviderKind = text.parse().map_err(|()| NoAccount::Unknown)?;
        if !self
            .accounts
            .iter()
            .any(|policy| policy.provider == provider)
        {
            return Err(NoAccount::Unknown);
        }
        only(&|policy| policy.provider == provider).ok_or(NoAccount::Several(provider))
    }

    /// The action that the row names, or else `--action`, or else the account's default.
    fn action_of(&self, record: &Record<'_>, policy: &AccountPolicy) -> Result<Action, Cause> {
        let offered = policy.provider.actions();
        let names = || offered.iter().map(|action| action.name());
        let action = match &record.action {
            Some(text) => text.parse().map_err(|()| {
                invalid(
                    Field::Action,
                    "unknown_action",
                    format!(
                        "no action has the name in the row{} ({} offers: {})",
                        Meant(closest(text, names())),
                        policy.provider,
                        names().collect::<Vec<_>>().join(", ")
                    ),
                )
            })?,
            None => self.action.or(policy.action).ok_or_else(|| {
                invalid(
                    Field::Action,
                    "no_action",
                    "the row names no action, and deleting is never a default; give one with `--action`, or a column of actions".to_owned(),
                )
            })?,
        };
        if offered.contains(&action) {
            return Ok(action);
        }
        Err(invalid(
            Field::Action,
            "action_not_offered",
            format!(
                "{} does not offer `{action}`; it offers: {}",
                policy.provider,
                names().collect::<Vec<_>>().join(", ")
            ),
        ))
    }

    /// What all ids of the account show of this one.
    fn check_damage(&self, id: &str, policy: &AccountPolicy) -> Result<(), Cause> {
        let ColumnDamage {
            rounded,
            digits,
            short,
            broken,
        } = policy.damage;
        let is_number = || id.bytes().all(|byte| byte.is_ascii_digit());
        if short.is_some_and(|short| id.len() <= short) && is_number() {
            return Err(invalid(
                Field::Id,
                "far_too_short",
                format!(
                    "the id has not half the digits of nearly all others of `{}`: it is a total, a \
                     row's number or a part of an id (if it is right, delete it from a file of its own)",
                    policy.name
                ),
            ));
        }
        if broken && is_broken(id) {
            return Err(invalid(
                Field::Id,
                "broken_number",
                "a spreadsheet took the id for a number, so its digits are lost, as nearly all others \
                 are hexadecimal; format the column as text and export again"
                    .to_owned(),
            ));
        }
        if rounded && looks_rounded(id) {
            return Err(invalid(
                Field::Id,
                "rounded",
                "the id ends in zeros, as more ids of this file do than true ones would: it was \
                 rounded to a spreadsheet's fifteen digits, and may be another user's now; format \
                 the column as text and export again (if it is right, delete it from a file of its \
                 own)"
                    .to_owned(),
            ));
        }
        // Who forces ids of several orgs through has ids of several lengths.
        let usual = policy.caller.as_ref().filter(|_| policy.ids_alike);
        let usual = usual.map(|caller| caller.as_str().len()).or(digits);
        match usual {
            Some(usual) if id.len() < usual && self.foreign_ids == ForeignIds::Refused => {
                Err(invalid(
                    Field::Id,
                    "lost_leading_digits",
                    format!(
                        "the id has fewer digits than the {usual} of the ids of `{}`: its first were \
                         lost, or it is another org's; format the column as text and export again",
                        policy.name
                    ),
                ))
            }
            Some(_) | None => Ok(()),
        }
    }

    fn check_foreign(&self, id: &str, policy: &AccountPolicy) -> Result<(), Cause> {
        let Some(prefix) = &policy.id_prefix else {
            return Ok(());
        };
        if self.foreign_ids == ForeignIds::Allowed || id.starts_with(prefix.as_str()) {
            return Ok(());
        }
        Err(invalid(
            Field::Id,
            "foreign_id",
            format!(
                "the id is another org's: the ids of `{}` begin with {prefix}; if you are sure, give `--force-foreign-ids`",
                policy.name
            ),
        ))
    }

    fn check_protected(&self, id: &str, policy: &AccountPolicy) -> Result<(), Cause> {
        let (code, reason) = if self.protect.contains(id) {
            ("protect_list", "the id stands in the protect list")
        } else if policy.caller.as_ref().is_some_and(|it| it.as_str() == id) {
            ("caller", "this is the user whose credentials are used")
        } else {
            return Ok(());
        };
        Err(Cause {
            outcome: Outcome::Protected,
            field: Field::Id,
            code,
            reason: reason.to_owned(),
        })
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        self.accounts.iter().map(|policy| policy.name.as_str())
    }

    fn names_at(&self, provider: ProviderKind) -> Vec<&str> {
        self.accounts
            .iter()
            .filter(|policy| policy.provider == provider)
            .map(|policy| policy.name.as_str())
            .collect()
    }

    fn no_default(&self, name: &str, why: &NoAccount) -> PlanError {
        let owned = |names: Vec<&str>| names.into_iter().map(str::to_owned).collect();
        match why {
            NoAccount::Unknown => PlanError::UnknownAccount {
                name: name.to_owned(),
                suggestion: closest(name, self.names()).map(str::to_owned),
                known: owned(self.names().collect()),
            },
            NoAccount::Several(provider) => PlanError::AmbiguousAccount {
                provider: *provider,
                accounts: owned(self.names_at(*provider)),
            },
        }
    }
}

/// The id as its provider wants it.
fn id_of<'a>(record: &'a Record<'_>, policy: &AccountPolicy) -> Result<&'a str, Cause> {
    if record.id.is_empty() {
        return Err(invalid(Field::Id, "no_id", "the id is blank".to_owned()));
    }
    let checked = (policy.check_id)(&record.id);
    let is_one_word = |id: &&str| id.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if !checked.as_ref().is_ok_and(is_one_word) && holds_several_ids(&record.id) {
        return Err(invalid(
            Field::Id,
            "several_ids",
            "the cell holds several ids, and which of them is meant is not known; give each a row of \
             its own"
                .to_owned(),
        ));
    }
    checked.map_err(|problem| {
        invalid(
            Field::Id,
            problem.code,
            without_cell(problem.reason, &record.id),
        )
    })
}

/// `reason` without the text of the cell, unless that is a number and can be nobody's name: a
/// wrong column may hold names and addresses, and reasons go into the ledger.
///
/// A provider's rule is trusted to keep to this by itself; here it is made sure of.
fn without_cell(reason: String, cell: &str) -> String {
    if cell.len() < CELL_BYTES_MIN || is_harmless(cell) || !reason.contains(cell) {
        return reason;
    }
    reason.replace(cell, "…")
}

fn check_reference(reference: &str) -> Result<(), Cause> {
    if reference.len() <= REFERENCE_BYTES_MAX {
        return Ok(());
    }
    Err(invalid(
        Field::Reference,
        "reference_too_long",
        format!(
            "the reference is longer than {REFERENCE_BYTES_MAX} bytes; if it is the wrong column, name the right one with `--ref-column`"
        ),
    ))
}

fn invalid(field: Field, code: &'static str, reason: String) -> Cause {
    Cause {
        outcome: Outcome::Invalid,
        field,
        code,
        reason,
    }
}

#[cfg(test)]
mod tests;
