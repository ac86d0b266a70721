package expmig

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

var background = context.Background()

// database is a copy of the one that EXPMIG_DIGITS_DB names.
func database(t *testing.T) string {
	original := os.Getenv("EXPMIG_DIGITS_DB")
	if original == "" {
		t.Skip("EXPMIG_DIGITS_DB names no database")
	}
	bytes, err := os.ReadFile(original)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "digits.db")
	if err := os.WriteFile(path, bytes, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func opened(t *testing.T) *Manager {
	manager, err := Open(background, database(t), OpenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(manager.Close)
	return manager
}

// count is how many experiments there are.
func count(t *testing.T, manager *Manager) int {
	experiments, err := manager.Experiments()
	if err != nil {
		t.Fatal(err)
	}
	return len(experiments)
}

func status(err error) string {
	var failure *Error
	if !errors.As(err, &failure) {
		return ""
	}
	return failure.Status
}

func TestAMissingFileIsAnErrorWithItsPathAndAHint(t *testing.T) {
	_, err := Open(background, filepath.Join(t.TempDir(), "missing.db"), OpenOptions{})
	var failure *Error
	if !errors.As(err, &failure) || failure.Status != "NOT_FOUND" || failure.Hint == "" || failure.Retryable {
		t.Fatalf("%#v", err)
	}
	if failure.Details[0].Key != "path" || !strings.HasSuffix(failure.Details[0].Value, "missing.db") {
		t.Fatal(failure.Details)
	}
}

func TestANulDoesNotCutAPathShort(t *testing.T) {
	if _, err := Open(background, database(t)+"\x00x", OpenOptions{}); err == nil || status(err) != "" {
		t.Fatal(err)
	}
}

func TestWhatAProgressFunctionReturnsEndsTheCallAndComesOutOfIt(t *testing.T) {
	manager, mine := opened(t), errors.New("mine")
	_, err := manager.Migrate(background, 1, nil, MigrateOptions{Progress: func(Progress) error { return mine }})
	if !errors.Is(err, mine) || status(err) != "CALLBACK" || count(t, manager) != 3 {
		t.Fatal(err)
	}
}

func TestAPanicOfAProgressFunctionGoesOnWhenAllIsRolledBack(t *testing.T) {
	manager := opened(t)
	var caught interface{}
	func() {
		defer func() { caught = recover() }()
		_, _ = manager.Migrate(background, 1, nil, MigrateOptions{Progress: func(Progress) error { panic("mine") }})
	}()
	if caught != "mine" || count(t, manager) != 3 {
		t.Fatal(caught)
	}
}

func TestAContextEndsACall(t *testing.T) {
	manager := opened(t)
	ctx, cancel := context.WithCancel(background)
	// Also in the middle: the first report is made before anything is written.
	_, err := manager.Migrate(ctx, 1, nil, MigrateOptions{Progress: func(now Progress) error {
		if now.Finished {
			t.Error("it went to its end")
		}
		cancel()
		time.Sleep(100 * time.Millisecond)
		return nil
	}})
	if !errors.Is(err, context.Canceled) || status(err) != "CANCELLED" || count(t, manager) != 3 {
		t.Fatal(err)
	}
	if _, err := Open(ctx, database(t), OpenOptions{}); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
}

func TestACallFromAProgressFunctionIsRefusedInsteadOfWaitingForItself(t *testing.T) {
	manager := opened(t)
	var inner error
	_, err := manager.Migrate(background, 1, nil, MigrateOptions{Progress: func(Progress) error {
		_, inner = manager.Experiments()
		return nil
	}})
	if err != nil || status(inner) != "MISUSE" {
		t.Fatal(err, inner)
	}
}

func grow(depth int) int {
	var room [512]byte
	if depth == 0 {
		return int(room[0])
	}
	return grow(depth-1) + int(room[depth%512])
}

func TestStacksGrowAndGarbageIsCollectedInProgressFunctions(t *testing.T) {
	manager := opened(t)
	result, err := manager.Migrate(background, 1, nil, MigrateOptions{Progress: func(Progress) error {
		runtime.GC()
		grow(2000)
		runtime.GC()
		return nil
	}})
	if err != nil || result.NewID != 4 || result.Processed == 0 || string(result.SourceDigest) != string(result.TargetDigest) {
		t.Fatal(result, err)
	}
}

func TestManyGoroutinesUseOneManagerWhileItIsClosed(t *testing.T) {
	manager, other := opened(t), opened(t)
	var group sync.WaitGroup
	for i := 0; i < 16; i++ {
		source, target := manager, other
		if i%2 == 1 {
			source, target = other, manager
		}
		group.Add(1)
		go func() {
			defer group.Done()
			if _, err := source.Migrate(background, 1, target, MigrateOptions{OnDuplicate: DuplicateSkip}); err != nil && !errors.Is(err, ErrClosed) {
				t.Error(err)
			}
		}()
	}
	time.Sleep(50 * time.Millisecond)
	manager.Close()
	other.Close()
	group.Wait()
	if _, err := manager.Experiments(); !errors.Is(err, ErrClosed) {
		t.Fatal(err)
	}
}

func TestIdsHave64Bits(t *testing.T) {
	manager := opened(t)
	_, err := manager.Migrate(background, 1<<62+1, nil, MigrateOptions{})
	if status(err) != "NOT_FOUND" || !strings.Contains(err.Error(), "4611686018427387905") {
		t.Fatal(err)
	}
}

func TestRowsAreCopiesOfEveryKindOfValue(t *testing.T) {
	manager := opened(t)
	parameters := []interface{}{int64(math.MaxInt64), 7, 0.5, "é\x00", []byte{0, 255}, nil, "", []byte{}}
	rows, err := manager.Query("SELECT ? AS a, ? AS b, ? AS c, ? AS d, ? AS e, ? AS f, ? AS g, ? AS h", parameters...)
	if err != nil || len(rows) != 1 {
		t.Fatal(rows, err)
	}
	want := []interface{}{int64(math.MaxInt64), int64(7), 0.5, "é\x00", []byte{0, 255}, nil, "", []byte{}}
	if !reflect.DeepEqual(rows[0].Values, want) || rows[0].Get("d") != "é\x00" || rows[0].Get("z") != nil {
		t.Fatalf("%#v", rows[0])
	}
	if _, err := manager.Query("SELECT ?", true); err == nil || !strings.Contains(err.Error(), "parameter 0") {
		t.Fatal(err)
	}
	if _, err := manager.Query("DELETE FROM METRIC"); status(err) != "MISUSE" {
		t.Fatal(err)
	}
}

func TestAnIteratorEndsWhenItIsToldToAndSaysErrorsLast(t *testing.T) {
	manager := opened(t)
	var seen []int64
	manager.Rows("SELECT id FROM EXPERIMENT ORDER BY id")(func(row Row, err error) bool {
		if err != nil {
			t.Fatal(err)
		}
		seen = append(seen, row.Get("id").(int64))
		return len(seen) < 2
	})
	if !reflect.DeepEqual(seen, []int64{1, 2}) {
		t.Fatal(seen)
	}
	var last error
	manager.Rows("SELECT nothing")(func(_ Row, err error) bool {
		last = err
		return true
	})
	if last == nil {
		t.Fatal("no error")
	}
	mine := errors.New("mine")
	if err := manager.Each("SELECT id FROM METRIC", nil, func(Row) error { return mine }); !errors.Is(err, mine) {
		t.Fatal(err)
	}
}

func TestAPanicOfARowFunctionGoesOn(t *testing.T) {
	manager := opened(t)
	var caught interface{}
	func() {
		defer func() { caught = recover() }()
		_ = manager.Each("SELECT id FROM METRIC", nil, func(Row) error { panic("mine") })
	}()
	if caught != "mine" || count(t, manager) != 3 {
		t.Fatal(caught)
	}
}

func TestChecksSayWhatIsThere(t *testing.T) {
	manager := opened(t)
	plan, err := manager.Plan(background, 1, nil, MigrateOptions{Strategy: Conservative})
	if err != nil || plan.Rows != 4854 || plan.Unsound != 0 || !json.Valid(plan.Document) {
		t.Fatal(plan, err)
	}
	if _, err := manager.Plan(background, 1, nil, MigrateOptions{Strategy: "bold"}); status(err) != "INVALID_ARGUMENT" {
		t.Fatal(err)
	}
	report, err := manager.Validate(background, ValidateOptions{})
	if err != nil || !report.Passed || len(report.Issues) != 0 {
		t.Fatal(report, err)
	}
	none := int64(99)
	if _, err := manager.Validate(background, ValidateOptions{Experiment: &none}); status(err) != "NOT_FOUND" {
		t.Fatal(err)
	}
	one, err := manager.Digest(background, 1, nil)
	other, _ := manager.Digest(background, 2, nil)
	if err != nil || len(one) != 32 || bytes.Equal(one, other) {
		t.Fatal(one, err)
	}
	comparison, err := manager.Compare(background, 1, nil, 2, nil)
	if err != nil || comparison.Equal || comparison.Table != "EXPERIMENT" || comparison.Column != "title" {
		t.Fatalf("%+v %v", comparison, err)
	}
	if info, err := manager.Info(); err != nil || !json.Valid(info) {
		t.Fatal(string(info), err)
	}
	copied, err := manager.Migrate(background, 1, nil, MigrateOptions{TitlePrefix: "copy of "})
	if err != nil || !json.Valid(copied.Document) {
		t.Fatal(copied, err)
	}
	experiments, err := manager.Experiments()
	if err != nil || !strings.HasPrefix(experiments[3].Title, "copy of ") || experiments[3].Runs != experiments[0].Runs {
		t.Fatal(experiments, err)
	}
}

func TestWhatIsWrongIsListed(t *testing.T) {
	path := database(t)
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	// Labels that are no longer JSON, of the same length.
	broken := bytes.Replace(content, []byte(`{"class_0": `), []byte(`["class_0": `), 1)
	if bytes.Equal(broken, content) {
		t.Fatal("the data has other labels now")
	}
	if err := os.WriteFile(path, broken, 0o600); err != nil {
		t.Fatal(err)
	}
	manager, err := Open(background, path, OpenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer manager.Close()
	report, err := manager.Validate(background, ValidateOptions{})
	if err != nil || report.Passed || report.Errors == 0 || report.Issues[0].Table != "METRIC" || report.Issues[0].Severity != SeverityError {
		t.Fatalf("%+v %v", report, err)
	}
}

func TestRulesChangeMetricsAndUndoingBringsThemBack(t *testing.T) {
	manager := opened(t)
	rules := `{"metric_transformations": [{"metric_type": "recall", "transformation": "scale", "params": {"factor": 2}}]}`
	none, err := manager.Transform(background, rules, TransformOptions{Experiments: []int64{}})
	if err != nil || none.Matched != 0 {
		t.Fatal(none, err)
	}
	before, _ := manager.Digest(background, 1, nil)
	changed, err := manager.Transform(background, rules, TransformOptions{Experiments: []int64{1}})
	if err != nil || changed.Updated == 0 || changed.ID == 0 {
		t.Fatal(changed, err)
	}
	restored, err := manager.Undo(background, changed.ID, false, nil)
	after, _ := manager.Digest(background, 1, nil)
	if err != nil || restored != changed.Updated || !bytes.Equal(before, after) {
		t.Fatal(restored, err)
	}
}

func TestASnapshotIsTakenVerifiedRestoredAndDeleted(t *testing.T) {
	manager, err := Open(background, database(t), OpenOptions{SnapshotDir: filepath.Join(t.TempDir(), "snapshots")})
	if err != nil {
		t.Fatal(err)
	}
	defer manager.Close()
	made, err := manager.CreateSnapshot(background, "before", nil)
	if err != nil || manager.VerifySnapshot(background, made, nil) != nil {
		t.Fatal(made, err)
	}
	if _, err := manager.Migrate(background, 1, nil, MigrateOptions{}); err != nil {
		t.Fatal(err)
	}
	if done, err := manager.RestoreSnapshot(background, made, RestoreOptions{}); err != nil || !json.Valid(done) || count(t, manager) != 3 {
		t.Fatal(string(done), err)
	}
	listed, err := manager.Snapshots()
	if err != nil || len(listed) != 2 || listed[1].ID != made || listed[1].Description != "before" || listed[1].Created.IsZero() {
		t.Fatalf("%+v %v", listed, err)
	}
	if err := manager.DeleteSnapshot(made); err != nil {
		t.Fatal(err)
	}
	if err := manager.VerifySnapshot(background, made, nil); status(err) != "NOT_FOUND" {
		t.Fatal(err)
	}
}

func TestADocumentAndAPageAreWritten(t *testing.T) {
	manager, other := opened(t), opened(t)
	path := filepath.Join(t.TempDir(), "two")
	if err := manager.ExportToFile(background, 2, path+".json", FileOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := manager.ExportToFile(background, 2, path+".json", FileOptions{}); status(err) != "ALREADY_EXISTS" {
		t.Fatal(err)
	}
	done, err := other.ImportFromFile(background, path+".json", ImportOptions{OnDuplicate: DuplicateSkip})
	if err != nil || !done.Skipped || done.ExperimentID != 2 {
		t.Fatal(done, err)
	}
	if err := ReportToFile(background, path+".html", "both", []Of{{manager, 1}, {other, 1}}, FileOptions{}); err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(path + ".html")
	if err != nil || !bytes.HasPrefix(page, []byte("<!DOCTYPE html>")) {
		t.Fatal(err)
	}
}
