/* One database and everything that can be done with it. */
#ifndef EXPMIG_MANAGER_HPP
#define EXPMIG_MANAGER_HPP

#include "arrow.hpp"
#include "check.hpp"
#include "database.hpp"
#include "plan.hpp"
#include "report.hpp"
#include "results.hpp"
#include "transformer.hpp"

namespace expmig {

/** Receives the next piece of a document. */
using write_callback = callback<std::string_view>;

/** Fills the buffer with the next bytes of a document and says how many there are; 0 at the end. */
using read_callback = std::function<std::size_t(char *buffer, std::size_t capacity)>;

/**
 * A database, with all functions that work on it. May be used from any thread; calls wait for each other. Keeps what it needs of its
 * database.
 */
class manager {
public:
    /** Touches no file. */
    explicit manager(const database &database, const manager_options &options = {})
        : thrown_(std::make_shared<detail::thrown_exceptions>()) {
        const detail::optional_c_text snapshot_dir(options.snapshot_dir ? std::optional(detail::utf8(*options.snapshot_dir))
                                                                        : std::nullopt);
        auto settings = detail::defaults<expmig_manager_options, expmig_manager_options_init>();
        settings.snapshot_dir = snapshot_dir.get();
        detail::assign(settings.log_level, options.log_level);
        const expmig_database *of = database.get();
        if (options.log) {
            settings.log_fn = log;
            settings.log_user_data = new log_callback(options.log);
            settings.log_destroy = detail::destroy<log_callback>;
        }
        expmig_manager *made = nullptr;
        detail::call call;
        const expmig_status answer = expmig_manager_new(of, &settings, &made, call.error());
        manager_.reset(made);
        call.finish(answer);
    }

    std::vector<experiment> experiments() const {
        return detail::read_experiments(listed_experiments().get());
    }

    /** Experiments that cannot be listed, because their id is no integer: one line for each of the first hundred. */
    std::vector<std::string> unlisted_experiments() const {
        const auto list = listed_experiments();
        std::vector<std::string> all;
        for (std::size_t i = 0; i < expmig_experiments_unlisted_count(list.get()); ++i)
            if (const char *line = expmig_experiments_unlisted_at(list.get(), i))
                all.emplace_back(line);
        return all;
    }

    /** Schema "expmig.experiments/1". */
    std::string experiments_json() const {
        return expmig_experiments_to_json(listed_experiments().get());
    }

    /** Metrics as a stream of Apache Arrow's, one row for each link to one (docs/arrow.md). */
    arrow_stream metrics_arrow(const metrics_options &options = {}) const {
        return detail::metrics_arrow(get(), options);
    }

    /**
     * Computes the content digest of an experiment. Equal experiments have equal digests, whatever their ids and the order of their rows.
     */
    expmig::digest digest(std::int64_t experiment_id, const job_options &options = {}) const {
        expmig::digest made;
        detail::call call;
        const auto settings = detail::to_c(options, call);
        call.finish(expmig_experiment_digest(get(), experiment_id, &settings, made.bytes.data(), call.error()));
        return made;
    }

    /** Compares two experiments by content. If they differ, that is not an error. */
    comparison compare(std::int64_t experiment_id, const manager &other, std::int64_t other_experiment_id,
                       const job_options &options = {}) const {
        detail::call call;
        const auto settings = detail::to_c(options, call);
        const auto found = detail::made_by<expmig_comparison, expmig_comparison_free>(call, [&](auto made, auto error) {
            return expmig_comparison_make(get(), experiment_id, other.get(), other_experiment_id, &settings, made, error);
        });
        return detail::read_comparison(found.get());
    }

    /** Checks the data. Defects of the data are not an error of the call: they are in the report. */
    report validate(const validate_options &options = {}) const {
        detail::call call(thrown());
        const auto settings = detail::to_c(options, call);
        expmig_report *made = nullptr;
        call.finish(expmig_validate(get(), &settings, &made, call.error()));
        return report(made);
    }

    /** Checks the hierarchy of one experiment. The result is short; that of validate has more details. */
    hierarchy_result validate_hierarchy(std::int64_t experiment_id) const {
        std::int32_t valid = 0;
        const std::string json = text([&](char **issues, auto error) {
            return expmig_hierarchy_validate(get(), experiment_id, &valid, issues, error);
        });
        return {valid != 0, detail::strings(detail::json(json)["issues"])};
    }

