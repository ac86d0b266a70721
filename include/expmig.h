/*
 * expmig: an embeddable migration engine for experiment-tracking databases.
 *
 * Generated from src/capi/ by build.rs; do not edit. docs/c-conventions.md has the rules that hold for all of it; in short:
 *
 * - Every function that can fail returns an expmig_status, which is EXPMIG_OK (0) on success. Its last parameter is a nullable
 *   expmig_error **error. Output pointers are first set to NULL or 0, and are written only on success.
 * - Strings that you pass are NUL-terminated UTF-8. Strings that you receive belong to the object that they are read from; or, if the
 *   parameter is a char **, to the caller, who frees them with expmig_string_free.
 * - Every _free and _close accepts NULL. Handles, and the objects that were made of them, may be freed in any order.
 * - Options are structs that begin with their size: fill them with the matching _options_init, then change what you need.
 */
#ifndef EXPMIG_H
#define EXPMIG_H


#include <stddef.h>
#include <stdint.h>

#define EXPMIG_VERSION_MAJOR 0
#define EXPMIG_VERSION_MINOR 1
#define EXPMIG_VERSION_PATCH 0

/** A time that is not known yet. */
#define EXPMIG_TIME_UNKNOWN INT64_MIN

#ifndef EXPMIG_API
#if defined(__GNUC__) && __GNUC__ >= 4
#define EXPMIG_API __attribute__((visibility("default")))
#else
#define EXPMIG_API
#endif
#endif

#ifndef EXPMIG_MUST_USE
#if defined(__GNUC__) && __GNUC__ >= 4
#define EXPMIG_MUST_USE __attribute__((warn_unused_result))
#else
#define EXPMIG_MUST_USE
#endif
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* The Arrow C data interface and the Arrow C stream interface, as every library that has them defines them. */
#ifndef ARROW_C_DATA_INTERFACE
#define ARROW_C_DATA_INTERFACE

#define ARROW_FLAG_DICTIONARY_ORDERED 1
#define ARROW_FLAG_NULLABLE 2
#define ARROW_FLAG_MAP_KEYS_SORTED 4

struct ArrowSchema {
    const char *format;
    const char *name;
    const char *metadata;
    int64_t flags;
    int64_t n_children;
    struct ArrowSchema **children;
    struct ArrowSchema *dictionary;
    void (*release)(struct ArrowSchema *);
    void *private_data;
};

struct ArrowArray {
    int64_t length;
    int64_t null_count;
    int64_t offset;
    int64_t n_buffers;
    int64_t n_children;
    const void **buffers;
    struct ArrowArray **children;
    struct ArrowArray *dictionary;
    void (*release)(struct ArrowArray *);
    void *private_data;
};

#endif
#ifndef ARROW_C_STREAM_INTERFACE
#define ARROW_C_STREAM_INTERFACE

struct ArrowArrayStream {
    int (*get_schema)(struct ArrowArrayStream *, struct ArrowSchema *out);
    int (*get_next)(struct ArrowArrayStream *, struct ArrowArray *out);
    const char *(*get_last_error)(struct ArrowArrayStream *);
    void (*release)(struct ArrowArrayStream *);
    void *private_data;
};

#endif


/**
 * The version of the C ABI that this header describes. Grows when functions or fields are added.
 */
#define EXPMIG_ABI_VERSION 1

/**
 * What a callback returns to go on.
 */
#define EXPMIG_CALLBACK_CONTINUE 0

/**
 * What a callback returns to cancel: the call rolls back and returns EXPMIG_CANCELLED. Any value other than this one and 0 is a failure
 * of the callback: the call rolls back and returns EXPMIG_CALLBACK, with the value in the detail "callback_result".
 */
#define EXPMIG_CALLBACK_CANCEL 1

/**
 * Refuse every call that writes through this handle.
 */
#define EXPMIG_OPEN_READONLY 1

/**
 * Create the file or the schema if it does not exist, and the tables of the newest generation if it is empty. If it has other tables or
 * views, the call returns EXPMIG_SCHEMA, and the details name them; for a server's own schemas (mysql, sys and the like) it always does
 * so.
 */
#define EXPMIG_OPEN_CREATE 2

/**
 * Open although this process has the file open through another copy of SQLite. The locks of that other copy will be lost.
 */
#define EXPMIG_OPEN_ALLOW_SHARED_PROCESS 4

/**
 * Like EXPMIG_OPEN_CREATE, but create the tables also beside other tables, which are not changed. Since 0.1.0.
 */
#define EXPMIG_OPEN_CREATE_BESIDE 8

/**
 * Run the statements, instead of only naming them.
 */
#define EXPMIG_WIDEN_APPLY 1

/**
 * NULL.
 */
#define EXPMIG_VALUE_NULL 0

/**
 * A 64-bit integer.
 */
#define EXPMIG_VALUE_INTEGER 1

/**
 * A double; it can be infinite.
 */
#define EXPMIG_VALUE_REAL 2

/**
 * Text. It should be UTF-8, but a database can contain other bytes.
 */
#define EXPMIG_VALUE_TEXT 3

/**
 * Bytes.
 */
#define EXPMIG_VALUE_BLOB 4

/**
 * No log records.
 */
#define EXPMIG_LOG_OFF 0

/**
 * A call failed.
 */
#define EXPMIG_LOG_ERROR 1

/**
 * A call succeeded, but somebody should look at something.
 */
#define EXPMIG_LOG_WARNING 2

/**
 * What calls do.
 */
#define EXPMIG_LOG_INFO 3

/**
 * How calls do it.
 */
#define EXPMIG_LOG_DEBUG 4

/**
 * The size of a digest in bytes.
 */
#define EXPMIG_DIGEST_SIZE 32

/**
 * The first of two experiments.
 */
#define EXPMIG_SIDE_A 0

/**
 * The second.
 */
#define EXPMIG_SIDE_B 1

/**
 * Restore even a snapshot of another database: everything in this database is replaced.
 */
#define EXPMIG_RESTORE_FORCE 1

/**
 * Take no snapshot of what is overwritten.
 */
#define EXPMIG_RESTORE_NO_SAFETY_SNAPSHOT 2

/**
 * Clean up also the snapshots of a database that only resembles this one: for a database that was moved to another machine together with
 * its snapshots. Do not use it if this database is a copy whose original uses the same folder: the snapshots may be those of the
 * original.
 */
#define EXPMIG_CLEANUP_CLAIM 1

/**
 * Source and copy must have the same digest; unsound rows (docs/validation.md) stop the migration; odd values are copied with a
 * warning. The default.
 */
#define EXPMIG_STRATEGY_BALANCED 0

/**
 * Like BALANCED, but the whole source is validated first, also by registered checks: an error anywhere, or a warning about the
 * experiment, stops the migration. A snapshot of the target is taken before the first write.
 */
#define EXPMIG_STRATEGY_CONSERVATIVE 1

/**
 * Only what the insert needs is checked. What cannot be copied is left out, counted and listed; row counts must agree afterwards.
 */
#define EXPMIG_STRATEGY_AGGRESSIVE 2

/**
 * If the target already has the same experiment: copy it again, with a warning. The default.
 */
#define EXPMIG_DUPLICATE_COPY 0

/**
 * If the target already has the same experiment: write nothing, and give its id. Makes a migration safe to repeat.
 */
#define EXPMIG_DUPLICATE_SKIP 1

/**
 * If the target already has the same experiment: fail with EXPMIG_ALREADY_EXISTS.
 */
#define EXPMIG_DUPLICATE_ERROR 2

/**
 * If the target has the id of a run, model, trace, ... already: fail with EXPMIG_ALREADY_EXISTS. The default.
 */
#define EXPMIG_CONFLICT_ERROR 0

/**
 * If the target has the id already: leave the row as it is there, if it has the same content and is in the experiment that is appended to;
 * else fail with EXPMIG_ALREADY_EXISTS.
 */
#define EXPMIG_CONFLICT_SKIP 1

/**
 * If the target has the id already: give the copy a new one, which the result lists.
 */
#define EXPMIG_CONFLICT_NEW 2

/**
 * If the target has an experiment of the name already: put " (2)", " (3)" ... behind that of the copy. The default.
 */
#define EXPMIG_NAME_SUFFIX 0

/**
 * If the target has an experiment of the name already: fail with EXPMIG_ALREADY_EXISTS.
 */
#define EXPMIG_NAME_ERROR 1

/**
 * If the target has an experiment of the name already: add the rows to that one.
 */
#define EXPMIG_NAME_APPEND 2

/**
 * Allow values to be changed, and rows and columns to be left out, where the target cannot hold them; the result lists them.
 */
#define EXPMIG_MIGRATE_ALLOW_LOSSY 1

/**
 * Add the extra columns that the target's tables do not have. A server would end the transaction for that; there the call returns
 * EXPMIG_UNSUPPORTED, and its hint has the ALTER statements.
 */
#define EXPMIG_MIGRATE_ADD_COLUMNS 2

/**
 * Take a snapshot of the target, in its manager's snapshot folder, before the first write. EXPMIG_STRATEGY_CONSERVATIVE always does.
 */
#define EXPMIG_MIGRATE_SNAPSHOT 4

/**
 * Write in several transactions, none of which is larger than a cluster takes (docs/clusters.md); only on servers, EXPMIG_UNSUPPORTED for files.
 * Until the last of them the copy says in its title that it is being copied. If the call fails after the first, the error's detail `job_id` is
 * the job for expmig_job_resume and expmig_job_abandon.
 */
#define EXPMIG_MIGRATE_STAGED 8

/**
 * The exact digest of the source.
 */
#define EXPMIG_DIGEST_SOURCE 0

/**
 * The digest of the target as it was read back. If trials were appended to an experiment: the digest of what was appended.
 */
#define EXPMIG_DIGEST_TARGET 1

/**
 * The digest that the target had to have: that of the source, after the declared losses, the transformation rules, the title prefix or
 * the appending.
 */
#define EXPMIG_DIGEST_AS_STORED 2

/**
 * The data contradicts its schema: something will be lost, or was lost already. Makes a report fail.
 */
#define EXPMIG_SEVERITY_ERROR 1

/**
 * Somebody should look at it.
 */
#define EXPMIG_SEVERITY_WARNING 2

/**
 * Unusual, and allowed.
 */
#define EXPMIG_SEVERITY_INFO 3

/**
 * Every foreign key, composite ones included, names a row that exists.
 */
#define EXPMIG_VALIDATE_FOREIGN_KEYS 1

/**
 * Per-label values are JSON objects of numbers, totals are numbers.
 */
#define EXPMIG_VALIDATE_METRIC_JSON 2

/**
 * Experiments, trials, runs and what is below them are whole: keys, times, numbering, links.
 */
#define EXPMIG_VALIDATE_HIERARCHY 4

/**
 * The registered checks report no error.
 */
#define EXPMIG_VALIDATE_REGISTERED_CHECKS 8

/**
 * All sections that this header knows. Later versions may have more.
 */
#define EXPMIG_VALIDATE_ALL 15

/**
 * Leave out metrics, and also epochs, batches and results that have no artifacts.
 */
#define EXPMIG_EXPORT_NO_METRICS 1

/**
 * Leave artifacts out.
 */
#define EXPMIG_EXPORT_NO_ARTIFACTS 2

/**
 * Leave out unsound rows (docs/validation.md), and say in the document how many, instead of returning EXPMIG_VALIDATION.
 */
#define EXPMIG_EXPORT_SKIP_UNSOUND 4

/**
 * Replace an existing file of that name.
 */
#define EXPMIG_EXPORT_REPLACE 8

/**
 * Give every row the id that it has in the document. Fails with EXPMIG_ALREADY_EXISTS if one of these ids is taken.
 */
#define EXPMIG_IMPORT_PRESERVE_IDS 1

/**
 * Import values as they are, without checking timestamps, numbers and per-label values. The structure of the document is always checked.
 */
#define EXPMIG_IMPORT_SKIP_VALIDATION 2

/**
 * Add the extra columns that the database's tables do not have. In a database that the handle created this is always done. A server
 * would end the transaction for that; there the call returns EXPMIG_UNSUPPORTED, and its hint has the ALTER statements.
 */
#define EXPMIG_IMPORT_ADD_COLUMNS 4

/**
 * Import what a document of the older command-line tool has. Such a document does not say what its metrics belong to, so they are imported
 * without links. Without this flag the call returns EXPMIG_UNSUPPORTED.
 */
#define EXPMIG_IMPORT_ALLOW_UNLINKED 8

/**
 * Allow losses where the database cannot hold values: values are changed, or extra columns are left out with their values; the result
 * lists them. The digest of the document then cannot equal that of what was written, and only the rows are counted. Foreign keys of
 * extra columns that name rows which are not in the document become NULL; where the database refuses NULL there, their rows are left
 * out, with everything that belongs to them.
 */
#define EXPMIG_IMPORT_ALLOW_LOSSY 16

/**
 * Leave out what the database has no place for, if no file is given for it. Without this flag that is EXPMIG_LOSSY.
 */
#define EXPMIG_BRING_IN_LEAVE_OUT 4

/**
 * Bring along the names of hosts, users and programs, and console lines.
 */
#define EXPMIG_BRING_IN_MACHINE 8

/**
 * Of a TensorBoard log, bring in only the points that TensorBoard's server would show after a restart.
 */
#define EXPMIG_BRING_IN_SERVER_VIEW 16

/**
 * Take runs of which the source does not say that they have ended for ended.
 */
#define EXPMIG_BRING_IN_ENDED 32

/**
 * Of an account: what was read, which is the sum of the others.
 */
#define EXPMIG_ACCOUNT_READ 0

/**
 * Of an account: what was stored.
 */
#define EXPMIG_ACCOUNT_STORED 1

/**
 * Of an account: what was folded into something else by a rule.
 */
#define EXPMIG_ACCOUNT_FOLDED 2

/**
 * Of an account: what was kept in the sidecar.
 */
#define EXPMIG_ACCOUNT_SIDECAR 3

/**
 * Of an account: what was refused, or left out.
 */
#define EXPMIG_ACCOUNT_REFUSED 4

/**
 * Replace an existing file of that name.
 */
#define EXPMIG_REPORT_HTML_REPLACE 1

/**
 * Only report what would be done, with examples, and write nothing.
 */
#define EXPMIG_TRANSFORM_DRY_RUN 1

/**
 * Rows that hang on nothing, or have no key (docs/validation.md).
 */
#define EXPMIG_PLAN_UNSOUND 1

/**
 * Values and times that the validator would name.
 */
#define EXPMIG_PLAN_ODD_VALUES 2

/**
 * With EXPMIG_STRATEGY_CONSERVATIVE: what the validation found that would stop the migration.
 */
#define EXPMIG_PLAN_VALIDATION 3

/**
 * What the target cannot hold.
 */
#define EXPMIG_PLAN_LOSSY 4

/**
 * Skip metrics that were changed since the transformation, or no longer exist, and restore the others.
 */
#define EXPMIG_UNDO_SKIP_CHANGED 1

/**
 * A value that does not fit its type is an error of the stream's get_next. The default.
 */
#define EXPMIG_MISFIT_ERROR 0

/**
 * A value that does not fit its type is NULL, and its text stands in a second column.
 */
#define EXPMIG_MISFIT_COLUMN 1

/**
 * Metrics of results.
 */
#define EXPMIG_LEVEL_RESULTS 1

/**
 * Metrics of epochs.
 */
#define EXPMIG_LEVEL_EPOCHS 2

/**
 * Metrics of batches.
 */
#define EXPMIG_LEVEL_BATCHES 4

/**
 * All of them.
 */
#define EXPMIG_LEVEL_ALL 7

/**
 * What became of runs that were brought in, or what would. Immutable; may be read from any thread. Free it with expmig_brought_free. Texts are UTF-8 and
 * live as long as the result.
 */
typedef struct expmig_brought expmig_brought;

/**
 * Asks running calls to stop. One token can be given to any number of calls. Free it with expmig_cancel_free; calls that
 * still use it keep what they need.
 */
typedef struct expmig_cancel expmig_cancel;

/**
 * What a running check uses: the state that is validated, and the report to which it adds issues. Valid only during the callback, on the
 * thread of the callback.
 */
typedef struct expmig_check_context expmig_check_context;

/**
 * What a comparison found. Immutable; may be read from any thread. Free it with expmig_comparison_free. Texts are UTF-8 and live as long
 * as the comparison.
 */
typedef struct expmig_comparison expmig_comparison;

/**
 * An open database. May be used from any thread; calls wait for each other. Close it with expmig_database_close; managers that were made
 * of it keep what they need.
 */
typedef struct expmig_database expmig_database;

/**
 * Why a call failed. Immutable; may be read from any thread. Free it with expmig_error_free. All text is UTF-8 and lives as
 * long as the object.
 */
typedef struct expmig_error expmig_error;

/**
 * The experiments of a database, ordered by id. Immutable; may be read from any thread. Free it with expmig_experiments_free. Texts are
 * UTF-8 and live as long as the list.
 */
typedef struct expmig_experiments expmig_experiments;

/**
 * What an import did. Immutable; may be read from any thread. Free it with expmig_import_free. Texts are UTF-8 and live as long as the
 * result.
 */
typedef struct expmig_import expmig_import;

/**
 * A database, with all functions that work on it. May be used from any thread; calls wait for each other. Free it with
 * expmig_manager_free.
 */
typedef struct expmig_manager expmig_manager;

/**
 * What a migration did. Immutable; may be read from any thread. Free it with expmig_migration_free.
 */
typedef struct expmig_migration expmig_migration;

/**
 * What a migration would do. Immutable; may be read from any thread. Free it with expmig_plan_free. Texts are UTF-8 and live as long as
 * the plan.
 */
typedef struct expmig_plan expmig_plan;

/**
 * What a validation found. Immutable; may be read from any thread. Free it with expmig_report_free.
 */
typedef struct expmig_report expmig_report;

/**
 * What a snapshot says about itself. Immutable; may be read from any thread. Texts are UTF-8 and live as long as it does.
 */
typedef struct expmig_snapshot expmig_snapshot;

/**
 * The snapshots of a folder, the newest first. Immutable; may be read from any thread. Free it with expmig_snapshots_free.
 */
typedef struct expmig_snapshots expmig_snapshots;

/**
 * Receives what a transformation does with a metric. Valid only during the callback, on the thread of the callback.
 */
typedef struct expmig_transform_context expmig_transform_context;

/**
 * What a transformation did. Immutable; may be read from any thread. Free it with expmig_transformation_free.
 */
typedef struct expmig_transformation expmig_transformation;

/**
 * The transformations that can be undone, the newest first. Immutable; may be read from any thread. Free it with
 * expmig_transforms_free. Texts are UTF-8 and live as long as the list.
 */
typedef struct expmig_transforms expmig_transforms;

/**
 * What an undo did. Immutable; may be read from any thread. Free it with expmig_undo_free. Texts are UTF-8 and live as long as the
 * result.
 */
typedef struct expmig_undo expmig_undo;

/**
 * What a function returns: EXPMIG_OK, or what went wrong. Numbers are never reused; new ones may be added.
 */
typedef int32_t expmig_status;

/**
 * Which part of the library raised an error. Numbers are never reused; new ones may be added.
 */
typedef int32_t expmig_domain;

/**
 * The progress of a call. Valid only during the callback; copy what you want to keep.
 */
typedef struct expmig_progress {
    /**
     * Size of this struct in bytes; fields are only added at its end.
     */
    uint32_t struct_size;
    /**
     * 1 in the last callback of a call that succeeded, else 0.
     */
    int32_t finished;
    /**
     * What is being done, for a person, UTF-8.
     */
    const char *operation;
    /**
     * Rows done, failed ones included.
     */
    uint64_t processed_items;
    /**
     * Rows in all; 0 until they were counted.
     */
    uint64_t total_items;
    /**
     * Rows that could not be processed.
     */
    uint64_t failed_items;
    /**
     * 0 to 100; 0 until the total is known, exactly 100 at the end.
     */
    double completion_percentage;
    /**
     * 0 to 100; 100 before the first row.
     */
    double success_rate;
    /**
     * When the call began: microseconds since 1970-01-01, UTC.
     */
    int64_t start_time_us;
    /**
     * Seconds since the call began.
     */
    double elapsed_seconds;
    /**
     * Seconds still needed; negative until that can be estimated, 0 at the end.
     */
    double remaining_seconds;
    /**
     * When the call will probably be done: microseconds since 1970-01-01, UTC; EXPMIG_TIME_UNKNOWN until that can be estimated.
     */
    int64_t estimated_completion_us;
    /**
     * How many errors there were so far.
     */
    uint64_t error_count;
    /**
     * The latest errors, oldest first, UTF-8: `recent_error_count` strings.
     */
    const char *const *recent_errors;
    /**
     * How many `recent_errors` there are.
     */
    size_t recent_error_count;
} expmig_progress;

