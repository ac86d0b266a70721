// Puts the page together.
"use strict";
(() => {
    const { data } = page, root = document.documentElement;
    document.getElementById("title").textContent = page.inOrder(data.title);
    document.getElementById("made").textContent = `Made ${data.made.replace("T", " ").replace("Z", " UTC")} by expmig ${data.version}`;
    const theme = document.getElementById("theme");
    theme.addEventListener("change", () => {
        if (theme.value) root.dataset.theme = theme.value; else delete root.dataset.theme;
        page.refreshRuns();
        page.relegend();
        page.redraw();
    });
    page.overview();
    page.comparison();
    page.curves();
    page.runTable();
    page.textTable();
    page.labels();
    // Validation leads to the tree, which has to be there.
    const main = document.getElementById("main"), contents = document.getElementById("contents");
    page.tree();
    const tree = main.lastElementChild, entry = contents.lastElementChild;
    page.findings();
    main.append(tree);
    contents.append(entry);

    // A link into the tree opens what its end is in.
    const arrive = () => {
        const target = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
        if (!target) return;
        for (let at = target; at; at = at.parentElement) if (at.tagName === "DETAILS") at.open = true;
        target.scrollIntoView();
        target.querySelector("summary")?.focus({ preventScroll: true });
    };
    addEventListener("hashchange", arrive);
    arrive();

    // On paper everything is drawn, and dark on light.
    let before;
    addEventListener("beforeprint", () => { before = root.dataset.theme; root.dataset.theme = "light"; page.redraw(); page.drawAll(); });
    addEventListener("afterprint", () => { if (before) root.dataset.theme = before; else delete root.dataset.theme; page.redraw(); });
    root.dataset.ready = "yes";
    performance.mark("ready");
})();
