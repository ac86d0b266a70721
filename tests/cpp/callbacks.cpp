/* Callbacks: progress, logs, checks and transformations, and how their exceptions come out of the call. */
#include "check.hpp"

#include <thread>

using namespace expmig;

struct own_error : std::runtime_error {
    using std::runtime_error::runtime_error;
};

/* Counts how many of them live. */
struct counted {
    explicit counted(int &alive) : alive_(&alive) { ++*alive_; }
    counted(const counted &other) : alive_(other.alive_) { ++*alive_; }
    counted &operator=(const counted &) = delete;
    ~counted() { --*alive_; }

private:
    int *alive_;
};

static std::size_t count(const manager &manager) { return manager.experiments().size(); }

static void progress_begins_and_ends(const manager &small) {
    std::vector<progress> seen;
    std::vector<std::string> operations;
    migrate_options options;
    options.on_progress = [&](const progress &now) {
        CHECK(now.completion_percentage >= 0 && now.completion_percentage <= 100 && now.success_rate == 100);
        CHECK(now.start_time <= std::chrono::system_clock::now() + std::chrono::seconds(1));
        CHECK(now.start_time > std::chrono::system_clock::now() - std::chrono::hours(1));
        CHECK(now.recent_errors.empty() && now.error_count == 0 && now.failed_items == 0);
        operations.emplace_back(now.operation);
        seen.push_back(now);
    };
    const migration copy = small.migrate(1, options);
    CHECK(seen.size() >= 2 && !operations.front().empty());
    CHECK(!seen.front().finished && seen.front().processed_items == 0 && !seen.front().estimated_completion);
    CHECK(seen.back().finished && seen.back().completion_percentage == 100);
    CHECK_EQUAL(seen.back().processed_items, copy.items_total());
    CHECK(seen.back().remaining && seen.back().remaining->count() == 0);
}

static void an_exception_in_progress_rolls_back_and_comes_out(const manager &small) {
    const std::size_t before = count(small);
    migrate_options options;
    options.on_progress = [](const progress &now) {
        if (!now.finished)
            throw own_error("stop here");
    };
    CHECK_EQUAL(std::string(thrown_by<own_error>([&] { small.migrate(1, options); }).what()), "stop here");
    options.on_progress = [](const progress &) { throw 7; };
    try {
        small.migrate(1, options);
        CHECK(false);
    } catch (int number) {
        CHECK_EQUAL(number, 7);
    }
    CHECK_EQUAL(count(small), before);
}

static void the_last_report_changes_nothing(const manager &small) {
    const std::size_t before = count(small);
    migrate_options options;
    options.on_progress = [](const progress &now) {
        if (now.finished)
            throw own_error("too late");
    };
    const migration copy = small.migrate(1, options);
    CHECK(copy.new_experiment_id() > 0);
    CHECK_EQUAL(count(small), before + 1);
}

static void cancelling_has_its_status(const manager &small) {
    const std::size_t before = count(small);
    cancel_token token;
    migrate_options options;
    options.cancel = &token;
    options.on_progress = [&](const progress &) { token.trigger(); };
    CHECK(thrown_by<data_migration_error>([&] { small.migrate(1, options); }).status() == status::cancelled);
    migrate_options answered;
    answered.on_progress = [](const progress &) { return flow::cancel; };
    CHECK(thrown_by<data_migration_error>([&] { small.migrate(1, answered); }).status() == status::cancelled);
    CHECK_EQUAL(count(small), before);
}

