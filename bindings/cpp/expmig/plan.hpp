/* What a migration would do. */
#ifndef EXPMIG_PLAN_HPP
#define EXPMIG_PLAN_HPP

#include "objects.hpp"
#include "options.hpp"
#include "range.hpp"

namespace expmig {

/** The rows of one table. */
struct planned_table {
    std::string_view table{};
    /** Rows that can be copied, and rows that cannot, because they hang on nothing. */
    std::uint64_t rows = 0, unsound = 0;
};

/** A column of the source that the schema does not know. */
struct extra_column {
    std::string_view table{}, name{};
    /** What would become of it: "copied", "added" and so on. */
    std::string_view fate{};
};

/** An experiment of the target that is the same. */
struct planned_duplicate {
    std::int64_t experiment_id = 0;
    /** The contents were compared. */
    bool proven = false;
};

enum class plan_problem_kind : std::int32_t {
    unsound = EXPMIG_PLAN_UNSOUND,
    odd_values = EXPMIG_PLAN_ODD_VALUES,
    validation = EXPMIG_PLAN_VALIDATION,
    lossy = EXPMIG_PLAN_LOSSY,
};

struct plan_problem {
    std::string_view table{};
    std::optional<std::string_view> row{}, column{};
    std::string_view message{};
};

class migration_plan;

namespace detail {

/** What a range asks for one item of a plan. */
template <class Item>
class plan_items {
public:
    explicit plan_items(const expmig_plan *plan) noexcept : plan_(plan) {}

    Item at(std::size_t index) const {
        if constexpr (std::is_same_v<Item, planned_table>)
            return {view(expmig_plan_table_name(plan_, index)), expmig_plan_table_rows(plan_, index),
                    expmig_plan_table_unsound(plan_, index)};
        else if constexpr (std::is_same_v<Item, extra_column>)
            return {view(expmig_plan_extra_column_table(plan_, index)), view(expmig_plan_extra_column_name(plan_, index)),
                    view(expmig_plan_extra_column_fate(plan_, index))};
        else
            return {expmig_plan_duplicate_id(plan_, index), expmig_plan_duplicate_proven(plan_, index) != 0};
    }

private:
    const expmig_plan *plan_;
};

} // namespace detail

/** Immutable; may be read from any thread. What borrows, borrows from the plan. */
class migration_plan {
public:
    explicit migration_plan(expmig_plan *made) noexcept : plan_(made), tables_(made), columns_(made), duplicates_(made) {}
    migration_plan(migration_plan &&) noexcept = default;
    migration_plan &operator=(migration_plan &&) noexcept = default;

    std::int64_t source_experiment_id() const { return expmig_plan_source_experiment_id(get()); }
    /** Absent if a new experiment would be made. */
    std::optional<std::int64_t> target_experiment_id() const {
        const std::int64_t id = expmig_plan_target_experiment_id(get());
        return id == 0 ? std::nullopt : std::optional<std::int64_t>(id);
    }
    migration_strategy strategy() const { return static_cast<migration_strategy>(expmig_plan_strategy(get())); }
    bool same_database() const { return expmig_plan_same_database(get()) != 0; }
    std::uint64_t items_total() const { return expmig_plan_items_total(get()); }

    /** Ranges, as the next three. */
    detail::indexed_range<detail::plan_items<planned_table>, planned_table> tables() const {
        return {tables_, expmig_plan_table_count(get())};
    }
    detail::indexed_range<detail::plan_items<extra_column>, extra_column> extra_columns() const {
        return {columns_, expmig_plan_extra_column_count(get())};
    }
    detail::indexed_range<detail::plan_items<planned_duplicate>, planned_duplicate> duplicates() const {
        return {duplicates_, expmig_plan_duplicate_count(get())};
    }

    /** Tables of the source that are not copied. */
    std::vector<std::string> extra_tables() const {
        return detail::strings_of(get(), expmig_plan_extra_table_count(get()), expmig_plan_extra_table_at);
    }
    std::vector<std::string> warnings() const {
        return detail::strings_of(get(), expmig_plan_warning_count(get()), expmig_plan_warning_at);
    }

    /** How many there are, and those that are listed. */
    std::uint64_t problem_count(plan_problem_kind kind) const {
        return expmig_plan_problem_count(get(), static_cast<std::int32_t>(kind));
    }
    std::vector<plan_problem> problems(plan_problem_kind kind) const {
        const auto which = static_cast<std::int32_t>(kind);
        const auto optional = [](const char *text) {
            return text == nullptr ? std::nullopt : std::optional<std::string_view>(text);
        };
        std::vector<plan_problem> all;
        for (std::size_t i = 0; i < expmig_plan_problem_listed(get(), which); ++i)
            all.push_back({detail::view(expmig_plan_problem_table(get(), which, i)),
                           optional(expmig_plan_problem_row(get(), which, i)),
                           optional(expmig_plan_problem_column(get(), which, i)),
                           detail::view(expmig_plan_problem_message(get(), which, i))});
        return all;
    }

    /** What the transformation rules would do, for the functions expmig_transformation_*; a null pointer if there are none. */
    const expmig_transformation *transformation() const { return expmig_plan_transformation(get()); }

    /** Absent if the strategy computes none. */
    std::optional<digest> source_digest() const { return digest_of(EXPMIG_DIGEST_SOURCE); }
    /** What the copy would have. */
    std::optional<digest> as_stored_digest() const { return digest_of(EXPMIG_DIGEST_AS_STORED); }

    /** About what the copy takes, and what is free; absent where that is not known. */
    std::int64_t needed_bytes() const { return expmig_plan_needed_bytes(get()); }
    std::optional<std::int64_t> free_bytes() const {
        const std::int64_t free = expmig_plan_free_bytes(get());
        return free < 0 ? std::nullopt : std::optional<std::int64_t>(free);
    }

    /** Schema "expmig.plan/1". */
    std::string_view to_json() const { return expmig_plan_to_json(get()); }

    const expmig_plan *get() const { return detail::held(plan_.get()); }

private:
    std::optional<digest> digest_of(std::int32_t which) const {
        digest made;
        detail::call call;
        const expmig_status answer = expmig_plan_digest(get(), which, made.bytes.data(), call.error());
        if (answer == EXPMIG_NOT_FOUND)
            return std::nullopt;
        call.finish(answer);
        return made;
    }

    detail::handle<expmig_plan, expmig_plan_free> plan_;
    detail::plan_items<planned_table> tables_;
    detail::plan_items<extra_column> columns_;
    detail::plan_items<planned_duplicate> duplicates_;
};

} // namespace expmig

#endif
