import type { Clock } from '../base/clock.ts';
import type { Exclusive } from '../base/exclusive.ts';
import type { Random } from '../base/random.ts';
import type { Storage } from '../base/storage.ts';
import type { CommandDeviceEntry } from './description.ts';
import type { GroupRuntime } from './group/group-runtime.ts';
import type { JournalVolume } from './journal/journal-volume.ts';
import type { LogicalUnits } from './logical-unit.ts';
import type { RemoteInterface } from './remote-interface.ts';
import type { StateStore } from './store/state-store.ts';
import type { Volume } from './store/volume.ts';

/** The parts of a running array that the command execution section (703) works with. */
export interface ArrayCore {
  readonly serial: string;
  readonly name: string;
  readonly version: string;
  readonly store: StateStore;
  readonly storage: Storage;
  readonly clock: Clock;
  readonly random: Random;
  readonly remote: RemoteInterface;
  readonly units: LogicalUnits;
  /** Forming and dissolving groups, one at a time. */
  readonly exclusive: Exclusive;
  volume(lun: number): Volume | undefined;
  journal(lun: number): JournalVolume | undefined;
  runtime(group: string): GroupRuntime | undefined;
  /** Puts a group to work that has just been formed; where it cannot work yet, `waits` says why. */
  beginGroup(group: string): Promise<void>;
  closeRuntime(group: string): Promise<void>;
  /** Why the group is not at work although it exists: the backing of a volume is away since the array started, its storage fails. */
  waits(group: string): string | undefined;
  /** Writes to an unpaired volume wait until the returned function is called. */
  holdVolume(lun: number): () => void;
  /** Tells initiators that a LUN's write protection has changed. */
  accessChanged(lun: number): void;
  commandDevices(): readonly CommandDeviceEntry[];
  log(text: string): void;
}
