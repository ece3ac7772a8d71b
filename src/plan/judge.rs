//! What the file and the configuration alone say of a row.

use crate::domain::{
    AccountName, AccountPolicy, Action, ColumnDamage, Outcome, ProviderKind, Record, UserId,
    looks_rounded,
};
use crate::input::{Field, Meant, Row, closest, is_harmless};

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
        for policy in self.accounts.iter_mut().filter(|policy| policy.ids_alike) {
            policy.damage = damage(&policy.name);
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
        let ColumnDamage { rounded, digits } = policy.damage;
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
    (policy.check_id)(&record.id).map_err(|problem| {
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
mod tests {
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
    fn an_account_option_that_fits_none_is_an_error(
        #[case] name: &str,
        #[case] message: Option<&str>,
    ) {
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
}
