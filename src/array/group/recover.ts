import { randomHex, type Random } from '../../base/random.ts';
import { describeViolation } from '../../base/violation.ts';
import type { StoredRecord } from '../journal/journal-reader.ts';
import type { JournalVolume } from '../journal/journal-volume.ts';
import { journalChain, journalEnd, type JournalEnd, type LostRecords } from '../journal/recovery.ts';
import { isActive, localLun, type GroupState, type PairState, type Position } from '../store/array-state.ts';
import { changeOf, redoChange, type VolumeChange } from './change.ts';
import type { FollowerContext } from './follower.ts';
import type { GroupRuntime } from './group-runtime.ts';
import { flushVolumes, redoRestoration } from './restoration.ts';
import { loseCopy, noteDamage, settle, startTracking, suspend, withoutDebt } from './transitions.ts';

export interface RecoveryParts {
  readonly runtime: Pick<GroupRuntime, 'state' | 'journal' | 'storing' | 'differences'>;
  readonly context: FollowerContext;
  readonly random: Random;
  readonly incarnation: number;
  /** The group was formed in this life of the array and has not worked yet: its journal is empty, whatever its sectors hold. */
  readonly formed: boolean;
  readonly update: (change: (group: GroupState) => GroupState) => Promise<GroupState>;
  readonly log: (text: string) => void;
}

/** What a restart owes before hosts may read: the journal's writes in the volumes, orders to restore carried out. */
export async function recover(parts: RecoveryParts): Promise<void> {
  const group = parts.runtime.state();
  if (group.role === 'auxiliary') return recoverAuxiliary(parts, group);
  if (group.journalLost) return recoverLostJournal(parts, group);
  if (isActive(group) && group.givenUpTo !== undefined) return recoverGivenUp(parts, group);
  await payDebts(parts);
  const tail = isActive(group) ? await redoWrites(parts, group) : group.purged;
  // Whatever the journal holds behind this place was left by a crash: only records stored from now on are to follow it.
  const recovered = { sequence: tail.sequence, incarnation: parts.incarnation };
  await parts.update((current) => ({ ...current, recovered }));
  parts.runtime.storing.continueFrom(tail);
}

/** A damaged journal costs this group its copy, not the array its other volumes. */
async function recoverAuxiliary({ context, update, log }: RecoveryParts, group: GroupState): Promise<void> {
  if (group.journalDamaged) {
    context.report(`record ${group.restored.sequence + 1} in the journal of this array cannot be read`);
    await update((state) => noteDamage(state, group.restored));
    return;
  }
  try {
    const { reached, damage } = await redoRestoration(context);
    await flushVolumes(context, group);
    await update((state) => (damage ? loseCopy(noteDamage(state, reached)) : settle(state, reached)));
    if (damage) tellLoss(damage);
  } catch (error) {
    if (isBackingAway(context, group)) throw error;
    tellLoss(error);
    await update(loseCopy);
  }

  /** What was restored of it before is not known, and may have reached the volumes out of order. */
  function tellLoss(error: unknown): void {
    const why = error instanceof Error ? error.message : String(error);
    log(`group ${group.name}: ${why}; its copy here is lost, a resync makes it anew`);
    context.report(why);
  }
}

const isBackingAway = (context: FollowerContext, group: GroupState): boolean =>
  group.pairs.some((pair) => context.volume(localLun(group, pair)).backing?.isUsable() === false);

/**
 * The backing of volumes is back: what they lack reaches them, before hosts may read them. A primary is suspended by now, so that
 * what it owes them is known, and nothing comes behind it.
 */
export async function catchUp(parts: RecoveryParts): Promise<void> {
  const group = parts.runtime.state();
  if (group.role === 'auxiliary') return recoverAuxiliary(parts, group);
  await payDebts(parts);
}

/**
 * Hosts were told that writes are done, and neither the journal nor, for all that is known, a volume has them: its flush had
 * failed, and the array ended before the volumes had them durably, or what it held has rotted. Nothing of the group is served before
 * somebody has accepted that.
 */
