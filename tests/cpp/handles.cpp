/* Handles: opening, moving, freeing, and reading with queries. */
#include "check.hpp"

#include <thread>

using expmig::database;
using expmig::manager;

static_assert(!std::is_copy_constructible_v<database> && std::is_nothrow_move_constructible_v<database>);
static_assert(!std::is_copy_constructible_v<manager> && std::is_nothrow_move_constructible_v<manager>);
static_assert(!std::is_copy_constructible_v<expmig::report> && std::is_nothrow_move_assignable_v<expmig::report>);
static_assert(!std::is_copy_constructible_v<expmig::migration> && !std::is_copy_constructible_v<expmig::transformation>);
static_assert(!std::is_copy_constructible_v<expmig::cancel_token> && std::is_move_constructible_v<expmig::cancel_token>);

static void the_library_says_what_it_is() {
    CHECK(expmig::is_compatible());
    CHECK_EQUAL(expmig::abi_version(), std::uint32_t(EXPMIG_ABI_VERSION));
    CHECK(has(expmig::build_info(), "\"version\":\"" + std::string(expmig::version()) + "\""));
    CHECK_EQUAL(expmig::name(expmig::status::shared_process), "SHARED_PROCESS");
    CHECK_EQUAL(expmig::name(expmig::domain::import_export), "IMPORT_EXPORT");
}

static void opens_by_url_and_by_path() {
    CHECK(has(database::open("small.db").info(), "\"engine\":\"sqlite\""));
    CHECK(has(database::open("sqlite:small.db").info(), "small.db"));
    const std::filesystem::path odd = std::filesystem::absolute("a ü?#%41.db");
    CHECK(!std::filesystem::exists(odd));
    expmig::open_options create;
    create.create = true;
    create.busy_timeout = std::chrono::seconds(1);
    manager made(database::open_file(odd, create));
    CHECK(std::filesystem::exists(odd));
    CHECK(made.experiments().empty());
}

static void a_private_copy_goes_where_it_shall_or_is_not_made() {
    expmig::open_options options;
    options.temp_dir = "no such folder";
    const auto refused =
        thrown_by<expmig::data_migration_error>([&] { manager(database::open("small.db", options)).export_to_string(1); });
    CHECK(refused.status() == expmig::status::io);
    options.max_read_lock = std::chrono::milliseconds(0);
    CHECK(has(manager(database::open("small.db", options)).export_to_string(1), "expmig"));
}

static void a_file_has_nothing_to_widen() {
    const database opened = database::open("small.db");
    CHECK(has(opened.plan_widening(), "expmig.widening/1"));
    CHECK(has(opened.widen(), "\"statements\":[]"));
}

static void a_password_is_asked_for_before_the_server_is() {
    expmig::open_options options;
    options.ask_password = []() -> std::string { throw std::runtime_error("forgotten"); };
    const auto error = thrown_by<std::runtime_error>([&] { database::open("mysql://me@127.0.0.1:1/none", options); });
    CHECK_EQUAL(std::string(error.what()), "forgotten");
    int asked = 0;
    options.ask_password = [&] { return ++asked, std::string("secret"); };
    const auto refused =
        thrown_by<expmig::data_migration_error>([&] { database::open("mysql://me@127.0.0.1:1/none", options); });
    CHECK(refused.status() == expmig::status::connection);
    CHECK_EQUAL(asked, 1);
    options.password = "secret";
    CHECK(!has(thrown_by<expmig::data_migration_error>([&] {
                   database::open("mysql://me@127.0.0.1:1/none", options);
               }).info().json,
               "secret"));
    CHECK_EQUAL(asked, 1);
}

static void outlive_each_other() {
    std::optional<database> opened = database::open("small.db");
    std::optional<manager> first(std::in_place, *opened), second(std::in_place, *opened);
    opened.reset();
    std::optional<expmig::report> report = first->validate();
    first.reset();
    CHECK(report->passed());
    CHECK_EQUAL(second->experiments().size(), 3u);
    manager moved = std::move(*second);
    second.reset();
    CHECK_EQUAL(moved.experiments().at(1).title.value(), "Wine cultivar classification");
}

static void a_handle_that_was_moved_from_throws() {
    database opened = database::open("small.db");
    manager source(opened), target(opened);
    database elsewhere = std::move(opened);
    manager taken = std::move(target);
    const auto misuse = [](auto call) {
        CHECK(thrown_by<expmig::data_migration_error>(call).status() == expmig::status::misuse);
    };
    misuse([&] { static_cast<void>(opened.info()); });
    misuse([&] { static_cast<void>(target.experiments()); });
    misuse([&] { target.validate(); });
    misuse([&] { target.register_check("x", [](const expmig::check_context &) {}); });
    // Not "into the source's own database", which NULL means to the C function.
    misuse([&] { source.migrate_to(target, 1); });
    misuse([&] { static_cast<void>(source.plan_to(target, 1)); });
    CHECK_EQUAL(taken.experiments().size(), 3u);
}

