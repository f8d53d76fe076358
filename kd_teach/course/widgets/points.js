const SIDE = 300, EVERY = 30;  // pixels; milliseconds between two messages to Python
const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

function render({ model, el }) {
  const add = (tag, attributes, parent) => {
    const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
    return parent.appendChild(node);
  };
  el.classList.add("kd-points");
  const svg = add("svg", { viewBox: `0 0 ${SIDE} ${SIDE}`, role: "group", "aria-label": model.get("description") }, el);
  const fixed = add("g", {}, svg), moving = add("g", {}, svg);
  let points = [], half = 1, dragged = null, sent = 0, timer = null;
  const place = ([x, y]) => [(x / half + 1) * SIDE / 2, (1 - y / half) * SIDE / 2];

  const fill = (group, places, kind) => {  // one polygon, and a circle and a letter per point
    group.replaceChildren();
    add("polygon", { class: `${kind}-line` }, group);
    places.forEach((_, i) => {
      const circle = add("circle", { class: kind, "data-index": i, r: kind === "kd-point" ? 9 : 5 }, group);
      if (kind === "kd-point") listen(circle, i);
      add("text", { class: `${kind}-name` }, group).textContent = String.fromCharCode(65 + i);
    });
  };
  const put = (group, places, kind) => {
    if (group.querySelectorAll("circle").length !== places.length) fill(group, places, kind);
    const spots = places.map(place);
    group.querySelector("polygon").setAttribute("points", spots.map((spot) => spot.join(",")).join(" "));
    group.querySelectorAll("circle").forEach((circle, i) => {
      circle.setAttribute("cx", spots[i][0]);
      circle.setAttribute("cy", spots[i][1]);
      const [x, y] = places[i].map((number) => number.toFixed(2));
      circle.setAttribute("aria-label", `point ${String.fromCharCode(65 + i)} at ${x}, ${y}; arrow keys move it`);
    });
    group.querySelectorAll("text").forEach((text, i) => {
      text.setAttribute("x", spots[i][0] + 10);
      text.setAttribute("y", spots[i][1] - 10);
    });
  };
  const draw = () => { put(fixed, model.get("fixed"), "kd-fixed"); put(moving, points, "kd-point"); };
  const take = () => {  // from Python; while a point is held, the hand is right
    if (dragged !== null) return;
    points = model.get("value").map((point) => [...point]);
    half = Math.max(model.get("limit"), ...[...points, ...model.get("fixed")].flat().map((x) => 1.15 * Math.abs(x)));
    draw();
  };
  const send = () => {
    clearTimeout(timer);
    timer = null;
    sent = Date.now();
    model.set("value", points.map((point) => [...point]));
    model.save_changes();
  };
  const move = (i, x, y) => {
    points[i] = [x, y].map((number) => Math.min(half, Math.max(-half, number)));
    draw();
    if (timer === null) timer = setTimeout(send, Math.max(0, sent + EVERY - Date.now()));
  };
  const listen = (circle, i) => {
    circle.setAttribute("tabindex", 0);
    circle.addEventListener("pointerdown", (event) => { circle.setPointerCapture(event.pointerId); dragged = i; });
    circle.addEventListener("pointermove", (event) => {
      if (dragged !== i) return;
      const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
      move(i, (2 * at.x / SIDE - 1) * half, (1 - 2 * at.y / SIDE) * half);
    });
    circle.addEventListener("lostpointercapture", () => { dragged = null; send(); });
    circle.addEventListener("keydown", (event) => {
      const step = STEPS[event.key];
      if (!step) return;
      event.preventDefault();  // neither the page scrolls
      event.stopPropagation();  // nor does the notebook go to another cell
      const size = half * (event.shiftKey ? 0.1 : 0.02);
      move(i, points[i][0] + size * step[0], points[i][1] + size * step[1]);
    });
  };

  const watched = "change:value change:fixed change:limit";
  model.on(watched, take);
  take();
  return () => { clearTimeout(timer); model.off(watched, take); };
}
export default { render };
