  // The opened image: maps of every class and method, curves, scores with percentiles.
  // Share of the images on which the same role's map scores no more.
  const percentile = (value, method, layer, role, target, metric) => {
    const all = data.images.map((image) => {
      const there = withRole(image, role);
      if (!there.length || (role === "present" && !there.includes(target))) return null;
      return score(image, method, layer, role === "present" ? target : there[0], metric);
    }).filter((v) => v !== null);
    return all.length ? Math.round(100 * all.filter((v) => v <= value).length / all.length) : null;
  };

  const curves = (image, layer, target) => data.curves.map((title, place_) => {
    const [width, height] = [260, 150];
    const label = `probability of ${data.classTitles[target]}: ${title}`;
    const svg = drawn("svg", { viewBox: `0 0 ${width + 40} ${height + 40}`, width: width + 40, height: height + 40, class: "chart", role: "img", "aria-label": label });
    svg.append(drawn("rect", { x: 30, y: 10, width, height, class: "frame" }));
    [0, 0.5, 1].forEach((v) => {
      const text = drawn("text", { x: 26, y: 14 + height * (1 - v), "text-anchor": "end", class: "label" });
      text.textContent = v;
      svg.append(text);
    });
    let lines = 0;
    compared().slice(0, FEW).forEach((method, m) => {
      const text = image.curves[`${method}|${layer}|${target}|${place_}`];
      if (!text) return;
      const values = bytes(text);
      const points = [...values].map((v, i) => `${30 + width * i / (values.length - 1)},${10 + height * (1 - v / 255)}`);
      svg.append(drawn("polyline", { points: points.join(" "), class: `curve s${m % FEW}` }));
      svg.append(drawn("circle", { r: 5, class: `f${m % FEW}`, visibility: "hidden", "data-method": method, "data-place": place_ }));
      lines += 1;
    });
    const caption = make("figcaption", { textContent: `${title}: p(${data.classTitles[target]}) against the share of pixels` });
    return lines ? make("figure", {}, [svg, caption]) : null;
  }).filter(Boolean);

  const panels = (image, layer, opacity) => {
    const found = [["picture", null, 0]];
    data.classTitles.forEach((name, k) => compared().forEach((method) => {
      if (image.maps[`${method}|${layer}|${k}`]) found.push([`${titleOf(method)}, ${name}`, method, k]);
    }));
    by("panels").replaceChildren(...found.map(([title, method, target]) => {
      const canvas = named(make("canvas"), `${title} of ${image.title}`);
      paint(canvas, image, method, layer, target, opacity);
      const text = method ? image.maps[`${method}|${layer}|${target}`] : null, why = text && text.startsWith(" ");
      return make("figure", {}, [canvas, make("figcaption", { textContent: why ? `${title}:${text}` : title })]);
    }));
  };

  const scoreTable = (image, layer, target) => {
    const role = image.roles[target], methods = compared();
    const head = make("tr", {}, ["metric", ...methods.flatMap((m) => [titleOf(m), "percentile"])].map((textContent) => make("th", { textContent, scope: "col" })));
    const rows = data.metrics.map((metric) => {
      const cells = methods.flatMap((m) => {
        const value = score(image, m, layer, target, metric.name);
        const rank = value === null ? null : percentile(value, m, layer, role, target, metric.name);
        return [number(value), rank === null ? "" : `${rank} %`];
      });
      const known = methods.some((m) => score(image, m, layer, target, metric.name) !== null);
      const title = metric.better === "none" ? metric.title : `${metric.title} (${metric.better} is better)`;
      return known ? make("tr", {}, [make("th", { textContent: title, scope: "row" }), ...cells.map((textContent) => make("td", { textContent, className: "number" }))]) : null;
    }).filter(Boolean);
    by("scores").replaceChildren(make("thead", {}, [head]), make("tbody", {}, rows));
  };

  const detail = () => {
    const image = data.images[state.open], layer = by("layer").value;
    by("title").textContent = image.title;
    const chances = data.classTitles.map((name, k) => `${name} ${image.probability[k].toFixed(3)}`).join(", ");
    by("about").textContent = `shows ${image.label}, called ${image.predicted}: ${chances}. Maps at ${data.layers.find((l) => l.name === layer).title}`;
    const target = Number(by("target").value);
    panels(image, layer, by("blend").value / 100);
    scoreTable(image, layer, target);
    by("curves").replaceChildren(...curves(image, layer, target));
    const keys = compared().slice(0, FEW).map((m, i) => make("span", { className: "key" }, [make("span", { className: `swatch b${i % FEW}` }), titleOf(m)]));
    by("keys").replaceChildren(...keys);
    live(image, layer, target);
  };

  const open = (index) => {
    const image = data.images[index];
    if (state.open !== index) {
      by("target").replaceChildren();
      options("target", Object.entries(image.roles).map(([k, role]) => [k, `${data.classTitles[k]} (${role})`]));
      by("target").value = shows(image)[0];
    }
    state.open = index;
    detail();
    if (!by("detail").open) by("detail").showModal();
  };
