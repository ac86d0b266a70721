//! The shell completions and the manual page, which `make install` asks the command for.

use clap::CommandFactory;

use crate::arguments::Arguments;
use crate::failure::Outcome;
use crate::output::written;

pub fn completions(shell: clap_complete::Shell) -> Outcome<()> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "expmig", &mut script);
    print(&script)
}

pub fn manual() -> Outcome<()> {
    let mut page = Vec::new();
    written(clap_mangen::Man::new(Arguments::command()).render(&mut page))?;
    print(&page)
}

fn print(bytes: &[u8]) -> Outcome<()> {
    use std::io::Write;
    written(std::io::stdout().lock().write_all(bytes))
}
