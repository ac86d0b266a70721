// node --test. EXPMIG_DIGITS_DB names the database of which the tests take copies.
'use strict';

const assert = require('node:assert');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const test = require('node:test');
const { spawnSync } = require('node:child_process');
const { Worker } = require('node:worker_threads');
const { c, ExpmigError, Manager, soname } = require('./expmig.js');

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'expmig-node-'));
test.after(() => fs.rmSync(folder, { recursive: true }));

let copies = 0;
function database() {
    const copy = path.join(folder, `${copies++}.db`);
    fs.copyFileSync(process.env.EXPMIG_DIGITS_DB, copy);
    return copy;
}

/** A manager that is closed at the end of a test. */
async function opened(t) {
    const manager = await Manager.open(database());
    t.after(() => manager.close());
    return manager;
}

const count = async manager => (await manager.experiments()).experiments.length;
const hasStatus = status => error => error instanceof ExpmigError && error.status === status;

test('a missing file is an error with its path and a hint', async () => {
    const missing = path.join(folder, 'missing.db');
    await assert.rejects(Manager.open(missing), error => {
        assert.deepStrictEqual(error.details, [['path', missing]]);
        assert.notStrictEqual(error.hint, '');
        return hasStatus('NOT_FOUND')(error) && !error.retryable;
    });
});

test('a NUL does not cut a path short', async () => {
    for (const none of [`${database()}\0x`, null, undefined])
        await assert.rejects(Manager.open(none), TypeError);
});

test('what a progress function throws ends the call and comes out of it', async t => {
    const manager = await opened(t), mine = new Error('mine');
    await assert.rejects(manager.migrate(1, null, { onProgress() { throw mine; } }), error => error === mine);
    assert.strictEqual(await count(manager), 3);
});

test('an abort signal ends a call', async t => {
    const manager = await opened(t), stop = new AbortController();
    await assert.rejects(manager.migrate(1, null, { signal: stop.signal, onProgress: () => stop.abort() }), hasStatus('CANCELLED'));
    assert.strictEqual(await count(manager), 3);
    await assert.rejects(Manager.open(database(), { signal: stop.signal }), hasStatus('CANCELLED'));
});

test('progress goes from the beginning to the end, and the event loop turns meanwhile', async t => {
    const manager = await opened(t), seen = [];
    let turns = 0;
    const ticking = setInterval(() => turns++, 1);
    const result = await manager.migrate(1, null, { onProgress: now => seen.push(now) });
    clearInterval(ticking);
    assert.ok(turns > 0);
    assert.strictEqual(seen[0].processed, 0);
    assert.strictEqual(seen.at(-1).finished, true);
    assert.strictEqual(seen.at(-1).percentage, 100);
    assert.strictEqual(result.newId, 4);
    assert.strictEqual(result.sourceDigest, result.targetDigest);
});

test('ids have 64 bits, and what is none is refused', async t => {
    const manager = await opened(t);
    await assert.rejects(manager.migrate(2n ** 62n + 1n), /experiment 4611686018427387905 /);
    for (const none of [1.5, 2 ** 53, 2n ** 63n, '1', undefined])
        await assert.rejects(manager.migrate(none), TypeError);
});

test('calls that run together end before what they use is closed', async () => {
    const manager = await Manager.open(database());
    const calls = [1, 2, 3].map(id => manager.migrate(id, null, { onProgress() {} }));
    const closed = manager.close();
    const ids = (await Promise.all(calls)).map(result => result.newId);
    assert.deepStrictEqual(ids.sort(), [4, 5, 6]);
    await closed;
    await assert.rejects(async () => manager.experiments(), /closed/);
});

test('worker threads have their own', async () => {
    const shared = database();
    const program = `
        const { workerData: { module, database, id } } = require('node:worker_threads');
        const { Manager } = require(module);
        (async () => {
            const manager = await Manager.open(database);
            await manager.migrate(id, null, { onProgress() {} });
            await manager.close();
        })();`;
    await Promise.all([1, 2, 3].map(id => new Promise((resolve, reject) => {
        const worker = new Worker(program, { eval: true, workerData: { module: require.resolve('./expmig.js'), database: shared, id } });
        worker.on('error', reject);
        worker.on('exit', resolve);
    })));
    const manager = await Manager.open(shared);
    assert.strictEqual(await count(manager), 6);
    await manager.close();
});

test('a process that is started while a call runs does not disturb it', async t => {
    const manager = await opened(t);
    const starting = setInterval(() => assert.strictEqual(spawnSync('true').status, 0), 1);
    try {
        await manager.migrate(1, null, { onProgress() {} });
    } finally {
        clearInterval(starting);
    }
    assert.strictEqual(await count(manager), 4);
});

test('a process that exits does not wait for the end of its calls', () => {
    const program = `
        const { Manager } = require(${JSON.stringify(require.resolve('./expmig.js'))});
        (async () => {
            const manager = await Manager.open(${JSON.stringify(database())});
            for (const id of [1, 2, 3])
                manager.migrate(id).catch(() => {});
            process.exit(3);
        })();`;
    assert.strictEqual(spawnSync(process.execPath, ['-e', program], { timeout: 60000 }).status, 3);
});

test('every function that is declared is found', () => {
    // In another process: types are declared once.
    const program = `
        const koffi = require('koffi');
        const { declare } = require('./declarations.js');
        const functions = declare(koffi, koffi.load(process.argv[1]));
        console.log(Object.keys(functions).filter(name => typeof functions[name] === 'function').length);`;
    const done = spawnSync(process.execPath, ['-e', program, soname], { cwd: __dirname, encoding: 'utf8' });
    assert.strictEqual(done.stderr, '');
    assert.ok(Number(done.stdout) > 100);
});

test('the constants are those of the header', () => {
    assert.strictEqual(c.EXPMIG_TIME_UNKNOWN, -(2n ** 63n));
    assert.strictEqual(c.EXPMIG_OK, 0);
});
