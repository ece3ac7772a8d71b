//! Which column, or JSON key, holds which field.

use std::collections::BTreeMap;
use std::path::Path;

use crate::domain::FindBy;

use super::error::{InputError, Underlined, listed};
use super::ids::is_surely_an_id;
use super::row::{Field, closest, did_you_mean};
use crate::words::shell_word;

/// The fields that may have a column.
pub(super) const FIELDS: [Field; 5] = [
    Field::Id,
    Field::Account,
    Field::Action,
    Field::Reference,
    Field::Brand,
];

/// The name that an option gives to say that no column holds its field, whatever the columns are called.
pub const NO_COLUMN: &str = "none";

/// A column, or JSON key, for each field. It is one that an option names, or one that the field was
/// found in, as the file writes it. A JSON key may be dotted to reach into objects.
///
/// `None`: no option names one, and the known names are looked for. Or none was found, for the id
/// only in a list of bare ids.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Columns {
    /// `--id-column`.
    pub id: Option<String>,
    /// `--account-column`.
    pub account: Option<String>,
    /// `--action-column`.
    pub action: Option<String>,
    /// `--ref-column`.
    pub reference: Option<String>,
    /// No option names it.
    pub brand: Option<String>,
}

impl Columns {
    /// Each field's name with its column.
    pub fn fields(&self) -> impl Iterator<Item = (&'static str, Option<&str>)> {
        FIELDS.into_iter().map(|it| (it.name(), self.of(it)))
    }

    /// Those that are there, by their fields' names.
    pub fn names(&self) -> BTreeMap<String, String> {
        let names = self.fields();
        let names = names.filter_map(|(field, name)| Some((field.to_owned(), name?.to_owned())));
        names.collect()
    }

    /// Those that `names` has by their fields' names.
    pub fn of_names(names: &BTreeMap<String, String>) -> Self {
        Self::of_fields(FIELDS.map(|field| names.get(field.name()).cloned()))
    }

    /// The columns of [`FIELDS`].
    pub(super) fn of_fields(names: [Option<String>; FIELDS.len()]) -> Self {
        let [id, account, action, reference, brand] = names;
        Self {
            id,
            account,
            action,
            reference,
            brand,
        }
    }

    /// The column of `field`.
    pub(super) fn of(&self, field: Field) -> Option<&str> {
        match field {
            Field::Row => None,
            Field::Id => self.id.as_deref(),
            Field::Account => self.account.as_deref(),
            Field::Action => self.action.as_deref(),
            Field::Reference => self.reference.as_deref(),
            Field::Brand => self.brand.as_deref(),
        }
    }
}

/// How many places of which any may hold a field are remembered: two are too many already.
const RIVALS_MAX: usize = 64;

/// The place of each field's column, from 0, in the order of [`FIELDS`].
pub(super) type Places = [Option<usize>; FIELDS.len()];

/// The name of another system's ids, as [`same_name`] compares it: taken for the id only where no
/// other column may hold one.
pub(super) const EXTERNAL_ID: &str = "externalid";

/// The columns, or JSON keys, that are known to hold keys which users are found by.
pub(super) const fn key_names(by: FindBy) -> &'static [&'static str] {
    match by {
        FindBy::Email => &[
            "email",
            "email_address",
            "emailAddress",
            "user_email",
            "mail",
        ],
        FindBy::ExternalId => &["external_id", "externalId", "user_external_id"],
    }
}

/// Words for a person, a blank between two. Before an `id` they name a column that holds users' ids as likely as
/// one called `id`.
const PERSONS: &str = "user requester submitter assignee author actor agent customer contact member person employee \
                       owner recipient sender";

/// Words for a provider, at the beginning of such a column's name.
const PROVIDERS: [&str; 5] = ["zendesk", "zoho", "sunshine", "sunco", "smooch"];

/// The names that are taken for `field` without being told, as [`same_name`] compares them. Of all
/// fields but the id an earlier one goes before a later one; of the id there may be only one.
pub(super) const fn known_names(field: Field) -> &'static [&'static str] {
    match field {
        Field::Row => &[],
        Field::Id => &["id", "userid", "recordid", "deleteduserid", EXTERNAL_ID],
        Field::Account => &["account", "provider", "system"],
        Field::Action => &["action", "operation"],
        Field::Reference => &["ref", "reference", "ticket", "requestid"],
        Field::Brand => &["brandid", "brand"],
    }
}