/**
 * Receives progress, on the thread that made the call: when the call begins, at most every 100 ms, at least once a second, and when the
 * call has succeeded. Returns EXPMIG_CALLBACK_CONTINUE, EXPMIG_CALLBACK_CANCEL, or another value for a failure; after anything but
 * EXPMIG_CALLBACK_CONTINUE it is not called again. The result of the last report changes nothing, because everything is done by then.
 * The callback must not unwind or longjmp, and must not use the handles of the running call.
 */
typedef int32_t (*expmig_progress_fn)(const struct expmig_progress *progress, void *user_data);

/**
 * Options of calls that take a while and need nothing else. Fill with expmig_job_options_init.
 */
typedef struct expmig_job_options {
    /**
     * Size of this struct in bytes.
     */
    uint32_t struct_size;
    /**
     * None are defined yet: 0.
     */
    uint32_t flags;
    /**
     * Receives progress; NULL for none.
     */
    expmig_progress_fn progress_fn;
    /**
     * Passed to `progress_fn`.
     */
    void *progress_user_data;
    /**
     * Stops the call when triggered; NULL for none. It must live until the call has begun.
     */
    const struct expmig_cancel *cancel;
} expmig_job_options;

/**
 * Returns the password for a server: UTF-8 that must live until expmig_database_open returns. If it returns NULL, opening fails with
 * EXPMIG_CALLBACK. Called once, on the thread that opens. It must not unwind or longjmp.
 */
typedef const char *(*expmig_password_fn)(void *user_data);

/**
 * How a database may be used. Fill with expmig_open_options_init.
 */
typedef struct expmig_open_options {
    /**
     * Size of this struct in bytes.
     */
    uint32_t struct_size;
    /**
     * EXPMIG_OPEN_READONLY and so on, or'ed; default 0.
     */
    uint32_t flags;
    /**
     * How long to wait for other connections' locks, in milliseconds; default 5000. 0 does not wait.
     */
    int64_t busy_timeout_ms;
    /**
     * The password for a server, UTF-8, instead of one in the URL; NULL for none. It need not outlive the call. Since 0.1.0.
     */
    const char *password;
    /**
     * Called for the password if `password` is NULL; NULL for none. Since 0.1.0.
     */
    expmig_password_fn password_fn;
    /**
     * Passed to `password_fn`. Since 0.1.0.
     */
    void *password_user_data;
    /**
     * The longest time, in milliseconds, for which reading makes the writers of a SQLite file in rollback-journal mode wait; default
     * 2000. A call that would take longer reads a private copy (docs/threading.md). 0 means no limit and no copy: calls read in place,
     * however long that takes. Since 0.1.0.
     */
    int64_t max_read_lock_ms;
    /**
     * The folder for private copies, UTF-8; NULL for the folder of SQLite's temporary files. It need not outlive the call. Since 0.1.0.
     */
    const char *temp_dir;
    /**
     * Stops the call when triggered; NULL for none. It must live until the call has begun. Since 0.1.0.
     */
    const struct expmig_cancel *cancel;
    /**
     * Receives progress; NULL for none. Since 0.1.0.
     */
    expmig_progress_fn progress_fn;
    /**
     * Passed to `progress_fn`. Since 0.1.0.
     */
    void *progress_user_data;
} expmig_open_options;

/**
 * A value with its type. Never changes its size.
 */
typedef struct expmig_value {
    /**
     * EXPMIG_VALUE_NULL and so on. Says which of the other fields count.
     */
    int32_t type;
    /**
     * The value of EXPMIG_VALUE_INTEGER, else 0.
     */
    int64_t integer;
    /**
     * The value of EXPMIG_VALUE_REAL, else 0.
     */
    double real;
    /**
     * The bytes of EXPMIG_VALUE_TEXT and EXPMIG_VALUE_BLOB, else NULL. Text is not NUL-terminated, and can have a NUL inside.
     */
    const void *bytes;
    /**
     * How many bytes there are.
     */
    size_t length;
} expmig_value;

/**
 * One row. Valid only during the callback; copy what you want to keep.
 */
typedef struct expmig_row {
    /**
     * Size of this struct in bytes; fields are only added at its end.
     */
    uint32_t struct_size;
    /**
     * How many columns there are, at least 1.
     */
    size_t column_count;
    /**
     * The names of the columns, as the statement gives them, UTF-8.
     */
    const char *const *names;
    /**
     * The cells, in the same order.
     */
    const struct expmig_value *values;
} expmig_row;

/**
 * Receives the rows of a query, on the thread that made the call. Returns EXPMIG_CALLBACK_CONTINUE, EXPMIG_CALLBACK_CANCEL, or another
 * value for a failure; after anything but EXPMIG_CALLBACK_CONTINUE it is not called again. It must not unwind or longjmp, and must not
 * use the handles of the running call.
 */
typedef int32_t (*expmig_row_fn)(const struct expmig_row *row, void *user_data);

/**
 * Receives log records: a level, EXPMIG_LOG_ERROR and so on, and one line, UTF-8, that lives for the call. Called on the thread
 * that made the call. It must not unwind or longjmp, and must not use the handles of the running call.
 */
typedef void (*expmig_log_fn)(int32_t level, const char *message, void *user_data);

/**
 * Frees user data: called exactly once, when the data is no longer needed.
 */
typedef void (*expmig_destroy_fn)(void *user_data);

/**
 * Options of a manager. Fill with expmig_manager_options_init.
 */
typedef struct expmig_manager_options {
    /**
     * Size of this struct in bytes.
     */
    uint32_t struct_size;
    /**
     * None are defined yet: 0.
     */
    uint32_t flags;
    /**
     * Folder for snapshots, UTF-8; NULL for "snapshots". A relative path starts at the working directory at the time when the manager is
     * made. The first snapshot creates the folder.
     */
    const char *snapshot_dir;
    /**
     * The least important level that is logged: EXPMIG_LOG_OFF to EXPMIG_LOG_DEBUG; default EXPMIG_LOG_INFO.
     */
    int32_t log_level;
    /**
     * 0.
     */
    uint32_t reserved;
    /**
     * Receives log records; NULL for none. The library logs nowhere else.
     */
    expmig_log_fn log_fn;
    /**
     * Passed to `log_fn`.
     */
    void *log_user_data;
    /**
     * Called with `log_user_data` when the manager no longer needs it; NULL for none. Also called if expmig_manager_new fails, unless
     * `struct_size` is impossible, which means that no field of this struct was filled in.
     */
    expmig_destroy_fn log_destroy;
} expmig_manager_options;

/**
 * What a caller can say about a new snapshot. Fill with expmig_snapshot_options_init.
 */
typedef struct expmig_snapshot_options {
    /**
     * Size of this struct in bytes.
     */
    uint32_t struct_size;
    /**
     * None are defined yet: 0.
     */
    uint32_t flags;
    /**
     * A JSON object that is kept with the snapshot as it is, UTF-8, at most 1 MiB; NULL for an empty one.
     */
    const char *metadata_json;
    /**
     * Receives progress, of which one item is one page; NULL for none.
     */
    expmig_progress_fn progress_fn;
    /**
     * Passed to `progress_fn`.
     */
    void *progress_user_data;
    /**
     * Stops the call when triggered; NULL for none. Needs to live until the call has begun.
     */
    const struct expmig_cancel *cancel;
} expmig_snapshot_options;

/**
 * What a caller can ask of a restore. Fill with expmig_restore_options_init.
 */
typedef struct expmig_restore_options {
    /**
     * Size of this struct in bytes.
     */
    uint32_t struct_size;
    /**
     * EXPMIG_RESTORE_FORCE and so on, or'ed; default 0.
     */
    uint32_t flags;
    /**
     * Receives progress, of which one item is one page; NULL for none.
     */
    expmig_progress_fn progress_fn;
    /**
     * Passed to `progress_fn`.
     */
    void *progress_user_data;
    /**
     * Stops the call when triggered; NULL for none. Needs to live until the call has begun.
     */
    const struct expmig_cancel *cancel;
} expmig_restore_options;

/**
 * What a caller can ask of a migration. Fill with expmig_migrate_options_init.
 */
typedef struct expmig_migrate_options {
    /**
     * Size of this struct in bytes.
     */
    uint32_t struct_size;
    /**
     * EXPMIG_MIGRATE_ALLOW_LOSSY and so on, or'ed; default 0.
     */
    uint32_t flags;
    /**
     * EXPMIG_STRATEGY_BALANCED and so on.
     */
    int32_t strategy;
    /**
     * EXPMIG_DUPLICATE_COPY and so on.
     */
    int32_t on_duplicate;
    /**
     * Points to the id of an experiment of the target, to which the trials are appended; NULL (the default) creates a new experiment.
     */
    const int64_t *target_experiment_id;
    /**
     * Rows per chunk read and written, at least 1; default 1000. A chunk is never committed by itself, and does not change the result.
     */
    int64_t batch_size;
    /**
     * Text to put before the title of the copy, UTF-8; NULL for nothing.
     */
    const char *title_prefix;
    /**
     * Receives progress; NULL for none.
     */
    expmig_progress_fn progress_fn;
    /**
     * Passed to `progress_fn`.
     */
    void *progress_user_data;
    /**
     * Stops the call when triggered; NULL for none. Needs to live until the call has begun.
     */
    const struct expmig_cancel *cancel;
    /**
     * A rules document for the metrics of the copy, as for expmig_transform_metrics, UTF-8; NULL for none. The source stays as it is,
     * and digests are those of the transformed metrics. "backup_original" has no effect here. The registered transformations of the
     * source's manager are used; they are called more than once for each metric, and must give the same result each time.
     */
    const char *transformation_rules;
    /**
     * Of MLflow's stores: what becomes of a run, model, trace, ... whose id the target has already. EXPMIG_CONFLICT_ERROR (the default) and so on.
     */
    int32_t on_conflict;
    /**
     * Of MLflow's stores: what becomes of a name that an experiment of the target has already. EXPMIG_NAME_SUFFIX (the default) and so on.
     */
    int32_t on_name;
    /**
     * Of MLflow's stores: the workspace of the copy, which the target has to have, UTF-8; NULL for that of the source.
     */
    const char *workspace;
    /**
     * Of MLflow's stores: locations of artifacts that begin with `artifacts_from` begin with `artifacts_to` in the copy, UTF-8; both NULL for as
     * they are. The files are not moved. The result lists what was changed.
     */
    const char *artifacts_from;
    /**
     * See `artifacts_from`.
     */
    const char *artifacts_to;
    /**
     * With EXPMIG_MIGRATE_STAGED, the most rows of one transaction; 0 (the default) for what a cluster surely takes, 100,000 at the most.
     */
    uint64_t stage_rows;
} expmig_migrate_options;

/**
 * One thing that is wrong. Fill with expmig_issue_init; expmig_report_issue_at then stores an issue in it. All text is UTF-8, one
 * line, and lives as long as the report.
 */
typedef struct expmig_issue {
    /**
     * Size of this struct in bytes.
     */
    uint32_t struct_size;
    /**
     * EXPMIG_SEVERITY_ERROR and so on.
     */
    int32_t severity;
    /**
     * What is wrong: "dangling_reference" and so on (docs/validation.md). Stable.
     */
    const char *kind;
    /**
     * The part of the validation that found it: "foreign_keys", "metric_json", "hierarchy" or "registered_checks".
     */
    const char *section;
    /**
     * The table, as the schema names it; "" if a registered check names none.
     */
    const char *table;
    /**
     * The row's key: "epoch_idx=3, trial_run_id=7".
     */
    const char *row_key;
    /**
     * The column, or the columns of a composite key, separated by commas; NULL if it is about the row.
     */
    const char *column;
    /**
     * One line that names the row and says what is wrong.
     */
    const char *message;
    /**
     * The offending value, cut to some 80 characters; NULL if there is none.
     */
    const char *value;
    /**
     * The name of the registered check that found it; NULL for all others.
     */
    const char *check;
} expmig_issue;

/**
 * What a caller can ask of a validation. Fill with expmig_validate_options_init.
 */
typedef struct expmig_validate_options {
    /**
     * Size of this struct in bytes.
     */
    uint32_t struct_size;
    /**
     * EXPMIG_VALIDATE_FOREIGN_KEYS and so on, or'ed, at least one; default EXPMIG_VALIDATE_ALL.
     */
    uint32_t scope;
    /**
     * Points to the id of the experiment to validate; NULL (the default) for the whole database.
     */
    const int64_t *experiment_id;
    /**
     * How many issues are listed at most; default 1000. All are counted, also with 0.
     */
    int64_t issue_limit;
    /**
     * Receives progress; NULL for none.
     */
    expmig_progress_fn progress_fn;
    /**
     * Passed to `progress_fn`.
     */
    void *progress_user_data;
    /**
     * Stops the call when triggered; NULL for none. Needs to live until the call has begun.
     */
    const struct expmig_cancel *cancel;
} expmig_validate_options;

/**
 * What a caller can ask of an export. Fill with expmig_export_options_init.
 */
typedef struct expmig_export_options {
    /**
     * Size of this struct in bytes.
     */
    uint32_t struct_size;
    /**
     * EXPMIG_EXPORT_NO_METRICS and so on, or'ed; default 0.
     */
    uint32_t flags;
    /**
     * Spaces per level, at most 16; default 0: all in one line.
     */
    uint32_t indent;
    /**
     * Permissions of the file, at most 0777 (octal); default 0600: only the owner can read and write it. For
     * expmig_export_experiment_to_file.
     */
    uint32_t file_mode;
    /**
     * The format of the document, UTF-8: "json", the only one so far; NULL means "json".
     */
    const char *format;
    /**
     * Receives progress; NULL for none.
     */
    expmig_progress_fn progress_fn;
    /**
     * Passed to `progress_fn`.
     */
    void *progress_user_data;
    /**
     * Stops the call when triggered; NULL for none. Needs to live until the call has begun.
     */
    const struct expmig_cancel *cancel;
} expmig_export_options;

/**
 * Receives the next `length` bytes of a document. Returns EXPMIG_CALLBACK_CONTINUE, EXPMIG_CALLBACK_CANCEL, or another value for a
 * failure (EXPMIG_CALLBACK). Called on the thread that made the call; after a result other than 0 it is not called again. It must not
 * unwind or longjmp, and must not use the handles of the running call.
 */
typedef int32_t (*expmig_write_fn)(const void *bytes, size_t length, void *user_data);

/**
 * What a caller can ask of an import. Fill with expmig_import_options_init.
 */
typedef struct expmig_import_options {
    /**
     * Size of this struct in bytes.
     */
    uint32_t struct_size;
    /**
     * EXPMIG_IMPORT_PRESERVE_IDS and so on, or'ed; default 0.
     */
    uint32_t flags;
    /**
     * What to do if the database already has the same experiment: EXPMIG_DUPLICATE_COPY (the default), EXPMIG_DUPLICATE_SKIP,
     * EXPMIG_DUPLICATE_ERROR.
     */
    int32_t on_duplicate;
    /**
     * 0.
     */
    uint32_t reserved;
    /**
     * The maximum number of bytes of a single value, as it is written in the document; at least 1; default 64 MiB.
     */
    int64_t max_value_bytes;
    /**
     * Receives progress; NULL for none. The total is the number of rows that the document gives at its beginning, or else in its metadata,
     * which are usually at its end. Until it is known, the total is 0.
     */
    expmig_progress_fn progress_fn;
    /**
     * Passed to `progress_fn`.
     */
    void *progress_user_data;
    /**
     * Stops the call when triggered; NULL for none. Needs to live until the call has begun.
     */
    const struct expmig_cancel *cancel;
    /**
     * Of MLflow's stores: what becomes of a run, model, trace, ... whose id the database has already. EXPMIG_CONFLICT_ERROR (the default) and so on.
     */
    int32_t on_conflict;
    /**
     * Of MLflow's stores: what becomes of a name that an experiment of the database has already. EXPMIG_NAME_SUFFIX (the default) and so on.
     */
    int32_t on_name;
    /**
     * Of MLflow's stores: the workspace of the experiment, which the database has to have, UTF-8; NULL for that of the document.
     */
    const char *workspace;
    /**
     * Of MLflow's stores: locations of artifacts that begin with `artifacts_from` begin with `artifacts_to` in the database, UTF-8; both NULL for as
     * they are. The files are not moved. The result lists what was changed.
     */
    const char *artifacts_from;
    /**
     * See `artifacts_from`.
     */
    const char *artifacts_to;
    /**
     * Of MLflow's stores: points to the id of an experiment of the database, to which the rows are added; NULL (the default) makes a new experiment.
     */
    const int64_t *target_experiment_id;
} expmig_import_options;

/**
 * Gives the next bytes of a document: writes at most `capacity` bytes into `buffer`, and their number into `length`; 0 means the end.
 * Returns EXPMIG_CALLBACK_CONTINUE, EXPMIG_CALLBACK_CANCEL, or another value for a failure (EXPMIG_CALLBACK). Called on the thread that
 * made the call; after the end, or a result other than 0, it is not called again. It must not unwind or longjmp, and must not use the
 * handles of the running call.
 */
typedef int32_t (*expmig_read_fn)(void *buffer, size_t capacity, size_t *length, void *user_data);

/**
 * What a caller can ask. Fill with expmig_bring_in_options_init.
 */
typedef struct expmig_bring_in_options {
    /**
     * Size of this struct in bytes.
     */
    uint32_t struct_size;
    /**
     * EXPMIG_BRING_IN_LEAVE_OUT and so on, or'ed; default 0.
     */
    uint32_t flags;
    /**
     * What becomes of a run whose id another run of the database has: EXPMIG_CONFLICT_ERROR (the default), or EXPMIG_CONFLICT_SKIP, which leaves it
     * out and counts it. EXPMIG_CONFLICT_NEW is refused: ids are kept.
     */
    int32_t on_conflict;
    /**
     * What becomes of the name of an experiment that another one of the database has. EXPMIG_NAME_SUFFIX (the default) and so on.
     */
    int32_t on_name;
    /**
     * The reader (docs/bring-in.md): "mlflow-files", "tensorboard", "wandb", "neptune", "optuna"; NULL to find out from the files.
     */
    const char *kind;
    /**
     * The name of the experiment; NULL for the one that the source gives.
     */
    const char *experiment;
    /**
     * The user of runs that do not say one; NULL for "unknown".
     */
    const char *user;
    /**
     * A new file for what the database has no place for, as JSON lines; NULL for none.
     */
    const char *sidecar;
    /**
     * The folder for the scratch database; NULL for the system's.
     */
    const char *temp_dir;
    /**
     * Receives progress; NULL for none. The total is not known.
     */
    expmig_progress_fn progress_fn;
    /**
     * Passed to `progress_fn`.
     */
    void *progress_user_data;
    /**
     * Stops the call when triggered; NULL for none. Needs to live until the call has begun.
     */
    const struct expmig_cancel *cancel;
    /**
     * Where the writer's clock was, for times that do not say it (Optuna's before 5.0): "+09:00", "-0330" or "UTC"; NULL for what the format means, or UTC.
     */
    const char *zone;
} expmig_bring_in_options;

/**
 * What a caller can ask of a page. Fill with expmig_report_html_options_init.
 */
typedef struct expmig_report_html_options {
    /**
     * Size of this struct in bytes.
     */
    uint32_t struct_size;
    /**
     * EXPMIG_REPORT_HTML_REPLACE, or 0, the default.
     */
    uint32_t flags;
    /**
     * How many issues of the validation are listed at most, of all experiments together; all are counted. At most 2000; default 500.
     */
    uint32_t issue_limit;
    /**
     * Permissions of the file, at most 0777 (octal); default 0600: only the owner can read and write it. For expmig_report_html_to_file.
     */
    uint32_t file_mode;
    /**
     * What stands above the page, UTF-8; NULL for the titles of the experiments.
     */
    const char *title;
    /**
     * Receives progress; NULL for none.
     */
    expmig_progress_fn progress_fn;
    /**
     * Passed to `progress_fn`.
     */
    void *progress_user_data;
    /**
     * Stops the call when triggered; NULL for none. Needs to live until the call has begun.
     */
    const struct expmig_cancel *cancel;
} expmig_report_html_options;

/**
 * A check: reads the data with expmig_check_query, and reports each defect with expmig_check_report, as often as needed, on the thread
 * that validates. Returns EXPMIG_CALLBACK_CONTINUE when it has checked everything. EXPMIG_CALLBACK_CANCEL, or another value for a
 * failure, ends the validation with EXPMIG_CANCELLED or EXPMIG_CALLBACK. It must not unwind or longjmp, and must not use the handles of
 * the running call.
 */
typedef int32_t (*expmig_check_fn)(const struct expmig_check_context *context, void *user_data);

/**
 * The metrics to which a transformation is applied. Fill with expmig_transform_selection_init.
 */
