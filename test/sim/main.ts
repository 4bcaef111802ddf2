import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { drawOptions, type SimOptions, type Swarm } from './options.ts';
import { asFlags, shrink } from './shrink.ts';
import { runSeed, type SimParts, type SimResult } from './simulation.ts';
import { EXIT, exitCodeOf, INVARIANTS } from './verdict.ts';

export { exhaust, OPERATIONS } from './exhaustive.ts';
export { playLong } from './long-run.ts';
export { runSeed };

const USAGE = `npm run sim -- [--seed N] [--count N] [--trace] [--twice] [--keep-going] [--bytes] [--flush-faults] [--set KNOB=VALUE]
  --seed N       first seed (default 1), decimal, or hexadecimal with 0x
  --count N      how many seeds from there (default 1)
  --trace        print the story of each seed, not only of one that fails
  --twice        run each seed twice and compare the digests of their stories; otherwise one in twenty
  --keep-going   go on after a seed that fails
  --no-shrink    do not look for a smaller failure
  --bytes        every seed over iSCSI, not only one in ten
  --flush-faults disks fail, to flush as well, in every seed
  --first        the swarm of the oldest seeds in the corpus: fewer knobs, fewer faults; --wide, --whole, --aimed: those after it
  --set K=V      a knob, its value in JSON; may be given again
  --summary FILE figures and probes of the run, in JSON
A seed that fails leaves test/sim/artifacts/sim-SEED.json.
exit codes: 0 passed, 127 crash, 128 liveness, 129 safety, 130 a seed that does not repeat
`;

const ONE_IN = 20;
const ARTIFACTS = join('test', 'sim', 'artifacts');

interface Order {
  readonly first: number;
  readonly count: number;
  readonly parts: SimParts;
  readonly trace: boolean;
  readonly twice: boolean;
  readonly keepGoing: boolean;
  readonly shrinks: boolean;
}

interface Totals {
  events: number;
  virtualMs: number;
  failed: number[];
  probes: Record<string, number>;
  code: number;
}

/** Plays seeds and says on stdout what came of them. Returns the exit code. */
export async function main(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: {
      seed: { type: 'string', default: '1' },
      count: { type: 'string', default: '1' },
      trace: { type: 'boolean', default: false },
      twice: { type: 'boolean', default: false },
      'keep-going': { type: 'boolean', default: false },
      'no-shrink': { type: 'boolean', default: false },
      'flush-faults': { type: 'boolean', default: false },
      bytes: { type: 'boolean', default: false },
      first: { type: 'boolean', default: false },
      wide: { type: 'boolean', default: false },
      whole: { type: 'boolean', default: false },
      aimed: { type: 'boolean', default: false },
      set: { type: 'string', multiple: true, default: [] },
      summary: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return say(USAGE, EXIT.passed);
  const options: Partial<SimOptions> = {
    ...(values.bytes ? { bytes: true } : {}),
    ...(values['flush-faults'] ? { flushFaults: true, diskFaultEveryMs: 500 } : {}),
    ...Object.fromEntries(values.set.map(knob)),
  };
  const order: Order = {
    first: Number(values.seed),
    count: Number(values.count),
    parts: { swarm: swarmOf(values), options },
    trace: values.trace,
    twice: values.twice,
    keepGoing: values['keep-going'],
    shrinks: !values['no-shrink'],
  };
  const startedMs = Date.now();
  const totals = await playAll(order);
  const seconds = (Date.now() - startedMs) / 1000;
  if (values.summary) writeFileSync(values.summary, JSON.stringify({ ...totals, count: order.count, seconds }));
  const rate = `${(order.count / seconds).toFixed(1)} seeds/s, ${Math.round(totals.virtualMs / 1000 / seconds)} times real time`;
  const figures = `${order.count} seeds, ${totals.failed.length} failed, ${totals.events} events in ${seconds.toFixed(1)} s`;
  return say(`${figures}: ${rate}\n`, totals.code);
}

async function playAll(order: Order): Promise<Totals> {
  const { first, count, parts, trace } = order;
  const totals: Totals = { events: 0, virtualMs: 0, failed: [], probes: {}, code: EXIT.passed };
  for (let seed = first; seed < first + count && (totals.code === EXIT.passed || order.keepGoing); seed += 1) {
    const result = await runSeed(seed, parts);
    totals.events += result.events;
    totals.virtualMs += result.virtualMs;
    for (const name of result.probes) totals.probes[name] = (totals.probes[name] ?? 0) + 1;
    if (trace) say(result.story.join('\n') + '\n', 0);
    if (result.invariant) {
      totals.failed.push(seed);
      totals.code = await report(result, order);
    } else if ((order.twice || seed % ONE_IN === 0) && (await runSeed(seed, parts)).digest !== result.digest) {
      totals.failed.push(seed);
      totals.code = say(
        `SIM FAIL  seed ${seed} does not repeat: two runs tell different stories\n`,
        EXIT.nonDeterminism,
      );
    }
  }
  return totals;
}

async function report(result: SimResult, { parts, trace, keepGoing, shrinks }: Order): Promise<number> {
  const swarm = parts.swarm ?? 'every';
  const smaller = shrinks ? await shrink(result, parts.options ?? {}) : result;
  const replay = replayLine(result, swarm);
  const shrunk = replayLine(smaller, swarm);
  say(reportOf(result, trace || keepGoing ? 0 : 60, swarm), 0);
  if (smaller !== result) say(`  shrunk:  ${shrunk}  (${smaller.events} events: ${smaller.message})\n`, 0);
  const { seed, invariant, message, options, events, virtualMs, story } = result;
  const record = {
    invariant,
    message,
    seed,
    commit: commit(),
    node: process.version,
    events,
    virtualMs,
    replay,
    shrunk,
  };
  mkdirSync(ARTIFACTS, { recursive: true });
  writeFileSync(join(ARTIFACTS, `sim-${seed}.json`), JSON.stringify({ ...record, options, story }, undefined, 1));
  return exitCodeOf(result.invariant!);
}

function swarmOf(values: Readonly<Record<string, unknown>>): Swarm {
  return (['first', 'wide', 'whole', 'aimed'] as const).find((swarm) => values[swarm] === true) ?? 'every';
}

function commit(): string {
  try {
    return execFileSync('git', ['rev-parse', 'HEAD'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    return 'unknown';
  }
}

function knob(text: string): [string, unknown] {
  const at = text.indexOf('=');
  return [text.slice(0, at), JSON.parse(text.slice(at + 1))];
}

function replayLine({ seed, options }: SimResult, swarm: Swarm): string {
  const flags = asFlags(options, drawOptions(seed, swarm));
  return `npm run sim -- --seed ${seed} --trace${swarm === 'every' ? '' : ` --${swarm}`}${flags}`;
}

export function reportOf(result: SimResult, storyLines: number, swarm: Swarm = 'every'): string {
  const { seed, invariant, message, options, events, virtualMs, story } = result;
  const knobs = Object.entries(options).map(([name, value]) => `${name}=${JSON.stringify(value)}`);
  return [
    `SIM FAIL  ${invariant}  seed=${seed} event=${events} t=${virtualMs.toFixed(3)}ms`,
    `  ${invariant ? INVARIANTS[invariant] : ''}`,
    `  ${message}`,
    `  swarm: ${knobs.join(' ')}`,
    ...(storyLines > 0 ? [`  last lines:`, ...story.slice(-storyLines).map((line) => `    ${line}`)] : []),
    `  replay:  ${replayLine(result, swarm)}`,
    '',
  ].join('\n');
}

function say(text: string, code: number): number {
  process.stdout.write(text);
  return code;
}