/// Whether two names are one, without regard to case, blanks, `_` and `-`.
pub(super) fn same_name(one: &str, other: &str) -> bool {
    fn letters(name: &str) -> impl Iterator<Item = char> {
        name.chars()
            .filter(|c| !matches!(c, '_' | '-') && !super::row::is_blank(*c))
            .flat_map(char::to_lowercase)
    }
    letters(one).eq(letters(other))
}

/// Whether a column called `name` may hold users' ids although nobody would take it for that without
/// being told: `requester_id`, `Zendesk User ID`.
pub(super) fn may_hold_ids(name: &str) -> bool {
    let letters = name.chars().filter(|c| c.is_alphanumeric());
    let letters: String = letters.flat_map(char::to_lowercase).collect();
    if ["iduser", "userids", "requester"].contains(&&*letters) {
        return true;
    }
    let Some(stem) = letters.strip_suffix("id") else {
        return false;
    };
    let is_external = stem.contains("external");
    let names_person = PERSONS.split(' ').any(|person| stem.ends_with(person));
    let names_provider = PROVIDERS.iter().any(|provider| stem.starts_with(provider));
    !is_external && (names_person || names_provider)
}

/// Which of the known names of the id `name` is, however it is spelt; `None`: none.
pub(super) fn known_id(name: &str) -> Option<&'static str> {
    let mut names = known_names(Field::Id).iter().copied();
    names.find(|known| same_name(name, known))
}

/// Whether `name` is known to hold the users' own ids.
pub(super) fn is_own_id(name: &str) -> bool {
    known_id(name).is_some_and(|known| known != EXTERNAL_ID)
}

/// The place of the only one of `names` that is known to hold `field`; `None`: none is. Of the first
/// known name that is there, or of the id in any way, there may be only one.
///
/// # Errors
///
/// Several may hold it: their places.
pub(super) fn known_place(names: &[&str], field: Field) -> Result<Option<usize>, Vec<usize>> {
    if field != Field::Id {
        return first_place(names, known_names(field), same_name);
    }
    let known = places(names, is_own_id);
    let likely = places(names, |name| known_id(name).is_none() && may_hold_ids(name));
    match (known.is_empty(), likely.is_empty()) {
        (true, true) => first_place(names, &[EXTERNAL_ID], same_name),
        (true, false) => Ok(None),
        (false, _) => only([known, likely].concat()),
    }
}

/// The place of the only one of `names` that is the first of `wanted` which is there.
fn first_place(
    names: &[&str],
    wanted: &[&str],
    is_same: fn(&str, &str) -> bool,
) -> Result<Option<usize>, Vec<usize>> {
    let mut found = wanted
        .iter()
        .map(|wanted| places(names, |name| is_same(name, wanted)));
    only(found.find(|places| !places.is_empty()).unwrap_or_default())
}

/// The places of the `names` that are meant.
fn places(names: &[&str], is_meant: impl Fn(&str) -> bool) -> Vec<usize> {
    let all = (0..names.len()).filter(|place| is_meant(names[*place]));
    all.take(RIVALS_MAX).collect()
}

fn only(places: Vec<usize>) -> Result<Option<usize>, Vec<usize>> {
    if places.len() > 1 {
        return Err(places);
    }
    Ok(places.first().copied())
}

/// Whether one of `names` holds the id, by `columns` or by being known.
pub(super) fn has_id(names: &[String], columns: &Columns) -> bool {
    match columns.of(Field::Id) {
        Some(wanted) => names.iter().any(|name| same_name(name, wanted)),
        None => names.iter().any(|name| known_id(name).is_some()),
    }
}

/// Finds each field in the header of the file at `path`.
pub(super) fn resolve(
    path: &Path,
    header: &[String],
    columns: &Columns,
) -> Result<(Places, Columns), InputError> {
    let names: Vec<&str> = header.iter().map(String::as_str).collect();
    let mut places = Places::default();
    for (place, field) in places.iter_mut().zip(FIELDS) {
        let found = match columns.of(field) {
            Some(NO_COLUMN) => None,
            Some(wanted) => Some(place_of(path, header, field, wanted)?),
            None => known_place(&names, field)
                .map_err(|several| clash(path, &names, field, &several))?,
        };
        *place = found;
        if found.is_none() && field == Field::Id {
            return Err(no_id_column(path, header, None));
        }
    }
    let found = places.map(|place| Some(header[place?].clone()));
    Ok((places, Columns::of_fields(found)))
}

