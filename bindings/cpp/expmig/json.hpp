/* A reader for the JSON documents of the library: as much as the structs in documents.hpp need. Not a public interface. */
#ifndef EXPMIG_JSON_HPP
#define EXPMIG_JSON_HPP

#include "error.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>

namespace expmig {
namespace detail {

/** One value of a document, borrowed from its text. It parses only what is asked for, and throws if that is not JSON. */
class json {
public:
    explicit json(std::string_view text) : text_(text.substr(0, text.find_last_not_of(blanks) + 1)) {
        text_.remove_prefix(blank(0));
        if (text_.empty())
            broken();
    }

    /** The value as it stands in the document. */
    std::string_view text() const noexcept { return text_; }

    bool is_null() const noexcept { return text_ == "null"; }

    bool boolean() const {
        if (text_ != "true" && text_ != "false")
            broken();
        return text_ == "true";
    }

    template <class Integer>
    Integer integer() const {
        Integer number{};
        const char *end = text_.data() + text_.size();
        const auto parsed = std::from_chars(text_.data(), end, number);
        if (parsed.ec != std::errc() || parsed.ptr != end)
            broken();
        return number;
    }

    std::string string() const {
        std::size_t at = 0;
        std::string made = read_string(at);
        if (at != text_.size())
            broken();
        return made;
    }

    std::optional<std::string> optional_string() const { return is_null() ? std::nullopt : std::optional(string()); }

    /** The elements of an array, in their order. */
    std::vector<json> elements() const {
        std::vector<json> found;
        each('[', ']', [&](std::size_t &at) { found.push_back(json(read_value(at))); });
        return found;
    }

    /** The member of an object. Throws if it is missing. */
    json operator[](std::string_view name) const {
        std::optional<std::string_view> found;
        each('{', '}', [&](std::size_t &at) {
            const std::string key = read_string(at);
            at = blank(at);
            if (peek(at) != ':')
                broken();
            ++at;
            const std::string_view value = read_value(at);
            if (key == name)
                found = value;
        });
        if (!found)
            broken();
        return json(*found);
    }

private:
    static constexpr std::string_view blanks = " \t\r\n";

    [[noreturn]] static void broken() {
        refuse(status::internal, "the library's document is not what these headers expect");
    }

    char peek(std::size_t at) const {
        if (at >= text_.size())
            broken();
        return text_[at];
    }

    std::size_t blank(std::size_t at) const {
        while (at < text_.size() && blanks.find(text_[at]) != std::string_view::npos)
            ++at;
        return at;
    }

    /** Calls `read` at each entry of an array or an object; it moves behind the entry. */
    template <class Read>
    void each(char open, char close, Read read) const {
        std::size_t at = 0;
        if (peek(at) != open)
            broken();
        at = blank(at + 1);
        if (peek(at) != close) {
            for (;;) {
                at = blank(at);
                read(at);
                at = blank(at);
                if (peek(at) == close)
                    break;
                if (peek(at++) != ',')
                    broken();
            }
        }
        if (blank(at + 1) != text_.size())
            broken();
    }

    /** The text of the value that begins at `at`: up to the comma or bracket that ends it. */
    std::string_view read_value(std::size_t &at) const {
        at = blank(at);
        const std::size_t begin = at;
        std::size_t depth = 0;
        for (; at < text_.size(); ++at) {
            const char c = text_[at];
            if (c == '"') {
                skip_string(at);
                --at;
            } else if (c == '[' || c == '{') {
                ++depth;
            } else if (c == ']' || c == '}') {
                if (depth == 0)
                    break;
                --depth;
            } else if (c == ',' && depth == 0) {
                break;
            }
        }
        return text_.substr(begin, at - begin);
    }

    void skip_string(std::size_t &at) const {
        for (++at; peek(at) != '"'; ++at)
            if (text_[at] == '\\')
                ++at;
        ++at;
    }

    std::string read_string(std::size_t &at) const {
        if (peek(at) != '"')
            broken();
        std::string made;
        for (++at; peek(at) != '"'; ++at) {
            if (text_[at] != '\\') {
                made += text_[at];
                continue;
            }
            switch (const char c = peek(++at)) {
            case '"':
            case '\\':
            case '/': made += c; break;
            case 'b': made += '\b'; break;
            case 'f': made += '\f'; break;
            case 'n': made += '\n'; break;
            case 'r': made += '\r'; break;
            case 't': made += '\t'; break;
            case 'u': append_utf8(made, read_code_point(at)); break;
            default: broken();
            }
        }
        ++at;
        return made;
    }

    /** After "\u": leaves `at` on the last digit. Two halves of a surrogate pair are one character. */
    std::uint32_t read_code_point(std::size_t &at) const {
        const std::uint32_t first = read_hex(at);
        if (first < 0xd800 || first > 0xdfff)
            return first;
        if (first > 0xdbff || peek(++at) != '\\' || peek(++at) != 'u')
            broken();
        const std::uint32_t second = read_hex(at);
        if (second < 0xdc00 || second > 0xdfff)
            broken();
        return 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
    }

    std::uint32_t read_hex(std::size_t &at) const {
        peek(at + 4);
        std::uint32_t number = 0;
        const char *begin = text_.data() + at + 1;
        if (std::from_chars(begin, begin + 4, number, 16).ptr != begin + 4)
            broken();
        at += 4;
        return number;
    }

    static void append_utf8(std::string &to, std::uint32_t point) {
        const auto byte = [&](std::uint32_t bits) { to += static_cast<char>(bits); };
        if (point < 0x80)
            return byte(point);
        if (point < 0x800) {
            byte(0xc0 | point >> 6);
        } else {
            if (point < 0x10000) {
                byte(0xe0 | point >> 12);
            } else {
                byte(0xf0 | point >> 18);
                byte(0x80 | (point >> 12 & 0x3f));
            }
            byte(0x80 | (point >> 6 & 0x3f));
        }
        byte(0x80 | (point & 0x3f));
    }

    std::string_view text_;
};

/** "2026-11-22T20:31:51.123456Z", as the library writes times of its own. */
inline time_point read_time(const std::string &text) {
    const auto number = [&](std::size_t at, std::size_t length) {
        const std::string_view digits = std::string_view(text).substr(std::min(at, text.size()), length);
        return json(digits.size() == length ? digits : "cut off").integer<int>();
    };
    // Days since 1970-01-01, with years that begin in March: http://howardhinnant.github.io/date_algorithms.html
    const int month = number(5, 2), day = number(8, 2), year = number(0, 4) - (month <= 2 ? 1 : 0);
    const int era = year / 400, year_of_era = year - era * 400;
    const int day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    const int days = era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719468;
    using namespace std::chrono_literals;
    return time_point(days * 24h + number(11, 2) * 1h + number(14, 2) * 1min + number(17, 2) * 1s + number(20, 6) * 1us);
}

} // namespace detail
} // namespace expmig

#endif
