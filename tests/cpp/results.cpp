/* Options, and what validations, migrations and transformations answer. */
#include "check.hpp"

#include <algorithm>
#include <functional>
#include <sstream>

using namespace expmig;

/* C++17: in order, or by name of the member. C++20: by name at once. */
static void options_are_plain_aggregates() {
    static_assert(std::is_aggregate_v<open_options> && std::is_aggregate_v<manager_options> && std::is_aggregate_v<job_options>);
    static_assert(std::is_aggregate_v<validate_options> && std::is_aggregate_v<snapshot_options>);
    static_assert(std::is_aggregate_v<restore_options> && std::is_aggregate_v<migrate_options>);
    static_assert(std::is_aggregate_v<metric_selection> && std::is_aggregate_v<transform_options>);
    static_assert(std::is_aggregate_v<undo_options> && std::is_aggregate_v<export_options> && std::is_aggregate_v<import_options>);
    CHECK(thrown_by<data_migration_error>([] { manager(database::open("small.db", {false, true})).migrate(1); }).status() ==
          status::misuse);
#if __cplusplus >= 202002L
    CHECK(thrown_by<data_migration_error>([] { manager(database::open("small.db", {.readonly = true})).migrate(1); }).status() ==
          status::misuse);
    int reports = 0;
    const cancel_token token;
    const migration copy = open_manager("small.db")
                               .migrate(1, {.strategy = migration_strategy::conservative,
                                            .title_prefix = "copy of ",
                                            .on_progress = [&](const progress &) { ++reports; },
                                            .cancel = &token});
    CHECK(reports >= 2 && copy.snapshot_id());
    CHECK(open_manager("small.db").validate({.experiment_id = copy.new_experiment_id(), .hierarchy = false}).passed());
#endif
}

static void reports_are_ranges() {
    const manager small = open_manager("broken.db");
    const report found = small.validate();
    CHECK(!found.passed());
    CHECK_EQUAL(found.error_count(), 2u);
    CHECK_EQUAL(found.count_of("dangling_reference"), 2u);
    CHECK_EQUAL(found.count_of("no such kind"), 0u);
    CHECK_EQUAL(found.total_count(), found.error_count() + found.warning_count() + found.info_count());
    CHECK_EQUAL(found.issues().size(), found.total_count());
    std::size_t seen = 0;
    for (const issue &one : found.issues()) {
        ++seen;
        CHECK(!one.message.empty() && !one.kind.empty() && !one.section.empty() && !one.check);
    }
    CHECK_EQUAL(seen, found.issues().size());
    const auto issues = found.issues();
    const auto dangling = std::find_if(issues.begin(), issues.end(), [](const issue &one) { return one.kind == "dangling_reference"; });
    CHECK(dangling != issues.end());
    CHECK(dangling->severity == severity::error && dangling->section == "foreign_keys" && dangling->table == "RESULTS_METRIC");
    CHECK(dangling->column == "metric_id" && has(dangling->row_key, "results_id=1") && has(dangling->value.value(), "777"));
    CHECK(issues[0].message == (*issues.begin()).message);
    CHECK(has(found.to_json(), "\"overall_status\":\"FAIL\""));
    CHECK(thrown_by<validation_error>([&] { static_cast<void>(issues[1000]); }).status() == status::invalid_argument);

    validate_options few;
    few.issue_limit = 1;
    const report listed = small.validate(few);
    CHECK_EQUAL(listed.issues().size(), 1u);
    CHECK_EQUAL(listed.error_count(), 2u);
    validate_options no_keys;
    no_keys.foreign_keys = false;
    CHECK_EQUAL(small.validate(no_keys).count_of("dangling_reference"), 0u);
    validate_options nothing;
    nothing.foreign_keys = nothing.metric_json = nothing.hierarchy = nothing.registered_checks = false;
    CHECK(thrown_by<validation_error>([&] { small.validate(nothing); }).status() == status::invalid_argument);

    CHECK(small.validate_hierarchy(2) && small.validate_hierarchy(2).issues.empty());
    const hierarchy_result missing = small.validate_hierarchy(99);
    CHECK(!missing.valid && missing.issues.size() == 1u && has(missing.issues[0], "99"));
    CHECK(manager::validate_metric_json("{\"a\": 0.5}").empty());
    const std::vector<std::string> wrong = manager::validate_metric_json("{\"a\": NaN, \"a\": 1}");
    CHECK(wrong.size() == 2u && has(wrong[0], "per_label_val") && has(wrong[1], "more than once"));
}

