import { chmod } from 'node:fs/promises';
import { createArray, type EmulatedArray } from '../../array/array.ts';
import { GuardedFileError } from '../../array/store/guarded-file.ts';
import { LeftOutError } from '../../array/store/left-out-volume.ts';
import { StateLogError } from '../../array/store/state-log.ts';
import { StateStoreError } from '../../array/store/state-store.ts';
import { ThinFileError } from '../../array/store/thin-file.ts';
import { VolumeKeyError } from '../../array/store/volume-key.ts';
import { mayDiscover } from '../../array/access/visibility.ts';
import { openAuditLog } from '../../array/audit/audit-log.ts';
import { settingsChange, type ServedSettings } from '../../array/audit/served-settings.ts';
import type { ManagementCall } from '../../array/audit/management-control.ts';
import type { ArrayDescription } from '../../array/description.ts';
import type { Clock } from '../../base/clock.ts';
import { createExclusive } from '../../base/exclusive.ts';
import type { Random } from '../../base/random.ts';
import { createFileStorage } from '../../lun/file-storage.ts';
import { createPortal, type Portal } from '../../lun/iscsi-portal.ts';
import { createLunOpener, type PathOpener } from '../../lun/opener.ts';
import { createTcpTransport } from '../../lun/socket.ts';
import { CliError } from '../cli-error.ts';
import type { ManagementRequest, ServeHooks } from '../services.ts';
import { lockDirectory, storeOf } from './array-directory.ts';
import { credentialsOf, loadAccess, requireAuthentication, type LoadedAccess } from './array-access.ts';
import { makeDirectory } from './make-directory.ts';
import { answerManagement, isQuery } from './management.ts';
import { managementPath, openManagementSocket, type ManagementAnswer } from './management-socket.ts';
import { refusedLogin } from './refused-login.ts';
import { checkRedirect } from './redirect-loop.ts';
import { servedSettings } from './served-settings.ts';
import { undoAll } from './undo-all.ts';

/** Characters that the record of a reload has for what it changed. */
const NOTE_LENGTH = 480;
const REMOTE_RECONNECT_PAUSES_MS: readonly number[] = [50, 100];

export interface ServeSettings {
  readonly directory: string;
  readonly description: ArrayDescription;
  readonly listen: ArrayDescription['listen'];
  readonly leaveOut?: readonly number[];
}

export interface ServeParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly version: string;
}

/** The composition of a served array: storage, remote interface, iSCSI portal, management socket, one lock over all. */
export async function serveArray(settings: ServeSettings, parts: ServeParts, hooks: ServeHooks): Promise<void> {
  const { directory, description } = settings;
  managementPath(directory);
  checkRedirect(settings.listen.redirectTo, settings.listen);
  const lock = await lockDirectory(directory, 'array serve', parts.clock);
  const undo: (() => Promise<void>)[] = [() => lock.release()];
  let ended: unknown;
  try {
    const access = await loadServed(settings);
    requireAuthentication(settings.listen, access.current, directory);
    const array = await openArray(settings, access, parts, hooks);
    undo.push(() => array.stop());
    const portal = await openPortal(settings, access, parts, array, hooks);
    undo.push(() => portal.close(true));
    const warning = checkRedirect(settings.listen.redirectTo, portal);
    if (warning !== undefined) hooks.warn(warning);
    // In their order: one that has looked at the file before it was edited must not have the last word.
    const reloads = createExclusive();
    const socket = await openManagementSocket(
      directory,
      (request, by) =>
        array.managementControl.conduct(callOf(request, by), () =>
          request.operation === 'access-reload'
            ? reloads.run(() => reloadAccess(settings, access, array, portal))
            : answerManagement(array.management, request),
        ),
      parts.clock,
      (asked, by, message) => array.managementControl.refuse(callOf(asked, by), message),
    );
    undo.push(() => socket.close());
    hooks.ready({
      array: array.name,
      serial: array.serial,
      host: portal.host,
      port: portal.port,
      targetName: description.targetName,
      pid: process.pid,
      socket: socket.path,
    });
    await Promise.race([raised(hooks.stop), array.failed.then((error) => stopServing(array, error))]);
  } catch (error) {
    ended = error;
  }
  const failed = await undoAll(undo);
  if (ended !== undefined) throw ended;
  if (failed !== undefined) throw notInOrder(description, failed);
}

function callOf(request: { readonly operation: string }, by: string): ManagementCall {
  const query = isQuery(request as ManagementRequest);
  return { operation: request.operation, asked: JSON.stringify(request), by, query };
}

/** Takes over the access file as it is now; sessions of initiators whose grant or secret is another end at once. */
async function reloadAccess(
  settings: ServeSettings,
  access: Served,
  array: EmulatedArray,
  portal: Portal,
): Promise<ManagementAnswer> {
  const { directory, listen } = settings;
  const before = { ...access };
  try {
    const after = await loadServed(settings);
    requireAuthentication(listen, after.current, directory);
    Object.assign(access, after);
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    const { what, why, where = directory } = error.text;
    return { ok: false, message: `${what} (${where}): ${why}; what held before still holds` };
  }
  portal.drop((initiator) => credentialsOf(before.current, initiator) !== credentialsOf(access.current, initiator));
  array.accessChanged();
  const note = settingsChange(before.settings, access.settings, NOTE_LENGTH) || 'read anew; nothing is otherwise';
  await array.settingsChanged(access.settings);
  return { ok: true, result: { changed: true }, note };
}

