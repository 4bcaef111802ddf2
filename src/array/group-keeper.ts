import type { Clock } from '../base/clock.ts';
import { createExclusive } from '../base/exclusive.ts';
import { randomHex, type Random } from '../base/random.ts';
import { beginLife } from './group/lives.ts';
import type { GroupRuntime } from './group/group-runtime.ts';
import { LostWrites } from './group/recover.ts';
import { localLun, type ArrayState, type GroupState } from './store/array-state.ts';
import type { StateStore } from './store/state-store.ts';
import type { Volume } from './store/volume.ts';

/**
 * Puts groups to work, and brings volumes back whose backing was away. A group that finds a backing missing when the array
 * starts, or whose storage fails when it is formed, is not served until that is over; the other groups and volumes do not wait for it.
 */
export interface GroupKeeper {
  /** At the start of the array. */
  openAll(): Promise<void>;
  /** A group that has just been formed. Where that fails it is not served, and is tried again until it is. */
  begin(group: string): Promise<void>;
  /** Why the group of this LUN is not at work; undefined where it is, or where the LUN is in none. */
  waits(lun: number): string | undefined;
  /** The same by the group's name. */
  waiting(group: string): string | undefined;
  /** Changes a group that waits, and opens it where nothing is in the way any more. */
  change(group: string, change: () => Promise<void>): Promise<void>;
  lost(lun: number, why: string): void;
  returned(lun: number): void;
  stop(): void;
}

/** At the start of the array, before anything of it is seen. */
export function startAnew(state: ArrayState, random: Random): ArrayState {
  const groups = state.groups.map((group) => beginLife(group, randomHex(random, 8)));
  return { ...state, incarnation: state.incarnation + 1, groups };
}

const RETRY_MS = 5000;
/** As a power of two: about five minutes. */
const LONGEST_RETRY = 6;

