import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { checkStorage } from '../../array/check/check-array.ts';
import type { AccessDescription, ArrayDescription } from '../../array/description.ts';
import { knownAuditEnd } from '../../array/audit/known-end.ts';
import { verifyLiveAudit } from '../../array/audit/verify.ts';
import type { Clock } from '../../base/clock.ts';
import type { Random } from '../../base/random.ts';
import { createReadOnlyStorage } from '../../lun/file-storage.ts';
import { CliError } from '../cli-error.ts';
import { checkAccess, formatAccessFile, parseAccessFile } from '../config/access-file.ts';
import { checkDescription, formatArrayFile, parseArrayFile } from '../config/array-file.ts';
import { readBack } from '../config/read-back.ts';
import type { ArrayKeeper, AuditReport, StorageReport } from '../services.ts';
import { isServed, lockAccess, lockInKernel, lockUnserved, storeOf } from './array-directory.ts';
import { realFiles } from './files.ts';
import { guardFindings } from './guard-findings.ts';
import { askManagement } from './management-socket.ts';
import { accessPath, readAccess, withSecrets } from './array-access.ts';
import { makeDirectory } from './make-directory.ts';
import { serveArray } from './serve-array.ts';

const FILE_NAME = 'array.yaml';

export interface KeeperParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly version: string;
}

export function createArrayKeeper(parts: KeeperParts): ArrayKeeper {
  return {
    init: (directory, description) => initArray(directory, description, parts.clock),
    read: readArray,
    async serve(directory, { listen, leaveOut }, hooks) {
      const description = await readArray(directory);
      const settings = {
        directory: resolve(directory),
        description,
        listen: { ...description.listen, ...listen },
        ...(leaveOut && { leaveOut }),
      };
      await serveArray(settings, parts, hooks);
    },
    check: (directory) => checkArray(resolve(directory), parts.clock),
    audit: async (directory, anchor) =>
      auditOf(resolve(directory), (await readArray(resolve(directory))).serial, anchor),
    readAccess: (directory) => readAccess(resolve(directory)),
    lockAccess: (directory, timeoutMs) => lockAccess(resolve(directory), timeoutMs, parts.clock),
    writeAccess: (directory, access, timeoutMs) => writeAccess(resolve(directory), access, timeoutMs, parts.clock),
    manage: (directory, request, timeoutMs) => askManagement(resolve(directory), request, timeoutMs, parts.clock),
  };
}

async function checkArray(directory: string, clock: Clock): Promise<StorageReport> {
  const description = await readArray(directory);
  const lock = await lockUnserved(directory, 'array check', clock);
  try {
    const store = storeOf(directory);
    if (!(await realFiles.exists(store))) throw neverServed(directory);
    const { serial, name } = description;
    const storage = createReadOnlyStorage(store);
    const report = checkStorage(description, storage);
    const findings = [...report.findings, ...(await guardFindings(directory, serial, storage))];
    return { serial, name, ...report, findings };
  } finally {
    await lock.release();
  }
}

function neverServed(directory: string): CliError {
  return new CliError('does-not-hold', {
    what: 'the array has no storage yet',
    where: storeOf(directory),
    why: 'it has never been served, or its storage was taken away',
    next: `serve it: cdctl array serve ${directory}`,
  });
}

async function initArray(directory: string, description: ArrayDescription, clock: Clock): Promise<void> {
  const path = join(directory, FILE_NAME);
  checkDescription(description, path, 1);
  await refuseSecond(directory, path);
  await makeDirectory(directory, 0o700);
  // Of two at once both would find nothing there, and each would say that the array is its own.
  const lock = await lockInKernel(directory, 'array init', clock);
  try {
    await refuseSecond(directory, path);
    await realFiles.write(path, formatArrayFile(description), 0o600);
  } finally {
    await lock.release();
  }
}

async function refuseSecond(directory: string, path: string): Promise<void> {
  if (!(await realFiles.exists(path))) return;
  throw new CliError('unsafe', {
    what: 'there is an array already',
    where: path,
    why: 'a new one would replace its volumes',
    next: `serve it (cdctl array serve ${directory}), or choose another directory`,
  });
}

async function readArray(directory: string): Promise<ArrayDescription> {
  const path = join(directory, FILE_NAME);
  const source = await readFile(path, 'utf8').catch(async (error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT' && error.code !== 'ENOTDIR') throw unreadable(path, error);
    const exists = await realFiles.exists(directory);
    throw new CliError('configuration', {
      what: 'no array here',
      where: path,
      why: exists ? 'the directory has no array.yaml' : 'the directory does not exist',
      next: `make one: cdctl array init ${directory} --name NAME --serial SERIAL ...`,
    });
  });
  return parseArrayFile(source, path);
}

/** There may well be an array: nobody is to be told to make one in its place. */
function unreadable(path: string, error: Error): CliError {
  return new CliError('configuration', {
    what: 'the description of the array cannot be read',
    where: path,
    why: error.message,
    next: 'run it as the user who serves the array, or see who may read the file',
  });
}

async function writeAccess(
  directory: string,
  access: AccessDescription,
  timeoutMs: number,
  clock: Clock,
): Promise<{ applied: boolean }> {
  await readArray(directory);
  const path = accessPath(directory);
  checkAccess(access, path);
  const text = formatAccessFile(access);
  readBack(text, 'no access can be described so', () => parseAccessFile(text, path));
  await withSecrets(directory, access);
  const before = (await realFiles.exists(path)) ? await realFiles.readText(path) : undefined;
  await realFiles.write(path, text, 0o600);
  try {
    await askManagement(directory, { operation: 'access-reload' }, timeoutMs, clock);
    return { applied: true };
  } catch (error) {
    if (error instanceof CliError && error.exit === 'no-path') {
      if (await isServed(directory)) throw notTakenOver(directory, error);
      return { applied: false };
    }
    if (error instanceof CliError && error.exit === 'refused') await restore(path, before);
    throw error;
  }
}

/** It has begun, and its access with what stood there before, or it ends: either way it did not say that it works with this. */
function notTakenOver(directory: string, error: CliError): CliError {
  return new CliError('outcome-unknown', {
    what: 'the access is written; whether the running array works with it is not known',
    where: directory,
    why: error.text.why,
    next: 'run it again: an array that answers takes it over then',
  });
}

async function restore(path: string, before: string | undefined): Promise<void> {
  if (before === undefined) await rm(path);
  else await realFiles.write(path, before, 0o600);
}

/** Of an array that should have an audit, none at all is not one that holds; whoever has an anchor is told what is missing. */
function auditOf(directory: string, serial: string, anchor?: { seq: number; hash: string }): AuditReport {
  const store = storeOf(directory);
  if (!existsSync(store) && !anchor) throw neverServed(directory);
  // Before the audit: an array that runs writes both, and the tables never know more than the audit has.
  const known = existsSync(store) ? knownAuditEnd(createReadOnlyStorage(store), serial) : undefined;
  const list = (): string[] => (existsSync(store) ? readdirSync(store) : []);
  const report = verifyLiveAudit(list, (name) => new Uint8Array(readFileSync(join(store, name))), anchor, known);
  if (report.files === 0 && report.findings.length === 0) throw noAudit(store);
  return report;
}

function noAudit(store: string): CliError {
  return new CliError('does-not-hold', {
    what: 'the array has no audit',
    where: store,
    why: 'it has been served, and every start begins one: somebody has taken it away, or all of the storage',
    next: 'find out who could write to the directory; the array begins a new one when it is served',
  });
}
