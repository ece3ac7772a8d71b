//! What the program has to know of its accounts: from a TOML file or the environment's variables
//! to complete [`Settings`], with no option left to interpret.
//!
//! Loading has two stages, because `plan` needs neither credentials nor a network.
//! [`load_outline`] reads names, providers, addresses, actions and limits, and leaves every secret
//! where it is. [`load`] reads the secrets as well. [`Outline::digest`] tells whether two
//! configurations would send the same requests to the same places; secrets are no part of it.
//!
//! Every mistake is an error that names the file, the line and the key, or the variable, and says
//! how to mend it. No error and no `Debug` text holds a secret.
//!
//! This module knows nothing of the command line beyond the path of `--config`, speaks to no
//! provider, and does not judge whether credentials are right; `check` does.

mod account;
mod command;
mod draft;
mod environment;
mod error;
mod file;
mod limits;
mod locate;
mod outline;
mod problem;
mod secret;
mod settings;
mod shown;
mod table;
mod trust;
mod urls;

pub use environment::{Lookup, VARIABLES, Variable, process_variable};
pub use error::ConfigError;
pub use limits::{Limits, ResolvedLimits};
pub use locate::FILE_NAME;
pub use outline::{AccountOutline, Endpoint, Outline};
pub use problem::Problem;
pub use secret::SecretError;
pub use settings::{Account, Settings, Source, load, load_outline};
pub use urls::UrlProblem;