export class LostWrites extends Error {
  override readonly name = 'LostWrites';
  /** The disk did not give them this time. */
  readonly mayPass: boolean;

  constructor(group: string, { from, to, why, unreadable = false }: LostRange) {
    const which = from === to ? `write ${to} is` : `writes ${from} to ${to} are`;
    const what =
      why === undefined
        ? `its journal had failed, and ${which} no longer in it, though hosts were told that they are done`
        : `record ${from} of its journal is damaged (${why}), and hosts may have been told that ${which} done`;
    super(`group ${group}: ${what}; the other array may have them (takeover there), else: cdctl array volume give-up`);
    this.mayPass = unreadable;
  }
}

/** Writes that are lost: `count` of those from one number to another; `why` where their records have rotted. */
export type LostRange = Omit<LostRecords, 'why' | 'unreadable'> & Partial<Pick<LostRecords, 'why' | 'unreadable'>>;

/** The first record behind `from`, up to `to`, that cannot be read, and what the disk says where it does not give it. */
export function firstUnreadable(
  journal: JournalVolume,
  from: number,
  to: number,
): { readonly sequence: number; readonly error?: unknown } | undefined {
  const reader = journal.readAhead();
  for (let sequence = from + 1; sequence <= to; sequence += 1) {
    try {
      const stored = reader.readRecord(sequence);
      if (!stored.ok || !reader.readData(stored.value.record).ok) return { sequence };
    } catch (error) {
      return { sequence, error };
    }
  }
  return undefined;
}

/**
 * What a primary owes its volumes, or acknowledged before its journal failed or rotted, and cannot give them; undefined: nothing. Of an
 * active group it is asked before it works: what its journal lacks then it lacks after a restart.
 */
export function lostWrites(journal: JournalVolume, group: GroupState): LostRange | undefined {
  const { journalLost, journalLostTo: to = 0, owed } = group;
  if (journalLost) {
    const end = journalEnd(journal, group.purged, group).tail.sequence;
    return end < to ? { from: end + 1, to, count: to - end } : undefined;
  }
  if (isActive(group)) return journalEnd(journal, group.purged, group).lost;
  const missing = owed && firstUnreadable(journal, owed.from.sequence, owed.to);
  if (!owed || !missing) return undefined;
  const { sequence: from, error } = missing;
  const why = error === undefined ? {} : { why: String(error), unreadable: true };
  return { from, to: owed.to, count: owed.to - from + 1, ...why };
}

/** The same is given up: what can be read is all that the volumes will get. */
export function withoutLostWrites(group: GroupState, { from, to }: LostRange): GroupState {
  if (isActive(group) && !group.journalLost) return { ...group, givenUpTo: to };
  const { journalLostTo: _to, owed, ...rest } = group;
  if (!owed) return rest;
  return owed.from.sequence < from - 1 ? { ...rest, owed: { ...owed, to: from - 1 } } : rest;
}

function requireWrites({ runtime }: RecoveryParts, group: GroupState): void {
  const lost = lostWrites(runtime.journal, group);
  if (lost) throw new LostWrites(group.name, lost);
}

/** Volumes whose backing is away go on owing. */
async function payDebts(parts: RecoveryParts): Promise<void> {
  const group = parts.runtime.state();
  const { owed } = group;
  if (!owed) return;
  requireWrites(parts, group);
  for (const pair of group.pairs.filter((candidate) => owed.slots.includes(candidate.slot))) {
    const volume = parts.context.volume(localLun(group, pair));
    if (volume.backing?.isUsable() === false) continue;
    await redoRecords(parts, { ...group, pairs: [pair] }, owed.from, owed.to);
    await volume.flush();
    await parts.update((current) => withoutDebt(current, pair.slot));
    parts.log(`volume ${volume.description.name} has what it lacked: records up to ${owed.to}`);
  }
}

