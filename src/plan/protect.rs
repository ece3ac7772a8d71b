//! The ids that must never be touched: those of a list, and the provider's facts about the caller.
//! The caller is spared, as ids of another organisation are.

use std::collections::HashSet;
use std::path::Path;

use crate::domain::{AccountName, AccountPolicy, IdProblem, Outcome, UserId};
use crate::input::{Field, InputError, InputSource, ReadOptions, RowProblem, is_digits};

use super::damage::{IdLook, fewer_digits, is_broken};
use super::judge::check_id;
use super::planner::PlanError;

/// The most ids a protect list may hold; they are kept in memory.
pub const PROTECTED_MAX: usize = 5_000_000;

/// The ids of `--protect FILE`.
///
/// They are compared as text, at every account alike. An id stands in the list as it is written,
/// and as each account's provider cleans it (a prefix of an export taken off). The empty list,
/// which protects nobody, is what there is without `--protect`; a file never yields it.
///
/// **Invariant**: each line, or row, of the file was taken whole. A part left out of a list would
/// be somebody who is deleted.
#[derive(Debug, Default)]
pub struct ProtectList {
    ids: HashSet<Box<str>>,
    /// How many different ids the file holds.
    count: usize,
    /// The SHA-256 of the file's bytes, in lower-case hex.
    sha256: String,
}

impl ProtectList {
    /// Reads the list at `path`, in any format an input may have; columns other than the id's are
    /// ignored. `columns`: those of ids where none is known. `only`: the place of the one of `accounts` that
    /// all rows of the input are of.
    ///
    /// # Errors
    ///
    /// The file cannot be read, is empty, or holds another system's ids. Or a line of it would lose a part, or
    /// can protect nobody at any of `accounts`: somebody meant to protect someone with it.
    pub fn read(
        path: &Path,
        columns: &[String],
        accounts: &[AccountPolicy],
        only: Option<usize>,
    ) -> Result<Self, PlanError> {
        let displayed = path.display();
        let error = |message, row, source| PlanError::Protect {
            path: path.to_owned(),
            message,
            row,
            source,
        };
        let wrong = |message: String| error(message, None, None);
        let unreadable = |source: InputError| {
            let message = format!(
                "could not read the protect list `{displayed}`, and nothing is sent without it"
            );
            error(message, None, Some(Box::new(source.without_advice())))
        };
        let mut read = ReadOptions {
            is_digested: true,
            ..ReadOptions::default()
        };
        let source = InputSource::open_with(path, &mut read, columns);
        let mut source = source.map_err(unreadable)?;
        let own_ids = accounts.iter().any(|it| !it.provider.takes_external_ids());
        if let Some(column) = source.external_ids().filter(|_| own_ids) {
            return Err(wrong(format!(
                "the column `{column}` of the protect list `{displayed}` holds external ids, which protect \
                 nobody where users have ids of their own: list those, or call the column `id` if it \
                 holds them"
            )));
        }
        let mut list = Self::default();
        while let Some(position) = source.advance().map_err(unreadable)? {
            list.take(&source, accounts, only).map_err(|problem| {
                let why = problem.reason.split(';').next().unwrap_or_default();
                let message = format!(
                    "line {} of the protect list `{displayed}` protects nobody: {why}; fix or remove it",
                    position.line
                );
                error(message, Some((position, problem.field)), None)
            })?;
            if list.ids.len() > PROTECTED_MAX {
                return Err(wrong(format!(
                    "the protect list `{displayed}` holds more than {PROTECTED_MAX} ids, the most that are \
                     taken; take the protected rows out of the input instead"
                )));
            }
        }
        if let Some(message) = list.lack(&source) {
            return Err(wrong(message));
        }
        list.sha256 = source.fingerprint().map_err(unreadable)?.sha256;
        Ok(list)
    }

    /// The fault of the list as a whole, of which all rows of `source` were taken; `None`: nothing.
    fn lack(&self, source: &InputSource) -> Option<String> {
        let displayed = source.path().display();
        if let Some(line) = source.asides().id_in_comment {
            return Some(format!(
                "line {line} of the protect list `{displayed}` begins with `#`, as a comment does, and would \
                 protect nobody: take the `#` off the id, or put a blank behind it if it is a comment"
            ));
        }
        let what = if self.ids.is_empty() {
            "holds no id; leave `--protect` away if nobody is to be protected"
        } else if source.asides().lacks_pages {
            "ends with a page that names a next one, so ids are missing; fetch all pages"
        } else if source.resolved().sheet.as_ref()?.others > 0 {
            "leaves the ids of other sheets out; give a file with all of them"
        } else {
            return None;
        };
        Some(format!("the protect list `{displayed}` {what}"))
    }

    /// Takes the row that `source` is at.
    fn take(
        &mut self,
        source: &InputSource,
        accounts: &[AccountPolicy],
        only: Option<usize>,
    ) -> Result<(), RowProblem> {
        let of_id = |code, reason: &str| Err(RowProblem::new(Field::Id, code, reason));
        let record = source.content()?;
        if record.id.is_empty() {
            return of_id("no_id", "the id is blank");
        }
        let mut patterns = accounts.iter().filter_map(|it| it.id_pattern.as_ref());
        let is_hidden = hides_an_id(&record.id) && !patterns.any(|it| it.is_match(&record.id));
        // The first remark ends the reading.
        if source.asides().remarks > 0 || is_hidden {
            let reason = "other text stands beside the id; leave nothing but the id";
            return of_id("text_around_id", reason);
        }
        let inserted = self.insert(&record.id, accounts, only);
        inserted.map_err(|it| RowProblem::new(Field::Id, it.code, it.reason))
    }

