// expmig for Node: promises, AbortSignal and exceptions over the C API. README.md says how it is used and what to mind.
'use strict';

const koffi = require('koffi');
const { constants: c, declare } = require('./declarations.js');

// Calls run on threads of koffi's, whose stacks are 128 KiB unless it is told otherwise.
koffi.config({ async_stack_size: 1 << 20 });
const compatible = c.EXPMIG_VERSION_MAJOR === 0 ? `0.${c.EXPMIG_VERSION_MINOR}` : c.EXPMIG_VERSION_MAJOR;
const soname = `libexpmig.so.${compatible}`;
const lib = declare(koffi, loaded());

/** koffi's own error names neither the library nor what to do. */
function loaded() {
    try {
        return koffi.load(soname);
    } catch (error) {
        throw new Error(`expmig: ${soname} cannot be loaded: install the library and let the loader find it, by LD_LIBRARY_PATH or ldconfig ` +
            `(README.md). ${error.message}`, { cause: error });
    }
}

// What a callback answers that threw: not 0, and not EXPMIG_CALLBACK_CANCEL.
const FAILED = 2;

/**
 * A call that failed, and changed nothing; docs/error-handling.md has the one exception, the detail "outcome". `status` and `domain` are
 * names: "NOT_FOUND", "MIGRATION".
 */
class ExpmigError extends Error {
    constructor(error) {
        super(lib.expmig_error_message(error));
        this.name = 'ExpmigError';
        this.status = lib.expmig_status_name(lib.expmig_error_status(error));
        this.domain = lib.expmig_domain_name(lib.expmig_error_domain(error));
        this.hint = lib.expmig_error_hint(error);
        this.retryable = lib.expmig_error_retryable(error) !== 0;
        this.details = [];
        for (let i = 0; i < lib.expmig_error_detail_count(error); i++)
            this.details.push([lib.expmig_error_detail_key(error, i), lib.expmig_error_detail_value(error, i)]);
    }
}

/** The error that a function gave, which is freed. */
function taken(error) {
    try {
        return new ExpmigError(error);
    } finally {
        lib.expmig_error_free(error);
    }
}

/** Calls a function on a thread of koffi's. Its last parameter is the error. */
function call(name, ...inputs) {
    return new Promise((resolve, reject) => {
        const error = [null];
        lib[name].async(...inputs, error, (failure, status) => {
            if (failure)
                reject(failure);
            else if (status !== c.EXPMIG_OK)
                reject(taken(error[0]));
            else
                resolve();
        });
    });
}

/** Options with their defaults, and these. */
function filled(name, fields) {
    const options = {};
    if (lib[`${name}_init`](options, koffi.sizeof(name)) !== c.EXPMIG_OK)
        throw new Error(`the library does not know ${name} of this size`);
    return Object.assign(options, fields);
}

/** Text as C takes it, which ends at the first NUL: what is before it may be another file. */
function text(value, name) {
    if (typeof value !== 'string' || value.includes('\0'))
        throw new TypeError(`${name} is a string without a NUL`);
    return value;
}

/** Text that may be missing. */
const optionalText = (value, name) => (value === undefined || value === null ? null : text(value, name));

/** An integer as koffi takes it: one beyond 64 bits, or a fraction, would become another number. */
function integer(value, name) {
    if (typeof value === 'bigint' ? BigInt.asIntN(64, value) === value : Number.isSafeInteger(value))
        return value;
    throw new TypeError(`${name} is a safe integer or a BigInt of 64 bits, not ${String(value)}`);
}

const id = value => integer(value, 'an id');

/** Integers for a function that reads them while it runs. */
function integers(values, name) {
    if (!Array.isArray(values))
        throw new TypeError(`${name} is an array of ids`);
    return BigInt64Array.from(values, value => BigInt(integer(value, `an element of ${name}`)));
}

/** The number of a named choice. */
function chosen(table, value, name) {
    if (!Object.hasOwn(table, value))
        throw new TypeError(`${name} is one of ${Object.keys(table).join(', ')}, not ${String(value)}`);
    return table[value];
}

