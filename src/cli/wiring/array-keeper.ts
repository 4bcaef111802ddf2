import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdir, readFile, rm, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { checkStorage } from '../../array/check/check-array.ts';
import type { AccessDescription, ArrayDescription } from '../../array/description.ts';
import { verifyLiveAudit } from '../../array/audit/verify.ts';
import type { Clock } from '../../base/clock.ts';
import type { Random } from '../../base/random.ts';
import { createReadOnlyStorage } from '../../lun/file-storage.ts';
import { CliError } from '../cli-error.ts';
import { checkAccess, formatAccessFile } from '../config/access-file.ts';
import { checkDescription, formatArrayFile, parseArrayFile } from '../config/array-file.ts';
import type { ArrayKeeper, AuditReport, StorageReport } from '../services.ts';
import { lockDirectory, storeOf } from './array-directory.ts';
import { realFiles } from './files.ts';
import { guardFindings } from './guard-findings.ts';
import { askManagement } from './management-socket.ts';
import { accessPath, readAccess, withSecrets } from './array-access.ts';
import { serveArray } from './serve-array.ts';

const FILE_NAME = 'array.yaml';

export interface KeeperParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly version: string;
}

export function createArrayKeeper(parts: KeeperParts): ArrayKeeper {
  return {
    init: initArray,
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
    audit: async (directory, anchor) => auditOf(resolve(directory), anchor),
    readAccess: (directory) => readAccess(resolve(directory)),
    writeAccess: (directory, access, timeoutMs) => writeAccess(resolve(directory), access, timeoutMs, parts.clock),
    manage: (directory, request, timeoutMs) => askManagement(resolve(directory), request, timeoutMs, parts.clock),
  };
}

async function checkArray(directory: string, clock: Clock): Promise<StorageReport> {
  const description = await readArray(directory);
  const lock = await lockDirectory(directory, 'array check', clock);
  try {
    const store = storeOf(directory);
    if (!(await realFiles.exists(store))) {
      throw new CliError('does-not-hold', {
        what: 'the array has no storage yet',
        where: store,
        why: 'it has never been served',
        next: `serve it: cdctl array serve ${directory}`,
      });
    }
    const { serial, name } = description;
    const storage = createReadOnlyStorage(store);
    const report = checkStorage(description, storage);
    const findings = [...report.findings, ...(await guardFindings(directory, storage))];
    return { serial, name, ...report, findings };
  } finally {
    await lock.release();
  }
}

async function initArray(directory: string, description: ArrayDescription): Promise<void> {
  const path = join(directory, FILE_NAME);
  checkDescription(description, path, 1);
  if (await realFiles.exists(path)) {
    throw new CliError('unsafe', {
      what: 'there is an array already',
      where: path,
      why: 'a new one would replace its volumes',
      next: `serve it (cdctl array serve ${directory}), or choose another directory`,
    });
  }
  await mkdir(directory, { recursive: true, mode: 0o700 });
  await realFiles.write(path, formatArrayFile(description), 0o600);
}

async function readArray(directory: string): Promise<ArrayDescription> {
  const path = join(directory, FILE_NAME);
  const source = await readFile(path, 'utf8').catch(async () => {
    const exists = await stat(directory).then(
      () => true,
      () => false,
    );
    throw new CliError('configuration', {
      what: 'no array here',
      where: path,
      why: exists ? 'the directory has no array.yaml' : 'the directory does not exist',
      next: `make one: cdctl array init ${directory} --name NAME --serial SERIAL ...`,
    });
  });
  return parseArrayFile(source, path);
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
  await withSecrets(directory, access);
  const before = (await realFiles.exists(path)) ? await realFiles.readText(path) : undefined;
  await realFiles.write(path, formatAccessFile(access), 0o600);
  try {
    await askManagement(directory, { operation: 'access-reload' }, timeoutMs, clock);
    return { applied: true };
  } catch (error) {
    if (error instanceof CliError && error.exit === 'no-path') return { applied: false };
    if (error instanceof CliError && error.exit === 'refused') await restore(path, before);
    throw error;
  }
}

async function restore(path: string, before: string | undefined): Promise<void> {
  if (before === undefined) await rm(path);
  else await realFiles.write(path, before, 0o600);
}

function auditOf(directory: string, anchor?: { seq: number; hash: string }): AuditReport {
  const store = storeOf(directory);
  const list = (): string[] => (existsSync(store) ? readdirSync(store) : []);
  return verifyLiveAudit(list, (name) => new Uint8Array(readFileSync(join(store, name))), anchor);
}
