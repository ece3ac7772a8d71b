//! Asking one question at a time, until the answer will do.

use std::io::{BufRead, Read as _, Write};

use crate::cli::terminal::shown;
use crate::cli::{ExitCode, Failure};

/// The longest answer taken, in bytes.
const ANSWER_BYTES_MAX: u64 = 2048;

/// So often one question is asked; then nobody is answering it.
const TRIES_MAX: usize = 5;

/// How near a mistyped answer has to be to one of those there are.
const NEAR_MIN: f64 = 0.7;

/// Puts questions out and takes answers in.
pub(super) struct Asker<'a> {
    pub(super) input: &'a mut dyn BufRead,
    pub(super) output: &'a mut dyn Write,
}

impl Asker<'_> {
    /// Says something that is no question.
    pub(super) fn say(&mut self, text: &str) -> Result<(), Failure> {
        writeln!(self.output, "{text}")?;
        Ok(())
    }

    /// Asks until `judge` takes the answer; what it does not take it explains. An empty answer is
    /// `default`; without one it is none.
    pub(super) fn ask<T>(
        &mut self,
        question: &str,
        default: Option<&str>,
        judge: impl Fn(&str) -> Result<T, String>,
    ) -> Result<T, Failure> {
        for _ in 0..TRIES_MAX {
            match default {
                Some(default) => write!(self.output, "{question} [{default}]: ")?,
                None => write!(self.output, "{question}: ")?,
            }
            self.output.flush()?;
            let Some(typed) = self.line()? else {
                return Err(nobody());
            };
            let answer = match (typed.trim(), default) {
                ("", Some(default)) => default,
                (answer, _) => answer,
            };
            let why = if answer.is_empty() {
                "an answer is needed".to_owned()
            } else {
                match judge(answer) {
                    Ok(value) => return Ok(value),
                    Err(why) => why,
                }
            };
            writeln!(self.output, "  {}", shown(&why))?;
        }
        Err(nobody())
    }

    /// Asks for one of `choices`, by its number or its word, the first being the default.
    pub(super) fn choose(
        &mut self,
        question: &str,
        choices: &[(&'static str, &str)],
    ) -> Result<&'static str, Failure> {
        self.say(&format!("{question}:"))?;
        for (number, (word, what)) in (1..).zip(choices) {
            self.say(&format!("  {number}  {word:<9} {what}"))?;
        }
        let first = choices.first().map_or("", |(word, _)| word);
        self.ask("Number or word", Some(first), |answer| {
            let by_number = answer.parse::<usize>().ok();
            let at = by_number.and_then(|number| choices.get(number.checked_sub(1)?));
            let by_word = choices
                .iter()
                .find(|(word, _)| word.eq_ignore_ascii_case(answer));
            match at.or(by_word) {
                Some((word, _)) => Ok(*word),
                None => Err(not_among(answer, choices.iter().map(|(word, _)| *word))),
            }
        })
    }

    /// Asks for yes or no; an empty answer is no.
    pub(super) fn confirm(&mut self, question: &str) -> Result<bool, Failure> {
        self.ask(question, Some("no"), |answer| {
            match answer.to_ascii_lowercase().as_str() {
                "y" | "yes" => Ok(true),
                "n" | "no" => Ok(false),
                _ => Err("answer yes or no".to_owned()),
            }
        })
    }

    /// A line without its end; `None`: there are no more.
    fn line(&mut self) -> Result<Option<String>, Failure> {
        let mut line = String::new();
        let read = self.input.take(ANSWER_BYTES_MAX).read_line(&mut line)?;
        Ok((read > 0).then_some(line))
    }
}

/// What there is instead of `answer`, the nearest first if one is near.
pub(super) fn not_among<'a>(answer: &str, there: impl Iterator<Item = &'a str> + Clone) -> String {
    let near = |word: &&str| strsim::jaro_winkler(&answer.to_ascii_lowercase(), word);
    let nearest = there
        .clone()
        .max_by(|a, b| near(a).total_cmp(&near(b)))
        .filter(|word| near(word) >= NEAR_MIN);
    if let Some(word) = nearest {
        return format!("there is no `{answer}`; did you mean `{word}`?");
    }
    let all: Vec<_> = there.map(|word| format!("`{word}`")).collect();
    format!("there is no `{answer}`; it is one of {}", all.join(", "))
}

fn nobody() -> Failure {
    Failure::message(
        ExitCode::Refused,
        "a question was not answered; nothing was written",
        Some(
            "answer at a terminal, or pipe the answers in, one a line; the README has a configuration to begin with",
        ),
    )
}