typedef struct expmig_transform_selection {
    /**
     * Size of this struct in bytes.
     */
    uint32_t struct_size;
    /**
     * None are defined yet: 0.
     */
    uint32_t flags;
    /**
     * Only metrics that are linked from results, epochs and batches of these experiments. NULL (the default): all metrics, whatever they
     * are linked from. A pointer that is not NULL with a count of 0: none.
     */
    const int64_t *experiment_ids;
    /**
     * How many `experiment_ids` there are.
     */
    size_t experiment_id_count;
    /**
     * Of those, only the metrics with these ids. NULL (the default): no such limit. A pointer that is not NULL with a count of 0: none.
     */
    const int64_t *metric_ids;
    /**
     * How many `metric_ids` there are.
     */
    size_t metric_id_count;
} expmig_transform_selection;

/**
 * What a caller can ask of a transformation. Fill with expmig_transform_options_init.
 */
typedef struct expmig_transform_options {
    /**
     * Size of this struct in bytes.
     */
    uint32_t struct_size;
    /**
     * EXPMIG_TRANSFORM_DRY_RUN; default 0.
     */
    uint32_t flags;
    /**
     * Rows per chunk written, at least 1; default 1000. A chunk is never committed by itself, and does not change the result.
     */
    int64_t batch_size;
    /**
     * Receives progress, in which one item is one metric that is examined; NULL for none.
     */
    expmig_progress_fn progress_fn;
    /**
     * Passed to `progress_fn`.
     */
    void *progress_user_data;
    /**
     * Stops the call when triggered; NULL for none. Needs to live until the call has begun.
     */
    const struct expmig_cancel *cancel;
} expmig_transform_options;

/**
 * A metric that was not transformed. Fill with expmig_transform_note_init; expmig_transformation_failure_at and _skip_at then store one
 * in it. All text is UTF-8 and lives as long as the result.
 */
typedef struct expmig_transform_note {
    /**
     * Size of this struct in bytes.
     */
    uint32_t struct_size;
    /**
     * 0.
     */
    uint32_t reserved;
    /**
     * The metric.
     */
    int64_t metric_id;
    /**
     * Its type.
     */
    const char *metric_type;
    /**
     * The name of the transformation that skipped or failed the metric; "validate_after_transform" if the metric was not valid
     * afterwards, "backup_original" if an undo could not restore the old values, "database" if the database refused the row.
     */
    const char *transformation;
    /**
     * Why, one line.
     */
    const char *reason;
} expmig_transform_note;

/**
 * What a caller can ask of an undo. Fill with expmig_undo_options_init.
 */
typedef struct expmig_undo_options {
    /**
     * Size of this struct in bytes.
     */
    uint32_t struct_size;
    /**
     * EXPMIG_UNDO_SKIP_CHANGED; default 0.
     */
    uint32_t flags;
    /**
     * Receives progress, in which one item is one metric to restore; NULL for none.
     */
    expmig_progress_fn progress_fn;
    /**
     * Passed to `progress_fn`.
     */
    void *progress_user_data;
    /**
     * Stops the call when triggered; NULL for none. Needs to live until the call has begun.
     */
    const struct expmig_cancel *cancel;
} expmig_undo_options;

/**
 * A metric that is being transformed. Valid only during the callback; copy what you want to keep.
 */
typedef struct expmig_metric {
    /**
     * Size of this struct in bytes; fields are only added at its end.
     */
    uint32_t struct_size;
    /**
     * 0.
     */
    uint32_t reserved;
    /**
     * The row's id.
     */
    int64_t id;
    /**
     * METRIC.type, UTF-8.
     */
    const char *metric_type;
    /**
     * METRIC.total_val: normally a real, but a database can contain any other value.
     */
    struct expmig_value total_val;
    /**
     * METRIC.per_label_val: normally text or NULL, but a database can contain any other value. The bytes of text are followed by a NUL,
     * which `length` does not count.
     */
    struct expmig_value per_label_val;
    /**
     * The parameters of the rule, a JSON object as it was written; "{}" if there are none.
     */
    const char *params_json;
} expmig_metric;

/**
 * A transformation: reads a metric and says what to do with it, with expmig_transform_set_total, expmig_transform_set_per_label,
 * expmig_transform_skip or expmig_transform_fail; without any of these calls the metric stays as it is. Called on the thread that
 * transforms, for one metric after the other. Returns EXPMIG_CALLBACK_CONTINUE. EXPMIG_CALLBACK_CANCEL, or another value for a failure,
 * ends the whole transformation with EXPMIG_CANCELLED or EXPMIG_CALLBACK, and nothing is changed. It must not unwind or longjmp, and
 * must not use the handles of the running call.
 */
typedef int32_t (*expmig_transform_fn)(struct expmig_transform_context *context,
                                       const struct expmig_metric *metric,
                                       void *user_data);

/**
 * Which metrics are wanted, and how. Fill with expmig_metrics_options_init.
 */
typedef struct expmig_metrics_options {
    /**
     * Size of this struct in bytes.
     */
    uint32_t struct_size;
    /**
     * EXPMIG_LEVEL_RESULTS and so on, or'ed; default EXPMIG_LEVEL_ALL.
     */
    uint32_t levels;
    /**
     * EXPMIG_MISFIT_ERROR or EXPMIG_MISFIT_COLUMN.
     */
    int32_t misfit;
    /**
     * 0.
     */
    uint32_t reserved;
    /**
     * Only metrics of these experiments. NULL (the default): all. A pointer that is not NULL with a count of 0: none.
     */
    const int64_t *experiment_ids;
    /**
     * How many `experiment_ids` there are.
     */
    size_t experiment_id_count;
    /**
     * Only metrics of just these types, UTF-8. NULL (the default): all. A pointer that is not NULL with a count of 0: none.
     */
    const char *const *metric_types;
    /**
     * How many `metric_types` there are.
     */
    size_t metric_type_count;
    /**
     * Receives progress, in which one item is one link to a metric; NULL for none.
     */
    expmig_progress_fn progress_fn;
    /**
     * Passed to `progress_fn`.
     */
    void *progress_user_data;
    /**
     * Stops the call when triggered; NULL for none. Needs to live until the call has begun.
     */
    const struct expmig_cancel *cancel;
} expmig_metrics_options;

/**
 * The call succeeded.
 */
#define EXPMIG_OK 0

/**
 * An argument is outside what the function accepts; the detail `parameter` names it.
 */
#define EXPMIG_INVALID_ARGUMENT 1

/**
 * The call is not allowed in this state: from inside a callback of the same handle, or writing through a read-only handle.
 */
#define EXPMIG_MISUSE 2

/**
 * The file, experiment or name does not exist.
 */
#define EXPMIG_NOT_FOUND 3

/**
 * Something that should be created exists already.
 */
#define EXPMIG_ALREADY_EXISTS 4

/**
 * This build or this database cannot do it.
 */
#define EXPMIG_UNSUPPORTED 5

/**
 * The operating system refused: permissions, a full disk, a failing device.
 */
#define EXPMIG_IO 6

/**
 * Another connection holds a lock and the timeout passed. Retryable.
 */
#define EXPMIG_BUSY 7

/**
 * This process holds the same file open through another copy of SQLite.
 */
#define EXPMIG_SHARED_PROCESS 8

/**
 * The server cannot be reached, or the connection was lost. Retryable.
 */
#define EXPMIG_CONNECTION 9

/**
 * The server refused the credentials or the privilege.
 */
#define EXPMIG_AUTH 10

/**
 * A constraint of the database refused a row.
 */
#define EXPMIG_CONSTRAINT 11

/**
 * The file is not a database, or is damaged.
 */
#define EXPMIG_CORRUPT 12

/**
 * A table or column that is needed is missing.
 */
#define EXPMIG_SCHEMA 13

/**
 * The data broke a rule that the operation insists on.
 */
#define EXPMIG_VALIDATION 14

/**
 * Something would be changed or left out, and that was not allowed.
 */
#define EXPMIG_LOSSY 15

/**
 * Two things that must be equal differ.
 */
#define EXPMIG_MISMATCH 16

/**
 * A cancel token was triggered, or a callback returned EXPMIG_CALLBACK_CANCEL.
 */
#define EXPMIG_CANCELLED 17

/**
 * A time limit of the caller passed.
 */
#define EXPMIG_TIMEOUT 18

/**
 * A callback failed; the detail `callback_result` has its value.
 */
#define EXPMIG_CALLBACK 19

/**
 * A limit of the format or of the database engine was reached.
 */
#define EXPMIG_LIMIT 20

/**
 * A bug in the library was caught. The handle returns EXPMIG_PANIC from now on and can only be freed.
 */
#define EXPMIG_PANIC 21

/**
 * A state that should not exist; please report it.
 */
#define EXPMIG_INTERNAL 22

/**
 * Opening, connecting, reading and writing.
 */
#define EXPMIG_DOMAIN_DATABASE 1

/**
 * Checking the data.
 */
#define EXPMIG_DOMAIN_VALIDATION 2

/**
 * Snapshots.
 */
#define EXPMIG_DOMAIN_SNAPSHOT 3

/**
 * Metric transformations.
 */
#define EXPMIG_DOMAIN_TRANSFORMATION 4

/**
 * Export and import.
 */
#define EXPMIG_DOMAIN_IMPORT_EXPORT 5

/**
 * Migration, digests and comparison.
 */
#define EXPMIG_DOMAIN_MIGRATION 6

/**
 * The version of the library, "0.1.0". Static. Since 0.1.0.
 */
EXPMIG_API const char *expmig_version(void);

/**
 * The version of the C ABI of the library that is running; EXPMIG_ABI_VERSION is that of the header. A program runs with every library
 * whose number is not less than its own. Since 0.1.0.
 */
EXPMIG_API
uint32_t expmig_abi_version(void);

/**
 * How the library was built, as a JSON object, schema "expmig.build/1": version, ABI, SQLite's version and whether it is the
 * library's own copy ("bundled") or the system's. Static. Since 0.1.0.
 */
EXPMIG_API
const char *expmig_build_info(void);

/**
 * The stable name of a status: "OK", "BUSY", ...; "UNKNOWN" for a number that this version does not know. Static. Since 0.1.0.
 */
EXPMIG_API
const char *expmig_status_name(expmig_status status);

/**
 * The stable name of a domain: "DATABASE", ...; "UNKNOWN" for a number that this version does not know. Static. Since 0.1.0.
 */
EXPMIG_API
const char *expmig_domain_name(expmig_domain domain);

/**
 * Frees a string that a function of this library gave to the caller. NULL is fine. Since 0.1.0.
 */
EXPMIG_API void expmig_string_free(char *string);

/**
 * What went wrong: one of EXPMIG_INVALID_ARGUMENT and so on. EXPMIG_OK for NULL. Since 0.1.0.
 */
EXPMIG_API expmig_status expmig_error_status(const struct expmig_error *error);

/**
 * Which part of the library raised the error: one of EXPMIG_DOMAIN_DATABASE and so on. 0 for NULL. Since 0.1.0.
 */
EXPMIG_API expmig_domain expmig_error_domain(const struct expmig_error *error);

/**
 * One line for a person. Borrowed from the error. Never NULL; empty for NULL. Since 0.1.0.
 */
EXPMIG_API const char *expmig_error_message(const struct expmig_error *error);

/**
 * What to do about the error. Borrowed from the error. Never NULL; empty if there is no hint. Since 0.1.0.
 */
EXPMIG_API const char *expmig_error_hint(const struct expmig_error *error);

/**
 * 1 if the same call can succeed later without any change, and without doing anything twice, else 0.
 *
 * Where a function says that nothing was changed after an error, there is one exception: the connection to a server was lost, or the
 * device failed, during the commit itself. Then nobody can tell whether the commit happened; either everything was changed, or nothing.
 * The error is EXPMIG_CONNECTION, EXPMIG_TIMEOUT or EXPMIG_IO, has the detail "outcome" = "undecided" and is not retryable;
 * docs/error-handling.md says how to find out. Since 0.1.0.
 */
EXPMIG_API
int32_t expmig_error_retryable(const struct expmig_error *error);

/**
 * The code of the database engine: SQLite's extended result code. 0 if the engine did not raise the error. Since 0.1.0.
 */
EXPMIG_API int32_t expmig_error_vendor_code(const struct expmig_error *error);

/**
 * The SQLSTATE. Borrowed from the error. Never NULL; empty if the engine has none (SQLite). Since 0.1.0.
 */
EXPMIG_API const char *expmig_error_sqlstate(const struct expmig_error *error);

/**
 * How many details the error has. Since 0.1.0.
 */
EXPMIG_API size_t expmig_error_detail_count(const struct expmig_error *error);

/**
 * The key of a detail: "table", "row", "column", "path", "parameter", "experiment_id", ... The same key can occur more than once.
 * `index` counts from 0. Borrowed from the error; NULL if there is no such detail. Since 0.1.0.
 */
EXPMIG_API
const char *expmig_error_detail_key(const struct expmig_error *error,
                                    size_t index);

/**
 * The value of a detail, as text. Borrowed from the error; NULL if there is no such detail. Since 0.1.0.
 */
EXPMIG_API const char *expmig_error_detail_value(const struct expmig_error *error, size_t index);

/**
 * The error that led to this one, borrowed from it; do not free it. NULL if there is none. Since 0.1.0.
 */
EXPMIG_API const struct expmig_error *expmig_error_cause(const struct expmig_error *error);

/**
 * The whole error as a JSON object, schema "expmig.error/1". Borrowed from the error. Never NULL. Since 0.1.0.
 */
EXPMIG_API const char *expmig_error_to_json(const struct expmig_error *error);

/**
 * Frees an error and all that was borrowed from it. NULL is fine. Since 0.1.0.
 */
EXPMIG_API void expmig_error_free(struct expmig_error *error);

/**
 * Makes a token, which is not triggered. NULL only if memory has run out. Since 0.1.0.
 */
EXPMIG_API struct expmig_cancel *expmig_cancel_new(void);

/**
 * Asks every call that has the token to stop: the call rolls back and returns EXPMIG_CANCELLED. A call that has begun to commit completes.
 * A token that was triggered cannot be used again. May be called from any thread and from a signal handler, as long as the token is not
 * freed meanwhile. NULL is fine. Since 0.1.0.
 */
EXPMIG_API
void expmig_cancel_trigger(const struct expmig_cancel *cancel);

/**
 * Frees a token, also while calls use it. NULL is fine. Since 0.1.0.
 */
EXPMIG_API void expmig_cancel_free(struct expmig_cancel *cancel);

/**
 * Fills in the defaults. `size` is sizeof(expmig_job_options). Returns EXPMIG_INVALID_ARGUMENT for NULL or an impossible size.
 * Since 0.1.0.
 */
EXPMIG_API
EXPMIG_MUST_USE
expmig_status expmig_job_options_init(struct expmig_job_options *options,
                                      size_t size);

/**
 * Fills in the defaults. `size` is sizeof(expmig_open_options). Returns EXPMIG_INVALID_ARGUMENT for NULL or an impossible size.
 * Since 0.1.0.
 */
EXPMIG_API
EXPMIG_MUST_USE
expmig_status expmig_open_options_init(struct expmig_open_options *options,
                                       size_t size);

/**
 * Opens a database that exists.
 *
 * `url`: one of these:
 * - the path of a SQLite file. Also "sqlite:" and the path, SQLAlchemy's "sqlite:///RELATIVE" and "sqlite:////ABSOLUTE", and SQLite's
 *   own "file:PATH" (percent-encoded; with "?mode=ro" for EXPMIG_OPEN_READONLY). Relative paths start at the current working directory.
 * - a schema of a MySQL or MariaDB server: "mysql://USER:PASSWORD@HOST:PORT/SCHEMA" with parameters (docs/servers.md). The driver in
 *   SQLAlchemy's "mysql+pymysql://" is ignored.
 * - a schema of a PostgreSQL database: "postgresql://USER:PASSWORD@HOST:PORT/DATABASE?schema=NAME" with parameters (docs/postgresql.md).
 *
 * A text that begins with a scheme, or contains "://", is never taken as a path; put "./" before it to make it one.
 *
 * `options`: NULL for the defaults.
 * `database`: receives the handle; the caller closes it with expmig_database_close.
 *
 * Returns EXPMIG_NOT_FOUND (no such file; nothing is created unless EXPMIG_OPEN_CREATE is set), EXPMIG_CORRUPT (not a SQLite database,
 * encrypted, damaged), EXPMIG_SCHEMA (a table or column is missing, or is not a plain one; the details name it), EXPMIG_BUSY (locked),
 * EXPMIG_SHARED_PROCESS (see docs/threading.md), EXPMIG_MISUSE (the parent of this process had the file open at the fork; see
 * docs/threading.md), EXPMIG_IO (permissions, no descriptor left), EXPMIG_UNSUPPORTED (a server that is too old, or a build without
 * servers), EXPMIG_LIMIT (no thread can be started to connect), EXPMIG_CANCELLED, EXPMIG_CALLBACK (`password_fn` returned NULL, or
 * `progress_fn` failed), EXPMIG_INVALID_ARGUMENT; for servers also EXPMIG_CONNECTION, EXPMIG_TIMEOUT, EXPMIG_AUTH.
 *
 * On a server, every function that uses the handle, or a manager of it, can also return EXPMIG_CONNECTION, EXPMIG_TIMEOUT, EXPMIG_AUTH
 * (a right is missing), EXPMIG_LIMIT and EXPMIG_UNSUPPORTED (docs/servers.md); the functions do not name them again. See
 * expmig_error_retryable for a connection that is lost during a commit.
 *
 * A handle belongs to one file. If its path later names another file, or none, every function that uses the handle, or a manager of it,
 * returns EXPMIG_MISMATCH and changes nothing (docs/threading.md). Since 0.1.0.
 */
EXPMIG_API
EXPMIG_MUST_USE
expmig_status expmig_database_open(const char *url,
                                   const struct expmig_open_options *options,
                                   struct expmig_database **database,
                                   struct expmig_error **error);

/**
 * Describes the database as a JSON object, schema "expmig.database/1": engine, path or server, generation, tables, extra columns and
 * extra tables.
 *
 * `json`: receives a string that the caller frees with expmig_string_free.
 *
 * Returns EXPMIG_BUSY, EXPMIG_SCHEMA, EXPMIG_CORRUPT, EXPMIG_IO, EXPMIG_MISUSE, EXPMIG_INVALID_ARGUMENT. Since 0.1.0.
 */
EXPMIG_API
EXPMIG_MUST_USE
expmig_status expmig_database_info(const struct expmig_database *database,
                                   char **json,
                                   struct expmig_error **error);

/**
 * Names the columns of a server's tables that are too narrow to hold everything (docs/fidelity.md), and the statements that widen them,
 * as a JSON object, schema "expmig.widening/1". For a SQLite file the lists are empty.
 *
 * `flags`: EXPMIG_WIDEN_APPLY or 0. On PostgreSQL everything is done in one transaction, or nothing. On MySQL and MariaDB each statement
 * is committed by itself; after a failure, call the function again for the rest. It drops the foreign keys of the columns and adds the
 * same ones again. If a widening is cut off in between, the error names the foreign keys that are missing. The table EXPMIG_WIDENING
 * records them, and the next call adds them.
 * `json`: receives a string that the caller frees with expmig_string_free.
 *
 * Returns EXPMIG_BUSY, EXPMIG_SCHEMA, EXPMIG_AUTH (a right is missing), EXPMIG_CONNECTION, EXPMIG_IO, EXPMIG_CONSTRAINT (a foreign key
 * cannot be added again, because rows refer to missing rows), EXPMIG_UNSUPPORTED (something on the table does not go with the new type),
 * EXPMIG_MISMATCH (the rows would not be the same afterwards: nothing was changed), EXPMIG_MISUSE (the handle is read-only),
 * EXPMIG_INVALID_ARGUMENT.
 * Since 0.1.0.
 */
EXPMIG_API
EXPMIG_MUST_USE
expmig_status expmig_schema_widen(const struct expmig_database *database,
                                  uint32_t flags,
                                  char **json,
                                  struct expmig_error **error);

/**
 * Closes a handle. What managers still need stays open until they are freed. NULL is fine. In a child after a fork, closing a handle of
 * the parent changes nothing for the parent; every other function returns EXPMIG_MISUSE there for such a handle, and for a manager of
 * it. Since 0.1.0.
 */
EXPMIG_API
void expmig_database_close(struct expmig_database *database);

/**
 * Runs one SELECT on a consistent state of the database. Whatever the SQL is, it can only read: no write, no change of the schema, no
 * transaction, no ATTACH, no PRAGMA that sets something, no extension.
 *
 * `sql`: one statement; after its semicolon only blanks and comments may follow.
 * `params`, `param_count`: a value for each parameter of the statement, in their order; NULL and 0 if it has none.
 * `row_fn`: receives the rows.
 * `user_data`: passed to `row_fn`.
 *
 * Returns EXPMIG_MISUSE (the statement would do more than read, and the detail "action" says what; or the call comes from inside a
 * callback of this database), EXPMIG_INVALID_ARGUMENT (not a statement that SQLite accepts, more than one statement, or another number
 * of parameters; the detail "offset" counts bytes of `sql`), EXPMIG_CANCELLED and EXPMIG_CALLBACK (`row_fn` cancelled or failed),
 * EXPMIG_BUSY, EXPMIG_CORRUPT, EXPMIG_IO, EXPMIG_LIMIT, EXPMIG_UNSUPPORTED (the schema has names that are not UTF-8). Since 0.1.0.
 */
