import type { GroupState } from '../../src/array/store/array-state.ts';
import { decodeLunField } from '../../src/scsi/lun-field.ts';
import { decodeSense, SENSE_KEY } from '../../src/scsi/sense.ts';
import type { ScsiReply, ScsiTask } from '../../src/scsi/task.ts';
import { forcesUnitAccess, sightOf, writeAt, writesOf, type FindSource } from './effects.ts';
import {
  addWrite,
  takeOut,
  UNCHANGED,
  forkHistory,
  checkPrefix,
  createHistory,
  type History,
  type Write,
} from './history.ts';
import type { DifferenceWatch } from './checkers/differences.ts';
import { checkFollowed, checkGivesWay, refuseUnrestored } from './checkers/lead.ts';
import { checkSight } from './checkers/reads.ts';
import { forgetLost } from './checkers/survival.ts';
import { checkTransition, isSameStand } from './checkers/transitions.ts';
import { checkPrimaries, checkPurge } from './checkers/two-sides.ts';
import { MAPPED } from './layout.ts';
import type { Tap } from './network.ts';
import type { LostPlace } from './rotten-journals.ts';
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

const FLUSH_CODES = new Set([0x35, 0x91]);
const COMPARE_AND_WRITE_CODE = 0x89;

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
  /** Both sides are equal, and nothing is under way: what they hold now is where a new history begins. */
  beginAnew(): Promise<void>;
  /** At the end: both sides hold every write that was answered. */
  checkEqual(): Promise<void>;
}

/** A command of an application on its way, and what was known when it arrived. */
interface UnderWay {
  readonly start: number;
  readonly roleChanges: number;
  readonly lives: number;
  readonly passedOn: boolean;
  readonly writes: readonly Write[];
}

/** The tables that are durable already take effect only when a compaction of their log has ended. */
export class NotYet extends Error {}

function notYet(error: unknown): undefined {
  if (error instanceof NotYet) return undefined;
  throw error;
}

/** Asked after each event, and mostly there is none. */
function hasNews({ stateChanged, volumesChanged, needsBase }: Side): boolean {
  return stateChanged || volumesChanged || needsBase;
}

