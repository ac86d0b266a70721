package expmig

/*
#include "calls.h"
*/
import "C"

import (
	"context"
	"errors"
	"runtime/cgo"
	"strings"
	"sync"
	"unsafe"
)

// job runs a call that a context can end, and that reports progress. The token is triggered by a goroutine, which has ended before the token is
// freed.
func job(ctx context.Context, progress func(Progress) error, call func(C.expmig_go_job, **C.expmig_error) C.expmig_status) error {
	back := &callback{progress: progress}
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
	asked := C.expmig_go_job{cancel: token}
	if progress != nil {
		handle := cgo.NewHandle(back)
		defer handle.Delete()
		asked.handle = C.uintptr_t(handle)
	}
	var from *C.expmig_error
	status := call(asked, &from)
	close(returned)
	watcher.Wait()
	back.panicAgain()
	if status == C.EXPMIG_OK {
		return nil
	}
	failure := failed(status, from)
	failure.cause = back.failure
	if failure.Code == C.EXPMIG_CANCELLED {
		failure.canceled = ctx.Err()
	}
	return failure
}

// plain runs a call that is over at once.
func plain(call func(**C.expmig_error) C.expmig_status) error {
	var from *C.expmig_error
	if status := call(&from); status != C.EXPMIG_OK {
		return failed(status, from)
	}
	return nil
}

// texts are strings of C's, which live until they are freed together.
type texts []*C.char

func (t *texts) free() {
	for _, one := range *t {
		C.free(unsafe.Pointer(one))
	}
}

// of copies a text for C, which would take what is before a NUL: that may be another file.
func (t *texts) of(text string) (*C.char, error) {
	if strings.IndexByte(text, 0) >= 0 {
		return nil, errors.New("expmig: there is a NUL in a text")
	}
	made := C.CString(text)
	*t = append(*t, made)
	return made, nil
}

// unless is NULL for "".
func (t *texts) unlessEmpty(text string) (*C.char, error) {
	if text == "" {
		return nil, nil
	}
	return t.of(text)
}

// flags are the bits whose conditions are true.
func flags(given ...interface{}) C.uint32_t {
	all := 0
	for i := 0; i+1 < len(given); i += 2 {
		if given[i].(bool) {
			all |= given[i+1].(int)
		}
	}
	return C.uint32_t(all)
}

// taken copies a text that the library gave away, and frees it: it is not malloc's.
func taken(text *C.char) string {
	defer C.expmig_string_free(text)
	return C.GoString(text)
}

// ids are integers as C reads them; of none it is a pointer that is not NULL.
func ids(numbers []int64) []C.int64_t {
	made := make([]C.int64_t, len(numbers), len(numbers)+1)
	for i, number := range numbers {
		made[i] = C.int64_t(number)
	}
	return made[:len(numbers)+1][:len(numbers)]
}

// first is where ids begin.
func first(numbers []C.int64_t) *C.int64_t { return &numbers[:1][0] }
