// Product code with its constants in the simulator's hands, or with a mistake planted in it: a change of the source
// text while it is loaded, so that the product itself knows nothing of it. A text that is not found is an error.
import { build } from 'esbuild';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { PROBES } from './probes.mjs';
import { LATER_TUNABLES, TUNABLES } from './tunables.mjs';

const EVERY_TUNABLE = [...TUNABLES, ...LATER_TUNABLES];
/**
 * Each seed makes its arrays and hosts anew, and what V8 has optimised dies with the closures of the seed before: optimising takes
 * a fifth of all time. What is hot for longer is optimised still, at a seventh of the usual zeal.
 */
setFlagsFromString('--interrupt-budget=500000');

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Throws where the text to be replaced is not there exactly once. */
export function checkMutation(mutation) {
  replaceOnce(readFileSync(join(ROOT, mutation.file), 'utf8'), mutation);
}

/** `source` with its only `find` replaced. */
function replaceOnce(source, { file, find, replace }) {
  const places = source.split(find).length - 1;
  if (places !== 1) throw new Error(`${file} has ${places} places that read:\n${find}\nbring the table up to date`);
  return source.replace(find, () => replace);
}

/** The constant becomes a variable that `globalThis.cdctlTunables` can set. */
function tunable(source, file, name) {
  const declared = new RegExp(`^(export )?const ${name}(: number)? = ([^;]+);$`, 'm');
  const found = declared.exec(source);
  if (!found) throw new Error(`${file} has no constant ${name}; bring tunables.mjs up to date`);
  const [line, exported = '', , value] = found;
  const register =
    `(globalThis.cdctlTunables ??= new Map()).set('${name}', ` +
    `{ usual: ${name}, set: (value) => { ${name} = value; } });`;
  return source.replace(line, () => `${exported}let ${name} = ${value}; ${register}`);
}

/** The product tells when it comes by. */
function probing({ name, file, find, when, expression }) {
  const call = `globalThis.cdctlProbe?.(${JSON.stringify(name)})`;
  const replace = expression ? `(${when} ? ${call} : 0, ${find})` : `if (${when}) ${call};\n${find}`;
  return { file, find, replace };
}

/** An esbuild plugin; `mutations` are `{ file, find, replace }`, files relative to the root of the project. */
function transformed(mutations) {
  const files = new Set([...EVERY_TUNABLE.map(({ file }) => file), ...mutations.map(({ file }) => file)]);
  return {
    name: 'transformed',
    setup(building) {
      const unseen = new Set(mutations.map(({ file }) => file));
      building.onLoad({ filter: /\/src\/.*\.ts$/ }, ({ path }) => {
        const file = path.slice(ROOT.length);
        if (!files.has(file)) return undefined;
        unseen.delete(file);
        let contents = readFileSync(path, 'utf8');
        for (const mutation of mutations) if (mutation.file === file) contents = replaceOnce(contents, mutation);
        for (const entry of EVERY_TUNABLE) if (entry.file === file) contents = tunable(contents, file, entry.name);
        return { contents, loader: 'ts' };
      });
      building.onEnd(() => {
        if (unseen.size > 0) throw new Error(`not part of the simulator: ${[...unseen].join(', ')}`);
      });
    },
  };
}

/** The module `entry` of this folder with all that it imports, as one; `mutations` planted instead of the probes. */
export async function load(entry, mutations = PROBES.map(probing)) {
  const folder = mkdtempSync(join(tmpdir(), 'cdctl-sim-'));
  const outfile = join(folder, 'sim.mjs');
  try {
    await build({
      entryPoints: [fileURLToPath(new URL(entry, import.meta.url))],
      outfile,
      bundle: true,
      format: 'esm',
      platform: 'node',
      target: 'node20.19',
      sourcemap: 'inline',
      logLevel: 'silent',
      plugins: [transformed(mutations)],
    });
    process.setSourceMapsEnabled(true);
    return await import(pathToFileURL(outfile).href);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