EXPMIG_API
EXPMIG_MUST_USE
expmig_status expmig_database_query(const struct expmig_database *database,
                                    const char *sql,
                                    const struct expmig_value *params,
                                    size_t param_count,
                                    expmig_row_fn row_fn,
                                    void *user_data,
                                    struct expmig_error **error);

/**
 * Fills in the defaults. `size` is sizeof(expmig_manager_options). Returns EXPMIG_INVALID_ARGUMENT for NULL or an impossible size.
 * Since 0.1.0.
 */
EXPMIG_API
EXPMIG_MUST_USE
expmig_status expmig_manager_options_init(struct expmig_manager_options *options,
                                          size_t size);

/**
 * Makes a manager of a database. Touches no file.
 *
 * `database`: stays the caller's; it may be closed at any time.
 * `options`: NULL for the defaults.
 * `manager`: receives the handle; the caller frees it with expmig_manager_free.
 *
 * Returns EXPMIG_IO (a relative `snapshot_dir` and no working directory), EXPMIG_INVALID_ARGUMENT. Since 0.1.0.
 */
EXPMIG_API
EXPMIG_MUST_USE
expmig_status expmig_manager_new(const struct expmig_database *database,
                                 const struct expmig_manager_options *options,
                                 struct expmig_manager **manager,
                                 struct expmig_error **error);

/**
 * Frees a manager. NULL is fine. Since 0.1.0.
 */
EXPMIG_API void expmig_manager_free(struct expmig_manager *manager);

/**
 * Lists the experiments, ordered by id, as a JSON object, schema "expmig.experiments/1": {"experiments": [{"id", "title", "description",
 * "start_time", "update_time", "trials", "runs"}, ...], "unlisted": {"count", "rows"}}. "unlisted" has the experiments whose id is not
 * an integer, so that no call can name them. Of a store of MLflow's (docs/mlflow.md) "title" is the name, the times are in UTC, "trials" counts
 * the runs that hang on no other, and there are "lifecycle_stage", and "also": {"logged_models", "datasets", "traces"}.
 *
 * `json`: receives a string that the caller frees with expmig_string_free.
 *
 * Returns EXPMIG_BUSY, EXPMIG_CORRUPT, EXPMIG_IO, EXPMIG_SCHEMA, EXPMIG_MISUSE, EXPMIG_INVALID_ARGUMENT. Since 0.1.0.
 */
EXPMIG_API
EXPMIG_MUST_USE
expmig_status expmig_experiment_list(const struct expmig_manager *manager,
                                     char **json,
                                     struct expmig_error **error);

/**
 * Computes the content digest of an experiment (docs/digest.md). Equal experiments have equal digests, whatever their ids and the order
 * of their rows. Reads only.
 *
 * `options`: progress and cancel; NULL for none.
 * `digest`: receives 32 bytes (EXPMIG_DIGEST_SIZE).
 *
 * Returns EXPMIG_NOT_FOUND (the hint names the nearest ids), EXPMIG_CANCELLED, EXPMIG_CALLBACK, EXPMIG_BUSY, EXPMIG_CORRUPT, EXPMIG_IO,
 * EXPMIG_SCHEMA, EXPMIG_MISUSE, EXPMIG_INVALID_ARGUMENT. Since 0.1.0.
 */
EXPMIG_API
EXPMIG_MUST_USE
expmig_status expmig_experiment_digest(const struct expmig_manager *manager,
                                       int64_t experiment_id,
                                       const struct expmig_job_options *options,
                                       uint8_t *digest,
                                       struct expmig_error **error);

/**
 * Compares two experiments by content, and says which node differs first and how. Reads only.
 *
 * `manager_a`, `manager_b`: the databases; both may be the same.
 * `options`: progress and cancel; NULL for none.
 * `json`: receives a JSON object, schema "expmig.comparison/1": "equal", both digests and row counts; "first_difference" (null if equal)
 * with "node" (a table), ids or "row", "how", "difference"; and "warnings" about tables that others could change while they were read.
 * The caller frees it with expmig_string_free.
 *
 * If the experiments differ, that is not an error. Returns as expmig_experiment_digest. Since 0.1.0.
 */
EXPMIG_API
EXPMIG_MUST_USE
expmig_status expmig_experiment_compare(const struct expmig_manager *manager_a,
                                        int64_t experiment_a,
                                        const struct expmig_manager *manager_b,
                                        int64_t experiment_b,
                                        const struct expmig_job_options *options,
                                        char **json,
                                        struct expmig_error **error);

/**
 * Lists the experiments, like expmig_experiment_list, as an object.
 *
 * `experiments`: receives the list; the caller frees it with expmig_experiments_free.
 *
 * Returns EXPMIG_BUSY, EXPMIG_CORRUPT, EXPMIG_IO, EXPMIG_SCHEMA, EXPMIG_MISUSE, EXPMIG_INVALID_ARGUMENT. Since 0.1.0.
 */
EXPMIG_API
EXPMIG_MUST_USE
expmig_status expmig_experiments_read(const struct expmig_manager *manager,
                                      struct expmig_experiments **experiments,
                                      struct expmig_error **error);

/**
 * How many experiments there are. 0 for NULL. Since 0.1.0.
 */
EXPMIG_API size_t expmig_experiments_count(const struct expmig_experiments *experiments);

/**
 * The id of an experiment. `index` counts from 0. 0 if there is no such experiment. Since 0.1.0.
 */
EXPMIG_API int64_t expmig_experiments_id(const struct expmig_experiments *experiments, size_t index);

/**
 * The title of an experiment. Borrowed from the list; NULL if it is NULL, or if there is no such experiment. Since 0.1.0.
 */
EXPMIG_API
const char *expmig_experiments_title(const struct expmig_experiments *experiments,
                                     size_t index);

/**
 * The description of an experiment. Borrowed from the list; NULL if it is NULL, or if there is no such experiment. Since 0.1.0.
 */
EXPMIG_API
const char *expmig_experiments_description(const struct expmig_experiments *experiments,
                                           size_t index);

/**
 * When an experiment began, as the database has it. Borrowed from the list; NULL if it is NULL, or if there is no such experiment.
 * Since 0.1.0.
 */
EXPMIG_API
const char *expmig_experiments_start_time(const struct expmig_experiments *experiments,
                                          size_t index);

/**
 * When an experiment was changed last, as the database has it. Borrowed from the list; NULL if it is NULL, or if there is no such
 * experiment. Since 0.1.0.
 */
EXPMIG_API
const char *expmig_experiments_update_time(const struct expmig_experiments *experiments,
                                           size_t index);

/**
 * How many trials an experiment has. Since 0.1.0.
 */
EXPMIG_API uint64_t expmig_experiments_trial_count(const struct expmig_experiments *experiments, size_t index);

/**
 * How many runs the trials of an experiment have. Since 0.1.0.
 */
EXPMIG_API uint64_t expmig_experiments_run_count(const struct expmig_experiments *experiments, size_t index);

/**
 * How many experiments are not in the list because their id is not an integer, so that no call can name them. Since 0.1.0.
 */
EXPMIG_API
uint64_t expmig_experiments_unlisted_count(const struct expmig_experiments *experiments);

/**
 * An experiment that is not in the list: one line that names it and says why. `index` counts from 0. Borrowed from the list; NULL if
 * there is no such experiment, or after the first hundred. Since 0.1.0.
 */
EXPMIG_API
const char *expmig_experiments_unlisted_at(const struct expmig_experiments *experiments,
                                           size_t index);

/**
 * The whole list as a JSON object, schema "expmig.experiments/1". Borrowed from the list. Never NULL. Since 0.1.0.
 */
EXPMIG_API const char *expmig_experiments_to_json(const struct expmig_experiments *experiments);

/**
 * Frees a list and all that was borrowed from it. NULL is fine. Since 0.1.0.
 */
EXPMIG_API void expmig_experiments_free(struct expmig_experiments *experiments);

/**
 * Compares two experiments by content, like expmig_experiment_compare, and answers an object. Reads only.
 *
 * `manager_a`, `experiment_a`, `manager_b`, `experiment_b`, `options`: as for expmig_experiment_compare.
 * `comparison`: receives what was found; the caller frees it with expmig_comparison_free.
 *
 * If the experiments differ, that is not an error. Returns as expmig_experiment_digest. Since 0.1.0.
 */
EXPMIG_API
EXPMIG_MUST_USE
expmig_status expmig_comparison_make(const struct expmig_manager *manager_a,
                                     int64_t experiment_a,
                                     const struct expmig_manager *manager_b,
                                     int64_t experiment_b,
                                     const struct expmig_job_options *options,
                                     struct expmig_comparison **comparison,
                                     struct expmig_error **error);

/**
 * The digest of one of the experiments.
 *
 * `side`: EXPMIG_SIDE_A or EXPMIG_SIDE_B.
 * `digest`: receives 32 bytes (EXPMIG_DIGEST_SIZE).
 *
 * Returns EXPMIG_INVALID_ARGUMENT. Since 0.1.0.
 */
EXPMIG_API
EXPMIG_MUST_USE
expmig_status expmig_comparison_digest(const struct expmig_comparison *comparison,
                                       int32_t side,
                                       uint8_t *digest,
                                       struct expmig_error **error);

/**
 * 1 if the experiments have the same content, else 0. Since 0.1.0.
 */
EXPMIG_API int32_t expmig_comparison_equal(const struct expmig_comparison *comparison);

/**
 * The id of one of the experiments. `side`: EXPMIG_SIDE_A or EXPMIG_SIDE_B. Since 0.1.0.
 */
EXPMIG_API int64_t expmig_comparison_experiment_id(const struct expmig_comparison *comparison, int32_t side);

/**
 * How many tables one of the databases has for it. Since 0.1.0.
 */
EXPMIG_API size_t expmig_comparison_table_count(const struct expmig_comparison *comparison, int32_t side);

/**
 * The name of a table. `index` counts from 0. Borrowed from the comparison; NULL if there is no such table. Since 0.1.0.
 */
EXPMIG_API
const char *expmig_comparison_table_name(const struct expmig_comparison *comparison,
                                         int32_t side,
                                         size_t index);

/**
 * How many rows a table has of one of the experiments. Since 0.1.0.
 */
EXPMIG_API
uint64_t expmig_comparison_table_rows(const struct expmig_comparison *comparison,
                                      int32_t side,
                                      size_t index);

/**
 * The table in which the experiments first differ. Borrowed from the comparison; NULL if they are equal. Since 0.1.0.
 */
EXPMIG_API const char *expmig_comparison_difference_table(const struct expmig_comparison *comparison);

/**
 * In which way they differ: "another value", "another link", "only in a", "only in b", or a sentence. Borrowed from the comparison; NULL
 * if they are equal. Since 0.1.0.
 */
EXPMIG_API
const char *expmig_comparison_difference_how(const struct expmig_comparison *comparison);

/**
 * The id of the row that differs, if it is one of the hierarchy; 0 if it is not, or if that side has no such row. Since 0.1.0.
 */
EXPMIG_API
int64_t expmig_comparison_difference_id(const struct expmig_comparison *comparison,
                                        int32_t side);

/**
 * The key of the row that differs, if it is one of the hierarchy, as text: of a family whose keys are texts, such as the runs of MLflow, the key
 * itself; else the id. Borrowed from the comparison; NULL if it is not one, or if that side has no such row. Since 0.1.0.
 */
EXPMIG_API
const char *expmig_comparison_difference_key(const struct expmig_comparison *comparison,
                                             int32_t side);

/**
 * The key of the row that differs, if it hangs on one of the hierarchy. Borrowed from the comparison; NULL if it does not, or if that
 * side has no such row. Since 0.1.0.
 */
EXPMIG_API
const char *expmig_comparison_difference_row(const struct expmig_comparison *comparison,
                                             int32_t side);

/**
 * The table of the row of the hierarchy on which that row hangs. Borrowed from the comparison; NULL if there is none. Since 0.1.0.
 */
EXPMIG_API
const char *expmig_comparison_difference_within_table(const struct expmig_comparison *comparison);

/**
 * The id of the row of the hierarchy on which that row hangs; 0 if there is none. Since 0.1.0.
 */
EXPMIG_API int64_t expmig_comparison_difference_within_id(const struct expmig_comparison *comparison, int32_t side);

/**
 * The column that differs. Borrowed from the comparison; NULL if whole rows do, or if they are equal. Since 0.1.0.
 */
EXPMIG_API const char *expmig_comparison_difference_column(const struct expmig_comparison *comparison);

/**
 * What differs, as a person reads it. Borrowed from the comparison; NULL if that side has no such row, or if they are equal.
 * Since 0.1.0.
 */
EXPMIG_API
const char *expmig_comparison_difference_value(const struct expmig_comparison *comparison,
                                               int32_t side);

/**
 * How many warnings there are: tables that others could change while they were read. Since 0.1.0.
 */
EXPMIG_API size_t expmig_comparison_warning_count(const struct expmig_comparison *comparison);

/**
 * A warning, one line. `index` counts from 0. Borrowed from the comparison; NULL if there is no such warning. Since 0.1.0.
 */
EXPMIG_API
const char *expmig_comparison_warning_at(const struct expmig_comparison *comparison,
                                         size_t index);

/**
 * The whole comparison as a JSON object, schema "expmig.comparison/1". Borrowed from the comparison. Never NULL. Since 0.1.0.
 */
EXPMIG_API
const char *expmig_comparison_to_json(const struct expmig_comparison *comparison);

/**
 * Frees a comparison and all that was borrowed from it. NULL is fine. Since 0.1.0.
 */
EXPMIG_API void expmig_comparison_free(struct expmig_comparison *comparison);

/**
 * Fills in the defaults. `size` is sizeof(expmig_snapshot_options). Returns EXPMIG_INVALID_ARGUMENT for NULL or an impossible size.
 * Since 0.1.0.
 */
EXPMIG_API
EXPMIG_MUST_USE
expmig_status expmig_snapshot_options_init(struct expmig_snapshot_options *options,
                                           size_t size);

/**
 * Fills in the defaults. `size` is sizeof(expmig_restore_options). Returns EXPMIG_INVALID_ARGUMENT for NULL or an impossible size.
 * Since 0.1.0.
 */
EXPMIG_API
EXPMIG_MUST_USE
expmig_status expmig_restore_options_init(struct expmig_restore_options *options,
                                          size_t size);

/**
 * Makes a snapshot of the whole database: one consistent state, while other processes may use it. The snapshot exists only after it was
 * read back, checked and flushed to the device; before that, and after a failure, there is none (docs/snapshots.md).
 *
 * `description`: UTF-8, at most 64 KiB; NULL for an empty one.
 * `options`: NULL for the defaults.
 * `snapshot_id`: receives the id, which the caller frees with expmig_string_free; NULL if it is not wanted.
 *
 * Returns EXPMIG_BUSY (locked), EXPMIG_CORRUPT (the database is damaged), EXPMIG_IO (a full disk, permissions), EXPMIG_CANCELLED,
 * EXPMIG_CALLBACK, EXPMIG_LIMIT, EXPMIG_SCHEMA, EXPMIG_MISUSE, EXPMIG_INVALID_ARGUMENT. Since 0.1.0.
 */
EXPMIG_API
EXPMIG_MUST_USE
expmig_status expmig_snapshot_create(const struct expmig_manager *manager,
                                     const char *description,
                                     const struct expmig_snapshot_options *options,
                                     char **snapshot_id,
                                     struct expmig_error **error);

/**
 * Lists the snapshots in the manager's folder, as a JSON object, schema "expmig.snapshots/1": "snapshots", the newest first; and
 * "broken", those that cannot be used, each with its "error". It also lists snapshots of other databases.
 *
 * `since_us`: only snapshots that were made then or later, microseconds since 1970-01-01, UTC; EXPMIG_TIME_UNKNOWN for all.
 * `pattern`: only snapshots of which the id or the description matches this glob (`*`, `?`, `[...]`), UTF-8; NULL for all.
 * `json`: receives a string that the caller frees with expmig_string_free.
 *
 * Returns EXPMIG_IO, EXPMIG_MISUSE, EXPMIG_INVALID_ARGUMENT. Since 0.1.0.
 */
EXPMIG_API
EXPMIG_MUST_USE
expmig_status expmig_snapshot_list(const struct expmig_manager *manager,
                                   int64_t since_us,
                                   const char *pattern,
                                   char **json,
                                   struct expmig_error **error);

/**
 * What a snapshot's manifest says, as a JSON object, schema "expmig.snapshot/1": "id", "created_at", "description", "metadata" (the
 * caller's), "statistics" (rows per table), "database", "size", "blake3". Looks at the size of the snapshot's file, not into it.
 *
 * `snapshot_id`: with or without "snapshot_" before it.
 * `json`: receives a string that the caller frees with expmig_string_free.
 *
 * Returns EXPMIG_NOT_FOUND, EXPMIG_CORRUPT (the manifest or the file is missing or altered), EXPMIG_UNSUPPORTED (a newer format),
 * EXPMIG_IO, EXPMIG_MISUSE, EXPMIG_INVALID_ARGUMENT. Since 0.1.0.
 */
EXPMIG_API
EXPMIG_MUST_USE
expmig_status expmig_snapshot_details(const struct expmig_manager *manager,
                                      const char *snapshot_id,
                                      char **json,
                                      struct expmig_error **error);

/**
 * Checks whether a snapshot is still as it was made, and fails if not: its size, its checksum, every page, row and index, and its
 * statistics.
 *
 * `snapshot_id`: with or without "snapshot_" before it.
 * `options`: progress, of which one item is one page of 4096 bytes, and cancel; NULL for none.
 *
 * Returns as expmig_snapshot_details, and EXPMIG_CANCELLED, EXPMIG_CALLBACK. Since 0.1.0.
 */
EXPMIG_API
EXPMIG_MUST_USE
expmig_status expmig_snapshot_verify(const struct expmig_manager *manager,
                                     const char *snapshot_id,
                                     const struct expmig_job_options *options,
                                     struct expmig_error **error);

/**
 * Replaces everything in the database, in the existing file, by the content of a snapshot, in one step: other processes see the old
 * state or the new one, and after a failure or a crash it is the old one. Before that it verifies the snapshot, and takes a safety
 * snapshot of what it will overwrite (unless EXPMIG_RESTORE_NO_SAFETY_SNAPSHOT). What others have committed since the snapshot was made
 * is no longer in the database afterwards.
 *
 * `snapshot_id`: with or without "snapshot_" before it.
 * `options`: NULL for the defaults.
 * `result_json`: receives a JSON object, schema "expmig.restore/1", with "safety_snapshot_id", which the caller frees with
 * expmig_string_free; NULL if it is not wanted.
 *
 * Returns EXPMIG_NOT_FOUND, EXPMIG_CORRUPT (the snapshot is damaged or altered), EXPMIG_UNSUPPORTED (a newer format, or pages of another
 * size in WAL mode), EXPMIG_MISMATCH (the snapshot belongs to another database, or it is not certain that it belongs to this one, as
 * after a copy; EXPMIG_RESTORE_FORCE restores it all the same), EXPMIG_BUSY (another process reads or writes for longer than the busy
 * timeout), EXPMIG_MISUSE (the database was opened read-only), EXPMIG_IO, EXPMIG_CANCELLED, EXPMIG_CALLBACK, EXPMIG_SHARED_PROCESS,
 * EXPMIG_SCHEMA, EXPMIG_LIMIT, EXPMIG_INVALID_ARGUMENT. After each of them the database is unchanged, but there can be a safety
 * snapshot. Since 0.1.0.
 */
EXPMIG_API
EXPMIG_MUST_USE
expmig_status expmig_snapshot_restore(const struct expmig_manager *manager,
                                      const char *snapshot_id,
                                      const struct expmig_restore_options *options,
                                      char **result_json,
                                      struct expmig_error **error);

/**
 * Deletes a snapshot of any database; also a broken one.
 *
 * `snapshot_id`: with or without "snapshot_" before it.
 *
 * Returns EXPMIG_NOT_FOUND, EXPMIG_BUSY (another process is making or deleting it), EXPMIG_IO, EXPMIG_MISUSE, EXPMIG_INVALID_ARGUMENT.
 * Since 0.1.0.
 */
EXPMIG_API
EXPMIG_MUST_USE
expmig_status expmig_snapshot_delete(const struct expmig_manager *manager,
                                     const char *snapshot_id,
                                     struct expmig_error **error);

