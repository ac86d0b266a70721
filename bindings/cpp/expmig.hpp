/*
 * expmig for C++17: the C API of expmig.h as classes that free what they hold, with exceptions, std::function callbacks and
 * ranges. Header-only; link it with libexpmig. docs/cpp.md has the tour.
 *
 *     expmig::database database = expmig::database::open("experiments.db");
 *     expmig::manager manager(database);
 *     expmig::migration copy = manager.migrate(1);
 *
 * - What fails throws data_migration_error or one of its four subclasses; then nothing was changed.
 * - Handles can be moved, not copied. They may be destroyed in any order.
 * - An exception that leaves a callback cancels the call and comes out of it, once all is rolled back.
 * - Text is UTF-8. What borrows, a std::string_view mostly, says from what.
 * - The comments in expmig.h, to which the names lead, hold here as well.
 */
#ifndef EXPMIG_HPP
#define EXPMIG_HPP

#include "expmig/arrow.hpp"
#include "expmig/callback.hpp"
#include "expmig/check.hpp"
#include "expmig/database.hpp"
#include "expmig/documents.hpp"
#include "expmig/error.hpp"
#include "expmig/library.hpp"
#include "expmig/manager.hpp"
#include "expmig/objects.hpp"
#include "expmig/options.hpp"
#include "expmig/plan.hpp"
#include "expmig/report.hpp"
#include "expmig/results.hpp"
#include "expmig/show.hpp"
#include "expmig/transformer.hpp"
#include "expmig/value.hpp"

#endif
