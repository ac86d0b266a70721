package expmig

/*
#include <expmig.h>
*/
import "C"

import "errors"

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

// ErrClosed is the answer of a manager that was closed.
var ErrClosed = errors.New("expmig: the database is closed")