/**
 * Keeps the newest snapshots of this database and deletes its other ones. It keeps snapshots of other databases, broken snapshots, and
 * snapshots of a database that only resembles this one; expmig_snapshot_cleanup_with tells how many those are.
 *
 * `keep_count`: how many to keep; 0 deletes all.
 * `deleted`: receives how many were deleted; NULL if it is not wanted.
 *
 * Returns EXPMIG_INVALID_ARGUMENT (also for a negative `keep_count`), EXPMIG_BUSY, EXPMIG_IO, EXPMIG_CORRUPT, EXPMIG_SCHEMA,
 * EXPMIG_MISUSE. Since 0.1.0.
 */
EXPMIG_API
EXPMIG_MUST_USE
expmig_status expmig_snapshot_cleanup(const struct expmig_manager *manager,
                                      int64_t keep_count,
                                      uint64_t *deleted,
                                      struct expmig_error **error);

/**
 * Like expmig_snapshot_cleanup, but also says how many snapshots it kept because it is not certain that they belong to this database.
 * Their database has the same name and experiments, but is another file or server. Either database may be a copy of the other.
 *
 * `keep_count`: how many to keep; 0 deletes all.
 * `flags`: EXPMIG_CLEANUP_CLAIM, or 0.
 * `deleted`: receives how many were deleted; NULL if it is not wanted.
 * `left`: receives how many were kept because it is not certain to which database they belong; 0 with EXPMIG_CLEANUP_CLAIM; NULL if it is
 * not wanted.
 *
 * Returns as expmig_snapshot_cleanup. Since 0.1.0.
 */
EXPMIG_API
EXPMIG_MUST_USE
expmig_status expmig_snapshot_cleanup_with(const struct expmig_manager *manager,
                                           int64_t keep_count,
                                           uint32_t flags,
                                           uint64_t *deleted,
                                           uint64_t *left,
                                           struct expmig_error **error);

/**
 * Lists the snapshots in the manager's folder, like expmig_snapshot_list, as an object.
 *
 * `since_us`, `pattern`: as for expmig_snapshot_list.
 * `snapshots`: receives the list; the caller frees it with expmig_snapshots_free.
 *
 * Returns EXPMIG_IO, EXPMIG_MISUSE, EXPMIG_INVALID_ARGUMENT. Since 0.1.0.
 */
EXPMIG_API
EXPMIG_MUST_USE
expmig_status expmig_snapshots_read(const struct expmig_manager *manager,
                                    int64_t since_us,
                                    const char *pattern,
                                    struct expmig_snapshots **snapshots,
                                    struct expmig_error **error);

/**
 * What a snapshot's manifest says, like expmig_snapshot_details, as an object.
 *
 * `snapshot_id`: with or without "snapshot_" before it.
 * `snapshot`: receives what it says; the caller frees it with expmig_snapshot_free.
 *
 * Returns as expmig_snapshot_details. Since 0.1.0.
 */
EXPMIG_API
EXPMIG_MUST_USE
expmig_status expmig_snapshot_read(const struct expmig_manager *manager,
                                   const char *snapshot_id,
                                   struct expmig_snapshot **snapshot,
                                   struct expmig_error **error);

/**
 * The id of a snapshot. Borrowed from the snapshot; NULL for NULL. Since 0.1.0.
 */
EXPMIG_API const char *expmig_snapshot_id(const struct expmig_snapshot *snapshot);

/**
 * When it was made, in microseconds since 1970-01-01, UTC. EXPMIG_TIME_UNKNOWN for NULL. Since 0.1.0.
 */
EXPMIG_API int64_t expmig_snapshot_created_us(const struct expmig_snapshot *snapshot);

/**
 * What its maker said about it. Borrowed from the snapshot; NULL for NULL. Since 0.1.0.
 */
EXPMIG_API const char *expmig_snapshot_description(const struct expmig_snapshot *snapshot);

/**
 * The JSON object that its maker gave, as it was. Borrowed from the snapshot; NULL for NULL. Since 0.1.0.
 */
EXPMIG_API const char *expmig_snapshot_metadata_json(const struct expmig_snapshot *snapshot);

/**
 * The engine of the database that it was made of: "sqlite" and so on. Borrowed from the snapshot; NULL for NULL. Since 0.1.0.
 */
EXPMIG_API
const char *expmig_snapshot_engine(const struct expmig_snapshot *snapshot);

/**
 * The name of the file or of the schema that it was made of. Borrowed from the snapshot; NULL for NULL. Since 0.1.0.
 */
EXPMIG_API const char *expmig_snapshot_database_name(const struct expmig_snapshot *snapshot);

/**
 * The version of the library that made it. Borrowed from the snapshot; NULL for NULL. Since 0.1.0.
 */
EXPMIG_API const char *expmig_snapshot_library_version(const struct expmig_snapshot *snapshot);

/**
 * The size of the snapshot's file in bytes. Since 0.1.0.
 */
EXPMIG_API uint64_t expmig_snapshot_size(const struct expmig_snapshot *snapshot);

/**
 * The BLAKE3 of the snapshot's file, in hexadecimal. Borrowed from the snapshot; NULL for NULL. Since 0.1.0.
 */
EXPMIG_API const char *expmig_snapshot_blake3(const struct expmig_snapshot *snapshot);

/**
 * How many rows it has in all tables. Since 0.1.0.
 */
EXPMIG_API uint64_t expmig_snapshot_row_count(const struct expmig_snapshot *snapshot);

/**
 * How many tables it has. Since 0.1.0.
 */
EXPMIG_API size_t expmig_snapshot_table_count(const struct expmig_snapshot *snapshot);

/**
 * The name of a table. `index` counts from 0. Borrowed from the snapshot; NULL if there is no such table. Since 0.1.0.
 */
EXPMIG_API const char *expmig_snapshot_table_name(const struct expmig_snapshot *snapshot, size_t index);

/**
 * How many rows a table has. 0 if there is no such table. Since 0.1.0.
 */
EXPMIG_API uint64_t expmig_snapshot_table_rows(const struct expmig_snapshot *snapshot, size_t index);

/**
 * The whole as a JSON object, schema "expmig.snapshot/1". Borrowed from the snapshot. Never NULL. Since 0.1.0.
 */
EXPMIG_API const char *expmig_snapshot_to_json(const struct expmig_snapshot *snapshot);

/**
 * Frees what expmig_snapshot_read gave and all that was borrowed from it. NULL is fine. Since 0.1.0.
 */
EXPMIG_API void expmig_snapshot_free(struct expmig_snapshot *snapshot);

/**
 * How many snapshots are listed. 0 for NULL. Since 0.1.0.
 */
EXPMIG_API size_t expmig_snapshots_count(const struct expmig_snapshots *snapshots);

/**
 * A snapshot of the list. `index` counts from 0. Borrowed from the list; do not free it. NULL if there is no such snapshot. Since 0.1.0.
 */
EXPMIG_API
const struct expmig_snapshot *expmig_snapshots_at(const struct expmig_snapshots *snapshots,
                                                  size_t index);

/**
 * How many snapshots cannot be used. Since 0.1.0.
 */
EXPMIG_API size_t expmig_snapshots_broken_count(const struct expmig_snapshots *snapshots);

/**
 * The id of a snapshot that cannot be used; they are ordered by id. `index` counts from 0. Borrowed from the list; NULL if there is no
 * such snapshot. Since 0.1.0.
 */
EXPMIG_API
const char *expmig_snapshots_broken_id(const struct expmig_snapshots *snapshots,
                                       size_t index);

/**
 * Why a snapshot cannot be used. Borrowed from the list; do not free it. NULL if there is no such snapshot. Since 0.1.0.
 */
EXPMIG_API
const struct expmig_error *expmig_snapshots_broken_error(const struct expmig_snapshots *snapshots,
                                                         size_t index);

/**
 * The whole list as a JSON object, schema "expmig.snapshots/1". Borrowed from the list. Never NULL. Since 0.1.0.
 */
EXPMIG_API const char *expmig_snapshots_to_json(const struct expmig_snapshots *snapshots);

/**
 * Frees a list and all that was borrowed from it. NULL is fine. Since 0.1.0.
 */
EXPMIG_API void expmig_snapshots_free(struct expmig_snapshots *snapshots);

/**
 * Fills in the defaults. `size` is sizeof(expmig_migrate_options). Returns EXPMIG_INVALID_ARGUMENT for NULL or an impossible size.
 * Since 0.1.0.
 */
EXPMIG_API
EXPMIG_MUST_USE
expmig_status expmig_migrate_options_init(struct expmig_migrate_options *options,
                                          size_t size);

/**
 * Reports what expmig_migrate_experiment would do with the same arguments. Writes nothing.
 *
 * `source`, `experiment_id`: what to copy.
 * `target`: where to; NULL for the source's own database.
 * `options`: NULL for the defaults.
 * `plan_json`: receives a JSON object, schema "expmig.plan/1": rows per table, extra columns and tables, unsound rows,
 * odd values, with CONSERVATIVE the findings of the validation, rows and values that do not fit, what the transformation rules would do,
 * duplicates in the target, digests, how long others will have to wait, and bytes needed and free. The caller frees it with
 * expmig_string_free.
 *
 * Data that would make the migration fail is not an error here: it is in the plan. Returns EXPMIG_NOT_FOUND (an experiment does not
 * exist), EXPMIG_CANCELLED, EXPMIG_CALLBACK, EXPMIG_BUSY, EXPMIG_CORRUPT, EXPMIG_IO, EXPMIG_SCHEMA, EXPMIG_MISUSE,
 * EXPMIG_INVALID_ARGUMENT. Since 0.1.0.
 */
EXPMIG_API
EXPMIG_MUST_USE
expmig_status expmig_migrate_plan(const struct expmig_manager *source,
                                  int64_t experiment_id,
                                  const struct expmig_manager *target,
                                  const struct expmig_migrate_options *options,
                                  char **plan_json,
                                  struct expmig_error **error);

/**
 * Copies an experiment and everything below it: trials, runs, results, epochs, batches, metrics, artifacts, their links and extra
 * columns, every value unchanged. Metrics and artifacts that are shared within the experiment are shared in the copy; the copy shares
 * nothing with the source. The call is one transaction of the target: a failure, a cancel or a crash leaves the target as it was. With
 * EXPMIG_MIGRATE_STAGED it is several, and the copy is published by the last of them (docs/clusters.md).
 *
 * An experiment of a store of MLflow's is copied into another store at the same version, with its runs, models, datasets and traces under the
 * ids that they have (docs/mlflow.md). Options that this does not support are refused with EXPMIG_UNSUPPORTED.
 *
 * `source`, `experiment_id`: what to copy.
 * `target`: where to; NULL for the source's own database.
 * `options`: NULL for the defaults.
 * `result`: receives what was done; the caller frees it with expmig_migration_free.
 *
 * Returns EXPMIG_NOT_FOUND (an experiment does not exist; the hint names the nearest ids), EXPMIG_VALIDATION (unsound rows,
 * findings of CONSERVATIVE's validation, or in EXPMIG_DOMAIN_TRANSFORMATION metrics that the rules cannot transform; the
 * details name them), EXPMIG_LOSSY (the target cannot hold something; the details name it), EXPMIG_ALREADY_EXISTS (a duplicate),
 * EXPMIG_CONSTRAINT, EXPMIG_MISMATCH (the copy that was read back is not the expected one), EXPMIG_LIMIT (no free ids), EXPMIG_CANCELLED,
 * EXPMIG_CALLBACK, EXPMIG_BUSY, EXPMIG_SHARED_PROCESS (the first write opens the file once more), EXPMIG_CORRUPT, EXPMIG_IO,
 * EXPMIG_SCHEMA, EXPMIG_MISUSE, EXPMIG_INVALID_ARGUMENT (in EXPMIG_DOMAIN_TRANSFORMATION for the rules).
 *
 * If a snapshot cannot be taken, the error is in EXPMIG_DOMAIN_SNAPSHOT. After each error nothing was changed; a snapshot that was taken
 * stays, and the detail "snapshot_id" names it. With EXPMIG_MIGRATE_STAGED, what was copied before the error stays, too, and the detail
 * "job_id" names the job. Since 0.1.0.
 */
EXPMIG_API
EXPMIG_MUST_USE
expmig_status expmig_migrate_experiment(const struct expmig_manager *source,
                                        int64_t experiment_id,
                                        const struct expmig_manager *target,
                                        const struct expmig_migrate_options *options,
                                        struct expmig_migration **result,
                                        struct expmig_error **error);

/**
 * The id of the experiment that was copied. 0 for NULL. Since 0.1.0.
 */
EXPMIG_API int64_t expmig_migration_source_experiment_id(const struct expmig_migration *result);

/**
 * The id of the copy; if the migration was skipped, the id of the experiment that the target already had; if trials were appended, the
 * id of the target experiment. 0 for NULL. Since 0.1.0.
 */
EXPMIG_API
int64_t expmig_migration_new_experiment_id(const struct expmig_migration *result);

/**
 * 1 if nothing was written because the target already had the same experiment, else 0. Since 0.1.0.
 */
EXPMIG_API int32_t expmig_migration_skipped(const struct expmig_migration *result);

/**
 * Rows processed, failed ones included. Since 0.1.0.
 */
EXPMIG_API uint64_t expmig_migration_items_processed(const struct expmig_migration *result);

/**
 * Rows that were left out. Since 0.1.0.
 */
EXPMIG_API uint64_t expmig_migration_items_failed(const struct expmig_migration *result);

/**
 * Rows in all. Since 0.1.0.
 */
EXPMIG_API uint64_t expmig_migration_items_total(const struct expmig_migration *result);

/**
 * 0 to 100: the share of the rows that were copied. Since 0.1.0.
 */
EXPMIG_API double expmig_migration_success_rate(const struct expmig_migration *result);

/**
 * How long the migration took, in nanoseconds. Since 0.1.0.
 */
EXPMIG_API uint64_t expmig_migration_duration_ns(const struct expmig_migration *result);

/**
 * A digest of the migration.
 *
 * `which`: EXPMIG_DIGEST_SOURCE, EXPMIG_DIGEST_TARGET or EXPMIG_DIGEST_AS_STORED.
 * `digest`: receives 32 bytes (EXPMIG_DIGEST_SIZE).
 *
 * Returns EXPMIG_NOT_FOUND if the strategy computed no such digest (AGGRESSIVE computes none), EXPMIG_INVALID_ARGUMENT. Since 0.1.0.
 */
EXPMIG_API
EXPMIG_MUST_USE
expmig_status expmig_migration_digest(const struct expmig_migration *result,
                                      int32_t which,
                                      uint8_t *digest,
                                      struct expmig_error **error);

/**
 * The id of the snapshot of the target that was taken before the first write (EXPMIG_MIGRATE_SNAPSHOT). Borrowed from the result;
 * NULL if none was taken. Since 0.1.0.
 */
EXPMIG_API
const char *expmig_migration_snapshot_id(const struct expmig_migration *result);

/**
 * How many warnings there are. Since 0.1.0.
 */
EXPMIG_API size_t expmig_migration_warning_count(const struct expmig_migration *result);

/**
 * A warning, one line, UTF-8. `index` counts from 0. Borrowed from the result; NULL if there is no such warning. Since 0.1.0.
 */
EXPMIG_API
const char *expmig_migration_warning_at(const struct expmig_migration *result,
                                        size_t index);

/**
 * The whole result as a JSON object, schema "expmig.migration/1": counts per table, id map, digests, what was lost or left out,
 * warnings. Borrowed from the result. Never NULL. Since 0.1.0.
 */
EXPMIG_API
const char *expmig_migration_to_json(const struct expmig_migration *result);

/**
 * Frees a result and all that was borrowed from it. NULL is fine. Since 0.1.0.
 */
EXPMIG_API void expmig_migration_free(struct expmig_migration *result);

/**
 * Lists the jobs of a database that write in several transactions, in the order in which they began, as a JSON object, schema "expmig.jobs/1":
 * {"jobs": [{"job_id", "kind", "state", "source", "source_experiment_id", "experiment_id", "title", "created_at", "touched_at", "tables"},
 * ...]}. "state" is "copying", whether a call works on it or it stopped, "removing", or "published", which is remembered for a hundred jobs; times
 * are UTC.
 *
 * `manager`: of the database that is copied into.
 * `json`: receives a string that the caller frees with expmig_string_free.
 *
 * Returns EXPMIG_BUSY, EXPMIG_CORRUPT, EXPMIG_IO, EXPMIG_SCHEMA, EXPMIG_MISUSE, EXPMIG_INVALID_ARGUMENT; on a server also EXPMIG_AUTH,
 * EXPMIG_CONNECTION, EXPMIG_TIMEOUT. Since 0.1.0.
 */
EXPMIG_API
EXPMIG_MUST_USE
expmig_status expmig_job_list(const struct expmig_manager *manager,
                              char **json,
                              struct expmig_error **error);

/**
 * Goes on with a job that stopped: copies what is missing, proves the whole copy, and publishes it. The options are those that it began with.
 *
 * `source`: the manager of the database that it copies from, whose experiment must be as it was then.
 * `job_id`: from expmig_job_list, or the detail `job_id` of the error with which the migration stopped.
 * `target`: of the database that has the job; NULL for the source's own.
 * `options`: progress and cancel; NULL for none.
 * `result`: receives the result, as that of expmig_migrate_experiment; the caller frees it with expmig_migration_free. A job that was published
 * before is skipped: expmig_migration_skipped returns 1, and the id of the copy is there.
 *
 * Returns EXPMIG_NOT_FOUND (there is no such job), EXPMIG_BUSY (another call works on it, or did on another server of a cluster less than ten
 * seconds ago), EXPMIG_MISMATCH (the source has changed, or the copy is not what it must be), EXPMIG_MISUSE (it is being removed),
 * EXPMIG_ALREADY_EXISTS (the same experiment came to the target meanwhile, and the job was not to copy it again), and what
 * expmig_migrate_experiment returns. After each of them the job is where it can be resumed or abandoned. Since 0.1.0.
 */
EXPMIG_API
EXPMIG_MUST_USE
expmig_status expmig_job_resume(const struct expmig_manager *source,
                                int64_t job_id,
                                const struct expmig_manager *target,
                                const struct expmig_job_options *options,
                                struct expmig_migration **result,
                                struct expmig_error **error);

/**
 * Removes a job that was not published, and the rows that it copied; nothing else. Called again, it goes on where it stopped.
 *
 * `manager`: of the database that has the job.
 * `options`: progress and cancel; NULL for none.
 *
 * Returns EXPMIG_NOT_FOUND (there is no such job), EXPMIG_MISUSE (it was published: its copy is an experiment like any other), EXPMIG_BUSY (another
 * call works on it, or did on another server of a cluster less than ten seconds ago), EXPMIG_CONSTRAINT (rows that are not the job's hang on its
 * rows; nothing was removed), EXPMIG_CANCELLED, EXPMIG_CALLBACK, EXPMIG_SCHEMA, EXPMIG_INVALID_ARGUMENT; on a server also EXPMIG_AUTH,
 * EXPMIG_CONNECTION, EXPMIG_TIMEOUT. Since 0.1.0.
 */
EXPMIG_API
EXPMIG_MUST_USE
expmig_status expmig_job_abandon(const struct expmig_manager *manager,
                                 int64_t job_id,
                                 const struct expmig_job_options *options,
                                 struct expmig_error **error);

/**
 * Fills in an issue of severity EXPMIG_SEVERITY_ERROR without any text. `size` is sizeof(expmig_issue). Returns
 * EXPMIG_INVALID_ARGUMENT for NULL or an impossible size. Since 0.1.0.
 */
EXPMIG_API EXPMIG_MUST_USE expmig_status expmig_issue_init(struct expmig_issue *issue, size_t size);

/**
 * 1 if the report has no issue of severity error, else 0. 0 for NULL. Since 0.1.0.
 */
EXPMIG_API int32_t expmig_report_passed(const struct expmig_report *report);

/**
 * How many issues are listed: all, or at most `issue_limit`, with some of every kind in every table. Since 0.1.0.
 */
EXPMIG_API size_t expmig_report_issue_count(const struct expmig_report *report);

/**
 * An issue that is listed.
 *
 * `index`: from 0 to expmig_report_issue_count, exclusive.
 * `issue`: was filled by expmig_issue_init; receives the issue. Its text is borrowed from the report.
 *
 * Returns EXPMIG_INVALID_ARGUMENT; `issue` then is as expmig_issue_init left it. Since 0.1.0.
 */
EXPMIG_API
EXPMIG_MUST_USE
expmig_status expmig_report_issue_at(const struct expmig_report *report,
                                     size_t index,
                                     struct expmig_issue *issue,
                                     struct expmig_error **error);

/**
 * How many errors there are, listed or not. Since 0.1.0.
 */
EXPMIG_API uint64_t expmig_report_error_count(const struct expmig_report *report);

/**
 * How many warnings there are, listed or not. Since 0.1.0.
 */
EXPMIG_API uint64_t expmig_report_warning_count(const struct expmig_report *report);

/**
 * How many infos there are, listed or not. Since 0.1.0.
 */
EXPMIG_API uint64_t expmig_report_info_count(const struct expmig_report *report);

/**
 * How many issues there are, listed or not. Since 0.1.0.
 */