static void migrations_say_what_they_did() {
    const manager source = open_manager("small.db");
    open_options create;
    create.create = true;
    const manager target(database::open("target.db", create));
    migration_plan plan = source.plan_to(target, 1);
    CHECK(has(std::string(plan.to_json()), "\"schema\":\"expmig.plan/1\"") && !plan.same_database());
    std::uint64_t planned = 0;
    for (const planned_table &table : plan.tables())
        planned += table.rows + table.unsound;
    CHECK_EQUAL(planned, plan.items_total());
    CHECK(plan.source_experiment_id() == 1 && !plan.target_experiment_id() && plan.strategy() == migration_strategy::balanced);
    CHECK(plan.source_digest() == plan.as_stored_digest() && plan.source_digest());
    CHECK(plan.extra_columns().empty() && plan.extra_tables().empty() && plan.transformation() == nullptr);
    CHECK(plan.problem_count(plan_problem_kind::lossy) == 0 && plan.problems(plan_problem_kind::unsound).empty());
    CHECK(plan.needed_bytes() > 0 && plan.free_bytes().value() > 0);
    const std::size_t tables = plan.tables().size();
    const migration_plan moved = std::move(plan);
    CHECK(moved.tables().size() == tables && !moved.tables()[0].table.empty());
    CHECK(source.plan(1).same_database());
    migrate_options options;
    options.snapshot = true;
    options.title_prefix = "copy of ";
    options.batch_size = 1;
    const migration done = source.migrate_to(target, 1, options);
    CHECK_EQUAL(done.source_experiment_id(), 1);
    CHECK_EQUAL(done.new_experiment_id(), 1);
    CHECK(!done.skipped() && done.items_failed() == 0 && done.items_processed() == done.items_total());
    CHECK(done.items_total() > 25 && done.success_rate() == 100 && done.duration().count() > 0);
    CHECK(done.source_digest() == source.digest(1) && done.target_digest() == target.digest(1));
    CHECK(done.target_digest() == done.as_stored_digest() && done.target_digest() != done.source_digest());
    CHECK(done.snapshot_id() == target.snapshots()[0].id);
    CHECK(has(done.to_json(), "\"schema\":\"expmig.migration/1\""));
    CHECK_EQUAL(target.experiments().at(0).title.value(), "copy of Digits classification");

    migrate_options skip;
    skip.on_duplicate = duplicates::skip;
    const migration first = source.migrate_to(target, 2, skip), second = source.migrate_to(target, 2, skip);
    CHECK(!first.skipped() && second.skipped() && first.new_experiment_id() == second.new_experiment_id());
    CHECK(first.warnings().empty() && !first.snapshot_id());
    CHECK(has(source.migrate_to(target, 2).warnings().at(0), "already"));
    skip.on_duplicate = duplicates::error;
    CHECK(thrown_by<data_migration_error>([&] { source.migrate_to(target, 2, skip); }).status() == status::already_exists);

    migrate_options append;
    append.target_experiment_id = 1;
    append.strategy = migration_strategy::aggressive;
    const migration appended = source.migrate_to(target, 3, append);
    CHECK(appended.new_experiment_id() == 1 && !appended.source_digest() && !appended.target_digest());
    CHECK_EQUAL(target.experiments().at(0).trials, 2u);
    thrown_by<data_migration_error>([&] { source.migrate(1, {migration_strategy::balanced, duplicates::copy, 1}); });
}

static const char *const rename_rule =
    R"({"metric_transformations": [{"metric_type": "accuracy", "transformation": "normalize_json_keys",)"
    R"( "rules": {"key_mapping": {"class_0": "cls_0"}}}]})";

static void transformations_and_their_undo() {
    const manager small = open_manager("small.db");
    const digest before = small.digest(1);
    transform_options preview;
    preview.dry_run = true;
    const transformation seen = small.transform(rename_rule, {}, preview);
    CHECK(seen.dry_run() && seen.updated() == 9u && !seen.transform_id() && small.digest(1) == before);

    const transformation done = small.transform(rename_rule);
    CHECK(!done.dry_run() && done.transform_id() && done.success_rate() == 100 && done.duration().count() > 0);
    CHECK_EQUAL(done.examined(), done.matched() + small.transform(rename_rule, {}, preview).examined() - 9);
    CHECK(done.matched() == 9u && done.updated() == 9u && done.unchanged() == 0u && done.copied() == 0u);
    CHECK(done.failed() == 0u && done.skipped() == 0u && done.failures().empty() && done.skips().empty());
    CHECK(done.warnings().empty() && has(done.to_json(), "expmig.transformation/1"));
    thrown_by<transformation_error>([&] { small.transform("[]"); });
    CHECK_EQUAL(small.transform(rename_rule).unchanged(), 9u);
    CHECK(small.digest(1) != before);

    const std::vector<undoable_transformation> list = small.undoable();
    CHECK_EQUAL(list.size(), 1u);
    CHECK(list[0].id == done.transform_id() && list[0].metrics == 9u && list[0].copied == 0u);
    CHECK(has(list[0].rules_json, "normalize_json_keys"));
    CHECK(std::chrono::abs(list[0].created_at - std::chrono::system_clock::now()) < std::chrono::minutes(10));
    const undo_result undone = small.undo(list[0].id);
    CHECK(undone.transform_id == list[0].id && undone.metrics_restored == 9u && undone.metrics_skipped == 0u);
    CHECK(undone.copies_undone == 0u && undone.copies_kept == 0u && has(undone.json, "expmig.undo/1"));
    CHECK(small.digest(1) == before && small.undoable().empty());

    small.transform(rename_rule);
    CHECK_EQUAL(small.forget_transformations(0), 1u);
    CHECK(small.undoable().empty());
}

