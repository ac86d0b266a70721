// Copies an experiment and proves that the copy equals the source.
//
//	migrate DATABASE EXPERIMENT [TARGET_DATABASE]
//
// Without a target the copy goes into the same database. A target that does not exist is created. Running it again copies
// nothing a second time. Ctrl-C ends it, and nothing was changed.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strconv"

	"expmig.example/expmig"
)

func showProgress(now expmig.Progress) error {
	fmt.Printf("\r%5.1f %%  %d/%d rows  %-48s", now.Percentage, now.Processed, now.Total, now.Operation)
	return nil // an error would undo everything
}

func migrate(ctx context.Context, path string, experiment int64, targetPath string) error {
	source, err := expmig.Open(ctx, path, expmig.OpenOptions{})
	if err != nil {
		return err
	}
	defer source.Close()
	var target *expmig.Manager
	if targetPath != "" {
		if target, err = expmig.Open(ctx, targetPath, expmig.OpenOptions{Create: true}); err != nil {
			return err
		}
		defer target.Close()
	}
	// Safe to run again, also after a crash.
	options := expmig.MigrateOptions{OnDuplicate: expmig.DuplicateSkip, Progress: showProgress}
	result, err := source.Migrate(ctx, experiment, target, options)
	if err != nil {
		return err
	}
	what := "copied"
	if result.Skipped {
		what = "the target has"
	}
	fmt.Printf("\n%s experiment %d as experiment %d: %d rows, %d left out, %.3f s\n",
		what, result.SourceID, result.NewID, result.Processed, result.Failed, result.Duration.Seconds())
	for _, warning := range result.Warnings {
		fmt.Println("warning:", warning)
	}
	fmt.Printf("source digest %x\ntarget digest %x\n", result.SourceDigest, result.TargetDigest)
	return nil
}

// Prints what went wrong, which row or file it is about, and what to do.
func failed(err error) {
	var failure *expmig.Error
	if !errors.As(err, &failure) {
		fmt.Fprintf(os.Stderr, "\n%v\n", err)
		return
	}
	fmt.Fprintf(os.Stderr, "\n%s: %s\n", failure.Status, failure.Message)
	for _, detail := range failure.Details {
		fmt.Fprintf(os.Stderr, "  %s: %s\n", detail.Key, detail.Value)
	}
	if failure.Hint != "" {
		fmt.Fprintf(os.Stderr, "  hint: %s\n", failure.Hint)
	}
}

func main() {
	var target string
	if len(os.Args) == 4 {
		target = os.Args[3]
	}
	if len(os.Args) < 3 || len(os.Args) > 4 {
		fmt.Fprintln(os.Stderr, "usage: migrate DATABASE EXPERIMENT [TARGET_DATABASE]")
		os.Exit(1)
	}
	experiment, err := strconv.ParseInt(os.Args[2], 10, 64)
	if err == nil {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
		err = migrate(ctx, os.Args[1], experiment, target)
		stop()
	}
	if err != nil {
		failed(err)
		os.Exit(1)
	}
}
