import { delay, type Clock } from '../../../src/base/clock.ts';
import type { Random } from '../../../src/base/random.ts';
import { createRealClock } from '../../../src/lun/real-clock.ts';
import { createSeededRandom } from '../../support/seeded-random.ts';
import { GROUP, peerOf, SITES, type ChaosLab, type Running, type Site } from './chaos-lab.ts';
import { LINK_FAULTS } from './link.ts';
import { heal, type Healing } from './heal.ts';
import { readVolumes, VerifyingWriter } from './verifying-writer.ts';
import { WriteHistory, type Contents } from './write-history.ts';

/** Rounds of faults under a writing host; after each the arrays are healed and held to what the host was told. */

export const FAULTS = [
  'crash-primary',
  'crash-auxiliary',
  'crash-both',
  'pause',
  'link',
  'drill',
  'swap',
  'takeover',
  'fill',
  'swap',
  'split',
] as const;
export type Fault = (typeof FAULTS)[number];

const LUNS = [10, 11];
const PAUSE_MS = 8;
/** More than the writer, a command with `QUICK` and the loop wait for an answer. */
const STOPPED_MS = 1300;
/**
 * More than the product waits for anything: 5 s to open a LUN of another array, 10 s for an answer of it, 15 s for a login,
 * 30 s until a silent session is asked whether it lives, 30 s of a lease.
 */
const LONG_STOPPED_MS = 36_000;
/** Deaths of an array in a round that is about them. */
const CRASHES = 8;
/** From its start until it serves takes an array about 200 ms. */
const STARTING_MS = 250;
const LINK_FAULTS_PER_ROUND = 4;
const QUICK = ['--timeout', '1s', '--verbose'];
/** More than the journal holds. */
const FILLING_WRITES = 600;

/** Commands that a host may run at any time; each is killed somewhere in the middle. */
const VICTIMS = [
  ['pair', 'show', GROUP],
  ['journal', 'show', GROUP],
  ['replicate', GROUP, '--once'],
  ['journal', 'acquire', GROUP],
  ['journal', 'restore', GROUP],
  ['journal', 'purge', GROUP],
  ['pair', 'resync', GROUP],
];

export class Rounds {
  readonly #lab: ChaosLab;
  readonly #random: Random;
  readonly #clock: Clock = createRealClock();
  readonly #history: WriteHistory;
  readonly #sectors: number;
  #primary: Site = 'tokyo';
  #round = 0;
  /** How the writer's calls ended, by kind. */
  readonly outcomes = new Map<string, number>();
  /** Acknowledged writes that takeovers cost. */
  lostToTakeover = 0;
  takeovers = 0;
  swaps = 0;

  constructor(lab: ChaosLab, seed: number, sectorsPerVolume: number) {
    this.#lab = lab;
    this.#random = createSeededRandom(seed);
    this.#sectors = sectorsPerVolume;
    this.#history = new WriteHistory(LUNS, sectorsPerVolume);
  }

  get acknowledged(): number {
    return this.#history.acknowledged;
  }

  /** Returns what is wrong afterwards. */
  async run(fault: Fault | 'long-pause'): Promise<readonly string[]> {
    this.#round += 1;
    this.#lab.note(`round ${this.#round}: ${fault}, ${this.#primary} is primary`);
    const loop = await this.#startLoop();
    const writer = this.#startWriter(fault === 'fill' ? 0 : PAUSE_MS);
    const over = new AbortController();
    const struck = this.#strikeUnderLoad(fault, loop).finally(() => over.abort());
    const victims = this.#killVictims(over.signal);
    await Promise.allSettled([struck, victims]);
    // A link that stalls would hold what the host still has in flight.
    for (const link of this.#lab.links) link.heal();
    await writer.stop();
    await this.#lab.kill(loop);
    await victims;
    const healing = await struck;
    for (const [outcome, count] of writer.outcomes) {
      this.outcomes.set(outcome, (this.outcomes.get(outcome) ?? 0) + count);
    }
    return fault === 'takeover' ? this.#takeOver(healing) : this.#healAndVerify(healing);
  }

  async #strikeUnderLoad(fault: Fault | 'long-pause', loop: Running): Promise<Healing> {
    await this.#sleep(this.#between(100, 400));
    const healing = await this.#strike(fault, loop);
    await this.#sleep(this.#between(50, 250));
    return healing;
  }

