import type { GroupState } from '../../../src/array/store/array-state.ts';
import type { Write } from '../history.ts';
import { NOTHING_HELD, volumeAt, volumesOf, type Side } from '../side.ts';
import { SimFailure } from '../verdict.ts';
import { readInPlace } from './in-place.ts';
import type { Stored } from './ring.ts';

/**
 * I3: a primary that is suspended has durably marked every chunk of what its journal held and the other side does not have, and of what
 * hosts write from then on; and what a resync sets out to copy somebody has written since the copy before.
 */
export interface DifferenceWatch {
  arrived(write: Write): void;
  /** `start`: the moment at which the command had arrived. */
  answered(side: Side, write: Write, start: number): void;
  /** `unseen`: the array has been down since it was last looked at. */
  changed(side: Side, before: GroupState | undefined, unseen: boolean): void;
  /** Called before the power takes what was not flushed. */
  died(side: Side): void;
}

const SECTOR = 512;

/** Chunks of one volume that may differ between the sides. */
interface Touched {
  /** All of them may. */
  all: boolean;
  since: Set<number>;
  /** Since the copy began that runs. */
  next: Set<number> | undefined;
  /** The primary has called the pair whole, and empties its map of this slot. */
  emptying: { readonly side: Side; readonly slot: number; readonly chunks: ReadonlySet<number> } | undefined;
}

