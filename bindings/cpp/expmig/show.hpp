/* What results say of themselves, in one line: `std::cout << result`, and std::format("{}", result) where the standard library has it. */
#ifndef EXPMIG_SHOW_HPP
#define EXPMIG_SHOW_HPP

#include "plan.hpp"
#include "report.hpp"
#include "results.hpp"

#include <ostream>

#if defined(__has_include)
#if __has_include(<version>)
#include <version>
#endif
#endif
#if defined(__cpp_lib_format)
#include <format>
#include <sstream>
#endif

namespace expmig {
namespace detail {

/** "1 row", "2 rows". */
inline void count(std::ostream &out, std::uint64_t number, std::string_view what) {
    out << number << ' ' << what << (number == 1 ? "" : "s");
}

/** The same behind a comma, if there are any. */
inline void count_more(std::ostream &out, std::uint64_t number, std::string_view what) {
    if (number != 0) {
        out << ", ";
        count(out, number, what);
    }
}

} // namespace detail

inline std::ostream &operator<<(std::ostream &out, const digest &shown) { return out << shown.hex(); }

inline std::ostream &operator<<(std::ostream &out, const experiment &shown) {
    out << "experiment " << shown.id << ": " << shown.title.value_or("(no title)") << ", ";
    detail::count(out, shown.trials, "trial");
    detail::count_more(out, shown.runs, "run");
    return out;
}

inline std::ostream &operator<<(std::ostream &out, const snapshot &shown) {
    out << "snapshot " << shown.id << " of " << shown.database << ", ";
    detail::count(out, shown.rows, "row");
    return shown.description.empty() ? out : out << ": " << shown.description;
}

inline std::ostream &operator<<(std::ostream &out, const migration &shown) {
    out << "experiment " << shown.source_experiment_id();
    if (shown.skipped())
        return out << " was there already, as experiment " << shown.new_experiment_id();
    out << " copied as experiment " << shown.new_experiment_id() << ": ";
    detail::count(out, shown.items_processed() - shown.items_failed(), "row");
    if (shown.items_failed() != 0)
        out << ", " << shown.items_failed() << " left out";
    if (const std::optional<digest> proof = shown.target_digest())
        out << ", digest " << *proof;
    return out;
}

inline std::ostream &operator<<(std::ostream &out, const migration_plan &shown) {
    out << "experiment " << shown.source_experiment_id() << ": ";
    detail::count(out, shown.items_total(), "row");
    detail::count_more(out, shown.problem_count(plan_problem_kind::unsound), "unsound row");
    detail::count_more(out, shown.problem_count(plan_problem_kind::odd_values), "odd value");
    detail::count_more(out, shown.problem_count(plan_problem_kind::lossy), "loss of a value");
    detail::count_more(out, shown.duplicates().size(), "equal experiment");
    return out;
}

inline std::ostream &operator<<(std::ostream &out, const transformation &shown) {
    detail::count(out, shown.updated(), "metric");
    out << " of " << shown.matched() << (shown.dry_run() ? " would be changed" : " changed");
    if (shown.skipped() != 0)
        out << ", " << shown.skipped() << " skipped";
    if (shown.failed() != 0)
        out << ", " << shown.failed() << " failed";
    if (const std::optional<std::int64_t> id = shown.transform_id())
        out << ", transformation " << *id;
    return out;
}

inline std::ostream &operator<<(std::ostream &out, const undo_result &shown) {
    out << "transformation " << shown.transform_id << ": ";
    detail::count(out, shown.metrics_restored, "metric");
    return out << " restored, " << shown.metrics_skipped << " skipped";
}

inline std::ostream &operator<<(std::ostream &out, const import_result &shown) {
    out << "experiment " << shown.document_experiment_id;
    if (shown.skipped)
        return out << " was there already, as experiment " << shown.experiment_id;
    out << " imported as experiment " << shown.experiment_id << ": ";
    detail::count(out, shown.items_processed, "row");
    return out << ", digest " << shown.target_digest;
}

inline std::ostream &operator<<(std::ostream &out, const issue &shown) {
    out << (shown.severity == severity::error ? "error" : shown.severity == severity::warning ? "warning" : "info");
    if (!shown.table.empty())
        out << " in " << shown.table << ' ' << shown.row_key;
    return out << ": " << shown.message;
}

/** The verdict and the numbers; range over `issues()` for the rest. */
inline std::ostream &operator<<(std::ostream &out, const report &shown) {
    out << (shown.passed() ? "PASS: " : "FAIL: ");
    detail::count(out, shown.error_count(), "error");
    out << ", ";
    detail::count(out, shown.warning_count(), "warning");
    return out;
}

inline std::ostream &operator<<(std::ostream &out, const comparison &shown) {
    out << "experiments " << shown.a.experiment_id << " and " << shown.b.experiment_id << (shown.equal ? " are equal" : " differ");
    if (shown.first_difference) {
        const difference &first = *shown.first_difference;
        out << ", first in " << first.table;
        if (first.column)
            out << '.' << *first.column;
        out << ": " << first.how;
    }
    return out;
}

} // namespace expmig

#if defined(__cpp_lib_format)
namespace expmig {
namespace detail {

/** Writes what << writes; it takes no options. */
template <class Shown>
struct shown_formatter {
    constexpr auto parse(std::format_parse_context &context) { return context.begin(); }

    template <class Context>
    auto format(const Shown &shown, Context &context) const {
        std::ostringstream text;
        text << shown;
        return std::format_to(context.out(), "{}", std::move(text).str());
    }
};

} // namespace detail
} // namespace expmig

template <> struct std::formatter<expmig::digest> : expmig::detail::shown_formatter<expmig::digest> {};
template <> struct std::formatter<expmig::experiment> : expmig::detail::shown_formatter<expmig::experiment> {};
template <> struct std::formatter<expmig::snapshot> : expmig::detail::shown_formatter<expmig::snapshot> {};
template <> struct std::formatter<expmig::migration> : expmig::detail::shown_formatter<expmig::migration> {};
template <> struct std::formatter<expmig::migration_plan> : expmig::detail::shown_formatter<expmig::migration_plan> {};
template <> struct std::formatter<expmig::transformation> : expmig::detail::shown_formatter<expmig::transformation> {};
template <> struct std::formatter<expmig::undo_result> : expmig::detail::shown_formatter<expmig::undo_result> {};
template <> struct std::formatter<expmig::import_result> : expmig::detail::shown_formatter<expmig::import_result> {};
template <> struct std::formatter<expmig::issue> : expmig::detail::shown_formatter<expmig::issue> {};
template <> struct std::formatter<expmig::report> : expmig::detail::shown_formatter<expmig::report> {};
template <> struct std::formatter<expmig::comparison> : expmig::detail::shown_formatter<expmig::comparison> {};
#endif

#endif
