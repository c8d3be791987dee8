// What every page does beyond links and forms: the drawer that opens a number, menus, theme, wall, keys, copying a card.
// Everything here is a comfort: without script each link still leads to its page.
(() => {
  const root = document.documentElement;
  const $ = (selector, within = document) => within.querySelector(selector);
  const drawer = $("#drawer"), keys = $("#keys"), toast = $("#toast");

  const say = (text) => {
    toast.textContent = text;
    clearTimeout(say.timer);
    say.timer = setTimeout(() => { toast.textContent = ""; }, 2500);
  };

  const openFigure = async (link) => {
    try {
      const reply = await fetch(link.href, { headers: { "HX-Request": "true", "HX-Target": "drawer-body" } });
      if (!reply.ok || reply.redirected) throw new Error(reply.status);
      const body = $("#drawer-body");
      body.innerHTML = await reply.text();
      if (window.htmx) htmx.process(body);
      $("#drawer-page").href = link.href;
      if (!drawer.open) drawer.showModal();
      drawer.scrollTop = 0;
    } catch (error) { location.assign(link.href); }
  };

  const toggleTheme = () => {
    const dark = root.dataset.theme === "dark" || (root.dataset.theme !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
    root.dataset.theme = dark ? "light" : "dark";
    try { localStorage.setItem("theme", root.dataset.theme); } catch (error) { /* lasts for this page only */ }
  };

  const tableText = (table) => [...table.rows].map((row) => [...row.cells].map((cell) => {
    const text = cell.innerText.trim().replace(/\s+/g, " ");
    return /[",]/.test(text) ? `"${text.replace(/"/g, '""')}"` : text;
  }).join(",")).join("\n");

  const copyCard = async () => {
    const card = document.activeElement.closest(".card") || $(".card:hover");
    if (!card) return say("Point at a card, or move the focus into one, then press c");
    const link = $("a[data-csv]", card), table = $("table", card);
    if (!link && !table) return say("This card has no table");
    try {
      const text = link ? await (await fetch(link.href)).text() : tableText(table);
      await navigator.clipboard.writeText(text);
      say(`Copied ${text.trim().split("\n").length - 1} rows`);
    } catch (error) { say("The browser did not allow copying; use the CSV link"); }
  };

  const actions = {
    "/": () => { const box = $("input[type=search]"); box ? box.focus() : say("Nothing to search on this page"); },
    "[": () => follow("prev"), "]": () => follow("next"),
    t: () => { const twins = [...document.querySelectorAll("details.twin")], open = twins.some((twin) => !twin.open); twins.forEach((twin) => { twin.open = open; }); },
    d: toggleTheme, p: () => root.toggleAttribute("data-wall"), c: copyCard, "?": () => keys.showModal(),
  };
  const follow = (rel) => { const link = $(`a[rel=${rel}]`); if (link) link.click(); };

  document.addEventListener("click", (event) => {
    const target = event.target;
    document.querySelectorAll("details.menu[open]").forEach((menu) => { if (!menu.contains(target)) menu.open = false; });
    if (target.matches("dialog")) return target.close();
    const doing = target.closest("[data-do]");
    if (doing) return { theme: toggleTheme, print: () => print(), keys: actions["?"], close: () => doing.closest("dialog").close() }[doing.dataset.do]();
    const link = target.closest("a.num, a[data-f]");
    if (!link || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    openFigure(link);
  });

  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") return document.querySelectorAll("details.menu[open]").forEach((menu) => { menu.open = false; $("summary", menu).focus(); });
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select, textarea, [contenteditable], dialog")) return;
    const act = actions[event.key];
    if (act) { event.preventDefault(); act(); }
  });

  // A filter form marked data-auto is sent when a choice changes; its button stays for those without script.
  document.addEventListener("change", (event) => { const form = event.target.closest("form[data-auto]"); if (form && event.target.matches("select")) form.requestSubmit(); });
})();