static void every_watched_call_carries_exceptions(const manager &small) {
    const progress_callback throws = [](const progress &) { throw own_error("each"); };
    const auto comes_out = [](auto call) { thrown_by<own_error>(call); };
    const std::string id = small.create_snapshot("watched");
    const std::string document = small.export_to_string(1);
    const std::string rules = R"([{"metric_type": "loss", "transformation": "round", "params": {"digits": 1}}])";
    job_options job;
    job.on_progress = throws;
    validate_options validate;
    validate.on_progress = throws;
    snapshot_options snapshot;
    snapshot.on_progress = throws;
    restore_options restore;
    restore.on_progress = throws;
    migrate_options migrate;
    migrate.on_progress = throws;
    transform_options transform;
    transform.on_progress = throws;
    export_options exporting;
    exporting.on_progress = throws;
    import_options importing;
    importing.on_progress = throws;
    comes_out([&] { static_cast<void>(small.digest(1, job)); });
    comes_out([&] { small.compare(1, small, 2, job); });
    comes_out([&] { small.validate(validate); });
    comes_out([&] { small.create_snapshot("never", snapshot); });
    comes_out([&] { small.verify_snapshot(id, job); });
    comes_out([&] { small.restore_snapshot(id, restore); });
    comes_out([&] { static_cast<void>(small.plan(1, migrate)); });
    comes_out([&] { small.transform(rules, {}, transform); });
    comes_out([&] { small.export_experiment(1, [](std::string_view) {}, exporting); });
    comes_out([&] { small.export_to_file(1, "never.json", exporting); });
    comes_out([&] { static_cast<void>(small.export_to_string(1, exporting)); });
    comes_out([&] { small.import_from_string(document, importing); });
    CHECK(!std::filesystem::exists("never.json"));
    CHECK_EQUAL(small.snapshots().size(), 1u);
    small.delete_snapshot(id);
}

static void checks_report_query_and_throw(const manager &small) {
    int alive = 0;
    small.register_check("runs", [guard = counted(alive)](const check_context &context) {
        context.query("SELECT id, status FROM TRIAL_RUN WHERE ?1 IS NULL OR id = ?1", {context.experiment_id()},
                      [&](const row &row) {
                          finding found;
                          found.severity = severity::warning;
                          found.table = "TRIAL_RUN";
                          found.row_key = "id=" + std::to_string(row["id"].as_integer());
                          found.value = std::string(row["status"].as_text());
                          context.report(found);
                      });
    });
    CHECK_EQUAL(alive, 1);
    const report all = small.validate();
    CHECK(all.passed());
    CHECK(all.count_of("registered_check") >= 3u);
    for (const issue &found : all.issues())
        if (found.check == "runs")
            CHECK(found.table == "TRIAL_RUN" && found.value == "completed" && !found.column);
    validate_options one;
    one.experiment_id = 1;
    CHECK_EQUAL(small.validate(one).count_of("registered_check"), 1u);

    CHECK(thrown_by<validation_error>([&] { small.register_check("runs", [](const check_context &) {}); }).status() ==
          status::already_exists);
    small.unregister_check("runs");
    CHECK_EQUAL(alive, 0);

    small.register_check("throws", [guard = counted(alive)](const check_context &context) {
        context.query("SELECT 1", [](const row &) { throw own_error("from the row of a check"); });
    });
    CHECK_EQUAL(std::string(thrown_by<own_error>([&] { small.validate(); }).what()), "from the row of a check");
    migrate_options careful;
    careful.strategy = migration_strategy::conservative;
    thrown_by<own_error>([&] { small.migrate(1, careful); });
    thrown_by<own_error>([&] { static_cast<void>(small.plan(1, careful)); });
    // An error of another call of this thread is that call's own.
    CHECK(thrown_by<data_migration_error>([&] { small.migrate(999); }).status() == status::not_found);
    small.unregister_check("throws");
    CHECK_EQUAL(alive, 0);
    // A failed registration destroys the function too.
    thrown_by<validation_error>([&] { small.register_check("", [guard = counted(alive)](const check_context &) {}); });
    CHECK_EQUAL(alive, 0);
}

static void each_thread_gets_its_own_exception() {
    manager first = open_manager("small.db");
    first.register_check("throws", [](const check_context &) {
        throw own_error(std::to_string(std::hash<std::thread::id>()(std::this_thread::get_id())));
    });
    const manager shared = std::move(first); // the check moves along
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i)
        threads.emplace_back([&] {
            const std::string mine = std::to_string(std::hash<std::thread::id>()(std::this_thread::get_id()));
            for (int round = 0; round < 5; ++round)
                CHECK_EQUAL(std::string(thrown_by<own_error>([&] { shared.validate(); }).what()), mine);
        });
    for (std::thread &thread : threads)
        thread.join();
}

