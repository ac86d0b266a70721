package expmig

// What C calls is in a file of its own: where a function is exported, the comment of import "C" may declare, but not define.

/*
#include <expmig.h>
*/
import "C"

import "runtime/cgo"

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

// reporter is what a call's progress goes to, and what that had to say.
type reporter struct {
	report   func(Progress) error
	failure  error
	panicked bool
	value    interface{}
}

// panicAgain goes on with the panic of a progress function, when the library has returned.
func (r *reporter) panicAgain() {
	if r.panicked {
		panic(r.value)
	}
}

//export expmigGoProgress
func expmigGoProgress(progress *C.expmig_progress, handle C.uintptr_t) (answer C.int32_t) {
	r := cgo.Handle(handle).Value().(*reporter)
	// A panic would skip the frames of the library, which leaves its locks and its transaction as they are.
	defer func() {
		if r.panicked {
			r.value = recover()
			answer = callbackFailed
		}
	}()
	r.panicked = true
	r.failure = r.report(Progress{
		Finished:   progress.finished != 0,
		Operation:  C.GoString(progress.operation),
		Processed:  uint64(progress.processed_items),
		Total:      uint64(progress.total_items),
		Failed:     uint64(progress.failed_items),
		Percentage: float64(progress.completion_percentage),
		Elapsed:    float64(progress.elapsed_seconds),
	})
	r.panicked = false
	if r.failure != nil {
		return callbackFailed
	}
	return C.EXPMIG_CALLBACK_CONTINUE
}
