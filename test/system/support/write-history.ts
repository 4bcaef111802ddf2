import { readSector, SECTOR_BYTES } from './sectors.ts';

/**
 * What a host knows of its writes, and what it may demand of the volumes for it. Writes that overlap are never in flight
 * together, so each sector has one order; between sectors a write comes before another if it was acknowledged before the
 * other was issued.
 */

export interface Write {
  readonly counter: number;
  readonly volume: number;
  readonly lba: number;
  readonly sectors: number;
  /** Moments of the host's own clock, which ticks with every issue and every answer. */
  readonly issued: number;
  acknowledged: number;
  /** The array said that it did not do it. */
  refused: boolean;
}

/** Bytes of each volume, by LUN. */
export type Contents = ReadonlyMap<number, Buffer>;

export interface Verified {
  /** Sentences; empty where all is well. */
  readonly findings: readonly string[];
  /** Acknowledged writes that are not there, which only a takeover may cost. */
  readonly missing: number;
}

const NEVER = Number.POSITIVE_INFINITY;
const MOST_FINDINGS = 10;

interface Row {
  /** Oldest first; the first is what the sector held when the history was last settled. */
  writes: Write[];
  /** In flight, or of unknown outcome: nobody may write here before the history is settled. */
  taken: boolean;
}

export class WriteHistory {
  readonly #volumes: ReadonlyMap<number, Row[]>;
  #moment = 0;
  #counter = 0;
  #acknowledged = 0;

  /** Volumes that are blank, by LUN. */
  constructor(luns: readonly number[], sectorsPerVolume: number) {
    this.#volumes = new Map(
      luns.map((volume) => [
        volume,
        Array.from({ length: sectorsPerVolume }, (_, lba) => ({ writes: [settled(volume, lba, 0)], taken: false })),
      ]),
    );
  }

  /** Acknowledged writes so far. */
  get acknowledged(): number {
    return this.#acknowledged;
  }

  issue(volume: number, lba: number, sectors: number): Write | undefined {
    const rows = this.#volumes.get(volume)!.slice(lba, lba + sectors);
    if (rows.length < sectors || rows.some(({ taken }) => taken)) return undefined;
    this.#counter += 1;
    this.#moment += 1;
    const write = {
      counter: this.#counter,
      volume,
      lba,
      sectors,
      issued: this.#moment,
      acknowledged: NEVER,
      refused: false,
    };
    for (const row of rows) {
      row.taken = true;
      row.writes.push(write);
    }
    return write;
  }

  /** Without a call of this or of `refuse` the outcome is unknown, and stays so. */
  acknowledge(write: Write): void {
    this.#moment += 1;
    write.acknowledged = this.#moment;
    this.#acknowledged += 1;
    this.#free(write);
  }

  refuse(write: Write): void {
    write.refused = true;
    this.#free(write);
  }

  #free({ volume, lba, sectors }: Write): void {
    for (const row of this.#volumes.get(volume)!.slice(lba, lba + sectors)) row.taken = false;
  }

  /** Nothing acknowledged is lost. */
  verifyAll(contents: Contents): Verified {
    return this.#verify(contents, () => NEVER);
  }

  /**
   * The volumes together are as after some beginning of the writes: whatever was acknowledged before the newest write
   * that is there was issued is there too, and acknowledged writes are there as a whole.
   */
  verifyPrefix(contents: Contents): Verified {
    return this.#verify(contents, (present) => Math.max(0, ...present.map(({ issued }) => issued)));
  }

  #verify(contents: Contents, until: (present: Write[]) => number): Verified {
    const findings: string[] = [];
    const seen = this.#look(contents, findings);
    const present = new Set([...seen.values()].flat().map(({ write }) => write));
    const end = until([...present]);
    const missing = new Set<Write>();
    for (const [volume, sectors] of seen) {
      for (const [lba, { write, index }] of sectors.entries()) {
        const later = this.#volumes.get(volume)![lba]!.writes.slice(index + 1);
        for (const lost of later.filter(({ acknowledged }) => acknowledged < NEVER)) {
          missing.add(lost);
          if (lost.acknowledged < end || present.has(lost)) {
            findings.push(`volume ${volume} sector ${lba} holds write ${write.counter}, not ${nameOf(lost)}`);
          }
        }
      }
    }
    return { findings: findings.slice(0, MOST_FINDINGS), missing: missing.size };
  }

  /** What is there now is what counts from here on. */
  settle(contents: Contents): void {
    const seen = this.#look(contents, []);
    for (const [volume, sectors] of seen) {
      for (const [lba, { write }] of sectors.entries()) {
        const row = this.#volumes.get(volume)![lba]!;
        row.writes = [settled(volume, lba, write.counter)];
        row.taken = false;
      }
    }
  }

  /** For each sector which of its writes it holds; what it cannot hold goes to `findings`. */
  #look(contents: Contents, findings: string[]): Map<number, Array<{ write: Write; index: number }>> {
    const seen = new Map<number, Array<{ write: Write; index: number }>>();
    for (const [volume, rows] of this.#volumes) {
      const bytes = contents.get(volume)!;
      seen.set(
        volume,
        rows.map(({ writes }, lba) => {
          const sector = bytes.subarray(lba * SECTOR_BYTES, (lba + 1) * SECTOR_BYTES);
          const [index, wrong] = indexOf(writes, volume, lba, sector);
          if (wrong !== undefined) findings.push(`volume ${volume} sector ${lba} ${wrong}`);
          return { write: writes[index]!, index };
        }),
      );
    }
    return seen;
  }
}

function settled(volume: number, lba: number, counter: number): Write {
  return { counter, volume, lba, sectors: 1, issued: 0, acknowledged: 0, refused: false };
}

function nameOf({ counter, lba, sectors }: Write): string {
  return `acknowledged write ${counter} of sectors ${lba} to ${lba + sectors - 1}`;
}

function indexOf(writes: readonly Write[], volume: number, lba: number, sector: Buffer): [number, string?] {
  const name = readSector(sector);
  if (name === undefined) return [0, `is torn or foreign: ${sector.toString('hex', 0, 32)}`];
  const counter = name === 'blank' ? 0 : name.counter;
  if (name !== 'blank' && (name.volume !== volume || name.lba !== lba)) {
    return [0, `holds write ${counter} of volume ${name.volume} sector ${name.lba}`];
  }
  const index = writes.findIndex((write) => write.counter === counter);
  if (index < 0) {
    const known = writes.map((write) => write.counter).join(', ');
    return [0, `holds write ${counter}, but may only hold one of ${known}`];
  }
  return writes[index]!.refused ? [index, `holds write ${counter}, which was refused`] : [index];
}
