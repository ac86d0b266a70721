// A picture of curves: hover and keys, zoom, gaps where there is no number.
"use strict";
(() => {
    const { el, state } = page;
    const HEIGHT = 270, LINES = 8;
    const css = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
    const oddText = curves => {
        const sums = [0, 0, 0, 0], names = ["NaN", "+∞", "−∞", "not a number"];
        for (const curve of curves) curve.odd?.forEach((count, i) => { sums[i] += count; });
        const parts = names.map((name, i) => sums[i] ? `${sums[i].toLocaleString("en")} ${name}` : "").filter(Boolean);
        return parts.length ? `gaps: ${parts.join(", ")}` : "";
    };

    // What is said below a picture: how many values, what is not drawn.
    page.caption = (curves, below) => {
        const values = curves.reduce((sum, curve) => sum + curve.count, 0), points = curves.reduce((sum, curve) => sum + curve.y.length, 0);
        const parts = [page.many(curves.length, "curve"), page.many(values, "value")];
        if (points < values) parts.push(`drawn by ${points.toLocaleString("en")} points, lowest and highest of each stretch among them`);
        parts.push(oddText(curves));
        if (state.log && below) parts.push(`${page.many(below, "point")} ≤ 0 not on a logarithmic axis`);
        return parts.filter(Boolean).join(" · ");
    };

    // The point of a curve that is nearest to a position.
    const nearest = (curve, x) => {
        let low = 0, high = curve.x.length - 1;
        while (low < high) {
            const middle = (low + high) >> 1;
            if (curve.x[middle] < x) low = middle + 1; else high = middle;
        }
        if (low > 0 && Math.abs(curve.x[low - 1] - x) <= Math.abs(curve.x[low] - x)) low--;
        return low;
    };

    const allWhole = curves => curves.every(curve => curve.x.length < 2 || curve.level === "epoch" || curve.level === "step");

    // The points between two gaps, which no line shows.
    const isolated = (u, at) => {
        const values = u.data[at], found = [];
        let before = null, here = null, place = 0;
        for (let i = 0; i <= values.length; i++) {
            const value = i < values.length ? values[i] : null;
            if (value === undefined) continue;
            if (here !== null && before === null && value === null) found.push(place);
            before = here;
            here = value;
            place = i;
        }
        return found;
    };

    // Places of the numbers beside an axis whose values are too large, or on a logarithmic one too small or too far apart, for the library, which has none there:
    // powers of ten, few enough to have room, on a logarithmic axis, and equal steps on the other.
    const POWERS = 8;
    const powers = (u, at, low, high) => {
        const first = Math.ceil(Math.log10(low)), last = Math.floor(Math.log10(high)), step = Math.max(1, Math.ceil((last - first) / POWERS)), found = [];
        for (let power = first; power <= last; power += step) found.push(Number(`1e${power}`));
        return found.length > 1 ? found : [low, high];
    };
    const even = (u, at, low, high) => {
        const step = Number(`1e${Math.floor(Math.log10(high - low))}`), first = Math.ceil(low / step), last = Math.floor(high / step), found = [];
        for (let n = 0; n <= last - first && n < 20; n++) found.push((first + n) * step);
        return found;
    };

    // Draws curves into `plot`. Each has x, y, label, and look() of colour and dash; `marks` are single points beside them.
    // Returns { caption, destroy, reset }.
    page.draw = (plot, curves, { name, marks = [], level = "epoch", zoom = null }) => {
        const what = page.AXES[level] ?? "epoch", isClock = level === "clock";
        let below = 0, lowest = Infinity, highest = 0;
        const clean = values => values.map(value => {
            if (value === null) return null;
            if (state.log && value <= 0) {
                below++;
                return null;
            }
            const size = Math.abs(value);
            if (size > 0 && size < lowest) lowest = size;
            if (size > highest) highest = size;
            return value;
        });
        const tables = [], series = [{}];
        const add = (x, y, options) => { tables.push([x, y]); series.push({ spanGaps: false, ...options }); };
        const shown = [], lines = new Set();
        for (const curve of curves) {
            const values = clean(curve.y), dash = curve.look().dash, few = curve.x.length < 2;
            const smooth = state.smooth > 0 && !few;
            const line = alpha => ({ stroke: () => curve.look().colour, width: alpha < 1 ? 1 : 1.6, alpha, dash, points: alpha < 1 ? { show: false } : { show: curve.x.length <= 40, size: few ? 7 : 4, filter: curve.x.length <= 40 ? undefined : isolated, fill: () => curve.look().colour } });
            add(curve.x, values, line(smooth ? 0.28 : 1));
            if (smooth) add(curve.x, page.smoothed(values, state.smooth), line(1));
            shown.push({ curve, at: series.length - 1 });
            lines.add(series.length - 1);
        }
        for (const mark of marks) {
            const look = mark.look;
            add(mark.x, clean(mark.y), { stroke: () => look().colour, paths: () => null, points: { show: true, size: 9, width: 2, stroke: () => look().colour, fill: () => css("--card") } });
            shown.push({ curve: mark, at: series.length - 1 });
        }
        const data = tables.length ? uPlot.join(tables) : [[0], []];
        const axis = { stroke: () => css("--quiet"), grid: { stroke: () => css("--line"), width: 1 }, ticks: { stroke: () => css("--line"), width: 1 }, font: "12px system-ui, sans-serif" };
        // Room beside the last value, for a point to be whole.
        const edge = (u, min, max) => {
            if (max === null) return [0, 1];
            if (min === max) return [min - 1, max + 1];
            return [min, max === data[0][data[0].length - 1] ? max + (max - min) * 0.02 : max];
        };
        // A dot on a line where the cursor is; what is a point already needs none.
        const dot = (u, at) => {
            if (!lines.has(at)) return null;
            const element = el("div");
            Object.assign(element.style, { width: "7px", height: "7px", marginLeft: "-3.5px", marginTop: "-3.5px" });
            return element;
        };
        const steps = [];
        for (let power = allWhole(curves) ? 0 : -3; power < 15; power++) for (const digit of [1, 2, 5]) steps.push(digit * 10 ** power);
        const tip = el("div", { className: "tip", hidden: true, role: "status" });
        let focused = null;
        const show = u => {
            const index = u.cursor.idx;
            if (index === null || index === undefined || u.cursor.left < 0) { tip.hidden = true; return; }
            const x = u.data[0][index], found = [], limit = (u.scales.x.max - u.scales.x.min) / 50;
            for (const { curve, at } of shown) {
                const i = nearest(curve, x);
                if (i < 0 || Math.abs(curve.x[i] - x) > limit) continue;
                found.push({ curve, at, i, value: curve.y[i], px: curve.y[i] === null ? Infinity : Math.abs(u.valToPos(curve.y[i], "y") - u.cursor.top) });
            }
            if (!found.length) { tip.hidden = true; return; }
            const near = found.reduce((a, b) => (b.px < a.px ? b : a));
            focused = near.px < 40 ? near.at : null;
            found.sort((a, b) => a.px - b.px);
            const rest = found.length - LINES;
            const chosen = found.slice(0, LINES).sort((a, b) => (b.value ?? -Infinity) - (a.value ?? -Infinity));
            tip.replaceChildren(el("div", {}, el("b", {}, `${isClock ? "" : what === page.AXES.elapsed ? "second " : what + " "}${page.at(level, x)}`)), ...chosen.map(({ curve, at, i, value }) => {
                const look = curve.look();
                const text = value === null ? "no finite number" : (at === focused ? page.exact(value) : String(Number(value.toPrecision(7)))) + (curve.x[i] === x ? "" : ` at ${page.at(level, curve.x[i])}`);
                return el("div", { className: at === focused ? "near" : "" }, page.swatch(look.colour, look.dash ?? []), el("span", {}, curve.label), el("span", {}, text));
            }), rest > 0 ? el("div", { className: "quiet" }, `and ${rest} more`) : "");
            tip.hidden = false;
            const left = u.bbox.left / devicePixelRatio + u.cursor.left, width = tip.offsetWidth, room = plot.clientWidth;
            tip.style.left = `${Math.max(0, left + 14 + width > room ? left - width - 14 : left + 14)}px`;
            tip.style.top = `${Math.max(0, Math.min(u.cursor.top, HEIGHT - tip.offsetHeight))}px`;
        };
        const far = highest > 1e30 || (state.log && (lowest < 1e-30 || highest / lowest > 10 ** POWERS));
        const options = {
            width: Math.max(200, plot.clientWidth), height: HEIGHT, legend: { show: false }, series,
            ...(isClock ? { tzDate: seconds => uPlot.tzDate(new Date(seconds * 1e3), "Etc/UTC") } : {}),
            scales: { x: { time: isClock, range: edge }, y: state.log ? { distr: 3 } : {} },
            axes: [{ ...axis, label: what, labelSize: 20, labelFont: "12px system-ui, sans-serif", ...(isClock ? {} : { incrs: steps, values: (u, ticks) => ticks.map(page.tick) }) }, { ...axis, size: 64, values: (u, ticks) => ticks.map(page.tick), ...(far ? { incrs: (u, at, low, high) => [high - low], splits: state.log ? powers : even, filter: (u, ticks) => ticks } : {}) }],
            cursor: { y: false, drag: { x: true, y: false }, points: { show: dot } },
            hooks: { setCursor: [show] },
        };
        const chart = new uPlot(options, data, plot);
        plot.append(tip);
        if (zoom) chart.setScale("x", zoom);
        const all = data[0];
        const whole = () => chart.setScale("x", { min: all[0], max: all[all.length - 1] });
        const key = event => {
            const last = all.length - 1, { min, max } = chart.scales.x, half = (max - min) / 4, middle = (min + max) / 2;
            const at = chart.cursor.idx ?? null;
            const inView = i => Math.max(0, Math.min(last, i));
            const go = i => chart.setCursor({ left: chart.valToPos(all[inView(i)], "x"), top: chart.over.clientHeight / 2 });
            const leap = event.shiftKey ? Math.max(1, Math.round(last / 20)) : 1;
            const actions = {
                ArrowRight: () => go(at === null ? 0 : at + leap), ArrowLeft: () => go(at === null ? last : at - leap), Home: () => go(0), End: () => go(last),
                "+": () => chart.setScale("x", { min: middle - half, max: middle + half }), "-": () => chart.setScale("x", { min: Math.max(all[0], middle - 4 * half), max: Math.min(all[last], middle + 4 * half) }),
                Escape: () => { whole(); chart.setCursor({ left: -10, top: -10 }); },
            };
            if (!actions[event.key]) return;
            event.preventDefault();
            actions[event.key]();
        };
        plot.tabIndex = 0;
        plot.setAttribute("role", "group");
        plot.setAttribute("aria-label", `${name}: ${page.many(curves.length, "curve")}. Arrow keys read values, + and − zoom, Escape shows all.`);
        plot.onkeydown = key;
        plot.onblur = () => { tip.hidden = true; };
        return {
            chart, caption: page.caption(curves, below), reset: whole,
            zoom: () => { const { min, max } = chart.scales.x; return all.length > 1 && (min > all[0] || max < all[all.length - 1]) ? { min, max } : null; },
            resize: () => { const width = Math.max(200, plot.clientWidth); if (width !== chart.width) chart.setSize({ width, height: HEIGHT }); },
            destroy: () => { chart.destroy(); tip.remove(); },
        };
    };

    // Cards are drawn when they come into view, and again when something changes that they show.
    const cards = new Set();
    const watcher = new IntersectionObserver(entries => entries.forEach(entry => { entry.target.card.seen = entry.isIntersecting; if (entry.isIntersecting) entry.target.card.refresh(); }), { rootMargin: "400px" });
    const sizes = new ResizeObserver(entries => entries.forEach(entry => entry.target.card.drawn?.resize?.()));
    page.card = (element, draw) => {
        const card = { seen: false, dirty: true, drawn: null, refresh(force) {
            if (!card.dirty && !force) return;
            card.dirty = false;
            const zoom = card.drawn?.zoom?.() ?? null;
            card.drawn?.destroy?.();
            card.drawn = draw(zoom);
        } };
        element.card = card;
        cards.add(card);
        watcher.observe(element);
        sizes.observe(element);
        return card;
    };
    let due = false;
    page.redraw = () => {
        cards.forEach(card => { card.dirty = true; });
        if (due) return;
        due = true;
        requestAnimationFrame(() => { due = false; cards.forEach(card => { if (card.seen) card.refresh(); }); });
    };
    page.drawAll = () => cards.forEach(card => card.refresh());
})();