/** Who may do what at this moment, and what the audit knows of it. */
interface Served {
  current: LoadedAccess;
  settings: ServedSettings;
}

async function loadServed(settings: ServeSettings): Promise<Served> {
  const current = await loadAccess(settings.directory);
  return { current, settings: await servedSettings(settings, current.description) };
}

async function openArray(
  settings: ServeSettings,
  access: Served,
  parts: ServeParts,
  hooks: ServeHooks,
): Promise<EmulatedArray> {
  const { directory, description } = settings;
  const store = storeOf(directory);
  await makeDirectory(store, 0o700);
  await chmod(store, 0o700);
  const opener = createLunOpener({
    transport: createTcpTransport(),
    clock: parts.clock,
    random: parts.random,
    initiatorName: `${description.targetName}.remote`,
    credentials: (user) => access.current.remoteCredentials.get(user),
    // A host that waits for a virtual volume shall soon hear that the far array is gone: it decides about a takeover.
    reconnectPausesMs: REMOTE_RECONNECT_PAUSES_MS,
  });
  const backings = createBackings(settings, access, parts);
  const array = await createArray({
    ...parts,
    description,
    opener,
    access: () => access.current.description,
    backings,
    keyOf: (name) => access.current.keys.get(name),
    audit: openAuditLog,
    settings: access.settings,
    ...(settings.leaveOut && { leaveOut: settings.leaveOut }),
    storage: createFileStorage(store),
    log: (text) => hooks.event({ from: 'array', text }),
  }).catch((error: unknown) => unusable(directory, description, error));
  const stop = async (): Promise<void> => {
    await array.stop();
    await opener.close();
    await backings.close();
  };
  return { ...array, stop };
}

/** For the LUNs behind volumes; CHAP users are those of `remotes` in the access file. */
function createBackings(
  { description }: ServeSettings,
  access: { readonly current: LoadedAccess },
  { clock, random }: ServeParts,
): PathOpener {
  return createLunOpener({
    transport: createTcpTransport(),
    clock,
    random,
    initiatorName: `${description.targetName}.backing`,
    credentials: (user) => access.current.remoteCredentials.get(user),
    reconnectPausesMs: [],
    bindToConnection: true,
    openBlockDevice: async (path, options) => {
      const { openBlockDevice } = await import('../../lun/block-device.ts');
      return openBlockDevice({ clock, held: true }, path, options);
    },
  });
}

async function openPortal(
  { listen: { redirectTo, ...listen }, description }: ServeSettings,
  access: { readonly current: LoadedAccess },
  { clock, random }: ServeParts,
  array: EmulatedArray,
  hooks: ServeHooks,
): Promise<Portal> {
  try {
    return await createPortal({
      transport: createTcpTransport(),
      ...listen,
      targetName: description.targetName,
      targetAlias: description.name,
      deviceServer: array.deviceServer,
      chap: () => access.current.chap,
      admits: (initiator) => {
        const granted = access.current.description;
        return granted === undefined || mayDiscover(granted, initiator);
      },
      // Temporarily: an initiator then comes here first again, and finds out when the redirect has ended.
      ...(redirectTo !== undefined && { movedTo: () => ({ address: redirectTo, permanent: false }) }),
      clock,
      random,
      log(event) {
        const refused = refusedLogin(event);
        if (refused) array.loginRefused(refused);
        hooks.event({ from: 'portal', ...event });
      },
    });
  } catch (error) {
    throw new CliError('busy', {
      what: `array ${description.name} cannot listen`,
      where: `${listen.host}:${listen.port}`,
      why: error instanceof Error ? error.message : String(error),
      next: 'free the address, or give another one with --listen',
    });
  }
}

const UNUSABLE = [StateLogError, StateStoreError, ThinFileError, GuardedFileError, VolumeKeyError];
/** Whose cure may take a while: the rest of the array does not depend on it. */
const OF_ONE_VOLUME = [ThinFileError, GuardedFileError, VolumeKeyError];

/** Storage that must not be served is no mistake of this program. */
function unusable(directory: string, { name }: ArrayDescription, error: unknown): never {
  if (error instanceof LeftOutError) {
    throw new CliError('usage', {
      what: 'the array cannot be served so',
      where: directory,
      why: error.message,
      next: `see its volumes: cdctl array check ${directory}`,
    });
  }
  const meanwhile = OF_ONE_VOLUME.some((kind) => error instanceof kind)
    ? `; the rest of the array can be served meanwhile: cdctl array serve ${directory} --leave-out LUN`
    : '';
  if (!UNUSABLE.some((kind) => error instanceof kind)) throw error;
  throw new CliError('damaged', {
    what: `the storage of array ${name} cannot be used`,
    where: storeOf(directory),
    why: (error as Error).message,
    next: `see all that is wrong with it: cdctl array check ${directory}${meanwhile}`,
  });
}

function stopServing(array: EmulatedArray, error: unknown): never {
  throw new CliError('refused', {
    what: `array ${array.name} stops: its tables cannot be made durable any more`,
    why: error instanceof Error ? error.message : String(error),
    next: 'mend the storage, then serve it again; hosts that wait for an answer ask again by themselves',
  });
}

/** What could not be flushed is in the journal, or was never acknowledged as durable. */
function notInOrder({ name }: ArrayDescription, error: unknown): CliError {
  return new CliError('refused', {
    what: `array ${name} has stopped, but not in order: its storage failed`,
    why: error instanceof Error ? error.message : String(error),
    next: 'mend the storage, then serve it again: it recovers as after a crash',
  });
}

function raised(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
