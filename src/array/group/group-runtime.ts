import type { Clock } from '../../base/clock.ts';
import { createExclusive, type Exclusive } from '../../base/exclusive.ts';
import { randomHex, type Random } from '../../base/random.ts';
import type { Storage } from '../../base/storage.ts';
import type { Access } from '../../interface-block/process-table.ts';
import type { JournalVolume } from '../journal/journal-volume.ts';
import { CommandRefusal } from '../refusal.ts';
import type { RemoteInterface } from '../remote-interface.ts';
import { isActive, localLun, type GroupState, type PairState, type Position } from '../store/array-state.ts';
import type { ChunkMap } from '../store/chunk-map.ts';
import { withGroup, type StateStore } from '../store/state-store.ts';
import type { Volume } from '../store/volume.ts';
import { createBackgroundWork } from './background-work.ts';
import { createDifferenceMaps } from './difference-maps.ts';
import { distrustFollowed } from './distrust.ts';
import { createHostAccess, type HostAccess } from './host-access.ts';
import { createJournalStoring, type JournalStoring } from './journal-storing.ts';
import { beginLife, endedAt, showLife, type OlderCopy } from './lives.ts';
import { catchUp, recover } from './recover.ts';
import { createSuspension, type Suspension } from './suspension.ts';
import { createWriteGate, type WriteGate } from './write-gate.ts';

export interface GroupParts {
  readonly name: string;
  readonly arraySerial: string;
  readonly store: StateStore;
  readonly storage: Storage;
  readonly clock: Clock;
  readonly random: Random;
  readonly remote: RemoteInterface;
  readonly journal: JournalVolume;
  /** In this life of the array, and it has not worked yet. */
  readonly formed: boolean;
  readonly volume: (lun: number) => Volume;
  readonly log: (text: string) => void;
}

/** A group at work on this array: what hosts read and write, and the background work of an auxiliary. */
export interface GroupRuntime extends HostAccess, Suspension {
  readonly name: string;
  readonly journal: JournalVolume;
  readonly storing: JournalStoring;
  readonly gate: WriteGate;
  /** Changes of the group's state, one at a time. */
  readonly exclusive: Exclusive;
  state(): GroupState;
  /** Place behind the last record that this side stored (primary) or acquired (auxiliary). */
  tail(): Position;
  /** The group with a tail that belongs to it, also over a change of role: what a primary shows there is durable. */
  settled(): Promise<{ readonly group: GroupState; readonly tail: Position }>;
  access(pair: PairState): Access;
  differences(slot: number): ChunkMap;
  dropDifferences(slot: number): Promise<void>;
  /** See `BackgroundWork.halt`. */
  haltWork(): () => void;
  /** Continues behind `tail` in a new role or with a new source; after the change has become durable. */
  beginEpoch(tail: Position): void;
  orderContact(): void;
  wake(): void;
  lastError(): string;
  /** From here on the peer may have seen this life of the array; durable when it resolves. */
  showLife(): Promise<void>;
  /** What was found out of the primary that is followed; see `distrust.ts`. Otherwise nothing changes. */
  distrust(which: OlderCopy): Promise<void>;
  /** See `FollowerContext.hasMet`. */
  hasMet(): boolean;
  /** The backing of a volume is away: nothing more is stored for it. */
  volumeLost(name: string, why: string): void;
  /** Backings are back: their volumes get what they lack, and are served. Rejects where that could not be done. */
  volumesReturned(): Promise<void>;
  stop(): Promise<void>;
}

