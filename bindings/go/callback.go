package expmig

// What C calls is in a file of its own: where a function is exported, the comment of import "C" may declare, but not define.

/*
#include <expmig.h>
*/
import "C"

import (
	"runtime/cgo"
	"unsafe"
)

// What a callback answers that failed: not 0, and not EXPMIG_CALLBACK_CANCEL.
const callbackFailed = 2

// Progress says how far a call is.
type Progress struct {
	Finished                 bool
	Operation                string
	Processed, Total, Failed uint64
	Percentage               float64
	Elapsed                  float64
}

// callback is what the library calls back, and what that had to say.
type callback struct {
	progress func(Progress) error
	row      func(Row) error
	failure  error
	panicked bool
	value    interface{}
}

// panicAgain goes on with the panic of a callback, when the library has returned.
func (c *callback) panicAgain() {
	if c.panicked {
		panic(c.value)
	}
}

// run calls a function of the program's. A panic would skip the frames of the library, which leaves its locks and its transaction as they are.
func (c *callback) run(call func() error) (answer C.int32_t) {
	defer func() {
		if c.panicked {
			c.value = recover()
			answer = callbackFailed
		}
	}()
	c.panicked = true
	c.failure = call()
	c.panicked = false
	if c.failure != nil {
		return callbackFailed
	}
	return C.EXPMIG_CALLBACK_CONTINUE
}

//export expmigGoProgress
func expmigGoProgress(progress *C.expmig_progress, handle C.uintptr_t) C.int32_t {
	c := cgo.Handle(handle).Value().(*callback)
	return c.run(func() error {
		return c.progress(Progress{
			Finished:   progress.finished != 0,
			Operation:  C.GoString(progress.operation),
			Processed:  uint64(progress.processed_items),
			Total:      uint64(progress.total_items),
			Failed:     uint64(progress.failed_items),
			Percentage: float64(progress.completion_percentage),
			Elapsed:    float64(progress.elapsed_seconds),
		})
	})
}

//export expmigGoRow
func expmigGoRow(row *C.expmig_row, handle C.uintptr_t) C.int32_t {
	c := cgo.Handle(handle).Value().(*callback)
	return c.run(func() error {
		count := int(row.column_count)
		names := unsafe.Slice(row.names, count)
		values := unsafe.Slice(row.values, count)
		made := Row{Columns: make([]string, count), Values: make([]interface{}, count)}
		for i := range values {
			made.Columns[i] = C.GoString(names[i])
			made.Values[i] = received(&values[i])
		}
		return c.row(made)
	})
}

// received copies a value of a row.
func received(value *C.expmig_value) interface{} {
	switch value._type {
	case C.EXPMIG_VALUE_INTEGER:
		return int64(value.integer)
	case C.EXPMIG_VALUE_REAL:
		return float64(value.real)
	case C.EXPMIG_VALUE_TEXT:
		return string(unsafe.Slice((*byte)(value.bytes), int(value.length)))
	case C.EXPMIG_VALUE_BLOB:
		return append([]byte{}, unsafe.Slice((*byte)(value.bytes), int(value.length))...)
	}
	return nil
}