/** The flags whose conditions are true. */
const flags = (...given) => given.reduce((all, [wanted, bit]) => (wanted ? all | bit : all), 0);

const STRATEGIES = Object.freeze({
    conservative: c.EXPMIG_STRATEGY_CONSERVATIVE, balanced: c.EXPMIG_STRATEGY_BALANCED, aggressive: c.EXPMIG_STRATEGY_AGGRESSIVE,
});
const DUPLICATES = Object.freeze({ copy: c.EXPMIG_DUPLICATE_COPY, skip: c.EXPMIG_DUPLICATE_SKIP, error: c.EXPMIG_DUPLICATE_ERROR });

/** A document of the library. Integers that no number is exactly are BigInt. */
function parsed(json) {
    // Outside of strings, only integers have so many digits without a point or an exponent.
    const marked = json.replace(/"(?:[^"\\]|\\.)*"|-?\d{16,}(?![\d.eE])/g, found =>
        found[0] === '"' || Number.isSafeInteger(Number(found)) ? found : `{"\\u0000integer":"${found}"}`);
    return JSON.parse(marked, (_key, value) =>
        (value !== null && typeof value === 'object' && '\0integer' in value ? BigInt(value['\0integer']) : value));
}

/** The tokens of running calls: a process that ends waits for their threads. */
const tokens = new Set();
process.on('exit', () => tokens.forEach(token => lib.expmig_cancel_trigger(token)));

/** What a callback may do: throw. koffi would answer 0 for that, which is "go on". */
function guarded(callback, thrown) {
    return (...given) => {
        try {
            callback(...given);
            return c.EXPMIG_CALLBACK_CONTINUE;
        } catch (failure) {
            thrown.push(failure);
            return FAILED;
        }
    };
}

/** Runs a call that takes progress and can be cancelled: `begin` is given these fields of its options. */
async function job({ onProgress, signal } = {}, begin) {
    const thrown = [], token = lib.expmig_cancel_new();
    const abort = () => lib.expmig_cancel_trigger(token);
    const progress = guarded(pointer => {
        const now = koffi.decode(pointer, 'expmig_progress');
        onProgress({
            finished: now.finished !== 0, operation: now.operation, processed: now.processed_items, total: now.total_items,
            failed: now.failed_items, percentage: now.completion_percentage, elapsed: now.elapsed_seconds,
        });
    }, thrown);
    tokens.add(token);
    const callback = onProgress ? koffi.register(progress, 'expmig_progress_fn') : null;
    try {
        if (signal?.aborted)
            abort();
        signal?.addEventListener('abort', abort);
        const result = await begin({ progress_fn: callback, cancel: token });
        if (thrown.length) // in the last report, when all was done
            process.emitWarning(thrown[0]);
        return result;
    } catch (failure) {
        throw thrown.length ? thrown[0] : failure;
    } finally {
        signal?.removeEventListener('abort', abort);
        tokens.delete(token);
        lib.expmig_cancel_free(token);
        if (callback)
            koffi.unregister(callback);
    }
}

/** Calls a function that gives a document. */
async function documented(name, ...inputs) {
    const json = [null];
    await call(name, ...inputs, json);
    return parsed(json[0]);
}

/** What a function gave, as a document, and freed. */
function freed(kind, handle) {
    try {
        return parsed(lib[`expmig_${kind}_to_json`](handle));
    } finally {
        lib[`expmig_${kind}_free`](handle);
    }
}

