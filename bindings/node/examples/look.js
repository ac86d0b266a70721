// Lists the experiments of a database, counts its metrics, and says whether the data is sound.
//
//     node look.js DATABASE
'use strict';

const { Manager } = require('..');

async function look(path) {
    const manager = await Manager.open(path, { readOnly: true });
    try {
        for (const { id, title, trials, runs } of await manager.experiments())
            console.log(`${id}\t${title}\t${trials} trials\t${runs} runs`);
        for (const { type, metrics, mean } of await manager.query('SELECT type, count(*) AS metrics, avg(total_val) AS mean FROM METRIC GROUP BY type ORDER BY type'))
            console.log(`${type}\t${metrics} metrics\tmean ${mean}`);
        const { summary } = await manager.validate();
        console.log(`${summary.overall_status}: ${summary.total_errors} errors, ${summary.total_warnings} warnings`);
    } finally {
        await manager.close();
    }
}

look(process.argv[2] ?? 'experiments.db').catch(error => {
    console.error(error.message, error.hint ?? '');
    process.exitCode = 1;
});
