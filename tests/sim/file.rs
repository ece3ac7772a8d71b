//! The file of a run: how its rows are written, and what each of them asks for. The second is told from the
//! case alone, by no code of the program.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;

use userpurge::domain::{Action, ProviderKind};

use crate::case::{AccountCase, Case, Key, RunCase};

/// The columns, of CSV in this order: a cell that is missing before the id leaves a telephone number in
/// its place.
const COLUMNS: [&str; 6] = ["account", "action", "name", "id", "phone", "ref"];

/// A row of the file.
#[derive(Debug, Clone)]
pub(crate) struct RowCase {
    pub(crate) row: u64,
    pub(crate) account: usize,
    pub(crate) action: Action,
    pub(crate) id: String,
    pub(crate) written: Written,
}

/// How a row is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Written {
    /// As it is meant.
    Plain,
    /// With the prefix of Zoho's exports before the id.
    Prefixed,
    /// So that it must not be sent. The id of somebody else stands where a careless reader finds one.
    Bad(Bad, String),
}

/// What is wrong with a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bad {
    NoId,
    Letters,
    /// On its way the id becomes another's.
    Elsewhere,
    UnknownAccount,
    UnknownAction,
    /// The name is missing, so that the telephone number stands where the id is looked for.
    Short,
    /// The name holds the delimiter.
    Long,
    Scientific,
    LeadingZero,
    Several,
}

/// How the file is written.
#[derive(Debug, Clone)]
pub(crate) struct Shape {
    pub(crate) is_json: bool,
    pub(crate) delimiter: char,
    pub(crate) is_crlf: bool,
    pub(crate) has_mark: bool,
}

