// Copies an experiment and proves that the copy equals the source.
//
//     node migrate.js DATABASE EXPERIMENT [TARGET_DATABASE]
//
// Without a target the copy goes into the same database. A target that does not exist is created. Running it again copies
// nothing a second time. Ctrl-C ends it, and nothing was changed.
'use strict';

const { ExpmigError, Manager } = require('..');

function showProgress({ percentage, processed, total, operation }) {
    process.stdout.write(`\r${percentage.toFixed(1).padStart(5)} %  ${processed}/${total} rows  ${operation.padEnd(48)}`);
}

async function migrate(path, experiment, targetPath) {
    const stop = new AbortController();
    const interrupted = () => stop.abort();
    // The second one ends the process: SQLite, or the server, rolls back then.
    process.once('SIGINT', interrupted);
    let source, target;
    try {
        source = await Manager.open(path, { signal: stop.signal });
        target = targetPath && await Manager.open(targetPath, { create: true, signal: stop.signal });
        const options = { target: target ?? null, onDuplicate: 'skip', onProgress: showProgress, signal: stop.signal };
        const result = await source.migrate(experiment, options);
        console.log(`\n${result.skipped ? 'the target has' : 'copied'} experiment ${result.sourceId} as experiment ${result.newId}: ` +
            `${result.processed} rows, ${result.failed} left out, ${result.seconds.toFixed(3)} s`);
        for (const warning of result.warnings)
            console.log(`warning: ${warning}`);
        console.log(`source digest ${result.sourceDigest}`);
        console.log(`target digest ${result.targetDigest}`);
    } finally {
        process.off('SIGINT', interrupted);
        await target?.close();
        await source?.close();
    }
}

function failed(error) {
    if (!(error instanceof ExpmigError))
        throw error;
    console.error(`\n${error.status}: ${error.message}`);
    for (const [key, value] of error.details)
        console.error(`  ${key}: ${value}`);
    if (error.hint)
        console.error(`  hint: ${error.hint}`);
    process.exitCode = 1;
}

const [path, experiment, target, more] = process.argv.slice(2);
if (more !== undefined || !/^-?\d+$/.test(experiment ?? '')) {
    console.error('usage: migrate DATABASE EXPERIMENT [TARGET_DATABASE]');
    process.exitCode = 1;
} else {
    migrate(path, BigInt(experiment), target).catch(failed);
}
