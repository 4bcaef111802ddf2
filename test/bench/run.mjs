// Bundles main.ts and runs it: the benchmarks use the production modules, and processes of the built CLI.
import { build } from 'esbuild';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const directory = await mkdtemp(join(tmpdir(), 'cdctl-bench-'));
try {
  const outfile = join(directory, 'bench.mjs');
  await build({
    entryPoints: [join(root, 'test/bench/main.ts')],
    outfile,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20.19',
    logLevel: 'warning',
  });
  const { main } = await import(pathToFileURL(outfile).href);
  process.exitCode = await main({ root, directory, only: process.argv.slice(2) });
} finally {
  await rm(directory, { recursive: true, force: true });
}
