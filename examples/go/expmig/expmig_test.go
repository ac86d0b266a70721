package expmig

import (
	"context"
	"errors"
	"os"
	"path/filepath"
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
	manager, err := Open(background, database(t), 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(manager.Close)
	return manager
}

// count is how many experiments there are.
func count(t *testing.T, manager *Manager) int {
	json, err := manager.Experiments()
	if err != nil {
		t.Fatal(err)
	}
	return strings.Count(json, `"title"`)
}

func status(err error) string {
	var failure *Error
	if !errors.As(err, &failure) {
		return ""
	}
	return failure.Status
}

func TestAMissingFileIsAnErrorWithItsPathAndAHint(t *testing.T) {
	_, err := Open(background, filepath.Join(t.TempDir(), "missing.db"), 0)
	var failure *Error
	if !errors.As(err, &failure) || failure.Status != "NOT_FOUND" || failure.Hint == "" || failure.Retryable {
		t.Fatalf("%#v", err)
	}
	if failure.Details[0].Key != "path" || !strings.HasSuffix(failure.Details[0].Value, "missing.db") {
		t.Fatal(failure.Details)
	}
}

func TestANulDoesNotCutAPathShort(t *testing.T) {
	if _, err := Open(background, database(t)+"\x00x", 0); err == nil || status(err) != "" {
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
	if _, err := Open(ctx, database(t), 0); !errors.Is(err, context.Canceled) {
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