/// The place in `header` of the column `wanted` that the option of `field` names. It is matched as
/// it is written if that is there, else as names are compared.
pub(super) fn place_of(
    path: &Path,
    header: &[String],
    field: Field,
    wanted: &str,
) -> Result<usize, InputError> {
    let names: Vec<&str> = header.iter().map(String::as_str).collect();
    let found = match first_place(&names, &[wanted], |name, wanted| name == wanted) {
        Ok(None) => first_place(&names, &[wanted], same_name),
        found => found,
    };
    let place = found.map_err(|several| clash(path, &names, field, &several))?;
    place.ok_or_else(|| no_such_column(path, header, field, wanted))
}

/// The error of `several` places in `names` of which any may hold `field`.
pub(super) fn clash(path: &Path, names: &[&str], field: Field, several: &[usize]) -> InputError {
    let rivals: Vec<String> = several.iter().map(|it| names[*it].to_owned()).collect();
    let mend = match field {
        Field::Brand => "rename the others",
        _ if rivals.iter().all(|it| *it == rivals[0]) => "rename the others",
        _ => &format!("name the right one with `{}`", field.option()),
    };
    let what = match field {
        Field::Id => "user ids",
        other => other.name(),
    };
    let seen = listed(&rivals);
    let what = format!("has several columns that may hold the {what}: {seen}; {mend}");
    let label = "more than one of these may be meant";
    InputError::about(path, &what).marking(Underlined::Rivals(rivals), label)
}

/// The error of a file none of whose columns, or JSON keys, is known to hold ids. `list`: the way to objects with
/// ids to which no key leads, as `jq` writes it.
pub(super) fn no_id_column(path: &Path, columns: &[String], list: Option<&str>) -> InputError {
    let first = columns.first().map_or("", String::as_str);
    let word = first.split_whitespace().next().unwrap_or_default();
    // A short number at the beginning counts the lines.
    let is_counted = word.starts_with(|c: char| c.is_ascii_digit()) && !is_surely_an_id(word);
    // A key within an object or an array, such as `user.id`.
    let is_inner = |name: &&String| {
        let inner = name.rsplit_once('.');
        inner.is_some_and(|(_, key)| is_own_id(key) || may_hold_ids(key))
    };
    let inner: Vec<&String> = columns.iter().filter(is_inner).collect();
    let how = match (inner.as_slice(), list) {
        ([], Some(list)) => {
            let jq = shell_word(list);
            &format!("if the objects within are users, `jq -c {jq}` puts each on a line")
        }
        ([only], _) => &format!("name one with `--id-column`, such as `--id-column {only}`"),
        ([], _) if !is_counted => {
            "name one with `--id-column`, or give `--format ids` if each line begins with an id"
        }
        _ => "name one with `--id-column`",
    };
    let (displayed, seen) = (path.display(), listed(columns));
    let message = format!(
        "no column of `{displayed}` is known to hold user ids; {how} (columns seen: {seen})"
    );
    let mut known = known_names(Field::Id).iter();
    let near = known.find_map(|known| closest(known, columns.iter().map(String::as_str)));
    let if_this = "if this holds them, name it with `--id-column`";
    let (mark, label) = match near {
        Some(near) => (vec![near.to_owned()], if_this),
        None => (columns.to_vec(), "none of these is known to hold user ids"),
    };
    InputError::new(path, message).marking(Underlined::Names(mark), label)
}

/// The error of a column that an option names and no one has.
pub(super) fn no_such_column(
    path: &Path,
    seen: &[String],
    field: Field,
    wanted: &str,
) -> InputError {
    let near = closest(wanted, seen.iter().map(String::as_str));
    let (option, meant, names) = (field.option(), did_you_mean(near), listed(seen));
    let what =
        format!("has no column `{wanted}`, which `{option}` names{meant} (columns seen: {names})");
    let error = InputError::about(path, &what);
    let (mark, label) = match near {
        Some(near) => (vec![near.to_owned()], "this one is nearest"),
        None => (seen.to_vec(), "these are the columns"),
    };
    error.marking(Underlined::Names(mark), label)
}
