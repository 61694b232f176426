  // What is filtered, sorted, opened and deleted lives in the address: a link shows what its sender saw.
  const KEPT = ["class", "correct", "role", "method", "layer", "sort", "order", "curve", "pixels"];
  const LISTED = KEPT.slice(0, 7);
  const known = (text) => { try { return decodeURIComponent(text); } catch { return null; } };
  const parsed = () => new Map(location.hash.slice(1).split("&").filter((part) => part.includes("=")).map((part) => {
    const [name, ...rest] = part.split("=");
    return [name, known(rest.join("="))];
  }));
  const address = (index) => {
    const parts = index >= 0 ? [`image=${encodeURIComponent(data.images[index].id)}`] : [];
    for (const id of KEPT) if (by(id).value !== state.defaults[id]) parts.push(`${id}=${encodeURIComponent(by(id).value)}`);
    return `#${parts.join("&") || "gallery"}`;
  };
  const go = (index) => { location.hash = address(index); open(index); };
  const write = () => history.replaceState(null, "", location.pathname + location.search + address(state.open));
  const step = (by_) => {
    const next = state.shown[state.shown.indexOf(state.open) + by_];
    if (next !== undefined) go(next);
  };
  const follow = () => {
    const wanted_ = parsed();
    if (!wanted_.size && !["", "#gallery"].includes(location.hash)) return; // a link to a section
    let listed = false, moved = false;
    for (const id of KEPT) {
      const before = by(id).value;
      by(id).value = wanted_.get(id) ?? state.defaults[id];
      if (!by(id).value) by(id).value = state.defaults[id];
      listed ||= LISTED.includes(id) && by(id).value !== before;
      moved ||= !LISTED.includes(id) && by(id).value !== before;
    }
    if (listed) select();
    const index = place.get(wanted_.get("image")) ?? -1;
    if (index >= 0 && (index !== state.open || listed)) open(index);
    else if (index >= 0 && moved) live(data.images[index], by("layer").value, Number(by("target").value));
    else if (index < 0 && by("detail").open) by("detail").close();
  };

  options("class", [["", "all"], ...[...new Set(data.images.map((image) => image.label))].sort().map((label) => [label, label])]);
  options("method", data.methods.map((m) => [m.name, m.title]));
  options("layer", data.layers.map((l) => [l.name, l.title]));
  options("sort", [["name", "name"], ...(data.methods.length > 1 ? [["disagreement", "disagreement of the first two methods"]] : []), ...data.metrics.map((m) => [m.name, m.title])]);
  options("curve", data.curves.length ? data.curves.map((title, i) => [i, title]) : [["", "deletion, blur"]]);
  if (data.order.length) by("method").value = data.order[0];
  by("every-label").hidden = data.methods.length <= FEW;
  state.defaults = Object.fromEntries(KEPT.map((id) => [id, by(id).value]));
  LISTED.forEach((id) => { by(id).onchange = () => { select(); write(); }; });
  by("blend").oninput = () => panels(data.images[state.open], by("layer").value, by("blend").value / 100);
  by("target").onchange = detail;
  by("every").onchange = detail;
  by("curve").onchange = () => { write(); live(data.images[state.open], by("layer").value, Number(by("target").value)); };
  by("pixels").oninput = () => { if (state.live) state.live(); };
  by("pixels").onchange = write;
  by("previous").onclick = () => step(-1);
  by("next").onclick = () => step(1);
  by("close").onclick = () => by("detail").close();
  by("detail").addEventListener("close", () => { state.open = -1; write(); });
  by("detail").addEventListener("keydown", (event) => {
    if (["INPUT", "SELECT"].includes(event.target.tagName)) return;
    if (event.key === "ArrowLeft") step(-1);
    if (event.key === "ArrowRight") step(1);
  });
  // A dot of a figure is an image.
  document.addEventListener("click", (event) => {
    const dot = event.target.closest && event.target.closest(".dot[data-i]");
    if (dot) go(Number(dot.dataset.i));
  });
  document.addEventListener("mouseover", (event) => {
    const dot = event.target.closest && event.target.closest(".dot[data-i]");
    if (!dot || dot.firstChild) return;
    const title = drawn("title", {});
    title.textContent = data.images[Number(dot.dataset.i)].title;
    dot.append(title);
  });
  window.addEventListener("hashchange", follow);
  section.hidden = false;
  if (location.hash === "#gallery") section.scrollIntoView();
  examples();
  select();
  follow();
