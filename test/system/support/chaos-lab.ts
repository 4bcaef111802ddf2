import type { ChildProcess } from 'node:child_process';
import { connect } from 'node:net';
import { join } from 'node:path';
import { delay } from '../../../src/base/clock.ts';
import type { Random } from '../../../src/base/random.ts';
import { createRealClock } from '../../../src/lun/real-clock.ts';
import { createRealRandom } from '../../../src/lun/real-random.ts';
import { createLunOpener, type PathOpener } from '../../../src/lun/opener.ts';
import { createTcpTransport } from '../../../src/lun/socket.ts';
import { ended, program, start, temporaryDirectory, type Ended } from '../../cli/support/run-program.ts';

/** A lab of two array processes and whatever commands run against it, all of which end with it. */

export const SITES = ['tokyo', 'osaka'] as const;
export type Site = (typeof SITES)[number];
export const GROUP = 'oradb';
export const peerOf = (site: Site): Site => (site === 'tokyo' ? 'osaka' : 'tokyo');

interface LabArray {
  readonly name: Site;
  readonly port: number;
  readonly targetName: string;
  readonly pid?: number;
}

export interface Running {
  readonly argv: readonly string[];
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
}

/** Some of a command's way to the arrays; what most commands need from their first interface block to their end. */
const STARTING_MS = 400;
const WORKING_MS = 60;
const RECONNECT_PAUSES_MS = [10, 50, 100];
/** Wrong usage, wrong configuration, a mistake inside cdctl: never right, whatever was killed around it. */
const NEVER_RIGHT = [2, 3, 70];

const clock = createRealClock();

export class ChaosLab {
  readonly #place = temporaryDirectory();
  readonly directory = join(this.#place.path, 'lab');
  readonly #commands = new Set<Running>();
  #arrays: readonly LabArray[] = [];
  #over = false;
  /** Processes ended by SIGKILL. */
  kills = 0;
  /** One line for each thing done, for the report of a failure. */
  readonly journal: string[] = [];

  async up(volumeSize: string, journalSize: string): Promise<void> {
    const sizes = ['--volume-size', volumeSize, '--journal-size', journalSize];
    await this.#lab(['up', ...sizes]);
  }

  /** A host of its own: its sessions are not shared with another's. */
  opener(host: string): PathOpener {
    return createLunOpener({
      transport: createTcpTransport(),
      clock,
      random: createRealRandom(),
      initiatorName: `iqn.2026-11.io.cdctl:${host}`,
      reconnectPausesMs: RECONNECT_PAUSES_MS,
    });
  }

  /** `iscsi://...` of LUNs of one array. */
  paths(site: Site, luns: readonly number[]): Map<number, string> {
    const { port, targetName } = this.#array(site);
    return new Map(luns.map((lun) => [lun, `iscsi://127.0.0.1:${port}/${targetName}/${lun}`]));
  }

  /** Starts a command of a host at that site. */
  start(site: Site, argv: readonly string[]): Running {
    if (this.#over) throw new Error(`cdctl ${argv.join(' ')} comes after the end`);
    const child = start(argv, { CDCTL_CONFIG: join(this.directory, `${site}.yaml`) });
    const running: Running = { argv, child, ended: ended(child) };
    this.#commands.add(running);
    void running.ended.then(() => this.#commands.delete(running));
    return running;
  }

  async run(site: Site, ...argv: string[]): Promise<Ended> {
    const answer = await this.start(site, argv).ended;
    this.note(`at ${site}: cdctl ${argv.join(' ')} -> ${answer.code}`);
    refuseNeverRight(argv, answer);
    return answer;
  }

  /** SIGKILL, unless it has ended by itself. */
  async kill({ child, argv, ended }: Running): Promise<Ended> {
    if (child.exitCode === null && child.signalCode === null) {
      this.kills += 1;
      child.kill('SIGKILL');
    }
    const answer = await ended;
    this.note(`cdctl ${argv.join(' ')} -> ${answer.signal ?? answer.code}`);
    refuseNeverRight(argv, answer);
    return answer;
  }

  /**
   * SIGKILL somewhere in the middle of a command that was started with `--verbose`: on its way to the arrays, or after it
   * has told of the first interface block that it sends. Resolves when it has ended, or before it is killed.
   */
  async killMidway(running: Running, random: Random): Promise<Ended> {
    if (random.below(3) > 0) return this.killAfter(running, 'sent', random);
    await Promise.race([delay(clock, random.below(STARTING_MS)), running.ended]);
    return this.kill(running);
  }

  /** SIGKILL soon after the command has written that word on standard error. */
  async killAfter(running: Running, word: string, random: Random): Promise<Ended> {
    await this.waitFor(running, word);
    await Promise.race([delay(clock, random.below(WORKING_MS)), running.ended]);
    return this.kill(running);
  }

  /** Until the command has written that word on standard error, or has ended. */
  async waitFor({ child, ended }: Running, word: string): Promise<void> {
    const written = new Promise<void>((resolve) => {
      child.stderr!.on('data', (text: string) => {
        if (text.includes(word)) resolve();
      });
    });
    await Promise.race([written, ended]);
  }

  signal(site: Site, name: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): void {
    const { pid } = this.#array(site);
    if (pid === undefined) return;
    process.kill(pid, name);
    this.note(`${name} to ${site}`);
    if (name !== 'SIGKILL') return;
    this.kills += 1;
    this.#arrays = this.#arrays.map((array) => (array.name === site ? withoutPid(array) : array));
  }

  async fault(fault: 'start' | 'link-down' | 'link-up', site: Site): Promise<void> {
    await this.#lab(['fault', fault, site]);
  }

  isRunning(site: Site): boolean {
    return this.#array(site).pid !== undefined;
  }

  note(line: string): void {
    this.journal.push(line);
  }

  /** Ends everything that was started, also after a failure. Returns what is still there. */
  async end(): Promise<string[]> {
    this.#over = true;
    for (const { child } of this.#commands) child.kill('SIGKILL');
    await Promise.all(Array.from(this.#commands, (running) => running.ended));
    for (const { name } of this.#arrays) this.signal(name, 'SIGCONT');
    const down = await program(['lab', 'down', '--directory', this.directory]);
    for (const { name } of this.#arrays) if (down.code !== 0) this.signal(name, 'SIGKILL');
    const listening = await Promise.all(this.#arrays.map(async ({ port }) => ((await answers(port)) ? port : 0)));
    this.#place.remove();
    return listening.filter((port) => port > 0).map((port) => `port ${port} is still open`);
  }

  async #lab(argv: readonly string[]): Promise<void> {
    const answer = await program(['lab', ...argv, '--directory', this.directory, '--json']);
    this.note(`cdctl lab ${argv.join(' ')} -> ${answer.code}`);
    if (answer.code !== 0) throw new Error(`cdctl lab ${argv.join(' ')} -> ${answer.code}: ${answer.stdout}`);
    this.#arrays = (JSON.parse(answer.stdout) as { lab: { arrays: LabArray[] } }).lab.arrays;
  }

  #array(site: Site): LabArray {
    return this.#arrays.find(({ name }) => name === site)!;
  }
}

function withoutPid({ pid: _gone, ...array }: LabArray): LabArray {
  return array;
}

function refuseNeverRight(argv: readonly string[], { code, stdout, stderr }: Ended): void {
  if (code !== null && NEVER_RIGHT.includes(code))
    throw new Error(`cdctl ${argv.join(' ')} -> ${code}: ${stderr}${stdout}`);
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.on('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}
