// One picture with its layers, corner texts and mouse handling.

import { drawDiameters } from "./drawings.js";
import { PREDICTION, drawCrosshair, drawLayers } from "./layers.js";
import { Legend, legendOf, paintLegend } from "./legend.js";
import { drawLens } from "./lens.js";
import { drawMark } from "./mark.js";
import { Pinch } from "./pinch.js";
import { pixelOf, sizeOf, voxelAt } from "./planes.js";
import { Sides } from "./sides.js";

const WHEEL_PER_SLICE = 60;
const PX_PER_SLICE = 8;

export class Pane {
  /**
   * @param viewer owns the state; see viewer.js
   * @param Stage NiivueStage or PlainStage
   */
  constructor(viewer, Stage) {
    this.viewer = viewer;
    this.root = document.createElement("div");
    this.root.className = "pane";
    this.stage = new Stage(this.root);
    this.overlay = document.createElement("canvas");
    this.overlay.className = "overlay";
    this.overlay.setAttribute("role", "img");
    this.corners = Object.fromEntries(
      ["top-left", "top-right", "bottom-left", "bottom-right"].map((place) => {
        const corner = document.createElement("div");
        corner.className = `corner ${place}`;
        return [place, corner];
      }),
    );
    this.legend = new Legend();
    this.sides = new Sides();
    this.pointer = document.createElement("div");
    this.pointer.className = "pointer";
    this.pointer.hidden = true;
    this.pinch = new Pinch(
      (factor, at) => this.zoomAt(factor, ...at),
      (steps) => this.viewer.scroll(steps, this.tiles[0]?.plane.normal),
    );
    this.stage.onTurn = () => this.showSides("render");
    this.root.append(
      this.overlay,
      this.sides.root,
      this.legend.root,
      this.pointer,
      ...Object.values(this.corners),
    );
    this.tiles = [];
    this.turned = 0;
    this.listen();
    this.sized = new ResizeObserver(() => viewer.ask());
    this.sized.observe(this.root);
  }

  /** @param shows which of two compared predictions, or their difference; see layers.js */
  async show(sequence, data, voxel, shows = PREDICTION) {
    Object.assign(this, { sequence, shows });
    this.anatomy = data.anatomy;
    await this.stage.show(data.pixels(sequence), data.shape, voxel, data.anatomy);
  }

  /** Draws the picture and its overlays. */
  draw(data, state) {
    this.tiles = this.stage.draw(state);
    const ratio = globalThis.devicePixelRatio || 1;
    const { clientWidth: width, clientHeight: height } = this.root;
    this.overlay.width = Math.max(1, Math.round(width * ratio));
    this.overlay.height = Math.max(1, Math.round(height * ratio));
    // In 3D, NiiVue handles the mouse.
    this.overlay.style.pointerEvents = state.view === "render" ? "none" : "auto";
    // Forces drawing by the CPU: GPU drawing sometimes differs by a grey level.
    const context = this.overlay.getContext("2d", { willReadFrequently: true });
    context.scale(ratio, ratio);
    const { viewer } = this;
    this.legend.show(legendOf(data, state.look, this.shows));
    for (const tile of this.tiles) {
      drawLayers(context, tile, data, state.position, state.look, this.shows);
      if (state.view === "planes") drawCrosshair(context, tile, data.shape, state.position);
      if (tile.plane.isSlice) {
        for (const { diameters, colour } of viewer.diametersToDraw()) {
          drawDiameters(context, tile, diameters, colour);
        }
      }
      drawMark(context, tile, data.shape, state.position, viewer.mark);
      viewer.measuring.draw(context, tile, this.sequence);
    }
    if (viewer.lens && this.at && this.tiles.length) drawLens(context, this.stage.drawn, this.at, state.invert);
    this.showSides(state.view);
  }

  /** Writes the corners: {"top-left": text, ...}. */
  write(corners) {
    for (const [place, element] of Object.entries(this.corners)) {
      element.textContent = corners[place] ?? "";
    }
  }

  /** Shows the sides of the patient, and names the planes if there are several. */
  showSides(view) {
    const { clientWidth, clientHeight } = this.root;
    const whole = [0, 0, clientWidth, clientHeight];
    this.sides.show(
      view === "render"
        ? [{ clip: whole, edges: this.stage.edgesSeen(), name: null }]
        : this.tiles.map(({ clip, plane }) => {
            return { clip, edges: plane.edges, name: view === "planes" ? plane.name : null };
          }),
    );
  }

  destroy() {
    this.sized.disconnect();
    this.stage.destroy();
    this.root.remove();
  }

  listen() {
    const { overlay } = this;
    overlay.addEventListener("pointerdown", (event) => this.press(event));
    overlay.addEventListener("pointermove", (event) => this.move(event));
    for (const end of ["pointerup", "pointercancel"]) {
      overlay.addEventListener(end, (event) => this.release(event));
    }
    overlay.addEventListener("pointerleave", () => {
      this.viewer.probe(null, this);
      this.pointAt(null);
    });
    overlay.addEventListener("contextmenu", (event) => event.preventDefault());
    overlay.addEventListener("dblclick", () => this.viewer.fit());
    overlay.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
  }

  tileAt(event) {
    return this.tiles.find((tile) => tile.contains(event.offsetX, event.offsetY));
  }

