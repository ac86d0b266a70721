/* Options: plain aggregates, `{.create = true}` in C++20. What is not set is what the library does by default. */
#ifndef EXPMIG_OPTIONS_HPP
#define EXPMIG_OPTIONS_HPP

#include "callback.hpp"

#include <filesystem>
#include <functional>
#include <optional>
#include <string>

namespace expmig {

enum class severity : std::int32_t {
    error = EXPMIG_SEVERITY_ERROR,
    warning = EXPMIG_SEVERITY_WARNING,
    info = EXPMIG_SEVERITY_INFO,
};

enum class migration_strategy : std::int32_t {
    balanced = EXPMIG_STRATEGY_BALANCED,
    conservative = EXPMIG_STRATEGY_CONSERVATIVE,
    aggressive = EXPMIG_STRATEGY_AGGRESSIVE,
};

/** What to do if the target has the same experiment already. */
enum class duplicates : std::int32_t {
    copy = EXPMIG_DUPLICATE_COPY,
    skip = EXPMIG_DUPLICATE_SKIP,
    error = EXPMIG_DUPLICATE_ERROR,
};

/** What to do with a row of MLflow's whose id the target has already. */
enum class conflicts : std::int32_t {
    error = EXPMIG_CONFLICT_ERROR,
    skip = EXPMIG_CONFLICT_SKIP,
    make_new = EXPMIG_CONFLICT_NEW,
};

/** What to do with a name of MLflow's that an experiment of the target has already. */
enum class taken_names : std::int32_t {
    suffix = EXPMIG_NAME_SUFFIX,
    error = EXPMIG_NAME_ERROR,
    append = EXPMIG_NAME_APPEND,
};

enum class log_level : std::int32_t {
    off = EXPMIG_LOG_OFF,
    error = EXPMIG_LOG_ERROR,
    warning = EXPMIG_LOG_WARNING,
    info = EXPMIG_LOG_INFO,
    debug = EXPMIG_LOG_DEBUG,
};

/** Receives log records, one line each. Its exceptions are dropped, because a log cannot make a call fail. */
using log_callback = std::function<void(log_level level, std::string_view message)>;

struct open_options {
    bool create = false;
    bool readonly = false;
    /** Open although this process has the file open through another copy of SQLite. The locks of that copy will be lost. */
    bool allow_shared_process = false;
    /** How long to wait for other connections' locks. */
    std::optional<std::chrono::milliseconds> busy_timeout{};
    /** The password for a server, instead of one in the URL. */
    std::optional<std::string> password{};
    /** Called once for the password if `password` is not given. If it throws, open throws the same exception. */
    std::function<std::string()> ask_password{};
    /** The longest time for which reading keeps writers of a SQLite file in rollback-journal mode waiting; what takes longer is read from a
        private copy. 0: no limit, so no copy. */
    std::optional<std::chrono::milliseconds> max_read_lock{};
    /** The folder for private copies, instead of the one where SQLite puts its temporary files. */
    std::optional<std::filesystem::path> temp_dir{};
    /** Like create, but create the tables also beside other tables, which are not changed. */
    bool create_beside = false;
    progress_callback on_progress{};
    const cancel_token *cancel = nullptr;
};

struct manager_options {
    /** Folder for snapshots. */
    std::optional<std::filesystem::path> snapshot_dir{};
    log_callback log{};
    /** The least important level that is logged. */
    std::optional<expmig::log_level> log_level{};
};

/** Options of calls that take a while and need nothing else. */
struct job_options {
    progress_callback on_progress{};
    const cancel_token *cancel = nullptr;
};

struct validate_options {
    /** Only this experiment. */
    std::optional<std::int64_t> experiment_id{};
    /** How many issues are listed at most; all are counted. */
    std::optional<std::int64_t> issue_limit{};
    bool foreign_keys = true, metric_json = true, hierarchy = true, registered_checks = true;
    progress_callback on_progress{};
    const cancel_token *cancel = nullptr;
};

struct snapshot_options {
    /** A JSON object that is kept unchanged with the snapshot. */
    std::optional<std::string> metadata_json{};
    progress_callback on_progress{};
    const cancel_token *cancel = nullptr;
};

struct restore_options {
    /** Restore also a snapshot of another database. */
    bool force = false;
    /** Take a snapshot of what is overwritten. */
    bool safety_snapshot = true;
    progress_callback on_progress{};
    const cancel_token *cancel = nullptr;
};

struct migrate_options {
    migration_strategy strategy = migration_strategy::balanced;
    duplicates on_duplicate = duplicates::copy;
    /** Append the trials to this experiment of the target, instead of creating one. */
    std::optional<std::int64_t> target_experiment_id{};
    bool allow_lossy = false;
    bool add_columns = false;
    /** Take a snapshot of the target before the first write. */
    bool snapshot = false;
    /** Write in several transactions, none larger than a cluster takes (docs/clusters.md). Only on servers. */
    bool staged = false;
    /** The most rows of one of them; 0 for what a cluster surely takes. */
    std::uint64_t stage_rows = 0;
    std::optional<std::int64_t> batch_size{};
    std::optional<std::string> title_prefix{};
    /** A rules document, which transforms the metrics of the copy. */
    std::optional<std::string> transformation_rules{};
    progress_callback on_progress{};
    const cancel_token *cancel = nullptr;
    conflicts on_conflict = conflicts::error;
    taken_names on_name = taken_names::suffix;
    std::optional<std::string> workspace{};
    /** Locations of artifacts that begin with the first begin with the second in the copy. Both, or neither. */
    std::optional<std::string> artifacts_from{};
    std::optional<std::string> artifacts_to{};
};

/** Which metrics a transformation looks at. Absent: all; an empty list: none. */
struct metric_selection {
    /** Metrics that are linked from results, epochs and batches of these experiments. */
    std::optional<std::vector<std::int64_t>> experiment_ids{};
    /** Of those, only these. */
    std::optional<std::vector<std::int64_t>> metric_ids{};
};

struct transform_options {
    /** Only report what would be done, with examples, and write nothing. */
    bool dry_run = false;
    std::optional<std::int64_t> batch_size{};
    progress_callback on_progress{};
    const cancel_token *cancel = nullptr;
};

struct undo_options {
    /** Skip metrics that were changed since the transformation, and restore the others. */
    bool skip_changed = false;
    progress_callback on_progress{};
    const cancel_token *cancel = nullptr;
};

struct export_options {
    bool metrics = true;
    bool artifacts = true;
    /** Leave out unsound rows (docs/validation.md), and say so in the document. */
    bool skip_unsound = false;
    /** Replace a file of that name. */
    bool replace = false;
    /** Spaces per level. */
    std::uint32_t indent = 0;
    /** Permissions of the file. */
    std::optional<std::uint32_t> file_mode{};
    std::optional<std::string> format{};
    progress_callback on_progress{};
    const cancel_token *cancel = nullptr;
};

struct html_report_options {
    /** What stands above the page; without it the titles of the experiments. */
    std::optional<std::string> title{};
    /** How many issues of the validation are listed at most; all are counted. */
    std::optional<std::uint32_t> issue_limit{};
    /** Replace a file of that name. */
    bool replace = false;
    /** Permissions of the file. */
    std::optional<std::uint32_t> file_mode{};
    progress_callback on_progress{};
    const cancel_token *cancel = nullptr;
};

struct import_options {
    bool preserve_ids = false;
    /** Check timestamps, numbers and per-label values. The structure is always checked. */
    bool validate = true;
    bool add_columns = false;
    /** Allow values to be changed or left out where the database cannot hold them. The result lists them. */
    bool allow_lossy = false;
    /** Accept documents of the older command-line tool; their metrics are linked to nothing. */
    bool allow_unlinked = false;
    duplicates on_duplicate = duplicates::copy;
    std::optional<std::int64_t> max_value_bytes{};
    progress_callback on_progress{};
    const cancel_token *cancel = nullptr;
    /** Of MLflow's stores (docs/mlflow.md): ids that the store has already. */
    conflicts on_conflict = conflicts::error;
    /** Of MLflow's stores: a name that an experiment of the store has already. */
    taken_names on_name = taken_names::suffix;
    /** Of MLflow's stores: the workspace of the experiment. */
    std::optional<std::string> workspace{};
    /** Of MLflow's stores: locations of artifacts that begin with the first begin with the second. */
    std::optional<std::string> artifacts_from{};
    std::optional<std::string> artifacts_to{};
    /** Of MLflow's stores: the experiment whose the rows become. */
    std::optional<std::int64_t> target_experiment_id{};
};

struct bring_in_options {
    /** The reader: "mlflow-files", "tensorboard", "wandb", "neptune", "optuna"; by default the files tell. */
    std::optional<std::string> kind{};
    /** The name of the experiment, where not the source's. */
    std::optional<std::string> experiment{};
    /** Of runs that do not say one. */
    std::optional<std::string> user{};
    /** A new file for what the database has no place for, as JSON lines. */
    std::optional<std::filesystem::path> sidecar{};
    std::optional<std::filesystem::path> temp_dir{};
    /** What becomes of a run whose id another run of the database has: error or skip. */
    conflicts on_conflict = conflicts::error;
    /** What becomes of the name of an experiment that the database has. */
    taken_names on_name = taken_names::suffix;
    /** Leave out what the database has no place for, if no file is given for it. */
    bool leave_out = false;
    /** Bring along the names of hosts and users, and console lines. */
    bool with_machine = false;
    /** Of a TensorBoard log, only the points that its server would show. */
    bool server_view = false;
    /** Take runs for ended of which the source does not say it. */
    bool ended = false;
    /** Where the writer's clock was, for times that do not say it: "+09:00", "-0330" or "UTC". */
    std::optional<std::string> zone{};
    progress_callback on_progress{};
    const cancel_token *cancel = nullptr;
};

namespace detail {

/** A path as UTF-8: a std::string in C++17, a std::u8string in C++20. */
inline std::string utf8(const std::filesystem::path &path) {
    const auto text = path.u8string();
    return std::string(text.begin(), text.end());
}

/** A struct of the C API with its defaults. */
template <class Struct, expmig_status (*Init)(Struct *, std::size_t)>
Struct defaults() {
    Struct made;
    check(Init(&made, sizeof made));
    return made;
}

inline std::uint32_t flag(bool set, std::uint32_t bit) noexcept { return set ? bit : 0; }

template <class To, class From>
void assign(To &to, const std::optional<From> &from) {
    if (from)
        to = static_cast<To>(*from);
}

/** Never null, because null means all. The address of an empty vector can be null. */
inline const std::int64_t *ids(const std::vector<std::int64_t> &from) noexcept {
    static const std::int64_t none = 0;
    return from.empty() ? &none : from.data();
}

class open_arguments {
public:
    open_arguments(const open_options &from, call &call)
        : call_(call), ask_(from.ask_password), password_(from.password),
          temp_dir_(from.temp_dir ? std::optional(utf8(*from.temp_dir)) : std::nullopt) {
        options_.flags = flag(from.create, EXPMIG_OPEN_CREATE) | flag(from.create_beside, EXPMIG_OPEN_CREATE_BESIDE) |
                         flag(from.readonly, EXPMIG_OPEN_READONLY) |
                         flag(from.allow_shared_process, EXPMIG_OPEN_ALLOW_SHARED_PROCESS);
        if (from.busy_timeout)
            options_.busy_timeout_ms = from.busy_timeout->count();
        if (from.max_read_lock)
            options_.max_read_lock_ms = from.max_read_lock->count();
        options_.password = password_.get();
        options_.temp_dir = temp_dir_.get();
        call.watch(options_, from);
        if (ask_) {
            options_.password_fn = ask;
            options_.password_user_data = this;
        }
    }