  async #strike(fault: Fault | 'long-pause', loop: Running): Promise<Healing> {
    const primary = this.#primary;
    const auxiliary = peerOf(primary);
    const some = this.#oneOf(SITES);
    switch (fault) {
      case 'crash-primary':
        await this.#crash([primary]);
        break;
      case 'crash-auxiliary':
        await this.#crash([auxiliary]);
        break;
      case 'crash-both':
        await this.#crash(SITES);
        break;
      case 'pause':
        await this.#pause(some, STOPPED_MS);
        break;
      case 'long-pause':
        await this.#pause(auxiliary, LONG_STOPPED_MS);
        break;
      case 'link':
        await this.#failLinks();
        break;
      case 'drill':
        await this.#lab.drill('link-down', some);
        await this.#sleep(this.#between(0, 300));
        await this.#lab.drill('link-up', some);
        break;
      case 'swap':
        return this.#swap(auxiliary);
      case 'takeover':
        await this.#lab.killArray(primary);
        return { at: auxiliary, discard: primary };
      case 'fill':
        await this.#fill(loop);
        break;
      case 'split':
        await this.#lab.killMidway(
          this.#lab.start(this.#oneOf(SITES), ['pair', 'split', GROUP, ...QUICK]),
          this.#random,
        );
        break;
    }
    return { at: this.#oneOf(SITES) };
  }

  /** Killed and started, again and again, while the host still tries: in its work, in its recovery, with its peer dead or alive. */
  async #crash(sites: readonly Site[]): Promise<void> {
    for (let crash = 0; crash < CRASHES; crash += 1) {
      const site = this.#oneOf(sites);
      await this.#lab.killArray(site);
      await this.#sleep(this.#between(0, 60));
      if (this.#random.below(3) === 0) {
        this.#lab.launch(site);
        await this.#sleep(this.#between(0, STARTING_MS));
        continue;
      }
      await this.#lab.startArray(site);
      await this.#sleep(this.#between(0, 100));
    }
    if (this.#random.below(2) === 0) await this.#lab.killArray(this.#oneOf(sites));
  }

  async #pause(site: Site, durationMs: number): Promise<void> {
    this.#lab.signal(site, 'SIGSTOP');
    await this.#sleep(durationMs);
    this.#lab.signal(site, 'SIGCONT');
  }

  /** One link after the other, or several at once, for less and for more than the host waits; first the one that is never idle. */
  async #failLinks(): Promise<void> {
    for (let count = 0; count < LINK_FAULTS_PER_ROUND; count += 1) {
      const link = count === 0 ? this.#lab.linkTo(this.#primary) : this.#oneOf(this.#lab.links);
      const fault = this.#oneOf(LINK_FAULTS);
      this.#lab.note(`link ${this.#lab.links.indexOf(link)}: ${fault}`);
      link.fail(fault);
      await this.#sleep(this.#random.below(4) === 0 ? STOPPED_MS : this.#between(20, 400));
      if (this.#random.below(4) > 0) link.heal();
    }
  }

  /** A swap under load, which dies, loses an array, or ends. */
  async #swap(to: Site): Promise<Healing> {
    const at = this.#oneOf(SITES);
    const swap = this.#lab.start(at, ['swap', GROUP, '--to', to, '--timeout', '10s', '--verbose']);
    const end = this.#oneOf(['whole', 'array-dies', 'command-dies'] as const);
    if (end === 'array-dies') {
      await this.#lab.waitFor(swap, 'pair.swap');
      await this.#lab.killArray(this.#oneOf(SITES));
    }
    if (end === 'whole') await swap.ended;
    await this.#lab.killAfter(swap, 'pair.swap', this.#random);
    return { at, swapTo: to };
  }

  async #fill(loop: Running): Promise<void> {
    await this.#lab.kill(loop);
    const { acknowledged } = this.#history;
    for (let waited = 0; waited < 200 && this.#history.acknowledged < acknowledged + FILLING_WRITES; waited += 1) {
      await this.#sleep(20);
    }
    if (this.#random.below(2) === 0) await this.#lab.killArray(this.#primary);
  }

  async #takeOver(healing: Healing): Promise<readonly string[]> {
    const { at } = healing;
    const takeOver = ['takeover', GROUP, '--at', at, '--confirm', GROUP, '--timeout', '10s', '--verbose'];
    if (this.#random.below(2) === 0) {
      await this.#lab.killAfter(this.#lab.start(at, takeOver), 'pair.takeover', this.#random);
    }
    const taken = await this.#lab.run(at, ...takeOver);
    if (taken.code !== 0) return [`the takeover ended with ${taken.code}: ${taken.stderr}`];
    this.takeovers += 1;
    this.#primary = at;
    const contents = await this.#read(at);
    const { findings, missing } = this.#history.verifyPrefix(contents);
    this.#lab.note(`takeover: ${missing} acknowledged writes were not there`);
    this.lostToTakeover += missing;
    this.#history.settle(contents);
    if (findings.length > 0) return findings;
    const writer = this.#startWriter(PAUSE_MS);
    await this.#sleep(this.#between(50, 200));
    await writer.stop();
    return this.#healAndVerify(healing);
  }

  async #healAndVerify(healing: Healing): Promise<readonly string[]> {
    const primary = await heal(this.#lab, healing);
    if (primary !== this.#primary) this.swaps += 1;
    this.#primary = primary;
    const contents = await this.#read(this.#primary);
    const { findings } = this.#history.verifyAll(contents);
    this.#history.settle(contents);
    return [...findings, ...differences(contents, await this.#read(peerOf(this.#primary)))];
  }

  /** Resolves once its first cycle has begun. */
  async #startLoop(): Promise<Running> {
    const loop = this.#lab.start(this.#oneOf(SITES), [
      'replicate',
      GROUP,
      '--interval',
      '100ms',
      '--json',
      '--timeout',
      '1s',
    ]);
    const begun = new Promise<void>((resolve) => {
      loop.child.stdout!.on('data', (text: string) => {
        if (text.includes('journal.show')) resolve();
      });
    });
    await Promise.race([begun, loop.ended]);
    return loop;
  }

  #startWriter(pauseMs: number): VerifyingWriter {
    const opener = this.#lab.opener('writer');
    const paths = this.#lab.paths(this.#primary, LUNS);
    const parts = { clock: this.#clock, random: this.#random, history: this.#history, sectorsPerVolume: this.#sectors };
    return new VerifyingWriter({ ...parts, opener, paths, pauseMs });
  }

  /** Commands, one after the other, until all is over and three of them died; on a fast machine some end before. */
  async #killVictims(over: AbortSignal): Promise<void> {
    for (let [tries, died] = [0, 0]; !over.aborted || (died < 3 && tries < 8); tries += 1) {
      const argv = [...this.#oneOf(VICTIMS), ...QUICK];
      const { signal } = await this.#lab.killMidway(this.#lab.start(this.#oneOf(SITES), argv), this.#random);
      died += Number(signal !== null);
    }
  }

  async #read(site: Site): Promise<Contents> {
    const opener = this.#lab.opener('reader');
    try {
      return await readVolumes(opener, this.#lab.paths(site, LUNS), this.#sectors);
    } finally {
      await opener.close();
    }
  }

  #oneOf<T>(things: readonly T[]): T {
    return things[this.#random.below(things.length)]!;
  }

  #between(leastMs: number, mostMs: number): number {
    return leastMs + this.#random.below(mostMs - leastMs + 1);
  }

  #sleep(delayMs: number): Promise<void> {
    return delay(this.#clock, delayMs);
  }
}

function differences(primary: Contents, auxiliary: Contents): string[] {
  return Array.from(primary)
    .filter(([lun, bytes]) => !bytes.equals(auxiliary.get(lun)!))
    .map(([lun]) => `volume ${lun} is not the same on both arrays`);
}
