import type { ArrayCore } from './core.ts';
import { differenceFileName } from './group/difference-maps.ts';
import type { GroupRuntime } from './group/group-runtime.ts';
import { removePair, withoutDebt } from './group/transitions.ts';
import type { GroupKeeper } from './group-keeper.ts';
import { JOURNAL_BLOCK_SIZE } from './journal/geometry.ts';
import { journalChain } from './journal/recovery.ts';
import { localLun, withoutGroup, type ArrayState, type GroupState, type PairState } from './store/array-state.ts';
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
}

interface Found {
  readonly group: GroupState;
  readonly pair: PairState;
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
    if (core.volume(lun)?.backing?.condition().state !== 'away') return undefined;
    for (const group of core.store.state().groups) {
      const pair = group.pairs.find((candidate) => localLun(group, candidate) === lun);
      if (pair) return { group, pair };
    }
    return undefined;
  }

  function report(lun: number, { group, pair }: Found): GivenUp {
    const lacking = group.role === 'primary' ? lackingOf(core, group, pair) : { writes: 0, bytes: 0 };
    const volume = core.volume(lun)!.description.name;
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
      await core.storage.remove(differenceFileName(found.group.name, found.pair.slot));
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

  return {
    look(lun) {
      const found = find(lun);
      return found && report(lun, found);
    },
    carryOut: (lun) =>
      core.exclusive.run(async () => {
        const found = find(lun);
        if (!found) return undefined;
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
  return lacking;
}

function withoutPair(state: ArrayState, name: string, pair: PairState): ArrayState {
  const next = withGroup(state, name, (group) => withoutDebt(removePair(group, pair.name), pair.slot));
  const group = next.groups.find((candidate) => candidate.name === name);
  return group && group.pairs.length === 0 ? withoutGroup(next, name) : next;
}
