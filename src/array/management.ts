import type { LunErrorKind } from '../lun/lun.ts';
import type { CommandDeviceEntry, LunMapEntry, RemoteDescription, VolumeDescription } from './description.ts';
import type { GivenUp } from './give-up.ts';
import type { ArrayState, GroupState } from './store/array-state.ts';
import type { BackingCondition } from './store/volume.ts';
import { SMALLEST_JOURNAL_BLOCKS } from './journal/geometry.ts';

/** What the management terminal (207) can do with a running array. Every edit is durable before it resolves. */
export interface Management {
  show(): ArrayReport;
  /** With a backing and no block count it becomes as large as its backing. */
  addVolume(volume: VolumeDescription): Promise<void>;
  /** What would be given up with the backing of this volume (`give-up.ts`). */
  lookAtGivingUp(lun: number): GivenUp | undefined;
  giveUp(lun: number): Promise<GivenUp | undefined>;
  mapLun(entry: LunMapEntry): Promise<void>;
  unmapLun(lun: number): Promise<void>;
  registerCommandDevice(entry: CommandDeviceEntry): Promise<void>;
  unregisterCommandDevice(lun: number): Promise<void>;
  addRemote(remote: RemoteDescription): Promise<void>;
  removeRemote(serial: string): Promise<void>;
  /** Cuts or restores the link to another array; not kept over a restart. */
  setLink(serial: string, state: 'up' | 'down'): Promise<void>;
}

export interface ArrayReport {
  readonly serial: string;
  readonly name: string;
  readonly volumes: readonly VolumeDescription[];
  readonly remotes: ReadonlyArray<RemoteDescription & { readonly link: 'up' | 'down' }>;
  readonly lunMap: readonly LunMapEntry[];
  readonly commandDevices: readonly CommandDeviceEntry[];
  readonly groups: ReadonlyArray<Pick<GroupState, 'name' | 'role' | 'suspendReason' | 'peerSerial'>>;
  readonly commandNumber: number;
  /** The LUNs behind volumes, and whether they are there. */
  readonly backings: readonly BackingReport[];
}

export interface BackingReport {
  readonly lun: number;
  readonly backing: string;
  readonly condition: BackingCondition['state'];
  /** Who it said it was when it was first met; empty before. */
  readonly identity: string;
  /** Why it is not ready; empty where it is. */
  readonly why: string;
}

export class ManagementError extends Error {
  override readonly name = 'ManagementError';
  /** What the LUN that the array was to use said of itself, or what kept the array from it; undefined where no LUN did. */
  readonly lunError: LunErrorKind | undefined;

  constructor(message: string, options: { readonly lunError?: LunErrorKind } = {}) {
    super(message);
    this.lunError = options.lunError;
  }
}

const LUN_LIMIT = 16_383;

function fail(message: string): never {
  throw new ManagementError(message);
}

/** As `array.yaml` has them too: interface blocks have so much room, and what does not fit can never be listed again. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,31}$/;
const SERIAL = /^[A-Z0-9]{1,16}$/;

function needName(what: string, name: string): void {
  if (!NAME.test(name)) fail(`the ${what} ${JSON.stringify(name)} is not 1 to 32 of letters, digits, "-", "_", "."`);
}

function needFreeLun(state: ArrayState, lun: number): void {
  if (!Number.isInteger(lun) || lun < 0 || lun > LUN_LIMIT) fail(`LUN ${lun} is not a number from 0 to ${LUN_LIMIT}`);
  const used =
    state.volumes.find((volume) => volume.lun === lun)?.name ?? state.lunMap.find((entry) => entry.lun === lun)?.name;
  if (used !== undefined) fail(`LUN ${lun} is ${used} already`);
}

/** Whatever order the fields stand in: one side may come from the state file, the other from a request. */
function sameFields(a: object, b: object): boolean {
  const text = (fields: object) => JSON.stringify(Object.entries(fields).toSorted(([x], [y]) => (x < y ? -1 : 1)));
  return text(a) === text(b);
}

/** The edits as pure functions of the state: each gives the next one, the same where nothing changes, or throws. */
export function withVolume(state: ArrayState, volume: VolumeDescription): ArrayState {
  const existing = state.volumes.find((candidate) => candidate.lun === volume.lun);
  if (existing && sameFields(existing, volume)) return state;
  needName('name', volume.name);
  needFreeLun(state, volume.lun);
  checkVolume(volume);
  const user = state.volumes.find((candidate) => candidate.backing && candidate.backing === volume.backing);
  if (user) fail(`${user.backing} is the backing of LUN ${user.lun} already`);
  return { ...state, volumes: [...state.volumes, volume].toSorted((a, b) => a.lun - b.lun) };
}

