// Package expmig calls the migration engine through its C API. docs/go.md says what to mind.
package expmig

/*
#cgo pkg-config: expmig
#include <expmig.h>
#include <stdlib.h>

// The Go function of callback.go. cgo knows no const, so its prototype has none, and is no expmig_progress_fn.
int32_t expmigGoProgress(expmig_progress *progress, uintptr_t handle);

static int32_t report(const expmig_progress *progress, void *user_data)
{
	return expmigGoProgress((expmig_progress *)progress, (uintptr_t)user_data);
}

// Options that lead to something of Go's are filled in here: a struct in Go's memory must not hold a handle as a pointer, which the
// garbage collector would take for one.
static expmig_status open_with(const char *url, uint32_t flags, const expmig_cancel *cancel, expmig_database **database,
                               expmig_error **error)
{
	expmig_open_options options;
	expmig_status status = expmig_open_options_init(&options, sizeof options);
	if (status != EXPMIG_OK)
		return status;
	options.flags = flags;
	options.cancel = cancel;
	return expmig_database_open(url, &options, database, error);
}

static expmig_status migrate_with(const expmig_manager *source, int64_t experiment, const expmig_manager *target,
                                  int32_t on_duplicate, const expmig_cancel *cancel, uintptr_t handle, expmig_migration **result,
                                  expmig_error **error)
{
	expmig_migrate_options options;
	expmig_status status = expmig_migrate_options_init(&options, sizeof options);
	if (status != EXPMIG_OK)
		return status;
	options.on_duplicate = on_duplicate;
	options.cancel = cancel;
	if (handle) {
		options.progress_fn = report;
		options.progress_user_data = (void *)handle;
	}
	return expmig_migrate_experiment(source, experiment, target, &options, result, error);
}
*/
import "C"

import (
	"context"
	"errors"
	"runtime/cgo"
	"strings"
	"sync"
	"time"
	"unsafe"
)

// Flags of Open, and what Migrate does if the target has the same experiment already.
const (
	ReadOnly       = C.EXPMIG_OPEN_READONLY
	Create         = C.EXPMIG_OPEN_CREATE
	DuplicateCopy  = C.EXPMIG_DUPLICATE_COPY
	DuplicateSkip  = C.EXPMIG_DUPLICATE_SKIP
	DuplicateError = C.EXPMIG_DUPLICATE_ERROR
)

// Detail says what an error is about: a path, a table, a row.
type Detail struct{ Key, Value string }

// Error is a call that failed, and changed nothing; docs/error-handling.md has the one exception, the detail "outcome". Status and
// Domain are names: "NOT_FOUND", "MIGRATION".
type Error struct {
	Code            int32
	Status, Domain  string
	Message, Hint   string
	Details         []Detail
	Retryable       bool
	cause, canceled error
}

func (e *Error) Error() string { return "expmig: " + e.Status + ": " + e.Message }

// Unwrap answers what a callback returned, or the error of the context that ended the call.
func (e *Error) Unwrap() error {
	if e.cause != nil {
		return e.cause
	}
	return e.canceled
}

// failed takes an error apart and frees it.
func failed(status C.expmig_status, from *C.expmig_error) *Error {
	defer C.expmig_error_free(from)
	failure := &Error{
		Code:      int32(status),
		Status:    C.GoString(C.expmig_status_name(status)),
		Domain:    C.GoString(C.expmig_domain_name(C.expmig_error_domain(from))),
		Message:   C.GoString(C.expmig_error_message(from)),
		Hint:      C.GoString(C.expmig_error_hint(from)),
		Retryable: C.expmig_error_retryable(from) != 0,
	}
	for i := C.size_t(0); i < C.expmig_error_detail_count(from); i++ {
		key, value := C.expmig_error_detail_key(from, i), C.expmig_error_detail_value(from, i)
		failure.Details = append(failure.Details, Detail{C.GoString(key), C.GoString(value)})
	}
	return failure
}

// cancellable runs a call that a context can end. The token is triggered by a goroutine, which has ended before the token is freed.
func cancellable(ctx context.Context, call func(*C.expmig_cancel) *Error) error {
	token := C.expmig_cancel_new()
	defer C.expmig_cancel_free(token)
	if ctx.Err() != nil {
		C.expmig_cancel_trigger(token)
	}
	returned := make(chan struct{})
	var watcher sync.WaitGroup
	watcher.Add(1)
	go func() {
		defer watcher.Done()
		select {
		case <-ctx.Done():
			C.expmig_cancel_trigger(token)
		case <-returned:
		}
	}()
	failure := call(token)
	close(returned)
	watcher.Wait()
	if failure == nil {
		return nil
	}
	if failure.Code == C.EXPMIG_CANCELLED {
		failure.canceled = ctx.Err()
	}
	return failure
}

// Manager is one database. Any goroutine may use it; calls on one database wait for each other.
type Manager struct {
	guard  sync.Mutex
	handle *C.expmig_manager
	users  sync.WaitGroup
}

// ErrClosed is the answer of a manager that was closed.
var ErrClosed = errors.New("expmig: the database is closed")