    /// Whether `id`, as it would be sent, is protected.
    pub fn contains(&self, id: &str) -> bool {
        self.ids.contains(id)
    }

    /// How many different ids the list holds; `None`: there is no list.
    pub fn count(&self) -> Option<usize> {
        (self.count > 0).then_some(self.count)
    }

    /// The SHA-256 of the file's bytes, in lower-case hex.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// Takes `text` as it is written and as each account's provider cleans it. An error if no provider could
    /// have such an id, or if it is a number that a spreadsheet broke. A provider that takes any text would let
    /// it pass, and the user it was meant for go unprotected. For the same reason, a text unlike a built-in
    /// provider's id must be an id at the account of all rows, if there is one.
    fn insert(
        &mut self,
        text: &str,
        accounts: &[AccountPolicy],
        only: Option<usize>,
    ) -> Result<(), IdProblem> {
        let mut problem = None;
        let mut fits_one = accounts.is_empty();
        let mut is_sure =
            (is_digits(text) && !text.starts_with('0')) || IdLook::of(text) == IdLook::Hexadecimal;
        for (index, policy) in accounts.iter().enumerate() {
            match check_id(policy, text) {
                Ok(id) => {
                    fits_one = true;
                    // Its provider told it from any text.
                    is_sure |= id != text || policy.id_pattern.is_some();
                    if id != text {
                        self.ids.insert(id.into());
                    }
                }
                Err(why) if only.is_none_or(|only| only == index) => problem = Some(why),
                Err(_) => {}
            }
        }
        // A whole number may be one provider's id and too short or too long for another's; a broken one is
        // none.
        let is_word = text.contains(|c: char| c.is_alphabetic() && !"eE".contains(c));
        match problem {
            Some(why) if !fits_one || (!is_sure && (only.is_some() || !is_word)) => Err(why),
            None if is_broken(text) && text.contains(['e', 'E', ',', '.']) => Err(IdProblem {
                code: "broken_number",
                reason: "a spreadsheet took the id for a number, so its digits are lost",
            }),
            Some(_) | None => {
                self.count += usize::from(self.ids.insert(text.into()));
                Ok(())
            }
        }
    }
}

/// Whether an id stands in `text` among other things: in quotes, behind a number or a word, in a web
/// address. A provider that takes any text would take it as it is, and protect nobody.
fn hides_an_id(text: &str) -> bool {
    /// The fewest digits of a number that is seen as an id there.
    const DIGITS_MIN: usize = 6;
    let is_part = |c: char| c.is_alphanumeric() || "-_.@+".contains(c);
    let is_id = |word: &str| match IdLook::of(word) {
        IdLook::Number { digits, .. } => digits >= DIGITS_MIN,
        look => look == IdLook::Hexadecimal,
    };
    let mut words = text.split(|c| !is_part(c));
    words.any(|word| word.len() < text.len() && is_id(word))
}

/// Judges ids of one account by its caller. It is known only when the provider was asked, so rows
/// that it spares stand in the plan and end when they are carried out.
#[derive(Debug, Clone)]
pub struct CallerRule {
    /// The account.
    pub account: AccountName,
    /// The user whose credentials are used; `None`: the credentials belong to no user.
    pub caller: Option<UserId>,
    /// Leading digits that every id of this org has; `None`: any id may pass.
    pub id_prefix: Option<String>,
    /// Whether all ids of one org have as many digits.
    pub ids_alike: bool,
    /// Whether ids of another org are let through: `--force-foreign-ids`.
    pub takes_foreign: bool,
}

impl CallerRule {
    /// How a row of `id` ends, with a stable word and the reason; `None`: it may be sent.
    pub fn end(&self, id: &UserId) -> Option<(Outcome, &'static str, String)> {
        let id = id.as_str();
        if !self.takes_foreign {
            let caller = self.caller.as_ref().filter(|_| self.ids_alike);
            let usual = caller.map(|caller| caller.as_str().len());
            if let Some(usual) = usual.filter(|usual| id.len() < *usual) {
                let reason = fewer_digits(usual, self.account.as_str());
                return Some((Outcome::Invalid, "lost_leading_digits", reason));
            }
            let prefix = self.id_prefix.as_deref();
            if let Some(prefix) = prefix.filter(|prefix| !id.starts_with(prefix)) {
                let reason = format!(
                    "the id is another org's: the ids of `{}` begin with {prefix}; if you are sure, \
                     give `--force-foreign-ids`",
                    self.account
                );
                return Some((Outcome::Invalid, "foreign_id", reason));
            }
        }
        let is_caller = self.caller.as_ref().is_some_and(|it| it.as_str() == id);
        let reason = "this is the user whose credentials are used";
        is_caller.then(|| (Outcome::Protected, "caller", reason.to_owned()))
    }
}
