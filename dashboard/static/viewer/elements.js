// Controls of the viewer as plain elements that work with a keyboard.

/** Returns an element with attributes, listeners (onclick: f) and children. */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null) element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

/** A row of buttons; exactly one is pressed. */
export class Choice {
  /** @param options [[value, label or icon, hint, name of an icon], ...] */
  constructor(label, options, onChoose) {
    this.buttons = new Map(
      options.map(([value, content, hint, name]) => {
        const more = { title: hint ?? null, "aria-label": name ?? null, onclick: () => onChoose(value) };
        return [value, make("button", { type: "button", ...more }, content)];
      }),
    );
    this.root = make(
      "div",
      { class: "choice", role: "group", "aria-label": label },
      ...this.buttons.values(),
    );
  }

  set(chosen) {
    for (const [value, button] of this.buttons) {
      button.setAttribute("aria-pressed", String(value === chosen));
    }
  }
}

/** A slider with its name and its value. */
export class Slider {
  constructor(label, { min, max, step, write, hint }, onInput) {
    this.write = write;
    this.input = make("input", {
      type: "range",
      min,
      max,
      step,
      "aria-label": label,
      title: hint ?? null,
      oninput: () => {
        this.show();
        onInput(Number(this.input.value));
      },
    });
    this.value = make("output");
    this.root = make("label", { class: "slider" }, make("span", {}, label), this.input, this.value);
  }

  set(value) {
    this.input.value = value;
    this.show();
  }

  show() {
    this.value.textContent = this.write(Number(this.input.value));
  }
}

/** Returns a section of the panel with its heading. */
export function section(title, ...children) {
  return make("section", {}, make("h2", {}, title), ...children);
}

/** Offers bytes or text as a file. */
export function save(content, type, name) {
  const url = URL.createObjectURL(new Blob([content], { type }));
  make("a", { href: url, download: name }).click();
  // Later, because the download reads the address after the click.
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
