/* What the library says as JSON documents, as structs; each keeps what has no member here as `json` (docs/json-documents.md). */
#ifndef EXPMIG_DOCUMENTS_HPP
#define EXPMIG_DOCUMENTS_HPP

#include "json.hpp"

#include <array>
#include <cstdint>

namespace expmig {

/** The content digest of an experiment: equal for equal experiments. */
struct digest {
    std::array<std::uint8_t, EXPMIG_DIGEST_SIZE> bytes{};

    /** 64 hexadecimal digits. */
    std::string hex() const {
        std::string text;
        for (const std::uint8_t byte : bytes) {
            text += "0123456789abcdef"[byte >> 4];
            text += "0123456789abcdef"[byte & 15];
        }
        return text;
    }

    friend bool operator==(const digest &a, const digest &b) noexcept { return a.bytes == b.bytes; }
    friend bool operator!=(const digest &a, const digest &b) noexcept { return !(a == b); }
};

struct experiment {
    std::int64_t id = 0;
    std::optional<std::string> title{}, description{};
    /** As they are stored, normally ISO 8601 without a time zone. */
    std::optional<std::string> start_time{}, update_time{};
    std::uint64_t trials = 0, runs = 0;
};

struct snapshot {
    std::string id{};
    time_point created_at{};
    std::string description{};
    /** The JSON object of the caller, as it was given. */
    std::string metadata_json{};
    /** Rows in all tables. */
    std::uint64_t rows = 0;
    /** Of the snapshot's file. */
    std::uint64_t size_bytes = 0;
    std::string blake3{};
    /** The name of the database's file, without its folder. */
    std::string database{};
    std::string expmig_version{};
    std::string json{};
};

/** Something in the snapshot folder that cannot be used. */
struct broken_snapshot {
    std::string id{};
    std::string message{};
    std::string json{};
};

/** A range of snapshots, the newest first. */
struct snapshot_list {
    std::vector<snapshot> snapshots{};
    std::vector<broken_snapshot> broken{};

    auto begin() const noexcept { return snapshots.begin(); }
    auto end() const noexcept { return snapshots.end(); }
    auto size() const noexcept { return snapshots.size(); }
    bool empty() const noexcept { return snapshots.empty(); }
    const snapshot &operator[](std::size_t index) const { return snapshots.at(index); }
};

struct restore_result {
    std::string snapshot_id{};
    /** The snapshot of what was overwritten. */
    std::optional<std::string> safety_snapshot_id{};
    std::string json{};
};

struct cleanup_result {
    std::uint64_t deleted = 0;
    /** Snapshots that were kept, because it is not certain that they belong to this database. */
    std::uint64_t left = 0;
};

struct comparison {
    bool equal = false;
    /** With both digests, and the first difference. */
    std::string json{};

    explicit operator bool() const noexcept { return equal; }
};

struct hierarchy_result {
    bool valid = false;
    /** Errors and warnings, one line each. */
    std::vector<std::string> issues{};

    explicit operator bool() const noexcept { return valid; }
};

struct import_result {
    std::int64_t experiment_id = 0;
    /** Whether nothing was written because the database already had the same experiment. */
    bool skipped = false;
    std::vector<std::string> warnings{};
    std::string json{};
};

struct undo_result {
    std::int64_t transform_id = 0;
    std::uint64_t metrics_restored = 0, copies_undone = 0, copies_kept = 0, metrics_skipped = 0;
    std::string json{};
};

/** A transformation that can be undone. */
struct undoable_transformation {
    std::int64_t id = 0;
    time_point created_at{};
    /** How many metrics were changed, and how many of them were copied first. */
    std::uint64_t metrics = 0, copied = 0;
    std::string rules_json{};
};

namespace detail {

inline std::vector<std::string> strings(const json &from) {
    std::vector<std::string> to;
    for (const json &one : from.elements())
        to.push_back(one.string());
    return to;
}

inline experiment read_experiment(const json &from) {
    experiment to;
    to.id = from["id"].integer<std::int64_t>();
    to.title = from["title"].optional_string();
    to.description = from["description"].optional_string();
    to.start_time = from["start_time"].optional_string();
    to.update_time = from["update_time"].optional_string();
    to.trials = from["trials"].integer<std::uint64_t>();
    to.runs = from["runs"].integer<std::uint64_t>();
    return to;
}

inline snapshot read_snapshot(const json &from) {
    snapshot to;
    to.id = from["id"].string();
    to.created_at = read_time(from["created_at"].string());
    to.description = from["description"].string();
    to.metadata_json = from["metadata"].text();
    to.rows = from["statistics"]["rows"].integer<std::uint64_t>();
    to.size_bytes = from["size"].integer<std::uint64_t>();
    to.blake3 = from["blake3"].string();
    to.database = from["database"]["file_name"].string();
    to.expmig_version = from["expmig_version"].string();
    to.json = from.text();
    return to;
}

inline snapshot_list read_snapshots(const json &from) {
    snapshot_list to;
    for (const json &one : from["snapshots"].elements())
        to.snapshots.push_back(read_snapshot(one));
    for (const json &one : from["broken"].elements())
        to.broken.push_back({one["id"].string(), one["error"]["message"].string(), std::string(one.text())});
    return to;
}

inline import_result read_import(std::int64_t experiment_id, std::string text) {
    const json from(text);
    import_result to{experiment_id, from["skipped"].boolean(), strings(from["warnings"]), {}};
    to.json = std::move(text);
    return to;
}

inline undo_result read_undo(std::string text) {
    const json from(text);
    const auto count = [&](std::string_view name) { return from[name].integer<std::uint64_t>(); };
    undo_result to{from["transform_id"].integer<std::int64_t>(), count("metrics_restored"), count("copies_undone"),
                   count("copies_kept"), count("metrics_skipped"), {}};
    to.json = std::move(text);
    return to;
}

inline undoable_transformation read_undoable(const json &from) {
    undoable_transformation to;
    to.id = from["id"].integer<std::int64_t>();
    to.created_at = read_time(from["created_at"].string());
    to.metrics = from["metrics"].integer<std::uint64_t>();
    to.copied = from["copied"].integer<std::uint64_t>();
    to.rules_json = from["rules"].text();
    return to;
}

} // namespace detail
} // namespace expmig

#endif
