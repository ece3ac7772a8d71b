//! The question before a run: the person types how many users will be deleted, or, of more than
//! a thousand, where.

use std::io::{self, BufRead, Read, Write};

use super::exit::ExitCode;
use super::failure::Failure;
use crate::domain::AgreedBy;

/// The longest answer read, in bytes: a tenant's name may be as long as a host's.
const ANSWER_BYTES_MAX: u64 = 512;

/// With more rows than this the tenant's name is typed: a large number is copied without being
/// read, and what is worst with so many is the wrong tenant.
const NUMBER_ROWS_MAX: u64 = 1_000;

/// What stands behind a Zendesk subdomain; the subdomain alone is name enough.
const ZENDESK_DOMAIN: &str = ".zendesk.com";

/// What the command line says of the question.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Consent {
    /// `--yes`.
    pub yes: bool,
    /// `--confirm N`; `None`: not given.
    pub confirm: Option<u64>,
    /// `--max-delete N`; `None`: any number may be deleted.
    pub max_delete: Option<u64>,
}

/// Whether there is a person to ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Person {
    /// Standard input and standard error are a terminal, and the rows come from elsewhere.
    AtTerminal,
    /// There is nobody.
    Absent,
}

/// What follows from the command line alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Nothing to ask.
    Go,
    /// Ask.
    Ask,
    /// Nothing may be sent.
    Refuse(Refusal),
}

/// Why nothing may be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// `--max-delete` is exceeded.
    TooMany {
        /// The most there may be.
        max: u64,
    },
    /// `--confirm` names another number.
    OtherNumber {
        /// The number it names.
        confirmed: u64,
    },
    /// Nobody can be asked, and neither `--yes` nor `--confirm` was given.
    NobodyToAsk,
    /// The answer was not the number.
    NotTyped,
    /// The answer was not the tenant's name.
    TenantNotTyped,
}

impl Refusal {
    /// The failure for a run of `rows` rows.
    pub fn failure(self, rows: u64) -> Failure {
        let sent = if rows == 1 {
            "1 row".to_owned()
        } else {
            format!("{rows} rows")
        };
        let (message, help) = match self {
            Self::TooMany { max } => (
                format!("{sent} would be sent and `--max-delete` allows {max}; nothing was sent"),
                "look at `userpurge plan`, then raise `--max-delete` or mend the input",
            ),
            Self::OtherNumber { confirmed } => (
                format!("{sent} would be sent and `--confirm` says {confirmed}; nothing was sent"),
                "the plan above says which rows and why",
            ),
            Self::NobodyToAsk => (
                format!(
                    "{sent} would be sent and there is no terminal to ask at; nothing was sent"
                ),
                "say `--confirm N` with the number of rows, or `--yes`",
            ),
            Self::NotTyped => (
                format!("{rows} was not typed; nothing was sent"),
                "run it again and type the number, or look at `userpurge plan` first",
            ),
            Self::TenantNotTyped => (
                "the tenant's name was not typed; nothing was sent".to_owned(),
                "run it again and type the name as it is shown, or look at `userpurge plan` first",
            ),
        };
        Failure::message(ExitCode::Refused, message, Some(help))
    }
}

impl Consent {
    /// What follows for a run that would send `rows` rows. Of no rows there is nothing to ask.
    pub fn decide(self, rows: u64, person: Person) -> Decision {
        if let Some(max) = self.max_delete.filter(|max| rows > *max) {
            return Decision::Refuse(Refusal::TooMany { max });
        }
        match (self.confirm, self.yes, person) {
            (Some(confirmed), _, _) if confirmed != rows => {
                Decision::Refuse(Refusal::OtherNumber { confirmed })
            }
            (Some(_), _, _) | (None, true, _) => Decision::Go,
            (None, false, _) if rows == 0 => Decision::Go,
            (None, false, Person::AtTerminal) => Decision::Ask,
            (None, false, Person::Absent) => Decision::Refuse(Refusal::NobodyToAsk),
        }
    }

