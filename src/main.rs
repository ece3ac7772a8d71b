//! The `userpurge` program: parse, call [`userpurge::cli::main`], return its exit code.

fn main() -> std::process::ExitCode {
    userpurge::cli::main(&userpurge::ledger::RealDisk)
}
