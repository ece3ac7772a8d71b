//! `sandbox`: the three providers on this machine.

use std::net::SocketAddr;

use crate::cli::args::SandboxArgs;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::signals;
use crate::cli::terminal::{put, tell};
use crate::pipeline::Stop;
use crate::sandbox::{Credentials, Population, Sandbox, SandboxOptions, Settings};

/// Serves until a signal ends it.
pub(in crate::cli) async fn execute(args: SandboxArgs) -> Result<Exit, Failure> {
    let listen: SocketAddr = args.listen.replace("localhost", "127.0.0.1").parse().map_err(|_| {
        Failure::message(
            Exit::Refused,
            format!("`{}` is no address to listen on", args.listen),
            Some("write a loopback address with a port, such as 127.0.0.1:8080"),
        )
    })?;
    let options = SandboxOptions {
        listen,
        population: Population::Demo,
        settings: Settings {
            latency: args.latency,
            faults: args.faults,
            scale_limits: args.scale_limits,
            ..Settings::default()
        },
        ..SandboxOptions::default()
    };
    let credentials = options.credentials.clone();
    let sandbox = Sandbox::start(options).await.map_err(Failure::refused)?;
    put(&format!("sandbox at {}", sandbox.base_url()))?;
    tell("\nA configuration for it (these credentials open nothing else):\n");
    put(&config(&sandbox.base_url(), &credentials))?;
    tell("\nWhat arrives: /_sandbox/requests, who stands: /_sandbox/users. Ctrl-C ends it.");
    let stop = Stop::default();
    let signal = signals::listen_quietly(&stop)?;
    stop.admitting.cancelled().await;
    sandbox.shutdown().await;
    Ok(signal.get().copied().map_or(Exit::Good, Exit::Interrupted))
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
