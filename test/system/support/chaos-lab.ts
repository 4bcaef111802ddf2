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
import { createSeededRandom } from '../../support/seeded-random.ts';
import { ArrayProcess } from './array-process.ts';
import type { Link } from './link.ts';
import { rewire, type Wiring } from './rewire.ts';

/**
 * A lab of two array processes, the links between them and their hosts, and whatever commands run against it, all of which
 * end with it.
 */

export const SITES = ['tokyo', 'osaka'] as const;
export type Site = (typeof SITES)[number];
export const GROUP = 'oradb';
export const peerOf = (site: Site): Site => (site === 'tokyo' ? 'osaka' : 'tokyo');

interface LabArray {
  readonly name: Site;
  readonly port: number;
  readonly targetName: string;
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
  readonly #processes = new Map(SITES.map((site) => [site, new ArrayProcess(this.directory, site)]));
  #arrays: readonly LabArray[] = [];
  #wiring: Wiring = { hosts: new Map(), remotes: new Map() };
  #over = false;
  /** Processes ended by SIGKILL. */
  kills = 0;
  /** One line for each thing done, for the report of a failure. */
  readonly journal: string[] = [];

  /** `seed` decides at which byte the links break off a PDU. */
  async up(volumeSize: string, journalSize: string, seed = 0): Promise<void> {
    const answer = await this.#lab('up', '--volume-size', volumeSize, '--journal-size', journalSize, '--json');
    this.#arrays = (JSON.parse(answer.stdout) as { lab: { arrays: LabArray[] } }).lab.arrays;
    await this.#lab('down');
    this.#wiring = await rewire(this.directory, this.#arrays, createSeededRandom(seed));
    await Promise.all(SITES.map((site) => this.startArray(site)));
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

  /** `iscsi://...` of LUNs of one array, through the link of its host. */
  paths(site: Site, luns: readonly number[]): Map<number, string> {
    const { targetName } = this.#arrays.find(({ name }) => name === site)!;
    const { port } = this.#wiring.hosts.get(site)!;
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

  /** SIGKILL to an array that runs. */
  async killArray(site: Site): Promise<void> {
    this.note(`SIGKILL to ${site}`);
    this.kills += Number(await this.#processes.get(site)!.kill());
  }

  /** Begins to start an array; it may be killed before it serves. */
  launch(site: Site): void {
    this.note(`${site} starts`);
    this.#processes.get(site)!.start();
  }

  /** Resolves once the array serves. */
  async startArray(site: Site): Promise<void> {
    this.launch(site);
    await this.#processes.get(site)!.ready();
  }

  signal(site: Site, name: 'SIGSTOP' | 'SIGCONT'): void {
    this.note(`${name} to ${site}`);
    this.#processes.get(site)!.signal(name);
  }

  isRunning(site: Site): boolean {
    return this.#processes.get(site)!.running;
  }

  /** Between the hosts and the arrays, and between the arrays. */
  get links(): readonly Link[] {
    return [...this.#wiring.hosts.values(), ...this.#wiring.remotes.values()];
  }

  /** Between the hosts and that array. */
  linkTo(site: Site): Link {
    return this.#wiring.hosts.get(site)!;
  }

  /** Cuts or restores what one array reaches, as an operator's drill does. */
  async drill(fault: 'link-down' | 'link-up', site: Site): Promise<void> {
    await this.#lab('fault', fault, site);
  }

  note(line: string): void {
    this.journal.push(line);
  }

  /** Ends everything that was started, also after a failure. Returns what is still there. */
  async end(): Promise<string[]> {
    this.#over = true;
    for (const { child } of this.#commands) child.kill('SIGKILL');
    await Promise.all(Array.from(this.#commands, (running) => running.ended));
    const faults = await Promise.allSettled(Array.from(this.#processes.values(), (array) => array.kill()));
    await Promise.all(this.links.map((link) => link.close()));
    const listening = await Promise.all(this.#arrays.map(async ({ port }) => ((await answers(port)) ? port : 0)));
    await program(['lab', 'down', '--directory', this.directory]);
    this.#place.remove();
    const open = listening.filter((port) => port > 0).map((port) => `port ${port} is still open`);
    return [...faults.flatMap((fault) => (fault.status === 'rejected' ? [String(fault.reason)] : [])), ...open];
  }

  async #lab(...argv: readonly string[]): Promise<Ended> {
    const answer = await program(['lab', ...argv, '--directory', this.directory]);
    this.note(`cdctl lab ${argv.join(' ')} -> ${answer.code}`);
    if (answer.code !== 0) throw new Error(`cdctl lab ${argv.join(' ')} -> ${answer.code}: ${answer.stdout}`);
    return answer;
  }
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
