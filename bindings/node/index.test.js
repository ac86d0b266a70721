// node --test. EXPMIG_DIGITS_DB names the database of which the tests take copies.
'use strict';

const assert = require('node:assert');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const test = require('node:test');
const { spawnSync } = require('node:child_process');
const { Worker } = require('node:worker_threads');
const { buildInfo, constants: c, ExpmigError, Manager, soname, version } = require('./index.js');

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

const count = async manager => (await manager.experiments()).length;
const hasStatus = status => error => error instanceof ExpmigError && error.status === status;

test('a missing file is an error with its path and a hint', async () => {
    const missing = path.join(folder, 'missing.db');
    await assert.rejects(Manager.open(missing), error => {
        assert.deepStrictEqual(error.details, [['path', missing]]);
        assert.notStrictEqual(error.hint, '');
        return hasStatus('NOT_FOUND')(error) && !error.retryable;
    });
});

test('a library that cannot be loaded is named, with what to do', () => {
    fs.writeFileSync(path.join(folder, soname), '');
    const environment = { ...process.env, LD_LIBRARY_PATH: folder };
    const { status, stderr } = spawnSync(process.execPath, ['-e', "require('./index.js')"], { cwd: __dirname, env: environment, encoding: 'utf8' });
    assert.strictEqual(status, 1);
    assert.ok(stderr.includes(`Error: expmig: ${soname} cannot be loaded: install the library`) && stderr.includes('LD_LIBRARY_PATH'), stderr);
});

test('a NUL does not cut a path short', async () => {
    for (const none of [`${database()}\0x`, null, undefined])
        await assert.rejects(Manager.open(none), TypeError);
});

test('what a progress function throws ends the call and comes out of it', async t => {
    const manager = await opened(t), mine = new Error('mine');
    await assert.rejects(manager.migrate(1, { onProgress() { throw mine; } }), error => error === mine);
    assert.strictEqual(await count(manager), 3);
});

test('an abort signal ends a call', async t => {
    const manager = await opened(t), stop = new AbortController();
    await assert.rejects(manager.migrate(1, { signal: stop.signal, onProgress: () => stop.abort() }), hasStatus('CANCELLED'));
    assert.strictEqual(await count(manager), 3);
    await assert.rejects(Manager.open(database(), { signal: stop.signal }), hasStatus('CANCELLED'));
});

test('progress goes from the beginning to the end, and the event loop turns meanwhile', async t => {
    const manager = await opened(t), seen = [];
    let turns = 0;
    const ticking = setInterval(() => turns++, 1);
    const result = await manager.migrate(1, { onProgress: now => seen.push(now) });
    clearInterval(ticking);
    assert.ok(turns > 0);
    assert.strictEqual(seen[0].processed, 0);
    assert.strictEqual(seen.at(-1).finished, true);
    assert.strictEqual(seen.at(-1).percentage, 100);
    assert.strictEqual(result.newId, 4n);
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
    const calls = [1, 2, 3].map(id => manager.migrate(id, { onProgress() {} }));
    const closed = manager.close();
    const ids = (await Promise.all(calls)).map(result => result.newId);
    assert.deepStrictEqual(ids.sort(), [4n, 5n, 6n]);
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
            await manager.migrate(id, { onProgress() {} });
            await manager.close();
        })();`;
    await Promise.all([1, 2, 3].map(id => new Promise((resolve, reject) => {
        const worker = new Worker(program, { eval: true, workerData: { module: require.resolve('./index.js'), database: shared, id } });
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
        await manager.migrate(1, { onProgress() {} });
    } finally {
        clearInterval(starting);
    }
    assert.strictEqual(await count(manager), 4);
});

test('a process that exits does not wait for the end of its calls', () => {
    const program = `
        const { Manager } = require(${JSON.stringify(require.resolve('./index.js'))});
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

test('rows are objects, integers BigInt of any size, and parameters what they are', async t => {
    const manager = await opened(t);
    const values = [2n ** 63n - 1n, 7, 0.5, 'é\0', Buffer.from([0, 255]), null, '', new Uint8Array()];
    const [row] = await manager.query('SELECT ? AS a, ? AS b, ? AS c, ? AS d, ? AS e, ? AS f, ? AS g, ? AS h', values);
    assert.deepStrictEqual(row, {
        a: 2n ** 63n - 1n, b: 7n, c: 0.5, d: 'é\0', e: Buffer.from([0, 255]), f: null, g: '', h: Buffer.alloc(0),
    });
    assert.deepStrictEqual(await manager.query('SELECT 1 AS a WHERE 0'), []);
    await assert.rejects(manager.query('DELETE FROM METRIC'), hasStatus('MISUSE'));
    for (const none of [undefined, {}, true])
        await assert.rejects(async () => manager.query('SELECT ?', [none]), TypeError);
});