    /**
     * Checks per-label values before you store them. Returns one line for each kind of defect; an empty result means that they are valid.
     */
    static std::vector<std::string> validate_metric_json(std::string_view json) {
        std::int32_t valid = 0;
        const std::string issues = text([&](char **made, auto error) {
            return expmig_metric_json_validate(json.data(), json.size(), &valid, made, error);
        });
        std::vector<std::string> messages;
        for (const detail::json &one : detail::json(issues)["issues"].elements())
            messages.push_back(one["message"].string());
        return messages;
    }

    /** Registers a check. From now on every validation, and every migration with the conservative strategy, runs it. */
    void register_check(std::string_view name, check_callback check) const {
        using registered = detail::registered_check;
        auto made = std::make_unique<registered>(registered{std::move(check), thrown_});
        const detail::c_text text(name);
        const expmig_manager *of = get();
        detail::call call;
        call.finish(expmig_check_register(of, text.get(), registered::run, made.release(), detail::destroy<registered>,
                                          call.error()));
    }

    /** Registers a check that is a SELECT: each row of its result is an issue. */
    void register_check_sql(std::string_view name, std::string_view sql) const {
        detail::call call;
        call.finish(expmig_check_register_sql(get(), detail::c_text(name).get(), detail::c_text(sql).get(), call.error()));
    }

    void unregister_check(std::string_view name) const {
        detail::call call;
        call.finish(expmig_check_unregister(get(), detail::c_text(name).get(), call.error()));
    }

    /** Makes a snapshot of the whole database. Returns its id. */
    std::string create_snapshot(std::string_view description = {}, const snapshot_options &options = {}) const {
        detail::call call;
        const detail::snapshot_arguments settings(options, call);
        char *id = nullptr;
        call.finish(
            expmig_snapshot_create(get(), detail::c_text(description).get(), settings.get(), &id, call.error()));
        return detail::take(id);
    }

    /**
     * Lists the snapshots in the folder, also those of other databases. `pattern`: only snapshots whose id or description matches this glob.
     */
    snapshot_list snapshots(std::optional<std::string_view> pattern = {}) const {
        return list_snapshots(EXPMIG_TIME_UNKNOWN, pattern);
    }

    /** The same, only for snapshots that were made at that time or later. */
    template <class Duration>
    snapshot_list snapshots_since(std::chrono::time_point<std::chrono::system_clock, Duration> since,
                                  std::optional<std::string_view> pattern = {}) const {
        return list_snapshots(std::chrono::floor<std::chrono::microseconds>(since).time_since_epoch().count(), pattern);
    }

    /** Schema "expmig.snapshots/1". */
    std::string snapshots_json(std::optional<std::string_view> pattern = {}) const {
        return expmig_snapshots_to_json(listed_snapshots(EXPMIG_TIME_UNKNOWN, pattern).get());
    }

    snapshot snapshot_details(std::string_view snapshot_id) const {
        const detail::c_text id(snapshot_id);
        detail::call call;
        const auto found = detail::made_by<expmig_snapshot, expmig_snapshot_free>(
            call, [&](auto made, auto error) { return expmig_snapshot_read(get(), id.get(), made, error); });
        return detail::read_snapshot(found.get());
    }

    /** Checks whether a snapshot is still as it was made. Throws if it is not. */
    void verify_snapshot(std::string_view snapshot_id, const job_options &options = {}) const {
        detail::call call;
        const auto settings = detail::to_c(options, call);
        call.finish(expmig_snapshot_verify(get(), detail::c_text(snapshot_id).get(), &settings, call.error()));
    }

    /** Replaces everything in the database by the snapshot, in one step. */
    restore_result restore_snapshot(std::string_view snapshot_id, const restore_options &options = {}) const {
        detail::call call;
        const auto settings = detail::to_c(options, call);
        char *json = nullptr;
        call.finish(
            expmig_snapshot_restore(get(), detail::c_text(snapshot_id).get(), &settings, &json, call.error()));
        std::string text = detail::take(json);
        const detail::json from(text);
        restore_result result{from["snapshot_id"].string(), from["safety_snapshot_id"].optional_string(), {}};
        result.json = std::move(text);
        return result;
    }

    void delete_snapshot(std::string_view snapshot_id) const {
        detail::call call;
        call.finish(expmig_snapshot_delete(get(), detail::c_text(snapshot_id).get(), call.error()));
    }

    /** Keeps the newest snapshots of this database and deletes its other ones. Returns how many were deleted. */
    std::uint64_t cleanup_snapshots(std::int64_t keep_count) const {
        std::uint64_t deleted = 0;
        detail::call call;
        call.finish(expmig_snapshot_cleanup(get(), keep_count, &deleted, call.error()));
        return deleted;
    }