static void selections_tell_none_from_all() {
    const manager small = open_manager("fresh.db");
    const auto examined = [&](const metric_selection &selection) {
        transform_options preview;
        preview.dry_run = true;
        return small.transform_by("round", R"({"digits": 1})", selection, preview).examined();
    };
    const std::vector<std::int64_t> none, first{1};
    CHECK_EQUAL(examined({}), 75u);
    CHECK_EQUAL(examined({none, {}}), 0u);
    CHECK_EQUAL(examined({{}, none}), 0u);
    CHECK_EQUAL(examined({first, {}}), 25u);
    CHECK_EQUAL(examined({first, std::vector<std::int64_t>{122}}), 1u);
    thrown_by<transformation_error>([&] { static_cast<void>(examined({first, std::vector<std::int64_t>{1847}})); });
    CHECK_EQUAL(examined({{}, std::vector<std::int64_t>{122, 1847}}), 2u);
}

static void an_undo_can_leave_what_was_changed_since() {
    const manager small = open_manager("fresh.db");
    const std::int64_t id = small.transform_by("scale", R"({"factor": 2})").transform_id().value();
    const transformation later = small.transform(
        R"({"metric_transformations": [{"metric_type": "accuracy", "transformation": "scale", "params": {"factor": 2}}],)"
        R"( "global_settings": {"backup_original": false}})");
    CHECK(later.updated() == 9u && !later.transform_id());
    const auto error = thrown_by<transformation_error>([&] { small.undo(id); });
    CHECK(error.status() == status::mismatch && error.detail("row"));
    undo_options lenient;
    lenient.skip_changed = true;
    const undo_result undone = small.undo(id, lenient);
    CHECK_EQUAL(undone.metrics_restored, 66u);
    CHECK_EQUAL(undone.metrics_skipped, 9u);
}

static std::string shown(const std::function<void(std::ostream &)> &write) {
    std::ostringstream text;
    write(text);
    return text.str();
}

template <class Shown>
static std::string line_of(const Shown &result) {
    const std::string line = shown([&](std::ostream &out) { out << result; });
    CHECK(!line.empty() && line.find('\n') == std::string::npos);
#if defined(__cpp_lib_format)
    CHECK_EQUAL(std::format("{}", result), line);
#endif
    return line;
}

static void results_write_a_line_about_themselves() {
    std::filesystem::copy_file("fresh.db", "shown.db", std::filesystem::copy_options::overwrite_existing);
    const manager one = open_manager("shown.db");
    const migration copy = one.migrate(1);
    const std::string id = std::to_string(copy.new_experiment_id());
    CHECK(has(line_of(copy), "experiment 1 copied as experiment " + id + ": ") && has(line_of(copy), copy.target_digest()->hex()));
    migrate_options again;
    again.on_duplicate = duplicates::skip;
    CHECK_EQUAL(line_of(one.migrate(1, again)), "experiment 1 was there already, as experiment " + id);
    CHECK(has(line_of(one.plan(1)), "1 equal experiment"));
    CHECK_EQUAL(line_of(one.compare(1, one, copy.new_experiment_id())), "experiments 1 and " + id + " are equal");
    CHECK(has(line_of(one.compare(1, one, 2)), "experiments 1 and 2 differ, first in "));
    CHECK(has(line_of(one.validate()), "PASS: 0 errors, "));
    CHECK(has(line_of(one.experiments().front()), "experiment 1: "));
    one.create_snapshot("a reason");
    CHECK(has(line_of(one.snapshots()[0]), ": a reason"));
    one.export_to_file(1, "shown.json");
    CHECK(has(line_of(one.import_from_file("shown.json")), "experiment 1 imported as experiment "));
    const manager broken = open_manager("broken.db");
    const report found = broken.validate();
    CHECK(has(line_of(found), "FAIL: 2 errors"));
    CHECK(has(line_of(found.issues()[0]), "error in RESULTS_METRIC results_id="));
}

int main() {
    options_are_plain_aggregates();
    reports_are_ranges();
    migrations_say_what_they_did();
    std::filesystem::copy_file("fresh.db", "small.db", std::filesystem::copy_options::overwrite_existing);
    transformations_and_their_undo();
    selections_tell_none_from_all();
    an_undo_can_leave_what_was_changed_since();
    results_write_a_line_about_themselves();
}
