/* Experiments of a store of MLflow's: ids and names that are taken, workspaces, and where artifacts are. */
#include "check.hpp"

using namespace expmig;

/* mlflow.db and other.db have it, with the same ids. */
constexpr std::int64_t abandoned = 3;

static void imports_go_where_they_are_asked_to(const manager &store) {
    const std::string document = store.export_to_string(abandoned);
    const auto put = [&](const import_options &options) { return store.import_from_string(document, options); };
    CHECK(thrown_by<import_export_error>([&] { static_cast<void>(put({})); }).status() == status::already_exists);
    import_options options;
    options.on_conflict = conflicts::make_new;
    options.workspace = "nowhere";
    CHECK(thrown_by<import_export_error>([&] { static_cast<void>(put(options)); }).status() == status::not_found);
    options.workspace = "default";
    options.artifacts_from = "mlflow-artifacts:/";
    options.artifacts_to = "s3://bucket/";
    const import_result copied = put(options);
    CHECK_EQUAL(copied.experiment_id, 4);
    CHECK(has(copied.json, "s3://bucket/abandoned") && has(copied.json, "abandoned (2)"));
    options.artifacts_from = options.artifacts_to = std::nullopt;
    options.target_experiment_id = copied.experiment_id;
    CHECK_EQUAL(put(options).experiment_id, copied.experiment_id);
    options.target_experiment_id = std::nullopt;
    options.on_name = taken_names::error;
    CHECK(thrown_by<import_export_error>([&] { static_cast<void>(put(options)); }).status() == status::already_exists);
}

static void migrations_go_where_they_are_asked_to(const manager &store, const manager &other) {
    migrate_options options;
    CHECK(thrown_by<data_migration_error>([&] { static_cast<void>(store.migrate_to(other, abandoned, options)); }).status() == status::already_exists);
    options.on_conflict = conflicts::make_new;
    options.on_name = taken_names::append;
    options.workspace = "default";
    options.artifacts_from = "mlflow-artifacts:/";
    options.artifacts_to = "s3://bucket/";
    const migration copied = store.migrate_to(other, abandoned, options);
    CHECK_EQUAL(copied.new_experiment_id(), abandoned);
    CHECK(has(copied.to_json(), "s3://bucket/abandoned"));
}

int main() {
    const manager store = open_manager("mlflow.db"), other = open_manager("other.db");
    migrations_go_where_they_are_asked_to(store, other);
    imports_go_where_they_are_asked_to(store);
}