export function checkVolume(volume: VolumeDescription): void {
  if (!Number.isInteger(volume.blockCount) || volume.blockCount < 1) fail(`volume ${volume.name} has no blocks`);
  checkOptions(volume);
  if (volume.backing !== undefined && volume.kind !== 'volume') fail(`a ${volume.kind} cannot have a backing`);
  if (volume.kind !== 'journal') return;
  if (volume.blockSize !== 512) fail(`journal ${volume.name} must have blocks of 512 bytes`);
  if (volume.blockCount < SMALLEST_JOURNAL_BLOCKS) {
    fail(`journal ${volume.name} has ${volume.blockCount} blocks; the least is ${SMALLEST_JOURNAL_BLOCKS}`);
  }
}

function checkOptions({ name, kind, blockSize, blockCount, ...options }: VolumeDescription): void {
  const { removable, physicalBlockSize, readOnly, sanitizeMinimum, encrypted, backing } = options;
  if (kind !== 'volume' && (removable || physicalBlockSize || readOnly || sanitizeMinimum || encrypted)) {
    fail(`${name} is a ${kind}: the options of a volume are not possible`);
  }
  if (encrypted && backing !== undefined)
    fail(`volume ${name} lies on ${backing}: only files of the array are encrypted`);
  if (physicalBlockSize === undefined) return;
  if (blockSize !== 512) fail(`volume ${name} has blocks of ${blockSize} bytes: physical ones of 4096 need 512`);
  if ((blockCount * blockSize) % physicalBlockSize !== 0) fail(`volume ${name} ends inside a physical block`);
}

export function withMappedLun(state: ArrayState, entry: LunMapEntry): ArrayState {
  const existing = state.lunMap.find((candidate) => candidate.lun === entry.lun);
  if (existing && sameFields(existing, entry)) return state;
  needName('name', entry.name);
  needFreeLun(state, entry.lun);
  if (!state.remotes.some((remote) => remote.serial === entry.targetSerial)) {
    fail(`array ${entry.targetSerial} is not registered as a remote of this array`);
  }
  return { ...state, lunMap: [...state.lunMap, entry].toSorted((a, b) => a.lun - b.lun) };
}

export function withoutMappedLun(state: ArrayState, lun: number): ArrayState {
  if (!state.lunMap.some((entry) => entry.lun === lun)) return state;
  const registered = state.commandDevices.find((entry) => entry.lun === lun);
  if (registered)
    fail(`LUN ${lun} is registered as the command device of ${registered.deviceName}: unregister it first`);
  return { ...state, lunMap: state.lunMap.filter((entry) => entry.lun !== lun) };
}

export function withCommandDevice(state: ArrayState, ownSerial: string, entry: CommandDeviceEntry): ArrayState {
  const existing = state.commandDevices.find((candidate) => candidate.lun === entry.lun);
  if (existing && sameFields(existing, entry)) return state;
  needName('device name', entry.deviceName);
  if (existing) fail(`LUN ${entry.lun} is registered as the command device of ${existing.deviceName}`);
  const own = entry.deviceSerial === ownSerial;
  const fits = own
    ? state.volumes.some((volume) => volume.lun === entry.lun && volume.kind === 'command-device')
    : state.lunMap.some((mapped) => mapped.lun === entry.lun && mapped.targetSerial === entry.deviceSerial);
  if (!fits) {
    fail(
      own
        ? `LUN ${entry.lun} of this array is no command device`
        : `LUN ${entry.lun} is not mapped to array ${entry.deviceSerial}`,
    );
  }
  return { ...state, commandDevices: [...state.commandDevices, entry].toSorted((a, b) => a.lun - b.lun) };
}

export function withoutCommandDevice(state: ArrayState, lun: number): ArrayState {
  if (!state.commandDevices.some((entry) => entry.lun === lun)) return state;
  return { ...state, commandDevices: state.commandDevices.filter((entry) => entry.lun !== lun) };
}

export function withRemote(state: ArrayState, ownSerial: string, remote: RemoteDescription): ArrayState {
  if (remote.serial === ownSerial) fail(`array ${remote.serial} is this array itself`);
  if (!SERIAL.test(remote.serial)) {
    fail(`the serial ${JSON.stringify(remote.serial)} is not 1 to 16 characters of A-Z and 0-9`);
  }
  if (remote.portals.length === 0) fail(`remote array ${remote.serial} needs a portal`);
  const rest = state.remotes.filter((candidate) => candidate.serial !== remote.serial);
  return { ...state, remotes: [...rest, remote] };
}

export function withoutRemote(state: ArrayState, serial: string): ArrayState {
  if (!state.remotes.some((remote) => remote.serial === serial)) return state;
  const group = state.groups.find((candidate) => candidate.peerSerial === serial);
  if (group) fail(`group ${group.name} is paired with array ${serial}`);
  const mapped = state.lunMap.find((entry) => entry.targetSerial === serial);
  if (mapped) fail(`LUN ${mapped.lun} is mapped to array ${serial}`);
  return { ...state, remotes: state.remotes.filter((remote) => remote.serial !== serial) };
}
