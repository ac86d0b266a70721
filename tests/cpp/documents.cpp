/* Snapshots, exports and imports, and the reader of the library's JSON. */
#include "check.hpp"

#include <algorithm>
#include <ctime>

using namespace expmig;

#if __cplusplus >= 202002L
#include <ranges>
static_assert(std::ranges::forward_range<detail::indexed_range<report, issue>>);
static_assert(std::ranges::random_access_range<snapshot_list>);
#endif

static void json_is_read_as_it_is_written() {
    using detail::json;
    const json object(R"( {"a": {"b": [1, -2 , "x,]\"}", {}, []]}, "\u00e9\ud83d\ude00\n\/" : null, "t":true, "a2": 18446744073709551615} )");
    const std::vector<json> elements = object["a"]["b"].elements();
    CHECK_EQUAL(elements.size(), 5u);
    CHECK_EQUAL(elements[1].integer<std::int64_t>(), -2);
    CHECK_EQUAL(elements[2].string(), "x,]\"}");
    CHECK(elements[3].text() == "{}" && elements[4].elements().empty());
    CHECK(object["\xc3\xa9\xf0\x9f\x98\x80\n/"].is_null() && object["t"].boolean());
    CHECK_EQUAL(object["a2"].integer<std::uint64_t>(), UINT64_MAX);
    CHECK(json(R"("\u0000\u007f\u0800")").string() == std::string("\0\x7f\xe0\xa0\x80", 5));
    // Whatever is not JSON, or of another type, throws; none reads beyond its end.
    for (const char *text : {"", "  ", "{", "{\"a\"", "{\"a\":", "{\"a\":1", "{\"a\":1,", "{\"a\" 1}", "{\"b\":1}", "[]", "{}x", "\"a\"", "1"})
        thrown_by<data_migration_error>([&] { static_cast<void>(json(text)["a"]); });
    for (const char *text : {"\"", "\"\\", "\"\\u12", "\"\\u12g4\"", "\"\\ud800\"", "\"\\ud800\\u0041\"", "\"\\udc00\"", "\"\\x\"", "\"a\"b", "1"})
        thrown_by<data_migration_error>([&] { static_cast<void>(json(text).string()); });
    for (const char *text : {"[", "[1", "[1,", "[1 2", "{}", "[1]]"})
        thrown_by<data_migration_error>([&] {
            for (const json &one : json(text).elements())
                static_cast<void>(one.integer<int>());
        });
    for (const char *text : {"9223372036854775808", "1.5", "-", "true"})
        thrown_by<data_migration_error>([&] { static_cast<void>(json(text).integer<std::int64_t>()); });
    thrown_by<data_migration_error>([&] { static_cast<void>(json("null").boolean()); });
}

static void times_are_read_to_the_microsecond() {
    using namespace std::chrono;
    const auto microseconds_of = [](const char *text) {
        return duration_cast<microseconds>(detail::read_time(text).time_since_epoch()).count();
    };
    CHECK_EQUAL(microseconds_of("1970-01-01T00:00:00.000001Z"), 1);
    CHECK_EQUAL(microseconds_of("1969-12-31T23:59:59.999999Z"), -1);
    CHECK_EQUAL(microseconds_of("2024-02-29T12:34:56.789012Z"), 1709210096789012);
    CHECK_EQUAL(microseconds_of("2026-11-22T20:31:51.123456Z"), 1795379511123456);
    for (const char *text : {"", "2024", "2024-02-29T12:34:56", "2024-02-29T12:34:56.7", "xxxx-02-29T12:34:56.789012Z"})
        thrown_by<data_migration_error>([&] { static_cast<void>(detail::read_time(text)); });
    CHECK_EQUAL(microseconds_of("9999-12-31T23:59:59.999999Z"), 253402300799999999);
    // Days of four centuries, as the C library counts them; leap days are among them.
    for (std::time_t day = -86400LL * 365 * 60; day < 86400LL * 365 * 340; day += 86400 * 7) {
        std::tm parts{};
        char text[40];
        gmtime_r(&day, &parts);
        std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S.000000Z", &parts);
        CHECK_EQUAL(microseconds_of(text), day * std::int64_t(1000000));
    }
}

static void experiments_are_listed() {
    const std::vector<experiment> all = open_manager("digits.db").experiments();
    CHECK_EQUAL(all.size(), 3u);
    CHECK_EQUAL(all[0].id, 1);
    CHECK_EQUAL(all[0].title.value(), "Digits classification");
    CHECK_EQUAL(all[0].description.value(), "scikit-learn 'digits': 5 models x 3 runs, 12 epochs of 6 batches");
    CHECK_EQUAL(all[0].start_time.value(), "2023-12-01T10:00:00");
    CHECK_EQUAL(all[0].trials, 5u);
    CHECK_EQUAL(all[0].runs, 15u);
}

