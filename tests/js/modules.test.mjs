// Every module loads without a browser, and each import is a file of this folder or NiiVue.

import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { test } from "node:test";
import vm from "node:vm";

const FOLDER = new URL("../../dashboard/static/viewer/", import.meta.url);
const MODULES = readdirSync(FOLDER).filter((name) => name.endsWith(".js"));
const NIIVUE = "../niivue/niivue.js";

for (const name of MODULES) {
  test(`${name} loads without a browser and imports local files only`, async () => {
    await import(new URL(name, FOLDER));
    const source = readFileSync(new URL(name, FOLDER), "utf8");
    const { dependencySpecifiers } = new vm.SourceTextModule(source);
    for (const specifier of dependencySpecifiers) {
      assert.ok(specifier === NIIVUE || MODULES.includes(specifier.replace(/^\.\//, "")), specifier);
    }
  });
}

test("the only module that is loaded later is the one that draws with NiiVue", () => {
  const later = MODULES.flatMap((name) => readFileSync(new URL(name, FOLDER), "utf8").split("import(").slice(1));
  assert.deepEqual(later.map((rest) => rest.split(")")[0]), ['"./niivue_stage.js"']);
});
