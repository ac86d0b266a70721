//! The command `expmig`: the library for people at a terminal, and for scripts.
//!
//! `arguments` and `choices` define the command line, `session` opens databases and starts jobs, `progress` shows the progress of jobs, `interrupt` handles
//! Ctrl-C, `output` prints. `commands` has one function for each command. Nothing here knows how a job is done.
#![deny(unsafe_code)]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::todo)]

mod arguments;
mod choices;
mod commands;
mod failure;
mod interrupt;
mod output;
mod progress;
mod session;

use clap::Parser;

use arguments::Arguments;
use failure::Failure;
use session::Session;

fn main() {
    let arguments = Arguments::parse();
    let session = Session::new(arguments.common);
    let status = match commands::run(&session, arguments.command) {
        Ok(status) => status,
        Err(failure) => report(&failure, &session),
    };
    // Not by returning: a thread waits for signals.
    std::process::exit(status);
}

/// Tells the user: a line of what happened, one of what to do; with --json the document goes to standard output. Returns the status.
fn report(failure: &Failure, session: &Session) -> i32 {
    match failure {
        Failure::Engine(error) => {
            session.complain(error.message());
            if let Some(hint) = error.hint_text() {
                session.advise(hint);
            }
            if session.common.json {
                // Whoever does not read it gets the status.
                let _unread = session.document(&error.to_json());
            }
        }
        Failure::Usage(message, hint) | Failure::Io(message, hint) => {
            session.complain(message);
            session.advise(hint);
        }
        Failure::Closed => {}
    }
    failure.status(session.was_interrupted())
}
