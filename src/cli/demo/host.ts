import { join } from 'node:path';
import { CliError } from '../cli-error.ts';
import { pauseUntil } from '../pause.ts';
import type { StagedProcess } from '../services.ts';
import type { Desk } from './desk.ts';
import type { HostPlan } from './host-plan.ts';
import type { Play } from './play.ts';

/** A process that writes to the volumes of one site, and what it reported. */
export class DemoHost {
  readonly site: string;
  readonly #play: Play;
  readonly #child: StagedProcess;
  #over: string | undefined;

  constructor(play: Play, site: string, child: StagedProcess) {
    this.site = site;
    this.#play = play;
    this.#child = child;
    void child.ended.then(({ code, signal, errors }) => {
      this.#over = signal === null ? `it ended with exit code ${code}: ${errors}` : `it died of ${signal}`;
    });
  }

  get pid(): number {
    return this.#child.pid;
  }

  get acknowledged(): number {
    return this.#play.ledger.count(this.site);
  }

  /** Until the host knows of that many writes. */
  async waitForWrites(count: number): Promise<void> {
    const { services, stop, timeoutMs } = this.#play.context;
    const deadlineMs = services.clock.monotonicMs() + timeoutMs;
    while (this.acknowledged < count) {
      this.#play.requireGoingOn();
      this.requireRunning();
      if (services.clock.monotonicMs() > deadlineMs)
        throw this.#failed(`no ${count} writes in ${timeoutMs} ms`, 'timeout');
      await pauseUntil(services.clock, POLL_MS, stop);
    }
  }

  requireRunning(): void {
    if (this.#over !== undefined) throw this.#failed(this.#over, 'refused');
  }

  /** SIGKILL, in the middle of whatever it does. Resolves once the process is gone and its last report is read. */
  async kill(): Promise<void> {
    this.#child.kill();
    await this.#child.ended;
  }

  /** Lets it end in its own time. */
  async finish(): Promise<void> {
    this.requireRunning();
    this.#child.finish();
    const { code, signal, errors } = await this.#child.ended;
    if (code !== 0) throw this.#failed(`it ended with ${signal ?? `exit code ${code}`}: ${errors}`, 'refused');
  }

  #failed(why: string, exit: 'refused' | 'timeout'): CliError {
    return new CliError(exit, {
      what: `the host at ${this.site} does not write`,
      where: `process ${this.pid}`,
      why,
      next: 'run the demonstration again; with --verbose it says more',
    });
  }
}

const POLL_MS = 20;
/** Together at most 8 writes in 40 ms: about 0.8 MiB a second, which the journal holds for ten seconds. */
const DEPTH = 8;
const PAUSE_MS = 40;
/** The next host numbers on from here: more than any host can have in flight. */
const SEQUENCE_GAP = 1000;

export async function startHost(play: Play, desk: Desk, hosts: DemoHost[]): Promise<DemoHost> {
  const { highest } = play.ledger;
  const plan: HostPlan = {
    run: play.run,
    site: desk.site,
    firstSequence: highest === 0 ? 1 : highest + SEQUENCE_GAP,
    regions: play.regions,
    paths: desk.paths,
    depth: DEPTH,
    pauseMs: PAUSE_MS,
  };
  const file = join(play.lab.directory, `host-at-${desk.site}.json`);
  await play.context.services.files.write(file, JSON.stringify(plan), 0o600);
  const started = play.stage.start(['lab', 'demo-host', file, '--json'], (line) => heard(play, desk.site, line));
  const host = new DemoHost(play, desk.site, started);
  hosts.push(host);
  play.tell({
    event: 'host-started',
    site: desk.site,
    pid: host.pid,
    volumes: play.regions.map(({ volume }) => volume),
  });
  return host;
}

/** The last line of a process that was killed may be cut: what cannot be read was not reported. */
function heard(play: Play, site: string, line: string): void {
  const sequence = acknowledgementIn(line);
  if (sequence !== undefined) play.ledger.acknowledged(site, sequence);
}

function acknowledgementIn(line: string): number | undefined {
  try {
    const { event, sequence } = JSON.parse(line) as { event?: unknown; sequence?: unknown };
    return event === 'acknowledged' && typeof sequence === 'number' ? sequence : undefined;
  } catch {
    return undefined;
  }
}