static void snapshots_are_a_range() {
    manager_options options;
    options.snapshot_dir = "snaps ü";
    const manager small(database::open("small.db"), options);
    CHECK(small.snapshots().empty());
    const auto before = std::chrono::system_clock::now() - std::chrono::microseconds(1);
    snapshot_options with;
    with.metadata_json = R"({"by": "me",  "n": [1, 2]})";
    const std::string first = small.create_snapshot("before \"all\"", with);
    const std::string second = small.create_snapshot();
    const snapshot_list all = small.snapshots();
    CHECK_EQUAL(all.size(), 2u);
    CHECK(all[0].id == second && all[1].id == first && all.broken.empty());
    for (const snapshot &one : all) {
        CHECK(one.created_at >= before && one.created_at <= std::chrono::system_clock::now());
        CHECK(one.rows > 75 && one.size_bytes > 4096 && one.blake3.size() == 64 && one.database == "small.db");
        CHECK_EQUAL(one.expmig_version, version());
    }
    CHECK_EQUAL(all[1].description, "before \"all\"");
    CHECK_EQUAL(all[1].metadata_json, R"({"by": "me",  "n": [1, 2]})");
    CHECK_EQUAL(all[0].metadata_json, "{}");
    const snapshot details = small.snapshot_details("snapshot_" + first);
    CHECK(details.id == first && details.created_at == all[1].created_at && details.blake3 == all[1].blake3);
    CHECK_EQUAL(small.snapshots("before*").size(), 1u);
    CHECK(has(small.snapshots_json("before*"), "\"schema\":\"expmig.snapshots/1\"") && has(small.snapshots_json(), second));
    CHECK(has(small.undoable_json(), "\"transforms\":[]"));
    CHECK_EQUAL(small.snapshots_since(all[0].created_at).size(), 1u);
    CHECK_EQUAL(small.snapshots_since(before).size(), 2u);
    CHECK_EQUAL(small.snapshots_since(std::chrono::system_clock::now() + std::chrono::hours(1)).size(), 0u);

    small.verify_snapshot(first);
    small.migrate(1);
    CHECK_EQUAL(small.experiments().size(), 4u);
    const restore_result restored = small.restore_snapshot(first);
    CHECK_EQUAL(small.experiments().size(), 3u);
    CHECK(restored.snapshot_id == first && restored.safety_snapshot_id && has(restored.json, "expmig.restore/1"));
    restore_options bare;
    bare.safety_snapshot = false;
    CHECK(!small.restore_snapshot(*restored.safety_snapshot_id, bare).safety_snapshot_id);
    CHECK_EQUAL(small.experiments().size(), 4u);

    std::filesystem::resize_file(std::filesystem::path("snaps ü") / (first + ".db"), 100);
    CHECK_EQUAL(small.snapshots().broken.at(0).id, first);
    CHECK(!small.snapshots().broken.at(0).message.empty());
    CHECK(thrown_by<snapshot_error>([&] { small.verify_snapshot(first); }).status() == status::corrupt);
    small.delete_snapshot(first);
    CHECK_EQUAL(small.cleanup_snapshots(1), 1u);
    CHECK_EQUAL(small.cleanup_snapshots(1, true).left, 0u);
    CHECK_EQUAL(small.snapshots().size(), 1u);

    const manager other(database::open("digits.db"), options);
    CHECK(thrown_by<snapshot_error>([&] { other.restore_snapshot(second); }).status() == status::not_found);
    CHECK(thrown_by<snapshot_error>([&] { other.restore_snapshot(*restored.safety_snapshot_id); }).status() ==
          status::mismatch);
    restore_options force;
    force.force = true;
    other.restore_snapshot(*restored.safety_snapshot_id, force);
    CHECK_EQUAL(other.experiments().size(), 4u);
}

