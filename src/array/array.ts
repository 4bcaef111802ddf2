import type { Clock } from '../base/clock.ts';
import { createExclusive } from '../base/exclusive.ts';
import type { Random } from '../base/random.ts';
import type { Storage } from '../base/storage.ts';
import type { LunOpener } from '../lun/lun.ts';
import type { DeviceServer } from '../scsi/task.ts';
import type { AccessDescription } from './access/description.ts';
import { createCommandControl } from './access/control.ts';
import { createSignatureFreshness } from './access/signature-freshness.ts';
import { createLunMask } from './access/visibility.ts';
import { openArrayAudit, type ArrayAudit } from './audit/array-audit.ts';
import type { AuditLog, AuditParts } from './audit/audit-log.ts';
import type { RefusedLogin } from './audit/login-records.ts';
import type { ServedSettings } from './audit/served-settings.ts';
import { createManagementControl, type ManagementControl } from './audit/management-control.ts';
import { createDeviceServer, type ChannelDeviceServer } from './channel/device-server.ts';
import { createCommandDevice } from './command-device/command-device.ts';
import { createPageMemory } from './command-device/page-memory.ts';
import type { ExecuteCommand } from './command-device/types.ts';
import type { ArrayCore } from './core.ts';
import type { ArrayDescription, VolumeDescription } from './description.ts';
import { createCommandExecution } from './execution/command-execution.ts';
import { openGroupRuntime, type GroupRuntime } from './group/group-runtime.ts';
import { journalGeometry } from './journal/geometry.ts';
import { createJournalUnit } from './journal/journal-unit.ts';
import { openJournalVolume, type JournalVolume } from './journal/journal-volume.ts';
import type { LogicalUnit, LogicalUnits } from './logical-unit.ts';
import { checkVolume, type Management } from './management.ts';
import { createManagement, type EditableParts } from './management-terminal.ts';
import { reach } from './reach.ts';
import { createRemoteInterface, unitSerial, type RemoteInterface } from './remote-interface.ts';
import { initialState, isPaired, localLun } from './store/array-state.ts';
import { createSanitizer, type VolumeSanitizer } from './sanitize/sanitizer.ts';
import { openStateStore, type StateStore } from './store/state-store.ts';
import type { Volume } from './store/volume.ts';
import { withObstacles } from './backed-unit.ts';
import { createBackingOpener, withRecord } from './backing-opener.ts';
import { createFileVolumes } from './file-volumes.ts';
import { createGiveUp } from './give-up.ts';
import { createGroupKeeper, startAnew, type GroupKeeper } from './group-keeper.ts';
import { requireLeftOut } from './store/left-out-volume.ts';
import { createLunVolume } from './store/lun-volume.ts';
import { createVolumeUnit, worldWideNameOf, type PairedVolume } from './units.ts';
import { createVirtualUnit } from './virtual-unit.ts';

export interface ArrayParts {
  readonly description: ArrayDescription;
  readonly storage: Storage;
  readonly clock: Clock;
  readonly random: Random;
  readonly opener: LunOpener;
  /**
   * Opens the LUNs behind volumes. They must fail for good when their connection is lost: the array then opens them anew,
   * and looks who they are, before it goes on.
   */
  readonly backings?: LunOpener;
  readonly version: string;
  /** LUNs of volumes whose files are damaged and not looked at: the rest is served without them and their groups. */
  readonly leaveOut?: readonly number[];
  readonly log?: (text: string) => void;
  /** Who may do what, asked anew each time; absent or undefined: everybody everything. */
  readonly access?: () => AccessDescription | undefined;
  /** Keys that sign interface blocks, by name. */
  readonly keyOf?: (name: string) => Uint8Array | undefined;
  /** Opens what records every command; absent: nothing is recorded (simulations). */
  readonly audit?: (parts: AuditParts) => Promise<AuditLog>;
  /** What is served by files that may have been edited while the array was stopped: the audit tells of it where it is otherwise. */
  readonly settings?: ServedSettings;
}

