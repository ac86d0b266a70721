//! Shows the progress of a job: a bar on a terminal, lines in a log.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use expmig::progress::ProgressSink;
use expmig::{Flow, Progress};
use indicatif::{HumanCount, ProgressBar, ProgressState, ProgressStyle};

use crate::output::tell;

/// In a log, a step that takes longer says how far it is this often.
const LINE: Duration = Duration::from_secs(10);
/// A job that is done by then shows nothing.
const SHORT: Duration = Duration::from_millis(500);

const COUNTED: &str = "{msg} [{bar:30}] {percent}% {human_pos}/{human_len} {rate}/s {eta} left";
const UNCOUNTED: &str = "{msg} {spinner} {human_pos} {elapsed}";

/// Shows a job to whoever is at the terminal, or reads the log.
pub fn sink() -> ProgressSink {
    // A terminal that calls itself dumb cannot draw a line again.
    let draws = std::io::stderr().is_terminal() && std::env::var_os("TERM").is_none_or(|name| name != "dumb");
    if draws { bar() } else { lines() }
}

/// Rows in each second, as a whole number.
fn rate(state: &ProgressState, to: &mut dyn std::fmt::Write) {
    // What cannot be written is not shown.
    let _ = write!(to, "{}", HumanCount(state.per_sec().round() as u64));
}

fn bar() -> ProgressSink {
    // A template that does not parse would be a bug that the tests find; the default style is better than none.
    let style = |template: &str| {
        let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        style.with_key("rate", rate).progress_chars("=> ")
    };
    let (counted, uncounted) = (style(COUNTED), style(UNCOUNTED));
    let bar = ProgressBar::hidden();
    let mut shown = false;
    let mut total = None;
    Box::new(move |progress: &Progress| {
        if progress.finished {
            bar.finish_and_clear();
            return Flow::Continue;
        }
        if !shown && progress.elapsed < SHORT {
            return Flow::Continue;
        }
        if !shown {
            shown = true;
            bar.set_draw_target(indicatif::ProgressDrawTarget::stderr());
        }
        if total != Some(progress.total_items) {
            total = Some(progress.total_items);
            bar.set_length(progress.total_items);
            bar.set_style(if progress.total_items > 0 { counted.clone() } else { uncounted.clone() });
        }
        bar.set_message(progress.operation);
        bar.set_position(progress.processed_items);
        bar.tick();
        Flow::Continue
    })
}

fn lines() -> ProgressSink {
    let mut said: (&str, Option<Instant>) = ("", None);
    Box::new(move |progress: &Progress| {
        let due = said.1.is_none_or(|since| since.elapsed() >= LINE);
        if progress.elapsed >= SHORT && !progress.finished && (progress.operation != said.0 || due) {
            said = (progress.operation, Some(Instant::now()));
            match progress.total_items {
                0 => tell(format_args!("expmig: {}", progress.operation)),
                total => tell(format_args!(
                    "expmig: {} ({} of {total}, {:.0} %)",
                    progress.operation,
                    progress.processed_items,
                    progress.completion_percentage()
                )),
            }
        }
        Flow::Continue
    })
}
