import type { ArrayCore } from './core.ts';
import { removeDifferences } from './group/difference-maps.ts';
import type { GroupRuntime } from './group/group-runtime.ts';
import { lostWrites, withoutLostWrites, type LostRange } from './group/recover.ts';
import { removePair, withoutDebt } from './group/transitions.ts';
import type { GroupKeeper } from './group-keeper.ts';
import { JOURNAL_BLOCK_SIZE } from './journal/geometry.ts';
import { journalChain } from './journal/recovery.ts';
import {
  isActive,
  localLun,
  withoutGroup,
  type ArrayState,
  type GroupState,
  type PairState,
} from './store/array-state.ts';
import { withGroup } from './store/state-store.ts';

/** A pair that is given up on this array because the backing of its volume will not come back. */
export interface GivenUp {
  readonly volume: string;
  readonly group: string;
  readonly pair: string;
  readonly role: GroupState['role'];
  /**
   * Writes that hosts were told are done and that the backing may lack, with their bytes: nothing will bring them to it any more. 0
   * for an auxiliary, whose primary has them.
   */
  readonly writes: number;
  readonly bytes: number;
  /**
   * The volume is there and the journal cannot be read: it stays in its pair, and gets what can be read. `bytes` is 0 then; of
   * `writes` some may be other volumes'.
   */
  readonly unreadable?: true;
}

interface Found {
  readonly group: GroupState;
  readonly pair: PairState;
  /** The volume is there, and these writes cannot be given to it. */
  readonly lost?: LostRange;
}

/** The way out of a group that waits for a backing for ever: see "Storage that was there before" in README.md. */
export interface GiveUp {
  /** Undefined where the volume is in no pair, or its backing is not away: nothing has to be given up. */
  look(lun: number): GivenUp | undefined;
  /** The same, done: the volume leaves its pair on this array with whatever is on its backing; the other pairs go on. */
  carryOut(lun: number): Promise<GivenUp | undefined>;
}

export function createGiveUp(core: ArrayCore, groups: GroupKeeper): GiveUp {
  function find(lun: number): Found | undefined {
    const isAway = core.volume(lun)?.backing?.condition().state === 'away';
    for (const group of core.store.state().groups) {
      const pair = group.pairs.find((candidate) => localLun(group, candidate) === lun);
      if (pair && isAway) return { group, pair };
      const lost = pair && lostOf(group, pair);
      if (pair && lost) return { group, pair, lost };
    }
    return undefined;
  }

  function lostOf(group: GroupState, { slot }: PairState): Found['lost'] {
    const journal = core.journal(group.localJournalLun);
    const concerned = group.role === 'primary' && (!group.owed || group.owed.slots.includes(slot));
    // Of a group at work the volumes have, or get from memory, what its journal may lack.
    if (isActive(group) && core.runtime(group.name)) return undefined;
    return journal && concerned ? lostWrites(journal, group) : undefined;
  }

  function report(lun: number, { group, pair, lost }: Found): GivenUp {
    const volume = core.volume(lun)!.description.name;
    if (lost) {
      const { count: writes } = lost;
      return { volume, group: group.name, pair: pair.name, role: group.role, writes, bytes: 0, unreadable: true };
    }
    const lacking = group.role === 'primary' ? lackingOf(core, group, pair) : { writes: 0, bytes: 0 };
    return { volume, group: group.name, pair: pair.name, role: group.role, ...lacking };
  }

  /** The tables are changed before anything else learns of it. */
  async function leave({ group, pair }: Found): Promise<void> {
    await core.store.update((state) => withoutPair(state, group.name, pair));
  }

  async function leaveWaiting(lun: number): Promise<GivenUp | undefined> {
    const found = find(lun);
    const given = found && report(lun, found);
    if (!found) return undefined;
    await groups.change(found.group.name, async () => {
      await leave(found);
      await removeDifferences(core.storage, found.group.name, found.pair.slot, (text) => core.log(text));
    });
    return given;
  }

  async function leaveRunning(runtime: GroupRuntime, lun: number): Promise<GivenUp | undefined> {
    if (runtime.state().role === 'primary') await runtime.suspendPrimary('error');
    const given = await runtime.exclusive.run(async () => {
      const found = find(lun);
      if (!found) return undefined;
      const before = report(lun, found);
      const open = runtime.gate.close();
      const resume = runtime.haltWork();
      try {
        await leave(found);
        await runtime.dropDifferences(found.pair.slot);
      } finally {
        open();
        resume();
      }
      return before;
    });
    // The others of an auxiliary have waited for it.
    if (core.store.group(runtime.name)) await runtime.volumesReturned();
    else await core.closeRuntime(runtime.name);
    return given;
  }

  /** The volumes get what can be read, and are served. */
  async function goOnWithout({ group }: Found, lost: NonNullable<Found['lost']>): Promise<void> {
    const runtime = core.runtime(group.name);
    const accept = async (): Promise<void> => {
      await core.store.update((state) => withGroup(state, group.name, (now) => withoutLostWrites(now, lost)));
    };
    if (!runtime) return groups.change(group.name, accept);
    await runtime.exclusive.run(accept);
    await runtime.volumesReturned();
  }

  async function acceptLoss(lun: number, found: Found, lost: NonNullable<Found['lost']>): Promise<GivenUp> {
    const given = report(lun, found);
    await goOnWithout(found, lost);
    const which = lost.count === 1 ? `write ${lost.from}` : `${lost.count} of the writes ${lost.from} to ${lost.to}`;
    core.log(`group ${given.group} goes on without ${which}: given up`);
    return given;
  }

  return {
    look(lun) {
      const found = find(lun);
      return found && report(lun, found);
    },
    carryOut: (lun) =>
      core.exclusive.run(async () => {
        const found = find(lun);
        if (!found) return undefined;
        if (found.lost) return acceptLoss(lun, found, found.lost);
        const runtime = core.runtime(found.group.name);
        const given = runtime ? await leaveRunning(runtime, lun) : await leaveWaiting(lun);
        if (given) core.log(`volume ${given.volume} has left group ${given.group}: its backing was given up`);
        core.accessChanged(lun);
        return given;
      }),
  };
}

/** Of an active group it is not known what the backing has already: all that its journal still holds counts. */
function lackingOf(core: ArrayCore, group: GroupState, pair: PairState): { writes: number; bytes: number } {
  const journal = core.journal(group.localJournalLun);
  const lacking = { writes: 0, bytes: 0 };
  if (!journal) return lacking;
  const { owed } = group;
  if (owed && !owed.slots.includes(pair.slot)) return lacking;
  for (const { record } of journalChain(journal, owed?.from ?? group.purged, group)) {
    if (owed && record.sequence > owed.to) break;
    if (record.slot !== pair.slot || record.sequence <= pair.startSequence) continue;
    lacking.writes += 1;
    lacking.bytes += record.length * JOURNAL_BLOCK_SIZE;
  }
  const lost = lostWrites(journal, group);
  if (lost) lacking.writes += lost.count;
  return lacking;
}

function withoutPair(state: ArrayState, name: string, pair: PairState): ArrayState {
  const next = withGroup(state, name, (group) => withoutDebt(removePair(group, pair.name), pair.slot));
  const group = next.groups.find((candidate) => candidate.name === name);
  return group && group.pairs.length === 0 ? withoutGroup(next, name) : next;
}
