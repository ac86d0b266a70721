/* Callbacks: how C++ functions are called by the library, and how their exceptions come out of the call. */
#ifndef EXPMIG_CALLBACK_HPP
#define EXPMIG_CALLBACK_HPP

#include "error.hpp"

#include <chrono>
#include <exception>
#include <functional>
#include <map>
#include <mutex>
#include <thread>
#include <type_traits>

namespace expmig {

/** The result of a callback: go on, or roll the call back, which then throws with status::cancelled. */
enum class flow : std::int32_t { proceed = EXPMIG_CALLBACK_CONTINUE, cancel = EXPMIG_CALLBACK_CANCEL };

/**
 * A std::function that returns a flow, or nothing, which means to go on. If it throws, the call is rolled back and throws the same
 * exception. It is called on the thread that made the call, and must not use the handles of that call.
 */
template <class... Arguments>
class callback {
public:
    callback() = default;
    callback(std::nullptr_t) {}

    template <class Function, class = std::enable_if_t<!std::is_same_v<std::decay_t<Function>, callback> &&
                                                       std::is_invocable_v<std::decay_t<Function> &, Arguments...>>>
    callback(Function &&function) {
        using result = std::invoke_result_t<std::decay_t<Function> &, Arguments...>;
        static_assert(std::is_same_v<result, flow> || std::is_void_v<result>, "a callback answers an expmig::flow or nothing");
        if constexpr (std::is_void_v<result>)
            function_ = [inner = std::decay_t<Function>(std::forward<Function>(function))](Arguments... arguments) mutable {
                inner(std::forward<Arguments>(arguments)...);
                return flow::proceed;
            };
        else
            function_ = std::forward<Function>(function);
    }

    explicit operator bool() const noexcept { return static_cast<bool>(function_); }

    flow operator()(Arguments... arguments) const { return function_(std::forward<Arguments>(arguments)...); }

private:
    std::function<flow(Arguments...)> function_;
};

/** The progress of a call. Borrowed: valid only during the callback. */
struct progress {
    /** What is being done, for a person. */
    std::string_view operation{};
    /** Rows done, failed ones included; and rows in all, 0 until they were counted. */
    std::uint64_t processed_items = 0, total_items = 0, failed_items = 0;
    /** 0 to 100. */
    double completion_percentage = 0, success_rate = 100;
    time_point start_time{};
    std::chrono::duration<double> elapsed{};
    /** Absent until it can be estimated. */
    std::optional<std::chrono::duration<double>> remaining{};
    std::optional<time_point> estimated_completion{};
    std::uint64_t error_count = 0;
    /** The latest errors, oldest first. */
    std::vector<std::string_view> recent_errors{};
    /** Whether this is the last report of a call that succeeded. A result or exception of the callback then changes nothing. */
    bool finished = false;
};

/** Receives progress: at the beginning, at most every 100 ms, at least once a second, and at the end if the call succeeds. */
using progress_callback = callback<const progress &>;

namespace detail {

inline progress read_progress(const expmig_progress &from) {
    progress to;
    to.operation = from.operation;
    to.processed_items = from.processed_items;
    to.total_items = from.total_items;
    to.failed_items = from.failed_items;
    to.completion_percentage = from.completion_percentage;
    to.success_rate = from.success_rate;
    to.start_time = time_point(std::chrono::microseconds(from.start_time_us));
    to.elapsed = std::chrono::duration<double>(from.elapsed_seconds);
    if (from.remaining_seconds >= 0)
        to.remaining = std::chrono::duration<double>(from.remaining_seconds);
    if (from.estimated_completion_us != EXPMIG_TIME_UNKNOWN)
        to.estimated_completion = time_point(std::chrono::microseconds(from.estimated_completion_us));
    to.error_count = from.error_count;
    to.recent_errors.assign(from.recent_errors, from.recent_errors + from.recent_error_count);
    to.finished = from.finished != 0;
    return to;
}

/** The exceptions of functions that are registered with a manager, by the thread whose call they ended. */
class thrown_exceptions {
public:
    void put(std::exception_ptr exception) {
        const std::lock_guard<std::mutex> lock(mutex_);
        by_thread_.insert_or_assign(std::this_thread::get_id(), std::move(exception));
    }

    std::exception_ptr take() {
        const std::lock_guard<std::mutex> lock(mutex_);
        const auto found = by_thread_.find(std::this_thread::get_id());
        if (found == by_thread_.end())
            return nullptr;
        std::exception_ptr exception = std::move(found->second);
        by_thread_.erase(found);
        return exception;
    }

private:
    std::mutex mutex_;
    std::map<std::thread::id, std::exception_ptr> by_thread_;
};

/** Runs the body of a callback. `keep` stores an exception, which cancels the call. */
template <class Body, class Keep>
std::int32_t guarded(Body &&body, Keep &&keep) noexcept {
    try {
        return static_cast<std::int32_t>(body());
    } catch (...) {
        keep(std::current_exception());
        return EXPMIG_CALLBACK_CANCEL;
    }
}

/** One call of the C API: its error, and the exceptions of its callbacks. */
class call {
public:
    call() = default;

    /** A call that can run registered functions. */
    explicit call(thrown_exceptions &registered) : registered_(&registered) { registered.take(); }

    call(const call &) = delete;
    call &operator=(const call &) = delete;

    ~call() { expmig_error_free(error_); }

    expmig_error **error() noexcept { return &error_; }

    template <class Body>
    std::int32_t guard(Body &&body) noexcept {
        return guarded(std::forward<Body>(body), [this](std::exception_ptr exception) { thrown_ = std::move(exception); });
    }

    /** Fills in progress and cancel of any options. */
    template <class Options, class From>
    void watch(Options &options, const From &from) {
        if (from.on_progress) {
            on_progress_ = &from.on_progress;
            options.progress_fn = report;
            options.progress_user_data = this;
        }
        if (from.cancel != nullptr)
            options.cancel = from.cancel->get();
    }

    /** Throws if the call failed: the exception of a callback, or the library's error. */
    void finish(expmig_status status) {
        if (registered_ != nullptr && !thrown_)
            thrown_ = registered_->take();
        if (status == EXPMIG_OK)
            return;
        if (thrown_)
            std::rethrow_exception(thrown_);
        raise(describe(error_));
    }

private:
    static std::int32_t report(const expmig_progress *progress, void *user_data) noexcept {
        auto &self = *static_cast<call *>(user_data);
        return self.guard([&] { return (*self.on_progress_)(read_progress(*progress)); });
    }

    expmig_error *error_ = nullptr;
    std::exception_ptr thrown_;
    const progress_callback *on_progress_ = nullptr;
    thrown_exceptions *registered_ = nullptr;
};

/** Owned by the library until it calls `destroy`, once. */
template <class Registered>
void destroy(void *user_data) noexcept {
    delete static_cast<Registered *>(user_data);
}

} // namespace detail
} // namespace expmig

#endif