static void documents_travel() {
    const manager small = open_manager("small.db");
    const digest original = small.digest(2);
    open_options create;
    create.create = true;
    const manager fresh(database::open("empty.db", create));

    std::string pieces;
    small.export_experiment(2, [&](std::string_view piece) { pieces += piece; });
    CHECK_EQUAL(pieces.front(), '{');
    const import_result one = fresh.import_from_string(pieces);
    CHECK(fresh.digest(one.experiment_id) == original);
    CHECK(!one.skipped && one.warnings.empty() && has(one.json, "expmig.import/1"));

    std::size_t at = 0;
    import_options again;
    again.on_duplicate = duplicates::skip;
    const import_result two = fresh.import_experiment(
        [&](char *buffer, std::size_t capacity) {
            const std::size_t count = std::min({capacity, pieces.size() - at, std::size_t(1000)});
            std::copy_n(pieces.data() + at, count, buffer);
            at += count;
            return count;
        },
        again);
    CHECK(two.skipped && two.experiment_id == one.experiment_id);

    export_options pretty;
    pretty.indent = 2;
    pretty.file_mode = 0640;
    const std::filesystem::path path = "ü.json";
    small.export_to_file(2, path, pretty);
    CHECK(std::filesystem::status(path).permissions() == std::filesystem::perms(0640));
    CHECK(thrown_by<import_export_error>([&] { small.export_to_file(2, path); }).status() == status::already_exists);
    pretty.replace = true;
    small.export_to_file(2, path, pretty);
    CHECK(fresh.digest(fresh.import_from_file(path).experiment_id) == original);
    CHECK(has(small.export_to_string(2, pretty), "\n  \"experiment\""));

    std::string page;
    manager::html_report({{small, 1}, {small, 2}}, [&](std::string_view piece) {
        page += piece;
        return flow::proceed;
    });
    CHECK(has(page, "<!DOCTYPE html>") && has(page, "\"equal\":"));
    const std::filesystem::path page_path = "page.html";
    html_report_options page_options;
    page_options.title = "mine";
    page_options.file_mode = 0640;
    manager::html_report_to_file({{small, 1}, {fresh, 1}}, page_path, page_options);
    CHECK(std::filesystem::status(page_path).permissions() == std::filesystem::perms(0640));
    CHECK(thrown_by<import_export_error>([&] { manager::html_report_to_file({{small, 1}}, page_path); }).status() == status::already_exists);
    CHECK(thrown_by<import_export_error>([&] { manager::html_report_to_file({}, page_path); }).status() == status::invalid_argument);
    export_options less;
    less.metrics = less.artifacts = false;
    CHECK(small.export_to_string(2, less).size() < pieces.size() / 2);
    export_options odd;
    odd.format = "yaml";
    CHECK(thrown_by<import_export_error>([&] { static_cast<void>(small.export_to_string(2, odd)); }).status() ==
          status::unsupported);

    import_options keep;
    keep.preserve_ids = true;
    CHECK(thrown_by<import_export_error>([&] { small.import_from_string(pieces, keep); }).status() == status::already_exists);
    import_options tiny;
    tiny.max_value_bytes = 3;
    CHECK(thrown_by<import_export_error>([&] { fresh.import_from_string(pieces, tiny); }).status() == status::limit);

    const std::size_t before = fresh.experiments().size();
    thrown_by<std::bad_alloc>([&] { fresh.import_experiment([](char *, std::size_t) -> std::size_t { throw std::bad_alloc(); }); });
    thrown_by<std::bad_alloc>([&] { small.export_experiment(2, [](std::string_view) { throw std::bad_alloc(); }); });
    CHECK(thrown_by<import_export_error>([&] {
              small.export_experiment(2, [](std::string_view) { return flow::cancel; });
          }).status() == status::cancelled);
    CHECK_EQUAL(fresh.experiments().size(), before);
}

static void streams_are_released_once() {
    const database opened = database::open("small.db");
    arrow_stream stream = opened.query_arrow("SELECT ? AS a", {7});
    arrow_stream moved = std::move(stream);
    CHECK(stream.get()->release == nullptr && moved.get()->release != nullptr);
    ArrowArray batch{};
    CHECK_EQUAL(moved.get()->get_next(moved.get(), &batch), 0);
    CHECK_EQUAL(static_cast<const std::int64_t *>(batch.children[0]->buffers[1])[0], 7);
    batch.release(&batch);
    metrics_options options;
    options.metric_types = std::vector<std::string>{};
    moved = manager(opened).metrics_arrow(options);
    CHECK(moved.get()->get_next(moved.get(), &batch) == 0 && batch.release == nullptr);
    options.metric_types = std::vector<std::string>{"accuracy"};
    options.batches = options.epochs = false;
    options.experiment_ids = std::vector<std::int64_t>{1};
    options.misfit = misfits::column;
    ArrowArrayStream given = manager(opened).metrics_arrow(options).give();
    CHECK(given.get_next(&given, &batch) == 0 && batch.length == 1 && batch.n_children == 16);
    batch.release(&batch);
    given.release(&given);
    options.experiment_ids->push_back(99);
    CHECK(thrown_by<data_migration_error>([&] { manager(opened).metrics_arrow(options); }).status() == status::not_found);
}

int main() {
    streams_are_released_once();
    json_is_read_as_it_is_written();
    times_are_read_to_the_microsecond();
    experiments_are_listed();
    snapshots_are_a_range();
    documents_travel();
}
