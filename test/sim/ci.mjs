// New seeds on every core: `npm run sim:ci [-- --count 5000] [--commit HEX]`. Fails where a seed fails, where a rare path or a
// kind of fault was never met, and where a mistake planted on purpose is not found.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { firstSeedOf, namingCommit } from './commit-seeds.mjs';
import { MUTANTS } from './mutants.mjs';
import { DEEDS, PROBES, SIGHTS } from './probes.mjs';
import { load } from './transform.mjs';

const HANDS = Math.max(2, availableParallelism());
/** Half of what a seed allocates dies young, and every core is busy already. */
const MEMORY = ['--max-semi-space-size=64', '--single-threaded-gc'];
/** Fewer seeds prove nothing about what they did not meet; what one in thousand meets takes more, or a run would fail by chance. */
const PROBED_FROM = 2_000;
const RARE_FROM = 20_000;
const CANARY = 'restore skips a record';
/** It is found by one seed in three or four. */
const CANARY_SEEDS = 200;
/** Of so many rare paths and faults the run says how often they were met. */
const RAREST = 8;

const { values } = parseArgs({ options: { count: { type: 'string', default: '5000' }, commit: { type: 'string' } } });
const count = Number(values.count);
const commit = values.commit ?? namingCommit();
const first = firstSeedOf(commit);

/** Plays a share; the outcome of its process and its figures. */
function play(seed, share, summary) {
  const run = fileURLToPath(new URL('run.mjs', import.meta.url));
  const args = [...MEMORY, run, '--seed', `${seed}`, '--count', `${share}`, '--keep-going', '--summary', summary];
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
  const met = (name) => shares.reduce((sum, { figures }) => sum + (figures.probes[name] ?? 0), 0);
  const wanted = [...PROBES.map(({ name }) => name), ...DEEDS, ...Object.keys(SIGHTS)].toSorted(
    (one, other) => met(one) - met(other),
  );
  for (const name of wanted.slice(0, RAREST)) console.log(`${`${met(name)}`.padStart(6)} seeds met: ${name}`);
  const rare = new Set(PROBES.filter((probe) => probe.rare).map(({ name }) => name));
  const missed = wanted.filter((name) => met(name) === 0 && count >= (rare.has(name) ? RARE_FROM : PROBED_FROM));
  for (const name of missed) console.log(`NEVER MET  ${name}`);
  const found = await canaryIsFound();
  if (!found) console.log(`BLIND      nobody sees that ${CANARY}`);
  const failed = shares.find(({ code }) => code !== 0);
  process.exitCode = failed ? failed.code : missed.length > 0 || !found ? 1 : 0;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