/** Puts a group to work; resolves when what the last life of the array owes has been made good. */
export async function openGroupRuntime(parts: GroupParts): Promise<GroupRuntime> {
  const { name, store, clock, journal, volume, log } = parts;
  const gate = createWriteGate(clock);
  let over = false;
  /** Another group may be formed under the same name: it is none of this runtime's. */
  const find = (): GroupState | undefined => (over ? undefined : store.group(name));
  const exclusive = whileThere(createExclusive(), () => (over ? dissolved(name) : undefined));
  const state = (): GroupState => find() ?? dissolved(name);
  const update = async (change: (group: GroupState) => GroupState): Promise<GroupState> => {
    await store.update((array) => withGroup(array, name, change));
    return state();
  };
  const maps = createDifferenceMaps({ group: name, storage: parts.storage, journal, state, volume, log });
  const work = createBackgroundWork({ ...parts, group: name, find, state, update, maps });
  const storing = createJournalStoring({
    journal,
    clock,
    onJournalLost(error) {
      log(`journal of group ${name} failed: ${String(error)}`);
      suspension.suspendPrimary('error').catch(work.failed);
    },
    log,
  });
  const tail = (): Position => (state().role === 'primary' ? storing.tail() : state().read);
  const suspension = createSuspension({ state, update, tail, storing, maps, gate, exclusive, volume, log });
  const access = createHostAccess({ ...parts, group: name, find, gate, storing, maps, suspension, update });

  const runtime: GroupRuntime = {
    ...access,
    ...suspension,
    name,
    journal,
    storing,
    gate,
    exclusive,
    state,
    tail,
    async settled() {
      const before = state();
      const stored = tail();
      if (before.role === 'primary' && isActive(before)) await storing.flush();
      return { group: state(), tail: tailOf(state(), before.role, stored) };
    },
    access: (pair) => accessOf(state(), pair),
    differences: maps.of,
    dropDifferences: maps.drop,
    haltWork: work.halt,
    beginEpoch(position) {
      work.beginEpoch();
      storing.continueFrom(position);
    },
    orderContact: work.orderContact,
    wake: work.wake,
    lastError: work.lastError,
    async showLife() {
      if (!state().lifeShown) await update(showLife);
    },
    distrust: (which) => exclusive.run(() => distrustFollowed(work.context, which)),
    hasMet: () => work.context.hasMet(),
    volumeLost(volumeName, why) {
      work.context.report(`the backing of volume ${volumeName} is away: ${why}`);
      if (find()?.role === 'primary') suspension.suspendPrimary('error').catch(work.failed);
    },
    volumesReturned: () => exclusive.run(serveReturned),
    async stop() {
      over = store.group(name) === undefined;
      if (over) gate.fence(0);
      work.stop();
      const open = gate.close();
      if (find()?.role === 'primary') await suspension.settleVolumes().catch(work.failed);
      // The next start would put what is left of the journal over what the volumes have now.
      if (find()?.journalLost) await suspension.stopJournal('error').catch(work.failed);
      open();
      maps.close();
    },
  };
  const { incarnation } = store.state();
  const { random, formed } = parts;
  const recovery = { runtime, context: work.context, random, incarnation, formed, update, log };

  /** An auxiliary's volumes are one state of the primary's: all of them, or none. */
  async function serveReturned(): Promise<void> {
    const backings = state().pairs.flatMap((pair) => volume(localLun(state(), pair)).backing ?? []);
    if (state().role === 'auxiliary' && backings.some((backing) => backing.condition().state === 'away')) return;
    const behind = backings.filter((backing) => backing.condition().state === 'behind');
    const resume = work.halt();
    try {
      // Hosts go on with the other volumes, which older records must not reach again.
      if (behind.length > 0) await suspension.stopJournal('error');
      for (const backing of behind) backing.beginCatchUp();
      await catchUp(recovery);
      for (const backing of behind) backing.serve();
    } finally {
      resume();
    }
  }

  for (const pair of state().pairs) await maps.open(pair.slot);
  try {
    await recover(recovery);
  } catch (error) {
    maps.close();
    throw error;
  }
  const { sequence } = runtime.tail();
  await update((group) => (group.lives ? endedAt(group, sequence) : beginLife(group, randomHex(parts.random, 8))));
  return runtime;
}

/** What has waited for its turn is looked at once more. */
function whileThere(queue: Exclusive, check: () => void): Exclusive {
  return {
    run: (task) =>
      queue.run(async () => {
        check();
        return task();
      }),
  };
}

function dissolved(name: string): never {
  throw new CommandRefusal('not-found', `group ${name} is dissolved`);
}

/** `stored` is what the group had as its tail in the role that it had before. */
function tailOf(group: GroupState, before: GroupState['role'], stored: Position): Position {
  if (group.role === 'auxiliary') return group.read;
  return before === 'primary' && stored.sequence >= group.purged.sequence ? stored : group.purged;
}

/** While it is being copied to, a volume is nothing that a host could use. */
function accessOf(group: GroupState, pair: PairState): Access {
  if (group.role === 'primary') return 'read-write';
  return pair.progress === 'pair' ? 'read-only' : 'none';
}
