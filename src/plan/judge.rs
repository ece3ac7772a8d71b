//! The verdict of the file and the configuration alone on a row.

use std::collections::{BTreeSet, HashSet};
use std::path::Path;

use crate::domain::{
    AccountName, AccountPolicy, Action, FindBy, IdProblem, Outcome, OutcomeEntry, ProviderKind,
    Record, RunOptions, TaskKey, with_brand,
};
use crate::input::{
    FILTERED, Field, InputSource, InputTable, RowProblem, closest, did_you_mean, holds_several_ids,
};

use super::damage::IdLook;
use super::outline::Why;
use super::planner::{PlanError, Planner};
use super::protect::ProtectList;

/// The longest reference that is carried along, in bytes: it stands in every line of the ledger
/// that speaks of its row.
const REFERENCE_BYTES_MAX: usize = 1024;

/// The codes of rows that are left out for no fault of theirs.
const LEFT_OUT: [&str; 2] = [FILTERED, OutcomeEntry::PROTECT_LIST];

/// The words that stand where there is no id, a blank between two.
const NOBODY: &str = "null (null) nil none undefined unknown nan n/a - #n/a #name? #ref! #value! #div/0! \
                      #num! #null! #error!";

/// A row whose user is to be found: its account, what it names the user by, and its cells.
pub type Sought = (AccountName, String, Vec<Vec<u8>>);

/// A row that can be sent, as it stands in the file: nothing of it has been copied.
#[derive(Debug, Clone, Copy)]
pub(super) struct ValidRow<'a> {
    /// The place of its account among the judge's.
    pub(super) place: usize,
    pub(super) account: &'a AccountName,
    pub(super) action: Action,
    /// The user, as the provider names them.
    pub(super) id: &'a str,
    pub(super) reference: Option<&'a str>,
}

/// A row that is not sent.
#[derive(Debug)]
pub(super) struct UnsentRow<'a> {
    /// Its account, with its place among the judge's; `None`: it names none that exists.
    pub(super) account: Option<(usize, &'a AccountName)>,
    /// Its action; `None`: it names none that its provider offers, or its account is not known.
    pub(super) action: Option<Action>,
    /// Its user; `None`: the cell holds no id of the provider's, or was not looked at.
    pub(super) id: Option<&'a str>,
    /// Its reference; `None`: it has none, or its cells may stand in the wrong columns.
    pub(super) reference: Option<&'a str>,
    pub(super) why: Why,
}

impl<'a> ValidRow<'a> {
    /// The row as one that is not sent, which other rows show.
    pub(super) fn unsent(&self, why: Why) -> UnsentRow<'a> {
        UnsentRow {
            account: Some((self.place, self.account)),
            action: Some(self.action),
            id: Some(self.id),
            reference: self.reference,
            why,
        }
    }
}

impl UnsentRow<'_> {
    /// A row that an option leaves out, of which nothing is kept but its number.
    pub(super) fn left_out(reason: &'static str) -> Self {
        Self {
            account: None,
            action: None,
            id: None,
            reference: None,
            why: Why::new(Outcome::Filtered, Field::Row, FILTERED, reason),
        }
    }
}

/// Each action with what it does.
fn described(actions: &[Action]) -> String {
    let described = actions.iter().map(|it| format!("{it}: {}", it.effect()));
    described.collect::<Vec<_>>().join("; ")
}

impl Planner {
    /// Decides by the configuration's accounts and the `options`, and ends rows that `done_before` holds, which
    /// ledgers of `--done-in` show as good. Rows without an account are of `--account`, or of the only one.
    ///
    /// # Errors
    ///
    /// `--account` names no account, or several, or no account offers the action that `--action` names.
    pub fn try_new(
        accounts: Vec<AccountPolicy>,
        options: &RunOptions,
        protect: ProtectList,
        done_before: HashSet<TaskKey>,
    ) -> Result<Self, PlanError> {
        let mut planner = Self {
            account: (accounts.len() == 1).then_some(0),
            action: options.action,
            takes_foreign: options.force_foreign_ids,
            rows_max: None,
            accounts,
            protect,
            done_before,
        };
        if let Some(name) = &options.account {
            let found = planner.find(name).map_err(|several| {
                let naming = format!("the name `{name}` of `--account`");
                PlanError::Account(planner.no_account(name, several, &naming))
            })?;
            planner.account = Some(found);
        }
        if let Some(action) = options.action {
            planner.check_offered(action)?;
        }
        Ok(planner)
    }