/** A value for a parameter of a statement. */
function parameter(value, at) {
    const one = { type: c.EXPMIG_VALUE_NULL, integer: 0, real: 0, bytes: null, length: 0 };
    if (value === null)
        return one;
    if (typeof value === 'bigint')
        return { ...one, type: c.EXPMIG_VALUE_INTEGER, integer: integer(value, `parameter ${at}`) };
    if (typeof value === 'number')
        return Number.isSafeInteger(value) ? { ...one, type: c.EXPMIG_VALUE_INTEGER, integer: value } : { ...one, type: c.EXPMIG_VALUE_REAL, real: value };
    const bytes = typeof value === 'string' ? Buffer.from(value) : value instanceof Uint8Array ? value : null;
    if (bytes === null)
        throw new TypeError(`parameter ${at} is null, a number, a BigInt, a string or a Uint8Array, not ${typeof value}`);
    // Of no bytes koffi would make no pointer.
    const kept = bytes.length ? bytes : new Uint8Array(1);
    return { ...one, type: typeof value === 'string' ? c.EXPMIG_VALUE_TEXT : c.EXPMIG_VALUE_BLOB, bytes: kept, length: bytes.length };
}

/** A value of a row: integers are BigInt, whatever their size. */
function received(value) {
    switch (value.type) {
    case c.EXPMIG_VALUE_INTEGER: return BigInt(value.integer);
    case c.EXPMIG_VALUE_REAL: return value.real;
    case c.EXPMIG_VALUE_TEXT: return bytesOf(value).toString();
    case c.EXPMIG_VALUE_BLOB: return bytesOf(value);
    default: return null;
    }
}

const bytesOf = value => (value.length ? Buffer.from(koffi.decode(value.bytes, 'uint8_t', value.length)) : Buffer.alloc(0));

/** One database with all that can be done to it. To be closed: the garbage collector does not. */
class Manager {
    #database;
    #pointer;
    #running = new Set();

    constructor(database, pointer) {
        this.#database = database;
        this.#pointer = pointer;
    }

    /** Opens a file, or a schema of a server. `signal` ends also the waiting for a server. */
    static async open(url, { create = false, readOnly = false, password, busyTimeoutMs, snapshotDir, onProgress, signal } = {}) {
        const database = [null], manager = [null], error = [null];
        const asked = { flags: flags([create, c.EXPMIG_OPEN_CREATE], [readOnly, c.EXPMIG_OPEN_READONLY]) };
        if (password !== undefined)
            asked.password = text(password, 'a password');
        if (busyTimeoutMs !== undefined)
            asked.busy_timeout_ms = integer(busyTimeoutMs, 'busyTimeoutMs');
        const folder = snapshotDir === undefined ? {} : { snapshot_dir: text(snapshotDir, 'snapshotDir') };
        await job({ onProgress, signal }, fields =>
            call('expmig_database_open', text(url, 'a path'), filled('expmig_open_options', { ...asked, ...fields }), database));
        const status = lib.expmig_manager_new(database[0], filled('expmig_manager_options', folder), manager, error);
        if (status !== c.EXPMIG_OK) {
            lib.expmig_database_close(database[0]);
            throw taken(error[0]);
        }
        return new Manager(database[0], manager[0]);
    }

