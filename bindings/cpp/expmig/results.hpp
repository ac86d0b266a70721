/* What migrations and transformations did. */
#ifndef EXPMIG_RESULTS_HPP
#define EXPMIG_RESULTS_HPP

#include "documents.hpp"
#include "options.hpp"

namespace expmig {

/** Immutable; may be read from any thread. */
class migration {
public:
    explicit migration(expmig_migration *made) noexcept : result_(made) {}

    std::int64_t source_experiment_id() const { return expmig_migration_source_experiment_id(get()); }

    /**
     * The id of the copy; if the migration was skipped, of the experiment that the target already had; if trials were appended, of the
     * target experiment.
     */
    std::int64_t new_experiment_id() const { return expmig_migration_new_experiment_id(get()); }

    /** Whether nothing was written because the target already had the same experiment. */
    bool skipped() const { return expmig_migration_skipped(get()) != 0; }

    /** Rows. A row that was left out counts as processed and as failed. */
    std::uint64_t items_processed() const { return expmig_migration_items_processed(get()); }
    std::uint64_t items_failed() const { return expmig_migration_items_failed(get()); }
    std::uint64_t items_total() const { return expmig_migration_items_total(get()); }

    /** 0 to 100. */
    double success_rate() const { return expmig_migration_success_rate(get()); }
    std::chrono::nanoseconds duration() const {
        return std::chrono::nanoseconds(static_cast<std::int64_t>(expmig_migration_duration_ns(get())));
    }

    /** Absent if the strategy computes none. */
    std::optional<digest> source_digest() const { return digest_of(EXPMIG_DIGEST_SOURCE); }
    /** The digest of the target, as it was read back. */
    std::optional<digest> target_digest() const { return digest_of(EXPMIG_DIGEST_TARGET); }
    /** The digest that the target had to have. */
    std::optional<digest> as_stored_digest() const { return digest_of(EXPMIG_DIGEST_AS_STORED); }

    /** The snapshot of the target that was taken first, if one was. Borrowed from the result, as are the next two. */
    std::optional<std::string_view> snapshot_id() const {
        const char *id = expmig_migration_snapshot_id(get());
        return id == nullptr ? std::nullopt : std::optional<std::string_view>(id);
    }
    std::vector<std::string_view> warnings() const {
        std::vector<std::string_view> all;
        for (std::size_t i = 0; i < expmig_migration_warning_count(get()); ++i)
            all.push_back(detail::view(expmig_migration_warning_at(get(), i)));
        return all;
    }
    /** Schema "expmig.migration/1". */
    std::string_view to_json() const { return expmig_migration_to_json(get()); }

    const expmig_migration *get() const { return detail::held(result_.get()); }

private:
    std::optional<digest> digest_of(std::int32_t which) const {
        digest made;
        detail::call call;
        const expmig_status answer = expmig_migration_digest(get(), which, made.bytes.data(), call.error());
        if (answer == EXPMIG_NOT_FOUND)
            return std::nullopt;
        call.finish(answer);
        return made;
    }

    detail::handle<expmig_migration, expmig_migration_free> result_;
};

/** A metric that was not transformed. The text is borrowed from the result. */
struct transform_note {
    std::int64_t metric_id = 0;
    std::string_view metric_type{};
    /**
     * The transformation that skipped or failed the metric; "validate_after_transform" if the metric was not valid afterwards;
     * "backup_original" if an undo could not restore the old value; or "database" if the database refused the row.
     */
    std::string_view transformation{};
    std::string_view reason{};
};

/** What a transformation did. Immutable; may be read from any thread. */
class transformation {
public:
    explicit transformation(expmig_transformation *made) noexcept : result_(made) {}

    /** The id with which to undo it; absent if nothing was changed or kept. */
    std::optional<std::int64_t> transform_id() const {
        const std::int64_t id = expmig_transformation_transform_id(get());
        return id == 0 ? std::nullopt : std::optional<std::int64_t>(id);
    }

    /** Whether nothing was written because the call was only a preview. */
    bool dry_run() const { return expmig_transformation_dry_run(get()) != 0; }

    /** Metrics of the selection; and those among them that some rule matches. Each matched metric is counted in one of the next four. */
    std::uint64_t examined() const { return expmig_transformation_examined(get()); }
    std::uint64_t matched() const { return expmig_transformation_matched(get()); }
    std::uint64_t updated() const { return expmig_transformation_updated(get()); }
    std::uint64_t unchanged() const { return expmig_transformation_unchanged(get()); }
    std::uint64_t skipped() const { return expmig_transformation_skipped(get()); }
    std::uint64_t failed() const { return expmig_transformation_failed(get()); }
    /** Of the updated ones, those that were copied first, because others are linked to them too. */
    std::uint64_t copied() const { return expmig_transformation_copied(get()); }

    /** 0 to 100. */
    double success_rate() const { return expmig_transformation_success_rate(get()); }
    std::chrono::nanoseconds duration() const {
        return std::chrono::nanoseconds(static_cast<std::int64_t>(expmig_transformation_duration_ns(get())));
    }

    /** The metrics that are listed: all, or the first hundred. */
    std::vector<transform_note> failures() const {
        return notes(expmig_transformation_failure_count(get()), expmig_transformation_failure_at);
    }
    std::vector<transform_note> skips() const {
        return notes(expmig_transformation_skip_count(get()), expmig_transformation_skip_at);
    }

    std::vector<std::string_view> warnings() const {
        std::vector<std::string_view> all;
        for (std::size_t i = 0; i < expmig_transformation_warning_count(get()); ++i)
            all.push_back(detail::view(expmig_transformation_warning_at(get(), i)));
        return all;
    }
    /** Schema "expmig.transformation/1". Borrowed from the result. */
    std::string_view to_json() const { return expmig_transformation_to_json(get()); }

    const expmig_transformation *get() const { return detail::held(result_.get()); }

private:
    template <class At>
    std::vector<transform_note> notes(std::size_t count, At at) const {
        std::vector<transform_note> all;
        for (std::size_t i = 0; i < count; ++i) {
            auto note = detail::defaults<expmig_transform_note, expmig_transform_note_init>();
            detail::call call;
            call.finish(at(get(), i, &note, call.error()));
            all.push_back({note.metric_id, detail::view(note.metric_type), detail::view(note.transformation),
                           detail::view(note.reason)});
        }
        return all;
    }

    detail::handle<expmig_transformation, expmig_transformation_free> result_;
};

} // namespace expmig

#endif