    /** The same. With `claim`, it treats snapshots of a database that only resembles this one as snapshots of this database. */
    cleanup_result cleanup_snapshots(std::int64_t keep_count, bool claim) const {
        cleanup_result done;
        detail::call call;
        call.finish(expmig_snapshot_cleanup_with(get(), keep_count, detail::flag(claim, EXPMIG_CLEANUP_CLAIM),
                                                 &done.deleted, &done.left, call.error()));
        return done;
    }

    /** Copies an experiment within this database, and everything below it. */
    migration migrate(std::int64_t experiment_id, const migrate_options &options = {}) const {
        return migrate_into(nullptr, experiment_id, options);
    }

    /** Copies it into another database. */
    migration migrate_to(const manager &target, std::int64_t experiment_id, const migrate_options &options = {}) const {
        return migrate_into(target.get(), experiment_id, options);
    }

    /** The jobs of this database that write in several transactions (docs/clusters.md), schema "expmig.jobs/1". */
    std::string jobs_json() const {
        detail::call call;
        char *json = nullptr;
        call.finish(expmig_job_list(get(), &json, call.error()));
        return detail::take(json);
    }

    /** Goes on with a job of `target` that stopped; this database is what it copies from. */
    migration resume_job(const manager &target, std::int64_t job_id, const job_options &options = {}) const {
        detail::call call;
        const auto settings = detail::to_c(options, call);
        expmig_migration *made = nullptr;
        call.finish(expmig_job_resume(get(), job_id, target.get(), &settings, &made, call.error()));
        return migration(made);
    }

    /** Removes a job of this database that was not published, and what it copied. */
    void abandon_job(std::int64_t job_id, const job_options &options = {}) const {
        detail::call call;
        const auto settings = detail::to_c(options, call);
        call.finish(expmig_job_abandon(get(), job_id, &settings, call.error()));
    }

    /** Reports what migrate would do. Writes nothing. */
    migration_plan plan(std::int64_t experiment_id, const migrate_options &options = {}) const {
        return plan_into(nullptr, experiment_id, options);
    }

    /** Reports what migrate_to would do. */
    migration_plan plan_to(const manager &target, std::int64_t experiment_id, const migrate_options &options = {}) const {
        return plan_into(target.get(), experiment_id, options);
    }

    /** Changes metrics by the rules of a JSON document (docs/transformations.md), in one transaction. */
    transformation transform(std::string_view rules_json, const metric_selection &selection = {},
                             const transform_options &options = {}) const {
        const detail::c_text rules(rules_json);
        return transformed(selection, options, [&](auto which, auto settings, auto result, auto error) {
            return expmig_transform_metrics(get(), which, rules.get(), settings, result, error);
        });
    }

    /** The same with one rule for the metrics of every type. `params_json`: its parameters, if it has any. */
    transformation transform_by(std::string_view transformation, std::optional<std::string_view> params_json = {},
                                const metric_selection &selection = {}, const transform_options &options = {}) const {
        const detail::c_text name(transformation);
        const detail::optional_c_text params(params_json);
        return transformed(selection, options, [&](auto which, auto settings, auto result, auto error) {
            return expmig_transform_metrics_by(get(), which, name.get(), params.get(), settings, result, error);
        });
    }

    /** Restores the old values of the metrics of a transformation, byte for byte. */
    undo_result undo(std::int64_t transform_id, const undo_options &options = {}) const {
        detail::call call;
        const auto settings = detail::to_c(options, call);
        const auto done = detail::made_by<expmig_undo, expmig_undo_free>(
            call, [&](auto made, auto error) { return expmig_undo_run(get(), transform_id, &settings, made, error); });
        return detail::read_undo(done.get());
    }

    /** Lists the transformations that can be undone, the newest first. */
    std::vector<undoable_transformation> undoable() const { return detail::read_undoable(listed_transforms().get()); }

    /** Schema "expmig.transforms/1". */
    std::string undoable_json() const { return expmig_transforms_to_json(listed_transforms().get()); }

    /**
     * Keeps the undo log of the newest transformations and removes that of the others. Returns how many transformations can no longer be
     * undone.
     */
    std::uint64_t forget_transformations(std::int64_t keep_count, const job_options &options = {}) const {
        detail::call call;
        const auto settings = detail::to_c(options, call);
        std::uint64_t forgotten = 0;
        call.finish(expmig_transform_forget(get(), keep_count, &settings, &forgotten, call.error()));
        return forgotten;
    }