    /** Does something with the handles of managers, which are not closed before it has ended. */
    static async #using(managers, begin) {
        const pointers = managers.map(manager => {
            if (manager && manager.#pointer === null)
                throw new Error('the database is closed');
            return manager ? manager.#pointer : null;
        });
        const running = begin(...pointers);
        const ended = running.catch(() => {});
        managers.forEach(manager => manager?.#running.add(ended));
        try {
            return await running;
        } finally {
            managers.forEach(manager => manager?.#running.delete(ended));
        }
    }

    /** Calls something of the database, which is not closed before it has ended. */
    #withDatabase(begin) {
        return Manager.#using([this], () => begin(this.#database));
    }

    /** Describes the database: docs/json-documents.md, "expmig.database/1". */
    info() {
        return this.#withDatabase(database => documented('expmig_database_info', database));
    }

    /** The experiments, by id. */
    experiments() {
        return Manager.#using([this], async manager => {
            const read = [null];
            await call('expmig_experiments_read', manager, read);
            try {
                return Array.from({ length: Number(lib.expmig_experiments_count(read[0])) }, (_, at) => ({
                    id: BigInt(lib.expmig_experiments_id(read[0], at)),
                    title: lib.expmig_experiments_title(read[0], at),
                    description: lib.expmig_experiments_description(read[0], at),
                    startTime: lib.expmig_experiments_start_time(read[0], at),
                    updateTime: lib.expmig_experiments_update_time(read[0], at),
                    trials: Number(lib.expmig_experiments_trial_count(read[0], at)),
                    runs: Number(lib.expmig_experiments_run_count(read[0], at)),
                }));
            } finally {
                lib.expmig_experiments_free(read[0]);
            }
        });
    }

    /** The rows of one SELECT, as objects. Integers are BigInt. With `onRow` each row goes there, and none is kept; what it throws ends the query. */
    query(sql, parameters = [], { onRow } = {}) {
        return this.#withDatabase(async database => {
            const rows = [], thrown = [];
            const values = parameters.map(parameter);
            const callback = koffi.register(guarded(pointer => {
                const row = koffi.decode(pointer, 'expmig_row');
                const names = koffi.decode(row.names, 'const char *', row.column_count);
                const cells = koffi.decode(row.values, 'expmig_value', row.column_count);
                const made = Object.fromEntries(Array.from(cells, (cell, at) => [names[at], received(cell)]));
                if (onRow)
                    onRow(made);
                else
                    rows.push(made);
            }, thrown), 'expmig_row_fn');
            try {
                await call('expmig_database_query', database, text(sql, 'sql'), values, values.length, callback, null);
            } catch (failure) {
                throw thrown.length ? thrown[0] : failure;
            } finally {
                koffi.unregister(callback);
            }
            return onRow ? undefined : rows;
        });
    }

    /** Checks the data: docs/json-documents.md, "expmig.validation/1". */
    validate({ experiment, issueLimit = 1000, onProgress, signal } = {}) {
        return Manager.#using([this], manager => job({ onProgress, signal }, async fields => {
            const report = [null], asked = { issue_limit: integer(issueLimit, 'issueLimit'), ...fields };
            if (experiment !== undefined)
                asked.experiment_id = integers([experiment], 'experiment');
            await call('expmig_validate', manager, filled('expmig_validate_options', asked), report);
            return freed('report', report[0]);
        }));
    }

    /** The content digest of an experiment, 64 hexadecimal digits. */
    digest(experiment, { onProgress, signal } = {}) {
        return Manager.#using([this], manager => job({ onProgress, signal }, async fields => {
            const bytes = new Uint8Array(c.EXPMIG_DIGEST_SIZE);
            await call('expmig_experiment_digest', manager, id(experiment), filled('expmig_job_options', fields), bytes);
            return Buffer.from(bytes).toString('hex');
        }));
    }

    /** Compares two experiments by content: "expmig.comparison/1". */
    compare(experiment, otherExperiment, { other = this, onProgress, signal } = {}) {
        return Manager.#using([this, other], (a, b) => job({ onProgress, signal }, fields =>
            documented('expmig_experiment_compare', a, id(experiment), b, id(otherExperiment), filled('expmig_job_options', fields))));
    }

    /** What `migrate` would do: "expmig.plan/1". Writes nothing. */
    plan(experiment, { target = null, onProgress, signal, ...asked } = {}) {
        return Manager.#using([this, target], (source, into) => job({ onProgress, signal }, fields =>
            documented('expmig_migrate_plan', source, id(experiment), into, migrateOptions(asked, fields))));
    }

    /** Copies an experiment into `target`, or, without one, into the same database. What `onProgress` throws ends the call. */
    migrate(experiment, { target = null, onProgress, signal, ...asked } = {}) {
        return Manager.#using([this, target], (source, into) => job({ onProgress, signal }, async fields => {
            const result = [null];
            await call('expmig_migrate_experiment', source, id(experiment), into, migrateOptions(asked, fields), result);
            try {
                return migration(result[0]);
            } finally {
                lib.expmig_migration_free(result[0]);
            }
        }));
    }

    /** Changes metrics by rules (docs/transformations.md): "expmig.transformation/1". */
    transform(rules, { experiments, metrics, dryRun = false, onProgress, signal } = {}) {
        return Manager.#using([this], manager => job({ onProgress, signal }, async fields => {
            const result = [null], selection = {};
            for (const [name, ids] of [['experiment', experiments], ['metric', metrics]]) {
                if (ids === undefined)
                    continue;
                // A selection of nothing is a pointer that is not NULL.
                selection[`${name}_ids`] = ids.length ? integers(ids, `${name}s`) : new BigInt64Array(1);
                selection[`${name}_id_count`] = ids.length;
            }
            const document = typeof rules === 'string' ? rules : JSON.stringify(rules);
            const options = filled('expmig_transform_options', { flags: flags([dryRun, c.EXPMIG_TRANSFORM_DRY_RUN]), ...fields });
            await call('expmig_transform_metrics', manager, filled('expmig_transform_selection', selection), text(document, 'rules'), options, result);
            return freed('transformation', result[0]);
        }));
    }

    /** Undoes a transformation: "expmig.undo/1". */
    undo(transform, { skipChanged = false, onProgress, signal } = {}) {
        return Manager.#using([this], manager => job({ onProgress, signal }, fields => documented(
            'expmig_transform_undo', manager, id(transform), filled('expmig_undo_options', { flags: flags([skipChanged, c.EXPMIG_UNDO_SKIP_CHANGED]), ...fields }),
        )));
    }

    /** Takes a snapshot of the whole database, and gives its id. */
    createSnapshot(description = '', { onProgress, signal } = {}) {
        return Manager.#using([this], manager => job({ onProgress, signal }, async fields => {
            const made = [null];
            await call('expmig_snapshot_create', manager, text(description, 'description'), filled('expmig_snapshot_options', fields), made);
            return made[0];
        }));
    }

    /** The snapshots in the folder: "expmig.snapshots/1". */
    snapshots({ pattern } = {}) {
        return Manager.#using([this], manager =>
            documented('expmig_snapshot_list', manager, c.EXPMIG_TIME_UNKNOWN, optionalText(pattern, 'pattern')));
    }

    /** Checks a snapshot; throws if it is not as it was. */
    verifySnapshot(snapshot, { onProgress, signal } = {}) {
        return Manager.#using([this], manager => job({ onProgress, signal }, fields =>
            call('expmig_snapshot_verify', manager, text(snapshot, 'a snapshot'), filled('expmig_job_options', fields))));
    }

    /** Replaces everything in the database by a snapshot: "expmig.restore/1". A snapshot of what is overwritten is taken first. */
    restoreSnapshot(snapshot, { force = false, safetySnapshot = true, onProgress, signal } = {}) {
        const bits = flags([force, c.EXPMIG_RESTORE_FORCE], [!safetySnapshot, c.EXPMIG_RESTORE_NO_SAFETY_SNAPSHOT]);
        return Manager.#using([this], manager => job({ onProgress, signal }, fields =>
            documented('expmig_snapshot_restore', manager, text(snapshot, 'a snapshot'), filled('expmig_restore_options', { flags: bits, ...fields }))));
    }

    /** Deletes a snapshot. */
    deleteSnapshot(snapshot) {
        return Manager.#using([this], manager => call('expmig_snapshot_delete', manager, text(snapshot, 'a snapshot')));
    }

    /** Writes an experiment to a file (docs/export-format.md). */
    exportToFile(experiment, path, { replace = false, indent = 0, onProgress, signal } = {}) {
        const asked = { flags: flags([replace, c.EXPMIG_EXPORT_REPLACE]), indent: integer(indent, 'indent') };
        return Manager.#using([this], manager => job({ onProgress, signal }, fields =>
            call('expmig_export_experiment_to_file', manager, id(experiment), text(path, 'a path'), filled('expmig_export_options', { ...asked, ...fields }))));
    }

    /** Reads an experiment from such a file: "expmig.import/1". */
    importFromFile(path, { onDuplicate = 'copy', preserveIds = false, onProgress, signal } = {}) {
        const asked = { on_duplicate: chosen(DUPLICATES, onDuplicate, 'onDuplicate'), flags: flags([preserveIds, c.EXPMIG_IMPORT_PRESERVE_IDS]) };
        return Manager.#using([this], manager => job({ onProgress, signal }, fields => documented(
            'expmig_import_experiment_from_file', manager, text(path, 'a path'), filled('expmig_import_options', { ...asked, ...fields }), [0],
        )));
    }

    /** Writes a page to look at (docs/report.md). `experiments` are of this database, `others` pairs of another Manager and an id. */
    reportToFile(path, experiments, { others = [], title, replace = false, onProgress, signal } = {}) {
        const all = [...experiments.map(one => [this, one]), ...others];
        const ids = integers(all.map(([, one]) => one), 'experiments');
        const asked = { flags: flags([replace, c.EXPMIG_REPORT_HTML_REPLACE]), title: optionalText(title, 'title') };
        return Manager.#using(all.map(([manager]) => manager), (...managers) => job({ onProgress, signal }, fields => call(
            'expmig_report_html_to_file', managers, ids, all.length, text(path, 'a path'), filled('expmig_report_html_options', { ...asked, ...fields }),
        )));
    }

    /** Closes the database when no call uses it any more. */
    async close() {
        const pointer = this.#pointer;
        this.#pointer = null;
        await Promise.all(this.#running);
        if (pointer === null)
            return;
        lib.expmig_manager_free(pointer);
        lib.expmig_database_close(this.#database);
    }
}

/** The options of a migration and its plan. */
function migrateOptions({ strategy = 'balanced', onDuplicate = 'copy', into, titlePrefix, allowLossy, addColumns, snapshot, ...unknown }, fields) {
    const [other] = Object.keys(unknown);
    if (other !== undefined)
        throw new TypeError(`a migration has no option ${other}`);
    const options = filled('expmig_migrate_options', {
        strategy: chosen(STRATEGIES, strategy, 'strategy'),
        on_duplicate: chosen(DUPLICATES, onDuplicate, 'onDuplicate'),
        title_prefix: optionalText(titlePrefix, 'titlePrefix'),
        flags: flags([allowLossy, c.EXPMIG_MIGRATE_ALLOW_LOSSY], [addColumns, c.EXPMIG_MIGRATE_ADD_COLUMNS], [snapshot, c.EXPMIG_MIGRATE_SNAPSHOT]),
        ...fields,
    });
    if (into !== undefined)
        options.target_experiment_id = integers([into], 'into');
    return options;
}

/** What a migration did, in an object of its own. */
function migration(result) {
    const digest = which => {
        const bytes = new Uint8Array(c.EXPMIG_DIGEST_SIZE);
        return lib.expmig_migration_digest(result, which, bytes, null) === c.EXPMIG_OK ? Buffer.from(bytes).toString('hex') : null;
    };
    return {
        skipped: lib.expmig_migration_skipped(result) !== 0,
        sourceId: BigInt(lib.expmig_migration_source_experiment_id(result)),
        newId: BigInt(lib.expmig_migration_new_experiment_id(result)),
        processed: Number(lib.expmig_migration_items_processed(result)),
        failed: Number(lib.expmig_migration_items_failed(result)),
        seconds: Number(lib.expmig_migration_duration_ns(result)) / 1e9,
        warnings: Array.from({ length: lib.expmig_migration_warning_count(result) }, (_, i) => lib.expmig_migration_warning_at(result, i)),
        sourceDigest: digest(c.EXPMIG_DIGEST_SOURCE),
        targetDigest: digest(c.EXPMIG_DIGEST_TARGET),
        snapshot: lib.expmig_migration_snapshot_id(result),
        document: parsed(lib.expmig_migration_to_json(result)), // "expmig.migration/1"
    };
}

module.exports = { constants: c, ExpmigError, Manager, buildInfo: () => parsed(lib.expmig_build_info()), soname, version: () => lib.expmig_version() };
