//! Ctrl-C: the first asks the job to stop, and the job rolls back. The second ends the process, unless a commit has begun. At a question the first does.

use std::io::ErrorKind;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use expmig::CancelToken;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::output::tell;

/// A signal that interrupted a question is heard long before that.
const HEARD_WITHIN: Duration = Duration::from_secs(10);

/// What puts the terminal right again if the process ends at a question.
type Restore = Box<dyn Fn() + Send>;

/// Which signals came.
#[derive(Clone, Default)]
pub struct Interrupt {
    pub token: CancelToken,
    came: Arc<AtomicBool>,
    patient: Arc<AtomicBool>,
    asking: Arc<Mutex<Option<Restore>>>,
}

impl Interrupt {
    /// From now on signals stop jobs. Without a thread for that, which a system without resources may refuse, they end the process as usual:
    /// the transaction is rolled back by whoever opens the database next.
    pub fn listen() -> Interrupt {
        let interrupt = Interrupt::default();
        let Ok(mut signals) = Signals::new([SIGINT, SIGTERM, SIGHUP]) else { return interrupt };
        let heard = interrupt.clone();
        let listen = move || {
            for signal in signals.forever() {
                heard.hear(signal);
            }
        };
        let _without = std::thread::Builder::new().name("signals".to_owned()).spawn(listen);
        interrupt
    }

    fn hear(&self, signal: i32) {
        let in_time = self.token.trigger();
        let again = self.came.swap(true, Ordering::SeqCst);
        let asking = self.asking.lock().unwrap_or_else(PoisonError::into_inner);
        if let (true, Some(restore)) = (in_time, &*asking) {
            restore();
            tell("\nexpmig: ended; nothing was changed");
            std::process::exit(128 + signal);
        }
        drop(asking);
        match (in_time, again) {
            (true, true) if self.patient.load(Ordering::SeqCst) => tell("expmig: still stopping"),
            (false, false) => tell("expmig: too late to stop: the changes are being committed"),
            // What a commit is under way for will be there; to end now would leave the user in doubt.
            (false, true) => {}
            (true, false) => tell("expmig: stopping; again to end at once"),
            // Nothing is committed: a job that was asked to stop begins no commit.
            (true, true) => {
                tell("expmig: ended; nothing was changed");
                std::process::exit(128 + signal);
            }
        }
    }

    /// Asks something. A signal that comes meanwhile ends the process, after `restore`.
    pub fn while_asking<T>(
        &self,
        restore: impl Fn() + Send + 'static,
        ask: impl FnOnce() -> std::io::Result<T>,
    ) -> std::io::Result<T> {
        let set = |restore| *self.asking.lock().unwrap_or_else(PoisonError::into_inner) = restore;
        set(Some(Box::new(restore) as Restore));
        let answer = ask();
        if matches!(&answer, Err(error) if error.kind() == ErrorKind::Interrupted) {
            // By a signal, which the listener has not heard yet: it ends the process when it does.
            std::thread::sleep(HEARD_WITHIN);
        }
        set(None);
        answer
    }

    /// For jobs of which only their end tells whether anything was changed: no signal ends the process at once.
    pub fn be_patient(&self) {
        self.patient.store(true, Ordering::SeqCst);
    }

    /// Whether a signal came.
    pub fn came(&self) -> bool {
        self.came.load(Ordering::SeqCst)
    }
}
