/* What the library says of itself, and the C API below this one. */
#ifndef EXPMIG_LIBRARY_HPP
#define EXPMIG_LIBRARY_HPP

#include <expmig.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <new>
#include <string>
#include <string_view>

namespace expmig {

/** A time, UTC, in microseconds. Unlike the time_point of std::chrono::system_clock, it holds every year that the library can return. */
using time_point = std::chrono::time_point<std::chrono::system_clock, std::chrono::microseconds>;

/** The version of the library that is running, "0.1.0". */
inline std::string_view version() noexcept { return expmig_version(); }

/** The version of its C ABI. */
inline std::uint32_t abi_version() noexcept { return expmig_abi_version(); }

/** Whether the library that is running has all that these headers use. */
inline bool is_compatible() noexcept { return expmig_abi_version() >= EXPMIG_ABI_VERSION; }

/** How the library was built: JSON, schema "expmig.build/1". */
inline std::string_view build_info() noexcept { return expmig_build_info(); }

namespace detail {

/** Frees with a function of the C API. */
template <auto Free>
struct freed_by {
    template <class T>
    void operator()(T *object) const noexcept {
        Free(object);
    }
};

/** An object of the C API that is freed with its holder. */
template <class T, auto Free>
using handle = std::unique_ptr<T, freed_by<Free>>;

using owned_string = handle<char, expmig_string_free>;

/** Text that the C API gave to its caller. */
inline std::string take(char *text) {
    const owned_string owner(text);
    return text == nullptr ? std::string() : std::string(text);
}

inline std::string_view view(const char *text) noexcept { return text == nullptr ? std::string_view() : text; }

} // namespace detail

/** Asks running calls to stop: any number of calls, from any thread or signal handler. It must live until these calls have begun. */
class cancel_token {
public:
    cancel_token() : token_(expmig_cancel_new()) {
        if (!token_)
            throw std::bad_alloc();
    }

    /** Triggers the token, which cannot be reset. */
    void trigger() const noexcept { expmig_cancel_trigger(token_.get()); }

    const expmig_cancel *get() const noexcept { return token_.get(); }

private:
    detail::handle<expmig_cancel, expmig_cancel_free> token_;
};

} // namespace expmig

#endif
