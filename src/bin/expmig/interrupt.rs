//! Ctrl-C: the first asks the job to stop, and the job rolls back. The second ends the process, unless a commit has begun.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use expmig::CancelToken;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// Which signals came.
#[derive(Clone, Default)]
pub struct Interrupt {
    pub token: CancelToken,
    came: Arc<AtomicBool>,
    patient: Arc<AtomicBool>,
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
        match (in_time, again) {
            (true, true) if self.patient.load(Ordering::SeqCst) => eprintln!("expmig: still stopping"),
            (false, false) => eprintln!("expmig: too late to stop: the changes are being committed"),
            // What a commit is under way for will be there; to end now would leave the user in doubt.
            (false, true) => {}
            (true, false) => eprintln!("expmig: stopping; again to end at once"),
            // Nothing is committed: a job that was asked to stop begins no commit.
            (true, true) => {
                eprintln!("expmig: ended; nothing was changed");
                std::process::exit(128 + signal);
            }
        }
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