/**
 * The array ended while it suspended the group because its journal had failed. What the journal still shows reaches the volumes:
 * everything that hosts were answered for, or all but what somebody has given up, of which the volumes may hold a part all the same,
 * or older data in its place. A generation of their own says so. The differences were durable before.
 */
async function recoverLostJournal(parts: RecoveryParts, group: GroupState): Promise<void> {
  const { context, runtime, update, incarnation, log } = parts;
  requireWrites(parts, group);
  const { tail } = await redoChain(parts, group, () => undefined);
  await flushVolumes(context, group);
  const recovered = { sequence: tail.sequence, incarnation };
  const generation = randomHex(parts.random, 8);
  await update((current) => ({ ...startTracking(suspend(current, 'error', tail), generation), recovered }));
  runtime.storing.continueFrom(tail);
  log(`group ${group.name} suspended: its journal had failed`);
}

const pairOf = (group: GroupState, { record }: StoredRecord): PairState | undefined =>
  group.pairs.find((pair) => pair.slot === record.slot && record.sequence > pair.startSequence);

/**
 * Somebody has accepted that records of the journal have rotted. Nobody knows which chunks they had changed: all may differ. The
 * volumes get everything else in its order; a generation of their own says that the peer's data is only an ancestor.
 */
async function recoverGivenUp(parts: RecoveryParts, group: GroupState): Promise<void> {
  const { context, runtime, update, incarnation, log } = parts;
  for (const pair of group.pairs) {
    await runtime.differences(pair.slot).mark(0, context.volume(pair.primaryLun).byteLength);
  }
  const tail = await redoWrites(parts, group);
  await flushVolumes(context, group);
  const recovered = { sequence: tail.sequence, incarnation };
  const generation = randomHex(parts.random, 8);
  await update((current) => ({ ...startTracking(suspend(current, 'error', tail), generation), recovered }));
  runtime.storing.continueFrom(tail);
  log(`group ${group.name} suspended: its journal was damaged, and what it lacks was given up`);
}

/**
 * The journal must be durable before the volumes take what it holds: it may come from the page cache of a killed process. Where
 * it turns out to be damaged they have had what stands before that: nobody sees them before they have had all that is left.
 */
async function redoWrites(parts: RecoveryParts, group: GroupState): Promise<Position> {
  const { runtime } = parts;
  await runtime.journal.flush();
  if (parts.formed) return group.purged;
  const { tail, lost } = await redoChain(parts, group, (pair, { offset, length }) => {
    if (pair.progress === 'copy') runtime.differences(pair.slot).note(offset, length);
  });
  if (lost) throw new LostWrites(group.name, lost);
  return tail;
}

/** Everything that the journal shows, up to its end. */
async function redoChain(
  { runtime, context }: RecoveryParts,
  group: GroupState,
  note: (pair: PairState, change: VolumeChange) => void,
): Promise<JournalEnd> {
  const chain = journalChain(runtime.journal, group.purged, group);
  for (;;) {
    const { done, value } = chain.next();
    if (done) return value;
    const pair = pairOf(group, value);
    if (!pair) continue;
    const volume = context.volume(pair.primaryLun);
    const change = changeOf(value.record, value.data, volume);
    note(pair, change);
    await redoChange(volume, change);
  }
}

/** Behind `from` up to number `to`, those of the pairs of `group`. */
async function redoRecords(
  { runtime, context }: RecoveryParts,
  group: GroupState,
  from: Position,
  to: number,
): Promise<void> {
  const reader = runtime.journal.readAhead();
  for (let sequence = from.sequence + 1; sequence <= to; sequence += 1) {
    const stored = reader.readRecord(sequence);
    if (!stored.ok) throw new Error(`record ${sequence}: ${describeViolation(stored.violation)}`);
    const pair = pairOf(group, stored.value);
    if (!pair) continue;
    const data = reader.readData(stored.value.record);
    if (!data.ok) throw new Error(`data of record ${sequence}: ${describeViolation(data.violation)}`);
    const volume = context.volume(pair.primaryLun);
    await redoChange(volume, changeOf(stored.value.record, data.value, volume));
  }
}
