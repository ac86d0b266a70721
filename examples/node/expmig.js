// expmig for Node: promises, AbortSignal and exceptions over the C API. docs/node.md says what to mind.
'use strict';

const koffi = require('koffi');
const { constants: c, declare } = require('./declarations.js');

// Calls run on threads of koffi's, whose stacks are 128 KiB unless it is told otherwise.
koffi.config({ async_stack_size: 1 << 20 });
const compatible = c.EXPMIG_VERSION_MAJOR === 0 ? `0.${c.EXPMIG_VERSION_MINOR}` : c.EXPMIG_VERSION_MAJOR;
const soname = `libexpmig.so.${compatible}`;
const lib = declare(koffi, koffi.load(soname));

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

/** Calls a function on another thread. Its last parameter is the error. */
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
function text(value) {
    if (typeof value !== 'string' || value.includes('\0'))
        throw new TypeError('a path is a string without a NUL');
    return value;
}

/** An id as koffi takes it: one beyond 64 bits, or a fraction, would become another number. */
function id(value) {
    if (typeof value === 'bigint' ? BigInt.asIntN(64, value) === value : Number.isSafeInteger(value))
        return value;
    throw new TypeError(`an id is a safe integer or a BigInt of 64 bits, not ${value}`);
}

/** The tokens of running calls: a process that ends waits for their threads. */
const tokens = new Set();
process.on('exit', () => tokens.forEach(token => lib.expmig_cancel_trigger(token)));

/** Runs a call that takes progress and can be cancelled: `begin` is given these fields of its options. */
async function job({ onProgress, signal }, begin) {
    let thrown;
    const token = lib.expmig_cancel_new();
    const abort = () => lib.expmig_cancel_trigger(token);
    const progress = pointer => {
        // koffi would answer 0 for what throws, which is "go on".
        try {
            const now = koffi.decode(pointer, 'expmig_progress');
            onProgress({
                finished: now.finished !== 0, operation: now.operation, processed: now.processed_items, total: now.total_items,
                failed: now.failed_items, percentage: now.completion_percentage, elapsed: now.elapsed_seconds,
            });
            return c.EXPMIG_CALLBACK_CONTINUE;
        } catch (failure) {
            thrown = { failure };
            return FAILED;
        }
    };
    tokens.add(token);
    const callback = onProgress ? koffi.register(progress, 'expmig_progress_fn') : null;
    try {
        if (signal?.aborted)
            abort();
        signal?.addEventListener('abort', abort);
        const result = await begin({ progress_fn: callback, cancel: token });
        if (thrown) // in the last report, when all was done
            process.emitWarning(thrown.failure);
        return result;
    } catch (failure) {
        throw thrown ? thrown.failure : failure;
    } finally {
        signal?.removeEventListener('abort', abort);
        tokens.delete(token);
        lib.expmig_cancel_free(token);
        if (callback)
            koffi.unregister(callback);
    }
}

/** One database. To be closed: the garbage collector does not. */
class Manager {
    #pointer;
    #running = new Set();

    constructor(pointer) {
        this.#pointer = pointer;
    }

    /** `flags`: c.EXPMIG_OPEN_CREATE and so on. `signal` ends also the waiting for a server. */
    static async open(url, { flags = 0, signal } = {}) {
        const database = [null], manager = [null], error = [null];
        await job({ signal }, fields => call('expmig_database_open', text(url), filled('expmig_open_options', { flags, ...fields }), database));
        const status = lib.expmig_manager_new(database[0], null, manager, error);
        lib.expmig_database_close(database[0]); // the manager keeps what it needs
        if (status !== c.EXPMIG_OK)
            throw taken(error[0]);
        return new Manager(manager[0]);
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

    /** The experiments, as docs/json-documents.md has them. */
    experiments() {
        return Manager.#using([this], async manager => {
            const json = [null];
            await call('expmig_experiment_list', manager, json);
            return JSON.parse(json[0]);
        });
    }

    /** Copies an experiment into `target`, or, without one, into the same database. `onProgress` may throw; that ends the call. */
    migrate(experiment, target = null, { onDuplicate = c.EXPMIG_DUPLICATE_COPY, onProgress, signal } = {}) {
        return Manager.#using([this, target], (source, into) => job({ onProgress, signal }, async fields => {
            const result = [null];
            const options = filled('expmig_migrate_options', { on_duplicate: onDuplicate, ...fields });
            await call('expmig_migrate_experiment', source, id(experiment), into, options, result);
            try {
                return migration(result[0]);
            } finally {
                lib.expmig_migration_free(result[0]);
            }
        }));
    }

    /** Closes the database when no call uses it any more. */
    async close() {
        const pointer = this.#pointer;
        this.#pointer = null;
        await Promise.all(this.#running);
        lib.expmig_manager_free(pointer);
    }
}

/** What a migration did, in an object of its own. */
function migration(result) {
    const digest = which => {
        const bytes = new Uint8Array(c.EXPMIG_DIGEST_SIZE);
        return lib.expmig_migration_digest(result, which, bytes, null) === c.EXPMIG_OK ? Buffer.from(bytes).toString('hex') : null;
    };
    return {
        skipped: lib.expmig_migration_skipped(result) !== 0,
        sourceId: lib.expmig_migration_source_experiment_id(result),
        newId: lib.expmig_migration_new_experiment_id(result),
        processed: lib.expmig_migration_items_processed(result),
        failed: lib.expmig_migration_items_failed(result),
        seconds: Number(lib.expmig_migration_duration_ns(result)) / 1e9,
        warnings: Array.from({ length: lib.expmig_migration_warning_count(result) }, (_, i) => lib.expmig_migration_warning_at(result, i)),
        sourceDigest: digest(c.EXPMIG_DIGEST_SOURCE),
        targetDigest: digest(c.EXPMIG_DIGEST_TARGET),
    };
}

module.exports = { c, ExpmigError, Manager, soname, version: lib.expmig_version };