static void transformations_of_the_program(const manager &small) {
    int alive = 0;
    small.register_transformation("percent", [guard = counted(alive)](metric_context &metric) {
        CHECK(metric.id() > 0 && metric.type() == "accuracy" && metric.params_json() == "{\"by\":100}");
        if (metric.per_label().is_null())
            return metric.skip("no labels");
        if (metric.id() == 122)
            return metric.fail("not this one");
        CHECK(metric.per_label().as_text().front() == '{');
        metric.set_total(metric.total().as_real() * 100);
        metric.set_per_label(std::nullopt);
    });
    const std::string rules =
        R"({"metric_transformations": [{"metric_type": "accuracy", "transformation": "percent", "params": {"by":100}}],)"
        R"( "global_settings": {"rollback_on_error": false}})";
    const transformation done = small.transform(rules);
    CHECK_EQUAL(done.updated(), 8u);
    CHECK_EQUAL(done.failed(), 1u);
    CHECK_EQUAL(done.failures().at(0).metric_id, 122);
    CHECK_EQUAL(done.failures().at(0).reason, "not this one");
    CHECK_EQUAL(done.failures().at(0).transformation, "percent");
    CHECK_EQUAL(small.transform(rules).skips().size(), 8u);
    CHECK_EQUAL(small.undo(done.transform_id().value()).metrics_restored, 8u);
    small.unregister_transformation("percent");
    CHECK_EQUAL(alive, 0);

    small.register_transformation("throws", [seen = 0, guard = counted(alive)](metric_context &metric) mutable {
        metric.set_total(0);
        if (++seen % 3 == 0)
            throw own_error("the third metric");
    });
    const std::string before = small.export_to_string(1);
    CHECK_EQUAL(std::string(thrown_by<own_error>([&] { small.transform_by("throws"); }).what()), "the third metric");
    migrate_options options;
    options.transformation_rules = R"([{"metric_type": "accuracy", "transformation": "throws"}])";
    thrown_by<own_error>([&] { small.migrate(1, options); });
    CHECK(small.transform_by("throws", {}, {std::vector<std::int64_t>{}, {}}).examined() == 0);
    small.unregister_transformation("throws");
    CHECK_EQUAL(alive, 0);
}

static void logs_reach_their_callback_and_it_is_destroyed() {
    int alive = 0;
    std::vector<std::string> lines;
    {
        manager_options options;
        options.log = [&lines, guard = counted(alive)](log_level level, std::string_view line) {
            CHECK(level == log_level::info || level == log_level::warning || level == log_level::error);
            lines.emplace_back(line);
            throw own_error("dropped: a log cannot fail a call");
        };
        const manager logged(database::open("small.db"), options);
        options.log = nullptr;
        CHECK_EQUAL(alive, 1);
        logged.migrate(1);
        const std::size_t said = lines.size();
        CHECK(said > 0);
        thrown_by<data_migration_error>([&] { logged.migrate(999); });
        CHECK(lines.size() > said);
    }
    CHECK_EQUAL(alive, 0);
    manager_options quiet;
    quiet.log = [](log_level, std::string_view) { CHECK(false); };
    quiet.log_level = log_level::off;
    manager(database::open("small.db"), quiet).validate();
}

int main() {
    {
        const manager small = open_manager("small.db");
        progress_begins_and_ends(small);
        an_exception_in_progress_rolls_back_and_comes_out(small);
        the_last_report_changes_nothing(small);
        cancelling_has_its_status(small);
    }
    every_watched_call_carries_exceptions(open_manager("small.db"));
    std::filesystem::copy_file("fresh.db", "small.db", std::filesystem::copy_options::overwrite_existing);
    checks_report_query_and_throw(open_manager("small.db"));
    each_thread_gets_its_own_exception();
    transformations_of_the_program(open_manager("small.db"));
    logs_reach_their_callback_and_it_is_destroyed();
}
