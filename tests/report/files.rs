//! A page in a file is whole, or not there; and what cannot be is refused before anything is read.

use std::path::Path;

use expmig::{CancelToken, FileOptions, Flow, Manager, ReportOptions, Status};

use super::support::{self, Folder};

fn to_file(experiments: &[(&Manager, i64)], path: &Path, replace: bool, options: ReportOptions) -> expmig::Result<u64> {
    let file = FileOptions { replace, mode: 0o640 };
    Manager::report_to_file(experiments, path, file, options).map(|done| done.bytes)
}

#[test]
fn a_file_appears_when_it_is_complete_and_replaces_another_only_when_asked_to() {
    let folder = Folder::new();
    let (path, page) = (folder.digits("digits.db"), folder.path("page.html"));
    let manager = support::open_read_only(&path);
    let bytes = to_file(&[(&manager, 1)], &page, false, ReportOptions::default()).unwrap();
    let written = std::fs::read_to_string(&page).unwrap();
    assert_eq!(written.len() as u64, bytes);
    assert!(written.starts_with("<!DOCTYPE html>") && written.ends_with("</html>\n"));
    let refused = to_file(&[(&manager, 2)], &page, false, ReportOptions::default()).unwrap_err();
    assert_eq!(refused.status(), Status::AlreadyExists);
    assert_eq!(std::fs::read_to_string(&page).unwrap(), written);
    let options = ReportOptions { title: Some("mine".to_owned()), ..ReportOptions::default() };
    to_file(&[(&manager, 2)], &page, true, options).unwrap();
    assert!(std::fs::read_to_string(&page).unwrap().contains("<title>mine</title>"));
    assert_eq!(folder.names(), ["digits.db", "page.html"]);
}

#[test]
fn whenever_it_is_cancelled_there_is_no_file_and_an_old_one_stays() {
    let folder = Folder::new();
    let (path, page) = (folder.digits("digits.db"), folder.path("page.html"));
    let manager = support::open_read_only(&path);
    // At each call of the progress callback.
    for stop in 0.. {
        let mut calls = 0;
        let options = ReportOptions {
            progress: Some(Box::new(move |_| {
                calls += 1;
                if calls > stop { Flow::Cancel } else { Flow::Continue }
            })),
            ..ReportOptions::default()
        };
        let old = stop % 2 == 1;
        if old {
            std::fs::write(&page, "old").unwrap();
        }
        match to_file(&[(&manager, 1), (&manager, 2)], &page, true, options) {
            Err(error) => assert_eq!(error.status(), Status::Cancelled),
            Ok(_) => {
                assert!(stop > 0, "it could not be cancelled");
                break;
            }
        }
        assert_eq!(std::fs::read_to_string(&page).ok(), old.then(|| "old".to_owned()));
        let _gone = std::fs::remove_file(&page);
        assert_eq!(folder.names(), ["digits.db"]);
    }
    let cancel = CancelToken::new();
    cancel.trigger();
    let options = ReportOptions { cancel: Some(cancel), ..ReportOptions::default() };
    let _gone = std::fs::remove_file(&page);
    assert_eq!(to_file(&[(&manager, 1)], &page, false, options).unwrap_err().status(), Status::Cancelled);
    assert_eq!(folder.names(), ["digits.db"]);
}

#[test]
fn a_callback_that_stops_gets_no_more_pieces() {
    let folder = Folder::new();
    let manager = support::open_read_only(&folder.digits("digits.db"));
    for (answer, status) in [(Flow::Cancel, Status::Cancelled), (Flow::Fail(7), Status::Callback)] {
        let mut calls = 0;
        let mut take = |_: &[u8]| {
            calls += 1;
            if calls == 2 { answer } else { Flow::Continue }
        };
        let error = Manager::report_pieces(&[(&manager, 1)], &mut take, ReportOptions::default()).unwrap_err();
        assert_eq!((error.status(), calls), (status, 2));
    }
}

#[test]
fn what_cannot_be_is_refused_and_says_what_to_do() {
    let folder = Folder::new();
    let (path, page) = (folder.digits("digits.db"), folder.path("page.html"));
    let other = folder.digits("other.db");
    let (manager, second) = (support::open_read_only(&path), support::open_read_only(&other));
    let refuse = |experiments: &[(&Manager, i64)], page: &Path, options: ReportOptions| {
        let error = to_file(experiments, page, true, options).unwrap_err();
        assert!(error.hint_text().is_some() || error.status() == Status::InvalidArgument, "{}", error.to_json());
        error.status()
    };
    let none = ReportOptions::default;
    assert_eq!(refuse(&[], &page, none()), Status::InvalidArgument);
    assert_eq!(refuse(&[(&manager, 99)], &page, none()), Status::NotFound);
    assert_eq!(refuse(&[(&manager, 1), (&second, 99)], &page, none()), Status::NotFound);
    assert_eq!(refuse(&vec![(&manager, 1); 101], &page, none()), Status::Limit);
    assert_eq!(refuse(&[(&manager, 1)], &page, ReportOptions { issue_limit: 2001, ..none() }), Status::InvalidArgument);
    // Files of either database.
    assert_eq!(refuse(&[(&manager, 1), (&second, 1)], &other, none()), Status::InvalidArgument);
    assert_eq!(refuse(&[(&manager, 1)], &folder.path("digits.db-wal"), none()), Status::InvalidArgument);
    assert_eq!(refuse(&[(&manager, 1)], &folder.path("nowhere/page.html"), none()), Status::NotFound);
    assert_eq!(folder.names(), ["digits.db", "other.db"]);
}

#[test]
fn a_page_only_reads() {
    let folder = Folder::new();
    let path = folder.digits("digits.db");
    support::leaves_alone(&path, || {
        let manager = support::open_read_only(&path);
        Manager::report(&[(&manager, 1), (&manager, 2)], &mut std::io::sink(), ReportOptions::default()).unwrap();
    });
}
