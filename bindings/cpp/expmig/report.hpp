/* What a validation found. */
#ifndef EXPMIG_REPORT_HPP
#define EXPMIG_REPORT_HPP

#include "options.hpp"
#include "range.hpp"

namespace expmig {

/** One thing that is wrong. The text is borrowed from the report. */
struct issue {
    expmig::severity severity = expmig::severity::error;
    /** What is wrong, and which part of the validation found it: "dangling_reference", "foreign_keys". */
    std::string_view kind{}, section{};
    /** The table and the row, for example "EPOCH_METRIC" and "epoch_idx=3, trial_run_id=7"; the column, if the issue is about one. */
    std::string_view table{}, row_key{};
    std::optional<std::string_view> column{};
    std::string_view message{};
    std::optional<std::string_view> value{};
    /** The registered check that found it. */
    std::optional<std::string_view> check{};
};

/** Immutable; may be read from any thread. */
class report {
public:
    explicit report(expmig_report *made) noexcept : report_(made) {}

    /** Whether there is no error; warnings and infos do not count. */
    bool passed() const { return expmig_report_passed(get()) != 0; }

    /**
     * The issues that are listed: all, or as many as issue_limit allows. Borrowed from the report, so they cannot be taken from a temporary
     * one.
     */
    detail::indexed_range<report, issue> issues() const & { return {*this, expmig_report_issue_count(get())}; }
    void issues() const && = delete;

    /** How many there are, listed or not. */
    std::uint64_t error_count() const { return expmig_report_error_count(get()); }
    std::uint64_t warning_count() const { return expmig_report_warning_count(get()); }
    std::uint64_t info_count() const { return expmig_report_info_count(get()); }
    std::uint64_t total_count() const { return expmig_report_total_count(get()); }
    std::uint64_t count_of(std::string_view kind) const {
        return expmig_report_count_of(get(), detail::c_text(kind).get());
    }

    /** Schema "expmig.validation/1". Borrowed from the report. */
    std::string_view to_json() const { return expmig_report_to_json(get()); }

    const expmig_report *get() const { return detail::held(report_.get()); }

private:
    friend class detail::indexed_range<report, issue>;

    issue at(std::size_t index) const {
        auto from = detail::defaults<expmig_issue, expmig_issue_init>();
        detail::call call;
        call.finish(expmig_report_issue_at(get(), index, &from, call.error()));
        const auto optional = [](const char *text) { return text == nullptr ? std::nullopt : std::optional<std::string_view>(text); };
        return {static_cast<expmig::severity>(from.severity), detail::view(from.kind), detail::view(from.section),
                detail::view(from.table), detail::view(from.row_key), optional(from.column), detail::view(from.message),
                optional(from.value), optional(from.check)};
    }

    detail::handle<expmig_report, expmig_report_free> report_;
};

} // namespace expmig

#endif
