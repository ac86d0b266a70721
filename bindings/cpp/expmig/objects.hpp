/* Reads the objects of the C API into structs. */
#ifndef EXPMIG_OBJECTS_HPP
#define EXPMIG_OBJECTS_HPP

#include "documents.hpp"
#include "error.hpp"

namespace expmig {
namespace detail {

inline std::string string_of(const char *text) { return std::string(view(text)); }

inline std::optional<std::string> optional_of(const char *text) {
    return text == nullptr ? std::nullopt : std::optional<std::string>(text);
}

template <class Of, class At>
std::vector<std::string> strings_of(const Of *of, std::size_t count, At at) {
    std::vector<std::string> all;
    for (std::size_t i = 0; i < count; ++i)
        all.push_back(string_of(at(of, i)));
    return all;
}

inline std::chrono::nanoseconds nanoseconds_of(std::uint64_t count) {
    return std::chrono::nanoseconds(static_cast<std::int64_t>(count));
}

/** The object that a call makes. */
template <class Object, void (*Free)(Object *), class Run>
handle<Object, Free> made_by(call &call, Run run) {
    Object *made = nullptr;
    const expmig_status answer = run(&made, call.error());
    handle<Object, Free> object(made);
    call.finish(answer);
    return object;
}

inline std::vector<experiment> read_experiments(const expmig_experiments *from) {
    std::vector<experiment> all;
    for (std::size_t i = 0; i < expmig_experiments_count(from); ++i) {
        experiment to;
        to.id = expmig_experiments_id(from, i);
        to.title = optional_of(expmig_experiments_title(from, i));
        to.description = optional_of(expmig_experiments_description(from, i));
        to.start_time = optional_of(expmig_experiments_start_time(from, i));
        to.update_time = optional_of(expmig_experiments_update_time(from, i));
        to.trials = expmig_experiments_trial_count(from, i);
        to.runs = expmig_experiments_run_count(from, i);
        all.push_back(std::move(to));
    }
    return all;
}

inline snapshot read_snapshot(const expmig_snapshot *from) {
    snapshot to;
    to.id = string_of(expmig_snapshot_id(from));
    to.created_at = time_point(std::chrono::microseconds(expmig_snapshot_created_us(from)));
    to.description = string_of(expmig_snapshot_description(from));
    to.metadata_json = string_of(expmig_snapshot_metadata_json(from));
    to.rows = expmig_snapshot_row_count(from);
    to.size_bytes = expmig_snapshot_size(from);
    to.blake3 = string_of(expmig_snapshot_blake3(from));
    to.database = string_of(expmig_snapshot_database_name(from));
    to.engine = string_of(expmig_snapshot_engine(from));
    for (std::size_t i = 0; i < expmig_snapshot_table_count(from); ++i)
        to.tables.push_back({string_of(expmig_snapshot_table_name(from, i)), expmig_snapshot_table_rows(from, i)});
    to.expmig_version = string_of(expmig_snapshot_library_version(from));
    to.json = string_of(expmig_snapshot_to_json(from));
    return to;
}

inline snapshot_list read_snapshots(const expmig_snapshots *from) {
    snapshot_list to;
    for (std::size_t i = 0; i < expmig_snapshots_count(from); ++i)
        to.snapshots.push_back(read_snapshot(expmig_snapshots_at(from, i)));
    for (std::size_t i = 0; i < expmig_snapshots_broken_count(from); ++i) {
        const expmig_error *why = expmig_snapshots_broken_error(from, i);
        to.broken.push_back({string_of(expmig_snapshots_broken_id(from, i)), string_of(expmig_error_message(why)),
                             string_of(expmig_error_to_json(why))});
    }
    return to;
}

inline compared_experiment read_compared(const expmig_comparison *from, std::int32_t side) {
    compared_experiment to;
    to.experiment_id = expmig_comparison_experiment_id(from, side);
    call call;
    call.finish(expmig_comparison_digest(from, side, to.digest.bytes.data(), call.error()));
    for (std::size_t i = 0; i < expmig_comparison_table_count(from, side); ++i)
        to.tables.push_back(
            {string_of(expmig_comparison_table_name(from, side, i)), expmig_comparison_table_rows(from, side, i)});
    return to;
}

inline comparison read_comparison(const expmig_comparison *from) {
    comparison to;
    to.equal = expmig_comparison_equal(from) != 0;
    to.a = read_compared(from, EXPMIG_SIDE_A);
    to.b = read_compared(from, EXPMIG_SIDE_B);
    if (const char *table = expmig_comparison_difference_table(from)) {
        difference found;
        found.table = table;
        found.how = string_of(expmig_comparison_difference_how(from));
        found.column = optional_of(expmig_comparison_difference_column(from));
        found.within_table = optional_of(expmig_comparison_difference_within_table(from));
        for (const std::int32_t side : {EXPMIG_SIDE_A, EXPMIG_SIDE_B}) {
            const auto at = static_cast<std::size_t>(side);
            found.values[at] = optional_of(expmig_comparison_difference_value(from, side));
            found.ids[at] = expmig_comparison_difference_id(from, side);
            found.keys[at] = optional_of(expmig_comparison_difference_key(from, side));
            found.rows[at] = optional_of(expmig_comparison_difference_row(from, side));
            found.within_ids[at] = expmig_comparison_difference_within_id(from, side);
        }
        to.first_difference = std::move(found);
    }
    to.warnings = strings_of(from, expmig_comparison_warning_count(from), expmig_comparison_warning_at);
    to.json = string_of(expmig_comparison_to_json(from));
    return to;
}

inline std::optional<digest> read_import_digest(const expmig_import *from, std::int32_t which) {
    digest to;
    call call;
    const expmig_status answer = expmig_import_digest(from, which, to.bytes.data(), call.error());
    if (answer == EXPMIG_NOT_FOUND)
        return std::nullopt;
    call.finish(answer);
    return to;
}

inline import_result read_import(const expmig_import *from) {
    import_result to;
    to.experiment_id = expmig_import_experiment_id(from);
    to.document_experiment_id = expmig_import_document_experiment_id(from);
    to.skipped = expmig_import_skipped(from) != 0;
    to.preserved_ids = expmig_import_preserved_ids(from) != 0;
    to.items_processed = expmig_import_items_processed(from);
    to.unlinked_metrics = expmig_import_unlinked_metrics(from);
    for (std::size_t i = 0; i < expmig_import_table_count(from); ++i)
        to.tables.push_back({string_of(expmig_import_table_name(from, i)), expmig_import_table_rows(from, i)});
    to.source_database = optional_of(expmig_import_source_database(from));
    to.document_digest = read_import_digest(from, EXPMIG_DIGEST_SOURCE);
    to.target_digest = read_import_digest(from, EXPMIG_DIGEST_TARGET).value_or(digest{});
    for (std::size_t i = 0; i < expmig_import_added_column_count(from); ++i)
        to.added_columns.emplace_back(string_of(expmig_import_added_column_table(from, i)),
                                      string_of(expmig_import_added_column_name(from, i)));
    to.lossy_count = expmig_import_lossy_count(from);
    for (std::size_t i = 0; i < expmig_import_loss_count(from); ++i)
        to.losses.push_back({string_of(expmig_import_loss_table(from, i)), optional_of(expmig_import_loss_row(from, i)),
                             optional_of(expmig_import_loss_column(from, i)), string_of(expmig_import_loss_reason(from, i))});
    to.warnings = strings_of(from, expmig_import_warning_count(from), expmig_import_warning_at);
    to.duration = nanoseconds_of(expmig_import_duration_ns(from));
    to.json = string_of(expmig_import_to_json(from));
    return to;
}

template <class Number> account read_account(const expmig_brought *from, Number number) {
    return {number(from, EXPMIG_ACCOUNT_READ), number(from, EXPMIG_ACCOUNT_STORED), number(from, EXPMIG_ACCOUNT_FOLDED),
            number(from, EXPMIG_ACCOUNT_SIDECAR), number(from, EXPMIG_ACCOUNT_REFUSED)};
}

inline brought read_brought(const expmig_brought *from) {
    brought to;
    to.kind = string_of(expmig_brought_kind(from));
    to.planned = expmig_brought_planned(from) != 0;
    for (std::size_t i = 0; i < expmig_brought_experiment_count(from); ++i)
        to.experiments.push_back({expmig_brought_experiment_id(from, i), string_of(expmig_brought_experiment_name(from, i)),
                                  string_of(expmig_brought_experiment_source_name(from, i)),
                                  expmig_brought_experiment_was_there(from, i) != 0,
                                  expmig_brought_experiment_run_count(from, i)});
    to.runs = expmig_brought_run_count(from);
    to.new_runs = expmig_brought_new_run_count(from);
    to.rows_new = expmig_brought_rows_new(from);
    to.rows_changed = expmig_brought_rows_changed(from);
    to.points = read_account(from, expmig_brought_points);
    to.values = read_account(from, expmig_brought_values);
    to.without_place = expmig_brought_without_place(from);
    to.torn = expmig_brought_torn_count(from);
    to.unfinished = expmig_brought_unfinished_count(from);
    to.warnings = strings_of(from, expmig_brought_warning_count(from), expmig_brought_warning_at);
    to.duration = nanoseconds_of(expmig_brought_duration_ns(from));
    to.json = string_of(expmig_brought_to_json(from));
    return to;
}

inline undo_result read_undo(const expmig_undo *from) {
    undo_result to;
    to.transform_id = expmig_undo_transform_id(from);
    to.metrics_restored = expmig_undo_restored(from);
    to.copies_undone = expmig_undo_copies_undone(from);
    to.copies_kept = expmig_undo_copies_kept(from);
    to.metrics_skipped = expmig_undo_skipped(from);
    for (std::size_t i = 0; i < expmig_undo_skip_count(from); ++i)
        to.skipped.emplace_back(expmig_undo_skip_metric_id(from, i), string_of(expmig_undo_skip_problem(from, i)));
    to.duration = nanoseconds_of(expmig_undo_duration_ns(from));
    to.json = string_of(expmig_undo_to_json(from));
    return to;
}

inline std::vector<undoable_transformation> read_undoable(const expmig_transforms *from) {
    std::vector<undoable_transformation> all;
    for (std::size_t i = 0; i < expmig_transforms_count(from); ++i) {
        undoable_transformation to;
        to.id = expmig_transforms_id(from, i);
        to.created_at = read_time(string_of(expmig_transforms_created_at(from, i)));
        to.metrics = expmig_transforms_metric_count(from, i);
        to.copied = expmig_transforms_copied_count(from, i);
        to.rules_json = string_of(expmig_transforms_rules_json(from, i));
        all.push_back(std::move(to));
    }
    return all;
}

} // namespace detail
} // namespace expmig

#endif
