//! The ids that must never be touched.

use std::collections::HashSet;
use std::path::Path;

use crate::domain::{AccountPolicy, IdProblem};
use crate::input::{Field, ReadOptions, Source, Wanted};

use super::error::PlanError;

/// The most ids a protect list may hold; they are kept in memory.
pub const PROTECTED_MAX: usize = 5_000_000;

/// The ids of `--protect FILE`.
///
/// They are compared as text, at every account alike: an id stands in the list as it is written,
/// and as each account's provider cleans it (a prefix of an export taken off). The empty list,
/// which protects nobody, is what there is without `--protect`; a file never yields it.
#[derive(Debug, Default)]
pub struct ProtectList(HashSet<Box<str>>);

impl ProtectList {
    /// Reads the list at `path`, in any format an input may have; columns other than the id's are
    /// ignored.
    ///
    /// # Errors
    ///
    /// The file cannot be read, is empty, or has a row that can protect nobody at any of
    /// `accounts`: somebody meant to protect someone with it.
    pub fn read(path: &Path, accounts: &[AccountPolicy]) -> Result<Self, PlanError> {
        let unreadable = |source| PlanError::Protect {
            path: path.to_owned(),
            source: Box::new(source),
        };
        let source = Source::open(path, &ReadOptions::default()).map_err(unreadable)?;
        let mut ids = HashSet::new();
        for row in source {
            let row = row.map_err(unreadable)?;
            let position = row.position;
            let useless = |field, code, reason| PlanError::ProtectRow {
                path: path.to_owned(),
                row: Wanted {
                    position,
                    field,
                    code,
                },
                reason,
            };
            let record = row
                .content
                .map_err(|problem| useless(problem.field, problem.code, problem.reason))?;
            if record.id.is_empty() {
                return Err(useless(Field::Id, "no_id", "the id is blank".to_owned()));
            }
            insert(&mut ids, &record.id, accounts)
                .map_err(|problem| useless(Field::Id, problem.code, problem.reason))?;
            if ids.len() > PROTECTED_MAX {
                return Err(PlanError::ProtectTooLong {
                    path: path.to_owned(),
                });
            }
        }
        if ids.is_empty() {
            return Err(PlanError::ProtectEmpty {
                path: path.to_owned(),
            });
        }
        Ok(Self(ids))
    }

    /// Whether `id`, as it would be sent, is protected.
    pub fn contains(&self, id: &str) -> bool {
        self.0.contains(id)
    }
}

/// Puts `text` into `ids`, as it is written and as each account's provider cleans it; an error if
/// no provider could have such an id, or if it is a number that one of them calls damaged: a
/// provider that takes any text would let it pass, and the user it was meant for go unprotected.
fn insert(
    ids: &mut HashSet<Box<str>>,
    text: &str,
    accounts: &[AccountPolicy],
) -> Result<(), IdProblem> {
    let is_number = text
        .chars()
        .all(|c| c.is_numeric() || "eE+-.,' ".contains(c));
    let mut problem = None;
    let mut fits_one = accounts.is_empty();
    for policy in accounts {
        match (policy.check_id)(text) {
            Ok(id) => {
                fits_one = true;
                if id != text {
                    ids.insert(id.into());
                }
            }
            Err(why) => problem = Some(why),
        }
    }
    // A whole number may be one provider's id and too short or too long for another's.
    let is_whole = text.chars().all(|c| c.is_ascii_digit()) && !text.starts_with('0');
    let is_damaged = is_number && !is_whole;
    match problem {
        Some(problem) if !fits_one || is_damaged => Err(problem),
        Some(_) | None => {
            ids.insert(text.into());
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use rstest::rstest;
    use tempfile::NamedTempFile;

    use super::super::testing::{policies, row};
    use super::super::{Decision, Defaults, ForeignIds, Judge};
    use super::{PlanError, ProtectList};
    use crate::domain::Outcome;

    fn read(text: &str) -> Result<ProtectList, PlanError> {
        let mut file = NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        ProtectList::read(file.path(), &policies())
    }

    #[rstest]
    #[case("12\n13\n")]
    #[case("# the board\n12\nzcrm_13\n")]
    #[case("name,user_id\nBob,12\nAnn,13\n")]
    #[case("[12,\"13\"]")]
    #[case("{\"id\":12}\n{\"id\":\" 13 \"}\n")]
    fn a_list_may_have_any_format_an_input_has(#[case] text: &str) {
        let list = read(text).unwrap();
        for (id, protected) in [("12", true), ("13", true), ("1", false), ("zcrm_12", false)] {
            assert_eq!(list.contains(id), protected, "{id}");
        }
    }

    #[rstest]
    #[case("zcrm_5542,crm,delete", true)]
    #[case("5542,crm,delete", true)]
    #[case("12,acme,purge", true)]
    #[case("12,beta,delete", true)]
    #[case("012,acme,purge", false)]
    #[case("121,acme,purge", false)]
    fn a_protected_id_is_so_at_every_account_and_however_it_is_written(
        #[case] cells: &str,
        #[case] protected: bool,
    ) {
        let list = read("12\nzcrm_5542\n").unwrap();
        let judge =
            Judge::try_new(policies(), &Defaults::default(), ForeignIds::Refused, list).unwrap();
        match judge.judge(&row(1, cells)) {
            Decision::End(ended) => {
                assert!(protected);
                assert_eq!(
                    (ended.outcome, ended.code),
                    (Outcome::Protected, "protect_list")
                );
            }
            Decision::Send(_) => assert!(!protected),
        }
    }

    #[rstest]
    #[case("", "could not read the protect list")]
    #[case("id\n", "holds no id")]
    #[case("[]", "holds no id")]
    #[case("# nobody\n", "holds no id")]
    #[case("name,mail\nBob,bob@example.com\n", "could not read the protect list")]
    #[case("id\n12\n\"\"\n", "line 3 of the protect list")]
    #[case("id\n12\n5.54E+17\n", "line 3 of the protect list")]
    #[case("[12,1e5]", "line 1 of the protect list")]
    fn a_list_that_protects_less_than_it_says_is_an_error(
        #[case] text: &str,
        #[case] message: &str,
    ) {
        let error = read(text).unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    }
}
