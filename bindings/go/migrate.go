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

// Strategies of a migration, and what it does if the target has the same experiment already. The zero values of MigrateOptions are Balanced and
// DuplicateCopy.
const (
	Balanced     = "balanced"
	Conservative = "conservative"
	Aggressive   = "aggressive"

	DuplicateCopy  = C.EXPMIG_DUPLICATE_COPY
	DuplicateSkip  = C.EXPMIG_DUPLICATE_SKIP
	DuplicateError = C.EXPMIG_DUPLICATE_ERROR
)

// MigrateOptions of a migration and its plan.
type MigrateOptions struct {
	Strategy                          string
	OnDuplicate                       int32
	Into                              *int64 // an experiment of the target to append the trials to
	TitlePrefix                       string
	AllowLossy, AddColumns, Snapshots bool // Snapshots: take one of the target first
	// Receives progress, on the thread of the call. An error ends the call, and is what errors.Is finds in its error; that of the last
	// report changes nothing: all is done.
	Progress func(Progress) error
}

// asC answers the options for C; their texts live as long as `kept`.
func (o MigrateOptions) asC(kept *texts) (C.expmig_go_migrate_options, error) {
	strategies := map[string]C.int32_t{
		"": C.EXPMIG_STRATEGY_BALANCED, Balanced: C.EXPMIG_STRATEGY_BALANCED, Conservative: C.EXPMIG_STRATEGY_CONSERVATIVE,
		Aggressive: C.EXPMIG_STRATEGY_AGGRESSIVE,
	}
	strategy, known := strategies[o.Strategy]
	if !known {
		// The library says which there are.
		strategy = -1
	}
	made := C.expmig_go_migrate_options{
		strategy:     strategy,
		on_duplicate: C.int32_t(o.OnDuplicate),
		flags: flags(o.AllowLossy, C.EXPMIG_MIGRATE_ALLOW_LOSSY, o.AddColumns, C.EXPMIG_MIGRATE_ADD_COLUMNS,
			o.Snapshots, C.EXPMIG_MIGRATE_SNAPSHOT),
	}
	if o.Into != nil {
		made.appends, made.into = 1, C.int64_t(*o.Into)
	}
	prefix, err := kept.unlessEmpty(o.TitlePrefix)
	made.title_prefix = prefix
	return made, err
}

// Migration is what a migration did. Document has all of it: docs/json-documents.md, "expmig.migration/1".
type Migration struct {
	Skipped                    bool
	SourceID, NewID            int64
	Processed, Failed          uint64
	Duration                   time.Duration
	Warnings                   []string
	SourceDigest, TargetDigest []byte
	SnapshotID                 string
	Document                   json.RawMessage
}

// Migrate copies an experiment into the target, or, if that is nil, into the same database.
func (m *Manager) Migrate(ctx context.Context, experiment int64, target *Manager, options MigrateOptions) (*Migration, error) {
	source, into, done, err := useBoth(m, target)
	if err != nil {
		return nil, err
	}
	defer done()
	var kept texts
	defer kept.free()
	how, err := options.asC(&kept)
	if err != nil {
		return nil, err
	}
	var result *C.expmig_migration
	err = job(ctx, options.Progress, func(asked C.expmig_go_job, failure **C.expmig_error) C.expmig_status {
		return C.expmig_go_migrate(source, C.int64_t(experiment), into, how, asked, &result, failure)
	})
	if err != nil {
		return nil, err
	}
	defer C.expmig_migration_free(result)
	migration := &Migration{
		Skipped:      C.expmig_migration_skipped(result) != 0,
		SourceID:     int64(C.expmig_migration_source_experiment_id(result)),
		NewID:        int64(C.expmig_migration_new_experiment_id(result)),
		Processed:    uint64(C.expmig_migration_items_processed(result)),
		Failed:       uint64(C.expmig_migration_items_failed(result)),
		Duration:     time.Duration(C.expmig_migration_duration_ns(result)),
		SourceDigest: digest(result, C.EXPMIG_DIGEST_SOURCE),
		TargetDigest: digest(result, C.EXPMIG_DIGEST_TARGET),
		SnapshotID:   C.GoString(C.expmig_migration_snapshot_id(result)),
		Document:     json.RawMessage(C.GoString(C.expmig_migration_to_json(result))),
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

// Plan is what a migration would do. Document has all of it: docs/json-documents.md, "expmig.plan/1".
type Plan struct {
	Rows                       uint64
	Unsound, OddValues, Losses uint64
	Duplicates                 []int64
	Warnings                   []string
	Document                   json.RawMessage
}

// Plan says what Migrate would do, and writes nothing.
func (m *Manager) Plan(ctx context.Context, experiment int64, target *Manager, options MigrateOptions) (*Plan, error) {
	source, into, done, err := useBoth(m, target)
	if err != nil {
		return nil, err
	}
	defer done()
	var kept texts
	defer kept.free()
	how, err := options.asC(&kept)
	if err != nil {
		return nil, err
	}
	var made *C.expmig_plan
	err = job(ctx, options.Progress, func(asked C.expmig_go_job, failure **C.expmig_error) C.expmig_status {
		return C.expmig_go_plan(source, C.int64_t(experiment), into, how, asked, &made, failure)
	})
	if err != nil {
		return nil, err
	}
	defer C.expmig_plan_free(made)
	plan := &Plan{
		Rows:      uint64(C.expmig_plan_items_total(made)),
		Unsound:   uint64(C.expmig_plan_problem_count(made, C.EXPMIG_PLAN_UNSOUND)),
		OddValues: uint64(C.expmig_plan_problem_count(made, C.EXPMIG_PLAN_ODD_VALUES)),
		Losses:    uint64(C.expmig_plan_problem_count(made, C.EXPMIG_PLAN_LOSSY)),
		Document:  json.RawMessage(C.GoString(C.expmig_plan_to_json(made))),
	}
	for i := C.size_t(0); i < C.expmig_plan_duplicate_count(made); i++ {
		plan.Duplicates = append(plan.Duplicates, int64(C.expmig_plan_duplicate_id(made, i)))
	}
	for i := C.size_t(0); i < C.expmig_plan_warning_count(made); i++ {
		plan.Warnings = append(plan.Warnings, C.GoString(C.expmig_plan_warning_at(made, i)))
	}
	return plan, nil
}