export function createGroupKeeper(parts: {
  readonly store: StateStore;
  readonly clock: Clock;
  readonly volume: (lun: number) => Volume;
  readonly runtimes: ReadonlyMap<string, GroupRuntime>;
  /** `formed`: since the array started, and it has not worked yet. */
  readonly openRuntime: (group: string, formed: boolean) => Promise<GroupRuntime>;
  readonly log: (text: string) => void;
}): GroupKeeper {
  const { store, runtimes } = parts;
  const waiting = new Map<string, string>();
  /** Groups that wait for what their disk does not give: how often that was tried, and whether it will be again. */
  const tries = new Map<string, number>();
  const retries = new Set<string>();
  const formed = new Set<string>();
  const queue = createExclusive();
  let started = false;
  let stopped = false;

  const groupOf = (lun: number): GroupState | undefined =>
    store.state().groups.find((group) => group.pairs.some((pair) => localLun(group, pair) === lun));
  const volumesOf = (group: GroupState): Volume[] => group.pairs.map((pair) => parts.volume(localLun(group, pair)));

  async function openGroup(group: GroupState): Promise<void> {
    const volumes = volumesOf(group);
    const missing = volumes.find((volume) => volume.backing?.condition().state === 'away');
    if (missing) return wait(group, missing);
    for (const { backing } of volumes) backing?.beginCatchUp();
    try {
      const runtime = await parts.openRuntime(group.name, formed.has(group.name));
      formed.delete(group.name);
      waiting.delete(group.name);
      tries.delete(group.name);
      for (const { backing } of volumes) backing?.serve();
      runtime.wake();
      for (const volume of volumes) takeNote(volume, runtime);
    } catch (error) {
      if (error instanceof LostWrites) return holdForLoss(group, error);
      const gone = volumes.find((volume) => volume.backing?.isUsable() === false);
      if (!gone) throw error;
      wait(group, gone);
    }
  }

  /** A backing that was lost while the group was opened: nobody has told the group of it, nor that it is back. */
  function takeNote({ description, backing }: Volume, runtime: GroupRuntime): void {
    if (!backing || backing.isUsable()) return;
    const { state, why } = backing.condition();
    runtime.volumeLost(description.name, why);
    if (state === 'behind') returned(description.lun);
  }

  /** What the disk does not give at one time it may give at another; looking again is work, and is done ever less often. */
  function holdForLoss(group: GroupState, { message, mayPass }: LostWrites): void {
    hold(group, message);
    if (!mayPass || retries.has(group.name)) return;
    const tried = tries.get(group.name) ?? 0;
    tries.set(group.name, Math.min(tried + 1, LONGEST_RETRY));
    retries.add(group.name);
    const again = async (): Promise<void> => {
      retries.delete(group.name);
      if (!stopped) await begin(group.name);
    };
    parts.clock.setTimer(RETRY_MS * 2 ** tried, () => void queue.run(again), { background: true });
  }

  /** Its state is durable already: neither the host that formed it nor the group itself could take that back. */
  async function begin(name: string): Promise<void> {
    const group = store.group(name);
    if (!group || runtimes.has(name)) return;
    try {
      await openGroup(group);
    } catch (error) {
      hold(group, `group ${name} cannot work yet: ${String(error)}`);
      const again = (): Promise<void> => queue.run(() => (stopped ? Promise.resolve() : begin(name)));
      parts.clock.setTimer(RETRY_MS, () => void again(), { background: true });
    }
  }

  function wait(group: GroupState, missing: Volume): void {
    const { name } = missing.description;
    hold(
      group,
      `group ${group.name} waits for the backing of volume ${name}: ${missing.backing?.condition().why ?? ''}`,
    );
  }

  function hold(group: GroupState, why: string): void {
    if (waiting.get(group.name) !== why) parts.log(why);
    waiting.set(group.name, why);
  }

  async function bringBack(lun: number): Promise<void> {
    const group = groupOf(lun);
    if (group) return bringGroupBack(group);
    const { backing } = parts.volume(lun);
    backing?.beginCatchUp();
    backing?.serve();
  }

  async function bringGroupBack(group: GroupState): Promise<void> {
    const runtime = runtimes.get(group.name);
    if (runtime) await runtime.volumesReturned();
    else if (started) await openGroup(group);
  }

  function returned(lun: number): void {
    if (stopped) return;
    queue
      .run(() => bringBack(lun))
      .catch((error: unknown) => {
        parts.log(`${parts.volume(lun).description.name} is back and cannot be served: ${String(error)}`);
        parts.clock.setTimer(RETRY_MS, () => tryAgain(lun), { background: true });
      });
  }

  function tryAgain(lun: number): void {
    if (parts.volume(lun).backing?.condition().state === 'behind') returned(lun);
  }

  async function changeWaiting(name: string, change: () => Promise<void>): Promise<void> {
    await change();
    const why = waiting.get(name);
    waiting.delete(name);
    const group = store.group(name);
    if (!group) return;
    await openGroup(group).catch((error: unknown) => {
      waiting.set(name, why ?? String(error));
      throw error;
    });
  }

  return {
    async openAll() {
      for (const group of store.state().groups) await openGroup(group);
      started = true;
      for (const group of store.state().groups) {
        if (waiting.has(group.name)) for (const pair of group.pairs) tryAgain(localLun(group, pair));
      }
    },
    begin(group) {
      formed.add(group);
      return queue.run(() => begin(group));
    },
    waits(lun) {
      const group = waiting.size > 0 ? groupOf(lun) : undefined;
      return group && waiting.get(group.name);
    },
    waiting: (group) => waiting.get(group),
    change: (group, change) => queue.run(() => changeWaiting(group, change)),
    lost(lun, why) {
      const group = groupOf(lun);
      const { name } = parts.volume(lun).description;
      parts.log(`the backing of volume ${name} is away: ${why}`);
      if (group) runtimes.get(group.name)?.volumeLost(name, why);
    },
    returned,
    stop() {
      stopped = true;
    },
  };
}
