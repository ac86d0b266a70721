package expmig

/*
#include "calls.h"
*/
import "C"

import (
	"errors"
	"fmt"
	"runtime/cgo"
	"unsafe"
)

// Row is a row of a query. A value is nil, an int64, a float64, a string (whose bytes are those of the database) or a []byte.
type Row struct {
	Columns []string
	Values  []interface{}
}

// Get is the value of a column; nil also if there is no such column.
func (r Row) Get(column string) interface{} {
	for i, name := range r.Columns {
		if name == column {
			return r.Values[i]
		}
	}
	return nil
}

var errEnough = errors.New("enough rows")

// Rows iterates over the rows of one SELECT, which can only read. With Go 1.23: for row, err := range manager.Rows(sql) { ... }; before, call
// it with a function that returns whether to go on. An error comes last. A parameter is what a value of a row is, or an int.
func (m *Manager) Rows(sql string, parameters ...interface{}) func(yield func(Row, error) bool) {
	return func(yield func(Row, error) bool) {
		err := m.Each(sql, parameters, func(row Row) error {
			if !yield(row, nil) {
				return errEnough
			}
			return nil
		})
		if err != nil && !errors.Is(err, errEnough) {
			yield(Row{}, err)
		}
	}
}

// Query is all rows of one SELECT.
func (m *Manager) Query(sql string, parameters ...interface{}) ([]Row, error) {
	var rows []Row
	err := m.Each(sql, parameters, func(row Row) error {
		rows = append(rows, row)
		return nil
	})
	return rows, err
}

// Each calls a function with each row of one SELECT. An error of it ends the query, and is what errors.Is finds in its error. The function must
// not use the manager.
func (m *Manager) Each(sql string, parameters []interface{}, row func(Row) error) error {
	if _, err := m.use(); err != nil {
		return err
	}
	defer m.users.Done()
	var kept texts
	defer kept.free()
	statement, err := kept.of(sql)
	if err != nil {
		return err
	}
	// In C's memory, for they lead to texts.
	size := unsafe.Sizeof(C.expmig_value{})
	values := (*C.expmig_value)(C.calloc(C.size_t(len(parameters)+1), C.size_t(size)))
	defer C.free(unsafe.Pointer(values))
	places := unsafe.Slice(values, len(parameters)+1)
	for i, parameter := range parameters {
		if err := fill(&places[i], parameter, &kept); err != nil {
			return fmt.Errorf("expmig: parameter %d: %w", i, err)
		}
	}
	back := &callback{row: row}
	handle := cgo.NewHandle(back)
	defer handle.Delete()
	var from *C.expmig_error
	status := C.expmig_go_query(m.database, statement, values, C.size_t(len(parameters)), C.uintptr_t(handle), &from)
	back.panicAgain()
	if status == C.EXPMIG_OK {
		return nil
	}
	failure := failed(status, from)
	failure.cause = back.failure
	return failure
}

// fill makes a value of C's of a parameter.
func fill(value *C.expmig_value, parameter interface{}, kept *texts) error {
	bytes := func(kind C.int32_t, content string) {
		value._type = kind
		// A copy that can have a NUL in it, and that there is also of nothing.
		made := C.CBytes(append([]byte(content), 0))
		*kept = append(*kept, (*C.char)(made))
		value.bytes, value.length = made, C.size_t(len(content))
	}
	switch one := parameter.(type) {
	case nil:
		value._type = C.EXPMIG_VALUE_NULL
	case int:
		value._type, value.integer = C.EXPMIG_VALUE_INTEGER, C.int64_t(one)
	case int64:
		value._type, value.integer = C.EXPMIG_VALUE_INTEGER, C.int64_t(one)
	case float64:
		value._type, value.real = C.EXPMIG_VALUE_REAL, C.double(one)
	case string:
		bytes(C.EXPMIG_VALUE_TEXT, one)
	case []byte:
		bytes(C.EXPMIG_VALUE_BLOB, string(one))
	default:
		return fmt.Errorf("it is nil, an int, an int64, a float64, a string or a []byte, not %T", parameter)
	}
	return nil
}