EXPMIG_API uint64_t expmig_report_total_count(const struct expmig_report *report);

/**
 * How many issues of a kind there are, listed or not. `kind`: "dangling_reference" and so on. 0 for NULL and for a kind that does
 * not exist. Since 0.1.0.
 */
EXPMIG_API
uint64_t expmig_report_count_of(const struct expmig_report *report,
                                const char *kind);

/**
 * The whole report as a JSON object, schema "expmig.validation/1" (docs/json-documents.md). Borrowed from the report. Never NULL.
 * Since 0.1.0.
 */
EXPMIG_API
const char *expmig_report_to_json(const struct expmig_report *report);

/**
 * Frees a report and all that was borrowed from it. NULL is fine. Since 0.1.0.
 */
EXPMIG_API void expmig_report_free(struct expmig_report *report);

/**
 * Fills in the defaults. `size` is sizeof(expmig_validate_options). Returns EXPMIG_INVALID_ARGUMENT for NULL or an impossible size.
 * Since 0.1.0.
 */
EXPMIG_API
EXPMIG_MUST_USE
expmig_status expmig_validate_options_init(struct expmig_validate_options *options,
                                           size_t size);

/**
 * Checks the data of a database, or of one experiment (docs/validation.md). Reads only, one consistent state. Defects of the data are
 * not an error of the call: they are in the report. In the report's JSON (expmig_report_to_json, docs/json-documents.md), `warnings` are
 * about the report itself: they name tables without transactions, which can change while they are read.
 *
 * `options`: NULL for the defaults: everything, the whole database.
 * `report`: receives what was found; the caller frees it with expmig_report_free.
 *
 * Returns EXPMIG_NOT_FOUND (the experiment does not exist; the hint names the nearest ids), EXPMIG_CANCELLED, EXPMIG_CALLBACK (the progress
 * callback or a registered check failed), EXPMIG_BUSY, EXPMIG_CORRUPT, EXPMIG_IO, EXPMIG_SCHEMA, EXPMIG_MISUSE, EXPMIG_INVALID_ARGUMENT.
 * Since 0.1.0.
 */
EXPMIG_API
EXPMIG_MUST_USE
expmig_status expmig_validate(const struct expmig_manager *manager,
                              const struct expmig_validate_options *options,
                              struct expmig_report **report,
                              struct expmig_error **error);

/**
 * Checks the hierarchy of one experiment. The result is short; that of expmig_validate has more details. Reads only.
 *
 * `valid`: receives 1 if there is no error, else 0.
 * `issues_json`: receives a JSON object, schema "expmig.hierarchy/1": "experiment_id", "valid", and "issues", the errors and warnings,
 * one line each. The caller frees it with expmig_string_free.
 *
 * An experiment that does not exist is not valid, and the only issue says so. Returns EXPMIG_BUSY, EXPMIG_CORRUPT, EXPMIG_IO,
 * EXPMIG_SCHEMA, EXPMIG_MISUSE, EXPMIG_INVALID_ARGUMENT. Since 0.1.0.
 */
EXPMIG_API
EXPMIG_MUST_USE
expmig_status expmig_hierarchy_validate(const struct expmig_manager *manager,
                                        int64_t experiment_id,
                                        int32_t *valid,
                                        char **issues_json,
                                        struct expmig_error **error);

/**
 * Checks a text of per-label values before you store it, by the rules that expmig_validate applies to METRIC.per_label_val. Opens
 * nothing.
 *
 * `json`, `length`: the bytes of the text. It need not end with a NUL; if it does, do not count the NUL.
 * `valid`: receives 1 if nothing is wrong with it, else 0.
 * `issues_json`: receives a JSON object, schema "expmig.metric-json/1": "valid", and "issues", one for each kind of defect
 * (docs/validation.md) that the text has, with "kind" and "message". The caller frees it with expmig_string_free.
 *
 * Returns EXPMIG_INVALID_ARGUMENT. Since 0.1.0.
 */
EXPMIG_API
EXPMIG_MUST_USE
expmig_status expmig_metric_json_validate(const char *json,
                                          size_t length,
                                          int32_t *valid,
                                          char **issues_json,
                                          struct expmig_error **error);

/**
 * Fills in the defaults. `size` is sizeof(expmig_export_options). Returns EXPMIG_INVALID_ARGUMENT for NULL or an impossible size.
 * Since 0.1.0.
 */
EXPMIG_API
EXPMIG_MUST_USE
expmig_status expmig_export_options_init(struct expmig_export_options *options,
                                         size_t size);

/**
 * Writes an experiment and everything below it as one JSON document, every value unchanged (docs/export-format.md), from one consistent
 * state of the database, in constant memory. Reads only.
 *
 * `write_fn`: receives the document in pieces of some 64 KiB; a piece is larger if a single value is. After a failure, the pieces that
 * it received are not a complete document.
 * `user_data`: passed to `write_fn`.
 * `options`: NULL for the defaults.
 *
 * Returns EXPMIG_NOT_FOUND (the hint names the nearest ids), EXPMIG_VALIDATION (unsound rows; the details name them),
 * EXPMIG_UNSUPPORTED (an unknown `format`), EXPMIG_CANCELLED, EXPMIG_CALLBACK, EXPMIG_BUSY, EXPMIG_CORRUPT, EXPMIG_IO, EXPMIG_SCHEMA,
 * EXPMIG_MISUSE, EXPMIG_INVALID_ARGUMENT. Since 0.1.0.
 */
EXPMIG_API
EXPMIG_MUST_USE
expmig_status expmig_export_experiment(const struct expmig_manager *manager,
                                       int64_t experiment_id,
                                       const struct expmig_export_options *options,
                                       expmig_write_fn write_fn,
                                       void *user_data,
                                       struct expmig_error **error);

/**
 * Like expmig_export_experiment, but into a file. The file gets its name only when it is complete and flushed to the device; before
 * that, and after a failure, there is no file.
 *
 * `path`: UTF-8; the folder must exist. Names of the database's own files are refused.
 * `options`: NULL for the defaults: an existing file is not replaced, and only the owner can read the new one.
 *
 * Also returns EXPMIG_ALREADY_EXISTS (a file of this name). Since 0.1.0.
 */
EXPMIG_API
EXPMIG_MUST_USE
expmig_status expmig_export_experiment_to_file(const struct expmig_manager *manager,
                                               int64_t experiment_id,
                                               const char *path,
                                               const struct expmig_export_options *options,
                                               struct expmig_error **error);

/**
 * Like expmig_export_experiment, but into one string.
 *
 * `document`: receives the document, which the caller frees with expmig_string_free.
 *
 * Also returns EXPMIG_LIMIT (no memory for it). Since 0.1.0.
 */
EXPMIG_API
EXPMIG_MUST_USE
expmig_status expmig_export_experiment_to_string(const struct expmig_manager *manager,
                                                 int64_t experiment_id,
                                                 const struct expmig_export_options *options,
                                                 char **document,
                                                 struct expmig_error **error);

/**
 * Fills in the defaults. `size` is sizeof(expmig_import_options). Returns EXPMIG_INVALID_ARGUMENT for NULL or an impossible size.
 * Since 0.1.0.
 */
EXPMIG_API
EXPMIG_MUST_USE
expmig_status expmig_import_options_init(struct expmig_import_options *options,
                                         size_t size);

/**
 * Imports the experiment of a document (docs/export-format.md), with everything below it, while it reads the document, in one
 * transaction: a failure, a cancel or a crash leaves the database as it was. What was written is read back: its digest and its row
 * counts must be those in the document. Other connections cannot write meanwhile. Memory grows with the largest value of the document,
 * not with the document.
 *
 * `read_fn`, `user_data`: give the document; `user_data` is passed to `read_fn`.
 * `options`: NULL for the defaults.
 * `experiment_id`: receives the id of the imported experiment, or of the one that was there already.
 * `result_json`: receives a JSON object, schema "expmig.import/1", which the caller frees with expmig_string_free; NULL if it is not
 * wanted.
 *
 * Errors about the document have the details "json_path" and "offset" (in bytes). Returns EXPMIG_CORRUPT (not JSON, or cut off),
 * EXPMIG_VALIDATION (the document breaks a rule of the format, or values are not what their columns are for), EXPMIG_UNSUPPORTED (a
 * newer format; a document of the older tool without EXPMIG_IMPORT_ALLOW_UNLINKED), EXPMIG_LIMIT (a value too large, nested too deep, no
 * free ids), EXPMIG_LOSSY (the database cannot hold something, without EXPMIG_IMPORT_ALLOW_LOSSY), EXPMIG_CONSTRAINT, EXPMIG_MISMATCH
 * (counts or digest), EXPMIG_ALREADY_EXISTS (a duplicate, or ids that are taken), EXPMIG_CANCELLED, EXPMIG_CALLBACK, EXPMIG_BUSY,
 * EXPMIG_SHARED_PROCESS, EXPMIG_IO, EXPMIG_SCHEMA, EXPMIG_MISUSE, EXPMIG_INVALID_ARGUMENT. After each of them nothing was changed.
 * Since 0.1.0.
 */
EXPMIG_API
EXPMIG_MUST_USE
expmig_status expmig_import_experiment(const struct expmig_manager *manager,
                                       expmig_read_fn read_fn,
                                       void *user_data,
                                       const struct expmig_import_options *options,
                                       int64_t *experiment_id,
                                       char **result_json,
                                       struct expmig_error **error);

/**
 * Like expmig_import_experiment, but from a file.
 *
 * `path`: of the document, UTF-8.
 *
 * Returns as expmig_import_experiment, and EXPMIG_NOT_FOUND (no such file). Since 0.1.0.
 */
EXPMIG_API
EXPMIG_MUST_USE
expmig_status expmig_import_experiment_from_file(const struct expmig_manager *manager,
                                                 const char *path,
                                                 const struct expmig_import_options *options,
                                                 int64_t *experiment_id,
                                                 char **result_json,
                                                 struct expmig_error **error);

/**
 * Like expmig_import_experiment, but from memory.
 *
 * `document`, `length`: its bytes, UTF-8. It need not end with a NUL; if it does, do not count the NUL.
 *
 * Returns as expmig_import_experiment. Since 0.1.0.
 */
EXPMIG_API
EXPMIG_MUST_USE
expmig_status expmig_import_experiment_from_string(const struct expmig_manager *manager,
                                                   const char *document,
                                                   size_t length,
                                                   const struct expmig_import_options *options,
                                                   int64_t *experiment_id,
                                                   char **result_json,
                                                   struct expmig_error **error);

/**
 * Imports the experiment of a document, like expmig_import_experiment, and answers an object.
 *
 * `read_fn`, `user_data`, `options`: as for expmig_import_experiment.
 * `result`: receives what was done; the caller frees it with expmig_import_free.
 *
 * Returns as expmig_import_experiment. Since 0.1.0.
 */
EXPMIG_API
EXPMIG_MUST_USE
expmig_status expmig_import_run(const struct expmig_manager *manager,
                                expmig_read_fn read_fn,
                                void *user_data,
                                const struct expmig_import_options *options,
                                struct expmig_import **result,
                                struct expmig_error **error);

/**
 * Like expmig_import_run, but from a file.
 *
 * `path`: of the document, UTF-8.
 *
 * Returns as expmig_import_experiment_from_file. Since 0.1.0.
 */
EXPMIG_API
EXPMIG_MUST_USE
expmig_status expmig_import_run_from_file(const struct expmig_manager *manager,
                                          const char *path,
                                          const struct expmig_import_options *options,
                                          struct expmig_import **result,
                                          struct expmig_error **error);

/**
 * Like expmig_import_run, but from memory.
 *
 * `document`, `length`: its bytes, UTF-8. It need not end with a NUL; if it does, do not count the NUL.
 *
 * Returns as expmig_import_experiment. Since 0.1.0.
 */
EXPMIG_API
EXPMIG_MUST_USE
expmig_status expmig_import_run_from_string(const struct expmig_manager *manager,
                                            const char *document,
                                            size_t length,
                                            const struct expmig_import_options *options,
                                            struct expmig_import **result,
                                            struct expmig_error **error);

/**
 * A digest of an import.
 *
 * `which`: EXPMIG_DIGEST_SOURCE, which is in the document, or EXPMIG_DIGEST_TARGET, of what was written, as it was read back.
 * `digest`: receives 32 bytes (EXPMIG_DIGEST_SIZE).
 *
 * Returns EXPMIG_NOT_FOUND if the document has none, EXPMIG_INVALID_ARGUMENT. Since 0.1.0.
 */
EXPMIG_API
EXPMIG_MUST_USE
expmig_status expmig_import_digest(const struct expmig_import *result,
                                   int32_t which,
                                   uint8_t *digest,
                                   struct expmig_error **error);

/**
 * The id of the imported experiment, or of the one that was there already. 0 for NULL. Since 0.1.0.
 */
EXPMIG_API int64_t expmig_import_experiment_id(const struct expmig_import *result);

/**
 * The id that the experiment has in the document. Since 0.1.0.
 */
EXPMIG_API int64_t expmig_import_document_experiment_id(const struct expmig_import *result);

/**
 * 1 if nothing was written because the database already had the same experiment, else 0. Since 0.1.0.
 */
EXPMIG_API int32_t expmig_import_skipped(const struct expmig_import *result);

/**
 * 1 if rows kept the ids of the document, else 0. Since 0.1.0.
 */
EXPMIG_API int32_t expmig_import_preserved_ids(const struct expmig_import *result);

/**
 * Rows that were written. Since 0.1.0.
 */
EXPMIG_API uint64_t expmig_import_items_processed(const struct expmig_import *result);

/**
 * Of these, metrics that are linked to nothing, because a document of the older command-line tool does not say what they belong to.
 * Since 0.1.0.
 */
EXPMIG_API
uint64_t expmig_import_unlinked_metrics(const struct expmig_import *result);

/**
 * How many tables got rows. Since 0.1.0.
 */
EXPMIG_API size_t expmig_import_table_count(const struct expmig_import *result);

/**
 * The name of a table. `index` counts from 0. Borrowed from the result; NULL if there is no such table. Since 0.1.0.
 */
EXPMIG_API const char *expmig_import_table_name(const struct expmig_import *result, size_t index);

/**
 * How many rows a table got. Since 0.1.0.
 */
EXPMIG_API uint64_t expmig_import_table_rows(const struct expmig_import *result, size_t index);

/**
 * What the document says it was exported from. Borrowed from the result; NULL if it does not say. Since 0.1.0.
 */
EXPMIG_API const char *expmig_import_source_database(const struct expmig_import *result);

/**
 * How many columns were added to the database. Since 0.1.0.
 */
EXPMIG_API size_t expmig_import_added_column_count(const struct expmig_import *result);

/**
 * The table of a column that was added. `index` counts from 0. Borrowed from the result; NULL if there is no such column. Since 0.1.0.
 */
EXPMIG_API
const char *expmig_import_added_column_table(const struct expmig_import *result,
                                             size_t index);

/**
 * The name of a column that was added. Borrowed from the result; NULL if there is no such column. Since 0.1.0.
 */
EXPMIG_API const char *expmig_import_added_column_name(const struct expmig_import *result, size_t index);

/**
 * How many values were changed or left out (EXPMIG_IMPORT_ALLOW_LOSSY), listed or not. Since 0.1.0.
 */
EXPMIG_API uint64_t expmig_import_lossy_count(const struct expmig_import *result);

/**
 * How many of these are listed: all, or the first hundred. Since 0.1.0.
 */
EXPMIG_API size_t expmig_import_loss_count(const struct expmig_import *result);

/**
 * The table of a value that was changed or left out. `index` counts from 0. Borrowed from the result; NULL if there is no such loss.
 * Since 0.1.0.
 */
EXPMIG_API
const char *expmig_import_loss_table(const struct expmig_import *result,
                                     size_t index);

/**
 * The place of the value: the JSON path of its row in the document, or the key of the row. Borrowed from the result; NULL if there is no
 * such loss, or if it is about the whole table. Since 0.1.0.
 */
EXPMIG_API
const char *expmig_import_loss_row(const struct expmig_import *result,
                                   size_t index);

/**
 * The column of the value. Borrowed from the result; NULL if there is no such loss, or if it is about the row. Since 0.1.0.
 */
EXPMIG_API
const char *expmig_import_loss_column(const struct expmig_import *result,
                                      size_t index);

/**
 * Why the value was changed or left out. Borrowed from the result; NULL if there is no such loss. Since 0.1.0.
 */
EXPMIG_API const char *expmig_import_loss_reason(const struct expmig_import *result, size_t index);

/**
 * How many warnings there are. Since 0.1.0.
 */
EXPMIG_API size_t expmig_import_warning_count(const struct expmig_import *result);

/**
 * A warning, one line. `index` counts from 0. Borrowed from the result; NULL if there is no such warning. Since 0.1.0.
 */
EXPMIG_API const char *expmig_import_warning_at(const struct expmig_import *result, size_t index);

/**
 * How long the import took, in nanoseconds. Since 0.1.0.
 */
EXPMIG_API uint64_t expmig_import_duration_ns(const struct expmig_import *result);

/**
 * The whole result as a JSON object, schema "expmig.import/1". It also has the new ids. Borrowed from the result. Never NULL.
 * Since 0.1.0.
 */
EXPMIG_API
const char *expmig_import_to_json(const struct expmig_import *result);

/**
 * Frees a result and all that was borrowed from it. NULL is fine. Since 0.1.0.
 */
EXPMIG_API void expmig_import_free(struct expmig_import *result);

/**
 * Fills in the defaults. `size` is sizeof(expmig_bring_in_options). Returns EXPMIG_INVALID_ARGUMENT for NULL or an impossible size.
 * Since 0.1.0.
 */
EXPMIG_API
EXPMIG_MUST_USE
expmig_status expmig_bring_in_options_init(struct expmig_bring_in_options *options,
                                           size_t size);

/**
 * Brings the runs of a file or folder that another tracker wrote into the manager's database, a store of MLflow on any engine (docs/bring-in.md), in one
 * transaction: a failure, a cancel or a crash leaves the database as it was. What was written is read back and compared. Everything that was
 * read is accounted for. What the database has already is left as it is, so that the call can be repeated. The source is only read.
 *
 * `path`: of the file or folder, UTF-8; of Optuna's tables on a server the URL (expmig_database_open).
 * `options`: NULL for the defaults.
 * `result`: receives what was done; the caller frees it with expmig_brought_free.
 *
 * Returns EXPMIG_NOT_FOUND if there is nothing, EXPMIG_UNSUPPORTED if no reader knows what is there, or the database is none into which runs can be
 * brought, EXPMIG_CORRUPT if the source cannot be read, EXPMIG_ALREADY_EXISTS if ids or the sidecar are taken, EXPMIG_LOSSY or EXPMIG_CONSTRAINT if
 * the database has no place for values, EXPMIG_MISMATCH, EXPMIG_BUSY, EXPMIG_CANCELLED, EXPMIG_CALLBACK, EXPMIG_INVALID_ARGUMENT, EXPMIG_IO.
 * Since 0.1.0.
 */
EXPMIG_API
EXPMIG_MUST_USE
expmig_status expmig_bring_in(const struct expmig_manager *manager,
                              const char *path,
                              const struct expmig_bring_in_options *options,
                              struct expmig_brought **result,
                              struct expmig_error **error);

/**
 * Says what expmig_bring_in would do. Writes nothing, and makes no sidecar; what has no place is counted, and is no error.
 *
 * Parameters and statuses as for expmig_bring_in. Since 0.1.0.
 */
EXPMIG_API
EXPMIG_MUST_USE
expmig_status expmig_bring_in_plan(const struct expmig_manager *manager,
                                   const char *path,
                                   const struct expmig_bring_in_options *options,
                                   struct expmig_brought **result,
                                   struct expmig_error **error);

/**
 * The reader that read the source: "mlflow-files", "tensorboard", "wandb", "neptune", "optuna". Borrowed from the result; NULL for NULL. Since 0.1.0.
 */
EXPMIG_API
const char *expmig_brought_kind(const struct expmig_brought *result);

/**
 * 1 if nothing was written, because the result is of expmig_bring_in_plan, else 0. Since 0.1.0.
 */
EXPMIG_API int32_t expmig_brought_planned(const struct expmig_brought *result);

/**
 * How many experiments the source has. Since 0.1.0.
 */
EXPMIG_API size_t expmig_brought_experiment_count(const struct expmig_brought *result);

/**
 * The id that an experiment has in the database. `index` counts from 0. 0 if there is no such experiment. Since 0.1.0.
 */
EXPMIG_API int64_t expmig_brought_experiment_id(const struct expmig_brought *result, size_t index);

/**
 * The name that an experiment has in the database. Borrowed from the result; NULL if there is no such experiment. Since 0.1.0.
 */
EXPMIG_API
const char *expmig_brought_experiment_name(const struct expmig_brought *result,
                                           size_t index);

/**
 * The name that an experiment has in the source. Borrowed from the result; NULL if there is no such experiment. Since 0.1.0.
 */
