//! One run of the command: its common options, and the helpers that every command needs.

use std::io::IsTerminal;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use expmig::manager::LogLevel;
use expmig::progress::ProgressSink;
use expmig::{
    CancelToken, Database, Domain, Error, JobOptions, Manager, ManagerOptions, OpenOptions, Password, Status,
};

use crate::arguments::Common;
use crate::failure::{Failure, Outcome};
use crate::interrupt::Interrupt;
use crate::output::tell;
use crate::{progress, prompt};

/// Where passwords are looked for, beside the options: where all are, and where the clients of a server do, whose URLs begin like this.
const VARIABLES: [(&str, &str); 4] =
    [("", "EXPMIG_PASSWORD"), ("mysql", "MYSQL_PWD"), ("mariadb", "MYSQL_PWD"), ("postgres", "PGPASSWORD")];

/// How a database is going to be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    Read,
    Write,
    /// Write, and make the file and the tables if they are missing.
    Create,
}

/// One run of the command.
pub struct Session {
    pub common: Common,
    interrupt: Interrupt,
}

/// What to do about a database that is not there.
const NOT_THERE: &str = "check the path or the URL; `migrate --to`, `import --create` and `bring-in` make a database file that is not there";

impl Session {
    pub fn new(common: Common) -> Session {
        Session { common, interrupt: Interrupt::listen() }
    }

    /// Opens a database.
    pub fn open(&self, url: &str, usage: Use) -> Outcome<Manager> {
        let options = OpenOptions {
            read_only: usage == Use::Read,
            create: usage == Use::Create,
            busy_timeout: Duration::from_secs(self.common.busy_timeout.into()),
            password: self.password(url),
            ..OpenOptions::default()
        };
        let database = Database::open(url, options).map_err(|error| match error.status() {
            // The library's hint names a flag of its own.
            Status::NotFound => error.hint(NOT_THERE),
            _ => error,
        })?;
        let warn = |level: LogLevel, line: &str| {
            if level == LogLevel::Warning {
                say("warning", line);
            }
        };
        let options = ManagerOptions {
            log: (!self.common.quiet).then(|| Box::new(warn) as expmig::manager::LogSink),
            log_level: Some(LogLevel::Warning),
            snapshot_dir: self.common.snapshot_dir.clone(),
        };
        Ok(Manager::new(database, options))
    }

    /// Where the password of a server comes from, if the URL has none.
    fn password(&self, url: &str) -> Option<Password> {
        let (_, rest) = url.split_once("://")?;
        let login = rest.split_once('@').map_or("", |(login, _)| login);
        if !Database::is_on_a_server(url) || login.contains(':') {
            return None;
        }
        let (file, command) = (self.common.password_file.clone(), self.common.password_command.clone());
        let shown = url.to_owned();
        let interrupt = self.interrupt.clone();
        Some(Password::Ask(Arc::new(move || {
            if let Some(file) = &file {
                return first_line(&read(file)?);
            }
            if let Some(command) = &command {
                return printed(command, &shown);
            }
            let scheme = shown.to_ascii_lowercase();
            for (_, variable) in VARIABLES.iter().filter(|(begin, _)| scheme.starts_with(begin)) {
                if let Ok(password) = std::env::var(variable) {
                    return Ok(password);
                }
            }
            if !std::io::stdin().is_terminal() {
                return Ok(String::new());
            }
            prompt::password(&interrupt, &format!("Password for {shown} (empty for none): "))
                .map_err(|error| no_password(&format!("the password cannot be read from the terminal: {error}")))
        })))
    }

    /// What a job that can take long is given.
    pub fn job(&self) -> JobOptions {
        JobOptions { progress: self.progress(), cancel: Some(self.cancel()) }
    }

    /// Shows a job, unless nobody wants to see it.
    pub fn progress(&self) -> Option<ProgressSink> {
        (!self.common.quiet).then(progress::sink)
    }

    /// Stops a job at a signal.
    pub fn cancel(&self) -> CancelToken {
        self.interrupt.token.clone()
    }

    /// What a job is given of which only its end tells whether anything was changed.
    pub fn patient_job(&self) -> JobOptions {
        self.interrupt.be_patient();
        self.job()
    }

    /// Whether a signal came.
    pub fn was_interrupted(&self) -> bool {
        self.interrupt.came()
    }

    /// Asks before something is destroyed. `what` is a whole sentence.
    pub fn confirm(&self, what: &str) -> Outcome<()> {
        if self.common.yes {
            return Ok(());
        }
        let refused =
            |message: &str| Failure::Usage(message.to_owned(), "give --yes to do it without asking".to_owned());
        if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
            return Err(refused(&format!("{what} Nobody is at a terminal who could agree to that; nothing was done")));
        }
        // If the question cannot be shown, no answer comes.
        let answer = prompt::line(&self.interrupt, &format!("{what} Go on? [y/N] "));
        match answer.as_deref().map(str::trim) {
            Ok("y" | "Y" | "yes") => Ok(()),
            _ => Err(refused("not agreed to; nothing was done")),
        }
    }

    /// One line of what went wrong.
    pub fn complain(&self, message: &str) {
        say("error", message);
    }

    /// One line of what can be done about it.
    pub fn advise(&self, hint: &str) {
        say("hint", hint);
    }
}

fn say(kind: &str, line: &str) {
    tell(format_args!("expmig: {kind}: {line}"));
}

fn no_password(message: &str) -> Error {
    Error::new(Status::Auth, Domain::Database, message).hint("see `expmig --help` for the ways to give a password")
}

/// The text of a file; standard input for `-`.
pub fn read(path: &Path) -> expmig::Result<String> {
    let text =
        if path == Path::new("-") { std::io::read_to_string(std::io::stdin()) } else { std::fs::read_to_string(path) };
    text.map_err(|error| {
        Error::new(Status::Io, Domain::Database, format!("{} cannot be read: {error}", path.display()))
            .detail("path", path.display())
            .hint("check the path and its permissions")
    })
}

fn first_line(text: &str) -> expmig::Result<String> {
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

fn printed(command: &str, url: &str) -> expmig::Result<String> {
    let run = std::process::Command::new("/bin/sh")
        .args(["-c", command])
        .env("EXPMIG_DATABASE", url)
        .stderr(std::process::Stdio::inherit())
        .output();
    match run {
        Ok(output) if output.status.success() => first_line(&String::from_utf8_lossy(&output.stdout)),
        Ok(output) => Err(no_password(&format!("the password command failed: {}", output.status))),
        Err(error) => Err(no_password(&format!("the password command cannot be run: {error}"))),
    }
}