  wheel(event) {
    event.preventDefault();
    const tile = this.tileAt(event) ?? this.tiles[0];
    if (!tile) return;
    if (event.ctrlKey || event.metaKey) {
      this.zoomAt(Math.exp(-event.deltaY / 300), event.offsetX, event.offsetY);
      return;
    }
    // A mouse sends about 100 px, or 3 lines, per notch; a touchpad sends many small steps.
    this.turned += event.deltaMode ? event.deltaY * 33 : event.deltaY;
    const steps = Math.trunc(this.turned / WHEEL_PER_SLICE);
    this.turned -= steps * WHEEL_PER_SLICE;
    if (steps) this.viewer.scroll(Math.sign(steps), tile.plane.normal);
  }

  /** Zooms around a point of the pane. */
  zoomAt(factor, x, y) {
    const tile = this.tiles.find((one) => one.plane.isSlice && one.contains(x, y));
    if (!tile) return this.viewer.zoomBy(factor);
    const [columns, rows] = sizeOf(tile.plane, this.viewer.data.shape);
    const [u, v] = tile.toPicture(x, y);
    this.viewer.zoomBy(factor, [u - columns / 2, v - rows / 2]);
  }

  /** Marks a voxel that the mouse is on in another pane; null takes the mark away. */
  markVoxel(voxel) {
    const tile = voxel && this.tiles.find(({ plane }) => plane.isSlice);
    this.pointer.hidden = !tile;
    if (!tile) return;
    const [x, y] = tile.toScreen(...pixelOf(tile.plane, this.viewer.data.shape, voxel));
    this.pointer.style.translate = `${x}px ${y}px`;
  }

  press(event) {
    this.pinch.down(event);
    if (this.pinch.active) {
      this.viewer.measuring.abandon();
      this.drag = null;
      return;
    }
    const tile = this.tileAt(event);
    if (!tile) return;
    event.preventDefault();
    this.viewer.focus();
    this.overlay.setPointerCapture(event.pointerId);
    const { measuring } = this.viewer;
    const other = { 1: "move", 2: "window" }[event.button] ?? (event.shiftKey ? "move" : null);
    const grabbed = !other && measuring.grab(tile, event.offsetX, event.offsetY);
    const tool = grabbed ? "measure" : (other ?? this.viewer.tool);
    this.drag = { tool, tile, x: event.offsetX, y: event.offsetY, left: 0 };
    if (tool === "scroll" && this.tiles.length > 1) {
      this.point(tile, event);
    }
  }

  /** Moves the magnifier to a place of the pane; null takes it away. */
  pointAt(place) {
    this.at = place;
    if (this.viewer.lens) this.viewer.ask();
  }

  move(event) {
    if (this.pinch.move(event)) return;
    this.pointAt([event.offsetX, event.offsetY]);
    const tile = this.tileAt(event);
    this.viewer.probe(tile ? this.voxelUnder(tile, event) : null, this);
    if (!this.drag) return;
    const { drag, viewer } = this;
    const [dx, dy] = [event.offsetX - drag.x, event.offsetY - drag.y];
    if (drag.tool === "window") viewer.windowBy(dx, dy, this.sequence);
    else if (drag.tool === "move") viewer.panBy(dx / drag.tile.sx, dy / drag.tile.sy);
    else if (drag.tool === "scroll" && this.tiles.length > 1) this.point(drag.tile, event);
    else if (drag.tool === "scroll") {
      drag.left += dy;
      const steps = Math.trunc(drag.left / PX_PER_SLICE);
      drag.left -= steps * PX_PER_SLICE;
      if (steps) viewer.scroll(steps, drag.tile.plane.normal);
    } else {
      viewer.measuring.dragTo(event.offsetX, event.offsetY);
    }
    Object.assign(drag, { x: event.offsetX, y: event.offsetY });
  }

  release(event) {
    this.pinch.up(event);
    if (this.drag?.tool === "measure") this.viewer.measuring.drop();
    this.drag = null;
  }

  /** Moves all planes to the voxel under the mouse. */
  point(tile, event) {
    const voxel = this.voxelUnder(tile, event);
    if (voxel) this.viewer.goTo(voxel);
  }

  voxelUnder(tile, event) {
    const [u, v] = tile.toPicture(event.offsetX, event.offsetY).map(Math.floor);
    const { data, position } = this.viewer;
    const voxel = voxelAt(tile.plane, data.shape, position, u, v);
    const [n, h, w] = data.shape;
    const inside = voxel.every((value, axis) => value >= 0 && value < [w, h, n][axis]);
    return inside ? voxel : null;
  }

  /** Returns the picture with its layers on a canvas, at screen size. */
  picture() {
    const canvas = document.createElement("canvas");
    canvas.width = this.overlay.width;
    canvas.height = this.overlay.height;
    const context = canvas.getContext("2d");
    // WebGL clears its buffer after showing it, so redraw first.
    this.viewer.drawNow();
    if (this.viewer.state.invert) context.filter = "invert(1)";
    context.drawImage(this.stage.drawn, 0, 0, canvas.width, canvas.height);
    context.filter = "none";
    context.drawImage(this.overlay, 0, 0);
    const ratio = globalThis.devicePixelRatio || 1;
    context.scale(ratio, ratio);
    this.sides.draw(context);
    const { data, state } = this.viewer;
    paintLegend(context, legendOf(data, state.look, this.shows), canvas.height / ratio);
    return canvas;
  }
}