/** A storage array (Fig. 2) in software: what serves its LUNs, and what its management terminal edits. */
export interface EmulatedArray {
  readonly serial: string;
  readonly name: string;
  readonly deviceServer: DeviceServer;
  readonly units: LogicalUnits;
  readonly management: Management;
  /** What records the commands of the management terminal. */
  readonly managementControl: ManagementControl;
  /** Tells the audit of a login that was refused. */
  loginRefused(login: RefusedLogin): void;
  /** Resolves with the error when the array's tables cannot be made durable any more: it must not go on serving. */
  readonly failed: Promise<unknown>;
  /** Tells initiators that `access` answers otherwise from now on. */
  accessChanged(): void;
  /** What is served is otherwise from now on, and the audit tells of it already. */
  settingsChanged(settings: ServedSettings): Promise<void>;
  /** Flushes and closes; everything acknowledged is durable when it resolves. */
  stop(): Promise<void>;
}

/** Opens the array's storage, recovers from whatever ended its last life, and makes its LUNs ready to be served. */
export async function createArray(parts: ArrayParts): Promise<EmulatedArray> {
  const { description, log = () => undefined } = parts;
  description.volumes.forEach(checkVolume);
  const store = await openStateStore(parts.storage, description.serial, () => initialState(description));
  requireLeftOut(parts.leaveOut, store.state().volumes);
  await store.update((state) => startAnew(state, parts.random));
  const remote = createRemoteInterface(parts.opener, () => store.state().remotes);
  // After the tables: a file beside an empty directory would tell of an array whose tables were lost.
  const audit = parts.audit && (await openArrayAudit(parts.audit, { ...parts, array: description.serial, log, store }));
  const body = createBody({ ...parts, audit }, store, remote);
  for (const volume of store.state().volumes) {
    await body.prepare(volume);
    body.open(volume);
  }
  for (const volume of body.volumes.values()) await volume.atomic?.recover();
  for (const sanitizer of body.sanitizers.values()) sanitizer.resume();
  for (const entry of store.state().lunMap) body.map(entry);
  await Promise.all([...body.volumes.values()].map(async ({ backing }) => backing?.reach()));
  await body.groups.openAll();
  return {
    serial: description.serial,
    name: description.name,
    deviceServer: body.channel,
    units: body.core.units,
    management: createManagement(parts.description, store, remote, body),
    managementControl: createManagementControl({
      audit: audit?.log,
      auditQueries: () => parts.access?.()?.auditQueries === true,
      random: parts.random,
      log,
    }),
    loginRefused: (login) => audit?.logins.refused(login),
    failed: store.failed,
    accessChanged: () => body.channel.lunListChanged(),
    settingsChanged: async (changed) => audit?.settingsChanged(changed),
    async stop() {
      for (const { lun } of store.state().lunMap) body.unmap(lun);
      body.groups.stop();
      for (const sanitizer of body.sanitizers.values()) await sanitizer.stop();
      for (const runtime of body.runtimes.values()) await runtime.stop();
      await remote.close();
      for (const volume of body.volumes.values()) {
        await flushForStop(volume, body.core);
        await volume.close();
      }
      for (const journal of body.journals.values()) journal.close();
      await audit?.close();
      store.close();
    },
  };
}

/** What a backing that is away lacks is in the journal, or was acknowledged only as a cache acknowledges. */
async function flushForStop(volume: Volume, core: ArrayCore): Promise<void> {
  try {
    await volume.flush();
  } catch (error) {
    if (!volume.backing) throw error;
    core.log(`volume ${volume.description.name} could not be flushed: ${String(error)}`);
  }
}

interface Body extends EditableParts {
  readonly core: ArrayCore;
  readonly channel: ChannelDeviceServer;
  readonly volumes: Map<number, Volume>;
  readonly journals: Map<number, JournalVolume>;
  readonly runtimes: Map<string, GroupRuntime>;
  readonly groups: GroupKeeper;
  readonly sanitizers: Map<number, VolumeSanitizer>;
}

type BodyParts = Omit<ArrayParts, 'audit'> & {
  readonly audit: ArrayAudit | undefined;
};

