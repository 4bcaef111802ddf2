import { createExclusive } from '../base/exclusive.ts';
import { LunError } from '../lun/lun.ts';
import { textOfWho, type BackingOpener } from './backing-opener.ts';
import type { ArrayDescription, LunMapEntry, VolumeDescription } from './description.ts';
import type { GiveUp } from './give-up.ts';
import type { GroupRuntime } from './group/group-runtime.ts';
import {
  ManagementError,
  withCommandDevice,
  withMappedLun,
  withoutCommandDevice,
  withoutMappedLun,
  withoutRemote,
  withRemote,
  withVolume,
  type ArrayReport,
  type BackingReport,
  type Management,
} from './management.ts';
import type { RemoteInterface } from './remote-interface.ts';
import type { ArrayState } from './store/array-state.ts';
import type { StateStore } from './store/state-store.ts';
import type { Volume } from './store/volume.ts';

/** The management terminal (207) at work on a running array: tables first, then what hangs on them. */

/** The parts of a running array that an edit reaches beside its tables. */
export interface EditableParts {
  readonly channel: { lunListChanged(): void };
  readonly runtimes: ReadonlyMap<string, GroupRuntime>;
  readonly volumes: ReadonlyMap<number, Volume>;
  readonly backings: BackingOpener;
  /** Must be awaited before `open`. */
  prepare(volume: VolumeDescription): Promise<void>;
  readonly giveUp: GiveUp;
  open(volume: VolumeDescription): void;
  isOpen(lun: number): boolean;
  map(entry: LunMapEntry): void;
  unmap(lun: number): void;
}

export function createManagement(
  description: ArrayDescription,
  store: StateStore,
  remote: RemoteInterface,
  body: EditableParts,
): Management {
  const { serial, name } = description;
  const adding = createExclusive();
  const edit = async (change: (state: ArrayState) => ArrayState): Promise<boolean> => {
    const { before, after } = await store.update(change);
    return before !== after;
  };

  /** Whatever speaks against the backing is said before a table is changed. */
  async function withBackingFound(volume: VolumeDescription): Promise<VolumeDescription> {
    const known = store.state().volumes.find(({ lun }) => lun === volume.lun);
    if (volume.backing === undefined) return volume;
    if (known) return volume.blockCount > 0 ? volume : { ...volume, blockCount: known.blockCount };
    withVolume(store.state(), { ...volume, blockCount: Math.max(1, volume.blockCount) });
    try {
      const { blockCount } = await body.backings.probe(volume);
      if (blockCount < volume.blockCount) {
        const size = `${blockCount} blocks of ${volume.blockSize} bytes`;
        throw new ManagementError(`${volume.backing} has ${size}, the volume would have ${volume.blockCount}`);
      }
      return volume.blockCount > 0 ? volume : { ...volume, blockCount };
    } catch (error) {
      if (!(error instanceof LunError)) throw error;
      throw new ManagementError(error.message, { lunError: error.kind });
    }
  }

  /** In the tables it may be from an attempt that failed behind them. */
  async function addVolume(asked: VolumeDescription): Promise<void> {
    const volume = await withBackingFound(asked);
    await edit((state) => withVolume(state, volume));
    if (body.isOpen(volume.lun)) return;
    await body.prepare(volume);
    body.open(volume);
    await body.volumes.get(volume.lun)?.backing?.reach();
    body.channel.lunListChanged();
  }

  function backingReports(): BackingReport[] {
    return [...body.volumes.values()].flatMap(({ description: { lun, backing = '' }, backing: behind }) => {
      if (!behind) return [];
      const { state, why } = behind.condition();
      const record = store.state().backings?.find((candidate) => candidate.lun === lun);
      const identity = record ? textOfWho(record) : '';
      return [{ lun, backing, condition: state, identity, why }];
    });
  }

  function knownVolume(lun: number): number {
    if (body.volumes.get(lun)?.backing || (body.volumes.has(lun) && body.giveUp.look(lun))) return lun;
    throw new ManagementError(`LUN ${lun} is no volume with a backing`);
  }

  return {
    show(): ArrayReport {
      const state = store.state();
      return {
        serial,
        name,
        volumes: state.volumes,
        remotes: state.remotes.map((entry) => ({ ...entry, link: remote.linkState(entry.serial) })),
        lunMap: state.lunMap,
        commandDevices: state.commandDevices,
        groups: state.groups.map(({ name: group, role, suspendReason, peerSerial }) => ({
          name: group,
          role,
          suspendReason,
          peerSerial,
        })),
        commandNumber: store.requests.commandNumber(),
        backings: backingReports(),
      };
    },
    addVolume: (asked) => adding.run(() => addVolume(asked)),
    lookAtGivingUp: (lun) => body.giveUp.look(knownVolume(lun)),
    giveUp: (lun) => body.giveUp.carryOut(knownVolume(lun)),
    async mapLun(entry) {
      if (!(await edit((state) => withMappedLun(state, entry)))) return;
      body.map(entry);
      body.channel.lunListChanged();
    },
    async unmapLun(lun) {
      if (!(await edit((state) => withoutMappedLun(state, lun)))) return;
      body.unmap(lun);
      body.channel.lunListChanged();
    },
    async registerCommandDevice(entry) {
      await edit((state) => withCommandDevice(state, serial, entry));
    },
    async unregisterCommandDevice(lun) {
      await edit((state) => withoutCommandDevice(state, lun));
    },
    async addRemote(entry) {
      await edit((state) => withRemote(state, serial, entry));
    },
    async removeRemote(remoteSerial) {
      await edit((state) => withoutRemote(state, remoteSerial));
    },
    async setLink(remoteSerial, state) {
      remote.setLink(remoteSerial, state);
      for (const runtime of body.runtimes.values()) runtime.wake();
    },
  };
}
