# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_expmig_global_optspecs
    string join \n json q/quiet y/yes busy-timeout= password-file= password-command= snapshot-dir= h/help V/version
end

function __fish_expmig_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_expmig_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_expmig_using_subcommand
    set -l cmd (__fish_expmig_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c expmig -n "__fish_expmig_needs_command" -l busy-timeout -d 'Seconds to wait for other programs\' locks' -r
complete -c expmig -n "__fish_expmig_needs_command" -l password-file -d 'The first line of this file is the password for servers' -r -F
complete -c expmig -n "__fish_expmig_needs_command" -l password-command -d 'Use the output of this command as the password; EXPMIG_DATABASE names the database for it' -r
complete -c expmig -n "__fish_expmig_needs_command" -l snapshot-dir -d 'The folder for snapshots [default: snapshots]' -r -F
complete -c expmig -n "__fish_expmig_needs_command" -l json -d 'Print the library\'s JSON documents (docs/json-documents.md), also for errors'
complete -c expmig -n "__fish_expmig_needs_command" -s q -l quiet -d 'Print only results and errors: no progress, no warnings'
complete -c expmig -n "__fish_expmig_needs_command" -s y -l yes -d 'Do not ask before destroying something'
complete -c expmig -n "__fish_expmig_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c expmig -n "__fish_expmig_needs_command" -s V -l version -d 'Print version'
complete -c expmig -n "__fish_expmig_needs_command" -f -a "list" -d 'List the experiments of a database'
complete -c expmig -n "__fish_expmig_needs_command" -f -a "info" -d 'Describe a database: engine, version, tables, extra columns'
complete -c expmig -n "__fish_expmig_needs_command" -f -a "query" -d 'Run one SELECT; print its rows tab-separated, or with --json as one JSON object per row'
complete -c expmig -n "__fish_expmig_needs_command" -f -a "validate" -d 'Check the data of a database'
complete -c expmig -n "__fish_expmig_needs_command" -f -a "digest" -d 'Print content digests, which are equal for equal experiments'
complete -c expmig -n "__fish_expmig_needs_command" -f -a "compare" -d 'Compare two experiments, and print the first difference'
complete -c expmig -n "__fish_expmig_needs_command" -f -a "plan" -d 'Report what a migration would do, without writing anything'
complete -c expmig -n "__fish_expmig_needs_command" -f -a "migrate" -d 'Copy experiments, within a database or into another one, and prove the copies'
complete -c expmig -n "__fish_expmig_needs_command" -f -a "job" -d 'List, resume and abandon migrations in several transactions (migrate --staged)'
complete -c expmig -n "__fish_expmig_needs_command" -f -a "snapshot" -d 'Create, list, verify, restore and delete copies of whole databases'
complete -c expmig -n "__fish_expmig_needs_command" -f -a "transform" -d 'Change metrics by rules'
complete -c expmig -n "__fish_expmig_needs_command" -f -a "undo" -d 'Undo a transformation'
complete -c expmig -n "__fish_expmig_needs_command" -f -a "export" -d 'Write an experiment as a JSON document'
complete -c expmig -n "__fish_expmig_needs_command" -f -a "import" -d 'Read an experiment from a JSON document'
complete -c expmig -n "__fish_expmig_needs_command" -f -a "bring-in" -d 'Bring runs in from the files that another tracker left: MLflow\'s mlruns, TensorBoard\'s event files, W&B\'s offline runs'
complete -c expmig -n "__fish_expmig_needs_command" -f -a "report" -d 'Write a page to look at: curves, values, what validation found; of two experiments also where they differ'
complete -c expmig -n "__fish_expmig_needs_command" -f -a "widen" -d 'Widen the columns of a server\'s tables that are too narrow to hold every value'
complete -c expmig -n "__fish_expmig_needs_command" -f -a "completions" -d 'Print a script that completes this command\'s words in a shell'
complete -c expmig -n "__fish_expmig_needs_command" -f -a "manual" -d 'Print this command\'s manual page'
complete -c expmig -n "__fish_expmig_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c expmig -n "__fish_expmig_using_subcommand list" -l busy-timeout -d 'Seconds to wait for other programs\' locks' -r
complete -c expmig -n "__fish_expmig_using_subcommand list" -l password-file -d 'The first line of this file is the password for servers' -r -F
complete -c expmig -n "__fish_expmig_using_subcommand list" -l password-command -d 'Use the output of this command as the password; EXPMIG_DATABASE names the database for it' -r
complete -c expmig -n "__fish_expmig_using_subcommand list" -l snapshot-dir -d 'The folder for snapshots [default: snapshots]' -r -F
complete -c expmig -n "__fish_expmig_using_subcommand list" -l json -d 'Print the library\'s JSON documents (docs/json-documents.md), also for errors'
complete -c expmig -n "__fish_expmig_using_subcommand list" -s q -l quiet -d 'Print only results and errors: no progress, no warnings'
complete -c expmig -n "__fish_expmig_using_subcommand list" -s y -l yes -d 'Do not ask before destroying something'
complete -c expmig -n "__fish_expmig_using_subcommand list" -s h -l help -d 'Print help'
complete -c expmig -n "__fish_expmig_using_subcommand info" -l busy-timeout -d 'Seconds to wait for other programs\' locks' -r
complete -c expmig -n "__fish_expmig_using_subcommand info" -l password-file -d 'The first line of this file is the password for servers' -r -F
complete -c expmig -n "__fish_expmig_using_subcommand info" -l password-command -d 'Use the output of this command as the password; EXPMIG_DATABASE names the database for it' -r
complete -c expmig -n "__fish_expmig_using_subcommand info" -l snapshot-dir -d 'The folder for snapshots [default: snapshots]' -r -F
complete -c expmig -n "__fish_expmig_using_subcommand info" -l json -d 'Print the library\'s JSON documents (docs/json-documents.md), also for errors'
complete -c expmig -n "__fish_expmig_using_subcommand info" -s q -l quiet -d 'Print only results and errors: no progress, no warnings'
complete -c expmig -n "__fish_expmig_using_subcommand info" -s y -l yes -d 'Do not ask before destroying something'
complete -c expmig -n "__fish_expmig_using_subcommand info" -s h -l help -d 'Print help'
complete -c expmig -n "__fish_expmig_using_subcommand query" -l busy-timeout -d 'Seconds to wait for other programs\' locks' -r
complete -c expmig -n "__fish_expmig_using_subcommand query" -l password-file -d 'The first line of this file is the password for servers' -r -F
complete -c expmig -n "__fish_expmig_using_subcommand query" -l password-command -d 'Use the output of this command as the password; EXPMIG_DATABASE names the database for it' -r
complete -c expmig -n "__fish_expmig_using_subcommand query" -l snapshot-dir -d 'The folder for snapshots [default: snapshots]' -r -F
complete -c expmig -n "__fish_expmig_using_subcommand query" -l json -d 'Print the library\'s JSON documents (docs/json-documents.md), also for errors'
complete -c expmig -n "__fish_expmig_using_subcommand query" -s q -l quiet -d 'Print only results and errors: no progress, no warnings'
complete -c expmig -n "__fish_expmig_using_subcommand query" -s y -l yes -d 'Do not ask before destroying something'
complete -c expmig -n "__fish_expmig_using_subcommand query" -s h -l help -d 'Print help'
complete -c expmig -n "__fish_expmig_using_subcommand validate" -s e -l experiment -d 'Check only this experiment' -r
complete -c expmig -n "__fish_expmig_using_subcommand validate" -l section -d 'Run only this part of the checks; may be given more than once' -r -f -a "foreign-keys\t''
metric-json\t''
hierarchy\t''"
complete -c expmig -n "__fish_expmig_using_subcommand validate" -l limit -d 'List at most this many issues; all are counted' -r
complete -c expmig -n "__fish_expmig_using_subcommand validate" -l busy-timeout -d 'Seconds to wait for other programs\' locks' -r
complete -c expmig -n "__fish_expmig_using_subcommand validate" -l password-file -d 'The first line of this file is the password for servers' -r -F
complete -c expmig -n "__fish_expmig_using_subcommand validate" -l password-command -d 'Use the output of this command as the password; EXPMIG_DATABASE names the database for it' -r
complete -c expmig -n "__fish_expmig_using_subcommand validate" -l snapshot-dir -d 'The folder for snapshots [default: snapshots]' -r -F
complete -c expmig -n "__fish_expmig_using_subcommand validate" -l json -d 'Print the library\'s JSON documents (docs/json-documents.md), also for errors'
complete -c expmig -n "__fish_expmig_using_subcommand validate" -s q -l quiet -d 'Print only results and errors: no progress, no warnings'
complete -c expmig -n "__fish_expmig_using_subcommand validate" -s y -l yes -d 'Do not ask before destroying something'
complete -c expmig -n "__fish_expmig_using_subcommand validate" -s h -l help -d 'Print help'
complete -c expmig -n "__fish_expmig_using_subcommand digest" -s e -l experiment -d 'The experiment with this id; may be given more than once' -r
complete -c expmig -n "__fish_expmig_using_subcommand digest" -l busy-timeout -d 'Seconds to wait for other programs\' locks' -r
complete -c expmig -n "__fish_expmig_using_subcommand digest" -l password-file -d 'The first line of this file is the password for servers' -r -F
complete -c expmig -n "__fish_expmig_using_subcommand digest" -l password-command -d 'Use the output of this command as the password; EXPMIG_DATABASE names the database for it' -r
complete -c expmig -n "__fish_expmig_using_subcommand digest" -l snapshot-dir -d 'The folder for snapshots [default: snapshots]' -r -F
complete -c expmig -n "__fish_expmig_using_subcommand digest" -s a -l all -d 'All experiments'
complete -c expmig -n "__fish_expmig_using_subcommand digest" -l json -d 'Print the library\'s JSON documents (docs/json-documents.md), also for errors'
complete -c expmig -n "__fish_expmig_using_subcommand digest" -s q -l quiet -d 'Print only results and errors: no progress, no warnings'
complete -c expmig -n "__fish_expmig_using_subcommand digest" -s y -l yes -d 'Do not ask before destroying something'
complete -c expmig -n "__fish_expmig_using_subcommand digest" -s h -l help -d 'Print help'
complete -c expmig -n "__fish_expmig_using_subcommand compare" -l busy-timeout -d 'Seconds to wait for other programs\' locks' -r
complete -c expmig -n "__fish_expmig_using_subcommand compare" -l password-file -d 'The first line of this file is the password for servers' -r -F
complete -c expmig -n "__fish_expmig_using_subcommand compare" -l password-command -d 'Use the output of this command as the password; EXPMIG_DATABASE names the database for it' -r
complete -c expmig -n "__fish_expmig_using_subcommand compare" -l snapshot-dir -d 'The folder for snapshots [default: snapshots]' -r -F
complete -c expmig -n "__fish_expmig_using_subcommand compare" -l json -d 'Print the library\'s JSON documents (docs/json-documents.md), also for errors'
complete -c expmig -n "__fish_expmig_using_subcommand compare" -s q -l quiet -d 'Print only results and errors: no progress, no warnings'
complete -c expmig -n "__fish_expmig_using_subcommand compare" -s y -l yes -d 'Do not ask before destroying something'
complete -c expmig -n "__fish_expmig_using_subcommand compare" -s h -l help -d 'Print help'
complete -c expmig -n "__fish_expmig_using_subcommand plan" -s e -l experiment -d 'The experiment with this id; may be given more than once' -r
complete -c expmig -n "__fish_expmig_using_subcommand plan" -l to -d 'The database to copy into; a file that does not exist is created [default: the source]' -r
complete -c expmig -n "__fish_expmig_using_subcommand plan" -l strategy -d 'How strict the checks are' -r -f -a "conservative\t'Any error in the source, or warning about the experiment, stops the copy; digests must be equal'
balanced\t'Unsound rows stop the copy, odd values are warnings; digests must be equal'
aggressive\t'Rows that cannot be copied are left out, counted and listed; row counts must be equal'"
complete -c expmig -n "__fish_expmig_using_subcommand plan" -l on-duplicate -d 'What to do if the target already has an experiment with the same content' -r -f -a "copy\t'Copy it again, with a warning'
skip\t'Write nothing, and print the id of that experiment'
error\t'Fail'"
complete -c expmig -n "__fish_expmig_using_subcommand plan" -l into -d 'Append the trials to this experiment of the target' -r
complete -c expmig -n "__fish_expmig_using_subcommand plan" -l title-prefix -d 'Text to put before the titles of the copies' -r
complete -c expmig -n "__fish_expmig_using_subcommand plan" -l on-conflict -d 'MLflow: what to do with a run, model, trace, ... whose id the target has already' -r -f -a "error\t'Fail'
skip\t'Leave what has the same content in the experiment that is appended to'
new\t'Give the copy a new id'"
complete -c expmig -n "__fish_expmig_using_subcommand plan" -l on-name -d 'MLflow: what to do if the target has an experiment of the name already' -r -f -a "suffix\t'Put " (2)" and so on behind that of the new one'
error\t'Fail'
append\t'Add to that experiment'"
complete -c expmig -n "__fish_expmig_using_subcommand plan" -l workspace -d 'MLflow: the workspace of the copies [default: that of the source]' -r
complete -c expmig -n "__fish_expmig_using_subcommand plan" -l artifacts-from -d 'MLflow: locations of artifacts that begin so ...' -r
complete -c expmig -n "__fish_expmig_using_subcommand plan" -l artifacts-to -d '... begin so in the copies; the files are not moved' -r
complete -c expmig -n "__fish_expmig_using_subcommand plan" -l rules -d 'A file with rules for the metrics of the copies (docs/transformations.md)' -r -F
complete -c expmig -n "__fish_expmig_using_subcommand plan" -l stage-rows -d 'The most rows of one such transaction [default: what a cluster surely takes, 100000 at the most]' -r
complete -c expmig -n "__fish_expmig_using_subcommand plan" -l busy-timeout -d 'Seconds to wait for other programs\' locks' -r
complete -c expmig -n "__fish_expmig_using_subcommand plan" -l password-file -d 'The first line of this file is the password for servers' -r -F
complete -c expmig -n "__fish_expmig_using_subcommand plan" -l password-command -d 'Use the output of this command as the password; EXPMIG_DATABASE names the database for it' -r
complete -c expmig -n "__fish_expmig_using_subcommand plan" -l snapshot-dir -d 'The folder for snapshots [default: snapshots]' -r -F
complete -c expmig -n "__fish_expmig_using_subcommand plan" -s a -l all -d 'All experiments'
complete -c expmig -n "__fish_expmig_using_subcommand plan" -l create -d 'Make the tables in the schema of --to if it is empty, and the schema if it does not exist'
complete -c expmig -n "__fish_expmig_using_subcommand plan" -l add-columns -d 'Add the extra columns that the target\'s tables do not have'
complete -c expmig -n "__fish_expmig_using_subcommand plan" -l allow-lossy -d 'Allow values to be changed where the target cannot hold them; every change is counted and listed'
complete -c expmig -n "__fish_expmig_using_subcommand plan" -l snapshot -d 'Take a snapshot of the target first'
complete -c expmig -n "__fish_expmig_using_subcommand plan" -l staged -d 'Servers: write in several transactions, none larger than a cluster takes; what stops is a `job` (docs/clusters.md)'
complete -c expmig -n "__fish_expmig_using_subcommand plan" -l dry-run -d 'Report what would be done, as `plan` does, without writing anything'
complete -c expmig -n "__fish_expmig_using_subcommand plan" -l json -d 'Print the library\'s JSON documents (docs/json-documents.md), also for errors'
complete -c expmig -n "__fish_expmig_using_subcommand plan" -s q -l quiet -d 'Print only results and errors: no progress, no warnings'
complete -c expmig -n "__fish_expmig_using_subcommand plan" -s y -l yes -d 'Do not ask before destroying something'
complete -c expmig -n "__fish_expmig_using_subcommand plan" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c expmig -n "__fish_expmig_using_subcommand migrate" -s e -l experiment -d 'The experiment with this id; may be given more than once' -r
complete -c expmig -n "__fish_expmig_using_subcommand migrate" -l to -d 'The database to copy into; a file that does not exist is created [default: the source]' -r
complete -c expmig -n "__fish_expmig_using_subcommand migrate" -l strategy -d 'How strict the checks are' -r -f -a "conservative\t'Any error in the source, or warning about the experiment, stops the copy; digests must be equal'
balanced\t'Unsound rows stop the copy, odd values are warnings; digests must be equal'
aggressive\t'Rows that cannot be copied are left out, counted and listed; row counts must be equal'"
complete -c expmig -n "__fish_expmig_using_subcommand migrate" -l on-duplicate -d 'What to do if the target already has an experiment with the same content' -r -f -a "copy\t'Copy it again, with a warning'
skip\t'Write nothing, and print the id of that experiment'
error\t'Fail'"
complete -c expmig -n "__fish_expmig_using_subcommand migrate" -l into -d 'Append the trials to this experiment of the target' -r
complete -c expmig -n "__fish_expmig_using_subcommand migrate" -l title-prefix -d 'Text to put before the titles of the copies' -r
complete -c expmig -n "__fish_expmig_using_subcommand migrate" -l on-conflict -d 'MLflow: what to do with a run, model, trace, ... whose id the target has already' -r -f -a "error\t'Fail'
skip\t'Leave what has the same content in the experiment that is appended to'
new\t'Give the copy a new id'"
complete -c expmig -n "__fish_expmig_using_subcommand migrate" -l on-name -d 'MLflow: what to do if the target has an experiment of the name already' -r -f -a "suffix\t'Put " (2)" and so on behind that of the new one'
error\t'Fail'
append\t'Add to that experiment'"
complete -c expmig -n "__fish_expmig_using_subcommand migrate" -l workspace -d 'MLflow: the workspace of the copies [default: that of the source]' -r
complete -c expmig -n "__fish_expmig_using_subcommand migrate" -l artifacts-from -d 'MLflow: locations of artifacts that begin so ...' -r
complete -c expmig -n "__fish_expmig_using_subcommand migrate" -l artifacts-to -d '... begin so in the copies; the files are not moved' -r
complete -c expmig -n "__fish_expmig_using_subcommand migrate" -l rules -d 'A file with rules for the metrics of the copies (docs/transformations.md)' -r -F
complete -c expmig -n "__fish_expmig_using_subcommand migrate" -l stage-rows -d 'The most rows of one such transaction [default: what a cluster surely takes, 100000 at the most]' -r
complete -c expmig -n "__fish_expmig_using_subcommand migrate" -l busy-timeout -d 'Seconds to wait for other programs\' locks' -r
complete -c expmig -n "__fish_expmig_using_subcommand migrate" -l password-file -d 'The first line of this file is the password for servers' -r -F
complete -c expmig -n "__fish_expmig_using_subcommand migrate" -l password-command -d 'Use the output of this command as the password; EXPMIG_DATABASE names the database for it' -r
complete -c expmig -n "__fish_expmig_using_subcommand migrate" -l snapshot-dir -d 'The folder for snapshots [default: snapshots]' -r -F
complete -c expmig -n "__fish_expmig_using_subcommand migrate" -s a -l all -d 'All experiments'
complete -c expmig -n "__fish_expmig_using_subcommand migrate" -l create -d 'Make the tables in the schema of --to if it is empty, and the schema if it does not exist'
complete -c expmig -n "__fish_expmig_using_subcommand migrate" -l add-columns -d 'Add the extra columns that the target\'s tables do not have'
complete -c expmig -n "__fish_expmig_using_subcommand migrate" -l allow-lossy -d 'Allow values to be changed where the target cannot hold them; every change is counted and listed'
complete -c expmig -n "__fish_expmig_using_subcommand migrate" -l snapshot -d 'Take a snapshot of the target first'
complete -c expmig -n "__fish_expmig_using_subcommand migrate" -l staged -d 'Servers: write in several transactions, none larger than a cluster takes; what stops is a `job` (docs/clusters.md)'
complete -c expmig -n "__fish_expmig_using_subcommand migrate" -l dry-run -d 'Report what would be done, as `plan` does, without writing anything'
complete -c expmig -n "__fish_expmig_using_subcommand migrate" -l json -d 'Print the library\'s JSON documents (docs/json-documents.md), also for errors'
complete -c expmig -n "__fish_expmig_using_subcommand migrate" -s q -l quiet -d 'Print only results and errors: no progress, no warnings'
complete -c expmig -n "__fish_expmig_using_subcommand migrate" -s y -l yes -d 'Do not ask before destroying something'
complete -c expmig -n "__fish_expmig_using_subcommand migrate" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c expmig -n "__fish_expmig_using_subcommand job; and not __fish_seen_subcommand_from list resume abandon help" -l busy-timeout -d 'Seconds to wait for other programs\' locks' -r
complete -c expmig -n "__fish_expmig_using_subcommand job; and not __fish_seen_subcommand_from list resume abandon help" -l password-file -d 'The first line of this file is the password for servers' -r -F
complete -c expmig -n "__fish_expmig_using_subcommand job; and not __fish_seen_subcommand_from list resume abandon help" -l password-command -d 'Use the output of this command as the password; EXPMIG_DATABASE names the database for it' -r
complete -c expmig -n "__fish_expmig_using_subcommand job; and not __fish_seen_subcommand_from list resume abandon help" -l snapshot-dir -d 'The folder for snapshots [default: snapshots]' -r -F
complete -c expmig -n "__fish_expmig_using_subcommand job; and not __fish_seen_subcommand_from list resume abandon help" -l json -d 'Print the library\'s JSON documents (docs/json-documents.md), also for errors'
complete -c expmig -n "__fish_expmig_using_subcommand job; and not __fish_seen_subcommand_from list resume abandon help" -s q -l quiet -d 'Print only results and errors: no progress, no warnings'
complete -c expmig -n "__fish_expmig_using_subcommand job; and not __fish_seen_subcommand_from list resume abandon help" -s y -l yes -d 'Do not ask before destroying something'
complete -c expmig -n "__fish_expmig_using_subcommand job; and not __fish_seen_subcommand_from list resume abandon help" -s h -l help -d 'Print help'
complete -c expmig -n "__fish_expmig_using_subcommand job; and not __fish_seen_subcommand_from list resume abandon help" -f -a "list" -d 'List the jobs of a database'
complete -c expmig -n "__fish_expmig_using_subcommand job; and not __fish_seen_subcommand_from list resume abandon help" -f -a "resume" -d 'Go on with a job that stopped'
complete -c expmig -n "__fish_expmig_using_subcommand job; and not __fish_seen_subcommand_from list resume abandon help" -f -a "abandon" -d 'Remove a job that was not published, and what it copied'
complete -c expmig -n "__fish_expmig_using_subcommand job; and not __fish_seen_subcommand_from list resume abandon help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c expmig -n "__fish_expmig_using_subcommand job; and __fish_seen_subcommand_from list" -l busy-timeout -d 'Seconds to wait for other programs\' locks' -r
complete -c expmig -n "__fish_expmig_using_subcommand job; and __fish_seen_subcommand_from list" -l password-file -d 'The first line of this file is the password for servers' -r -F
complete -c expmig -n "__fish_expmig_using_subcommand job; and __fish_seen_subcommand_from list" -l password-command -d 'Use the output of this command as the password; EXPMIG_DATABASE names the database for it' -r
complete -c expmig -n "__fish_expmig_using_subcommand job; and __fish_seen_subcommand_from list" -l snapshot-dir -d 'The folder for snapshots [default: snapshots]' -r -F
complete -c expmig -n "__fish_expmig_using_subcommand job; and __fish_seen_subcommand_from list" -l json -d 'Print the library\'s JSON documents (docs/json-documents.md), also for errors'
complete -c expmig -n "__fish_expmig_using_subcommand job; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Print only results and errors: no progress, no warnings'
complete -c expmig -n "__fish_expmig_using_subcommand job; and __fish_seen_subcommand_from list" -s y -l yes -d 'Do not ask before destroying something'
complete -c expmig -n "__fish_expmig_using_subcommand job; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c expmig -n "__fish_expmig_using_subcommand job; and __fish_seen_subcommand_from resume" -l to -d 'The database that has the job [default: the source]' -r
complete -c expmig -n "__fish_expmig_using_subcommand job; and __fish_seen_subcommand_from resume" -l busy-timeout -d 'Seconds to wait for other programs\' locks' -r
complete -c expmig -n "__fish_expmig_using_subcommand job; and __fish_seen_subcommand_from resume" -l password-file -d 'The first line of this file is the password for servers' -r -F
complete -c expmig -n "__fish_expmig_using_subcommand job; and __fish_seen_subcommand_from resume" -l password-command -d 'Use the output of this command as the password; EXPMIG_DATABASE names the database for it' -r
complete -c expmig -n "__fish_expmig_using_subcommand job; and __fish_seen_subcommand_from resume" -l snapshot-dir -d 'The folder for snapshots [default: snapshots]' -r -F
complete -c expmig -n "__fish_expmig_using_subcommand job; and __fish_seen_subcommand_from resume" -l json -d 'Print the library\'s JSON documents (docs/json-documents.md), also for errors'
complete -c expmig -n "__fish_expmig_using_subcommand job; and __fish_seen_subcommand_from resume" -s q -l quiet -d 'Print only results and errors: no progress, no warnings'
complete -c expmig -n "__fish_expmig_using_subcommand job; and __fish_seen_subcommand_from resume" -s y -l yes -d 'Do not ask before destroying something'
complete -c expmig -n "__fish_expmig_using_subcommand job; and __fish_seen_subcommand_from resume" -s h -l help -d 'Print help'
complete -c expmig -n "__fish_expmig_using_subcommand job; and __fish_seen_subcommand_from abandon" -l busy-timeout -d 'Seconds to wait for other programs\' locks' -r
complete -c expmig -n "__fish_expmig_using_subcommand job; and __fish_seen_subcommand_from abandon" -l password-file -d 'The first line of this file is the password for servers' -r -F
complete -c expmig -n "__fish_expmig_using_subcommand job; and __fish_seen_subcommand_from abandon" -l password-command -d 'Use the output of this command as the password; EXPMIG_DATABASE names the database for it' -r
complete -c expmig -n "__fish_expmig_using_subcommand job; and __fish_seen_subcommand_from abandon" -l snapshot-dir -d 'The folder for snapshots [default: snapshots]' -r -F
complete -c expmig -n "__fish_expmig_using_subcommand job; and __fish_seen_subcommand_from abandon" -l json -d 'Print the library\'s JSON documents (docs/json-documents.md), also for errors'
complete -c expmig -n "__fish_expmig_using_subcommand job; and __fish_seen_subcommand_from abandon" -s q -l quiet -d 'Print only results and errors: no progress, no warnings'
complete -c expmig -n "__fish_expmig_using_subcommand job; and __fish_seen_subcommand_from abandon" -s y -l yes -d 'Do not ask before destroying something'
complete -c expmig -n "__fish_expmig_using_subcommand job; and __fish_seen_subcommand_from abandon" -s h -l help -d 'Print help'
complete -c expmig -n "__fish_expmig_using_subcommand job; and __fish_seen_subcommand_from help" -f -a "list" -d 'List the jobs of a database'
complete -c expmig -n "__fish_expmig_using_subcommand job; and __fish_seen_subcommand_from help" -f -a "resume" -d 'Go on with a job that stopped'
complete -c expmig -n "__fish_expmig_using_subcommand job; and __fish_seen_subcommand_from help" -f -a "abandon" -d 'Remove a job that was not published, and what it copied'
complete -c expmig -n "__fish_expmig_using_subcommand job; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c expmig -n "__fish_expmig_using_subcommand snapshot; and not __fish_seen_subcommand_from create list verify restore delete cleanup help" -l busy-timeout -d 'Seconds to wait for other programs\' locks' -r
complete -c expmig -n "__fish_expmig_using_subcommand snapshot; and not __fish_seen_subcommand_from create list verify restore delete cleanup help" -l password-file -d 'The first line of this file is the password for servers' -r -F
complete -c expmig -n "__fish_expmig_using_subcommand snapshot; and not __fish_seen_subcommand_from create list verify restore delete cleanup help" -l password-command -d 'Use the output of this command as the password; EXPMIG_DATABASE names the database for it' -r
complete -c expmig -n "__fish_expmig_using_subcommand snapshot; and not __fish_seen_subcommand_from create list verify restore delete cleanup help" -l snapshot-dir -d 'The folder for snapshots [default: snapshots]' -r -F
complete -c expmig -n "__fish_expmig_using_subcommand snapshot; and not __fish_seen_subcommand_from create list verify restore delete cleanup help" -l json -d 'Print the library\'s JSON documents (docs/json-documents.md), also for errors'
complete -c expmig -n "__fish_expmig_using_subcommand snapshot; and not __fish_seen_subcommand_from create list verify restore delete cleanup help" -s q -l quiet -d 'Print only results and errors: no progress, no warnings'
complete -c expmig -n "__fish_expmig_using_subcommand snapshot; and not __fish_seen_subcommand_from create list verify restore delete cleanup help" -s y -l yes -d 'Do not ask before destroying something'
complete -c expmig -n "__fish_expmig_using_subcommand snapshot; and not __fish_seen_subcommand_from create list verify restore delete cleanup help" -s h -l help -d 'Print help'
complete -c expmig -n "__fish_expmig_using_subcommand snapshot; and not __fish_seen_subcommand_from create list verify restore delete cleanup help" -f -a "create" -d 'Copy the whole database into the folder for snapshots'
complete -c expmig -n "__fish_expmig_using_subcommand snapshot; and not __fish_seen_subcommand_from create list verify restore delete cleanup help" -f -a "list" -d 'List the snapshots in the folder'
complete -c expmig -n "__fish_expmig_using_subcommand snapshot; and not __fish_seen_subcommand_from create list verify restore delete cleanup help" -f -a "verify" -d 'Check a snapshot against its manifest'
complete -c expmig -n "__fish_expmig_using_subcommand snapshot; and not __fish_seen_subcommand_from create list verify restore delete cleanup help" -f -a "restore" -d 'Replace everything in the database by a snapshot; take a snapshot of the current content first'
complete -c expmig -n "__fish_expmig_using_subcommand snapshot; and not __fish_seen_subcommand_from create list verify restore delete cleanup help" -f -a "delete" -d 'Delete a snapshot'
complete -c expmig -n "__fish_expmig_using_subcommand snapshot; and not __fish_seen_subcommand_from create list verify restore delete cleanup help" -f -a "cleanup" -d 'Delete all snapshots of the database except the newest'
complete -c expmig -n "__fish_expmig_using_subcommand snapshot; and not __fish_seen_subcommand_from create list verify restore delete cleanup help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c expmig -n "__fish_expmig_using_subcommand snapshot; and __fish_seen_subcommand_from create" -l description -d 'What the snapshot is for' -r
complete -c expmig -n "__fish_expmig_using_subcommand snapshot; and __fish_seen_subcommand_from create" -l metadata -d 'A JSON object to keep with the snapshot' -r
complete -c expmig -n "__fish_expmig_using_subcommand snapshot; and __fish_seen_subcommand_from create" -l busy-timeout -d 'Seconds to wait for other programs\' locks' -r
complete -c expmig -n "__fish_expmig_using_subcommand snapshot; and __fish_seen_subcommand_from create" -l password-file -d 'The first line of this file is the password for servers' -r -F
complete -c expmig -n "__fish_expmig_using_subcommand snapshot; and __fish_seen_subcommand_from create" -l password-command -d 'Use the output of this command as the password; EXPMIG_DATABASE names the database for it' -r
complete -c expmig -n "__fish_expmig_using_subcommand snapshot; and __fish_seen_subcommand_from create" -l snapshot-dir -d 'The folder for snapshots [default: snapshots]' -r -F
complete -c expmig -n "__fish_expmig_using_subcommand snapshot; and __fish_seen_subcommand_from create" -l json -d 'Print the library\'s JSON documents (docs/json-documents.md), also for errors'
complete -c expmig -n "__fish_expmig_using_subcommand snapshot; and __fish_seen_subcommand_from create" -s q -l quiet -d 'Print only results and errors: no progress, no warnings'
complete -c expmig -n "__fish_expmig_using_subcommand snapshot; and __fish_seen_subcommand_from create" -s y -l yes -d 'Do not ask before destroying something'
complete -c expmig -n "__fish_expmig_using_subcommand snapshot; and __fish_seen_subcommand_from create" -s h -l help -d 'Print help'
complete -c expmig -n "__fish_expmig_using_subcommand snapshot; and __fish_seen_subcommand_from list" -l pattern -d 'List only snapshots whose id or description matches this pattern (* and ?)' -r
complete -c expmig -n "__fish_expmig_using_subcommand snapshot; and __fish_seen_subcommand_from list" -l busy-timeout -d 'Seconds to wait for other programs\' locks' -r
complete -c expmig -n "__fish_expmig_using_subcommand snapshot; and __fish_seen_subcommand_from list" -l password-file -d 'The first line of this file is the password for servers' -r -F
complete -c expmig -n "__fish_expmig_using_subcommand snapshot; and __fish_seen_subcommand_from list" -l password-command -d 'Use the output of this command as the password; EXPMIG_DATABASE names the database for it' -r
complete -c expmig -n "__fish_expmig_using_subcommand snapshot; and __fish_seen_subcommand_from list" -l snapshot-dir -d 'The folder for snapshots [default: snapshots]' -r -F
complete -c expmig -n "__fish_expmig_using_subcommand snapshot; and __fish_seen_subcommand_from list" -l json -d 'Print the library\'s JSON documents (docs/json-documents.md), also for errors'
complete -c expmig -n "__fish_expmig_using_subcommand snapshot; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Print only results and errors: no progress, no warnings'
complete -c expmig -n "__fish_expmig_using_subcommand snapshot; and __fish_seen_subcommand_from list" -s y -l yes -d 'Do not ask before destroying something'
complete -c expmig -n "__fish_expmig_using_subcommand snapshot; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c expmig -n "__fish_expmig_using_subcommand snapshot; and __fish_seen_subcommand_from verify" -l busy-timeout -d 'Seconds to wait for other programs\' locks' -r
complete -c expmig -n "__fish_expmig_using_subcommand snapshot; and __fish_seen_subcommand_from verify" -l password-file -d 'The first line of this file is the password for servers' -r -F
complete -c expmig -n "__fish_expmig_using_subcommand snapshot; and __fish_seen_subcommand_from verify" -l password-command -d 'Use the output of this command as the password; EXPMIG_DATABASE names the database for it' -r
complete -c expmig -n "__fish_expmig_using_subcommand snapshot; and __fish_seen_subcommand_from verify" -l snapshot-dir -d 'The folder for snapshots [default: snapshots]' -r -F
complete -c expmig -n "__fish_expmig_using_subcommand snapshot; and __fish_seen_subcommand_from verify" -l json -d 'Print the library\'s JSON documents (docs/json-documents.md), also for errors'
complete -c expmig -n "__fish_expmig_using_subcommand snapshot; and __fish_seen_subcommand_from verify" -s q -l quiet -d 'Print only results and errors: no progress, no warnings'
complete -c expmig -n "__fish_expmig_using_subcommand snapshot; and __fish_seen_subcommand_from verify" -s y -l yes -d 'Do not ask before destroying something'
complete -c expmig -n "__fish_expmig_using_subcommand snapshot; and __fish_seen_subcommand_from verify" -s h -l help -d 'Print help'
complete -c expmig -n "__fish_expmig_using_subcommand snapshot; and __fish_seen_subcommand_from restore" -l busy-timeout -d 'Seconds to wait for other programs\' locks' -r
complete -c expmig -n "__fish_expmig_using_subcommand snapshot; and __fish_seen_subcommand_from restore" -l password-file -d 'The first line of this file is the password for servers' -r -F
complete -c expmig -n "__fish_expmig_using_subcommand snapshot; and __fish_seen_subcommand_from restore" -l password-command -d 'Use the output of this command as the password; EXPMIG_DATABASE names the database for it' -r
complete -c expmig -n "__fish_expmig_using_subcommand snapshot; and __fish_seen_subcommand_from restore" -l snapshot-dir -d 'The folder for snapshots [default: snapshots]' -r -F
complete -c expmig -n "__fish_expmig_using_subcommand snapshot; and __fish_seen_subcommand_from restore" -l force -d 'Restore even if the snapshot belongs to another database'
complete -c expmig -n "__fish_expmig_using_subcommand snapshot; and __fish_seen_subcommand_from restore" -l no-safety-snapshot -d 'Do not take a snapshot of the current content'
complete -c expmig -n "__fish_expmig_using_subcommand snapshot; and __fish_seen_subcommand_from restore" -l json -d 'Print the library\'s JSON documents (docs/json-documents.md), also for errors'
complete -c expmig -n "__fish_expmig_using_subcommand snapshot; and __fish_seen_subcommand_from restore" -s q -l quiet -d 'Print only results and errors: no progress, no warnings'
complete -c expmig -n "__fish_expmig_using_subcommand snapshot; and __fish_seen_subcommand_from restore" -s y -l yes -d 'Do not ask before destroying something'
complete -c expmig -n "__fish_expmig_using_subcommand snapshot; and __fish_seen_subcommand_from restore" -s h -l help -d 'Print help'
complete -c expmig -n "__fish_expmig_using_subcommand snapshot; and __fish_seen_subcommand_from delete" -l busy-timeout -d 'Seconds to wait for other programs\' locks' -r
complete -c expmig -n "__fish_expmig_using_subcommand snapshot; and __fish_seen_subcommand_from delete" -l password-file -d 'The first line of this file is the password for servers' -r -F
complete -c expmig -n "__fish_expmig_using_subcommand snapshot; and __fish_seen_subcommand_from delete" -l password-command -d 'Use the output of this command as the password; EXPMIG_DATABASE names the database for it' -r
complete -c expmig -n "__fish_expmig_using_subcommand snapshot; and __fish_seen_subcommand_from delete" -l snapshot-dir -d 'The folder for snapshots [default: snapshots]' -r -F
complete -c expmig -n "__fish_expmig_using_subcommand snapshot; and __fish_seen_subcommand_from delete" -l json -d 'Print the library\'s JSON documents (docs/json-documents.md), also for errors'
complete -c expmig -n "__fish_expmig_using_subcommand snapshot; and __fish_seen_subcommand_from delete" -s q -l quiet -d 'Print only results and errors: no progress, no warnings'
complete -c expmig -n "__fish_expmig_using_subcommand snapshot; and __fish_seen_subcommand_from delete" -s y -l yes -d 'Do not ask before destroying something'
complete -c expmig -n "__fish_expmig_using_subcommand snapshot; and __fish_seen_subcommand_from delete" -s h -l help -d 'Print help'
complete -c expmig -n "__fish_expmig_using_subcommand snapshot; and __fish_seen_subcommand_from cleanup" -l keep -d 'How many snapshots to keep' -r
complete -c expmig -n "__fish_expmig_using_subcommand snapshot; and __fish_seen_subcommand_from cleanup" -l busy-timeout -d 'Seconds to wait for other programs\' locks' -r
complete -c expmig -n "__fish_expmig_using_subcommand snapshot; and __fish_seen_subcommand_from cleanup" -l password-file -d 'The first line of this file is the password for servers' -r -F
complete -c expmig -n "__fish_expmig_using_subcommand snapshot; and __fish_seen_subcommand_from cleanup" -l password-command -d 'Use the output of this command as the password; EXPMIG_DATABASE names the database for it' -r
complete -c expmig -n "__fish_expmig_using_subcommand snapshot; and __fish_seen_subcommand_from cleanup" -l snapshot-dir -d 'The folder for snapshots [default: snapshots]' -r -F
complete -c expmig -n "__fish_expmig_using_subcommand snapshot; and __fish_seen_subcommand_from cleanup" -l claim -d 'Also delete older snapshots that probably, but not certainly, belong to this database'
complete -c expmig -n "__fish_expmig_using_subcommand snapshot; and __fish_seen_subcommand_from cleanup" -l json -d 'Print the library\'s JSON documents (docs/json-documents.md), also for errors'
complete -c expmig -n "__fish_expmig_using_subcommand snapshot; and __fish_seen_subcommand_from cleanup" -s q -l quiet -d 'Print only results and errors: no progress, no warnings'
complete -c expmig -n "__fish_expmig_using_subcommand snapshot; and __fish_seen_subcommand_from cleanup" -s y -l yes -d 'Do not ask before destroying something'
complete -c expmig -n "__fish_expmig_using_subcommand snapshot; and __fish_seen_subcommand_from cleanup" -s h -l help -d 'Print help'
complete -c expmig -n "__fish_expmig_using_subcommand snapshot; and __fish_seen_subcommand_from help" -f -a "create" -d 'Copy the whole database into the folder for snapshots'
complete -c expmig -n "__fish_expmig_using_subcommand snapshot; and __fish_seen_subcommand_from help" -f -a "list" -d 'List the snapshots in the folder'
complete -c expmig -n "__fish_expmig_using_subcommand snapshot; and __fish_seen_subcommand_from help" -f -a "verify" -d 'Check a snapshot against its manifest'
complete -c expmig -n "__fish_expmig_using_subcommand snapshot; and __fish_seen_subcommand_from help" -f -a "restore" -d 'Replace everything in the database by a snapshot; take a snapshot of the current content first'
complete -c expmig -n "__fish_expmig_using_subcommand snapshot; and __fish_seen_subcommand_from help" -f -a "delete" -d 'Delete a snapshot'
complete -c expmig -n "__fish_expmig_using_subcommand snapshot; and __fish_seen_subcommand_from help" -f -a "cleanup" -d 'Delete all snapshots of the database except the newest'
complete -c expmig -n "__fish_expmig_using_subcommand snapshot; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c expmig -n "__fish_expmig_using_subcommand transform" -l rules -d 'A file with the rules (docs/transformations.md); - for standard input' -r -F
complete -c expmig -n "__fish_expmig_using_subcommand transform" -l transformation -d 'One transformation to apply to metrics of every type, instead of a file with rules' -r
complete -c expmig -n "__fish_expmig_using_subcommand transform" -l parameters -d 'The parameters of that transformation, as a JSON object' -r
complete -c expmig -n "__fish_expmig_using_subcommand transform" -s e -l experiment -d 'Transform only the metrics of this experiment; may be given more than once' -r
complete -c expmig -n "__fish_expmig_using_subcommand transform" -l metric -d 'Transform only this metric; may be given more than once' -r
complete -c expmig -n "__fish_expmig_using_subcommand transform" -l busy-timeout -d 'Seconds to wait for other programs\' locks' -r
complete -c expmig -n "__fish_expmig_using_subcommand transform" -l password-file -d 'The first line of this file is the password for servers' -r -F
complete -c expmig -n "__fish_expmig_using_subcommand transform" -l password-command -d 'Use the output of this command as the password; EXPMIG_DATABASE names the database for it' -r
complete -c expmig -n "__fish_expmig_using_subcommand transform" -l snapshot-dir -d 'The folder for snapshots [default: snapshots]' -r -F
complete -c expmig -n "__fish_expmig_using_subcommand transform" -l dry-run -d 'Report what would be done, with examples, without writing anything'
complete -c expmig -n "__fish_expmig_using_subcommand transform" -l json -d 'Print the library\'s JSON documents (docs/json-documents.md), also for errors'
complete -c expmig -n "__fish_expmig_using_subcommand transform" -s q -l quiet -d 'Print only results and errors: no progress, no warnings'
complete -c expmig -n "__fish_expmig_using_subcommand transform" -s y -l yes -d 'Do not ask before destroying something'
complete -c expmig -n "__fish_expmig_using_subcommand transform" -s h -l help -d 'Print help'
complete -c expmig -n "__fish_expmig_using_subcommand undo" -l busy-timeout -d 'Seconds to wait for other programs\' locks' -r
complete -c expmig -n "__fish_expmig_using_subcommand undo" -l password-file -d 'The first line of this file is the password for servers' -r -F
complete -c expmig -n "__fish_expmig_using_subcommand undo" -l password-command -d 'Use the output of this command as the password; EXPMIG_DATABASE names the database for it' -r
complete -c expmig -n "__fish_expmig_using_subcommand undo" -l snapshot-dir -d 'The folder for snapshots [default: snapshots]' -r -F
complete -c expmig -n "__fish_expmig_using_subcommand undo" -l skip-changed -d 'Skip metrics that were changed since the transformation, and restore the others'
complete -c expmig -n "__fish_expmig_using_subcommand undo" -l json -d 'Print the library\'s JSON documents (docs/json-documents.md), also for errors'
complete -c expmig -n "__fish_expmig_using_subcommand undo" -s q -l quiet -d 'Print only results and errors: no progress, no warnings'
complete -c expmig -n "__fish_expmig_using_subcommand undo" -s y -l yes -d 'Do not ask before destroying something'
complete -c expmig -n "__fish_expmig_using_subcommand undo" -s h -l help -d 'Print help'
complete -c expmig -n "__fish_expmig_using_subcommand export" -s e -l experiment -d 'The experiment to export' -r
complete -c expmig -n "__fish_expmig_using_subcommand export" -s o -l output -d 'The file to write, which appears only when it is complete [default: standard output]' -r -F
complete -c expmig -n "__fish_expmig_using_subcommand export" -l indent -d 'Spaces per level; 0 for one line' -r
complete -c expmig -n "__fish_expmig_using_subcommand export" -l busy-timeout -d 'Seconds to wait for other programs\' locks' -r
complete -c expmig -n "__fish_expmig_using_subcommand export" -l password-file -d 'The first line of this file is the password for servers' -r -F
complete -c expmig -n "__fish_expmig_using_subcommand export" -l password-command -d 'Use the output of this command as the password; EXPMIG_DATABASE names the database for it' -r
complete -c expmig -n "__fish_expmig_using_subcommand export" -l snapshot-dir -d 'The folder for snapshots [default: snapshots]' -r -F
complete -c expmig -n "__fish_expmig_using_subcommand export" -l force -d 'Replace the file if it exists'
complete -c expmig -n "__fish_expmig_using_subcommand export" -l skip-unsound -d 'Leave out and count unsound rows, which refer to rows that do not exist'
complete -c expmig -n "__fish_expmig_using_subcommand export" -l json -d 'Print the library\'s JSON documents (docs/json-documents.md), also for errors'
complete -c expmig -n "__fish_expmig_using_subcommand export" -s q -l quiet -d 'Print only results and errors: no progress, no warnings'
complete -c expmig -n "__fish_expmig_using_subcommand export" -s y -l yes -d 'Do not ask before destroying something'
complete -c expmig -n "__fish_expmig_using_subcommand export" -s h -l help -d 'Print help'
complete -c expmig -n "__fish_expmig_using_subcommand import" -l on-duplicate -d 'What to do if the database already has an experiment with the same content' -r -f -a "copy\t'Copy it again, with a warning'
skip\t'Write nothing, and print the id of that experiment'
error\t'Fail'"
complete -c expmig -n "__fish_expmig_using_subcommand import" -l on-conflict -d 'MLflow: what to do with a run, model, trace, ... whose id the target has already' -r -f -a "error\t'Fail'
skip\t'Leave what has the same content in the experiment that is appended to'
new\t'Give the copy a new id'"
complete -c expmig -n "__fish_expmig_using_subcommand import" -l on-name -d 'MLflow: what to do if the target has an experiment of the name already' -r -f -a "suffix\t'Put " (2)" and so on behind that of the new one'
error\t'Fail'
append\t'Add to that experiment'"
complete -c expmig -n "__fish_expmig_using_subcommand import" -l workspace -d 'MLflow: the workspace of the copies [default: that of the source]' -r
complete -c expmig -n "__fish_expmig_using_subcommand import" -l artifacts-from -d 'MLflow: locations of artifacts that begin so ...' -r
complete -c expmig -n "__fish_expmig_using_subcommand import" -l artifacts-to -d '... begin so in the copies; the files are not moved' -r
complete -c expmig -n "__fish_expmig_using_subcommand import" -l into -d 'MLflow: make the rows those of this experiment of the store' -r
complete -c expmig -n "__fish_expmig_using_subcommand import" -l busy-timeout -d 'Seconds to wait for other programs\' locks' -r
complete -c expmig -n "__fish_expmig_using_subcommand import" -l password-file -d 'The first line of this file is the password for servers' -r -F
complete -c expmig -n "__fish_expmig_using_subcommand import" -l password-command -d 'Use the output of this command as the password; EXPMIG_DATABASE names the database for it' -r
complete -c expmig -n "__fish_expmig_using_subcommand import" -l snapshot-dir -d 'The folder for snapshots [default: snapshots]' -r -F
complete -c expmig -n "__fish_expmig_using_subcommand import" -l create -d 'Make the database file, or the schema, if it does not exist, and the tables if it is empty'
complete -c expmig -n "__fish_expmig_using_subcommand import" -l preserve-ids -d 'Keep the ids of the document; fail if one of them is taken'
complete -c expmig -n "__fish_expmig_using_subcommand import" -l add-columns -d 'Add the extra columns that the tables do not have'
complete -c expmig -n "__fish_expmig_using_subcommand import" -l allow-lossy -d 'Allow values to be changed where the database cannot hold them; every change is counted and listed'
complete -c expmig -n "__fish_expmig_using_subcommand import" -l no-validation -d 'Do not check the values and times of the document'
complete -c expmig -n "__fish_expmig_using_subcommand import" -l json -d 'Print the library\'s JSON documents (docs/json-documents.md), also for errors'
complete -c expmig -n "__fish_expmig_using_subcommand import" -s q -l quiet -d 'Print only results and errors: no progress, no warnings'
complete -c expmig -n "__fish_expmig_using_subcommand import" -s y -l yes -d 'Do not ask before destroying something'
complete -c expmig -n "__fish_expmig_using_subcommand import" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c expmig -n "__fish_expmig_using_subcommand bring-in" -l kind -d 'The reader: mlflow-files, tensorboard, wandb, neptune or optuna; by default the files tell' -r
complete -c expmig -n "__fish_expmig_using_subcommand bring-in" -l experiment-name -d 'Name the experiment so' -r
complete -c expmig -n "__fish_expmig_using_subcommand bring-in" -l on-conflict -d 'What to do with a run whose id another run of the store has' -r -f -a "error\t'Fail'
skip\t'Leave the run out, and count it'"
complete -c expmig -n "__fish_expmig_using_subcommand bring-in" -l on-name -d 'What to do if the store has another experiment of the name' -r -f -a "suffix\t'Put " (2)" and so on behind that of the new one'
error\t'Fail'
append\t'Add to that experiment'"
complete -c expmig -n "__fish_expmig_using_subcommand bring-in" -l user -d 'The user of runs that do not say one' -r
complete -c expmig -n "__fish_expmig_using_subcommand bring-in" -l sidecar -d 'Write what the store has no place for to this new file, as JSON lines' -r -F
complete -c expmig -n "__fish_expmig_using_subcommand bring-in" -l zone -d 'Where the writer\'s clock was, for times that do not say it: +09:00, UTC' -r
complete -c expmig -n "__fish_expmig_using_subcommand bring-in" -l busy-timeout -d 'Seconds to wait for other programs\' locks' -r
complete -c expmig -n "__fish_expmig_using_subcommand bring-in" -l password-file -d 'The first line of this file is the password for servers' -r -F
complete -c expmig -n "__fish_expmig_using_subcommand bring-in" -l password-command -d 'Use the output of this command as the password; EXPMIG_DATABASE names the database for it' -r
complete -c expmig -n "__fish_expmig_using_subcommand bring-in" -l snapshot-dir -d 'The folder for snapshots [default: snapshots]' -r -F
complete -c expmig -n "__fish_expmig_using_subcommand bring-in" -l leave-out -d 'Leave out what the store has no place for, if no file is given for it; otherwise that is an error'
complete -c expmig -n "__fish_expmig_using_subcommand bring-in" -l with-machine -d 'Bring along the names of hosts, users and programs, and console lines'
complete -c expmig -n "__fish_expmig_using_subcommand bring-in" -l server-view -d 'Of a TensorBoard log, bring in only the points that TensorBoard\'s server shows after a restart'
complete -c expmig -n "__fish_expmig_using_subcommand bring-in" -l ended -d 'Take runs for ended of which the files do not say that they have'
complete -c expmig -n "__fish_expmig_using_subcommand bring-in" -l dry-run -d 'Say what would be done, and write nothing'
complete -c expmig -n "__fish_expmig_using_subcommand bring-in" -l json -d 'Print the library\'s JSON documents (docs/json-documents.md), also for errors'
complete -c expmig -n "__fish_expmig_using_subcommand bring-in" -s q -l quiet -d 'Print only results and errors: no progress, no warnings'
complete -c expmig -n "__fish_expmig_using_subcommand bring-in" -s y -l yes -d 'Do not ask before destroying something'
complete -c expmig -n "__fish_expmig_using_subcommand bring-in" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c expmig -n "__fish_expmig_using_subcommand report" -s e -l experiment -d 'Of the databases without #ID only this experiment; may be given more than once' -r
complete -c expmig -n "__fish_expmig_using_subcommand report" -s o -l output -d 'The file to write; it appears when it is complete. - for standard output' -r -F
complete -c expmig -n "__fish_expmig_using_subcommand report" -l title -d 'What stands above the page [default: the titles of the experiments]' -r
complete -c expmig -n "__fish_expmig_using_subcommand report" -l limit -d 'List at most so many issues; all are counted' -r
complete -c expmig -n "__fish_expmig_using_subcommand report" -l busy-timeout -d 'Seconds to wait for other programs\' locks' -r
complete -c expmig -n "__fish_expmig_using_subcommand report" -l password-file -d 'The first line of this file is the password for servers' -r -F
complete -c expmig -n "__fish_expmig_using_subcommand report" -l password-command -d 'Use the output of this command as the password; EXPMIG_DATABASE names the database for it' -r
complete -c expmig -n "__fish_expmig_using_subcommand report" -l snapshot-dir -d 'The folder for snapshots [default: snapshots]' -r -F
complete -c expmig -n "__fish_expmig_using_subcommand report" -l force -d 'Replace the file'
complete -c expmig -n "__fish_expmig_using_subcommand report" -l json -d 'Print the library\'s JSON documents (docs/json-documents.md), also for errors'
complete -c expmig -n "__fish_expmig_using_subcommand report" -s q -l quiet -d 'Print only results and errors: no progress, no warnings'
complete -c expmig -n "__fish_expmig_using_subcommand report" -s y -l yes -d 'Do not ask before destroying something'
complete -c expmig -n "__fish_expmig_using_subcommand report" -s h -l help -d 'Print help'
complete -c expmig -n "__fish_expmig_using_subcommand widen" -l busy-timeout -d 'Seconds to wait for other programs\' locks' -r
complete -c expmig -n "__fish_expmig_using_subcommand widen" -l password-file -d 'The first line of this file is the password for servers' -r -F
complete -c expmig -n "__fish_expmig_using_subcommand widen" -l password-command -d 'Use the output of this command as the password; EXPMIG_DATABASE names the database for it' -r
complete -c expmig -n "__fish_expmig_using_subcommand widen" -l snapshot-dir -d 'The folder for snapshots [default: snapshots]' -r -F
complete -c expmig -n "__fish_expmig_using_subcommand widen" -l dry-run -d 'Print the statements without running them'
complete -c expmig -n "__fish_expmig_using_subcommand widen" -l json -d 'Print the library\'s JSON documents (docs/json-documents.md), also for errors'
complete -c expmig -n "__fish_expmig_using_subcommand widen" -s q -l quiet -d 'Print only results and errors: no progress, no warnings'
complete -c expmig -n "__fish_expmig_using_subcommand widen" -s y -l yes -d 'Do not ask before destroying something'
complete -c expmig -n "__fish_expmig_using_subcommand widen" -s h -l help -d 'Print help'
complete -c expmig -n "__fish_expmig_using_subcommand completions" -l busy-timeout -d 'Seconds to wait for other programs\' locks' -r
complete -c expmig -n "__fish_expmig_using_subcommand completions" -l password-file -d 'The first line of this file is the password for servers' -r -F
complete -c expmig -n "__fish_expmig_using_subcommand completions" -l password-command -d 'Use the output of this command as the password; EXPMIG_DATABASE names the database for it' -r
complete -c expmig -n "__fish_expmig_using_subcommand completions" -l snapshot-dir -d 'The folder for snapshots [default: snapshots]' -r -F
complete -c expmig -n "__fish_expmig_using_subcommand completions" -l json -d 'Print the library\'s JSON documents (docs/json-documents.md), also for errors'
complete -c expmig -n "__fish_expmig_using_subcommand completions" -s q -l quiet -d 'Print only results and errors: no progress, no warnings'
complete -c expmig -n "__fish_expmig_using_subcommand completions" -s y -l yes -d 'Do not ask before destroying something'
complete -c expmig -n "__fish_expmig_using_subcommand completions" -s h -l help -d 'Print help'
complete -c expmig -n "__fish_expmig_using_subcommand manual" -l busy-timeout -d 'Seconds to wait for other programs\' locks' -r
complete -c expmig -n "__fish_expmig_using_subcommand manual" -l password-file -d 'The first line of this file is the password for servers' -r -F
complete -c expmig -n "__fish_expmig_using_subcommand manual" -l password-command -d 'Use the output of this command as the password; EXPMIG_DATABASE names the database for it' -r
complete -c expmig -n "__fish_expmig_using_subcommand manual" -l snapshot-dir -d 'The folder for snapshots [default: snapshots]' -r -F
complete -c expmig -n "__fish_expmig_using_subcommand manual" -l json -d 'Print the library\'s JSON documents (docs/json-documents.md), also for errors'
complete -c expmig -n "__fish_expmig_using_subcommand manual" -s q -l quiet -d 'Print only results and errors: no progress, no warnings'
complete -c expmig -n "__fish_expmig_using_subcommand manual" -s y -l yes -d 'Do not ask before destroying something'
complete -c expmig -n "__fish_expmig_using_subcommand manual" -s h -l help -d 'Print help'
complete -c expmig -n "__fish_expmig_using_subcommand help; and not __fish_seen_subcommand_from list info query validate digest compare plan migrate job snapshot transform undo export import bring-in report widen completions manual help" -f -a "list" -d 'List the experiments of a database'
complete -c expmig -n "__fish_expmig_using_subcommand help; and not __fish_seen_subcommand_from list info query validate digest compare plan migrate job snapshot transform undo export import bring-in report widen completions manual help" -f -a "info" -d 'Describe a database: engine, version, tables, extra columns'
complete -c expmig -n "__fish_expmig_using_subcommand help; and not __fish_seen_subcommand_from list info query validate digest compare plan migrate job snapshot transform undo export import bring-in report widen completions manual help" -f -a "query" -d 'Run one SELECT; print its rows tab-separated, or with --json as one JSON object per row'
complete -c expmig -n "__fish_expmig_using_subcommand help; and not __fish_seen_subcommand_from list info query validate digest compare plan migrate job snapshot transform undo export import bring-in report widen completions manual help" -f -a "validate" -d 'Check the data of a database'
complete -c expmig -n "__fish_expmig_using_subcommand help; and not __fish_seen_subcommand_from list info query validate digest compare plan migrate job snapshot transform undo export import bring-in report widen completions manual help" -f -a "digest" -d 'Print content digests, which are equal for equal experiments'
complete -c expmig -n "__fish_expmig_using_subcommand help; and not __fish_seen_subcommand_from list info query validate digest compare plan migrate job snapshot transform undo export import bring-in report widen completions manual help" -f -a "compare" -d 'Compare two experiments, and print the first difference'
complete -c expmig -n "__fish_expmig_using_subcommand help; and not __fish_seen_subcommand_from list info query validate digest compare plan migrate job snapshot transform undo export import bring-in report widen completions manual help" -f -a "plan" -d 'Report what a migration would do, without writing anything'
complete -c expmig -n "__fish_expmig_using_subcommand help; and not __fish_seen_subcommand_from list info query validate digest compare plan migrate job snapshot transform undo export import bring-in report widen completions manual help" -f -a "migrate" -d 'Copy experiments, within a database or into another one, and prove the copies'
complete -c expmig -n "__fish_expmig_using_subcommand help; and not __fish_seen_subcommand_from list info query validate digest compare plan migrate job snapshot transform undo export import bring-in report widen completions manual help" -f -a "job" -d 'List, resume and abandon migrations in several transactions (migrate --staged)'
complete -c expmig -n "__fish_expmig_using_subcommand help; and not __fish_seen_subcommand_from list info query validate digest compare plan migrate job snapshot transform undo export import bring-in report widen completions manual help" -f -a "snapshot" -d 'Create, list, verify, restore and delete copies of whole databases'
complete -c expmig -n "__fish_expmig_using_subcommand help; and not __fish_seen_subcommand_from list info query validate digest compare plan migrate job snapshot transform undo export import bring-in report widen completions manual help" -f -a "transform" -d 'Change metrics by rules'
complete -c expmig -n "__fish_expmig_using_subcommand help; and not __fish_seen_subcommand_from list info query validate digest compare plan migrate job snapshot transform undo export import bring-in report widen completions manual help" -f -a "undo" -d 'Undo a transformation'
complete -c expmig -n "__fish_expmig_using_subcommand help; and not __fish_seen_subcommand_from list info query validate digest compare plan migrate job snapshot transform undo export import bring-in report widen completions manual help" -f -a "export" -d 'Write an experiment as a JSON document'
complete -c expmig -n "__fish_expmig_using_subcommand help; and not __fish_seen_subcommand_from list info query validate digest compare plan migrate job snapshot transform undo export import bring-in report widen completions manual help" -f -a "import" -d 'Read an experiment from a JSON document'
complete -c expmig -n "__fish_expmig_using_subcommand help; and not __fish_seen_subcommand_from list info query validate digest compare plan migrate job snapshot transform undo export import bring-in report widen completions manual help" -f -a "bring-in" -d 'Bring runs in from the files that another tracker left: MLflow\'s mlruns, TensorBoard\'s event files, W&B\'s offline runs'
complete -c expmig -n "__fish_expmig_using_subcommand help; and not __fish_seen_subcommand_from list info query validate digest compare plan migrate job snapshot transform undo export import bring-in report widen completions manual help" -f -a "report" -d 'Write a page to look at: curves, values, what validation found; of two experiments also where they differ'
complete -c expmig -n "__fish_expmig_using_subcommand help; and not __fish_seen_subcommand_from list info query validate digest compare plan migrate job snapshot transform undo export import bring-in report widen completions manual help" -f -a "widen" -d 'Widen the columns of a server\'s tables that are too narrow to hold every value'
complete -c expmig -n "__fish_expmig_using_subcommand help; and not __fish_seen_subcommand_from list info query validate digest compare plan migrate job snapshot transform undo export import bring-in report widen completions manual help" -f -a "completions" -d 'Print a script that completes this command\'s words in a shell'
complete -c expmig -n "__fish_expmig_using_subcommand help; and not __fish_seen_subcommand_from list info query validate digest compare plan migrate job snapshot transform undo export import bring-in report widen completions manual help" -f -a "manual" -d 'Print this command\'s manual page'
complete -c expmig -n "__fish_expmig_using_subcommand help; and not __fish_seen_subcommand_from list info query validate digest compare plan migrate job snapshot transform undo export import bring-in report widen completions manual help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c expmig -n "__fish_expmig_using_subcommand help; and __fish_seen_subcommand_from job" -f -a "list" -d 'List the jobs of a database'
complete -c expmig -n "__fish_expmig_using_subcommand help; and __fish_seen_subcommand_from job" -f -a "resume" -d 'Go on with a job that stopped'
complete -c expmig -n "__fish_expmig_using_subcommand help; and __fish_seen_subcommand_from job" -f -a "abandon" -d 'Remove a job that was not published, and what it copied'
complete -c expmig -n "__fish_expmig_using_subcommand help; and __fish_seen_subcommand_from snapshot" -f -a "create" -d 'Copy the whole database into the folder for snapshots'
complete -c expmig -n "__fish_expmig_using_subcommand help; and __fish_seen_subcommand_from snapshot" -f -a "list" -d 'List the snapshots in the folder'
complete -c expmig -n "__fish_expmig_using_subcommand help; and __fish_seen_subcommand_from snapshot" -f -a "verify" -d 'Check a snapshot against its manifest'
complete -c expmig -n "__fish_expmig_using_subcommand help; and __fish_seen_subcommand_from snapshot" -f -a "restore" -d 'Replace everything in the database by a snapshot; take a snapshot of the current content first'
complete -c expmig -n "__fish_expmig_using_subcommand help; and __fish_seen_subcommand_from snapshot" -f -a "delete" -d 'Delete a snapshot'
complete -c expmig -n "__fish_expmig_using_subcommand help; and __fish_seen_subcommand_from snapshot" -f -a "cleanup" -d 'Delete all snapshots of the database except the newest'