    open_arguments(const open_arguments &) = delete;
    open_arguments &operator=(const open_arguments &) = delete;

    const expmig_open_options *get() const noexcept { return &options_; }

private:
    static const char *ask(void *user_data) noexcept {
        auto &self = *static_cast<open_arguments *>(user_data);
        const std::int32_t done = self.call_.guard([&] {
            self.answer_.emplace(self.ask_());
            return flow::proceed;
        });
        return done == EXPMIG_CALLBACK_CONTINUE ? self.answer_->get() : nullptr;
    }

    call &call_;
    const std::function<std::string()> &ask_;
    optional_c_text password_;
    optional_c_text temp_dir_;
    std::optional<c_text> answer_;
    expmig_open_options options_ = defaults<expmig_open_options, expmig_open_options_init>();
};

inline expmig_job_options to_c(const job_options &from, call &call) {
    auto to = defaults<expmig_job_options, expmig_job_options_init>();
    call.watch(to, from);
    return to;
}

inline expmig_validate_options to_c(const validate_options &from, call &call) {
    auto to = defaults<expmig_validate_options, expmig_validate_options_init>();
    const auto drop = [&](bool wanted, std::uint32_t bit) { to.scope &= wanted ? ~std::uint32_t(0) : ~bit; };
    drop(from.foreign_keys, EXPMIG_VALIDATE_FOREIGN_KEYS);
    drop(from.metric_json, EXPMIG_VALIDATE_METRIC_JSON);
    drop(from.hierarchy, EXPMIG_VALIDATE_HIERARCHY);
    drop(from.registered_checks, EXPMIG_VALIDATE_REGISTERED_CHECKS);
    to.experiment_id = from.experiment_id ? &*from.experiment_id : nullptr;
    assign(to.issue_limit, from.issue_limit);
    call.watch(to, from);
    return to;
}

inline expmig_restore_options to_c(const restore_options &from, call &call) {
    auto to = defaults<expmig_restore_options, expmig_restore_options_init>();
    to.flags = flag(from.force, EXPMIG_RESTORE_FORCE) | flag(!from.safety_snapshot, EXPMIG_RESTORE_NO_SAFETY_SNAPSHOT);
    call.watch(to, from);
    return to;
}

inline expmig_transform_selection to_c(const metric_selection &from) {
    auto to = defaults<expmig_transform_selection, expmig_transform_selection_init>();
    if (from.experiment_ids) {
        to.experiment_ids = ids(*from.experiment_ids);
        to.experiment_id_count = from.experiment_ids->size();
    }
    if (from.metric_ids) {
        to.metric_ids = ids(*from.metric_ids);
        to.metric_id_count = from.metric_ids->size();
    }
    return to;
}

inline expmig_transform_options to_c(const transform_options &from, call &call) {
    auto to = defaults<expmig_transform_options, expmig_transform_options_init>();
    to.flags = flag(from.dry_run, EXPMIG_TRANSFORM_DRY_RUN);
    assign(to.batch_size, from.batch_size);
    call.watch(to, from);
    return to;
}

inline expmig_undo_options to_c(const undo_options &from, call &call) {
    auto to = defaults<expmig_undo_options, expmig_undo_options_init>();
    to.flags = flag(from.skip_changed, EXPMIG_UNDO_SKIP_CHANGED);
    call.watch(to, from);
    return to;
}

/** Options together with their text, which must live as long as they do. */
class import_arguments {
public:
    import_arguments(const import_options &from, call &call)
        : workspace_(from.workspace), artifacts_from_(from.artifacts_from), artifacts_to_(from.artifacts_to) {
        options_.flags = flag(from.preserve_ids, EXPMIG_IMPORT_PRESERVE_IDS) | flag(!from.validate, EXPMIG_IMPORT_SKIP_VALIDATION) |
                         flag(from.add_columns, EXPMIG_IMPORT_ADD_COLUMNS) | flag(from.allow_unlinked, EXPMIG_IMPORT_ALLOW_UNLINKED) |
                         flag(from.allow_lossy, EXPMIG_IMPORT_ALLOW_LOSSY);
        options_.on_duplicate = static_cast<std::int32_t>(from.on_duplicate);
        assign(options_.max_value_bytes, from.max_value_bytes);
        options_.on_conflict = static_cast<std::int32_t>(from.on_conflict);
        options_.on_name = static_cast<std::int32_t>(from.on_name);
        options_.workspace = workspace_.get();
        options_.artifacts_from = artifacts_from_.get();
        options_.artifacts_to = artifacts_to_.get();
        options_.target_experiment_id = from.target_experiment_id ? &*from.target_experiment_id : nullptr;
        call.watch(options_, from);
    }

