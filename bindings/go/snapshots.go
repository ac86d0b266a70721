package expmig

/*
#include "calls.h"
*/
import "C"

import (
	"context"
	"encoding/json"
	"time"
)

// Snapshot is a copy of a whole database in the folder for snapshots.
type Snapshot struct {
	ID, Description, DatabaseName string
	Created                       time.Time
	Size, Rows                    uint64
}

// CreateSnapshot takes a snapshot, and answers its id.
func (m *Manager) CreateSnapshot(ctx context.Context, description string, progress func(Progress) error) (string, error) {
	var made *C.char
	err := m.withText(description, func(manager *C.expmig_manager, text *C.char) error {
		return job(ctx, progress, func(asked C.expmig_go_job, failure **C.expmig_error) C.expmig_status {
			return C.expmig_go_snapshot(manager, text, asked, &made, failure)
		})
	})
	if err != nil {
		return "", err
	}
	return taken(made), nil
}

// Snapshots are the snapshots in the folder that can be read, the newest first.
func (m *Manager) Snapshots() ([]Snapshot, error) {
	manager, err := m.use()
	if err != nil {
		return nil, err
	}
	defer m.users.Done()
	var read *C.expmig_snapshots
	err = plain(func(failure **C.expmig_error) C.expmig_status {
		return C.expmig_snapshots_read(manager, C.EXPMIG_TIME_UNKNOWN, nil, &read, failure)
	})
	if err != nil {
		return nil, err
	}
	defer C.expmig_snapshots_free(read)
	snapshots := make([]Snapshot, C.expmig_snapshots_count(read))
	for i := range snapshots {
		one := C.expmig_snapshots_at(read, C.size_t(i))
		snapshots[i] = Snapshot{
			ID: C.GoString(C.expmig_snapshot_id(one)), Description: C.GoString(C.expmig_snapshot_description(one)),
			DatabaseName: C.GoString(C.expmig_snapshot_database_name(one)), Created: time.UnixMicro(int64(C.expmig_snapshot_created_us(one))),
			Size: uint64(C.expmig_snapshot_size(one)), Rows: uint64(C.expmig_snapshot_row_count(one)),
		}
	}
	return snapshots, nil
}

// VerifySnapshot is nil if a snapshot is as it was.
func (m *Manager) VerifySnapshot(ctx context.Context, snapshot string, progress func(Progress) error) error {
	return m.withText(snapshot, func(manager *C.expmig_manager, text *C.char) error {
		return job(ctx, progress, func(asked C.expmig_go_job, failure **C.expmig_error) C.expmig_status {
			return C.expmig_go_verify(manager, text, asked, failure)
		})
	})
}

// RestoreOptions of a restore.
type RestoreOptions struct {
	Force, NoSafetySnapshot bool
	Progress                func(Progress) error
}

// RestoreSnapshot replaces everything in the database by a snapshot. What is overwritten is in a snapshot afterwards. It answers what was done:
// docs/json-documents.md, "expmig.restore/1".
func (m *Manager) RestoreSnapshot(ctx context.Context, snapshot string, options RestoreOptions) (json.RawMessage, error) {
	bits := flags(options.Force, C.EXPMIG_RESTORE_FORCE, options.NoSafetySnapshot, C.EXPMIG_RESTORE_NO_SAFETY_SNAPSHOT)
	var document *C.char
	err := m.withText(snapshot, func(manager *C.expmig_manager, text *C.char) error {
		return job(ctx, options.Progress, func(asked C.expmig_go_job, failure **C.expmig_error) C.expmig_status {
			return C.expmig_go_restore(manager, text, bits, asked, &document, failure)
		})
	})
	if err != nil {
		return nil, err
	}
	return json.RawMessage(taken(document)), nil
}

// DeleteSnapshot deletes a snapshot.
func (m *Manager) DeleteSnapshot(snapshot string) error {
	return m.withText(snapshot, func(manager *C.expmig_manager, text *C.char) error {
		return plain(func(failure **C.expmig_error) C.expmig_status {
			return C.expmig_snapshot_delete(manager, text, failure)
		})
	})
}

// withText makes a call that has one text.
func (m *Manager) withText(text string, call func(*C.expmig_manager, *C.char) error) error {
	manager, err := m.use()
	if err != nil {
		return err
	}
	defer m.users.Done()
	var kept texts
	defer kept.free()
	made, err := kept.of(text)
	if err != nil {
		return err
	}
	return call(manager, made)
}
