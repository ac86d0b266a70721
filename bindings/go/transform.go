package expmig

/*
#include "calls.h"
*/
import "C"

import (
	"context"
	"encoding/json"
)

// TransformOptions of a transformation.
type TransformOptions struct {
	Experiments []int64 // only metrics of these; nil is all metrics, none is none
	DryRun      bool
	Progress    func(Progress) error
}

// Transformation is what a transformation did. ID is for Undo; 0 if there is nothing to undo. Document has all of it: docs/json-documents.md,
// "expmig.transformation/1".
type Transformation struct {
	ID                                int64
	Matched, Updated, Skipped, Failed uint64
	Document                          json.RawMessage
}

// Transform changes metrics by the rules of a document (docs/transformations.md), all or nothing.
func (m *Manager) Transform(ctx context.Context, rules string, options TransformOptions) (*Transformation, error) {
	manager, err := m.use()
	if err != nil {
		return nil, err
	}
	defer m.users.Done()
	var kept texts
	defer kept.free()
	document, err := kept.of(rules)
	if err != nil {
		return nil, err
	}
	experiments, selects := ids(options.Experiments), C.int32_t(0)
	if options.Experiments != nil {
		selects = 1
	}
	bits := flags(options.DryRun, C.EXPMIG_TRANSFORM_DRY_RUN)
	var result *C.expmig_transformation
	err = job(ctx, options.Progress, func(asked C.expmig_go_job, failure **C.expmig_error) C.expmig_status {
		return C.expmig_go_transform(manager, selects, first(experiments), C.size_t(len(experiments)), document, bits, asked, &result, failure)
	})
	if err != nil {
		return nil, err
	}
	defer C.expmig_transformation_free(result)
	return &Transformation{
		ID:       int64(C.expmig_transformation_transform_id(result)),
		Matched:  uint64(C.expmig_transformation_matched(result)),
		Updated:  uint64(C.expmig_transformation_updated(result)),
		Skipped:  uint64(C.expmig_transformation_skipped(result)),
		Failed:   uint64(C.expmig_transformation_failed(result)),
		Document: json.RawMessage(C.GoString(C.expmig_transformation_to_json(result))),
	}, nil
}

// Undo restores the metrics of a transformation, and answers how many. `skipChanged`: skip those that were changed since, instead of failing.
func (m *Manager) Undo(ctx context.Context, transform int64, skipChanged bool, progress func(Progress) error) (uint64, error) {
	manager, err := m.use()
	if err != nil {
		return 0, err
	}
	defer m.users.Done()
	bits := flags(skipChanged, C.EXPMIG_UNDO_SKIP_CHANGED)
	var undone *C.expmig_undo
	err = job(ctx, progress, func(asked C.expmig_go_job, failure **C.expmig_error) C.expmig_status {
		return C.expmig_go_undo(manager, C.int64_t(transform), bits, asked, &undone, failure)
	})
	if err != nil {
		return 0, err
	}
	defer C.expmig_undo_free(undone)
	return uint64(C.expmig_undo_restored(undone)), nil
}
