import type { GroupState } from '../../src/array/store/array-state.ts';
import { LunError } from '../../src/lun/lun.ts';
import { decodeUnmapList } from '../../src/scsi/provisioning.ts';
import { decodeLunField } from '../../src/scsi/lun-field.ts';
import type { ScsiReply, ScsiTask } from '../../src/scsi/task.ts';
import {
  addWrite,
  forkHistory,
  BROKEN,
  checkPrefix,
  createHistory,
  describeMissing,
  findMissing,
  stampsOf,
  SECTOR,
  ZEROS,
  type History,
  type Image,
  type Question,
  type Write,
} from './history.ts';
import type { Tap } from './network.ts';
import type { LostPlace } from './rot.ts';
import {
  checkPlaces,
  groupOf,
  isConsistentAuxiliary,
  NOTHING_HELD,
  roleOf,
  volumeAt,
  volumesOf,
  type Side,
} from './side.ts';
import { SimFailure } from './verdict.ts';

const WRITE_CODES = new Set([0x0a, 0x2a, 0xaa, 0x8a]);
const READ_CODES = new Set([0x08, 0x28, 0xa8, 0x88]);
const FLUSH_CODES = new Set([0x35, 0x91]);
const UNMAP_CODE = 0x42;
const FUA = 0x08;

/** The independent model of one group: what each array has answered, and what its volumes may therefore hold. */
export interface Model {
  readonly sides: readonly [Side, Side];
  /** An id and a place for a write that an application is about to send. */
  announce(volume: number, first: number, count: number): Write;
  /** Sees the commands of applications. */
  readonly tap: Tap;
  /** After each event. Waits for nothing but reads, which wait for no event. */
  check(): Promise<void> | undefined;
  /** The array has died, and its log of tables knows it; what was under way is over. */
  died(side: Side, powerCut: boolean): void;
  /** What is known of a side now; called when an older copy of that moment was put back. */
  remember(side: Side): () => void;
  /** Somebody is about to accept that these writes are lost: what this side goes on with is a history of its own. */
  gaveUp(side: Side, places: readonly LostPlace[]): void;
  /** The array has recovered and serves. */
  recovered(side: Side): Promise<void>;
  /** At the end: both sides hold every write that was answered. */
  checkEqual(): Promise<void>;
}

function writeAt(id: number, volume: number, first: number, count: number): Write {
  return { id, volume, first, count, start: Infinity, end: Infinity, good: false, flushed: false };
}

/** The tables that are durable already take effect only when a compaction of their log has ended. */
function notYet(error: unknown): undefined {
  if (error instanceof LunError && error.kind === 'not-ready') return undefined;
  throw error;
}

