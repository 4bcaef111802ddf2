import { GROUP, peerOf, SITES, type ChaosLab, type Site } from './chaos-lab.ts';

/** What an operator does after a fault: look, do what the state calls for, look again. */

interface Verdict {
  readonly kind: string;
  readonly primary?: Site;
  readonly explanation: string;
  readonly nextStep: string;
}

export interface Healing {
  /** Where the operator's host is. */
  readonly at: Site;
  /** Whose own writes may be given up; absent where a split brain would be a mistake of the arrays. */
  readonly discard?: Site;
  /** The array that a swap was to make primary. */
  readonly swapTo?: Site;
}

const MOST_ATTEMPTS = 12;
const TIMEOUT = ['--timeout', '15s'];

/** Until all is replicated and `pair check` holds. Returns the primary; throws where no ordinary command leads there. */
export async function heal(lab: ChaosLab, healing: Healing): Promise<Site> {
  await repair(lab);
  const { at } = healing;
  for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt += 1) {
    await lab.run(at, 'replicate', GROUP, '--until-empty', ...TIMEOUT);
    const checked = await lab.run(at, 'pair', 'check', GROUP, '--consistent', '--max-lag', '0ms', '--json', ...TIMEOUT);
    const { verdict } = JSON.parse(checked.stdout) as { verdict: Verdict };
    if (checked.code === 0) return verdict.primary!;
    lab.note(`${verdict.kind}: ${verdict.explanation}`);
    const step = stepFor(verdict, healing);
    if (step) await lab.run(at, ...step, ...TIMEOUT);
  }
  throw new Error(`not healed after ${MOST_ATTEMPTS} attempts`);
}

/** Arrays run, links are up. */
async function repair(lab: ChaosLab): Promise<void> {
  for (const link of lab.links) link.heal();
  for (const site of SITES) lab.signal(site, 'SIGCONT');
  await Promise.all(SITES.map((site) => lab.startArray(site)));
}

function stepFor({ kind, primary, explanation }: Verdict, { discard, swapTo }: Healing): string[] | undefined {
  switch (kind) {
    case 'absent':
    case 'partly-formed':
      throw new Error(`the group is ${kind}: ${explanation}`);
    case 'suspended':
      return ['pair', 'resync', GROUP, '--from', primary ?? 'tokyo'];
    case 'handing-over':
      return ['swap', GROUP, '--to', primary ?? swapTo ?? 'tokyo'];
    case 'taken-over':
      return ['pair', 'resync', GROUP, '--from', primary!];
    case 'diverged':
      if (!discard) throw new Error(`split brain without a takeover: ${explanation}`);
      return ['pair', 'resync', GROUP, '--from', peerOf(discard), '--discard', discard, '--confirm', GROUP];
    default:
      return undefined;
  }
}
