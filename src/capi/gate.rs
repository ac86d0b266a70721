//! One call at a time on a handle.
//!
//! Calls from several threads wait for each other. A call from inside a callback of the same handle would wait for itself, so it is
//! refused. After a panic the handle is poisoned. In a child after a fork, the handle belongs to the parent, and every call is refused: a thread
//! that does not exist in the child may hold the lock.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};

use crate::error::{Domain, Error, Result, Status};
use crate::process::Process;

/// A number for each thread, never 0.
fn this_thread() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    thread_local!(static NUMBER: u64 = NEXT.fetch_add(1, Ordering::Relaxed));
    NUMBER.with(|number| *number)
}

/// A value that one call at a time may use.
pub struct Gate<T> {
    process: Process,
    /// The thread that is inside, 0 for none. Only a thread itself writes its own number here, so it can trust seeing it.
    owner: AtomicU64,
    value: Mutex<T>,
}

/// The right to use the value.
pub struct Entered<'g, T> {
    value: MutexGuard<'g, T>,
    owner: &'g AtomicU64,
}

impl<T> Gate<T> {
    pub fn new(value: T) -> Gate<T> {
        Gate { process: Process::current(), owner: AtomicU64::new(0), value: Mutex::new(value) }
    }

    /// Fails with MISUSE in a child of the process that made it.
    pub fn check_process(&self, domain: Domain) -> Result<()> {
        self.process.check(domain)
    }

    /// Fails with MISUSE if this thread is inside already.
    pub fn check(&self, domain: Domain) -> Result<()> {
        self.check_process(domain)?;
        if self.owner.load(Ordering::Relaxed) != this_thread() {
            return Ok(());
        }
        Err(Error::new(Status::Misuse, domain, "the handle is in use by the call that runs this callback")
            .hint("do it after that call has returned"))
    }

    /// Waits until no other call is inside.
    pub fn enter(&self, domain: Domain) -> Result<Entered<'_, T>> {
        self.check(domain)?;
        let Ok(value) = self.value.lock() else {
            return Err(Error::new(Status::Panic, domain, "the handle cannot be used after a bug was caught in it")
                .hint("free it and open the database again"));
        };
        self.owner.store(this_thread(), Ordering::Relaxed);
        Ok(Entered { value, owner: &self.owner })
    }
}

impl<T> std::ops::Deref for Entered<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> Drop for Entered<'_, T> {
    fn drop(&mut self) {
        self.owner.store(0, Ordering::Relaxed);
    }
}

/// Enters two gates, in an order that all threads share, so that no two calls wait for each other for ever. The same gate
/// twice is entered once.
pub fn enter_both<'g, T>(
    a: &'g Gate<T>,
    b: &'g Gate<T>,
    domain: Domain,
) -> Result<(Entered<'g, T>, Option<Entered<'g, T>>)> {
    a.check(domain)?;
    b.check(domain)?;
    if std::ptr::eq(a, b) {
        return Ok((a.enter(domain)?, None));
    }
    if std::ptr::from_ref(a) < std::ptr::from_ref(b) {
        let first = a.enter(domain)?;
        Ok((first, Some(b.enter(domain)?)))
    } else {
        let second = b.enter(domain)?;
        Ok((a.enter(domain)?, Some(second)))
    }
}

/// As [`enter_both`], of any number: each gate once, and for each of those that were given the place of its entry.
pub fn enter_all<'g, T>(gates: &[&'g Gate<T>], domain: Domain) -> Result<(Vec<Entered<'g, T>>, Vec<usize>)> {
    gates.iter().try_for_each(|gate| gate.check(domain))?;
    let mut distinct: Vec<&'g Gate<T>> = gates.to_vec();
    distinct.sort_by_key(|gate| std::ptr::from_ref(*gate));
    distinct.dedup_by(|a, b| std::ptr::eq(*a, *b));
    let place = |gate: &&'g Gate<T>| distinct.iter().position(|other| std::ptr::eq(*other, *gate)).unwrap_or_default();
    let places = gates.iter().map(place).collect();
    let entered = distinct.iter().map(|gate| gate.enter(domain)).collect::<Result<_>>()?;
    Ok((entered, places))
}

#[cfg(test)]
mod tests {
    use super::{Gate, enter_all, enter_both};
    use crate::error::{Domain, Status};

    #[test]
    fn entering_again_from_inside_is_misuse_and_leaving_opens_the_gate() {
        let gate = Gate::new(1);
        let inside = gate.enter(Domain::Database).unwrap();
        assert_eq!(gate.enter(Domain::Database).err().unwrap().status(), Status::Misuse);
        drop(inside);
        assert!(gate.enter(Domain::Database).is_ok());
    }

    #[test]
    fn two_threads_that_enter_two_gates_crosswise_both_finish() {
        let (a, b) = (Gate::new(0), Gate::new(0));
        std::thread::scope(|scope| {
            for swapped in [false, true] {
                let (a, b) = if swapped { (&b, &a) } else { (&a, &b) };
                scope.spawn(move || {
                    for _ in 0..1000 {
                        drop(enter_both(a, b, Domain::Database).unwrap());
                    }
                });
            }
        });
        let (_one, none) = enter_both(&a, &a, Domain::Database).unwrap();
        assert!(none.is_none());
    }

    #[test]
    fn threads_that_enter_several_gates_in_any_order_all_finish_and_each_gate_is_entered_once() {
        let gates = [Gate::new(0), Gate::new(1), Gate::new(2)];
        std::thread::scope(|scope| {
            for order in [[0, 1, 2, 0], [2, 1, 0, 2], [1, 2, 0, 1]] {
                let gates = &gates;
                scope.spawn(move || {
                    for _ in 0..500 {
                        let asked: Vec<_> = order.iter().map(|at| &gates[*at]).collect();
                        let (inside, places) = enter_all(&asked, Domain::Database).unwrap();
                        assert_eq!(inside.len(), 3);
                        let found: Vec<usize> = places.iter().map(|place| *inside[*place]).collect();
                        assert_eq!(found, order);
                    }
                });
            }
        });
    }

    #[test]
    fn a_panic_inside_poisons_the_gate() {
        let gate = Gate::new(0);
        let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let _inside = gate.enter(Domain::Database).unwrap();
            std::panic::resume_unwind(Box::new("on purpose"));
        }));
        assert!(caught.is_err());
        assert_eq!(gate.enter(Domain::Database).err().unwrap().status(), Status::Panic);
    }
}
