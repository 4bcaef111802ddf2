import type { SimOptions } from './options.ts';
import { runSeed, type SimResult } from './simulation.ts';

/** Kinds of faults and of traffic that may turn out not to matter. */
const WITHOUT: ReadonlyArray<Partial<SimOptions>> = [
  { groups: 1 },
  { strangerEveryMs: 0 },
  { upheavalEveryMs: 0 },
  { mapped: false },
  { commandRate: 0 },
  { ambushEveryMs: 0 },
  { delayRate: 0 },
  { doubleRate: 0 },
  { hoardEveryMs: 0 },
  { bytes: false },
  { tunables: {} },
  { rotEveryMs: 0 },
  { pauseEveryMs: 0 },
  { readFaults: false },
  { flushFaults: false },
  { diskFaultEveryMs: 0 },
  { streamFaultEveryMs: 0 },
  { linkEveryMs: 0 },
  { loss: 0 },
  { killEveryMs: 0 },
  { powerCutEveryMs: 0 },
  { stallRate: 0 },
  { garbage: false },
  { deallocateRate: 0 },
  { operatorEveryMs: 0 },
  { loops: 1 },
  { volumes: 1 },
  { applications: 1 },
  { depth: 1 },
];
const HALVINGS = 6;

/** The fewest knobs, set on top of those of the seed, with which it still breaks the same invariant. */
export async function shrink(failed: SimResult, given: Partial<SimOptions>): Promise<SimResult> {
  let set = given;
  let smallest = failed;
  const attempt = async (change: Partial<SimOptions>): Promise<boolean> => {
    const result = await runSeed(failed.seed, { options: { ...failed.options, ...set, ...change } });
    if (result.invariant !== failed.invariant) return false;
    set = { ...set, ...change };
    smallest = result;
    return true;
  };
  for (const change of WITHOUT) if (!alreadyIs(smallest.options, change)) await attempt(change);
  let chaosMs = smallest.options.chaosMs;
  for (let times = 0; times < HALVINGS; times += 1) {
    chaosMs = Math.ceil(chaosMs / 2);
    if (!(await attempt({ chaosMs }))) break;
  }
  return smallest;
}

function alreadyIs(options: SimOptions, change: Partial<SimOptions>): boolean {
  const entries = Object.entries(change) as Array<[keyof SimOptions, unknown]>;
  return entries.every(([name, value]) => JSON.stringify(options[name]) === JSON.stringify(value));
}

/** Options in the words of the command line, where they are not those that the seed draws. */
export function asFlags(options: SimOptions, drawn: SimOptions): string {
  const entries = Object.entries(options).filter(
    ([name, value]) => JSON.stringify(value) !== JSON.stringify(drawn[name as keyof SimOptions]),
  );
  return entries.map(([name, value]) => ` --set '${name}=${JSON.stringify(value)}'`).join('');
}