    /** Registers a transformation. From now on the rules of this manager can name it. */
    void register_transformation(std::string_view name, transform_callback transform) const {
        using registered = detail::registered_transformation;
        auto made = std::make_unique<registered>(registered{std::move(transform), thrown_});
        const detail::c_text text(name);
        const expmig_manager *of = get();
        detail::call call;
        call.finish(expmig_transformation_register(of, text.get(), registered::run, made.release(),
                                                   detail::destroy<registered>, call.error()));
    }

    void unregister_transformation(std::string_view name) const {
        detail::call call;
        call.finish(expmig_transformation_unregister(get(), detail::c_text(name).get(), call.error()));
    }

    /** Exports the experiment as one JSON document (docs/export-format.md), in pieces. */
    void export_experiment(std::int64_t experiment_id, const write_callback &write, const export_options &options = {}) const {
        writing state{write, {}};
        const detail::export_arguments settings(options, state.call);
        state.call.finish(expmig_export_experiment(get(), experiment_id, settings.get(), writing::take, &state,
                                                   state.call.error()));
    }

    /** The same into a file, which gets its name only when it is complete. */
    void export_to_file(std::int64_t experiment_id, const std::filesystem::path &path, const export_options &options = {}) const {
        detail::call call;
        const detail::export_arguments settings(options, call);
        const detail::c_text name(detail::utf8(path));
        call.finish(expmig_export_experiment_to_file(get(), experiment_id, name.get(), settings.get(), call.error()));
    }

    std::string export_to_string(std::int64_t experiment_id, const export_options &options = {}) const {
        detail::call call;
        const detail::export_arguments settings(options, call);
        char *document = nullptr;
        call.finish(
            expmig_export_experiment_to_string(get(), experiment_id, settings.get(), &document, call.error()));
        return detail::take(document);
    }

    /** An experiment of a page: the manager of its database, and its id. */
    struct experiment_of {
        const manager &of;
        std::int64_t experiment_id;
    };

    /** Hands out a page of experiments (docs/report.md), in pieces: one HTML file that needs nothing else. */
    static void html_report(const std::vector<experiment_of> &experiments, const write_callback &write,
                            const html_report_options &options = {}) {
        writing state{write, {}};
        const detail::html_report_arguments settings(options, state.call);
        const subjects of(experiments);
        state.call.finish(expmig_report_html(of.managers.data(), of.ids.data(), of.ids.size(), settings.get(),
                                             writing::take, &state, state.call.error()));
    }

    /** Into a file, which is complete before it gets its name. */
    static void html_report_to_file(const std::vector<experiment_of> &experiments, const std::filesystem::path &path,
                                    const html_report_options &options = {}) {
        detail::call call;
        const detail::html_report_arguments settings(options, call);
        const detail::c_text name(detail::utf8(path));
        const subjects of(experiments);
        call.finish(expmig_report_html_to_file(of.managers.data(), of.ids.data(), of.ids.size(), name.get(),
                                               settings.get(), call.error()));
    }

    /** Imports the experiment of a document while it reads the document, in one transaction. */
    import_result import_experiment(const read_callback &read, const import_options &options = {}) const {
        reading state{read, {}};
        return imported(options, state.call, [&](auto settings, auto made, auto error) {
            return expmig_import_run(get(), reading::give, &state, settings, made, error);
        });
    }

    import_result import_from_file(const std::filesystem::path &path, const import_options &options = {}) const {
        const detail::c_text name(detail::utf8(path));
        detail::call call;
        return imported(options, call, [&](auto settings, auto made, auto error) {
            return expmig_import_run_from_file(get(), name.get(), settings, made, error);
        });
    }

    import_result import_from_string(std::string_view document, const import_options &options = {}) const {
        detail::call call;
        return imported(options, call, [&](auto settings, auto made, auto error) {
            return expmig_import_run_from_string(get(), document.data(), document.size(), settings, made, error);
        });
    }

    /** Brings the runs of a file or folder that another tracker wrote into the database, in one transaction (docs/bring-in.md). */
    brought bring_in(const std::filesystem::path &path, const bring_in_options &options = {}) const {
        return brought_by(path, options, expmig_bring_in);
    }

    /** What bring_in would do. Writes nothing. */
    brought bring_in_plan(const std::filesystem::path &path, const bring_in_options &options = {}) const {
        return brought_by(path, options, expmig_bring_in_plan);
    }

    /** Throws if the handle was moved from. */
    const expmig_manager *get() const { return detail::held(manager_.get()); }

private:
    struct writing {
        const write_callback &write;
        detail::call call;

        static std::int32_t take(const void *bytes, std::size_t length, void *user_data) noexcept {
            auto &self = *static_cast<writing *>(user_data);
            return self.call.guard([&] { return self.write(std::string_view(static_cast<const char *>(bytes), length)); });
        }
    };

