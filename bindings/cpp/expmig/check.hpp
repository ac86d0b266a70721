/* Registered checks: rules of the program's own that join every validation. */
#ifndef EXPMIG_CHECK_HPP
#define EXPMIG_CHECK_HPP

#include "options.hpp"
#include "value.hpp"

namespace expmig {

/** An issue that a check reports. An empty text counts as missing. */
struct finding {
    expmig::severity severity = expmig::severity::error;
    std::string table{}, row_key{}, column{};
    std::string message{}, value{};
};

/** What a running check uses. Valid only during the callback, on its thread. */
class check_context {
public:
    explicit check_context(const expmig_check_context *context) noexcept : context_(context) {}

    /** The one experiment that is validated; absent for the whole database. */
    std::optional<std::int64_t> experiment_id() const {
        const std::int64_t *id = expmig_check_experiment_id(context_);
        return id == nullptr ? std::nullopt : std::optional<std::int64_t>(*id);
    }

    /** Runs one SELECT on exactly the state that is validated. `on_row` may run more queries and report issues. */
    void query(std::string_view sql, const parameters &params, const row_callback &on_row) const {
        detail::querying(on_row).run(expmig_check_query, context_, sql, params);
    }

    void query(std::string_view sql, const row_callback &on_row) const { query(sql, {}, on_row); }

    /** Adds an issue to the report. */
    void report(const finding &found) const {
        const detail::c_text table(found.table), row_key(found.row_key), column(found.column), message(found.message),
            value(found.value);
        const auto or_null = [](const detail::c_text &text) { return *text.get() == '\0' ? nullptr : text.get(); };
        auto issue = detail::defaults<expmig_issue, expmig_issue_init>();
        issue.severity = static_cast<std::int32_t>(found.severity);
        issue.table = or_null(table);
        issue.row_key = or_null(row_key);
        issue.column = or_null(column);
        issue.message = or_null(message);
        issue.value = or_null(value);
        detail::call call;
        call.finish(expmig_check_report(context_, &issue, call.error()));
    }

private:
    const expmig_check_context *context_;
};

/** A check: reads the data and reports issues. If it throws, the validation ends and throws the same exception. */
using check_callback = callback<const check_context &>;

namespace detail {

struct registered_check {
    check_callback check;
    std::shared_ptr<thrown_exceptions> thrown;

    static std::int32_t run(const expmig_check_context *context, void *user_data) noexcept {
        auto &self = *static_cast<registered_check *>(user_data);
        return guarded([&] { return self.check(check_context(context)); },
                       [&](std::exception_ptr exception) { self.thrown->put(std::move(exception)); });
    }
};

} // namespace detail
} // namespace expmig

#endif
