/* Exceptions: each domain of the library has its class, and they say all that an expmig_error says. */
#include "check.hpp"

#include <fstream>

using namespace expmig;

static_assert(std::is_base_of_v<std::runtime_error, data_migration_error>);
static_assert(std::is_base_of_v<data_migration_error, validation_error>);
static_assert(std::is_base_of_v<data_migration_error, snapshot_error>);
static_assert(std::is_base_of_v<data_migration_error, transformation_error>);
static_assert(std::is_base_of_v<data_migration_error, import_export_error>);
static_assert(std::is_nothrow_copy_constructible_v<data_migration_error>);

static void a_file_that_is_not_there() {
    const auto error = thrown_by<data_migration_error>([] { database::open("none.db"); });
    CHECK(error.status() == status::not_found && error.domain() == domain::database);
    CHECK(*error.what() != 0);
    CHECK(!error.hint().empty() && !error.retryable());
    CHECK(error.detail("path").has_value() && has(*error.detail("path"), "none.db"));
    CHECK(!error.detail("no such detail"));
    CHECK(has(error.info().json, "\"schema\":\"expmig.error/1\""));
    CHECK(error.info().sqlstate.empty() && !error.info().cause);
    CHECK(!std::filesystem::exists("none.db"));
}

static void a_file_that_is_no_database() {
    std::ofstream("text.db") << std::string(4096, 'x');
    const auto error = thrown_by<data_migration_error>([] { database::open("text.db"); });
    CHECK(error.status() == status::corrupt);
    CHECK(error.info().vendor_code != 0);
}

static void the_classes_are_those_of_the_domains() {
    const manager small = open_manager("small.db");
    const auto at = [](auto error, domain domain, status status) {
        CHECK(error.domain() == domain && error.status() == status);
    };
    at(thrown_by<data_migration_error>([&] { small.migrate(99); }), domain::migration, status::not_found);
    validate_options one;
    one.experiment_id = 99;
    at(thrown_by<validation_error>([&] { small.validate(one); }), domain::validation, status::not_found);
    at(thrown_by<snapshot_error>([&] { small.verify_snapshot("20200101_000000"); }), domain::snapshot, status::not_found);
    at(thrown_by<transformation_error>([&] { small.transform("{}"); }), domain::transformation, status::invalid_argument);
    at(thrown_by<transformation_error>([&] { small.undo(7); }), domain::transformation, status::not_found);
    at(thrown_by<import_export_error>([&] { small.import_from_string("{}"); }), domain::import_export, status::validation);
    at(thrown_by<import_export_error>([&] { small.export_to_file(1, "no/such/folder.json"); }), domain::import_export,
       status::not_found);
    // All of them are the one that the specification calls the base.
    try {
        small.delete_snapshot("20200101_000000");
        CHECK(false);
    } catch (const data_migration_error &error) {
        CHECK(dynamic_cast<const snapshot_error *>(&error) != nullptr);
    }
}

static void validation_errors_are_listed() {
    const manager small = open_manager("small.db");
    small.register_check_sql("no models", "SELECT id AS row_key, 'a model is called ' || name AS message FROM TRIAL");
    migrate_options careful;
    careful.strategy = migration_strategy::conservative;
    const auto error = thrown_by<validation_error>([&] { small.migrate(1, careful); });
    CHECK(error.status() == status::validation);
    CHECK_EQUAL(error.validation_errors().size(), 3u);
    CHECK_EQUAL(error.validation_errors().at(0), "a model is called sgd_log_alpha_0.0001");
    CHECK_EQUAL(small.experiments().size(), 3u);
    small.unregister_check("no models");
    CHECK(!small.migrate(1, careful).skipped());
}

static void a_nul_inside_a_text_is_refused() {
    const auto error = thrown_by<data_migration_error>([] { database::open(std::string_view("small.db\0x", 10)); });
    CHECK(error.status() == status::invalid_argument);
}

int main() {
    a_file_that_is_not_there();
    a_file_that_is_no_database();
    the_classes_are_those_of_the_domains();
    validation_errors_are_listed();
    a_nul_inside_a_text_is_refused();
}
