//! Progress reports, as a sink receives them.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use expmig::progress::ProgressSink;
use expmig::{Flow, Progress};

/// More than the least time between two calls: a sink that takes this long is called at every opportunity.
pub const SLOW: Duration = Duration::from_millis(105);

pub type Calls = Arc<Mutex<Vec<Progress>>>;

/// A sink that keeps every report, takes its time, and answers by the number of the call.
pub fn recorder(pause: Duration, answer: impl Fn(usize, &Progress) -> Flow + Send + 'static) -> (Calls, ProgressSink) {
    let calls = Calls::default();
    let kept = Arc::clone(&calls);
    let sink = move |progress: &Progress| {
        let number = {
            let mut calls = kept.lock().expect("the calls");
            calls.push(progress.clone());
            calls.len() - 1
        };
        std::thread::sleep(pause);
        answer(number, progress)
    };
    (calls, Box::new(sink))
}

pub fn goes_on(_: usize, _: &Progress) -> Flow {
    Flow::Continue
}

pub fn taken(calls: &Calls) -> Vec<Progress> {
    std::mem::take(&mut *calls.lock().expect("the calls"))
}

/// What must hold of the reports of any job that succeeded.
pub fn check(calls: &[Progress]) {
    let (first, last) = (calls.first().expect("a first call"), calls.last().expect("a last call"));
    assert_eq!((first.processed_items, first.total_items), (0, 0));
    assert_eq!((first.completion_percentage(), first.success_rate()), (0.0, 100.0));
    assert_eq!((first.remaining, first.estimated_completion_us()), (None, None));
    assert!(!first.finished);

    assert!(last.finished);
    assert_eq!(last.completion_percentage(), 100.0);
    assert_eq!(last.remaining, Some(Duration::ZERO));
    assert_eq!(last.processed_items, last.total_items);
    let end = last.start_time_us + i64::try_from(last.elapsed.as_micros()).expect("a time");
    assert_eq!(last.estimated_completion_us(), Some(end));
    assert_eq!(calls.iter().filter(|call| call.finished).count(), 1, "the last call comes once");

    for pair in calls.windows(2) {
        assert!(pair[0].completion_percentage() <= pair[1].completion_percentage());
        assert!(pair[0].processed_items <= pair[1].processed_items);
        assert!(pair[0].elapsed <= pair[1].elapsed);
        assert_eq!(pair[0].start_time_us, pair[1].start_time_us);
    }
    for call in calls {
        assert!((0.0..=100.0).contains(&call.completion_percentage()));
        assert!((0.0..=100.0).contains(&call.success_rate()));
        if call.total_items == 0 && !call.finished {
            assert_eq!(call.completion_percentage(), 0.0, "before the total is known");
            assert_eq!(call.remaining, None);
        }
        if call.processed_items == 0 && !call.finished {
            assert_eq!(call.remaining, None, "nothing to estimate from");
        }
        assert!(!call.operation.is_empty());
    }
}