/** `nextId` numbers the writes of all groups, so that no two look alike. */
export function createModel(
  sides: readonly [Side, Side],
  parts: {
    readonly tick: () => number;
    readonly nowMs: () => number;
    readonly nextId: () => number;
    readonly differences: DifferenceWatch;
    readonly findSource: FindSource;
  },
): Model {
  const { tick, nowMs, nextId, differences, findSource } = parts;
  const announced = new Map<number, Write>();
  const underWay = new WeakMap<ScsiTask, UnderWay>();

  const sideOf = (serial: string): Side => (sides[0].serial === serial ? sides[0] : sides[1]);
  const otherOf = (side: Side): Side => (side === sides[0] ? sides[1] : sides[0]);

  function volumeOf(side: Side, task: ScsiTask): number {
    const lun = decodeLunField(task.lun);
    return lun.ok ? volumeAt(side, lun.value % MAPPED) : -1;
  }

  function begun(side: Side, task: ScsiTask): UnderWay {
    const lun = decodeLunField(task.lun);
    const volume = volumeOf(side, task);
    const { roleChanges, lives } = side;
    const passedOn = lun.ok && lun.value >= MAPPED;
    const start = tick();
    const writes = writesOf(task, { side, volume, tick, announced, findSource });
    return { start, roleChanges, lives, passedOn, writes };
  }

  /** A volume that no pair has yet, beside ones of an auxiliary group: nobody's history is told by it. */
  function isOutside(side: Side, volume: number): boolean {
    return side.group?.role === 'auxiliary' && !volumesOf(side, side.group).includes(volume);
  }

  function answeredWrite(side: Side, task: ScsiTask, write: Write, at: UnderWay): void {
    const outside = isOutside(side, write.volume);
    if (!outside && isAuxiliaryThroughout(side, at.roleChanges)) {
      throw new SimFailure('I6-one-primary', `${side.name} is auxiliary and accepted write ${write.id}`);
    }
    write.end = tick();
    write.good = write.id !== UNCHANGED || write.copied !== undefined;
    write.flushed = forcesUnitAccess(task);
    write.settle?.();
    side.inFlight.delete(write);
    differences.answered(side, write, at.start);
    if (!write.flushed) (outside ? side.outside : side.unflushed).add(write);
    if (outside) return;
    // It may have waited for a change of role and then begun in the history after it.
    addWrite(side.history, write);
  }

  /** What was under way may have had its effect all the same; a comparison that failed has none, unless it was sent twice. */
  function refused(side: Side, { cdb }: ScsiTask, { sense }: ScsiReply, { passedOn, writes }: UnderWay): void {
    const told = sense && decodeSense(sense);
    const isMiscompare = told?.ok === true && told.value.key === SENSE_KEY.miscompare;
    const differs = isMiscompare && cdb[0] === COMPARE_AND_WRITE_CODE;
    for (const write of writes) {
      if (!passedOn) {
        // What it has read, if anything, it has read by now: its source may change.
        write.settle?.();
        side.inFlight.delete(write);
      }
      if (differs && write.arrivals === 1) takeOut(side.history, write);
    }
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

  function changed(side: Side): void {
    const { group: before, unseen } = side;
    const after = groupOf(side);
    side.group = after;
    checkPlaces(side);
    checkTransition(side.name, before, after, unseen);
    noteChange(side, before, after);
    if (roleOf(before) !== roleOf(after)) {
      side.roleChanges += 1;
      if (roleOf(before) === 'auxiliary') leads(side, before, after);
      else if (roleOf(after) === 'auxiliary' && roleOf(before) === 'primary') checkGivesWay(side, otherOf(side), after);
    }
    if (isConsistentAuxiliary(after) && !isConsistentAuxiliary(before)) {
      if (roleOf(before) !== 'primary') side.history = otherOf(side).history;
      side.volumesChanged = true;
    }
    // Whom it is to follow from here on: what it had from others is overwritten before it is consistent again.
    if (after?.role === 'auxiliary' && !after.following) side.forks = [];
    noteHeld(side);
    differences.changed(side, before, unseen);
    checkPurge(sides);
    checkPrimaries(sides);
  }

  /** A commit while the log of tables is compacted takes effect later: a further one proves that it has. */
  function noteChange(side: Side, before: GroupState | undefined, after: GroupState | undefined): void {
    side.unseen = false;
    if (!side.compacted) side.laterCommits += 1;
    if (isSameStand(before, after)) return;
    side.changes += 1;
    side.changedMs = nowMs();
    side.laterCommits = 0;
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
        throw new SimFailure('I1b-copy', `${side.name} became primary with volumes that are not consistent`);
      // A mixture that nobody promised anything about: what it shows is where its own history begins.
      side.needsBase = true;
    }
    const within = volumesOf(side, after);
    for (const write of side.unflushed) if (!within.includes(write.volume)) side.outside.add(write);
    side.history = createHistory(`${side.name}@${tick()}`, image, side.history);
    for (const write of side.inFlight) addWrite(side.history, write);
    if (swap && roleOf(other.group) === 'auxiliary') other.history = side.history;
  }

  /**
   * Its own history goes on from what the copy held; `left` is the one that it led until then. The other side keeps to that, also
   * where it becomes consistent only later, out of what it had acquired before; or it may follow the second life.
   */
  function leadsAgain(side: Side, left: History): void {
    side.history = forkHistory(side.history, `${side.name}~${tick()}`);
    for (const write of side.inFlight) addWrite(side.history, write);
    const other = otherOf(side);
    if (roleOf(other.group) === 'auxiliary') other.forks.push(left, side.history);
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

  return {
    sides,
    announce(volume, first, count) {
      const id = nextId();
      const write = writeAt(id, volume, first, count);
      announced.set(id, write);
      return write;
    },
    tap: {
      arrived(station, task) {
        const side = sideOf(station.serial);
        const known = begun(side, task);
        underWay.set(task, known);
        for (const write of known.writes) {
          write.start = Math.min(write.start, known.start);
          write.passedOn ||= known.passedOn;
          write.arrivals = (write.arrivals ?? 0) + 1;
          differences.arrived(write);
          side.inFlight.add(write);
          // At an auxiliary it takes effect, if at all, under a lead that is yet to come.
          if (roleOf(side.group) !== 'auxiliary') addWrite(side.history, write);
        }
      },
      answered(station, task, reply) {
        const side = sideOf(station.serial);
        const at = underWay.get(task);
        if (!at) return;
        // What came through another array may have been done in another life or role of this one than that which is answered for.
        if (at.passedOn && (side.lives !== at.lives || side.roleChanges !== at.roleChanges)) return;
        if (reply.status !== 0) return refused(side, task, reply, at);
        const volume = volumeOf(side, task);
        const sight = sightOf(task, reply.dataIn, volume);
        if (sight) checkSight(side, volume, sight, at);
        for (const write of at.writes) answeredWrite(side, task, write, at);
        if (FLUSH_CODES.has(task.cdb[0]!)) answeredFlush(side, volume, at.start);
      },
    },
    check() {
      if (!hasNews(sides[0]) && !hasNews(sides[1])) return undefined;
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
      side.unseen = true;
      const now = tick();
      side.lives += 1;
      differences.died(side);
      for (const write of side.inFlight) {
        write.settle?.();
        if (write.passedOn) continue;
        write.end = now;
        if (isOutside(side, write.volume)) side.outside.add(write);
        side.inFlight.delete(write);
      }
    },
    remember(side) {
      const { history, needsBase, image } = side;
      // The copy holds what is durable: of these perhaps nothing.
      const outside = new Set(side.outside);
      // What an auxiliary had read by then may make it consistent once it is back.
      const known = isConsistentAuxiliary(side.group) ? side.forks : [...side.forks, otherOf(side).history];
      return () => {
        const left = side.history;
        side.group = groupOf(side);
        side.roleChanges += 1;
        // A question that is on its way may be answered by the array before or after.
        side.changes += 1;
        Object.assign(side, { cameBack: true, unseen: true, stateChanged: false, volumesChanged: true });
        side.forks = [...known, ...side.forks];
        Object.assign(side, { held: NOTHING_HELD, needsBase, image, history });
        // Whoever put the copy there has given up what it lacks.
        side.mayDiscard = true;
        side.unflushed.clear();
        side.outside.clear();
        for (const write of outside) side.outside.add(write);
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
        forgetLost(side, tick);
      }
      side.cameBack = false;
      side.givenUp = [];
      side.ready = true;
      // What has survived a power cut is durable.
      if (side.cut) side.outside.clear();
      side.cut = false;
    },
    async beginAnew() {
      announced.clear();
      const image = await sides[0].look();
      const history = createHistory(`all@${tick()}`, image);
      for (const side of sides) {
        Object.assign(side, { history, image, forks: [], givenUp: [] });
        side.unflushed.clear();
        side.outside.clear();
      }
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
