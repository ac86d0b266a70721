// A table that sorts and filters.
"use strict";
(() => {
    const { el } = page;
    const FIRST = 200;

    // columns: { name, value(row): to sort and filter by, cell(row): what is shown, number: which is not filtered by unless search }.
    // kind: free: each row is one line, wide: the table scrolls in its box where it is narrower than texts need. Returns { element, refresh, visible }.
    page.table = ({ caption, columns, rows, id, filter = "Filter", kind = "", onfilter, tools = [] }) => {
        let sort = null, down = false, text = "", all = false, visible = rows;
        const body = el("tbody"), count = el("span", { className: "quiet", role: "status" });
        const more = el("button", { type: "button", hidden: true, onclick: () => { all = true; fill(); } });
        const input = el("input", { type: "search", id: `${id}-filter`, autocomplete: "off", placeholder: "words, or -word", oninput: () => { text = input.value; fill(); onfilter?.(visible); } });
        const heads = columns.map(column => {
            const head = el("th", { scope: "col", className: column.number ? "number" : "" });
            head.append(column.value ? el("button", { type: "button", onclick: () => { down = sort === column && !down; sort = column; fill(); } }, column.name) : column.name);
            column.head = head;
            return head;
        });
        const matches = row => {
            const words = text.toLowerCase().split(/\s+/).filter(Boolean);
            if (!words.length) return true;
            const all = columns.filter(column => !column.number || column.search).map(column => column.value ? String(column.value(row) ?? "") : "").join("\n").toLowerCase();
            return words.every(word => word.length > 1 && word.startsWith("-") ? !all.includes(word.slice(1)) : all.includes(word));
        };
        const compare = (a, b) => {
            // Nothing comes last, whichever way.
            if (a === b) return 0;
            if (a === null || a === undefined || a === "") return 2;
            if (b === null || b === undefined || b === "") return -2;
            return typeof a === "number" && typeof b === "number" ? (a < b ? -1 : 1) : String(a).localeCompare(String(b), "en", { numeric: true }) < 0 ? -1 : 1;
        };
        const fill = () => {
            visible = rows.filter(matches);
            if (sort) {
                visible = visible.map((row, at) => ({ row, at, key: sort.value(row) }));
                visible.sort((a, b) => { const way = compare(a.key, b.key); return way === 0 ? a.at - b.at : Math.abs(way) === 2 || !down ? way : -way; });
                visible = visible.map(one => one.row);
            }
            columns.forEach(column => column.head.setAttribute("aria-sort", sort !== column ? "none" : down ? "descending" : "ascending"));
            const listed = all ? visible : visible.slice(0, FIRST);
            body.replaceChildren(...listed.map(row => el("tr", {}, columns.map(column => el("td", { className: `${column.number ? "number" : ""} ${column.mark?.(row) ?? ""}`.trim() || null }, column.cell ? column.cell(row) : String(column.value(row) ?? ""))))));
            count.textContent = visible.length === rows.length ? page.many(rows.length, "row") : `${visible.length.toLocaleString("en")} of ${page.many(rows.length, "row")}`;
            more.hidden = listed.length === visible.length;
            more.textContent = `Show all ${visible.length.toLocaleString("en")} rows`;
        };
        fill();
        const controls = el("div", { className: "controls" }, el("label", {}, filter, input), ...tools, count, more);
        const box = el("div", { className: "scroll", tabIndex: 0, role: "region", "aria-label": caption }, el("table", { className: kind }, el("caption", {}, caption), el("thead", {}, el("tr", {}, heads)), body));
        return { element: el("div", {}, controls, box), refresh: fill, visible: () => visible };
    };
})();
