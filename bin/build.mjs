// Bundles src/cli/main.ts into dist/, one lazily loaded chunk per command, so that start-up stays short.
import { build } from 'esbuild';
import { readdir, rm } from 'node:fs/promises';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const { metafile } = await build({
  metafile: true,
  absWorkingDir: root,
  entryPoints: [{ in: 'src/cli/main.ts', out: 'main' }],
  outdir: 'dist',
  outExtension: { '.js': '.mjs' },
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  minifySyntax: true,
  sourcemap: 'linked',
  logLevel: 'warning',
  // commander and cli-table3 are CommonJS: their require() calls need a real one in an ES module.
  banner: {
    js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
  },
});

// What an earlier build left goes last, so that the program can be started at any moment.
const made = new Set(Object.keys(metafile.outputs).map((path) => basename(path)));
for (const name of await readdir(`${root}dist`)) if (!made.has(name)) await rm(`${root}dist/${name}`);
