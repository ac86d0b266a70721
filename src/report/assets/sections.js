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
    const seconds = (from, to) => { const time = (Date.parse(to) - Date.parse(from)) / 1000; return Number.isFinite(time) ? time : null; };

    // What there is.
    page.overview = () => {
        const cards = data.experiments.map(experiment => {
            const [root] = experiment.nodes, found = experiment.findings;
            const cells = root.columns.map((column, i) => [words(column), root.rows[0]?.[i + 2]]).filter(([name]) => name !== "title");
            const verdict = found.errors ? el("span", { className: "bad" }, `✗ ${page.many(found.errors, "error")}`) : el("span", { className: "good" }, "✓ sound");
            const counts = experiment.nodes.slice(1).map(nodes => page.many(nodes.count, nodes.noun)).join(", ");
            return el("article", { className: "card" }, el("h3", {}, experiment.name),
                fields([["stands in", el("code", {}, experiment.place)], ...cells, ["has", counts],
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
            const curve = levels.epoch ?? levels.batch ?? levels.result;
            return curve ? curve[kind === "final" ? "last" : kind] : null;
        };
        const OTHERS = /^(status|start_time|update_time)$/i;
        const extra = [...new Set(page.runs.flatMap(run => Object.keys(run.values)))].filter(column => !OTHERS.test(column));
        const drawnBox = run => {
            const { colour, dash } = page.look(run);
            const box = el("input", { type: "checkbox", checked: state.drawn.has(run.index), "aria-label": `Draw ${run.label}`, onchange: () => { state.drawn[box.checked ? "add" : "delete"](run.index); changed(); } });
            return el("span", {}, box, " ", page.swatch(colour, dash));
        };
        const columns = [
            { name: "drawn", cell: drawnBox, value: run => state.drawn.has(run.index) ? 0 : 1 },
            ...(page.several ? [{ name: "experiment", value: run => run.letter, cell: run => el("span", { title: run.experiment.name }, run.letter) }] : []),
            { name: "trial", value: run => run.trialName },
            { name: "run", value: run => run.id, cell: run => el("a", { href: `#${run.anchor}` }, `run ${run.id}`), number: true, search: true },
            { name: "status", value: run => run.values.status },
            { name: "seconds", value: run => seconds(run.values.start_time, run.values.update_time), cell: run => page.short(seconds(run.values.start_time, run.values.update_time)), number: true },
            ...extra.map(column => ({ name: words(column), value: run => run.values[column] })),
            ...page.metrics.slice(0, 40).map(metric => ({ name: metric.name, number: true, value: run => value(run, metric), cell: run => { const found = value(run, metric); return found === null ? "" : el("span", { title: page.exact(found) }, page.short(found)); } })),
        ];
        const status = el("span", { className: "quiet", role: "status" });
        const changed = () => { status.textContent = `${state.drawn.size} of ${page.many(page.runs.length, "run")} drawn`; page.relegend(); page.redraw(); };
        const choose = runs => { state.drawn = new Set(runs.map(run => run.index)); table.refresh(); changed(); };
        const kinds = el("select", { onchange: () => { kind = kinds.value; table.refresh(); } }, Object.entries(KINDS).map(([key, text]) => el("option", { value: key, selected: key === kind }, text)));
        const table = page.table({
            caption: "Runs", id: "runs", columns, rows: page.runs, free: true, filter: "Filter runs",
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
            return [el("span", { title: curve.run.label }, curve.run.label), bar, el("b", { title: curve.last === null ? "" : page.exact(curve.last) }, curve.last === null ? "no finite number" : page.short(curve.last))];
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
        const ways = [["run", "run"], ["trial", "trial"], ...(page.several ? [["experiment", "experiment"]] : [])];
        const colour = el("select", { id: "colour", onchange: () => { state.colour = colour.value; page.refreshRuns(); page.relegend(); page.redraw(); } }, ways.map(([key, text]) => el("option", { value: key, selected: key === state.colour }, text)));
        const find = el("input", { type: "search", placeholder: "part of a name", oninput: () => figures.forEach(({ figure, name }) => { figure.hidden = !name.toLowerCase().includes(find.value.toLowerCase()); }) });
        const figures = page.metrics.filter(metric => Object.keys(metric.levels).length).map(metric => {
            const there = Object.keys(page.LEVELS).filter(level => metric.levels[level]);
            const level = el("select", { onchange: () => figure.card.refresh(true) }, there.map(key => el("option", { value: key }, page.LEVELS[key])));
            const plot = el("div", { className: "plot" }), caption = el("figcaption", { className: "quiet" });
            const reset = el("button", { type: "button", onclick: () => figure.card.drawn?.reset?.() }, "Show all");
            const figure = el("figure", { className: "card" }, el("header", {}, el("h3", {}, metric.name), el("span", {}, there.length > 1 ? el("label", {}, "of", level) : el("span", { className: "quiet" }, `of ${page.LEVELS[there[0]]}`), " ", reset)), plot, caption);
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
                    made = page.draw(plot, curves.map(withLook), { name: metric.name, marks, zoom });
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
                caption: `${page.metric(metric.value).name} of each label`, id: "labels", free: true, filter: "Filter runs", rows: [...rows.keys()],
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
            caption: "Issues", id: "issues", rows, filter: "Filter issues",
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
            const children = levels.map(() => new Map());
            levels.forEach((nodes, depth) => nodes.rows.forEach((row, at) => {
                const parent = depth ? row[1] : 0;
                if (!children[depth].has(parent)) children[depth].set(parent, []);
                children[depth].get(parent).push(at);
            }));
            const node = (depth, at) => {
                const nodes = levels[depth], [id, , ...cells] = nodes.rows[at];
                const named = nodes.columns.findIndex(column => /^(name|title)$/i.test(column)), status = nodes.columns.findIndex(column => /^status$/i.test(column));
                const body = el("div"), below = depth + 1 < levels.length ? children[depth + 1].get(at) ?? [] : [];
                // A run's own fields are made when they are asked for.
                const fill = () => {
                    if (body.childElementCount) return;
                    body.append(fields(nodes.columns.map((column, i) => [words(column), cells[i]])));
                    const list = files.get(`${nodes.noun}/${at}`);
                    if (list) body.append(el("ul", {}, list));
                    body.append(...below.map(child => node(depth + 1, child)));
                };
                const text = `${nodes.noun} ${id}${named >= 0 && cells[named] ? `: ${cells[named]}` : ""}${status >= 0 && cells[status] ? ` · ${cells[status]}` : ""}${below.length ? ` · ${page.many(below.length, levels[depth + 1].noun)}` : ""}`;
                const details = el("details", { id: page.anchor(e, nodes.noun, id), open: depth === 0, ontoggle: fill }, el("summary", {}, text), body);
                if (below.length) fill();
                return details;
            };
            const root = levels[0].rows.length ? node(0, 0) : null;
            const stray = levels.slice(1).flatMap((nodes, i) => nodes.rows.map((row, at) => [row, at, i + 1])).filter(([row, , depth]) => !levels[depth - 1].rows[row[1]]).map(([, at, depth]) => node(depth, at));
            const rest = experiment.artifacts.count - experiment.artifacts.first.length;
            return el("div", { className: "card" }, root, stray.length ? el("p", { className: "quiet" }, "Of trials that are not listed:") : null, ...stray, rest > 0 ? el("p", { className: "quiet" }, `${rest} more links to artifacts are not listed.`) : null);
        });
        section("tree", "Tree", ...trees);
    };
})();