EXPMIG_API
const char *expmig_brought_experiment_source_name(const struct expmig_brought *result,
                                                  size_t index);

/**
 * 1 if the database had the experiment already, else 0. Since 0.1.0.
 */
EXPMIG_API int32_t expmig_brought_experiment_was_there(const struct expmig_brought *result, size_t index);

/**
 * How many runs of an experiment the source has. Since 0.1.0.
 */
EXPMIG_API uint64_t expmig_brought_experiment_run_count(const struct expmig_brought *result, size_t index);

/**
 * How many runs the source has. Since 0.1.0.
 */
EXPMIG_API uint64_t expmig_brought_run_count(const struct expmig_brought *result);

/**
 * How many of them the database did not have. Since 0.1.0.
 */
EXPMIG_API uint64_t expmig_brought_new_run_count(const struct expmig_brought *result);

/**
 * How many rows, of all tables, are new in the database. Since 0.1.0.
 */
EXPMIG_API uint64_t expmig_brought_rows_new(const struct expmig_brought *result);

/**
 * How many rows took the place of what an earlier call had brought in of a run that went on. Since 0.1.0.
 */
EXPMIG_API uint64_t expmig_brought_rows_changed(const struct expmig_brought *result);

/**
 * A number of the account of the points of metrics: `which` is EXPMIG_ACCOUNT_READ and so on. What was read is the sum of the others. 0 for another
 * `which`. Since 0.1.0.
 */
EXPMIG_API
uint64_t expmig_brought_points(const struct expmig_brought *result,
                               int32_t which);

/**
 * A number of the account of everything else that has a value, as expmig_brought_points. Since 0.1.0.
 */
EXPMIG_API uint64_t expmig_brought_values(const struct expmig_brought *result, int32_t which);

/**
 * How many values the database has no place for, and no sidecar was given. Since 0.1.0.
 */
EXPMIG_API uint64_t expmig_brought_without_place(const struct expmig_brought *result);

/**
 * How many sources (files, or folders of runs) break off in the middle of a record. Since 0.1.0.
 */
EXPMIG_API size_t expmig_brought_torn_count(const struct expmig_brought *result);

/**
 * How many sources do not say that they are complete. Since 0.1.0.
 */
EXPMIG_API size_t expmig_brought_unfinished_count(const struct expmig_brought *result);

/**
 * How many warnings there are. Since 0.1.0.
 */
EXPMIG_API size_t expmig_brought_warning_count(const struct expmig_brought *result);

/**
 * A warning, one line. `index` counts from 0. Borrowed from the result; NULL if there is no such warning. Since 0.1.0.
 */
EXPMIG_API const char *expmig_brought_warning_at(const struct expmig_brought *result, size_t index);

/**
 * How long the call took, in nanoseconds. Since 0.1.0.
 */
EXPMIG_API uint64_t expmig_brought_duration_ns(const struct expmig_brought *result);

/**
 * The whole result as a JSON object, schema "expmig.bring_in/1": with the account of each source, by rule, and what became of the rows of each table.
 * Borrowed from the result. Never NULL. Since 0.1.0.
 */
EXPMIG_API
const char *expmig_brought_to_json(const struct expmig_brought *result);

/**
 * Frees a result and all that was borrowed from it. NULL is fine. Since 0.1.0.
 */
EXPMIG_API void expmig_brought_free(struct expmig_brought *result);

/**
 * Fills in the defaults. `size` is sizeof(expmig_report_html_options). Returns EXPMIG_INVALID_ARGUMENT for NULL or an impossible size.
 * Since 0.1.0.
 */
EXPMIG_API
EXPMIG_MUST_USE
expmig_status expmig_report_html_options_init(struct expmig_report_html_options *options,
                                              size_t size);

/**
 * Writes a page of experiments (docs/report.md): one HTML file that needs nothing else, with their curves, values and tree, what validation
 * found, and of two experiments where they first differ. From one consistent state of each database, in constant memory. Reads only.
 *
 * `managers`, `experiment_ids`: arrays of `count` elements, at most 100: the experiments, and for each the manager of its database. A
 * manager may stand there more than once.
 * `options`: NULL for the defaults.
 * `write_fn`: receives the page, UTF-8, in pieces of some 64 KiB. After a failure, the pieces that it received are not a complete page.
 * `user_data`: passed to `write_fn`.
 *
 * What a page cannot hold (curves of more than 2000 runs, for example) is counted, and the page says so; the lowest and highest values
 * of a curve are never left out. Returns EXPMIG_NOT_FOUND (the hint names the nearest ids), EXPMIG_LIMIT (more than 100 experiments),
 * EXPMIG_UNSUPPORTED, EXPMIG_CANCELLED, EXPMIG_CALLBACK, EXPMIG_BUSY, EXPMIG_CORRUPT, EXPMIG_IO, EXPMIG_SCHEMA, EXPMIG_MISUSE,
 * EXPMIG_INVALID_ARGUMENT. Since 0.1.0.
 */
EXPMIG_API
EXPMIG_MUST_USE
expmig_status expmig_report_html(const struct expmig_manager *const *managers,
                                 const int64_t *experiment_ids,
                                 size_t count,
                                 const struct expmig_report_html_options *options,
                                 expmig_write_fn write_fn,
                                 void *user_data,
                                 struct expmig_error **error);

/**
 * Like expmig_report_html, but into a file. The file gets its name only when it is complete and flushed to the device; before that, and
 * after a failure, there is no file.
 *
 * `path`: UTF-8; the folder must exist. Names of the databases' own files are refused.
 * `options`: NULL for the defaults: an existing file is not replaced, and only the owner can read the new one.
 *
 * Also returns EXPMIG_ALREADY_EXISTS (a file of this name). Since 0.1.0.
 */
EXPMIG_API
EXPMIG_MUST_USE
expmig_status expmig_report_html_to_file(const struct expmig_manager *const *managers,
                                         const int64_t *experiment_ids,
                                         size_t count,
                                         const char *path,
                                         const struct expmig_report_html_options *options,
                                         struct expmig_error **error);

/**
 * Registers a check that is a function. From now on it runs, in the order of registration, in:
 * - every expmig_validate on this manager with EXPMIG_VALIDATE_REGISTERED_CHECKS; what it reports is part of the report and its verdict;
 * - every migration and plan from this manager with EXPMIG_STRATEGY_CONSERVATIVE, once for the whole source and once for the experiment.
 *
 * `name`: 1 to 128 bytes of UTF-8 without control characters, unique among the checks of the manager.
 * `check_fn`: the check.
 * `user_data`: passed to `check_fn`.
 * `destroy`: called with `user_data` when the manager no longer needs it: after expmig_check_unregister or expmig_manager_free, or if this
 * call fails; NULL for none.
 *
 * Returns EXPMIG_ALREADY_EXISTS, EXPMIG_MISUSE, EXPMIG_INVALID_ARGUMENT. Since 0.1.0.
 */
EXPMIG_API
EXPMIG_MUST_USE
expmig_status expmig_check_register(const struct expmig_manager *manager,
                                    const char *name,
                                    expmig_check_fn check_fn,
                                    void *user_data,
                                    expmig_destroy_fn destroy,
                                    struct expmig_error **error);

/**
 * Registers a check that is a SELECT: each row of its result is an issue. The statement is prepared at once, to find errors in it.
 *
 * `name`: as for expmig_check_register.
 * `sql`: one SELECT, which can only read. Copied. Columns with these names describe the issue: "table" (or "table_name"), "row"
 * ("row_key", "key"), "column" ("column_name"), "message", "value" and "severity" ("error", "warning", "info" or their numbers). All may
 * be missing: then the issue is an error, and the other columns name its row. The parameter :experiment_id is the experiment that is
 * validated, NULL for the whole database.
 *
 * Returns EXPMIG_ALREADY_EXISTS, EXPMIG_MISUSE (the statement would do more than read), EXPMIG_INVALID_ARGUMENT (not a statement that SQLite
 * accepts, or another parameter), EXPMIG_BUSY, EXPMIG_CORRUPT, EXPMIG_IO, EXPMIG_UNSUPPORTED (as expmig_database_query). Since 0.1.0.
 */
EXPMIG_API
EXPMIG_MUST_USE
expmig_status expmig_check_register_sql(const struct expmig_manager *manager,
                                        const char *name,
                                        const char *sql,
                                        struct expmig_error **error);

/**
 * Unregisters a check.
 *
 * Returns EXPMIG_NOT_FOUND (the hint names the checks that there are), EXPMIG_MISUSE, EXPMIG_INVALID_ARGUMENT. Since 0.1.0.
 */
EXPMIG_API
EXPMIG_MUST_USE
expmig_status expmig_check_unregister(const struct expmig_manager *manager,
                                      const char *name,
                                      struct expmig_error **error);

/**
 * The id of the experiment that is validated, borrowed from the context; NULL for the whole database. Since 0.1.0.
 */
EXPMIG_API const int64_t *expmig_check_experiment_id(const struct expmig_check_context *context);

/**
 * Runs one SELECT on exactly the state that is validated; otherwise like expmig_database_query. `row_fn` may run more queries and report
 * issues. Returns as expmig_database_query. Since 0.1.0.
 */
EXPMIG_API
EXPMIG_MUST_USE
expmig_status expmig_check_query(const struct expmig_check_context *context,
                                 const char *sql,
                                 const struct expmig_value *params,
                                 size_t param_count,
                                 expmig_row_fn row_fn,
                                 void *user_data,
                                 struct expmig_error **error);

/**
 * Adds an issue to the report.
 *
 * `issue`: was filled by expmig_issue_init. Its `severity`, `table`, `row_key`, `column`, `message` and `value` are copied, and cut if
 * they are very long. Each text can be NULL; a missing message is made from the check's name, the table and the row. The other fields
 * are ignored.
 *
 * Returns EXPMIG_CANCELLED and EXPMIG_CALLBACK (the validation must end), EXPMIG_INVALID_ARGUMENT. Since 0.1.0.
 */
EXPMIG_API
EXPMIG_MUST_USE
expmig_status expmig_check_report(const struct expmig_check_context *context,
                                  const struct expmig_issue *issue,
                                  struct expmig_error **error);

/**
 * Fills in the defaults: all metrics. `size` is sizeof(expmig_transform_selection). Returns EXPMIG_INVALID_ARGUMENT for NULL or an
 * impossible size. Since 0.1.0.
 */
EXPMIG_API
EXPMIG_MUST_USE
expmig_status expmig_transform_selection_init(struct expmig_transform_selection *selection,
                                              size_t size);

/**
 * Fills in the defaults. `size` is sizeof(expmig_transform_options). Returns EXPMIG_INVALID_ARGUMENT for NULL or an impossible size.
 * Since 0.1.0.
 */
EXPMIG_API
EXPMIG_MUST_USE
expmig_status expmig_transform_options_init(struct expmig_transform_options *options,
                                            size_t size);

/**
 * Changes metrics by the rules of a document (docs/transformations.md), in one transaction: a failure, a cancel or a crash leaves the
 * database as it was. Rows that do not change are not written. If `experiment_ids` are given, a metric that is also linked from
 * elsewhere is copied first, and only the links of these experiments move to the copy.
 *
 * `selection`: which metrics; NULL for all.
 * `rules_json`: {"metric_transformations": [{"metric_type", "transformation", "rules"}, ...], "global_settings": {"backup_original",
 * "validate_after_transform", "rollback_on_error"}}, or the list alone; "params" means the same as "rules", and the settings are
 * true unless they say otherwise.
 * `options`: NULL for the defaults.
 * `result`: receives what was done; the caller frees it with expmig_transformation_free.
 *
 * Returns EXPMIG_INVALID_ARGUMENT (something is wrong with the rules; the detail "path" says where), EXPMIG_LIMIT (too many rules),
 * EXPMIG_NOT_FOUND (an experiment or a metric does not exist), EXPMIG_VALIDATION (metrics that cannot be transformed, unless
 * rollback_on_error is false; the details name them), EXPMIG_MISMATCH (a trigger interfered), EXPMIG_CANCELLED, EXPMIG_CALLBACK,
 * EXPMIG_BUSY (also if another connection to a server changed one of the metrics meanwhile), EXPMIG_SHARED_PROCESS (the first write opens
 * the file once more), EXPMIG_CORRUPT, EXPMIG_IO, EXPMIG_SCHEMA, EXPMIG_MISUSE; on a server also EXPMIG_AUTH (a right is missing, such as
 * CREATE for the tables of the undo log), EXPMIG_UNSUPPORTED (METRIC is of an engine without transactions), EXPMIG_CONSTRAINT (a value
 * does not fit its column), EXPMIG_CONNECTION, EXPMIG_TIMEOUT. After each of them nothing was changed, except that on a server the empty
 * tables of the undo log may have been created (docs/servers.md). Since 0.1.0.
 */
EXPMIG_API
EXPMIG_MUST_USE
expmig_status expmig_transform_metrics(const struct expmig_manager *manager,
                                       const struct expmig_transform_selection *selection,
                                       const char *rules_json,
                                       const struct expmig_transform_options *options,
                                       struct expmig_transformation **result,
                                       struct expmig_error **error);

/**
 * Like expmig_transform_metrics, with one rule for the metrics of every type, and the default settings.
 *
 * `transformation`: the name of a transformation, built in or registered.
 * `params_json`: its parameters, a JSON object; NULL for an empty one.
 *
 * Returns as expmig_transform_metrics. Since 0.1.0.
 */
EXPMIG_API
EXPMIG_MUST_USE
expmig_status expmig_transform_metrics_by(const struct expmig_manager *manager,
                                          const struct expmig_transform_selection *selection,
                                          const char *transformation,
                                          const char *params_json,
                                          const struct expmig_transform_options *options,
                                          struct expmig_transformation **result,
                                          struct expmig_error **error);

/**
 * Fills in a note without any text. `size` is sizeof(expmig_transform_note). Returns EXPMIG_INVALID_ARGUMENT for NULL or an impossible
 * size. Since 0.1.0.
 */
EXPMIG_API
EXPMIG_MUST_USE
expmig_status expmig_transform_note_init(struct expmig_transform_note *note,
                                         size_t size);

/**
 * The id to give to expmig_transform_undo. 0 if nothing was changed, if backup_original was false, or if it was a dry run; 0 for NULL.
 * Since 0.1.0.
 */
EXPMIG_API
int64_t expmig_transformation_transform_id(const struct expmig_transformation *result);

/**
 * 1 if nothing was written because the call was only a preview, else 0. Since 0.1.0.
 */
EXPMIG_API int32_t expmig_transformation_dry_run(const struct expmig_transformation *result);

/**
 * Metrics of the selection. Since 0.1.0.
 */
EXPMIG_API uint64_t expmig_transformation_examined(const struct expmig_transformation *result);

/**
 * Of the examined metrics, those that some rule is for. Each was updated, unchanged, skipped or failed. Since 0.1.0.
 */
EXPMIG_API uint64_t expmig_transformation_matched(const struct expmig_transformation *result);

/**
 * Metrics that were changed, including those that were copied first. Since 0.1.0.
 */
EXPMIG_API uint64_t expmig_transformation_updated(const struct expmig_transformation *result);

/**
 * Metrics that already were as they should be. Since 0.1.0.
 */
EXPMIG_API uint64_t expmig_transformation_unchanged(const struct expmig_transformation *result);

/**
 * Metrics to which the transformation does not apply. Since 0.1.0.
 */
EXPMIG_API uint64_t expmig_transformation_skipped(const struct expmig_transformation *result);

/**
 * Metrics that could not be transformed. Since 0.1.0.
 */
EXPMIG_API uint64_t expmig_transformation_failed(const struct expmig_transformation *result);

/**
 * Changed metrics that were copied first, because they are also linked from elsewhere. Since 0.1.0.
 */
EXPMIG_API uint64_t expmig_transformation_copied(const struct expmig_transformation *result);

/**
 * 0 to 100: the share of the matched metrics that did not fail; 100, with a warning, if none matched. 0 for NULL. Since 0.1.0.
 */
EXPMIG_API
double expmig_transformation_success_rate(const struct expmig_transformation *result);

/**
 * How long the transformation took, in nanoseconds. Since 0.1.0.
 */
EXPMIG_API uint64_t expmig_transformation_duration_ns(const struct expmig_transformation *result);

/**
 * How many warnings there are. Since 0.1.0.
 */
EXPMIG_API size_t expmig_transformation_warning_count(const struct expmig_transformation *result);

/**
 * A warning, one line, UTF-8. `index` counts from 0. Borrowed from the result; NULL if there is no such warning. Since 0.1.0.
 */
EXPMIG_API
const char *expmig_transformation_warning_at(const struct expmig_transformation *result,
                                             size_t index);

/**
 * How many of the failed metrics are listed: all, or the first hundred. Since 0.1.0.
 */
EXPMIG_API size_t expmig_transformation_failure_count(const struct expmig_transformation *result);

/**
 * A failed metric that is listed.
 *
 * `index`: from 0 to expmig_transformation_failure_count, exclusive.
 * `note`: was filled by expmig_transform_note_init; receives the metric. Its text is borrowed from the result.
 *
 * Returns EXPMIG_INVALID_ARGUMENT. Since 0.1.0.
 */
EXPMIG_API
EXPMIG_MUST_USE
expmig_status expmig_transformation_failure_at(const struct expmig_transformation *result,
                                               size_t index,
                                               struct expmig_transform_note *note,
                                               struct expmig_error **error);

/**
 * How many of the skipped metrics are listed: all, or the first hundred. Since 0.1.0.
 */
EXPMIG_API size_t expmig_transformation_skip_count(const struct expmig_transformation *result);

/**
 * A skipped metric that is listed; otherwise like expmig_transformation_failure_at. Since 0.1.0.
 */
EXPMIG_API
EXPMIG_MUST_USE
expmig_status expmig_transformation_skip_at(const struct expmig_transformation *result,
                                            size_t index,
                                            struct expmig_transform_note *note,
                                            struct expmig_error **error);

/**
 * The whole result as a JSON object, schema "expmig.transformation/1": the numbers, what each rule did, failed and skipped metrics,
 * warnings, and the examples of a dry run. Borrowed from the result. Never NULL. Since 0.1.0.
 */
EXPMIG_API
const char *expmig_transformation_to_json(const struct expmig_transformation *result);

/**
 * Frees a result and all that was borrowed from it. NULL is fine. Since 0.1.0.
 */
EXPMIG_API void expmig_transformation_free(struct expmig_transformation *result);

/**
 * Reports what expmig_migrate_experiment would do with the same arguments, like expmig_migrate_plan, as an object. Writes nothing.
 *
 * `source`, `experiment_id`, `target`, `options`: as for expmig_migrate_plan.
 * `plan`: receives the plan; the caller frees it with expmig_plan_free.
 *
 * Returns as expmig_migrate_plan. Since 0.1.0.
 */
EXPMIG_API
EXPMIG_MUST_USE
expmig_status expmig_plan_make(const struct expmig_manager *source,
                               int64_t experiment_id,
                               const struct expmig_manager *target,
                               const struct expmig_migrate_options *options,
                               struct expmig_plan **plan,
                               struct expmig_error **error);

/**
 * A digest of the plan.
 *
 * `which`: EXPMIG_DIGEST_SOURCE, or EXPMIG_DIGEST_AS_STORED: what the copy would have.
 * `digest`: receives 32 bytes (EXPMIG_DIGEST_SIZE).
 *
 * Returns EXPMIG_NOT_FOUND if the plan has no such digest, EXPMIG_INVALID_ARGUMENT. Since 0.1.0.
 */
EXPMIG_API
EXPMIG_MUST_USE
expmig_status expmig_plan_digest(const struct expmig_plan *plan,
                                 int32_t which,
                                 uint8_t *digest,
                                 struct expmig_error **error);

/**
 * The id of the experiment that would be copied. 0 for NULL. Since 0.1.0.
 */
EXPMIG_API int64_t expmig_plan_source_experiment_id(const struct expmig_plan *plan);

/**
 * The id of the experiment to which trials would be appended; 0 if a new one would be made. Since 0.1.0.
 */
EXPMIG_API int64_t expmig_plan_target_experiment_id(const struct expmig_plan *plan);

/**
 * EXPMIG_STRATEGY_BALANCED and so on. Since 0.1.0.
 */
EXPMIG_API int32_t expmig_plan_strategy(const struct expmig_plan *plan);

/**
 * 1 if source and target are one database, else 0. Since 0.1.0.
 */
EXPMIG_API int32_t expmig_plan_same_database(const struct expmig_plan *plan);

/**
 * Rows that would be copied. Since 0.1.0.
 */
EXPMIG_API uint64_t expmig_plan_items_total(const struct expmig_plan *plan);

/**
 * How many tables have rows to copy. Since 0.1.0.
 */
EXPMIG_API size_t expmig_plan_table_count(const struct expmig_plan *plan);

/**
 * The name of a table. `index` counts from 0. Borrowed from the plan; NULL if there is no such table. Since 0.1.0.
 */
