// Draws every [data-figure] with Plotly. Figures carry roles, not colours; this file maps roles to CSS tokens, so that
// theme, wall, print and width changes simply draw again. A figure is the JSON of a json_script element on the page.
// Roles: supply demand firm band short base limit hold delivery, p-* (stacked purposes), or any token of app.css.
(() => {
  const root = document.documentElement;
  const LINES = { supply: [2.5], demand: [2], firm: [1.5, "dot"], limit: [1.5, "dash"], hold: [1.5, "dash"] };
  const TEXT = ["bad", "good", "warn", "accent", "fg", "fg-2"];
  const probe = document.body.appendChild(document.createElement("span"));
  probe.hidden = true;

  // light-dark() and color-mix() resolve only in a computed colour, never by reading the property itself.
  const color = (token) => {
    probe.style.color = `var(--${{ limit: "fg-2", delivery: "line-2", band: "demand", short: "bad", hold: "accent" }[token] || token})`;
    return getComputedStyle(probe).color;
  };
  const faint = (token, share) => color(token).replace(/rgba?\(([^)]+)\)/, (_, c) => `rgba(${c.split(",").slice(0, 3)},${share})`);

  const paintTrace = (trace) => {
    const role = trace.meta && trace.meta.role;
    if (!role) return;
    if (trace.type === "bar") {
      trace.marker = { ...trace.marker, color: color(role), line: { color: color("bg-1"), width: 1 } };
      if (role === "hold") trace.marker.pattern = { shape: "/", fgcolor: color("accent"), bgcolor: color("accent-bg"), size: 6 };
      return;
    }
    const line = { shape: "hv", ...trace.line };
    if (role === "base") Object.assign(line, { width: 0, color: "rgba(0,0,0,0)" });
    else if (role === "band" || role === "short") {
      Object.assign(line, { width: 0 });
      trace.fillcolor = faint(role, role === "band" ? 0.1 : 0.28);
    } else if (role.startsWith("p-")) {
      Object.assign(line, { color: color("bg-1"), width: 1 });
      trace.fillcolor = color(role);
    } else {
      const [width, dash] = LINES[role] || [2];
      Object.assign(line, { color: color(role), width, dash: line.dash || dash });
      if (trace.fill) Object.assign(trace, role === "hold"
        ? { fillpattern: { shape: "/", fgcolor: color("accent"), bgcolor: faint("accent", 0.12), size: 6 } }
        : { fillcolor: faint(role, 0.12) });
    }
    trace.line = line;
    if (trace.marker) trace.marker = { color: color(role), ...trace.marker };
  };

  const roleOf = (item) => (/^role:(\S+)/.exec(item.name || "") || [])[1];

  // On a narrow screen the labels of the right margin would eat the plot: a legend above it takes their place.
  const makeNarrow = (data, layout) => {
    for (const trace of data) if (["base", "band", "short"].includes((trace.meta || {}).role)) trace.showlegend = false;
    // Labels of deliveries would stand upon one another: their lines stay, the table of lots names them.
    layout.annotations = (layout.annotations || []).filter((note) => roleOf(note) !== "delivery" && !(note.xref === "paper" && note.x > 1));
    for (const note of layout.annotations) if (roleOf(note) === "bad") note.text = note.text.replace(/ week of .*/, "");
    // Two names stand side by side where they are short; a long one would stand upon its neighbour.
    const named = data.filter((trace) => trace.name && trace.showlegend !== false);
    const isLong = named.some((trace) => trace.name.length > 22);
    layout.margin = { ...layout.margin, r: 8, t: isLong ? Math.max(56, 20 * named.length + 16) : 56 };
    layout.showlegend = true;
    layout.legend = { orientation: "h", x: 0, y: 1.02, yanchor: "bottom", entrywidth: isLong ? 1 : 0.5, entrywidthmode: "fraction", font: { size: 11 } };
  };

  const paintLayout = (layout, k) => {
    const fg = color("fg"), grid = color("line"), rule = color("line-2");
    const margin = { l: 40, r: 172, t: 8, b: 28, pad: 0, ...layout.margin };
    for (const side in margin) margin[side] *= k;
    for (const note of layout.annotations || []) {
      const role = roleOf(note);
      note.showarrow = note.showarrow || false;
      note.font = { ...note.font, size: ((note.font || {}).size || 12) * k, color: TEXT.includes(role) ? color(role) : fg };
      if (role === "delivery") note.font.color = color("fg-2");
      for (const shift of ["xshift", "yshift"]) if (note[shift]) note[shift] *= k;
      if (role && note.text.startsWith("■")) {
        note.font.color = fg;
        note.text = `<span style="color:${color(role)}">■</span>${note.text.slice(1)}`;
      }
    }
    for (const shape of layout.shapes || []) {
      const role = roleOf(shape) || "line-2";
      shape.line = { width: 1, dash: "dot", ...shape.line, color: color(role) };
      if (shape.type === "rect") shape.fillcolor = faint(role, 0.12);
    }
    const axis = { fixedrange: true, zeroline: false, automargin: false, title: { text: "" }, color: color("fg-2") };
    for (const name of Object.keys({ xaxis: 1, yaxis: 1, ...layout })) {
      if (/^xaxis/.test(name)) layout[name] = { ...axis, showgrid: false, showline: true, linecolor: rule, ticks: "outside", tickcolor: rule, ticklen: 4, ...layout[name] };
      if (/^yaxis/.test(name)) layout[name] = { ...axis, showgrid: true, gridcolor: grid, showline: false, nticks: 5, ...layout[name] };
    }
    return {
      showlegend: false, hovermode: "x unified", bargap: 0.15, ...layout, margin, template: undefined,
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", autosize: true,
      font: { family: getComputedStyle(document.body).fontFamily, size: 12 * k, color: fg },
      hoverlabel: { bgcolor: color("bg-1"), bordercolor: rule, font: { color: fg, size: 12 * k } },
    };
  };

  const draw = (box) => {
    const source = document.getElementById(box.dataset.figure);
    if (!source || !box.clientWidth) return;
    const figure = JSON.parse(source.textContent);
    const k = parseFloat(getComputedStyle(root).fontSize) / 16;
    const data = figure.data || [], layout = figure.layout || {};
    if (box.clientWidth < 480 * k) makeNarrow(data, layout);
    data.forEach(paintTrace);
    Plotly.react(box, data, { ...paintLayout(layout, k), width: box.clientWidth, height: box.clientHeight },
      { displayModeBar: false, doubleClick: false, showTips: false });
  };
  const boxes = () => document.querySelectorAll("[data-figure]");
  const drawAll = () => { if (window.Plotly) boxes().forEach(draw); };
  const drawNew = () => { if (window.Plotly) boxes().forEach((box) => { if (!box.classList.contains("js-plotly-plot")) draw(box); }); };

  let waiting = 0;
  const soon = () => { cancelAnimationFrame(waiting); waiting = requestAnimationFrame(drawAll); };
  new MutationObserver(soon).observe(root, { attributes: true, attributeFilter: ["data-theme", "data-wall"] });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", soon);
  matchMedia("print").addEventListener("change", drawAll);  // at once: the printer does not wait for a frame
  addEventListener("resize", soon);
  document.addEventListener("htmx:afterSwap", drawNew);
  drawAll();
})();