    /// Decides, and asks on `output` for an answer on `input` if it has to. Returns how it was agreed. `tenants`: where the
    /// rows would be sent, each once.
    ///
    /// # Errors
    ///
    /// The refusal, or a terminal that fails.
    pub fn obtain(
        self,
        rows: u64,
        tenants: &[&str],
        person: Person,
        input: &mut dyn BufRead,
        output: &mut dyn Write,
    ) -> Result<AgreedBy, Failure> {
        match self.decide(rows, person) {
            Decision::Go if self.confirm.is_some() => Ok(AgreedBy::Confirm),
            Decision::Go => Ok(AgreedBy::Yes),
            Decision::Refuse(refusal) => Err(refusal.failure(rows)),
            Decision::Ask => {
                announce(rows, output)?;
                let missing = if rows > NUMBER_ROWS_MAX && !tenants.is_empty() {
                    let all = are_typed(tenants, input, output)?;
                    (!all).then_some(Refusal::TenantNotTyped)
                } else {
                    let number = is_typed(rows, input, output)?;
                    (!number).then_some(Refusal::NotTyped)
                };
                missing.map_or(Ok(AgreedBy::Typed), |refusal| Err(refusal.failure(rows)))
            }
        }
    }
}

fn announce(rows: u64, output: &mut dyn Write) -> io::Result<()> {
    let (noun, verb) = if rows == 1 {
        ("row", "is")
    } else {
        ("rows", "are")
    };
    writeln!(
        output,
        "{rows} {noun} {verb} about to be sent. This cannot be undone."
    )
}

