//! The question before a run: the person types how many users will be deleted.

use std::io::{self, BufRead, Read, Write};

use super::exit::ExitCode;
use super::failure::Failure;

/// The longest answer read, in bytes.
const ANSWER_BYTES_MAX: u64 = 64;

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
                "the plan above says which rows and why; `run` also knows who the caller is, `plan` does not",
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

    /// Decides, and asks on `output` for an answer on `input` if it has to.
    ///
    /// # Errors
    ///
    /// The refusal, or a terminal that fails.
    pub fn obtain(
        self,
        rows: u64,
        person: Person,
        input: &mut dyn BufRead,
        output: &mut dyn Write,
    ) -> Result<(), Failure> {
        match self.decide(rows, person) {
            Decision::Go => Ok(()),
            Decision::Refuse(refusal) => Err(refusal.failure(rows)),
            Decision::Ask if is_typed(rows, input, output)? => Ok(()),
            Decision::Ask => Err(Refusal::NotTyped.failure(rows)),
        }
    }
}

/// Asks once. A number is wanted and not a `y`, because fingers type that by themselves.
fn is_typed(rows: u64, input: &mut dyn BufRead, output: &mut dyn Write) -> io::Result<bool> {
    let (noun, verb) = if rows == 1 {
        ("row", "is")
    } else {
        ("rows", "are")
    };
    write!(
        output,
        "{rows} {noun} {verb} about to be sent. This cannot be undone.\nType {rows} to go on: "
    )?;
    output.flush()?;
    let mut answer = String::new();
    input.take(ANSWER_BYTES_MAX).read_line(&mut answer)?;
    let digits: String = answer
        .trim()
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
    #[case("4812\n", true)]
    #[case(" 4812 \r\n", true)]
    #[case("4,812\n", true)]
    #[case("4812", true)]
    #[case("4811\n", false)]
    #[case("y\n", false)]
    #[case("yes\n", false)]
    #[case("\n", false)]
    #[case("", false)]
    #[case("-4812\n", false)]
    #[case(
        "0000000000000000000000000000000000000000000000000000000000000000004812\n",
        false
    )]
    fn only_the_number_itself_goes_on(#[case] answer: &str, #[case] goes: bool) {
        let mut output = Vec::new();
        let obtained = ASK.obtain(
            4812,
            Person::AtTerminal,
            &mut answer.as_bytes(),
            &mut output,
        );
        assert_eq!(obtained.is_ok(), goes);
        let asked = String::from_utf8(output).unwrap();
        assert!(asked.ends_with("Type 4812 to go on: "), "{asked}");
    }

    #[test]
    fn nothing_is_asked_where_nothing_has_to_be() {
        let mut output = Vec::new();
        YES.obtain(8, Person::AtTerminal, &mut &b""[..], &mut output)
            .unwrap();
        assert!(output.is_empty());
    }
}
