//! Runs brought into stores on servers, where somebody cancels, or changes meanwhile what is there.

use std::time::{Duration, Instant};

use crate::bring_in_servers::is_sound;
use crate::mlruns::{leaving_out, mlruns};
use crate::places::Engine;
use crate::support::Folder;
use crate::support::random::{Random, seed_or};
use expmig::progress::ProgressSink;
use expmig::{BringInOptions, CancelToken, Flow, Status};

#[test]
fn a_call_that_is_cancelled_at_any_moment_leaves_a_server_as_it_was() {
    let mut random = Random::new(seed_or(1));
    for engine in Engine::servers() {
        let folder = Folder::new();
        let (source, place) = (mlruns(&folder, "3.5.1"), engine.empty(&folder));
        let before = place.dump();
        let began = Instant::now();
        place.open().bring_in_plan(&source, leaving_out()).unwrap();
        let most = began.elapsed().as_micros() as usize;
        for _ in 0..25 {
            let token = CancelToken::new();
            let (theirs, wait) = (token.clone(), Duration::from_micros(random.below(most) as u64));
            let manager = place.open();
            let cancelling = std::thread::spawn(move || {
                std::thread::sleep(wait);
                theirs.trigger();
            });
            let done = manager.bring_in(&source, BringInOptions { cancel: Some(token), ..leaving_out() });
            cancelling.join().unwrap();
            match done {
                Ok(_) => break,
                Err(error) => assert_eq!(error.status(), Status::Cancelled, "{engine:?}: {error:?}"),
            }
            assert_eq!(place.dump(), before, "{engine:?}");
        }
        place.open().bring_in(&source, leaving_out()).unwrap();
        is_sound(&place);
        assert_eq!(place.open().bring_in(&source, leaving_out()).unwrap().rows_new(), 0, "{engine:?}");
    }
}

#[test]
fn what_somebody_else_changes_meanwhile_is_not_overwritten() {
    for engine in Engine::servers() {
        let folder = Folder::new();
        let (source, place) = (mlruns(&folder, "3.5.1"), engine.empty(&folder));
        place.open().bring_in(&source, leaving_out()).unwrap();
        // What the source says of the run is to replace what is there.
        place.execute("UPDATE runs SET name = 'older' WHERE status = 'RUNNING'");
        let before = place.dump();
        // Somebody else has ended it, and commits when the call waits for the row.
        let held = place.held("UPDATE runs SET status = 'FINISHED', end_time = 1700000300000 WHERE status = 'RUNNING'");
        let mut held = Some(held);
        let progress: ProgressSink = Box::new(move |progress| {
            if progress.operation == "writing" {
                held.take().into_iter().for_each(|commit| commit());
            }
            Flow::Continue
        });
        let options = BringInOptions { progress: Some(progress), ..leaving_out() };
        let error = place.open().bring_in(&source, options).unwrap_err();
        assert_eq!(error.status(), Status::Busy, "{engine:?}: {error:?}");
        assert!(error.retryable(), "{engine:?}");
        place.execute("UPDATE runs SET status = 'RUNNING', end_time = NULL WHERE name = 'older'");
        assert_eq!(place.dump(), before, "{engine:?}");
        let again = place.open().bring_in(&source, leaving_out()).unwrap();
        assert_eq!((again.rows_new(), again.rows_changed()), (0, 1), "{engine:?}");
    }
}
