import { build } from 'esbuild';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Metafile } from 'esbuild';

/** Start-up stays short as long as nothing heavy is reachable from the entry by static imports. */

const root = new URL('../..', import.meta.url).pathname;
let metafile: Metafile;

beforeAll(async () => {
  const result = await build({
    absWorkingDir: root,
    entryPoints: ['src/cli/main.ts'],
    outdir: 'dist',
    bundle: true,
    splitting: true,
    write: false,
    metafile: true,
    format: 'esm',
    platform: 'node',
    target: 'node20.19',
    logLevel: 'silent',
  });
  metafile = result.metafile;
});

/** Source files in the chunks that are loaded before any command has been chosen. */
function eagerInputs(): string[] {
  const entry = Object.keys(metafile.outputs).find((path) => metafile.outputs[path]!.entryPoint === 'src/cli/main.ts')!;
  const chunks = new Set([entry]);
  for (const chunk of chunks) {
    for (const { path, kind } of metafile.outputs[chunk]!.imports)
      if (kind === 'import-statement' && path in metafile.outputs) chunks.add(path);
  }
  return [...chunks].flatMap((chunk) => Object.keys(metafile.outputs[chunk]!.inputs));
}

describe('the bundle', () => {
  it('loads no spinner, table, colours or YAML before they are needed', () => {
    const packages = new Set(
      eagerInputs().flatMap((path) => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1] ?? []),
    );
    expect([...packages]).toEqual(['commander']);
  });

  it('loads neither command nor renderer nor wiring, nor any layer below', () => {
    const own = eagerInputs().filter((path) => path.startsWith('src/'));
    const heavy = own.filter(
      (path) => !/^src\/cli\/(?:[a-z-]+\.ts|catalogue\/[a-z-]+\.ts|render\/terminal\.ts)$/.test(path),
    );
    expect(heavy).toEqual([]);
  });

  it('needs nothing but Node when it runs', () => {
    const outside = Object.values(metafile.outputs).flatMap((output) =>
      output.imports.filter(({ external }) => external).map(({ path }) => path),
    );
    expect([...new Set(outside)].filter((path) => !path.startsWith('node:') && !BUILT_IN.includes(path))).toEqual([]);
  });
});

/** Named without `node:` by packages. */
const BUILT_IN = [
  'assert',
  'buffer',
  'child_process',
  'events',
  'fs',
  'os',
  'path',
  'process',
  'readline',
  'stream',
  'string_decoder',
  'tty',
  'url',
  'util',
];
