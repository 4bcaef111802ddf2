// New seeds on every core: `node test/sim/ci.mjs [--count 5000] [--seed HEX]`. The first seed is the beginning of the commit, so
// that each commit plays seeds of its own and plays them again whenever it is asked. Fails where a seed fails, where a rare
// path or a kind of fault was never met, and where a mistake planted on purpose is not found.
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { MUTANTS } from './mutants.mjs';
import { PROBES, SIGHTS } from './probes.mjs';
import { load } from './transform.mjs';

const HANDS = 2;
/** Fewer seeds prove nothing about what they did not meet. */
const PROBED_FROM = 2_000;
const CANARY = 'restore skips a record';
const CANARY_SEEDS = 10;

const { values } = parseArgs({ options: { count: { type: 'string', default: '5000' }, seed: { type: 'string' } } });
const count = Number(values.count);
const commit = values.seed ?? execFileSync('git', ['rev-parse', 'HEAD'], { encoding: 'utf8' });
const first = Number.parseInt(commit.slice(0, 8), 16);

/** Plays a share; the outcome of its process and its figures. */
function play(seed, share, summary) {
  const run = fileURLToPath(new URL('run.mjs', import.meta.url));
  const args = [run, '--seed', `${seed}`, '--count', `${share}`, '--keep-going', '--summary', summary];
  const child = spawn(process.execPath, args, { stdio: 'inherit' });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', (code) => resolve({ code: code ?? 127, figures: JSON.parse(readFileSync(summary, 'utf8')) }));
  });
}

async function canaryIsFound() {
  const mutant = await load('main.ts', [MUTANTS.find(({ name }) => name === CANARY)]);
  for (let seed = first; seed < first + CANARY_SEEDS; seed += 1)
    if ((await mutant.runSeed(seed)).invariant) return true;
  return false;
}

const folder = mkdtempSync(join(tmpdir(), 'cdctl-sim-ci-'));
try {
  console.log(`seeds from ${first} (${commit.slice(0, 8)}), ${count} of them`);
  const share = Math.ceil(count / HANDS);
  const shares = await Promise.all(
    Array.from({ length: HANDS }, (_, hand) => play(first + hand * share, share, join(folder, `${hand}.json`))),
  );
  const met = new Set(shares.flatMap(({ figures }) => Object.keys(figures.probes)));
  const wanted = [...PROBES.map(({ name }) => name), ...Object.keys(SIGHTS)];
  const missed = count < PROBED_FROM ? [] : wanted.filter((name) => !met.has(name));
  for (const name of missed) console.log(`NEVER MET  ${name}`);
  const found = await canaryIsFound();
  if (!found) console.log(`BLIND      nobody sees that ${CANARY}`);
  const failed = shares.find(({ code }) => code !== 0);
  process.exitCode = failed ? failed.code : missed.length > 0 || !found ? 1 : 0;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
