import { rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../../base/clock.ts';
import { randomHex, type Random } from '../../../base/random.ts';
import { CliError } from '../../cli-error.ts';
import { formatArrayFile } from '../../config/array-file.ts';
import type { Lab, LabArray, LabFault, LabReport, LabSettings } from '../../services.ts';
import { realFiles } from '../files.ts';
import { makeDirectory } from '../make-directory.ts';
import { askManagement } from '../management-socket.ts';
import { findArray, freePorts, processState, signalArray, startArray, waitForState } from './processes.ts';
import {
  arrayState,
  labPlace,
  readState,
  requireState,
  withPid,
  writeState,
  type LabArrayState,
  type LabPlace,
  type LabState,
} from './state.ts';
import { describeArray, LAB_HOST, LAB_SITES, siteConfiguration, targetNameOf, type Site } from './topology.ts';

export interface LabParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly programPath: string;
}

export function createLab(parts: LabParts): Lab {
  return {
    up: (settings) => up(parts, settings),
    status: async (directory) => report(await adopt(await requireState(labPlace(directory).directory))),
    down: (directory, keep, timeoutMs) => down(parts, labPlace(directory), keep, timeoutMs),
    fault: (directory, fault, array, timeoutMs) => injectFault(parts, directory, fault, array, timeoutMs),
  };
}

async function up(parts: LabParts, settings: LabSettings): Promise<{ changed: boolean; report: LabReport }> {
  const place = labPlace(settings.directory);
  let state = await readState(place.directory);
  let changed = state === undefined;
  state = state ? await adopt(state) : await makeLab(parts, place, settings);
  for (const { name, directory, pid } of state.arrays) {
    const now = await processState(pid, directory);
    if (now === 'running') continue;
    if (now === 'paused') await signalArray(pid, directory, 'SIGCONT');
    else state = withPid(state, name, await startArray(parts.programPath, directory, parts.clock, settings.timeoutMs));
    changed = true;
    await writeState(state);
  }
  return { changed, report: await report(state) };
}

/** With the arrays that run without being in the record, because `lab up` or `lab fault start` was killed. */
async function adopt(state: LabState): Promise<LabState> {
  let known = state;
  for (const { name, directory, pid } of state.arrays) {
    if ((await processState(pid, directory)) === 'stopped') known = withPid(known, name, await findArray(directory));
  }
  return known;
}

/** Directory, descriptions and configurations; no process yet. */
async function makeLab(parts: LabParts, place: LabPlace, settings: LabSettings): Promise<LabState> {
  await makePrivateDirectory(place.directory);
  const ports = await freePorts(LAB_SITES.length);
  const sites = LAB_SITES.map((site, index): Site => ({ ...site, port: ports[index]! }));
  const arrays: LabArrayState[] = [];
  const installation = `lab-${randomHex(parts.random, 8)}`;
  for (const [index, site] of sites.entries()) {
    const other = sites[1 - index]!;
    const directory = join(place.directory, site.name);
    await makeDirectory(directory, 0o700);
    await realFiles.write(join(directory, 'array.yaml'), formatArrayFile(describeArray(site, other, settings)), 0o600);
    await realFiles.write(join(place.directory, `${site.name}.yaml`), siteConfiguration(site, other, installation));
    arrays.push({ ...site, directory, targetName: targetNameOf(site.name), pid: undefined });
  }
  const state: LabState = { version: 1, ...place, arrays };
  await writeState(state);
  return state;
}

/** The default place has a name that others can guess: it must be ours alone. */
async function makePrivateDirectory(directory: string): Promise<void> {
  await makeDirectory(directory, 0o700);
  const facts = await stat(directory);
  if (facts.uid === process.getuid?.()) return;
  throw new CliError('unsafe', {
    what: 'the lab directory belongs to another user',
    where: directory,
    why: 'what stands in it cannot be trusted',
    next: 'name another one: cdctl lab up --directory DIR',
  });
}

async function down(
  parts: LabParts,
  place: LabPlace,
  keep: boolean,
  timeoutMs: number,
): Promise<{ changed: boolean; directory: string; removed: boolean }> {
  const recorded = await readState(place.directory);
  if (!recorded) return { changed: false, directory: place.directory, removed: false };
  const state = await adopt(recorded);
  const stopped = await Promise.all(state.arrays.map((array) => stopArray(parts, array, timeoutMs)));
  const removed = state.temporary && !keep;
  if (removed) await rm(state.directory, { recursive: true, force: true });
  else await writeState({ ...state, arrays: state.arrays.map((array) => ({ ...array, pid: undefined })) });
  return { changed: removed || stopped.includes(true), directory: state.directory, removed };
}