    const expmig_import_options *get() const noexcept { return &options_; }

private:
    optional_c_text workspace_, artifacts_from_, artifacts_to_;
    expmig_import_options options_ = defaults<expmig_import_options, expmig_import_options_init>();
};

class snapshot_arguments {
public:
    snapshot_arguments(const snapshot_options &from, call &call) : metadata_(from.metadata_json) {
        options_.metadata_json = metadata_.get();
        call.watch(options_, from);
    }

    const expmig_snapshot_options *get() const noexcept { return &options_; }

private:
    optional_c_text metadata_;
    expmig_snapshot_options options_ = defaults<expmig_snapshot_options, expmig_snapshot_options_init>();
};

class migrate_arguments {
public:
    migrate_arguments(const migrate_options &from, call &call)
        : title_prefix_(from.title_prefix), rules_(from.transformation_rules), workspace_(from.workspace),
          artifacts_from_(from.artifacts_from), artifacts_to_(from.artifacts_to) {
        options_.flags = flag(from.allow_lossy, EXPMIG_MIGRATE_ALLOW_LOSSY) |
                         flag(from.add_columns, EXPMIG_MIGRATE_ADD_COLUMNS) | flag(from.snapshot, EXPMIG_MIGRATE_SNAPSHOT) |
                         flag(from.staged, EXPMIG_MIGRATE_STAGED);
        options_.stage_rows = from.stage_rows;
        options_.strategy = static_cast<std::int32_t>(from.strategy);
        options_.on_duplicate = static_cast<std::int32_t>(from.on_duplicate);
        options_.target_experiment_id = from.target_experiment_id ? &*from.target_experiment_id : nullptr;
        assign(options_.batch_size, from.batch_size);
        options_.title_prefix = title_prefix_.get();
        options_.transformation_rules = rules_.get();
        options_.on_conflict = static_cast<std::int32_t>(from.on_conflict);
        options_.on_name = static_cast<std::int32_t>(from.on_name);
        options_.workspace = workspace_.get();
        options_.artifacts_from = artifacts_from_.get();
        options_.artifacts_to = artifacts_to_.get();
        call.watch(options_, from);
    }

