/* What the C++ programs share. */
#ifndef CHECK_HPP
#define CHECK_HPP

#include <expmig.hpp>

#include <cstdlib>
#include <iostream>

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            std::cerr << __FILE__ << ":" << __LINE__ << ": not so: " #condition "\n";                                  \
            std::exit(1);                                                                                              \
        }                                                                                                              \
    } while (0)

#define CHECK_EQUAL(a, b) check_equal((a), (b), __FILE__, __LINE__, #a)

template <class A, class B>
void check_equal(const A &a, const B &b, const char *file, int line, const char *what) {
    if (a == b)
        return;
    std::cerr << file << ":" << line << ": " << what << " is " << a << " instead of " << b << "\n";
    std::exit(1);
}

/* What a call throws; the program ends if it does not throw just that. */
template <class Exception, class Call>
Exception thrown_by(Call call, int line = __builtin_LINE()) {
    try {
        call();
    } catch (const Exception &exception) {
        CHECK(typeid(exception) == typeid(Exception));
        return exception;
    } catch (const std::exception &exception) {
        std::cerr << "line " << line << " threw something else: " << exception.what() << "\n";
        std::exit(1);
    }
    std::cerr << "line " << line << " did not throw\n";
    std::exit(1);
}

inline bool has(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

inline expmig::manager open_manager(const char *url) { return expmig::manager(expmig::database::open(url)); }

#endif
