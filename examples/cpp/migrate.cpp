// Copies an experiment and proves that the copy equals the source.
//
//     migrate DATABASE EXPERIMENT [TARGET_DATABASE]
//
// Without a target the copy goes into the same database. A target that does not exist is created. Running it again copies
// nothing a second time.
#include <expmig.hpp>

#include <cstdlib>
#include <iomanip>
#include <iostream>

static void show_progress(const expmig::progress &now) {
    std::cout << '\r' << std::fixed << std::setprecision(1) << std::setw(5) << now.completion_percentage << " %  "
              << now.processed_items << '/' << now.total_items << " rows  " << std::left << std::setw(48) << now.operation
              << std::right << std::flush;
}

static int run(int argc, char **argv) {
    const expmig::manager source(expmig::database::open(argv[1]));
    const std::int64_t experiment = std::strtoll(argv[2], nullptr, 10);

    expmig::migrate_options options; // in C++20: {.on_duplicate = ..., .on_progress = ...}
    options.on_duplicate = expmig::duplicates::skip; // safe to run again, also after a crash
    options.on_progress = show_progress;

    const auto migrate = [&] {
        if (argc == 3)
            return source.migrate(experiment, options);
        expmig::open_options create;
        create.create = true;
        return source.migrate_to(expmig::manager(expmig::database::open(argv[3], create)), experiment, options);
    };
    const expmig::migration result = migrate();

    std::cout << '\n' << (result.skipped() ? "the target has" : "copied") << " experiment " << result.source_experiment_id()
              << " as experiment " << result.new_experiment_id() << ": " << result.items_processed() << " rows, "
              << result.items_failed() << " left out\n";
    for (const std::string_view warning : result.warnings())
        std::cout << "warning: " << warning << '\n';
    std::cout << "source digest " << result.source_digest()->hex() << '\n';
    std::cout << "target digest " << result.target_digest()->hex() << '\n';
    return EXIT_SUCCESS;
}

int main(int argc, char **argv) {
    if (argc < 3 || argc > 4) {
        std::cerr << "usage: migrate DATABASE EXPERIMENT [TARGET_DATABASE]\n";
        return EXIT_FAILURE;
    }
    try {
        return run(argc, argv);
    } catch (const expmig::data_migration_error &error) { // nothing was changed
        std::cerr << '\n' << expmig::name(error.status()) << ": " << error.what() << '\n';
        for (const auto &[key, value] : error.info().details)
            std::cerr << "  " << key << ": " << value << '\n';
        std::cerr << "  hint: " << error.hint() << '\n';
        return EXIT_FAILURE;
    }
}
