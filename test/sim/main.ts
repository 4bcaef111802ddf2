import { parseArgs } from 'node:util';
import { runSeed, type SimParts, type SimResult } from './simulation.ts';
import { EXIT, exitCodeOf, INVARIANTS } from './verdict.ts';

const USAGE = `npm run sim -- [--seed N] [--count N] [--trace] [--twice] [--keep-going] [--bytes] [--flush-faults] [--first]
  --seed N       first seed (default 1)
  --count N      how many seeds from there (default 1)
  --trace        print the story of each seed, not only of one that fails
  --twice        run each seed twice and compare the digests of their stories
  --keep-going   go on after a seed that fails
  --flush-faults disks fail, to flush as well, in every seed
  --first        the swarm of the seeds in the corpus: fewer knobs, fewer faults
  --bytes        every seed over iSCSI, not only one in ten
exit codes: 0 passed, 127 crash, 128 liveness, 129 safety, 130 a seed that does not repeat
`;

/** Plays seeds and says on stdout what came of them. Returns the exit code. */
export { runSeed };

export async function main(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: {
      seed: { type: 'string', default: '1' },
      count: { type: 'string', default: '1' },
      trace: { type: 'boolean', default: false },
      twice: { type: 'boolean', default: false },
      'keep-going': { type: 'boolean', default: false },
      'flush-faults': { type: 'boolean', default: false },
      bytes: { type: 'boolean', default: false },
      first: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return say(USAGE, EXIT.passed);
  const first = Number(values.seed);
  const count = Number(values.count);
  const parts: SimParts = {
    swarm: values.first ? 'first' : 'wide',
    options: {
      ...(values.bytes ? { bytes: true } : {}),
      ...(values['flush-faults'] ? { flushFaults: true, diskFaultEveryMs: 500 } : {}),
    },
  };
  const startedMs = Date.now();
  const totals = { events: 0, virtualMs: 0, failed: 0 };
  let code: number = EXIT.passed;
  for (let seed = first; seed < first + count && (code === EXIT.passed || values['keep-going']); seed += 1) {
    const result = await runSeed(seed, parts);
    totals.events += result.events;
    totals.virtualMs += result.virtualMs;
    if (values.trace) say(result.story.join('\n') + '\n', 0);
    if (result.invariant) {
      totals.failed += 1;
      code = say(reportOf(result, values.trace ? 0 : values['keep-going'] ? 0 : 60), exitCodeOf(result.invariant));
    } else if (values.twice && (await runSeed(seed, parts)).digest !== result.digest) {
      code = say(`SIM FAIL  seed ${seed} does not repeat: two runs tell different stories\n`, EXIT.nonDeterminism);
    }
  }
  const seconds = (Date.now() - startedMs) / 1000;
  const rate = `${(count / seconds).toFixed(1)} seeds/s, ${Math.round(totals.virtualMs / 1000 / seconds)} times real time`;
  return say(
    `${count} seeds, ${totals.failed} failed, ${totals.events} events in ${seconds.toFixed(1)} s: ${rate}\n`,
    code,
  );
}

export function reportOf(result: SimResult, storyLines: number): string {
  const { seed, invariant, message, options, events, virtualMs, story } = result;
  const knobs = Object.entries(options).map(([name, value]) => `${name}=${value}`);
  return [
    `SIM FAIL  ${invariant}  seed=${seed} event=${events} t=${virtualMs.toFixed(3)}ms`,
    `  ${invariant ? INVARIANTS[invariant] : ''}`,
    `  ${message}`,
    `  swarm: ${knobs.join(' ')}`,
    ...(storyLines > 0 ? [`  last lines:`, ...story.slice(-storyLines).map((line) => `    ${line}`)] : []),
    `  replay:  npm run sim -- --seed ${seed} --trace${options.bytes ? ' --bytes' : ''}${options.flushFaults ? ' --flush-faults' : ''}`,
    '',
  ].join('\n');
}

function say(text: string, code: number): number {
  process.stdout.write(text);
  return code;
}
