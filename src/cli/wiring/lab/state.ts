import { lstat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { CliError } from '../../cli-error.ts';
import { realFiles } from '../files.ts';

/** What the lab must know between commands: `lab.json` in its directory. Whether a process runs, the kernel says. */
export interface LabState {
  readonly version: 1;
  readonly directory: string;
  readonly temporary: boolean;
  readonly arrays: readonly LabArrayState[];
}

export interface LabArrayState {
  readonly name: string;
  readonly serial: string;
  readonly directory: string;
  /** Stays the same for the life of the lab, so that paths stay right over a restart. */
  readonly port: number;
  readonly targetName: string;
  /** Of the process that was started last. */
  readonly pid: number | undefined;
}

const FILE_NAME = 'lab.json';

export interface LabPlace {
  readonly directory: string;
  readonly temporary: boolean;
}

/** A named directory, or the one lab that each user has by default. */
export function labPlace(directory: string | undefined): LabPlace {
  if (directory !== undefined) return { directory: resolve(directory), temporary: false };
  return { directory: join(tmpdir(), `cdctl-lab-${process.getuid?.() ?? 0}`), temporary: true };
}

/** Its name can be guessed: what somebody else has put there names processes to end and files to remove. */
async function requireOwn(directory: string): Promise<void> {
  if (directory !== labPlace(undefined).directory) return;
  const facts = await lstat(directory).catch(() => undefined);
  if (!facts || (facts.isDirectory() && facts.uid === process.getuid?.() && (facts.mode & 0o022) === 0)) return;
  throw new CliError('configuration', {
    what: "the directory of the lab may be somebody else's",
    where: directory,
    why: 'it is no directory of yours that only you can write to',
    next: 'remove it, or name another one with --directory',
  });
}

export async function readState(directory: string): Promise<LabState | undefined> {
  await requireOwn(directory);
  const path = join(directory, FILE_NAME);
  if (!(await realFiles.exists(path))) return undefined;
  const text = await realFiles.readText(path);
  try {
    const state = JSON.parse(text) as LabState;
    if (state.version === 1 && Array.isArray(state.arrays)) return state;
  } catch {
    // Falls through to the refusal: the file is damaged.
  }
  throw new CliError('configuration', {
    what: 'the lab cannot be read',
    where: path,
    why: 'the file is not what lab up writes',
    next: 'remove the directory and run cdctl lab up again',
  });
}

export async function writeState(state: LabState): Promise<void> {
  await realFiles.write(join(state.directory, FILE_NAME), `${JSON.stringify(state, undefined, 2)}\n`, 0o600);
}

export async function requireState(directory: string): Promise<LabState> {
  const state = await readState(directory);
  if (state) return state;
  throw new CliError('no-path', {
    what: 'there is no lab',
    where: directory,
    why: 'no lab was brought up there',
    next: 'bring one up: cdctl lab up',
  });
}

export function arrayState(state: LabState, name: string): LabArrayState {
  const array = state.arrays.find((entry) => entry.name === name || entry.serial === name);
  if (array) return array;
  throw new CliError('usage', {
    what: `the lab has no array "${name}"`,
    where: state.directory,
    why: `it has ${state.arrays.map((entry) => entry.name).join(' and ')}`,
    next: 'name one of them',
  });
}

export function withPid(state: LabState, name: string, pid: number | undefined): LabState {
  return { ...state, arrays: state.arrays.map((entry) => (entry.name === name ? { ...entry, pid } : entry)) };
}
