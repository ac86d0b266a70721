/* Values of queries: parameters and cells. */
#ifndef EXPMIG_VALUE_HPP
#define EXPMIG_VALUE_HPP

#include "callback.hpp"

#include <cstddef>
#include <initializer_list>

namespace expmig {

enum class value_type : std::int32_t {
    null = EXPMIG_VALUE_NULL,
    integer = EXPMIG_VALUE_INTEGER,
    real = EXPMIG_VALUE_REAL,
    text = EXPMIG_VALUE_TEXT,
    blob = EXPMIG_VALUE_BLOB,
};

/** A value with its type. Text and blobs are borrowed: as a parameter from the caller, as a cell from its row. */
class value {
public:
    value() noexcept : value_{} { value_.type = EXPMIG_VALUE_NULL; }
    value(std::nullptr_t) noexcept : value() {}
    value(std::nullopt_t) noexcept : value() {}

    template <class Integer, class = std::enable_if_t<std::is_integral_v<Integer>>>
    value(Integer integer) : value() {
        if constexpr (std::is_unsigned_v<Integer> && sizeof(Integer) >= sizeof(std::int64_t))
            if (integer > static_cast<Integer>(INT64_MAX))
                detail::refuse(status::invalid_argument, "an integer is larger than SQL has");
        value_.type = EXPMIG_VALUE_INTEGER;
        value_.integer = static_cast<std::int64_t>(integer);
    }

    value(double real) noexcept : value() {
        value_.type = EXPMIG_VALUE_REAL;
        value_.real = real;
    }

    value(std::string_view text) noexcept : value() { set(EXPMIG_VALUE_TEXT, text.data(), text.size()); }
    value(const std::string &text) noexcept : value(std::string_view(text)) {}
    value(const char *text) noexcept : value(std::string_view(text)) {}

    explicit value(const expmig_value &from) noexcept : value_(from) {}

    template <class T>
    value(const std::optional<T> &from) : value() {
        if (from)
            *this = value(*from);
    }

    static value blob(const void *bytes, std::size_t length) noexcept {
        value made;
        made.set(EXPMIG_VALUE_BLOB, bytes, length);
        return made;
    }

    value_type type() const noexcept { return static_cast<value_type>(value_.type); }
    bool is_null() const noexcept { return value_.type == EXPMIG_VALUE_NULL; }

    /** Throws (status::invalid_argument) if the value has another type; so do the next functions. */
    std::int64_t as_integer() const { return expect(value_type::integer).integer; }

    /** Also accepts an integer. */
    double as_real() const {
        return type() == value_type::integer ? static_cast<double>(value_.integer) : expect(value_type::real).real;
    }

    /** Bytes that should be UTF-8, but a database can contain others. They may contain NULs. */
    std::string_view as_text() const { return bytes(expect(value_type::text)); }

    std::string_view as_blob() const { return bytes(expect(value_type::blob)); }

    const expmig_value &get() const noexcept { return value_; }

private:
    void set(std::int32_t type, const void *bytes, std::size_t length) noexcept {
        value_.type = type;
        value_.bytes = bytes;
        value_.length = length;
    }

    const expmig_value &expect(value_type wanted) const {
        if (type() != wanted)
            detail::refuse(status::invalid_argument, "the value is of another type");
        return value_;
    }

    static std::string_view bytes(const expmig_value &from) noexcept {
        return from.length == 0 ? std::string_view() : std::string_view(static_cast<const char *>(from.bytes), from.length);
    }

    expmig_value value_;
};

/** One row of a query. Borrowed: valid only during the callback. */
class row {
public:
    explicit row(const expmig_row &from) noexcept : row_(from) {}

    std::size_t size() const noexcept { return row_.column_count; }

    std::string_view name(std::size_t column) const { return row_.names[inside(column)]; }

    value operator[](std::size_t column) const { return value(row_.values[inside(column)]); }

    value operator[](std::string_view column) const {
        for (std::size_t i = 0; i < size(); ++i)
            if (column == row_.names[i])
                return value(row_.values[i]);
        detail::refuse(status::invalid_argument, "the row has no column " + std::string(column));
    }

private:
    std::size_t inside(std::size_t column) const {
        if (column >= size())
            detail::refuse(status::invalid_argument, "the row has no column " + std::to_string(column));
        return column;
    }

    const expmig_row &row_;
};

/** Receives the rows of a query. */
using row_callback = callback<const row &>;

/** The parameters of a query, in their order. */
using parameters = std::vector<value>;

namespace detail {

/** A query that runs, and its own call. */
class querying {
public:
    explicit querying(const row_callback &on_row) : on_row_(&on_row) {}

    template <class Source, class Function>
    void run(Function function, const Source *source, std::string_view sql, const parameters &params) {
        std::vector<expmig_value> values;
        values.reserve(params.size());
        for (const value &param : params)
            values.push_back(param.get());
        call_.finish(function(source, c_text(sql).get(), values.data(), values.size(), receive, this, call_.error()));
    }

private:
    static std::int32_t receive(const expmig_row *from, void *user_data) noexcept {
        auto &self = *static_cast<querying *>(user_data);
        return self.call_.guard([&] { return self.on_row_ && *self.on_row_ ? (*self.on_row_)(row(*from)) : flow::proceed; });
    }

    const row_callback *on_row_;
    call call_;
};

} // namespace detail
} // namespace expmig

#endif