// use answers the handle, which is not freed before users.Done.
func (m *Manager) use() (*C.expmig_manager, error) {
	m.guard.Lock()
	defer m.guard.Unlock()
	if m.handle == nil {
		return nil, ErrClosed
	}
	m.users.Add(1)
	return m.handle, nil
}

// Open opens a file or a schema of a server. The context ends also the waiting for a server.
func Open(ctx context.Context, url string, flags uint32) (*Manager, error) {
	// C would take what is before it, which may be another file.
	if strings.IndexByte(url, 0) >= 0 {
		return nil, errors.New("expmig: there is a NUL in the path")
	}
	text := C.CString(url)
	defer C.free(unsafe.Pointer(text))
	manager := &Manager{}
	err := cancellable(ctx, func(token *C.expmig_cancel) *Error {
		var database *C.expmig_database
		var failure *C.expmig_error
		status := C.open_with(text, C.uint32_t(flags), token, &database, &failure)
		if status == C.EXPMIG_OK {
			status = C.expmig_manager_new(database, nil, &manager.handle, &failure)
			C.expmig_database_close(database) // the manager keeps what it needs
		}
		if status != C.EXPMIG_OK {
			return failed(status, failure)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return manager, nil
}

// Close waits for running calls. It may be called again. A progress function must not: it would wait for the call that it is part of.
func (m *Manager) Close() {
	m.guard.Lock()
	handle := m.handle
	m.handle = nil
	m.guard.Unlock()
	m.users.Wait()
	C.expmig_manager_free(handle)
}

// Experiments is the list of experiments, as docs/json-documents.md has it.
func (m *Manager) Experiments() (string, error) {
	manager, err := m.use()
	if err != nil {
		return "", err
	}
	defer m.users.Done()
	var json *C.char
	var failure *C.expmig_error
	if status := C.expmig_experiment_list(manager, &json, &failure); status != C.EXPMIG_OK {
		return "", failed(status, failure)
	}
	defer C.expmig_string_free(json) // not C.free: it is not malloc's
	return C.GoString(json), nil
}

// MigrateOptions of a migration.
type MigrateOptions struct {
	OnDuplicate int32
	// Receives progress, on the thread of the call. An error ends the call, and is what errors.Is finds in its error; that of the last
	// report changes nothing: all is done.
	Progress func(Progress) error
}

// Migration is what a migration did.
type Migration struct {
	Skipped                    bool
	SourceID, NewID            int64
	Processed, Failed          uint64
	Duration                   time.Duration
	Warnings                   []string
	SourceDigest, TargetDigest []byte
}

// Migrate copies an experiment into the target, or, if that is nil, into the same database.
func (m *Manager) Migrate(ctx context.Context, experiment int64, target *Manager, options MigrateOptions) (*Migration, error) {
	source, err := m.use()
	if err != nil {
		return nil, err
	}
	defer m.users.Done()
	var into *C.expmig_manager
	if target != nil {
		if into, err = target.use(); err != nil {
			return nil, err
		}
		defer target.users.Done()
	}
	progress := &reporter{report: options.Progress}
	var handle cgo.Handle
	if options.Progress != nil {
		handle = cgo.NewHandle(progress)
		defer handle.Delete()
	}
	var result *C.expmig_migration
	err = cancellable(ctx, func(token *C.expmig_cancel) *Error {
		var from *C.expmig_error
		status := C.migrate_with(source, C.int64_t(experiment), into, C.int32_t(options.OnDuplicate),
			token, C.uintptr_t(handle), &result, &from)
		if status == C.EXPMIG_OK {
			return nil
		}
		failure := failed(status, from)
		failure.cause = progress.failure
		return failure
	})
	defer C.expmig_migration_free(result)
	progress.panicAgain()
	if err != nil {
		return nil, err
	}
	migration := &Migration{
		Skipped:      C.expmig_migration_skipped(result) != 0,
		SourceID:     int64(C.expmig_migration_source_experiment_id(result)),
		NewID:        int64(C.expmig_migration_new_experiment_id(result)),
		Processed:    uint64(C.expmig_migration_items_processed(result)),
		Failed:       uint64(C.expmig_migration_items_failed(result)),
		Duration:     time.Duration(C.expmig_migration_duration_ns(result)),
		SourceDigest: digest(result, C.EXPMIG_DIGEST_SOURCE),
		TargetDigest: digest(result, C.EXPMIG_DIGEST_TARGET),
	}
	for i := C.size_t(0); i < C.expmig_migration_warning_count(result); i++ {
		migration.Warnings = append(migration.Warnings, C.GoString(C.expmig_migration_warning_at(result, i)))
	}
	return migration, nil
}

func digest(result *C.expmig_migration, which C.int32_t) []byte {
	var bytes [C.EXPMIG_DIGEST_SIZE]byte
	if C.expmig_migration_digest(result, which, (*C.uint8_t)(&bytes[0]), nil) != C.EXPMIG_OK {
		return nil
	}
	return bytes[:]
}
