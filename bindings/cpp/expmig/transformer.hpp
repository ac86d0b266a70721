/* Registered transformations: functions that the rules of a manager can name. */
#ifndef EXPMIG_TRANSFORMER_HPP
#define EXPMIG_TRANSFORMER_HPP

#include "value.hpp"

namespace expmig {

/** A metric that is being transformed; its functions say what to do with it. Valid only during the callback, on its thread. */
class metric_context {
public:
    metric_context(expmig_transform_context *context, const expmig_metric &metric) noexcept
        : context_(context), metric_(metric) {}

    std::int64_t id() const noexcept { return metric_.id; }
    std::string_view type() const noexcept { return metric_.metric_type; }
    /** Normally a real, but a database can contain any other value. */
    value total() const noexcept { return value(metric_.total_val); }
    /** Normally JSON text or null, but a database can contain any other value. */
    value per_label() const noexcept { return value(metric_.per_label_val); }
    /** The parameters of the rule, a JSON object. */
    std::string_view params_json() const noexcept { return metric_.params_json; }

    void set_total(double total) { finish([&](auto error) { return expmig_transform_set_total(context_, total, error); }); }

    /** A JSON object of labels and numbers; std::nullopt for none. */
    void set_per_label(std::optional<std::string_view> json) {
        const detail::optional_c_text text(json);
        finish([&](auto error) { return expmig_transform_set_per_label(context_, text.get(), error); });
    }

    /** Leaves the metric as it is and counts it as skipped. */
    void skip(std::string_view reason) {
        const detail::c_text text(reason);
        finish([&](auto error) { return expmig_transform_skip(context_, text.get(), error); });
    }

    /** Fails the metric, and with rollback_on_error the whole transformation. */
    void fail(std::string_view message) {
        const detail::c_text text(message);
        finish([&](auto error) { return expmig_transform_fail(context_, text.get(), error); });
    }

private:
    template <class Run>
    void finish(Run run) {
        detail::call call;
        call.finish(run(call.error()));
    }

    expmig_transform_context *context_;
    const expmig_metric &metric_;
};

/**
 * Says what to do with one metric. If it calls none of the functions that change, skip or fail the metric, the metric stays as it is. If it
 * throws, the whole transformation is rolled back and throws the same exception.
 */
using transform_callback = callback<metric_context &>;

namespace detail {

struct registered_transformation {
    transform_callback transform;
    std::shared_ptr<thrown_exceptions> thrown;

    static std::int32_t run(expmig_transform_context *context, const expmig_metric *metric, void *user_data) noexcept {
        auto &self = *static_cast<registered_transformation *>(user_data);
        return guarded(
            [&] {
                metric_context seen(context, *metric);
                return self.transform(seen);
            },
            [&](std::exception_ptr exception) { self.thrown->put(std::move(exception)); });
    }
};

} // namespace detail
} // namespace expmig

#endif
