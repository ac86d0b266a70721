// The page's data, and what is computed from it. Everything else asks `page`.
"use strict";
const page = {};
(() => {
    const data = JSON.parse(document.getElementById("data").textContent);
    page.data = data;
    page.LEVELS = { epoch: "epochs", batch: "batches", step: "steps", elapsed: "seconds", clock: "time (UTC)", result: "results" };
    // What a picture's positions are called.
    page.AXES = { step: "step", elapsed: "seconds since the run's first value", clock: "time (UTC)" };
    page.isNested = data.experiments.some(experiment => experiment.nodes.some(nodes => nodes.nested));
    page.groupNoun = page.isNested ? "parent run" : "trial";
    page.at = (level, x) => level === "clock" ? new Date(x * 1000).toISOString().replace("T", " ").replace("Z", "") : page.short(x);

    // An element with properties and children; a text stays text, whatever is in it.
    // A text without what would turn round the order of the letters around it.
    page.inOrder = text => text.replace(/[\u202a-\u202e\u2066-\u2069]/g, "\ufffd");

    page.el = (tag, properties = {}, ...children) => {
        const element = document.createElement(tag);
        for (const [name, value] of Object.entries(properties)) {
            if (value === undefined || value === null || value === false) continue;
            if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
            else if (name in element && name !== "list") element[name] = value;
            else element.setAttribute(name, value === true ? "" : value);
        }
        element.append(...children.flat().filter(child => child !== null && child !== undefined).map(child => typeof child === "string" ? page.inOrder(child) : child));
        return element;
    };

    // Numbers as a person reads them; `exact` as they are stored; `tick` beside an axis.
    page.tick = value => value === null ? "" : Math.abs(value) >= 1e6 || (value !== 0 && Math.abs(value) < 1e-4) ? Number(value.toPrecision(6)).toExponential() : String(Number(value.toPrecision(10)));
    page.exact = value => String(value);
    page.short = value => {
        if (value === null || value === undefined) return "";
        const size = Math.abs(value);
        if (Number.isInteger(value) && size < 1e6) return String(value);
        return size !== 0 && (size < 1e-3 || size >= 1e6) ? value.toExponential(3) : value.toPrecision(5);
    };
    page.many = (count, one) => `${count.toLocaleString("en")} ${one}${count === 1 ? "" : "s"}`;

    // Runs, each with the trial and the experiment that it belongs to.
    const several = data.experiments.length > 1;
    page.anchor = (experiment, noun, id) => `e${experiment}-${noun}-${id}`;
    page.runs = [];
    const places = new Map();
    data.experiments.forEach((experiment, e) => {
        experiment.letter = data.experiments.length === 2 ? "AB"[e] : String(e + 1);
        experiment.name = several ? `${experiment.letter}: ${experiment.title}` : experiment.title;
        experiment.place = `${experiment.database}#${experiment.id}`;
        const nodes = experiment.nodes, runs = nodes[nodes.length - 1], above = nodes[nodes.length - 2];
        const name = above.columns.findIndex(column => /^(name|title)$/i.test(column));
        const own = runs.columns.findIndex(column => /^name$/i.test(column)), names = new Map();
        if (runs.nested) for (const row of runs.rows) names.set(row[own + 2], (names.get(row[own + 2]) ?? 0) + 1);
        // Runs with long keys of their own go by their name, with a part of the key where others have the same.
        const nameOf = row => runs.nested ? row[own + 2] ? `${row[own + 2]}${names.get(row[own + 2]) > 1 ? ` (${String(row[0]).slice(0, 8)})` : ""}` : `run ${String(row[0]).slice(0, 8)}` : `run ${row[0]}`;
        runs.rows.forEach(([id, parent, ...cells], at) => {
            const trial = runs.nested ? parent === null ? null : runs.rows[parent] : above === nodes[0] ? null : above.rows[parent];
            const trialName = !trial ? "" : runs.nested ? nameOf(trial) : trial[name + 2] ?? `trial ${trial[0]}`;
            const values = Object.fromEntries(runs.columns.map((column, i) => [column, cells[i]]));
            places.set(`${e}/${at}`, page.runs.length);
            page.runs.push({
                index: page.runs.length, e, at, id, trialId: trial ? trial[0] : null, trialName, values, experiment,
                letter: experiment.letter, name: nameOf(runs.rows[at]), label: `${several ? experiment.letter + " · " : ""}${trialName ? trialName + " · " : ""}${nameOf(runs.rows[at])}`, anchor: page.anchor(e, runs.noun, id), metrics: new Map(),
            });
        });
    });
    page.several = several;

    // Curves: by metric and level, and by run. A curve's positions are epochs; those of batches count parts of one.
    const metrics = data.metrics.map((name, index) => ({ name, index, levels: {} }));
    const prepare = raw => {
        const run = page.runs[places.get(`${raw.e}/${raw.r}`)];
        const curve = { run, level: raw.l, count: raw.n, odd: raw.odd, x: raw.b ? raw.x.map(x => x / raw.b) : raw.x, y: raw.y, last: raw.last, end: raw.end };
        // Two values in one place stand beside each other, for a picture has one value in a place.
        for (let i = 1; i < curve.x.length; i++) if (curve.x[i] <= curve.x[i - 1]) curve.x[i] = curve.x[i - 1] + 1e-6 * Math.max(1, Math.abs(curve.x[i - 1]));
        curve.low = Infinity;
        curve.high = -Infinity;
        for (const value of curve.y) {
            if (value === null) continue;
            if (value < curve.low) curve.low = value;
            if (value > curve.high) curve.high = value;
        }
        if (curve.low > curve.high) curve.low = curve.high = null;
        return curve;
    };
    const take = (raw, level) => {
        const curve = prepare({ ...raw, l: level }), metric = metrics[raw.m];
        (metric.levels[level] ??= []).push(curve);
        if (!curve.run.metrics.has(raw.m)) curve.run.metrics.set(raw.m, {});
        curve.run.metrics.get(raw.m)[level] = curve;
    };
    for (const raw of data.curves) take(raw, raw.l);
    // Milliseconds since the curve's first one; and since when a run has values at all.
    const began = new Map();
    for (const raw of data.time_curves) {
        const run = `${raw.e}/${raw.r}`;
        began.set(run, Math.min(began.get(run) ?? Infinity, raw.from));
    }
    for (const raw of data.time_curves) {
        const start = began.get(`${raw.e}/${raw.r}`);
        take({ ...raw, x: raw.x.map(x => (raw.from - start + x) / 1000) }, "elapsed");
        take({ ...raw, x: raw.x.map(x => (raw.from + x) / 1000) }, "clock");
    }
    // Those with curves first.
    const isCurve = metric => metric.levels.epoch || metric.levels.batch || metric.levels.step ? 0 : 1;
    page.metrics = [...metrics].sort((a, b) => isCurve(a) - isCurve(b) || a.name.localeCompare(b.name, "en"));
    page.metric = index => metrics[index];
    page.labelled = new Map();
    for (const raw of data.label_curves) {
        const curve = prepare(raw), key = raw.m;
        curve.label = data.labels[raw.k];
        if (!page.labelled.has(key)) page.labelled.set(key, []);
        page.labelled.get(key).push(curve);
    }

    // What the page shows now.
    const START = 30;
    const fair = Math.max(1, Math.floor(START / data.experiments.length));
    page.state = { smooth: 0, log: false, results: true, colour: "", drawn: new Set(page.runs.filter(run => run.at < fair).map(run => run.index)) };
    const trials = new Set(page.runs.map(run => `${run.e}/${run.trialId}`)).size;
    page.state.colour = page.runs.length <= 8 ? "run" : several ? "experiment" : trials > 1 && trials < page.runs.length ? "trial" : "run";

    // Exponential smoothing without a bias towards the first value; a gap stays a gap.
    page.smoothed = (values, weight) => {
        let sum = 0, norm = 0;
        return values.map(value => {
            if (value === null) return null;
            sum = sum * weight + (1 - weight) * value;
            norm = norm * weight + (1 - weight);
            return sum / norm;
        });
    };

    // Colours that can be told apart on either ground.
    const LIGHT = ["#0a5fb4", "#c2410c", "#13773a", "#9b1c7f", "#7a5a00", "#0e7490", "#b3261e", "#5b3fb5", "#4d5a66", "#8a3b12"];
    const DARK = ["#7db8f5", "#ffa269", "#6fd08c", "#f08ad8", "#e5c04b", "#5fd0e0", "#ff8f86", "#b9a4ff", "#b7c3cd", "#dba27f"];
    const query = matchMedia("(prefers-color-scheme: dark)");
    page.isDark = () => { const set = document.documentElement.dataset.theme; return set ? set === "dark" : query.matches; };
    query.addEventListener("change", () => page.redraw?.());
    page.colourOf = number => {
        const list = page.isDark() ? DARK : LIGHT;
        return number < list.length ? list[number] : `hsl(${Math.round(number * 137.508) % 360} 65% ${page.isDark() ? 70 : 36}%)`;
    };
    const DASHES = [[], [7, 3], [2, 3], [9, 3, 2, 3]];
    // Trials of several experiments in the same place have the same colour, so that they can be compared.
    const order = new Map(), places_of_trials = new Map(), members = new Map();
    for (const run of page.runs) {
        const key = `${run.e}/${run.trialId}`, count = places_of_trials.get(run.e) ?? 0;
        if (!order.has(key)) {
            order.set(key, count);
            places_of_trials.set(run.e, count + 1);
            members.set(key, 0);
        }
        run.trialPlace = order.get(key);
        run.place = members.get(key);
        members.set(key, run.place + 1);
    }
    page.look = run => {
        const by = page.state.colour;
        const dash = DASHES[(several ? run.e : run.place) % DASHES.length];
        if (by === "experiment") return { colour: page.colourOf(run.e), dash };
        if (by === "run") return { colour: page.colourOf(several ? run.at : run.index), dash: several ? dash : [] };
        return { colour: page.colourOf(run.trialPlace), dash };
    };
    // What the colours say, of the runs that are drawn.
    page.legend = () => {
        const groups = new Map();
        for (const run of page.runs) {
            if (!page.state.drawn.has(run.index)) continue;
            const { colour, dash } = page.look(run);
            const text = page.state.colour === "experiment" ? run.experiment.name : page.state.colour === "run" ? run.label : `${several ? run.letter + " · " : ""}${run.trialName || (page.isNested ? "no parent run" : "")}`;
            if (!groups.has(text)) groups.set(text, { text, colour, dash: page.state.colour === "trial" && !several ? [] : dash });
        }
        return [...groups.values()];
    };
    const SVG = "http://www.w3.org/2000/svg";
    page.swatch = (colour, dash) => {
        const image = document.createElementNS(SVG, "svg"), line = document.createElementNS(SVG, "line");
        for (const [name, value] of Object.entries({ class: "swatch", viewBox: "0 0 22 12", "aria-hidden": "true" })) image.setAttribute(name, value);
        for (const [name, value] of Object.entries({ x1: 0, x2: 22, y1: 6, y2: 6, stroke: colour, "stroke-width": 3, "stroke-dasharray": dash.join(" ") })) line.setAttribute(name, value);
        image.append(line);
        return image;
    };
})();
