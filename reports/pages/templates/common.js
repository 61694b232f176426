  // What the other parts share: the data, elements, scores and maps.
  const data = JSON.parse(document.getElementById("gallery-data").textContent);
  const PAGE = NARROW.matches ? 12 : 24, FEW = 6;
  const by = (id) => document.getElementById(`gallery-${id}`);
  const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const colours = bytes(data.colours);
  const state = { shown: [], pages: 1, open: -1 };
  const place = new Map(data.images.map((image, index) => [image.id, index]));
  const titleOf = (method) => data.methods.find((m) => m.name === method).title;

  const make = (name, properties = {}, children = []) => {
    const element = Object.assign(document.createElement(name), properties);
    element.append(...children);
    return element;
  };
  const drawn = (name, attributes) => {
    const element = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    return element;
  };
  const options = (id, entries) => by(id).append(...entries.map(([value, textContent]) => make("option", { value, textContent })));
  const number = (value) => (value === null || value === undefined ? "undefined" : value.toFixed(3));
  // Numbers of the classes whose maps have a role: right and wrong, or present for each class of several.
  const withRole = (image, role) => Object.keys(image.roles).map(Number).filter((k) => image.roles[k] === role);
  const shows = (image) => Object.keys(image.roles).map(Number).filter((k) => image.roles[k] !== "wrong");
  const wanted = (image) => (by("role").value === "wrong" ? withRole(image, "wrong")[0] : shows(image)[0]);
  const score = (image, method, layer, target, metric) => {
    const values = image.scores[`${method}|${layer}|${target}`];
    const value = values ? values[data.metrics.findIndex((m) => m.name === metric)] : null;
    return value === undefined ? null : value;
  };
  // The methods that are held against each other: the chosen one and the best others; all on demand.
  const compared = () => {
    if (by("every").value === "all") return data.methods.map((m) => m.name);
    const chosen = data.methods.length > FEW ? [by("method").value] : [];
    return [...new Set([...chosen, ...data.order])].slice(0, FEW);
  };

  const loaded = (image, then) => {
    const picture = new Image();
    picture.onload = () => then(picture);
    picture.src = `data:image/webp;base64,${image.picture}`;
  };
  const smallMap = (text, layer) => {
    const shape = data.layers.find((l) => l.name === layer), values = bytes(text);
    const small = make("canvas", { width: shape.width, height: shape.height });
    const pixels = new ImageData(shape.width, shape.height);
    values.forEach((v, i) => pixels.data.set([colours[3 * v], colours[3 * v + 1], colours[3 * v + 2], 255], 4 * i));
    small.getContext("2d").putImageData(pixels, 0, 0);
    return small;
  };
  // The map over the picture: maps are scaled to their own maximum, for display only.
  const paint = (canvas, image, method, layer, target, opacity) => {
    const [height, width] = data.size, context = canvas.getContext("2d");
    Object.assign(canvas, { width, height });
    loaded(image, (picture) => {
      context.globalAlpha = 1;
      context.drawImage(picture, 0, 0, width, height);
      const text = method ? image.maps[`${method}|${layer}|${target}`] : "";
      if (!text || text.startsWith(" ")) return;
      context.globalAlpha = opacity;
      context.imageSmoothingEnabled = true;
      context.drawImage(smallMap(text, layer), 0, 0, width, height);
    });
  };
  const named = (canvas, label) => {
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", label);
    return canvas;
  };