static void queries_hand_over_typed_rows() {
    const database opened = database::open("small.db");
    const std::string bytes("a\0b", 3);
    std::size_t rows = 0;
    opened.query("SELECT ?1 AS i, ?2 AS r, ?3 AS t, ?4 AS b, ?5 AS n, typeof(?4), ?6 AS empty",
                 {INT64_MIN, 0.5, std::string_view(bytes), expmig::value::blob("\xff\0", 2), nullptr, ""},
                 [&](const expmig::row &row) {
                     ++rows;
                     CHECK_EQUAL(row.size(), 7u);
                     CHECK_EQUAL(row.name(2), "t");
                     CHECK_EQUAL(row["i"].as_integer(), INT64_MIN);
                     CHECK_EQUAL(row["r"].as_real(), 0.5);
                     CHECK_EQUAL(row["t"].as_text(), bytes);
                     CHECK_EQUAL(row["b"].as_blob(), std::string_view("\xff\0", 2));
                     CHECK(row["n"].is_null() && row["n"].type() == expmig::value_type::null);
                     CHECK_EQUAL(row[5].as_text(), "blob");
                     CHECK_EQUAL(row["empty"].as_text(), "");
                     thrown_by<expmig::data_migration_error>([&] { static_cast<void>(row["i"].as_text()); });
                     thrown_by<expmig::data_migration_error>([&] { static_cast<void>(row["none"]); });
                     thrown_by<expmig::data_migration_error>([&] { static_cast<void>(row[7]); });
                 });
    CHECK_EQUAL(rows, 1u);
    opened.query("SELECT ?, ?, ?", {true, std::optional<int>(), std::optional<std::string>("x")}, [](const expmig::row &row) {
        CHECK_EQUAL(row[0].as_integer(), 1);
        CHECK_EQUAL(row[0].as_real(), 1.0);
        CHECK(row[1].is_null());
        CHECK_EQUAL(row[2].as_text(), "x");
    });
    thrown_by<expmig::data_migration_error>([] { static_cast<void>(expmig::value(UINT64_MAX)); });
    // Without a callback the statement is run all the same.
    opened.query("SELECT id FROM EXPERIMENT", nullptr);
    const auto error = thrown_by<expmig::data_migration_error>(
        [&] { opened.query("DELETE FROM EXPERIMENT", [](const expmig::row &) {}); });
    CHECK(error.status() == expmig::status::misuse && error.detail("action"));
}

static void a_query_ends_where_its_callback_wants() {
    const database opened = database::open("small.db");
    const auto three = "SELECT id FROM EXPERIMENT ORDER BY id";
    int seen = 0;
    const auto error = thrown_by<expmig::data_migration_error>([&] {
        opened.query(three, [&](const expmig::row &) { return ++seen == 2 ? expmig::flow::cancel : expmig::flow::proceed; });
    });
    CHECK(error.status() == expmig::status::cancelled);
    CHECK_EQUAL(seen, 2);
    const auto own = thrown_by<std::out_of_range>([&] {
        opened.query(three, [&](const expmig::row &) { throw std::out_of_range("enough"); });
    });
    CHECK_EQUAL(std::string(own.what()), "enough");
    opened.query(three, [&](const expmig::row &) { ++seen; });
    CHECK_EQUAL(seen, 5);
}

static void digests_and_comparisons() {
    const manager one = open_manager("small.db"), all = open_manager("digits.db");
    const expmig::digest digest = one.digest(1);
    CHECK_EQUAL(digest.hex().size(), 64u);
    CHECK(digest == one.digest(1) && digest != one.digest(2) && digest != all.digest(1));
    const expmig::comparison same = one.compare(2, one, 2), other = one.compare(1, all, 1);
    CHECK(same && same.equal && has(same.json, "expmig.comparison/1"));
    CHECK(!other && has(other.json, "\"first_difference\":{"));
    const expmig::cancel_token token;
    token.trigger();
    expmig::job_options options;
    options.cancel = &token;
    const auto error = thrown_by<expmig::data_migration_error>([&] { static_cast<void>(one.digest(1, options)); });
    CHECK(error.status() == expmig::status::cancelled);
}

static void threads_may_share_a_manager() {
    const manager shared = open_manager("small.db");
    const expmig::digest expected = shared.digest(1);
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i)
        threads.emplace_back([&] { CHECK(shared.digest(1) == expected); });
    for (std::thread &thread : threads)
        thread.join();
}

int main() {
    the_library_says_what_it_is();
    opens_by_url_and_by_path();
    a_private_copy_goes_where_it_shall_or_is_not_made();
    a_file_has_nothing_to_widen();
    a_password_is_asked_for_before_the_server_is();
    outlive_each_other();
    a_handle_that_was_moved_from_throws();
    queries_hand_over_typed_rows();
    a_query_ends_where_its_callback_wants();
    digests_and_comparisons();
    threads_may_share_a_manager();
}
