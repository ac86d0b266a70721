package expmig

/*
#include "calls.h"
*/
import "C"

import (
	"context"
	"encoding/json"
)

// Issue is something that validation found.
type Issue struct {
	Severity                                 int32 // SeverityError and so on
	Kind, Table, Row, Column, Message, Value string
}

// Severities of an Issue.
const (
	SeverityError   = C.EXPMIG_SEVERITY_ERROR
	SeverityWarning = C.EXPMIG_SEVERITY_WARNING
	SeverityInfo    = C.EXPMIG_SEVERITY_INFO
)

// Report is what validation found: exact counts, and the first of the issues. Document has all of it: docs/json-documents.md,
// "expmig.validation/1".
type Report struct {
	Passed                  bool
	Errors, Warnings, Infos uint64
	Issues                  []Issue
	Document                json.RawMessage
}

// ValidateOptions of a validation. The zero value is the whole database, and the library's own limit of issues.
type ValidateOptions struct {
	Experiment *int64
	IssueLimit int64 // how many are listed; all are counted
	Progress   func(Progress) error
}

// Validate checks the data.
func (m *Manager) Validate(ctx context.Context, options ValidateOptions) (*Report, error) {
	manager, err := m.use()
	if err != nil {
		return nil, err
	}
	defer m.users.Done()
	one, experiment, limit := C.int32_t(0), C.int64_t(0), C.int64_t(-1)
	if options.Experiment != nil {
		one, experiment = 1, C.int64_t(*options.Experiment)
	}
	if options.IssueLimit > 0 {
		limit = C.int64_t(options.IssueLimit)
	}
	var made *C.expmig_report
	err = job(ctx, options.Progress, func(asked C.expmig_go_job, failure **C.expmig_error) C.expmig_status {
		return C.expmig_go_validate(manager, one, experiment, limit, asked, &made, failure)
	})
	if err != nil {
		return nil, err
	}
	defer C.expmig_report_free(made)
	report := &Report{
		Passed:   C.expmig_report_passed(made) != 0,
		Errors:   uint64(C.expmig_report_error_count(made)),
		Warnings: uint64(C.expmig_report_warning_count(made)),
		Infos:    uint64(C.expmig_report_info_count(made)),
		Document: json.RawMessage(C.GoString(C.expmig_report_to_json(made))),
	}
	for i := C.size_t(0); i < C.expmig_report_issue_count(made); i++ {
		var issue C.expmig_issue
		err := plain(func(failure **C.expmig_error) C.expmig_status {
			if status := C.expmig_issue_init(&issue, C.sizeof_expmig_issue); status != C.EXPMIG_OK {
				return status
			}
			return C.expmig_report_issue_at(made, i, &issue, failure)
		})
		if err != nil {
			return nil, err
		}
		report.Issues = append(report.Issues, Issue{
			Severity: int32(issue.severity), Kind: C.GoString(issue.kind), Table: C.GoString(issue.table), Row: C.GoString(issue.row_key),
			Column: C.GoString(issue.column), Message: C.GoString(issue.message), Value: C.GoString(issue.value),
		})
	}
	return report, nil
}

// Digest is the content digest of an experiment, equal for equal experiments (docs/digest.md).
func (m *Manager) Digest(ctx context.Context, experiment int64, progress func(Progress) error) ([]byte, error) {
	manager, err := m.use()
	if err != nil {
		return nil, err
	}
	defer m.users.Done()
	var bytes [C.EXPMIG_DIGEST_SIZE]byte
	err = job(ctx, progress, func(asked C.expmig_go_job, failure **C.expmig_error) C.expmig_status {
		return C.expmig_go_digest(manager, C.int64_t(experiment), asked, (*C.uint8_t)(&bytes[0]), failure)
	})
	if err != nil {
		return nil, err
	}
	return bytes[:], nil
}

// Comparison of two experiments. Where they first differ: a table, the column if it is a value, and the values as JSON. Document has all of it:
// docs/json-documents.md, "expmig.comparison/1".
type Comparison struct {
	Equal              bool
	Table, Column, How string
	ValueA, ValueB     string
	Warnings           []string
	Document           json.RawMessage
}

// Compare compares two experiments by content. `other` has the second one; nil is the same database.
func (m *Manager) Compare(ctx context.Context, experiment int64, other *Manager, otherExperiment int64, progress func(Progress) error) (*Comparison, error) {
	if other == nil {
		other = m
	}
	a, b, done, err := useBoth(m, other)
	if err != nil {
		return nil, err
	}
	defer done()
	var made *C.expmig_comparison
	err = job(ctx, progress, func(asked C.expmig_go_job, failure **C.expmig_error) C.expmig_status {
		return C.expmig_go_compare(a, C.int64_t(experiment), b, C.int64_t(otherExperiment), asked, &made, failure)
	})
	if err != nil {
		return nil, err
	}
	defer C.expmig_comparison_free(made)
	comparison := &Comparison{
		Equal:    C.expmig_comparison_equal(made) != 0,
		Table:    C.GoString(C.expmig_comparison_difference_table(made)),
		Column:   C.GoString(C.expmig_comparison_difference_column(made)),
		How:      C.GoString(C.expmig_comparison_difference_how(made)),
		ValueA:   C.GoString(C.expmig_comparison_difference_value(made, C.EXPMIG_SIDE_A)),
		ValueB:   C.GoString(C.expmig_comparison_difference_value(made, C.EXPMIG_SIDE_B)),
		Document: json.RawMessage(C.GoString(C.expmig_comparison_to_json(made))),
	}
	for i := C.size_t(0); i < C.expmig_comparison_warning_count(made); i++ {
		comparison.Warnings = append(comparison.Warnings, C.GoString(C.expmig_comparison_warning_at(made, i)))
	}
	return comparison, nil
}