function createBody(parts: BodyParts, store: StateStore, remote: RemoteInterface): Body {
  const { clock, storage, description, log = () => undefined } = parts;
  const { serial, name } = description;
  const units = new Map<number, LogicalUnit>();
  const volumes = new Map<number, Volume>();
  const journals = new Map<number, JournalVolume>();
  const runtimes = new Map<string, GroupRuntime>();
  const sanitizers = new Map<number, VolumeSanitizer>();
  const holds = new Map<number, Promise<void>>();
  const pages = createPageMemory();

  const logicalUnits: LogicalUnits = {
    unit: (lun) => units.get(lun),
    all: () => [...units.values()].toSorted((a, b) => a.lun - b.lun),
  };
  const channel = createDeviceServer({
    units: logicalUnits,
    clock,
    vendor: 'CDCTL',
    revision: parts.version.split('.').slice(0, 2).join('.'),
    targetName: description.targetName,
    lunVisible: createLunMask(parts.access, logicalUnits, store),
    onInternalError: (error, command, lun) => log(`${command} on LUN ${lun}: ${String(error)}`),
  });

  function needVolume(lun: number): Volume {
    const volume = volumes.get(lun);
    if (!volume) throw new Error(`array ${name} has no volume at LUN ${lun}`);
    return volume;
  }

  const core: ArrayCore = {
    serial,
    name,
    version: parts.version,
    store,
    storage,
    clock,
    random: parts.random,
    remote,
    units: logicalUnits,
    exclusive: createExclusive(),
    volume: (lun) => volumes.get(lun),
    journal: (lun) => journals.get(lun),
    runtime: (group) => runtimes.get(group),
    beginGroup: (group) => groups.begin(group),
    async closeRuntime(group) {
      const runtime = runtimes.get(group);
      runtimes.delete(group);
      await runtime?.stop();
    },
    waits: (group) => groups.waiting(group),
    holdVolume(lun) {
      let release = (): void => undefined;
      const held = new Promise<void>((resolve) => {
        release = resolve;
      });
      holds.set(lun, held);
      return () => {
        if (holds.get(lun) === held) holds.delete(lun);
        release();
      };
    },
    accessChanged: (lun) => channel.accessChanged(lun),
    commandDevices: () => store.state().commandDevices,
    log,
  };
  const groups = createGroupKeeper({
    store,
    clock,
    volume: needVolume,
    runtimes,
    openRuntime,
    log,
  });
  async function openRuntime(group: string, formed: boolean): Promise<GroupRuntime> {
    const journalLun = store.group(group)?.localJournalLun ?? -1;
    const journal = journals.get(journalLun);
    if (!journal) throw new Error(`group ${group} has no journal at LUN ${journalLun}`);
    const shared = { arraySerial: serial, store, storage, clock, random: parts.random, remote, log };
    const runtime = await openGroupRuntime({ ...shared, name: group, formed, journal, volume: needVolume });
    runtimes.set(group, runtime);
    return runtime;
  }

  const backings = createBackingOpener({
    arraySerial: serial,
    opener: parts.backings,
    state: () => store.state(),
    record: async (record) => {
      await store.update((state) => ({ ...state, backings: withRecord(state.backings, record) }));
    },
  });
  const fileVolumes = createFileVolumes({ ...parts, isPaired: (lun) => isPaired(store.state(), lun) });
  const execute: ExecuteCommand = createCommandExecution(core);
  const freshness = createSignatureFreshness(parts);
  const control = createCommandControl({
    access: () => parts.access?.(),
    keyOf: (keyName) => parts.keyOf?.(keyName),
    freshness,
    audit: parts.audit?.log,
    refusals: parts.audit?.refusals,
    known: (requestId) => store.requests.find(requestId) !== undefined,
    log,
  });

  /** Looked up at each access, since pairs come and go while hosts write. */
  function paired(lun: number): PairedVolume | undefined {
    for (const group of store.state().groups) {
      const pair = group.pairs.find((candidate) => localLun(group, candidate) === lun);
      const runtime = pair && runtimes.get(group.name);
      if (pair && runtime) return { runtime, pair };
    }
    return undefined;
  }

  /** A file that is made when it is first needed. */
  const fileOf = (file: string) => ({ exists: () => storage.exists(file), open: () => storage.open(file) });

  function openLunVolume(volume: VolumeDescription): Volume {
    const opened = createLunVolume({
      description: volume,
      clock,
      open: () => backings.open(volume),
      onLost: (why) => groups.lost(volume.lun, why),
      onReturned: () => groups.returned(volume.lun),
    });
    void opened.backing.reach();
    return opened;
  }

  function openVolumeUnit(volume: VolumeDescription): LogicalUnit {
    const opened = volume.backing === undefined ? fileVolumes.open(volume) : openLunVolume(volume);
    volumes.set(volume.lun, opened);
    const file = fileOf(`lun-${volume.lun}.sanitize`);
    const sanitizer =
      opened.erasure && createSanitizer({ volume: opened, clock, log, file, journals: { journals, core } });
    if (sanitizer) sanitizers.set(volume.lun, sanitizer);
    const unit = createVolumeUnit({
      arraySerial: serial,
      volume: opened,
      paired: () => paired(volume.lun),
      hold: () => holds.get(volume.lun),
      waits: () => groups.waits(volume.lun),
      ...(sanitizer ? { sanitizer } : {}),
      exclusive: core.exclusive,
    });
    return withObstacles(unit, opened, () => groups.waits(volume.lun));
  }

  function openJournal(volume: VolumeDescription): LogicalUnit {
    const journal = openJournalVolume(storage.open(`lun-${volume.lun}.journal`), journalGeometry(volume.blockCount));
    journals.set(volume.lun, journal);
    return createJournalUnit({
      arraySerial: serial,
      lun: volume.lun,
      name: volume.name,
      journal,
      runtime: () => {
        const owner = store.state().groups.find((group) => group.localJournalLun === volume.lun);
        return owner && runtimes.get(owner.name);
      },
      incarnation: () => store.state().incarnation,
      wallMs: () => clock.wallMs(),
      volume: needVolume,
    });
  }

  function openCommandDevice(volume: VolumeDescription): LogicalUnit {
    return createCommandDevice({
      lun: volume.lun,
      name: volume.name,
      serial: unitSerial(serial, volume.lun),
      worldWideName: worldWideNameOf(serial, volume.lun),
      arraySerial: serial,
      arrayName: name,
      blockSize: volume.blockSize,
      blockCount: volume.blockCount,
      clock,
      commandNumber: () => store.requests.commandNumber(),
      execute,
      control,
      sharedAnswers: () =>
        parts.access?.()?.commandDevices.some((modes) => modes.lun === volume.lun && modes.sharedAnswers) === true,
      challenge: () => freshness.challenge(),
      pages,
    });
  }

  const openers = { volume: openVolumeUnit, journal: openJournal, 'command-device': openCommandDevice };
  return {
    core,
    channel,
    volumes,
    journals,
    runtimes,
    groups,
    backings,
    giveUp: createGiveUp(core, groups),
    sanitizers,
    prepare: (volume) => fileVolumes.prepare(volume),
    isOpen: (lun) => units.has(lun),
    open(volume) {
      units.set(volume.lun, openers[volume.kind](volume));
    },
    map({ lun, name: unitName, targetSerial, targetLun }) {
      let known = false;
      const unit = createVirtualUnit({
        lun,
        name: unitName,
        serial: unitSerial(serial, lun),
        worldWideName: worldWideNameOf(serial, lun),
        resolve: () => remote.open(targetSerial, targetLun),
        forget: () => remote.forget(targetSerial, targetLun),
        resolveFor: (nexus) => remote.openFor(nexus, targetSerial, targetLun),
        hostLost: (nexus) => remote.hostLost(nexus),
        onNoWay: (why) => log(`LUN ${lun} (${unitName}), mapped to LUN ${targetLun} of array ${targetSerial}: ${why}`),
        onCapacity() {
          if (known) channel.capacityChanged(lun);
          known = true;
        },
      });
      units.set(lun, unit);
      reach(clock, unit, () => units.get(lun) !== unit);
    },
    unmap(lun) {
      units.get(lun)?.far?.close();
      units.delete(lun);
    },
  };
}
