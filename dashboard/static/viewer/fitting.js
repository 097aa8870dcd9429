// Makes the picture as tall as the window allows on a page of Streamlit.

const LEAST_PX = 320;
const SPARE_PX = 10;

export class Fitting {
  /**
   * @param {HTMLElement} whole the viewer, which gets the height as `--stage-height`
   * @param {HTMLElement} stages what is fitted
   * @param {HTMLElement} below what must stay visible below it
   */
  constructor(whole, stages, below) {
    Object.assign(this, { whole, stages, below });
    this.fit = this.fit.bind(this);
    this.watch = new ResizeObserver(this.fit);
    window.addEventListener("resize", this.fit);
  }

  fit() {
    const strip = this.below.offsetHeight;
    if (this.whole.classList.contains("full")) {
      const line = this.whole.querySelector(".research-use").offsetHeight;
      this.set(innerHeight - strip - line - 3 * SPARE_PX);
      return;
    }
    const host = this.whole.getRootNode().host;
    const main = host?.closest("[data-testid=stMain]");
    if (!main) return;
    if (!this.watched) this.watch.observe((this.watched = main.firstElementChild ?? main));
    const top = this.stages.getBoundingClientRect().top - main.getBoundingClientRect().top + main.scrollTop;
    const bottom = document.querySelector("[data-testid=stBottom]")?.offsetHeight ?? 0;
    this.set(Math.max(LEAST_PX, innerHeight - top - strip - bottom - SPARE_PX));
  }

  set(height) {
    this.whole.style.setProperty("--stage-height", `${Math.floor(height)}px`);
  }

  destroy() {
    this.watch.disconnect();
    window.removeEventListener("resize", this.fit);
  }
}
