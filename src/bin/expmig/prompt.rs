//! Questions at the terminal. Nothing is under way while one stands, so a signal ends the process then.

use std::fs::File;
use std::io::{BufRead, Write};

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

use crate::interrupt::Interrupt;

/// The terminal, and how it was before a question.
struct Terminal {
    file: File,
    before: Termios,
}

impl Terminal {
    fn of_this_process() -> Option<Terminal> {
        let file = File::options().read(true).write(true).open("/dev/tty").ok()?;
        let before = tcgetattr(&file).ok()?;
        Some(Terminal { file, before })
    }

    fn show_what_is_typed(&self, shown: bool) {
        let mut modes = self.before.clone();
        if !shown {
            modes.local_modes.remove(LocalModes::ECHO);
        }
        // A terminal that is gone needs nothing.
        let _ = tcsetattr(&self.file, OptionalActions::Now, &modes);
    }
}

/// Asks for a password. What is typed is not shown, from before the question on.
pub fn password(interrupt: &Interrupt, question: &str) -> std::io::Result<String> {
    let terminal = std::sync::Arc::new(Terminal::of_this_process());
    let again = terminal.clone();
    let show = move |shown| {
        if let Some(terminal) = &*again {
            terminal.show_what_is_typed(shown);
        }
    };
    show(false);
    let restore = show.clone();
    let answer = interrupt.while_asking(move || restore(true), || rpassword::prompt_password(question));
    show(true);
    answer
}

/// Asks a question, and reads a line.
pub fn line(interrupt: &Interrupt, question: &str) -> std::io::Result<String> {
    interrupt.while_asking(
        || {},
        || {
            let mut out = std::io::stderr();
            write!(out, "{question}")?;
            out.flush()?;
            let mut answer = String::new();
            std::io::stdin().lock().read_line(&mut answer)?;
            Ok(answer)
        },
    )
}