    const expmig_migrate_options *get() const noexcept { return &options_; }

private:
    optional_c_text title_prefix_, rules_, workspace_, artifacts_from_, artifacts_to_;
    expmig_migrate_options options_ = defaults<expmig_migrate_options, expmig_migrate_options_init>();
};

class export_arguments {
public:
    export_arguments(const export_options &from, call &call) : format_(from.format) {
        options_.flags = flag(!from.metrics, EXPMIG_EXPORT_NO_METRICS) | flag(!from.artifacts, EXPMIG_EXPORT_NO_ARTIFACTS) |
                         flag(from.skip_unsound, EXPMIG_EXPORT_SKIP_UNSOUND) | flag(from.replace, EXPMIG_EXPORT_REPLACE);
        options_.indent = from.indent;
        assign(options_.file_mode, from.file_mode);
        options_.format = format_.get();
        call.watch(options_, from);
    }

    const expmig_export_options *get() const noexcept { return &options_; }

private:
    optional_c_text format_;
    expmig_export_options options_ = defaults<expmig_export_options, expmig_export_options_init>();
};

class bring_in_arguments {
public:
    bring_in_arguments(const bring_in_options &from, call &call)
        : kind_(from.kind), experiment_(from.experiment), user_(from.user), sidecar_(path_of(from.sidecar)),
          temp_dir_(path_of(from.temp_dir)), zone_(from.zone) {
        options_.on_conflict = static_cast<std::int32_t>(from.on_conflict);
        options_.on_name = static_cast<std::int32_t>(from.on_name);
        options_.flags = flag(from.leave_out, EXPMIG_BRING_IN_LEAVE_OUT) |
                         flag(from.with_machine, EXPMIG_BRING_IN_MACHINE) |
                         flag(from.server_view, EXPMIG_BRING_IN_SERVER_VIEW) | flag(from.ended, EXPMIG_BRING_IN_ENDED);
        options_.kind = kind_.get();
        options_.experiment = experiment_.get();
        options_.user = user_.get();
        options_.sidecar = sidecar_.get();
        options_.temp_dir = temp_dir_.get();
        options_.zone = zone_.get();
        call.watch(options_, from);
    }

    const expmig_bring_in_options *get() const noexcept { return &options_; }

private:
    static std::optional<std::string> path_of(const std::optional<std::filesystem::path> &path) {
        return path ? std::optional(utf8(*path)) : std::nullopt;
    }

    optional_c_text kind_, experiment_, user_, sidecar_, temp_dir_, zone_;
    expmig_bring_in_options options_ = defaults<expmig_bring_in_options, expmig_bring_in_options_init>();
};

class html_report_arguments {
public:
    html_report_arguments(const html_report_options &from, call &call) : title_(from.title) {
        options_.flags = flag(from.replace, EXPMIG_REPORT_HTML_REPLACE);
        assign(options_.issue_limit, from.issue_limit);
        assign(options_.file_mode, from.file_mode);
        options_.title = title_.get();
        call.watch(options_, from);
    }

    const expmig_report_html_options *get() const noexcept { return &options_; }

private:
    optional_c_text title_;
    expmig_report_html_options options_ = defaults<expmig_report_html_options, expmig_report_html_options_init>();
};

} // namespace detail
} // namespace expmig

#endif