export function watchDifferences(parts: {
  readonly sides: readonly [Side, Side];
  readonly chunkBytes: number;
  readonly sectors: number;
  readonly tick: () => number;
  /** What rots makes everything differ. */
  readonly rots: boolean;
}): DifferenceWatch {
  const { sides, chunkBytes, tick } = parts;
  const touched: Touched[] = sides[0].image.map(() => ({
    all: true,
    since: new Set(),
    next: undefined,
    emptying: undefined,
  }));
  const suspendedSince = new Map<Side, number>();

  const otherOf = (side: Side): Side => (side === sides[0] ? sides[1] : sides[0]);

  function chunksOf(first: number, count: number): number[] {
    const from = Math.floor((first * SECTOR) / chunkBytes);
    const to = Math.floor(((first + count) * SECTOR - 1) / chunkBytes);
    return Array.from({ length: to - from + 1 }, (_, index) => from + index);
  }

  /** Chunks that are durably marked; undefined where nobody can say. */
  function marked(side: Side, slot: number): Set<number> | undefined {
    const name = `differences-${Buffer.from(side.groupName, 'utf8').toString('hex')}-${slot}`;
    const file = side.disk.inspect(name);
    if (!file || side.disk.doubtful || side.disk.wounds(name).length > 0) return undefined;
    const chunks = Math.ceil((parts.sectors * SECTOR) / chunkBytes);
    const bits = readInPlace(file.bytes, Math.ceil(chunks / 8));
    return new Set(
      Array.from({ length: chunks }, (_, chunk) => chunk).filter((chunk) => bits[chunk >>> 3]! & (1 << (chunk & 7))),
    );
  }

  function needMarked(side: Side, slot: number, chunks: readonly number[], what: string): void {
    const of = marked(side, slot);
    const lacking = of && chunks.find((chunk) => !of.has(chunk));
    if (lacking === undefined) return;
    throw new SimFailure(
      'I3-full',
      `${side.name} is suspended, and chunk ${lacking} of slot ${slot} is not marked: ${what}`,
    );
  }

  function suspended(side: Side, before: GroupState, after: GroupState): void {
    const { held } = otherOf(side);
    const isSame = held !== NOTHING_HELD && held.generation === before.lineage.at(-1)?.generation;
    const from = Math.max(before.purged.sequence, isSame ? held.sequence : 0);
    const isWanting = ({ sequence, slot }: Stored): boolean =>
      sequence > from && sequence <= after.purged.sequence && before.pairs.some((pair) => pair.slot === slot);
    for (const { sequence, slot, lba, length } of side.ring.stored().filter(isWanting))
      needMarked(side, slot, chunksOf(lba, length), `record ${sequence} changed it`);
  }

  /** Whether all that two sides have to tell one another about the volume is in their journals and maps. */
  function isFormed(volume: number): boolean {
    return sides.every((side) => volumesOf(side, side.group).includes(volume));
  }

  const isTainted = (): boolean => parts.rots || sides.some(({ disk, peek }) => disk.hurt || peek.returns() > 0);

  function followCopies(side: Side, before: GroupState | undefined, unseen: boolean): void {
    for (const [volume, of] of touched.entries()) {
      if (!isFormed(volume) || isTainted())
        Object.assign(of, { all: true, next: isFormed(volume) ? of.next : undefined });
    }
    for (const pair of side.group?.role === 'auxiliary' ? side.group.pairs : []) {
      const of = touched[volumeAt(side, pair.auxiliaryLun)];
      if (!of || !pair.copyBegun || before?.pairs.find(({ slot }) => slot === pair.slot)?.copyBegun) continue;
      const spare = of.all ? undefined : [...(marked(side, pair.slot) ?? [])].find((chunk) => !of.since.has(chunk));
      if (spare !== undefined) {
        const what = `chunk ${spare} of pair ${pair.name}, which nobody has written since the copy before`;
        throw new SimFailure('I3-full', `a resync copies to ${side.name} ${what}`);
      }
      of.next = new Set([...inJournal(otherOf(side), pair.slot), ...underWay(volumeAt(side, pair.auxiliaryLun))]);
    }
    for (const [volume, of] of touched.entries()) {
      if (!of.next || !sides.every((one) => isPair(one, volume))) continue;
      Object.assign(of, { all: false, since: of.next, next: undefined, emptying: undefined });
      noteLeft(of, volume, (one, slot) => !unseen && one === side && isCopying(before, slot));
    }
  }

  /**
   * A primary that learns of the end of a copy empties its map behind that commit. What its map named when it died between the two stays
   * there until the next copy, as it does where only the auxiliary was resynced.
   */
  function noteLeft(of: Touched, volume: number, empties: (side: Side, slot: number) => boolean): void {
    const side = sides.find(({ group }) => group?.role === 'primary');
    const pair = side?.group?.pairs.find(({ primaryLun }) => volumeAt(side, primaryLun) === volume);
    if (!side || !pair) return;
    const chunks = marked(side, pair.slot) ?? new Set();
    if (empties(side, pair.slot)) of.emptying = { side, slot: pair.slot, chunks };
    else for (const chunk of chunks) of.since.add(chunk);
  }

  function isCopying(group: GroupState | undefined, of: number): boolean {
    return group?.role === 'primary' && group.pairs.some(({ slot, progress }) => slot === of && progress === 'copy');
  }

  /** What a primary has stored and not freed it marks when it is suspended, whether or not the other side has it by then. */
  function inJournal({ ring, group }: Side, of: number): number[] {
    const from = group?.purged.sequence ?? 0;
    const kept = ring.stored().filter(({ sequence, slot }) => sequence > from && slot === of);
    return kept.flatMap(({ lba, length }) => chunksOf(lba, length));
  }

  /** A write may wait for long before it is done: at a fence, or while a role changes. */
  function underWay(volume: number): number[] {
    const writes = sides.flatMap(({ inFlight }) => [...inFlight]).filter((write) => write.volume === volume);
    return writes.flatMap(({ first, count }) => chunksOf(first, count));
  }

  function isPair(side: Side, volume: number): boolean {
    const index = volumesOf(side, side.group).indexOf(volume);
    return side.group?.pairs[index]?.progress === 'pair';
  }

  return {
    arrived({ volume, first, count }) {
      const of = touched[volume];
      for (const chunk of of ? chunksOf(first, count) : []) {
        of!.since.add(chunk);
        of!.next?.add(chunk);
      }
    },
    answered(side, write, start) {
      const { group } = side;
      const since = suspendedSince.get(side);
      if (group?.role !== 'primary' || side.stateChanged || since === undefined || start < since) return;
      const pair = group.pairs.find(({ primaryLun }) => volumeAt(side, primaryLun) === write.volume);
      if (pair) needMarked(side, pair.slot, chunksOf(write.first, write.count), `write ${write.id} was answered`);
    },
    changed(side, before, unseen) {
      const { group } = side;
      const isSuspended = group?.role === 'primary' && group.suspendReason !== 'none';
      if (!isSuspended) suspendedSince.delete(side);
      else if (!suspendedSince.has(side)) suspendedSince.set(side, tick());
      if (isSuspended && before?.role === 'primary' && before.suspendReason === 'none') suspended(side, before, group);
      followCopies(side, before, unseen);
    },
    died(side) {
      for (const { since, emptying } of touched) {
        if (emptying?.side !== side) continue;
        for (const chunk of marked(side, emptying.slot) ?? []) if (emptying.chunks.has(chunk)) since.add(chunk);
      }
    },
  };
}
