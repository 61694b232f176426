  // The gallery's cards, and the wins and losses above it.
  const select = () => {
    const label = by("class").value, correct = by("correct").value, key = by("sort").value;
    const method = by("method").value, layer = by("layer").value, sign = by("order").value === "up" ? 1 : -1;
    const chosen = data.images.map((image, index) => index).filter((index) => {
      const image = data.images[index], right = shows(image).includes(data.classes.indexOf(image.predicted));
      return (!label || image.label === label) && (!correct || (correct === "yes") === right)
        && !(by("role").value === "wrong" && !withRole(image, "wrong").length);
    });
    const value = (index) => {
      const image = data.images[index];
      if (key === "name") return null;
      if (key === "disagreement") return image.disagreement[layer] ?? null;
      return score(image, method, layer, wanted(image), key);
    };
    const values = new Map(chosen.map((index) => [index, value(index)]));
    chosen.sort((a, b) => {
      const x = values.get(a), y = values.get(b);
      if (x === null || y === null) return (x === null) - (y === null) || (key === "name" ? sign : 1) * (a - b);
      return sign * (x - y) || a - b;
    });
    state.shown = chosen;
    state.pages = 1;
    list(values);
  };

  const list = (values) => {
    const method = by("method").value, layer = by("layer").value;
    const cards = state.shown.slice(0, PAGE * state.pages).map((index) => {
      const image = data.images[index], canvas = make("canvas"), value = values.get(index);
      paint(canvas, image, method, layer, wanted(image), 0.55);
      const text = `${image.label}, called ${image.predicted}` + (value === null ? "" : `; ${number(value)}`);
      const button = make("button", { type: "button" }, [canvas, make("b", { textContent: image.title }), make("span", { textContent: text })]);
      button.dataset.index = index;
      button.onclick = () => go(index);
      return make("li", {}, [button]);
    });
    by("cards").replaceChildren(...cards);
    const sample = data.images.length < data.total ? `; this page holds ${data.images.length} of the run's ${data.total}, and ranks and percentiles are among them` : "";
    by("count").textContent = `${cards.length} of ${state.shown.length} images${sample}`;
    by("more").hidden = cards.length === state.shown.length;
    by("more").onclick = () => { state.pages += 1; list(values); };
  };

  // Two images on which a method is furthest ahead of the others, and two on which it is furthest behind.
  const example = (entry, ids, title, more) => {
    const layer = data.layers[0].name, rival = data.methods.length === 2 ? data.order.find((m) => m !== entry.method) : null;
    const metric = data.metrics.find((m) => m.name === entry.metric).title;
    const cards = ids.filter((id) => place.has(id)).map((id) => {
      const image = data.images[place.get(id)], target = shows(image)[0];
      const pair = [rival ? rival : null, entry.method].map((method) => {
        const canvas = make("canvas");
        paint(canvas, image, method, layer, target, 0.55);
        return canvas;
      }).reverse();
      const values = [entry.method, ...(rival ? [rival] : [])].map((m) => `${titleOf(m)} ${number(score(image, m, layer, target, entry.metric))}`);
      const button = make("button", { type: "button" }, [make("div", { className: "pair" }, pair), make("span", { textContent: `${values.join(", ")}; ${image.title}` })]);
      button.onclick = () => go(place.get(id));
      return make("li", {}, [button]);
    });
    const what = cards.length ? make("ul", {}, cards) : make("p", { className: "soft", textContent: "on no image" });
    return make("div", { className: more ? "example more" : "example" }, [make("h3", { textContent: `${title}: ${metric}` }), what]);
  };
  const examples = () => {
    const ahead = (entry, more) => example(entry, entry.wins, `${titleOf(entry.method)} wins`, more);
    const behind = (entry, more) => example(entry, entry.losses, `${titleOf(entry.method)} loses`, more);
    const sorted = data.order.map((name) => data.examples.find((entry) => entry.method === name)).filter(Boolean);
    if (!sorted.length) return;
    const two = data.methods.length === 2; // what one wins the other loses
    const box = document.getElementById("examples-list");
    box.append(...(two ? sorted.map((entry) => ahead(entry, false)) : [ahead(sorted[0], false), behind(sorted[0], false)]));
    document.getElementById("examples").hidden = false;
    if (two || sorted.length < 2) return;
    const fold = make("details", {}, [make("summary", { textContent: `the other ${sorted.length - 1} methods` })]);
    const inside = make("div", { id: "examples-more" });
    fold.append(inside);
    fold.addEventListener("toggle", () => {
      if (!inside.children.length) inside.append(...sorted.slice(1).flatMap((entry) => [ahead(entry, true), behind(entry, true)]));
    });
    box.after(fold);
  };
