/* Exceptions: what an expmig_error says, by the part of the library that raised it. */
#ifndef EXPMIG_ERROR_HPP
#define EXPMIG_ERROR_HPP

#include "library.hpp"

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace expmig {

/** What went wrong. Later libraries may return numbers that are not named here. */
enum class status : expmig_status {
    ok = EXPMIG_OK,
    invalid_argument = EXPMIG_INVALID_ARGUMENT,
    misuse = EXPMIG_MISUSE,
    not_found = EXPMIG_NOT_FOUND,
    already_exists = EXPMIG_ALREADY_EXISTS,
    unsupported = EXPMIG_UNSUPPORTED,
    io = EXPMIG_IO,
    busy = EXPMIG_BUSY,
    shared_process = EXPMIG_SHARED_PROCESS,
    connection = EXPMIG_CONNECTION,
    auth = EXPMIG_AUTH,
    constraint = EXPMIG_CONSTRAINT,
    corrupt = EXPMIG_CORRUPT,
    schema = EXPMIG_SCHEMA,
    validation = EXPMIG_VALIDATION,
    lossy = EXPMIG_LOSSY,
    mismatch = EXPMIG_MISMATCH,
    cancelled = EXPMIG_CANCELLED,
    timeout = EXPMIG_TIMEOUT,
    callback = EXPMIG_CALLBACK,
    limit = EXPMIG_LIMIT,
    panic = EXPMIG_PANIC,
    internal = EXPMIG_INTERNAL,
};

/** Which part of the library raised an error. */
enum class domain : expmig_domain {
    database = EXPMIG_DOMAIN_DATABASE,
    validation = EXPMIG_DOMAIN_VALIDATION,
    snapshot = EXPMIG_DOMAIN_SNAPSHOT,
    transformation = EXPMIG_DOMAIN_TRANSFORMATION,
    import_export = EXPMIG_DOMAIN_IMPORT_EXPORT,
    migration = EXPMIG_DOMAIN_MIGRATION,
};

/** The stable name of a status: "BUSY". Static. */
inline std::string_view name(status status) noexcept { return expmig_status_name(static_cast<expmig_status>(status)); }

/** The stable name of a domain: "DATABASE". Static. */
inline std::string_view name(domain domain) noexcept { return expmig_domain_name(static_cast<expmig_domain>(domain)); }

/** All that an error says, copied out of the library. */
struct error_info {
    expmig::status status = status::internal;
    expmig::domain domain = domain::database;
    std::string message{};
    /** What to do about the error; can be empty. */
    std::string hint{};
    /** Whether the same call can succeed later without any change. */
    bool retryable = false;
    /** SQLite's extended result code; 0 if the engine did not raise the error. */
    std::int32_t vendor_code = 0;
    std::string sqlstate{};
    /** Key and value: "table", "row", "column", "path", "parameter", ...; a key can occur more than once. */
    std::vector<std::pair<std::string, std::string>> details{};
    /** Schema "expmig.error/1". */
    std::string json{};
    /** The error that led to this one, if any. */
    std::shared_ptr<const error_info> cause{};
};

/** A call failed. The base of all exceptions of this library, thrown itself for the domains database and migration. */
class data_migration_error : public std::runtime_error {
public:
    explicit data_migration_error(error_info info)
        : std::runtime_error(info.message), info_(std::make_shared<const error_info>(std::move(info))) {}

    expmig::status status() const noexcept { return info_->status; }
    expmig::domain domain() const noexcept { return info_->domain; }
    const std::string &hint() const noexcept { return info_->hint; }
    bool retryable() const noexcept { return info_->retryable; }
    const error_info &info() const noexcept { return *info_; }

    /** The value of the first detail with this key, borrowed from the exception. */
    std::optional<std::string_view> detail(std::string_view key) const noexcept {
        for (const auto &entry : info_->details)
            if (entry.first == key)
                return entry.second;
        return std::nullopt;
    }

private:
    std::shared_ptr<const error_info> info_;
};

/** The data broke a rule that the call insists on, or a validation could not be done. */
class validation_error : public data_migration_error {
public:
    using data_migration_error::data_migration_error;

    /** The problems, one line each. If there are many, the first twenty or so. */
    std::vector<std::string> validation_errors() const {
        std::vector<std::string> problems;
        for (const auto &entry : info().details)
            if (entry.first == "problem")
                problems.push_back(entry.second);
        return problems;
    }
};

class snapshot_error : public data_migration_error {
public:
    using data_migration_error::data_migration_error;
};

class transformation_error : public data_migration_error {
public:
    using data_migration_error::data_migration_error;
};

class import_export_error : public data_migration_error {
public:
    using data_migration_error::data_migration_error;
};

namespace detail {

using owned_error = handle<expmig_error, expmig_error_free>;

inline error_info describe(const expmig_error *error) {
    error_info info;
    info.status = static_cast<status>(expmig_error_status(error));
    info.domain = static_cast<domain>(expmig_error_domain(error));
    info.message = expmig_error_message(error);
    info.hint = expmig_error_hint(error);
    info.retryable = expmig_error_retryable(error) != 0;
    info.vendor_code = expmig_error_vendor_code(error);
    info.sqlstate = expmig_error_sqlstate(error);
    for (std::size_t i = 0; i < expmig_error_detail_count(error); ++i)
        info.details.emplace_back(expmig_error_detail_key(error, i), expmig_error_detail_value(error, i));
    info.json = expmig_error_to_json(error);
    if (const expmig_error *cause = expmig_error_cause(error))
        info.cause = std::make_shared<const error_info>(describe(cause));
    return info;
}

[[noreturn]] inline void raise(error_info info) {
    switch (info.domain) {
    case domain::validation: throw validation_error(std::move(info));
    case domain::snapshot: throw snapshot_error(std::move(info));
    case domain::transformation: throw transformation_error(std::move(info));
    case domain::import_export: throw import_export_error(std::move(info));
    case domain::database:
    case domain::migration: break;
    }
    throw data_migration_error(std::move(info));
}

/** For arguments that these headers refuse before they call the library. */
[[noreturn]] inline void refuse(status status, std::string message) {
    error_info info;
    info.status = status;
    info.message = std::move(message);
    throw data_migration_error(std::move(info));
}

/** Throws if a call without callbacks failed. */
inline void check(expmig_status status, expmig_error *error) {
    const owned_error owner(error);
    if (status != EXPMIG_OK)
        raise(describe(error));
}

/** For calls that cannot fail with these headers: they fill in a struct of a size that the library knows. */
inline void check(expmig_status status) {
    if (status != EXPMIG_OK)
        refuse(static_cast<expmig::status>(status), "the library does not know a struct of these headers");
}

/** Text for the C API. A NUL inside would end it early, so it is refused. */
class c_text {
public:
    explicit c_text(std::string_view text) : text_(text) {
        if (text_.find('\0') != std::string::npos)
            refuse(status::invalid_argument, "a text has a NUL inside");
    }

    const char *get() const noexcept { return text_.c_str(); }

private:
    std::string text_;
};

/** The same for text that can be missing. */
class optional_c_text {
public:
    template <class Text>
    explicit optional_c_text(const std::optional<Text> &text) {
        if (text)
            text_.emplace(*text);
    }

    const char *get() const noexcept { return text_ ? text_->get() : nullptr; }

private:
    std::optional<c_text> text_;
};

/** The object that a handle holds; a handle that was moved from holds none. */
template <class T>
T *held(T *object) {
    if (object == nullptr)
        refuse(status::misuse, "the handle was moved from");
    return object;
}

} // namespace detail
} // namespace expmig

#endif
