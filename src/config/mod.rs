//! Accounts from a TOML file or from environment variables, as complete settings.
//!
//! Loading has two stages, because `plan` needs neither credentials nor a network.
//! [`load_outline`] reads names, providers, addresses, actions and limits, and leaves every secret
//! where it is. [`Outline::read`] reads the secrets of the accounts that are used, and no others.
//!
//! Every mistake is an error that names the file, the line and the key, or the variable, and says
//! how to mend it. No error and no `Debug` text holds a secret.
//!
//! This module knows nothing of the command line beyond the path of `--config`, and speaks to no
//! provider. It does not judge whether credentials are right; `check` does.

mod account;
pub mod draft;
mod environment;
mod error;
mod load;
mod secret;
mod table;

/// The JSON schema of a configuration file.
pub const SCHEMA: &str = include_str!("schema.json");

pub use account::{AccountSettings, CONCURRENCY_MAX, SECRET_KEYS};
pub use environment::{Lookup, process_variable, user_name, variables};
pub use error::{ConfigError, MarkedLine};
pub use load::{FILE_NAME, Outline, load_outline, locate, own_provider};
pub use secret::secret_path;
