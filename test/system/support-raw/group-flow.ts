import { openBlockDevice } from '../../../src/lun/block-device.ts';
import { createLunOpener } from '../../../src/lun/opener.ts';
import { createRealClock } from '../../../src/lun/real-clock.ts';
import { createRealRandom } from '../../../src/lun/real-random.ts';
import { createTcpTransport } from '../../../src/lun/socket.ts';
import type { Lun } from '../../../src/lun/lun.ts';
import type { Json, RawHost, RawLab, Site } from './raw-lab.ts';

export const GROUP = 'oradb';
export const VOLUMES = { data: 10, log: 11 } as const;
export const SITES: readonly Site[] = ['tokyo', 'osaka'];

export type Volume = keyof typeof VOLUMES;

/** How hosts reach everything: their configurations, and the path of each volume. */
export interface Way {
  readonly hosts: Readonly<Record<Site, RawHost | Site>>;
  volume(site: Site, volume: Volume): string;
}

/** A command and what it said. */
export interface Said {
  readonly argv: readonly string[];
  readonly json: Json;
}

/** Each write is one request on every way, and so one journal record. */
const WRITE_BYTES = 16 << 10;
const WRITES = 8;
const TIMEOUT_MS = 30_000;

/** One walk through the life of a group on one way. Data are read and written on that way too. */
export class GroupFlow {
  readonly said: Said[] = [];
  readonly #lab: RawLab;
  readonly #way: Way;
  readonly #volumeBytes: number;
  readonly #expected: Readonly<Record<Volume, Buffer>>;
  readonly #differences: string[] = [];
  #turn = 0;

  /** `expected`: what the volumes hold; kept up to date. */
  constructor(lab: RawLab, way: Way, expected: Readonly<Record<Volume, Buffer>>) {
    this.#lab = lab;
    this.#way = way;
    this.#expected = expected;
    this.#volumeBytes = expected.data.length;
  }

  /** Writes every block of every volume, so that a second walk finds what the first found. */
  async fill(): Promise<void> {
    for (const volume of Object.keys(VOLUMES) as Volume[]) {
      const held = this.#expected[volume];
      for (const site of SITES) await this.#use(site, volume, (lun) => lun.write(0, held));
    }
  }

  /** Returns what was read and was not what had been written. */
  async run(): Promise<readonly string[]> {
    await this.#say('pair', 'create', GROUP, '--primary', 'tokyo');
    await this.#settle();
    await this.#cycleByHand();
    await this.#swapAndBack();
    await this.#loseTokyo();
    await this.#say('pair', 'delete', GROUP, '--confirm', GROUP);
    await this.#say('lun', 'list');
    return this.#differences;
  }