async function stopArray(parts: LabParts, array: LabArrayState, timeoutMs: number): Promise<boolean> {
  const { pid, directory } = array;
  // A stopped process takes no SIGTERM until it is continued.
  await signalArray(pid, directory, 'SIGCONT');
  if (!(await signalArray(pid, directory, 'SIGTERM'))) return false;
  if (await waitForState(pid, directory, 'stopped', parts.clock, timeoutMs)) return true;
  await signalArray(pid, directory, 'SIGKILL');
  if (await waitForState(pid, directory, 'stopped', parts.clock, timeoutMs)) return true;
  throw new CliError('timeout', {
    what: `array ${array.name} does not end`,
    where: `process ${pid}`,
    why: 'it took neither SIGTERM nor SIGKILL in time',
    next: 'run cdctl lab down again',
  });
}

async function injectFault(
  parts: LabParts,
  directory: string | undefined,
  fault: LabFault,
  name: string,
  timeoutMs: number,
): Promise<{ changed: boolean; report: LabReport }> {
  const state = await adopt(await requireState(labPlace(directory).directory));
  const array = arrayState(state, name);
  if (fault === 'link-down' || fault === 'link-up') {
    const changed = await setLinks(state, array, fault === 'link-up' ? 'up' : 'down', timeoutMs);
    return { changed, report: await report(state) };
  }
  if (fault === 'start') return start(parts, state, array, timeoutMs);
  const changed = await changeProcess(parts, array, fault, timeoutMs);
  return { changed, report: await report(state) };
}

async function start(
  parts: LabParts,
  state: LabState,
  array: LabArrayState,
  timeoutMs: number,
): Promise<{ changed: boolean; report: LabReport }> {
  if ((await processState(array.pid, array.directory)) !== 'stopped')
    return { changed: false, report: await report(state) };
  const pid = await startArray(parts.programPath, array.directory, parts.clock, timeoutMs);
  const next = withPid(state, array.name, pid);
  await writeState(next);
  return { changed: true, report: await report(next) };
}

const SIGNALS = {
  kill: { signal: 'SIGKILL', state: 'stopped' },
  pause: { signal: 'SIGSTOP', state: 'paused' },
  resume: { signal: 'SIGCONT', state: 'running' },
} as const;

async function changeProcess(
  parts: LabParts,
  array: LabArrayState,
  fault: keyof typeof SIGNALS,
  timeoutMs: number,
): Promise<boolean> {
  const { signal, state } = SIGNALS[fault];
  const now = await processState(array.pid, array.directory);
  if (now === state) return false;
  if (now === 'stopped') {
    throw new CliError('does-not-hold', {
      what: `array ${array.name} does not run`,
      where: array.directory,
      why: `${fault} needs a running array`,
      next: `start it: cdctl lab fault start ${array.name}`,
    });
  }
  await signalArray(array.pid, array.directory, signal);
  return waitForState(array.pid, array.directory, state, parts.clock, timeoutMs);
}

/** Cuts or restores what the array's own remote interface reaches; the other direction is the other array's. */
async function setLinks(
  state: LabState,
  array: LabArrayState,
  link: 'up' | 'down',
  timeoutMs: number,
): Promise<boolean> {
  let changed = false;
  for (const { serial } of state.arrays.filter((other) => other.serial !== array.serial)) {
    const answer = await askManagement(array.directory, { operation: 'link', serial, state: link }, timeoutMs);
    changed ||= answer['changed'] !== false;
  }
  return changed;
}

async function report(state: LabState): Promise<LabReport> {
  const arrays = await Promise.all(state.arrays.map((array) => reportArray(state, array)));
  const links = await Promise.all(state.arrays.map((array) => reportLinks(state, array)));
  return { directory: state.directory, temporary: state.temporary, arrays, links: links.flat() };
}

async function reportArray(state: LabState, array: LabArrayState): Promise<LabArray> {
  const now = await processState(array.pid, array.directory);
  return {
    ...array,
    host: LAB_HOST,
    configuration: join(state.directory, `${array.name}.yaml`),
    pid: now === 'stopped' ? undefined : array.pid,
    state: now,
  };
}

const LINK_TIMEOUT_MS = 500;

async function reportLinks(state: LabState, array: LabArrayState): Promise<LabReport['links']> {
  if ((await processState(array.pid, array.directory)) !== 'running') return [];
  const shown = await askManagement(array.directory, { operation: 'show' }, LINK_TIMEOUT_MS).catch(() => undefined);
  const remotes = (shown?.['remotes'] ?? []) as readonly { serial: string; link?: string }[];
  return remotes.map(({ serial, link = 'unknown' }) => ({
    from: array.name,
    to: state.arrays.find((other) => other.serial === serial)?.name ?? serial,
    state: link,
  }));
}
