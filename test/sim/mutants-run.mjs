// Plants one mistake after the other and plays seeds until a checker finds it, two at a time. `npm run sim:mutants` plants
// those that are known to be found, and begins with the seeds that did so; `-- --all` also those that nobody has found yet,
// and plays as many seeds as the table allows; `-- TEXT` those of them whose names hold the text.
/* oxlint-disable unicorn/require-post-message-target-origin -- threads have no origin */
import { parentPort, Worker, isMainThread } from 'node:worker_threads';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { MUTANTS } from './mutants.mjs';
import { load } from './transform.mjs';

const HANDS = 2;
/** A change of the product tells other stories for the same seeds: so many further ones are played before a mutant survives. */
const FURTHER_SEEDS = 12;
const PLACES = 16;
/** Half of what a seed allocates dies young. */
const resourceLimits = { maxYoungGenerationSizeMb: 64 };

const { values, positionals } = parseArgs({
  options: { all: { type: 'boolean', default: false } },
  allowPositionals: true,
});

/** Seeds that found it before come first. */
function seedsFor({ seeds = [], within }) {
  const last = values.all ? within : FURTHER_SEEDS;
  return [...new Set([...seeds, ...Array.from({ length: last }, (_, index) => index + 1)])];
}

/** The first seed that finds the mutant and the checker's name for it. */
async function hunt(mutant) {
  const { name, file, find, replace, options = {} } = mutant;
  const { exhaust, runSeed } = await load('main.ts', [{ file, find, replace }]);
  const invariant = mutant.cuts && (await huntByCuts(exhaust, mutant.cuts));
  if (invariant) return { name, by: `cuts of ${mutant.cuts}`, invariant };
  const seeds = seedsFor(mutant);
  for (const seed of seeds) {
    const { invariant } = await runSeed(seed, { swarm: 'wide', options });
    if (invariant) return { name, by: `seed ${seed}`, invariant };
  }
  return { name, by: `${seeds.length} seeds`, invariant: undefined };
}

/** What a checker calls it when the command is cut at one of many places. */
async function huntByCuts(exhaust, operation) {
  try {
    return await exhaust(operation, PLACES, () => undefined);
  } catch (error) {
    if (error.cause?.invariant) return error.cause.invariant;
    throw error;
  }
}

async function labour() {
  parentPort.on('message', async (index) => {
    if (index === undefined) return parentPort.close();
    try {
      parentPort.postMessage({ index, ...(await hunt(MUTANTS[index])) });
    } catch (error) {
      parentPort.postMessage({ index, name: MUTANTS[index].name, error: String(error) });
    }
  });
}

function verdictOf({ index, name, by, invariant, error }) {
  const { expect } = MUTANTS[index];
  if (error) return { good: false, text: `BROKEN    ${name}: ${error}` };
  if (!invariant) return { good: false, text: `SURVIVES  ${name}, ${by}` };
  const good = expect.includes(invariant);
  return { good, text: `${good ? 'killed   ' : 'UNEXPECTED'} ${name}: ${invariant}, ${by}` };
}

const isWanted = ({ name, seeds, cuts }, pattern) =>
  name.includes(pattern) && (values.all || (seeds ?? cuts) !== undefined);

async function supervise(pattern) {
  const wanted = [...MUTANTS.keys()].filter((index) => isWanted(MUTANTS[index], pattern));
  const queue = [...wanted];
  let bad = 0;
  const startedMs = Date.now();
  await Promise.all(
    Array.from({ length: HANDS }, () => {
      const worker = new Worker(fileURLToPath(import.meta.url), { argv: process.argv.slice(2), resourceLimits });
      const next = () => worker.postMessage(queue.shift());
      worker.on('message', (result) => {
        const { good, text } = verdictOf(result);
        if (!good) bad += 1;
        console.log(text);
        next();
      });
      next();
      return new Promise((resolve, reject) => worker.on('exit', resolve).on('error', reject));
    }),
  );
  const seconds = ((Date.now() - startedMs) / 1000).toFixed(0);
  console.log(`${wanted.length - bad} of ${wanted.length} mutants killed in ${seconds} s`);
  process.exitCode = bad === 0 && wanted.length > 0 ? 0 : 1;
}

if (isMainThread) await supervise(positionals[0] ?? '');
else await labour();
