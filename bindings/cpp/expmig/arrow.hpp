/* Results as streams of Apache Arrow's. */
#ifndef EXPMIG_ARROW_HPP
#define EXPMIG_ARROW_HPP

#include "options.hpp"
#include "value.hpp"

namespace expmig {

/** What becomes of a value that does not fit the type of its column. */
enum class misfits : std::int32_t { error = EXPMIG_MISFIT_ERROR, column = EXPMIG_MISFIT_COLUMN };

/** Which metrics are wanted, and how. */
struct metrics_options : job_options {
    /** On what they hang. */
    bool results = true, epochs = true, batches = true;
    expmig::misfits misfit = misfits::error;
    /** Of these experiments, and of these types; all if absent. */
    std::optional<std::vector<std::int64_t>> experiment_ids{};
    std::optional<std::vector<std::string>> metric_types{};
};

/** A stream, which is read once (docs/arrow.md). Releases it, unless it was given away. */
class arrow_stream {
public:
    arrow_stream() noexcept = default;
    arrow_stream(arrow_stream &&other) noexcept : stream_(other.give()) {}
    arrow_stream &operator=(arrow_stream &&other) noexcept {
        if (this != &other) {
            release();
            stream_ = other.give();
        }
        return *this;
    }
    ~arrow_stream() { release(); }

    /** For who imports it, and takes it over by that. */
    ArrowArrayStream *get() noexcept { return &stream_; }

    /** Gives it away. */
    ArrowArrayStream give() noexcept {
        ArrowArrayStream given = stream_;
        stream_ = {};
        return given;
    }

private:
    void release() noexcept {
        if (stream_.release != nullptr)
            stream_.release(&stream_);
    }

    ArrowArrayStream stream_{};
};

namespace detail {

inline arrow_stream query_arrow(const expmig_database *database, std::string_view sql, const parameters &params) {
    std::vector<expmig_value> values;
    values.reserve(params.size());
    for (const value &param : params)
        values.push_back(param.get());
    arrow_stream stream;
    call call;
    call.finish(expmig_query_arrow(database, c_text(sql).get(), values.data(), values.size(), stream.get(), call.error()));
    return stream;
}

inline arrow_stream metrics_arrow(const expmig_manager *manager, const metrics_options &from) {
    static_assert(EXPMIG_LEVEL_ALL == (EXPMIG_LEVEL_RESULTS | EXPMIG_LEVEL_EPOCHS | EXPMIG_LEVEL_BATCHES));
    call call;
    auto to = defaults<expmig_metrics_options, expmig_metrics_options_init>();
    call.watch(to, from);
    to.levels = flag(from.results, EXPMIG_LEVEL_RESULTS) | flag(from.epochs, EXPMIG_LEVEL_EPOCHS) |
                flag(from.batches, EXPMIG_LEVEL_BATCHES);
    to.misfit = static_cast<std::int32_t>(from.misfit);
    if (from.experiment_ids) {
        to.experiment_ids = ids(*from.experiment_ids);
        to.experiment_id_count = from.experiment_ids->size();
    }
    std::vector<const char *> types;
    if (from.metric_types) {
        for (const std::string &type : *from.metric_types)
            types.push_back(type.c_str());
        to.metric_type_count = types.size();
        // A selection of nothing is a pointer that is not NULL.
        types.push_back(nullptr);
        to.metric_types = types.data();
    }
    arrow_stream stream;
    call.finish(expmig_metrics_arrow(manager, &to, stream.get(), call.error()));
    return stream;
}

} // namespace detail
} // namespace expmig

#endif
