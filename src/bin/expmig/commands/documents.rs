//! The commands `export` and `import`.

use std::io::Write;
use std::path::Path;

use expmig::{ExportOptions, FileOptions, ImportOptions};

use crate::arguments::{Export, Import};
use crate::failure::{Failure, Outcome};
use crate::output::{after_change, count, written};
use crate::session::{Session, Use};

pub fn export(session: &Session, arguments: &Export) -> Outcome<()> {
    let manager = session.open(&arguments.on.database, Use::Read)?;
    let options = ExportOptions {
        indent: arguments.indent,
        skip_unsound: arguments.skip_unsound,
        progress: session.progress(),
        cancel: Some(session.cancel()),
        ..ExportOptions::default()
    };
    let Some(path) = &arguments.output else {
        let mut out = Watching { out: std::io::stdout().lock(), closed: false };
        let done = manager.export_experiment(arguments.experiment, &mut out, options);
        if out.closed {
            return Err(Failure::Closed);
        }
        done?;
        return written(out.write_all(b"\n").and_then(|()| out.flush()));
    };
    let file = FileOptions { replace: arguments.force, ..FileOptions::default() };
    let done = manager.export_to_file(arguments.experiment, path, file, options)?;
    let rows: u64 = done.counts.iter().map(|(_, rows)| rows).sum();
    if session.common.json {
        let document = serde_json::json!({"path": path.to_string_lossy(), "bytes": done.bytes, "rows": rows});
        return after_change(session.document(&document));
    }
    after_change(session.line(format_args!("{}: {} bytes, {}", path.display(), done.bytes, count(rows, "row"))))
}

/// Notes whether whoever reads the output has gone away, which is no error of the disk.
pub struct Watching<W> {
    pub out: W,
    pub closed: bool,
}

impl<W: Write> Write for Watching<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.out.write(bytes).inspect_err(|error| self.closed |= error.kind() == std::io::ErrorKind::BrokenPipe)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.out.flush().inspect_err(|error| self.closed |= error.kind() == std::io::ErrorKind::BrokenPipe)
    }
}

pub fn import(session: &Session, arguments: &Import) -> Outcome<()> {
    let manager = session.open(&arguments.on.database, if arguments.create { Use::Create } else { Use::Write })?;
    let options = ImportOptions {
        preserve_ids: arguments.preserve_ids,
        validate_before_import: !arguments.no_validation,
        on_duplicate: arguments.on_duplicate.into(),
        add_columns: arguments.add_columns,
        allow_lossy: arguments.allow_lossy,
        text_keys: (&arguments.mlflow).into(),
        target_experiment: arguments.into,
        progress: session.progress(),
        cancel: Some(session.cancel()),
        ..ImportOptions::default()
    };
    let done = if arguments.document == Path::new("-") {
        manager.import_experiment(&mut std::io::stdin().lock(), options)?
    } else {
        manager.import_from_file(&arguments.document, options)?
    };
    if session.common.json {
        return after_change(session.document(&done.to_json()));
    }
    let digest = expmig::digest::hex(&done.digest);
    let (database, id) = (&arguments.on.database, done.experiment_id);
    after_change(match done.skipped {
        true => session.line(format_args!("there already: {database}#{id}; digest {digest}")),
        false => session.line(format_args!("{database}#{id}: {}; digest {digest}", count(done.items_processed, "row"))),
    })
}