/** `nextId` numbers the writes of all groups, so that no two look alike. */
export function createModel(sides: readonly [Side, Side], tick: () => number, nextId: () => number): Model {
  const writes = new Map<number, Write>();
  const reads = new WeakMap<ScsiTask, { start: number; roleChanges: number }>();
  const deallocations = new WeakMap<ScsiTask, Write>();

  const sideOf = (serial: string): Side => (sides[0].serial === serial ? sides[0] : sides[1]);
  const otherOf = (side: Side): Side => (side === sides[0] ? sides[1] : sides[0]);

  function volumeOf(side: Side, task: ScsiTask): number {
    const lun = decodeLunField(task.lun);
    return lun.ok ? volumeAt(side, lun.value) : -1;
  }

  /** What the command does, if it writes; a deallocation is a write of zeros that nobody has announced. */
  function writeOf(side: Side, task: ScsiTask): Write | undefined {
    if (task.cdb[0] === UNMAP_CODE) return deallocationOf(side, task);
    if (!WRITE_CODES.has(task.cdb[0]!)) return undefined;
    return writes.get(new DataView(task.dataOut.buffer, task.dataOut.byteOffset).getUint32(0, true));
  }

  function deallocationOf(side: Side, task: ScsiTask): Write | undefined {
    const known = deallocations.get(task);
    const list = decodeUnmapList(task.dataOut);
    const range = list.ok ? list.value[0] : undefined;
    if (known || !range) return known;
    const volume = volumeOf(side, task);
    const sectors = volume === 1 ? 8 : 1;
    const write = writeAt(ZEROS, volume, range.lba * sectors, range.blockCount * sectors);
    deallocations.set(task, write);
    return write;
  }

  function readStart(task: ScsiTask): number {
    // READ(16) and READ(10): the LBA's low 32 bits, which are enough here.
    const view = new DataView(task.cdb.buffer, task.cdb.byteOffset, task.cdb.byteLength);
    return task.cdb[0] === 0x88 ? view.getUint32(6) : view.getUint32(2);
  }

  /** A volume that no pair has yet, beside ones of an auxiliary group: nobody's history is told by it. */
  function isOutside(side: Side, volume: number): boolean {
    return side.group?.role === 'auxiliary' && !volumesOf(side, side.group).includes(volume);
  }

  function answeredWrite(side: Side, task: ScsiTask, write: Write, at: { start: number; roleChanges: number }): void {
    const outside = isOutside(side, write.volume);
    if (!outside && isAuxiliaryThroughout(side, at.roleChanges)) {
      throw new SimFailure('I6-one-primary', `${side.name} is auxiliary and accepted write ${write.id}`);
    }
    write.end = tick();
    write.good = true;
    write.flushed = task.cdb[0] !== UNMAP_CODE && (task.cdb[1]! & FUA) !== 0;
    side.inFlight.delete(write);
    if (!write.flushed) (outside ? side.outside : side.unflushed).add(write);
    if (outside) return;
    // It may have waited for a change of role and then begun in the history after it.
    addWrite(side.history, write);
  }

  function isAuxiliaryThroughout(side: Side, roleChanges: number): boolean {
    return roleOf(side.group) === 'auxiliary' && side.roleChanges === roleChanges && !side.stateChanged;
  }

  function answeredFlush(side: Side, volume: number, start: number): void {
    for (const writes of [side.unflushed, side.outside]) {
      for (const write of writes) {
        if (write.volume !== volume || write.end >= start) continue;
        write.flushed = true;
        writes.delete(write);
      }
    }
  }

  /** A leading side's answer to a READ: the newest write answered before it, or one under way. */
  function answeredRead(
    side: Side,
    task: ScsiTask,
    reply: ScsiReply,
    at: { start: number; roleChanges: number },
  ): void {
    if (roleOf(side.group) === 'auxiliary' || side.roleChanges !== at.roleChanges || side.stateChanged) return;
    const volume = volumeOf(side, task);
    const blockSectors = volume === 1 ? 8 : 1;
    const first = readStart(task) * blockSectors;
    const data = reply.dataIn ?? new Uint8Array(0);
    stampsOf(data, data.length / SECTOR).forEach((stamp, index) => {
      checkSector(side, volume, first + index, stamp, at.start);
    });
  }

  function checkSector(side: Side, volume: number, sector: number, stamp: number, start: number): void {
    const known = side.history.sectors[volume]![sector]!;
    const shown = known.filter((write) => write.id === stamp);
    const isBase = side.history.base[volume]![sector] === stamp;
    const where = `a READ of sector ${sector} of volume ${volume} at ${side.name}`;
    if (shown.length === 0 && !isBase)
      throw new SimFailure('I2-durable', `${where} shows ${stamp}, never written there`);
    const from = Math.max(-1, ...shown.map((write) => write.end));
    const hidden = known.find((write) => write.good && write.start > from && write.end < start);
    if (hidden) throw new SimFailure('I2-durable', `${where} shows write ${stamp}, not write ${hidden.id} after it`);
  }

  function changed(side: Side): void {
    const before = side.group;
    const after = groupOf(side);
    side.group = after;
    checkPlaces(side);
    if (roleOf(before) !== roleOf(after)) {
      side.roleChanges += 1;
      if (roleOf(before) === 'auxiliary') leads(side, before, after);
      else if (roleOf(after) === 'auxiliary' && roleOf(before) === 'primary') givesWay(side, after);
    }
    if (isConsistentAuxiliary(after) && !isConsistentAuxiliary(before)) {
      if (roleOf(before) !== 'primary') side.history = otherOf(side).history;
      side.volumesChanged = true;
    }
    // Whom it is to follow from here on: what it had from others is overwritten before it is consistent again.
    if (after?.role === 'auxiliary' && !after.following) side.forks = [];
    noteHeld(side);
    checkPurge();
    checkPrimaries();
  }

  function noteHeld(side: Side): void {
    const { group, held } = side;
    if (!group) side.held = NOTHING_HELD;
    if (group?.role !== 'auxiliary' || !group.following) return;
    const generation = group.lineage.at(-1)?.generation ?? '';
    const before = held.generation === generation ? held.sequence : 0;
    side.held = { generation, sequence: Math.max(before, group.read.sequence) };
  }

  /** An auxiliary has become primary (swap, takeover) or stands alone. */
  function leads(side: Side, before: GroupState | undefined, after: GroupState | undefined): void {
    const other = otherOf(side);
    const { image } = side;
    const swap = after?.role === 'primary' && after.suspendReason === 'none';
    if (isConsistentAuxiliary(before) && after) {
      if (!swap) refuseUnrestored(side, before!);
      const volumes = volumesOf(side, before);
      const what = `${side.name} became primary by ${swap ? 'swap' : 'takeover'}`;
      if (swap && !side.maySplit) checkFollowed(side, { invariant: 'I12-swap', what, before: Infinity, volumes });
      else checkFollowed(side, { invariant: 'I1-prefix', what, volumes });
    } else {
      if (after && !side.mayMix)
        throw new SimFailure('I1-prefix', `${side.name} became primary with volumes that are not consistent`);
      // A mixture that nobody promised anything about: what it shows is where its own history begins.
      side.needsBase = true;
    }
    const within = volumesOf(side, after);
    for (const write of side.unflushed) if (!within.includes(write.volume)) side.outside.add(write);
    side.history = createHistory(`${side.name}@${tick()}`, image, side.history);
    for (const write of side.inFlight) addWrite(side.history, write);
    if (swap && roleOf(other.group) === 'auxiliary') other.history = side.history;
  }

  /** What it held durably, and could have restored, a takeover must not give up. */
  function refuseUnrestored(side: Side, { following, journalDamaged, read, restored }: GroupState): void {
    if (!following || journalDamaged || restored.sequence >= read.sequence) return;
    const what = `records ${restored.sequence + 1} to ${read.sequence}, which it had acquired and not restored`;
    throw new SimFailure('I12-swap', `a takeover at ${side.name} gives up ${what}`);
  }

  /** A primary has become auxiliary; by a resync, that is only right where the other side has all that it answered. */
  function givesWay(side: Side, after: GroupState | undefined): void {
    if (isConsistentAuxiliary(after) || side.mayDiscard) return;
    const other = otherOf(side);
    for (let child: History | undefined = other.history; child; child = child.parent) {
      if (child === side.history) return;
      if (child.parent !== side.history) continue;
      const what = `${side.name} gives way to ${other.name} without being told to discard`;
      const volumes = volumesOf(side, after);
      const shared = volumes.filter((volume) => volumesOf(other, other.group).includes(volume));
      checkPrefix(side.history, child.base, { invariant: 'I6-one-primary', what, before: Infinity, volumes: shared });
      return refuseLoss(side, ({ volume }) => volumes.includes(volume) && !shared.includes(volume));
    }
    refuseLoss(side, () => true);
  }

  /** What was answered for a pair that the other side does not have is in none of its volumes. */
  function refuseLoss(side: Side, isConcerned: (write: Write) => boolean): void {
    const own = [...side.history.writes].find((write) => write.good && isConcerned(write));
    if (own) {
      const what = `write ${own.id}, which the history of ${otherOf(side).name} never had`;
      throw new SimFailure('I6-one-primary', `${side.name} gives up ${what}`);
    }
  }

  function checkPurge(): void {
    for (const side of sides) {
      const far = otherOf(side).group;
      const near = side.group;
      if (near?.role !== 'primary' || far?.role !== 'auxiliary' || !far.following) continue;
      // It lost what was freed with the storage that was put aside, and is to find that out.
      if (otherOf(side).peek.returns() > 0) continue;
      if (near.suspendReason !== 'none' || far.suspendReason !== 'none') continue;
      if (near.lineage.at(-1)?.generation !== far.lineage.at(-1)?.generation) continue;
      // After a resync of the primary alone the far side may not follow by journal: what it lacks are differences.
      if (far.read.sequence < near.followFrom.sequence) continue;
      const holds = holdsOf(otherOf(side), far);
      if (near.purged.sequence <= holds) continue;
      const what = `${side.name} freed record ${near.purged.sequence}, the other side holds ${holds}`;
      throw new SimFailure('I7-purge', what);
    }
  }

  /**
   * A resync of the auxiliary alone takes it back to where its primary's journal begins. What it had acquired beyond that and not
   * restored are differences of its own from then on: a purge that shows its proof of it, and comes late, frees nothing
   * that is needed.
   */
  function holdsOf(side: Side, group: GroupState): number {
    return group.pairs.some((pair) => pair.progress === 'copy') ? side.held.sequence : group.read.sequence;
  }

  function checkPrimaries(): void {
    const [one, other] = [sides[0].group, sides[1].group];
    if (one?.role !== 'primary' || other?.role !== 'primary') return;
    if (one.lineage.at(-1)?.generation !== other.lineage.at(-1)?.generation) return;
    throw new SimFailure('I6-one-primary', 'both arrays are primary in the same generation');
  }

  /**
   * Its own history goes on from what the copy held; `left` is the one that it led until then. The other side keeps to that, also
   * where it becomes consistent only later, out of what it had acquired before; or it may follow the second life.
   */
  function leadsAgain(side: Side, left: History): void {
    side.history = forkHistory(side.history, `${side.name}~${tick()}`);
    const other = otherOf(side);
    if (roleOf(other.group) === 'auxiliary') other.forks.push(left, side.history);
  }

  /** An auxiliary that holds what only another life of the other side explains has followed that one. */
  function checkFollowed(side: Side, question: Question): void {
    try {
      checkPrefix(side.history, side.image, question);
    } catch (error) {
      const followed = side.forks.find((fork) => explains(fork, side.image, question));
      if (!followed) throw error;
      side.history = followed;
    }
  }

  function explains(history: History, image: Image, question: Question): boolean {
    try {
      checkPrefix(history, image, question);
      return true;
    } catch {
      return false;
    }
  }

  async function rebase(side: Side): Promise<void> {
    const image = await side.look().catch(notYet);
    if (!image) return;
    side.needsBase = false;
    side.image = image;
    side.history = createHistory(side.history.name, side.image, side.history.parent);
    for (const write of side.inFlight) addWrite(side.history, write);
  }

  async function look(fresh: readonly Side[], auxiliaries: readonly Side[]): Promise<void> {
    for (const side of fresh) await rebase(side);
    for (const side of auxiliaries) {
      const image = await side.look().catch(notYet);
      if (!image) continue;
      side.volumesChanged = false;
      side.image = image;
      const what = `${side.name}, auxiliary and consistent`;
      checkFollowed(side, { invariant: 'I1-prefix', what, volumes: volumesOf(side, side.group) });
    }
  }

  /**
   * What stood on volumes outside the group when this side came to lead is where its history of them begins, also where no
   * flush had covered it: a power cut may take that back, to whatever stood there before.
   */
  function rebaseOutside(side: Side): void {
    if (!side.cut) return;
    for (const { volume, first, count } of side.outside) {
      for (let sector = first; sector < first + count; sector += 1) {
        const stamp = side.image[volume]![sector]!;
        const known = side.history.sectors[volume]![sector]!;
        if (!known.some((write) => write.id === stamp)) side.history.base[volume]![sector] = stamp;
      }
    }
  }

  const isGivenUp = (side: Side, { volume, sector }: { volume: number; sector: number }): boolean =>
    side.givenUp.some(
      (place) => place.volume === volume && sector >= place.first && sector < place.first + place.count,
    );

  function forgetLost(side: Side): void {
    const { image } = side;
    rebaseOutside(side);
    markBroken(side, image);
    const what = `${side.name} after ${side.cut ? 'a power cut' : 'kill -9'}`;
    const missing = findMissing(side.history, image, { invariant: 'I2-durable', what, before: Infinity });
    for (const lost of missing) {
      if (!side.cameBack && (!side.cut || lost.write.flushed) && !isGivenUp(side, lost))
        throw new SimFailure('I2-durable', `${what}: ${describeMissing(lost)}`);
      const known = side.history.sectors[lost.volume]![lost.sector]!;
      known.splice(known.indexOf(lost.write), 1);
    }
  }

  /** A sector that was being written when the power went may hold anything, unless a flush had covered it and nobody has given that up. */
  function markBroken(side: Side, image: readonly Uint32Array[]): void {
    if (!side.cut) return;
    image.forEach((stamps, volume) => {
      stamps.forEach((stamp, sector) => {
        const known = side.history.sectors[volume]![sector]!;
        const since = known.slice(known.findLastIndex((write) => write.id === BROKEN) + 1);
        const isKept = since.every((write) => write.flushed) && !isGivenUp(side, { volume, sector });
        if (stamp !== BROKEN || isKept) return;
        const now = tick();
        known.push({ id: BROKEN, volume, first: sector, count: 1, start: now, end: now, good: false, flushed: true });
      });
    });
  }

  return {
    sides,
    announce(volume, first, count) {
      const id = nextId();
      const write = writeAt(id, volume, first, count);
      writes.set(id, write);
      return write;
    },
    tap: {
      arrived(station, task) {
        const side = sideOf(station.serial);
        const start = tick();
        reads.set(task, { start, roleChanges: side.roleChanges });
        const write = writeOf(side, task);
        if (!write) return;
        write.start = Math.min(write.start, start);
        side.inFlight.add(write);
        // At an auxiliary it takes effect, if at all, under a lead that is yet to come.
        if (roleOf(side.group) !== 'auxiliary') addWrite(side.history, write);
      },
      answered(station, task, reply) {
        const side = sideOf(station.serial);
        const at = reads.get(task);
        if (!at) return;
        const write = writeOf(side, task);
        if (reply.status !== 0) {
          if (write) side.inFlight.delete(write);
        } else if (write) answeredWrite(side, task, write, at);
        else if (FLUSH_CODES.has(task.cdb[0]!)) answeredFlush(side, volumeOf(side, task), at.start);
        else if (READ_CODES.has(task.cdb[0]!)) answeredRead(side, task, reply, at);
      },
    },
    check() {
      for (const side of sides) {
        if (!side.stateChanged) continue;
        side.stateChanged = false;
        changed(side);
      }
      const looks = sides.filter((side) => side.volumesChanged && side.ready && isConsistentAuxiliary(side.group));
      const fresh = sides.filter((side) => side.needsBase && side.ready);
      return looks.length + fresh.length === 0 ? undefined : look(fresh, looks);
    },
    died(side, powerCut) {
      side.ready = false;
      side.cut ||= powerCut;
      const now = tick();
      for (const write of side.inFlight) {
        write.end = now;
        if (isOutside(side, write.volume)) side.outside.add(write);
      }
      side.inFlight.clear();
    },
    remember(side) {
      const { history, needsBase, image } = side;
      // What an auxiliary had read by then may make it consistent once it is back.
      const known = isConsistentAuxiliary(side.group) ? side.forks : [...side.forks, otherOf(side).history];
      return () => {
        const left = side.history;
        side.group = groupOf(side);
        side.roleChanges += 1;
        Object.assign(side, { cameBack: true, stateChanged: false, volumesChanged: true });
        side.forks = [...known, ...side.forks];
        Object.assign(side, { held: NOTHING_HELD, needsBase, image, history });
        // Whoever put the copy there has given up what it lacks.
        side.mayDiscard = true;
        side.unflushed.clear();
        side.outside.clear();
        if (roleOf(side.group) !== 'auxiliary') leadsAgain(side, left);
      };
    },
    gaveUp(side, places) {
      side.givenUp.push(...places);
      leadsAgain(side, side.history);
    },
    async recovered(side) {
      side.volumesChanged = true;
      if (side.needsBase) await rebase(side);
      else if (roleOf(side.group) !== 'auxiliary') {
        side.image = await side.look();
        forgetLost(side);
      }
      side.cameBack = false;
      side.givenUp = [];
      side.ready = true;
      // What has survived a power cut is durable.
      if (side.cut) side.outside.clear();
      side.cut = false;
    },
    async checkEqual() {
      for (const side of sides) {
        const [leader] = sides.filter((candidate) => roleOf(candidate.group) !== 'auxiliary');
        const history = leader?.history ?? side.history;
        checkPrefix(history, await side.look(), {
          invariant: 'I9-liveness',
          what: `${side.name} at the end`,
          before: Infinity,
        });
      }
    },
  };
}
