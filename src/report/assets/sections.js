// The parts of the page.
"use strict";
(() => {
    const { el, data, state } = page;
    const main = document.getElementById("main"), contents = document.getElementById("contents");
    const section = (id, title, ...children) => {
        contents.append(el("a", { href: `#${id}` }, title));
        main.append(el("section", { id, "aria-labelledby": `${id}-title` }, el("h2", { id: `${id}-title` }, title), ...children));
    };
    const link = (e, noun, id, text) => el("a", { href: `#${page.anchor(e, noun, id)}` }, text);
    const fields = pairs => el("dl", {}, pairs.filter(([, value]) => value !== null && value !== undefined && value !== "").flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]));
    const words = column => column.replace(/_/g, " ").replace(/^desc$/i, "description");
    const lasted = run => seconds(run.values.start_time, run.values.end_time ?? run.values.update_time);
    const seconds = (from, to) => { const time = (Date.parse(to) - Date.parse(from)) / 1000; return Number.isFinite(time) ? time : null; };

    // What there is.
    page.overview = () => {
        const cards = data.experiments.map(experiment => {
            const [root] = experiment.nodes, found = experiment.findings;
            const cells = root.columns.map((column, i) => [words(column), root.rows[0]?.[i + 2]]).filter(([name]) => name !== "title" && name !== "name");
            const verdict = found.errors ? el("span", { className: "bad" }, `✗ ${page.many(found.errors, "error")}`) : el("span", { className: "good" }, "✓ sound");
            const counts = experiment.nodes.slice(1).map(nodes => page.many(nodes.count, nodes.noun)).join(", ");
            const tags = experiment.texts.filter(texts => texts.noun === root.noun).flatMap(texts => texts.rows.map(([, key, text]) => [texts.keys[key], text]));
            return el("article", { className: "card" }, el("h3", {}, experiment.name),
                fields([["stands in", el("code", {}, experiment.place)], ...cells, ...tags, ["has", counts],
                    ["data", el("a", { href: "#findings" }, verdict, found.warnings ? `, ${page.many(found.warnings, "warning")}` : "")]]),
                experiment.notes.length ? el("ul", { className: "warn" }, experiment.notes.map(note => el("li", {}, note))) : null);
        });
        const lost = [];
        if (data.left_out.values) lost.push(`${page.many(data.left_out.values, "value")} of further runs and types are in no curve: the page has as many curves as it can hold.`);
        if (data.left_out.label_values) lost.push(`${page.many(data.left_out.label_values, "value")} of single labels are in no curve: the page has as many of these as it can hold.`);
        section("overview", page.several ? "Experiments" : "Experiment", el("div", { className: "cards" }, cards), lost.length ? el("ul", { className: "warn" }, lost.map(text => el("li", {}, text))) : null);
    };

    // Two experiments: are they equal, and where do they first differ?
    const shownValue = value => value === null || value === undefined ? "—" : typeof value === "object" ? JSON.stringify(value) : String(value);
    page.comparison = () => {
        if (!page.several) return;
        const parts = [], found = data.comparison;
        if (found?.refused) parts.push(el("p", { className: "bad" }, `They could not be compared: ${found.refused}`));
        else if (found) {
            parts.push(found.equal ? el("p", { className: "good" }, "✓ Both have the same content: their digests are equal.") : el("p", { className: "bad" }, "✗ They differ."));
            const first = found.first_difference;
            if (first) {
                const rows = [];
                const flat = (name, value) => {
                    if (value && typeof value === "object" && !Array.isArray(value) && !("a" in value || "b" in value)) Object.entries(value).forEach(([key, inner]) => flat(words(key), inner));
                    else if (value && typeof value === "object" && ("a" in value || "b" in value)) rows.push([value.column ? `${name}: ${value.column}` : name, value.a, value.b, true]);
                    else rows.push([name, value]);
                };
                Object.entries(first).forEach(([key, value]) => flat(words(key), value));
                const cell = (e, name, value) => {
                    const noun = /run/i.test(name) || first.node === "TRIAL_RUN" ? "run" : first.node === "TRIAL" || /trial/i.test(name) ? "trial" : null;
                    return /\bid$/.test(name) && noun && value !== null ? link(e, noun, value, `${noun} ${value}`) : shownValue(value);
                };
                parts.push(el("div", { className: "card" }, el("h3", {}, "Where they first differ"), el("table", {}, el("caption", {}, "Where they first differ"),
                    el("thead", {}, el("tr", {}, el("td", {}), ...data.experiments.map(one => el("th", { scope: "col" }, `${one.letter}: ${one.place}`)))),
                    el("tbody", {}, rows.map(([name, a, b, both]) => el("tr", {}, el("th", { scope: "row" }, name), both ? [el("td", {}, cell(0, name, a)), el("td", {}, cell(1, name, b))] : el("td", { colSpan: 2 }, shownValue(a))))))));
            }
            if (found.warnings?.length) parts.push(el("ul", { className: "warn" }, found.warnings.map(text => el("li", {}, text))));
        }
        const lines = [];
        const root = data.experiments.map(one => one.nodes[0]);
        for (const column of new Set(root.flatMap(nodes => nodes.columns))) lines.push([words(column), root.map(nodes => nodes.rows[0]?.[nodes.columns.indexOf(column) + 2] ?? null)]);
        for (const table of new Set(data.experiments.flatMap(one => Object.keys(one.rows)))) lines.push([`rows of ${table}`, data.experiments.map(one => one.rows[table] ?? null)]);
        if (found?.a) lines.push(["digest", [found.a.digest, found.b.digest]]);
        const box = el("div", { className: "scroll", tabIndex: 0, role: "region", "aria-label": "Side by side" }, el("table", {}, el("caption", {}, "Experiments side by side"),
            el("thead", {}, el("tr", {}, el("th", { scope: "col" }, "what"), data.experiments.map(one => el("th", { scope: "col" }, `${one.letter}: ${one.place}`)))),
            el("tbody", {}, lines.map(([name, values]) => el("tr", {}, el("th", { scope: "row" }, name), values.map(value => el("td", { className: values.some(other => other !== values[0]) ? "differs" : null }, shownValue(value))))))));
        section("comparison", data.experiments.length === 2 ? "Comparison" : "Side by side", ...parts, el("h3", {}, "Side by side"), el("p", { className: "quiet" }, "Bold where they differ."), box);
    };

    // Runs: what they are, what they reached, and which are drawn.
    const KINDS = { final: "result, or else last", result: "result", last: "last", low: "lowest", high: "highest" };
    page.runTable = () => {
        let kind = "final";
        const value = (run, metric) => {
            const levels = run.metrics.get(metric.index);
            if (!levels) return null;
            if (kind === "result") return levels.result?.last ?? null;
            if (kind === "final" && levels.result) return levels.result.last;
            const curve = levels.epoch ?? levels.batch ?? levels.step ?? levels.result;
            return curve ? curve[kind === "final" ? "last" : kind] : null;
        };
        // What the very last value is, where that is no finite number.
        const odd = (run, metric) => {
            const levels = run.metrics.get(metric.index) ?? {};
            const curve = kind === "result" ? levels.result : kind === "final" && levels.result ? levels.result : kind === "final" || kind === "last" ? levels.epoch ?? levels.batch ?? levels.step ?? levels.result : null;
            return curve?.end ?? "";
        };
        const OTHERS = /^(status|start_time|update_time|end_time)$/i;
        // The params that are not the same in all runs tell these apart.
        const params = page.texts().filter(one => one.table === "params").flatMap(one => one.keys.filter(key => one.differs(key, page.runs)).slice(0, 30).map(key => ({ name: key, value: run => one.of(run).get(key) ?? null })));
        const extra = [...new Set(page.runs.flatMap(run => Object.keys(run.values)))].filter(column => !OTHERS.test(column));
        const drawnBox = run => {
            const { colour, dash } = page.look(run);
            const box = el("input", { type: "checkbox", checked: state.drawn.has(run.index), "aria-label": `Draw ${run.label}`, onchange: () => { state.drawn[box.checked ? "add" : "delete"](run.index); changed(); } });
            return el("span", {}, box, " ", page.swatch(colour, dash));
        };
        const columns = [
            { name: "drawn", cell: drawnBox, value: run => state.drawn.has(run.index) ? 0 : 1 },
            ...(page.several ? [{ name: "experiment", value: run => run.letter, cell: run => el("span", { title: run.experiment.name }, run.letter) }] : []),
            { name: page.groupNoun, value: run => run.trialName },
            page.isNested ? { name: "run", value: run => run.name, cell: run => el("a", { href: `#${run.anchor}`, title: String(run.id) }, run.name) }
                : { name: "run", value: run => run.id, cell: run => el("a", { href: `#${run.anchor}` }, `run ${run.id}`), number: true, search: true },
            { name: "status", value: run => run.values.status },
            { name: "seconds", value: run => lasted(run), cell: run => page.short(lasted(run)), number: true },
            ...params,
            ...extra.map(column => ({ name: words(column), value: run => run.values[column] })),
            ...page.metrics.slice(0, 40).map(metric => ({ name: metric.name, number: true, value: run => value(run, metric), cell: run => { const found = value(run, metric), end = odd(run, metric); return end ? el("b", { title: found === null ? "" : `the last finite value is ${page.exact(found)}` }, end) : found === null ? "" : el("span", { title: page.exact(found) }, page.short(found)); } })),
        ];
        const status = el("span", { className: "quiet", role: "status" });
        const changed = () => { status.textContent = `${state.drawn.size} of ${page.many(page.runs.length, "run")} drawn`; page.relegend(); page.redraw(); page.refreshTexts?.(); };
        const choose = runs => { state.drawn = new Set(runs.map(run => run.index)); table.refresh(); changed(); };
        const kinds = el("select", { onchange: () => { kind = kinds.value; table.refresh(); } }, Object.entries(KINDS).map(([key, text]) => el("option", { value: key, selected: key === kind }, text)));
        const table = page.table({
            caption: "Runs", id: "runs", columns, rows: page.runs, kind: "free", filter: "Filter runs",
            tools: [el("label", {}, "Values", kinds), el("button", { type: "button", onclick: () => choose(table.visible()) }, "Draw these"), el("button", { type: "button", onclick: () => choose([]) }, "Draw none"), status],
        });
        page.refreshRuns = () => table.refresh();
        section("runs", "Runs", table.element, page.metrics.length > 40 ? el("p", { className: "quiet" }, `The table has columns for 40 of ${page.metrics.length} types of metrics.`) : null);
        status.textContent = `${state.drawn.size} of ${page.many(page.runs.length, "run")} drawn`;
    };

    // One picture for each type of metric.
    const drawn = curves => curves.filter(curve => state.drawn.has(curve.run.index));
    const withLook = curve => Object.assign(Object.create(curve), { label: curve.run.label, look: () => page.look(curve.run) });
    const bars = (box, curves) => {
        const values = curves.filter(curve => curve.last !== null), most = Math.max(0, ...values.map(curve => curve.last)), least = Math.min(0, ...values.map(curve => curve.last));
        const lines = curves.flatMap(curve => {
            const bar = el("i");
            bar.style.background = page.look(curve.run).colour;
            bar.style.width = curve.last === null || most === least ? "0" : `${(100 * Math.abs(curve.last)) / (most - least)}%`;
            return [el("span", { title: curve.run.label }, curve.run.label), bar, el("b", { title: curve.last === null ? "" : page.exact(curve.last) }, curve.end ?? (curve.last === null ? "no finite number" : page.short(curve.last)))];
        });
        const list = el("div", { className: "bars", tabIndex: 0, role: "region", "aria-label": "Results" }, lines);
        box.append(list);
        return { caption: page.caption(curves, 0), destroy: () => list.remove() };
    };
    page.curves = () => {
        const smooth = el("input", { type: "range", min: 0, max: 0.99, step: 0.01, value: 0, id: "smooth", oninput: () => { state.smooth = Number(smooth.value); shown.textContent = state.smooth.toFixed(2); page.redraw(); } });
        const shown = el("output", { htmlFor: "smooth" }, "0.00");
        const log = el("input", { type: "checkbox", id: "log", onchange: () => { state.log = log.checked; page.redraw(); } });
        const results = el("input", { type: "checkbox", checked: true, onchange: () => { state.results = results.checked; page.redraw(); } });
        const ways = [["run", "run"], ["trial", page.groupNoun], ...(page.several ? [["experiment", "experiment"]] : [])];
        const colour = el("select", { id: "colour", onchange: () => { state.colour = colour.value; page.refreshRuns(); page.relegend(); page.redraw(); } }, ways.map(([key, text]) => el("option", { value: key, selected: key === state.colour }, text)));
        const find = el("input", { type: "search", placeholder: "part of a name", oninput: () => figures.forEach(({ figure, name }) => { figure.hidden = !name.toLowerCase().includes(find.value.toLowerCase()); }) });
        const figures = page.metrics.filter(metric => Object.keys(metric.levels).length).map(metric => {
            const there = Object.keys(page.LEVELS).filter(level => metric.levels[level]);
            const level = el("select", { onchange: () => figure.card.refresh(true) }, there.map(key => el("option", { value: key }, page.LEVELS[key])));
            const plot = el("div", { className: "plot" }), caption = el("figcaption", { className: "quiet" });
            const reset = el("button", { type: "button", onclick: () => figure.card.drawn?.reset?.() }, "Show all");
            // A zoom is in the positions of one of them.
            let shownLevel = level.value;
            const figure = el("figure", { className: "card" }, el("header", {}, el("h3", {}, metric.name), el("span", {}, there.length > 1 ? el("label", {}, metric.levels.step ? "by" : "of", level) : el("span", { className: "quiet" }, `of ${page.LEVELS[there[0]]}`), " ", reset)), plot, caption);
            page.card(figure, zoom => {
                const curves = drawn(metric.levels[level.value] ?? []);
                plot.replaceChildren();
                plot.removeAttribute("tabindex");
                reset.hidden = level.value === "result";
                plot.style.minHeight = level.value === "result" || curves.every(curve => curve.low === null) ? "0" : "";
                let made;
                if (!curves.length) {
                    plot.append(el("p", { className: "quiet" }, "None of the drawn runs has such values."));
                    made = { caption: "", destroy() {} };
                } else if (curves.every(curve => curve.low === null)) {
                    plot.append(el("p", { className: "quiet" }, "None of the values is a finite number."));
                    made = { caption: page.caption(curves, 0), destroy() {} };
                } else if (level.value === "result") made = bars(plot, curves);
                else {
                    const marks = !state.results ? [] : drawn(metric.levels.result ?? []).flatMap(result => {
                        const end = curves.find(curve => curve.run === result.run)?.x.at(-1);
                        return end === undefined ? [] : [{ x: [end], y: [result.last], label: `${result.run.label} · result`, look: () => page.look(result.run) }];
                    });
                    made = page.draw(plot, curves.map(withLook), { name: metric.name, marks, level: level.value, zoom: level.value === shownLevel ? zoom : null });
                shownLevel = level.value;
                }
                caption.textContent = made.caption;
                return made;
            });
            return { figure, name: metric.name };
        });
        const controls = el("div", { className: "controls sticky" }, el("label", {}, "Smoothing", smooth, shown), el("label", {}, log, "Logarithmic"), page.metrics.some(metric => metric.levels.result && metric.levels.epoch) ? el("label", {}, results, "Results (○)") : null,
            el("label", {}, "Colour by", colour), figures.length > 6 ? el("label", {}, "Find", find) : null);
        const legend = el("p", { className: "legend", id: "legend" });
        page.relegend = () => {
            const groups = page.legend(), most = 24;
            legend.replaceChildren(...groups.slice(0, most).map(({ text, colour, dash }) => el("span", {}, page.swatch(colour, dash), " ", text)), groups.length > most ? el("span", { className: "quiet" }, `and ${groups.length - most} more: see the table of runs`) : "");
        };
        page.relegend();
        section("curves", "Curves", figures.length ? controls : el("p", {}, "There are no metrics."), legend, el("div", { className: "charts" }, figures.map(one => one.figure)));
    };

    // Params and tags, side by side for the runs that are drawn.
    const kept = new Map();
    page.texts = () => {
        if (kept.size) return [...kept.values()];
        data.experiments.forEach((experiment, e) => experiment.texts.filter(texts => texts.noun !== experiment.nodes[0].noun).forEach(texts => {
            if (!kept.has(texts.table)) {
                const values = new Map(), none = new Map();
                const one = { table: texts.table, keys: [], values, of: run => values.get(run.index) ?? none };
                one.differs = (key, runs) => runs.some(run => one.of(run).get(key) !== one.of(runs[0]).get(key));
                kept.set(texts.table, one);
            }
            const one = kept.get(texts.table), runs = new Map(page.runs.filter(run => run.e === e).map(run => [run.at, run.index]));
            for (const [at, key, text] of texts.rows) {
                const index = runs.get(at);
                if (!one.values.has(index)) one.values.set(index, new Map());
                one.values.get(index).set(texts.keys[key], text);
            }
            one.keys = [...new Set([...one.keys, ...texts.keys])].sort((a, b) => a.localeCompare(b, "en", { numeric: true }));
        }));
        return [...kept.values()];
    };
    page.textTable = () => {
        const all = page.texts().filter(one => one.keys.length), MOST = 30;
        if (!all.length) return;
        const table = el("select", { id: "texts-table", onchange: () => page.refreshTexts() }, all.map(one => el("option", { value: one.table }, one.table)));
        const only = el("input", { type: "checkbox", id: "texts-differ", onchange: () => page.refreshTexts() });
        const box = el("div"), note = el("p", { className: "quiet" });
        page.refreshTexts = () => {
            const one = all.find(found => found.table === table.value), drawn = page.runs.filter(run => state.drawn.has(run.index)), runs = drawn.slice(0, MOST);
            const keys = only.checked ? one.keys.filter(key => one.differs(key, runs)) : one.keys;
            const made = page.table({
                caption: `${one.table} of the drawn runs`, id: "texts", kind: "free", filter: `Filter ${one.table}`, rows: keys,
                columns: [{ name: "key", value: key => key }, ...runs.map(run => ({
                    name: run.label, value: key => one.of(run).get(key) ?? null, mark: key => one.differs(key, runs) ? "differs" : "",
                    cell: key => { const text = one.of(run).get(key); return text === undefined || text === null ? el("span", { className: "quiet" }, "—") : el("span", { title: text }, text); },
                }))],
            });
            box.replaceChildren(made.element);
            note.textContent = runs.length ? `Bold where runs differ.${drawn.length > MOST ? ` The first ${MOST} of ${drawn.length} drawn runs are shown.` : ""}` : "No run is drawn: the table of runs chooses some.";
        };
        section("texts", "Params and tags", el("div", { className: "controls" }, el("label", {}, "Show", table), el("label", {}, only, "Only what differs")), box, note);
        page.refreshTexts();
    };

    // What is said of single labels.
    page.labels = () => {
        if (!page.labelled.size) return;
        const metrics = [...page.labelled.keys()].map(page.metric);
        const metric = el("select", { id: "label-metric", onchange: () => changed() }, metrics.map(one => el("option", { value: one.index }, one.name)));
        const run = el("select", { id: "label-run", onchange: () => card.refresh(true) });
        const table = el("div"), plot = el("div", { className: "plot" }), caption = el("figcaption", { className: "quiet" });
        const figure = el("figure", { className: "card" }, el("header", {}, el("h3", {}, "Over the epochs"), el("label", {}, "Run", run)), plot, caption);
        const curves = () => page.labelled.get(Number(metric.value)) ?? [];
        const card = page.card(figure, zoom => {
            const chosen = curves().filter(curve => curve.run.index === Number(run.value) && curve.level === "epoch");
            plot.replaceChildren();
            if (!chosen.length) { plot.append(el("p", { className: "quiet" }, "This run has none of epochs.")); caption.textContent = ""; return null; }
            const made = page.draw(plot, chosen.map((curve, i) => Object.assign(Object.create(curve), { look: () => ({ colour: page.colourOf(i), dash: [] }) })), { name: `${page.metric(metric.value).name} of labels`, zoom });
            caption.textContent = made.caption;
            return made;
        });
        function changed() {
            const all = curves(), labels = [...new Set(all.map(curve => curve.label))], rows = new Map();
            for (const curve of all) {
                if (!rows.has(curve.run)) rows.set(curve.run, new Map());
                const values = rows.get(curve.run), before = values.get(curve.label);
                // The result, or else the last epoch.
                if (!before || curve.level === "result") values.set(curve.label, curve);
            }
            const numbers = all.map(curve => curve.last).filter(value => value !== null), low = Math.min(...numbers), high = Math.max(...numbers);
            const shade = curve => curve.last === null ? "no finite number" : el("span", { title: page.exact(curve.last) }, page.short(curve.last));
            const made = page.table({
                caption: `${page.metric(metric.value).name} of each label`, id: "labels", kind: "free", filter: "Filter runs", rows: [...rows.keys()],
                columns: [{ name: "run", value: one => one.label, cell: one => el("a", { href: `#${one.anchor}` }, one.label) }, ...labels.slice(0, 100).map(label => ({
                    name: label, number: true, value: one => rows.get(one).get(label)?.last ?? null, cell: one => { const curve = rows.get(one).get(label); return curve ? shade(curve) : ""; },
                    mark: one => { const value = rows.get(one).get(label)?.last; return value === null || value === undefined || low === high ? "" : `heat${Math.round((9 * (value - low)) / (high - low))}`; },
                }))],
            });
            table.replaceChildren(made.element, labels.length > 100 ? el("p", { className: "quiet" }, `The table has columns for 100 of ${labels.length} labels.`) : "");
            const before = run.value;
            run.replaceChildren(...[...rows.keys()].map(one => el("option", { value: one.index, selected: String(one.index) === before }, one.label)));
            card.refresh(true);
        }
        section("labels", "Labels", el("div", { className: "controls" }, el("label", {}, "Metric", metric), el("span", { className: "quiet" }, "The values of the results, or else of the last epoch; a stronger shade is higher.")), table, el("p"), figure);
        changed();
    };

    // What validation found.
    page.findings = () => {
        const rows = data.experiments.flatMap((experiment, e) => experiment.findings.issues.map(issue => ({ ...issue, e, experiment })));
        const verdicts = data.experiments.map(({ name, findings }) => el("p", {}, page.several ? `${name}: ` : "", el("b", { className: findings.passed ? "good" : "bad" }, findings.passed ? "✓ sound" : "✗ not sound"),
            `, ${page.many(findings.errors, "error")}, ${page.many(findings.warnings, "warning")}, ${page.many(findings.infos, "note")}`,
            findings.issues.length < findings.total ? `; ${findings.issues.length} of them are listed` : "", ...findings.notes.map(note => el("span", { className: "warn" }, ` ${note}`))));
        const where = row => {
            const text = `${row.table} (${row.row})${row.column ? ` ${row.column}` : ""}`;
            const known = row.target && document.getElementById(page.anchor(row.e, ...row.target));
            const place = row.place ? ` in ${row.place[0]}${row.place[1] === null ? "" : ` ${row.place[1]}`} of run ${row.target?.[1] ?? "?"}` : "";
            return known ? link(row.e, row.target[0], row.target[1], text + place) : text + place;
        };
        const severities = { error: "✗ error", warning: "! warning", info: "· note" };
        const table = rows.length ? page.table({
            caption: "Issues", id: "issues", rows, kind: "wide", filter: "Filter issues",
            columns: [{ name: "severity", value: row => ["error", "warning", "info"].indexOf(row.severity), cell: row => el("span", { className: { error: "bad", warning: "warn" }[row.severity] ?? "quiet" }, severities[row.severity]) },
                ...(page.several ? [{ name: "experiment", value: row => row.experiment.letter }] : []), { name: "kind", value: row => row.check ?? row.kind },
                { name: "where", value: row => `${row.table} ${row.row} ${row.column ?? ""}`, cell: where }, { name: "what", value: row => row.message, cell: row => row.message + (row.value ? ` [${row.value}]` : "") }],
        }).element : null;
        section("findings", "Validation", ...verdicts, table);
    };

    // The experiment's tree.
    page.tree = () => {
        const trees = data.experiments.map((experiment, e) => {
            const levels = experiment.nodes, files = new Map();
            for (const [noun, at, place, kind, location] of experiment.artifacts.first) {
                const key = `${noun}/${at}`;
                if (!files.has(key)) files.set(key, []);
                files.get(key).push(el("li", {}, `${kind ?? "artifact"}${place ? ` (${place})` : ""}: `, el("code", {}, location ?? "")));
            }
            // Below each row, those of the next level, and those of its own that hang on it.
            const below = levels.map(nodes => nodes.rows.map(() => [])), loose = [];
            levels.forEach((nodes, depth) => nodes.rows.forEach((row, at) => {
                if (!depth) return;
                const above = nodes.nested && row[1] !== null ? below[depth][row[1]] : nodes.nested ? below[depth - 1][0] : below[depth - 1][row[1]];
                if (above) above.push([depth, at]); else loose.push([depth, at]);
            }));
            const made = levels.map(() => []);
            const node = (depth, at) => {
                const nodes = levels[depth], [id, , ...cells] = nodes.rows[at];
                const named = nodes.columns.findIndex(column => /^(name|title)$/i.test(column)), status = nodes.columns.findIndex(column => /^status$/i.test(column));
                const body = el("div"), children = below[depth][at];
                // A run's own fields are made when they are asked for.
                let filled = false;
                const fill = () => {
                    if (filled) return;
                    filled = true;
                    body.prepend(fields(nodes.columns.map((column, i) => [words(column), cells[i]])));
                    const list = files.get(`${nodes.noun}/${at}`);
                    if (list) body.firstElementChild.after(el("ul", {}, list));
                };
                const text = `${nodes.noun} ${id}${named >= 0 && cells[named] ? `: ${cells[named]}` : ""}${status >= 0 && cells[status] ? ` · ${cells[status]}` : ""}${children.length ? ` · ${page.many(children.length, levels[children[0][0]].noun)}` : ""}`;
                const details = el("details", { id: page.anchor(e, nodes.noun, id), open: depth === 0, ontoggle: fill }, el("summary", {}, text), body);
                made[depth][at] = { details, body };
                if (children.length) fill();
            };
            // All of them, then each into what it hangs on: as deep as they are, without a call within a call.
            levels.forEach((nodes, depth) => nodes.rows.forEach((row, at) => node(depth, at)));
            below.forEach((rows, depth) => rows.forEach((children, at) => made[depth][at].body.append(...children.map(([level, child]) => made[level][child].details))));
            const root = made[0][0]?.details ?? null;
            const stray = loose.map(([depth, at]) => made[depth][at].details);
            const rest = experiment.artifacts.count - experiment.artifacts.first.length;
            return el("div", { className: "card" }, root, stray.length ? el("p", { className: "quiet" }, "Of trials that are not listed:") : null, ...stray, rest > 0 ? el("p", { className: "quiet" }, `${rest} more links to artifacts are not listed.`) : null);
        });
        section("tree", "Tree", ...trees);
    };
})();
