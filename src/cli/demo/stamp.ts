/**
 * The blocks that the hosts of the demonstration write. Each says who wrote it, in which run, as which write and where,
 * on every one of its lines, so that a lost, misplaced, stale or torn block shows itself.
 */

export const STAMP_BYTES = 4096;
const LINE_BYTES = 128;

export interface Stamp {
  /** Hex; tells this run from another one on the same volumes. */
  readonly run: string;
  /** Array that the writing host is attached to. */
  readonly site: string;
  /** 1, 2, 3...: every write of a run has its own. */
  readonly sequence: number;
}

/** A row of stamped blocks on one volume. */
export interface Region {
  readonly volume: string;
  /** Byte offset on the volume, a multiple of `STAMP_BYTES`. */
  readonly offset: number;
  readonly slots: number;
}

export interface Place {
  /** Index into the regions. */
  readonly region: number;
  readonly slot: number;
}

/** Odd, so that with a power of two of slots every slot comes once before any comes again. */
const STRIDE = 167;

/** Writes go to the regions in turn and jump about in each: neither volume nor address is in order, the writes are. */
export function placeOf(sequence: number, regions: readonly Region[]): Place {
  const region = sequence % regions.length;
  const turn = Math.floor(sequence / regions.length);
  return { region, slot: (turn * STRIDE) % regions[region]!.slots };
}

/** Bytes of the block, the same for the same stamp and place. */
export function stampBytes({ run, site, sequence }: Stamp, { region, slot }: Place): Uint8Array {
  const lines = Array.from({ length: STAMP_BYTES / LINE_BYTES }, (_, line) =>
    `cdctl lab demo  run ${run}  host at ${site}  write ${sequence}  region ${region}  slot ${slot}  line ${line}`
      .padEnd(LINE_BYTES - 1)
      .concat('\n'),
  );
  return new TextEncoder().encode(lines.join(''));
}

const HEAD =
  /^cdctl lab demo {2}run ([0-9a-f]+) {2}host at (\S+) {2}write (\d+) {2}region (\d+) {2}slot (\d+) {2}line 0 *\n/;

/** What a block says of itself; undefined where it is no stamped block or any byte of it differs from what it says. */
export function readStamp(bytes: Uint8Array): (Stamp & Place) | undefined {
  const match = HEAD.exec(new TextDecoder('latin1').decode(bytes.subarray(0, LINE_BYTES)));
  if (!match) return undefined;
  const [, run = '', site = '', sequence, region, slot] = match;
  const found = { run, site, sequence: Number(sequence), region: Number(region), slot: Number(slot) };
  return equalBytes(bytes, stampBytes(found, found)) ? found : undefined;
}

export function equalBytes(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && left.every((byte, index) => byte === right[index]);
}
