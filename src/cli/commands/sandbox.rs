//! `sandbox`: the three providers on this machine.

use crate::cli::args::SandboxArgs;
use crate::cli::signals;
use crate::cli::terminal::{put, tell};
use crate::cli::{ExitCode, Failure};
use crate::sandbox::{Credentials, Population, Sandbox, SandboxOptions, Settings};

/// Serves until a signal ends it.
pub(in crate::cli) async fn execute(args: SandboxArgs) -> Result<ExitCode, Failure> {
    let defaults = Settings::default();
    let options = SandboxOptions {
        listen: args.listen,
        population: Population::Demo,
        settings: Settings {
            latency: args.latency.unwrap_or(defaults.latency),
            faults: args.faults.unwrap_or(defaults.faults),
            scale_limits: args.scale_limits.factor(),
            ..defaults
        },
        ..SandboxOptions::default()
    };
    let credentials = options.credentials.clone();
    let sandbox = Sandbox::start(options).await.map_err(Failure::refused)?;
    put(&format!("sandbox at {}", sandbox.base_url()))?;
    tell("\nA configuration for it (these credentials open nothing else):\n");
    put(&config(&sandbox.base_url(), &credentials))?;
    tell("\nWhat arrives: /_sandbox/requests, who stands: /_sandbox/users. Ctrl-C ends it.");
    let stop = signals::Stop::default();
    stop.listen()?;
    stop.admitting().cancelled().await;
    sandbox.shutdown().await;
    Ok(stop
        .signal()
        .map_or(ExitCode::Success, signals::Signal::exit_code))
}

/// A configuration of the demo's three accounts at `base`.
pub(super) fn config(base: &str, credentials: &Credentials) -> String {
    let Credentials {
        zendesk_email,
        zendesk_token,
        sunco_app_id,
        sunco_key_id,
        sunco_key_secret,
        zoho_client_id,
        zoho_client_secret,
        zoho_refresh_token,
        ..
    } = credentials;
    format!(
        r#"[accounts.support]
provider = "zendesk"
base_url = "{base}"
email = "{zendesk_email}"
api_token = "{zendesk_token}"

[accounts.chat]
provider = "sunco"
base_url = "{base}"
app_id = "{sunco_app_id}"
key_id = "{sunco_key_id}"
key_secret = "{sunco_key_secret}"

[accounts.crm]
provider = "zoho"
accounts_url = "{base}"
client_id = "{zoho_client_id}"
client_secret = "{zoho_client_secret}"
refresh_token = "{zoho_refresh_token}"
"#
    )
}
