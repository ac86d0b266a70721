package expmig

/*
#include "calls.h"
*/
import "C"

import (
	"context"
	"encoding/json"
)

// FileOptions of what writes a file.
type FileOptions struct {
	Replace  bool
	Progress func(Progress) error
}

// ExportToFile writes an experiment as a JSON document (docs/export-format.md), in constant memory.
func (m *Manager) ExportToFile(ctx context.Context, experiment int64, path string, options FileOptions) error {
	bits := flags(options.Replace, C.EXPMIG_EXPORT_REPLACE)
	return m.withText(path, func(manager *C.expmig_manager, text *C.char) error {
		return job(ctx, options.Progress, func(asked C.expmig_go_job, failure **C.expmig_error) C.expmig_status {
			return C.expmig_go_export(manager, C.int64_t(experiment), text, bits, asked, failure)
		})
	})
}

// ImportOptions of an import.
type ImportOptions struct {
	OnDuplicate int32 // DuplicateCopy and so on
	PreserveIDs bool
	Progress    func(Progress) error
}

// Import is what an import did. Document has all of it: docs/json-documents.md, "expmig.import/1".
type Import struct {
	ExperimentID int64
	Skipped      bool
	Document     json.RawMessage
}

// ImportFromFile reads an experiment from such a document.
func (m *Manager) ImportFromFile(ctx context.Context, path string, options ImportOptions) (*Import, error) {
	bits := flags(options.PreserveIDs, C.EXPMIG_IMPORT_PRESERVE_IDS)
	var result *C.expmig_import
	err := m.withText(path, func(manager *C.expmig_manager, text *C.char) error {
		return job(ctx, options.Progress, func(asked C.expmig_go_job, failure **C.expmig_error) C.expmig_status {
			return C.expmig_go_import(manager, text, C.int32_t(options.OnDuplicate), bits, asked, &result, failure)
		})
	})
	if err != nil {
		return nil, err
	}
	defer C.expmig_import_free(result)
	return &Import{
		ExperimentID: int64(C.expmig_import_experiment_id(result)),
		Skipped:      C.expmig_import_skipped(result) != 0,
		Document:     json.RawMessage(C.GoString(C.expmig_import_to_json(result))),
	}, nil
}

// Of names an experiment of a database.
type Of struct {
	Manager    *Manager
	Experiment int64
}

// ReportToFile writes a page to look at (docs/report.md). A title of "" is that of the experiments.
func ReportToFile(ctx context.Context, path, title string, experiments []Of, options FileOptions) error {
	var kept texts
	defer kept.free()
	place, err := kept.of(path)
	if err != nil {
		return err
	}
	above, err := kept.unlessEmpty(title)
	if err != nil {
		return err
	}
	managers, numbers := make([]*C.expmig_manager, len(experiments)+1), make([]int64, len(experiments))
	for i, one := range experiments {
		if managers[i], err = one.Manager.use(); err != nil {
			return err
		}
		defer one.Manager.users.Done()
		numbers[i] = one.Experiment
	}
	bits, of := flags(options.Replace, C.EXPMIG_REPORT_HTML_REPLACE), ids(numbers)
	return job(ctx, options.Progress, func(asked C.expmig_go_job, failure **C.expmig_error) C.expmig_status {
		return C.expmig_go_page(&managers[0], first(of), C.size_t(len(of)), place, above, bits, asked, failure)
	})
}