    /// Spares the ids of the list at `path`, which `columns` may hold. `source`: the input; only if it has no
    /// column of accounts are all its rows of one.
    pub fn protect(
        &mut self,
        path: &Path,
        columns: &[String],
        source: &InputSource,
    ) -> Result<(), PlanError> {
        let names_accounts = source.resolved().mapping.account.is_some();
        let only = self.account.filter(|_| !names_accounts);
        self.protect = ProtectList::read(path, columns, &self.accounts, only)?;
        Ok(())
    }

    /// The fate of `row` if no other row and no earlier ledger speaks against it.
    pub(super) fn judge<'a>(
        &'a self,
        row: &'a Result<Record<'_>, RowProblem>,
    ) -> Result<ValidRow<'a>, Box<UnsentRow<'a>>> {
        let read = row.as_ref().or_else(|it| it.rest.as_deref().ok_or(()));
        let reference = read.ok().and_then(|it| it.reference.as_deref());
        let unsent = |account, action| {
            move |why: Why| {
                Box::new(UnsentRow {
                    account,
                    action,
                    id: None,
                    reference: reference.filter(|_| why.field != Field::Reference),
                    why,
                })
            }
        };
        let unread = |it: &RowProblem| match it.code {
            FILTERED => Box::new(UnsentRow::left_out("`--where` leaves the row out")),
            code @ OutcomeEntry::PROTECT_LIST => {
                let (outcome, reason) = (Outcome::Protected, it.reason.clone());
                unsent(None, None)(Why::new(outcome, it.field, code, reason))
            }
            code => {
                let place = read.ok().and_then(|rest| self.account_of(rest, true).ok());
                let account = place.map(|place| (place, &self.accounts[place]));
                let action =
                    account.and_then(|(_, policy)| self.action_of(read.ok()?, policy).ok());
                let account = account.map(|(place, policy)| (place, &policy.name));
                unsent(account, action)(invalid(it.field, code, it.reason.clone()))
            }
        };
        let record = row.as_ref().map_err(unread)?;
        let place = reference.map_or(Ok(()), check_reference);
        let place = place.and_then(|()| self.account_of(record, true));
        let place = place.map_err(unsent(None, None))?;
        let policy = &self.accounts[place];
        let account = Some((place, &policy.name));
        let action = self.action_of(record, policy);
        let action = action.map_err(unsent(account, None))?;
        let id = id_of(record, policy).map_err(unsent(account, Some(action)))?;
        let valid = ValidRow {
            place,
            account: &policy.name,
            action,
            id,
            reference,
        };
        if self.protect.contains(id) {
            let reason = "the id stands in the protect list";
            let code = OutcomeEntry::PROTECT_LIST;
            let why = Why::new(Outcome::Protected, Field::Id, code, reason);
            return Err(Box::new(valid.unsent(why)));
        }
        Ok(valid)
    }

    /// The row with its brand as part of the id, where its account has brands and it names one.
    pub(super) fn with_brand<'a>(
        &self,
        row: &'a Result<Record<'_>, RowProblem>,
    ) -> Option<Result<Record<'a>, RowProblem>> {
        let record = row.as_ref().ok()?;
        let brand = record.brand.as_deref()?;
        let place = self.account_of(record, true).ok()?;
        let is_nobody = check_id(&self.accounts[place], &record.id).is_err();
        if !self.accounts[place].provider.takes_external_ids() || is_nobody {
            return None;
        }
        let reason = "the brand is no brand's id, which is at most 24 letters and digits; if the column \
                      holds something else, rename it";
        let branded = with_brand(&record.id, brand).map(|id| Record {
            id: id.into(),
            ..record.clone()
        });
        Some(branded.ok_or_else(|| RowProblem::new(Field::Brand, "bad_brand", reason)))
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
            there.map(|(index, _)| index).collect()
        };
        self.accounts.iter().map(neighbours).collect()
    }

    /// The next row of `table`, whose user is to be found. `None`: there is none.
    ///
    /// # Errors
    ///
    /// The file cannot be read on, or the row cannot, or it names no account that finds users so.
    pub fn sought(&self, table: &mut InputTable, by: FindBy) -> Result<Option<Sought>, PlanError> {
        let position = loop {
            match table.advance()? {
                Some(_) if table.content().is_err_and(|it| LEFT_OUT.contains(&it.code)) => {}
                Some(position) => break position,
                None => return Ok(None),
            }
        };
        let refuse = |why: &str| {
            let line = position.line;
            PlanError::Account(format!("line {line}: {why}; nobody was asked for"))
        };
        let row = table.content().map_err(|problem| refuse(&problem.reason))?;
        let place = self.account_of(&row, false);
        let place = place.map_err(|why| refuse(&why.reason))?;
        let AccountPolicy { name, provider, .. } = &self.accounts[place];
        if !provider.finds(by) {
            let title = provider.title();
            let more = match provider {
                ProviderKind::Own(_) => {
                    "; `[find]` in its file would say how: `userpurge help providers`"
                }
                _ => "",
            };
            let why = format!("account `{name}` is at {title}, which finds nobody by {by}{more}");
            return Err(refuse(&why));
        }
        Ok(Some((name.clone(), row.id.into_owned(), table.cells())))
    }

    /// The place of the account that the row names, or else of `--account`. All that is missing is told at
    /// once, an action too if it is `needed`.
    fn account_of(&self, record: &Record<'_>, needed: bool) -> Result<usize, Why> {
        let Some(text) = &record.account else {
            return self.account.ok_or_else(|| {
                let names = self.all_names();
                let lacks_action = needed && record.action.is_none() && self.action.is_none();
                let reason = if lacks_action && self.accounts.iter().all(|it| it.action.is_none()) {
                    format!(
                        "the row names no account and no action; give them with `--account` ({names}) and \
                         `--action` ({}), or columns of them",
                        described(&Action::ALL)
                    )
                } else {
                    format!(
                        "the row names no account; give one with `--account` ({names}), or a column of \
                         accounts"
                    )
                };
                invalid(Field::Account, "no_account", reason)
            });
        };
        self.find(text).map_err(|several| {
            let code = match several {
                None => "unknown_account",
                Some(_) => "ambiguous_account",
            };
            let mut reason = self.no_account(text, several, "the name in the row");
            let is_misspelt = closest(text, self.names()).is_some();
            if self.account.is_some() && !is_misspelt {
                reason += "; if the column means something else, give `--account-column none`";
            }
            invalid(Field::Account, code, reason)
        })
    }

    /// The place of the account called `text`: by its name as it is written, then without regard
    /// to case, then by its provider's name. The error: the provider whose name it is, and that several
    /// accounts have.
    pub(super) fn find(&self, text: &str) -> Result<usize, Option<ProviderKind>> {
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
        let mut kinds = self.accounts.iter().map(|policy| policy.provider);
        let provider = kinds.find(|kind| kind.name().eq_ignore_ascii_case(text));
        let provider = provider.ok_or(None)?;
        only(&|policy| policy.provider == provider).ok_or(Some(provider))
    }

    /// The action that the row names, or else `--action`, or else the account's default.
    fn action_of(&self, record: &Record<'_>, policy: &AccountPolicy) -> Result<Action, Why> {
        let offered = policy.provider.actions();
        let names = || offered.iter().map(|action| action.name());
        let known =
            |text| Action::among(offered, text).or_else(|| Action::among(&Action::ALL, text));
        let action = match &record.action {
            Some(text) => known(text).ok_or_else(|| {
                invalid(
                    Field::Action,
                    "unknown_action",
                    format!(
                        "no action has the name in the row{} ({} offers: {})",
                        did_you_mean(closest(text, names())),
                        policy.provider,
                        names().collect::<Vec<_>>().join(", ")
                    ),
                )
            })?,
            None => self.action.or(policy.action).ok_or_else(|| {
                invalid(
                    Field::Action,
                    "no_action",
                    format!(
                        "the row names no action, and deleting is never a default; give one with \
                         `--action` ({}), or a column of actions",
                        described(offered)
                    ),
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

    /// Refuses an action that no account offers that rows may be of.
    fn check_offered(&self, action: Action) -> Result<(), PlanError> {
        let named = self.account.map(|place| &self.accounts[place]);
        let accounts = named.map_or(&*self.accounts, std::slice::from_ref);
        let offered = accounts.iter().flat_map(|it| it.provider.actions());
        let offered: BTreeSet<&str> = offered.map(|it| it.name()).collect();
        let any = self.accounts.iter().flat_map(|it| it.provider.actions());
        if any.map(|it| it.name()).any(|it| it == action.name()) {
            return Ok(());
        }
        Err(PlanError::Account(format!(
            "no account offers the action `{action}`, which `--action` names{} (offered: {})",
            did_you_mean(closest(action.name(), offered.iter().copied())),
            offered.iter().copied().collect::<Vec<_>>().join(", ")
        )))
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.accounts.iter().map(|policy| policy.name.as_str())
    }

    fn all_names(&self) -> String {
        self.names().collect::<Vec<_>>().join(", ")
    }

    /// Why `name`, in words `naming`, is no account's, or that of `several`.
    fn no_account(&self, name: &str, several: Option<ProviderKind>, naming: &str) -> String {
        match several {
            None => format!(
                "no account has {naming}{} (accounts: {})",
                did_you_mean(closest(name, self.names())),
                self.all_names()
            ),
            Some(provider) => {
                let there = self.accounts.iter().filter(|it| it.provider == provider);
                let names: Vec<&str> = there.map(|it| it.name.as_str()).collect();
                format!(
                    "{naming} is {provider}, which several accounts have: {}; name the account itself",
                    names.join(", ")
                )
            }
        }
    }
}

/// The id that `text` is at the account of `policy`, as its provider wants it.
pub(super) fn check_id<'a>(policy: &AccountPolicy, text: &'a str) -> Result<&'a str, IdProblem> {
    let problem = |code, reason| Err(IdProblem { code, reason });
    // Nearly all ids begin with a digit, or are longer than all of these words.
    let may_be_word =
        text.len() <= "undefined".len() && !text.starts_with(|c: char| c.is_ascii_digit());
    if may_be_word && NOBODY.split(' ').any(|it| it.eq_ignore_ascii_case(text)) {
        let reason = "this is what programs and spreadsheets write where there is no id";
        return problem("nobody", reason);
    }
    let id = (policy.check_id)(text)?;
    let bare = text.strip_prefix("ObjectId").unwrap_or(text);
    let bare = bare.trim_matches(|c: char| !c.is_alphanumeric());
    if bare.len() < text.len() && IdLook::of(bare) == IdLook::Hexadecimal {
        let reason = "other text stands beside the id; leave nothing but the id";
        return problem("text_around_id", reason);
    }
    let pattern = policy.id_pattern.as_ref();
    if pattern.is_some_and(|it| !it.is_match(id)) {
        let reason =
            "an id of this provider looks otherwise; name another column with `--id-column`";
        return problem("pattern", reason);
    }
    Ok(id)
}

/// The id as its provider wants it.
fn id_of<'a>(record: &'a Record<'_>, policy: &AccountPolicy) -> Result<&'a str, Why> {
    if record.id.is_empty() {
        return Err(invalid(Field::Id, "no_id", "the id is blank".to_owned()));
    }
    let checked = check_id(policy, &record.id);
    let is_one_word = |id: &&str| id.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if !checked.as_ref().is_ok_and(is_one_word) && holds_several_ids(&record.id) {
        let reason = "the cell holds several ids, and which of them is meant is not known; give each a row \
                      of its own";
        return Err(invalid(Field::Id, "several_ids", reason.to_owned()));
    }
    let id = checked.map_err(|it| invalid(Field::Id, it.code, it.reason.to_owned()))?;
    if record.trimmed && (policy.blanks_count)(id) {
        let reason = format!(
            "there are blanks around the id, and an id of {} may have some: with and without them are \
             two users; take them out of the file, or use the user's own id",
            policy.provider
        );
        return Err(invalid(Field::Id, "blanks_around", reason));
    }
    Ok(id)
}

fn check_reference(reference: &str) -> Result<(), Why> {
    if reference.len() <= REFERENCE_BYTES_MAX {
        return Ok(());
    }
    let reason = format!(
        "the reference is longer than {REFERENCE_BYTES_MAX} bytes; if it is the wrong column, name the right one with `--ref-column`"
    );
    Err(invalid(Field::Reference, "reference_too_long", reason))
}

fn invalid(field: Field, code: &'static str, reason: String) -> Why {
    Why::new(Outcome::Invalid, field, code, reason)
}