/// What a row asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meant {
    /// It is sent.
    Sent,
    /// It is never sent, and ends with this outcome.
    Ends(&'static str),
    /// The same, which shows only when the caller is known.
    Spared(&'static str),
}

impl RowCase {
    /// Whether its id is one that its provider can have.
    pub(crate) const fn is_well_formed(&self) -> bool {
        !matches!(self.written, Written::Bad(..))
    }

    /// Whether cells of it may stand in the wrong columns.
    const fn is_damaged(&self, is_json: bool) -> bool {
        !is_json && matches!(self.written, Written::Bad(Bad::Short | Bad::Long, _))
    }

    /// Its cells, in the order of [`COLUMNS`].
    fn cells(&self, account: &AccountCase) -> [String; 6] {
        let mut cells = [
            account.name.clone(),
            self.action.name().to_owned(),
            format!("Doe {}", self.row),
            self.id.clone(),
            "+49 40 1234".to_owned(),
            format!("R{}", self.row),
        ];
        match &self.written {
            Written::Plain => {}
            Written::Prefixed => cells[3].insert_str(0, "zcrm_"),
            Written::Bad(bad, other) => match bad {
                Bad::NoId => cells[3].clear(),
                Bad::Letters => cells[3].insert(3, 'x'),
                Bad::Elsewhere => {
                    let forms = [
                        "ID/",
                        "/ID",
                        "x/../ID",
                        "ID%2F",
                        "ID/personalinformation",
                        "./ID",
                    ];
                    let number = usize::try_from(self.row).unwrap_or_default();
                    cells[3] = forms[number % forms.len()].replace("ID", other);
                }
                Bad::UnknownAccount => "nobody".clone_into(&mut cells[0]),
                Bad::UnknownAction => "erase".clone_into(&mut cells[1]),
                Bad::Short | Bad::Long => cells[4].clone_from(other),
                Bad::Scientific => "3.61808E+11".clone_into(&mut cells[3]),
                Bad::LeadingZero => cells[3].insert(0, '0'),
                Bad::Several => cells[3] = format!("{other};{}", self.id),
            },
        }
        cells
    }
}

impl RunCase {
    /// The file's bytes.
    pub(crate) fn bytes(&self, accounts: &[AccountCase]) -> Vec<u8> {
        let mut text = String::new();
        if self.shape.has_mark {
            text.push('\u{feff}');
        }
        let end = if self.shape.is_crlf { "\r\n" } else { "\n" };
        let delimiter = self.shape.delimiter.to_string();
        if !self.shape.is_json {
            text += &COLUMNS.join(&delimiter);
            text += end;
        }
        for row in &self.rows {
            let cells = row.cells(&accounts[row.account]);
            if self.shape.is_json {
                text += &json(row, &cells);
            } else {
                let mut cells = cells.to_vec();
                match row.written {
                    Written::Bad(Bad::Short, _) => drop(cells.remove(2)),
                    Written::Bad(Bad::Long, _) => cells[2] = format!("Doe{delimiter}Jo"),
                    _ if row.row.is_multiple_of(7) => {
                        cells[2] = format!("\"Doe{delimiter} \"\"Jo\"\"\nJun.\"");
                    }
                    _ => {}
                }
                if cells[3].contains(self.shape.delimiter) {
                    cells[3] = format!("\"{}\"", cells[3]);
                }
                text += &cells.join(&delimiter);
            }
            text += end;
        }
        text.into_bytes()
    }

    /// The same file with all rows about others, as it may be written anew at any time.
    pub(crate) fn bytes_of_others(&self, accounts: &[AccountCase], people: &[String]) -> Vec<u8> {
        let mut others = self.clone();
        for row in &mut others.rows {
            let number = usize::try_from(row.row).unwrap_or_default();
            row.id.clone_from(&people[(number * 7) % people.len()]);
        }
        others.bytes(accounts)
    }
}

fn json(row: &RowCase, cells: &[String; 6]) -> String {
    let mut text = String::from("{");
    let has_no_id = matches!(row.written, Written::Bad(Bad::Short | Bad::Long, _));
    for (name, cell) in COLUMNS.into_iter().zip(cells) {
        if name == "id" && has_no_id {
            continue;
        }
        let is_number = name == "id"
            && row.row.is_multiple_of(2)
            && !cell.is_empty()
            && !cell.starts_with('0')
            && cell.bytes().all(|byte| byte.is_ascii_digit());
        let _ = if is_number {
            write!(text, "\"{name}\":{cell},")
        } else {
            write!(text, "\"{name}\":{cell:?},")
        };
    }
    text.pop();
    text + "}"
}

impl Case {
    /// What each row of a run asks for. `done`: what earlier ledgers show as good.
    pub(crate) fn meant(&self, run: usize, done: &HashSet<Key>) -> Vec<Meant> {
        let run = &self.runs[run];
        // Of accounts at one tenant, the one that names a user first has them.
        let mut owners: HashMap<(String, &str), usize> = HashMap::new();
        let mut seen: HashSet<(String, Action, &str)> = HashSet::new();
        let mut meant = Vec::new();
        let mut planned = 0;
        for row in &run.rows {
            // Of a row whose cells may stand in the wrong columns nobody can tell.
            let is_taken = row.is_damaged(run.shape.is_json) || run.taking.takes(row.row);
            if !is_taken || run.taking.rows_max.is_some_and(|most| planned >= most) {
                meant.push(Meant::Ends("filtered"));
                continue;
            }
            let account = &self.accounts[row.account];
            let place = if account.is_told_apart() {
                &account.tenant
            } else {
                &account.name
            };
            let key = (row.account, row.action, row.id.clone());
            let user = (place.clone(), row.id.as_str());
            let action = (place.clone(), row.action, row.id.as_str());
            meant.push(if !row.is_well_formed() {
                Meant::Ends("invalid")
            } else if run.protected.contains(&row.id) {
                Meant::Ends("protected")
            } else if seen.contains(&action) {
                Meant::Ends("duplicate")
            } else if owners.get(&user).is_some_and(|it| *it != row.account) {
                Meant::Ends("invalid")
            } else {
                owners.insert(user, row.account);
                seen.insert(action);
                if done.contains(&key) {
                    Meant::Ends("done_before")
                } else if account.caller() == Some(row.id.as_str()) {
                    Meant::Spared("protected")
                } else if account.provider == ProviderKind::Zoho
                    && !row.id.starts_with("5725767")
                    && !run.taking.foreign
                {
                    Meant::Spared("invalid")
                } else {
                    Meant::Sent
                }
            });
            let is_planned = |it: &Meant| !matches!(it, Meant::Ends(_));
            planned += u64::from(meant.last().is_some_and(is_planned));
        }
        meant
    }
}
