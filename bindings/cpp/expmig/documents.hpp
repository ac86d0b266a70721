/* What the library says of a database, as structs; each keeps what has no member here as `json` (docs/json-documents.md). */
#ifndef EXPMIG_DOCUMENTS_HPP
#define EXPMIG_DOCUMENTS_HPP

#include "json.hpp"

#include <array>
#include <chrono>
#include <cstdint>
#include <utility>

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

/** How many rows a table has. */
struct table_rows {
    std::string table{};
    std::uint64_t rows = 0;
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
    std::string engine{};
    std::vector<table_rows> tables{};
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

/** One of the experiments that were compared. */
struct compared_experiment {
    std::int64_t experiment_id = 0;
    expmig::digest digest{};
    std::vector<table_rows> tables{};
};

/** Where two experiments first differ. Pairs are of the first and of the second. */
struct difference {
    std::string table{};
    /** "another value", "another link", "only in a", "only in b", or a sentence. */
    std::string how{};
    /** Absent where whole rows differ. */
    std::optional<std::string> column{};
    /** What differs, as a person reads it. */
    std::array<std::optional<std::string>, 2> values{};
    /** Of a row of the hierarchy; 0 where there is none. */
    std::array<std::int64_t, 2> ids{};
    /** The same as texts, also where keys are texts. */
    std::array<std::optional<std::string>, 2> keys{};
    /** The keys of rows that hang on one of the hierarchy, and that one's table and ids. */
    std::array<std::optional<std::string>, 2> rows{};
    std::optional<std::string> within_table{};
    std::array<std::int64_t, 2> within_ids{};
};

struct comparison {
    bool equal = false;
    compared_experiment a{}, b{};
    std::optional<difference> first_difference{};
    std::vector<std::string> warnings{};
    std::string json{};

    explicit operator bool() const noexcept { return equal; }
};

struct hierarchy_result {
    bool valid = false;
    /** Errors and warnings, one line each. */
    std::vector<std::string> issues{};

    explicit operator bool() const noexcept { return valid; }
};

/** A value that was changed or left out, because the database cannot hold it. */
struct loss {
    std::string table{};
    std::optional<std::string> row{}, column{};
    std::string reason{};
};

struct import_result {
    std::int64_t experiment_id = 0;
    /** The id that it has in the document. */
    std::int64_t document_experiment_id = 0;
    /** Whether nothing was written because the database already had the same experiment. */
    bool skipped = false;
    bool preserved_ids = false;
    std::uint64_t items_processed = 0;
    /** Metrics of an older document that are linked to nothing. */
    std::uint64_t unlinked_metrics = 0;
    std::vector<table_rows> tables{};
    /** What the document says it was exported from. */
    std::optional<std::string> source_database{};
    /** In the document, and of what was written, as it was read back. */
    std::optional<expmig::digest> document_digest{};
    expmig::digest target_digest{};
    /** Table and column. */
    std::vector<std::pair<std::string, std::string>> added_columns{};
    /** How many there are, and the first hundred. */
    std::uint64_t lossy_count = 0;
    std::vector<loss> losses{};
    std::vector<std::string> warnings{};
    std::chrono::nanoseconds duration{};
    std::string json{};
};

/** What became of things that were read: what was read is the sum of the others. */
struct account {
    std::uint64_t read = 0, stored = 0, folded = 0, sidecar = 0, refused = 0;
};

/** An experiment that was brought in, and the one of the database that its runs are in. */
struct brought_experiment {
    std::int64_t experiment_id = 0;
    std::string name{}, source_name{};
    bool was_there = false;
    std::uint64_t runs = 0;
};

/** What became of runs that were brought in, or what would. */
struct brought {
    std::string kind{};
    bool planned = false;
    std::vector<brought_experiment> experiments{};
    std::uint64_t runs = 0, new_runs = 0, rows_new = 0, rows_changed = 0;
    account points{}, values{};
    /** Values that the database has no place for, and for which no file was given. */
    std::uint64_t without_place = 0;
    std::size_t torn = 0, unfinished = 0;
    std::vector<std::string> warnings{};
    std::chrono::nanoseconds duration{};
    std::string json{};
};

struct undo_result {
    std::int64_t transform_id = 0;
    std::uint64_t metrics_restored = 0, copies_undone = 0, copies_kept = 0, metrics_skipped = 0;
    /** The first hundred of those that were skipped: id, and why. */
    std::vector<std::pair<std::int64_t, std::string>> skipped{};
    std::chrono::nanoseconds duration{};
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

} // namespace detail
} // namespace expmig

#endif