EXPMIG_API const char *expmig_plan_table_name(const struct expmig_plan *plan, size_t index);

/**
 * How many rows of a table can be copied. Since 0.1.0.
 */
EXPMIG_API uint64_t expmig_plan_table_rows(const struct expmig_plan *plan, size_t index);

/**
 * How many rows of a table cannot be copied, because they hang on nothing or have no key. Since 0.1.0.
 */
EXPMIG_API uint64_t expmig_plan_table_unsound(const struct expmig_plan *plan, size_t index);

/**
 * How many columns the source has that the schema does not know. Since 0.1.0.
 */
EXPMIG_API size_t expmig_plan_extra_column_count(const struct expmig_plan *plan);

/**
 * The table of an extra column. `index` counts from 0. Borrowed from the plan; NULL if there is no such column. Since 0.1.0.
 */
EXPMIG_API
const char *expmig_plan_extra_column_table(const struct expmig_plan *plan,
                                           size_t index);

/**
 * The name of an extra column. Borrowed from the plan; NULL if there is no such column. Since 0.1.0.
 */
EXPMIG_API const char *expmig_plan_extra_column_name(const struct expmig_plan *plan, size_t index);

/**
 * What would become of an extra column: "copied", "added", "filled by the target" or "missing in the target". Borrowed from the plan;
 * NULL if there is no such column. Since 0.1.0.
 */
EXPMIG_API
const char *expmig_plan_extra_column_fate(const struct expmig_plan *plan,
                                          size_t index);

/**
 * How many tables the source has that are not copied. Since 0.1.0.
 */
EXPMIG_API size_t expmig_plan_extra_table_count(const struct expmig_plan *plan);

/**
 * A table of the source that is not copied. `index` counts from 0. Borrowed from the plan; NULL if there is no such table. Since 0.1.0.
 */
EXPMIG_API
const char *expmig_plan_extra_table_at(const struct expmig_plan *plan,
                                       size_t index);

/**
 * How many problems of a kind there are, listed or not. `which`: EXPMIG_PLAN_UNSOUND and so on. 0 for NULL and for a kind that does not
 * exist. Since 0.1.0.
 */
EXPMIG_API
uint64_t expmig_plan_problem_count(const struct expmig_plan *plan,
                                   int32_t which);

/**
 * How many problems of a kind are listed: all, or the first hundred or two. Since 0.1.0.
 */
EXPMIG_API size_t expmig_plan_problem_listed(const struct expmig_plan *plan, int32_t which);

/**
 * The table of a problem. `index` counts from 0. Borrowed from the plan; NULL if there is no such problem. Since 0.1.0.
 */
EXPMIG_API const char *expmig_plan_problem_table(const struct expmig_plan *plan, int32_t which, size_t index);

/**
 * The key of the row of a problem: "epoch_idx=3, trial_run_id=7". Borrowed from the plan; NULL if there is no such problem, or if it is
 * about the whole table. Since 0.1.0.
 */
EXPMIG_API
const char *expmig_plan_problem_row(const struct expmig_plan *plan,
                                    int32_t which,
                                    size_t index);

/**
 * The column of a problem. Borrowed from the plan; NULL if there is no such problem, or if it is about the row. Since 0.1.0.
 */
EXPMIG_API
const char *expmig_plan_problem_column(const struct expmig_plan *plan,
                                       int32_t which,
                                       size_t index);

/**
 * One line that says what is wrong. Borrowed from the plan; NULL if there is no such problem. Since 0.1.0.
 */
EXPMIG_API const char *expmig_plan_problem_message(const struct expmig_plan *plan, int32_t which, size_t index);

/**
 * What the transformation rules would do. Borrowed from the plan; do not free it. NULL if there are no rules. Since 0.1.0.
 */
EXPMIG_API
const struct expmig_transformation *expmig_plan_transformation(const struct expmig_plan *plan);

/**
 * How many experiments of the target are the same. Since 0.1.0.
 */
EXPMIG_API size_t expmig_plan_duplicate_count(const struct expmig_plan *plan);

/**
 * The id of an experiment of the target that is the same. `index` counts from 0. 0 if there is no such experiment. Since 0.1.0.
 */
EXPMIG_API
int64_t expmig_plan_duplicate_id(const struct expmig_plan *plan,
                                 size_t index);

/**
 * 1 if the contents of the two experiments were compared, 0 if only their own rows were. Since 0.1.0.
 */
EXPMIG_API int32_t expmig_plan_duplicate_proven(const struct expmig_plan *plan, size_t index);

/**
 * About how many bytes the copy takes. Since 0.1.0.
 */
EXPMIG_API int64_t expmig_plan_needed_bytes(const struct expmig_plan *plan);

/**
 * How many bytes are free where the copy would be; -1 where that is not known. Since 0.1.0.
 */
EXPMIG_API int64_t expmig_plan_free_bytes(const struct expmig_plan *plan);

/**
 * How many warnings there are. Since 0.1.0.
 */
EXPMIG_API size_t expmig_plan_warning_count(const struct expmig_plan *plan);

/**
 * A warning, one line. `index` counts from 0. Borrowed from the plan; NULL if there is no such warning. Since 0.1.0.
 */
EXPMIG_API const char *expmig_plan_warning_at(const struct expmig_plan *plan, size_t index);

/**
 * The whole plan as a JSON object, schema "expmig.plan/1"; it also says how source and target would be locked. Borrowed from the plan.
 * Never NULL. Since 0.1.0.
 */
EXPMIG_API
const char *expmig_plan_to_json(const struct expmig_plan *plan);

/**
 * Frees a plan and all that was borrowed from it. NULL is fine. Since 0.1.0.
 */
EXPMIG_API void expmig_plan_free(struct expmig_plan *plan);

/**
 * Fills in the defaults. `size` is sizeof(expmig_undo_options). Returns EXPMIG_INVALID_ARGUMENT for NULL or an impossible size. Since 0.1.0.
 */
EXPMIG_API
EXPMIG_MUST_USE
expmig_status expmig_undo_options_init(struct expmig_undo_options *options,
                                       size_t size);

/**
 * Restores the metrics that a transformation changed, byte for byte, in one transaction. Links that were moved to copies lead to the
 * originals again, and copies to which nothing else is linked are removed. A transformation can be undone once.
 *
 * `transform_id`: an id from expmig_transformation_transform_id or expmig_transform_list.
 * `options`: NULL for the defaults.
 * `result_json`: receives a JSON object, schema "expmig.undo/1": "transform_id", "metrics_restored", "copies_undone", "copies_kept",
 * "metrics_skipped" and "skipped" (with EXPMIG_UNDO_SKIP_CHANGED), "duration_ns". The caller frees it with expmig_string_free.
 *
 * Returns EXPMIG_NOT_FOUND (there is no such transformation, or it was undone or forgotten), EXPMIG_MISMATCH (metrics were changed since, or
 * are gone; the details name them, and as newer_transform_id the transformations to undo first), EXPMIG_CANCELLED, EXPMIG_CALLBACK,
 * EXPMIG_BUSY, EXPMIG_SHARED_PROCESS (the first write opens the file once more), EXPMIG_CORRUPT, EXPMIG_IO, EXPMIG_SCHEMA, EXPMIG_MISUSE,
 * EXPMIG_INVALID_ARGUMENT; on a server also EXPMIG_AUTH (a right is missing), EXPMIG_UNSUPPORTED (METRIC is of an engine without
 * transactions), EXPMIG_CONSTRAINT (a value does not fit its column any more), EXPMIG_CONNECTION, EXPMIG_TIMEOUT. After each of them nothing
 * was changed. Since 0.1.0.
 */
EXPMIG_API
EXPMIG_MUST_USE
expmig_status expmig_transform_undo(const struct expmig_manager *manager,
                                    int64_t transform_id,
                                    const struct expmig_undo_options *options,
                                    char **result_json,
                                    struct expmig_error **error);

/**
 * Lists the transformations that can be undone, the newest first, as a JSON object, schema "expmig.transforms/1": {"transforms": [{"id",
 * "created_at", "rules", "metrics", "copied"}, ...]}; times are UTC.
 *
 * `json`: receives a string that the caller frees with expmig_string_free.
 *
 * Returns EXPMIG_BUSY, EXPMIG_CORRUPT, EXPMIG_IO, EXPMIG_SCHEMA, EXPMIG_MISUSE, EXPMIG_INVALID_ARGUMENT; on a server also EXPMIG_AUTH,
 * EXPMIG_CONNECTION, EXPMIG_TIMEOUT. Since 0.1.0.
 */
EXPMIG_API
EXPMIG_MUST_USE
expmig_status expmig_transform_list(const struct expmig_manager *manager,
                                    char **json,
                                    struct expmig_error **error);

/**
 * Keeps the undo log of the newest transformations and removes that of the older ones. Metrics stay as they are.
 *
 * `keep_count`: how many can still be undone; 0 for none.
 * `options`: progress and cancel; NULL for none.
 * `forgotten_count`: receives how many transformations can no longer be undone; can be NULL.
 *
 * Returns EXPMIG_CANCELLED, EXPMIG_CALLBACK, EXPMIG_BUSY, EXPMIG_SHARED_PROCESS (the first write opens the file once more), EXPMIG_CORRUPT,
 * EXPMIG_IO, EXPMIG_SCHEMA, EXPMIG_MISUSE, EXPMIG_INVALID_ARGUMENT (a negative count); on a server also EXPMIG_AUTH, EXPMIG_CONNECTION,
 * EXPMIG_TIMEOUT. Since 0.1.0.
 */
EXPMIG_API
EXPMIG_MUST_USE
expmig_status expmig_transform_forget(const struct expmig_manager *manager,
                                      int64_t keep_count,
                                      const struct expmig_job_options *options,
                                      uint64_t *forgotten_count,
                                      struct expmig_error **error);

/**
 * Lists the transformations that can be undone, like expmig_transform_list, as an object.
 *
 * `transforms`: receives the list; the caller frees it with expmig_transforms_free.
 *
 * Returns as expmig_transform_list. Since 0.1.0.
 */
EXPMIG_API
EXPMIG_MUST_USE
expmig_status expmig_transforms_read(const struct expmig_manager *manager,
                                     struct expmig_transforms **transforms,
                                     struct expmig_error **error);

/**
 * Undoes a transformation, like expmig_transform_undo, and answers an object.
 *
 * `transform_id`, `options`: as for expmig_transform_undo.
 * `undo`: receives what was done; the caller frees it with expmig_undo_free.
 *
 * Returns as expmig_transform_undo. Since 0.1.0.
 */
EXPMIG_API
EXPMIG_MUST_USE
expmig_status expmig_undo_run(const struct expmig_manager *manager,
                              int64_t transform_id,
                              const struct expmig_undo_options *options,
                              struct expmig_undo **undo,
                              struct expmig_error **error);

/**
 * How many transformations can be undone. 0 for NULL. Since 0.1.0.
 */
EXPMIG_API size_t expmig_transforms_count(const struct expmig_transforms *transforms);

/**
 * The id to give to expmig_transform_undo. `index` counts from 0. 0 if there is no such transformation. Since 0.1.0.
 */
EXPMIG_API int64_t expmig_transforms_id(const struct expmig_transforms *transforms, size_t index);

/**
 * When a transformation was done: ISO 8601, UTC. Borrowed from the list; NULL if there is no such transformation. Since 0.1.0.
 */
EXPMIG_API
const char *expmig_transforms_created_at(const struct expmig_transforms *transforms,
                                         size_t index);

/**
 * The rules of a transformation, as JSON. Borrowed from the list; NULL if there is no such transformation. Since 0.1.0.
 */
EXPMIG_API const char *expmig_transforms_rules_json(const struct expmig_transforms *transforms, size_t index);

/**
 * How many metrics a transformation changed. Since 0.1.0.
 */
EXPMIG_API uint64_t expmig_transforms_metric_count(const struct expmig_transforms *transforms, size_t index);

/**
 * How many of these it copied first. Since 0.1.0.
 */
EXPMIG_API uint64_t expmig_transforms_copied_count(const struct expmig_transforms *transforms, size_t index);

/**
 * The whole list as a JSON object, schema "expmig.transforms/1". Borrowed from the list. Never NULL. Since 0.1.0.
 */
EXPMIG_API const char *expmig_transforms_to_json(const struct expmig_transforms *transforms);

/**
 * Frees a list and all that was borrowed from it. NULL is fine. Since 0.1.0.
 */
EXPMIG_API void expmig_transforms_free(struct expmig_transforms *transforms);

/**
 * The transformation that was undone. 0 for NULL. Since 0.1.0.
 */
EXPMIG_API int64_t expmig_undo_transform_id(const struct expmig_undo *undo);

/**
 * Metrics that have again what they had. Since 0.1.0.
 */
EXPMIG_API uint64_t expmig_undo_restored(const struct expmig_undo *undo);

/**
 * Of these, the metrics that the transformation had copied: their links lead to the originals again. Since 0.1.0.
 */
EXPMIG_API uint64_t expmig_undo_copies_undone(const struct expmig_undo *undo);

/**
 * Copies that stay, because something else is linked to them now. Since 0.1.0.
 */
EXPMIG_API uint64_t expmig_undo_copies_kept(const struct expmig_undo *undo);

/**
 * Metrics that were left as they are (EXPMIG_UNDO_SKIP_CHANGED). Since 0.1.0.
 */
EXPMIG_API uint64_t expmig_undo_skipped(const struct expmig_undo *undo);

/**
 * How many of these are listed: all, or the first hundred. Since 0.1.0.
 */
EXPMIG_API size_t expmig_undo_skip_count(const struct expmig_undo *undo);

/**
 * The id of a metric that was left as it is. `index` counts from 0. 0 if there is no such metric. Since 0.1.0.
 */
EXPMIG_API int64_t expmig_undo_skip_metric_id(const struct expmig_undo *undo, size_t index);

/**
 * Why a metric was left as it is. Borrowed from the result; NULL if there is no such metric. Since 0.1.0.
 */
EXPMIG_API const char *expmig_undo_skip_problem(const struct expmig_undo *undo, size_t index);

/**
 * How long the undo took, in nanoseconds. Since 0.1.0.
 */
EXPMIG_API uint64_t expmig_undo_duration_ns(const struct expmig_undo *undo);

/**
 * The whole result as a JSON object, schema "expmig.undo/1". Borrowed from the result. Never NULL. Since 0.1.0.
 */
EXPMIG_API const char *expmig_undo_to_json(const struct expmig_undo *undo);

/**
 * Frees a result and all that was borrowed from it. NULL is fine. Since 0.1.0.
 */
EXPMIG_API void expmig_undo_free(struct expmig_undo *undo);

/**
 * Registers a transformation. From now on the rules of this manager can name it.
 *
 * `name`: 1 to 128 bytes of UTF-8 without control characters, unique among the transformations of the manager and the built-in ones.
 * `transform_fn`: the transformation.
 * `user_data`: passed to `transform_fn`.
 * `destroy`: called with `user_data` when the manager no longer needs it: after expmig_transformation_unregister or expmig_manager_free,
 * or if this call fails; NULL for none.
 *
 * Returns EXPMIG_ALREADY_EXISTS, EXPMIG_MISUSE, EXPMIG_INVALID_ARGUMENT. Since 0.1.0.
 */
EXPMIG_API
EXPMIG_MUST_USE
expmig_status expmig_transformation_register(const struct expmig_manager *manager,
                                             const char *name,
                                             expmig_transform_fn transform_fn,
                                             void *user_data,
                                             expmig_destroy_fn destroy,
                                             struct expmig_error **error);

/**
 * Unregisters a transformation.
 *
 * Returns EXPMIG_NOT_FOUND (the hint names the transformations that there are), EXPMIG_MISUSE, EXPMIG_INVALID_ARGUMENT. Since 0.1.0.
 */
EXPMIG_API
EXPMIG_MUST_USE
expmig_status expmig_transformation_unregister(const struct expmig_manager *manager,
                                               const char *name,
                                               struct expmig_error **error);

/**
 * Sets the total of the metric. If it equals the old one, the metric counts as unchanged.
 *
 * `total_val`: any number but NaN, which the database cannot hold.
 *
 * Returns EXPMIG_INVALID_ARGUMENT. Since 0.1.0.
 */
EXPMIG_API
EXPMIG_MUST_USE
expmig_status expmig_transform_set_total(struct expmig_transform_context *context,
                                         double total_val,
                                         struct expmig_error **error);

/**
 * Sets the per-label values of the metric. With validate_after_transform the library checks afterwards whether they are valid.
 *
 * `per_label_json`: a JSON object of labels and numbers, UTF-8; NULL for none. Copied, and stored as it is.
 *
 * Returns EXPMIG_INVALID_ARGUMENT. Since 0.1.0.
 */
EXPMIG_API
EXPMIG_MUST_USE
expmig_status expmig_transform_set_per_label(struct expmig_transform_context *context,
                                             const char *per_label_json,
                                             struct expmig_error **error);

/**
 * Leaves the metric unchanged and counts it as skipped, whatever was set before.
 *
 * `reason`: one line, UTF-8. Copied.
 *
 * Returns EXPMIG_INVALID_ARGUMENT. Since 0.1.0.
 */
EXPMIG_API
EXPMIG_MUST_USE
expmig_status expmig_transform_skip(struct expmig_transform_context *context,
                                    const char *reason,
                                    struct expmig_error **error);

/**
 * Marks the metric as failed; with rollback_on_error the whole transformation fails.
 *
 * `message`: why, one line, UTF-8. Copied.
 *
 * Returns EXPMIG_INVALID_ARGUMENT. Since 0.1.0.
 */
EXPMIG_API
EXPMIG_MUST_USE
expmig_status expmig_transform_fail(struct expmig_transform_context *context,
                                    const char *message,
                                    struct expmig_error **error);

/**
 * Fills in the defaults: all metrics. `size` is sizeof(expmig_metrics_options). Returns EXPMIG_INVALID_ARGUMENT for NULL or an
 * impossible size. Since 0.1.0.
 */
EXPMIG_API
EXPMIG_MUST_USE
expmig_status expmig_metrics_options_init(struct expmig_metrics_options *options,
                                          size_t size);

/**
 * Runs one SELECT like expmig_database_query, and gives its result as a stream of Apache Arrow's C stream interface: a struct of the
 * statement's columns, in batches of at most 131,072 rows (docs/arrow.md). The type of a column is that of its values: int64, float64,
 * utf8 or binary, or null if it has none.
 *
 * `sql`, `params`, `param_count`: as for expmig_database_query.
 * `stream`: a place for the stream, whose content does not matter. The caller calls its `release`, or gives it to a library that does. It
 * is read once: after the end, get_next is an error. It needs neither the database nor the handle any more.
 *
 * Returns as expmig_database_query, and EXPMIG_LOSSY (a column has values of several types; the details name the column and the row, which
 * counts from 0). After each of them the stream's `release` is NULL. Since 0.1.0.
 */
EXPMIG_API
EXPMIG_MUST_USE
expmig_status expmig_query_arrow(const struct expmig_database *database,
                                 const char *sql,
                                 const struct expmig_value *params,
                                 size_t param_count,
                                 struct ArrowArrayStream *stream,
                                 struct expmig_error **error);

/**
 * Gives metrics as a stream of Apache Arrow's C stream interface: one row for each link to a metric, with experiment_id, trial_id,
 * trial_run_id, epoch_idx, batch_idx, metric_id, type, total_val, per_label_val (a map of utf8 to float64) and time, which is that of the
 * row that the metric hangs on; in batches of at most 131,072 rows, from one state of the database (docs/arrow.md). Metrics to which
 * nothing links are in none of them. Of a store of MLflow's: a row for each of its table metrics, with experiment_id, run_uuid, key,
 * timestamp (microseconds), step and value, which is NaN where is_nan says so.
 *
 * `options`: NULL for the defaults: all metrics.
 * `stream`: as for expmig_query_arrow. A value that does not fit its type is an error of get_next, which names the metric, unless `misfit`
 * is EXPMIG_MISFIT_COLUMN.
 *
 * Returns EXPMIG_NOT_FOUND (an experiment does not exist; the hint names the nearest ids), EXPMIG_UNSUPPORTED (`levels` of a
 * store of MLflow's, whose metrics have none), EXPMIG_CANCELLED, EXPMIG_CALLBACK, EXPMIG_BUSY, EXPMIG_CORRUPT, EXPMIG_IO, EXPMIG_LIMIT,
 * EXPMIG_SCHEMA, EXPMIG_MISUSE, EXPMIG_INVALID_ARGUMENT. After each of them the stream's `release` is NULL. Since 0.1.0.
 */
EXPMIG_API
EXPMIG_MUST_USE
expmig_status expmig_metrics_arrow(const struct expmig_manager *manager,
                                   const struct expmig_metrics_options *options,
                                   struct ArrowArrayStream *stream,
                                   struct expmig_error **error);

#ifdef __cplusplus
}
#endif

#endif
