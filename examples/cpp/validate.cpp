// Validates a database, with a rule of its own beside the built-in ones.
//
//     validate DATABASE
//
// Exits with 0 if there are no errors, with 1 if there are, and with 2 if the data could not be looked at.
#include <expmig.hpp>

#include <iostream>

static void unfinished_runs(const expmig::check_context &context) {
    const auto sql = "SELECT r.id, r.status FROM TRIAL_RUN AS r JOIN TRIAL AS t ON t.id = r.trial_id"
                     " WHERE r.status <> ?1 AND (t.experiment_id = ?2 OR ?2 IS NULL) ORDER BY r.id";
    context.query(sql, {"completed", context.experiment_id()}, [&](const expmig::row &row) {
        expmig::finding found;
        found.severity = expmig::severity::warning;
        found.table = "TRIAL_RUN";
        found.row_key = "id=" + std::to_string(row["id"].as_integer());
        found.message = std::string(row["status"].as_text());
        context.report(found);
    });
}

static std::string_view name(expmig::severity severity) {
    switch (severity) {
    case expmig::severity::error: return "error    ";
    case expmig::severity::warning: return "warning  ";
    default: return "info     ";
    }
}

int main(int argc, char **argv) {
    if (argc != 2) {
        std::cerr << "usage: validate DATABASE\n";
        return 2;
    }
    try {
        const expmig::manager manager(expmig::database::open(argv[1]));
        manager.register_check("unfinished runs", unfinished_runs);
        const expmig::report report = manager.validate();
        for (const expmig::issue &issue : report.issues())
            std::cout << name(issue.severity) << issue.table << ' ' << issue.row_key << ": " << issue.message << '\n';
        std::cout << (report.passed() ? "PASS: " : "FAIL: ") << report.error_count() << " errors, " << report.warning_count()
                  << " warnings, " << report.info_count() << " infos\n";
        return report.passed() ? 0 : 1;
    } catch (const expmig::data_migration_error &error) {
        std::cerr << error.what() << "\nhint: " << error.hint() << '\n';
        return 2;
    }
}
