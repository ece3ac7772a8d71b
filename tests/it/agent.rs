//! A secret's command that leaves an agent behind, as password managers do, is not waited for.

use crate::support::World;

/// How long the agent lives: far longer than a command may take.
const AGENT: &str = "sleep 300 2>/dev/null & echo $! > agent.pid";

/// Has acme's token printed by a command, which leaves the agent behind with the output still open.
fn with_command(world: &World, more: &str) {
    world.write(
        "secret.sh",
        format!("{AGENT}\nprintf sandbox-token\n{more}\n"),
    );
    let given = "api_token = \"sandbox-token\"";
    let command = "api_token = { command = [\"sh\", \"secret.sh\"] }";
    world.configure(&world.config().replace(given, command));
}

fn end_agent(world: &World) {
    let pid = world.read("agent.pid");
    let _ = std::process::Command::new("kill").arg(pid.trim()).status();
}

#[test]
fn what_was_printed_is_the_secret() {
    let world = World::of_users(2);
    with_command(&world, "exit 0");
    let done = world.call(&crate::support::usual::RUN);
    end_agent(&world);
    done.code(0);
    assert!(world.users().iter().filter(|user| user.changes > 0).count() == 2);
}

#[test]
fn a_command_that_failed_gave_no_secret_whatever_it_left_behind() {
    let world = World::of_users(2);
    with_command(&world, "exit 3");
    let done = world.call(&crate::support::usual::RUN);
    end_agent(&world);
    done.code(2).says("exit status: 3");
    assert!(world.sandbox().log(None).is_empty());
}