    struct subjects {
        std::vector<const expmig_manager *> managers;
        std::vector<std::int64_t> ids;

        explicit subjects(const std::vector<experiment_of> &experiments) {
            for (const experiment_of &one : experiments) {
                managers.push_back(one.of.get());
                ids.push_back(one.experiment_id);
            }
        }
    };

    struct reading {
        const read_callback &read;
        detail::call call;

        static std::int32_t give(void *buffer, std::size_t capacity, std::size_t *length, void *user_data) noexcept {
            auto &self = *static_cast<reading *>(user_data);
            return self.call.guard([&] {
                *length = self.read(static_cast<char *>(buffer), capacity);
                return flow::proceed;
            });
        }
    };

    static void log(std::int32_t level, const char *message, void *user_data) noexcept {
        try {
            (*static_cast<const log_callback *>(user_data))(static_cast<log_level>(level), message);
        } catch (...) { // as log_callback says
        }
    }

    snapshot_list list_snapshots(std::int64_t since_us, const std::optional<std::string_view> &pattern) const {
        return detail::read_snapshots(listed_snapshots(since_us, pattern).get());
    }

    detail::handle<expmig_snapshots, expmig_snapshots_free>
    listed_snapshots(std::int64_t since_us, const std::optional<std::string_view> &pattern) const {
        const detail::optional_c_text glob(pattern);
        detail::call call;
        return detail::made_by<expmig_snapshots, expmig_snapshots_free>(call, [&](auto made, auto error) {
            return expmig_snapshots_read(get(), since_us, glob.get(), made, error);
        });
    }

    detail::handle<expmig_transforms, expmig_transforms_free> listed_transforms() const {
        detail::call call;
        return detail::made_by<expmig_transforms, expmig_transforms_free>(
            call, [&](auto made, auto error) { return expmig_transforms_read(get(), made, error); });
    }

    detail::handle<expmig_experiments, expmig_experiments_free> listed_experiments() const {
        detail::call call;
        return detail::made_by<expmig_experiments, expmig_experiments_free>(
            call, [&](auto made, auto error) { return expmig_experiments_read(get(), made, error); });
    }

    detail::thrown_exceptions &thrown() const {
        detail::held(manager_.get());
        return *thrown_;
    }

    /** The string of a call that can be neither watched nor cancelled. */
    template <class Run>
    static std::string text(Run run) {
        char *made = nullptr;
        detail::call call;
        call.finish(run(&made, call.error()));
        return detail::take(made);
    }

    migration migrate_into(const expmig_manager *target, std::int64_t experiment_id, const migrate_options &options) const {
        detail::call call(thrown());
        const detail::migrate_arguments settings(options, call);
        expmig_migration *made = nullptr;
        call.finish(expmig_migrate_experiment(get(), experiment_id, target, settings.get(), &made, call.error()));
        return migration(made);
    }

    migration_plan plan_into(const expmig_manager *target, std::int64_t experiment_id, const migrate_options &options) const {
        detail::call call(thrown());
        const detail::migrate_arguments settings(options, call);
        expmig_plan *made = nullptr;
        call.finish(expmig_plan_make(get(), experiment_id, target, settings.get(), &made, call.error()));
        return migration_plan(made);
    }

    template <class Run>
    transformation transformed(const metric_selection &selection, const transform_options &options, Run run) const {
        detail::call call(thrown());
        const auto which = detail::to_c(selection);
        const auto settings = detail::to_c(options, call);
        expmig_transformation *made = nullptr;
        call.finish(run(&which, &settings, &made, call.error()));
        return transformation(made);
    }

    template <class Run>
    brought brought_by(const std::filesystem::path &path, const bring_in_options &options, Run run) const {
        detail::call call;
        const detail::bring_in_arguments settings(options, call);
        const detail::c_text name(detail::utf8(path));
        const auto done = detail::made_by<expmig_brought, expmig_brought_free>(
            call, [&](auto made, auto error) { return run(get(), name.get(), settings.get(), made, error); });
        return detail::read_brought(done.get());
    }

    template <class Run>
    static import_result imported(const import_options &options, detail::call &call, Run run) {
        const detail::import_arguments settings(options, call);
        const auto done = detail::made_by<expmig_import, expmig_import_free>(
            call, [&](auto made, auto error) { return run(settings.get(), made, error); });
        return detail::read_import(done.get());
    }

    /** Shared with the registered functions, which outlive a manager that is moved. */
    std::shared_ptr<detail::thrown_exceptions> thrown_;
    detail::handle<expmig_manager, expmig_manager_free> manager_;
};

} // namespace expmig

#endif
