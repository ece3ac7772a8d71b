//! A plan in a file: one person plans, another approves and runs just that.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::planning::{Planned, Planning, absolute, read_options};
use super::whole_file::{self, There};
use super::{ExitCode, Failure};
use crate::domain::{InputHeader, RunOptions, Time, WallClock};
use crate::input::{Fingerprint, Input, fingerprint};

/// What the name of a saved plan ends in, and of nothing else that `run` takes: no input is taken for a
/// plan because of what it holds.
const SUFFIX: &str = ".plan.json";

/// The most of a saved plan that is read.
const FILE_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// A plan, bound to everything that decides what it does.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct SavedPlan {
    /// The version of this format; its presence tells a plan from any other JSON.
    userpurge_plan: u32,
    created_at: Time,
    /// The input, its digest, and how it is read.
    pub(super) input: InputHeader,
    pub(super) options: RunOptions,
    /// The digest of names, providers, addresses, actions and limits.
    configuration: String,
    /// The digests of the protect list and of the ledgers of `--done-in`.
    companions: Vec<Companion>,
    to_delete: u64,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Companion {
    path: String,
    sha256: String,
}

impl SavedPlan {
    const VERSION: u32 = 1;

    /// The plan `planned`, bound.
    pub(super) fn of(
        planning: &Planning,
        planned: &Planned,
        digest: &Fingerprint,
    ) -> Result<Self, Failure> {
        Ok(Self {
            userpurge_plan: Self::VERSION,
            created_at: WallClock::system().now(),
            input: planning.input_header(planned, digest),
            options: planning.options.clone(),
            configuration: planning.outline.digest(),
            companions: companions(&planning.options)?,
            to_delete: planned.plan.to_delete,
        })
    }

    /// Refuses a `path` where a plan would take the place of anything but an older plan, or would not be
    /// known again for one.
    pub(super) fn check_free(path: &Path) -> Result<(), Failure> {
        let refused = |why: &str| {
            let text = format!("`{}` {why}; nothing was written", path.display());
            Failure::message(ExitCode::Refused, text, Some("`-o FILE.plan.json`"))
        };
        if !is_named_plan(path) {
            return Err(refused(
                "does not end in `.plan.json`, by which `run` knows a plan",
            ));
        }
        match fs::symlink_metadata(path) {
            Err(_) => Ok(()),
            Ok(there) if there.is_file() && Self::read(path).is_ok_and(|plan| plan.is_some()) => {
                Ok(())
            }
            Ok(_) => Err(refused("is there already and is no saved plan")),
        }
    }

    /// Writes it, whole or not at all.
    pub(super) fn save(&self, path: &Path) -> Result<(), Failure> {
        let mut json =
            serde_json::to_vec_pretty(self).map_err(|error| Failure::bug(&error.to_string()))?;
        json.push(b'\n');
        let failed = |error| {
            let text = format!("could not save the plan as `{}`: {error}", path.display());
            Failure::message(ExitCode::Refused, text, None)
        };
        whole_file::write(path, There::Replaced, failed, |mut file| {
            file.write_all(&json).map_err(failed)
        })
    }

    /// Reads `path` if it is a saved plan; `None`: it is something else.
    pub(super) fn read(path: &Path) -> Result<Option<Self>, Failure> {
        // A pipe is no plan, and to open it could wait for ever.
        let is_small = |it: fs::Metadata| it.is_file() && it.len() <= FILE_BYTES_MAX;
        if !is_named_plan(path) || !fs::metadata(path).is_ok_and(is_small) {
            return Ok(None);
        }
        let bytes = fs::read(path)?;
        let Ok(value) = serde_json::from_slice::<serde_json::Value>(&bytes) else {
            return Ok(None);
        };
        let Some(version) = value.get("userpurge_plan") else {
            return Ok(None);
        };
        let unreadable = |why: &str| {
            let text = format!("the saved plan `{}` cannot be used: {why}", path.display());
            Failure::message(ExitCode::Refused, text, Some("plan again"))
        };
        if *version != Self::VERSION {
            return Err(unreadable("another version of userpurge wrote it"));
        }
        serde_json::from_value(value)
            .map(Some)
            .map_err(|error| unreadable(&error.to_string()))
    }

    /// The planning that this plan was made by, if nothing it is bound to has changed. `folder`: where the
    /// snapshot of the input goes.
    pub(super) fn planning(
        &self,
        path: &Path,
        outline: crate::config::Outline,
        options: RunOptions,
        folder: &Path,
    ) -> Result<(Planning, Fingerprint), Failure> {
        let changed = |what: &str| {
            let text = format!(
                "{what} changed since plan `{}` was made; nothing was sent",
                path.display()
            );
            Failure::message(
                ExitCode::Refused,
                text,
                Some("plan again, and have it approved again"),
            )
        };
        let input = Path::new(&self.input.path);
        let (snapshot, found) = Input::snapshot(input, folder).map_err(Failure::refused)?;
        if (found.size, &found.sha256) != (self.input.size, &self.input.sha256) {
            return Err(changed(&format!("the input `{}` has", input.display())));
        }
        if outline.digest() != self.configuration {
            return Err(changed("the configuration has"));
        }
        let now = companions(&self.options)?;
        let mut kept = self.companions.iter().enumerate();
        if let Some((place, companion)) = kept.find(|(place, kept)| now.get(*place) != Some(*kept))
        {
            // The protect list stands first, if there is one.
            let what = match (place, &self.options.protect) {
                (0, Some(_)) => "the protect list",
                (_, Some(_) | None) => "a ledger of `--done-in`,",
            };
            return Err(changed(&format!("{what} `{}` has", companion.path)));
        }
        let read = read_options(&self.input, &self.options);
        Ok((Planning::new(snapshot, read, outline, options)?, found))
    }

    /// Refuses a plan that comes to another number of rows than it did.
    pub(super) fn check(&self, path: &Path, planned: &Planned) -> Result<(), Failure> {
        if planned.plan.to_delete == self.to_delete && planned.plan.rows == self.input.rows {
            return Ok(());
        }
        let text = format!(
            "plan `{}` was for {} rows to send and now comes to {}: what it depends on has changed",
            path.display(),
            self.to_delete,
            planned.plan.to_delete
        );
        Err(Failure::message(
            ExitCode::Refused,
            text,
            Some("plan again"),
        ))
    }
}

fn is_named_plan(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    name.is_some_and(|name| name.ends_with(SUFFIX))
}

/// The saved plan at `path` as it would be saved again; `None`: it is something else. The error is
/// the failure's text.
#[cfg(any(test, debug_assertions))]
pub(crate) fn rewritten(path: &Path) -> Result<Option<Vec<u8>>, String> {
    let text = |failure: Failure| {
        let mut text = Vec::new();
        let _ = failure.print(&mut text, None);
        String::from_utf8_lossy(&text).into_owned()
    };
    let plan = SavedPlan::read(path).map_err(text)?;
    plan.map(|plan| serde_json::to_vec_pretty(&plan).map_err(|error| error.to_string()))
        .transpose()
}

fn companions(options: &RunOptions) -> Result<Vec<Companion>, Failure> {
    let paths = options.protect.iter().chain(&options.done_in);
    let companion = |path: &String| {
        let sha256 = fingerprint(Path::new(path))
            .map_err(Failure::refused)?
            .sha256;
        let path = absolute(Path::new(path)).to_string_lossy().into_owned();
        Ok(Companion { path, sha256 })
    };
    paths.map(companion).collect()
}
