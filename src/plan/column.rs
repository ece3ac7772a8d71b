//! Whether the ids were taken from the wrong column, and which looks like the right one.

use std::collections::BTreeSet;

use crate::domain::{AccountName, AccountPolicy, Action};
use crate::input::{
    InputError, InputSource, InputTable, NO_COLUMN, ReadOptions, closest, trim_cell,
};

use super::planner::Planner;

/// How many rows are looked at.
const ROWS_MAX: u64 = 1_000;

/// The names of a cell that holds something else than an id, or nothing. A damaged id is none of
/// these: it stands in the right column.
pub(super) const OTHER_THINGS: [&str; 6] = [
    "no_id",
    "not_digits",
    "email",
    "zuid",
    "too_short",
    "too_long",
];

/// The columns that a report adds are called so; they hold no ids.
const REPORTED: &str = "userpurge_";

/// The words of a column of actions for rows that are not meant, a blank between two.
const NO: &str = "keep no none skip exclude retain false n ignore";

impl Planner {
    /// Lets `read` pass over the columns of accounts and of actions in which no row has one. They
    /// mean something else, as `provider` does of a sign-in. It passes over only columns that no
    /// option names, and only if rows without one have a default. The default account counts only
    /// if somebody `named` it. The only account there is may be another than the file means.
    /// Returns their names; `source` is to be opened again then.
    ///
    /// # Errors
    ///
    /// As long as no row has one, the file is read once more, and that may fail. Or the column of
    /// actions says of a row that it is not meant.
    pub fn pass_over(
        &self,
        source: &InputSource,
        read: &mut ReadOptions,
        named: Option<&str>,
    ) -> Result<Vec<String>, InputError> {
        let found = source.resolved().mapping.clone();
        let has_action =
            self.action.is_some() || self.accounts.iter().any(|it| it.action.is_some());
        let all = self.accounts.iter().flat_map(|it| it.provider.actions());
        let offered: Vec<&str> = all.chain(&Action::ALL).map(|it| it.name()).collect();
        let accounts: Vec<&str> = self.names().collect();
        let is_auto = |column: &Option<String>, has_default| column.is_none() && has_default;
        let (account, action) = (&mut read.columns.account, &mut read.columns.action);
        let mut columns = [
            found.account.filter(|_| is_auto(account, named.is_some())),
            found.action.filter(|_| is_auto(action, has_action)),
        ];
        let (mut has_other, mut no) = ([false; 2], None);
        if columns.iter().any(Option::is_some) {
            let mut once = InputSource::open(source.path(), read)?;
            while columns.iter().any(Option::is_some) && once.advance()?.is_some() {
                let Ok(record) = once.content() else {
                    continue;
                };
                let text = record.action.as_deref().unwrap_or_default();
                no = no.or_else(|| NO.split(' ').find(|no| no.eq_ignore_ascii_case(text)));
                // A name that is misspelt is meant as one.
                let is_near =
                    |it: &str, names: &[&str]| closest(it, names.iter().copied()).is_some();
                let account = record
                    .account
                    .map(|it| self.find(&it) != Err(None) || is_near(&it, &accounts));
                let action = record.action.map(|it| is_near(&it, &offered));
                for (index, fits) in [account, action].into_iter().enumerate() {
                    has_other[index] |= fits == Some(false);
                    columns[index].take_if(|_| fits == Some(true));
                }
            }
        }
        if let (Some(column), Some(no)) = (columns[1].take_if(|_| no.is_some()), no) {
            let what = format!(
                "says `{no}` in its column `{column}`, which would not be heeded; take the rows out that are not meant, and give `--action-column none`"
            );
            let label = "this column says who is not meant";
            return Err(InputError::of_column(source.path(), &what, column, label));
        }
        let named = [&mut read.columns.account, &mut read.columns.action];
        let all = columns.into_iter().zip(has_other).zip(named);
        let passed = all.filter_map(|((column, has_other), named)| {
            let column = column.filter(|_| has_other)?;
            *named = Some(NO_COLUMN.to_owned());
            Some(column)
        });
        Ok(passed.collect())
    }
}

/// The column of `table` that looks most like ids of `accounts`: nine in ten of its cells are some.
/// `None`: none does, or any text may be an id there.
pub fn likely_id_column(
    table: &mut InputTable,
    policies: &[AccountPolicy],
    accounts: &BTreeSet<AccountName>,
) -> Result<Option<String>, InputError> {
    let meant = policies.iter().filter(|it| accounts.contains(&it.name));
    let checks = meant.map(|policy| policy.check_id);
    // A provider that lets this pass takes any text for an id.
    let checks: Vec<_> = checks.filter(|check| check("no id").is_err()).collect();
    let mut fitting = vec![0_u64; table.columns().len()];
    let mut rows = 0;
    while rows < ROWS_MAX && table.advance()?.is_some() {
        rows += 1;
        for (count, cell) in fitting.iter_mut().zip(table.cells()) {
            let text = String::from_utf8_lossy(&cell);
            let text = trim_cell(&text);
            let is_id = !text.is_empty() && checks.iter().any(|check| check(text).is_ok());
            *count += u64::from(is_id);
        }
    }
    let taken = table.field_places();
    // Where `lookup` found nobody, it left the id blank.
    let is_found = table.columns().iter().any(|column| column == "found");
    let is_own = |place: &usize| is_found || table.columns()[*place].starts_with(REPORTED);
    let others = (0..fitting.len()).filter(|place| !taken.contains(place));
    let likely = others.filter(|place| !is_own(place));
    // Of two that fit alike, the first.
    let best = likely.min_by_key(|place| std::cmp::Reverse(fitting[*place]));
    let fits = |place: &usize| fitting[*place] > 0 && fitting[*place] * 10 >= rows * 9;
    Ok(best
        .filter(fits)
        .map(|place| table.columns()[place].clone()))
}
