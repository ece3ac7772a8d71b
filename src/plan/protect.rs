//! The ids that must never be touched.

use std::collections::HashSet;
use std::path::Path;

use crate::domain::{AccountPolicy, IdProblem};
use crate::input::{Field, InputError, InputErrorKind, ReadOptions, Source, Wanted};

use super::damage::is_broken;
use super::error::PlanError;

/// The most ids a protect list may hold; they are kept in memory.
pub const PROTECTED_MAX: usize = 5_000_000;

/// The ids of `--protect FILE`.
///
/// They are compared as text, at every account alike: an id stands in the list as it is written,
/// and as each account's provider cleans it (a prefix of an export taken off). The empty list,
/// which protects nobody, is what there is without `--protect`; a file never yields it.
///
/// **Invariant**: each line, or row, of the file was taken whole. What is left out of a list would
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
    /// ignored.
    ///
    /// # Errors
    ///
    /// The file cannot be read, is empty, holds another system's ids, or has a line of which
    /// anything would be left out or that can protect nobody at any of `accounts`: somebody meant
    /// to protect someone with it.
    pub fn read(path: &Path, accounts: &[AccountPolicy]) -> Result<Self, PlanError> {
        let unreadable = |source: InputError| match source.kind {
            InputErrorKind::SeveralIdColumns { names } => PlanError::ProtectColumns {
                path: source.path,
                names,
            },
            kind => PlanError::Protect {
                path: path.to_owned(),
                source: Box::new(InputError::new(path, kind)),
            },
        };
        let mut source =
            Source::open_digested(path, &ReadOptions::default()).map_err(unreadable)?;
        let own_ids = accounts.iter().any(|it| !it.provider.takes_external_ids());
        if let Some(column) = source.external_ids().filter(|_| own_ids) {
            return Err(PlanError::ProtectExternal {
                path: path.to_owned(),
                column: column.to_owned(),
            });
        }
        let mut list = Self::default();
        while let Some(position) = source.advance().map_err(unreadable)? {
            list.take(&source, accounts).map_err(|(field, problem)| {
                let IdProblem { code, reason } = problem;
                PlanError::ProtectRow {
                    path: path.to_owned(),
                    row: Wanted {
                        position,
                        field,
                        code,
                    },
                    reason,
                }
            })?;
            if list.ids.len() > PROTECTED_MAX {
                return Err(PlanError::ProtectTooLong {
                    path: path.to_owned(),
                });
            }
        }
        if let Some(line) = source.asides().id_in_comment {
            return Err(PlanError::ProtectComment {
                path: path.to_owned(),
                line,
            });
        }
        if list.ids.is_empty() {
            return Err(PlanError::ProtectEmpty {
                path: path.to_owned(),
            });
        }
        list.sha256 = source.fingerprint().map_err(unreadable)?.sha256;
        Ok(list)
    }

    /// Takes the row that `source` is at.
    fn take(
        &mut self,
        source: &Source,
        accounts: &[AccountPolicy],
    ) -> Result<(), (Field, IdProblem)> {
        let of_id = |code, reason: &str| {
            let reason = reason.to_owned();
            (Field::Id, IdProblem { code, reason })
        };
        let record = source.content().map_err(|problem| {
            let (code, reason) = (problem.code, problem.reason);
            (problem.field, IdProblem { code, reason })
        })?;
        if record.id.is_empty() {
            return Err(of_id("no_id", "the id is blank"));
        }
        if source.has_remark() || hides_an_id(&record.id) {
            let reason = "other text stands beside the id; leave nothing but the id";
            return Err(of_id("text_around_id", reason));
        }
        self.insert(&record.id, accounts)
            .map_err(|problem| (Field::Id, problem))
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

    /// Takes `text` as it is written and as each account's provider cleans it; an error if no
    /// provider could have such an id, or if it is a number that a spreadsheet broke: a provider
    /// that takes any text would let it pass, and the user it was meant for go unprotected.
    fn insert(&mut self, text: &str, accounts: &[AccountPolicy]) -> Result<(), IdProblem> {
        let mut problem = None;
        let mut fits_one = accounts.is_empty();
        for policy in accounts {
            match (policy.check_id)(text) {
                Ok(id) => {
                    fits_one = true;
                    if id != text {
                        self.ids.insert(id.into());
                    }
                }
                Err(why) => problem = Some(why),
            }
        }
        // A whole number may be one provider's id and too short or too long for another's.
        let is_number = text
            .chars()
            .all(|c| c.is_numeric() || "eE+-.,' ".contains(c));
        let is_whole = text.chars().all(|c| c.is_ascii_digit()) && !text.starts_with('0');
        let is_damaged = is_number && !is_whole;
        match problem {
            Some(problem) if !fits_one || is_damaged => Err(problem),
            None if is_broken(text) && text.contains(['e', 'E', ',', '.']) => Err(IdProblem {
                code: "broken_number",
                reason: "a spreadsheet took the id for a number, so its digits are lost".to_owned(),
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
    let is_id = |word: &str| {
        let is_number = word.len() >= DIGITS_MIN && word.bytes().all(|it| it.is_ascii_digit());
        let is_given = word.len() == 24 && word.bytes().all(|it| it.is_ascii_hexdigit());
        is_number || is_given
    };
    let mut words = text.split(|c| !is_part(c));
    words.any(|word| word.len() < text.len() && is_id(word))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use rstest::rstest;
    use tempfile::NamedTempFile;

    use super::super::testing::{policies, row};
    use super::super::{Defaults, ForeignIds, Judge};
    use super::{PlanError, ProtectList, hides_an_id};
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
    #[case("\"12\"\n'13'\n")]
    fn a_list_may_have_any_format_an_input_has(#[case] text: &str) {
        let list = read(text).unwrap();
        for (id, protected) in [("12", true), ("13", true), ("1", false), ("zcrm_12", false)] {
            assert_eq!(list.contains(id), protected, "{id}");
        }
        assert_eq!(list.count(), Some(2));
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
        let row = row(1, cells);
        match judge.judge(&row) {
            Err(unsent) => {
                assert!(protected);
                assert_eq!(
                    (unsent.outcome, unsent.code),
                    (Outcome::Protected, "protect_list")
                );
            }
            Ok(_) => assert!(!protected),
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
    #[case("12\n#361808351050\n", "line 2 of the protect list")]
    #[case("12\n361808351050 Ada\n", "line 2 of the protect list")]
    #[case("12\n“361808351050”\n", "line 2 of the protect list")]
    #[case("12\n3 361808351050\n", "line 2 of the protect list")]
    #[case(
        "1\t361808351050\n2\t361808351051\n",
        "could not read the protect list"
    )]
    #[case(
        "id,user_id\n1,12\n",
        "has several columns that may hold the ids: `id`, `user_id`"
    )]
    #[case("external_id\n12\n", "holds external ids")]
    fn a_list_that_protects_less_than_it_says_is_an_error(
        #[case] text: &str,
        #[case] message: &str,
    ) {
        let error = read(text).unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    }

    #[rstest]
    #[case("“361808351050”", true)]
    #[case("1:361808351050", true)]
    #[case("ID: 361808351050", true)]
    #[case("https://acme.example/users/361808351050/tickets", true)]
    #[case("'5963c0d619a30a2e00de36b8", true)]
    #[case("361808351050", false)]
    #[case("zcrm_4876876000000225001", false)]
    #[case("cust-20260131-17", false)]
    #[case("jane.361808351050@example.com", false)]
    #[case("jane doe 12", false)]
    fn an_id_among_other_things_is_seen(#[case] text: &str, #[case] hidden: bool) {
        assert_eq!(hides_an_id(text), hidden);
    }
}