/// Asks for each tenant's name in turn, and for no more once one is not typed.
fn are_typed(
    tenants: &[&str],
    input: &mut dyn BufRead,
    output: &mut dyn Write,
) -> io::Result<bool> {
    for (place, tenant) in (1..).zip(tenants) {
        let of_all = match tenants.len() {
            1 => String::new(),
            all => format!(" ({place} of {all})"),
        };
        write!(output, "Type {tenant} to go on{of_all}: ")?;
        let answer = answer(input, output)?;
        let is_it = answer.eq_ignore_ascii_case(tenant)
            || tenant
                .strip_suffix(ZENDESK_DOMAIN)
                .is_some_and(|subdomain| answer.eq_ignore_ascii_case(subdomain));
        if !is_it {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Reads a line, after what was asked has been shown.
fn answer(input: &mut dyn BufRead, output: &mut dyn Write) -> io::Result<String> {
    output.flush()?;
    let mut answer = String::new();
    input.take(ANSWER_BYTES_MAX).read_line(&mut answer)?;
    Ok(answer.trim().to_owned())
}

/// Asks once. A number is wanted and not a `y`, because fingers type that by themselves.
fn is_typed(rows: u64, input: &mut dyn BufRead, output: &mut dyn Write) -> io::Result<bool> {
    write!(output, "Type {rows} to go on: ")?;
    let answer = answer(input, output)?;
    let digits: String = answer
        .chars()
        .filter(|c| !matches!(c, ',' | '_' | '.' | '\''))
        .collect();
    Ok(digits.parse() == Ok(rows))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::{Consent, Decision, Person, Refusal};

    const ASK: Consent = Consent {
        yes: false,
        confirm: None,
        max_delete: None,
    };
    const YES: Consent = Consent { yes: true, ..ASK };
    const EIGHT: Consent = Consent {
        confirm: Some(8),
        ..ASK
    };
    const AT_MOST_7: Consent = Consent {
        max_delete: Some(7),
        ..YES
    };

    #[rstest]
    #[case(ASK, 8, Person::AtTerminal, Decision::Ask)]
    #[case(ASK, 8, Person::Absent, Decision::Refuse(Refusal::NobodyToAsk))]
    #[case(ASK, 0, Person::AtTerminal, Decision::Go)]
    #[case(ASK, 0, Person::Absent, Decision::Go)]
    #[case(YES, 8, Person::AtTerminal, Decision::Go)]
    #[case(YES, 8, Person::Absent, Decision::Go)]
    #[case(EIGHT, 8, Person::Absent, Decision::Go)]
    #[case(EIGHT, 8, Person::AtTerminal, Decision::Go)]
    #[case(EIGHT, 9, Person::AtTerminal, Decision::Refuse(Refusal::OtherNumber { confirmed: 8 }))]
    #[case(EIGHT, 0, Person::Absent, Decision::Refuse(Refusal::OtherNumber { confirmed: 8 }))]
    #[case(Consent { yes: true, ..EIGHT }, 9, Person::Absent, Decision::Refuse(Refusal::OtherNumber { confirmed: 8 }))]
    #[case(AT_MOST_7, 7, Person::Absent, Decision::Go)]
    #[case(AT_MOST_7, 8, Person::Absent, Decision::Refuse(Refusal::TooMany { max: 7 }))]
    #[case(Consent { max_delete: Some(7), ..EIGHT }, 8, Person::Absent, Decision::Refuse(Refusal::TooMany { max: 7 }))]
    fn what_the_command_line_decides(
        #[case] consent: Consent,
        #[case] rows: u64,
        #[case] person: Person,
        #[case] expected: Decision,
    ) {
        assert_eq!(consent.decide(rows, person), expected);
    }

    #[rstest]
    #[case("812\n", true)]
    #[case(" 812 \r\n", true)]
    #[case("8,12\n", true)]
    #[case("812", true)]
    #[case("811\n", false)]
    #[case("acme.zendesk.com\n", false)]
    #[case("y\n", false)]
    #[case("yes\n", false)]
    #[case("\n", false)]
    #[case("", false)]
    #[case("-812\n", false)]
    #[case(
        "8120000000000000000000000000000000000000000000000000000000000000000000\n",
        false
    )]
    fn only_the_number_itself_goes_on(#[case] answer: &str, #[case] goes: bool) {
        let mut output = Vec::new();
        let obtained = ASK.obtain(
            812,
            &["acme.zendesk.com"],
            Person::AtTerminal,
            &mut answer.as_bytes(),
            &mut output,
        );
        assert_eq!(obtained.is_ok(), goes);
        let asked = String::from_utf8(output).unwrap();
        assert!(asked.ends_with("Type 812 to go on: "), "{asked}");
    }

    #[test]
    fn nothing_is_asked_where_nothing_has_to_be() {
        let mut output = Vec::new();
        YES.obtain(8, &[], Person::AtTerminal, &mut &b""[..], &mut output)
            .unwrap();
        assert!(output.is_empty());
    }

    #[rstest]
    #[case("acme.zendesk.com\n", true)]
    #[case("ACME\n", true)]
    #[case("1001\n", false)]
    #[case("127\n", false)]
    #[case("\n", false)]
    fn of_more_than_a_thousand_rows_the_tenant_is_typed(#[case] answer: &str, #[case] goes: bool) {
        let mut output = Vec::new();
        let tenants = ["acme.zendesk.com"];
        let person = Person::AtTerminal;
        let obtained = ASK.obtain(1_001, &tenants, person, &mut answer.as_bytes(), &mut output);
        assert_eq!(obtained.is_ok(), goes);
    }

    #[test]
    fn of_several_tenants_each_is_typed() {
        let ask = |answers: &str| {
            let mut output = Vec::new();
            let tenants = ["acme.zendesk.com", "www.zohoapis.eu/5725767"];
            let person = Person::AtTerminal;
            let obtained = ASK.obtain(
                20_400,
                &tenants,
                person,
                &mut answers.as_bytes(),
                &mut output,
            );
            (obtained.is_ok(), String::from_utf8(output).unwrap())
        };
        let (goes, asked) = ask("acme\nwww.zohoapis.eu/5725767\n");
        assert!(goes);
        insta::assert_snapshot!(asked, @r"
        20400 rows are about to be sent. This cannot be undone.
        Type acme.zendesk.com to go on (1 of 2): Type www.zohoapis.eu/5725767 to go on (2 of 2): 
        ");
        assert!(!ask("acme\nacme\n").0);
        assert!(!ask("crm\nwww.zohoapis.eu/5725767\n").0);
    }
}
