// Package expmig calls the migration engine through its C API. README.md says what to mind.
package expmig

/*
#cgo pkg-config: expmig
#include "calls.h"
*/
import "C"

import (
	"context"
	"encoding/json"
	"sync"
	"time"
)

// Manager is one database with all that can be done to it. Any goroutine may use it; calls on one database wait for each other.
type Manager struct {
	guard    sync.Mutex
	database *C.expmig_database
	handle   *C.expmig_manager
	users    sync.WaitGroup
}

// OpenOptions say how a database is opened.
type OpenOptions struct {
	Create, ReadOnly bool
	Password         string        // of a server
	BusyTimeout      time.Duration // how long to wait for other programs' locks; 0 is the library's own
	SnapshotDir      string        // where snapshots are; "" is "snapshots"
	Progress         func(Progress) error
}

// Open opens a file or a schema of a server. The context ends also the waiting for a server.
func Open(ctx context.Context, url string, options OpenOptions) (*Manager, error) {
	var kept texts
	defer kept.free()
	place, err := kept.of(url)
	if err != nil {
		return nil, err
	}
	password, err := kept.unlessEmpty(options.Password)
	if err != nil {
		return nil, err
	}
	folder, err := kept.unlessEmpty(options.SnapshotDir)
	if err != nil {
		return nil, err
	}
	bits := flags(options.Create, C.EXPMIG_OPEN_CREATE, options.ReadOnly, C.EXPMIG_OPEN_READONLY)
	wait := C.int64_t(-1)
	if options.BusyTimeout > 0 {
		wait = C.int64_t(options.BusyTimeout.Milliseconds())
	}
	manager := &Manager{}
	err = job(ctx, options.Progress, func(asked C.expmig_go_job, failure **C.expmig_error) C.expmig_status {
		return C.expmig_go_open(place, bits, password, wait, asked, &manager.database, failure)
	})
	if err != nil {
		return nil, err
	}
	err = plain(func(failure **C.expmig_error) C.expmig_status {
		return C.expmig_go_manager(manager.database, folder, &manager.handle, failure)
	})
	if err != nil {
		C.expmig_database_close(manager.database)
		return nil, err
	}
	return manager, nil
}

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

// useBoth answers two handles; the other one is nil if there is no other manager.
func useBoth(m, other *Manager) (one, two *C.expmig_manager, done func(), err error) {
	if one, err = m.use(); err != nil {
		return nil, nil, nil, err
	}
	if other == nil {
		return one, nil, m.users.Done, nil
	}
	if two, err = other.use(); err != nil {
		m.users.Done()
		return nil, nil, nil, err
	}
	return one, two, func() { m.users.Done(); other.users.Done() }, nil
}

// Close waits for running calls. It may be called again. A callback must not: it would wait for the call that it is part of.
func (m *Manager) Close() {
	m.guard.Lock()
	handle := m.handle
	m.handle = nil
	m.guard.Unlock()
	m.users.Wait()
	if handle != nil {
		C.expmig_manager_free(handle)
		C.expmig_database_close(m.database)
	}
}

// Info describes the database: docs/json-documents.md, "expmig.database/1".
func (m *Manager) Info() (json.RawMessage, error) {
	if _, err := m.use(); err != nil {
		return nil, err
	}
	defer m.users.Done()
	var text *C.char
	err := plain(func(failure **C.expmig_error) C.expmig_status {
		return C.expmig_database_info(m.database, &text, failure)
	})
	if err != nil {
		return nil, err
	}
	return json.RawMessage(taken(text)), nil
}

// Experiment is a line of the list of experiments. Times are as the database has them.
type Experiment struct {
	ID                                        int64
	Title, Description, StartTime, UpdateTime string
	Trials, Runs                              uint64
}

// Experiments are the experiments, by id.
func (m *Manager) Experiments() ([]Experiment, error) {
	manager, err := m.use()
	if err != nil {
		return nil, err
	}
	defer m.users.Done()
	var read *C.expmig_experiments
	err = plain(func(failure **C.expmig_error) C.expmig_status {
		return C.expmig_experiments_read(manager, &read, failure)
	})
	if err != nil {
		return nil, err
	}
	defer C.expmig_experiments_free(read)
	experiments := make([]Experiment, C.expmig_experiments_count(read))
	for i := range experiments {
		at := C.size_t(i)
		experiments[i] = Experiment{
			ID:          int64(C.expmig_experiments_id(read, at)),
			Title:       C.GoString(C.expmig_experiments_title(read, at)),
			Description: C.GoString(C.expmig_experiments_description(read, at)),
			StartTime:   C.GoString(C.expmig_experiments_start_time(read, at)),
			UpdateTime:  C.GoString(C.expmig_experiments_update_time(read, at)),
			Trials:      uint64(C.expmig_experiments_trial_count(read, at)),
			Runs:        uint64(C.expmig_experiments_run_count(read, at)),
		}
	}
	return experiments, nil
}