test('rows go to a function one by one, and what it throws ends the query', async t => {
    const manager = await opened(t), seen = [], mine = new Error('mine');
    await manager.query('SELECT id FROM EXPERIMENT ORDER BY id', [], { onRow: row => seen.push(row.id) });
    assert.deepStrictEqual(seen, [1n, 2n, 3n]);
    await assert.rejects(manager.query('SELECT id FROM METRIC', [], { onRow() { throw mine; } }), error => error === mine);
});

test('a plan, a comparison, a digest and a validation say what is there', async t => {
    const manager = await opened(t);
    assert.strictEqual((await manager.info()).engine, 'sqlite');
    const plan = await manager.plan(1);
    assert.strictEqual(plan.items_total, 4854);
    const result = await manager.migrate(1, { titlePrefix: 'copy of ', strategy: 'conservative' });
    assert.strictEqual(result.document.schema, 'expmig.migration/1');
    assert.ok(result.snapshot);
    const last = (await manager.experiments()).at(-1);
    assert.deepStrictEqual([last.id, last.title.slice(0, 8), typeof last.runs], [4n, 'copy of ', 'number']);
    assert.strictEqual(await manager.digest(1), plan.digest.source);
    assert.strictEqual((await manager.compare(1, 1)).equal, true);
    assert.strictEqual((await manager.compare(1, 2)).first_difference.node, 'EXPERIMENT');
    assert.strictEqual((await manager.validate()).summary.overall_status, 'PASS');
    await assert.rejects(manager.validate({ experiment: 99n }), hasStatus('NOT_FOUND'));
    await assert.rejects(async () => manager.migrate(1, { strateg: 'balanced' }), TypeError);
    await assert.rejects(async () => manager.migrate(1, { strategy: 'bold' }), TypeError);
});

test('integers of documents keep every digit', async t => {
    const path = database(), big = 2n ** 62n + 1n;
    const write = await Manager.open(path);
    await write.exportToFile(1, path + '.json');
    await write.close();
    const document = fs.readFileSync(path + '.json', 'utf8').replace('"experiment":{"id":1,', `"experiment":{"id":${big},`)
        .replaceAll('"experiment_id":1,', `"experiment_id":${big},`);
    fs.writeFileSync(path + '.json', document);
    const manager = await Manager.open(`${path}.new`, { create: true });
    t.after(() => manager.close());
    const done = await manager.importFromFile(path + '.json', { preserveIds: true });
    assert.strictEqual(done.experiment_id, big);
    assert.strictEqual(done.items_processed, 4854);
    assert.strictEqual((await manager.experiments())[0].id, big);
    assert.strictEqual((await manager.query('SELECT id FROM EXPERIMENT'))[0].id, big);
});

test('rules change metrics, and undoing brings them back', async t => {
    const manager = await opened(t), rules = [{ metric_type: 'recall', transformation: 'scale', params: { factor: 2 } }];
    const total = async () => (await manager.query("SELECT sum(total_val) AS s FROM METRIC WHERE type = 'recall'"))[0].s;
    const before = await total();
    assert.strictEqual((await manager.transform(rules, { experiments: [], dryRun: true })).metrics_matched, 0);
    const changed = await manager.transform(rules, { experiments: [1] });
    assert.ok(changed.metrics_updated > 0);
    assert.notStrictEqual(await total(), before);
    assert.strictEqual((await manager.undo(changed.transform_id)).metrics_restored, changed.metrics_updated);
    assert.strictEqual(await total(), before);
});

test('a snapshot is taken, listed, verified, restored and deleted', async t => {
    const path = database();
    const manager = await Manager.open(path, { snapshotDir: path + '.snapshots' });
    t.after(() => manager.close());
    const made = await manager.createSnapshot('before');
    await manager.verifySnapshot(made);
    await manager.migrate(1);
    const done = await manager.restoreSnapshot(made);
    assert.strictEqual(await count(manager), 3);
    assert.deepStrictEqual((await manager.snapshots()).snapshots.map(one => one.id).sort(), [made, done.safety_snapshot_id].sort());
    await manager.deleteSnapshot(made);
    await assert.rejects(manager.verifySnapshot(made), hasStatus('NOT_FOUND'));
});

test('a document and a page are written', async t => {
    const path = database(), manager = await Manager.open(path), other = await Manager.open(database());
    t.after(() => Promise.all([manager.close(), other.close()]));
    await manager.exportToFile(2, path + '.json', { indent: 2 });
    await assert.rejects(manager.exportToFile(2, path + '.json'), hasStatus('ALREADY_EXISTS'));
    assert.strictEqual((await other.importFromFile(path + '.json', { onDuplicate: 'skip' })).skipped, true);
    await manager.reportToFile(path + '.html', [1], { others: [[other, 1n]], title: 'both' });
    assert.ok(fs.readFileSync(path + '.html', 'utf8').startsWith('<!DOCTYPE html>'));
    assert.strictEqual(version().split('.').length, 3);
    assert.strictEqual(typeof buildInfo().sqlite, 'object');
});

test('the constants are those of the header', () => {
    assert.strictEqual(c.EXPMIG_TIME_UNKNOWN, -(2n ** 63n));
    assert.strictEqual(c.EXPMIG_OK, 0);
});
