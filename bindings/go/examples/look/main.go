// Lists the experiments of a database, counts its metrics, and says whether the data is sound.
//
//	look DATABASE
package main

import (
	"context"
	"fmt"
	"os"

	"expmig.example/expmig"
)

func look(path string) error {
	manager, err := expmig.Open(context.Background(), path, expmig.OpenOptions{ReadOnly: true})
	if err != nil {
		return err
	}
	defer manager.Close()
	experiments, err := manager.Experiments()
	if err != nil {
		return err
	}
	for _, one := range experiments {
		fmt.Printf("%d\t%s\t%d trials\t%d runs\n", one.ID, one.Title, one.Trials, one.Runs)
	}
	// With Go 1.23 this is: for row, err := range manager.Rows(...).
	manager.Rows("SELECT type, count(*) AS metrics, avg(total_val) AS mean FROM METRIC GROUP BY type ORDER BY type")(
		func(row expmig.Row, failure error) bool {
			if err = failure; err != nil {
				return false
			}
			fmt.Printf("%v\t%v metrics\tmean %v\n", row.Get("type"), row.Get("metrics"), row.Get("mean"))
			return true
		})
	if err != nil {
		return err
	}
	report, err := manager.Validate(context.Background(), expmig.ValidateOptions{})
	if err != nil {
		return err
	}
	verdict := "PASS"
	if !report.Passed {
		verdict = "FAIL"
	}
	fmt.Printf("%s: %d errors, %d warnings\n", verdict, report.Errors, report.Warnings)
	return nil
}

func main() {
	path := "experiments.db"
	if len(os.Args) > 1 {
		path = os.Args[1]
	}
	if err := look(path); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