  async #cycleByHand(): Promise<void> {
    await this.#write('tokyo', 'data');
    await this.#write('tokyo', 'log');
    for (const order of ['acquire', 'restore', 'purge']) await this.#say('journal', order, GROUP);
    await this.#say('journal', 'show', GROUP);
    await this.#compare('after a cycle by hand');
  }

  async #swapAndBack(): Promise<void> {
    await this.#say('swap', GROUP, '--to', 'osaka');
    await this.#write('osaka', 'data');
    await this.#say('replicate', GROUP, '--once');
    await this.#write('osaka', 'log');
    await this.#say('swap', GROUP, '--to', 'tokyo');
    await this.#compare('after a swap and another back');
  }

  async #loseTokyo(): Promise<void> {
    await this.#write('tokyo', 'data');
    await this.#settle();
    this.#lab.kill('tokyo');
    await this.#sayAt('osaka', 'takeover', GROUP, '--at', 'osaka', '--confirm', GROUP);
    await this.#write('osaka', 'log');
    await this.#lab.startAgain('tokyo');
    await this.#sayAt('osaka', 'pair', 'resync', GROUP, '--from', 'osaka', '--discard', 'tokyo', '--confirm', GROUP);
    await this.#sayAt('osaka', 'replicate', GROUP, '--until-empty');
    await this.#compare('after a takeover and a resync from there');
    await this.#say('swap', GROUP, '--to', 'tokyo');
  }

  async #settle(): Promise<void> {
    await this.#say('replicate', GROUP, '--until-empty');
    await this.#say('pair', 'show', GROUP);
  }

  async #compare(when: string): Promise<void> {
    for (const volume of Object.keys(VOLUMES) as Volume[]) {
      for (const site of SITES) {
        const held = await this.#use(site, volume, (lun, blockSize) => lun.read(0, this.#volumeBytes / blockSize));
        if (!this.#expected[volume].equals(held)) this.#differences.push(`${volume} at ${site} ${when}`);
      }
    }
  }

  async #write(site: Site, volume: Volume): Promise<void> {
    this.#turn += 1;
    const at = this.#turn * 5 * 4096;
    const data = Buffer.from(
      Uint8Array.from({ length: WRITES * WRITE_BYTES }, (_, i) => ((i + this.#turn) * 7919) >>> 5),
    );
    await this.#use(site, volume, async (lun, blockSize) => {
      for (let from = 0; from < data.length; from += WRITE_BYTES) {
        await lun.write((at + from) / blockSize, data.subarray(from, from + WRITE_BYTES));
      }
      await lun.flush();
    });
    data.copy(this.#expected[volume], at);
  }

  async #use<T>(site: Site, volume: Volume, work: (lun: Lun, blockSize: number) => Promise<T>): Promise<T> {
    const clock = createRealClock();
    const opener = createLunOpener({
      transport: createTcpTransport(),
      clock,
      openBlockDevice: (path, options) => openBlockDevice({ clock }, path, options),
      random: createRealRandom(),
      initiatorName: 'iqn.2026-11.example:application',
      timeoutMs: TIMEOUT_MS,
    });
    try {
      const lun = await opener.open(this.#way.volume(site, volume));
      try {
        return await work(lun, (await lun.capacity()).blockSize);
      } finally {
        await lun.close();
      }
    } finally {
      await opener.close();
    }
  }

  #say(...argv: string[]): Promise<void> {
    return this.#sayAt('tokyo', ...argv);
  }

  async #sayAt(site: Site, ...argv: string[]): Promise<void> {
    this.said.push({ argv, json: await this.#lab.json(argv, this.#way.hosts[site]) });
  }
}

/**
 * What the commands of a walk said, without what two walks on one way would not have in common: times, random numbers
 * (generations, in the order in which they appear), how often an array was asked before it was ready, and with it how often its tables changed.
 */
export function inCommon(said: readonly Said[]): unknown {
  const generations = new Map<string, string>();
  const text = (value: string): string => {
    if (/^(?!0{16})[0-9a-f]{16}$/.test(value)) {
      if (!generations.has(value)) generations.set(value, `generation ${generations.size + 1}`);
      return generations.get(value)!;
    }
    return value.replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/, 'a moment');
  };
  const plain = (value: unknown): unknown => {
    if (typeof value === 'string') return text(value);
    if (Array.isArray(value)) return value.filter(isNoPoll).map(plain);
    if (value === null || typeof value !== 'object') return value;
    const kept = Object.entries(value).filter(([name]) => !name.endsWith('Ms') && !VARYING.has(name));
    return Object.fromEntries(kept.map(([name, entry]) => [name, plain(entry)]));
  };
  return said.map(({ argv, json }) => {
    const settled = Object.entries(json).filter(([name]) => json['changed'] === undefined || !AT_WORK.has(name));
    return [argv.join(' '), plain(Object.fromEntries(settled))];
  });
}

const VARYING: ReadonlySet<string> = new Set(['readProof', 'cycles', 'changes']);
/** What a command that changed something saw while the arrays were still at work. */
const AT_WORK: ReadonlySet<string> = new Set(['observation', 'verdict']);

/** A step that only looked, or found done what it was to do, is there as often as it had to wait. */
function isNoPoll(step: unknown): boolean {
  if (step === null || typeof step !== 'object' || !('process' in step)) return true;
  return 'changed' in step && step.changed === true;
}
