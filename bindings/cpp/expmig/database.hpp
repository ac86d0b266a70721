/* An open database. */
#ifndef EXPMIG_DATABASE_HPP
#define EXPMIG_DATABASE_HPP

#include "arrow.hpp"
#include "options.hpp"
#include "value.hpp"

#include <algorithm>

namespace expmig {

/** An open database. May be used from any thread; calls wait for each other. Managers that were made of it keep what they need. */
class database {
public:
    /** Opens a database that exists. `url`: the path or URL of a SQLite file, or "mysql://user@host/schema" (see expmig_database_open). */
    static database open(std::string_view url, const open_options &options = {}) {
        detail::call call;
        const detail::open_arguments settings(options, call);
        expmig_database *opened = nullptr;
        call.finish(expmig_database_open(detail::c_text(url).get(), settings.get(), &opened, call.error()));
        return database(opened);
    }

    /** Like open, but `path` is always the path of a file. */
    static database open_file(const std::filesystem::path &path, const open_options &options = {}) {
        const std::string name = detail::utf8(path);
        // Behind "sqlite:", two slashes begin a URL.
        const bool doubled = name.rfind("//", 0) == 0;
        return open("sqlite:" + (doubled ? name.substr(std::min(name.find_first_not_of('/'), name.size()) - 1) : name), options);
    }

    /** Describes the database: JSON, schema "expmig.database/1". */
    std::string info() const {
        char *json = nullptr;
        detail::call call;
        call.finish(expmig_database_info(get(), &json, call.error()));
        return detail::take(json);
    }

    /** Which columns of a server's tables are too narrow, and the statements that widen them: JSON, schema "expmig.widening/1". */
    std::string plan_widening() const { return widened(0); }

    /** Like plan_widening, but also runs the statements: on PostgreSQL in one transaction, elsewhere each is committed by itself. */
    std::string widen() const { return widened(EXPMIG_WIDEN_APPLY); }

    /** Runs one SELECT on a consistent state. SQL that does more than read is refused. */
    void query(std::string_view sql, const parameters &params, const row_callback &on_row) const {
        detail::querying(on_row).run(expmig_database_query, get(), sql, params);
    }

    void query(std::string_view sql, const row_callback &on_row) const { query(sql, {}, on_row); }

    /** The same as a stream of Apache Arrow's, which needs the database no more. */
    arrow_stream query_arrow(std::string_view sql, const parameters &params = {}) const {
        return detail::query_arrow(get(), sql, params);
    }

    /** Throws if the handle was moved from. */
    const expmig_database *get() const { return detail::held(database_.get()); }

private:
    std::string widened(std::uint32_t flags) const {
        char *json = nullptr;
        detail::call call;
        call.finish(expmig_schema_widen(get(), flags, &json, call.error()));
        return detail::take(json);
    }

    explicit database(expmig_database *opened) noexcept : database_(opened) {}

    detail::handle<expmig_database, expmig_database_close> database_;
};

} // namespace expmig

#endif
